"""Where Glance may connect to: never to link-local and cloud-metadata addresses, and for some sources only to agreed hosts.

A host is written as `name`, `name:port`, `*.domain`, an address, `[address]:port`, `unix:/path/to.sock`, or `*` for every host.
Without a port every port of the host is meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from glance.addresses import as_ip, is_own_network
from glance.errors import FetchError

# Called with a host and the address it was looked up as; raises FetchError where Glance may not connect.
Guard = Callable[[str, str], None]

MAX_HOSTS = 50
ANY = "*"

# Addresses that answer questions about the machine itself, in the clouds that have them, outside the link-local ranges.
_METADATA = frozenset(
    ip_address(text)
    for text in (
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure
        "192.0.0.192",  # Oracle
        "fd20:ce::254",  # Google
        "fd00:42::42",  # Scaleway
        "fd00:a9fe:a9fe::254",  # Hetzner and others after 169.254.169.254
    )
)
_NEVER = tuple(
    (ip_network(text), what)
    for text, what in (
        ("169.254.0.0/16", "a link-local address, where cloud machines keep their secrets"),
        ("fe80::/10", "a link-local address"),
        ("0.0.0.0/8", "no address of a server"),
        ("::/128", "no address of a server"),
        ("224.0.0.0/4", "a multicast address"),
        ("ff00::/8", "a multicast address"),
        ("240.0.0.0/4", "a broadcast or reserved address"),
        # Amazon's own services on each of its machines: metadata at ::254, the keys of containers at ::23
        ("fd00:ec2::/32", "an address where cloud machines keep their secrets"),
    )
)
# Where the last 32 bits are an IPv4 address: NAT64 (RFC 6052), IPv4-translated (RFC 2765).
_EMBEDDING = tuple(ip_network(text) for text in ("64:ff9b::/96", "::ffff:0:0:0/96"))
# A network's own NAT64 (RFC 8215) holds it at one of the places of RFC 6052 §2.2, which skip byte 8; the others are zero.
_OWN_NAT64 = ip_network("64:ff9b:1::/48")
_OWN_PLACES = ((6, 7, 9, 10), (7, 9, 10, 11), (9, 10, 11, 12), (12, 13, 14, 15))
_COMPATIBLE = ip_network("::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214: the third quarter of the address
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")
# How the system's lookup also takes an IPv4 address: decimal, octal, hexadecimal, with fewer than four parts.
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}")
# Params whose value is taken for a host even where it is a single word.
_HOST_KEY = re.compile(r"(?i)(^|_)(host|hostname|server|address|addr|ip|url|ping|machine)s?$")
# A colon without a port, and the dot at the end of a name.
_IDLE = re.compile(r"(?<=[^:]):$|(?<=[^.])\.(?=:\d+$)")
_EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
_ADDRESS = re.compile(r"(?i)\b(?:https?|tcp|ping|webcal|feed)://([^/?#\s\"'<>\\]+)")
_SOCKET = re.compile(r"\bunix:(/[^:\s\"']+)")
_GAP = "\0"


def forbidden(address: str) -> str | None:
    """Why nothing may connect to this IP address, as the end of a sentence; None where it may."""
    ip = _ip(address)
    if ip is None:
        return "no address that can be read"
    for form in _forms(ip):
        if form in _METADATA:
            return "an address where cloud machines keep their secrets"
        for network, what in _NEVER:
            if form.version == network.version and form in network:
                return what
    return None


def check(host: str, address: str) -> None:
    """Refuse a connection to `address`, which `host` was looked up as; FetchError(kind="blocked"). Unix sockets pass."""
    if host == "unix":
        return
    what = forbidden(address)
    if what:
        where = f"{host} is" if _ip(host) == _ip(address) else f"{host} leads to {address}, which is"
        raise FetchError(f"{where} {what}: Glance never connects there.", kind="blocked")


def is_private(address: str) -> bool:
    """True for an address of the own network or of this computer, however it is written."""
    ip = _ip(address)
    if ip is None:
        return False
    mapped = isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None
    return any(not form.is_global for form in _forms(ip) if not (mapped and form is ip))


def host_fault(text: str, *, any_host: bool = True) -> str | None:
    """What is wrong with a host as it was written, as the end of a sentence; None where it can be used."""
    if text == ANY:
        return None if any_host else "must name hosts, not *"
    if text.startswith("unix:/"):
        return None
    host, port = _split(text)
    if port is not None and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        return "holds a port that cannot exist"
    bare = host.removeprefix("*.")
    if host.startswith("*.") and "." not in bare.rstrip("."):
        return "must name at least a domain such as *.example.org"
    if _ip(host) is None and (not _NAME.fullmatch(bare) or len(bare) > 253):
        return "must be hosts such as api.example.org, nas.lan:8080 or 192.168.1.5, without https:// and path"
    return None


def hosts_of_text(text: str) -> list[str]:
    """The hosts in a text with commas, spaces or line breaks between them; an address is reduced to its host."""
    found: list[str] = []
    for part in re.split(r"[,;\s]+", text):
        host = written(part)
        if host and host not in found:
            found.append(host)
    return found


def written(text: str) -> str:
    """A host as it is stored: lower case, without scheme, user and path."""
    text = text.strip()
    if text.lower().startswith("unix:"):
        return "unix:/" + text[5:].lstrip("/").partition(":")[0]
    text = re.sub(r"(?i)^[a-z][a-z0-9+.-]*://", "", text)
    host = re.split(r"[/?#]", text, maxsplit=1)[0].rpartition("@")[2].lower().rstrip(".")
    host = _IDLE.sub("", host)
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return host
    return host


def matches(patterns: Iterable[str], host: str, port: int | None) -> bool:
    """Whether `host` (a name, an address, or unix:/path) at `port` is one of those that `patterns` mean; None: any port."""
    asked = host if host.startswith("unix:") else host.lower().rstrip(".")
    return any(_matches(pattern, asked, port) for pattern in patterns)


def url_host(text: str) -> tuple[str, str | None]:
    """Host and port of `host`, `host:port` or an address."""
    return _split(written(text))


def covers(patterns: Iterable[str], wanted: str) -> bool:
    """Whether all that `wanted` means, a host as it is written, is among what `patterns` mean."""
    given = tuple(patterns)
    if wanted in given or ANY in given:
        return True
    if wanted == ANY or wanted.startswith("unix:"):
        return False
    host, port = _split(wanted)
    if host.startswith("*."):
        host = f"any.{host[2:]}"
    fitting = given if port is not None else tuple(one for one in given if _split(one)[1] is None)
    return matches(fitting, host, int(port) if port is not None else None)


def _matches(pattern: str, host: str, port: int | None) -> bool:
    if pattern == ANY:
        return True
    if pattern.startswith("unix:") or host.startswith("unix:"):
        return pattern == host
    name, wanted = _split(pattern)
    if wanted is not None and port is not None and wanted != str(port):
        return False
    if name.startswith("*."):
        return _ip(host) is None and host.endswith(name[1:])
    if name == host:
        return True
    mine, other = _ip(name), _ip(host)
    return mine is not None and mine == other


def refused_at_connect(patterns: Iterable[str], host: str, port: int | None, address: str) -> bool:
    """Whether an agreed name of the wide world leads into the own network, which was not agreed to (DNS rebinding)."""
    own = is_own_network(f"//{host}") and not _NUMBER.fullmatch(host)
    if not is_private(address) or _ip(host) is not None or own:
        return False
    return not matches(patterns, address, port)


# ---- which hosts a manifest names


def named(manifest: Mapping[str, Any]) -> list[str]:
    """The hosts that a manifest names by itself: in `hosts`, in its source, and in the defaults and choices of its params."""
    found: dict[str, None] = {}
    for text in manifest.get("hosts") or ():
        if isinstance(text, str) and host_fault(written(text)) is None:
            found[written(text)] = None
    for key, text in _leaves(manifest.get("source")):
        found.update(dict.fromkeys(_named_in(text, bare=key in ("host", "ping", "url"))))
    for text in chosen_by(manifest):
        found.update(dict.fromkeys(_named_in(text, bare=False)))
    return list(found)


def chosen_by(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Every text that the manifest itself offers as the value of a param: defaults and choices."""
    stack: list[Any] = [manifest.get("params")]
    while stack:
        part = stack.pop()
        if isinstance(part, Mapping):
            for key, inner in part.items():
                if key in ("default", "enum", "const", "examples"):
                    yield from (text for _, text in _leaves(inner))
                stack.append(inner)
        elif isinstance(part, (list, tuple)):
            stack.extend(part)
    yield from (text for _, text in _leaves(manifest.get("example_params")))


def typed(params: Any, manifest: Mapping[str, Any]) -> frozenset[str]:
    """The hosts in a widget's params that the owner wrote there, which the manifest did not choose for him. Unix sockets are not among
    them: what is asked of one is as good as done by this computer's own, so it takes an agreement for the definition that asks."""
    own = {host for text in chosen_by(manifest) for host in _hosts_in("host", text)} | set(named(manifest))
    return frozenset(host for host in written_in(params) - own if not host.startswith("unix:"))


def written_in(params: Any) -> frozenset[str]:
    """The hosts in a widget's params: those of addresses, and what looks like a host by itself or by the name of its param."""
    return frozenset(host for key, text in _leaves(params) for host in _hosts_in(key, text))


def to_agree(params: Any) -> frozenset[str]:
    """The same and the numbers that the system's lookup takes for addresses, with these: what an import lists to be agreed to, which
    is a guess. What is asked in the end is checked when it is asked."""
    found = written_in(params).union(written(text) for key, text in _leaves(params) if _is_number(key, text))
    found |= {str(as_ip(_split(host)[0])) for host in found if _is_number("host", host)}
    return frozenset(host for host in map(written, found) if host_fault(host) is None)


def _is_number(key: str, text: str) -> bool:
    """Whether a text is most likely an address written as a number, and not just a number or a time."""
    host, _ = url_host(text)
    if as_ip(host) is None or _ip(host) is not None:
        return False
    return "://" in text or bool(_HOST_KEY.search(key)) or host.startswith("0x")


def leads_to_socket(params: Any) -> bool:
    """Whether any text in params could be taken for the address of a unix socket."""
    return any(_SOCKET.search(text) or text.lstrip().startswith("unix:") for _, text in _leaves(params))


def _named_in(text: str, *, bare: bool) -> Iterator[str]:
    """The hosts of the addresses in a text of a manifest; expressions are gaps, and one at the start of a name a `*.`."""
    text = _EXPRESSION.sub(_GAP, text)
    for path in _SOCKET.findall(text):
        yield f"unix:{path}"
    found = _ADDRESS.findall(text)
    if bare and not found and "://" not in text and not text.startswith((_GAP, "unix:", "/")):
        found = [re.split(r"[/?#]", text, maxsplit=1)[0]]
    for whole in found:
        host = whole.rpartition("@")[2].lower().rstrip(_GAP).rstrip(":.")
        if host.startswith(f"{_GAP}."):
            host = f"*.{host[2:]}"
        if host and _GAP not in host and host_fault(host) is None:
            yield host


def _hosts_in(key: str, text: str) -> Iterator[str]:
    """Every host that the value of the param `key` may mean: those of the addresses in it, and itself up to its first slash."""
    yield from (whole.rpartition("@")[2].lower().rstrip(".") for whole in _ADDRESS.findall(text))
    yield from (f"unix:{path}" for path in _SOCKET.findall(text))
    first = written(text)
    likely = "." in first or ":" in first or _HOST_KEY.search(key)
    if not likely or not 0 < len(first) <= 260 or first == ANY or first.startswith("*."):
        return
    number = _NUMBER.fullmatch(_split(first)[0]) and _ip(_split(first)[0]) is None
    if not number and host_fault(first) is None:
        yield first


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in nested mappings and lists, with the nearest key above it."""
    stack: list[tuple[str, Any]] = [(key, value)]
    while stack:
        name, part = stack.pop()
        if isinstance(part, str):
            yield name, part
        elif isinstance(part, Mapping):
            stack.extend((str(inner), item) for inner, item in part.items())
        elif isinstance(part, (list, tuple)):
            stack.extend((name, item) for item in part)


def _split(text: str) -> tuple[str, str | None]:
    """Host and port of `name:port` or `[address]:port`; an address without brackets has no port."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest[1:] if rest.startswith(":") else None
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, None


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _forms(ip: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """The address, and the IPv4 addresses that are written into an IPv6 one."""
    yield ip
    if isinstance(ip, IPv4Address):
        return
    inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    number = int(ip)
    is_embedded = any(ip in network for network in _EMBEDDING) or (number >> 32) & 0xFFFFFFFF in _ISATAP
    if is_embedded or (ip in _COMPATIBLE and number > 1):
        inner.append(IPv4Address(number & 0xFFFFFFFF))
    if ip in _OWN_NAT64:
        packed = ip.packed
        inner += [IPv4Address(bytes(packed[place] for place in places)) for places in _OWN_PLACES if packed[places[0]]]
    yield from (form for form in inner if form is not None)
