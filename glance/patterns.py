"""How long a regular expression may take: in how many ways can it match a text of some length?

Python's matcher tries one way after another and cannot be stopped meanwhile, while every other thread waits. So what came from
somewhere else is judged before it runs: the ways, times what one of them takes. The estimate is an upper bound: it does not see
that two ways exclude each other, except where alternatives begin with different characters.
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
_SINGLE = ("LITERAL", "NOT_LITERAL", "IN", "ANY")
_CATEGORIES = {"DIGIT": re.compile(r"\d"), "SPACE": re.compile(r"\s"), "WORD": re.compile(r"\w")}
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
# Characters compared in a row, and groups noted, that take as long as one way; and for how many ways a repeat of nothing counts,
# because each is remembered, and neither the text nor its end stops them.
_COMPARED, _GROUPS, _OF_NOTHING = 16, 8, 16


def is_endless(pattern: str) -> bool:
    """True where already a text of one line may take for ever; False for what is no regular expression."""
    return ways(pattern, _SHORT_TEXT) > MOST_WAYS


@lru_cache(maxsize=1024)
def ways(pattern: str, length: int) -> float:
    """In how many ways, at most, `pattern` may be tried on `length` characters, a long way counted as several; infinite where they
    double with each one."""
    try:
        tree = _parser.parse(pattern)
    except (re.error, OverflowError):
        return 0.0
    except RecursionError:
        return math.inf
    try:
        inner = _sequence(tree, max(1, length))
        inner *= 1 + _steps(tree, max(1, length))
    except (RecursionError, OverflowError):  # groups in groups in groups, or a sum that no number holds
        return math.inf
    first = str(tree[0][1]) if len(tree) and str(tree[0][0]) == "AT" else ""
    is_anchored = first.startswith("AT_BEGINNING") and not tree.state.flags & re.MULTILINE
    starts = 1 if is_anchored else max(1, length)
    return _product([starts, inner])


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
    if _is_parted(part):
        return float(length + 1)
    if most is _parser.MAXREPEAT and (inner > 1 or not shortest):
        return math.inf
    return _product([max(1, times - int(least) + 1), _power(inner, times)])


def _steps(nodes: Any, length: int) -> float:
    """How long one way takes at most, beside what every way does: repeats that must be, references back, groups."""
    return math.fsum(_steps_of(str(kind), details, length) for kind, details in nodes)


def _steps_of(kind: str, details: Any, length: int) -> float:
    if kind in _REPEATS:
        least, _, part = details
        shortest, longest = part.getwidth()
        times = float(max(1, least))
        if len(part) == 1 and str(part[0][0]) in _SINGLE:
            return min(times, length) / _COMPARED
        each = 1 + _steps(part, length)
        if not longest:
            return _OF_NOTHING * times * each
        return (min(times, length // shortest + 1) if shortest else times) * each
    if kind == "SUBPATTERN":
        return 1 / _GROUPS + _steps(details[-1], length)
    if kind == "BRANCH":
        return max(_steps(part, length) for part in details[1])
    if kind in ("ASSERT", "ASSERT_NOT"):
        return _steps(details[1], length)
    if kind == "ATOMIC_GROUP":
        return _steps(details, length)
    if kind == "GROUPREF_EXISTS":
        return max(_steps(part, length) for part in details[1:] if part is not None)
    return length / _COMPARED if kind in ("GROUPREF", "GROUPREF_IGNORE") else 0.0


def _is_parted(part: Any) -> bool:
    """True where a character that is nowhere else in the part begins or ends it, as in (/[a-z]+)*: a text falls apart in one way.

    What is between may vary in one place only, else one piece could be matched in several ways.
    """
    while len(part) == 1 and str(part[0][0]) == "SUBPATTERN":
        part = part[0][1][-1]
    if len(part) < 2:
        return False
    nodes = [
        (details[2][0] if str(kind) in _REPEATS and len(details[2]) == 1 else (kind, details)) for kind, details in part
    ]
    if sum(str(kind) in _REPEATS for kind, _ in part) > 1 or any(str(kind) not in _SINGLE for kind, _ in nodes):
        return False
    return any(
        str(part[at][0]) not in _REPEATS and signs and not any(_takes(node, sign) for node in others for sign in signs)
        for at, signs, others in ((0, _signs(nodes[0]), nodes[1:]), (-1, _signs(nodes[-1]), nodes[:-1]))
    )


def _signs(node: Any) -> list[str]:
    """The characters that a node stands for where they are written one by one, else none; none of them has cases."""
    kind, details = node
    listed = [node] if str(kind) == "LITERAL" else details if str(kind) == "IN" else []
    if not all(str(name) == "LITERAL" and chr(each).upper() == chr(each).lower() for name, each in listed):
        return []
    return [chr(each) for _, each in listed]


def _takes(node: Any, sign: str) -> bool:
    """Whether a node of one character can match this one."""
    kind, details = str(node[0]), node[1]
    if kind == "LITERAL":
        return chr(details) == sign
    if kind == "RANGE":
        return bool(details[0] <= ord(sign) <= details[1])
    if kind == "CATEGORY":
        found = _CATEGORIES[str(details).rpartition("_")[2]].match(sign) is not None
        return found != ("_NOT_" in str(details))
    if kind == "IN":
        negated = str(details[0][0]) == "NEGATE"
        return any(_takes(each, sign) for each in details[negated:]) != negated
    return kind != "NOT_LITERAL" or chr(details) != sign


def _differ(parts: Any) -> bool:
    """True where each alternative begins with a character of its own, in whichever case."""
    firsts = [
        chr(part[0][1]).upper().casefold()[0] if len(part) and str(part[0][0]) == "LITERAL" else None for part in parts
    ]
    return None not in firsts and len(set(firsts)) == len(firsts)


def _power(base: float, exponent: int) -> float:
    try:
        return float(base**exponent)
    except OverflowError:
        return math.inf


def _product(factors: list[float]) -> float:
    return reduce(lambda one, other: one * other, factors, 1.0)
