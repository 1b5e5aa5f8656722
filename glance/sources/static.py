"""Static: a card that needs no fetching. Its data is the widget's params and what the manifest writes under `data`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glance.sources import SourceIO

KIND = "static"
FETCHES = False
PICKABLE = False

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"data": {"type": ["object", "string"]}},
}


def fetch(source: Mapping[str, Any], io: SourceIO) -> Any:
    """The params, over the manifest's own `data`."""
    own = source.get("data")
    return {**(own if isinstance(own, Mapping) else {}), **io.params}
