"""The envelope around every answer of a widget, and the Cache-Status header that says the same (RFC 9211)."""

from __future__ import annotations

from typing import Any

from glance.model import View
from glance.web.api.times import iso

LOADING: dict[str, Any] = {
    "data": None,
    "cached": False,
    "cached_at": None,
    "expires_at": None,
    "stale": False,
    "error": None,
}


def is_stale(view: View) -> bool:
    """True where the data is past its time or the last try failed; with interval 0 only the latter counts."""
    if view.failure is not None:
        return view.has_data
    return view.stale and view.cached and view.ttl_s != 0


def envelope(view: View) -> dict[str, Any]:
    """`{data, cached, cached_at, expires_at, stale, error}` of a view."""
    failure = view.failure
    error = None
    if failure is not None:
        error = {"message": failure.message, "at": iso(failure.at), "next_try_at": iso(failure.next_try_at)}
    elif view.failed_at is not None:
        # a formula is tried again with the next value of its sensors, not at a time
        error = {"message": view.sentence, "at": iso(view.failed_at), "next_try_at": None}
    return {
        "data": view.data,
        "cached": view.cached,
        "cached_at": iso(view.at),
        "expires_at": iso(view.expires_at),
        "stale": is_stale(view),
        "error": error,
    }


def cache_status(view: View, now: float, forward: str = "miss", stored: bool = True) -> str:
    """`glance; hit; ttl=290`, with `detail=stale-error` where a failure is hidden by it, or `glance; fwd=miss; stored`."""
    if not view.cached:
        return f"glance; fwd={forward}" + ("; stored" if stored else "")
    parts = ["glance", "hit"]
    if view.expires_at is not None:
        parts.append(f"ttl={round(view.expires_at - now)}")
    if view.failure is not None:
        parts.append("detail=stale-error")
    return "; ".join(parts)
