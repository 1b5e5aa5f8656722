"""Texts in value templates: formats and regular expressions, of which none may take long or make much."""

from __future__ import annotations

import base64
import json
import re
import string
import unicodedata
from collections.abc import Callable
from typing import Any

from glance.bounded.budget import TooMuch, running, within_bounds
from glance.patterns import ways

LONGEST_INPUT = 65_536
# Ways in which a regular expression may be tried on one text; about 5 ms.
MOST_WAYS = 200_000
_LONGEST_PATTERN = 400
_LONGEST_REPLACEMENT = 128
# Python needs some 5 ms to read a set with characters beyond Latin 1 ([Ā-ж]), and a pattern may hold a hundred.
_BEYOND = re.compile(r"[^\x00-\xff]|\\[uUN]")
_MOST_BEYOND = 8
_LONGEST_PIECE = 4096
_MISSING = object()
# printf, and the fields of format(): a width of millions is how they would be misused.
_PRINTF = re.compile(r"(?:[^%]|%%|%[+0 -]{0,2}[0-9]{0,2}(?:\.[0-9]{1,2})?[dfsxXegEGiou])*\Z")
_FIELD = re.compile(r"(?:.?[<>=^])?[+ -]?#?0?[0-9]{0,2}[,_]?(?:\.[0-9]{1,2})?[bcdeEfFgGnosxX%]?\Z")
_WANTED = re.compile(r"%(?!%)[^A-Za-z]*[A-Za-z]")


def text_of(value: Any) -> str:
    """A value as a text, as Jinja prints it."""
    return value if type(value) is str else str(within_bounds(value))


def _printable(value: Any) -> Any:
    """What a format may be given: a number that is not endless, or a text of some length."""
    if isinstance(value, (int, float)) and (isinstance(value, float) or value.bit_length() <= 256):
        return value
    return text_of(value)[:_LONGEST_PIECE]


def printf(pattern: Any, *values: Any) -> str:
    """`'%.1f' % x` and the filter `format`."""
    if not isinstance(pattern, str) or len(pattern) > _LONGEST_PIECE or not _PRINTF.match(pattern):
        raise ValueError("a format that is not taken")
    if len(_WANTED.findall(pattern.replace("%%", ""))) != len(values):
        raise ValueError("a format with other values than it asks for")
    return pattern % tuple(_printable(value) for value in values)


def formatted(pattern: str, *values: Any, **named: Any) -> str:
    """`'{:.1f}'.format(x)`, of plain fields: nothing is asked of the values."""
    if len(pattern) > _LONGEST_PIECE:
        raise ValueError("a format that is not taken")
    for _, name, form, conversion in string.Formatter().parse(pattern):
        if name is None:
            continue
        # A name in `named` may be "a.b", which asks `a` for its field.
        plain = name == "" or name.isdigit() or (name.isidentifier() and name in named)
        if not plain or conversion or not _FIELD.match(form or ""):
            raise ValueError("a format that is not taken")
    return pattern.format(
        *(_printable(value) for value in values), **{name: _printable(value) for name, value in named.items()}
    )


def _searched(find: Any, text: str, ignorecase: Any) -> re.Pattern[str]:
    """A regular expression that can be tried on this text; TooMuch where it may take long."""
    if not isinstance(find, str) or len(find) > _LONGEST_PATTERN or _is_slow_to_read(find):
        raise ValueError("a regular expression that is not taken")
    tries = ways(find, len(text))
    if tries > MOST_WAYS:
        raise TooMuch("The template searches with a regular expression that may take too long.")
    budget = running()
    budget.work(int(tries) // 20 + len(text) // 8)
    budget.look_at_clock()
    try:
        return re.compile(find, re.IGNORECASE if ignorecase else 0)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError("a regular expression that cannot be read") from error


def _is_slow_to_read(find: str) -> bool:
    return "[" in find and len(_BEYOND.findall(find)) > _MOST_BEYOND


def regex_match(value: Any, find: Any = "", ignorecase: Any = False) -> bool:
    """Whether a text begins as the expression says."""
    text = text_of(value)
    return _searched(find, text, ignorecase).match(text) is not None


def regex_search(value: Any, find: Any = "", ignorecase: Any = False) -> bool:
    """Whether the expression is anywhere in a text."""
    text = text_of(value)
    return _searched(find, text, ignorecase).search(text) is not None


def regex_findall(value: Any, find: Any = "", ignorecase: Any = False) -> list[Any]:
    """All that the expression finds, its groups as tuples."""
    text = text_of(value)
    return _searched(find, text, ignorecase).findall(text)


def _regex_findall_index(value: Any, find: Any = "", index: int = 0, ignorecase: Any = False) -> Any:
    return regex_findall(value, find, ignorecase)[index]


def _regex_replace(value: Any, find: Any = "", replace: Any = "", ignorecase: Any = False) -> str:
    text, new = text_of(value), text_of(replace)
    if len(new) > _LONGEST_REPLACEMENT:
        raise ValueError("a replacement that is not taken")
    try:
        return _searched(find, text, ignorecase).sub(new, text)
    except re.error as error:
        raise ValueError("a replacement that cannot be read") from error


def _from_json(value: Any, default: Any = _MISSING) -> Any:
    text = text_of(value)
    budget = running()
    budget.work(len(text) // 4)
    budget.look_at_clock()
    try:
        return json.loads(text[: LONGEST_INPUT + 1])
    except ValueError:
        if default is _MISSING:
            raise
        return default


def _tojson(value: Any) -> str:
    """A value as JSON, for templates that write an object: {{ {"event_type": value_json.type} | tojson }}."""
    return json.dumps(within_bounds(value), ensure_ascii=False, default=str)


def _to_json(value: Any, *_more: Any, **_named: Any) -> str:
    """The same as Home Assistant itself writes it, without blanks."""
    return json.dumps(within_bounds(value), ensure_ascii=False, default=str, separators=(",", ":"))


def _slugify(value: Any, separator: str = "_") -> str:
    plain = unicodedata.normalize("NFKD", text_of(value)[:_LONGEST_PIECE].replace("ß", "ss")).encode("ascii", "ignore")
    return re.sub(r"[^a-z0-9]+", text_of(separator)[:8].replace("\\", ""), plain.decode().lower()).strip(separator)


def _base64_decode(value: Any, encoding: Any = "utf-8") -> str:
    if encoding not in ("utf-8", "ascii"):
        raise ValueError("an encoding that is not taken")
    return base64.b64decode(text_of(value)[:LONGEST_INPUT]).decode("utf-8")


FILTERS: dict[str, Callable[..., Any]] = {
    "format": printf, "regex_match": regex_match, "regex_search": regex_search, "regex_findall": regex_findall,
    "regex_findall_index": _regex_findall_index, "regex_replace": _regex_replace, "from_json": _from_json, "tojson": _tojson,
    "to_json": _to_json, "slugify": _slugify, "ord": lambda value: ord(text_of(value)), "base64_decode": _base64_decode,
    "base64_encode": lambda value: base64.b64encode(text_of(value).encode()).decode(),
}  # fmt: skip
