"""How often a program or a browser may ask for what costs something: generous, counted by token, session or address."""

from __future__ import annotations

import time
from collections.abc import Callable

from glance.limits import Buckets, Rate, TooOften

# What is counted, how much of it, and what it is called in the sentence. `readings` counts single readings.
RATES: dict[str, tuple[Rate, str]] = {
    "execute": (Rate(burst=600, per_s=10), "runs of custom widgets"),
    "force": (Rate(burst=600, per_s=10), "forced fetches"),
    "readings": (Rate(burst=50_000, per_s=2_000), "readings"),
    "socket": (Rate(burst=1_000, per_s=10), "sockets"),
    "public": (Rate(burst=600, per_s=20), "looks at public pages"),
}


class Rates:
    """The buckets of one application; times are the clock's, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._buckets = {kind: Buckets(rate) for kind, (rate, _) in RATES.items()}

    def spend(self, kind: str, key: str, amount: float = 1.0) -> None:
        """Count `amount` of something for who holds `key`; TooOften where that is more than the rate allows."""
        wait_s = self._buckets[kind].take(key, self.clock(), amount)
        if wait_s:
            raise TooOften(f"Too many {RATES[kind][1]} at once; wait a moment, then go on.", max(1.0, wait_s))
