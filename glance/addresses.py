"""Web addresses that the owner or a feed wrote: read, compared, and shown without what is secret."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

MAX_ADDRESS_CHARS = 2000

_HOME_ENDINGS = (".local", ".lan", ".home.arpa", ".internal", ".localhost")


_NO_PARTS = urlsplit("")


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
