"""This computer's clock, also while it is not set yet: a Raspberry Pi has none of its own and starts in 1970, or when it was last
switched off, until the network tells it the time."""

from __future__ import annotations

import time
from collections.abc import Callable

# A clock before this is not set: 2025-01-01.
FIRST_SET = 1_735_689_600.0
# So long after the start the clock may still be set, and what came since is put right then.
YOUNG_S = 900.0
# A smaller step is how clocks are kept right.
STEP_S = 60.0
# Samples that can be put right; a bit each, as their ids follow each other.
MOST_NOTED = 500_000


def since_boot() -> float:
    """Seconds that pass also while the computer sleeps."""
    number = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if number is None else time.clock_gettime(number)


class HostClock:
    """Gives Unix seconds. While the clock is not set: when Glance last ran, and what passed since the start.

    `passed` gives seconds that nobody sets. `noted` are the samples whose time came from here while that may turn out to be
    wrong, see `correction_s`; they are noted and taken under the catalog's lock.
    """

    def __init__(
        self, clock: Callable[[], float], last_known: float, monotonic: Callable[[], float] | None = None
    ) -> None:
        self._clock = clock
        # a clock that is moved by hand makes no jumps: nothing but itself tells how much has passed
        by_hand = monotonic is None and clock is not time.time
        self.passed: Callable[[], float] = clock if by_hand else monotonic or since_boot
        self._monotonic = monotonic or since_boot
        at, self._started = clock(), self._monotonic()
        self._began = at if at >= FIRST_SET else max(last_known, FIRST_SET), self._started
        self._is_settled = at >= FIRST_SET and by_hand
        self._noted, self._first_noted = bytearray(), 0

    def __call__(self) -> float:
        now = self._clock()
        return now if now >= FIRST_SET else self._thought()

    @property
    def is_set(self) -> bool:
        """Does the clock show a time that can be true?"""
        return self._clock() >= FIRST_SET

    def note(self, number: int) -> None:
        """The sample with this id has its time from here."""
        if self._is_settled or self.correction_s():
            return
        if not self._noted:
            self._first_noted = number
        place = number - self._first_noted
        if 0 <= place < MOST_NOTED:
            self._noted.extend(bytes(max(0, place // 8 + 1 - len(self._noted))))
            self._noted[place // 8] |= 1 << place % 8

    @property
    def noted(self) -> frozenset[int]:
        """The ids of these samples."""
        return frozenset(
            self._first_noted + 8 * turn + bit
            for turn, byte in enumerate(self._noted)
            for bit in range(8)
            if byte >> bit & 1
        )

    def correction_s(self) -> float:
        """How much later (or earlier) than was thought since the start it is; 0 where the clock ran on by itself, or is not set."""
        if self._is_settled or not self.is_set:
            return 0.0
        step = self._clock() - self._thought()
        return step if abs(step) > STEP_S else 0.0

    def corrected(self) -> None:
        """What was noted is put right."""
        self._noted.clear()
        self._began = self._clock(), self._monotonic()

    def grow_old(self) -> None:
        """Some time after the start a clock that is set is believed, whatever it does then."""
        if not self._is_settled and self.is_set and self._monotonic() - self._started > YOUNG_S:
            self._is_settled = True
            self._noted.clear()

    def was_thought(self, at: float) -> bool:
        """Is this a time that was given here since the start?"""
        return self._began[0] <= at <= self._thought()

    def _thought(self) -> float:
        at, since = self._began
        return at + max(0.0, self._monotonic() - since)
