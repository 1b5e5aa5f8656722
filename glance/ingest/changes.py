"""What an owner may change of a device or a sensor, and what fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glance.errors import FieldError, Invalid
from glance.store.devices import COUNTERS

DEVICE_CHANGES: Mapping[str, type | tuple[type, ...]] = {
    "label": (str, type(None)),
    "own_room": (str, type(None)),
    "hidden": bool,
    "ignored": bool,
}
SENSOR_CHANGES: Mapping[str, type | tuple[type, ...]] = {
    "label": (str, type(None)),
    "own_unit": (str, type(None)),
    "own_hidden": (bool, type(None)),
    "own_expire_after_s": (int, float, type(None)),
    "own_decimals": (int, type(None)),
    "own_state_class": (str, type(None)),
    "correction": (int, float, type(None)),
    "raw_days": (int, type(None)),
    "rollup_days": (int, type(None)),
}
LONGEST = 120
# measurement = it is no counter, whatever it declares
STATE_CLASSES = ("measurement", *COUNTERS)
ANY_NUMBER: tuple[float, float, str] = (-1e12, 1e12, "")
LIMITS: Mapping[str, tuple[float, float, str]] = {
    "raw_days": (1, 36500, " days"),
    "rollup_days": (1, 36500, " days"),
    "own_decimals": (0, 8, " decimals"),
    "own_expire_after_s": (0, 366 * 86400, " seconds"),
}


def of_device(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Checked changes of a device; Invalid names each field that does not fit."""
    return _checked(changes, DEVICE_CHANGES)


def of_sensor(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Checked changes of a sensor; Invalid names each field that does not fit."""
    return _checked(changes, SENSOR_CHANGES)


def _checked(changes: Mapping[str, Any], allowed: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """The changes as they may be stored; Invalid with a message per field."""
    errors: list[FieldError] = []
    told: dict[str, Any] = {}
    for name, value in changes.items():
        fault = _fault(name, value, allowed)
        if fault is not None:
            errors.append(FieldError(name, fault))
        elif isinstance(value, str):
            told[name] = value.strip() or (None if name != "own_unit" else "")
        else:
            told[name] = value
    if errors:
        raise Invalid("Some changes do not fit.", errors)
    return told


def _fault(name: str, value: Any, allowed: Mapping[str, type | tuple[type, ...]]) -> str | None:
    """What is wrong with one change."""
    if name not in allowed:
        return f"This cannot be changed; there are {', '.join(allowed)}."
    is_flag = name in ("own_hidden", "hidden", "ignored")
    if not isinstance(value, allowed[name]) or (isinstance(value, bool) and not is_flag):
        return "This is not of the right kind."
    if isinstance(value, str) and len(value.strip()) > LONGEST:
        return f"At most {LONGEST} characters."
    if name == "own_state_class" and value and str(value).strip() not in STATE_CLASSES:
        return f"One of {', '.join(STATE_CLASSES)}, or null for what the device declares."
    if value is None or is_flag or isinstance(value, str):
        return None
    low, high, unit = LIMITS.get(name, ANY_NUMBER)
    return None if low <= float(str(value)) <= high else f"From {low:g} to {high:g}{unit}."
