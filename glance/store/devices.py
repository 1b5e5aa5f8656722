"""Devices and their sensors: what they declared, what the owner made of it, and the rows that keep both."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from glance.conversions import conversion
from glance.mqtt.readings import Presence, SensorKind
from glance.store.db import Database
from glance.store.rows import dump, load

# state_class of a sensor that counts up (or, for `total`, both ways) instead of measuring
COUNTERS = ("total_increasing", "total")


@dataclass(frozen=True, slots=True)
class Device:
    """A device. `name` … `link` are its own words, `label` and `own_room` the owner's, which win.

    `state` is what its last will said, `bridge` the bridge it hangs on. Times are Unix seconds; `removed_at` = it withdrew its
    declaration, `forgotten_at` = the owner removed it. `merged_into` names the device that its readings count for. `direct` = what
    it sent last came by HTTP, a websocket or from Glance itself, so that no broker stands between.
    """

    id: str
    first_seen: float
    name: str | None = None
    maker: str | None = None
    model: str | None = None
    room: str | None = None
    ecosystem: str | None = None
    firmware: str | None = None
    via: str | None = None
    link: str | None = None
    label: str | None = None
    own_room: str | None = None
    hidden: bool = False
    ignored: bool = False
    merged_into: str | None = None
    bridge: str | None = None
    state: Presence | None = None
    state_at: float | None = None
    last_seen: float | None = None
    removed_at: float | None = None
    forgotten_at: float | None = None
    direct: bool = False

    @property
    def title(self) -> str:
        """What people call it."""
        return self.label or self.name or self.id

    @property
    def place(self) -> str | None:
        """Its room."""
        return self.own_room or self.room


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor of a device; `id` is its series. Names with `own_`, `label`, `correction` and the days are the owner's.

    `part_of` is the series that its samples are read with; `kept_*` the last retained value where no sample is newer
    (`kept_at` None = its time is unknown). `correction` is added to each new number. Before `raw_from` (Unix seconds) single samples
    were let go, but for the newest of them. `unit` is what its device told its samples are in; `sent_unit` what it tells
    now where that is another, so that its numbers are converted; `unit_guessed` = nobody told the unit.
    """

    id: int
    device: str
    sensor: str
    kind: SensorKind
    first_at: float
    unit: str | None = None
    name: str | None = None
    device_class: str | None = None
    state_class: str | None = None
    options: tuple[str, ...] = ()
    value_labels: tuple[tuple[str, str], ...] = ()
    declared_hidden: bool = False
    expire_after_s: float | None = None
    decimals: int | None = None
    label: str | None = None
    own_unit: str | None = None
    own_hidden: bool | None = None
    own_expire_after_s: float | None = None
    own_decimals: int | None = None
    own_state_class: str | None = None
    correction: float | None = None
    raw_days: int | None = None
    rollup_days: int | None = None
    part_of: int | None = None
    removed_at: float | None = None
    forgotten_at: float | None = None
    kept_value: float | None = None
    kept_text: str | None = None
    kept_at: float | None = None
    raw_from: int | None = None
    sent_unit: str | None = None
    unit_guessed: bool = False

    @property
    def title(self) -> str:
        """What people call it."""
        return self.label or self.name or self.sensor.replace("_", " ").replace(".", " ")

    @property
    def shown_unit(self) -> str | None:
        """The unit to show; an owner's empty unit means none."""
        return (self.own_unit or None) if self.own_unit is not None else self.unit

    @property
    def stored_unit(self) -> str | None:
        """What its samples are in: as the owner says, where that is no other quantity than the device says."""
        says_so = self.own_unit and conversion(self.own_unit, self.unit) is not None
        return self.own_unit if says_so else self.unit

    @property
    def hidden(self) -> bool:
        """True where it is left out of overviews."""
        return self.declared_hidden if self.own_hidden is None else self.own_hidden

    @property
    def expires_s(self) -> float | None:
        """After which silence it has no value, where somebody says so."""
        return self.own_expire_after_s if self.own_expire_after_s is not None else self.expire_after_s

    @property
    def shown_decimals(self) -> int | None:
        """How many decimals to show, where somebody says so."""
        return self.own_decimals if self.own_decimals is not None else self.decimals

    @property
    def is_counter(self) -> bool:
        """True where its use per hour or day is what people want to know."""
        return self.kind == "number" and self.counts_as in COUNTERS

    @property
    def counts_as(self) -> str | None:
        """Its state_class: as the owner says, else as it declares."""
        return self.own_state_class or self.state_class


# devices and series that have to be stored
Unsaved = tuple[list[Device], list[Sensor]]
DEVICE_FIELDS = tuple(field.name for field in fields(Device))
SENSOR_FIELDS = tuple(field.name for field in fields(Sensor))
SERIES_COLUMNS = tuple("device_id" if name == "device" else name for name in SENSOR_FIELDS)


class DeviceRows:
    """Reads and writes devices and series; the catalog of glance.ingest keeps them in memory."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def devices(self) -> list[Device]:
        """Every device, also the merged and the forgotten."""
        with self._db.read() as con:
            rows = con.execute(f"SELECT {', '.join(DEVICE_FIELDS)} FROM devices").fetchall()
        return [_device(row) for row in rows]

    def sensors(self) -> list[Sensor]:
        """Every series."""
        with self._db.read() as con:
            rows = con.execute(f"SELECT {', '.join(SERIES_COLUMNS)} FROM series ORDER BY id").fetchall()
        return [_sensor(row) for row in rows]

    def save(self, take: Callable[[], Unsaved]) -> None:
        """Store what `take` gives; it is asked within the transaction, so that a later state never gives way to an earlier one."""
        with self._db.write() as con:
            devices, sensors = take()
            names, marks = ", ".join(DEVICE_FIELDS), ", ".join("?" * len(DEVICE_FIELDS))
            con.executemany(
                f"INSERT OR REPLACE INTO devices ({names}) VALUES ({marks})",
                [[getattr(device, name) for name in DEVICE_FIELDS] for device in devices],
            )
            names, marks = ", ".join(SERIES_COLUMNS), ", ".join("?" * len(SERIES_COLUMNS))
            con.executemany(
                f"INSERT OR REPLACE INTO series ({names}) VALUES ({marks})", [_series_row(sensor) for sensor in sensors]
            )

    def drop(self, device_ids: Iterable[str], series_ids: Iterable[int]) -> None:
        """Delete devices and series for good; their samples have to be erased apart."""
        with self._db.write() as con:
            con.executemany("DELETE FROM devices WHERE id = ?", [(each,) for each in device_ids])
            con.executemany("DELETE FROM series WHERE id = ?", [(each,) for each in series_ids])


def _device(row: sqlite3.Row) -> Device:
    values = {name: row[name] for name in DEVICE_FIELDS}
    return Device(**{**values, **{name: bool(values[name]) for name in ("hidden", "ignored", "direct")}})


def _sensor(row: sqlite3.Row) -> Sensor:
    values = {name: row[column] for name, column in zip(SENSOR_FIELDS, SERIES_COLUMNS, strict=True)}
    values["options"] = tuple(load(values["options"]))
    values["value_labels"] = tuple((raw, means) for raw, means in load(values["value_labels"]))
    values["declared_hidden"] = bool(values["declared_hidden"])
    values["unit_guessed"] = bool(values["unit_guessed"])
    values["own_hidden"] = None if values["own_hidden"] is None else bool(values["own_hidden"])
    return Sensor(**values)


def _series_row(sensor: Sensor) -> list[object]:
    return [
        dump(list(getattr(sensor, name))) if name in ("options", "value_labels") else getattr(sensor, name)
        for name in SENSOR_FIELDS
    ]
