"""What goes through the two pipes: JSON objects, each behind its length in four bytes, big-endian."""

from __future__ import annotations

import json
import math
import os
import struct
from typing import Any, NoReturn

HEAD = struct.Struct(">I")
ANSWER_LIMIT = 1_000_000
# An answer is itself part of a frame, and JSON may escape what it holds.
CHILD_FRAME_LIMIT = ANSWER_LIMIT + 4_096
HOST_FRAME_LIMIT = 16_000_000
MAX_DEPTH = 64
MAX_DIGITS = 400


class Forged(Exception):
    """A frame that the other side would never send if it kept to the rules."""


def encode(message: dict[str, Any]) -> bytes:
    """A message with its length before it; half characters (lone surrogates) become question marks."""
    body = json.dumps(message, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode("utf-8", "replace")
    return HEAD.pack(len(body)) + body


def decode(body: bytes) -> dict[str, Any]:
    """A frame's JSON object; Forged for anything else, for NaN, infinite or endless numbers, and for deep nesting."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite, parse_int=_short)
        if b"\\ud" in body.lower():
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise Forged("It is not one JSON object.") from None
    if not isinstance(value, dict) or _is_deep(value):
        raise Forged("It is not a flat JSON object.")
    return value


def send(fd: int, message: dict[str, Any]) -> None:
    """Write a message to a blocking pipe."""
    send_whole(fd, encode(message))


def send_whole(fd: int, frame: bytes) -> None:
    """Write an encoded message to a blocking pipe."""
    left = memoryview(frame)
    while left:
        left = left[os.write(fd, left) :]


def receive(fd: int, limit: int) -> dict[str, Any]:
    """Read a message from a blocking pipe; EOFError where the other side is gone, Forged where it is longer than `limit`."""
    (length,) = HEAD.unpack(_exactly(fd, HEAD.size))
    if length > limit:
        raise Forged("It is too long.")
    return decode(_exactly(fd, length))


def _exactly(fd: int, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = os.read(fd, min(count, 1 << 20))
        if not part:
            raise EOFError("The other side is gone.")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text[:20])
    return number


def _short(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(text[:20])
    return int(text)


def _is_deep(value: Any) -> bool:
    """True where lists and objects are nested more than MAX_DEPTH deep; does not recurse."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for one in level
            if isinstance(one, (dict, list))
            for item in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True
