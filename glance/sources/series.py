"""Series: sensors of devices, as they are stored; nothing is fetched, every new sample repaints the widget.

Sensors are named (`series`), or all that fit a selection (`select`) are taken, also those that appear later. A manifest may use
the kind too; `shape` then says what its card gets: value, points, rows, or devices (an overview, see glance/series/overviews.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glance.errors import FetchError
from glance.sources import SourceIO

KIND = "series"
FETCHES = False
PICKABLE = True
RANGES = ["1h", "6h", "24h", "7d", "30d"]
MAX_SERIES = 16


def _filter(title: str, description: str = "", suggest: str = "") -> dict[str, Any]:
    """A field of the selection; `suggest` names what is offered while typing (glance/web/suggestions.py)."""
    made: dict[str, Any] = {"type": "string", "title": title, "maxLength": 200, "description": description}
    return made | {"suggest": suggest} if suggest else made


SELECT: dict[str, dict[str, Any]] = {
    "room": _filter("Room", "Several are parted by commas.", "room"),
    "class": _filter("Class", "temperature, humidity, power, battery, door, motion, …", "class"),
    "device": _filter("Device", suggest="device"),
    "unit": _filter("Unit"),
    "name": _filter("Part of the name"),
    "kind": _filter("Kind of value", "number, boolean, enum, text or event."),
    "ecosystem": _filter("Ecosystem", "zigbee2mqtt, tasmota, shelly, …", "ecosystem"),
}
FORM: dict[str, Any] = {
    "type": "object",
    "anyOf": [{"required": ["series"]}, {"required": ["select"]}],
    "properties": {
        "series": {
            "type": "array",
            "title": "Sensors",
            "tucked": False,
            "minItems": 1,
            "maxItems": MAX_SERIES,
            "items": {
                "type": "object",
                "required": ["device", "sensor"],
                "additionalProperties": False,
                "properties": {
                    "device": {
                        "type": "string",
                        "title": "Device",
                        "minLength": 1,
                        "maxLength": 200,
                        "suggest": "device",
                    },
                    "sensor": {
                        "type": "string",
                        "title": "Sensor",
                        "minLength": 1,
                        "maxLength": 200,
                        "suggest": "sensor",
                    },
                    "label": {"type": "string", "title": "Name", "maxLength": 60},
                },
            },
        },
        "select": {
            "type": "object",
            "title": "All sensors that fit",
            "additionalProperties": False,
            "properties": SELECT,
        },
        "range": {"type": "string", "title": "Time shown", "enum": RANGES, "default": "24h", "tucked": False},
        "use": {
            "type": "string",
            "title": "Counters",
            "enum": ["hour", "day"],
            "titles": {"hour": "What each hour used", "day": "What each day used"},
            "description": "Empty shows them as they count.",
        },
        "max_samples": {
            "type": "integer",
            "title": "Samples kept ready for scripts",
            "minimum": 1,
            "maximum": 1000,
            "default": 50,
        },
    },
}
# In a manifest a filter may be a list, or an expression that gives null.
_FILTERS = {name: {"type": ["string", "array", "null"]} for name in SELECT}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "anyOf": FORM["anyOf"],
    "properties": {
        **FORM["properties"],
        "select": {"type": "object", "additionalProperties": False, "properties": _FILTERS},
        "shape": {"type": "string", "enum": ["value", "points", "rows", "devices"]},
        "each": {"type": "string", "enum": ["sensor", "device"]},
        "order": {"type": "string", "enum": ["name", "worst", "state"]},
    },
}


def fetch(source: Mapping[str, Any], io: SourceIO) -> Any:
    """Never called: samples come by themselves."""
    raise FetchError("This widget shows samples of devices; they come by themselves.", kind="source")
