"""GET /api/widgets/<id>/explain: why a widget shows what it shows."""

from __future__ import annotations

from typing import Any

from glance.model import Exchange, Fetch, View
from glance.web import runtime, why
from glance.web.api.envelope import cache_status, envelope
from glance.web.api.routing import route
from glance.web.api.times import iso
from glance.web.explain import fault_of


@route(
    "GET",
    "/api/widgets/<widget_id>/explain",
    scope="read",
    tag="Data",
    summary="Why it shows what it shows",
    answers={200: ("The cache's decision, the last requests and the raw answer, secrets masked.", {"type": "object"})},
)
def explain_widget(widget_id: str) -> Any:
    """The last requests: when, how long, status, bytes, what the cache decided and why; the next run; the raw answer with
    secrets masked; and where there is no data, the reason and what to do."""
    rt = runtime()
    widget = rt.widgets.get(widget_id)
    view = rt.refresher.peek([widget])[widget.id]
    history = rt.refresher.history(widget.id)
    now = rt.clock()
    definition = rt.definitions.find(widget.custom_widget)
    fault = None if definition else fault_of(widget)
    reasons = why.explain(widget, definition, view, history, now, fault)
    told = {key: value for key, value in envelope(view).items() if key not in ("data", "cached")}
    return {
        "widget_id": widget.id,
        "title": widget.title,
        "custom_widget": widget.custom_widget,
        "state": view.state,
        "has_data": view.has_data,
        **told,
        "cache": cache_status(view, now) if view.has_data else "glance; fwd=miss",
        "ttl_s": view.ttl_s,
        "next_run_at": iso(_next_run(view)),
        "reason": reasons.headline,
        "advice": reasons.advice,
        "steps": [{"says": step.sentence, "fact": step.fact} for step in reasons.steps],
        "fetches": [_fetch(fetch) for fetch in history],
        "raw": next((fetch.raw for fetch in history if fetch.raw is not None), None),
    }


def _next_run(view: View) -> float | None:
    """When it is fetched next by itself, while somebody looks (Unix seconds); None where that never happens."""
    if view.failure is not None:
        return view.failure.next_try_at
    return view.expires_at if view.ttl_s else None


def _fetch(fetch: Fetch) -> dict[str, Any]:
    return {
        "at": iso(fetch.at),
        "took_ms": round(fetch.took_s * 1000, 1),
        "reason": fetch.reason,
        "outcome": fetch.outcome,
        "status": fetch.status,
        "bytes": fetch.size_bytes,
        "error": fetch.error,
        "requests": [_exchange(exchange) for exchange in fetch.exchanges],
    }


def _exchange(exchange: Exchange) -> dict[str, Any]:
    return {
        "at": iso(exchange.at),
        "method": exchange.method,
        "url": exchange.url,
        "status": exchange.status,
        "bytes": exchange.size_bytes,
        "took_ms": round(exchange.took_s * 1000, 1),
        "not_modified": exchange.not_modified,
        "error": exchange.error,
    }
