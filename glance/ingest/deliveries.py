"""Deliveries of the broker: each is acknowledged once it is committed, and one that comes again is not stored again."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

# A connection that lasted so long after an acknowledgement, three rounds of its keepalive, has brought it to the broker: such a
# delivery does not come again.
CONFIRMED_S = 45.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as the broker delivered it. `connection` counts connections; `mid` 0 = QoS 0, nothing to acknowledge."""

    topic: str
    payload: bytes
    retained: bool
    qos: int = 0
    mid: int = 0
    again: bool = False
    connection: int = 0


@dataclass(slots=True)
class Receipt:
    """An acknowledgement that waits for its commit."""

    mid: int
    digest: int
    connection: int


Acknowledge = Callable[[Sequence[tuple[int, int]]], None]


def digest_of(delivery: Delivery) -> int:
    """48 bits of topic and payload."""
    both = hashlib.blake2b(delivery.topic.encode("utf-8", "surrogatepass"), digest_size=6)
    both.update(b"\0")
    both.update(delivery.payload)
    return int.from_bytes(both.digest(), "big")


class Deliveries:
    """Which deliveries are stored (seen in this or the last window of time) and which wait to be; used under the ingest lock."""

    def __init__(self, seen: dict[int, int], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seen = seen
        self._before: dict[int, int] = {}
        self._waiting: dict[int, Receipt] = {}
        self._monotonic = monotonic
        self._turned_at = monotonic()
        self._forgot = False
        self.session_is_new = False
        self.repeated = 0

    def connected(self, session_present: bool) -> None:
        """A connection began. Without the old session the broker numbers anew: what was seen means nothing any more."""
        self._turned_at = self._monotonic()
        if not session_present:
            self._seen, self._before = {}, {}
            self._waiting.clear()
            self.session_is_new = True

    def standing(self, delivery: Delivery) -> tuple[str, Receipt]:
        """("new" | "stored" | "waiting", its receipt): stored ones may be acknowledged, waiting ones will be."""
        digest = digest_of(delivery)
        if delivery.again:
            waiting = self._waiting.get(delivery.mid)
            if waiting is not None and waiting.digest == digest:
                waiting.connection = delivery.connection
                self.repeated += 1
                return "waiting", waiting
            if digest in (self._seen.get(delivery.mid), self._before.get(delivery.mid)):
                self.repeated += 1
                return "stored", Receipt(delivery.mid, digest, delivery.connection)
        return "new", Receipt(delivery.mid, digest, delivery.connection)

    def wait(self, receipt: Receipt) -> None:
        """This delivery is taken, and acknowledged once it is stored."""
        self._waiting[receipt.mid] = receipt

    def waits(self, receipt: Receipt) -> bool:
        """Does its acknowledgement still mean something to the broker's session?"""
        return self._waiting.get(receipt.mid) is receipt

    def stored(self, receipts: Iterable[Receipt]) -> list[tuple[int, int]]:
        """These are committed: what to acknowledge, as (connection, mid)."""
        self._turn()
        done = []
        for receipt in receipts:
            if self._waiting.get(receipt.mid) is receipt:
                del self._waiting[receipt.mid]
                self._seen[receipt.mid] = receipt.digest
            done.append((receipt.connection, receipt.mid))
        return done

    def can_come_again(self) -> list[tuple[int, int]] | None:
        """(message id, digest) of the stored deliveries that the broker may not have let go of; None where none was forgotten."""
        if not self._forgot:
            return None
        self._forgot = False
        return list({**self._before, **self._seen}.items())

    def _turn(self) -> None:
        """What was acknowledged a window ago, and the connection has lasted since, does not come again."""
        now = self._monotonic()
        if now - self._turned_at > CONFIRMED_S:
            self._forgot = self._forgot or bool(self._before)
            self._before, self._seen, self._turned_at = self._seen, {}, now
