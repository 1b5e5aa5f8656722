"""The owner's small choices: the theme of each browser, and whether widget code may run."""

from __future__ import annotations

from typing import Any

from flask import request

from glance.web import runtime
from glance.web.api import schemas
from glance.web.api.routing import answer, need, route

THEMES = ("auto", "light", "dark")
COOKIE = "glance_theme"
KEPT_S = 400 * 86400
TAG = "Preferences"
SHAPE = ("The choices.", schemas.PREFERENCES)


@route("GET", "/api/preferences", scope="read", tag=TAG, summary="Read preferences", answers={200: SHAPE})
def get_preferences() -> Any:
    """The theme is a choice of each browser, kept in its cookie; `code_enabled` holds for all."""
    theme = request.cookies.get(COOKIE)
    return {"theme": theme if theme in THEMES else "auto", "code_enabled": runtime().code.enabled}


@route(
    "PATCH",
    "/api/preferences",
    scope="read",
    tag=TAG,
    summary="Change preferences",
    body=schemas.PREFERENCES,
    scope_by_body=True,
    body_example={"theme": "dark"},
    failures=(409,),
    answers={200: SHAPE},
)
def change_preferences(body: dict[str, Any]) -> Any:
    """The theme sets the cookie of this browser. `code_enabled: true` tries the cage first, and is refused with the reason
    (409) where it does not hold; it takes the scope `admin` instead of `read`."""
    need("admin" if "code_enabled" in body else "read")
    if "code_enabled" in body:
        if body["code_enabled"]:
            runtime().code.turn_on()
        else:
            runtime().code.turn_off()
    if "theme" not in body:
        return get_preferences()
    response = answer({**get_preferences(), **body})
    response.set_cookie(
        COOKIE, body["theme"], max_age=KEPT_S, samesite="Lax", secure=request.is_secure, path=request.script_root or "/"
    )
    return response
