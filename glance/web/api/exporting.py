"""GET /api/dashboards/<slug>/export: a dashboard as one document that another Glance can import."""

from __future__ import annotations

from typing import Any

from glance import __version__
from glance.model import Widget
from glance.registry import manifest_of
from glance.web import runtime
from glance.web.api import schemas, shown
from glance.web.api.routing import route
from glance.web.api.times import iso

FORMAT = "glance-dashboard"
VERSION = 1
TAG = "Export and import"


@route(
    "GET",
    "/api/dashboards/<slug>/export",
    scope="read",
    tag=TAG,
    summary="Export a dashboard",
    answers={
        200: ("The dashboard, its widgets and the custom widgets stored in Glance that they use.", schemas.EXPORT)
    },
)
def export_dashboard(slug: str) -> Any:
    """Secrets are not in it: where one is set, the params say {"set": true}."""
    rt = runtime()
    item = rt.dashboards.get(slug)
    widgets = rt.widgets.on_dashboard(slug)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "glance": __version__,
        "exported_at": iso(rt.clock()),
        "dashboard": {
            "slug": item.slug,
            "title": item.title,
            "icon": item.icon,
            "is_template": item.is_template,
            "settings": dict(item.settings),
        },
        "widgets": [_widget(widget) for widget in widgets],
        "custom_widgets": _stored_definitions(widgets),
    }
    return document, 200, {"Content-Disposition": f'attachment; filename="{item.slug}.glance.json"'}


def _widget(widget: Widget) -> dict[str, Any]:
    whole = shown.widget(widget)
    keys = ("id", "custom_widget", "title", "params", "position", "refresh_interval", "schedule", "settings")
    return {key: whole[key] for key in keys}


def _stored_definitions(widgets: list[Widget]) -> list[dict[str, Any]]:
    """The manifests of the definitions that came through the API; those from folders are named by their slug alone."""
    found = []
    for slug in sorted({widget.custom_widget for widget in widgets}):
        definition = runtime().definitions.find(slug)
        if definition is not None and definition.origin == "api":
            found.append({"slug": slug, **manifest_of(definition)})
    return found
