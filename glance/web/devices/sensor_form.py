"""The form of one sensor: what the owner makes of it, and what was typed where it did not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from glance.errors import FieldError, Invalid
from glance.formats import digits
from glance.mqtt.decode.values import number
from glance.runtime import Runtime
from glance.store.devices import Device, Sensor

MOST_OTHERS = 200
LONGEST_UNIT = 24
MEASURES = "A measurement"
# state_class -> what it says of a number
CLASSES = {
    "measurement": MEASURES,
    "total_increasing": "A counter that only goes up",
    "total": "A total that goes up and down",
}
# A few to choose from while typing; any text is taken.
UNITS = (
    "°C", "°F", "K", "%", "hPa", "W", "kW", "Wh", "kWh", "V", "A", "mV", "lx", "ppm", "µg/m³", "dBm", "mm", "cm", "m", "km/h",
    "m/s", "l", "m³", "l/min", "s", "min", "h",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SensorForm:
    """The values of the fields as text, the sensors it can be joined with as (series, name), and those joined already.

    `sent_unit` is the unit in which the device sends it now, where that is another than the one shown.
    """

    label: str
    unit: str
    decimals: str
    correction: str
    expires_min: str
    raw_days: str
    rollup_days: str
    is_hidden: bool
    state_class: str
    classes: tuple[tuple[str, str], ...]
    others: tuple[tuple[int, str], ...]
    joined: tuple[tuple[int, str], ...]
    sent_unit: str = ""
    units: tuple[str, ...] = UNITS


def make(runtime: Runtime, device: Device, sensor: Sensor) -> SensorForm:
    """The form as it is stored."""
    return SensorForm(
        label=sensor.label or "",
        unit=sensor.own_unit or "",
        decimals="" if sensor.own_decimals is None else str(sensor.own_decimals),
        correction="" if not sensor.correction else f"{sensor.correction:g}",
        expires_min=""
        if sensor.own_expire_after_s is None
        else digits(sensor.own_expire_after_s / 60).replace("−", "-"),
        raw_days="" if sensor.raw_days is None else str(sensor.raw_days),
        rollup_days="" if sensor.rollup_days is None else str(sensor.rollup_days),
        is_hidden=sensor.hidden,
        state_class=sensor.own_state_class or "",
        classes=(("", f"As it declares: {CLASSES.get(sensor.state_class or '', MEASURES).lower()}"), *CLASSES.items()),
        others=tuple(_others(runtime, device, sensor)),
        joined=tuple(_joined(runtime, sensor)),
        sent_unit=runtime.devices.sent_unit(sensor) or "",
    )


def _others(runtime: Runtime, device: Device, sensor: Sensor) -> list[tuple[int, str]]:
    """Sensors of the same kind, those of the same unit first."""
    devices = runtime.devices
    found: list[tuple[bool, str, int]] = []
    for other in devices.all():
        for one in devices.sensors(other.id):
            if one.id != sensor.id and one.kind == sensor.kind:
                found.append((one.shown_unit != sensor.shown_unit, f"{other.title} / {one.title}", one.id))
    return [(series, name) for _, name, series in sorted(found)[:MOST_OTHERS]]


def _joined(runtime: Runtime, sensor: Sensor) -> list[tuple[int, str]]:
    """The sensors whose readings count for this one."""
    track = runtime.ingest.catalog.tracks.get(sensor.id)
    own = (sensor.device, sensor.sensor)
    # one that returned while it was forgotten goes on in a series of its own, but is the same sensor
    parts = [part.sensor for part in track.parts if (part.sensor.device, part.sensor.sensor) != own] if track else []
    return [(part.id, f"{part.device} / {part.sensor}") for part in parts]


def read(form: Mapping[str, str], sensor: Sensor) -> dict[str, Any]:
    """The changes a posted form asks for; Invalid names each field that does not fit."""
    errors: list[FieldError] = []
    unit = form.get("unit", "").strip()
    if len(unit) > LONGEST_UNIT:
        errors.append(FieldError("unit", f"At most {LONGEST_UNIT} characters."))
    state_class = form.get("state_class", "")
    if state_class and state_class not in CLASSES:
        errors.append(FieldError("state_class", "Choose one of the list."))
    minutes = _number(form, "expires_min", errors)
    if minutes is not None and minutes <= 0:
        errors.append(FieldError("expires_min", "More than 0 minutes, or empty."))
    hidden = "hidden" in form
    changes: dict[str, Any] = {
        "label": form.get("label", "").strip() or None,
        "own_unit": unit or None,
        "own_decimals": _whole(form, "decimals", 0, 8, errors),
        "own_state_class": state_class or None,
        "correction": _number(form, "correction", errors) or None,
        "own_expire_after_s": None if minutes is None else minutes * 60,
        "raw_days": _whole(form, "raw_days", 1, 36500, errors),
        "rollup_days": _whole(form, "rollup_days", 1, 36500, errors),
        "own_hidden": None if hidden == sensor.declared_hidden else hidden,
    }
    if len(changes["label"] or "") > 120:
        errors.append(FieldError("label", "At most 120 characters."))
    if errors:
        raise Invalid("Some fields need a fix.", errors)
    return changes


def _number(form: Mapping[str, str], name: str, errors: list[FieldError]) -> float | None:
    raw = form.get(name, "").strip().replace("−", "-").replace(",", ".")
    if not raw:
        return None
    found = number(raw)
    if found is None:
        errors.append(FieldError(name, "A number such as 0.5, or empty."))
    return found


def _whole(form: Mapping[str, str], name: str, low: int, high: int, errors: list[FieldError]) -> int | None:
    raw = form.get(name, "").strip()
    if not raw:
        return None
    if raw.isascii() and raw.isdigit() and len(raw) < 7 and low <= int(raw) <= high:
        return int(raw)
    errors.append(FieldError(name, f"A whole number from {low} to {high}, or empty."))
    return None
