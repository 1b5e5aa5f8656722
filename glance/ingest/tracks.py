"""What memory holds of one series: its newest value, the samples that are not folded yet, and how often they come."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from itertools import pairwise
from statistics import median

from glance.conversions import SAME, Scale, conversion
from glance.store.devices import Sensor
from glance.store.samples import Sample

KEPT_GAPS = 20
FEWEST_GAPS = 3


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest value of a series. `id` 0 = it came retained and is no sample; `at` None = its time is unknown.

    `heard_at` is when it arrived (Unix seconds); after a restart it is the time of the sample.
    """

    id: int
    at: float | None
    heard_at: float | None
    value: float | None
    text: str | None

    @property
    def retained(self) -> bool:
        """True where the broker kept it and it is no sample."""
        return self.id == 0


# (id, Unix milliseconds) of a sample -> when it really was
NewTime = Callable[[int, int], int]


def retimed(latest: Latest | None, new_ts: NewTime, when: Callable[[float], float]) -> Latest | None:
    """The newest value, where its sample is of another time than was thought; `when` does the same for times of arrival."""
    if latest is None or latest.id == 0 or latest.at is None or latest.heard_at is None:
        return latest
    return replace(latest, at=new_ts(latest.id, round(latest.at * 1000)) / 1000, heard_at=when(latest.heard_at))


def in_scale(latest: Latest, scale: Scale) -> Latest:
    """The newest value in another unit."""
    return latest if latest.value is None or scale.is_same else replace(latest, value=scale.of(latest.value))


class Tail:
    """The unfolded samples of a series in the order of storing; compact, appended by one thread, read by any without a lock.

    `in_order` = none of them is older than one stored before.
    """

    __slots__ = ("ids", "in_order", "stamps", "texts", "values")

    def __init__(self) -> None:
        self.ids = array("q")
        self.stamps = array("q")
        self.values = array("d")
        self.texts: dict[int, str] | None = None
        self.in_order = True

    def append(self, number: int, ts_ms: int, value: float | None, text: str | None) -> None:
        """Add a sample; `values` grows last, so that its length tells readers what is complete."""
        if text is not None:
            if self.texts is None:
                self.texts = {}
            self.texts[number] = text
        if self.stamps and ts_ms < self.stamps[-1]:
            self.in_order = False
        self.ids.append(number)
        self.stamps.append(ts_ms)
        self.values.append(math.nan if value is None else value)

    def after(self, last_id: int) -> Tail:
        """A copy without the samples up to and with `last_id`."""
        kept = Tail()
        begin = bisect_right(self.ids, last_id)
        kept.ids, kept.stamps, kept.values = self.ids[begin:], self.stamps[begin:], self.values[begin:]
        kept.in_order = self.in_order or all(before <= after for before, after in pairwise(kept.stamps))
        if self.texts and kept.ids:
            kept.texts = {number: text for number, text in self.texts.items() if number > last_id} or None
        return kept

    def retimed(self, new_ts: NewTime) -> Tail:
        """A copy in which samples are of another time."""
        kept = Tail()
        kept.ids, kept.values, kept.texts = self.ids[:], self.values[:], self.texts
        kept.stamps = array("q", map(new_ts, self.ids, self.stamps))
        kept.in_order = all(before <= after for before, after in pairwise(kept.stamps))
        return kept

    def samples(self, series: int, last_id: int = 0, limit: int | None = None) -> Iterator[Sample]:
        """The samples stored after `last_id` (the newest `limit` of them by time), in the order of storing."""
        end = len(self.values)
        begin = bisect_right(self.ids, last_id, 0, end)
        turns: Sequence[int] = range(begin, end)
        if limit is not None and len(turns) > limit:
            turns = turns[-limit:] if self.in_order else sorted(nlargest(limit, turns, key=self._age))
        texts = self.texts
        for turn in turns:
            number, value = self.ids[turn], self.values[turn]
            text = texts.get(number) if texts else None
            yield Sample(number, series, self.stamps[turn] / 1000, None if value != value else value, text)

    def _age(self, turn: int) -> tuple[int, int]:
        return self.stamps[turn], turn

    def numbers(self, last_id: int, begin_ms: int, end_ms: int) -> list[tuple[int, float]]:
        """(Unix milliseconds, value) of the samples with a value in a stretch of time, stored after `last_id`."""
        end = len(self.values)
        begin = bisect_right(self.ids, last_id, 0, end)
        return [
            (ts, value)
            for ts, value in zip(self.stamps[begin:end], self.values[begin:end], strict=True)
            if begin_ms <= ts < end_ms and value == value
        ]

    def __len__(self) -> int:
        return len(self.values)


class Track:
    """One series in memory. `parts` are the series merged into it; `latest` is the newest value of them all, `own` that of itself.
    `folded` caches its newest folded samples; `late` counts samples that came after one of a later time."""

    __slots__ = ("folded", "gaps", "heard_at", "late", "latest", "own", "parts", "sensor", "tail")

    def __init__(self, sensor: Sensor) -> None:
        self.sensor = sensor
        self.tail = Tail()
        self.latest: Latest | None = None
        self.own: Latest | None = None
        self.gaps: deque[float] | None = None
        self.heard_at: float | None = None
        self.late = 0
        self.parts: list[Track] = []
        self.folded: tuple[int, list[Sample]] | None = None

    @property
    def ids(self) -> tuple[int, ...]:
        """The series whose samples are read together."""
        return (self.sensor.id, *(part.sensor.id for part in self.parts))

    @property
    def readable(self) -> tuple[int, ...]:
        """Those of them whose unit converts into that of this one."""
        return self.ids if not self.parts else tuple(series for _, ids in self.by_scale() for series in ids)

    @property
    def scales(self) -> dict[int, Scale]:
        """What turns the numbers of merged series into the unit of this one, where they are not in it."""
        if not self.parts:
            return {}
        return {series: scale for scale, ids in self.by_scale() for series in ids if not scale.is_same}

    def by_scale(self) -> list[tuple[Scale, tuple[int, ...]]]:
        """The series that are read together, by what turns their numbers into the unit of this one."""
        if not self.parts:
            return [(SAME, (self.sensor.id,))]
        found: dict[Scale, list[int]] = {SAME: [self.sensor.id]}
        for part in list(self.parts):
            scale = self.scale_of(part)
            if scale is not None:
                found.setdefault(scale, []).append(part.sensor.id)
        return [(scale, tuple(ids)) for scale, ids in found.items()]

    def scale_of(self, part: Track) -> Scale | None:
        """What turns the numbers of a merged series into the unit of this one; None where that is impossible."""
        return conversion(part.sensor.stored_unit, self.sensor.stored_unit)

    @property
    def raw_from_s(self) -> int:
        """From when on (Unix seconds) no single sample was let go."""
        return max(each.sensor.raw_from or 0 for each in (self, *self.parts))

    def hear(self, now: float) -> None:
        """Note an arrival, for the usual gap between two."""
        if self.heard_at is not None and now > self.heard_at:
            if self.gaps is None:
                self.gaps = deque(maxlen=KEPT_GAPS)
            self.gaps.append(now - self.heard_at)
        self.heard_at = now

    def usual_gap_s(self) -> float | None:
        """The median of the last gaps; None where too few are known."""
        gaps = self.gaps
        if gaps is None or len(gaps) < FEWEST_GAPS:
            return None
        return median(list(gaps))
