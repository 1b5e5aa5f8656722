"""The environment in which expressions run: a sandbox with few filters and methods, and nothing that grows."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import do_int, do_round
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_OUTPUT_CHARS = 100_000
MAX_RANGE = 1000
MAX_ITEMS = 20_000
MAX_DIGITS = 400
# Of the thread's own time, for all strings that are evaluated together.
MAX_CPU_S = 1.0
# A name no expression can write.
_TIMED = "<timed>"
_until: ContextVar[float | None] = ContextVar("when the expressions being evaluated have to be done", default=None)

FILTERS = frozenset(
    "abs b64 d default first float int join last length list lower replace reverse round sort string title tojson trim "
    "unique upper urlencode".split()
)
METHODS = frozenset(
    "endswith get items keys lower lstrip removeprefix removesuffix rstrip split splitlines startswith strip title upper "
    "values".split()
)


@contextmanager
def in_time() -> Iterator[None]:
    """What is evaluated meanwhile has MAX_CPU_S together; SecurityError from within where that is over."""
    token = _until.set(time.thread_time() + MAX_CPU_S)
    try:
        yield
    finally:
        _until.reset(token)


def _look_at_clock() -> None:
    until = _until.get()
    if until is not None and time.thread_time() > until:
        raise SecurityError("it takes longer than a second")


def _each(values: Iterable[Any]) -> Iterator[Any]:
    """What a loop goes over."""
    for value in values:
        _look_at_clock()
        yield value


def timed(loop: nodes.For) -> None:
    """Make a loop look at the clock with each of its items, those it leaves out too."""
    loop.iter = nodes.Filter(loop.iter, _TIMED, [], [], None, None, lineno=loop.lineno)


def _looking(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, with a look at the clock after it."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        _look_at_clock()
        return found

    return call


class Unknown(StrictUndefined):
    """A name that is not there, with the name."""

    @property
    def _undefined_message(self) -> str:
        """The end of the sentence about it."""
        return f"names {self._undefined_name}, which is not there"


class Offered:
    """A function that expressions may call, handed in among the names."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[str], str]) -> None:
        self._call = call

    def __call__(self, name: Any) -> str:
        """Call it with one text."""
        if not isinstance(name, str):
            raise SecurityError("credential() takes the name of a credential, as a text")
        return self._call(name)


class Environment(ImmutableSandboxedEnvironment):
    """The sandbox, narrowed: few methods, no growing operators."""

    intercepted_binops = frozenset(["*", "**", "+", "%"])

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A field of an object comes before a method of the same name (`params.items`)."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_callable(self, obj: Any) -> bool:
        """Only range(), what is Offered, and the METHODS of plain values."""
        if obj is _range or type(obj) is Offered:
            return True
        owner = getattr(obj, "__self__", None)
        return isinstance(owner, (str, Mapping)) and getattr(obj, "__name__", "") in METHODS

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call what may be called; the refusal names no internals."""
        if isinstance(__obj, Unknown):
            str(__obj)  # raises, naming what is unknown
        if not __self.is_safe_callable(__obj):
            raise SecurityError("only range(), credential() and the plain methods of texts and objects can be called")
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic of numbers, and joining of texts and lists; nothing that multiplies text."""
        plain = all(isinstance(side, (int, float)) and abs(side) < 1e15 for side in (left, right))
        if operator == "+" and not plain:
            if isinstance(left, Undefined) or isinstance(right, Undefined):
                str(left), str(right)  # raises, naming what is unknown
            if type(left) is not type(right) or len(left) + len(right) > MAX_OUTPUT_CHARS:
                raise SecurityError("only numbers, or two texts, can be added")
        elif not plain or operator == "**":
            raise SecurityError(f"{operator} works with numbers only")
        return super().call_binop(context, operator, left, right)


def _range(*args: int) -> range:
    """range() of at most 1000 numbers."""
    made = range(*args)
    if len(made) > MAX_RANGE:
        raise SecurityError(f"range() gives at most {MAX_RANGE} numbers")
    return made


def _join(values: Any, between: Any = "") -> str:
    """Join, bounded."""
    parts = ["" if value is None else str(value) for value in values]
    if sum(map(len, parts)) + len(parts) * len(str(between)) > MAX_OUTPUT_CHARS:
        raise SecurityError("the text grows too long")
    return str(between).join(parts)


def _replace(text: Any, old: Any, new: Any) -> str:
    """Replace, bounded."""
    whole, before, after = str(text), str(old), str(new)
    if len(whole) + whole.count(before) * len(after) > MAX_OUTPUT_CHARS:
        raise SecurityError("the text grows too long")
    return whole.replace(before, after)


def _tojson(value: Any) -> str:
    """JSON as it belongs into a body."""
    return json.dumps(value, ensure_ascii=False)


def _round(value: Any, precision: Any = 0, method: Any = "common") -> Any:
    """Round a number; more than 15 places would only cost time."""
    places = int(precision)
    if not -15 <= places <= 15:
        raise SecurityError("round takes from -15 to 15 places")
    return do_round(value, places, method)


def _int(value: Any, default: Any = 0, base: int = 10) -> Any:
    """`int`, of at most 400 digits: Python would read any number of them in base 16."""
    if isinstance(value, (str, bytes)) and len(value) > MAX_DIGITS:
        raise SecurityError(f"int takes at most {MAX_DIGITS} digits")
    return do_int(value, default, base)


def _list(values: Any) -> list[Any]:
    """A list, bounded."""
    if isinstance(values, (str, Mapping, list, tuple, range)) and len(values) > MAX_ITEMS:
        raise SecurityError(f"a list has at most {MAX_ITEMS} items")
    return list(values)


def _urlencode(value: Any) -> str:
    """Percent-encoded, also the slash: for one part of a path or query."""
    return quote("" if value is None else str(value), safe="")


def _b64(value: Any) -> str:
    """Base64 of the text's UTF-8."""
    return base64.b64encode(str(value).encode()).decode()


def _made() -> Environment:
    """The environment with what is offered, and nothing else."""
    made = Environment(
        undefined=Unknown, autoescape=False, finalize=lambda value: "" if value is None else value, cache_size=0
    )
    offered: dict[str, Callable[..., Any]] = {name: made.filters[name] for name in FILTERS if name in made.filters}
    made.filters = {
        **offered,
        "int": _int,
        "join": _join,
        "list": _list,
        "round": _round,
        "replace": _replace,
        "tojson": _tojson,
        "urlencode": _urlencode,
        "b64": _b64,
    }
    made.filters = {name: _looking(filter_) for name, filter_ in made.filters.items()}
    made.filters[_TIMED] = _each
    made.globals = {"range": _range}
    return made


environment = _made()
