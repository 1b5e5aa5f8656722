"""Series: sensors of devices, as they are stored; nothing is fetched, every new sample repaints the widget."""

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

FORM: dict[str, Any] = {
    "type": "object",
    "required": ["series"],
    "properties": {
        "series": {
            "type": "array",
            "title": "Sensors",
            "minItems": 1,
            "maxItems": MAX_SERIES,
            "items": {
                "type": "object",
                "required": ["device", "sensor"],
                "additionalProperties": False,
                "properties": {
                    "device": {"type": "string", "title": "Device", "minLength": 1, "maxLength": 200},
                    "sensor": {"type": "string", "title": "Sensor", "minLength": 1, "maxLength": 200},
                    "label": {"type": "string", "title": "Name", "maxLength": 60},
                },
            },
        },
        "range": {"type": "string", "title": "Time shown", "enum": RANGES, "default": "24h"},
        "max_samples": {
            "type": "integer",
            "title": "Samples kept ready for scripts",
            "minimum": 1,
            "maximum": 1000,
            "default": 50,
            "tucked": True,
        },
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": FORM["properties"],
    "required": ["series"],
}


def fetch(source: Mapping[str, Any], io: SourceIO) -> Any:
    """Never called: samples come by themselves."""
    raise FetchError("This widget shows samples of devices; they come by themselves.", kind="source")
