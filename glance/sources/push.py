"""Push: nothing is fetched; a script or sidecar sends the data to `POST /api/widgets/<id>/data`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glance.errors import FetchError
from glance.sources import SourceIO

KIND = "push"
FETCHES = False
PICKABLE = True

SCHEMA: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {}}
FORM: dict[str, Any] = {"type": "object", "properties": {}}


def fetch(source: Mapping[str, Any], io: SourceIO) -> Any:
    """Never has an answer of its own."""
    raise FetchError("This widget is filled from outside: send its data to POST /api/widgets/<id>/data.", kind="source")
