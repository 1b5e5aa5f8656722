"""What a run makes of the stored entry: a good answer replaces it, a failure joins it. Pure but for the log."""

from __future__ import annotations

import logging
from dataclasses import replace

from glance import fetching, freshness
from glance.errors import FetchError, GlanceError
from glance.flight import Flight
from glance.model import CacheEntry

log = logging.getLogger(__name__)


def too_slow(limit_s: float) -> FetchError:
    """The failure of a source that took longer than it may."""
    return FetchError(f"The source did not answer within {limit_s:g} s.", kind="timeout")


def as_failure(error: Exception) -> FetchError:
    """What kept a fetch from beginning or from being stored, as the failure that callers and cards show."""
    if isinstance(error, FetchError):
        return error
    if isinstance(error, GlanceError):
        return FetchError(error.sentence, kind="source")
    log.error("A fetch ended in an unexpected way.", exc_info=error)
    return FetchError(f"The fetch failed in an unexpected way ({type(error).__name__}); the log has the details.")


def succeeded(
    flight: Flight, answer: fetching.Answer, before: CacheEntry | None, now: float, ttl_s: float
) -> CacheEntry:
    """The entry after a good answer that lives for `ttl_s`."""
    return CacheEntry(
        widget_id=flight.widget.id,
        params_hash=flight.key[1],
        data=before.data if answer.not_modified and before is not None else answer.data,
        fetched_at=now,
        expires_at=now + ttl_s,
    )


def failed(flight: Flight, error: FetchError, before: CacheEntry | None, now: float, ttl_s: float) -> CacheEntry:
    """The entry after a failure: the old answer stays as it is, the failure and the time of the next try join it."""
    old = before or CacheEntry(flight.widget.id, flight.key[1], None, None, None)
    failures = old.failures + 1
    kind = (
        "overloaded"
        if error.http_status is not None and (error.http_status == 429 or error.http_status >= 500)
        else error.kind
    )
    return replace(
        old,
        failures=failures,
        error=error.sentence,
        error_kind=kind,
        error_at=now,
        retry_at=now + freshness.backoff_s(failures, ttl_s, error.retry_after_s),
        blocked_until=now + min(error.retry_after_s, freshness.MAX_RETRY_AFTER_S)
        if error.http_status == 429 and error.retry_after_s
        else None,
    )
