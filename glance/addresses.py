"""Web addresses that the owner or a feed wrote: read, compared, and shown without what is secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

MAX_ADDRESS_CHARS = 2000

_HOME_ENDINGS = (".local", ".lan", ".home.arpa", ".internal", ".localhost")


_NO_PARTS = urlsplit("")
# How the system's lookup also takes an IPv4 address: decimal, octal, hexadecimal, with fewer than four parts.
_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}", re.ASCII)


def split_address(text: str) -> SplitResult:
    """The parts of an address from outside; all of them empty where it cannot be split or its port is none. Never raises."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - read for its ValueError
    except ValueError:
        return _NO_PARTS
    return parts


def web_address(text: str, base: str = "") -> str | None:
    """The absolute http(s) address that `text` means on the page `base`; None where it is none or holds credentials."""
    text = "".join(text.split())
    try:
        absolute = urljoin(base, text)
        parts = urlsplit(absolute)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
    except ValueError:
        return None
    if not text or not fine or len(absolute) > MAX_ADDRESS_CHARS:
        return None
    return absolute.encode("utf-8", "replace").decode()


def typed_address(text: str, instead: str = "") -> str | None:
    """The address that the owner typed; None where it cannot be one.

    Without a scheme it gets https://, or http:// where its host is in the owner's own network.
    `instead` is a scheme that other programs use for https (webcal, feed): both `webcal://host/x` and
    `feed:https://host/x` work.
    """
    text = text.strip()
    if instead and text.lower().startswith(f"{instead}:"):
        text = text[len(instead) + 1 :]
        text = text if text.lower().startswith("http") else text.lstrip("/")
    try:
        if "://" not in text:
            text = f"{'http' if not instead and is_own_network(f'//{text}') else 'https'}://{text}"
        parts = urlsplit(text)
        fine = parts.scheme.lower() in ("http", "https") and parts.hostname and parts.port != 0 and " " not in text
        return text if fine else None
    except ValueError:
        return None


def host_of(url: str) -> str:
    """The host name of an address, or the start of the text where it has none."""
    return split_address(url).hostname or url[:60]


def shown(url: str, secrets: Iterable[str] = ()) -> str:
    """The address without user, password and stored secrets."""
    parts = split_address(url)
    text = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    return text


def comparable(url: str) -> str:
    """What two addresses of one page have in common: no scheme, `www.`, fragment, last slash, campaign parameters."""
    parts = split_address(url)
    if not parts.hostname:
        return url
    query = "&".join(part for part in parts.query.split("&") if part and not part.lower().startswith("utm_"))
    return f"{(parts.hostname or '').removeprefix('www.')}{parts.path.rstrip('/')}?{query}"


def is_own_network(url: str) -> bool:
    """True for private and loopback addresses, names without a dot and the endings of home networks."""
    host = (split_address(url).hostname or "").rstrip(".")
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(_HOME_ENDINGS)


def as_ip(host: str) -> IPv4Address | IPv6Address | None:
    """The address that the system's lookup makes of a host by itself: 127.0.0.1, also of 127.1, 0x7f000001 and 2130706433; None of a name."""
    host = host.strip("[]").partition("%")[0].lower()
    try:
        ip = ip_address(host)
    except ValueError:
        return _of_numbers(host)
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip


def _of_numbers(host: str) -> IPv4Address | None:
    """An IPv4 address as inet_aton reads it: each part one byte, and the last all that are left."""
    if len(host) > 60 or not _NUMBERS.fullmatch(host):
        return None
    try:
        *first, last = (
            int(part[2:] or "0", 16) if part.startswith("0x") else int(part, 8 if part.startswith("0") else 10)
            for part in host.split(".")
        )
    except ValueError:  # an octal number with an 8 in it
        return None
    left = 4 - len(first)
    if any(byte > 255 for byte in first) or last >= 256**left:
        return None
    return IPv4Address(bytes(first) + last.to_bytes(left, "big"))


def same_host(host: str) -> str:
    """A host as it can be compared with another: lower case, letters beyond ASCII as they are looked up, numbers as the address they mean."""
    host = host.lower().rstrip(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return host
    return str(as_ip(host) or host)
