"""JSON objects into sensors: nested keys as dotted names, values with their unit, short arrays by index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from glance.mqtt.decode import units
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean, role
from glance.mqtt.decode.parts import text

DEEPEST = 4
LONGEST_ARRAY = 8
# Keys by which the rows of a list tell which of them they are: {"disks": [{"name": "sda", "temp_c": 34}, …]}.
ROW_NAMES = ("name", "label", "n")
VALUE_KEYS = ("value", "val", "reading")
# An object of these keys only is one value with what belongs to it.
BESIDE_A_VALUE = frozenset(
    "value val reading unit units uom unit_of_measurement ts timestamp time lc ack quality q status name label title id "
    "precision decimals min max readonly type datatype lastUpdate last_update date from user raw desc description".split()
)

# The same in short: value, time, state or quality, unit (VEAP, CCU-Jack).
SHORT = frozenset(("v", "ts", "t", "s", "q", "u"))

UnitOf = Callable[[str, Any, Mapping[str, Any]], str | None]


def guessed(key: str, raw: Any, fields: Mapping[str, Any]) -> str | None:
    """Unit by a sibling key, the key's suffix or its name."""
    return sibling(key, fields) or units.guess(key, raw)


def sibling(key: str, fields: Mapping[str, Any]) -> str | None:
    """The unit that another key of the same object names: `<key>_unit`, `<key>Unit`, `unit_<key>`."""
    if _siblings(key).isdisjoint(fields):
        return None
    for name in (f"{key}_unit", f"{key}Unit", f"unit_{key}", f"{key}_units"):
        unit = fields.get(name)
        if type(unit) is str:
            return unit
    if "temp" in key.lower():
        for name in ("temp_unit", "temp_units", "temperature_unit", "tempUnit"):
            if type(fields.get(name)) is str:
                return text(fields[name])
    shared = fields.get("units")
    if type(shared) is str and units.by_suffix(key) is None:
        return shared
    single = fields.get("unit")
    if type(single) is str and _only_number(key, fields):
        return single
    return None


@lru_cache(maxsize=4096)
def _siblings(key: str) -> frozenset[str]:
    """Every key that could name the unit of `key`: most objects have none of them."""
    own = (f"{key}_unit", f"{key}Unit", f"unit_{key}", f"{key}_units", "units", "unit")
    return frozenset((*own, "temp_unit", "temp_units", "temperature_unit", "tempUnit"))


def _only_number(key: str, fields: Mapping[str, Any]) -> bool:
    """Whether `key` is the one number of an object whose unit nothing else tells."""
    return [
        name
        for name, raw in fields.items()
        if (type(raw) is float or type(raw) is int) and role(name) == "sensor" and units.guess(name, raw) is None
    ] == [key]


def pair(fields: Mapping[str, Any]) -> tuple[Any, str | None] | None:
    """(value, unit) of an object that is one measured value: {"value": 1.6, "unit": "kW"}; None for any other object."""
    if "v" in fields and len(fields) > 1 and SHORT.issuperset(fields) and type(fields["v"]) not in (dict, list):
        return fields["v"], text(fields.get("u"))
    for name in VALUE_KEYS:
        if name in fields:
            raw = fields[name]
            if type(raw) is dict or type(raw) is list:
                return None
            if BESIDE_A_VALUE.issuperset(fields) or ("val" in fields and _source_beside(fields)):
                return raw, unit_in(fields)
            return None
    return None


def _source_beside(fields: Mapping[str, Any]) -> bool:
    """Whether what stands beside a value is only where it came from, as an object: {"val": 21.4, "knx": {"dpt": "9.001"}}."""
    return all(type(raw) is dict for name, raw in fields.items() if name not in BESIDE_A_VALUE)


def unit_in(fields: Mapping[str, Any]) -> str | None:
    """The unit that an object states for its value."""
    for name in ("unit", "units", "uom", "unit_of_measurement"):
        unit = fields.get(name)
        if type(unit) is str:
            return unit
    return None


def leaves(
    draft: Draft,
    device: str,
    fields: Mapping[str, Any],
    unit_of: UnitOf = guessed,
    *,
    prefix: str = "",
    skip: frozenset[str] = frozenset(),
    depth: int = 1,
) -> None:
    """Every value in an object as a reading of `device`; names, times, ids and secrets are none (keys.role)."""
    for key, raw in fields.items():
        if raw is None or key in skip:
            continue
        what = role(key)
        if what != "sensor":
            if what == "event" and type(raw) is str and raw:
                draft.reading(device, f"{prefix}{clean(key)}", raw, None, "event")
            continue
        form = type(raw)
        name = f"{prefix}{clean(key)}"
        if form is dict:
            _nested(draft, device, name, raw, unit_of, skip, depth)
        elif form is list:
            _array(draft, device, name, key, raw, unit_of, fields)
            if depth < DEEPEST and raw and type(raw[0]) is dict:
                _rows(draft, device, name, raw, unit_of, skip, depth)
        else:
            draft.reading(device, name, raw, unit_of(key, raw, fields))


def _nested(
    draft: Draft, device: str, name: str, raw: dict[str, Any], unit_of: UnitOf, skip: frozenset[str], depth: int
) -> None:
    measured = pair(raw)
    if measured is not None:
        draft.reading(device, name, measured[0], measured[1])
    elif depth >= DEEPEST:
        draft.empty += 1
    else:
        leaves(draft, device, raw, unit_of, prefix=f"{name}.", skip=skip, depth=depth + 1)


def _rows(
    draft: Draft, device: str, name: str, rows: list[Any], unit_of: UnitOf, skip: frozenset[str], depth: int
) -> None:
    """A short list of objects: each by its own name, or by its place where all have the same keys and hold but figures."""
    if len(rows) > LONGEST_ARRAY or not all(type(row) is dict for row in rows):
        return
    names = [_row_name(row) for row in rows]
    if len(set(names)) < len(rows) or "" in names or (len(rows) == 1 and pair(rows[0]) is not None):
        if len(rows) == 1 or any(
            row.keys() != rows[0].keys() or not all(map(_figure, row, row.values())) for row in rows
        ):
            return
        names = [str(place) for place in range(len(rows))]
    for own, row in zip(names, rows, strict=True):
        values = {key: raw for key, raw in row.items() if key not in ROW_NAMES}
        measured = pair(values) if len(values) < 3 else None
        if measured is not None:
            draft.reading(device, f"{name}.{clean(own)}", measured[0], measured[1])
        else:
            leaves(draft, device, values, unit_of, prefix=f"{name}.{clean(own)}.", skip=skip, depth=depth + 1)


def _row_name(row: Mapping[str, Any]) -> str:
    return next((row[key] for key in ROW_NAMES if type(row.get(key)) is str), "")


def _figure(key: str, raw: Any) -> bool:
    """Whether a row's field is a value to draw, and no time, id, word or event."""
    return role(key) == "sensor" and type(raw) in (int, float, bool)


def _array(
    draft: Draft, device: str, name: str, key: str, raw: list[Any], unit_of: UnitOf, fields: Mapping[str, Any]
) -> None:
    if len(raw) == 1 and type(raw[0]) is dict:
        measured = pair(raw[0])
        if measured is not None:
            draft.reading(device, name, measured[0], measured[1])
        return
    if 0 < len(raw) <= LONGEST_ARRAY and all(type(x) is float or type(x) is int for x in raw):
        for place, value in enumerate(raw):
            draft.reading(device, f"{name}.{place}", value, unit_of(key, value, fields))
