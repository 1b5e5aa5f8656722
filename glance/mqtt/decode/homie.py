"""Homie 3, 4 and 5, and Valetudo, which speaks Homie 4 below a base of its own.

Source: homieiot/convention (v4.0, v5.0), Hypfer/Valetudo docs/_pages/integrations/mqtt.md. A level that starts with `$` is
never a value. v5 declares in one `$description`, v3 and v4 attribute by attribute.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from glance.mqtt.decode import units
from glance.mqtt.decode.body import compact
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean, role
from glance.mqtt.decode.memory import Memory
from glance.mqtt.decode.parts import text
from glance.mqtt.decode.values import number
from glance.mqtt.readings import Presence, Removed, SensorInfo, SensorKind

ECOSYSTEM, VALETUDO = "homie", "valetudo"
STATES: dict[str, Presence] = {
    "init": "online", "ready": "online", "alert": "online", "sleeping": "asleep", "disconnected": "offline", "lost": "offline",
}  # fmt: skip
KINDS: dict[str, SensorKind] = {
    "integer": "number", "float": "number", "percent": "number", "boolean": "boolean", "enum": "enum", "string": "text",
    "color": "text", "duration": "number",
}  # fmt: skip
DURATION = re.compile(r"P(?:([0-9.]+)D)?(?:T(?:([0-9.]+)H)?(?:([0-9.]+)M)?(?:([0-9.]+)S)?)?\Z")
NO_SENSORS = frozenset(("datetime", "json"))
VALETUDO_UNITS = {
    "BatteryStateAttribute/level": "%", "CurrentStatisticsCapability/area": "cm²", "CurrentStatisticsCapability/time": "s",
    "TotalStatisticsCapability/area": "cm²", "TotalStatisticsCapability/time": "s",
    "WifiConfigurationCapability/signal": "dBm", "SpeakerVolumeControlCapability/value": "%",
}  # fmt: skip
VALETUDO_KINDS: dict[str, SensorKind] = {
    "StatusStateAttribute/status": "enum", "StatusStateAttribute/flag": "enum", "BatteryStateAttribute/status": "enum",
    "FanSpeedControlCapability/preset": "enum", "WaterUsageControlCapability/preset": "enum",
}  # fmt: skip
# "none" is one of the words, not the absence of a value.
FLAG = "StatusStateAttribute/flag"
FLAGS = ("none", "zone", "segment", "spot", "target", "resumable", "mapping")
SILENT_NODES = frozenset(("MapData", "Map", "ValetudoEvents"))


def parts_of(levels: list[str], memory: Memory) -> tuple[str, list[str]] | None:
    """(base, [device, …]) of a topic of Homie; a base is learned from `$state`, `$homie` or `$description` below it."""
    if levels[0] == "$SYS":
        return None
    place = next((i for i, level in enumerate(levels) if level.startswith("$")), None)
    bases = memory.of(ECOSYSTEM, 64)
    if place is not None and place >= 1:
        if levels[0] in ("homie", VALETUDO):
            return _default(levels)
        if levels[place] in ("$homie", "$state", "$description", "$nodes", "$name") and place >= 2:
            base = "/".join(levels[: place - 1])
            if base not in bases:
                bases[base] = True
                memory.epoch += 1
            return base, levels[place - 1 :]
        return "/".join(levels[: max(place - 1, 0)]), levels[max(place - 1, 0) :]
    if levels[0] in ("homie", VALETUDO) and len(levels) >= 3:
        return _default(levels)
    for length in range(1, min(4, len(levels) - 2)):
        if "/".join(levels[:length]) in bases:
            return "/".join(levels[:length]), levels[length:]
    return None


def _default(levels: list[str]) -> tuple[str, list[str]]:
    versioned = levels[0] == "homie" and levels[1] == "5"
    return "/".join(levels[: 2 if versioned else 1]), levels[2 if versioned else 1 :]


def device_id(base: str, device: str) -> str:
    """The id of a device: its topic id, with the base where that is not the usual one."""
    return clean(device if base in ("homie", "homie/5", VALETUDO) else f"{base}/{device}")


def read(draft: Draft, base: str, rest: list[str]) -> None:
    """A message below a base of Homie."""
    valetudo = base == VALETUDO
    draft.ecosystem = VALETUDO if valetudo else ECOSYSTEM
    device, value = device_id(base, rest[0]), draft.message.body.value
    if any(level.startswith("$") for level in rest):
        _attribute(draft, device, rest, value)
        return
    if len(rest) < 3:
        draft.says("meta", "Neither an attribute nor a property of Homie.")
        return
    if not draft.knows(device):
        draft.device(device, name=rest[0])
    sensor = clean("/".join(rest[1:]))
    if rest[1] in SILENT_NODES or draft.message.body.form == "json":
        draft.says("meta", "A map or another document, not a reading.")
        return
    if (role(rest[-1]) == "never" or rest[-1] == "ips") and number(value) is None:
        draft.says("meta", "An address or a name of a network, not a reading.")
        return
    if valetudo:
        if sensor == FLAG and (device, sensor) not in draft.memory.series:
            draft.declare(SensorInfo(device, sensor, kind="enum", options=FLAGS))
        draft.reading(device, sensor, value, _valetudo_unit(sensor, value), VALETUDO_KINDS.get(sensor))
    else:
        draft.reading(device, sensor, _seconds(value))


def take_back(draft: Draft, base: str, rest: list[str]) -> None:
    """A topic was emptied: of a property, which is gone then, or of what makes a device (v4 "Device Lifecycle", v5 "Device removal")."""
    draft.ecosystem = VALETUDO if base == VALETUDO else ECOSYSTEM
    memory = draft.memory
    device = memory.same.get(found := device_id(base, rest[0]), found)
    if rest[1:] in (["$state"], ["$description"], ["$homie"]):
        memory.declare(draft.message.topic, "")
        # if it comes back it has to describe itself anew
        memory.known(device).info = None
        draft.removed.append(Removed(device, None))
        draft.says("removal", "The device was taken back; its history stays.")
    elif len(rest) == 3 and not any(level.startswith("$") for level in rest):
        draft.removed.append(Removed(device, clean("/".join(rest[1:]))))
        draft.says("removal", "The property was taken back; its history stays.")
    else:
        memory.declare(draft.message.topic, "")
        draft.says("meta", "An attribute was taken back.")


def _seconds(value: Any) -> Any:
    """PT1H30M as seconds; anything else as it is."""
    found = DURATION.match(value) if type(value) is str and len(value) > 2 and value[0] == "P" else None
    if found is None:
        return value
    parts = [number(part) or 0.0 for part in found.groups()]
    return sum(part * factor for part, factor in zip(parts, (86400, 3600, 60, 1), strict=True))


def _valetudo_unit(sensor: str, value: Any) -> str | None:
    if sensor.startswith("ConsumableMonitoringCapability/"):
        # Worn-down parts are counted in seconds left or in percent; without a declaration only the size tells.
        return "%" if str(value).isdecimal() and int(str(value)[:9]) <= 100 else "s"
    return VALETUDO_UNITS.get(sensor)


def _attribute(draft: Draft, device: str, rest: list[str], value: Any) -> None:
    name = next(level for level in rest if level.startswith("$"))
    above = rest[1 : rest.index(name)]
    if name == "$state" and not above:
        state = STATES.get(str(value))
        if state is not None:
            draft.device(device)
            draft.alive(device, state)
            return
    elif name == "$description" and type(value) is dict and not above:
        draft.memory.declare(draft.message.topic, compact(value))
        _description(draft, device, value)
        return
    elif name == "$name" and not above and type(value) is str and value:
        draft.device(device, name=value)
        draft.says("declaration", "The device tells its name.")
        return
    elif len(above) == 2 and name in ("$name", "$unit", "$datatype", "$format", "$retained") and type(value) is str:
        draft.memory.declare(draft.message.topic, value)
        fields = draft.memory.of("homie properties").setdefault(f"{device}/{above[0]}/{above[1]}", {})
        fields[name[1:]] = value
        _property(draft, device, f"{above[0]}/{above[1]}", fields)
        draft.says("declaration", "The device describes one of its properties.")
        return
    draft.says("meta", f"{name} is about the device, not a reading.")


def _description(draft: Draft, device: str, value: Mapping[str, Any]) -> None:
    name, parent = value.get("name"), value.get("parent") or value.get("root")
    bridge = clean(parent) if type(parent) is str else None
    draft.device(device, name=text(name), via=bridge, bridge=bridge)
    nodes = value.get("nodes")
    for node_id, node in list(nodes.items())[:200] if type(nodes) is dict else ():
        properties = node.get("properties") if type(node) is dict else None
        for key, fields in list(properties.items())[:200] if type(properties) is dict else ():
            if type(fields) is dict:
                _property(draft, device, f"{node_id}/{key}", fields)
    draft.says("declaration", "The device describes its nodes and properties.")


def _momentary(fields: Mapping[str, Any]) -> bool:
    return fields.get("retained") in (False, "false")


def _property(draft: Draft, device: str, sensor: str, fields: Mapping[str, Any]) -> None:
    datatype, shape = str(fields.get("datatype", "")), fields.get("format")
    if datatype in NO_SENSORS:
        return
    # What is not retained happens in a moment (v5 "Property attributes"): a bell, a push of a button.
    kind = "event" if _momentary(fields) and datatype in ("enum", "boolean", "string") else KINDS.get(datatype)
    options = tuple(clean(word, 64) for word in str(shape).split(",") if word)[:64] if kind == "enum" and shape else ()
    unit = fields.get("unit")
    draft.declare(
        SensorInfo(
            draft.memory.same.get(device, device),
            clean(sensor),
            name=clean(fields["name"]) if type(fields.get("name")) is str else None,
            unit=units.normal(unit) if type(unit) is str else {"percent": "%", "duration": "s"}.get(datatype),
            kind=kind,
            options=options,
        ),
        {"true": True, "false": False} if kind == "boolean" else None,
    )
