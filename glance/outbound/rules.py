"""What one fetch may do: which hosts it may ask, and which of them get which credential.

A credential never enters an expression or a widget's code. What they get is its *mark*, a word that nobody can guess; the
client puts the value in its place while it builds a request, after it has seen where that request goes. So nothing can change,
cut or hide a value on its way to a host it is not meant for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from glance import guard
from glance.addresses import same_host
from glance.errors import FetchError
from glance.outbound.target import Target, parse

Filling = Callable[[str], str]

_SAVE_IT = "If that is right, open its settings and save them."


@dataclass(frozen=True, slots=True)
class Bound:
    """A credential that a fetch may use: its mark, its name, its value, and the only hosts that get it."""

    mark: str
    name: str
    value: str = field(repr=False)
    hosts: tuple[str, ...] = ()

    def check(self, target: Target) -> None:
        """FetchError where this credential is not meant for the target."""
        self.check_host(host_of(target), target.port)

    def check_host(self, host: str, port: int | None) -> None:
        """The same for a host and port."""
        if not guard.matches(self.hosts, host, port):
            raise FetchError(
                f"The credential “{self.name}” is for {', '.join(self.hosts)} only, and not for {host}; "
                "if it should go there, add the host under Settings, Credentials.",
                kind="blocked",
            )


@dataclass(frozen=True, slots=True)
class Rules:
    """`hosts` are those that were agreed for a definition that is not trusted, None = any; `typed` those of the widget's params.

    `who` names the definition in sentences. `imported` = the widget came with an import; `barred` are hosts (glance.addresses.same_host)
    that may not be asked even where `hosts` is None, unless they are among the `typed`.
    """

    who: str = ""
    hosts: tuple[str, ...] | None = None
    typed: frozenset[str] = frozenset()
    bound: tuple[Bound, ...] = ()
    imported: bool = False
    barred: Container[str] = frozenset()

    def check(self, target: Target) -> None:
        """FetchError(kind="blocked") where the target's host was not agreed to."""
        self.check_host(host_of(target), target.port)

    def check_url(self, url: str) -> None:
        """The same for an address; FetchError also where it cannot be read."""
        self.check(parse(url))

    def check_host(self, host: str, port: int | None) -> None:
        """The same for a host and port; a unix socket is `unix:/path`."""
        if self.hosts is None and not self._is_barred(host):
            return
        asked = host if host.isascii() else guard.written(host)
        agreed = (*(self.hosts or ()), *self.typed)
        if guard.matches(agreed, asked, port):
            return
        if port is not None and guard.matches(agreed, asked, None):
            host = f"{host}:{port}"  # another port of that host was agreed to
        if self.imported:
            raise FetchError(
                f"This widget came with an import, and nobody has agreed to {host}, which it asks. {_SAVE_IT}",
                kind="blocked",
            )
        raise FetchError(
            f"“{self.who}” may not ask {host}: nobody has agreed to that host yet. "
            "If it should, allow it under Settings, Credentials.",
            kind="blocked",
        )

    def _is_barred(self, host: str) -> bool:
        return (host if host.startswith("unix:") else same_host(host)) in self.barred

    def watch(self, port: int | None) -> guard.Guard:
        """What sees every address before Glance connects to it for this fetch."""

        def check(host: str, address: str) -> None:
            guard.check(host, address)
            if self.hosts is None or host == "unix" or guard.matches(self.typed, host, port):
                return
            if guard.refused_at_connect(self.hosts, host, port, address):
                way = "if that is right, allow the address too, under Settings, Credentials."
                raise FetchError(
                    f"{host} leads to {address} in your own network, which “{self.who}” may not ask"
                    + (f", because it came with an import. {_SAVE_IT}" if self.imported else f"; {way}"),
                    kind="blocked",
                )

        return check

    def permit(self, host: str, port: int | None) -> guard.Guard:
        """Check a host that is reached without HTTP, and give what must see its address; FetchError where it is refused."""
        self.check_host(host, port)
        return self.watch(port)

    def values(self) -> tuple[str, ...]:
        """The values of its credentials, to be hidden wherever they would be shown."""
        return tuple(one.value for one in self.bound if one.value)

    def used_in(self, value: Any) -> tuple[Bound, ...]:
        """The credentials whose marks stand anywhere in texts of nested mappings and lists, or in bytes."""
        if not self.bound:
            return ()
        text = "\0".join(_texts(value))
        return tuple(one for one in self.bound if one.mark in text)


# What a fetch may do that nothing is said about: ask every host, and use no credential.
FREE = Rules()


def host_of(target: Target) -> str:
    """The host of a target as hosts are written."""
    return f"unix:{target.host}" if target.scheme == "unix" else target.host


def filled(value: Any, bound: Iterable[Bound], encode: Filling = str) -> Any:
    """`value` with every mark replaced by its credential's value, in texts at any depth; `encode` makes it fit its place."""
    bound = tuple(bound)
    if not bound:
        return value
    if isinstance(value, str):
        for one in bound:
            if one.mark in value:
                value = value.replace(one.mark, encode(one.value))
        return value
    if isinstance(value, bytes):
        return filled(value.decode("utf-8", "surrogateescape"), bound, encode).encode("utf-8", "surrogateescape")
    if isinstance(value, Mapping):
        return {filled(key, bound, encode): filled(item, bound, encode) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(item, bound, encode) for item in value]
    return value


def in_url(value: str) -> str:
    """A value as one part of a path or query."""
    return quote(value, safe="")


def in_body(content_type: str) -> Filling:
    """How a value is written into a body that is text of this type."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith(("/json", "+json")):
        return lambda value: json.dumps(value)[1:-1]
    return in_url if kind == "application/x-www-form-urlencoded" else str


def _texts(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, bytes):
            yield part.decode("utf-8", "surrogateescape")
        elif isinstance(part, Mapping):
            stack.extend((*part.keys(), *part.values()))
        elif isinstance(part, (list, tuple)):
            stack.extend(part)
