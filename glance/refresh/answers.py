"""The stored answers as the refresher sees them: in memory beside the database, with what they are worth now.

This process is the only writer of the cache, so an entry that was read once is never asked for again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, Protocol

from glance import freshness, view
from glance.definition import Definition
from glance.errors import Invalid, NotFound, Unavailable
from glance.flight import Key
from glance.freshness import Verdict
from glance.model import CacheEntry, Look, View, Widget
from glance.params import put_secrets, resolved, take_secrets
from glance.registry import Registry
from glance.secretbox import SecretBox
from glance.store.cache import Cache
from glance.store.widgets import Widgets

log = logging.getLogger(__name__)

SEEN_EVERY_S = 86400.0


class Looker(Protocol):
    """Gives the views of a kind that is not fetched but changes by itself (series)."""

    def look(self, widget: Widget, shape: str, now: float) -> Look:
        """What the widget shows at `now`."""

    def tick(self, now: float) -> None:
        """Time passed: mark what changed by it."""


class Answers:
    """Entries, their hashes and standing; safe for any thread. `flying` tells which keys are being fetched."""

    def __init__(
        self,
        widgets: Widgets,
        cache: Cache,
        definitions: Registry,
        secretbox: SecretBox,
        kinds: Mapping[str, ModuleType],
        clock: Callable[[], float],
    ) -> None:
        self._widgets = widgets
        self._cache = cache
        self._definitions = definitions
        self._secretbox = secretbox
        self._kinds = kinds
        self._clock = clock
        # Never held while the database is written: whoever writes may be waiting for it.
        self._lock = threading.RLock()
        self._entries: dict[str, CacheEntry | None] = {}
        self._hashes: dict[str, tuple[int, str, str]] = {}
        self._seen: dict[str, float] = {}
        self.flying: Collection[Key] = ()
        self.lookers: dict[str, Looker] = {}

    def load(self, widget_ids: Sequence[str]) -> None:
        """Read the entries of these widgets that were not read yet, in one query."""
        with self._lock:
            unknown = [widget_id for widget_id in widget_ids if widget_id not in self._entries]
            if unknown:
                found = self._cache.many(unknown)
                for widget_id in unknown:
                    self._entries[widget_id] = found.get(widget_id)

    def fetches(self, widget: Widget, definition: Definition) -> bool:
        """Whether this widget's source is ever asked (push and static are not)."""
        kind = self._kinds.get(kind_of(widget, definition))
        return kind is not None and bool(kind.FETCHES)

    def rests(self, widget: Widget) -> bool:
        """Whether no timer ever fetches this widget: not a fetching kind, interval 0, or a definition that cannot be used."""
        definition = self._definitions.find(widget.custom_widget)
        if definition is None or not self.fetches(widget, definition):
            return True
        return self.ttl_s(widget, definition, self._clock()) == 0

    def ttl_s(self, widget: Widget, definition: Definition, now: float) -> float:
        """How long an answer that comes now lives, in seconds."""
        own = (definition.refresh_interval, definition.schedule)
        return freshness.lifetime_s(widget.refresh_interval, widget.schedule, own, now)

    def hash(self, widget: Widget, definition: Definition) -> str:
        """The params hash of the saved params."""
        kept = self._hashes.get(widget.id)
        if kept and kept[0] == widget.version and kept[1] == definition.version:
            return kept[2]
        plain = view.filled(definition, widget.params)
        made = freshness.params_hash(plain, widget.secret_digests, _fetch_part(definition, widget))
        self._hashes[widget.id] = (widget.version, definition.version, made)
        return made

    def _hash_of(self, widget: Widget, definition: Definition, params: Mapping[str, Any]) -> str:
        """The hash of given params, which hold their secrets as text."""
        plain, secrets = take_secrets(self._schema(definition, params), params)
        digests = {path: self._secretbox.digest(value) for path, value in secrets.items() if value is not None}
        return freshness.params_hash(plain, digests, _fetch_part(definition, widget))

    def standing(
        self, widget: Widget, definition: Definition, now: float, params: Mapping[str, Any] | None = None
    ) -> view.Standing:
        """Where the answer for the saved params, or for `params`, stands at `now`."""
        key = saved = self.hash(widget, definition)
        entry = self._entries.get(widget.id)
        if params is not None:
            key = self._hash_of(widget, definition, params)
            if key != saved:
                entry = self._cache.variant(widget.id, key, now)
        verdict = freshness.decide(entry, key, now)
        fetches = self.fetches(widget, definition)
        fetching_now = (widget.id, key) in self.flying
        ttl_s = self.ttl_s(widget, definition, now)
        due = fetches and verdict is not Verdict.FRESH and freshness.may_try(entry, key, now, forced=False)
        return view.Standing(entry, key, verdict, ttl_s, fetching_now, due, pushed=not fetches)

    def view(self, widget: Widget, now: float) -> View:
        """What the widget shows at `now`; its entry was loaded before."""
        definition = self._definitions.find(widget.custom_widget)
        if definition is None:
            return view.of_broken(widget, self._why_broken(widget.custom_widget), self._entries.get(widget.id))
        kind = kind_of(widget, definition)
        if kind == "static":
            return view.of_static(widget, definition)
        if kind in self.lookers:
            return view.of_look(widget, self.lookers[kind].look(widget, definition.shape or "value", now))
        return view.of_entry(widget.id, self.standing(widget, definition, now))

    def _why_broken(self, slug: str) -> str:
        try:
            self._definitions.get(slug)
        except (Invalid, NotFound) as error:
            return error.sentence
        return "The custom widget was just changed."

    def stored(self, widget_id: str, params_hash: str, now: float, *, variant: bool) -> CacheEntry | None:
        """The entry for these params, or None where there is none or only one for others."""
        if variant:
            return self._cache.variant(widget_id, params_hash, now)
        self.load([widget_id])
        entry = self._entries.get(widget_id)
        return entry if entry is not None and entry.params_hash == params_hash else None

    def entry(self, widget_id: str) -> tuple[bool, CacheEntry | None]:
        """Whether the entry of a widget was read yet, and the entry; no query."""
        with self._lock:
            return widget_id in self._entries, self._entries.get(widget_id)

    def is_answered(self, widget_id: str) -> bool:
        """Whether there is a good answer of a widget, however old; no query."""
        _, entry = self.entry(widget_id)
        return entry is not None and entry.fetched_at is not None

    def put(
        self, entry: CacheEntry, now: float, *, variant: bool, state: dict[str, Any] | None, must: bool = False
    ) -> None:
        """Remember an answer or a failure; where it cannot be stored it is kept in memory, or with `must` refused (Unavailable)."""
        try:
            stored = self._cache.put(entry, now, variant=variant, state=state)
        except Unavailable as error:
            if must:
                raise
            log.warning("An answer of widget %s is kept in memory only: %s", entry.widget_id, error)
            stored = True
        if variant:
            return
        with self._lock:
            before = self._entries.get(entry.widget_id)
            version = (before.entry_version if before else entry.entry_version) + 1
            if stored:
                self._entries[entry.widget_id] = replace(entry, entry_version=version)
            else:
                self._entries.pop(entry.widget_id, None)

    def clear(self, widget_id: str) -> int:
        """Delete every stored answer of a widget; returns how many."""
        deleted = self._cache.clear(widget_id)
        with self._lock:
            self._entries.pop(widget_id, None)
        return deleted

    def clear_all(self) -> int:
        """Delete every stored answer; returns how many."""
        deleted = self._cache.clear_all()
        with self._lock:
            self._entries.clear()
        return deleted

    def clean(self) -> int:
        """Run the cleaner; returns how many entries it deleted."""
        deleted = self._cache.clean(self._clock())
        if deleted:
            with self._lock:
                self._entries.clear()
        return deleted

    def forget_hash(self, widget_id: str) -> None:
        """The widget's params changed."""
        self._hashes.pop(widget_id, None)

    def retime(self, widget: Widget) -> None:
        """The widget's interval or schedule changed: let its stored answer expire as if it had been so when it came."""
        definition = self._definitions.find(widget.custom_widget)
        if definition is None or not self.fetches(widget, definition):
            return
        self.load([widget.id])
        entry = self._entries.get(widget.id)
        if entry is None or entry.fetched_at is None:
            return
        self._cache.retime(widget.id, self.ttl_s(widget, definition, entry.fetched_at))
        with self._lock:
            self._entries.pop(widget.id, None)

    def drop(self, widget_id: str) -> None:
        """The widget is gone: nothing of it stays in memory."""
        with self._lock:
            self._entries.pop(widget_id, None)
            self._hashes.pop(widget_id, None)
            self._seen.pop(widget_id, None)

    def _schema(self, definition: Definition, params: Mapping[str, Any]) -> Mapping[str, Any]:
        from_kinds = {name: kind.FORM for name, kind in self._kinds.items() if kind.PICKABLE}
        return resolved(definition.params, params, from_kinds)

    def whole(self, widget: Widget, definition: Definition) -> dict[str, Any]:
        """The saved params with defaults and secrets."""
        stored = {path: self._secretbox.decrypt(value) for path, value in self._widgets.secrets(widget.id).items()}
        return put_secrets(view.filled(definition, widget.params), stored)

    def secret_values(self, definition: Definition, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The secrets among whole params, to be masked wherever they would be shown."""
        _, found = take_secrets(self._schema(definition, params), params)
        return tuple(value for value in found.values() if isinstance(value, str) and value)

    def saw(self, widget_ids: Iterable[str], now: float) -> None:
        """Note, once a day, that somebody looked."""
        new = [widget_id for widget_id in widget_ids if now - self._seen.get(widget_id, 0.0) > SEEN_EVERY_S]
        if new:
            try:
                self._cache.saw(new, now)
            except Unavailable as error:
                log.warning("Cannot note that widgets were seen: %s", error)
                return
            self._seen.update(dict.fromkeys(new, now))


def _fetch_part(definition: Definition, widget: Widget) -> str:
    """What decides the fetch beside the params: what came with an import may ask less than it may once its owner has saved it."""
    return definition.fetch_part if widget.agreed is None else f"{definition.fetch_part}\nimported"


def kind_of(widget: Widget, definition: Definition) -> str:
    """The kind that fills this widget: the definition's, or for a general one the widget's own choice."""
    if definition.kind != "any":
        return definition.kind
    chosen = widget.params.get("data_source")
    return str(chosen.get("kind")) if isinstance(chosen, Mapping) else "any"
