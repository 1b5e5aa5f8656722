"""Stored samples of a series and of all that was merged into it, in its unit. What does not convert into that is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from glance.conversions import Scale
from glance.ingest.tracks import Track
from glance.store.samples import Bucket, Number, Sample, Samples


class Together:
    """The reading side of `Samples` for tracks instead of ids."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def recent(self, track: Track, limit: int, upto: int) -> list[Sample]:
        """The newest samples by time, oldest first."""
        return in_unit(track, self._samples.recent(track.readable, limit, upto))

    def since(self, track: Track, last_id: int, upto: int, limit: int) -> list[Sample]:
        """The newest samples that were stored after `last_id`, in the order of storing."""
        return in_unit(track, self._samples.since(track.readable, last_id, upto, limit))

    def between(
        self, track: Track, begin_ms: int, end_ms: int, upto: int, limit: int, after: tuple[int, int] = (0, 0)
    ) -> list[Sample]:
        """The samples from `begin_ms` up to before `end_ms`, oldest first; with `after` those behind that (ts, id)."""
        return in_unit(track, self._samples.between(track.readable, begin_ms, end_ms, upto, limit, after))

    def newest_between(self, track: Track, begin_ms: int, end_ms: int, upto: int, limit: int) -> list[Sample]:
        """The newest samples of a stretch, `limit` of each series at most, in no order."""
        return in_unit(track, self._samples.newest_between(track.readable, begin_ms, end_ms, upto, limit))

    def last_before(self, track: Track, ts_ms: int, upto: int) -> Sample | None:
        """The newest sample before a time."""
        found = self._samples.last_before(track.readable, ts_ms, upto)
        return in_unit(track, [found])[0] if found else None

    def changes(self, track: Track, begin_ms: int, end_ms: int, upto: int, limit: int) -> list[Sample]:
        """Those samples of a stretch that differ from the one before, oldest first: the newest `limit` of them."""
        return in_unit(track, self._samples.changes(track.readable, begin_ms, end_ms, upto, limit))

    def numbers(self, track: Track, begin_ms: int, end_ms: int, upto: int, limit: int) -> list[tuple[int, float]]:
        """(Unix milliseconds, value) of the samples with a value, oldest first, at most `limit` of each unit."""
        return [
            (ts, scale.of(value))
            for scale, ids in track.by_scale()
            for ts, value in self._samples.numbers(ids, begin_ms, end_ms, upto, limit)
        ]

    def measured(self, track: Track, begin_ms: int, end_ms: int, upto: int) -> list[Number]:
        """The samples with a value of a stretch, oldest first."""
        return numbers_in_unit(track, self._samples.measured(track.readable, begin_ms, end_ms, upto))

    def measured_before(self, track: Track, ts_ms: int, upto: int, limit: int) -> list[Number]:
        """The newest samples with a value before a time, oldest first."""
        return numbers_in_unit(track, self._samples.measured_before(track.readable, ts_ms, upto, limit))

    def measured_after(self, track: Track, ts_ms: int, upto: int, limit: int) -> list[Number]:
        """The first samples with a value from a time on, oldest first."""
        return numbers_in_unit(track, self._samples.measured_after(track.readable, ts_ms, upto, limit))

    def rollups(self, track: Track, step_s: int, begin_s: int, end_s: int) -> list[Bucket]:
        """The stored averages of 300 or 3600 s that begin in [begin_s, end_s), oldest first."""
        found = [(scale, self._samples.rollups(ids, step_s, begin_s, end_s)) for scale, ids in track.by_scale()]
        return _buckets(found)

    def buckets(self, track: Track, step_ms: int, begin_ms: int, end_ms: int, upto: int) -> list[Bucket]:
        """Averages of raw samples in buckets of `step_ms` that begin at multiples of it."""
        found = [
            (scale, self._samples.buckets(ids, step_ms, begin_ms, end_ms, upto)) for scale, ids in track.by_scale()
        ]
        return _buckets(found)


def in_unit(track: Track, samples: list[Sample]) -> list[Sample]:
    """Samples of a track and what was merged into it, in the unit of the track."""
    scales = track.scales
    return [_in(one, scales.get(one.series)) for one in samples] if scales else samples


def numbers_in_unit(track: Track, numbers: list[Number]) -> list[Number]:
    """The same for numbers."""
    scales = track.scales
    if not scales:
        return numbers
    return sorted(
        one._replace(value=scales[one.series].of(one.value)) if one.series in scales else one for one in numbers
    )


def _in(sample: Sample, scale: Scale | None) -> Sample:
    if scale is None or sample.value is None:
        return sample
    return replace(sample, value=scale.of(sample.value))


def _buckets(found: Iterable[tuple[Scale, Sequence[Bucket]]]) -> list[Bucket]:
    made = [
        bucket
        if scale.is_same
        else Bucket(
            bucket.at,
            scale.of(bucket.avg),
            scale.of(bucket.low),
            scale.of(bucket.high),
            bucket.n,
            None if bucket.rise is None else scale.grown(bucket.rise),
        )
        for scale, buckets in found
        for bucket in buckets
    ]
    made.sort(key=lambda bucket: bucket.at)
    return made
