"""Counting wrong tries: a few are free, then a pause. In memory, bounded, the time handed in."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class _Count:
    tries: int
    since: float
    until: float = 0.0


class Attempts:
    """Tries by key (an address, or one key for all): `free` within `window_s`, then none for `pause_s`.

    A try is counted when it begins, so that many at once cannot all slip through; one that was right is given back
    (`give_back`), or its key forgotten (`clear`), so that only wrong ones count in the end.
    """

    def __init__(self, free: int, window_s: float, pause_s: float, most_keys: int = 2000) -> None:
        self.free, self.window_s, self.pause_s = free, window_s, pause_s
        self._most_keys = most_keys
        self._counts: OrderedDict[str, _Count] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, key: str, now: float) -> float:
        """Begin a try: 0 where it may go on, else the seconds until the next one may."""
        with self._lock:
            count = self._counts.get(key)
            if count is None or not 0 <= now - count.since < max(self.window_s, count.until - count.since):
                count = self._counts[key] = _Count(0, now)
            self._counts.move_to_end(key)
            if count.until > now:
                return count.until - now
            if len(self._counts) > self._most_keys:
                self._counts.popitem(last=False)
            count.tries += 1
            if count.tries >= self.free:
                count.until = now + self.pause_s
            return 0.0

    def paused_s(self, key: str, now: float) -> float:
        """The seconds until the pause of a key is over, 0 where it has none; counts nothing."""
        with self._lock:
            count = self._counts.get(key)
            return 0.0 if count is None else max(0.0, count.until - now)

    def left(self, key: str) -> int:
        """How many tries are left before the pause."""
        with self._lock:
            count = self._counts.get(key)
            return self.free if count is None else max(0, self.free - count.tries)

    def give_back(self, key: str) -> None:
        """Count one try less, as it was right or never made; a pause that it began is over."""
        with self._lock:
            count = self._counts.get(key)
            if count is not None and count.tries > 0:
                count.tries -= 1
                if count.tries < self.free:
                    count.until = 0.0

    def clear(self, key: str) -> None:
        """Forget a key: its try was right."""
        with self._lock:
            self._counts.pop(key, None)
