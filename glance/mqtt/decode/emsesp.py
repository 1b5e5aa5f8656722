"""EMS-ESP: boilers and thermostats of Bosch, Buderus, Nefit. Source: emsesp/EMS-ESP32 docs (MQTT). Flat or one level nested JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.flatten import leaves
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.topics import presence

ECOSYSTEM = "ems-esp"
UNITS = {"rssi": "dBm", "wifistrength": "%", "wifireconnects": None, "uptime_sec": "s", "freemem": "kB", "heap": None}
# What an appliance tells, by its name in small letters; temperatures are °C or °F as the owner chose, so none is among them.
APPLIANCE = {
    "syspress": "bar", "pumpmod": "%", "heatingpumpmod": "%", "solarpumpmod": "%", "selburnpow": "%", "curburnpow": "%",
    "flamecurr": "µA", "airhumidity": "%", "humidity": "%", "energylasthour": "Wh", "energytoday": "Wh", "energytotal": "kWh",
}  # fmt: skip


def parts_of(levels: list[str]) -> tuple[str, list[str]] | None:
    """(gateway, rest) of a topic of EMS-ESP."""
    place = next((i for i, level in enumerate(levels[:-1]) if level == "ems-esp" or level.startswith("ems-esp-")), None)
    return None if place is None else (clean(levels[place]), levels[place + 1 :])


def read(draft: Draft, gateway: str, rest: list[str]) -> None:
    """A message of the gateway: one JSON per appliance, or one topic per value."""
    draft.ecosystem = ECOSYSTEM
    value: Any = draft.message.body.value
    if rest in (["status"], ["start"]):
        state = presence(str(value))
        if state:
            draft.alive(gateway, state, bridge=True)
            draft.alive(draft.device(gateway, name="EMS-ESP"), state)
        return
    if type(value) is dict and "cmd" in value:
        draft.says("command", "A command to an appliance, not a reading of it.")
        return
    if rest[0] in ("info", "system", "response", "ems_data"):
        draft.says("meta", "The gateway about itself: no reading.")
        return
    whole = type(value) is dict
    part = "/".join(rest if whole else rest[:-1])
    device = clean(f"{gateway}/{part}" if part else gateway)
    if not draft.knows(device):
        name = part.removesuffix("_data").replace("/", " ").replace("_", " ")
        draft.device(device, name=f"EMS-ESP {name}".strip(), via=gateway, bridge=gateway)
    if whole:
        leaves(draft, device, value, _unit)
    elif len(rest) > 1 or rest[0].endswith("_active"):
        draft.reading(device, clean(rest[-1]), value, _unit(rest[-1], value, {}))


def _unit(key: str, _raw: Any, _fields: Mapping[str, Any]) -> str | None:
    return UNITS.get(key) or APPLIANCE.get(key.lower())
