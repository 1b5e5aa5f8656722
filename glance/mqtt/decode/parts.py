"""Parts of a JSON value as what is expected of them, or nothing: senders misprint everything sooner or later."""

from __future__ import annotations

from typing import Any


def text(raw: Any) -> str | None:
    """A text, or None."""
    return raw if type(raw) is str else None


def items(raw: Any) -> list[Any]:
    """A list, or an empty one."""
    return raw if type(raw) is list else []


def fields(raw: Any) -> dict[str, Any]:
    """An object, or an empty one."""
    return raw if type(raw) is dict else {}
