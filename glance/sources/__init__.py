"""Source kinds: where a widget's data comes from. One module per kind; adding a module adds the kind.

A kind module (glance/sources/<kind>.py) offers:

- `KIND: str` — its name in a manifest's `source.kind`
- `FETCHES: bool` — False for kinds that are never fetched (push, static)
- `SCHEMA: dict` — JSON Schema of the `source` mapping beside `kind`; string values may hold `{{ … }}` expressions,
  so formats and patterns are checked by the module when it runs, not by the schema
- `PICKABLE: bool` — True where a general widget (`source: {kind: any}`) may choose it as its `data_source`; its form fields
  are then described by `FORM: dict`, a JSON Schema subset as a manifest's `params` is
- `fetch(source, io) -> Any` — the answer as plain JSON data; `source` is the mapping with every expression already evaluated.
  Raises FetchError with a sentence; may return NOT_MODIFIED where the stored answer (io.previous) is still right
- optional `deadline_s(source) -> float` — how long a fetch may take (default 10, at most 30)
- optional `lane(source) -> str | None` — which host a fetch burdens, so that a dead host starves nobody (default: none)
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from glance import guard
from glance.errors import FetchError
from glance.outbound import FREE

DEFAULT_DEADLINE_S = 10.0
MAX_DEADLINE_S = 30.0


class NotModified:
    """The type of NOT_MODIFIED: the upstream says that the stored answer still holds."""

    def __repr__(self) -> str:
        return "NOT_MODIFIED"


NOT_MODIFIED = NotModified()


class Response(Protocol):
    """An upstream's answer, read whole (at most the client's size limit), content decoding undone."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    took_s: float
    not_modified: bool

    def text(self) -> str:
        """The body as text, by the declared charset, else UTF-8 with replacement."""

    def json(self) -> Any:
        """The body as JSON; FetchError(kind="format") that says what came instead (NaN and Infinity are refused)."""

    def xml(self) -> Any:
        """The body as XML made into dicts and lists; FetchError(kind="format") otherwise."""


class HttpClient(Protocol):
    """Outbound HTTP for one fetch: bounded in time, size and per host, traced for explain, secrets masked."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        json: Any = None,
        auth: Mapping[str, Any] | None = None,
        tls: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        max_bytes: int | None = None,
        follow_redirects: bool = True,
        expect_ok: bool = True,
    ) -> Response:
        """Send one request. `url` is http://, https:// or unix:/path/to.sock:/path. Raises FetchError."""


def _no_credential(name: str) -> str:
    raise FetchError("Credentials cannot be used here.", kind="source")


@dataclass(slots=True)
class SourceIO:
    """What one fetch may use; nothing else reaches the outside.

    `state` is the source's own memory for this widget: a JSON object, changed in place, stored together with the answer and
    kept when the cache is cleared. `previous` is the last good answer for the same params, or None.
    `deadline` is a time.monotonic() value. `secrets` are the strings to be masked wherever they would be shown.
    `permit(host, port)` is asked before anything but `http` connects to a host: FetchError where this fetch may not, else
    what must be called with (host, address) before each connection.
    `credential(name)` gives the word that `http` replaces by a credential; `lent()` are the values that such words stand for
    so far, and what logins gave.
    `notes` are lines for the author that the source leaves behind.
    """

    http: HttpClient
    params: Mapping[str, Any]
    deadline: float
    now: Callable[[], float]
    state: dict[str, Any] = field(default_factory=dict)
    previous: Any = None
    folder: Path | None = None
    secrets: tuple[str, ...] = ()
    permit: Callable[[str, int | None], guard.Guard] = FREE.permit
    credential: Callable[[str], str] = _no_credential
    lent: Callable[[], tuple[str, ...]] = tuple
    notes: list[str] = field(default_factory=list)

    def remaining_s(self) -> float:
        """Seconds left until the deadline, at least 0."""
        return max(0.0, self.deadline - time.monotonic())


def _discover() -> dict[str, ModuleType]:
    """Import every kind module of this package, by its KIND."""
    kinds: dict[str, ModuleType] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        kind = getattr(module, "KIND", None)
        if kind is not None:
            kinds[kind] = module
    return kinds


_kinds: dict[str, ModuleType] = {}


def kinds() -> Mapping[str, ModuleType]:
    """Every source kind by name; read from the package once."""
    if not _kinds:
        _kinds.update(_discover())
    return _kinds


def deadline_s(kind: ModuleType, source: Mapping[str, Any]) -> float:
    """How long this fetch may take: the module's word, else the default; never above the limit."""
    ask = getattr(kind, "deadline_s", None)
    wanted = ask(source) if ask else DEFAULT_DEADLINE_S
    return float(min(max(wanted, 0.1), MAX_DEADLINE_S))


def lane(kind: ModuleType, source: Mapping[str, Any]) -> str | None:
    """The host that this fetch burdens, or None."""
    ask = getattr(kind, "lane", None)
    return ask(source) if ask else None
