"""What a card or a caller is shown, made from a widget, its definition and its stored answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from glance import freshness
from glance.definition import Definition
from glance.errors import FetchError
from glance.freshness import Verdict
from glance.model import CacheEntry, Failure, Look, View, Widget
from glance.params import with_defaults

STATIC_VERSION = "static"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a widget's answer stands now: the entry, what it is worth, how long answers live, whether a fetch runs or is due."""

    entry: CacheEntry | None
    params_hash: str
    verdict: Verdict
    ttl_s: float
    fetching: bool
    due: bool
    pushed: bool


def of_entry(widget_id: str, standing: Standing, *, cached: bool = True) -> View:
    """The view of a fetched or pushed answer."""
    entry = standing.entry
    on_view = standing.ttl_s == 0 and not standing.pushed
    has_data = standing.verdict is not Verdict.MISSING and entry is not None
    failure = freshness.failure_of(entry, standing.params_hash)
    state = freshness.state_of(
        entry if entry is not None and entry.params_hash == standing.params_hash else None,
        standing.verdict,
        fetching=standing.fetching,
        due=standing.due,
        on_view=on_view,
    )
    return View(
        widget_id=widget_id,
        state=state,
        data=entry.data if has_data and entry is not None else None,
        has_data=has_data,
        at=entry.fetched_at if has_data and entry is not None else None,
        expires_at=entry.expires_at if has_data and entry is not None else None,
        ttl_s=standing.ttl_s,
        failure=failure,
        version=f"{standing.params_hash[:12]}.{entry.entry_version if entry else 0}.{state}",
        cached=cached,
        stale=has_data and (failure is not None or standing.verdict is Verdict.EXPIRED),
        sentence="Nothing has been sent yet." if state == "empty" and standing.pushed else None,
    )


def of_static(widget: Widget, definition: Definition) -> View:
    """The view of a definition that fetches nothing: its data are the params (and `source.data`), without an age."""
    fixed = definition.source.get("data")
    data: dict[str, Any] = {**(fixed if isinstance(fixed, Mapping) else {}), **filled(definition, widget.params)}
    return View(
        widget_id=widget.id,
        state="fresh",
        data=data,
        has_data=True,
        at=None,
        expires_at=None,
        ttl_s=None,
        failure=None,
        version=STATIC_VERSION,
    )


def of_look(widget: Widget, look: Look) -> View:
    """The view of a widget on samples of devices."""
    return View(
        widget_id=widget.id,
        state=look.state,
        data=look.data,
        has_data=look.has_data,
        at=look.at,
        expires_at=look.stale_at,
        ttl_s=None,
        failure=None,
        version=look.version,
        stale=look.has_data and look.state != "live",
        sentence=look.sentence,
        tail=look.tail,
        away=look.away,
        failed_at=look.failed_at,
    )


def of_broken(widget: Widget, reason: str, entry: CacheEntry | None) -> View:
    """The view of a widget whose definition cannot be used now; its last answer is kept, but nothing can draw it."""
    return View(
        widget_id=widget.id,
        state="error",
        data=entry.data if entry else None,
        has_data=False,
        at=entry.fetched_at if entry else None,
        expires_at=None,
        ttl_s=None,
        failure=Failure(reason, widget.updated_at, None, 502, "definition"),
        version=f"broken.{reason}",
    )


def filled(definition: Definition, params: Mapping[str, Any]) -> dict[str, Any]:
    """The params with the definition's defaults."""
    return with_defaults(definition.params, params)


def stored_error(entry: CacheEntry, now: float) -> FetchError:
    """The failure of an entry without data, as it was raised."""
    waits = [at - now for at in (entry.retry_at, entry.blocked_until) if at is not None and at > now]
    return FetchError(
        entry.error or "The source failed.",
        kind=entry.error_kind or "source",
        retry_after_s=max(waits) if waits else None,
    )
