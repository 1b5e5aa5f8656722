"""A message into memory: devices and sensors it speaks of, newest values, samples for the next commit, marks for open pages."""

from __future__ import annotations

from dataclasses import replace

from glance.conversions import SAME, Scale
from glance.ingest.catalog import Catalog
from glance.ingest.hostclock import HostClock
from glance.ingest.learning import Learning
from glance.ingest.pending import Pending
from glance.ingest.tracks import Latest, Track, in_scale
from glance.ingest.upkeep import Upkeep
from glance.mqtt.readings import Outcome, Reading
from glance.store.devices import Sensor

LONGEST_TEXT = 255
# The averages of larger numbers would be none, which no rollup can hold.
LARGEST = 1e300
MAX_TS_MS = 4_102_444_800_000


class Intake:
    """Everything here happens under the catalog's lock and never waits.

    `next_id` is the id of the next sample, `marks` the series that changed since they were last taken, `lost` counts readings
    that could not be held.
    """

    def __init__(
        self,
        catalog: Catalog,
        learning: Learning,
        pending: Pending,
        upkeep: Upkeep,
        host: HostClock,
        next_id: int,
    ) -> None:
        self._catalog = catalog
        self._learning = learning
        self._pending = pending
        self._upkeep = upkeep
        self._host = host
        self.next_id = next_id
        self.marks: set[int] = set()
        self.lost = 0
        # since when (Unix seconds) every message was heard as it came; what the broker keeps and sends once more is no newer
        self.heard_all_since = float("inf")

    def take_marks(self) -> set[int]:
        """The series that changed since the last call."""
        taken, self.marks = self.marks, set()
        return taken

    def take(self, outcome: Outcome, retained: bool, now: float, *, direct: bool = False) -> bool:
        """Everything one message says; True where something of it has to be stored. `direct` = it did not come by the broker."""
        catalog = self._catalog
        before = self.next_id, catalog.changes, len(catalog.unsaved_series)
        declared = outcome.verdict == "declaration"
        for rename in outcome.renamed:
            self._learning.learn_rename(rename, now)
        for info in outcome.devices:
            self._learning.learn_device(info, retained, now, declared=declared)
        for described in outcome.sensors:
            was = catalog.find(described.device, described.sensor)
            counted = was is not None and was.sensor.is_counter
            self._learning.learn_sensor(described, retained, now, declared=declared)
            track = catalog.find(described.device, described.sensor)
            if track is not None and track.sensor.is_counter and not counted and track.latest is not None:
                self._upkeep.count_anew(track)
        for hangs in outcome.bridged:
            self._learning.learn_bridge(hangs)
        for said in outcome.liveness:
            self.marks.update(track.sensor.id for track in self._learning.learn_liveness(said, now))
        for reading in outcome.readings:
            self._read(reading, now, direct)
        if outcome.left_out:
            catalog.guard.note_left_out(outcome.left_out, now)
        for gone in outcome.removed:
            self._learning.learn_removal(gone, now)
        catalog.name_sensors()
        return before != (self.next_id, catalog.changes, len(catalog.unsaved_series))

    def _read(self, reading: Reading, now: float, direct: bool) -> None:
        track = self._catalog.by_key.get((reading.device, reading.sensor))
        if track is None or self._catalog.devices[track.sensor.device].ignored:
            if reading.inferred:
                return
            device, sensor = _writable(reading.device), _writable(reading.sensor)
            track = self._learning.track_for(device, sensor, reading.kind, reading.retained, now)
            if track is None:
                return
        merged = self._catalog.merged_by_key
        # what was merged into `track` keeps its own samples
        own = merged.get((reading.device, reading.sensor), track) if merged else track
        scale = SAME
        if reading.kind == "number" and (own is not track or _says_more(reading, own.sensor)):
            place = self._learning.place(track, own, reading, now)
            if place is None:
                return
            track, own, scale = place
        known = track.sensor
        back = known.removed_at is not None and not reading.inferred
        if known.kind != reading.kind or back:
            removed_at = None if back else known.removed_at
            self._catalog.put_sensor(track, replace(known, kind=reading.kind, removed_at=removed_at))
        if own.sensor.kind != reading.kind:
            self._catalog.put_sensor(own, replace(own.sensor, kind=reading.kind), quietly=True)
        value, text = _value_of(reading, scale, track, own)
        if value is None and text is None:
            return
        if reading.retained:
            self._keep(track, own, reading, value, text)
            return
        heard_at: float | None = now
        if reading.inferred:
            heard_at = (track.latest.heard_at if track.latest else None) or reading.at
        else:
            self._hear(track, own, now, direct)
        if reading.repeat:
            self._revive(track, now)
            return
        newest = _counted(self._store(own, reading, value, text, now, heard_at), track, own)
        if reading.at is None or _is_newer(newest, track.latest):
            # what has no time of its own is of now, also after one from a clock that is ahead
            track.latest = newest
        for each in (track,) if own is track else (track, own):
            self._keep_none(each)
        self.marks.add(track.sensor.id)

    def _hear(self, track: Track, own: Track, now: float, direct: bool) -> None:
        """A device sent something: it is there."""
        self._catalog.heard_at[track.sensor.device] = self._catalog.heard_at[own.sensor.device] = now
        home = self._catalog.devices[track.sensor.device]
        if home.direct != direct or home.removed_at is not None:
            # one that was withdrawn and sends, or for which another does, is there
            back = replace(home, direct=direct, removed_at=None)
            self._catalog.put_device(back, quietly=home.removed_at is None)
        track.hear(now)

    def _store(
        self, own: Track, reading: Reading, value: float | None, text: str | None, now: float, heard_at: float | None
    ) -> Latest:
        """A reading becomes a sample of the series that sent it."""
        at = now if reading.at is None else reading.at
        ts_ms = min(max(int(at * 1000), 0), MAX_TS_MS)
        if self._pending.is_full:
            self.lost += 1
            number = -1
        else:
            number = self.next_id
            self.next_id += 1
            own.tail.append(number, ts_ms, value, text)
            self._upkeep.unfolded += 1
            self._pending.add_row((number, own.sensor.id, ts_ms, value, text))
            if reading.at is None:
                self._host.note(number)
        newest = Latest(number, at, heard_at, value, text)
        if reading.at is None or _is_newer(newest, own.own):
            own.own = newest
            if not own.parts:
                own.latest = newest
        else:
            own.late += 1
        return newest

    def _keep_none(self, track: Track) -> None:
        """A sample is newer than the retained value."""
        if track.sensor.kept_value is not None or track.sensor.kept_text is not None:
            kept = replace(track.sensor, kept_value=None, kept_text=None, kept_at=None)
            self._catalog.put_sensor(track, kept, quietly=True)

    def _revive(self, track: Track, now: float) -> None:
        """The same value came once more on another topic: the sensor lives, there is no new sample."""
        if track.latest is not None and not track.latest.retained:
            track.latest = replace(track.latest, heard_at=now)

    def _keep(self, track: Track, own: Track, reading: Reading, value: float | None, text: str | None) -> None:
        """A retained value fills the tile and is no sample; the same value again says nothing new."""
        latest = track.latest
        fresh = Latest(0, reading.at, None, value, text)
        counted = _counted(fresh, track, own)
        if latest is not None:
            if (latest.value, latest.text) == (counted.value, text):
                return
            if latest.heard_at is not None and latest.heard_at >= self.heard_all_since:
                return
            if reading.at is not None and latest.at is not None and latest.at > reading.at:
                return
        own.latest = own.own = fresh
        track.latest = counted
        for each, newest in ((track, counted),) if own is track else ((track, counted), (own, fresh)):
            kept = replace(each.sensor, kept_value=newest.value, kept_text=text, kept_at=reading.at)
            self._catalog.put_sensor(each, kept, quietly=True)
        self.marks.add(track.sensor.id)


def _is_newer(newest: Latest, latest: Latest | None) -> bool:
    return latest is None or latest.at is None or latest.retained or newest.at is None or latest.at <= newest.at


def _says_more(reading: Reading, own: Sensor) -> bool:
    """Does a number come in another unit than its series has, or is that told for the first time?"""
    if reading.unit is None:
        return own.sent_unit is not None
    return reading.unit != own.unit or own.sent_unit is not None or (own.unit_guessed and not reading.guessed)


def _counted(newest: Latest, track: Track, own: Track) -> Latest:
    """A value of a series as one of that it counts for."""
    scale = SAME if own is track else track.scale_of(own)
    return newest if scale is None else in_scale(newest, scale)


def _value_of(reading: Reading, scale: Scale, track: Track, own: Track) -> tuple[float | None, str | None]:
    """A reading as (number, word), the number in the unit of its own series."""
    raw = reading.value
    if isinstance(raw, bool):
        label = reading.label
        return float(raw), _writable(label[:LONGEST_TEXT]) if label else None
    if isinstance(raw, str):
        return None, _writable(raw[:LONGEST_TEXT])
    try:
        value = float(raw)
    except OverflowError:
        return None, None
    if not -LARGEST < value < LARGEST:
        return None, None
    value = scale.of(value)
    correction = track.sensor.correction
    if correction and own is not track:
        # it was given in the unit that is shown
        to_shown = track.scale_of(own)
        correction = to_shown.back(correction) if to_shown else correction
    return (value + correction if correction else value), None


def _writable(text: str) -> str:
    """Without lone surrogates, which no database stores."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
