"""Tasmota's own discovery: `tasmota/discovery/<MAC>/config` and `/sensors`. Source: emontnemery/hatasmota discovery.py.

A device is known by its topic. The values in `/sensors` are a snapshot of long ago: they declare, they are no readings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from glance.mqtt.decode.body import compact
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean, role
from glance.mqtt.decode.memory import Memory
from glance.mqtt.decode.parts import fields, items, text
from glance.mqtt.decode.tasmota_units import STATISTICS, unit_of
from glance.mqtt.readings import Presence, SensorInfo

ECOSYSTEM = "tasmota"
RELAY, LIGHT, SHUTTER = 1, 2, 3


def is_discovery(levels: list[str]) -> bool:
    """Whether a topic is one of Tasmota's discovery."""
    return (
        len(levels) == 4 and levels[1] == "discovery" and levels[3] in ("config", "sensors") and levels[0] == "tasmota"
    )


def liveness(memory: Memory, device: str, word: str) -> Presence | None:
    """A last-will word that the device declared as its own."""
    words = memory.of(ECOSYSTEM).get(f"lwt:{device}")
    return words.get(word) if words else None


def read(draft: Draft, levels: list[str]) -> None:
    """One of the two discovery messages; an empty one withdraws the device."""
    draft.ecosystem = ECOSYSTEM
    memory, body, mac = draft.memory, draft.message.body, levels[2]
    known = memory.of(ECOSYSTEM)
    if body.form == "empty":
        memory.declare(draft.message.topic, "")
        draft.says("removal", "The device withdrew its Tasmota discovery; its history stays.")
        return
    if type(body.value) is not dict:
        draft.says("invalid", "Tasmota discovery that is no JSON object.")
        return
    memory.declare(draft.message.topic, compact(body.value))
    if levels[3] == "config":
        _config(draft, mac, body.value)
    else:
        known[f"sensors:{mac}"] = body.value.get("sn")
    device, snapshot = known.get(f"mac:{mac}"), known.get(f"sensors:{mac}")
    if device and type(snapshot) is dict:
        for sensor, unit in _declared(snapshot):
            draft.declare(SensorInfo(device, sensor, unit=unit))
    draft.says("declaration", "Tasmota discovery names the device, its relays and sensors; the values in it are old.")


def _config(draft: Draft, mac: str, config: Mapping[str, Any]) -> None:
    topic, full = config.get("t"), config.get("ft")
    if type(topic) is not str or not topic:
        return
    device = clean(topic.strip("/"))
    if type(full) is str:
        # What stands beside %prefix% and %topic% belongs to every topic of the device, so to its id.
        levels = [level for level in full.replace("%topic%", topic).replace("%id%", mac[-6:]).split("/") if level]
        device = clean("/".join(level for level in levels if level != "%prefix%")) or device
    names = [name for name in items(config.get("fn")) if type(name) is str]
    shown = config.get("dn") if config.get("dn") not in (None, "", "Tasmota") else (names[0] if names else None)
    known = draft.memory.of(ECOSYSTEM)
    known[f"mac:{mac}"] = device
    known[f"lwt:{device}"] = {str(config.get("onln")): "online", str(config.get("ofln")): "offline"}
    address = config.get("ip")
    draft.device(
        device,
        name=shown if type(shown) is str else device,
        model=text(config.get("md")),
        firmware=text(config.get("sw")),
        link=f"http://{address}/" if type(address) is str and address.replace(".", "").isdigit() else None,
        maker="Tasmota",
    )
    _relays(draft, device, config, names)


def _relays(draft: Draft, device: str, config: Mapping[str, Any], names: list[str]) -> None:
    relays = [kind for kind in items(config.get("rl")) if type(kind) is int]
    present = [place for place, kind in enumerate(relays) if kind in (RELAY, LIGHT)]
    words = config.get("state")
    truth = {"OFF": False, "ON": True}
    if type(words) is list and len(words) >= 2:
        truth = {str(words[0]): False, str(words[1]): True}
    one = len(present) == 1 and str(fields(config.get("so")).get("26", 0)) == "0"
    for place in present[:32]:
        sensor = "POWER" if one else f"POWER{place + 1}"
        name = names[place] if place < len(names) and len(present) > 1 else None
        draft.declare(SensorInfo(device, sensor, name=name, kind="boolean"), truth)


def _declared(snapshot: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """(sensor, unit) of everything in a snapshot of SENSOR, by the same names as its readings."""
    for chip, inner in snapshot.items():
        if type(inner) is not dict:
            if (
                role(chip) == "sensor"
                and type(inner) in (int, float, str)
                and chip not in ("TempUnit", "SpeedUnit", "PressureUnit")
            ):
                yield clean(chip), unit_of(chip, snapshot)
            continue
        energy = chip.upper().startswith("ENERGY")
        for key, raw in inner.items():
            unit, name = (
                unit_of(key, snapshot, energy=energy),
                f"{clean(chip)}.{clean(key)}" if chip.strip() else clean(key),
            )
            if role(key) != "sensor":
                continue
            if type(raw) is list:
                yield from ((f"{name}.{place}", unit) for place in range(min(len(raw), 8)))
            elif type(raw) is dict:
                yield from ((f"{name}.{clean(part)}", unit if part in STATISTICS else None) for part in raw)
            elif type(raw) in (int, float, str):
                yield name, unit
