"""Outbound HTTP: the one way a source reaches the outside, bounded in time, size and per host, and traced.

`Outbound` is made once per process and is safe to use from any thread; `Outbound.client()` gives one fetch its `Client`
(the HttpClient of glance.sources), which collects the exchanges that explain shows. Proxies of the environment and netrc
are never used.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from glance import guard
from glance.errors import FetchError
from glance.guard import Guard
from glance.outbound.answer import Answer
from glance.outbound.ask import content_type_of
from glance.outbound.masking import Mask
from glance.outbound.rules import FREE, Bound, Rules
from glance.outbound.target import parse

if TYPE_CHECKING:
    from glance.outbound.client import Client
    from glance.outbound.clients import Clients

__all__ = ["FREE", "Answer", "Bound", "Guard", "Mask", "Outbound", "Rules", "content_type_of", "lane"]


class Outbound:
    """What all fetches share: connections, kept bodies, limits per host, logins; made for the first fetch.

    `see(host, address)` is called with every address before Glance connects to it (host `unix` and the socket's path for
    a unix socket) and may raise FetchError(kind="blocked"); without it that is glance.guard.check.
    """

    def __init__(self, see: Guard = guard.check) -> None:
        self._see = see
        self._lock = threading.Lock()
        self._clients: Clients | None = None
        self._closed = False

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
        return self.clients().client(deadline, tuple(secrets), now, rules or FREE)

    def clients(self) -> Clients:
        """What makes the clients, loaded where it is not yet."""
        with self._lock:
            if self._clients is None:
                from glance.outbound.clients import Clients  # late: urllib3 is a tenth of the start

                self._clients = Clients(self._see)
                if self._closed:
                    self._clients.close()
            return self._clients

    def close(self) -> None:
        """End running requests at once and refuse further ones; may be called twice."""
        with self._lock:
            self._closed = True
            clients = self._clients
        if clients is not None:
            clients.close()


def lane(url: object) -> str | None:
    """The host and port that a request to `url` burdens; None where the address cannot be read."""
    try:
        return parse(url).lane
    except FetchError:
        return None
