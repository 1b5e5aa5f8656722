"""What one drawing of a card may use up: steps, text, memory and time.

Each limit alone would leave a way around it: a step may be a filter over a million items, a text of one character may stand in
a list a thousand times, and lists within lists may hold more than all memory while they take a few bytes. So what an operation
looks at is weighed before it runs, and what it made is counted after it; the clock of the thread stops whatever is left.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

MAX_STEPS = 100_000
MAX_WRITTEN = 2 * 1024 * 1024
MAX_TEXT = 512 * 1024
MAX_WORK = 8_000_000
MAX_MADE_BYTES = 64 * 1024 * 1024
# Of the thread's own time: what came through the API or an import, and what lies in a folder and is trusted.
MAX_CPU_S = 1.0
MAX_TRUSTED_CPU_S = 4.0
# Characters that count as much as one item of a list.
_CHARACTERS = 8
# What an item of a list or dict takes beside its place: it may be a text, a number or a list as new as what holds it.
_ITEM_BYTES = 48
_CLOCK_EVERY = 5_000


# Whether a card may show the picture at an address.
MayShow = Callable[[str], bool]


class TooMuch(Exception):
    """A card that uses more than it may; the text says of what."""


class Budget:
    """What one rendering may still use; `cpu_s` is time of its own thread, so that other work does not count.

    `may_show` says which pictures it may show, None = all.
    """

    __slots__ = ("_next_look", "_until", "made", "may_show", "steps", "work_left", "written")

    def __init__(self, cpu_s: float = MAX_CPU_S, may_show: MayShow | None = None) -> None:
        self.may_show = may_show
        self.steps = MAX_STEPS
        self.written = MAX_WRITTEN
        self.work_left = MAX_WORK
        self.made = MAX_MADE_BYTES
        self._until = time.thread_time() + cpu_s
        self._next_look = MAX_WORK - _CLOCK_EVERY

    def step(self, count: int = 1) -> None:
        """Count steps of loops; TooMuch when they run out."""
        self.steps -= count
        if self.steps < 0:
            raise TooMuch(f"The card loops more than {MAX_STEPS} times.")
        self.work(10 * count)

    def write(self, count: int) -> None:
        """Count characters written, also those into a variable; TooMuch when they run out."""
        self.written -= count
        if self.written < 0:
            raise TooMuch("The card writes more than 2 MB on its way.")

    def work(self, units: int) -> None:
        """Count items looked at; TooMuch when they, or the time, run out."""
        self.work_left -= units
        if self.work_left < self._next_look:
            self._next_look = self.work_left - _CLOCK_EVERY
            if self.work_left < 0 or time.thread_time() > self._until:
                raise TooMuch("The card works on too much data for its time.")

    def look_at_clock(self) -> None:
        """TooMuch where the time is over; after what may have taken long by itself."""
        if time.thread_time() > self._until:
            raise TooMuch("The card works on too much data for its time.")

    def make(self, value: Any) -> Any:
        """Count the memory of something new, and give it back; TooMuch when it runs out. Making it is work, however small it is."""
        self.work(1)
        if isinstance(value, (str, bytes)):
            self.made -= sys.getsizeof(value)
        elif isinstance(value, (list, tuple, dict)):
            self.made -= sys.getsizeof(value) + _ITEM_BYTES * len(value)
        if self.made < 0:
            raise TooMuch("The card makes more than 64 MB on its way.")
        return value

    def weigh(self, value: Any) -> Any:
        """Count everything in a value, each time it stands there, and give it back; TooMuch when the work runs out."""
        kind = type(value)
        if kind is str or kind is bytes:
            self.work(1 + len(value) // _CHARACTERS)
        elif isinstance(value, (list, tuple, Mapping)):
            self._weigh_parts(value)
        return value

    def _weigh_parts(self, value: Any) -> None:
        queue, units = [value], 0
        while queue:
            part = queue.pop()
            units += 1
            if isinstance(part, (str, bytes)):
                units += len(part) // _CHARACTERS
            elif isinstance(part, Mapping):
                queue.extend(part.values())
                queue.extend(part)
            elif isinstance(part, (list, tuple)):
                queue.extend(part)
            if units > 1000:
                self.work(units)
                units = 0
        self.work(units)


_running: ContextVar[Budget | None] = ContextVar("budget of the card being drawn", default=None)


def running() -> Budget:
    """The budget of the card that this thread draws; outside of one, a new one."""
    return _running.get() or Budget()


def use(budget: Budget) -> Any:
    """Draw with this budget until `done` gets what this returns."""
    return _running.set(budget)


def done(token: Any) -> None:
    """The drawing that began with `use` is over."""
    _running.reset(token)


def within_bounds(value: Any) -> Any:
    """The value, unless writing it would make a text beyond what a card may hold; looks no further than that."""
    left, queue = MAX_TEXT, [value]
    while queue:
        part = queue.pop()
        if isinstance(part, (str, bytes)):
            left -= len(part)
        elif isinstance(part, Mapping):
            left -= 4 * len(part)
            queue.extend(part.values() if left >= 0 else ())
            queue.extend(part if left >= 0 else ())
        elif isinstance(part, (list, tuple)):
            left -= 2 * len(part)
            queue.extend(part if left >= 0 else ())
        else:
            left -= 1
        if left < 0:
            raise TooMuch("The card makes a text longer than 512 KB.")
    running().work(1 + (MAX_TEXT - left) // _CHARACTERS)
    return value


def bounded_text(value: Any) -> Any:
    """The value, unless it is a text or list beyond what a card may hold."""
    if isinstance(value, (str, bytes, list, tuple)) and len(value) > MAX_TEXT:
        raise TooMuch("The card makes a text longer than 512 KB.")
    return running().make(value)


def weighed(value: Any) -> Any:
    """The value, after all that is in it was counted as work."""
    return running().weigh(value)
