"""What the clients of all fetches share, and how one is made."""

from __future__ import annotations

from collections.abc import Callable

from glance.guard import Guard
from glance.outbound.auth import Sessions
from glance.outbound.client import Client
from glance.outbound.memory import Lanes
from glance.outbound.rules import Rules
from glance.outbound.send import Sender


class Clients:
    """Connections, kept bodies, limits per host and logins of one process; safe to use from any thread."""

    def __init__(self, see: Guard) -> None:
        self.sender = Sender(see)
        self._lanes = Lanes()
        self._sessions = Sessions()

    def client(self, deadline: float, secrets: tuple[str, ...], now: Callable[[], float], rules: Rules) -> Client:
        """A client for one fetch; see glance.outbound.Outbound.client."""
        return Client(
            self.sender, self._lanes, self._sessions, deadline=deadline, secrets=secrets, now=now, rules=rules
        )

    def close(self) -> None:
        """End running requests at once and refuse further ones; may be called twice."""
        self.sender.close()
