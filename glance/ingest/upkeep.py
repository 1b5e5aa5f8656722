"""Folding and rolling up: what keeps samples small and quick to read. Runs on the ingest thread only."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from glance import allocator
from glance.ingest.catalog import Catalog
from glance.ingest.counters import AFTER, BEFORE, growth_between
from glance.ingest.hostclock import HostClock
from glance.ingest.letting_go import Keeping, LettingGo
from glance.ingest.pending import Pending
from glance.ingest.together import Together
from glance.ingest.tracks import NewTime, Track
from glance.store.devices import DeviceRows
from glance.store.inbox import Inbox
from glance.store.rollups import FIVE_S, HOUR_S, Rollups
from glance.store.samples import Samples
from glance.store.words import Words

log = logging.getLogger(__name__)

FOLD_S = 900.0
FOLD_ROWS = 100_000
# Stragglers of an hour are waited for; later ones are rolled up with the next fold.
SETTLE_S = 120
DAY_S = 86400.0
# No payload's time is believed that is further ahead of the clock.
AHEAD_S = 300.0
MAX_HOURS_AT_ONCE = 48
# What the decoder learned is written beside what the samples take: so many bytes a second at most, and not with each declaration.
LEARNED_BYTES_PER_S, LEARNED_EVERY_S = 100, 15.0
FIVE_MS = FIVE_S * 1000


@dataclass(frozen=True, slots=True)
class Marks:
    """How far things have come: every id up to `folded_to` is in the folded table; every hour before `rolled_until_s` is rolled up."""

    folded_to: int
    rolled_until_s: int


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
        words: Words,
        keeping: Keeping,
        state: dict[str, str],
        clock: HostClock,
        pending: Pending,
    ) -> None:
        self._catalog = catalog
        self._inbox = inbox
        self._samples = Together(samples)
        self._rollups = rollups
        self._keeping = keeping
        self._clock = clock
        self._pending = pending
        self.letting_go = LettingGo(
            catalog=catalog,
            rows=rows,
            inbox=inbox,
            rollups=rollups,
            words=words,
            keeping=keeping,
            state=state,
            clock=clock,
            roll_to=self._roll_to,
            passed=clock.passed,
        )
        # what the clock showed last, at which monotonic time, and by how much it jumped ahead
        self._seen = (clock(), clock.passed())
        self._ahead_s = 0.0
        # before the first hour was rolled up, that with the oldest sample comes first
        begun = state.get("rolled_until") or rollups.next_hour(0) or clock() // HOUR_S * HOUR_S
        self.marks = Marks(int(state.get("folded_to", 0)), int(begun))
        self._folded_at = clock()
        # what the decoder learned, handed over by the thread that uses it
        self.learned = self._stored_learned = state.get("decoder", "")
        self._learned_at = clock.passed()
        self._stored_recount = state.get("recount", "[]")
        self._recount: set[int] = set(json.loads(self._stored_recount))
        self._late: list[tuple[int, int]] = [(series, hour) for series, hour in json.loads(state.get("late", "[]"))]
        self.unfolded = 0
        # the deliveries that may come again, None = as they are stored
        self.can_come_again: Callable[[], Iterable[tuple[int, int]] | None] = lambda: None

    def run(self, between: Callable[[], None] = lambda: None) -> None:
        """Do what is due; `between` is called between two transactions of what takes longer."""
        self._note_recount()
        wait_s = max(LEARNED_EVERY_S, len(self.learned) / LEARNED_BYTES_PER_S)
        if self._clock.passed() - self._learned_at >= wait_s or not self._stored_learned:
            self._note_learned()
        self.letting_go.between = between
        is_full = self.unfolded >= FOLD_ROWS or self.letting_go.is_crowded(self.unfolded)
        if not self._clock.is_set:
            # what is not folded can still be put right
            if is_full:
                self.fold()
                self.letting_go.shrink()
            return
        self._set_right()
        self._bring_back()
        now = self._clock()
        if is_full or not 0 <= now - self._folded_at < FOLD_S:
            self.fold()
            self.letting_go.shrink()
        if now - SETTLE_S >= self.marks.rolled_until_s + HOUR_S:
            self.roll()
        elif self._recount:
            self._count_again(now)
        if self.letting_go.is_due():
            self.letting_go.prune(self.marks.rolled_until_s)

    def last_words(self) -> dict[str, str]:
        """What has to be known at the next start."""
        return {"decoder": self.learned, "recount": json.dumps(sorted(self._recount))}

    def count_anew(self, track: Track) -> None:
        """A sensor turned out to be a counter: work out how much it grew in the hours that are rolled up already."""
        self._recount.update(track.ids)

    def _note_recount(self) -> None:
        """Store which counters are to be counted anew: they are done also where Glance ends before."""
        recount = json.dumps(sorted(self._recount))
        if recount != self._stored_recount:
            self._inbox.put_state({"recount": recount})
            self._stored_recount = recount

    def _set_right(self) -> None:
        """Where the clock was set since the start: give what came before that its true time."""
        host = self._clock
        shift_s = round(host.correction_s(), 3)
        if shift_s:
            with self._catalog.lock:
                numbers = frozenset(host.noted)
            shift_ms = round(shift_s * 1000)
            self._inbox.shift(numbers, shift_ms, int(self._clock() // DAY_S))
            self._retime(
                lambda number, ts: ts + shift_ms if number in numbers else ts,
                lambda at: at + shift_s if host.was_thought(at) else at,
            )
            host.corrected()
            self._seen = (self._clock(), self._clock.passed())
            log.info("The clock was set by %.0f s: %d samples were given their true time.", shift_s, len(numbers))
        with self._catalog.lock:
            host.grow_old()

    def _bring_back(self) -> None:
        """Where the clock had jumped ahead by days and is back: give what it stamped in between the time that it really was."""
        now, passed = self._clock(), self._clock.passed()
        seen_at, seen_passed = self._seen
        self._seen = (now, passed)
        step_s = now - seen_at - (passed - seen_passed)
        if abs(step_s) < DAY_S:
            return
        shift_s, self._ahead_s = self._ahead_s, max(0.0, self._ahead_s + step_s)
        if step_s > 0:
            return
        if shift_s and abs(shift_s + step_s) < DAY_S:
            self._move_back(int(now + AHEAD_S), round(shift_s * 1000))
        with self._catalog.lock:
            for track in self._catalog.tracks.values():
                if (track.sensor.raw_from or 0) > now:
                    raw_from = int(now // FIVE_S * FIVE_S)
                    self._catalog.put_sensor(track, replace(track.sensor, raw_from=raw_from), quietly=True)
        # what is rolled up of the time to come is rolled up again once that has passed
        self._rolled_until(min(self.marks.rolled_until_s, int(now // HOUR_S * HOUR_S)))
        self._roll_all_late()

    def _move_back(self, after_s: int, shift_ms: int) -> None:
        self._late += self._inbox.bring_back(after_s, shift_ms)
        self._inbox.put_state({"late": json.dumps(self._late)})
        self._retime(
            lambda _number, ts: ts - shift_ms if ts > after_s * 1000 else ts,
            lambda at: at - shift_ms / 1000 if at > after_s else at,
        )
        log.info("The clock was ahead by %.0f s: what it had stamped is moved back.", shift_ms / 1000)

    def _retime(self, new_ts: NewTime, when: Callable[[float], float]) -> None:
        with self._catalog.lock:
            self._pending.retime(new_ts)
            self._catalog.retime(new_ts, when)

    # Folding

    def fold(self) -> None:
        """Move the unfolded samples into the table that charts read, and note what else has changed since."""
        now, began = self._clock(), time.monotonic()
        last, self._late = self._inbox.fold(self.marks.rolled_until_s, now, self._late, self._rollups.merge_late)
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
        self._roll_all_late()
        self._note(now)
        # samples came one by one, between all else that is short-lived: now that they are gone there are holes
        allocator.give_back()
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
        self._note_learned()

    def _note_learned(self) -> None:
        """Store what the decoder learned, where that has changed: after a crash the broker may not tell it again."""
        learned = self.learned
        if learned != self._stored_learned:
            self._inbox.put_state({"decoder": learned})
            self._stored_learned, self._learned_at = learned, self._clock.passed()

    # Rolling up

    def roll(self) -> None:
        """Roll up the hours that have passed, oldest first; a time without samples costs nothing, however long it was."""
        now = self._clock()
        self.fold()
        due = int((now - SETTLE_S) // HOUR_S * HOUR_S)
        for _ in range(MAX_HOURS_AT_ONCE):
            hour = self.marks.rolled_until_s
            if hour < due - HOUR_S:
                following = self._rollups.next_hour(hour)
                hour = due if following is None else min(max(hour, following), due)
            if self.letting_go.is_stopping or hour >= due:
                self._rolled_until(max(hour, self.marks.rolled_until_s))
                break
            self._roll(hour, hour + HOUR_S)
            self._rolled_until(hour + HOUR_S)
            self.letting_go.between()
        self._count_again(now)

    def _rolled_until(self, hour_s: int) -> None:
        if hour_s != self.marks.rolled_until_s:
            self._inbox.put_state({"rolled_until": str(hour_s)})
            self.marks = replace(self.marks, rolled_until_s=hour_s)

    def _roll(self, begin_s: int, end_s: int) -> None:
        self._rollups.roll(begin_s, end_s)
        for track in list(self._catalog.tracks.values()):
            if track.sensor.is_counter and track.sensor.part_of is None:
                self._count(track, begin_s, end_s)

    def _roll_to(self, end_s: int) -> None:
        """Roll up what is not yet, ahead of time: its samples have to go."""
        begin_s = self.marks.rolled_until_s
        while begin_s < end_s:
            following = min(begin_s // HOUR_S * HOUR_S + HOUR_S, end_s)
            self._roll(begin_s, following)
            begin_s = following

    def _count_again(self, now: float) -> None:
        """Work out anew how much some counters grew, as far as their samples are there."""
        for series in sorted(self._recount):
            # taken out first: it may be wanted once more while it is done
            self._recount.discard(series)
            is_done = False
            try:
                is_done = self._count_whole(series, now)
            finally:
                if not is_done:
                    self._recount.add(series)
            if not is_done:
                break
        self._note_recount()

    def _count_whole(self, series: int, now: float) -> bool:
        """Work out how much a counter grew as far as its samples are there; False where Glance ends before that is done."""
        track = self._catalog.tracks.get(series)
        if track is None or not self._catalog.root(track).sensor.is_counter:
            return True
        days = self._catalog.root(track).sensor.raw_days or self._keeping.raw_days
        begin_s = int((now - days * DAY_S) // HOUR_S * HOUR_S)
        while begin_s < self.marks.rolled_until_s:
            if self.letting_go.is_stopping:
                return False
            end_s = min(begin_s + int(DAY_S), self.marks.rolled_until_s)
            self._count(track, begin_s, end_s)
            begin_s = end_s
            self.letting_go.between()
        return True

    def _roll_all_late(self) -> None:
        if self._late:
            for series, hour in self._late:
                if self.letting_go.is_stopping:
                    # they are noted in the database, and come first at the next start
                    return
                self._roll_late(series, hour)
                self.letting_go.between()
            self._inbox.put_state({"late": "[]"})
            self._late = []

    def _roll_late(self, series: int, hour: int) -> None:
        self._rollups.roll_one(series, hour)
        track = self._catalog.tracks.get(series)
        if track is None or not self._catalog.root(track).sensor.is_counter:
            return
        # what follows has grown by less now, and the one after that may show it to be a wrong reading
        after = self._samples.measured_after(
            self._catalog.root(track), (hour + HOUR_S) * 1000, self.marks.folded_to, BEFORE
        )
        last_ms = max([number.ts for number in after], default=0)
        end_s = max(hour + HOUR_S, last_ms // FIVE_MS * FIVE_S + FIVE_S)
        self._count(track, hour, min(end_s, max(self.marks.rolled_until_s, hour + HOUR_S)))

    def _count(self, track: Track, begin_s: int, end_s: int) -> None:
        """Store how much a counter grew in each 5 minutes of a stretch, with all that was merged into it as one row of numbers."""
        root, upto = self._catalog.root(track), self.marks.folded_to
        begin_s = max(begin_s, root.raw_from_s)
        before = self._samples.measured_before(root, begin_s * 1000, upto, 1)
        if before:
            # what comes next may show that the one before was a wrong reading
            begin_s = max(before[0].ts // FIVE_MS * FIVE_S, root.raw_from_s)
        begin_ms, end_ms = begin_s * 1000, end_s * 1000
        numbers = [
            *self._samples.measured_before(root, begin_ms, upto, BEFORE),
            *self._samples.measured(root, begin_ms, end_ms, upto),
            *self._samples.measured_after(root, end_ms, upto, AFTER),
        ]
        sums: dict[int, dict[int, float]] = {series: {} for series in root.readable}
        scales = root.scales
        both_ways = root.sensor.counts_as == "total"
        for number, grown in growth_between(numbers, begin_ms, end_ms, both_ways=both_ways):
            five, of_series = number.ts // FIVE_MS * FIVE_S, sums[number.series]
            # what is stored of a series is in its own unit
            scale = scales.get(number.series)
            of_series[five] = of_series.get(five, 0.0) + (scale.back(grown) if scale else grown)
        for series, found in sums.items():
            self._rollups.put_rises(series, begin_s, end_s, found.items())
