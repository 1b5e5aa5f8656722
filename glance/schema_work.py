"""What checking data against a schema may cost: keywords looked at, patterns tried, items compared.

Both may come from somewhere else, and a small schema over a large answer can be hours of work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from glance import patterns

# A list of half a million numbers takes half of them; each is some microseconds.
MOST_STEPS = 1_000_000
# Ways of a pattern, entries of an enum and pairs of items that cost as much as one keyword.
_WAYS_A_STEP, _ENTRIES_A_STEP, _PAIRS_A_STEP = 20, 10, 20

_left: ContextVar[list[float] | None] = ContextVar("steps left of the check that runs", default=None)


class TooMuch(Exception):
    """A check that would take too long; the text is the end of a sentence."""


@contextmanager
def counting() -> Iterator[None]:
    """What is checked within shares MOST_STEPS."""
    token = _left.set([float(MOST_STEPS)])
    try:
        yield
    finally:
        _left.reset(token)


@cache
def counted(validator: Any) -> Any:
    """A validator class of jsonschema whose every keyword is counted."""
    from jsonschema import validators  # late: see glance.schemas

    costs = {
        "pattern": _pattern,
        "patternProperties": _names,
        "additionalProperties": _names,
        "enum": _enum,
        "uniqueItems": _unique,
    }
    return validators.extend(
        validator, {name: _counted(check, costs.get(name)) for name, check in validator.VALIDATORS.items()}
    )


Cost = Callable[[Any, Any, Mapping[str, Any]], float]


def _counted(check: Callable[..., Any], cost: Cost | None) -> Callable[..., Any]:
    def counts(validator: Any, rule: Any, value: Any, schema: Mapping[str, Any]) -> Any:
        left = _left.get()
        if left is not None:
            left[0] -= 1 if cost is None else 1 + cost(rule, value, schema)
            if left[0] < 0:
                raise TooMuch("is too much to check in the time there is")
        return check(validator, rule, value, schema)

    return counts


def _pattern(rule: Any, value: Any, schema: Mapping[str, Any]) -> float:
    """An endless one can only be a folder's, which is trusted: what comes from elsewhere is refused when it is stored."""
    if not isinstance(value, str) or patterns.is_endless(rule):
        return 0.0
    return patterns.ways(rule, len(value)) / _WAYS_A_STEP


def _names(rule: Any, value: Any, schema: Mapping[str, Any]) -> float:
    """Each name of a field is looked at by each pattern."""
    found = schema.get("patternProperties")
    if not isinstance(value, Mapping) or not found:
        return 0.0
    tried = [pattern for pattern in found if not patterns.is_endless(pattern)]
    return sum(patterns.ways(pattern, len(name)) for pattern in tried for name in value) / _WAYS_A_STEP


def _enum(rule: Any, value: Any, schema: Mapping[str, Any]) -> float:
    return len(rule) / _ENTRIES_A_STEP


def _unique(rule: Any, value: Any, schema: Mapping[str, Any]) -> float:
    """What can be sorted is; other items are compared each with each."""
    if not isinstance(value, list):
        return 0.0
    kinds = {type(item) for item in value}
    sortable = kinds <= {str} or kinds <= {int, float}
    return float(len(value)) if sortable else len(value) ** 2 / _PAIRS_A_STEP
