"""How much a counter grew: tolerant of resets and of single wrong readings."""

from __future__ import annotations

from collections.abc import Sequence

from glance.store.samples import Number

# Less than this share of the value before = the counter began anew; a smaller dip is noise (Home Assistant draws the line here too).
RESET_BELOW = 0.9
# How many samples before and after a stretch decide what those at its ends say.
BEFORE, AFTER = 2, 1


def growth(values: Sequence[float], before: float | None = None, *, both_ways: bool = False) -> list[float | None]:
    """How much a counter grew with each of `values`, oldest first, since the one before; `before` is the value before the first.

    After a reset the counter grew by what it shows. A single drop whose successor is back at the old height is left out (None),
    and so is the first of all. `both_ways` (state class `total`) takes every difference as it is.
    """
    found: list[float | None] = []
    last = before
    for turn, value in enumerate(values):
        grown: float | None = None
        if last is None:
            last = value
        elif both_ways or value >= min(last, last * RESET_BELOW):
            grown, last = value - last, value
        elif turn + 1 == len(values) or values[turn + 1] < last:
            grown, last = value, value
        found.append(grown)
    return found


def growth_between(
    numbers: Sequence[Number], begin_ms: int, end_ms: int, *, both_ways: bool = False
) -> list[tuple[Number, float]]:
    """Those of `numbers` from `begin_ms` up to `end_ms` by which the counter grew, and how much.

    It is exact where `numbers` holds BEFORE further ones and AFTER.
    """
    found = growth([number.value for number in numbers], both_ways=both_ways)
    return [
        (number, grown)
        for number, grown in zip(numbers, found, strict=True)
        if grown is not None and begin_ms <= number.ts < end_ms
    ]
