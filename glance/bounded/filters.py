"""Filters that make no more than a template may hold, and the counting around all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import wraps
from typing import Any

from jinja2 import Environment, pass_environment, pass_eval_context
from jinja2.exceptions import SecurityError
from jinja2.filters import do_groupby, do_int, do_round, do_trim, do_truncate, make_attrgetter, sync_do_join
from jinja2.nodes import EvalContext
from jinja2.runtime import Undefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from glance.bounded.budget import Budget, TooMuch, running, within_bounds

# Filters that write whatever they are given as text.
WRITING = "capitalize e escape forceescape lower string striptags title tojson trim truncate upper urlencode wordcount".split()
# Filters that compare or hash all that is in what they are given.
DEEP = frozenset("sort unique groupby min max dictsort sum".split())
# Those that look at no item, or at one.
CHEAP = frozenset("length count first last default d".split())
# No more than a number of the data can have: Python reads up to 4300 digits.
MAX_NUMBER_BITS = 16_384
MAX_INDENT = 8
# Characters that are looked for in a text, times those of the text: so many are as much work as one item of a list.
_SOUGHT = 256


def bounded_number(value: Any) -> Any:
    """The value, unless it is a whole number so long that to divide by it would take seconds."""
    if isinstance(value, int) and value.bit_length() > MAX_NUMBER_BITS:
        raise too_many_digits()
    return value


def too_many_digits() -> TooMuch:
    """The fault of a number that grew too long."""
    return TooMuch(f"{running().limits.what} makes a number of more than 4000 digits.")


def bounded_int(value: Any, default: Any = 0, base: int = 10) -> Any:
    """`int`, of no more digits than a number of the data can have; in base 16 Python itself would read any number of them."""
    if isinstance(value, (str, bytes)) and len(value) > MAX_NUMBER_BITS:
        raise too_many_digits()
    return bounded_number(do_int(value, default, base))


def bounded_round(value: Any, precision: int = 0, method: Any = "common") -> Any:
    """`round`, of at most 15 places: more would only cost time."""
    places = int(precision)
    if not -15 <= places <= 15:
        raise SecurityError("round takes from -15 to 15 places.")
    return do_round(value, places, method)


@pass_environment
def sum_of_numbers(environment: Environment, values: Any, attribute: str | int | None = None, start: Any = 0) -> Any:
    """`sum`, of numbers."""
    total = start if isinstance(start, (int, float)) else 0
    pick = make_attrgetter(environment, attribute) if attribute is not None else None
    for value in () if values is None or isinstance(values, Undefined) else values:
        found = pick(value) if pick else value
        if isinstance(found, (int, float)):
            total += found
    return total


def measured(function: Callable[..., Any], *, deep: bool) -> Callable[..., Any]:
    """A filter or test that counts what it is given (all that is in it where it looks that far) and what it makes."""
    passed = hasattr(function, "jinja_pass_arg")

    @wraps(function)
    def count(*args: Any, **kwargs: Any) -> Any:
        budget = running()
        for value in (*args[passed:], *kwargs.values()):
            if deep or isinstance(value, (str, bytes)):
                budget.weigh(value)
            elif isinstance(value, (list, tuple, Mapping)):
                budget.work(len(value))
        found = budget.make(function(*args, **kwargs))
        if isinstance(found, Generator):
            return _each(found, budget)
        budget.work(1)
        return found

    return count


def _each(items: Generator[Any, None, None], budget: Budget) -> Iterator[Any]:
    """What a filter gives one by one, each counted."""
    for item in items:
        budget.work(1)
        yield item


def sought(text: str, *arguments: Any) -> None:
    """Count as work what is looked for in a text: Python may hold each of its characters against each of the others."""
    for argument in arguments:
        if isinstance(argument, str):
            running().work(len(text) * len(argument) // _SOUGHT)


def bounded_trim(value: Any, chars: str | None = None) -> Any:
    """`trim`, weighed with the characters that are to go."""
    if not isinstance(value, (str, Undefined)):
        value = str(within_bounds(value))
    if chars is not None:
        sought(str(value), chars)
    return do_trim(value, chars)


@pass_environment
def bounded_truncate(
    environment: Environment,
    value: Any,
    length: int = 255,
    killwords: bool = False,
    end: Any = "...",
    leeway: Any = None,
) -> Any:
    """`truncate`, to a length in which its end has room."""
    if not isinstance(end, str) or len(end) > max(0, int(length)):
        raise SecurityError("truncate takes an end that is a text and no longer than the length.")
    if not isinstance(value, (str, Undefined)):
        value = str(within_bounds(value))
    return do_truncate(environment, value, length, killwords, end, None if leeway is None else max(0, int(leeway)))


@pass_environment
def bounded_groupby(
    environment: Environment, value: Any, attribute: str | int, default: Any = None, case_sensitive: bool = False
) -> Any:
    """`groupby`, weighed with what stands in for what is missing: Jinja makes a text of it for each item."""
    items = list(value)
    running().weigh(default)
    if isinstance(default, str):
        running().work(len(items) * len(default) // 8)
    return do_groupby(environment, items, attribute, default, case_sensitive)


def bounded_json(value: Any, indent: int | None = None) -> Markup:
    """`tojson`, stopped where it grows too long: an indentation makes much out of little."""
    if indent is not None and (type(indent) is not int or not 0 <= indent <= MAX_INDENT):
        raise SecurityError(f"tojson takes an indent from 0 to {MAX_INDENT}.")
    return htmlsafe_json_dumps(within_bounds(value), dumps=_json, indent=indent, sort_keys=True)


def _json(value: Any, **options: Any) -> str:
    budget, parts = running(), []
    left = budget.limits.text
    for part in json.JSONEncoder(**options).iterencode(value):
        budget.work(1)
        left -= len(part)
        if left < 0:
            raise budget.too_long()
        parts.append(part)
    return "".join(parts)


def bounded_replace(value: Any, old: str, new: str, count: int | None = None) -> Any:
    """`replace`, with a bounded result."""
    missing = value is None or isinstance(value, Undefined)
    text = value if isinstance(value, str) else "" if missing else str(within_bounds(value))
    found = text.count(old) if count is None else min(text.count(old), count)
    if len(text) + found * max(0, len(new) - len(old)) > running().limits.text:
        raise running().too_long()
    return text.replace(old, new, -1 if count is None else count)


@pass_eval_context
def bounded_join(context: EvalContext, value: Any, d: Any = "", attribute: str | int | None = None) -> Any:
    """`join`, weighed before it is made: a thousand times the same text takes no memory until then."""
    pick = make_attrgetter(context.environment, attribute) if attribute is not None else None
    items = [pick(item) if pick else item for item in value]
    budget = running()
    if len(str(within_bounds(d))) * (len(items) - 1) > budget.limits.text:
        raise budget.too_long()
    return sync_do_join(context, budget.fit(items), d)


def writing(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, for what it may write; it keeps what it asks Jinja to be passed first."""
    passed = hasattr(filter_, "jinja_pass_arg")

    @wraps(filter_)
    def write(*args: Any, **kwargs: Any) -> Any:
        for value in args[passed : passed + 1]:
            if not isinstance(value, (str, Undefined)):
                within_bounds(value)
        return filter_(*args, **kwargs)

    return write


BOUNDED: dict[str, Callable[..., Any]] = {
    "groupby": bounded_groupby,
    "int": bounded_int,
    "join": bounded_join,
    "replace": bounded_replace,
    "round": bounded_round,
    "sum": sum_of_numbers,
    "tojson": bounded_json,
    "trim": bounded_trim,
    "truncate": bounded_truncate,
}
