"""Stored samples by series: the newest, a stretch of time, what came after an id, and averages in buckets."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from glance.store.db import Database

STEPS = {300: "rollups_5m", 3600: "rollups_1h"}
PAGE = 5000


@dataclass(frozen=True, slots=True)
class Sample:
    """One value at one time (`at`, Unix seconds UTC). A text has no value; a boolean has 0 or 1 and its word in `text`.

    `id` grows in the order of storing.
    """

    id: int
    series: int
    at: float
    value: float | None
    text: str | None = None


class Number(NamedTuple):
    """A sample with a value, by which they are sorted: Unix milliseconds, id, series, value."""

    ts: int
    id: int
    series: int
    value: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """The samples of a stretch of time that begins at `at` (Unix seconds); `rise` is how much a counter grew in it."""

    at: float
    avg: float
    low: float
    high: float
    n: int
    rise: float | None = None


class Samples:
    """Reads what is folded, up to and with the id `upto`: newer samples are in memory and must not be met twice."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def recent(self, series: Sequence[int], limit: int, upto: int) -> list[Sample]:
        """The newest samples by time, oldest first."""
        with self._db.read() as con:
            found = [
                con.execute(
                    "SELECT s.id, s.series, s.ts, s.value, t.text FROM samples AS s LEFT JOIN texts AS t ON t.id = s.text "
                    "WHERE s.series = ? AND s.id <= ? ORDER BY s.ts DESC, s.id DESC LIMIT ?",
                    (each, upto, limit),
                ).fetchall()
                for each in series
            ]
        newest = sorted(_samples(itertools.chain.from_iterable(found)), key=_by_time)
        return newest[-limit:]

    def between(
        self, series: Sequence[int], begin_ms: int, end_ms: int, upto: int, limit: int, after: tuple[int, int] = (0, 0)
    ) -> list[Sample]:
        """The samples from `begin_ms` up to before `end_ms`, oldest first; with `after` those behind that (ts, id)."""
        begin_ms = max(begin_ms, after[0])
        with self._db.read() as con:
            found = [
                con.execute(
                    "SELECT s.id, s.series, s.ts, s.value, t.text FROM samples AS s LEFT JOIN texts AS t ON t.id = s.text "
                    "WHERE s.series = ? AND s.ts >= ? AND s.ts < ? AND (s.ts, s.id) > (?, ?) AND s.id <= ? "
                    "ORDER BY s.ts, s.id LIMIT ?",
                    (each, begin_ms, end_ms, *after, upto, limit),
                ).fetchall()
                for each in series
            ]
        merged = heapq.merge(*(_samples(rows) for rows in found), key=_by_time)
        return list(itertools.islice(merged, limit))

    def newest_between(self, series: Sequence[int], begin_ms: int, end_ms: int, upto: int, limit: int) -> list[Sample]:
        """The newest samples of a stretch, `limit` of each series at most, in no order."""
        with self._db.read() as con:
            found = [
                con.execute(
                    "SELECT s.id, s.series, s.ts, s.value, t.text FROM samples AS s LEFT JOIN texts AS t ON t.id = s.text "
                    "WHERE s.series = ? AND s.ts >= ? AND s.ts < ? AND s.id <= ? ORDER BY s.ts DESC, s.id DESC LIMIT ?",
                    (each, begin_ms, end_ms, upto, limit),
                ).fetchall()
                for each in series
            ]
        return list(_samples(itertools.chain.from_iterable(found)))

    def numbers(
        self, series: Sequence[int], begin_ms: int, end_ms: int, upto: int, limit: int
    ) -> list[tuple[int, float]]:
        """(Unix milliseconds, value) of the samples with a value, oldest first, at most `limit`."""
        with self._db.read() as con:
            found = [
                con.execute(
                    "SELECT ts, value FROM samples WHERE series = ? AND ts >= ? AND ts < ? AND id <= ? AND value IS NOT NULL "
                    "ORDER BY ts, id LIMIT ?",
                    (each, begin_ms, end_ms, upto, limit),
                ).fetchall()
                for each in series
            ]
        merged = heapq.merge(*found, key=lambda row: row[0]) if len(found) > 1 else itertools.chain.from_iterable(found)
        return [(row[0], row[1]) for row in itertools.islice(merged, limit)]

    def measured(self, series: Sequence[int], begin_ms: int, end_ms: int, upto: int) -> list[Number]:
        """The samples with a value of a stretch, oldest first."""
        return self._measured(series, "ts >= ? AND ts < ?", (begin_ms, end_ms), upto, "ts, id LIMIT -1")

    def measured_before(self, series: Sequence[int], ts_ms: int, upto: int, limit: int) -> list[Number]:
        """The newest samples with a value before a time, oldest first."""
        found = self._measured(series, "ts < ?", (ts_ms,), upto, f"ts DESC, id DESC LIMIT {limit:d}")
        return found[-limit:]

    def measured_after(self, series: Sequence[int], ts_ms: int, upto: int, limit: int) -> list[Number]:
        """The oldest samples with a value from a time on, oldest first."""
        return self._measured(series, "ts >= ?", (ts_ms,), upto, f"ts, id LIMIT {limit:d}")[:limit]

    def _measured(
        self, series: Sequence[int], where: str, times: tuple[int, ...], upto: int, order: str
    ) -> list[Number]:
        found: list[Number] = []
        with self._db.read() as con:
            for each in series:
                rows = con.execute(
                    f"SELECT ts, id, series, value FROM samples WHERE series = ? AND {where} AND id <= ? "
                    f"AND value IS NOT NULL ORDER BY {order}",
                    (each, *times, upto),
                )
                found += [Number(*row) for row in rows]
        return sorted(found)

    def last_before(self, series: Sequence[int], ts_ms: int, upto: int) -> Sample | None:
        """The newest sample before a time."""
        with self._db.read() as con:
            found = [
                con.execute(
                    "SELECT s.id, s.series, s.ts, s.value, t.text FROM samples AS s LEFT JOIN texts AS t ON t.id = s.text "
                    "WHERE s.series = ? AND s.ts < ? AND s.id <= ? ORDER BY s.ts DESC, s.id DESC LIMIT 1",
                    (each, ts_ms, upto),
                ).fetchall()
                for each in series
            ]
        return max(_samples(itertools.chain.from_iterable(found)), key=_by_time, default=None)

    def changes(self, series: Sequence[int], begin_ms: int, end_ms: int, upto: int, limit: int) -> list[Sample]:
        """Those samples of a stretch that differ from the one before, oldest first: the newest `limit` of them."""
        with self._db.read() as con:
            found = [
                con.execute(
                    "SELECT id, series, ts, value, text FROM (SELECT s.id, s.series, s.ts, s.value, t.text, s.text AS word, "
                    "LAG(s.value) OVER w AS last_value, LAG(s.text) OVER w AS last_word, ROW_NUMBER() OVER w AS turn "
                    "FROM samples AS s LEFT JOIN texts AS t ON t.id = s.text "
                    "WHERE s.series = ? AND s.ts >= ? AND s.ts < ? AND s.id <= ? WINDOW w AS (ORDER BY s.ts, s.id)) "
                    "WHERE turn = 1 OR value IS NOT last_value OR word IS NOT last_word ORDER BY ts DESC, id DESC LIMIT ?",
                    (each, begin_ms, end_ms, upto, limit),
                ).fetchall()
                for each in series
            ]
        return sorted(_samples(itertools.chain.from_iterable(found)), key=_by_time)[-limit:]

    def since(self, series: Sequence[int], last_id: int, upto: int, limit: int) -> list[Sample]:
        """The newest samples that were stored after `last_id`, in the order of storing."""
        with self._db.read() as con:
            begin = con.execute("SELECT MIN(min_ts) FROM folds WHERE last_id > ?", (last_id,)).fetchone()[0]
            if begin is None:
                return []
            found = [
                con.execute(
                    "SELECT s.id, s.series, s.ts, s.value, t.text FROM samples AS s LEFT JOIN texts AS t ON t.id = s.text "
                    "WHERE s.series = ? AND s.ts >= ? AND s.id > ? AND s.id <= ?",
                    (each, begin, last_id, upto),
                ).fetchall()
                for each in series
            ]
        return sorted(_samples(itertools.chain.from_iterable(found)), key=lambda sample: sample.id)[-limit:]

    def rollups(self, series: Sequence[int], step_s: int, begin_s: int, end_s: int) -> list[Bucket]:
        """The stored averages of 300 or 3600 s that begin in [begin_s, end_s), oldest first."""
        marks = ",".join("?" * len(series))
        with self._db.read() as con:
            rows = con.execute(
                f"SELECT at, avg, low, high, n, rise FROM {STEPS[step_s]} WHERE series IN ({marks}) AND at >= ? AND at < ? "
                "ORDER BY at",
                (*series, begin_s, end_s),
            ).fetchall()
        return [Bucket(row[0], row[1], row[2], row[3], row[4], row[5]) for row in rows]

    def buckets(self, series: Sequence[int], step_ms: int, begin_ms: int, end_ms: int, upto: int) -> list[Bucket]:
        """Averages of raw samples in buckets of `step_ms` that begin at multiples of it."""
        marks = ",".join("?" * len(series))
        with self._db.read() as con:
            rows = con.execute(
                "SELECT ts / ? AS turn, AVG(value), MIN(value), MAX(value), COUNT(*) FROM samples "
                f"WHERE series IN ({marks}) AND ts >= ? AND ts < ? AND id <= ? AND value IS NOT NULL GROUP BY turn ORDER BY turn",
                (step_ms, *series, begin_ms, end_ms, upto),
            ).fetchall()
        return [Bucket(row[0] * step_ms / 1000, row[1], row[2], row[3], row[4]) for row in rows]

    def last_each(self) -> list[Sample]:
        """The newest sample of every series."""
        with self._db.read() as con:
            rows = con.execute(
                "SELECT s.id, s.series, s.ts, s.value, t.text FROM series AS e JOIN samples AS s ON s.series = e.id AND "
                "(s.ts, s.id) = (SELECT ts, id FROM samples WHERE series = e.id ORDER BY ts DESC, id DESC LIMIT 1) "
                "LEFT JOIN texts AS t ON t.id = s.text"
            ).fetchall()
        return list(_samples(rows))


def _samples(rows: Iterable[Sequence[object]]) -> Iterator[Sample]:
    for number, series, ts, value, text in rows:
        yield Sample(number, series, ts / 1000, value, text)  # type: ignore[arg-type, operator]


def _by_time(sample: Sample) -> tuple[float, int]:
    return sample.at, sample.id
