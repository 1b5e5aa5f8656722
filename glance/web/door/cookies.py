"""The cookies of a browser: its session, and the CSRF token that its forms and scripts send back."""

from __future__ import annotations

import secrets

from flask import Response, g, request

from glance.store.owner import KEEP_S
from glance.web.door import access
from glance.web.door.access import CSRF_COOKIE, SESSION_COOKIE, Pass


def csrf_token() -> str:
    """The CSRF token for forms of this answer; the cookie glance_csrf holds the same, for scripts.

    Empty for a program with a token, and for the first page of somebody who need not sign in: the answer sets the cookie, and
    until it is there the browser's own word counts. So that page is the same for everybody and is drawn only once.
    """
    passed: Pass | None = g.get("passed")
    if passed is not None and (passed.way == "token" or SESSION_COOKIE not in request.cookies):
        return ""
    return access.csrf_for(_seed())


def _seed() -> str:
    """The value of the session cookie; where there is none yet, a fresh one that this answer sets. It opens nothing by itself."""
    found = request.cookies.get(SESSION_COOKIE, "")
    if found:
        return found
    if "seed" not in g:
        g.seed = secrets.token_urlsafe(32)
    return str(g.seed)


def give_session(response: Response, token: str, keep: bool) -> None:
    """Set the cookies of a session that was just opened."""
    g.cookies_done = True
    _set(response, SESSION_COOKIE, token, keep, httponly=True)
    _set(response, CSRF_COOKIE, access.csrf_for(token), keep, httponly=False)


def take_session(response: Response) -> None:
    """Clear the cookies."""
    g.cookies_done = True
    for name in (SESSION_COOKIE, CSRF_COOKIE):
        response.delete_cookie(name, path=_cookie_path(), secure=request.is_secure, samesite="Lax")


def set_cookies(response: Response) -> Response:
    """Renew a session in use, give pages without one the seed of their CSRF token, and mend a lost glance_csrf."""
    passed: Pass | None = g.get("passed")
    if g.get("cookies_done") or (passed is not None and passed.way == "token"):
        return response
    if passed is not None and passed.session is not None:
        if g.get("renew"):
            give_session(response, passed.token, passed.session.keep)
        elif response.mimetype == "text/html" and request.cookies.get(CSRF_COOKIE) != access.csrf_for(passed.token):
            _set(response, CSRF_COOKIE, access.csrf_for(passed.token), passed.session.keep, httponly=False)
    elif "seed" in g or (passed is not None and response.mimetype == "text/html"):
        seed = _seed()
        if "seed" in g or request.cookies.get(CSRF_COOKIE) != access.csrf_for(seed):
            _set(response, SESSION_COOKIE, seed, keep=False, httponly=True)
            _set(response, CSRF_COOKIE, access.csrf_for(seed), keep=False, httponly=False)
    return response


def _set(response: Response, name: str, value: str, keep: bool, httponly: bool) -> None:
    response.set_cookie(
        name,
        value,
        max_age=int(KEEP_S) if keep else None,
        path=_cookie_path(),
        secure=request.is_secure,
        httponly=httponly,
        samesite="Lax",
    )


def _cookie_path() -> str:
    return request.script_root or "/"
