"""The door: nobody passes unless a rule here says so.

`init_app` puts it before every view. A view asks `current_pass()` for the right by which it was reached, `g.scopes` for what that
right allows ('*' = everything), `is_local_request()` for the contract's *local*; a socket asks `check_socket()`. A page adds the
origins its forms go to, or its frames show, to the sets `g.csp_form_action` and `g.csp_frame_src`.
"""

from __future__ import annotations

from flask import Flask, g, request
from werkzeug.exceptions import Unauthorized

from glance.runtime import Runtime
from glance.web.door import access, guard, headers, pages
from glance.web.door.access import SUBPROTOCOL, Pass
from glance.web.door.cookies import csrf_token
from glance.web.door.guard import OPEN, OPEN_TO_LOCAL, PUBLIC, SCOPES, Door, the_door
from glance.web.door.peer import Peer

__all__ = [
    "OPEN",
    "OPEN_TO_LOCAL",
    "PUBLIC",
    "SCOPES",
    "BearerSubprotocols",
    "Pass",
    "charge",
    "check_socket",
    "csrf_token",
    "current_pass",
    "init_app",
    "is_local_request",
    "still_holds",
    "why_over",
]


def init_app(app: Flask, runtime: Runtime) -> None:
    """Put the door before every view of `app`. Register it before other `before_request` functions."""
    door = app.extensions["glance.door"] = Door(runtime.settings, runtime.owner, runtime.tokens)
    door.stir = runtime.hub.stir
    app.wsgi_app = Peer(app.wsgi_app, runtime.settings)  # type: ignore[method-assign]
    guard.init_app(app)
    headers.init_app(app, runtime.settings)
    app.register_blueprint(pages.blueprint)
    app.jinja_env.globals["csrf_token"] = csrf_token
    door.announce()


def current_pass() -> Pass | None:
    """The right by which this request is served; None on an open page that nobody signed in to."""
    passed: Pass | None = g.get("passed")
    return passed


def is_local_request() -> bool:
    """True where the peer is this computer, nothing was forwarded, and Host is localhost or a loopback address."""
    return access.is_local(request)


def check_socket() -> Pass:
    """The pass of a socket's handshake (the guard has checked Origin, token or subprotocol); Unauthorized without one."""
    passed = current_pass()
    if passed is None:
        raise Unauthorized("Sign in, or send a token.")
    return passed


class BearerSubprotocols:
    """For simple-websocket's option `subprotocols`: names in the answer to a handshake the subprotocol that carried the token."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.startswith(SUBPROTOCOL)


def still_holds(passed: Pass) -> bool:
    """False once what let an open socket in has ended; close it with 4403 then."""
    return the_door().access.still_holds(passed)


def why_over(passed: Pass) -> str:
    """The sentence that an open socket is closed with where its pass holds no more."""
    if passed.way == "local":
        return "A password was set; sign in with it."
    return "This token opens nothing any more." if passed.way == "token" else "Signed out."


def charge(kind: str, amount: float = 1.0) -> None:
    """Count something that costs (a key of RATES) for the caller; TooOften, a 429, where it is too much of it."""
    passed = current_pass()
    the_door().rates.spend(kind, passed.key if passed is not None else "", amount)
