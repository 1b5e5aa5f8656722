"""Reading samples: what is stored and what is still in memory, together, as lists, charts, uses and stretches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice, pairwise
from typing import Literal

from glance.errors import NotFound
from glance.ingest.buckets import Point, gap_after_s, merge_buckets, step_s_for, thin_out, with_gaps
from glance.ingest.catalog import Catalog
from glance.ingest.together import Together, in_unit
from glance.ingest.tracks import Latest, Track
from glance.ingest.upkeep import Marks
from glance.ingest.uses import Counted, Use, uses
from glance.store.rollups import FIVE_S, HOUR_S
from glance.store.samples import Bucket, Number, Sample, Samples

KEPT_RECENT = 60
MAX_POINTS = 5000
# A rollup is fine enough where it still gives a quarter of the points that were asked for: lows and highs are kept anyway.
FINE_ENOUGH = 4
PAGE = 5000


@dataclass(frozen=True, slots=True)
class Chart:
    """A stretch of one series: points oldest first, never more than asked; `step_s` 0 = single samples."""

    unit: str | None
    step_s: float
    points: list[Point]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which a series had one value or word; `end` is the beginning of the next, or of the end asked for."""

    begin: float
    end: float
    value: float | None
    text: str | None


class History:
    """Safe for any thread. A series id stands for itself and all that was merged into it."""

    def __init__(
        self,
        catalog: Catalog,
        samples: Samples,
        marks: Callable[[], Marks],
        raw_days: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._catalog = catalog
        self._samples = Together(samples)
        self._marks = marks
        self._raw_days = raw_days
        self._clock = clock

    def latest(self, series: int) -> Latest | None:
        """The newest value of a series, from memory; None where it never had one."""
        track = self._catalog.tracks.get(series)
        return track.latest if track else None

    def usual_gap_s(self, series: int) -> float | None:
        """The median of its last gaps: those since the start, else those of the stored samples; None where too few are known."""
        track = self._track(series)
        known = track.usual_gap_s()
        if known is None:
            times = [sample.at for sample in self.recent(series, 21)]
            gaps = sorted(after - before for before, after in pairwise(times) if after > before)
            known = gaps[len(gaps) // 2] if len(gaps) >= 3 else None
        return known

    def recent(self, series: int, limit: int = 50) -> list[Sample]:
        """The newest samples by time, oldest first."""
        track = self._track(series)
        tail, marks = self._tail(track, limit)
        kept = track.folded
        if kept is None or kept[0] != marks.folded_to:
            kept = (marks.folded_to, self._samples.recent(track, KEPT_RECENT, marks.folded_to))
            track.folded = kept
        folded = kept[1]
        if (
            len(tail) == limit
            and track.tail.in_order
            and not track.parts
            and (not folded or folded[-1].at <= tail[0].at)
        ):
            return tail
        if limit > KEPT_RECENT and (
            len(tail) < limit or (folded and folded[-1].at > min(sample.at for sample in tail))
        ):
            folded = self._samples.recent(track, limit, marks.folded_to)
        return sorted([*folded, *tail], key=lambda sample: (sample.at, sample.id))[-limit:]

    def since(self, series: int, last_id: int, limit: int = 1000) -> list[Sample]:
        """The samples stored after `last_id` in the order of storing: the newest `limit` of them."""
        track = self._track(series)
        tail, marks = self._tail(track, None, last_id)
        if last_id >= marks.folded_to or len(tail) >= limit:
            return tail[-limit:]
        folded = self._samples.since(track, last_id, marks.folded_to, limit)
        return [*folded, *tail][-limit:]

    def between(self, series: int, begin: float, end: float, limit: int = PAGE) -> list[Sample]:
        """The samples from `begin` up to before `end` (Unix seconds), oldest first, at most `limit`."""
        return list(islice(self._pages(series, begin, end, min(limit, PAGE)), limit))

    def export(self, series: int, begin: float, end: float) -> Iterator[Sample]:
        """Every sample of a stretch, oldest first, read page by page: for files of any length."""
        return self._pages(series, begin, end, PAGE)

    def _pages(self, series: int, begin: float, end: float, size: int) -> Iterator[Sample]:
        track = self._track(series)
        tail, marks = self._tail(track)
        begin_ms, end_ms = int(begin * 1000), int(end * 1000)
        fresh = sorted(
            (sample for sample in tail if begin <= sample.at < end),
            key=lambda sample: (sample.at, sample.id),
            reverse=True,
        )
        after = (begin_ms - 1, 0)
        while True:
            page = self._samples.between(track, begin_ms, end_ms, marks.folded_to, size, after)
            for sample in page:
                while fresh and fresh[-1].at < sample.at:
                    yield fresh.pop()
                yield sample
            if len(page) < size:
                break
            after = (round(page[-1].at * 1000), page[-1].id)
        yield from reversed(fresh)

    def late(self, series: int) -> int:
        """Grows with every sample that comes after one of a later time: what was read of the series lacks it."""
        track = self._track(series)
        return sum(each.late for each in (track, *track.parts))

    # Charts

    def history(self, series: int, begin: float, end: float, points: int = 300) -> Chart:
        """Averages with lows and highs from `begin` up to `end` (Unix seconds), at most `points`, gaps as empty points.

        Single samples where they are few enough, else buckets of raw samples, of 5 minutes or of hours, whichever fits.
        """
        track = self._track(series)
        points = max(2, min(points, MAX_POINTS))
        end = max(end, begin + 1)
        if begin >= self._raw_from_s(track):
            single = self._single(track, begin, end, points)
            if single is not None:
                return single
            begin = self._begun(track, begin, end, points)
        step_s = step_s_for(begin, end, points)
        base = self._base_s(track, begin, end, step_s, points)
        if base and step_s < base:
            step_s = float(base)
        elif base:
            step_s = float(-(-step_s // base) * base)
        found = self._buckets(track, base, step_s, begin, end)
        gap_s = max(2 * step_s, gap_after_s(self.usual_gap_s(series)))
        shown = with_gaps([Point.of(bucket) for bucket in found], gap_s, step_s)
        return Chart(track.sensor.shown_unit, step_s, thin_out(shown, points))

    def _single(self, track: Track, begin: float, end: float, points: int) -> Chart | None:
        """Every sample by itself, where they are not too many."""
        begin_ms, end_ms = int(begin * 1000), int(end * 1000)
        fresh, marks = self._numbers(track, begin_ms, end_ms)
        if len(fresh) > points:
            return None
        folded = self._samples.numbers(track, begin_ms, end_ms, marks.folded_to, points + 1)
        if len(folded) + len(fresh) > points:
            return None
        both = sorted([*folded, *fresh])
        gap_s = gap_after_s(self.usual_gap_s(track.sensor.id))
        shown = with_gaps([Point(ts / 1000, value, value, value, 1) for ts, value in both], gap_s, 0.0)
        return Chart(track.sensor.shown_unit, 0.0, shown) if len(shown) <= points else None

    def _begun(self, track: Track, begin: float, end: float, points: int) -> float:
        """Where the samples of a stretch begin: a series younger than the stretch is shown in steps of its own life, not as two points."""
        begin_ms, end_ms = int(begin * 1000), int(end * 1000)
        fresh, marks = self._numbers(track, begin_ms, end_ms)
        folded = self._samples.numbers(track, begin_ms, end_ms, marks.folded_to, 1)
        first = min((ts / 1000 for ts, _ in (*folded, *fresh)), default=begin)
        return first if first - begin > (end - begin) / points else begin

    def _base_s(self, track: Track, begin: float, end: float, step_s: float, points: int) -> int:
        """Which rollup to read: 3600, 300, or 0 for raw samples."""
        span = end - begin
        for base in (HOUR_S, FIVE_S):
            if step_s >= base or span / base * FINE_ENOUGH >= points:
                return base
        return FIVE_S if begin < self._raw_from_s(track) else 0

    def _buckets(self, track: Track, base: int, step_s: float, begin: float, end: float) -> list[Bucket]:
        """Buckets of `step_s` from rollups, from raw samples at the ends and after the last rollup, and from memory."""
        step_ms, begin_ms, end_ms = round(step_s * 1000), int(begin * 1000), int(end * 1000)
        while True:
            fresh, marks = self._numbers(track, begin_ms, end_ms)
            rolled, raw = _split(begin, end, base, marks.rolled_until_s, track.raw_from_s)
            found = self._samples.rollups(track, base, *rolled) if rolled else []
            for low_ms, high_ms in raw:
                found += self._samples.buckets(track, step_ms, low_ms, high_ms, marks.folded_to)
            if self._marks() is marks:
                return merge_buckets(found, fresh, step_ms)

    # Counters and words

    def use(self, series: int, begin: float, end: float, per: Literal["hour", "day"]) -> list[Use]:
        """How much a counter grew in each hour or day (of the local time zone) from `begin` up to `end`."""
        track = self._track(series)
        tail, marks = self._tail(track)
        counter = Counted(
            track,
            [
                Number(round(sample.at * 1000), sample.id, sample.series, sample.value)
                for sample in tail
                if sample.value is not None
            ],
            marks.folded_to,
            marks.rolled_until_s,
            track.raw_from_s,
            track.sensor.counts_as == "total",
        )
        return uses(self._samples, counter, begin, end, per)

    def timeline(self, series: int, begin: float, end: float, limit: int = 500) -> list[Stretch]:
        """The stretches of a boolean, enum or text series from `begin` up to `end`, oldest first: the newest `limit`."""
        track = self._track(series)
        tail, marks = self._tail(track)
        begin_ms, end_ms = int(begin * 1000), int(end * 1000)
        first = self._samples.last_before(track, begin_ms, marks.folded_to)
        folded = self._samples.changes(track, begin_ms, end_ms, marks.folded_to, 100_000)
        older = [sample for sample in tail if sample.at < begin]
        first = max([each for each in (first, *older) if each], key=lambda each: (each.at, each.id), default=None)
        fresh = [sample for sample in tail if begin <= sample.at < end]
        both = sorted([*folded, *fresh], key=lambda sample: (sample.at, sample.id))
        changes: list[tuple[float, float | None, str | None]] = [(begin, first.value, first.text)] if first else []
        for sample in both:
            if not changes or changes[-1][1:] != (sample.value, sample.text):
                changes.append((sample.at, sample.value, sample.text))
        if not changes:
            return []
        until = min(end, self._clock())
        ends = [*(at for at, _, _ in changes[1:]), until]
        found = [Stretch(at, stop, value, text) for (at, value, text), stop in zip(changes, ends, strict=True)]
        return found[-limit:]

    def events(self, series: int, begin: float, end: float, limit: int = 200) -> list[Sample]:
        """What happened in a stretch, newest first."""
        track = self._track(series)
        tail, marks = self._tail(track)
        fresh = [sample for sample in tail if begin <= sample.at < end]
        folded = self._samples.newest_between(track, int(begin * 1000), int(end * 1000), marks.folded_to, limit)
        return nlargest(limit, [*folded, *fresh], key=lambda sample: (sample.at, sample.id))

    # Memory

    def _track(self, series: int) -> Track:
        track = self._catalog.tracks.get(series)
        if track is None:
            raise NotFound("There is no such sensor.")
        return track

    def _raw_from_s(self, track: Track) -> float:
        """From when on every single sample is there."""
        kept_s = (track.sensor.raw_days or self._raw_days) * 86400
        return max(self._clock() - kept_s, track.raw_from_s)

    def _tail(self, track: Track, limit: int | None = None, last_id: int = 0) -> tuple[list[Sample], Marks]:
        """The unfolded samples in the order of storing, and the marks that go with them.

        The tails are taken before the marks: what is folded in between is left out here and found in the table.
        """
        both = (track, *track.parts)
        tails = [(each.sensor.id, each.tail) for each in both if track.scale_of(each) is not None]
        marks = self._marks()
        after = max(last_id, marks.folded_to)
        found = [sample for series, tail in tails for sample in tail.samples(series, after, limit)]
        if len(tails) > 1:
            found.sort(key=lambda sample: sample.id)
        return in_unit(track, found), marks

    def _numbers(self, track: Track, begin_ms: int, end_ms: int) -> tuple[list[tuple[int, float]], Marks]:
        both = (track, *track.parts)
        tails = [(scale, each.tail) for each in both if (scale := track.scale_of(each)) is not None]
        marks = self._marks()
        found = [
            (ts, scale.of(value))
            for scale, tail in tails
            for ts, value in tail.numbers(marks.folded_to, begin_ms, end_ms)
        ]
        return found, marks


def _split(
    begin: float, end: float, base: int, rolled_until_s: int, raw_from_s: int
) -> tuple[tuple[int, int] | None, list[tuple[int, int]]]:
    """What to read of a stretch (Unix seconds) from rollups of `base` seconds (seconds), and what from raw samples (milliseconds).

    Where samples were let go, the rollups at its ends are taken whole.
    """
    begin_ms, end_ms = int(begin * 1000), int(end * 1000)
    if not base:
        return None, [(begin_ms, end_ms)]
    first, last = int(begin // base * base), int(end // base * base)
    raw: list[tuple[int, int]] = []
    if first < begin and begin >= raw_from_s:
        first += base
        raw.append((begin_ms, first * 1000))
    if last < raw_from_s:
        last = int(-(-end // base) * base)
    until = min(last, max(rolled_until_s, raw_from_s))
    if first >= until:
        return None, [(begin_ms, end_ms)]
    if until * 1000 < end_ms:
        raw.append((until * 1000, end_ms))
    return (first, until), raw
