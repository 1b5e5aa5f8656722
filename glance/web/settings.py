"""The settings pages that exist: appearance, security, about. Every one works without script."""

from __future__ import annotations

import platform
import re
from typing import Any

from flask import Blueprint, Response, current_app, g, make_response, redirect, render_template, request, url_for

from glance import __version__, passwords
from glance.errors import FieldError, NotFound
from glance.runtime import Runtime
from glance.store.owner import KEEP_S
from glance.web.door import pages
from glance.web.door.guard import the_door

blueprint = Blueprint("settings", __name__)

THEME_COOKIE = "glance_theme"
THEMES = (("auto", "Automatic"), ("light", "Light"), ("dark", "Dark"))
YEAR_S = 365 * 86400
MOST_SOURCES = 12

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Vivaldi", "Vivaldi"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


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
    return _page("look", themes=THEMES, chosen=chosen if chosen in known else "auto")


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


# Security


@blueprint.get("/settings/security")
def security() -> str:
    """Password, sessions, and how programs get in."""
    return _security_page()


@blueprint.post("/settings/security/password")
def change_password() -> Response:
    """Set the password (again); ends every session and opens a new one for this browser."""
    door = the_door()
    if door.settings.auth != "password" or door.owner.given_by_environment:
        raise NotFound("The password of this Glance does not come from the browser, so it cannot be changed here.")
    errors = pages.new_password_errors()
    if door.owner.has_password():
        wait_s = door.wait_s()
        if wait_s:
            raise pages.too_many(wait_s)
        if door.owner.password_is(request.form.get("current", "")):
            door.was_right()
        else:
            errors.insert(0, FieldError("current", "That is not the current password."))
    if errors:
        return make_response(_security_page(errors), 422)
    door.owner.set_password(request.form["password"])
    session = g.passed.session if g.passed is not None else None
    return pages.enter(door, url_for("settings.security", done="password"), keep=session is None or session.keep)


@blueprint.post("/settings/security/sessions/end")
def end_sessions() -> Response:
    """Sign out one browser (`session` is its id) or, with `others`, every one but this."""
    owner = the_door().owner
    here = g.passed.session if g.passed is not None else None
    wanted = request.form.get("session", "")
    if wanted == "others" and here is not None:
        owner.end_other_sessions(here.id)
    elif not wanted.isascii() or not wanted.isdigit() or not owner.end_session(int(wanted[:18])):
        raise NotFound("This session has ended already.")
    return make_response(redirect(url_for("settings.security"), 303))


def _security_page(errors: list[FieldError] | None = None) -> str:
    door = the_door()
    here = g.passed.session if g.passed is not None else None
    sessions = door.owner.sessions() if door.owner.has_password() else []
    return _page(
        "security",
        errors={error.field: error.message for error in errors or []},
        auth=door.settings.auth,
        way=g.passed.way if g.passed is not None else "",
        user=g.passed.user if g.passed is not None else "",
        from_environment=door.owner.given_by_environment,
        has_password=door.owner.has_password(),
        changed_at=door.owner.password_changed_at(),
        sessions=[
            (session, device(session.user_agent), here is not None and session.id == here.id) for session in sessions
        ],
        keep_days=round(KEEP_S / 86400),
        token_set=bool(door.settings.api_token),
        least=passwords.LEAST_CHARACTERS,
        done=request.args.get("done", ""),
        now=door.owner.now(),
    )


def device(user_agent: str) -> str:
    """What a session runs on, in words: "Firefox on Linux"; the first word of anything unknown."""
    browser = next((name for mark, name in _BROWSERS if f"{mark}/" in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    found = re.match(r"[\w.-]{1,40}", user_agent)
    return browser or system or (found[0] if found else "Unknown")


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
    return _page(
        "about",
        version=__version__,
        started_at=runtime.started_at,
        python=platform.python_version(),
        machine=f"{platform.system()} on {platform.machine()}",
        data_folder=str(runtime.settings.data.resolve()),
        database_mb=runtime.db.size_bytes() / 1e6,
        dashboards=runtime.dashboards.all(),
        widget_count=len(widgets),
        failing=sources[:MOST_SOURCES],
        failing_count=len(sources),
        broken=runtime.definitions.broken(),
        definition_count=len(runtime.definitions.all()),
        now=the_door().owner.now(),
    )


def _runtime() -> Runtime:
    runtime: Runtime = current_app.extensions["glance"]
    return runtime


def _page(section: str, **values: Any) -> str:
    return render_template(f"settings_{section}.html", section=section, ago=ago, **values)


def ago(at: float, now: float) -> str:
    """How long ago, in words: "now", "12 min ago", "3 days ago"."""
    past_s = max(0.0, now - at)
    for unit_s, name in ((86400.0, "day"), (3600.0, "h"), (60.0, "min")):
        if past_s >= unit_s:
            count = int(past_s // unit_s)
            return f"{count} {name}{'s' if name == 'day' and count > 1 else ''} ago"
    return "now"
