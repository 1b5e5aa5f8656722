"""The shapes of devices, sensors and samples: what a body may hold, and what an answer holds, as openapi.json shows them."""

from __future__ import annotations

from glance.web.api.schemas import SLUG, TIME, TITLE, Schema, body

DEVICE_CHANGES = body(
    {
        "name": {"type": ["string", "null"], "maxLength": 120, "description": "Null takes its own."},
        "room": {"type": ["string", "null"], "maxLength": 120, "description": "Null takes its own."},
        "hidden": {"type": "boolean", "description": "Still recorded, left out of the list."},
        "ignored": {"type": "boolean", "description": "Nothing it sends is read any more."},
    }
)
SENSOR_CHANGES = body(
    {
        "name": {"type": ["string", "null"], "maxLength": 120, "description": "Null takes its own."},
        "unit": {"type": ["string", "null"], "maxLength": 24, "description": "Null takes its own; empty means none."},
        "hidden": {"type": ["boolean", "null"], "description": "Null takes what it declares."},
        "decimals": {"type": ["integer", "null"], "minimum": 0, "maximum": 8},
        "state_class": {
            "type": ["string", "null"],
            "enum": ["measurement", "total_increasing", "total", None],
            "description": "Whether a number counts up, so that its use per hour and day is shown. Null takes what it declares.",
        },
        "correction": {"type": ["number", "null"], "description": "Added to each new value."},
        "expire_after": {"type": ["number", "null"], "exclusiveMinimum": 0, "description": "Seconds of silence."},
        "raw_days": {"type": ["integer", "null"], "minimum": 1, "maximum": 36500},
        "rollup_days": {"type": ["integer", "null"], "minimum": 1, "maximum": 36500},
    }
)
INTO = body({"into": {"type": "string", "minLength": 1}}, ["into"])
SENSOR_INTO = body(
    {"device": {"type": "string", "minLength": 1}, "sensor": {"type": "string", "minLength": 1}}, ["device", "sensor"]
)
TRACK = body(
    {
        "sensor_variable": {"type": "string", "minLength": 1, "description": "The name of the sensor."},
        "widget_type": {
            "type": "string",
            "minLength": 1,
            "description": "A custom widget that takes any source; also time_series, line_chart, metric, stat_card.",
        },
        "dashboard": SLUG,
        "title": TITLE,
    },
    ["sensor_variable", "widget_type", "dashboard"],
)
_DEVICE_STATE: Schema = {"type": "string", "enum": ["online", "stale", "asleep", "offline", "removed", "unknown"]}

ANSWERS: dict[str, Schema] = {
    "Device": {
        "type": "object",
        "required": ["id", "name", "state", "last_seen", "hidden", "ignored"],
        "properties": {
            "id": {"type": "string"},
            "name": {"type": "string", "description": "The owner's name for it, else its own, else its id."},
            "own_name": {"type": ["string", "null"], "description": "What it calls itself."},
            **{
                name: {"type": ["string", "null"]}
                for name in ("room", "maker", "model", "firmware", "ecosystem", "bridge", "link")
            },
            "state": _DEVICE_STATE,
            "reason": {"type": "string", "description": "Why it is in this state, as a sentence."},
            "last_seen": TIME,
            "first_seen": TIME,
            "hidden": {"type": "boolean"},
            "ignored": {"type": "boolean"},
            "sensors": {"type": "integer", "description": "How many sensors it has."},
            "merged": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Ids of devices that count for it.",
            },
            "forgotten_sensors": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Names of sensors that were forgotten and can still be brought back.",
            },
        },
    },
    "Sensor": {
        "type": "object",
        "required": ["sensor", "name", "unit", "kind", "value", "at", "state", "hidden"],
        "properties": {
            "sensor": {"type": "string"},
            "name": {"type": "string"},
            "unit": {"type": ["string", "null"]},
            "kind": {"type": "string", "enum": ["number", "boolean", "enum", "text", "event"]},
            "value": {"type": ["number", "string", "null"], "description": "A boolean is 0 or 1."},
            "label": {"type": "string", "description": "The word of a boolean."},
            "at": TIME,
            "state": {"type": "string", "enum": ["live", "stale", "asleep", "offline", "removed", "unknown"]},
            "reason": {"type": "string"},
            "hidden": {"type": "boolean"},
            "device_class": {"type": ["string", "null"]},
            "state_class": {"type": ["string", "null"]},
        },
    },
    "Sample": {
        "type": "object",
        "required": ["id", "timestamp", "value", "unit"],
        "properties": {
            "id": {"type": "integer", "description": "Grows in the order of storing."},
            "timestamp": {"type": "string", "format": "date-time"},
            "value": {"type": ["number", "string", "null"], "description": "A boolean is 0 or 1."},
            "label": {"type": "string", "description": "The word of a boolean."},
            "unit": {"type": ["string", "null"]},
            "series": {"type": "string", "description": "device/sensor, where a widget follows several."},
        },
    },
}
