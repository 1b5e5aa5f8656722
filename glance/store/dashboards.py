"""Dashboards: pages of widgets, their order and their layout."""

from __future__ import annotations

import re
import secrets
import sqlite3
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from glance.errors import Conflict, FieldError, Invalid, NotFound, PreconditionFailed
from glance.model import Dashboard
from glance.store.db import Database
from glance.store.rows import dump, load

COLUMNS = (
    "id, slug, title, icon, position, is_default, is_template, is_public, settings, version, created_at, updated_at, "
    "public_address"
)
CHANGEABLE = (
    "title",
    "slug",
    "icon",
    "position",
    "is_default",
    "is_template",
    "is_public",
    "settings",
    "public_address",
)
GRID_COLUMNS = 12
MAX_ROW = 10_000
PUBLIC_ADDRESS_BYTES = 12


def slug_of(title: str) -> str:
    """A slug from a title: lower-case ASCII words joined by hyphens, at most 60 characters, never empty."""
    ascii_text = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).strip("-")[:60].strip("-") or "dashboard"


class Dashboards:
    """Reads and writes dashboards; every write is one transaction and raises the version."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def all(self) -> list[Dashboard]:
        """Every dashboard, in the order of the tabs."""
        with self._db.read() as con:
            rows = con.execute(f"SELECT {COLUMNS} FROM dashboards ORDER BY position, id").fetchall()
        return [_dashboard(row) for row in rows]

    def get(self, slug: str) -> Dashboard:
        """The dashboard with this slug, or NotFound."""
        with self._db.read() as con:
            return _dashboard(self._row(con, slug))

    def public(self, address: str) -> Dashboard:
        """The dashboard that is public at this address, or NotFound."""
        with self._db.read() as con:
            row = con.execute(
                f"SELECT {COLUMNS} FROM dashboards WHERE public_address = ? AND is_public = 1", (address,)
            ).fetchone()
        if row is None:
            raise NotFound("There is nothing at this address.")
        return _dashboard(row)

    def default(self) -> Dashboard | None:
        """The dashboard that `/` shows: the chosen one, else the first."""
        with self._db.read() as con:
            row = con.execute(
                f"SELECT {COLUMNS} FROM dashboards ORDER BY is_default DESC, position, id LIMIT 1"
            ).fetchone()
        return _dashboard(row) if row else None

    def create(
        self,
        title: str,
        slug: str | None = None,
        icon: str | None = None,
        is_template: bool = False,
        is_default: bool | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Dashboard:
        """Make a dashboard at the end; without a slug one is made from the title; the first one is the default."""
        now = self._clock()
        with self._db.write(structure=True) as con:
            wanted = slug or self._free_slug(con, slug_of(title))
            self._refuse_taken(con, wanted, None)
            first = con.execute("SELECT count(*) FROM dashboards").fetchone()[0] == 0
            default = first if is_default is None else is_default
            if default:
                con.execute("UPDATE dashboards SET is_default = 0, version = version + 1 WHERE is_default = 1")
            con.execute(
                "INSERT INTO dashboards (slug, title, icon, position, is_default, is_template, settings, created_at, updated_at) "
                "VALUES (?, ?, ?, (SELECT coalesce(max(position), 0) + 1 FROM dashboards), ?, ?, ?, ?, ?)",
                (wanted, title, icon, int(default), int(is_template), dump(dict(settings or {})), now, now),
            )
            return _dashboard(self._row(con, wanted))

    def duplicate(self, slug: str, title: str | None = None) -> Dashboard:
        """A copy with copies of its widgets and their secrets; answers are not copied, they are fetched anew."""
        with self._db.write(structure=True) as con:
            row = self._row(con, slug)
            made = self.create(
                title or f"{row['title']} copy", icon=row["icon"], settings=load(row["settings"]), is_default=False
            )
            now = self._clock()
            for widget in con.execute(
                "SELECT id FROM widgets WHERE dashboard_id = ? ORDER BY y, x", (row["id"],)
            ).fetchall():
                copy = secrets.token_hex(6)
                con.execute(
                    "INSERT INTO widgets (id, dashboard_id, custom_widget_id, title, params, x, y, w, h, refresh_interval, schedule, "
                    "settings, agreed, created_at, updated_at) SELECT ?, ?, custom_widget_id, title, params, x, y, w, h, refresh_interval, "
                    "schedule, settings, agreed, ?, ? FROM widgets WHERE id = ?",
                    (copy, made.id, now, now, widget["id"]),
                )
                con.execute(
                    "INSERT INTO widget_secrets (widget_instance_id, path, value, digest, set_at) "
                    "SELECT ?, path, value, digest, set_at FROM widget_secrets WHERE widget_instance_id = ?",
                    (copy, widget["id"]),
                )
            return made

    def update(self, slug: str, changes: Mapping[str, Any], if_version: int | None = None) -> Dashboard:
        """Change the given fields; PreconditionFailed where `if_version` is not the current one."""
        with self._db.write(structure=True) as con:
            row = self._row(con, slug)
            _guard(row, if_version)
            values = {name: changes[name] for name in CHANGEABLE if name in changes}
            if "slug" in values:
                self._refuse_taken(con, values["slug"], row["id"])
            self._settle_public_address(con, row, values)
            if "settings" in values:
                values["settings"] = dump(values["settings"])
            if values.get("is_default"):
                con.execute("UPDATE dashboards SET is_default = 0 WHERE is_default = 1 AND id <> ?", (row["id"],))
            assignments = "".join(f"{name} = ?, " for name in values)
            con.execute(
                f"UPDATE dashboards SET {assignments}version = version + 1, updated_at = ? WHERE id = ?",
                (*values.values(), self._clock(), row["id"]),
            )
            return _dashboard(self._row(con, values.get("slug", slug)))

    def reorder(self, slugs: Sequence[str]) -> None:
        """Put the tabs into this order; dashboards that are not named follow in their old order."""
        with self._db.write(structure=True) as con:
            known = [row["slug"] for row in con.execute("SELECT slug FROM dashboards ORDER BY position, id")]
            unknown = [slug for slug in slugs if slug not in known]
            if unknown:
                raise NotFound(f"There is no dashboard “{unknown[0]}”.")
            order = [*dict.fromkeys(slugs), *(slug for slug in known if slug not in slugs)]
            con.executemany("UPDATE dashboards SET position = ? WHERE slug = ?", list(enumerate(order, start=1)))

    def delete(self, slug: str) -> None:
        """Delete it with its widgets and everything of theirs; the first of the rest becomes the default."""
        with self._db.write(structure=True) as con:
            row = self._row(con, slug)
            con.execute("DELETE FROM dashboards WHERE id = ?", (row["id"],))
            if row["is_default"]:
                con.execute(
                    "UPDATE dashboards SET is_default = 1, version = version + 1 "
                    "WHERE id = (SELECT id FROM dashboards ORDER BY position, id LIMIT 1)"
                )

    def set_layout(self, slug: str, layout: Sequence[Mapping[str, Any]], if_version: int | None = None) -> Dashboard:
        """Move widgets, all or nothing; entries are {id, x, y, w, h}. Invalid names each faulty entry."""
        with self._db.write(structure=True) as con:
            row = self._row(con, slug)
            _guard(row, if_version)
            places = {
                found["id"]: (found["x"], found["y"], found["w"], found["h"])
                for found in con.execute("SELECT id, x, y, w, h FROM widgets WHERE dashboard_id = ?", (row["id"],))
            }
            places.update(_checked_layout(layout, places))
            _refuse_overlap(layout, places)
            now = self._clock()
            con.executemany(
                "UPDATE widgets SET x = ?, y = ?, w = ?, h = ?, version = version + 1, updated_at = ? WHERE id = ?",
                [(*places[item["id"]], now, item["id"]) for item in layout],
            )
            con.execute("UPDATE dashboards SET version = version + 1, updated_at = ? WHERE id = ?", (now, row["id"]))
            return _dashboard(self._row(con, slug))

    def _row(self, con: sqlite3.Connection, slug: str) -> sqlite3.Row:
        row: sqlite3.Row | None = con.execute(f"SELECT {COLUMNS} FROM dashboards WHERE slug = ?", (slug,)).fetchone()
        if row is None:
            raise NotFound("There is no dashboard with this address.")
        return row

    def _settle_public_address(self, con: sqlite3.Connection, row: sqlite3.Row, values: dict[str, Any]) -> None:
        """What becomes public without an address gets one that nobody can guess; a chosen one must be free."""
        chosen = values.get("public_address", row["public_address"])
        if values.get("is_public", row["is_public"]) and not chosen:
            values["public_address"] = chosen = secrets.token_hex(PUBLIC_ADDRESS_BYTES)
        if not chosen or chosen == row["public_address"]:
            return
        other = con.execute("SELECT id FROM dashboards WHERE public_address = ?", (chosen,)).fetchone()
        if other is not None:
            raise Conflict("Another dashboard has this public address already.")

    def _free_slug(self, con: sqlite3.Connection, wanted: str) -> str:
        taken = {row["slug"] for row in con.execute("SELECT slug FROM dashboards")}
        if wanted not in taken:
            return wanted
        return next(f"{wanted}-{n}" for n in range(2, len(taken) + 3) if f"{wanted}-{n}" not in taken)

    def _refuse_taken(self, con: sqlite3.Connection, slug: str, own_id: int | None) -> None:
        row = con.execute("SELECT id FROM dashboards WHERE slug = ?", (slug,)).fetchone()
        if row is not None and row["id"] != own_id:
            raise Conflict("Another dashboard has this slug already.")


def _guard(row: sqlite3.Row, if_version: int | None) -> None:
    if if_version is not None and row["version"] != if_version:
        raise PreconditionFailed("The dashboard was changed in the meantime; nothing was saved.", _dashboard(row))


def _checked_layout(
    layout: Sequence[Mapping[str, Any]], known: Mapping[str, tuple[int, int, int, int]]
) -> dict[str, tuple[int, int, int, int]]:
    """The places of a layout, or Invalid that names each entry at fault."""
    errors: list[FieldError] = []
    places: dict[str, tuple[int, int, int, int]] = {}
    for number, item in enumerate(layout):
        x, y, w, h = (item[key] for key in "xywh")
        if item["id"] not in known:
            errors.append(FieldError(f"layout.{number}.id", "is not a widget of this dashboard"))
        elif item["id"] in places:
            errors.append(FieldError(f"layout.{number}.id", "is named twice"))
        if x < 1 or w < 1 or x + w - 1 > GRID_COLUMNS:
            errors.append(FieldError(f"layout.{number}.x", f"must keep the widget within {GRID_COLUMNS} columns"))
        if y < 1 or h < 1 or y + h > MAX_ROW:
            errors.append(FieldError(f"layout.{number}.y", f"must be a row from 1 to {MAX_ROW}"))
        places[item["id"]] = (x, y, w, h)
    if errors:
        raise Invalid("The layout does not fit; nothing was moved.", errors)
    return places


def _refuse_overlap(layout: Sequence[Mapping[str, Any]], places: Mapping[str, tuple[int, int, int, int]]) -> None:
    errors: list[FieldError] = []
    for number, item in enumerate(layout):
        x, y, w, h = places[item["id"]]
        for other, (ox, oy, ow, oh) in places.items():
            if other != item["id"] and x < ox + ow and ox < x + w and y < oy + oh and oy < y + h:
                errors.append(FieldError(f"layout.{number}", "lies over another widget"))
                break
    if errors:
        raise Invalid("The layout does not fit; nothing was moved.", errors)


def _dashboard(row: sqlite3.Row) -> Dashboard:
    return Dashboard(
        id=row["id"],
        slug=row["slug"],
        title=row["title"],
        icon=row["icon"],
        position=row["position"],
        is_default=bool(row["is_default"]),
        is_template=bool(row["is_template"]),
        is_public=bool(row["is_public"]),
        settings=load(row["settings"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        public_address=row["public_address"],
    )
