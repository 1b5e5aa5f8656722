"""Who is asking, and by what right: a session, a token, this computer, or a proxy's word."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal

from flask import Request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from glance import passwords
from glance.config import Settings
from glance.store.owner import Owner, Session
from glance.store.tokens import Tokens

SESSION_COOKIE = "glance_session"
CSRF_COOKIE = "glance_csrf"
SUBPROTOCOL = "glance.bearer."
EVERY_SCOPE = frozenset({"*"})
NO_SCOPE: frozenset[str] = frozenset()

Way = Literal["session", "token", "local", "proxy", "none"]


@dataclass(frozen=True, slots=True)
class Pass:
    """The right by which one request is served.

    `way` says how it was shown: with a cookie ('session'), a bearer token ('token'), a proxy's user name ('proxy'), or without
    login, by being on this computer ('local') or because GLANCE_AUTH=none says so ('none'). `scopes` is what it allows: {'*'}
    for everything, else the words of an API token. `token` is the value of the cookie, `token_id` that of a stored API token.
    """

    way: Way
    scopes: frozenset[str] = EVERY_SCOPE
    session: Session | None = None
    token: str = ""
    token_id: int | None = None
    user: str = ""

    @property
    def without_login(self) -> bool:
        """True where nothing was shown that another page could not make this browser show."""
        return self.way in ("local", "none")

    @property
    def is_owner(self) -> bool:
        """True where everything is allowed."""
        return "*" in self.scopes

    @property
    def key(self) -> str:
        """What rates are counted by: one session, one token, one user of a proxy, or everybody who needs no login."""
        if self.session is not None:
            return f"session:{self.session.id}"
        return f"token:{self.token_id or 'environment'}" if self.way == "token" else f"{self.way}:{self.user}"

    @property
    def needs_csrf(self) -> bool:
        """True where the browser sends the proof by itself, so that a foreign page could use it."""
        return self.way != "token"


class Access:
    """Decides by GLANCE_AUTH, the password and the token; one per application."""

    def __init__(self, settings: Settings, owner: Owner, tokens: Tokens) -> None:
        self._settings = settings
        self._owner = owner
        self._tokens = tokens

    def first_run(self) -> bool:
        """True until a password exists or the owner chose to do without."""
        return self._settings.auth == "password" and not self._owner.has_password() and not self._owner.local_only()

    def identify(self, request: Request) -> Pass | None:
        """The pass of this request, or None where it has to sign in. Raises Unauthorized for a wrong token, Forbidden where
        signing in would not help either, with the setting that would."""
        local = is_local(request)
        bearer = bearer_token(request)
        if bearer is not None:
            return self._by_token(bearer, local)
        if self._settings.auth == "none":
            return self._by_nothing(local)
        if self._settings.auth == "proxy":
            return self._by_proxy(request)
        if self._owner.has_password():
            return self._by_session(request)
        if self._owner.local_only():
            return _only_here(local)
        return None

    def still_holds(self, passed: Pass) -> bool:
        """False once what let a pass through would not any more: an open socket asks this now and then.

        A session or token may have ended, or a password been set where there was none. What comes from a setting stays.
        """
        if passed.token_id is not None:
            return self._tokens.holds(passed.token_id)
        if passed.way == "session":
            return self._owner.session(passed.token) is not None
        return passed.way != "local" or self._settings.auth != "password" or self._owner.local_only()

    def _by_token(self, given: str, local: bool) -> Pass:
        wide = self._settings.api_token
        passed = Pass("token") if wide and passwords.same_text(given, wide) else None
        if passed is None and (token := self._tokens.find(given)) is not None:
            self._tokens.touch(given, token)
            passed = Pass("token", scopes=token.scopes, token_id=token.id)
        if passed is None:
            raise Unauthorized(
                "This token is not known, or it was revoked or has ended. Settings, Security makes a new one, "
                "and GLANCE_API_TOKEN sets one.",
                www_authenticate=WWWAuthenticate("bearer", {"realm": "Glance", "error": "invalid_token"}),
            )
        if self._settings.auth == "password" and not local and not self._owner.has_password():
            raise Forbidden(
                "Until a password exists Glance answers this computer only. Set one in the browser, or GLANCE_PASSWORD."
            )
        return passed

    def _by_nothing(self, local: bool) -> Pass:
        if self._settings.auth_none_ok:
            return Pass("none")
        if local:
            return Pass("local")
        raise Forbidden(
            "GLANCE_AUTH=none answers only programs on this computer, by the name localhost. "
            "Remove it and set a password (GLANCE_PASSWORD), or set GLANCE_AUTH_NONE_OK=1 if everybody may do everything."
        )

    def _by_proxy(self, request: Request) -> Pass:
        header = self._settings.proxy_header
        if not request.environ.get("glance.trusted", False):
            raise Forbidden(
                f"GLANCE_AUTH=proxy: only a proxy in GLANCE_TRUSTED_PROXIES may say who you are, and "
                f"{request.environ.get('glance.peer') or 'this address'} is not in it."
            )
        user = request.headers.get(header, "").strip()
        if not user:
            raise Forbidden(
                f"The proxy did not say who you are: it sent no {header} (GLANCE_PROXY_HEADER names the header)."
            )
        if "," in user:
            # Two such headers arrive as one: then a client's own stood beside the proxy's.
            raise Forbidden(f"Who you are came twice: the proxy must replace {header}, not add to what a client sends.")
        return Pass("proxy", user=user[:200])

    def _by_session(self, request: Request) -> Pass | None:
        token = request.cookies.get(SESSION_COOKIE, "")
        session = self._owner.session(token) if token else None
        return Pass("session", session=session, token=token) if session is not None else None


def _only_here(local: bool) -> Pass:
    if local:
        return Pass("local")
    raise Forbidden(
        "Glance was set up without a password, so it answers only the computer it runs on, by the name localhost. "
        "Set a password there under Settings, Security, or with GLANCE_PASSWORD."
    )


def is_local(request: Request) -> bool:
    """The contract's *local*, decided before any forwarded header was believed."""
    return bool(request.environ.get("glance.local", False))


def bearer_token(request: Request) -> str | None:
    """The token of `Authorization: Bearer` or, on a socket, of the subprotocol glance.bearer.<token>; None without one."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if is_socket(request):
        for item in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
            if item.strip().startswith(SUBPROTOCOL):
                return item.strip().removeprefix(SUBPROTOCOL)
    return None


def is_socket(request: Request) -> bool:
    """True for the handshake of a websocket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


def csrf_for(seed: str) -> str:
    """The CSRF token that belongs to a session cookie: nobody can compute it who does not hold the cookie."""
    return hmac.new(seed.encode("utf-8", "surrogatepass"), b"csrf", hashlib.sha256).hexdigest()
