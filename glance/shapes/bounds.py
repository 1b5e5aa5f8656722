"""What the JMESPaths of one picking may use up: steps, what they make, and time.

An expression of a line can double a list thirty times, or hold one list a million times over in a few bytes, which fills all memory
as soon as it is written as JSON. So each step is counted, and what an expression puts together is weighed as it would be written.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

# Half of it is enough for 5 MB of numbers; a unit is a step, an item, or _CHARACTERS of text.
MOST_UNITS = 3_000_000
MAX_CPU_S = 10.0
_CHARACTERS = 8
_CLOCK_EVERY = 20_000
_MAKING = frozenset(
    "flatten projection value_projection filter_projection function_expression slice multi_select_list multi_select_dict".split()
)
_NESTING = frozenset({"multi_select_list", "multi_select_dict"})


class TooMuch(Exception):
    """Picking that uses more than it may."""


class Work:
    """What is left of one picking; `until` is time of its own thread."""

    def __init__(self) -> None:
        self.left = MOST_UNITS
        self._until = time.thread_time() + MAX_CPU_S
        self._next_look = self.left - _CLOCK_EVERY

    def spend(self, units: int) -> None:
        """Count something; TooMuch where it, or the time, runs out."""
        self.left -= units
        if self.left < self._next_look:
            self._next_look = self.left - _CLOCK_EVERY
            if self.left < 0 or time.thread_time() > self._until:
                raise TooMuch

    def weigh(self, value: Any) -> None:
        """Count all that is in a value, each time it stands there."""
        queue = [value]
        while queue:
            part = queue.pop()
            self.spend(1 + (len(part) // _CHARACTERS if isinstance(part, str) else 0))
            if isinstance(part, Mapping):
                queue.extend(part.values())
            elif isinstance(part, list):
                queue.extend(part)


_work: ContextVar[Work | None] = ContextVar("work left of the picking that runs", default=None)


@contextmanager
def bounded() -> Iterator[Work]:
    """All searches within share one measure; the outermost counts."""
    running = _work.get()
    if running is not None:
        yield running
        return
    made = Work()
    token = _work.set(made)
    try:
        yield made
    finally:
        _work.reset(token)


def found(parsed: Any, data: Any) -> Any:
    """What a parsed expression (jmespath's tree) finds in `data`; TooMuch where that is too much work."""
    with bounded() as work:
        result = _interpreter()(work).visit(parsed, data)
        work.weigh(result)
        return result


@cache
def _interpreter() -> Any:
    from jmespath.visitor import TreeInterpreter  # late: only needed where something is picked

    class Bounded(TreeInterpreter):
        """Counts each step, and what it made."""

        def __init__(self, work: Work) -> None:
            super().__init__()
            self._count = work

        def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
            self._count.spend(1)
            kind = node["type"]
            made = super().visit(node, *args, **kwargs)
            if kind in _NESTING:
                self._count.weigh(made)
            elif kind in _MAKING and isinstance(made, (list, str)):
                self._count.spend(len(made) // (1 if isinstance(made, list) else _CHARACTERS))
            return made

        def visit_function_expression(self, node: Any, value: Any) -> Any:
            arguments = [self.visit(child, value) for child in node["children"]]
            if node["value"] == "join" and len(arguments) == 2 and isinstance(arguments[0], str):
                times = len(arguments[1]) if isinstance(arguments[1], list) else 0
                self._count.spend(len(arguments[0]) * times // _CHARACTERS)
            return self._functions.call_function(node["value"], arguments)  # type: ignore[attr-defined]

    return Bounded
