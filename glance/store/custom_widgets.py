"""The rows behind definitions: the manifests that came through the API, and one row for each folder."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glance.errors import NotFound, PreconditionFailed
from glance.store.db import Database
from glance.store.rows import dump, load


@dataclass(frozen=True, slots=True)
class CustomWidgetRow:
    """One row: `manifest` holds its template too; for a folder it is what was read when its files bore `stamp`.

    `status_at` is since when the status holds (Unix seconds). `hosts` are those that the owner lets a definition of the API
    ask; None = it was made before this was asked.
    """

    id: int
    slug: str
    name: str
    origin: str
    status: str
    status_at: float
    path: str | None
    manifest: Mapping[str, Any] | None
    stamp: str | None
    version: int
    created_at: float
    updated_at: float
    hosts: tuple[str, ...] | None = None


COLUMNS = "id, slug, name, origin, status, status_at, path, manifest, stamp, version, created_at, updated_at, hosts"


class CustomWidgets:
    """Reads and writes the rows of definitions."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def all(self) -> list[CustomWidgetRow]:
        """Every row, by slug."""
        with self._db.read() as con:
            return [_row(row) for row in con.execute(f"SELECT {COLUMNS} FROM custom_widgets ORDER BY slug")]

    def get(self, slug: str) -> CustomWidgetRow:
        """The row with this slug, or NotFound."""
        with self._db.read() as con:
            row = con.execute(f"SELECT {COLUMNS} FROM custom_widgets WHERE slug = ?", (slug,)).fetchone()
        if row is None:
            raise NotFound("There is no custom widget with this slug.")
        return _row(row)

    def put_folder(
        self, slug: str, name: str, path: str, status: str, manifest: Mapping[str, Any] | None, stamp: str
    ) -> None:
        """Note what a folder holds, whole or broken; an API definition of the same slug is left alone."""
        now = self._clock()
        with self._db.write(structure=True) as con:
            con.execute(
                "INSERT INTO custom_widgets (slug, name, origin, status, status_at, path, manifest, stamp, created_at, updated_at) "
                "VALUES (?, ?, 'folder', ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (slug) DO UPDATE SET name = excluded.name, "
                "status_at = CASE WHEN status = excluded.status THEN status_at ELSE excluded.status_at END, "
                "status = excluded.status, path = excluded.path, manifest = excluded.manifest, stamp = excluded.stamp, "
                "updated_at = excluded.updated_at WHERE origin = 'folder'",
                (
                    slug,
                    name,
                    status,
                    now,
                    path,
                    dump(dict(manifest)) if manifest is not None else None,
                    stamp,
                    now,
                    now,
                ),
            )

    def mark_missing(self, slug: str) -> None:
        """Note that the folder is gone; its widgets and their answers stay."""
        with self._db.write(structure=True) as con:
            con.execute(
                "UPDATE custom_widgets SET status = 'missing', status_at = ? WHERE slug = ? AND origin = 'folder' AND status <> 'missing'",
                (self._clock(), slug),
            )

    def put_api(
        self, slug: str, manifest: Mapping[str, Any], if_version: int | None = None, hosts: Sequence[str] = ()
    ) -> CustomWidgetRow:
        """Store a manifest that came through the API (it wins over a folder of the same slug), and the hosts agreed for it."""
        now = self._clock()
        with self._db.write(structure=True) as con:
            row = con.execute(f"SELECT {COLUMNS} FROM custom_widgets WHERE slug = ?", (slug,)).fetchone()
            if if_version is not None and row is not None and row["version"] != if_version:
                raise PreconditionFailed("The custom widget was changed in the meantime; nothing was saved.", _row(row))
            con.execute(
                "INSERT INTO custom_widgets (slug, name, origin, status, status_at, manifest, hosts, created_at, updated_at) "
                "VALUES (?, ?, 'api', 'ok', ?, ?, ?, ?, ?) ON CONFLICT (slug) DO UPDATE SET name = excluded.name, origin = 'api', "
                "status = 'ok', status_at = excluded.status_at, manifest = excluded.manifest, hosts = excluded.hosts, "
                "path = NULL, version = version + 1, "
                "updated_at = excluded.updated_at",
                (slug, str(manifest["name"]), now, dump(dict(manifest)), dump(list(hosts)), now, now),
            )
            return _row(con.execute(f"SELECT {COLUMNS} FROM custom_widgets WHERE slug = ?", (slug,)).fetchone())

    def agree(self, slug: str, hosts: Sequence[str]) -> None:
        """Store the hosts that a definition of the API may ask, instead of those before; NotFound where there is none."""
        with self._db.write(structure=True) as con:
            done = con.execute(
                "UPDATE custom_widgets SET hosts = ?, updated_at = ? WHERE slug = ? AND origin = 'api'",
                (dump(list(hosts)), self._clock(), slug),
            )
            if not done.rowcount:
                raise NotFound("There is no custom widget with this slug that was made here.")

    def release(self, slug: str) -> None:
        """Forget the manifest of the API: the row, with its widgets, is the folder's again."""
        with self._db.write(structure=True) as con:
            con.execute(
                "UPDATE custom_widgets SET origin = 'folder', manifest = NULL, stamp = NULL, version = version + 1, updated_at = ? "
                "WHERE slug = ? AND origin = 'api'",
                (self._clock(), slug),
            )

    def delete(self, slug: str, with_widgets: bool = False) -> None:
        """Delete the row; with `with_widgets` its widgets too (without, a row in use is refused by the caller)."""
        with self._db.write(structure=True) as con:
            if with_widgets:
                con.execute(
                    "DELETE FROM widgets WHERE custom_widget_id = (SELECT id FROM custom_widgets WHERE slug = ?)",
                    (slug,),
                )
            if not con.execute("DELETE FROM custom_widgets WHERE slug = ?", (slug,)).rowcount:
                raise NotFound("There is no custom widget with this slug.")


def _row(row: sqlite3.Row) -> CustomWidgetRow:
    return CustomWidgetRow(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        origin=row["origin"],
        status=row["status"],
        status_at=row["status_at"],
        path=row["path"],
        manifest=load(row["manifest"]) if row["manifest"] else None,
        stamp=row["stamp"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        hosts=tuple(load(row["hosts"])) if row["hosts"] is not None else None,
    )
