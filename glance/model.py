"""The nouns of Glance as frozen data: what the store reads and writes, and what the floors above pass around."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["live", "fresh", "refreshing", "stale", "error", "offline", "empty", "loading"]
Away = Literal["offline", "broker", "asleep", "removed"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a widget sits: 1-based column and row, width and height in cells of the 12-column grid."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of widgets. `version` grows by one with each change of it or its layout (the ETag).

    `public_address` is where it is (or was last) public, /p/<public_address>; it counts only while `is_public`.
    """

    id: int
    slug: str
    title: str
    icon: str | None
    position: int
    is_default: bool
    is_template: bool
    is_public: bool
    settings: Mapping[str, Any]
    version: int
    created_at: float
    updated_at: float
    public_address: str | None = None


@dataclass(frozen=True, slots=True)
class Widget:
    """An instance of a definition on a dashboard.

    `params` holds what is not secret; the names in `secrets_set` have a stored credential (name -> set at, Unix seconds).
    `refresh_interval` None = the definition's; `schedule` a cron expression that wins over both.
    `secret_digests` are keyed hashes of those credentials, by the same names.
    `version` grows by one with each change of the widget itself (the ETag), not with its data.
    `agreed` None = the owner wrote its params here; else it came with an import, and these hosts were agreed to with it.
    """

    id: str
    dashboard_id: int
    dashboard: str
    custom_widget: str
    title: str
    params: Mapping[str, Any]
    place: Place
    refresh_interval: int | None
    schedule: str | None
    settings: Mapping[str, Any]
    secrets_set: Mapping[str, float]
    secret_digests: Mapping[str, str]
    version: int
    created_at: float
    updated_at: float
    agreed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """The stored answer of one widget for one params hash.

    `fetched_at` None = there is no good answer yet, only a stored failure. `entry_version` grows with each change of the row.
    `failures` counts failures in a row; `retry_at` is when the next automatic try may run;
    `blocked_until` is set by a 429's Retry-After and holds even for forced calls.
    """

    widget_id: str
    params_hash: str
    data: Any
    fetched_at: float | None
    expires_at: float | None
    failures: int = 0
    error: str | None = None
    error_kind: str | None = None
    error_at: float | None = None
    retry_at: float | None = None
    blocked_until: float | None = None
    entry_version: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last try failed: the sentence, when (Unix seconds), when the next automatic try comes, the HTTP status for it,
    the kind of FetchError, and how many failures there were in a row."""

    message: str
    at: float
    next_try_at: float | None
    status: int
    kind: str = "source"
    count: int = 1


@dataclass(frozen=True, slots=True)
class Tail:
    """What moved in a chart since it was drawn: the newest time (Unix seconds) and per line its newest [t, v], or None."""

    at: float | None
    points: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What a widget that is never fetched shows: data in its shape, age, state and why.

    `stale_at` is when a live one turns stale (Unix seconds); `version` changes with everything but the tail. `away` says of an
    offline one how its device is away, `failed_at` since when a formula behind it cannot be worked out.
    """

    data: Any
    has_data: bool
    state: State
    at: float | None
    stale_at: float | None
    sentence: str | None
    version: str
    tail: Tail | None = None
    away: Away | None = None
    failed_at: float | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What a card shows: data, its age, its state, and the sentence for a note.

    `stale` is what the API says: past its time, or the last try failed. `sentence` says what an empty card waits for, or why a
    value of a device is not live; `away` how its device is away, where the state is offline; `failed_at` since when its formula cannot be
    worked out. `tail` is what a chart's newest points are, beside `version`.
    `has_data` tells a stored null from nothing. `at` is when the data was fetched (None = no age, e.g. static).
    `ttl_s` 0 = fetched on view only, None = never expires. `version` changes whenever the rendered card would.
    """

    widget_id: str
    state: State
    data: Any
    has_data: bool
    at: float | None
    expires_at: float | None
    ttl_s: float | None
    failure: Failure | None
    version: str
    cached: bool = True
    stale: bool = False
    sentence: str | None = None
    tail: Tail | None = None
    away: Away | None = None
    failed_at: float | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One outbound request as explain shows it; secrets are masked before it is made."""

    at: float
    method: str
    url: str
    status: int | None
    size_bytes: int | None
    took_s: float
    error: str | None = None
    not_modified: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """One run of a widget's source, kept for explain: what was asked, what came, what the cache did."""

    at: float
    took_s: float
    reason: str
    outcome: str
    status: int | None
    size_bytes: int | None
    error: str | None
    exchanges: tuple[Exchange, ...] = field(default=())
    raw: str | None = None
