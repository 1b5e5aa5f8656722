"""How much a counter grew in each hour or day: from rollups as far as they are exact, from single samples beyond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from glance.ingest.buckets import edges_of
from glance.ingest.counters import AFTER, BEFORE, growth_between
from glance.ingest.together import Together
from glance.ingest.tracks import Track
from glance.store.rollups import FIVE_S, HOUR_S
from glance.store.samples import Number

FIVE_MS = FIVE_S * 1000


@dataclass(frozen=True, slots=True)
class Use:
    """How much a counter grew from `begin` up to `end` (Unix seconds); None = nothing is known of that time."""

    begin: float
    end: float
    value: float | None


@dataclass(frozen=True, slots=True)
class Counted:
    """A counter as it can be read: its series, what of it lies in memory (`tail`, in its unit), how far folding and rolling up have come
    (`upto`, `rolled_until_s`), from when on there are single samples, and whether it may go down."""

    series: Track
    tail: Sequence[Number]
    upto: int
    rolled_until_s: int
    raw_from_s: int
    both_ways: bool


def uses(samples: Together, counter: Counted, begin: float, end: float, per: Literal["hour", "day"]) -> list[Use]:
    """How much it grew in each local hour or day from the one that holds `begin` up to `end`; exact to 5 minutes where single samples
    are no longer kept."""
    edges = edges_of(begin, end, per)
    first_s = int(edges[0])
    raw_ms = _raw_from_ms(samples, counter, first_s, end)
    grown = _rolled(samples, counter, edges, min(raw_ms // 1000, -(-int(end) // FIVE_S) * FIVE_S))
    end_ms = int(end * 1000)
    if raw_ms < end_ms:
        found = growth_between(_around(samples, counter, raw_ms, end_ms), raw_ms, end_ms, both_ways=counter.both_ways)
        grown += [(number.ts / 1000, rise) for number, rise in found]
    shown, turn = [], 0
    for low, high in pairwise(edges):
        total: float | None = None
        while turn < len(grown) and grown[turn][0] < high:
            if grown[turn][0] >= low:
                total = (total or 0.0) + grown[turn][1]
            turn += 1
        shown.append(Use(low, high, total))
    return shown


def _raw_from_ms(samples: Together, counter: Counted, first_s: int, end: float) -> int:
    """From when on to count by single samples: what is not rolled up, what came late, and the 5 minutes in which `end` lies."""
    least_ms = max(counter.raw_from_s, first_s) * 1000
    late = (number.ts for number in counter.tail if number.ts >= least_ms)
    begin_ms = min(counter.rolled_until_s * 1000, int(end // FIVE_S) * FIVE_MS, *late)
    # what comes next may show that the one before was a wrong reading
    before = samples.measured_before(counter.series, begin_ms, counter.upto, 1)
    begin_ms = min([begin_ms, *(number.ts for number in before)]) // FIVE_MS * FIVE_MS
    return max(begin_ms, least_ms)


def _rolled(samples: Together, counter: Counted, edges: Sequence[float], end_s: int) -> list[tuple[float, float]]:
    """(time, growth) by rollups up to `end_s`, oldest first."""
    begin_s = int(edges[0])
    # hours are enough where days and hours begin with them: not in every time zone
    hours_to = end_s // HOUR_S * HOUR_S if all(edge % HOUR_S == 0 for edge in edges[:-1]) else begin_s
    found = samples.rollups(counter.series, HOUR_S, begin_s, hours_to)
    found += samples.rollups(counter.series, FIVE_S, max(begin_s, hours_to), end_s)
    return [(bucket.at, bucket.rise) for bucket in found if bucket.rise is not None]


def _around(samples: Together, counter: Counted, begin_ms: int, end_ms: int) -> list[Number]:
    """The samples of a stretch with their neighbours, as far as those decide."""
    folded = [
        *samples.measured_before(counter.series, begin_ms, counter.upto, BEFORE),
        *samples.measured(counter.series, begin_ms, end_ms, counter.upto),
        *samples.measured_after(counter.series, end_ms, counter.upto, AFTER),
    ]
    both = sorted([*folded, *counter.tail])
    inner = [turn for turn, number in enumerate(both) if begin_ms <= number.ts < end_ms]
    return both[max(0, inner[0] - BEFORE) : inner[-1] + 1 + AFTER] if inner else []
