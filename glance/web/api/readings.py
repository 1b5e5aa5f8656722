"""Readings by HTTP: the same body as over MQTT, stored before the answer."""

from __future__ import annotations

from typing import Any

from glance.mqtt.decode.native import parse_about, parse_body, parse_meanings
from glance.runtime import Runtime
from glance.web import door, runtime
from glance.web.api.routing import need, route

TAG = "Devices and samples"
DAY_S = 86_400.0
EXAMPLE = {"device_id": "greenhouse", "sensor_type": "humidity", "value": 50.2, "unit": "%"}
_ROW: dict[str, Any] = {
    "sensor_type": {"description": "The name of the sensor."},
    "value": {"description": "A number, a boolean or a text."},
    "unit": {"description": "As it is shown."},
    "timestamp": {"description": "ISO 8601 or Unix time; now where it is left out."},
}
# What is wrong with a body is said by the parser that MQTT uses too; this only describes it.
BODY: dict[str, Any] = {
    "type": "object",
    "additionalProperties": True,
    "description": "One reading, or many of one device under `readings`.",
    "properties": {
        "device_id": {"description": "The device; it appears by itself."},
        "name": {"description": "What the device calls itself."},
        "room": {"description": "Where it is."},
        **_ROW,
        "readings": {"description": "Rows of sensor_type, value, unit and timestamp."},
    },
}


@route(
    "POST",
    "/api/readings",
    scope="ingest:<device>",
    tag=TAG,
    summary="Send readings of a device",
    failures=(429, 503),
    body=BODY,
    body_example=EXAMPLE,
    answers={
        200: (
            "They are stored.",
            {
                "type": "object",
                "required": ["stored", "ignored"],
                "properties": {"stored": {"type": "integer"}, "ignored": {"type": "integer"}},
            },
        )
    },
)
def send_readings(body: dict[str, Any]) -> Any:
    """`{device_id, sensor_type, value, unit?, timestamp?}` or `{device_id, readings: […]}`, with times as far back as raw samples
    are kept. The answer comes once they are committed; `ignored` counts those of a device that the owner ignores."""
    return store(runtime(), body)


def store(rt: Runtime, body: Any) -> dict[str, int]:
    """Check a body and store its readings; Invalid names each field, Unavailable where they cannot be stored."""
    readings = parse_body(body, now=rt.clock(), oldest_s=rt.settings.raw_days * DAY_S)
    for device in sorted({reading.device for reading in readings}):
        need(f"ingest:{device}")
    door.charge("readings", len(readings))
    stored = rt.ingest.submit(readings, about=parse_about(body, readings), meanings=parse_meanings(readings))
    return {"stored": stored, "ignored": len(readings) - stored}
