"""OpenDTU and AhoyDTU: Hoymiles inverters. Source: tbnobody/OpenDTU-docs (MQTT topics), lumapu/ahoy (User_Manual, MQTT).

The day's yield counts in Wh, the total in kWh. An inverter that cannot be reached at night is no fault.
"""

from __future__ import annotations

import re

from glance.mqtt.decode import units
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean, role
from glance.mqtt.decode.memory import Memory
from glance.mqtt.decode.topics import presence
from glance.mqtt.readings import SensorInfo, SensorKind

ECOSYSTEM = "opendtu"
SERIAL = re.compile(r"1[0-9a-f]{11}\Z")
# Ahoy below a base of the owner's: <base>/<inverter>/ch1/P_DC, <base>/total/YieldDay.
CHANNEL = re.compile(r"ch[0-6]\Z")
AHOY = re.compile(r"(?:[UIPFQ]|PF)_(?:AC|DC)(?:_[123]N)?\Z|Yield(?:Day|Total)\Z")
UNITS = {
    "power": "W", "powerdc": "W", "voltage": "V", "current": "A", "yieldday": "Wh", "yieldtotal": "kWh", "frequency": "Hz",
    "temperature": "°C", "powerfactor": None, "efficiency": "%", "reactivepower": "var", "irradiation": "%", "rssi": "dBm",
    "limit_relative": "%", "limit_absolute": "W", "uptime": "s", "size": "B", "free": "B", "minfree": "B", "maxalloc": "B",
    "u_ac": "V", "u_ac_1n": "V", "u_ac_2n": "V", "u_ac_3n": "V", "i_ac": "A", "p_ac": "W", "q_ac": "var", "f_ac": "Hz",
    "pf_ac": None, "temp": "°C", "u_dc": "V", "i_dc": "A", "p_dc": "W", "maxpower": "W", "active_powerlimit": "%", "wifi_rssi": "dBm",
    "maxtemp": "°C",
}  # fmt: skip
# 1 and 0 are answers to a question here.
BINARY = frozenset(("producing", "reachable"))
YES = (("1", "yes"), ("0", "no"))
COUNTERS = frozenset(("yieldday", "yieldtotal"))
META = frozenset(
    "bootloaderversion fwbuildversion fwbuilddatetime hwpartnumber hwversion hostname ip bssid last_update name last_success version "
    "device comm_disabled ack_pwr_limit alarm".split()
)


def parts_of(levels: list[str], memory: Memory) -> tuple[str, list[str]] | None:
    """(base, rest) of a topic of a DTU; a base is learned from a serial number below it."""
    bases = memory.of(ECOSYSTEM, 16)
    for place in range(1, min(4, len(levels) - 1)):
        base = "/".join(levels[:place])
        if SERIAL.match(levels[place]) and (
            levels[place + 1] in ("status", "device", "name", "radio", "cmd") or levels[place + 1].isdigit()
        ):
            if base not in bases:
                bases[base] = True
                memory.epoch += 1
            return base, levels[place:]
        if base in bases or (base == "solar" and levels[place] in ("dtu", "ac", "dc")):
            return base, levels[place:]
    if levels[0] == "inverter" and len(levels) > 1:
        return levels[0], levels[1:]
    if AHOY.match(levels[-1]):
        place = len(levels) - 2 if levels[-2:-1] == ["total"] else len(levels) - 3
        if place > 0 and (levels[place] == "total" or CHANNEL.match(levels[-2])):
            return "/".join(levels[:place]), levels[place:]
    return None


def read(draft: Draft, base: str, rest: list[str]) -> None:
    """A message below the base of a DTU."""
    draft.ecosystem = ECOSYSTEM
    body = draft.message.body
    name, key = rest[0], rest[-1]
    if base == "inverter" and name == "ctrl":
        draft.says("command", "A command to an inverter, not a reading of it.")
        return
    if rest == ["dtu", "status"] or rest == ["mqtt"] or rest == ["status"]:
        state = presence(str(body.value).replace("not connected", "offline"))
        if state:
            draft.alive(draft.device(clean(f"{base}/dtu"), name=_name(base, "dtu"), maker="OpenDTU"), state)
            draft.alive(f"{base}/dtu", state, bridge=True)
            return
    if SERIAL.match(name) and rest[1:] == ["name"] and body.form == "text":
        draft.device(clean(name), name=str(body.value), maker="Hoymiles", bridge=f"{base}/dtu")
        draft.says("declaration", "The inverter's name.")
        return
    if key.lower() in META or role(key) in ("time", "other time") or "device" in rest[1:-1]:
        draft.says("meta", "About the inverter or its radio: no reading.")
        return
    own = len(rest) > 1 and name not in ("ac", "dc")
    device = clean(f"{base}/{name}" if name == "dtu" or not own or not SERIAL.match(name) else name)
    if not own:
        device = clean(base)
    if not draft.knows(device):
        draft.device(
            device, name=_name(base, name if own else ""), bridge=f"{base}/dtu" if own and name != "dtu" else None
        )
    sensor = clean("/".join(rest[1:] if own else rest))
    _read(draft, device, sensor, key)


def _read(draft: Draft, device: str, sensor: str, key: str) -> None:
    value = draft.message.body.value
    if draft.message.body.form == "json":
        for name, raw in list(value.items())[:40] if type(value) is dict else ():
            if role(name) == "sensor" and type(raw) not in (dict, list):
                draft.reading(device, clean(f"{sensor}/{name}"), raw, UNITS.get(name.lower()))
        return
    lower = key.lower()
    new = (device, sensor) not in draft.memory.series
    kind: SensorKind | None = "boolean" if lower in BINARY else None
    unit = UNITS[lower] if lower in UNITS else units.guess(key, value)
    if not draft.reading(device, sensor, value, unit, kind) or not new:
        return
    if lower in COUNTERS:
        draft.sensors.append(SensorInfo(device, sensor, device_class="energy", state_class="total_increasing"))
    elif kind is not None:
        draft.sensors.append(SensorInfo(device, sensor, kind=kind, value_labels=YES))


def _name(base: str, part: str) -> str:
    """What people call a part of a plant: its gateway, its sum, an inverter that has not told its name."""
    if part == "dtu":
        return "OpenDTU gateway" if base == "solar" else f"OpenDTU gateway {base}"
    return part or ("Solar, all inverters" if base == "solar" else base)
