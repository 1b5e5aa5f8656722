"""How often something may be done: buckets that refill with time, by key. In memory, bounded, the time handed in."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from glance.errors import GlanceError


class TooOften(GlanceError):
    """Somebody does something too often; `retry_after_s` says when it may go on."""

    status = 429
    title = "Too often"

    def __init__(self, sentence: str, retry_after_s: float) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then `per_s` more each second."""

    burst: float
    per_s: float


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Buckets:
    """One bucket per key; the least recently used key is forgotten first, which can only let it do more."""

    def __init__(self, rate: Rate, most_keys: int = 2000) -> None:
        self.rate = rate
        self._most_keys = most_keys
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, now: float, amount: float = 1.0) -> float:
        """Take `amount`: 0 where it was there, else the seconds until it will be (and nothing is taken).

        More than the whole burst is let through once the bucket is full, and then owed.
        """
        with self._lock:
            bucket = self._buckets.get(key)
            if bucket is None:
                bucket = self._buckets[key] = _Bucket(self.rate.burst, now)
                if len(self._buckets) > self._most_keys:
                    self._buckets.popitem(last=False)
            else:
                self._buckets.move_to_end(key)
            bucket.left = min(self.rate.burst, bucket.left + max(0.0, now - bucket.at) * self.rate.per_s)
            bucket.at = now
            needed = min(amount, self.rate.burst)
            if bucket.left < needed:
                return (needed - bucket.left) / self.rate.per_s
            bucket.left -= amount
            return 0.0
