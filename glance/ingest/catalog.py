"""The devices and sensors in memory: found, kept and merged; the writer keeps the rows in step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from glance.errors import NotFound
from glance.ingest.flood import FloodGuard
from glance.ingest.naming import named_anew
from glance.ingest.tracks import Latest, NewTime, Track, in_scale, retimed
from glance.mqtt.readings import Presence
from glance.store.devices import Device, Sensor, Unsaved

Key = tuple[str, str]
MAX_MERGES = 8


class Catalog:
    """Everything known about devices, under one `lock`; methods that change something are called with it held.

    `unsaved_devices` and `unsaved_series` name what the writer has to store.
    """

    def __init__(self, guard: FloodGuard | None = None) -> None:
        self.lock = threading.RLock()
        self.guard = guard or FloodGuard()
        self.devices: dict[str, Device] = {}
        self.tracks: dict[int, Track] = {}
        self.by_key: dict[Key, Track] = {}
        # what was merged into another still stores its own readings, so that it can be parted again
        self.merged_by_key: dict[Key, Track] = {}
        self.bridges: dict[str, tuple[Presence, float]] = {}
        self.heard_at: dict[str, float] = {}
        self.unsaved_devices: set[str] = set()
        self.unsaved_series: set[int] = set()
        self.changes = 0
        self._counts: dict[str, int] = {}
        self._of_device: dict[str, dict[int, Track]] = {}
        self._next_series = 1
        self._forgotten = 0
        # devices whose sensors have to be named, with the ecosystem by which they were so far
        self._unnamed: dict[str, str | None] = {}

    def load(self, devices: Iterable[Device], sensors: Iterable[Sensor]) -> None:
        """Fill it from the rows."""
        self.devices = {device.id: device for device in devices}
        self._forgotten = sum(device.forgotten_at is not None for device in self.devices.values())
        self.tracks = {sensor.id: Track(sensor) for sensor in sensors}
        self._next_series = max(self.tracks, default=0) + 1
        for track in self.tracks.values():
            sensor = track.sensor
            self._of_device.setdefault(sensor.device, {})[sensor.id] = track
            root = self.root(track)
            if root is not track and (sensor.forgotten_at is None or root.sensor.forgotten_at is not None):
                root.parts.append(track)
                if sensor.forgotten_at is None:
                    self.merged_by_key[(sensor.device, sensor.sensor)] = track
            if sensor.forgotten_at is None:
                self.by_key[(sensor.device, sensor.sensor)] = root
                self._counts[sensor.device] = self._counts.get(sensor.device, 0) + 1
            if sensor.kept_value is not None or sensor.kept_text is not None:
                track.latest = track.own = Latest(0, sensor.kept_at, None, sensor.kept_value, sensor.kept_text)
            if sensor.name is None:
                self.name_later(sensor.device)
        self.name_sensors()

    # Finding

    def root(self, track: Track) -> Track:
        """The series that a merged one counts for; itself where it is not merged."""
        for _ in range(MAX_MERGES):
            above = self.tracks.get(track.sensor.part_of or 0)
            if above is None:
                break
            track = above
        return track

    def root_of(self, series: int) -> int:
        """The id of the series that this one counts for."""
        track = self.tracks.get(series)
        return self.root(track).sensor.id if track else series

    def home(self, device_id: str) -> str:
        """The device that readings of this one count for."""
        for _ in range(MAX_MERGES):
            device = self.devices.get(device_id)
            if device is None or device.merged_into is None:
                break
            device_id = device.merged_into
        return device_id

    def find(self, device_id: str, sensor: str) -> Track | None:
        """The series of a sensor, also by a name it had before; None where there is none."""
        return self.by_key.get((device_id, sensor)) or self.by_key.get((self.home(device_id), sensor))

    def device(self, device_id: str) -> Device:
        """The device with this id, or the one it was merged into; NotFound."""
        found = self.devices.get(self.home(device_id))
        if found is None or found.forgotten_at is not None:
            raise NotFound("There is no such device.")
        return found

    def tracks_of(self, device_id: str) -> list[Track]:
        """The series of a device that are shown with it, oldest first."""
        return [
            track
            for track in self.all_tracks_of(device_id)
            if track.sensor.part_of is None and track.sensor.forgotten_at is None
        ]

    def all_tracks_of(self, device_id: str) -> list[Track]:
        """Every series of a device, also merged and forgotten ones, oldest first."""
        return [track for _, track in sorted(self._of_device.get(device_id, {}).copy().items())]

    def is_forgotten_alone(self, track: Track) -> bool:
        """Was this sensor forgotten by itself, and not with its device?"""
        device, at = self.devices.get(self.home(track.sensor.device)), track.sensor.forgotten_at
        # a device that comes back by itself is first seen then
        return at is not None and device is not None and device.forgotten_at != at and at >= device.first_seen

    def forgotten_sensor(self, device_id: str, sensor: str) -> Track | None:
        """The series of a sensor that was forgotten by itself, the latest where there are several."""
        found = [
            track
            for track in self.all_tracks_of(device_id)
            if track.sensor.sensor == sensor and self.is_forgotten_alone(track)
        ]
        return max(found, key=lambda track: track.sensor.forgotten_at or 0.0, default=None)

    def on_since(self) -> dict[Key, float]:
        """The sensors whose newest sample is "on", with its time (Unix seconds)."""
        found = {}
        for track in self.tracks.values():
            newest = track.own
            if (
                track.sensor.kind == "boolean"
                and newest is not None
                and newest.value == 1
                and newest.at
                and not newest.retained
            ):
                found[(track.sensor.device, track.sensor.sensor)] = newest.at
        return found

    # Keeping

    def add_track(self, sensor: Sensor) -> Track:
        """Keep a new series."""
        sensor = replace(sensor, id=self._next_series)
        self._next_series += 1
        track = self.tracks[sensor.id] = Track(sensor)
        self._of_device.setdefault(sensor.device, {})[sensor.id] = track
        self.by_key[(sensor.device, sensor.sensor)] = self.root(track)
        self._counts[sensor.device] = self._counts.get(sensor.device, 0) + 1
        self.unsaved_series.add(sensor.id)
        self.changes += 1
        self.name_later(sensor.device)
        return track

    def put_device(self, device: Device, *, quietly: bool = False) -> None:
        """Know a device as this from now on; `quietly` where nothing that lists show has changed."""
        before = self.devices.get(device.id)
        if before != device:
            self._forgotten += device.forgotten_at is not None
            self._forgotten -= before is not None and before.forgotten_at is not None
            if before is not None and before.ecosystem != device.ecosystem:
                self.name_later(device.id)
            self.devices[device.id] = device
            self.unsaved_devices.add(device.id)
            self.changes += not quietly

    def put_sensor(self, track: Track, sensor: Sensor, *, quietly: bool = False) -> None:
        """Know a series as this from now on; `quietly` where nothing that lists show has changed."""
        if track.sensor != sensor:
            if track.sensor.device != sensor.device:
                self._of_device[track.sensor.device].pop(sensor.id, None)
                self._of_device.setdefault(sensor.device, {})[sensor.id] = track
            track.sensor = sensor
            self.unsaved_series.add(sensor.id)
            self.changes += not quietly

    def take_unsaved(self) -> Unsaved:
        """What has to be stored, as it is now; it counts as stored from here on, see `give_back`."""
        with self.lock:
            device_ids, self.unsaved_devices = self.unsaved_devices, set()
            series_ids, self.unsaved_series = self.unsaved_series, set()
            devices = [self.devices[each] for each in device_ids if each in self.devices]
            return devices, [self.tracks[each].sensor for each in series_ids if each in self.tracks]

    def give_back(self, taken: Unsaved) -> None:
        """This could not be stored."""
        with self.lock:
            self.unsaved_devices |= {device.id for device in taken[0]}
            self.unsaved_series |= {sensor.id for sensor in taken[1]}

    def drop_track(self, track: Track) -> None:
        """Forget a series altogether."""
        self.tracks.pop(track.sensor.id, None)
        self._of_device.get(track.sensor.device, {}).pop(track.sensor.id, None)
        self.unsaved_series.discard(track.sensor.id)
        for named in (self.by_key, self.merged_by_key):
            for key in [key for key, found in named.items() if found is track]:
                del named[key]
        self.count_again(track.sensor.device)
        self.changes += 1

    def retime(self, new_ts: NewTime, when: Callable[[float], float]) -> None:
        """The clock was wrong: samples in memory are of another time, and so is what was heard: `when` gives the true time of an arrival."""
        for track in self.tracks.values():
            track.tail, track.folded = track.tail.retimed(new_ts), None
            track.latest, track.own = retimed(track.latest, new_ts, when), retimed(track.own, new_ts, when)
            track.heard_at = None if track.heard_at is None else when(track.heard_at)
        for device_id, at in self.heard_at.items():
            self.heard_at[device_id] = when(at)
        for device in list(self.devices.values()):
            seen_at = None if device.last_seen is None else when(device.last_seen)
            self.put_device(replace(device, first_seen=when(device.first_seen), last_seen=seen_at), quietly=True)

    # Counting, for the flood guard

    @property
    def device_count(self) -> int:
        """How many devices there are; forgotten ones do not count."""
        return len(self.devices) - self._forgotten

    def sensor_count(self, device_id: str) -> int:
        """How many series a device has."""
        return self._counts.get(device_id, 0)

    def count_again(self, device_id: str) -> None:
        """Series of a device came or went otherwise than by `add_track`."""
        self._counts[device_id] = sum(1 for key in self.by_key if key[0] == device_id)

    def asks_again(self, now: float) -> bool:
        """Is it time to ask the broker for what it keeps, because there was no room for some of it and now there is?"""
        return self.guard.asks_again(self.device_count, len(self.tracks), now)

    # Naming

    def name_sensors(self) -> None:
        """Give names to sensors that nobody named, once everything a message says is known."""
        while self._unnamed:
            device_id, before = self._unnamed.popitem()
            device = self.devices.get(device_id)
            tracks = self._of_device.get(device_id, {}).values()
            for track, sensor in list(named_anew(tracks, device.ecosystem if device else None, before)):
                self.put_sensor(track, sensor)

    def name_later(self, device_id: str) -> None:
        """Look at the names of a device's sensors with the next `name_sensors`."""
        device = self.devices.get(device_id)
        self._unnamed.setdefault(device_id, device.ecosystem if device else None)

    # Merging

    def join(self, part: Track, root: Track) -> None:
        """From now on read the samples of `part` with those of `root`, and count its readings for `root`."""
        if self.root(root) is part or part is root:
            return
        self.put_sensor(part, replace(part.sensor, part_of=root.sensor.id))
        root.parts += [part, *part.parts]
        part.parts = []
        self.hold((part.sensor.device, part.sensor.sensor), root)
        for named, found in list(self.by_key.items()):
            if found is part:
                self.by_key[named] = root
        scale = root.scale_of(part)
        if part.latest and scale and (root.latest is None or (part.latest.at or 0) > (root.latest.at or 0)):
            root.latest = in_scale(part.latest, scale)
        root.folded = None
        self.changes += 1

    def part(self, track: Track) -> None:
        """Undo `join`: a merged series stands for itself again, with what it sent before and meanwhile and what was merged into it."""
        root = self.root(track)
        if root is track:
            return
        self.put_sensor(track, replace(track.sensor, part_of=None))
        goes = [part for part in root.parts if self.root(part) is track]
        root.parts = [part for part in root.parts if part not in goes]
        track.parts = [part for part in goes if part is not track]
        for part in goes:
            if part.sensor.forgotten_at is None:
                # under the name of a forgotten one another may send by now
                self.by_key[(part.sensor.device, part.sensor.sensor)] = track
        if track.sensor.forgotten_at is None:
            self.hold((track.sensor.device, track.sensor.sensor), track)
        for each in (track, root):
            self.look_again(each)
        self.changes += 1

    def hold(self, key: Key, root: Track) -> None:
        """Find out which series holds what a device sends under a name: the newest of that name that was merged into `root`, else `root`."""
        before = self.merged_by_key.pop(key, None)
        named = [
            part
            for part in root.parts
            if (part.sensor.device, part.sensor.sensor) == key and part.sensor.forgotten_at is None
        ]
        own = max(named, key=lambda part: part.sensor.id, default=None)
        if own is None:
            return
        self.merged_by_key[key] = own
        if before is not None and before is not own and own.sensor.unit is not None:
            # a number without a unit is still in the one that was told last
            sent = before.sensor.sent_unit or before.sensor.stored_unit
            self.put_sensor(own, replace(own.sensor, sent_unit=None if sent == own.sensor.unit else sent), quietly=True)

    def look_again(self, root: Track) -> None:
        """What is read together with a series, or its unit, has changed: its newest value is another."""
        found = [
            in_scale(each.own, scale)
            for each in (root, *root.parts)
            if each.own is not None and (scale := root.scale_of(each)) is not None
        ]
        root.latest = max(found, key=lambda one: one.at or 0.0, default=None)
        root.folded = None
        # charts that were read show another
        root.late += 1
