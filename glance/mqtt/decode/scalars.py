"""Plain values of publishers without a convention of their own: one on a topic; and who such a publisher is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from glance.mqtt.decode import units
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.joined import join_state, place_of
from glance.mqtt.decode.keys import role
from glance.mqtt.decode.parts import text
from glance.mqtt.decode.topics import CLEARLY, LIVENESS_LEVELS, device_of, label_of, presence, split
from glance.mqtt.decode.values import BOOLEANS, COMMA, number_in, with_point

ROOM_KEYS = ("room", "location", "area", "zone")
NAME_KEYS = ("device_name", "deviceName", "friendly_name", "friendlyName", "nickname")
# Levels that are about liveness only, so that 1 and 0 can be taken for it.
PLAIN_LIVENESS = frozenset(("online", "lwt", "connected", "alive"))
PLAIN_WORDS = frozenset("true false on off yes no up down alive dead lost birth death 2 1 0".split())
# Levels below which programs write what they do.
LOGS = frozenset(("log", "logs", "logging", "debug", "syslog", "console"))
# Levels that are about liveness where they hold one of its two plainest words.
PERHAPS = frozenset(("state", "bridge", "health", "stat"))
# collectd: the time, then the values of one data set.
STAMPED = re.compile(r"([0-9]{10}(?:\.[0-9]+)?)((?::(?:[-+.0-9eE]+|nan)){1,8})\Z")
COMMA_FOUND = "A number with a comma: the sender should write a point; where commas are decimal marks, set GLANCE_MQTT_DECIMAL_COMMA=1."


def introduce(draft: Draft, device: str, fields: Mapping[str, Any]) -> str:
    """Say what an object tells about its device beside the values."""
    known = draft.memory.devices.get(draft.memory.same.get(device, device))
    if known is not None and known.info is not None and not fields:
        return device
    room = next((fields[k] for k in ROOM_KEYS if type(fields.get(k)) is str), None)
    name = next((fields[k] for k in NAME_KEYS if type(fields.get(k)) is str), None)
    model, maker = fields.get("model"), fields.get("manufacturer")
    if known is None or known.info is None:
        name = name or label_of(device)
    return draft.device(
        device,
        ecosystem=draft.ecosystem,
        name=name,
        room=room,
        model=text(model),
        maker=text(maker),
    )


def liveness(draft: Draft, levels: list[str], said: Any) -> bool:
    """Take a liveness word on a topic that is for it (`<device>/status` online); False where it is something else."""
    last = levels[-1].lower()
    if len(levels) < 2 or type(said) not in (str, bool) or (last not in LIVENESS_LEVELS and last not in PERHAPS):
        return False
    word = str(said).strip().lower().replace(" ", "")
    if last in LIVENESS_LEVELS:
        if word not in CLEARLY and not (last in PLAIN_LIVENESS and word in PLAIN_WORDS):
            return False
    elif word not in ("online", "offline"):
        return False
    state = presence(word)
    if state is None:
        return False
    device = device_of(levels[:-1])
    join_state(draft, device)
    draft.alive(introduce(draft, device, {}), state)
    return True


def read_scalar(draft: Draft, levels: list[str], raw: Any) -> None:
    """One plain value on a topic: the last level names the sensor, those before it the device."""
    draft.ecosystem = draft.ecosystem or "plain"
    if raw is None:
        draft.says("meta", "It holds no value now (null).")
        return
    if liveness(draft, levels, raw):
        return
    device, sensor = split(levels)
    name, _, index = sensor.rpartition("/")
    name = name if name and index.isdigit() else sensor
    what = role(name)
    if what not in ("sensor", "event"):
        draft.says("meta", f"“{sensor}” names an identity, a time or a label, not a reading.")
        return
    if levels[-1].lower() in LOGS and type(raw) is str and number_in(raw) is None and raw.lower() not in BOOLEANS:
        draft.says("meta", "A line of a log, not a reading.")
        return
    if type(raw) is str and ":" in raw and (stamped := STAMPED.match(raw)):
        _stamped(draft, device, sensor, stamped)
        return
    if type(raw) is str and "," in raw:
        raw = with_point(raw) if draft.memory.decimal_comma else raw
        if COMMA.match(raw):
            draft.says("unreadable", COMMA_FOUND)
            return
    device, sensor = place_of(draft, levels, device, sensor)
    if levels[-1].lower() == "raw":
        series = draft.memory.series.get((device, sensor))
        if series is not None and series.topic != draft.message.topic:
            # main/value and main/raw: one measurement, before and after the sender's own correction.
            draft.says("meta", "What another topic tells corrected: no reading of its own.")
            return
    unit = units.guess(name, raw)
    if draft.reading(device, sensor, raw, unit, "event" if what == "event" else None):
        known = draft.memory.devices.get(device)
        if known is None or known.info is None:
            draft.device(device, name=label_of(device))
    elif type(raw) is str and len(raw) > 64:
        draft.says("ignored", "A text of more than 64 characters is no reading.")


def _stamped(draft: Draft, device: str, sensor: str, stamped: re.Match[str]) -> None:
    draft.time(float(stamped[1]))
    found = stamped[2][1:].split(":")
    introduce(draft, device, {})
    for place, raw in enumerate(found):
        name = sensor if len(found) == 1 else f"{sensor}.{place}"
        draft.reading(device, name, raw, units.guess(sensor, raw))
