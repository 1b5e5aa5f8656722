"""The unit of a series stays: numbers in another are converted into it, and where that is impossible they are a sensor of their own.

A unit that nobody told (none, or a guess) gives way to one that is told, with all that is stored: that is no change but news.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from glance.conversions import SAME, Scale, conversion
from glance.ingest.catalog import Catalog
from glance.ingest.tracks import Track

# One sensor in so many units that do not convert is no sensor but something else; further ones are left out.
MOST_UNITS = 4


class Place(NamedTuple):
    """Where the numbers of a reading go: `root` is the series they count for, `own` the one that holds them, `scale` what turns them
    into the unit of `own`."""

    root: Track
    own: Track
    scale: Scale


# (device, sensor) -> the series of that name, made where it is new; None where there is no room
Make = Callable[[str, str], Track | None]


class Measuring:
    """Every method is called with the catalog's lock held. `make` gives the series of a sensor that is new."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def place(self, root: Track, own: Track, unit: str | None, guessed: bool, make: Make, now: float) -> Place | None:
        """Where numbers in `unit` (None = nothing is said) go; None where they are left out."""
        known, stored = own.sensor, own.sensor.stored_unit
        if unit is None or (guessed and known.unit is not None):
            scale = (conversion(known.sent_unit, stored) if known.sent_unit else None) or SAME
        elif unit in (known.unit, stored) and known.unit is not None:
            scale = SAME
            told = replace(known, unit=unit, sent_unit=None, unit_guessed=False)
            self._catalog.put_sensor(own, told, quietly=unit == known.unit)
        elif known.unit is None or known.unit_guessed or own.own is None:
            scale = SAME
            self._call(root, own, unit, guessed)
        else:
            converts = conversion(unit, stored)
            if converts is None:
                return self._apart(root, unit, make, now)
            scale = converts
            if known.sent_unit != unit:
                self._catalog.put_sensor(own, replace(known, sent_unit=unit), quietly=True)
        if own is not root and root.scale_of(own) is None:
            return self._apart(root, stored or "", make, now)
        return Place(root, own, scale)

    def _call(self, root: Track, own: Track, unit: str, guessed: bool) -> None:
        """What is stored of a series, if anything, turns out to be in this unit."""
        catalog = self._catalog
        catalog.put_sensor(own, replace(own.sensor, unit=unit, sent_unit=None, unit_guessed=guessed))
        if own is not root and root.sensor.unit is None:
            catalog.put_sensor(root, replace(root.sensor, unit=unit, unit_guessed=guessed))
        catalog.look_again(root)

    def _apart(self, root: Track, unit: str, make: Make, now: float) -> Place | None:
        """The sensor that has what a sensor tells in a unit which does not convert into its own."""
        catalog, sensor = self._catalog, root.sensor
        name = apart(sensor.sensor, unit)
        found = catalog.by_key.get((sensor.device, name))
        if found is None:
            begin = apart(sensor.sensor, "")[:-1]
            if sum(each.sensor.sensor.startswith(begin) for each in catalog.tracks_of(sensor.device)) >= MOST_UNITS:
                catalog.guard.note_left_out(1, now)
                return None
            found = make(sensor.device, name)
            if found is None:
                return None
            title = apart(sensor.title, unit)
            catalog.put_sensor(
                found, replace(found.sensor, unit=unit, name=title, declared_hidden=sensor.declared_hidden)
            )
        own = catalog.merged_by_key.get((sensor.device, name), found)
        scale = conversion(unit, own.sensor.stored_unit)
        if scale is None or found.scale_of(own) is None:
            return None
        return Place(found, own, scale)


def sent_unit(catalog: Catalog, root: Track) -> str | None:
    """The unit in which the device of a sensor sends it now, where it has changed that; else None."""
    own = catalog.merged_by_key.get((root.sensor.device, root.sensor.sensor), root)
    return own.sensor.sent_unit or (own.sensor.unit if own is not root else None)


def show_in(catalog: Catalog, root: Track, unit: str) -> Track:
    """Show a sensor in the unit in which its device sends it now, with all that is stored; returns the series it is from now on.

    What is stored stays as it is: it becomes a part of a series that is empty, and is converted when it is read.
    """
    sensor = root.sensor
    scale = conversion(sensor.stored_unit, unit)
    if scale is None:
        return root
    correction = None if sensor.correction is None else scale.grown(sensor.correction)
    shown = replace(sensor, unit=unit, own_unit=None, sent_unit=None, correction=correction)
    if root.own is None:
        catalog.put_sensor(root, shown)
        catalog.look_again(root)
        return root
    fresh = catalog.add_track(replace(shown, kept_value=None, kept_text=None, kept_at=None, raw_from=None))
    catalog.join(root, fresh)
    catalog.look_again(fresh)
    catalog.count_again(sensor.device)
    return fresh


def free_name(catalog: Catalog, device_id: str, part: Track, sensor: str) -> str:
    """The name under which a series can be read together with a sensor of a device: another where their units do not convert."""
    taken = catalog.by_key.get((device_id, sensor))
    fits = taken is None or taken is part or taken.scale_of(part) is not None
    return sensor if fits else apart(sensor, part.sensor.stored_unit or "")


def apart(name: str, unit: str) -> str:
    """What the part of a sensor is called that is in another unit: "battery (V)"."""
    return f"{name} ({unit})"
