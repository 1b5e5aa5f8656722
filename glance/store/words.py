"""Letting go of words that no sample has any more, by looking at the samples: `used_on` tells it only by the day."""

from __future__ import annotations

import json
from collections.abc import Callable

from glance.store.db import Database
from glance.store.inbox import Inbox, unzeroed
from glance.store.rollups import AT_ONCE


class Words:
    """Only the ingest thread uses it."""

    def __init__(self, db: Database, inbox: Inbox) -> None:
        self._db = db
        self._inbox = inbox

    def size_bytes(self) -> int:
        """About how many bytes all words take, each once in the table and once in its index."""
        with self._db.read() as con:
            return 2 * int(con.execute("SELECT TOTAL(LENGTH(CAST(text AS BLOB)) + 10) FROM texts").fetchone()[0])

    def forget_unused(self, between: Callable[[], None], is_stopping: Callable[[], bool]) -> None:
        """Delete the words that no sample has; `between` is called between two steps, and may commit samples but not fold them."""
        used: set[int] = set()
        for series in self._series():
            if is_stopping():
                return
            used |= self._used_by(series)
            between()
        with self._db.read() as con:
            unused = [row[0] for row in con.execute("SELECT id FROM texts ORDER BY id") if row[0] not in used]
        for begin in range(0, len(unused), AT_ONCE):
            self._forget(unused[begin : begin + AT_ONCE])
            between()

    def _series(self) -> list[int]:
        with self._db.read() as con:
            return [row[0] for row in con.execute("SELECT id FROM series")]

    def _used_by(self, series: int) -> set[int]:
        """The words in the folded samples of a series."""
        with self._db.read() as con:
            rows = con.execute("SELECT DISTINCT text FROM samples WHERE series = ? AND text IS NOT NULL", (series,))
            return {row[0] for row in rows}

    def _forget(self, words: list[int]) -> None:
        """Delete these words, those aside that an unfolded sample has: they may have come again in the meantime."""
        with self._db.write() as con, unzeroed(con):
            con.execute(
                "DELETE FROM texts WHERE id IN (SELECT value FROM json_each(?)) "
                "AND id NOT IN (SELECT text FROM inbox WHERE text IS NOT NULL)",
                (json.dumps(words),),
            )
        self._inbox.forget_texts()
