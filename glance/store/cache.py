"""The stored answers: `widget_data_cache` for the saved params of a widget, `widget_data_variant` for all others."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from glance.errors import Unavailable
from glance.model import CacheEntry
from glance.store.db import Database
from glance.store.rows import dump, load

FIELDS = "data, fetched_at, expires_at, failures, error, error_kind, error_at, retry_at, blocked_until, entry_version"
MAX_VARIANTS = 20
KEPT_UNSEEN_S = 90 * 86400
VARIANT_KEPT_S = 7 * 86400


class Cache:
    """Reads and writes cache entries; nothing here decides whether an entry is fresh."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def many(self, widget_ids: Sequence[str]) -> dict[str, CacheEntry]:
        """The entries of these widgets for their saved params, in one query."""
        if not widget_ids:
            return {}
        marks = ",".join("?" * len(widget_ids))
        with self._db.read() as con:
            rows = con.execute(
                f"SELECT widget_instance_id, params_hash, {FIELDS} FROM widget_data_cache WHERE widget_instance_id IN ({marks})",
                tuple(widget_ids),
            ).fetchall()
        return {row["widget_instance_id"]: _entry(row) for row in rows}

    def variant(self, widget_id: str, params_hash: str, now: float) -> CacheEntry | None:
        """The entry of this widget for other params than its saved ones; counts as a use."""
        with self._db.read() as con:
            row = con.execute(
                f"SELECT widget_instance_id, params_hash, used_at, {FIELDS} FROM widget_data_variant "
                "WHERE widget_instance_id = ? AND params_hash = ?",
                (widget_id, params_hash),
            ).fetchone()
        if row is None:
            return None
        if now - row["used_at"] > 1.0:
            self._used(widget_id, params_hash, now)
        return _entry(row)

    def _used(self, widget_id: str, params_hash: str, now: float) -> None:
        """Note that a variant was asked for; where nothing can be written now, the answer is worth more than the note."""
        with suppress(Unavailable), self._db.write() as con:
            con.execute(
                "UPDATE widget_data_variant SET used_at = ? WHERE widget_instance_id = ? AND params_hash = ?",
                (now, widget_id, params_hash),
            )

    def put(self, entry: CacheEntry, now: float, *, variant: bool, state: dict[str, Any] | None = None) -> bool:
        """Store an answer or a failure, with the source's state, in one transaction; False where the widget is gone."""
        with self._db.write() as con:
            owner = con.execute("SELECT custom_widget_id FROM widgets WHERE id = ?", (entry.widget_id,)).fetchone()
            if owner is None:
                return False
            self._upsert(con, entry, owner["custom_widget_id"], now, variant)
            if state is not None:
                con.execute(
                    "INSERT INTO widget_source_state (widget_instance_id, state) VALUES (?, ?) "
                    "ON CONFLICT (widget_instance_id) DO UPDATE SET state = excluded.state",
                    (entry.widget_id, dump(state)),
                )
            if variant:
                self._trim_variants(con, entry.widget_id)
            return True

    def saw(self, widget_ids: Sequence[str], now: float) -> None:
        """Remember that somebody looked at these widgets (the last good answer is kept 90 days from then)."""
        with self._db.write() as con:
            con.executemany(
                "UPDATE widget_data_cache SET seen_at = ? WHERE widget_instance_id = ?", [(now, i) for i in widget_ids]
            )

    def clear(self, widget_id: str) -> int:
        """Forget every answer of one widget; returns how many."""
        with self._db.write() as con:
            return sum(
                con.execute(f"DELETE FROM {table} WHERE widget_instance_id = ?", (widget_id,)).rowcount
                for table in ("widget_data_cache", "widget_data_variant")
            )

    def clear_all(self) -> int:
        """Forget every answer; returns how many."""
        with self._db.write() as con:
            return sum(
                con.execute(f"DELETE FROM {table}").rowcount for table in ("widget_data_cache", "widget_data_variant")
            )

    def clean(self, now: float) -> int:
        """Delete what nobody needs: expired variants, and answers that expired and were unseen for 90 days; returns how many.

        The last good answer of a placed widget is kept for failures and restarts until it has not been seen for 90 days.
        """
        with self._db.write() as con:
            old = con.execute(
                "DELETE FROM widget_data_cache WHERE coalesce(expires_at, 0) < ? AND seen_at < ?",
                (now, now - KEPT_UNSEEN_S),
            ).rowcount
            variants = con.execute(
                "DELETE FROM widget_data_variant WHERE expires_at < ? OR (expires_at IS NULL AND used_at < ?)",
                (now, now - VARIANT_KEPT_S),
            ).rowcount
            return old + variants

    def retime(self, widget_id: str, ttl_s: float) -> None:
        """Let the stored answer expire `ttl_s` after it was fetched (its widget's interval was changed)."""
        with self._db.write() as con:
            con.execute(
                "UPDATE widget_data_cache SET expires_at = fetched_at + ?, entry_version = entry_version + 1 "
                "WHERE widget_instance_id = ? AND fetched_at IS NOT NULL",
                (ttl_s, widget_id),
            )

    def stats(self) -> dict[str, int]:
        """How many entries there are, for metrics."""
        with self._db.read() as con:
            row = con.execute(
                "SELECT (SELECT count(*) FROM widget_data_cache) AS entries, (SELECT count(*) FROM widget_data_variant) AS variants"
            ).fetchone()
        return {"entries": row["entries"], "variants": row["variants"]}

    def _upsert(self, con: sqlite3.Connection, entry: CacheEntry, owner: int, now: float, variant: bool) -> None:
        table, key, seen = (
            ("widget_data_variant", "widget_instance_id, params_hash", "used_at")
            if variant
            else ("widget_data_cache", "widget_instance_id", "seen_at")
        )
        con.execute(
            f"INSERT INTO {table} (widget_instance_id, params_hash, custom_widget_id, data, fetched_at, expires_at, failures, error, "
            f"error_kind, error_at, retry_at, blocked_until, {seen}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            f"ON CONFLICT ({key}) DO UPDATE SET params_hash = excluded.params_hash, custom_widget_id = excluded.custom_widget_id, "
            "data = excluded.data, fetched_at = excluded.fetched_at, expires_at = excluded.expires_at, failures = excluded.failures, "
            "error = excluded.error, error_kind = excluded.error_kind, error_at = excluded.error_at, "
            "retry_at = excluded.retry_at, blocked_until = excluded.blocked_until, entry_version = entry_version + 1",
            (
                entry.widget_id,
                entry.params_hash,
                owner,
                None if entry.fetched_at is None else dump(entry.data),
                entry.fetched_at,
                entry.expires_at,
                entry.failures,
                entry.error,
                entry.error_kind,
                entry.error_at,
                entry.retry_at,
                entry.blocked_until,
                now,
            ),
        )

    def _trim_variants(self, con: sqlite3.Connection, widget_id: str) -> None:
        con.execute(
            "DELETE FROM widget_data_variant WHERE widget_instance_id = ? AND params_hash NOT IN "
            "(SELECT params_hash FROM widget_data_variant WHERE widget_instance_id = ? ORDER BY used_at DESC LIMIT ?)",
            (widget_id, widget_id, MAX_VARIANTS),
        )


def _entry(row: sqlite3.Row) -> CacheEntry:
    return CacheEntry(
        widget_id=row["widget_instance_id"],
        params_hash=row["params_hash"],
        data=None if row["data"] is None else load(row["data"]),
        fetched_at=row["fetched_at"],
        expires_at=row["expires_at"],
        failures=row["failures"],
        error=row["error"],
        error_kind=row["error_kind"],
        error_at=row["error_at"],
        retry_at=row["retry_at"],
        blocked_until=row["blocked_until"],
        entry_version=row["entry_version"],
    )
