"""The credentials that custom widgets share, and a look at the secrets of single widgets; every value is encrypted."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from glance.errors import Conflict, NotFound
from glance.store.db import Database
from glance.store.rows import dump, load

NO_SUCH = "There is no credential with this name."
COLUMNS = "name, value, hosts, set_at, created_at"


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """One credential: its name, its encrypted value, the only hosts that get it; times in Unix seconds."""

    name: str
    ciphertext: bytes = field(repr=False)
    hosts: tuple[str, ...]
    set_at: float
    created_at: float


@dataclass(frozen=True, slots=True)
class WidgetSecret:
    """A secret param of one widget: whose it is, where in the params, encrypted, when it was set (Unix seconds)."""

    widget_id: str
    path: str
    ciphertext: bytes = field(repr=False)
    set_at: float


class CredentialRows:
    """Reads and writes the rows of credentials."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def all(self) -> list[StoredCredential]:
        """Every credential, by name."""
        with self._db.read() as con:
            rows = con.execute(f"SELECT {COLUMNS} FROM credentials ORDER BY name COLLATE NOCASE, name").fetchall()
        return [_credential(row) for row in rows]

    def find(self, name: str) -> StoredCredential | None:
        """The credential with this name, or None."""
        with self._db.read() as con:
            row = con.execute(f"SELECT {COLUMNS} FROM credentials WHERE name = ?", (name,)).fetchone()
        return _credential(row) if row else None

    def get(self, name: str) -> StoredCredential:
        """The credential with this name, or NotFound."""
        found = self.find(name)
        if found is None:
            raise NotFound(NO_SUCH)
        return found

    def create(self, name: str, ciphertext: bytes, hosts: Sequence[str]) -> StoredCredential:
        """Store a new one; Conflict where the name is taken."""
        now = self._clock()
        with self._db.write() as con:
            done = con.execute(
                "INSERT INTO credentials (name, value, hosts, set_at, created_at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (name) DO NOTHING",
                (name, ciphertext, dump(list(hosts)), now, now),
            )
            if not done.rowcount:
                raise Conflict("There is a credential with this name already.")
        return StoredCredential(name, ciphertext, tuple(hosts), now, now)

    def update(self, name: str, ciphertext: bytes | None, hosts: Sequence[str] | None) -> StoredCredential:
        """Replace the value, the hosts, or both; NotFound where there is none. `set_at` is that of the value."""
        now = self._clock()
        with self._db.write() as con:
            done = con.execute(
                "UPDATE credentials SET value = coalesce(?, value), hosts = coalesce(?, hosts), "
                "set_at = CASE WHEN ? THEN ? ELSE set_at END WHERE name = ?",
                (ciphertext, dump(list(hosts)) if hosts is not None else None, ciphertext is not None, now, name),
            )
            if not done.rowcount:
                raise NotFound(NO_SUCH)
        return self.get(name)

    def delete(self, name: str) -> None:
        """Delete it; NotFound where there is none."""
        with self._db.write() as con:
            if not con.execute("DELETE FROM credentials WHERE name = ?", (name,)).rowcount:
                raise NotFound(NO_SUCH)

    def widget_secrets(self) -> list[WidgetSecret]:
        """The secret params of all widgets."""
        with self._db.read() as con:
            rows = con.execute(
                "SELECT widget_instance_id, path, value, set_at FROM widget_secrets ORDER BY widget_instance_id, path"
            ).fetchall()
        return [WidgetSecret(row["widget_instance_id"], row["path"], row["value"], row["set_at"]) for row in rows]

    def sealed(self) -> list[bytes]:
        """Everything that is stored encrypted."""
        with self._db.read() as con:
            rows = con.execute("SELECT value FROM credentials UNION ALL SELECT value FROM widget_secrets").fetchall()
        return [row["value"] for row in rows]


def _credential(row: sqlite3.Row) -> StoredCredential:
    return StoredCredential(row["name"], row["value"], tuple(load(row["hosts"])), row["set_at"], row["created_at"])
