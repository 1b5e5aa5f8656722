"""Filters of cards that write markup; the others are in glance.bounded.filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2.runtime import Undefined
from markupsafe import escape

from glance.bounded.budget import running, within_bounds
from glance.formats import NOTHING


def bounded_join(value: Any, separator: str = "", attribute: str | None = None) -> Any:
    """`join`, with a bounded result; what is joined is escaped unless it is markup already."""
    items = [] if value is None or isinstance(value, Undefined) else list(value)
    if attribute is not None:
        items = [item.get(attribute) if isinstance(item, Mapping) else None for item in items]
    between = escape(within_bounds(separator))
    texts: list[Any] = []
    length, most = 0, running().limits.text
    for item in items:
        text = NOTHING if item is None else escape(within_bounds(item))
        length += len(text) + len(between)
        if length > most:
            raise running().too_long()
        texts.append(text)
    return between.join(texts)
