"""What the owner does with devices: names, units, hiding, merging, replacing, ignoring, forgetting and bringing back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from glance.errors import Conflict, NotFound
from glance.ingest.catalog import Catalog
from glance.ingest.changes import of_device, of_sensor
from glance.ingest.letting_go import FORGOTTEN_KEPT_S
from glance.ingest.tracks import Track
from glance.store.devices import Device, DeviceRows, Sensor, Unsaved


class Devices:
    """The devices as pages and the API see and change them. Changes are stored before a method returns."""

    def __init__(self, catalog: Catalog, rows: DeviceRows, clock: Callable[[], float] = time.time) -> None:
        self._catalog = catalog
        self._rows = rows
        self._clock = clock
        # what follows where a sensor turns out to be a counter; set by Ingest
        self.counts_anew: Callable[[Track], None] = lambda _track: None

    # Looking

    @property
    def changes(self) -> int:
        """Grows whenever a device or sensor appeared or changed (not with values)."""
        return self._catalog.changes

    def all(self, *, with_ignored: bool = False) -> list[Device]:
        """Every device that is neither forgotten nor merged into another, by title."""
        found = [
            device
            for device in list(self._catalog.devices.values())
            if device.forgotten_at is None and device.merged_into is None and (with_ignored or not device.ignored)
        ]
        return sorted(found, key=lambda device: (device.title.casefold(), device.id))

    def forgotten(self) -> list[Device]:
        """Those that can still be brought back, latest first."""
        found = [device for device in list(self._catalog.devices.values()) if device.forgotten_at is not None]
        return sorted(found, key=lambda device: -(device.forgotten_at or 0))

    def merged(self, device_id: str) -> list[Device]:
        """The devices that were merged into this one, also by way of another."""
        return [
            device
            for device in list(self._catalog.devices.values())
            if device.merged_into is not None and self._catalog.home(device.id) == device_id
        ]

    def get(self, device_id: str) -> Device:
        """The device with this id (or that it was merged into); NotFound."""
        return self._catalog.device(device_id)

    def sensors(self, device_id: str, *, with_hidden: bool = True) -> list[Sensor]:
        """The sensors of a device, the hidden ones last."""
        device = self._catalog.device(device_id)
        found = [track.sensor for track in self._catalog.tracks_of(device.id)]
        return sorted(
            (sensor for sensor in found if with_hidden or not sensor.hidden),
            key=lambda sensor: (sensor.hidden, sensor.title.casefold(), sensor.sensor),
        )

    def sensor(self, device_id: str, sensor: str) -> Sensor:
        """One sensor, also by a name it had before; NotFound."""
        return self._track(device_id, sensor).sensor

    def find(self, device_id: str, sensor: str) -> Sensor | None:
        """One sensor, or None where it was never seen."""
        track = self._catalog.find(device_id, sensor)
        return track.sensor if track else None

    def last_seen(self, device_id: str) -> float | None:
        """When the device last sent something (Unix seconds)."""
        heard = self._catalog.heard_at.get(device_id)
        if heard is not None:
            return heard
        device = self._catalog.devices.get(device_id)
        return device.last_seen if device else None

    @property
    def flood(self) -> str | None:
        """The sentence to show where too many devices or sensors appeared at once; None where not."""
        return self._catalog.guard.sentence(self._clock())

    # Changing

    def change(self, device_id: str, changes: Mapping[str, Any]) -> Device:
        """Change label, own_room, hidden, ignored of a device; Invalid names what does not fit."""
        told = of_device(changes)
        with self._catalog.lock:
            device = replace(self._catalog.device(device_id), **told)
            self._catalog.put_device(device)
        self._save()
        return device

    def change_sensor(self, device_id: str, sensor: str, changes: Mapping[str, Any]) -> Sensor:
        """Change label, own_unit, own_hidden, own_expire_after_s, own_decimals, own_state_class, correction, raw_days, rollup_days
        of a sensor."""
        told = of_sensor(changes)
        with self._catalog.lock:
            track = self._track(device_id, sensor)
            before = track.sensor
            self._catalog.put_sensor(track, replace(track.sensor, **told))
            result = track.sensor
            if result.is_counter and result.counts_as != before.counts_as:
                self.counts_anew(track)
        self._save()
        return result

    def merge(self, source_id: str, target_id: str) -> Device:
        """Count the readings of one device, past and coming, for another: for duplicates, and for a replaced device
        (source = the new one, target = the old one, whose names and widgets stay)."""
        catalog = self._catalog
        with catalog.lock:
            source, target = catalog.device(source_id), catalog.device(target_id)
            if source.id == target.id:
                raise Conflict("A device cannot be merged with itself.")
            for track in catalog.tracks_of(source.id):
                same = catalog.by_key.get((target.id, track.sensor.sensor))
                if same is None:
                    fresh = replace(track.sensor, device=target.id, kept_value=None, kept_text=None, raw_from=None)
                    same = catalog.add_track(fresh)
                catalog.join(track, same)
                self._count_anew(same)
            catalog.put_device(replace(source, merged_into=target.id))
            catalog.count_again(target.id)
        self._save()
        return target

    def merge_sensors(self, device_id: str, source: str, into_device: str, into: str) -> Sensor:
        """Count the readings of one sensor for another."""
        with self._catalog.lock:
            part, root = self._track(device_id, source), self._track(into_device, into)
            if part is root:
                raise Conflict("A sensor cannot be merged with itself.")
            self._catalog.join(part, root)
            self._count_anew(root)
        self._save()
        return root.sensor

    def separate(self, device_id: str) -> Device:
        """Undo `merge`: the device stands for itself again, with what it sent before and while it was merged."""
        catalog = self._catalog
        with catalog.lock:
            device = catalog.devices.get(device_id)
            if device is None or device.merged_into is None:
                raise NotFound("This device is not merged with another.")
            home = catalog.home(device_id)
            device = replace(device, merged_into=None)
            catalog.put_device(device)
            below = [device_id, *(each.id for each in self.merged(device_id))]
            found = [track for track in catalog.all_tracks_of(device_id) if track.sensor.part_of is not None]
            emptied = []
            for track in found:
                above = catalog.tracks.get(track.sensor.part_of or 0)
                if above is not None and above.sensor.device not in below and catalog.home(above.sensor.device) == home:
                    emptied += self._part(track)
            for each in (device_id, home):
                catalog.count_again(each)
        self._save()
        self._rows.drop([], emptied)
        return device

    def separate_sensor(self, series: int) -> Sensor:
        """Undo `merge_sensors`: the series stands for itself again, with what it sent before and while it was merged."""
        catalog = self._catalog
        with catalog.lock:
            track = catalog.tracks.get(series)
            if track is None or track.sensor.part_of is None or _is_same(track, catalog.root(track)):
                raise NotFound("This sensor is not merged with another.")
            emptied = self._part(track)
            device = catalog.devices[track.sensor.device]
            if device.forgotten_at is not None:
                catalog.put_device(replace(device, forgotten_at=None))
            catalog.count_again(track.sensor.device)
        self._save()
        self._rows.drop([], emptied)
        return track.sensor

    def forget(self, device_id: str) -> Device:
        """Remove a device with its history; `restore` brings both back for some days. It returns by itself when it sends anew.

        A sensor of it that counts for another device stays with that one; what counted for it of another device goes back there.
        """
        catalog = self._catalog
        now = self._clock()
        with catalog.lock:
            device = replace(catalog.device(device_id), forgotten_at=now)
            below = [device.id, *(each.id for each in self.merged(device.id))]
            for track in [track for each in below for track in catalog.all_tracks_of(each)]:
                if catalog.root(track).sensor.device in below:
                    self._take_out(track, below, now)
            catalog.put_device(device)
            catalog.count_again(device.id)
        self._save()
        return device

    def restore(self, device_id: str) -> Device:
        """Bring a forgotten device back with its history, also where it has returned by itself in the meantime."""
        catalog = self._catalog
        with catalog.lock:
            device = catalog.devices.get(device_id)
            below = [device_id, *(each.id for each in self.merged(device_id))]
            found = [track for each in below for track in catalog.all_tracks_of(each)]
            lost = [
                track
                for track in found
                if track.sensor.forgotten_at is not None and not catalog.is_forgotten_alone(track)
            ]
            if device is None or (device.forgotten_at is None and not lost):
                raise NotFound("There is nothing to bring back: the device was not forgotten, or too long ago.")
            device = replace(device, forgotten_at=None)
            catalog.put_device(device)
            for track in lost:
                self._put_back(track)
            catalog.count_again(device_id)
        self._save()
        return device

    def forget_sensor(self, device_id: str, sensor: str) -> Sensor:
        """Remove one sensor with its history; `restore_sensor` brings both back for some days. It returns by itself when it sends
        anew."""
        catalog = self._catalog
        now = self._clock()
        with catalog.lock:
            track = self._track(device_id, sensor)
            below = [track.sensor.device, *(each.id for each in self.merged(track.sensor.device))]
            for each in (track, *track.parts):
                self._take_out(each, below, now)
            catalog.count_again(track.sensor.device)
        self._save()
        return track.sensor

    def restore_sensor(self, device_id: str, sensor: str) -> Sensor:
        """Bring a forgotten sensor back with its history, also where it has returned by itself in the meantime."""
        catalog = self._catalog
        with catalog.lock:
            home = catalog.home(device_id)
            track = catalog.forgotten_sensor(home, sensor)
            at = (track.sensor.forgotten_at or 0.0) if track else 0.0
            if track is None or catalog.devices[home].forgotten_at is not None or self._clock() - at > FORGOTTEN_KEPT_S:
                raise NotFound("There is nothing to bring back: the sensor was not forgotten, or too long ago.")
            root = catalog.root(track)
            below = [one for one in catalog.tracks.values() if catalog.root(one) is root and one is not root]
            for each in (root, *below):
                if each.sensor.forgotten_at == at:
                    self._put_back(each)
            catalog.count_again(home)
        self._save()
        return root.sensor

    def forgotten_sensors(self, device_id: str) -> list[Sensor]:
        """The sensors of a device that were forgotten by themselves and can still be brought back, latest first."""
        catalog, now = self._catalog, self._clock()
        found = [track for track in catalog.all_tracks_of(device_id) if catalog.is_forgotten_alone(track)]
        kept = [
            track.sensor
            for track in found
            if catalog.root(track) is track and now - (track.sensor.forgotten_at or 0.0) <= FORGOTTEN_KEPT_S
        ]
        return sorted(kept, key=lambda sensor: -(sensor.forgotten_at or 0.0))

    def _take_out(self, track: Track, below: Sequence[str], now: float) -> None:
        catalog = self._catalog
        if track.sensor.forgotten_at is not None:
            return
        for part in list(track.parts):
            if part.sensor.device not in below and catalog.tracks.get(part.sensor.part_of or 0) is track:
                self._part(part)
        if track.sensor.device not in below:
            return
        catalog.put_sensor(track, replace(track.sensor, forgotten_at=now))
        for key in [key for key, found in catalog.by_key.items() if found is track]:
            del catalog.by_key[key]

    def _put_back(self, track: Track) -> None:
        catalog = self._catalog
        catalog.put_sensor(track, replace(track.sensor, forgotten_at=None))
        key = (track.sensor.device, track.sensor.sensor)
        newer = catalog.by_key.get(key)
        root = catalog.root(track)
        catalog.by_key[key] = root
        if newer is not None and newer is not root:
            catalog.join(newer, root)

    def _part(self, track: Track) -> list[int]:
        """Make a merged series stand for itself again; returns the series that was only made for the merge and is dropped with it."""
        catalog = self._catalog
        root = catalog.root(track)
        if root is track:
            return []
        catalog.part(track)
        self._count_anew(root)
        self._count_anew(track)
        only_made = root.own is None and not root.parts and root.sensor.first_at == track.sensor.first_at
        if not only_made or root.sensor.forgotten_at is not None:
            return []
        catalog.drop_track(root)
        return [root.sensor.id]

    def _count_anew(self, track: Track) -> None:
        if track.sensor.is_counter:
            self.counts_anew(track)

    def _track(self, device_id: str, sensor: str) -> Track:
        track = self._catalog.find(device_id, sensor)
        if track is None:
            raise NotFound(f"There is no sensor {sensor!r} of this device.")
        return track

    def _save(self) -> None:
        """Store what changed; where the database refuses, the writer tries again later."""
        taken: Unsaved = ([], [])

        def take() -> Unsaved:
            nonlocal taken
            taken = self._catalog.take_unsaved()
            return taken

        try:
            self._rows.save(take)
        except BaseException:
            self._catalog.give_back(taken)
            raise


def _is_same(track: Track, root: Track) -> bool:
    """A sensor that returned while it was forgotten goes on in a series of its own, but is the same sensor."""
    return (track.sensor.device, track.sensor.sensor) == (root.sensor.device, root.sensor.sensor)
