"""Which names Glance answers to, and which origins are its own: the answer to DNS rebinding and to foreign pages."""

from __future__ import annotations

import re
import socket
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from glance.config import Settings
from glance.hostnames import authority, bare_name

HOME_SUFFIXES = (".local", ".lan", ".home.arpa", ".internal")
_SINGLE = re.compile(r"[a-z0-9_-]+", re.ASCII)


class Hosts:
    """The names of GLANCE_ALLOWED_HOSTS beside those that can only mean a machine at home."""

    def __init__(self, settings: Settings) -> None:
        public = urlsplit(settings.public_url)
        listed = {item.removesuffix(".") for item in settings.allowed_hosts}
        self._any = "*" in listed
        self._endings = tuple(item[1:] for item in listed if item.startswith("*."))
        self._names = {name for item in listed for name in (bare_name(item), item) if name}
        self._names |= {"localhost", socket.gethostname().lower().removesuffix(".")}
        self._public_origin = ""
        if public.hostname:
            self._names.add(public.hostname.lower())
            self._public_origin = _origin(public.scheme, public.netloc)
        self._allows = lru_cache(maxsize=256)(self._decide)

    def allows(self, host: str) -> bool:
        """True where a request for this Host is answered. A request without one comes from no browser."""
        return not host or self._allows(host)

    def _decide(self, host: str) -> bool:
        name = bare_name(host)
        if name is None:
            return False
        if self._any or name in self._names or _SINGLE.fullmatch(name) or _is_address(name):
            return True
        return name.endswith(HOME_SUFFIXES) or (bool(self._endings) and name.endswith(self._endings))

    def owns(self, origin: str, scheme: str, host: str) -> bool:
        """True where an Origin is this very page's: scheme, name and port, or those of GLANCE_PUBLIC_URL."""
        given = _origin(*origin.lower().split("://", 1)) if "://" in origin else ""
        return bool(given) and given in (_origin(scheme, host), self._public_origin)


def _origin(scheme: str, host: str) -> str:
    """An origin as browsers write it: without the port that the scheme implies."""
    return f"{scheme}://{authority(scheme, host)}"


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
