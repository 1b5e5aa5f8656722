"""What the drawing of one card may use up: steps of loops, characters written, and the size of any one text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_STEPS = 100_000
MAX_WRITTEN = 2 * 1024 * 1024
MAX_TEXT = 512 * 1024
# The name of the budget in a template's context, which no template can write.
BUDGET = "<budget>"


class TooMuch(Exception):
    """A card that uses more than it may; the text says of what."""


class Budget:
    """What one rendering may still use."""

    __slots__ = ("steps", "written")

    def __init__(self) -> None:
        self.steps = MAX_STEPS
        self.written = MAX_WRITTEN

    def step(self, count: int = 1) -> None:
        """Count steps of loops; TooMuch when they run out."""
        self.steps -= count
        if self.steps < 0:
            raise TooMuch(f"The card loops more than {MAX_STEPS} times.")

    def write(self, count: int) -> None:
        """Count characters written, also those into a variable; TooMuch when they run out."""
        self.written -= count
        if self.written < 0:
            raise TooMuch("The card writes more than 2 MB on its way.")


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
    return value


def bounded_text(value: Any) -> Any:
    """The value, unless it is a text or list beyond what a card may hold."""
    if isinstance(value, (str, bytes, list, tuple)) and len(value) > MAX_TEXT:
        raise TooMuch("The card makes a text longer than 512 KB.")
    return value
