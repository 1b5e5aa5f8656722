"""Rolling samples up to 5 minutes and hours, and letting go of what is older than it has to be kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from glance.store.db import Database
from glance.store.inbox import unzeroed

HOUR_S = 3600
FIVE_S = 300
# Rows deleted in one transaction.
AT_ONCE = 20_000
# Samples before `raw_from` are incomplete: what is stored of that time stays as it is.
INTO_5M = (
    "INSERT INTO rollups_5m (series, at, avg, low, high, n) "
    "SELECT s.series, s.ts / 300000 * 300 AS five, AVG(s.value), MIN(s.value), MAX(s.value), COUNT(*) "
    "FROM series AS e CROSS JOIN samples AS s "
    "ON s.series = e.id AND s.ts >= MAX(?1, COALESCE(e.raw_from, 0) * 1000) AND s.ts < ?2 WHERE s.value IS NOT NULL "
)
ANEW = (
    "GROUP BY s.series, five ON CONFLICT (series, at) "
    "DO UPDATE SET avg = excluded.avg, low = excluded.low, high = excluded.high, n = excluded.n"
)
TOGETHER = (
    "INSERT INTO rollups_5m (series, at, avg, low, high, n) "
    "SELECT i.series, i.ts / 300000 * 300 AS five, AVG(i.value), MIN(i.value), MAX(i.value), COUNT(*) "
    "FROM inbox AS i JOIN series AS e ON e.id = i.series AND i.ts < e.raw_from * 1000 WHERE i.value IS NOT NULL "
    "GROUP BY i.series, five ON CONFLICT (series, at) DO UPDATE SET "
    "avg = (avg * n + excluded.avg * excluded.n) / (n + excluded.n), n = n + excluded.n, "
    "low = MIN(low, excluded.low), high = MAX(high, excluded.high)"
)
INTO_1H = (
    "INSERT OR REPLACE INTO rollups_1h (series, at, avg, low, high, n, rise) "
    "SELECT r.series, r.at / 3600 * 3600 AS hour, SUM(r.avg * r.n) / SUM(r.n), MIN(r.low), MAX(r.high), SUM(r.n), SUM(r.rise) "
)


class Rollups:
    """Writes rollups and deletes old rows; only the ingest thread uses it. Rolling up the same hour again is exact."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def roll(self, begin_s: int, end_s: int) -> None:
        """Roll up a stretch within one hour (Unix seconds, multiples of 300) for every series; counters come after, see `put_rises`."""
        with self._db.write() as con:
            con.execute(INTO_5M + ANEW, (begin_s * 1000, end_s * 1000))
            con.execute(
                INTO_1H + "FROM series AS e CROSS JOIN rollups_5m AS r ON r.series = e.id AND r.at >= ? AND r.at < ? "
                "GROUP BY r.series, hour",
                (begin_s // HOUR_S * HOUR_S, end_s),
            )

    def roll_one(self, series: int, hour_s: int) -> None:
        """Roll up one hour of one series."""
        with self._db.write() as con:
            con.execute(INTO_5M + "AND e.id = ?3 " + ANEW, (hour_s * 1000, (hour_s + HOUR_S) * 1000, series))
            self._hours(con, series, hour_s, hour_s + HOUR_S)

    def merge_late(self) -> None:
        """Add what lies in the inbox for a time whose samples were let go to the averages of that time.

        To be called in the transaction that empties the inbox, so that nothing is added twice.
        """
        with self._db.write() as con:
            hours = con.execute(
                "SELECT DISTINCT i.series, i.ts / 3600000 * 3600 FROM inbox AS i JOIN series AS e ON e.id = i.series "
                "WHERE i.ts < e.raw_from * 1000 AND i.value IS NOT NULL"
            ).fetchall()
            if hours:
                con.execute(TOGETHER)
            for series, hour_s in hours:
                self._hours(con, series, hour_s, hour_s + HOUR_S)

    def put_rises(self, series: int, begin_s: int, end_s: int, rises: Iterable[tuple[int, float]]) -> None:
        """How much a counter grew from `begin_s` up to `end_s`, by the beginning of each 5 minutes; the hours follow from them."""
        with self._db.write() as con:
            con.execute(
                "UPDATE rollups_5m SET rise = NULL WHERE series = ? AND at >= ? AND at < ?", (series, begin_s, end_s)
            )
            con.executemany(
                "UPDATE rollups_5m SET rise = ? WHERE series = ? AND at = ?",
                [(rise, series, at) for at, rise in rises],
            )
            self._hours(con, series, begin_s // HOUR_S * HOUR_S, -(-end_s // HOUR_S) * HOUR_S)

    def _hours(self, con: sqlite3.Connection, series: int, begin_s: int, end_s: int) -> None:
        """Make the hours of a stretch of one series from its 5 minutes."""
        con.execute(
            INTO_1H + "FROM rollups_5m AS r WHERE r.series = ? AND r.at >= ? AND r.at < ? GROUP BY hour",
            (series, begin_s, end_s),
        )

    def next_hour(self, begin_s: int) -> int | None:
        """The hour of the first sample of any series from `begin_s` on (Unix seconds); None where there is none."""
        with self._db.read() as con:
            first = con.execute(
                "SELECT MIN((SELECT ts FROM samples WHERE series = e.id AND ts >= ? ORDER BY ts LIMIT 1)) FROM series AS e",
                (begin_s * 1000,),
            ).fetchone()[0]
        return None if first is None else int(first) // 3_600_000 * HOUR_S

    def has_older(self, series: int, before_s: int, raw_from_s: int, keep: int = 1) -> bool:
        """Has a series samples before a time (Unix seconds) other than the `keep` that stay of the time before `raw_from_s`?"""
        with self._db.read() as con:
            found = con.execute(
                "SELECT ts FROM samples WHERE series = ? AND ts < ? ORDER BY ts LIMIT ?",
                (series, before_s * 1000, keep + 1),
            ).fetchall()
        return len(found) > keep or (keep == 1 and any(row[0] >= raw_from_s * 1000 for row in found))

    def prune_samples(self, series: int, before_s: int, keep: int = 1) -> int:
        """Delete samples of a series before a time (Unix seconds), all but the newest `keep` of them: what held then is still known.

        At most `AT_ONCE` of them, so that nobody waits for long; returns how many there were, 0 = there are no more.
        """
        with self._db.write() as con, unzeroed(con):
            con.execute("UPDATE series SET raw_from = MAX(COALESCE(raw_from, 0), ?) WHERE id = ?", (before_s, series))
            limit = con.execute(
                "SELECT ts FROM samples WHERE series = ? AND ts < ? ORDER BY ts LIMIT 1 OFFSET ?",
                (series, before_s * 1000, AT_ONCE),
            ).fetchone()
            return con.execute(
                "DELETE FROM samples WHERE series = ?1 AND ts < ?2 AND (ts, id) < "
                "(SELECT ts, id FROM samples WHERE series = ?1 AND ts < ?3 ORDER BY ts DESC, id DESC LIMIT 1 OFFSET ?4)",
                (series, before_s * 1000 if limit is None else limit[0] + 1, before_s * 1000, keep - 1),
            ).rowcount

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

    def prune_folds(self, before_s: float) -> None:
        """Forget folds before a time (Unix seconds), whose samples are gone."""
        with self._db.write() as con:
            con.execute("DELETE FROM folds WHERE at < ?", (before_s,))

    def prune_rest(self, folds_before_s: float, texts_before_day: int) -> None:
        """Forget folds and words that no kept sample can need."""
        with self._db.write() as con:
            self.prune_folds(folds_before_s)
            # the oldest sample of a series may be one that stays for good
            con.execute(
                "UPDATE texts SET used_on = ?1 WHERE used_on < ?1 AND id IN "
                "(SELECT (SELECT text FROM samples WHERE series = e.id ORDER BY ts, id LIMIT 1) FROM series AS e)",
                (texts_before_day,),
            )
            con.execute("DELETE FROM texts WHERE used_on < ?", (texts_before_day,))

    def erase(self, series: int) -> None:
        """Delete everything of a series."""
        with self._db.write() as con, unzeroed(con):
            for table in ("samples", "rollups_5m", "rollups_1h"):
                con.execute(f"DELETE FROM {table} WHERE series = ?", (series,))

    def span_s(self) -> tuple[float | None, float | None]:
        """When the oldest raw sample and the oldest rollup are from (Unix seconds), those aside that stay in any case."""
        with self._db.read() as con:
            raw, rolled = con.execute(
                "SELECT MIN((SELECT ts FROM samples WHERE series = e.id AND ts >= COALESCE(e.raw_from, 0) * 1000 ORDER BY ts LIMIT 1)), "
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
