"""Fetches on their way: one per widget and params at a time, whoever asks, and what happens when they land."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from glance import fetching, freshness
from glance.definition import Definition
from glance.errors import FetchError, Unavailable
from glance.flight import Flight, Key, Landing
from glance.freshness import Verdict
from glance.live import Hub
from glance.model import CacheEntry, Fetch, Widget
from glance.pool import GRACE_S, Job, Pool
from glance.refresh.answers import Answers
from glance.refresh.outcomes import as_failure, failed, succeeded, too_slow
from glance.registry import Registry
from glance.sources import MAX_DEADLINE_S
from glance.store.widgets import Widgets

log = logging.getLogger(__name__)

HISTORY = 20
OVERRUNS_UNTIL_SUSPENDED = 3


@dataclass(slots=True)
class Counts:
    """Since the start, for metrics."""

    fetches: int = 0
    failures: int = 0
    hits: int = 0
    misses: int = 0


class Flights:
    """Starts, joins and lands fetches; safe for any thread."""

    def __init__(
        self,
        *,
        answers: Answers,
        widgets: Widgets,
        definitions: Registry,
        outbound: fetching.Outbound,
        hub: Hub,
        kinds: Mapping[str, ModuleType],
        pool: Pool,
        clock: Callable[[], float],
        vault: fetching.Vault | None = None,
    ) -> None:
        self._vault = vault
        self._answers = answers
        self._widgets = widgets
        self._definitions = definitions
        self._outbound = outbound
        self._hub = hub
        self._kinds = kinds
        self._pool = pool
        self._clock = clock
        self._lock = threading.RLock()
        self._flights: dict[Key, Flight] = {}
        self._history: dict[str, deque[Fetch]] = {}
        self._overruns: dict[str, int] = {}
        self._suspended: dict[str, tuple[str, str]] = {}
        self._stopping = False
        self.counts = Counts()
        answers.flying = self._flights.keys()

    def is_flying(self, widget_id: str) -> bool:
        """Whether anything is being fetched for this widget."""
        with self._lock:
            return any(key[0] == widget_id for key in self._flights)

    def __len__(self) -> int:
        return len(self._flights)

    def drop(self, widget_id: str) -> None:
        """The widget is gone: forget its history."""
        with self._lock:
            self._history.pop(widget_id, None)

    def stop(self) -> None:
        """Count no more overruns: what still runs is ended by the stop."""
        self._stopping = True

    def history(self, widget_id: str) -> list[Fetch]:
        """The last runs of this widget's source since the start, newest first."""
        with self._lock:
            return list(reversed(self._history.get(widget_id, ())))

    def is_suspended(self, slug: str) -> str | None:
        """Why a definition's source is not run any more, or None."""
        definition = self._definitions.find(slug)
        found = self._suspended.get(slug)
        return found[1] if found and definition and found[0] == definition.version else None

    def fly(
        self,
        widget: Widget,
        definition: Definition,
        params: Mapping[str, Any] | None,
        params_hash: str,
        *,
        forced: bool,
        urgent: bool,
        reason: str,
    ) -> Flight:
        key = (widget.id, params_hash)
        with self._lock:
            running = self._flights.get(key)
            if running is not None and running.joins(forced, time.monotonic()):
                running.forced |= forced and running.began is None
                if urgent and running.job is not None:
                    self._pool.hurry(running.job)
                return running
            if running is not None and running.follow is not None:
                return running.follow
            variant = params is not None and params_hash != self._answers.hash(widget, definition)
            flight = Flight(key, widget, definition, params, forced, variant, reason)
            if running is not None:
                running.follow = flight
                return flight
            self._flights[key] = flight
        self._depart(flight, urgent)
        if not flight.variant:
            self._hub.mark([widget.id])
        return flight

    def _depart(self, flight: Flight, urgent: bool) -> None:
        try:
            params = (
                flight.params if flight.params is not None else self._answers.whole(flight.widget, flight.definition)
            )
            agreed = flight.widget.agreed
            ready = fetching.plan(flight.definition, params, self._kinds, self._vault, agreed)
            suspended = self.is_suspended(flight.definition.slug)
            if suspended:
                raise FetchError(suspended, kind="source")
        except Exception as error:
            self._settle(flight, fetching.Answer(error=as_failure(error)), None)
            return
        flight.job = Job(
            run=lambda: self._run(flight, ready),
            overran=lambda: self._overran(flight, ready),
            deadline_s=ready.deadline_s,
            lane=ready.lane,
            urgent=urgent,
        )
        if not self._pool.submit(flight.job):
            self._settle(flight, fetching.Answer(error=FetchError("Glance is stopping.", kind="source")), None)

    def _run(self, flight: Flight, ready: fetching.Plan) -> None:
        flight.began = time.monotonic()
        try:
            self._fetch(flight, ready)
        except Exception as error:
            # What the source does wrong is in the answer: this is Glance's own, such as a database that cannot be read.
            self._settle(flight, fetching.Answer(error=as_failure(error)), None)

    def _fetch(self, flight: Flight, ready: fetching.Plan) -> None:
        now = self._clock()
        entry = self._answers.stored(*flight.key, now, variant=flight.variant)
        fresh = freshness.decide(entry, flight.key[1], now) is Verdict.FRESH
        if fresh and not flight.forced and self._answers.ttl_s(flight.widget, flight.definition, now) > 0:
            self._land(flight, Landing(entry, from_cache=True))
            return
        previous = entry.data if entry is not None and entry.fetched_at is not None else None
        answer = fetching.run(
            ready,
            self._outbound,
            secrets=self._answers.secret_values(flight.definition, ready.params),
            state=self._widgets.source_state(flight.widget.id),
            previous=previous,
            now=self._clock,
        )
        if flight.job is not None and not flight.job.written_off:
            self._settle(flight, answer, ready)

    def _overran(self, flight: Flight, ready: fetching.Plan) -> None:
        """The pool wrote the thread off (or is stopping): the flight fails, and after three the definition is suspended."""
        if flight.landed.done():
            return
        if not self._stopping:
            definition = flight.definition
            self._overruns[definition.slug] = self._overruns.get(definition.slug, 0) + 1
            if self._overruns[definition.slug] >= OVERRUNS_UNTIL_SUSPENDED:
                reason = f"“{definition.name}” overran its time limit {OVERRUNS_UNTIL_SUSPENDED} times and is suspended until it is changed or Glance restarts."
                self._suspended[definition.slug] = (definition.version, reason)
                log.warning("%s", reason)
        self._settle(flight, fetching.Answer(error=too_slow(ready.deadline_s), took_s=ready.deadline_s), ready)

    def _settle(self, flight: Flight, answer: fetching.Answer, ready: fetching.Plan | None) -> None:
        """Store what a run brought (unless it came too late), tell the pages, and let the waiting have it, whatever happens."""
        if self._stopping and answer.error is not None:
            # cut off by the stop: no fault of the source, and not to be stored as one
            self._land(flight, Landing(None, error=answer.error))
            return
        try:
            landing = self._keep(flight, answer, ready)
        except Exception as error:
            # A flight that never lands would keep its widget from being fetched ever again.
            _, before = self._answers.entry(flight.widget.id)
            landing = Landing(None if flight.variant else before, error=answer.error or as_failure(error))
        self._land(flight, landing)

    def _keep(self, flight: Flight, answer: fetching.Answer, ready: fetching.Plan | None) -> Landing:
        now = self._clock()
        self.counts.fetches += 1
        self.counts.failures += answer.error is not None
        if ready is not None:
            slow = answer.error is not None and answer.error.kind == "timeout"
            (self._pool.timed_out if slow else self._pool.answered)(ready.lane)
        if answer.error is None:
            self._overruns.pop(flight.definition.slug, None)
        before = self._answers.stored(*flight.key, now, variant=flight.variant)
        current = self._current(flight)
        # The interval may have been changed since the fetch began.
        ttl_s = self._answers.ttl_s(*(current or (flight.widget, flight.definition)), now)
        entry = (
            succeeded(flight, answer, before, now, ttl_s)
            if answer.error is None
            else failed(flight, answer.error, before, now, ttl_s)
        )
        self._note(flight, answer, before, now)
        if current is not None:
            self._answers.put(entry, now, variant=flight.variant, state=answer.state or None)
        return Landing(entry, error=answer.error)

    def _land(self, flight: Flight, landing: Landing) -> None:
        with self._lock:
            if flight.landed.done():
                return
            follow = flight.follow
            if follow is not None:
                self._flights[flight.key] = follow
            else:
                self._flights.pop(flight.key, None)
        flight.landed.set_result(landing)
        if not flight.variant:
            self._hub.mark([flight.widget.id])
        if follow is not None:
            self._depart(follow, urgent=True)

    def wait(self, flight: Flight, wait_s: float | None) -> Landing:
        limit_s = wait_s if wait_s is not None else MAX_DEADLINE_S + 4 * GRACE_S
        try:
            return flight.landed.result(timeout=limit_s)
        except FutureTimeout:
            raise too_slow(limit_s) from None

    def _current(self, flight: Flight) -> tuple[Widget, Definition] | None:
        """The widget and definition as they are now; None where the answer came too late: they are gone or fetch something else."""
        definition = self._definitions.find(flight.definition.slug)
        try:
            widget = self._widgets.many([flight.widget.id]).get(flight.widget.id)
        except Unavailable:
            widget = flight.widget
        if widget is None or definition is None or definition.fetch_part != flight.definition.fetch_part:
            return None
        if flight.variant or self._answers.hash(widget, definition) == flight.key[1]:
            return widget, definition
        return None

    def _note(self, flight: Flight, answer: fetching.Answer, before: CacheEntry | None, now: float) -> None:
        error = answer.error
        outcome = (
            "stored" if error is None else "old answer kept" if before and before.fetched_at is not None else "failed"
        )
        last = answer.exchanges[-1] if answer.exchanges else None
        fetch = Fetch(
            at=now - answer.took_s,
            took_s=answer.took_s,
            reason=flight.reason,
            outcome="not modified" if answer.not_modified else outcome,
            status=last.status if last else None,
            size_bytes=sum(exchange.size_bytes or 0 for exchange in answer.exchanges) or None,
            error=error.sentence if error else None,
            exchanges=answer.exchanges,
            raw=answer.raw,
        )
        with self._lock:
            kept = self._history.setdefault(flight.widget.id, deque(maxlen=HISTORY))
            if fetch.raw is not None:
                # Only the latest answer is ever shown; twenty for each widget would be most of the memory.
                kept = deque((replace(one, raw=None) for one in kept), maxlen=HISTORY)
                self._history[flight.widget.id] = kept
            kept.append(fetch)
        level = logging.DEBUG
        if error is not None and not (before and before.error):
            level = logging.WARNING
        elif error is None and before is not None and before.error:
            level = logging.INFO
        log.log(
            level,
            "Widget %s (%s): %s",
            flight.widget.id,
            flight.definition.slug,
            error.sentence if error else "answered",
        )
