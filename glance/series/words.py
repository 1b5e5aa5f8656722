"""A sensor's newest value as people read it, and what kind of thing a sensor measures."""

from __future__ import annotations

from glance.formats import Figure, figure
from glance.ingest.tracks import Latest
from glance.store.devices import Sensor

BATTERY = "battery"
SIGNAL = "signal_strength"
SIGNAL_UNITS = ("dbm", "lqi")
SIGNAL_NAMES = ("rssi", "linkquality", "signal", "lqi")
BATTERY_NAMES = ("battery", "batt", "battery_level", "battery_low", "battery_ok")


def shown_value(sensor: Sensor, latest: Latest) -> float | str | None:
    """The newest value as a card shows it: numbers as they are, booleans and words as words."""
    return value_shown(sensor, latest.value, latest.text)


def value_shown(sensor: Sensor, value: float | None, text: str | None) -> float | str | None:
    """A value of a sensor as a card shows it."""
    if sensor.kind == "number":
        return value
    raw = text if text is not None else None if value is None else f"{value:g}"
    labels = dict(sensor.value_labels)
    if raw is not None and raw in labels:
        return labels[raw]
    if sensor.kind == "boolean" and value is not None:
        own = None if text is None or text.casefold() in ("true", "false") else text
        return labels.get(f"{value:g}") or own or ("On" if value else "Off")
    return raw


def value_in_words(sensor: Sensor, latest: Latest | None) -> Figure:
    """The newest value as digits and unit, or as a word; a dash where there is none."""
    if latest is None:
        return figure(None)
    value = shown_value(sensor, latest)
    if isinstance(value, str):
        return Figure(value.capitalize() if value.isupper() else value, "")
    return figure(value, None, sensor.shown_unit or "", sensor.shown_decimals)


def class_of(sensor: Sensor) -> str:
    """What it measures: as declared, else as its name or unit says; empty where nothing does."""
    if sensor.device_class:
        return sensor.device_class
    last = sensor.sensor.replace("/", ".").rpartition(".")[2].casefold()
    if last in BATTERY_NAMES:
        return BATTERY
    if last in SIGNAL_NAMES or (sensor.unit or "").casefold() in SIGNAL_UNITS:
        return SIGNAL
    return last


def charge_of(sensor: Sensor, latest: Latest | None) -> float | None:
    """The charge of a battery in percent; a battery that only says low or not counts as 5 or 100."""
    if latest is None or latest.value is None:
        return None
    says_ok, says_low = sensor.sensor.endswith("battery_ok"), sensor.sensor.endswith("battery_low")
    if sensor.kind == "boolean" or says_ok or says_low:
        is_low = (latest.value == 0) if says_ok else (latest.value != 0)
        return 5.0 if is_low else 100.0
    return latest.value if sensor.shown_unit in ("%", None, "") and 0 <= latest.value <= 100 else None


def quality_of(sensor: Sensor, latest: Latest | None) -> float | None:
    """How well a device is received, 0 to 100: of dBm between −100 and −50, of a link quality up to 255."""
    if latest is None or latest.value is None or sensor.kind != "number":
        return None
    value = latest.value
    if value < 0 or (sensor.shown_unit or "").casefold() == "dbm":
        return max(0.0, min(100.0, 2 * (value + 100)))
    if sensor.shown_unit == "%":
        return max(0.0, min(100.0, value))
    return max(0.0, min(100.0, 100 * value / 255))
