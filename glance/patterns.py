"""How long a regular expression may take: in how many ways can it match a text of some length?

Python's matcher tries one way after another and cannot be stopped meanwhile, while every other thread waits. So what came from
somewhere else is judged before it runs. The estimate is an upper bound: it does not see that two ways exclude each other, except
where alternatives begin with different characters.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache, reduce
from re import _parser  # type: ignore[attr-defined]
from typing import Any

# About a third of a second on a Raspberry Pi.
MOST_WAYS = 10_000_000
_SHORT_TEXT = 60
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


def is_endless(pattern: str) -> bool:
    """True where already a text of one line may take for ever; False for what is no regular expression."""
    return ways(pattern, _SHORT_TEXT) > MOST_WAYS


@lru_cache(maxsize=1024)
def ways(pattern: str, length: int) -> float:
    """In how many ways, at most, `pattern` may be tried on `length` characters; infinite where they double with each one."""
    try:
        tree = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return 0.0
    first = str(tree[0][1]) if len(tree) and str(tree[0][0]) == "AT" else ""
    is_anchored = first.startswith("AT_BEGINNING") and not tree.state.flags & re.MULTILINE
    starts = 1 if is_anchored else max(1, length)
    return _product([starts, _sequence(tree, max(1, length))])


def _sequence(nodes: Any, length: int) -> float:
    return _product([_one(str(kind), details, length) for kind, details in nodes])


def _one(kind: str, details: Any, length: int) -> float:
    if kind in _REPEATS:
        least, most, part = details
        return _repeat(least, most, part, length)
    if kind == "SUBPATTERN":
        return _sequence(details[-1], length)
    if kind == "BRANCH":
        found = [_sequence(part, length) for part in details[1]]
        return max(found) if _differ(details[1]) else math.fsum(found)
    if kind in ("ASSERT", "ASSERT_NOT"):
        return _sequence(details[1], length)
    if kind == "ATOMIC_GROUP":
        return _sequence(details, length)
    if kind == "GROUPREF_EXISTS":
        return math.fsum(_sequence(part, length) for part in details[1:] if part is not None)
    return 1.0


def _repeat(least: int, most: int, part: Any, length: int) -> float:
    """Each number of repeats is a way, and each way of the part multiplies with those of the next."""
    inner = _sequence(part, length)
    shortest, longest = part.getwidth()
    times = min(int(most), length) if shortest else int(most)
    if inner <= 1 and shortest == longest:
        return float(max(1, min(int(most), length) - int(least) + 1))
    if most is _parser.MAXREPEAT and (inner > 1 or not shortest):
        return math.inf
    return _product([max(1, times - int(least) + 1), _power(inner, times)])


def _differ(parts: Any) -> bool:
    """True where each alternative begins with a character of its own."""
    firsts = [part[0][1] if len(part) and str(part[0][0]) == "LITERAL" else None for part in parts]
    return None not in firsts and len(set(firsts)) == len(firsts)


def _power(base: float, exponent: int) -> float:
    try:
        return float(base**exponent)
    except OverflowError:
        return math.inf


def _product(factors: list[float]) -> float:
    return reduce(lambda one, other: one * other, factors, 1.0)
