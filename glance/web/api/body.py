"""Request bodies: read strictly as JSON first, then checked field by field against a small schema."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from glance.errors import Unreadable

MAX_BYTES = 5 * 1024 * 1024
MAX_DEPTH = 64

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(request: Request, optional: bool = False) -> Any:
    """The body as JSON; with `optional` an empty one is None.

    Raises 415 (not JSON by its type), 413 (over MAX_BYTES) or Unreadable (400) with the reason.
    """
    length = request.content_length
    if length is not None and length > MAX_BYTES:
        raise RequestEntityTooLarge(_too_large())
    if length == 0 and optional:
        return None
    raw = request.stream.read(MAX_BYTES + 1) if length is None else request.get_data(cache=False)
    if len(raw) > MAX_BYTES:
        raise RequestEntityTooLarge(_too_large())
    if optional and not raw:
        return None
    _check_type(request)
    return parse(raw)


def parse(raw: bytes) -> Any:
    """Strict JSON: UTF-8, no NaN or Infinity, no name twice, at most MAX_DEPTH levels, no half characters; else Unreadable."""
    if not raw.strip():
        raise Unreadable("The body is empty; send JSON, at least {}.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"The body is not UTF-8: byte {error.start} does not fit.") from None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Unreadable(f"The body is not JSON: {error.msg[:1].lower()}{error.msg[1:]} ({place}).") from None
    except RecursionError:
        raise Unreadable(_too_deep()) from None
    except ValueError:
        raise Unreadable("The body holds a number that is too long to read.") from None
    _walk(value, look_into_text=_ESCAPED_SURROGATE.search(text) is not None)
    return value


def _check_type(request: Request) -> None:
    kind = request.mimetype
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMediaType("The body must be sent as Content-Type: application/json.")
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("The body must be UTF-8.")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("The body names one field twice in the same object.")
    return found


def _constant(name: str) -> float:
    raise Unreadable("The body holds NaN or Infinity, which are not JSON; send null instead.")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Unreadable("The body holds a number that is too large.")
    return value


def _walk(value: Any, look_into_text: bool) -> None:
    """Bound the depth and refuse lone surrogates, without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
                if look_into_text:
                    below.extend(item)
            elif isinstance(item, list):
                below.extend(item)
            elif look_into_text and isinstance(item, str):
                _check_text(item)
        if not below:
            return
        level = below
    raise Unreadable(_too_deep())


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Unreadable("The body holds half of a character (a lone surrogate), which no text can store.") from None


def _too_large() -> str:
    return f"The body is larger than {MAX_BYTES // 1024 // 1024} MB."


def _too_deep() -> str:
    return f"The body is nested deeper than {MAX_DEPTH} levels."


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float)
