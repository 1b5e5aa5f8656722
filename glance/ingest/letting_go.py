"""Letting go of what is older than it is kept, and of the oldest where the database is too big. Runs on the ingest thread only."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from glance.ingest.catalog import Catalog
from glance.store.devices import DeviceRows, Sensor
from glance.store.inbox import Inbox
from glance.store.rollups import FIVE_S, HOUR_S, Rollups
from glance.store.words import Words

log = logging.getLogger(__name__)

DAY_S = 86400.0
PRUNE_S = DAY_S
FORGOTTEN_KEPT_S = 7 * DAY_S
# A clock that jumped by days has to stand for so long before anything is deleted by it.
CLOCK_STANDS_S = 6 * 3600.0
ROOM = 0.9
# A fold needs the room of its samples twice for a moment: so much of the limit, and at most so many bytes, are left for it.
FOLD_SHARE, FOLD_BYTES = 0.05, 5_000_000
# A number in the table that charts read.
SAMPLE_BYTES = 30
# What gives way to GLANCE_MAX_MB, in this order: samples or averages, as long as they are older than so many seconds. Of the newest
# minutes all samples but the last of each series go at once, into the averages of that time.
GIVES_WAY = (
    ("samples", DAY_S),
    ("averages", 30 * DAY_S),
    ("samples", 2.0 * HOUR_S),
    ("averages", DAY_S),
    ("samples", 1.0 * FIVE_S),
    ("minutes", 0.0),
    ("averages", 2.0 * HOUR_S),
)
# As many as a widget shows, then what its value is.
KEPT_NEWEST = (50, 1)


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long samples and rollups are kept where a sensor does not say otherwise, and how many bytes altogether."""

    raw_days: int
    rollup_days: int
    max_bytes: int

    @property
    def full_bytes(self) -> int:
        """With more than that the oldest goes."""
        return self.max_bytes - min(int(FOLD_SHARE * self.max_bytes), FOLD_BYTES)


class LettingGo:
    """`shortened` is the sentence for the page where GLANCE_MAX_MB cost something, `pruned_at` when it was last looked (Unix seconds).

    `between` is called between two transactions of what takes longer, `roll_to` before samples of a time that is not rolled up go.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        rows: DeviceRows,
        inbox: Inbox,
        rollups: Rollups,
        words: Words,
        keeping: Keeping,
        state: dict[str, str],
        clock: Callable[[], float],
        roll_to: Callable[[int], None],
        passed: Callable[[], float],
    ) -> None:
        self._catalog = catalog
        self._rows = rows
        self._inbox = inbox
        self._rollups = rollups
        self._words = words
        self._keeping = keeping
        self._clock = clock
        self._roll_to = roll_to
        self._passed = passed
        self.pruned_at = float(state.get("pruned_at", clock()))
        self.shortened: str | None = state.get("shortened") or None
        self._shortened_until = float(state.get("shortened_until", 0))
        # where the clock jumped: what it showed then, and what had passed
        self._jumped: tuple[float, float] | None = None
        self._stopping = threading.Event()
        # how big the database was, or would have been, when room was last needed and not found
        self._stuck_bytes = 0
        # whether words are what fills it
        self._is_wordy = False
        self.between: Callable[[], None] = lambda: None

    @property
    def is_stopping(self) -> bool:
        """True once what takes longer has to come to an end."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End soon."""
        self._stopping.set()

    def is_due(self) -> bool:
        """Once a day. By a clock that jumped nothing is deleted before it has stood for some hours: it may jump back."""
        now, passed = self._clock(), self._passed()
        since = now - self.pruned_at
        if 0 <= since <= 2 * PRUNE_S:
            self._jumped = None
            return since >= PRUNE_S
        if self._jumped is None or abs(now - self._jumped[0] - (passed - self._jumped[1])) > HOUR_S:
            self._jumped = (now, passed)
        return passed - self._jumped[1] >= CLOCK_STANDS_S

    def prune(self, rolled_until_s: int) -> None:
        """Delete what is older than it is kept; samples only where they are rolled up."""
        now = self._clock()
        with self._catalog.lock:
            sensors = [(track.sensor, self._catalog.root(track).sensor) for track in self._catalog.tracks.values()]
        gone = 0
        for sensor, root in sensors:
            raw_days, rollup_days = self._days(root)
            if sensor.kind == "number":
                gone += self._prune_samples(sensor.id, min(_hour(now - raw_days * DAY_S), rolled_until_s))
            else:
                gone += self._prune_words(sensor, now - raw_days * DAY_S, now - max(raw_days, rollup_days) * DAY_S)
            gone += self._prune_averages(sensor.id, _hour(now - rollup_days * DAY_S))
        self._erase_forgotten(now)
        keeping = self._keeping
        longest = max([keeping.raw_days, keeping.rollup_days, *(max(self._days(root)) for _, root in sensors)])
        self._rollups.prune_rest(now - keeping.raw_days * DAY_S, int(now // DAY_S) - longest - 1)
        self._inbox.forget_texts()
        self.pruned_at, self._jumped = now, None
        self._inbox.put_state({"pruned_at": str(now)})
        if gone:
            log.info("Let go of %d old rows.", gone)

    def is_crowded(self, unfolded: int) -> bool:
        """Would the limit be passed by folding so many samples? Asked after each commit: reads a page, writes nothing.

        Once it is so, it is so again only when the database grew by a share of its limit: where nothing can go, or the disk is
        full, it is not tried with every commit.
        """
        needed, limit = self._rollups.used_bytes() + unfolded * SAMPLE_BYTES, self._keeping.max_bytes
        if needed <= max(limit, self._stuck_bytes + (1 - ROOM) * limit):
            return False
        self._stuck_bytes = needed
        return True

    def shrink(self) -> None:
        """Delete the oldest until there is room again, and keep a sentence for the page as long as what went is missing."""
        now, before = self._clock(), self.shortened
        if self._rollups.used_bytes() <= self._keeping.full_bytes:
            self._stuck_bytes = 0
            if self.shortened and now > self._shortened_until:
                self.shortened = None
                self._inbox.put_state({"shortened": ""})
            return
        self._make_room(now)
        used = self._rollups.used_bytes()
        self._stuck_bytes = used if used > self._keeping.full_bytes else 0
        if used > self._keeping.max_bytes and not self.is_stopping:
            self._say(", and only what is newest is left to delete; give it more room", now + DAY_S)
        self._inbox.put_state({"shortened": self.shortened or "", "shortened_until": str(self._shortened_until)})
        if self.shortened and self.shortened != before:
            log.warning("%s", self.shortened)

    def _say(self, what: str, until: float) -> None:
        limit_mb = self._keeping.max_bytes // 1_000_000
        self.shortened = f"The database reached its limit of {limit_mb} MB (GLANCE_MAX_MB){what}."
        self._shortened_until = until

    def _has_room(self) -> bool:
        return self.is_stopping or self._rollups.used_bytes() <= ROOM * self._keeping.max_bytes

    def _make_room(self, now: float) -> None:
        """Go through what may go, the least missed first."""
        self._is_wordy = self._words.size_bytes() > FOLD_SHARE * self._keeping.max_bytes
        self._forget_words()
        for what, least_age_s in GIVES_WAY:
            if what == "minutes":
                self._cut_minutes(now)
            while not self._has_room():
                cut = self._next_cut(what, now, least_age_s)
                if cut is None:
                    break
                self._cut(what, cut)
                days = self._keeping.raw_days if what == "samples" else self._keeping.rollup_days
                self._say(f": {what} before {_minute(cut)} were deleted", cut + days * DAY_S)

    def _next_cut(self, what: str, now: float, least_age_s: float) -> int | None:
        """Up to when to delete next (Unix seconds): a day, an hour or 5 minutes; None where nothing is older than `least_age_s`."""
        raw_from, rolled_from = self._rollups.span_s()
        oldest = {"samples": raw_from, "averages": rolled_from}.get(what)
        if oldest is None or oldest >= now - least_age_s:
            return None
        if oldest < now - 2 * DAY_S:
            return _hour(oldest + DAY_S)
        step = HOUR_S if oldest < now - 2 * HOUR_S else FIVE_S
        return int(oldest // step + 1) * step

    def _cut(self, what: str, before_s: int) -> None:
        if what == "samples":
            self._roll_to(before_s)
        with self._catalog.lock:
            series = [*self._catalog.tracks]
        for each in series:
            if what == "samples":
                self._prune_samples(each, before_s)
            else:
                self._prune_averages(each, before_s)
        if what == "samples":
            self._rollups.prune_folds(before_s - FIVE_S)
            self._forget_words()

    def _cut_minutes(self, now: float) -> None:
        """Delete what came in the last minutes, but the newest of each series: a flood that alone is bigger than the limit.

        What comes until these 5 minutes are over is added to their averages. A counter is left alone: how much it grew is
        worked out from single samples.
        """
        before_s = int(now // FIVE_S + 1) * FIVE_S
        for keep in KEPT_NEWEST:
            if self._has_room():
                return
            self._roll_to(before_s)
            with self._catalog.lock:
                tracks = [
                    each for each in self._catalog.tracks.values() if not self._catalog.root(each).sensor.is_counter
                ]
            gone = sum(self._prune_samples(track.sensor.id, before_s, keep) for track in tracks)
            self._rollups.prune_folds(before_s - 2 * FIVE_S)
            self._forget_words()
            if gone:
                told = f": samples before {_minute(now)} were deleted, but for the newest of each sensor"
                self._say(told, now + self._keeping.raw_days * DAY_S)

    def _forget_words(self) -> None:
        """Where words are what fills the database, delete those that no sample has any more."""
        if self._is_wordy:
            self._words.forget_unused(self.between, self._stopping.is_set)

    def _prune_samples(self, series: int, before_s: int, keep: int = 1) -> int:
        """Delete the samples of a series before a time, a few thousand at a time."""
        track = self._catalog.tracks.get(series)
        if track is None or not self._rollups.has_older(series, before_s, track.sensor.raw_from or 0, keep):
            return 0
        # known before it is done: nobody may take for complete what is not
        with self._catalog.lock:
            raw_from = max(before_s, track.sensor.raw_from or 0)
            self._catalog.put_sensor(track, replace(track.sensor, raw_from=raw_from), quietly=True)
        total = 0
        while not self.is_stopping and (gone := self._rollups.prune_samples(series, before_s, keep)):
            total += gone
            self.between()
        return total

    def _prune_averages(self, series: int, before_s: int) -> int:
        gone = 0 if self.is_stopping else self._rollups.prune_rollups(series, before_s)
        self.between()
        return gone

    def _prune_words(self, sensor: Sensor, thin_before: float, before: float) -> int:
        """Words have no averages: after the raw days each change is kept, as long as rollups are."""
        gone = self._prune_samples(sensor.id, _hour(before))
        if sensor.kind != "event" and not self.is_stopping:
            gone += self._rollups.thin(sensor.id, _hour(thin_before))
        self.between()
        return gone

    def _days(self, sensor: Sensor) -> tuple[int, int]:
        return sensor.raw_days or self._keeping.raw_days, sensor.rollup_days or self._keeping.rollup_days

    def _erase_forgotten(self, now: float) -> None:
        """Delete what was forgotten a week ago. A sensor that was forgotten by itself keeps its row, so that a retained message does
        not bring it back."""
        catalog = self._catalog
        with catalog.lock:
            tracks = [
                track
                for track in catalog.tracks.values()
                if track.sensor.forgotten_at is not None and now - track.sensor.forgotten_at > FORGOTTEN_KEPT_S
            ]
        dropped: Sequence[int] = [track.sensor.id for track in tracks if not catalog.is_forgotten_alone(track)]
        for track in tracks:
            self._rollups.erase(track.sensor.id)
            self.between()
            if track.sensor.id in dropped:
                with catalog.lock:
                    catalog.drop_track(track)
        if dropped:
            self._rows.drop([], dropped)


def _hour(at: float) -> int:
    return int(at // HOUR_S * HOUR_S)


def _minute(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
