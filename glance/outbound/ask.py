"""A request on its way: checked before it is sent, changed by redirects and logins."""

from __future__ import annotations

import hashlib
import json as jsonlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from glance import __version__
from glance.errors import FetchError
from glance.guard import Guard
from glance.outbound.masking import Mask
from glance.outbound.rules import Bound
from glance.outbound.target import Target, Tls

USER_AGENT = f"Glance/{__version__}"
VIA = "1.1 glance"

_METHOD = re.compile(r"[A-Z]{2,20}")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_BREAKS = re.compile(r"[\r\n\0]")
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "upgrade"})
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "host"})
_SUSPICIOUS = ("token", "secret", "key", "auth", "session", "password")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: everything that a redirect or a login may change. `deadline` is a time.monotonic() value.

    `login` names the headers (lower case) that say who asks; `bound` are the credentials that stand in it; `guard` sees each
    address that it would connect to.
    """

    method: str
    target: Target
    headers: Mapping[str, str]
    body: bytes | None
    tls: Tls
    deadline: float
    budget_s: float
    max_bytes: int
    login: frozenset[str] = frozenset()
    bound: tuple[Bound, ...] = ()
    guard: Guard | None = None

    def with_headers(self, extra: Mapping[str, str]) -> Ask:
        """The request with credentials in further headers."""
        if not extra:
            return self
        replaced = {name.lower() for name in extra}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in replaced}
        return replace(self, headers={**kept, **checked_headers(extra)}, login=self.login | replaced)

    def redirected(self, status: int, location: str, mask: Mask) -> Ask:
        """The request that a redirect asks for; another server gets no credentials and none of the secrets in `mask`."""
        target = self.target.join(location)
        for credential in self.bound:
            credential.check(target)
        method, body, headers = self.method, self.body, dict(self.headers)
        if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
            method, body = "GET", None
            headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
        if not self.target.keeps_credentials(target):
            headers = {name: value for name, value in headers.items() if not self._is_secret(name, value, mask)}
            # what another server has Glance ask of Glance itself is not the owner's own browser on this computer (see is_local)
            headers["Via"] = VIA
            if body and mask.finds(body.decode("utf-8", "replace")):
                raise FetchError(
                    f"{self.target.host} redirects to {target.host}, which must not get the secrets of this request.",
                    kind="redirects",
                )
        return replace(self, method=method, target=target, body=body, headers=headers)

    def _is_secret(self, name: str, value: str, mask: Mask) -> bool:
        """True for a header that another server must not see."""
        lowered = name.lower()
        is_login = lowered in self.login or lowered in _CREDENTIALS or any(word in lowered for word in _SUSPICIOUS)
        return is_login or mask.finds(value)

    def wire_headers(self) -> dict[str, Any]:
        """The headers as they are sent: Host first, and what is not ASCII as UTF-8."""
        host = {} if any(name.lower() == "host" for name in self.headers) else {"Host": self.target.host_header}
        sent = {
            name: value if value.isascii() else value.encode("utf-8", "replace") for name, value in self.headers.items()
        }
        return {**host, **sent}

    def fingerprint(self) -> str:
        """What tells one conditional request from another: address, TLS rule and every header, credentials included."""
        heads = sorted(f"{name.lower()}:{value}" for name, value in self.headers.items())
        text = "\n".join([self.target.url, repr(self.tls), *heads])
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def checked_method(method: str) -> str:
    """A method that may be sent."""
    if not _METHOD.fullmatch(method) or method in ("CONNECT", "TRACE"):
        raise FetchError("The method of the request must be one such as GET or POST.", kind="source")
    return method


def checked_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    """Headers as text; None leaves one out; a line break in a name or value is refused."""
    checked: dict[str, str] = {}
    for name, value in headers.items():
        if value is None:
            continue
        if not _TOKEN.fullmatch(str(name)):
            raise FetchError("The name of a request header holds a character that is not allowed.", kind="source")
        text = str(value).strip()
        if _BREAKS.search(text):
            raise FetchError(f"The request header {name} holds a line break, which is not allowed.", kind="source")
        if name.lower() in _FRAMING:
            raise FetchError(f"The request header {name} is set by Glance itself; leave it out.", kind="source")
        checked[name] = text
    return checked


def default_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    """Checked headers with those that every request has."""
    checked = checked_headers(headers)
    given = {name.lower() for name in checked}
    usual = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
    return {**{name: value for name, value in usual.items() if name.lower() not in given}, **checked}


def encoded_body(
    method: str, body: bytes | str | None, json: Any, headers: dict[str, str]
) -> tuple[bytes | None, dict[str, str]]:
    """The body's bytes, and the headers with its content type."""
    if json is not None:
        body = jsonlib.dumps(json)
        if not any(name.lower() == "content-type" for name in headers):
            headers = {**headers, "Content-Type": "application/json"}
    data = body.encode("utf-8", "replace") if isinstance(body, str) else body
    if data is None and method in ("POST", "PUT", "PATCH"):
        data = b""
    return data, headers


def content_type_of(body: str) -> str:
    """What a body written as text most likely is."""
    start = body.lstrip()[:1]
    if start in ("{", "["):
        return "application/json"
    if start == "<":
        return "application/xml"
    is_form = "=" in body and not any(mark in body for mark in (" ", "\n"))
    return "application/x-www-form-urlencoded" if is_form else "text/plain; charset=utf-8"
