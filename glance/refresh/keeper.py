"""The clock of the refresher: widgets that someone looks at, and those that are always warm, are fetched when they are due."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from glance.errors import GlanceError
from glance.live import Hub
from glance.model import Widget
from glance.pool import Pool
from glance.refresh.answers import Answers
from glance.refresh.flights import Flights
from glance.store.widgets import Widgets

log = logging.getLogger(__name__)

TICK_S = 0.25
# A page that was just opened loads its files and is drawn first; on a small computer fetching would take that time from it.
SETTLE_S = 0.2
CLEAN_EVERY_S = 3600.0


class Want(Protocol):
    """Refresher.want."""

    def __call__(self, widgets: Sequence[Widget], *, on_view: bool = True) -> None: ...


class Keeper:
    """One thread that wakes four times a second; where nothing is due it costs a look at a few numbers in memory."""

    def __init__(
        self,
        answers: Answers,
        flights: Flights,
        pool: Pool,
        widgets: Widgets,
        hub: Hub,
        want: Want,
        clock: Callable[[], float],
    ) -> None:
        self._answers = answers
        self._flights = flights
        self._pool = pool
        self._widgets = widgets
        self._hub = hub
        self._want = want
        self._clock = clock
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._warm: tuple[int, frozenset[str]] = (-1, frozenset())
        self._rests: tuple[int, set[str]] = (-1, set())
        self._held: dict[str, float] = {}
        self._cleaned_at = 0.0

    def start(self) -> None:
        """Start the thread."""
        self._hub.on_watch.append(lambda _ids: self._wake.set())
        self._thread = threading.Thread(target=self._run, name="refresher-clock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; idempotent."""
        self._stopping = True
        self._wake.set()
        if self._thread:
            self._thread.join(timeout=1.0)

    def wake(self) -> None:
        """Look now."""
        self._wake.set()

    def hold(self, widget_ids: Iterable[str]) -> None:
        """These are looked at from now on, and fetched a moment later, where they are due."""
        until = time.monotonic() + SETTLE_S
        for widget_id in widget_ids:
            self._held.setdefault(widget_id, until)

    def holds(self, widget_id: str) -> bool:
        """Whether a widget is to be fetched in a moment, and not by anybody else before."""
        return widget_id in self._held

    def is_alive(self) -> bool:
        """True while the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def tick(self) -> None:
        """One look: write off what overran, fetch what was held and what is due, clean once an hour."""
        self._pool.reap()
        for looker in self._answers.lookers.values():
            looker.tick(self._clock())
        self._let_go()
        wanted = (self._hub.watched() | self._warm_ids()) - self._resting()
        due = [widget_id for widget_id in wanted if self._may_be_due(widget_id)]
        if due:
            widgets = list(self._widgets.many(due).values())
            self._rests[1].update(widget.id for widget in widgets if self._answers.rests(widget))
            self._want(widgets, on_view=False)
        now = self._clock()
        if now - self._cleaned_at > CLEAN_EVERY_S:
            self._cleaned_at = now
            deleted = self._answers.clean()
            if deleted:
                log.info("The cleaner deleted %d answers that nobody needs.", deleted)

    def _let_go(self) -> None:
        """Fetch what was held long enough."""
        now = time.monotonic()
        ids = [widget_id for widget_id, until in list(self._held.items()) if until <= now]
        for widget_id in ids:
            del self._held[widget_id]
        if ids:
            self._want(list(self._widgets.many(ids).values()))

    def _pause_s(self) -> float:
        return max(0.0, min([TICK_S, *(until - time.monotonic() for until in list(self._held.values()))]))

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(self._pause_s())
            self._wake.clear()
            if self._stopping:
                return
            try:
                self.tick()
            except GlanceError as error:
                log.warning("The refresher goes on after: %s", error)
            except Exception:
                log.exception("The refresher goes on after an unexpected failure.")

    def _may_be_due(self, widget_id: str) -> bool:
        """A look in memory, without the widget's row: is its answer missing or expired, and nothing under way or waited for?"""
        known, entry = self._answers.entry(widget_id)
        if not known:
            return True
        if self._flights.is_flying(widget_id):
            return False
        if entry is None:
            return True
        now = self._clock()
        waits = [at for at in (entry.retry_at, entry.blocked_until) if at is not None]
        if waits:
            return max(waits) <= now
        return entry.expires_at is not None and entry.expires_at <= now

    def _resting(self) -> set[str]:
        """The widgets that no timer fetches, as far as they were met."""
        if self._rests[0] != self._widgets.structure:
            self._rests = (self._widgets.structure, set())
        return self._rests[1]

    def _warm_ids(self) -> frozenset[str]:
        """The widgets that are kept fresh although nobody looks."""
        structure = self._widgets.structure
        if self._warm[0] != structure:
            warm = frozenset(w.id for w in self._widgets.all() if w.settings.get("keep_warm"))
            self._warm = (structure, warm)
        return self._warm[1]
