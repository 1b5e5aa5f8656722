"""Forgetting devices and sensors, and bringing them back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from glance.errors import NotFound
from glance.ingest.catalog import Catalog
from glance.ingest.letting_go import FORGOTTEN_KEPT_S
from glance.ingest.tracks import Track
from glance.store.devices import Device, DeviceRows, Sensor, Unsaved


class Forgetting:
    """What is forgotten goes from every list at once, and from the disk a week later; a retained message does not bring it back."""

    def __init__(self, catalog: Catalog, rows: DeviceRows, clock: Callable[[], float] = time.time) -> None:
        self._catalog = catalog
        self._rows = rows
        self._clock = clock
        # what follows where a sensor turns out to be a counter; set by Ingest
        self.counts_anew: Callable[[Track], None] = lambda _track: None
        # what follows where a device is ignored or forgotten; set by Ingest, called under the catalog's lock
        self.unwanted: Callable[[str], None] = lambda _device: None

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
            for each in below:
                self.unwanted(each)
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
        for named in (catalog.by_key, catalog.merged_by_key):
            for key in [key for key, found in named.items() if found is track]:
                del named[key]

    def _put_back(self, track: Track) -> None:
        catalog = self._catalog
        catalog.put_sensor(track, replace(track.sensor, forgotten_at=None))
        key = (track.sensor.device, track.sensor.sensor)
        newer = catalog.by_key.get(key)
        root = catalog.root(track)
        catalog.by_key[key] = root
        if newer is not None and newer is not root:
            catalog.join(newer, root)
        catalog.hold(key, root)

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
