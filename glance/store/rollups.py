"""Rolling samples up to 5 minutes and hours, and letting go of what is older than it has to be kept."""

from __future__ import annotations

from collections.abc import Sequence

from glance.store.db import Database
from glance.store.inbox import unzeroed

HOUR_S = 3600
FIVE_S = 300
INTO_5M = (
    "INSERT OR REPLACE INTO rollups_5m (series, at, avg, low, high, n) "
    "SELECT s.series, s.ts / 300000 * 300 AS five, AVG(s.value), MIN(s.value), MAX(s.value), COUNT(*) "
)
INTO_1H = (
    "INSERT OR REPLACE INTO rollups_1h (series, at, avg, low, high, n, rise) "
    "SELECT r.series, r.at / 3600 * 3600 AS hour, SUM(r.avg * r.n) / SUM(r.n), MIN(r.low), MAX(r.high), SUM(r.n), SUM(r.rise) "
)


class Rollups:
    """Writes rollups and deletes old rows; only the ingest thread uses it. Rolling up the same hour again is exact."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def roll_hour(self, hour_s: int) -> None:
        """Roll up the hour that begins at `hour_s` (Unix seconds) for every series; counters come after, see `put_rises`."""
        with self._db.write() as con:
            con.execute(
                INTO_5M + "FROM series AS e CROSS JOIN samples AS s ON s.series = e.id AND s.ts >= ? AND s.ts < ? "
                "WHERE s.value IS NOT NULL GROUP BY s.series, five",
                (hour_s * 1000, (hour_s + HOUR_S) * 1000),
            )
            con.execute(
                INTO_1H + "FROM series AS e CROSS JOIN rollups_5m AS r ON r.series = e.id AND r.at >= ? AND r.at < ? "
                "GROUP BY r.series, hour",
                (hour_s, hour_s + HOUR_S),
            )

    def roll_one(self, series: int, hour_s: int) -> None:
        """Roll up one hour of one series."""
        with self._db.write() as con:
            con.execute(
                INTO_5M
                + "FROM samples AS s WHERE s.series = ? AND s.ts >= ? AND s.ts < ? AND s.value IS NOT NULL GROUP BY five",
                (series, hour_s * 1000, (hour_s + HOUR_S) * 1000),
            )
            con.execute(
                INTO_1H + "FROM rollups_5m AS r WHERE r.series = ? AND r.at >= ? AND r.at < ? GROUP BY hour",
                (series, hour_s, hour_s + HOUR_S),
            )

    def put_rises(self, series: int, rises: Sequence[tuple[int, float]]) -> None:
        """How much a counter grew, by the beginning of each 5 minutes; the hours follow from them."""
        if not rises:
            return
        first, last = rises[0][0] // HOUR_S * HOUR_S, rises[-1][0] // HOUR_S * HOUR_S + HOUR_S
        with self._db.write() as con:
            con.executemany(
                "UPDATE rollups_5m SET rise = ? WHERE series = ? AND at = ?",
                [(rise, series, at) for at, rise in rises],
            )
            con.execute(
                INTO_1H + "FROM rollups_5m AS r WHERE r.series = ? AND r.at >= ? AND r.at < ? GROUP BY hour",
                (series, first, last),
            )

    def earliest_hour(self) -> int | None:
        """The hour of the oldest raw sample of any series (Unix seconds)."""
        with self._db.read() as con:
            oldest = con.execute(
                "SELECT MIN((SELECT ts FROM samples WHERE series = e.id ORDER BY ts LIMIT 1)) FROM series AS e"
            ).fetchone()[0]
        return None if oldest is None else int(oldest) // 3_600_000 * HOUR_S

    def prune_samples(self, series: int, before_s: int) -> int:
        """Delete the samples of a series before a time (Unix seconds); returns how many there were."""
        with self._db.write() as con, unzeroed(con):
            return con.execute("DELETE FROM samples WHERE series = ? AND ts < ?", (series, before_s * 1000)).rowcount

    def prune_rollups(self, series: int, before_s: int) -> int:
        """Delete the rollups of a series before a time (Unix seconds); returns how many there were."""
        with self._db.write() as con, unzeroed(con):
            return sum(
                con.execute(f"DELETE FROM {table} WHERE series = ? AND at < ?", (series, before_s)).rowcount
                for table in ("rollups_5m", "rollups_1h")
            )

    def thin(self, series: int, before_s: float) -> int:
        """Of a series of words keep, before a time, only where the word changed; returns how many rows went."""
        with self._db.write() as con:
            return con.execute(
                "DELETE FROM samples WHERE series = ?1 AND ts < ?2 AND (ts, id) IN ("
                "SELECT ts, id FROM (SELECT ts, id, value, text, LAG(value) OVER w AS last_value, LAG(text) OVER w AS last_text, "
                "ROW_NUMBER() OVER w AS turn FROM samples WHERE series = ?1 AND ts < ?2 WINDOW w AS (ORDER BY ts, id)) "
                "WHERE turn > 1 AND value IS last_value AND text IS last_text)",
                (series, int(before_s * 1000)),
            ).rowcount

    def prune_rest(self, folds_before_s: float, texts_before_day: int) -> None:
        """Forget folds and words that no kept sample can need."""
        with self._db.write() as con:
            con.execute("DELETE FROM folds WHERE at < ?", (folds_before_s,))
            con.execute("DELETE FROM texts WHERE used_on < ?", (texts_before_day,))

    def erase(self, series: int) -> None:
        """Delete everything of a series."""
        with self._db.write() as con, unzeroed(con):
            for table in ("samples", "rollups_5m", "rollups_1h"):
                con.execute(f"DELETE FROM {table} WHERE series = ?", (series,))

    def span_s(self) -> tuple[float | None, float | None]:
        """When the oldest raw sample and the oldest rollup are from (Unix seconds)."""
        with self._db.read() as con:
            raw, rolled = con.execute(
                "SELECT MIN((SELECT ts FROM samples WHERE series = e.id ORDER BY ts LIMIT 1)), "
                "MIN((SELECT at FROM rollups_1h WHERE series = e.id ORDER BY at LIMIT 1)) FROM series AS e"
            ).fetchone()
        return (None if raw is None else raw / 1000), rolled

    def used_bytes(self) -> int:
        """Bytes of the database that hold something; pages given free are used again, the file itself does not shrink."""
        with self._db.read() as con:
            pages, free, size = (
                int(con.execute(f"PRAGMA {name}").fetchone()[0])
                for name in ("page_count", "freelist_count", "page_size")
            )
        return (pages - free) * size
