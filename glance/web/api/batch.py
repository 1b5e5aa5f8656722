"""POST /api/widgets/batch: the data of up to 50 widgets in one answer."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from flask import current_app

from glance import parallel
from glance.errors import GlanceError, NotFound
from glance.model import View, Widget
from glance.refresh import DATA_WAIT_S
from glance.web import door, runtime
from glance.web.api import schemas
from glance.web.api.data import TAG, data_of, fetched, refuse_failed
from glance.web.api.envelope import LOADING, envelope
from glance.web.api.routing import need, route

Outcome = View | GlanceError | None

MARGIN_S = 0.05
FORCED_DEADLINE_S = 15.0


@route(
    "POST",
    "/api/widgets/batch",
    scope="read",
    tag=TAG,
    summary="The data of many widgets",
    body=schemas.BATCH,
    scope_by_body=True,
    failures=(429,),
    body_example={"widget_ids": ["5f0c2a9b11de", "9a70b3c4d2e1"]},
    answers={200: ("By id; a failing widget has a problem in its place.", schemas.ref("Batch"))},
)
def batch(body: dict[str, Any]) -> Any:
    """Each answers as `/data` does, or with `force_refresh` as `/refresh` does, with one deadline of 15 s for all. An id that
    is named twice counts once; an unknown one has a 404 in its place; one failing widget never fails the others."""
    forced = body.get("force_refresh", False)
    need("refresh" if forced else "read")
    ids = list(dict.fromkeys(body["widget_ids"]))
    widgets = runtime().widgets.many(ids)
    if forced:
        door.charge("force", len(widgets))
        views = _side_by_side(list(widgets.values()), forced=True, limit_s=FORCED_DEADLINE_S)
    else:
        views = _as_data(list(widgets.values()))
    unknown = NotFound("There is no widget with this id.")
    return {"results": {id_: _result(views[id_]) if id_ in widgets else failed(unknown) for id_ in ids}}


def _as_data(widgets: list[Widget]) -> dict[str, Outcome]:
    """What `/data` says of each: what is stored at once, the rest side by side."""
    refresher = runtime().refresher
    views = refresher.peek(widgets)
    refresher.want([widget for widget in widgets if _answers_at_once(views[widget.id]) and views[widget.id].stale])
    waiting = [widget for widget in widgets if not _answers_at_once(views[widget.id])]
    return {**views, **_side_by_side(waiting, forced=False, limit_s=DATA_WAIT_S + 1.0)}


def _answers_at_once(view: View) -> bool:
    return view.has_data and view.ttl_s != 0


def _side_by_side(widgets: list[Widget], forced: bool, limit_s: float) -> dict[str, Outcome]:
    """Ask for each widget in a thread of its own, because each may wait; none waits longer than `limit_s` in all."""
    deadline = time.monotonic() + limit_s
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # the threads need the application itself

    def ask(widget: Widget) -> Outcome:
        with app.app_context():
            try:
                left_s = max(0.0, deadline - time.monotonic() - MARGIN_S)
                return fetched(widget, wait_s=left_s) if forced else data_of(widget)
            except GlanceError as error:
                return error

    outcomes = parallel.run_all(
        [partial(ask, widget) for widget in widgets], deadline, name="batch", workers=len(widgets)
    )
    return {widget.id: outcome.error or outcome.value for widget, outcome in zip(widgets, outcomes, strict=True)}


def failed(error: GlanceError) -> dict[str, Any]:
    """A problem in the place of an envelope."""
    return {"error": {"type": "about:blank", "title": error.title, "status": error.status, "detail": error.sentence}}


def _result(outcome: Outcome) -> dict[str, Any]:
    if outcome is None:
        return dict(LOADING)
    try:
        if isinstance(outcome, GlanceError):
            raise outcome
        refuse_failed(outcome)
    except GlanceError as error:
        return failed(error)
    return envelope(outcome)
