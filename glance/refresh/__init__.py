"""The refresher: keeps the stored answers fresh, one upstream request per widget and params at a time.

Pages and `/data` only `peek`; everything that fetches goes through one flight per (widget, params hash): a page view that finds
an expired entry, a caller that waits, a forced refresh. There is no other path.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from glance import fetching, freshness, shapes, view
from glance.definition import Definition
from glance.errors import FetchError, FieldError, Invalid, Unavailable
from glance.flight import Landing
from glance.freshness import Verdict
from glance.live import Hub
from glance.model import CacheEntry, Fetch, View, Widget
from glance.pool import GRACE_S, Job, Pool
from glance.refresh.answers import Answers, Looker
from glance.refresh.flights import Flights
from glance.refresh.keeper import Keeper
from glance.refresh.outcomes import too_slow
from glance.registry import Registry
from glance.secretbox import SecretBox
from glance.sources import MAX_DEADLINE_S
from glance.store.cache import Cache
from glance.store.widgets import Widgets

__all__ = ["Refresher", "Trial"]

DATA_WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Trial:
    """A test of a source that stores nothing: the data in the definition's shape, the whole answer, and what was exchanged."""

    data: Any
    answer: Any
    error: FetchError | None
    took_s: float
    exchanges: tuple[Any, ...]
    raw: str | None
    notes: tuple[str, ...] = ()


class Refresher:
    """Safe for any thread. `clock` gives Unix seconds."""

    def __init__(
        self,
        *,
        widgets: Widgets,
        cache: Cache,
        definitions: Registry,
        outbound: fetching.Outbound,
        secretbox: SecretBox,
        hub: Hub,
        kinds: Mapping[str, ModuleType],
        clock: Callable[[], float] = time.time,
        pool: Pool | None = None,
        vault: fetching.Vault | None = None,
    ) -> None:
        self._vault = vault
        self._definitions = definitions
        self._outbound = outbound
        self._hub = hub
        self._kinds = kinds
        self._clock = clock
        self._pool = pool or Pool()
        self._answers = Answers(widgets, cache, definitions, secretbox, kinds, clock)
        self._flights = Flights(
            answers=self._answers,
            widgets=widgets,
            definitions=definitions,
            outbound=outbound,
            hub=hub,
            kinds=kinds,
            pool=self._pool,
            clock=clock,
            vault=vault,
        )
        self._keeper = Keeper(self._answers, self._flights, self._pool, widgets, hub, self.want, clock)

    def look_with(self, kind: str, looker: Looker) -> None:
        """From now on `looker` gives the views of widgets whose source is of this kind; it marks the hub by itself."""
        self._answers.lookers[kind] = looker

    # Looking: no fetch, no wait

    def peek(self, widgets: Sequence[Widget]) -> dict[str, View]:
        """What each widget shows now; one query at most, never a fetch."""
        self._answers.load([widget.id for widget in widgets])
        now = self._clock()
        return {widget.id: self._answers.view(widget, now) for widget in widgets}

    def page_served(self, widgets: Sequence[Widget]) -> None:
        """A page with these widgets was served: what it lacks is fetched at once, what is only old a moment later (`SETTLE_S`)."""
        self._answers.load([widget.id for widget in widgets])
        old = [widget.id for widget in widgets if self._keeper.is_alive() and self._answers.is_answered(widget.id)]
        self._keeper.hold(old)
        self.want([widget for widget in widgets if widget.id not in old])

    def want(self, widgets: Sequence[Widget], *, on_view: bool = True) -> None:
        """Queue the fetches that are due. `on_view` counts as a look for widgets with interval 0; others leave alone what is held."""
        now = self._clock()
        self._answers.load([widget.id for widget in widgets])
        for widget in widgets:
            if not on_view and self._keeper.holds(widget.id):
                continue
            definition = self._definitions.find(widget.custom_widget)
            if definition is None or not self._answers.fetches(widget, definition):
                continue
            standing = self._answers.standing(widget, definition, now)
            due = standing.verdict is not Verdict.FRESH and (standing.ttl_s > 0 or on_view)
            if (
                due
                and not standing.fetching
                and freshness.may_try(standing.entry, standing.params_hash, now, forced=False)
            ):
                self._flights.fly(
                    widget, definition, None, standing.params_hash, forced=False, urgent=False, reason="due"
                )
        if on_view:
            self._answers.saw([widget.id for widget in widgets], now)

    def history(self, widget_id: str) -> list[Fetch]:
        """The last runs of this widget's source since the start, newest first."""
        return self._flights.history(widget_id)

    # Asking: waits for the source

    def get(
        self, widget: Widget, force: bool = False, params: Mapping[str, Any] | None = None, wait_s: float | None = None
    ) -> View:
        """The answer for the saved params, or for `params` (whole, checked); FetchError where there is nothing to show.

        FetchError(kind="timeout") after `wait_s` (default: the source's own deadline) while the fetch goes on behind.
        """
        definition = self._definitions.get(widget.custom_widget)
        if not self._answers.fetches(widget, definition):
            return self.peek([widget])[widget.id]
        self._answers.load([widget.id])
        now = self._clock()
        standing = self._answers.standing(widget, definition, now, params)
        if not force and standing.verdict is Verdict.FRESH and standing.ttl_s > 0:
            self._flights.counts.hits += 1
            return view.of_entry(widget.id, standing)
        self._flights.counts.misses += 1
        if not freshness.may_try(standing.entry, standing.params_hash, now, forced=force):
            return _as_it_stands(widget.id, standing, now)
        reason = "forced" if force else "asked"
        flight = self._flights.fly(
            widget, definition, params, standing.params_hash, forced=force, urgent=True, reason=reason
        )
        landing = self._flights.wait(flight, wait_s)
        return self._landed(widget, definition, standing, landing)

    def data(self, widget: Widget) -> View | None:
        """What `/data` answers: an expired entry at once (refreshed behind), else the source within 2 s; None = not yet."""
        definition = self._definitions.get(widget.custom_widget)
        shown = self.peek([widget])[widget.id]
        if not self._answers.fetches(widget, definition):
            return shown
        if shown.has_data and shown.ttl_s != 0:
            self._flights.counts.hits += 1
            if shown.expires_at is not None and shown.expires_at <= self._clock():
                self.want([widget])
            return shown
        try:
            return self.get(widget, wait_s=DATA_WAIT_S)
        except FetchError as error:
            if error.kind == "timeout" and self._flights.is_flying(widget.id):
                return shown if shown.has_data else None
            raise

    def execute(self, definition: Definition, params: Mapping[str, Any]) -> View:
        """Fetch once for these params (whole, checked) without reading or writing the cache; FetchError on failure."""
        trial = self.test(definition, params)
        if trial.error:
            raise trial.error
        now = self._clock()
        ttl_s = freshness.lifetime_s(None, None, (definition.refresh_interval, definition.schedule), now)
        return View("", "fresh", trial.data, True, now, now + ttl_s, ttl_s, None, "execute", cached=False)

    def test(self, definition: Definition, params: Mapping[str, Any]) -> Trial:
        """Run the source once and keep everything that came, also where it failed."""
        try:
            ready = fetching.plan(definition, params, self._kinds, self._vault)
        except FetchError as error:
            return Trial(None, None, error, 0.0, (), None)
        if not ready.kind.FETCHES:
            return Trial(dict(params), dict(params), None, 0.0, (), None)
        done: Future[fetching.Answer] = Future()
        secrets = self._answers.secret_values(definition, params)

        def run() -> None:
            answer = fetching.run(ready, self._outbound, secrets=secrets, now=self._clock)
            if not done.done():
                done.set_result(answer)

        def overran() -> None:
            if not done.done():
                done.set_result(fetching.Answer(error=too_slow(ready.deadline_s), took_s=ready.deadline_s))

        if not self._pool.submit(Job(run, overran, ready.deadline_s, ready.lane, urgent=True)):
            raise Unavailable("Glance is stopping.")
        answer = done.result(timeout=MAX_DEADLINE_S + 4 * GRACE_S)
        return Trial(
            answer.data, answer.answer, answer.error, answer.took_s, answer.exchanges, answer.raw, answer.notes
        )

    # Changing what is stored

    def push(self, widget: Widget, data: Any, ttl_s: float | None = None) -> View:
        """Store data that was sent to a push widget; Invalid where it does not fit. `ttl_s` 0 = never expires."""
        definition = self._definitions.get(widget.custom_widget)
        try:
            if definition.shape is not None:
                data = shapes.pick(None, data, definition.shape)
            fetching.check(definition, data)
        except FetchError as error:
            raise Invalid("The data does not fit.", [FieldError("data", error.sentence)]) from error
        now = self._clock()
        self._answers.load([widget.id])
        standing = self._answers.standing(widget, definition, now)
        lives_s = standing.ttl_s if ttl_s is None else ttl_s
        entry = CacheEntry(
            widget_id=widget.id,
            params_hash=standing.params_hash,
            data=data,
            fetched_at=now,
            expires_at=now + lives_s if lives_s > 0 else None,
        )
        self._answers.put(entry, now, variant=False, state=None, must=True)
        self._hub.mark([widget.id])
        return self.peek([widget])[widget.id]

    def forget(self, widget_id: str) -> int:
        """Delete every stored answer of a widget; returns how many."""
        deleted = self._answers.clear(widget_id)
        self._changed([widget_id])
        return deleted

    def forget_all(self) -> int:
        """Delete every stored answer; returns how many."""
        deleted = self._answers.clear_all()
        self._changed(self._hub.watched())
        return deleted

    def clean(self) -> int:
        """Run the cleaner now; returns how many entries it deleted."""
        return self._answers.clean()

    def widget_changed(self, widget: Widget, *, retimed: bool = False) -> None:
        """A widget was made or edited: forget what was worked out for it, and fetch what its new params need."""
        self._answers.forget_hash(widget.id)
        if retimed:
            self._answers.retime(widget)
        self._changed([widget.id])
        self.want([widget])

    def widget_gone(self, widget_id: str) -> None:
        """A widget was deleted: nothing of it stays in memory."""
        self._answers.drop(widget_id)
        self._flights.drop(widget_id)

    # Running

    def start(self) -> None:
        """Start the clock that keeps watched and always-warm widgets fresh."""
        self._keeper.start()

    def stop(self) -> None:
        """Take no more work and end; idempotent."""
        self.refuse()
        self._pool.stop()

    def refuse(self) -> None:
        """Begin no more fetches; one that fails from now on was cut off by the stop, and is not stored."""
        self._flights.stop()
        self._keeper.stop()

    def is_alive(self) -> bool:
        """True while the clock runs."""
        return self._keeper.is_alive()

    def stats(self) -> dict[str, int]:
        """Figures for metrics."""
        counts = self._flights.counts
        return {
            **self._pool.stats(),
            "flights": len(self._flights),
            "fetches": counts.fetches,
            "failures": counts.failures,
            "hits": counts.hits,
            "misses": counts.misses,
        }

    def _landed(self, widget: Widget, definition: Definition, asked: view.Standing, landing: Landing) -> View:
        now = self._clock()
        verdict = freshness.decide(landing.entry, asked.params_hash, now)
        if verdict is Verdict.MISSING:
            raise landing.error or FetchError("The source failed.", kind="source")
        ttl_s = self._answers.ttl_s(widget, definition, now)
        standing = replace(asked, entry=landing.entry, verdict=verdict, ttl_s=ttl_s, fetching=False, due=False)
        return view.of_entry(widget.id, standing, cached=landing.from_cache or landing.error is not None)

    def _changed(self, widget_ids: Sequence[str] | set[str]) -> None:
        self._hub.mark(widget_ids)
        self._keeper.wake()


def _as_it_stands(widget_id: str, standing: view.Standing, now: float) -> View:
    """While no try is allowed: the old answer, or the stored failure."""
    if standing.entry is None or standing.verdict is Verdict.MISSING:
        raise view.stored_error(standing.entry, now) if standing.entry else FetchError("There is no answer yet.")
    return view.of_entry(widget_id, standing)
