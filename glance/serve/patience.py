"""How many threads may be held up by clients that send or take slowly: half of all, and an eighth for one address.

A long body is read, and a long answer written, by the thread that answers. Somebody who needs no password can be slow at either
as long as the deadlines allow; without a bound a few hundred such connections would hold every thread.
"""

from __future__ import annotations

import threading
from collections import Counter


class Patience:
    """The places for threads that wait for a client; shared by all requests."""

    def __init__(self, threads: int) -> None:
        self._most, self._each = max(1, threads // 2), max(1, threads // 8)
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    def take(self, address: str) -> bool:
        """Take a place; False where there are enough that wait already."""
        with self._lock:
            if self._held.total() >= self._most or self._held[address] >= self._each:
                return False
            self._held[address] += 1
            return True

    def give_back(self, address: str) -> None:
        """Free a place."""
        with self._lock:
            self._held[address] -= 1
            if self._held[address] <= 0:
                del self._held[address]


class Wait:
    """One request's place: taken with its first wait, and kept until its answer is made."""

    __slots__ = ("_address", "_patience", "_taken")

    def __init__(self, patience: Patience, address: str) -> None:
        self._patience, self._address = patience, address
        self._taken = False

    def may(self) -> bool:
        """Whether this request's thread may wait for its client."""
        self._taken = self._taken or self._patience.take(self._address)
        return self._taken

    def over(self) -> None:
        """The request needs no further wait."""
        if self._taken:
            self._taken = False
            self._patience.give_back(self._address)
