"""The settings pages: appearance and about; security.py adds its own. Every one works without script."""

from __future__ import annotations

import platform
from typing import Any

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for

from glance import __version__
from glance.runtime import Runtime
from glance.web.door.guard import the_door

blueprint = Blueprint("settings", __name__)

THEME_COOKIE = "glance_theme"
THEMES = (("auto", "Automatic"), ("light", "Light"), ("dark", "Dark"))
YEAR_S = 365 * 86400
MOST_SOURCES = 12


@blueprint.get("/settings")
def index() -> Response:
    """The first section."""
    return make_response(redirect(url_for("settings.look"), 303))


# Appearance


@blueprint.get("/settings/look")
def look() -> str:
    """Theme, for this browser."""
    chosen = request.cookies.get(THEME_COOKIE, "auto")
    known = [value for value, _ in THEMES]
    return page("look", themes=THEMES, chosen=chosen if chosen in known else "auto")


@blueprint.post("/settings/look")
def save_look() -> Response:
    """Keep the theme in a cookie, so that the first paint has it."""
    response = make_response(redirect(url_for("settings.look"), 303))
    chosen = request.form.get("theme", "")
    if chosen in [value for value, _ in THEMES]:
        response.set_cookie(
            THEME_COOKIE,
            chosen,
            max_age=YEAR_S,
            path=request.script_root or "/",
            secure=request.is_secure,
            samesite="Lax",
        )
    return response


# About


@blueprint.get("/settings/about")
def about() -> str:
    """Version, where the data lies, and which sources fail."""
    runtime = _runtime()
    widgets = runtime.widgets.all()
    views = runtime.refresher.peek(widgets)
    sources = [
        (widget, views[widget.id]) for widget in widgets if widget.id in views and views[widget.id].failure is not None
    ]
    sources.sort(key=lambda pair: -(pair[1].failure.at if pair[1].failure else 0.0))
    return page(
        "about",
        version=__version__,
        started_at=runtime.started_at,
        python=platform.python_version(),
        machine=f"{platform.system()} on {platform.machine()}",
        data_folder=str(runtime.settings.data.resolve()),
        database_mb=runtime.db.size_bytes() / 1e6,
        dashboards=runtime.dashboards.all(),
        widget_count=len(widgets),
        troubled=sources[:MOST_SOURCES],
        failing_count=len(sources),
        broken=runtime.definitions.broken(),
        definition_count=len(runtime.definitions.all()),
        now=the_door().owner.now(),
    )


def _runtime() -> Runtime:
    runtime: Runtime = current_app.extensions["glance"]
    return runtime


def page(section: str, **values: Any) -> str:
    """One section, in the frame that all have."""
    return render_template(f"settings_{section}.html", section=section, ago=ago, **values)


def ago(at: float, now: float) -> str:
    """How long ago, in words: "now", "12 min ago", "3 days ago"."""
    past_s = max(0.0, now - at)
    for unit_s, name in ((86400.0, "day"), (3600.0, "h"), (60.0, "min")):
        if past_s >= unit_s:
            count = int(past_s // unit_s)
            return f"{count} {name}{'s' if name == 'day' and count > 1 else ''} ago"
    return "now"
