"""Deliveries of the broker: each is acknowledged once it is committed, and one that comes again is not stored again."""

from __future__ import annotations

import hashlib
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

# A connection that lasted so long after an acknowledgement, three rounds of its keepalive, has brought it to the broker: such a
# delivery does not come again.
CONFIRMED_S = 45.0
SHELF = 256


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


class Seen:
    """Digests of stored deliveries by message id (1 … 65535); compact, since every one of a flood is noted: 8 bytes each."""

    def __init__(self, known: Mapping[int, int] | None = None) -> None:
        # each shelf holds SHELF neighbouring ids, as brokers number in order; 0 = not seen, else the digest and 1
        self._shelves: dict[int, array[int]] = {}
        for mid, digest in (known or {}).items():
            self.put(mid, digest)

    def __bool__(self) -> bool:
        return bool(self._shelves)

    def put(self, mid: int, digest: int) -> None:
        """This one is stored."""
        shelf = self._shelves.get(mid // SHELF)
        if shelf is None:
            shelf = self._shelves[mid // SHELF] = array("q", bytes(8 * SHELF))
        shelf[mid % SHELF] = digest + 1

    def get(self, mid: int) -> int | None:
        """The digest of what was stored under this id; None where nothing was."""
        shelf = self._shelves.get(mid // SHELF)
        return (shelf[mid % SHELF] - 1 if shelf[mid % SHELF] else None) if shelf is not None else None

    def over(self, older: Seen) -> Seen:
        """A copy, with what only `older` knows."""
        both = Seen()
        for number in self._shelves.keys() | older._shelves.keys():
            mine, other = self._shelves.get(number), older._shelves.get(number)
            if mine is None or other is None:
                both._shelves[number] = array("q", mine or other or ())
            else:
                both._shelves[number] = array("q", (new or old for new, old in zip(mine, other, strict=True)))
        return both

    def items(self) -> Iterator[tuple[int, int]]:
        """(message id, digest) of each."""
        for number, shelf in self._shelves.items():
            for place, noted in enumerate(shelf):
                if noted:
                    yield number * SHELF + place, noted - 1


class Deliveries:
    """Which deliveries are stored (seen in this or the last window of time) and which wait to be; used under the ingest lock."""

    def __init__(self, seen: dict[int, int], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seen = Seen(seen)
        self._before = Seen()
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
            self._seen, self._before = Seen(), Seen()
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
                self._seen.put(receipt.mid, receipt.digest)
            done.append((receipt.connection, receipt.mid))
        return done

    def can_come_again(self) -> Iterable[tuple[int, int]] | None:
        """(message id, digest) of the stored deliveries that the broker may not have let go of; None where none was forgotten."""
        if not self._forgot:
            return None
        self._forgot = False
        return self._seen.over(self._before).items()

    def _turn(self) -> None:
        """What was acknowledged a window ago, and the connection has lasted since, does not come again."""
        now = self._monotonic()
        if now - self._turned_at > CONFIRMED_S:
            self._forgot = self._forgot or bool(self._before)
            self._before, self._seen, self._turned_at = self._seen, Seen(), now
