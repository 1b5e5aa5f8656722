"""Folding, rolling up and letting go: what keeps samples small and quick to read. Runs on the ingest thread only."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from glance.ingest.catalog import Catalog
from glance.ingest.counters import per_bucket, rises
from glance.ingest.tracks import Track
from glance.store.devices import DeviceRows, Sensor
from glance.store.inbox import Inbox
from glance.store.rollups import FIVE_S, HOUR_S, Rollups
from glance.store.samples import Samples

log = logging.getLogger(__name__)

FOLD_S = 900.0
FOLD_ROWS = 100_000
# Stragglers of an hour are waited for; later ones are rolled up with the next fold.
SETTLE_S = 120
DAY_S = 86400.0
PRUNE_S = DAY_S
FORGOTTEN_KEPT_S = 7 * DAY_S
MAX_HOURS_AT_ONCE = 48
ROOM = 0.9


@dataclass(frozen=True, slots=True)
class Marks:
    """How far things have come: every id up to `folded_to` is in the folded table; every hour before `rolled_until_s` is rolled up."""

    folded_to: int
    rolled_until_s: int


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long samples and rollups are kept where a sensor does not say otherwise, and how many bytes altogether."""

    raw_days: int
    rollup_days: int
    max_bytes: int


class Upkeep:
    """`marks` is replaced, never changed: readers take it once and read by it."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        rows: DeviceRows,
        inbox: Inbox,
        samples: Samples,
        rollups: Rollups,
        keeping: Keeping,
        state: dict[str, str],
        clock: Callable[[], float],
    ) -> None:
        self._catalog = catalog
        self._rows = rows
        self._inbox = inbox
        self._samples = samples
        self._rollups = rollups
        self._keeping = keeping
        self._clock = clock
        this_hour = int(clock() // HOUR_S * HOUR_S)
        self.marks = Marks(int(state.get("folded_to", 0)), int(state.get("rolled_until", this_hour)))
        self.pruned_at = float(state.get("pruned_at", clock()))
        self.shortened: str | None = state.get("shortened") or None
        self.stopping = False
        self._folded_at = clock()
        # what the decoder learned, handed over by the thread that uses it
        self.learned = self._stored_learned = state.get("decoder", "")
        self._recount: set[int] = set()
        self._late: list[tuple[int, int]] = [(series, hour) for series, hour in json.loads(state.get("late", "[]"))]
        self._is_big = False
        self._between: Callable[[], None] = lambda: None
        self.unfolded = 0
        # the deliveries that may come again, None = as they are stored
        self.can_come_again: Callable[[], list[tuple[int, int]] | None] = lambda: None

    def run(self, between: Callable[[], None] = lambda: None) -> None:
        """Do what is due; `between` is called between two transactions of what takes longer."""
        now, self._between = self._clock(), between
        if not 0 <= now - self._folded_at < FOLD_S or self.unfolded >= FOLD_ROWS:
            self.fold()
        if now - SETTLE_S >= self.marks.rolled_until_s + HOUR_S:
            self.roll()
        late = not 0 <= now - self.pruned_at < PRUNE_S
        if late or (self._is_big and now - self.pruned_at >= HOUR_S):
            self.prune()

    def last_words(self) -> dict[str, str]:
        """What has to be known at the next start."""
        return {"decoder": self.learned}

    def count_anew(self, track: Track) -> None:
        """A sensor turned out to be a counter: work out how much it grew in the hours that are rolled up already."""
        self._recount.update(track.ids)

    # Folding

    def fold(self) -> None:
        """Move the unfolded samples into the table that charts read, and note what else has changed since."""
        now, began = self._clock(), time.monotonic()
        last, self._late = self._inbox.fold(self.marks.rolled_until_s, now, self._late)
        self._folded_at = now
        if last:
            self.marks = replace(self.marks, folded_to=last)
            with self._catalog.lock:
                tracks = list(self._catalog.tracks.values())
            for track in tracks:
                if len(track.tail):
                    with self._catalog.lock:
                        track.tail = track.tail.after(last)
                        track.folded = None
            self.unfolded = sum(len(track.tail) for track in tracks)
        if self._late:
            for series, hour in self._late:
                self._roll_late(series, hour)
            self._inbox.put_state({"late": "[]"})
            self._late = []
        self._is_big = self._rollups.used_bytes() > self._keeping.max_bytes
        self._note(now)
        log.debug("Folded up to %d in %.0f ms.", last, (time.monotonic() - began) * 1000)

    def _note(self, now: float) -> None:
        """Store when devices were last heard, what the decoder learned, and what the broker has let go."""
        with self._catalog.lock:
            for device_id, heard in self._catalog.heard_at.items():
                device = self._catalog.devices.get(device_id)
                if device is not None and (device.last_seen is None or heard - device.last_seen > FOLD_S / 2):
                    self._catalog.devices[device_id] = replace(device, last_seen=heard)
                    self._catalog.unsaved_devices.add(device_id)
            again = self.can_come_again()
        if again is not None:
            self._inbox.replace_seen(again)
        learned = self.learned
        if learned != self._stored_learned:
            self._inbox.put_state({"decoder": learned})
            self._stored_learned = learned

    # Rolling up

    def roll(self) -> None:
        """Roll up the hours that have passed, oldest first."""
        now = self._clock()
        self.fold()
        for _ in range(MAX_HOURS_AT_ONCE):
            hour = self.marks.rolled_until_s
            if self.stopping or now - SETTLE_S < hour + HOUR_S:
                break
            self._rollups.roll_hour(hour)
            for track in self._counters():
                self._count(track.sensor, hour, hour + HOUR_S)
            self._inbox.put_state({"rolled_until": str(hour + HOUR_S)})
            self.marks = replace(self.marks, rolled_until_s=hour + HOUR_S)
            self._between()
        for series in sorted(self._recount):
            self._recount.discard(series)
            counter = self._catalog.tracks.get(series)
            if counter is not None:
                self._count(counter.sensor, int(now - self._keeping.raw_days * DAY_S), self.marks.rolled_until_s)

    def _roll_late(self, series: int, hour: int) -> None:
        self._rollups.roll_one(series, hour)
        track = self._catalog.tracks.get(series)
        if track is not None and track.sensor.is_counter:
            self._count(track.sensor, hour, hour + 2 * HOUR_S)

    def _counters(self) -> list[Track]:
        return [track for track in list(self._catalog.tracks.values()) if track.sensor.is_counter]

    def _count(self, sensor: Sensor, begin_s: int, end_s: int) -> None:
        """Store how much a counter grew in each 5 minutes of a stretch."""
        upto = self.marks.folded_to
        before = self._samples.last_before([sensor.id], begin_s * 1000, upto)
        numbers = self._samples.numbers([sensor.id], begin_s * 1000, end_s * 1000, upto, 1_000_000)
        grown = rises(numbers, before.value if before else None, both_ways=sensor.state_class == "total")
        self._rollups.put_rises(sensor.id, [(at // 1000, rise) for at, rise in per_bucket(grown, FIVE_S * 1000)])

    # Letting go

    def prune(self) -> None:
        """Delete what is older than it is kept, then, where the database is still too big, the oldest of all."""
        now = self._clock()
        with self._catalog.lock:
            sensors = [track.sensor for track in self._catalog.tracks.values()]
        # whole hours, so that an hour is never rolled up again from a part of its samples
        raw = [(sensor.id, _hour(now - self._days(sensor)[0] * DAY_S)) for sensor in sensors if sensor.kind == "number"]
        rolled = [(sensor.id, _hour(now - self._days(sensor)[1] * DAY_S)) for sensor in sensors]
        gone = self._prune(raw, rolled)
        for sensor in sensors:
            if sensor.kind != "number" and not self.stopping:
                gone += self._prune_words(sensor, now)
                self._between()
        self._erase_forgotten(now)
        longest = max([self._keeping.raw_days, self._keeping.rollup_days, *(max(self._days(each)) for each in sensors)])
        self._rollups.prune_rest(now - self._keeping.raw_days * DAY_S, int(now // DAY_S) - longest - 1)
        self._inbox.forget_texts()
        self._shrink(now, [sensor.id for sensor in sensors])
        self.pruned_at = now
        self._inbox.put_state({"pruned_at": str(now), "shortened": self.shortened or ""})
        if gone:
            log.info("Let go of %d old rows.", gone)

    def _prune(self, raw: Sequence[tuple[int, int]], rolled: Sequence[tuple[int, int]]) -> int:
        """Delete what is older, a series at a time."""
        gone = 0
        for series, before_s in raw:
            gone += 0 if self.stopping else self._rollups.prune_samples(series, before_s)
            self._between()
        for series, before_s in rolled:
            gone += 0 if self.stopping else self._rollups.prune_rollups(series, before_s)
            self._between()
        return gone

    def _days(self, sensor: Sensor) -> tuple[int, int]:
        return sensor.raw_days or self._keeping.raw_days, sensor.rollup_days or self._keeping.rollup_days

    def _prune_words(self, sensor: Sensor, now: float) -> int:
        """Words have no averages: after the raw days each change is kept, as long as rollups are."""
        raw_days, rollup_days = self._days(sensor)
        gone = self._rollups.prune_samples(sensor.id, _hour(now - max(raw_days, rollup_days) * DAY_S))
        if sensor.kind != "event":
            gone += self._rollups.thin(sensor.id, _hour(now - raw_days * DAY_S))
        return gone

    def _erase_forgotten(self, now: float) -> None:
        with self._catalog.lock:
            tracks = [
                track
                for track in self._catalog.tracks.values()
                if track.sensor.forgotten_at is not None and now - track.sensor.forgotten_at > FORGOTTEN_KEPT_S
            ]
        for track in tracks:
            self._rollups.erase(track.sensor.id)
            self._between()
            with self._catalog.lock:
                self._catalog.drop_track(track)
        if tracks:
            self._rows.drop([], [track.sensor.id for track in tracks])

    def _shrink(self, now: float, series: list[int]) -> None:
        """Delete the oldest day of samples, then of rollups, until there is room again, and keep a sentence for the page."""
        limit = self._keeping.max_bytes
        self.shortened = None
        if self._rollups.used_bytes() <= limit:
            return
        while self._rollups.used_bytes() > ROOM * limit and not self.stopping:
            raw_from, rolled_from = self._rollups.span_s()
            if raw_from is not None and raw_from < now - DAY_S:
                cut = _hour(raw_from + DAY_S)
                self._prune([(each, cut) for each in series], [])
                kept = "samples"
            elif rolled_from is not None and rolled_from < now - DAY_S:
                cut = _hour(rolled_from + DAY_S)
                self._prune([], [(each, cut) for each in series])
                kept = "averages"
            else:
                break
            since = datetime.fromtimestamp(cut, UTC).strftime("%Y-%m-%d %H:%M UTC")
            self.shortened = f"The database reached its limit of {limit // 1_000_000} MB (GLANCE_MAX_MB): {kept} before {since} were deleted."
        if self.shortened:
            log.warning("%s", self.shortened)


def _hour(at: float) -> int:
    return int(at // HOUR_S * HOUR_S)
