"""Widgets: what stands on the dashboards, with their secrets and what their sources remember."""

from __future__ import annotations

import secrets as random_source
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glance.errors import NotFound, PreconditionFailed
from glance.model import Place, Widget
from glance.store.db import Database
from glance.store.rows import dump, load

SELECT = (
    "SELECT w.id, w.dashboard_id, d.slug AS dashboard, c.slug AS custom_widget, w.title, w.params, w.x, w.y, w.w, w.h, "
    "w.refresh_interval, w.schedule, w.settings, w.version, w.created_at, w.updated_at, w.agreed, "
    "(SELECT json_group_array(json_array(s.path, s.set_at, s.digest)) FROM widget_secrets AS s WHERE s.widget_instance_id = w.id) "
    "AS secrets "
    "FROM widgets AS w JOIN dashboards AS d ON d.id = w.dashboard_id JOIN custom_widgets AS c ON c.id = w.custom_widget_id"
)
ORDER = " ORDER BY d.position, d.id, w.y, w.x, w.id"


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A secret as it is kept: encrypted, with a keyed digest that tells whether it changed."""

    ciphertext: bytes
    digest: str


CHANGEABLE = ("title", "params", "refresh_interval", "schedule", "settings")


class Widgets:
    """Reads and writes widgets as they are; checking params is glance.placing's work."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    @property
    def structure(self) -> int:
        """Grows whenever dashboards, widgets or definitions changed."""
        return self._db.structure

    def get(self, widget_id: str) -> Widget:
        """The widget with this id, or NotFound."""
        with self._db.read() as con:
            return self._one(con, widget_id)

    def on_dashboard(self, slug: str) -> list[Widget]:
        """The widgets of a dashboard in reading order."""
        with self._db.read() as con:
            return [_widget(row) for row in con.execute(f"{SELECT} WHERE d.slug = ?{ORDER}", (slug,))]

    def all(self, dashboard: str | None = None) -> list[Widget]:
        """Every widget, or those of one dashboard."""
        if dashboard is not None:
            return self.on_dashboard(dashboard)
        with self._db.read() as con:
            return [_widget(row) for row in con.execute(SELECT + ORDER)]

    def many(self, widget_ids: Sequence[str]) -> dict[str, Widget]:
        """The widgets with these ids that exist, by id."""
        if not widget_ids:
            return {}
        marks = ",".join("?" * len(widget_ids))
        with self._db.read() as con:
            rows = con.execute(f"{SELECT} WHERE w.id IN ({marks})", tuple(widget_ids)).fetchall()
        return {row["id"]: _widget(row) for row in rows}

    def using(self, custom_widget: str) -> list[Widget]:
        """The widgets of one definition."""
        with self._db.read() as con:
            return [_widget(row) for row in con.execute(f"{SELECT} WHERE c.slug = ?{ORDER}", (custom_widget,))]

    def counts(self) -> dict[str, int]:
        """How many widgets each definition has."""
        with self._db.read() as con:
            rows = con.execute(
                "SELECT c.slug, count(*) AS n FROM widgets AS w JOIN custom_widgets AS c ON c.id = w.custom_widget_id GROUP BY c.slug"
            ).fetchall()
        return {row["slug"]: row["n"] for row in rows}

    def create(
        self,
        dashboard: str,
        custom_widget: str,
        title: str,
        params: Mapping[str, Any],
        place: Place,
        refresh_interval: int | None = None,
        schedule: str | None = None,
        settings: Mapping[str, Any] | None = None,
        secrets: Mapping[str, StoredSecret] | None = None,
        widget_id: str | None = None,
        agreed: Sequence[str] | None = None,
    ) -> Widget:
        """Store a widget; `secrets` maps a param's path to its encrypted value, `agreed` the hosts that it may ask where it came with an import."""
        new_id = widget_id or random_source.token_hex(6)
        now = self._clock()
        with self._db.write(structure=True) as con:
            dashboard_id = _id_of(con, "dashboards", dashboard, "There is no dashboard with this address.")
            definition_id = _id_of(con, "custom_widgets", custom_widget, "There is no custom widget with this slug.")
            con.execute(
                "INSERT INTO widgets (id, dashboard_id, custom_widget_id, title, params, x, y, w, h, refresh_interval, schedule, "
                "settings, agreed, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    new_id,
                    dashboard_id,
                    definition_id,
                    title,
                    dump(dict(params)),
                    place.x,
                    place.y,
                    place.w,
                    place.h,
                    refresh_interval,
                    schedule,
                    dump(dict(settings or {})),
                    None if agreed is None else dump(list(agreed)),
                    now,
                    now,
                ),
            )
            self._store_secrets(con, new_id, secrets or {})
            _touch(con, dashboard_id, now)
            return self._one(con, new_id)

    def update(
        self,
        widget_id: str,
        changes: Mapping[str, Any],
        if_version: int | None = None,
        secrets: Mapping[str, StoredSecret | None] | None = None,
    ) -> Widget:
        """Change the given fields (title, params, place, refresh_interval, schedule, settings); a secret of None is removed."""
        with self._db.write(structure=True) as con:
            current = self._one(con, widget_id)
            if if_version is not None and current.version != if_version:
                raise PreconditionFailed("The widget was changed in the meantime; nothing was saved.", current)
            values = {name: changes[name] for name in CHANGEABLE if name in changes}
            for name in ("params", "settings"):
                if name in values:
                    values[name] = dump(values[name])
            if "params" in values:
                # Whoever writes the params wants asked what stands in them.
                values["agreed"] = None
            if "place" in changes:
                place: Place = changes["place"]
                values |= {"x": place.x, "y": place.y, "w": place.w, "h": place.h}
            if "dashboard" in changes:
                values["dashboard_id"] = _id_of(
                    con, "dashboards", changes["dashboard"], "There is no dashboard with this address."
                )
            now = self._clock()
            assignments = "".join(f"{name} = ?, " for name in values)
            con.execute(
                f"UPDATE widgets SET {assignments}version = version + 1, updated_at = ? WHERE id = ?",
                (*values.values(), now, widget_id),
            )
            self._store_secrets(con, widget_id, secrets or {})
            _touch(con, current.dashboard_id, now)
            return self._one(con, widget_id)

    def delete(self, widget_id: str, if_version: int | None = None) -> Widget:
        """Delete it and everything of its; returns what it was."""
        with self._db.write(structure=True) as con:
            gone = self._one(con, widget_id)
            if if_version is not None and gone.version != if_version:
                raise PreconditionFailed("The widget was changed in the meantime; nothing was deleted.", gone)
            con.execute("DELETE FROM widgets WHERE id = ?", (widget_id,))
            _touch(con, gone.dashboard_id, self._clock())
            return gone

    def secrets(self, widget_id: str) -> dict[str, bytes]:
        """The encrypted secrets of a widget, by the path of their param."""
        with self._db.read() as con:
            rows = con.execute(
                "SELECT path, value FROM widget_secrets WHERE widget_instance_id = ?", (widget_id,)
            ).fetchall()
        return {row["path"]: row["value"] for row in rows}

    def source_state(self, widget_id: str) -> dict[str, Any]:
        """What the widget's source remembers; empty where nothing yet."""
        with self._db.read() as con:
            row = con.execute(
                "SELECT state FROM widget_source_state WHERE widget_instance_id = ?", (widget_id,)
            ).fetchone()
        return load(row["state"]) if row else {}

    def _one(self, con: sqlite3.Connection, widget_id: str) -> Widget:
        row = con.execute(f"{SELECT} WHERE w.id = ?", (widget_id,)).fetchone()
        if row is None:
            raise NotFound("There is no widget with this id.")
        return _widget(row)

    def _store_secrets(
        self, con: sqlite3.Connection, widget_id: str, secrets: Mapping[str, StoredSecret | None]
    ) -> None:
        for path, value in secrets.items():
            if value is None:
                con.execute("DELETE FROM widget_secrets WHERE widget_instance_id = ? AND path = ?", (widget_id, path))
            else:
                con.execute(
                    "INSERT INTO widget_secrets (widget_instance_id, path, value, digest, set_at) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT (widget_instance_id, path) DO UPDATE SET value = excluded.value, digest = excluded.digest, "
                    "set_at = excluded.set_at",
                    (widget_id, path, value.ciphertext, value.digest, self._clock()),
                )


def _id_of(con: sqlite3.Connection, table: str, slug: str, sentence: str) -> int:
    row = con.execute(f"SELECT id FROM {table} WHERE slug = ?", (slug,)).fetchone()
    if row is None:
        raise NotFound(sentence)
    return int(row["id"])


def _touch(con: sqlite3.Connection, dashboard_id: int, now: float) -> None:
    con.execute("UPDATE dashboards SET version = version + 1, updated_at = ? WHERE id = ?", (now, dashboard_id))


def _widget(row: sqlite3.Row) -> Widget:
    secrets = load(row["secrets"])
    return Widget(
        id=row["id"],
        dashboard_id=row["dashboard_id"],
        dashboard=row["dashboard"],
        custom_widget=row["custom_widget"],
        title=row["title"],
        params=load(row["params"]),
        place=Place(row["x"], row["y"], row["w"], row["h"]),
        refresh_interval=row["refresh_interval"],
        schedule=row["schedule"],
        settings=load(row["settings"]),
        secrets_set={path: set_at for path, set_at, _ in secrets},
        secret_digests={path: digest for path, _, digest in secrets},
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        agreed=None if row["agreed"] is None else tuple(load(row["agreed"])),
    )
