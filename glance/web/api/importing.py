"""POST /api/dashboards/import: check a document whole, say what would happen, then do all of it or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glance import guard
from glance.errors import FieldError, Invalid
from glance.model import Dashboard, Place, Widget
from glance.web import runtime
from glance.web.api import dashboards, schemas, shown
from glance.web.api.definitions import flag
from glance.web.api.exporting import FORMAT, TAG, VERSION
from glance.web.api.import_plan import Plan, plan_import
from glance.web.api.routing import need, need_for, route

_OPTIONAL_OBJECT = {"type": "object"}
DOCUMENT: dict[str, Any] = {
    "type": "object",
    "required": ["format", "version", "dashboard", "widgets"],
    "description": "What the export answers.",
    "properties": {
        "format": {"const": FORMAT},
        "version": {"const": VERSION},
        "dashboard": {
            "type": "object",
            "required": ["title"],
            "properties": {
                "title": schemas.TITLE,
                "slug": schemas.SLUG,
                "icon": schemas.ICON,
                "is_template": {"type": "boolean"},
                "settings": _OPTIONAL_OBJECT,
            },
        },
        "widgets": {
            "type": "array",
            "maxItems": 500,
            "items": {
                "type": "object",
                "required": ["custom_widget", "title", "position"],
                "properties": {
                    "custom_widget": schemas.SLUG,
                    "title": schemas.TITLE,
                    "params": _OPTIONAL_OBJECT,
                    "position": schemas.POSITION,
                    "refresh_interval": schemas.INTERVAL,
                    "schedule": schemas.SCHEDULE,
                    "settings": _OPTIONAL_OBJECT,
                },
            },
        },
        "agreed_hosts": {
            "type": "array",
            "maxItems": 5000,
            "items": {"type": "string", "maxLength": 260},
            "description": "Of the hosts that the preview lists, those that what comes with it may ask. Needs the scope admin.",
        },
        "custom_widgets": {
            "type": "array",
            "maxItems": 200,
            "items": {"type": "object", "required": ["slug", "name"], "properties": {"slug": schemas.SLUG}},
        },
    },
}


@route(
    "POST",
    "/api/dashboards/import",
    scope="write",
    tag=TAG,
    summary="Import a dashboard",
    body=DOCUMENT,
    query={"preview": {"type": "string", "enum": ["1"], "description": "Only say what would be done."}},
    answers={
        200: ("With ?preview=1: what would be made, renamed, missing, and entered again.", {"type": "object"}),
        201: ("The new dashboard with its widgets, and which secrets must be entered again.", schemas.ref("Dashboard")),
    },
)
def import_dashboard(body: dict[str, Any]) -> Any:
    """All or nothing. A slug that is taken gets a number. Secrets are not in an export: each must be entered again. What
    comes with it asks no host that nobody agreed to, by `agreed_hosts` here or later; a custom widget from a folder asks those of its own."""
    plan = plan_import(body)
    if flag("preview"):
        return plan.shown()
    agreed = body.get("agreed_hosts") or []
    if agreed:
        need("admin")
        _check_agreed(agreed)
    if plan.faults:
        raise Invalid("The document cannot be imported; nothing was made.", plan.faults)
    if any("server_code" in manifest for manifest in plan.create.values()):
        need("admin")
    need_for([item.get("params") for item in body["widgets"]])
    dashboard, widgets = carry_out(plan, body["dashboard"], agreed)
    made, status, headers = dashboards.one(dashboard, 201)
    report = plan.shown()
    answer = {
        **made,
        "widgets": [shown.widget(widget) for widget in widgets],
        "custom_widgets": report["custom_widgets"],
        "hosts": report["hosts"],
        "secrets": [{**item, "widget_id": widgets[item["widget"]].id} for item in plan.secrets],
    }
    return answer, status, headers


def _check_agreed(agreed: Sequence[str]) -> None:
    faults = ((number, guard.host_fault(guard.written(host))) for number, host in enumerate(agreed))
    errors = [FieldError(f"agreed_hosts.{number}", fault) for number, fault in faults if fault]
    if errors:
        raise Invalid("The document cannot be imported; nothing was made.", errors)


def carry_out(plan: Plan, dashboard: dict[str, Any], agreed: Sequence[str] = ()) -> tuple[Dashboard, list[Widget]]:
    """The definitions first, then the dashboard with its widgets in one transaction; undone where that fails. Definitions may
    ask those of the `agreed` hosts that they name, widgets all of them; the others wait.

    The registry reads the database itself and must not be called inside the transaction.
    """
    rt = runtime()
    saved: list[str] = []
    try:
        for slug, manifest in plan.create.items():
            rt.definitions.save(manifest, slug=slug, agreed=[host for host in plan.hosts[slug] if host in agreed])
            saved.append(slug)
        hosts = tuple(dict.fromkeys(guard.written(host) for host in agreed))
        held = [_agreed(item, hosts) for item in plan.widgets]
        with rt.db.write():
            made = rt.dashboards.create(
                title=dashboard["title"],
                slug=plan.slug,
                icon=dashboard.get("icon"),
                is_template=dashboard.get("is_template", False),
                settings=dashboard.get("settings"),
            )
            widgets = [_create(made.slug, item, mine) for item, mine in zip(plan.widgets, held, strict=True)]
    except Exception:
        for slug in saved:
            rt.definitions.delete(slug)
        raise
    return rt.dashboards.get(made.slug), widgets


def _agreed(item: dict[str, Any], hosts: Sequence[str]) -> Sequence[str] | None:
    """The hosts that an imported widget may ask; as many as one with the very same params that is here already."""
    same = [one for one in runtime().widgets.using(item["custom_widget"]) if one.params == item["params"]]
    if any(one.agreed is None for one in same):
        return None
    return tuple(dict.fromkeys((*hosts, *(host for one in same for host in one.agreed or ()))))


def _create(dashboard: str, item: dict[str, Any], agreed: Sequence[str] | None) -> Widget:
    return runtime().widgets.create(
        dashboard,
        item["custom_widget"],
        item["title"],
        item["params"],
        Place(**item["position"]),
        refresh_interval=item.get("refresh_interval"),
        schedule=item.get("schedule"),
        settings=item.get("settings"),
        agreed=agreed,
    )
