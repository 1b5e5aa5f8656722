"""How the connection to the broker stands, how much comes through it, and who takes it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class BrokerState:
    """How the connection stands, for every page. `sentence` says what is wrong (None = nothing); times are Unix seconds.

    `status` is connecting, connected, waiting (for the next try) or stopped; `since` is when it began. `given` False = nobody
    asked for a broker by GLANCE_MQTT_URL, it is only looked for.
    """

    status: str
    connected: bool
    address: str
    since: float
    last_message_at: float | None
    per_minute: int
    sentence: str | None
    protocol: str | None
    messages: int
    faults: int
    given: bool


class Traffic:
    """How many messages came, altogether and in the last minute, when the last one, and how many could not be handled."""

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque(maxlen=61)
        self.last_at: float | None = None
        self.messages = 0
        self.faults = 0

    def hit(self, now: float) -> None:
        """One more."""
        self.last_at = now
        self.messages += 1
        second = int(now)
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1][1] += 1
        else:
            self._seconds.append([second, 1])

    def per_minute(self, now: float) -> int:
        """The count of the last 60 s."""
        return sum(count for second, count in list(self._seconds) if 0 <= now - second < 60)


class Receiver(Protocol):
    """Who takes the messages. Called on the MQTT thread; must not wait."""

    def connected(self, connection: int, session_present: bool, few: bool) -> None:
        """A connection began."""

    def message(
        self, topic: str, payload: bytes, retained: bool, qos: int, mid: int, again: bool, connection: int
    ) -> None:
        """A message came."""

    def settle(self) -> None:
        """A burst of messages is through."""
