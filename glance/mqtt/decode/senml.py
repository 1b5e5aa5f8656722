"""SenML: lists of records with short keys. Source: RFC 8428 (JSON representation; resolved and base values)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.topics import device_of, label_of
from glance.mqtt.decode.values import number

ECOSYSTEM = "senml"
MOST_RECORDS = 200
VALUES = ("v", "vs", "vb")
UNITS = {"Cel": "°C", "%RH": "%", "%EL": "%", "lx": "lx", "/": None, "count": None}
# Times smaller than this are seconds before (or after) now.
RELATIVE_S = float(2**28)


def looks_like(rows: list[Any]) -> bool:
    """Whether a list holds such records: a name and a value by their short keys, and nothing by a long one."""
    first = rows[0] if rows else None
    return (
        type(first) is dict
        and ("n" in first or "bn" in first)
        and any(key in row for row in rows[:2] if type(row) is dict for key in VALUES)
        and all(len(key) <= 4 for key in first)
    )


def read(draft: Draft, levels: list[str], rows: list[Any]) -> None:
    """The records of a pack; what begins with `b` holds for those after it too."""
    draft.ecosystem = ECOSYSTEM
    base: dict[str, Any] = {}
    for row in rows[:MOST_RECORDS]:
        if type(row) is not dict:
            continue
        base.update((key, raw) for key, raw in row.items() if key in ("bn", "bt", "bu"))
        raw = next((row[key] for key in VALUES if key in row), None)
        if raw is not None and type(raw) not in (dict, list):
            _record(draft, levels, row, base, raw)


def _record(draft: Draft, levels: list[str], row: Mapping[str, Any], base: Mapping[str, Any], raw: Any) -> None:
    bn, name, unit = str(base.get("bn", "")), str(row.get("n", "")), row.get("u", base.get("bu"))
    at = (number(base.get("bt")) or 0.0) + (number(row.get("t")) or 0.0)
    draft.at = draft.refused_at = None
    if at:
        draft.time(at if abs(at) >= RELATIVE_S else draft.message.arrived_at + at)
    own = clean(bn.rstrip(":/_.")) if bn else device_of(levels)
    device = draft.device(own, name=label_of(own))
    unit = UNITS.get(unit, unit) if type(unit) is str else None
    draft.reading(device, clean(name) or "value", raw, unit)
