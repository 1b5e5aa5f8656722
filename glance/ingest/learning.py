"""What messages say of devices and sensors: those that are new are let in, described, renamed, and known to be there or gone."""

from __future__ import annotations

from dataclasses import replace

from glance.ingest.catalog import Catalog
from glance.ingest.latecomers import Latecomers
from glance.ingest.measuring import Measuring, Place, apart, free_name
from glance.ingest.naming import is_unnamed
from glance.ingest.tracks import Track
from glance.mqtt.readings import Bridged, DeviceInfo, Liveness, Reading, Removed, Renamed, SensorInfo, SensorKind
from glance.store.devices import Device, Sensor

DEVICE_FACTS = ("name", "maker", "model", "room", "ecosystem", "firmware", "via", "link")
SENSOR_FACTS = ("name", "kind", "device_class", "state_class", "expire_after_s", "decimals")
# Ecosystems that say only how a message looked.
VAGUE = ("plain", "json")


class Learning:
    """Writes into the catalog what is learned; every method is called with the catalog's lock held."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._late = Latecomers()
        self._measuring = Measuring(catalog)

    def track_for(
        self,
        device_id: str,
        sensor: str,
        kind: SensorKind,
        retained: bool,
        now: float,
        *,
        counts: bool = True,
        declared: bool = False,
    ) -> Track | None:
        """The series a reading belongs to, made where it is new; None where it is ignored, forgotten or too much.

        `counts` = it is a reading that is left out then, not a description; `declared` = a declaration names it.
        """
        catalog = self._catalog
        track = catalog.by_key.get((device_id, sensor))
        if track is not None:
            return None if catalog.devices[track.sensor.device].ignored else track
        home = catalog.home(device_id)
        device = self._present(home, retained, now, counts, declared)
        if device is None or device.ignored:
            return None
        found = catalog.by_key.get((home, sensor))
        if found is None and retained and catalog.forgotten_sensor(home, sensor) is not None:
            return None
        if found is not None and home == device_id:
            return found
        if not self._has_room(device, now, counts, declared, retained):
            return found
        fresh = Sensor(id=0, device=home, sensor=sensor, kind=kind, first_at=now)
        if found is None:
            found = catalog.add_track(fresh)
            for info in self._late.of_sensor((home, sensor)):
                self.learn_sensor(info, retained, now)
        if home != device_id:
            catalog.join(catalog.add_track(replace(fresh, device=device_id)), found)
        return found

    def learn_device(self, info: DeviceInfo, retained: bool, now: float, *, declared: bool = False) -> None:
        """A device described itself, or with `declared` was named by a declaration."""
        home = self._catalog.home(info.device)
        device = self._present(home, retained, now, declared=declared)
        if device is None:
            self._late.note_device(home, info)
            return
        told = {name: value for name in DEVICE_FACTS if (value := getattr(info, name)) is not None}
        if device.ecosystem is not None and told.get("ecosystem") in VAGUE:
            # after a restart the first word of a device may be one that anybody could say, its last will
            del told["ecosystem"]
        if home != info.device:
            told = {name: value for name, value in told.items() if getattr(device, name) is None}
        self._catalog.put_device(replace(device, removed_at=None, **told))

    def learn_sensor(self, info: SensorInfo, retained: bool, now: float, *, declared: bool = False) -> None:
        """A sensor was described; it exists from then on, also without a value."""
        kind = info.kind or "number"
        track = self.track_for(info.device, info.sensor, kind, retained, now, counts=False, declared=declared)
        if track is None:
            if self._catalog.find(info.device, info.sensor) is None:
                self._late.note_sensor((self._catalog.home(info.device), info.sensor), info)
            return
        told = {name: value for name in SENSOR_FACTS if (value := getattr(info, name)) is not None}
        if info.unit is not None and (info.kind or track.sensor.kind) != "number":
            told["unit"] = info.unit
        elif info.unit is not None:
            own = self._catalog.merged_by_key.get((info.device, info.sensor), track)

            def make(device_id: str, sensor: str) -> Track | None:
                return self.track_for(device_id, sensor, kind, retained, now, counts=False, declared=declared)

            place = self._measuring.place(track, own, info.unit, False, make, now)
            if place is None:
                return
            if place.root is not track and info.name is not None:
                told["name"] = apart(info.name, info.unit)
            track = place.root
        if info.options:
            told["options"] = info.options
        if info.value_labels:
            told["value_labels"] = info.value_labels
        if info.hidden is not None:
            told["declared_hidden"] = info.hidden
        if info.expire_after_s == 0:
            told["expire_after_s"] = None
        self._catalog.put_sensor(track, replace(track.sensor, removed_at=None, **told))

    def place(self, root: Track, own: Track, reading: Reading, now: float) -> Place | None:
        """Where the number of a reading goes, by its unit; None where it is left out."""

        def make(device_id: str, sensor: str) -> Track | None:
            return self.track_for(device_id, sensor, reading.kind, reading.retained, now)

        return self._measuring.place(root, own, reading.unit, reading.guessed, make, now)

    def learn_bridge(self, hangs: Bridged) -> None:
        """A device is reached through a bridge."""
        home = self._catalog.home(hangs.device)
        device = self._catalog.devices.get(home)
        if device is None:
            self._late.note_bridge(home, hangs)
        elif device.bridge != hangs.bridge:
            self._catalog.put_device(replace(device, bridge=hangs.bridge))

    def learn_liveness(self, said: Liveness, now: float) -> list[Track]:
        """A last will or a sign of life came; returns the series whose state may have changed."""
        catalog = self._catalog
        if said.bridge:
            before = catalog.bridges.get(said.subject)
            catalog.bridges[said.subject] = (said.state, now)
            changed = before is None or before[0] != said.state
            below = (
                {device.id for device in catalog.devices.values() if device.bridge == said.subject}
                if changed
                else set()
            )
        else:
            device = self._present(catalog.home(said.subject), said.retained, now)
            if device is None:
                return []
            changed, below = device.state != said.state, {device.id}
            if changed:
                catalog.put_device(replace(device, state=said.state, state_at=now))
        return [track for each in below for track in catalog.tracks_of(each)] if changed else []

    def learn_removal(self, gone: Removed, now: float) -> None:
        """A declaration was withdrawn: the history stays."""
        catalog = self._catalog
        if gone.sensor is not None:
            track = catalog.find(gone.device, gone.sensor)
            if track is not None and track.sensor.removed_at is None:
                catalog.put_sensor(track, replace(track.sensor, removed_at=now))
            return
        device = catalog.devices.get(catalog.home(gone.device))
        if device is not None and device.removed_at is None:
            catalog.put_device(replace(device, removed_at=now))

    def learn_rename(self, change: Renamed, now: float) -> None:
        """Series known under one name turn out to be another's: the history goes with them, the old name still finds them."""
        catalog = self._catalog
        if change.old_sensor is not None:
            track = catalog.by_key.get((change.old, change.old_sensor))
            if track is not None:
                self._move(track, change.new, change.new_sensor or change.old_sensor, now)
            return
        device = catalog.devices.get(change.old)
        if device is None or change.old == change.new or device.merged_into is not None:
            return
        for track in catalog.tracks_of(change.old):
            self._move(track, change.new, track.sensor.sensor, now)
        if catalog.home(change.new) != change.old:
            catalog.put_device(replace(device, merged_into=change.new))

    def forget(self, device_id: str) -> None:
        """A device is ignored or forgotten from now on: give up what was said of it while there was no room."""
        self._late.forget(device_id)

    def _present(
        self, device_id: str, retained: bool, now: float, counts: bool = False, declared: bool = False
    ) -> Device | None:
        """The device, made where it is new; one that was forgotten comes back only with something that is not retained."""
        catalog = self._catalog
        device = catalog.devices.get(device_id)
        if device is None:
            count = catalog.device_count
            if not catalog.guard.may_add_device(count, now, counts, declared=declared, retained=retained):
                return None
            catalog.put_device(Device(id=device_id, first_seen=now))
            info, hangs = self._late.of_device(device_id)
            if info is not None:
                self.learn_device(info, retained, now)
            if hangs is not None:
                self.learn_bridge(hangs)
            device = catalog.devices[device_id]
        elif device.forgotten_at is not None:
            if retained:
                return None
            device = replace(device, forgotten_at=None, removed_at=None, first_seen=now)
            catalog.put_device(device)
        return device

    def _has_room(self, device: Device, now: float, counts: bool, declared: bool, retained: bool) -> bool:
        """May one more sensor of this device appear?"""
        catalog = self._catalog
        return catalog.guard.may_add_series(
            len(catalog.tracks),
            catalog.sensor_count(device.id),
            device.title,
            now,
            counts,
            is_known=device.direct or device.ecosystem not in (None, *VAGUE),
            declared=declared,
            retained=retained,
        )

    def _move(self, track: Track, device_id: str, sensor: str, now: float) -> None:
        """Give a series another name. Where that name is taken its samples are read together with those of the other."""
        catalog = self._catalog
        home = catalog.home(device_id)
        old = track.sensor
        if (old.device, old.sensor) == (home, sensor) or self._present(home, False, now) is None:
            return
        sensor = free_name(catalog, home, track, sensor)
        taken = catalog.by_key.get((home, sensor))
        if taken is not None and taken is not track:
            catalog.join(track, taken)
            return
        known = catalog.devices.get(old.device)
        name = None if is_unnamed(old, known.ecosystem if known else None) else old.name
        catalog.put_sensor(track, replace(old, device=home, sensor=sensor, name=name))
        catalog.name_later(home)
        catalog.by_key[(home, sensor)] = track
        # the old name is kept as an empty part, so that a widget which names it still finds the series
        track.parts.append(
            catalog.add_track(replace(old, part_of=track.sensor.id, kept_value=None, kept_text=None, raw_from=None))
        )
        catalog.count_again(home)
