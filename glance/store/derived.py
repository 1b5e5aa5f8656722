"""Series that are worked out of others: what they are called, their formula and its inputs."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from glance.store.db import Database
from glance.store.rows import dump, load


@dataclass(frozen=True, slots=True)
class Input:
    """A sensor under the name that the formula knows it by."""

    name: str
    device: str
    sensor: str


@dataclass(frozen=True, slots=True)
class DerivedSeries:
    """One derived series; its values are samples of the sensor `slug` of the device `derived`.

    `is_counter`: it counts up, so that its use per hour and day can be shown. `version` grows by one with each change (the ETag).
    """

    slug: str
    title: str
    expression: str
    inputs: tuple[Input, ...]
    unit: str | None
    decimals: int | None
    is_counter: bool
    version: int
    created_at: float
    updated_at: float


class DerivedRows:
    """Reads and writes the table `derived`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> list[DerivedSeries]:
        """Every derived series, by slug."""
        with self._db.read() as con:
            rows = con.execute(
                "SELECT slug, title, expression, inputs, unit, decimals, is_counter, version, created_at, updated_at "
                "FROM derived ORDER BY slug"
            ).fetchall()
        return [_derived(row) for row in rows]

    def save(self, one: DerivedSeries) -> None:
        """Store a new or changed one."""
        inputs = [{"name": each.name, "device": each.device, "sensor": each.sensor} for each in one.inputs]
        with self._db.write() as con:
            con.execute(
                "INSERT OR REPLACE INTO derived "
                "(slug, title, expression, inputs, unit, decimals, is_counter, version, created_at, updated_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    one.slug,
                    one.title,
                    one.expression,
                    dump(inputs),
                    one.unit,
                    one.decimals,
                    one.is_counter,
                    one.version,
                    one.created_at,
                    one.updated_at,
                ),
            )

    def delete(self, slug: str) -> None:
        """Delete one; nothing happens where there is none."""
        with self._db.write() as con:
            con.execute("DELETE FROM derived WHERE slug = ?", (slug,))


def _derived(row: sqlite3.Row) -> DerivedSeries:
    return DerivedSeries(
        slug=row["slug"],
        title=row["title"],
        expression=row["expression"],
        inputs=tuple(Input(each["name"], each["device"], each["sensor"]) for each in load(row["inputs"])),
        unit=row["unit"],
        decimals=row["decimals"],
        is_counter=bool(row["is_counter"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
