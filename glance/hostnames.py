"""Names of hosts as browsers send them in Host and Origin. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import normalize

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}

# What no name can be, such as one that begins with a dot, the framework could not build addresses for.
_HOST = re.compile(
    r"(?P<name>(?=[^:]{1,253}(?::|$))(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?",
    re.ASCII,
)


@lru_cache(maxsize=256)
def bare_name(host: str) -> str | None:
    """The name in a Host header, lower case, without port, brackets and final dot; None where it is no such header."""
    found = _HOST.fullmatch(host.lower())
    if found is None:
        return None
    name = found["name"]
    return name.strip("[]") if name.startswith("[") else name.removesuffix(".") or None


def authority(scheme: str, host: str) -> str:
    """Host and port in lower case, without the port that the scheme implies: the same however it was written."""
    return host.lower().removesuffix(_DEFAULT_PORTS.get(scheme, ":"))


def as_sent(host: str) -> str:
    """A host, with or without port, as browsers send what is typed: lower case, letters beyond ASCII as Punycode.

    Made by hand, because Python's own codec is of IDNA 2003 and makes ss of ß, which browsers no longer do.
    """
    text = normalize("NFKC", host.lower()).replace("\u3002", ".")
    if text.isascii():
        return text
    name, colon, port = text.partition(":")
    labels = (part if part.isascii() else f"xn--{part.encode('punycode').decode('ascii')}" for part in name.split("."))
    return ".".join(labels) + colon + port
