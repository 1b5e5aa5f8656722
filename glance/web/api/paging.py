"""Lists by pages: `?limit=&cursor=` in, `{"items": […], "next_cursor": …}` out."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from flask import request

from glance.errors import FieldError, Invalid

T = TypeVar("T")

DEFAULT_LIMIT = 100
MAX_LIMIT = 500

QUERY: dict[str, dict[str, Any]] = {
    "limit": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_LIMIT,
        "default": DEFAULT_LIMIT,
        "description": "How many items at most.",
    },
    "cursor": {"type": "string", "description": "`next_cursor` of the page before."},
}

Key = list[Any]


def page(items: Iterable[T], key: Callable[[T], Key], show: Callable[[T], Any]) -> dict[str, Any]:
    """One page of `items` in the order of `key`, which must be unique and made of numbers and text.

    The cursor holds the key of the last item, so that what is added or removed meanwhile shifts nothing.
    """
    limit, after = _limit(), _cursor()
    ordered = sorted(items, key=key)
    if after is not None:
        try:
            ordered = [item for item in ordered if key(item) > after]
        except TypeError:
            raise _bad_cursor() from None
    shown, rest = ordered[:limit], ordered[limit:]
    return {"items": [show(item) for item in shown], "next_cursor": _encode(key(shown[-1])) if rest else None}


def _limit() -> int:
    raw = request.args.get("limit")
    if raw is None:
        return DEFAULT_LIMIT
    if not (raw.isascii() and raw.isdigit() and len(raw) < 6 and 1 <= int(raw) <= MAX_LIMIT):
        message = f"must be a whole number from 1 to {MAX_LIMIT}."
        raise Invalid(f"limit {message}", [FieldError("limit", message)])
    return int(raw)


def _cursor() -> Key | None:
    raw = request.args.get("cursor")
    if not raw:
        return None
    try:
        key = json.loads(base64.b64decode(raw.encode("ascii"), altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeError, ValueError, RecursionError):
        raise _bad_cursor() from None
    if not isinstance(key, list):
        raise _bad_cursor()
    return key


def _encode(key: Key) -> str:
    return base64.b64encode(json.dumps(key).encode(), altchars=b"-_").decode("ascii")


def _bad_cursor() -> Invalid:
    message = "is not one that this list gave out; leave it out to start at the beginning."
    return Invalid(f"cursor {message}", [FieldError("cursor", message)])
