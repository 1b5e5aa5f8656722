"""What the owner does with devices: names, units, hiding, merging, replacing, ignoring, forgetting and bringing back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from glance.errors import Conflict, NotFound
from glance.ingest.changes import of_device, of_sensor
from glance.ingest.forgetting import Forgetting
from glance.ingest.measuring import free_name, sent_unit, show_in
from glance.ingest.tracks import Track
from glance.store.devices import Device, Sensor


class Devices(Forgetting):
    """The devices as pages and the API see and change them. Changes are stored before a method returns."""

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

    def sent_unit(self, sensor: Sensor) -> str | None:
        """The unit in which its device sends a sensor now, where that is another than the one shown; else None."""
        track = self._catalog.tracks.get(sensor.id)
        unit = sent_unit(self._catalog, track) if track else None
        return unit if unit != sensor.shown_unit else None

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
            if device.ignored:
                self.unwanted(device.id)
        self._save()
        return device

    def change_sensor(self, device_id: str, sensor: str, changes: Mapping[str, Any]) -> Sensor:
        """Change label, own_unit, own_hidden, own_expire_after_s, own_decimals, own_state_class, correction, raw_days, rollup_days
        of a sensor. `own_unit` names the unit and converts nothing, but for the one in which its device sends it now."""
        told = of_sensor(changes)
        with self._catalog.lock:
            track = self._track(device_id, sensor)
            unit = told.get("own_unit")
            if unit and unit != track.sensor.stored_unit and unit == sent_unit(self._catalog, track):
                # it shall be shown as it is sent now: with its history, not only by another name
                was = track.sensor.correction
                track, told["own_unit"] = show_in(self._catalog, track, unit), None
                if was is not None and told.get("correction") == float(f"{was:g}"):
                    # a form sends all its fields
                    del told["correction"]
            before = track.sensor
            self._catalog.put_sensor(track, replace(track.sensor, **told))
            result = track.sensor
            for part in track.parts:
                if (part.sensor.unit, part.sensor.own_unit) == (before.unit, before.own_unit):
                    # what the owner says of a line is said of all of it
                    self._catalog.put_sensor(part, replace(part.sensor, own_unit=result.own_unit), quietly=True)
            if result.stored_unit != before.stored_unit:
                self._catalog.look_again(self._catalog.root(track))
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
                name = free_name(catalog, target.id, track, track.sensor.sensor)
                same = catalog.by_key.get((target.id, name))
                if same is None:
                    fresh = replace(
                        track.sensor, device=target.id, sensor=name, kept_value=None, kept_text=None, raw_from=None
                    )
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
            if part.sensor.kind == root.sensor.kind == "number" and root.scale_of(part) is None:
                raise Conflict(f"{part.sensor.unit} cannot be converted into {root.sensor.unit}.")
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

    def merged_series(self, device_id: str, sensor: str) -> int:
        """The series of a merged sensor by the name it had; NotFound."""
        for named in (device_id, f"/{device_id}"):
            track = self._catalog.merged_by_key.get((named, sensor))
            if track is not None:
                return track.sensor.id
        raise NotFound("This sensor is not merged with another.")

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


def _is_same(track: Track, root: Track) -> bool:
    """A sensor that returned while it was forgotten goes on in a series of its own, but is the same sensor."""
    return (track.sensor.device, track.sensor.sensor) == (root.sensor.device, root.sensor.sensor)
