"""Where new samples go first: appended and committed at once, folded into the series-ordered table every few minutes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from glance.store.db import Database

# id, series, Unix milliseconds, value, word
Row = tuple[int, int, int, float | None, str | None]

MAX_CACHED_TEXTS = 20_000


class Inbox:
    """The writing side of samples; only the ingest thread uses it after the start."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._texts: dict[str, tuple[int, int]] = {}

    def load(self) -> list[Row]:
        """Every sample that is not folded yet, in the order of storing."""
        with self._db.read() as con:
            rows = con.execute(
                "SELECT i.id, i.series, i.ts, i.value, t.text FROM inbox AS i LEFT JOIN texts AS t ON t.id = i.text ORDER BY i.id"
            ).fetchall()
        return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]

    def append(self, rows: Sequence[Row], today: int) -> None:
        """Store samples; `today` (days since 1970) is noted with their words."""
        try:
            with self._db.write() as con:
                con.executemany(
                    "INSERT OR IGNORE INTO inbox (id, series, ts, value, text) VALUES (?, ?, ?, ?, ?)",
                    [row if row[4] is None else (*row[:4], self._text(row[4], today)) for row in rows],
                )
        except BaseException:
            # a word whose row was rolled back has no id
            self._texts.clear()
            raise

    def shift(self, numbers: Iterable[int], shift_ms: int, today: int) -> None:
        """These samples are of another time than was thought; the words of what is not folded were used `today` (days since 1970)."""
        with self._db.write() as con:
            con.executemany("UPDATE inbox SET ts = ts + ? WHERE id = ?", [(shift_ms, number) for number in numbers])
            con.execute("UPDATE texts SET used_on = ?1 WHERE used_on < ?1 AND id IN (SELECT text FROM inbox)", (today,))

    def bring_back(self, after_s: int, shift_ms: int) -> list[tuple[int, int]]:
        """Samples after a time were stored by a clock that was ahead: they were earlier by so much.

        Returns each (series, hour in Unix seconds) that got samples by it; averages after that time go.
        """
        hours: list[tuple[int, int]] = []
        with self._db.write() as con:
            con.execute("UPDATE inbox SET ts = ts - ? WHERE ts > ?", (shift_ms, after_s * 1000))
            con.execute("UPDATE folds SET min_ts = min_ts - ? WHERE min_ts > ?", (shift_ms, after_s * 1000))
            con.execute("UPDATE folds SET at = at - ? WHERE at > ?", (shift_ms / 1000, after_s))
            for (series,) in con.execute("SELECT id FROM series").fetchall():
                found = con.execute(
                    "SELECT DISTINCT (ts - ?) / 3600000 * 3600 FROM samples WHERE series = ? AND ts > ?",
                    (shift_ms, series, after_s * 1000),
                ).fetchall()
                hours += [(series, hour) for (hour,) in found]
                con.execute(
                    "UPDATE samples SET ts = ts - ? WHERE series = ? AND ts > ?", (shift_ms, series, after_s * 1000)
                )
                for table in ("rollups_5m", "rollups_1h"):
                    con.execute(f"DELETE FROM {table} WHERE series = ? AND at > ?", (series, after_s))
        return hours

    def last_known_s(self) -> float:
        """The latest time that is known to have been (Unix seconds); 0 where there is none."""
        with self._db.read() as con:
            row = con.execute(
                "SELECT MAX(COALESCE((SELECT MAX(ts) FROM inbox) / 1000.0, 0), COALESCE((SELECT MAX(at) FROM folds), 0))"
            ).fetchone()
        return float(row[0])

    def forget_texts(self) -> None:
        """Words may have been deleted, or their rows rolled back: look each up anew."""
        self._texts.clear()

    def _text(self, text: str, today: int) -> int:
        known = self._texts.get(text)
        if known is not None and known[1] == today:
            return known[0]
        with self._db.write() as con:
            found = con.execute("SELECT id FROM texts WHERE text = ?", (text,)).fetchone()
            if found is None:
                number = con.execute("INSERT INTO texts (text, used_on) VALUES (?, ?)", (text, today)).lastrowid
                assert number is not None
            else:
                number = int(found[0])
                con.execute("UPDATE texts SET used_on = ? WHERE id = ?", (today, number))
        if len(self._texts) >= MAX_CACHED_TEXTS:
            self._texts.clear()
        self._texts[text] = (number, today)
        return number

    def fold(
        self,
        rolled_until_s: int,
        at: float,
        before: Sequence[tuple[int, int]] = (),
        merge_late: Callable[[], None] = lambda: None,
    ) -> tuple[int, list[tuple[int, int]]]:
        """Move everything into `samples`, sorted, in one transaction; `before` is what earlier calls found late and still is.

        `merge_late` is called within the transaction: it takes care of what is for a time whose samples were let go.

        Returns the last id moved (0 = there was nothing) and each (series, hour in Unix seconds) before `rolled_until_s` that
        got samples late and has to be rolled up again; it is kept as the state `late` until it is, also over a crash.
        """
        with self._db.write() as con:
            last, earliest = con.execute("SELECT MAX(id), MIN(ts) FROM inbox").fetchone()
            if last is None:
                return 0, [*before]
            late: list[tuple[int, int]] = []
            # samples may go before their hour is rolled up, where the database is too big
            let_go_s = con.execute("SELECT MAX(raw_from) FROM series").fetchone()[0] or 0
            if earliest < max(rolled_until_s, let_go_s) * 1000:
                found = con.execute(
                    "SELECT DISTINCT i.series, i.ts / 3600000 * 3600 FROM inbox AS i LEFT JOIN series AS e ON e.id = i.series "
                    "WHERE i.ts < ? AND i.ts >= COALESCE(e.raw_from, 0) * 1000",
                    (rolled_until_s * 1000,),
                )
                late = [(row[0], row[1]) for row in found]
                merge_late()
            con.execute(
                "INSERT OR IGNORE INTO samples (series, ts, id, value, text) "
                "SELECT series, ts, id, value, text FROM inbox ORDER BY series, ts, id"
            )
            con.execute("INSERT INTO folds (last_id, min_ts, at) VALUES (?, ?, ?)", (last, earliest, at))
            with unzeroed(con):
                con.execute("DELETE FROM inbox")
            self.put_state({"folded_to": str(last)} | ({"late": json.dumps([*before, *late])} if late else {}))
        return int(last), [*before, *late]

    def seen(self) -> dict[int, int]:
        """The stored deliveries: message id -> hash."""
        with self._db.read() as con:
            return {row[0]: row[1] for row in con.execute("SELECT mid, hash FROM seen")}

    def put_seen(self, deliveries: Iterable[tuple[int, int]]) -> None:
        """These deliveries are stored now."""
        with self._db.write() as con:
            con.executemany("INSERT OR REPLACE INTO seen (mid, hash) VALUES (?, ?)", deliveries)

    def replace_seen(self, deliveries: Iterable[tuple[int, int]]) -> None:
        """Only these deliveries may come again: forget all others."""
        with self._db.write() as con:
            with unzeroed(con):
                con.execute("DELETE FROM seen")
            self.put_seen(deliveries)

    def state(self) -> dict[str, str]:
        """How far things have come, by name."""
        with self._db.read() as con:
            return {row[0]: row[1] for row in con.execute("SELECT name, value FROM ingest_state")}

    def put_state(self, values: dict[str, str]) -> None:
        """Remember these by name."""
        with self._db.write() as con:
            con.executemany("INSERT OR REPLACE INTO ingest_state (name, value) VALUES (?, ?)", list(values.items()))


@contextmanager
def unzeroed(con: sqlite3.Connection) -> Iterator[None]:
    """Inside, deleted samples are not overwritten with zeros: Debian's SQLite does so, and doubles the bytes written by it."""
    zeroes = int(con.execute("PRAGMA secure_delete").fetchone()[0])
    con.execute("PRAGMA secure_delete = OFF")
    try:
        yield
    finally:
        con.execute(f"PRAGMA secure_delete = {zeroes:d}")
