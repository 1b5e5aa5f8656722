"""What stands before every view: Host, pass, proof of origin; and after it: the cookies."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from urllib.parse import quote

from flask import Flask, Response, current_app, g, redirect, request, url_for
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, HTTPException, Unauthorized

from glance import passwords
from glance.addresses import split_address
from glance.config import Settings
from glance.errors import GlanceError
from glance.store.owner import Owner
from glance.store.tokens import Tokens
from glance.web.door import access, cookies, csrf
from glance.web.door.access import Access, Pass
from glance.web.door.hosts import Hosts
from glance.web.door.limits import Attempts
from glance.web.door.peer import client_key
from glance.web.door.rates import Rates

log = logging.getLogger(__name__)

# Every other endpoint needs a pass. Static files hold nothing of the owner's; the health routes keep their details to themselves.
OPEN = frozenset({"static", "healthz", "readyz", "door.login", "door.sign_in", "door.setup", "door.set_up"})
OPEN_TO_LOCAL = frozenset({"metrics"})
# For everybody who knows the address of a public dashboard: these views look at nothing but that address.
PUBLIC = frozenset(
    {"public.page", "public.layout", "public.fragments", "public.image", "public.points", "public.socket"}
)
# What an API token may ask for beside the API, and the scope that it takes ('ingest:' = one of those; the socket asks again for
# the device of each reading). Any other page is the owner's alone.
SCOPES = {
    "pages.home": "read",
    "pages.dashboard": "read",
    "layouts.layout": "read",
    "fragments.changed": "read",
    "ranges.points": "read",
    "images.image": "read",
    "sockets.dashboard_socket": "read",
    "widget_socket.widget_socket": "read",
    "ingest_socket.ingest_socket": "ingest:",
    "fragments.refresh": "refresh",
    "fragments.refresh_fragment": "refresh",
}
# The routes of the API ask for the scope of their declaration; these are among them under names of their own.
ASK_THEMSELVES = frozenset({"healthz", "readyz", "metrics"})

CODE_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
SHORT_TOKEN = 20


class Misdirected(HTTPException):
    """421: the Host header names a machine that Glance does not know itself by (RFC 9110 §15.5.20)."""

    code = 421
    description = (
        "Glance does not answer to this name. If it is yours, add it to GLANCE_ALLOWED_HOSTS, "
        "or set GLANCE_PUBLIC_URL to the address you open."
    )


class Door:
    """Everything the door of one application knows; times are the clock's, in seconds."""

    def __init__(
        self, settings: Settings, owner: Owner, tokens: Tokens, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self.owner = owner
        self.clock = clock
        self.hosts = Hosts(settings)
        self.access = Access(settings, owner, tokens)
        self.rates = Rates(clock)
        # Wakes every open socket, so that those whose session has just ended close now and not some seconds later.
        self.stir: Callable[[], None] = lambda: None
        self.by_address = Attempts(free=5, window_s=300, pause_s=300)
        self.overall = Attempts(free=30, window_s=60, pause_s=60)
        letters = [secrets.choice(CODE_LETTERS) for _ in range(12)]
        self.setup_code = "-".join("".join(letters[at : at + 4]) for at in (0, 4, 8))

    def wait_s(self) -> float:
        """Begin a try at the password or the setup code: 0, or the seconds until this address (or anyone) may try again."""
        now, key = self.clock(), client_key(request.remote_addr or "")
        # The owner at the machine itself is not kept out by what others try from elsewhere.
        here = access.is_local(request)
        # Whoever goes on knocking during a pause is heard no more: his tries must neither bring about a pause for everybody, nor
        # crowd out what is known of other addresses.
        waiting = max(self.by_address.paused_s(key, now), 0.0 if here else self.overall.paused_s("all", now))
        waiting = waiting or self.by_address.wait_s(key, now)
        if not waiting and not here:
            waiting = self.overall.wait_s("all", now)
            if waiting:
                self.by_address.give_back(key)
        return waiting

    def tries_left(self) -> int:
        """How many tries this address has before its pause."""
        return self.by_address.left(client_key(request.remote_addr or ""))

    def was_right(self) -> None:
        """The try was right: its address begins anew, and it counts for nobody."""
        self.by_address.clear(client_key(request.remote_addr or ""))
        if not access.is_local(request):
            self.overall.give_back("all")

    def code_is(self, given: str) -> bool:
        """Compare a setup code, however it was typed."""
        plain = "".join(letter for letter in given.upper() if letter.isalnum())
        return passwords.same_text(plain, self.setup_code.replace("-", ""))

    def announce(self) -> None:
        """Say at the start what the owner has to know about the door."""
        token = self.settings.api_token
        if token and len(token) < SHORT_TOKEN:
            log.warning("GLANCE_API_TOKEN is short enough to be guessed; make one with: openssl rand -hex 24")
        if self.access.first_run():
            log.warning(
                "No password is set yet. Open Glance on this computer to choose one; from another one give the setup code %s",
                self.setup_code,
            )


def the_door() -> Door:
    """The door of the current application."""
    door: Door = current_app.extensions["glance.door"]
    return door


def init_app(app: Flask) -> None:
    """Put the guard before and the cookies behind every view."""
    app.before_request(_guard)
    app.after_request(cookies.set_cookies)


def _guard() -> Response | None:
    door = the_door()
    g.passed, g.scopes, g.refusal = None, access.NO_SCOPE, None
    environ = request.environ
    if not door.hosts.allows(environ.get("HTTP_HOST", "")) or not door.hosts.allows(environ.get("glance.host", "")):
        raise Misdirected()
    is_open = request.endpoint in OPEN or request.endpoint in PUBLIC
    try:
        passed = door.access.identify(request)
    except (HTTPException, GlanceError) as refusal:
        # Also a database that cannot be read: /healthz must answer then too.
        if not is_open and not (isinstance(refusal, Forbidden) and _is_open_here(door)):
            raise
        passed, g.refusal = None, refusal
    if request.endpoint in PUBLIC:
        return _admit_public(door, passed)
    if passed is not None:
        _admit(door, passed, is_open)
        return None
    if is_open:
        if request.method not in csrf.SAFE_METHODS:
            csrf.refuse_foreign(door.hosts, request)
        return None
    if _is_open_here(door):
        g.scopes = frozenset({"read"})
        return None
    return _ask_to_sign_in(door)


def _is_open_here(door: Door) -> bool:
    """True where being on this computer is enough. What carries the header of the proxy's user names came through that proxy."""
    through_proxy = door.settings.auth == "proxy" and door.settings.proxy_header in request.headers
    return request.endpoint in OPEN_TO_LOCAL and access.is_local(request) and not through_proxy


def _admit(door: Door, passed: Pass, is_open: bool) -> None:
    if request.method not in csrf.SAFE_METHODS and passed.needs_csrf:
        if is_open:
            csrf.refuse_foreign(door.hosts, request)
        else:
            csrf.check(door.hosts, request, passed)
    if not is_open:
        _check_scope(passed)
    if access.is_socket(request):
        if passed.needs_csrf:
            _check_socket_origin(door)
        door.rates.spend("socket", passed.key)
    g.passed, g.scopes = passed, passed.scopes
    if passed.session is not None:
        g.renew = door.owner.touch(passed.token, passed.session, request.remote_addr or "")


def _check_scope(passed: Pass) -> None:
    """Forbidden where a token asks for a page that is not for tokens, or lacks the scope for it."""
    endpoint = request.endpoint
    if passed.is_owner or endpoint is None or endpoint.startswith("api.") or endpoint in ASK_THEMSELVES:
        return
    scope = SCOPES.get(endpoint)
    if scope is None:
        raise Forbidden("This page is for the owner's browser; a token is for what is below /api.")
    if scope not in passed.scopes and not (scope.endswith(":") and any(s.startswith(scope) for s in passed.scopes)):
        raise Forbidden(f"This token lacks the scope {scope}{'<device>' if scope.endswith(':') else ''}.")


def _check_socket_origin(door: Door) -> None:
    if not csrf.is_ours(door.hosts, request, request.headers.get("Origin", "")):
        raise Forbidden(
            "A socket opens only from Glance's own pages, or with a token. "
            "If a proxy stands in front, set GLANCE_PUBLIC_URL to the address in the browser's bar."
        )


def _admit_public(door: Door, passed: Pass | None) -> Response | None:
    """Let anybody look who knows the address, but not before others than this computer are served at all.

    Whoever is signed in is a visitor here too: these views never know the owner.
    """
    nobody_else = door.settings.auth == "none" or (door.settings.auth == "password" and not door.owner.has_password())
    if passed is None and nobody_else:
        if g.refusal is not None:
            raise g.refusal
        return _ask_to_sign_in(door)
    if access.is_socket(request) and (passed is None or passed.needs_csrf):
        _check_socket_origin(door)
    door.rates.spend("socket" if access.is_socket(request) else "public", client_key(request.remote_addr or ""))
    return None


def _ask_to_sign_in(door: Door) -> Response:
    """A page goes to the login (or first-run) page, htmx is sent there, everything else gets 401 with a sentence."""
    first = door.access.first_run()
    page = "door.setup" if first else "door.login"
    if "HX-Request" in request.headers:
        came_from = split_address(request.headers.get("HX-Current-URL", ""))
        target = _with_next(url_for(page), _without_root(came_from.path), came_from.query)
        return Response(status=401, headers={"HX-Redirect": target})
    if not csrf.is_api(request) and not access.is_socket(request) and _is_navigation():
        wanted = (
            (request.path, request.query_string.decode("ascii", "replace"))
            if request.method in ("GET", "HEAD")
            else ("", "")
        )
        return redirect(_with_next(url_for(page), *wanted), 303)  # type: ignore[return-value]
    sentence = (
        f"Glance has no password yet. Open {url_for('door.setup', _external=True)} in a browser, or set GLANCE_PASSWORD."
        if first
        else "Sign in, or send a token: Authorization: Bearer TOKEN."
    )
    raise Unauthorized(sentence, www_authenticate=WWWAuthenticate("bearer", {"realm": "Glance"}))


def _is_navigation() -> bool:
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


def _with_next(target: str, path: str, query: str = "") -> str:
    wanted = f"{path}?{query}" if query else path
    return f"{target}?next={quote(wanted, safe='/')}" if path not in ("", "/") or query else target


def _without_root(path: str) -> str:
    root = request.script_root
    return path[len(root) :] if root and path.startswith(root + "/") else path


def safe_next(target: str) -> str:
    """Where to go after signing in: a path of this site, else the start. Kept relative to the root of Glance."""
    parts = split_address(target)
    harmless = target.startswith("/") and not target.startswith("//") and not parts.netloc and not parts.scheme
    if not harmless or "\\" in target or any(letter < " " or letter == "\x7f" for letter in target):
        return request.script_root + "/"
    if parts.path in ("/login", "/setup", "/logout"):
        return request.script_root + "/"
    return request.script_root + target
