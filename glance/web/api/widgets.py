"""Widgets: list, make, read, change and delete."""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from glance.errors import PreconditionFailed
from glance.model import Place, Widget
from glance.params import secret_paths
from glance.web import runtime
from glance.web.api import paging, schemas, shown
from glance.web.api.etag import etag, expected_version, refuse_stale
from glance.web.api.routing import need_for, route

TAG = "Widgets"
ONE = ("The widget, with its ETag.", schemas.ref("Widget"))
EXAMPLE = {
    "dashboard": "home",
    "custom_widget": "stat",
    "title": "Backup",
    "params": {"data_source": {"kind": "push"}},
}


@route(
    "GET",
    "/api/widgets",
    scope="read",
    tag=TAG,
    summary="List widgets",
    query={**paging.QUERY, "dashboard": {"type": "string", "description": "Only those of this dashboard."}},
    failures=(404,),
    answers={200: ("In reading order, dashboard by dashboard.", schemas.listing("Widget"))},
)
def list_widgets() -> Any:
    """Every widget, or those of one dashboard."""
    slug = request.args.get("dashboard")
    if slug is not None:
        runtime().dashboards.get(slug)
    return paging.page(runtime().widgets.all(slug), _order, shown.widget)


@route(
    "POST",
    "/api/widgets",
    scope="write",
    tag=TAG,
    summary="Make a widget",
    failures=(404,),
    body=schemas.NEW_WIDGET,
    body_example=EXAMPLE,
    answers={201: ONE},
)
def create_widget(body: dict[str, Any]) -> Any:
    """Without `position` it gets the first free place. Params are checked against the definition, each fault named."""
    need_for(body.get("params"))
    place = body.get("position")
    item = runtime().placing.add(
        body["dashboard"],
        body["custom_widget"],
        body["title"].strip(),
        body.get("params", {}),
        place=Place(**place) if place else None,
        refresh_interval=body.get("refresh_interval"),
        schedule=body.get("schedule"),
        settings=body.get("settings"),
    )
    return one(item, 201)


@route("GET", "/api/widgets/<widget_id>", scope="read", tag=TAG, summary="Read a widget", answers={200: ONE})
def get_widget(widget_id: str) -> Any:
    """One widget; a secret param shows as {"set": true}."""
    return one(runtime().widgets.get(widget_id))


@route(
    "PATCH",
    "/api/widgets/<widget_id>",
    scope="write",
    tag=TAG,
    summary="Change a widget",
    takes_if_match=True,
    body=schemas.WIDGET_CHANGES,
    body_example={"title": "Nightly backup", "refresh_interval": 600},
    answers={200: ONE},
)
def change_widget(widget_id: str, body: dict[str, Any]) -> Any:
    """Changes the fields that are given, and within `params` those that are given; null clears a param or a secret."""
    changes = dict(body)
    if "params" in changes:
        changes["params"] = _merged(runtime().widgets.get(widget_id), changes["params"])
        need_for(changes["params"])
    if "title" in changes:
        changes["title"] = changes["title"].strip()
    if "position" in changes:
        changes["place"] = Place(**changes.pop("position"))
    try:
        item = runtime().placing.change(widget_id, changes, if_version=expected_version())
    except PreconditionFailed as error:
        current = error.current
        raise PreconditionFailed(
            error.sentence, shown.widget(current) if isinstance(current, Widget) else current
        ) from error
    return one(item)


@route(
    "DELETE",
    "/api/widgets/<widget_id>",
    scope="write",
    tag=TAG,
    summary="Delete a widget",
    takes_if_match=True,
    answers={204: ("It is gone, with its answers.", None)},
)
def delete_widget(widget_id: str) -> Any:
    """Deletes the widget and everything of its."""
    rt = runtime()
    item = rt.widgets.get(widget_id)
    refuse_stale(item.version, shown.widget(item))
    rt.placing.remove(widget_id)
    return None, 204


def one(item: Widget, status: int = 200) -> tuple[dict[str, Any], int, dict[str, str]]:
    """The answer that holds one widget."""
    headers = {"ETag": etag(item.version)}
    if status == 201:
        headers["Location"] = url_for("api.get_widget", widget_id=item.id)
    return shown.widget(item), status, headers


def _merged(item: Widget, given: dict[str, Any]) -> dict[str, Any]:
    """The saved params with the given ones over them; null takes one away. Secrets that are not named stay by themselves.

    What the definition does not know any more goes: it was edited since, and the widget must stay changeable.
    """
    schema = runtime().definitions.get(item.custom_widget).params
    secrets = set(secret_paths(schema))
    known = schema.get("properties", {})
    whole = {**{name: value for name, value in item.params.items() if name in known}, **given}
    return {name: value for name, value in whole.items() if value is not None or name in secrets}


def _order(item: Widget) -> list[Any]:
    return [item.dashboard_id, item.place.y, item.place.x, item.id]
