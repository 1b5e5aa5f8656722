"""What one run of a template may use up: steps, text, memory and time.

Each limit alone would leave a way around it: a step may be a filter over a million items, a text of one character may stand in
a list a thousand times, and lists within lists may hold more than all memory while they take a few bytes. So what an operation
looks at is weighed before it runs, and what it made is counted after it; the clock of the thread stops whatever is left.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

# Characters that count as much as one item of a list.
_CHARACTERS = 8
# What an item of a list or dict takes beside its place: it may be a text, a number or a list as new as what holds it.
_ITEM_BYTES = 48


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of each; `what` begins the sentences about it. The clock is looked at each `clock_every` units of work."""

    what: str = "The template"
    steps: int = 100_000
    written: int = 2 * 1024 * 1024
    text: int = 512 * 1024
    work: int = 8_000_000
    made_bytes: int = 64 * 1024 * 1024
    clock_every: int = 5_000


class TooMuch(Exception):
    """A template that uses more than it may; the text says of what."""


class Budget:
    """What one run may still use; `cpu_s` is time of its own thread, so that other work does not count."""

    __slots__ = ("_next_look", "_until", "limits", "made", "steps", "work_left", "written")

    def __init__(self, cpu_s: float, limits: Limits) -> None:
        self.limits = limits
        self.steps = limits.steps
        self.written = limits.written
        self.work_left = limits.work
        self.made = limits.made_bytes
        self._until = time.thread_time() + cpu_s
        self._next_look = limits.work - limits.clock_every

    def step(self, count: int = 1) -> None:
        """Count steps of loops; TooMuch when they run out."""
        self.steps -= count
        if self.steps < 0:
            raise TooMuch(f"{self.limits.what} loops more than {self.limits.steps} times.")
        self.work(10 * count)

    def write(self, count: int) -> None:
        """Count characters written, also those into a variable; TooMuch when they run out."""
        self.written -= count
        if self.written < 0:
            raise TooMuch(f"{self.limits.what} writes more than {size_of(self.limits.written)} on its way.")

    def work(self, units: int) -> None:
        """Count items looked at; TooMuch when they, or the time, run out."""
        self.work_left -= units
        if self.work_left < self._next_look:
            self._next_look = self.work_left - self.limits.clock_every
            if self.work_left < 0:
                raise self._over()
            self.look_at_clock()

    def look_at_clock(self) -> None:
        """TooMuch where the time is over; after what may have taken long by itself."""
        if time.thread_time() > self._until:
            raise self._over()

    def _over(self) -> TooMuch:
        return TooMuch(f"{self.limits.what} works on too much data for its time.")

    def make(self, value: Any) -> Any:
        """Count the memory of something new, and give it back; TooMuch when it runs out. Making it is work, however small it is."""
        self.work(1)
        if isinstance(value, (str, bytes)):
            self.made -= sys.getsizeof(value)
        elif isinstance(value, (list, tuple, dict)):
            self.made -= sys.getsizeof(value) + _ITEM_BYTES * len(value)
        if self.made < 0:
            raise TooMuch(f"{self.limits.what} makes more than {size_of(self.limits.made_bytes)} on its way.")
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

    def fit(self, value: Any) -> Any:
        """The value, unless writing it would make a text beyond what is allowed; looks no further than that. TypeError: a function in it."""
        most = left = self.limits.text
        queue = [value]
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
            elif isinstance(part, (FunctionType, BuiltinFunctionType, MethodType, type)):
                # written, it would tell where it lies in memory
                raise TypeError("a function is no value")
            else:
                # three bits for a digit, as good as
                left -= 1 + (part.bit_length() // 3 if type(part) is int else 0)
            if left < 0:
                raise self.too_long()
        self.work(1 + (most - left) // _CHARACTERS)
        return value

    def too_long(self) -> TooMuch:
        """The fault of a text that grew too long."""
        return TooMuch(f"{self.limits.what} makes a text longer than {size_of(self.limits.text)}.")


_running: ContextVar[Budget | None] = ContextVar("budget of the template being run", default=None)
_ANY = Limits()


def running() -> Budget:
    """The budget of the template that this thread runs; outside of one, a new one of a second."""
    return _running.get() or Budget(1.0, _ANY)


def use(budget: Budget) -> Token[Budget | None]:
    """Run with this budget until `done` gets what this returns."""
    return _running.set(budget)


def done(token: Token[Budget | None]) -> None:
    """The run that began with `use` is over."""
    _running.reset(token)


def within_bounds(value: Any) -> Any:
    """The value, unless writing it would make a text beyond what is allowed."""
    return running().fit(value)


def bounded_text(value: Any) -> Any:
    """The value, unless it is a text or list beyond what is allowed."""
    budget = running()
    if isinstance(value, (str, bytes, list, tuple)) and len(value) > budget.limits.text:
        raise budget.too_long()
    return budget.make(value)


def weighed(value: Any) -> Any:
    """The value, after all that is in it was counted as work."""
    return running().weigh(value)


def size_of(count: int) -> str:
    """A limit in words: 512 KB, 2 MB."""
    return f"{count // 1024} KB" if count < 1024 * 1024 else f"{count // (1024 * 1024)} MB"
