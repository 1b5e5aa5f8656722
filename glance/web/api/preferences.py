"""The owner's small choices; so far the theme."""

from __future__ import annotations

from typing import Any

from flask import request

from glance.web.api import schemas
from glance.web.api.routing import answer, route

THEMES = ("auto", "light", "dark")
COOKIE = "glance_theme"
KEPT_S = 400 * 86400
TAG = "Preferences"
SHAPE = ("The choices of this browser.", schemas.PREFERENCES)


@route("GET", "/api/preferences", scope="read", tag=TAG, summary="Read preferences", answers={200: SHAPE})
def get_preferences() -> Any:
    """The theme is a choice of each browser, kept in its cookie."""
    theme = request.cookies.get(COOKIE)
    return {"theme": theme if theme in THEMES else "auto"}


@route(
    "PATCH",
    "/api/preferences",
    scope="read",
    tag=TAG,
    summary="Change preferences",
    body=schemas.PREFERENCES,
    body_example={"theme": "dark"},
    answers={200: SHAPE},
)
def change_preferences(body: dict[str, Any]) -> Any:
    """Sets the cookie of this browser."""
    if "theme" not in body:
        return get_preferences()
    response = answer(body)
    response.set_cookie(
        COOKIE, body["theme"], max_age=KEPT_S, samesite="Lax", secure=request.is_secure, path=request.script_root or "/"
    )
    return response
