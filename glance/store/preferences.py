"""Small choices of the owner, by name."""

from __future__ import annotations

from typing import Any

from glance.store.db import Database
from glance.store.rows import dump, load


class Preferences:
    """A JSON value per name."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> dict[str, Any]:
        """Every preference."""
        with self._db.read() as con:
            return {
                row["name"]: load(row["value"])
                for row in con.execute("SELECT name, value FROM preferences ORDER BY name")
            }

    def get(self, name: str, default: Any = None) -> Any:
        """One preference, or the default."""
        with self._db.read() as con:
            row = con.execute("SELECT value FROM preferences WHERE name = ?", (name,)).fetchone()
        return load(row["value"]) if row else default

    def set(self, name: str, value: Any) -> None:
        """Remember a value."""
        with self._db.write() as con:
            con.execute(
                "INSERT INTO preferences (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, dump(value)),
            )

    def forget(self, name: str) -> None:
        """Forget it; nothing happens where there is none."""
        with self._db.write() as con:
            con.execute("DELETE FROM preferences WHERE name = ?", (name,))
