"""When an answer is fresh, when the next try may run, and how a card shows it. Pure: the clock is an argument."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from cronsim import CronSim

from glance.model import CacheEntry, Failure, State

MAX_BACKOFF_S = 30 * 60
MAX_RETRY_AFTER_S = 6 * 3600
# Failures that mend themselves: the old value is shown as stale. All others need the owner and are shown as an error.
PASSING_KINDS = frozenset({"refused", "dns", "timeout", "overloaded"})


class Verdict(Enum):
    """What an entry is worth for a call with these params."""

    FRESH = "hit"
    EXPIRED = "stale"
    MISSING = "miss"


def decide(entry: CacheEntry | None, params_hash: str, now: float) -> Verdict:
    """Whether the entry answers a call with these params at `now` (Unix seconds)."""
    if entry is None or entry.params_hash != params_hash or entry.fetched_at is None:
        return Verdict.MISSING
    if entry.expires_at is None or entry.expires_at > now:
        return Verdict.FRESH
    return Verdict.EXPIRED


def may_try(entry: CacheEntry | None, params_hash: str, now: float, *, forced: bool) -> bool:
    """Whether an upstream request is allowed now: backoff holds for unforced calls, a 429's Retry-After for all."""
    if entry is None or entry.params_hash != params_hash:
        return True
    if entry.blocked_until is not None and entry.blocked_until > now:
        return False
    return forced or entry.retry_at is None or entry.retry_at <= now


def backoff_s(failures: int, ttl_s: float, retry_after_s: float | None = None) -> float:
    """Seconds until the next automatic try: max(TTL, min(n² min, 30 min)), later if the upstream says so (6 h at most)."""
    wait_s = max(ttl_s, min(failures**2 * 60.0, MAX_BACKOFF_S))
    return max(wait_s, min(retry_after_s or 0.0, MAX_RETRY_AFTER_S))


def next_run(schedule: str, now: float) -> float:
    """The next time a cron expression comes true, in the local time zone of this computer (Unix seconds)."""
    return next(CronSim(schedule, datetime.fromtimestamp(now).astimezone())).timestamp()


def lifetime_s(refresh_interval: int | None, schedule: str | None, own: tuple[int, str | None], now: float) -> float:
    """Seconds an answer fetched at `now` lives: the widget's schedule or interval if set, else the definition's (`own`)."""
    if schedule is None and refresh_interval is None:
        refresh_interval, schedule = own
    if schedule:
        return next_run(schedule, now) - now
    return float(refresh_interval or 0)


def params_hash(params: Mapping[str, Any], secret_digests: Mapping[str, str], fetch_part: str) -> str:
    """SHA-256 of canonical JSON of the params (defaults filled in, secrets as keyed digests) and of what decides the fetch."""
    canonical = json.dumps([params, secret_digests], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(f"{canonical}\n{fetch_part}".encode()).hexdigest()


def state_of(entry: CacheEntry | None, verdict: Verdict, *, fetching: bool, due: bool, on_view: bool) -> State:
    """The state of a card from what is stored; `on_view` (interval 0) is never coloured stale."""
    if verdict is Verdict.MISSING:
        if entry is not None and entry.error and not fetching:
            return "error"
        return "loading" if fetching or due else "empty"
    if fetching:
        return "refreshing"
    if entry is not None and entry.error:
        return "stale" if entry.error_kind in PASSING_KINDS else "error"
    if verdict is Verdict.EXPIRED and not on_view:
        return "refreshing" if due else "stale"
    return "fresh"


def failure_of(entry: CacheEntry | None, params_hash: str) -> Failure | None:
    """The stored failure as a view shows it."""
    if entry is None or entry.error is None or entry.params_hash != params_hash:
        return None
    waits = [at for at in (entry.retry_at, entry.blocked_until) if at is not None]
    return Failure(
        message=entry.error,
        at=entry.error_at or 0.0,
        next_try_at=max(waits) if waits else None,
        status=504 if entry.error_kind == "timeout" else 502,
        kind=entry.error_kind or "source",
        count=entry.failures,
    )
