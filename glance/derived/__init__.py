"""Derived series: values worked out of those of sensors whenever one of them changes, and stored like any other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from glance import formulas
from glance.derived.checks import DEVICE, SLUG, Worked, checked, free_slug, keys_of, refuse_stale
from glance.derived.work import Work
from glance.errors import Conflict, FieldError, NotFound
from glance.formats import figure
from glance.formulas import NoValue
from glance.ingest import Ingest
from glance.ingest.tracks import Latest
from glance.live import Hub
from glance.mqtt.readings import DeviceInfo, Outcome, Removed, SensorInfo
from glance.store.derived import DerivedRows, DerivedSeries
from glance.store.devices import Sensor

__all__ = ["DEVICE", "Derivations"]

ABOUT = DeviceInfo(DEVICE, name="Derived values", ecosystem=DEVICE)
MOST = 200
NO_VALUE_NOW = "No value now: "


class Derivations:
    """Keeps the derived series and has them worked out in a thread; safe for any thread."""

    def __init__(self, rows: DerivedRows, ingest: Ingest, hub: Hub, clock: Callable[[], float] = time.time) -> None:
        self._rows = rows
        self._ingest = ingest
        self._clock = clock
        self._lock = threading.RLock()
        self._all = {one.slug: Worked(one, formulas.parse(one.expression)) for one in rows.all()}
        self._work = Work(self._known, self._describe, ingest, hub, clock)

    def start(self) -> None:
        """Start the thread."""
        self._work.start()

    def stop(self) -> None:
        """End the thread; idempotent."""
        self._work.stop()

    def is_alive(self) -> bool:
        """True while the thread runs."""
        return self._work.is_alive()

    # Looking

    def all(self) -> list[DerivedSeries]:
        """Every derived series, by title."""
        return sorted((one.about for one in self._known().values()), key=lambda one: (one.title.casefold(), one.slug))

    def get(self, slug: str) -> DerivedSeries:
        """One; NotFound."""
        found = self._known().get(slug)
        if found is None:
            raise NotFound("There is no such derived series.")
        return found.about

    def trouble(self, slug: str) -> str | None:
        """Why it has no value now; None where it has one."""
        found = self._work.trouble(slug)
        return found.sentence if found else None

    def fault_of(self, sensor: Sensor) -> tuple[str, float] | None:
        """Why a derived sensor cannot be worked out now, and since when (Unix seconds); None where it can, and for any other."""
        if sensor.device != DEVICE or sensor.sensor not in self._all:
            return None
        found = self._work.trouble(sensor.sensor)
        # its sentence goes on after the colon
        return (f"{NO_VALUE_NOW}{found.sentence[:1].lower()}{found.sentence[1:]}", found.since) if found else None

    def sensor(self, slug: str) -> Sensor | None:
        """The sensor that holds its values."""
        return self._ingest.devices.find(DEVICE, slug)

    def latest(self, slug: str) -> Latest | None:
        """Its newest value."""
        sensor = self.sensor(slug)
        return self._ingest.samples.latest(sensor.id) if sensor else None

    def inputs_of(self, sensor: Sensor) -> Sequence[Sensor | None]:
        """The sensors that a derived one is worked out of, None for one that is not there (any more); empty for any other."""
        found = self._all.get(sensor.sensor) if sensor.device == DEVICE else None
        if found is None:
            return ()
        known = self._work.sensors(found.about)
        return tuple(known.get(each.name) for each in found.about.inputs if each.name in found.formula.names)

    def preview(self, given: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """What it would be now: (value with its unit, None) or (None, why there is none); Invalid names each field."""
        now = self._clock()
        plain = DerivedSeries("preview", "preview", "", (), None, None, False, 1, now, now)
        made = checked(plain, {**given, "title": given.get("title") or "preview"}, self._known(), [])
        try:
            value = self._work.value(made, now)
        except NoValue as error:
            return None, str(error)
        return str(figure(float(value), None, made.about.unit or "", made.about.decimals)), None

    def _known(self) -> dict[str, Worked]:
        with self._lock:
            return dict(self._all)

    # Changing

    def create(self, given: Mapping[str, Any]) -> DerivedSeries:
        """Make one of title, expression, inputs [{name, device, sensor}], and slug, unit, decimals, is_counter where wanted.

        Invalid names each field.
        """
        with self._lock:
            if len(self._all) >= MOST:
                raise Conflict(f"There are {MOST} derived series already.")
            slug = str(given.get("slug") or free_slug(str(given.get("title", "")), self._all))
            errors = (
                [] if SLUG.fullmatch(slug) and len(slug) <= 60 else [FieldError("slug", "may hold a-z, 0-9, - and _")]
            )
            if slug in self._all:
                errors.append(FieldError("slug", "is taken by another derived series"))
            now = self._clock()
            plain = DerivedSeries(slug, "", "", (), None, None, False, 1, now, now)
            return self._keep(checked(plain, given, self._all, errors))

    def change(self, slug: str, changes: Mapping[str, Any], if_version: int | None = None) -> DerivedSeries:
        """Change title, expression, inputs, unit, decimals, is_counter; its history stays."""
        with self._lock:
            before = self.get(slug)
            refuse_stale(before, if_version)
            later = replace(before, version=before.version + 1, updated_at=self._clock())
            return self._keep(checked(later, changes, self._all, []))

    def delete(self, slug: str, if_version: int | None = None) -> None:
        """Stop working it out; its history stays with its hidden sensor and comes back with a new one of the same slug."""
        with self._lock:
            refuse_stale(self.get(slug), if_version)
            users = [one.about.title for one in self._all.values() if (DEVICE, slug) in keys_of(one.about)]
            if users:
                raise Conflict(f"It is used by {', '.join(sorted(users))}; change or delete that first.")
            self._rows.delete(slug)
            del self._all[slug]
        self._work.forget(slug)
        self._ingest.take(Outcome(removed=(Removed(DEVICE, slug),), verdict="removal"))
        if self.sensor(slug) is not None:
            self._ingest.devices.change_sensor(DEVICE, slug, {"own_hidden": True})

    def _keep(self, made: Worked) -> DerivedSeries:
        about = made.about
        self._rows.save(about)
        self._all[about.slug] = made
        self._describe(about)
        self._work.anew(about.slug)
        return about

    def _describe(self, about: DerivedSeries) -> None:
        """Its sensor exists from now on, also without a value."""
        state_class = "total_increasing" if about.is_counter else "measurement"
        sensor = SensorInfo(DEVICE, about.slug, name=about.title, kind="number", state_class=state_class)
        self._ingest.take(Outcome(devices=(ABOUT,), sensors=(sensor,), verdict="declaration"))
        if self.sensor(about.slug) is not None:
            own = {"own_unit": about.unit, "own_decimals": about.decimals, "own_hidden": None}
            self._ingest.devices.change_sensor(DEVICE, about.slug, own)
