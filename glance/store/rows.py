"""JSON columns: written compact, read back as plain data."""

from __future__ import annotations

import json
from typing import Any


def dump(value: Any) -> str:
    """Compact JSON; ValueError for NaN and Infinity, which are not JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def load(text: str) -> Any:
    """The value of a JSON column."""
    return json.loads(text)
