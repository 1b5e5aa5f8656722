"""Numbers and moments as upstreams write them, made plain."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_WHOLE = re.compile(r"[+-]?\d{1,18}")
# A number of seconds above this would be past the year 5000, so it counts something smaller.
_STEPS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))


def number(value: Any) -> int | float | None:
    """A finite number from a number, a boolean or numeric text; None for everything else."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        text = value.strip()
        if _WHOLE.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text):
            found = float(text)
            return found if math.isfinite(found) else None
    return None


def moment(value: Any) -> float | None:
    """Unix seconds from seconds, milli-, micro- or nanoseconds, ISO 8601 or an e-mail date; without a zone it is UTC."""
    if isinstance(value, bool):
        return None
    found = number(value)
    if found is not None:
        divisor = next((step for limit, step in _STEPS if abs(found) >= limit), 1)
        return found / divisor
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        try:
            read = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return None
    try:
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None


def looks_like_moment(value: Any) -> bool:
    """True for text that is a moment and for numbers as large as moments are."""
    if isinstance(value, str) and number(value) is None:
        return moment(value) is not None
    found = number(value)
    return found is not None and not isinstance(value, bool) and abs(found) >= 1e8


def kind_name(value: Any) -> str:
    """What a JSON value is, with its article, as it stands in a sentence."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, (list, tuple)) else "an object"
