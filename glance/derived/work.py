"""The thread that works derived series out whenever one of their inputs changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from glance import formulas
from glance.derived.checks import DEVICE, Worked, keys_of
from glance.errors import GlanceError
from glance.formulas import Formula, NoValue
from glance.ingest import Ingest
from glance.ingest.tracks import Latest
from glance.live import SERIES, Hub
from glance.mqtt.readings import Outcome, Reading, SensorKind
from glance.store.derived import DerivedSeries
from glance.store.devices import Sensor

log = logging.getLogger(__name__)

LISTEN_S = 1.0
# A burst of readings is worked out once: at most so often.
PAUSE_S = 0.2
WINDOW_POINTS = 60
# more digits than these are the arithmetic's, not the sensors'
SIGNIFICANT = 9
BROKEN = "Something in Glance went wrong; its log says more."


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a derived series cannot be worked out, and since when it cannot (Unix seconds)."""

    sentence: str
    since: float


class Work:
    """Listens to the inputs on the hub and stores the results.

    `known` gives every derived series by slug, `describe` makes the sensor of one that has none (any more).
    """

    def __init__(
        self,
        known: Callable[[], Mapping[str, Worked]],
        describe: Callable[[DerivedSeries], None],
        ingest: Ingest,
        hub: Hub,
        clock: Callable[[], float],
    ) -> None:
        self._known = known
        self._describe = describe
        self._ingest = ingest
        self._hub = hub
        self._clock = clock
        self._lock = threading.Lock()
        self._troubles: dict[str, Trouble] = {}
        self._seen: dict[str, object] = {}
        self._anew: set[str] = set()
        self._by_series: dict[int, set[str]] = {}
        self._stamp: object = None
        self._box = hub.subscribe()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def anew(self, slug: str) -> None:
        """It was made or changed: work it out at once, with the inputs as they are."""
        with self._lock:
            self._anew.add(slug)
        self._box.mark([DEVICE])

    def forget(self, slug: str) -> None:
        """It is gone."""
        with self._lock:
            self._troubles.pop(slug, None)
            self._seen.pop(slug, None)
            self._anew.discard(slug)
        self._box.mark([DEVICE])

    def trouble(self, slug: str) -> Trouble | None:
        """Why it has no value now; None where it has one."""
        with self._lock:
            return self._troubles.get(slug)

    def start(self) -> None:
        """Work all out once, so that the first page knows which cannot be, and start the thread."""
        self._listen()
        self.work_out(set(self._known()))
        self._thread = threading.Thread(target=self._run, name="derived", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; idempotent."""
        self._ending.set()
        self._box.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def is_alive(self) -> bool:
        """True while the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while not self._ending.is_set():
            marked = self._box.take(LISTEN_S)
            if marked is None:
                return
            due = self._listen()
            with self._lock:
                due |= self._anew
                for name in marked:
                    if name.startswith(SERIES):
                        due |= self._by_series.get(int(name[len(SERIES) :]), set())
            if due:
                self.work_out(due)
                self._ending.wait(PAUSE_S)

    def _listen(self) -> set[str]:
        """Listen to the inputs as they are now; returns those whose inputs are others than before."""
        known = self._known()
        stamp = (self._ingest.devices.changes, [(slug, one.about.version) for slug, one in known.items()])
        if stamp == self._stamp:
            return set()
        self._stamp = stamp
        found: dict[int, set[str]] = {}
        for slug, one in known.items():
            for sensor in self.sensors(one.about).values():
                found.setdefault(sensor.id, set()).add(slug)
        before, self._by_series = self._by_series, found
        self._box.listen(found)
        both = before.keys() | found.keys()
        return {slug for series in both for slug in before.get(series, set()) ^ found.get(series, set())}

    def work_out(self, slugs: Iterable[str]) -> None:
        """Work these out now, where an input changed since the last time; each after those it is made of.

        Widgets are told once of troubles that came or went: those on the series, and on what is made of it.
        """
        wanted = set(slugs)
        told: set[tuple[str, str]] = set()
        for one in self._in_order():
            slug = one.about.slug
            before = self.trouble(slug)
            if slug in wanted:
                self._try(one)
            if self.trouble(slug) != before or keys_of(one.about) & told:
                told.add((DEVICE, slug))
        found = (self._ingest.devices.find(*key) for key in told)
        # no sample came: whoever listens for samples has nothing to look for
        self._hub.mark_series([sensor.id for sensor in found if sensor is not None], listeners=False)

    def _try(self, one: Worked) -> None:
        try:
            self._work_out(one)
        except GlanceError as error:
            self._say(one.about.slug, error.sentence)
        except Exception:
            log.exception("The derived series %s could not be worked out.", one.about.slug)
            self._say(one.about.slug, BROKEN)

    def _in_order(self) -> list[Worked]:
        """Every derived series after those it is made of; there are no circles."""
        left = dict(self._known())
        found: list[Worked] = []

        def take(slug: str) -> None:
            one = left.pop(slug, None)
            if one is not None:
                for each in one.about.inputs:
                    if each.device == DEVICE:
                        take(each.sensor)
                found.append(one)

        for slug in list(left):
            take(slug)
        return found

    def value(self, one: Worked, now: float) -> float | bool:
        """What the formula gives with the inputs as they are; NoValue says why there is nothing."""
        sensors = self.sensors(one.about)
        return one.formula.value(
            _numbers(one.about, sensors, self._latest(sensors), one.formula), self._past(sensors, now)
        )

    def _latest(self, sensors: Mapping[str, Sensor]) -> dict[str, Latest]:
        return {name: found for name, sensor in sensors.items() if (found := self._ingest.samples.latest(sensor.id))}

    def _work_out(self, one: Worked) -> None:
        slug, now = one.about.slug, self._clock()
        latest = self._latest(self.sensors(one.about))
        seen = [(name, found.id, found.at, found.value) for name, found in sorted(latest.items())]
        with self._lock:
            is_new = slug in self._anew
            self._anew.discard(slug)
        if not is_new and self._seen.get(slug) == seen:
            return
        self._seen[slug] = seen
        try:
            value = self.value(one, now)
        except NoValue as error:
            self._say(slug, str(error))
            return
        if not isinstance(value, bool):
            value = float(f"{value:.{SIGNIFICANT}g}")
        measured = [found.at for found in latest.values() if found.at is not None and not found.retained]
        at = now if is_new else max(measured, default=now)
        if is_new or self._is_later(slug, at, value):
            # of nothing but kept values comes another kept value: it fills the tile and is no sample
            if self._ingest.devices.find(DEVICE, slug) is None:
                self._describe(one.about)
            kind: SensorKind = "boolean" if isinstance(value, bool) else "number"
            reading = Reading(DEVICE, slug, value, kind, None, at, retained=not measured)
            self._ingest.take(Outcome(readings=(reading,), verdict="reading"))
        # after the value, or the old one would be live for a moment
        self._say(slug, None)

    def _is_later(self, slug: str, at: float, value: float) -> bool:
        """False for what is stored already, as after a restart."""
        own = self._ingest.devices.find(DEVICE, slug)
        before = self._ingest.samples.latest(own.id) if own is not None else None
        if before is None or before.retained or before.at is None:
            return True
        return before.at < at or (before.at == at and before.value != float(value))

    def _past(self, sensors: Mapping[str, Sensor], now: float) -> formulas.Past:
        """What the inputs were in the last minutes."""

        def past(name: str, minutes: float) -> list[tuple[float, float, float, int]]:
            if name not in sensors:
                return []
            chart = self._ingest.samples.history(sensors[name].id, now - 60 * minutes, now + 0.001, WINDOW_POINTS)
            return [
                (point.avg, point.low, point.high, point.n)
                for point in chart.points
                if point.avg is not None and point.low is not None and point.high is not None
            ]

        return past

    def sensors(self, about: DerivedSeries) -> dict[str, Sensor]:
        """Those inputs that exist, by name."""
        found = ((each.name, self._ingest.devices.find(each.device, each.sensor)) for each in about.inputs)
        return {name: sensor for name, sensor in found if sensor is not None}

    def _say(self, slug: str, sentence: str | None) -> None:
        with self._lock:
            if sentence is None:
                self._troubles.pop(slug, None)
            else:
                before = self._troubles.get(slug)
                self._troubles[slug] = Trouble(sentence, before.since if before else self._clock())


def _numbers(
    about: DerivedSeries, sensors: Mapping[str, Sensor], latest: Mapping[str, Latest], formula: Formula
) -> dict[str, float]:
    """The newest numbers of the inputs; NoValue says which one has none and why."""
    for each in about.inputs:
        if each.name not in formula.names:
            continue
        if each.name not in sensors:
            raise NoValue(f"{each.name}: nothing was heard of {each.device} / {each.sensor}, or it was forgotten.")
        if each.name not in latest:
            raise NoValue(f"{each.name} ({each.device} / {each.sensor}) has not sent a value yet.")
        if latest[each.name].value is None:
            raise NoValue(f"{each.name} ({each.device} / {each.sensor}) is a word now, not a number.")
    return {name: found.value for name, found in latest.items() if found.value is not None}
