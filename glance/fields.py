"""Values of a source mapping once its expressions are evaluated: a number may have become text, a list lines of text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def whole(value: Any, default: int, low: int, high: int) -> int:
    """A whole number kept within `low` and `high`; `default` where there is none."""
    try:
        return max(low, min(high, int(value)))
    except (TypeError, ValueError, OverflowError):
        return default


def number(value: Any, default: float, low: float, high: float) -> float:
    """A number kept within `low` and `high`; `default` where there is none."""
    try:
        read = float(value)
    except (TypeError, ValueError):
        return default
    return max(low, min(high, read)) if math.isfinite(read) else default


def listed(value: Any) -> list[Any]:
    """A list as it is; a text as its lines; nothing as an empty list."""
    if isinstance(value, str):
        return [line.strip() for line in value.splitlines() if line.strip()]
    return list(value) if isinstance(value, list | tuple) else []


def headers(value: Any) -> dict[str, str]:
    """Headers as a mapping, from a mapping or a list of `{name, value}`."""
    if isinstance(value, Mapping):
        return {str(name): str(text) for name, text in value.items()}
    pairs = [part for part in listed(value) if isinstance(part, Mapping) and part.get("name")]
    return {str(part["name"]): str(part.get("value", "")) for part in pairs}


def mapping(value: Any) -> Mapping[str, Any] | None:
    """A non-empty mapping, or None."""
    return value if isinstance(value, Mapping) and value else None
