"""How much a counter grew: tolerant of resets and of single wrong readings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# Less than this share of the value before = the counter began anew; a smaller dip is noise (Home Assistant draws the line here too).
RESET_BELOW = 0.9


def rises(
    samples: Sequence[tuple[int, float]], before: float | None, *, both_ways: bool = False
) -> list[tuple[int, float]]:
    """(time, growth since the sample before) of each of `samples` (time, value), oldest first; `before` is the value before the first.

    After a reset the counter grew by what it shows. A single drop whose successor is back at the old height is left out.
    `both_ways` (state class `total`) takes every difference as it is.
    """
    found: list[tuple[int, float]] = []
    last = before
    for turn, (at, value) in enumerate(samples):
        if last is None:
            last = value
            continue
        if both_ways or value >= last:
            found.append((at, value - last))
        elif value < last * RESET_BELOW:
            following = samples[turn + 1][1] if turn + 1 < len(samples) else None
            if following is not None and following >= last:
                continue
            found.append((at, value))
        else:
            found.append((at, value - last))
        last = value
    return found


def per_bucket(found: Iterable[tuple[int, float]], step: int) -> list[tuple[int, float]]:
    """Sum growth by the beginning of each `step` (same unit as the times), oldest first."""
    sums: dict[int, float] = {}
    for at, rise in found:
        begin = at // step * step
        sums[begin] = sums.get(begin, 0.0) + rise
    return sorted(sums.items())
