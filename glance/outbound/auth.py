"""How a request says who asks: none, basic, bearer, a header, or a session that a login request opens."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin

from glance.errors import FetchError, Invalid
from glance.outbound.answer import Answer
from glance.outbound.ask import content_type_of
from glance.shapes import search

LEAST_SECRET = 8
MAX_SESSIONS = 200
EXPIRED = (401, 403)

Login = Callable[[str, str, Mapping[str, str], bytes | None, tuple[int, ...]], Answer]


@dataclass(frozen=True, slots=True)
class Session:
    """What a login gave: the headers that later requests carry, and what of them nobody else may see."""

    headers: Mapping[str, str]
    secrets: tuple[str, ...] = ()


def kind_of(auth: Mapping[str, Any] | None) -> str:
    """The kind of an `auth` mapping; FetchError for one that does not exist."""
    kind = str((auth or {}).get("kind") or "none")
    if kind not in ("none", "basic", "bearer", "header", "session"):
        raise FetchError("The kind of login must be one of: none, basic, bearer, header, session.", kind="source")
    return kind


def fixed_headers(auth: Mapping[str, Any] | None, userinfo: tuple[str, str] | None) -> dict[str, str]:
    """The headers of every kind but `session`; an unset credential sends none, so that it can be optional."""
    kind, fields = kind_of(auth), auth or {}
    if kind == "none" and userinfo:
        return {"Authorization": _basic(*userinfo)}
    if kind == "basic" and (fields.get("username") or fields.get("password")):
        return {"Authorization": _basic(_text(fields.get("username")), _text(fields.get("password")))}
    if kind == "bearer" and fields.get("token"):
        return {"Authorization": f"Bearer {_text(fields['token'])}"}
    if kind == "header" and fields.get("value"):
        name = _text(fields.get("name"))
        if not name:
            raise FetchError("The login by header needs the header's name.", kind="source")
        return {name: _text(fields["value"])}
    return {}


def basic_logins(headers: Mapping[str, str]) -> tuple[str, ...]:
    """User and password as Basic logins among these headers carry them, where a short password shows to no search."""
    found = (value.partition(" ") for name, value in headers.items() if name.lower().endswith("authorization"))
    return tuple(login.strip() for scheme, _, login in found if scheme.lower() == "basic" and login.strip())


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _text(value: Any) -> str:
    return "" if value is None else str(value)


class Sessions:
    """Logins kept in memory, one per `auth` mapping; concurrent callers share one login request."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, auth: Mapping[str, Any], url: str, login: Login, wait_s: float, stale: Session | None) -> Session:
        """The session for `auth`; logs in where there is none, or where the one there is still `stale`."""
        key = _key(auth, url)
        with self._guard:
            if len(self._locks) > 2 * MAX_SESSIONS:  # logins that never succeeded
                self._locks = {
                    name: lock for name, lock in self._locks.items() if lock.locked() or name in self._sessions
                }
            lock = self._locks.setdefault(key, threading.Lock())
        if not lock.acquire(timeout=max(0.0, wait_s)):
            raise FetchError("The login took too long.", kind="timeout")
        try:
            known = self._sessions.get(key)
            if known is not None and known is not stale:
                return known
            fresh = open_session(auth, url, login)
            with self._guard:
                self._sessions[key] = fresh
                self._sessions.move_to_end(key)
                while len(self._sessions) > MAX_SESSIONS:
                    oldest, _ = self._sessions.popitem(last=False)
                    self._locks.pop(oldest, None)
            return fresh
        finally:
            lock.release()


def expired_statuses(auth: Mapping[str, Any]) -> tuple[int, ...]:
    """The statuses that mean: log in again (`again_on`, default 401 and 403)."""
    return _statuses(auth.get("again_on"), EXPIRED)


def _statuses(value: Any, default: tuple[int, ...]) -> tuple[int, ...]:
    items = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
    return tuple(int(item) for item in items if str(item).isdecimal()) or default


def _key(auth: Mapping[str, Any], url: str) -> str:
    """What tells one session from another: the whole login, and the server where its address is relative."""
    login = auth.get("login") or {}
    where = urljoin(url, str(login.get("url") or ""))
    return hashlib.sha256(json.dumps([auth, where], sort_keys=True, default=str).encode()).hexdigest()


def open_session(auth: Mapping[str, Any], url: str, login: Login) -> Session:
    """Send the login request and take cookies and token out of its answer.

    `auth`: `login: {url, method?, headers?, json? | form? | body?, accept?: [status]}`, `token?` (JMESPath into the answer, or
    `header:<name>`), `header?` (default Authorization) and `prefix?` that carry the token.
    """
    spec = auth.get("login")
    if not isinstance(spec, Mapping) or not spec.get("url"):
        raise FetchError("The session login needs `login` with the address to log in at.", kind="source")
    body, content_type = _body(spec)
    headers = {str(name): _text(value) for name, value in (spec.get("headers") or {}).items()}
    if content_type and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = content_type
    where = str(spec["url"]) if "://" in str(spec["url"]) else urljoin(url, str(spec["url"]))
    try:
        answer = login(
            str(spec.get("method") or "POST").upper(), where, headers, body, _statuses(spec.get("accept"), ())
        )
    except FetchError as error:
        raise FetchError(
            f"The login failed. {error.sentence}",
            kind=error.kind,
            http_status=error.http_status,
            retry_after_s=error.retry_after_s,
        ) from error
    kept = _cookies(answer)
    secrets = [pair.partition("=")[2].strip('"') for pair in kept.get("Cookie", "").split("; ")]
    token = auth.get("token")
    if token:
        header = str(auth.get("header") or "Authorization")
        prefix = auth.get("prefix", "Bearer " if header.lower() == "authorization" else "")
        secrets.append(_token(str(token), answer))
        kept[header] = f"{_text(prefix)}{secrets[-1]}"
    if not kept:
        raise FetchError(
            f"The login at {answer.who} gave neither a cookie nor a token; check name and password.", kind="status"
        )
    # a cookie such as lang=en is no secret, and hiding each "en" would spoil the answer
    return Session(kept, tuple(secret for secret in secrets if len(secret) >= LEAST_SECRET))


def _body(spec: Mapping[str, Any]) -> tuple[bytes | None, str | None]:
    """The login request's body and its content type."""
    if spec.get("json") is not None:
        return json.dumps(spec["json"]).encode(), "application/json"
    if spec.get("form") is not None:
        return urlencode({name: _text(value) for name, value in spec["form"].items()}).encode(), (
            "application/x-www-form-urlencoded"
        )
    body = _text(spec.get("body"))
    return (body.encode("utf-8", "replace"), content_type_of(body)) if body else (None, None)


def _cookies(answer: Answer) -> dict[str, str]:
    """The cookies that a login set, as one Cookie header."""
    getlist = getattr(answer.headers, "getlist", None)
    lines = getlist("set-cookie") if getlist else []
    pairs = [line.partition(";")[0].strip() for line in lines]
    usable = [pair for pair in pairs if "=" in pair and not pair.endswith("=")]
    return {"Cookie": "; ".join(usable)} if usable else {}


def _token(where: str, answer: Answer) -> str:
    """The token that a login's answer holds."""
    if where.lower().startswith("header:"):
        found: Any = answer.headers.get(where.partition(":")[2].strip())
    else:
        try:
            found = search(where, answer.json())
        except Invalid as error:
            raise FetchError(f"The login's token cannot be picked. {error.sentence}", kind="source") from error
    if not isinstance(found, (str, int)) or isinstance(found, bool) or found == "":
        raise FetchError(f"The answer of the login at {answer.who} holds no token at {where}.", kind="format")
    return str(found)
