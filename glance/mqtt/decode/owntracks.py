"""OwnTracks: where a phone is, how full its battery is. Source: owntracks.org/booklet tech/json. Positions are not read."""

from __future__ import annotations

from typing import Any

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean

ECOSYSTEM = "owntracks"
UNITS = {"batt": "%", "vel": "km/h", "acc": "m", "alt": "m", "cog": "°", "vac": "m", "p": "kPa", "rad": "m"}


def is_owntracks(levels: list[str]) -> bool:
    """Whether a topic is one of OwnTracks."""
    return levels[0] == "owntracks" and len(levels) >= 3


def read(draft: Draft, levels: list[str]) -> None:
    """One message of a phone: its location holds the values; a will, a place entered or left are told too."""
    draft.ecosystem = ECOSYSTEM
    fields: Any = draft.message.body.value
    what = fields.get("_type") if type(fields) is dict else None
    phone, here = clean("/".join(levels[1:3])), draft.memory.of("owntracks here")
    if what == "lwt":
        here[phone] = False
        draft.alive(draft.device(phone, name=clean(levels[2])), "offline")
    elif what == "transition" and type(fields.get("event")) is str:
        draft.time(fields.get("tst"))
        place = fields.get("desc")
        said = f"{fields['event']} {place}" if type(place) is str else fields["event"]
        draft.reading(draft.device(phone, name=clean(levels[2])), "region", said, None, "event")
    elif what == "location":
        draft.time(fields.get("tst"))
        device = draft.device(phone, name=clean(levels[2]))
        # the first place after a start is told too: what a will said before is known beyond it; a kept place is of then
        if not draft.message.retained and not here.get(phone):
            here[phone] = True
            draft.alive(device, "online")
            draft.verdict = None
        for key, unit in UNITS.items():
            if key in fields:
                draft.reading(device, key, fields[key], unit)
    else:
        draft.says("meta", "Not a location of OwnTracks: no reading.")
