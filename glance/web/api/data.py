"""The data of one widget: read it, fetch it anew, push it, forget it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import request

from glance.errors import Conflict, FetchError, FieldError, Invalid
from glance.model import Failure, View, Widget
from glance.refresh.answers import kind_of
from glance.web import door, runtime
from glance.web.api import schemas
from glance.web.api.body import read_json
from glance.web.api.definitions import flag
from glance.web.api.envelope import LOADING, cache_status, envelope
from glance.web.api.routing import route

TAG = "Data"
ENVELOPE = ("The data with its age.", schemas.ref("Envelope"))
MAX_TTL_S = 31_536_000

Answer = tuple[dict[str, Any], int, dict[str, str]]


@route(
    "GET",
    "/api/widgets/<widget_id>/data",
    scope="read",
    tag=TAG,
    summary="The data of a widget",
    failures=(502, 504),
    answers={200: ENVELOPE, 202: ("Nothing is cached and the source is slow: ask again.", schemas.ref("Envelope"))},
)
def get_data(widget_id: str) -> Answer:
    """Waits for a source 2 s at most. An expired answer comes at once with `stale: true` and is renewed behind it."""
    widget = runtime().widgets.get(widget_id)
    before = last_view(widget)
    return enveloped(data_of(widget), forward=forward_of(before))


@route(
    "POST",
    "/api/widgets/<widget_id>/refresh",
    scope="refresh",
    tag=TAG,
    summary="Fetch now",
    failures=(429, 502, 504),
    answers={200: ENVELOPE},
)
def refresh_widget(widget_id: str) -> Answer:
    """Forces a fetch and waits for it; no body. Push and static widgets answer with what is there."""
    door.charge("force")
    widget = runtime().widgets.get(widget_id)
    return enveloped(fetched(widget), forward="request")


@route(
    "POST",
    "/api/widgets/<widget_id>/data",
    scope="push:<widget_id>",
    tag=TAG,
    summary="Push data",
    query={
        "ttl": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_TTL_S,
            "description": "Seconds until it is stale; 0 = never. Without it the widget's interval.",
        }
    },
    failures=(400, 409, 413, 415, 422),
    answers={200: ENVELOPE},
)
def push_data(widget_id: str) -> Answer:
    """The body is the data itself, any JSON, checked against the definition's `data_schema` or shape. Only for push widgets."""
    rt = runtime()
    data, ttl_s = read_json(request), _ttl()
    widget = rt.widgets.get(widget_id)
    kind = kind_of(widget, rt.definitions.get(widget.custom_widget))
    if kind != "push":
        raise Conflict(f"Nothing can be pushed to this widget: its source is of the kind {kind}, not push.")
    return enveloped(rt.refresher.push(widget, data, ttl_s=ttl_s))


@route(
    "DELETE",
    "/api/widgets/<widget_id>/cache",
    scope="write",
    tag=TAG,
    summary="Forget a widget's answers",
    answers={200: ("How many were forgotten.", schemas.ref("Deleted"))},
)
def delete_widget_cache(widget_id: str) -> Any:
    """Forgets every stored answer of this widget; the next look fetches."""
    rt = runtime()
    return {"deleted": rt.refresher.forget(rt.widgets.get(widget_id).id)}


@route(
    "DELETE",
    "/api/cache",
    scope="write",
    tag=TAG,
    summary="Forget all answers, or only those nobody needs",
    query={"expired": {"type": "string", "enum": ["1"], "description": "Only run the cleaner."}},
    answers={200: ("How many were forgotten.", schemas.ref("Deleted"))},
)
def delete_cache() -> Any:
    """With `?expired=1` the cleaner runs: the last good answer of a placed widget stays for 90 days unseen."""
    refresher = runtime().refresher
    return {"deleted": refresher.clean() if flag("expired") else refresher.forget_all()}


def last_view(widget: Widget) -> View:
    """What is there now, without a fetch."""
    return runtime().refresher.peek([widget])[widget.id]


def data_of(widget: Widget) -> View | None:
    """What `/data` answers; None while the first answer is on its way. A widget whose definition cannot be used keeps its last."""
    rt = runtime()
    if rt.definitions.find(widget.custom_widget) is None:
        return _unusable(last_view(widget))
    return rt.refresher.data(widget)


def fetched(widget: Widget, wait_s: float | None = None) -> View:
    """A forced fetch; what is there where it does not end within `wait_s` or nothing is fetched for this widget."""
    rt = runtime()
    if rt.definitions.find(widget.custom_widget) is None:
        return _unusable(last_view(widget))
    try:
        return rt.refresher.get(widget, force=True, wait_s=wait_s)
    except FetchError as error:
        view = last_view(widget)
        if wait_s is None or error.kind != "timeout" or not view.has_data:
            raise
        return replace(view, failure=view.failure or Failure(error.sentence, rt.clock(), None, 504, "timeout"))


def _unusable(view: View) -> View:
    """The last answer of a widget whose definition is broken or missing, if there is one, with the reason."""
    return replace(view, has_data=view.at is not None)


def forward_of(before: View) -> str:
    """Why a request went to the source, in the words of RFC 9211: there was nothing, or it was too old."""
    return "stale" if before.has_data else "miss"


def enveloped(view: View | None, forward: str = "miss", stored: bool = True) -> Answer:
    """200 with the envelope, 202 while the first answer is on its way; FetchError where it failed and nothing is cached."""
    if view is None:
        return dict(LOADING), 202, {"Retry-After": "1", "Cache-Status": "glance; fwd=miss"}
    refuse_failed(view)
    return envelope(view), 200, {"Cache-Status": cache_status(view, runtime().clock(), forward, stored)}


def refuse_failed(view: View) -> None:
    """FetchError where there is a failure and no data at all."""
    failure = view.failure
    if failure is not None and not view.has_data:
        wait_s = None if failure.next_try_at is None else max(0.0, failure.next_try_at - runtime().clock())
        raise FetchError(failure.message, kind="timeout" if failure.status == 504 else "source", retry_after_s=wait_s)


def _ttl() -> int | None:
    raw = request.args.get("ttl")
    if raw is None:
        return None
    if not (raw.isascii() and raw.isdigit() and len(raw) < 9 and int(raw) <= MAX_TTL_S):
        message = f"must be a whole number of seconds from 0 to {MAX_TTL_S}"
        raise Invalid(f"ttl {message}.", [FieldError("ttl", message)])
    return int(raw)
