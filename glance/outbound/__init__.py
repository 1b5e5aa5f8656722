"""Outbound HTTP: the one way a source reaches the outside, bounded in time, size and per host, and traced.

`Outbound` is made once per process and is safe to use from any thread; `Outbound.client()` gives one fetch its `Client`
(the HttpClient of glance.sources), which collects the exchanges that explain shows. Proxies of the environment and netrc
are never used.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from glance import guard
from glance.errors import FetchError
from glance.guard import Guard
from glance.outbound.answer import Answer
from glance.outbound.ask import content_type_of
from glance.outbound.auth import Sessions
from glance.outbound.client import MAX_BYTES, Client
from glance.outbound.masking import Mask
from glance.outbound.memory import Lanes
from glance.outbound.rules import FREE, Bound, Rules
from glance.outbound.send import Sender
from glance.outbound.target import parse

__all__ = [
    "FREE",
    "MAX_BYTES",
    "Answer",
    "Bound",
    "Client",
    "Guard",
    "Mask",
    "Outbound",
    "Rules",
    "content_type_of",
    "lane",
]


class Outbound:
    """What all fetches share: connections, kept bodies, limits per host, logins.

    `see(host, address)` is called with every address before Glance connects to it (host `unix` and the socket's path for
    a unix socket) and may raise FetchError(kind="blocked"); without it that is glance.guard.check.
    """

    def __init__(self, see: Guard = guard.check) -> None:
        self._sender = Sender(see)
        self._lanes = Lanes()
        self._sessions = Sessions()

    def client(
        self,
        deadline: float,
        secrets: Iterable[str] = (),
        now: Callable[[], float] = time.time,
        rules: Rules | None = None,
    ) -> Client:
        """A client for one fetch that must be over at `deadline` (time.monotonic()); `secrets` are hidden in all it shows.

        `rules` say which hosts it may ask and which credentials it may use; without them every host, and none.
        """
        return Client(
            self._sender,
            self._lanes,
            self._sessions,
            deadline=deadline,
            secrets=tuple(secrets),
            now=now,
            rules=rules or FREE,
        )

    def close(self) -> None:
        """End running requests at once and refuse further ones; may be called twice."""
        self._sender.close()


def lane(url: object) -> str | None:
    """The host and port that a request to `url` burdens; None where the address cannot be read."""
    try:
        return parse(url).lane
    except FetchError:
        return None
