"""Where a request goes: an address taken apart, and how TLS is checked there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from glance.errors import FetchError

_PORTS = {"http": 80, "https": 443}
_PATH_SAFE = "%/:@!$&'()*+,;=-._~"
_QUERY_SAFE = _PATH_SAFE + "?[]"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart. `host` is a name, an address or, for scheme `unix`, the path of the socket.

    `path` is the request target (path and query, percent-encoded). `userinfo` is (name, password) where the address held one.
    """

    scheme: str
    host: str
    port: int
    path: str
    userinfo: tuple[str, str] | None = field(default=None, compare=False)

    @property
    def origin(self) -> tuple[str, str, int]:
        """What must be equal for credentials to go along."""
        return (self.scheme, self.host, self.port)

    @property
    def host_header(self) -> str:
        """The value of the Host header."""
        if self.scheme == "unix":
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if _PORTS[self.scheme] == self.port else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address without user and password."""
        if self.scheme == "unix":
            return f"unix:{self.host}:{self.path}"
        return f"{self.scheme}://{self.host_header}{self.path}"

    @property
    def lane(self) -> str:
        """The host and port that a request burdens."""
        return self.host if self.scheme == "unix" else f"{self.host}:{self.port}"

    def join(self, location: str) -> Target:
        """Where a Location header leads from here; FetchError where it cannot be followed."""
        if self.scheme == "unix":
            if not location.startswith("/") or location.startswith("//"):
                raise FetchError(f"{self.host} redirects away from its socket; that is not followed.", kind="redirects")
            return Target("unix", self.host, 0, _encoded(location))
        target = None
        with suppress(FetchError, ValueError):  # said below
            target = parse(urljoin(self.url, location))
        if target is None or target.scheme == "unix":  # a web page must not lead to a socket of this computer
            raise FetchError(f"{self.host} redirects to an address that cannot be followed.", kind="redirects")
        return target

    def keeps_credentials(self, after: Target) -> bool:
        """True where a redirect to `after` stays with the same server: same origin, or its own step up to https."""
        if self.origin == after.origin:
            return True
        return (self.scheme, self.port, after.scheme, after.port) == (
            "http",
            80,
            "https",
            443,
        ) and self.host == after.host


@dataclass(frozen=True, slots=True)
class Tls:
    """How a server's certificate is checked: by the system's authorities, not at all, or against one SHA-256."""

    verify: bool = True
    pin: str | None = None


def parse(url: Any) -> Target:
    """Take `http://`, `https://` or `unix:/path/to.sock:/path` apart; FetchError says what is wrong with it."""
    if not isinstance(url, str) or not url.strip():
        raise FetchError("The address of the source is empty.", kind="source")
    url = url.strip()
    if _CONTROL.search(url):
        raise FetchError("The address of the source holds a line break or another control character.", kind="source")
    if url.startswith("unix:"):
        return _unix(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FetchError("The address of the source cannot be read: check its host and port.", kind="source") from None
    if parts.scheme not in _PORTS:
        raise FetchError("The address of the source must begin with http://, https:// or unix:/.", kind="source")
    host = _host(parts.hostname)
    target = quote(parts.path, safe=_PATH_SAFE) or "/"
    if parts.query:
        target = f"{target}?{quote(parts.query, safe=_QUERY_SAFE)}"
    user = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return Target(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, target, user)


def _host(name: str | None) -> str:
    """A host name as it is looked up: lower case, international names in their ASCII form."""
    if not name:
        raise FetchError("The address of the source names no host.", kind="source")
    try:
        ascii_name = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_name = ""
    if not _HOST.fullmatch(ascii_name) or len(ascii_name) > 253:
        raise FetchError("The address of the source names a host that cannot exist.", kind="source")
    return ascii_name.lower()


def _unix(url: str) -> Target:
    """`unix:/run/docker.sock:/containers/json`: the socket's path, then the request's."""
    rest = url.removeprefix("unix:")
    rest = "/" + rest.lstrip("/")
    socket_path, colon, path = rest.partition(":")
    if colon and not path.startswith("/"):
        raise FetchError("A unix: address looks like unix:/run/docker.sock:/containers/json.", kind="source")
    return Target("unix", socket_path, 0, _encoded(path or "/"))


def _encoded(path: str) -> str:
    """A request target with everything odd percent-encoded."""
    before, mark, query = path.partition("?")
    return quote(before, safe=_PATH_SAFE) + mark + quote(query, safe=_QUERY_SAFE)


def parse_tls(tls: Mapping[str, Any] | None) -> Tls:
    """Read a manifest's `tls`: `{verify: true | false | "<SHA-256>"}` or `{pin: "<SHA-256>"}`."""
    if not tls:
        return Tls()
    pin, verify = tls.get("pin"), tls.get("verify", True)
    if isinstance(verify, str) and verify.strip().lower() not in ("", "true", "false"):
        pin = pin or verify
    if pin:
        return Tls(verify=False, pin=_pin(str(pin)))
    switched_off = verify is False or (isinstance(verify, str) and verify.strip().lower() == "false")
    return Tls(verify=not switched_off)


def _pin(text: str) -> str:
    """A SHA-256 as 64 lower-case hex digits, however it was written."""
    digits = re.sub(r"(?i)^sha-?256[:/=]", "", text.strip())
    digits = re.sub(r"[\s:]", "", digits).lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise FetchError("The certificate's pin must be a SHA-256 of 64 hex digits.", kind="tls")
    return digits
