"""OwnTracks: where a phone is, how full its battery is. Source: owntracks.org/booklet tech/json. Positions are not read."""

from __future__ import annotations

from typing import Any

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean

ECOSYSTEM = "owntracks"
UNITS = {"batt": "%", "vel": "km/h", "acc": "m", "alt": "m", "cog": "°", "vac": "m", "p": "kPa", "rad": "m"}
WORDS = ("conn", "t")


def is_owntracks(levels: list[str]) -> bool:
    """Whether a topic is one of OwnTracks."""
    return levels[0] == "owntracks" and len(levels) >= 3


def read(draft: Draft, levels: list[str]) -> None:
    """One message of a phone; only `_type: location` holds values."""
    draft.ecosystem = ECOSYSTEM
    fields: Any = draft.message.body.value
    if type(fields) is not dict or fields.get("_type") != "location":
        kind = "event" if type(fields) is dict and fields.get("_type") == "transition" else "meta"
        draft.says("event" if kind == "event" else "meta", "Not a location of OwnTracks: no reading.")
        return
    draft.time(fields.get("tst"))
    device = draft.device(clean("/".join(levels[1:3])), name=clean(levels[2]))
    for key, unit in UNITS.items():
        if key in fields:
            draft.reading(device, key, fields[key], unit)
