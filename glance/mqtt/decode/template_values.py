"""Numbers, words and lists in value templates: the filters and functions that Home Assistant adds to Jinja's."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from jinja2.exceptions import UndefinedError
from jinja2.filters import do_int
from jinja2.runtime import Undefined

from glance.bounded.budget import running
from glance.bounded.filters import bounded_int, bounded_number
from glance.mqtt.decode.template_texts import text_of

_MISSING = object()
_TRUE = frozenset(("1", "true", "yes", "on", "enable"))
_FALSE = frozenset(("0", "false", "no", "off", "disable"))
_LONGEST_LIST = 4096


def float_of(value: Any, default: Any = _MISSING) -> Any:
    """`float`: a finite number, else `default`; of what is not there nothing, as in Home Assistant."""
    try:
        number = float(value)
        if math.isfinite(number):
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    if default is _MISSING:
        raise ValueError("not a number")
    return default


def int_of(value: Any, default: Any = _MISSING, base: int = 10) -> Any:
    """`int`: also of a text like 5.6; with a base of digits in that."""
    bounded_int(value if isinstance(value, str) else "0")
    number = do_int(value, _MISSING, base)  # type: ignore[arg-type]
    if number is not _MISSING:
        return bounded_number(number)
    if default is _MISSING:
        raise ValueError("not a whole number")
    return default


def is_number(value: Any) -> bool:
    """Whether a value, or the text that it is, is a finite number."""
    return isinstance(float_of(value, None), float)


def _round(value: Any, precision: int = 0, method: str = "common", default: Any = _MISSING) -> Any:
    number = float_of(value, default)
    if not isinstance(number, (int, float)) or isinstance(number, bool):
        return number
    places = max(-15, min(int(precision), 15))
    if method in ("ceil", "floor"):
        scale = 10.0**places
        return (math.ceil if method == "ceil" else math.floor)(number * scale) / scale
    if method == "half":
        return round(number * 2) / 2
    rounded = round(number, places)
    return int(rounded) if places == 0 else rounded


def bool_of(value: Any, default: Any = _MISSING) -> Any:
    """`bool`: words for yes and no, numbers by whether they are 0."""
    if isinstance(value, (bool, int, float)):
        return bool(value)
    word = text_of(value).strip().lower() if isinstance(value, str) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    if default is _MISSING:
        raise ValueError("neither yes nor no")
    return default


def _defined(value: Any) -> Any:
    if isinstance(value, Undefined):
        raise UndefinedError("it is not there")
    return value


def iif(value: Any, yes: Any = True, no: Any = False, none: Any = _MISSING) -> Any:
    """`iif`: one of two, or of three, values."""
    if value is None and none is not _MISSING:
        return none
    return yes if value else no


def _numbers(values: tuple[Any, ...]) -> list[float]:
    """The numbers of a list, or those given one by one."""
    listed = values[0] if len(values) == 1 and isinstance(values[0], (list, tuple, Iterator)) else values
    numbers = [float_of(value) for value in islice(listed, _LONGEST_LIST + 1)]
    if not numbers or len(numbers) > _LONGEST_LIST:
        raise ValueError("not a list of numbers")
    return numbers


def _average(*values: Any, default: Any = _MISSING) -> Any:
    try:
        return statistics.fmean(_numbers(values))
    except ValueError:
        if default is _MISSING:
            raise
        return default


def _median(*values: Any, default: Any = _MISSING) -> Any:
    try:
        return statistics.median(_numbers(values))
    except ValueError:
        if default is _MISSING:
            raise
        return default


def _one_of(choose: Callable[..., Any]) -> Callable[..., Any]:
    """`min` or `max` of a list, or of what is given one by one."""

    def chosen(*values: Any) -> Any:
        running().weigh(values)
        return choose(values[0] if len(values) == 1 else values)

    return chosen


def _mathematical(function: Callable[[float], float]) -> Callable[..., Any]:
    """A function of one number, with a default for what is none."""

    def of(value: Any, default: Any = _MISSING) -> Any:
        try:
            return function(float_of(value))
        except (ValueError, ArithmeticError):
            if default is _MISSING:
                raise
            return default

    return of


def _log(value: Any, base: Any = math.e, default: Any = _MISSING) -> Any:
    return _mathematical(lambda number: math.log(number, float_of(base)))(value, default)


def power(left: Any, right: Any) -> Any:
    """`a ** b`, of numbers that stay small enough to be written."""
    if not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
        raise ValueError("only numbers have powers")
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * max(0, right) > 4096:
        raise ValueError("a number of more than 1000 digits")
    found = left**right
    if isinstance(found, complex):
        raise ValueError("not a number")
    return found


def _contains(value: Any, sought: Any) -> bool:
    return sought in value


def _listed(value: Any = ()) -> list[Any]:
    """`zip` and such want lists; a dict gives its keys."""
    if not isinstance(value, (list, tuple, str, Mapping, range)) or len(value) > _LONGEST_LIST:
        raise ValueError("not a list")
    return list(value)


def _zip(*lists: Any) -> list[tuple[Any, ...]]:
    return list(zip(*(_listed(one) for one in lists), strict=False))


def _flatten(value: Any, levels: int | None = None) -> list[Any]:
    """`flatten`: lists in lists as one."""
    flat: list[Any] = []
    budget = running()
    for item in _listed(value):
        budget.work(1)
        inside = isinstance(item, (list, tuple)) and (levels is None or levels >= 1)
        flat.extend(_flatten(item, None if levels is None else levels - 1) if inside else [item])
    return flat


class _Dicts:
    """`dict(…)` and `dict.from_keys(…)`."""

    __slots__ = ()

    def __call__(self, *given: Any, **named: Any) -> dict[Any, Any]:
        return dict(*given, **named)

    def from_keys(self, pairs: Any) -> dict[Any, Any]:
        """A dict of (key, value) pairs."""
        return dict(pairs)


class Version:
    """`version`: compares by its numbers, and prints as it was written."""

    __slots__ = ("_text",)

    def __init__(self, text: Any) -> None:
        self._text = text_of(text)[:64]

    def _parts(self) -> tuple[int, ...]:
        return tuple(
            int("".join(sign for sign in part if sign in "0123456789")[:9] or 0)
            for part in self._text.removeprefix("v").split(".")
        )

    def __str__(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return self._parts() == Version(other)._parts()

    def __lt__(self, other: object) -> bool:
        return self._parts() < Version(other)._parts()

    def __le__(self, other: object) -> bool:
        return self._parts() <= Version(other)._parts()

    def __gt__(self, other: object) -> bool:
        return self._parts() > Version(other)._parts()

    def __ge__(self, other: object) -> bool:
        return self._parts() >= Version(other)._parts()

    __hash__ = None  # type: ignore[assignment]


BITS: dict[str, Callable[..., Any]] = {
    "bitwise_and": lambda one, other: int_of(one) & int_of(other),
    "bitwise_or": lambda one, other: int_of(one) | int_of(other),
    "bitwise_xor": lambda one, other: int_of(one) ^ int_of(other),
}
MATHS: dict[str, Callable[..., Any]] = {
    "sqrt": _mathematical(math.sqrt), "sin": _mathematical(math.sin), "cos": _mathematical(math.cos), "tan": _mathematical(math.tan),
    "asin": _mathematical(math.asin), "acos": _mathematical(math.acos), "atan": _mathematical(math.atan), "log": _log,
    "average": _average, "median": _median,
}  # fmt: skip
FUNCTIONS: dict[str, Any] = {
    "float": float_of, "int": int_of, "bool": bool_of, "is_number": is_number, "iif": iif, "round": _round, "abs": abs,
    "min": _one_of(min), "max": _one_of(max), "zip": _zip, "list": _listed, "dict": _Dicts(), "flatten": _flatten,
    "version": Version, "pi": math.pi, "e": math.e, "tau": math.tau, "inf": math.inf, **MATHS, **BITS,
}  # fmt: skip
FILTERS: dict[str, Callable[..., Any]] = {
    "float": float_of, "int": int_of, "bool": bool_of, "is_number": is_number, "iif": iif, "round": _round,
    "abs": lambda value: abs(float_of(value) if isinstance(value, str) else value), "is_defined": _defined,
    "multiply": lambda value, factor, default=_MISSING: _mathematical(lambda number: number * float_of(factor))(value, default),
    "add": lambda value, more, default=_MISSING: _mathematical(lambda number: number + float_of(more))(value, default),
    "contains": _contains, "flatten": _flatten, "version": Version, **MATHS, **BITS,
}  # fmt: skip
TESTS: dict[str, Callable[..., Any]] = {
    "is_number": is_number, "contains": _contains, "list": lambda value: isinstance(value, list),
    "string_like": lambda value: isinstance(value, (str, bytes)),
}  # fmt: skip
