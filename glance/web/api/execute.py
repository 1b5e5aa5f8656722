"""POST /api/custom-widgets/<slug>/execute: run a definition, with or without the cache of a widget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glance.definition import Definition
from glance.errors import Conflict
from glance.web import door, runtime
from glance.web.api import schemas
from glance.web.api.data import Answer, enveloped, forward_of, last_view
from glance.web.api.definitions import TAG
from glance.web.api.routing import need, need_for, route


@route(
    "POST",
    "/api/custom-widgets/<slug>/execute",
    scope="read",
    tag=TAG,
    summary="Run a custom widget",
    body=schemas.EXECUTE,
    body_example={"widget_instance_id": "5f0c2a9b11de", "force_refresh": False},
    scope_by_body=True,
    failures=(409, 429, 502, 504),
    answers={200: ("The data with its age.", schemas.ref("Envelope"))},
)
def execute(slug: str, body: dict[str, Any]) -> Answer:
    """With `widget_instance_id` the widget's stored answer is used and kept; its saved params apply unless `params` are given
    for this call. Without it the source is asked each time and nothing is stored. Forcing takes the scope `refresh`
    instead of `read`, giving params `write`, both both."""
    params, widget_id = body.get("params"), body.get("widget_instance_id")
    force = body.get("force_refresh", False)
    for scope in [name for name, asked in (("write", params is not None), ("refresh", force)) if asked] or ["read"]:
        need(scope)
    need_for(params)
    # what is answered from the cache costs nothing worth counting
    if force:
        door.charge("force")
    elif params is not None or widget_id is None:
        door.charge("execute")
    rt = runtime()
    definition = rt.definitions.get(slug)
    if widget_id is None:
        whole = rt.placing.whole_params(definition, params or {})
        if _is_push(definition, whole):
            raise Conflict("Its data is pushed, so there is nothing to run without a widget.")
        view = rt.refresher.execute(definition, whole)
        return enveloped(view, stored=False)
    widget = rt.widgets.get(widget_id)
    if widget.custom_widget != slug:
        raise Conflict(f"This widget is made of another custom widget, {widget.custom_widget}.")
    given = None if params is None else rt.placing.whole_params(definition, params, widget)
    need_for(given)
    forward = "request" if force else "miss" if params is not None else forward_of(last_view(widget))
    return enveloped(rt.refresher.get(widget, force=force, params=given), forward=forward)


def _is_push(definition: Definition, params: Mapping[str, Any]) -> bool:
    source = params.get("data_source") if definition.kind == "any" else definition.source
    return isinstance(source, Mapping) and source.get("kind") == "push"
