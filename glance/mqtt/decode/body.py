"""A payload's bytes as what they hold: nothing, binary, JSON, or a plain text."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Literal

LARGEST_BYTES = 256 * 1024
BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Body:
    """`value` is the JSON value (object, list, or a scalar written as JSON), else the stripped text."""

    form: Literal["empty", "binary", "json", "broken", "text"]
    value: Any
    size_bytes: int


def _constant(_name: str) -> float:
    """NaN and Infinity are no JSON though Python reads them: one value that every number check refuses."""
    return math.nan


_decode_json = json.JSONDecoder(parse_constant=_constant).decode


def read(payload: bytes) -> Body:
    """The body of a payload; never raises."""
    size = len(payload)
    if not size:
        return Body("empty", "", 0)
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return Body("binary", "", size)
    text = text.strip().strip(BYTE_ORDER_MARK)
    if not text.strip("\x00 "):
        return Body("empty", "", size)
    if "\x00" in text:
        # Some C programs send the terminating zero of their buffer.
        text = text.rstrip("\x00").rstrip()
        if "\x00" in text:
            return Body("binary", "", size)
    if text[0] not in '{["':
        return Body("text", text, size)
    try:
        value = _decode_json(text)
    except (ValueError, RecursionError):
        return Body("text" if text[0] == '"' else "broken", text, size)
    if type(value) is str:
        return Body("text", value.strip(), size)
    return Body("json", value, size)


def compact(value: Any) -> str:
    """A JSON value as the shortest text, for keeping."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
