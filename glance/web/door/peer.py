"""Who is at the other end: forwarded headers are believed from trusted proxies only, and *local* is decided before that."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from glance.config import Settings
from glance.hostnames import authority, bare_name

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]
Address = IPv4Address | IPv6Address

# A request that carries one of these came through somebody: it is never local. X-Real-IP is nginx's, the others are tunnels' and CDNs'.
FORWARDED = tuple(
    "HTTP_FORWARDED HTTP_VIA HTTP_X_REAL_IP HTTP_X_FORWARDED HTTP_X_ORIGINAL_FORWARDED_FOR HTTP_CLIENT_IP HTTP_X_CLIENT_IP"
    " HTTP_X_CLUSTER_CLIENT_IP HTTP_TRUE_CLIENT_IP HTTP_CF_CONNECTING_IP HTTP_FASTLY_CLIENT_IP HTTP_CDN_LOOP".split()
)


class Peer:
    """WSGI wrapper that puts the truth about the peer into the environ.

    Sets `glance.peer` (the address that is connected), `glance.trusted` (it is one of GLANCE_TRUSTED_PROXIES), `glance.local`
    and `glance.host` (the Host as it came). Rewrites REMOTE_ADDR, wsgi.url_scheme and HTTP_HOST by X-Forwarded-For, -Proto
    and -Host where the peer is trusted, and moves the path of GLANCE_PUBLIC_URL into SCRIPT_NAME, whether the proxy kept it
    or not.
    """

    def __init__(self, app: WsgiApp, settings: Settings) -> None:
        self._app = app
        self._networks = tuple(ip_network(item, strict=False) for item in settings.trusted_proxies)
        public = urlsplit(settings.public_url)
        self._public_scheme, self._public_host, self._prefix = (
            public.scheme,
            authority(public.scheme, public.netloc),
            public.path.rstrip("/"),
        )

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        peer = environ["REMOTE_ADDR"] = _plain(environ.get("REMOTE_ADDR") or "")
        trusted = self._trusts(peer)
        environ["glance.peer"] = peer
        environ["glance.trusted"] = trusted
        environ["glance.host"] = environ.get("HTTP_HOST", "")
        environ["glance.local"] = _is_local(environ)
        if trusted:
            self._believe(environ, peer)
        elif "HTTP_X_FORWARDED_PROTO" in environ or "HTTP_X_FORWARDED_SSL" in environ:
            # The server in front of this wrapper may have taken a stranger's word for it; Glance itself never speaks TLS.
            environ["wsgi.url_scheme"] = "http"
        if self._public_host and authority(self._public_scheme, environ.get("HTTP_HOST", "")) == self._public_host:
            environ["wsgi.url_scheme"] = self._public_scheme
        if self._prefix:
            self._move_prefix(environ)
        return self._app(environ, start_response)

    def _trusts(self, address: str) -> bool:
        found = _parse(address) if self._networks else None
        return found is not None and any(found.version == net.version and found in net for net in self._networks)

    def _believe(self, environ: Environ, peer: str) -> None:
        """Take the rightmost hop that is not a trusted proxy itself: what stands left of it could be the client's invention."""
        hops = [hop.strip() for hop in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        client = peer
        for hop in reversed(hops):
            address = _plain(_without_port(hop))
            if _parse(address) is None:
                break
            client = address
            if not self._trusts(address):
                break
        environ["REMOTE_ADDR"] = client
        scheme = _last(environ.get("HTTP_X_FORWARDED_PROTO", "")).lower()
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        host = _last(environ.get("HTTP_X_FORWARDED_HOST", ""))
        if host:
            environ["HTTP_HOST"] = host

    def _move_prefix(self, environ: Environ) -> None:
        path = environ.get("PATH_INFO", "")
        if path == self._prefix or path.startswith(self._prefix + "/"):
            environ["PATH_INFO"] = path[len(self._prefix) :] or "/"
        environ["SCRIPT_NAME"] = self._prefix


def _is_local(environ: Environ) -> bool:
    """The contract's *local*: the peer is loopback, nothing was forwarded, and Host is localhost or a loopback address.

    HTTP/1.0 is not local either: browsers and curl speak 1.1, while nginx passes requests on as 1.0 without any header
    that would tell, unless it is told otherwise.
    """
    if not _is_loopback(environ.get("REMOTE_ADDR") or "") or environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        return False
    if any(name in environ for name in FORWARDED) or any(name.startswith("HTTP_X_FORWARDED_") for name in environ):
        return False
    name = bare_name(environ.get("HTTP_HOST", ""))
    return name == "localhost" or (name is not None and _is_loopback(name))


@lru_cache(maxsize=512)
def _parse(address: str) -> Address | None:
    """An address, IPv4-mapped IPv6 as the IPv4 that it is; None for anything else."""
    try:
        found = ip_address(address)
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped if isinstance(mapped, IPv4Address) else found


def _plain(address: str) -> str:
    """The address as it is usually written: a socket for both families names an IPv4 client as ::ffff:192.0.2.2."""
    found = _parse(address)
    return address if found is None else str(found)


def _is_loopback(address: str) -> bool:
    found = _parse(address)
    return found is not None and found.is_loopback


def client_key(address: str) -> str:
    """What attempts are counted by: an IPv4 address, the /64 that one IPv6 customer has to himself, or this whole computer."""
    found = _parse(address)
    if found is not None and found.is_loopback:
        return "loopback"
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, 64), strict=False))
    return str(found) if found is not None else "unknown"


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _last(header: str) -> str:
    return header.rpartition(",")[2].strip()
