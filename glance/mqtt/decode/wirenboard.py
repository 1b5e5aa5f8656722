"""Wiren Board: `/devices/<device>/controls/<control>`, with a leading slash. Source: wirenboard/conventions (MQTT conventions).

Units come from `meta` (JSON, or one topic per key), else from the control's type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glance.mqtt.decode import units
from glance.mqtt.decode.body import compact
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.parts import text
from glance.mqtt.readings import SensorInfo, SensorKind

ECOSYSTEM = "wirenboard"
TYPE_UNITS = {
    "temperature": "°C", "rel_humidity": "%", "atmospheric_pressure": "mbar", "rainfall": "mm/h", "wind_speed": "m/s",
    "power": "W", "power_consumption": "kWh", "voltage": "V", "current": "A", "water_flow": "m³/h", "water_consumption": "m³",
    "resistance": "Ω", "concentration": "ppm", "heat_power": "Gcal/h", "heat_energy": "Gcal", "lux": "lx", "sound_level": "dB",
}  # fmt: skip
TYPE_KINDS: dict[str, SensorKind] = {"switch": "boolean", "alarm": "boolean", "pushbutton": "event", "text": "text", "rgb": "text"}  # fmt: skip


def parts_of(levels: list[str]) -> tuple[str, list[str]] | None:
    """(device, rest) of a topic of Wiren Board."""
    if len(levels) < 4 or levels[0] != "" or levels[1] != "devices" or levels[3] not in ("controls", "meta"):
        return None
    return clean(levels[2]), levels[3:]


def read(draft: Draft, device: str, rest: list[str]) -> None:
    """A control's value, its meta, or the device's."""
    draft.ecosystem = ECOSYSTEM
    if rest[-1] == "on":
        draft.says("command", "A command to the control, not its state.")
    elif rest[0] == "meta":
        _about_device(draft, device, rest[1:])
    elif len(rest) == 2:
        if not draft.knows(device):
            draft.device(device, name=device)
        draft.reading(device, clean(rest[1]), draft.message.body.value)
    elif len(rest) > 2 and rest[2] == "meta":
        _about_control(draft, device, clean(rest[1]), rest[3:])
    else:
        draft.says("meta", "Neither a value nor a description of a control.")


def _about_device(draft: Draft, device: str, rest: list[str]) -> None:
    value = draft.message.body.value
    if rest == ["error"]:
        draft.alive(device, "offline" if value else "online")
        return
    name: Any = value if rest == ["name"] else _title(value.get("title")) if not rest and type(value) is dict else None
    if type(name) is str and name:
        draft.device(device, name=name)
    draft.says("declaration", "The device about itself.")


def _about_control(draft: Draft, device: str, control: str, rest: list[str]) -> None:
    value = draft.message.body.value
    if rest == ["error"]:
        draft.says("meta", "The control could not be read." if value else "The control can be read again.")
        return
    known = draft.memory.of("wirenboard controls").setdefault(f"{device}/{control}", {})
    if not rest and type(value) is dict:
        known.update(value)
    elif len(rest) == 1 and type(value) is str:
        known[rest[0]] = value
    draft.memory.declare(draft.message.topic, compact(value) if type(value) is dict else str(value))
    _declare(draft, device, control, known)
    draft.says("declaration", "The control tells its type and unit.")


def _declare(draft: Draft, device: str, control: str, meta: Mapping[str, Any]) -> None:
    kind, unit, title = str(meta.get("type", "")), meta.get("units"), _title(meta.get("title"))
    draft.declare(
        SensorInfo(
            draft.memory.same.get(device, device),
            control,
            name=clean(title) if title else None,
            unit=units.normal(unit) if type(unit) is str else TYPE_UNITS.get(kind),
            kind=TYPE_KINDS.get(kind),
        )
    )


def _title(title: Any) -> str | None:
    if type(title) is dict:
        title = title.get("en") or next(iter(title.values()), None)
    return text(title)
