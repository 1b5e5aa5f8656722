"""Dashboards: list, make, read, change, arrange, duplicate and delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import url_for

from glance.errors import PreconditionFailed
from glance.model import Dashboard
from glance.web import runtime
from glance.web.api import paging, schemas, shown
from glance.web.api.etag import etag, expected_version, refuse_stale
from glance.web.api.routing import need, route

TAG = "Dashboards"
ONE = ("The dashboard, with its ETag.", schemas.ref("Dashboard"))
EXAMPLE = {"title": "Home", "slug": "home", "icon": "home"}


@route(
    "GET",
    "/api/dashboards",
    scope="read",
    tag=TAG,
    summary="List dashboards",
    query=paging.QUERY,
    answers={200: ("In the order of the tabs.", schemas.listing("Dashboard"))},
)
def list_dashboards() -> Any:
    """Every dashboard in the order of the tabs."""
    return paging.page(runtime().dashboards.all(), lambda item: [item.position, item.slug], shown.dashboard)


@route(
    "POST",
    "/api/dashboards",
    scope="write",
    tag=TAG,
    summary="Make a dashboard",
    failures=(409,),
    body=schemas.NEW_DASHBOARD,
    body_example=EXAMPLE,
    answers={201: ONE},
)
def create_dashboard(body: dict[str, Any]) -> Any:
    """Needs `title`; without `slug` one is made from the title. The first dashboard becomes the default."""
    _needs_admin_to_publish(body)
    rt = runtime()
    later: dict[str, Any] = {name: body[name] for name in ("position", "is_public", "public_address") if name in body}
    with rt.db.write():
        item = rt.dashboards.create(
            title=body["title"].strip(),
            slug=body.get("slug"),
            icon=body.get("icon"),
            is_template=body.get("is_template", False),
            is_default=body.get("is_default"),
            settings=body.get("settings"),
        )
        if later:
            item = rt.dashboards.update(item.slug, later)
    return one(item, 201)


@route("GET", "/api/dashboards/<slug>", scope="read", tag=TAG, summary="Read a dashboard", answers={200: ONE})
def get_dashboard(slug: str) -> Any:
    """One dashboard."""
    return one(runtime().dashboards.get(slug))


@route(
    "PATCH",
    "/api/dashboards/<slug>",
    scope="write",
    tag=TAG,
    summary="Change a dashboard",
    failures=(409,),
    takes_if_match=True,
    body=schemas.DASHBOARD_CHANGES,
    body_example={"title": "House"},
    answers={200: ONE},
)
def change_dashboard(slug: str, body: dict[str, Any]) -> Any:
    """Changes the fields that are given; a stale If-Match is 412 with `current`."""
    _needs_admin_to_publish(body)
    if "title" in body:
        body = body | {"title": body["title"].strip()}
    try:
        item = runtime().dashboards.update(slug, body, if_version=expected_version())
    except PreconditionFailed as error:
        raise shown_current(error) from error
    runtime().hub.mark_page(slug)
    return one(item)


def _needs_admin_to_publish(body: Mapping[str, Any]) -> None:
    """403 where a dashboard is shown to everybody, or elsewhere, and the caller lacks the scope for that."""
    if body.get("is_public") or body.get("public_address"):
        need("admin")


@route(
    "DELETE",
    "/api/dashboards/<slug>",
    scope="write",
    tag=TAG,
    summary="Delete a dashboard",
    takes_if_match=True,
    answers={204: ("It is gone, with its widgets.", None)},
)
def delete_dashboard(slug: str) -> Any:
    """Deletes the dashboard with its widgets and their answers."""
    rt = runtime()
    with rt.db.write():
        item = rt.dashboards.get(slug)
        refuse_stale(item.version, shown.dashboard(item))
        widgets = rt.widgets.on_dashboard(slug)
        rt.dashboards.delete(slug)
    for widget in widgets:
        rt.refresher.widget_gone(widget.id)
    rt.hub.mark_page(slug)
    return None, 204


@route(
    "PUT",
    "/api/dashboards/<slug>/layout",
    scope="write",
    tag=TAG,
    summary="Arrange the widgets",
    takes_if_match=True,
    body=schemas.LAYOUT,
    body_example={"layout": [{"id": "5f0c2a9b11de", "x": 1, "y": 1, "w": 3, "h": 2}]},
    answers={200: ONE},
)
def put_layout(slug: str, body: dict[str, Any]) -> Any:
    """All or nothing; widgets that are not named stay where they are, and none may lie over another."""
    try:
        item = runtime().placing.arrange(slug, body["layout"], if_version=expected_version())
    except PreconditionFailed as error:
        raise shown_current(error) from error
    return one(item)


@route(
    "POST",
    "/api/dashboards/<slug>/duplicate",
    scope="write",
    tag=TAG,
    summary="Duplicate a dashboard",
    body=schemas.DUPLICATE,
    body_optional=True,
    body_example={"title": "Home, tried out"},
    answers={201: ONE},
)
def duplicate_dashboard(slug: str, body: dict[str, Any] | None) -> Any:
    """Makes a copy with its own widgets; the body may be left out."""
    rt = runtime()
    made, status, headers = one(rt.dashboards.duplicate(slug, (body or {}).get("title")), 201)
    return made | {"widgets": [shown.widget(item) for item in rt.widgets.on_dashboard(made["slug"])]}, status, headers


def one(item: Dashboard, status: int = 200) -> tuple[dict[str, Any], int, dict[str, str]]:
    """The answer that holds one dashboard."""
    headers = {"ETag": etag(item.version)}
    if status == 201:
        headers["Location"] = url_for("api.get_dashboard", slug=item.slug)
    return shown.dashboard(item), status, headers


def shown_current(error: PreconditionFailed) -> PreconditionFailed:
    """The same error with `current` as the API shows it."""
    current = error.current
    return PreconditionFailed(error.sentence, shown.dashboard(current) if isinstance(current, Dashboard) else current)
