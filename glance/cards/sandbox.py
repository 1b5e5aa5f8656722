"""The environment in which card templates run: autoescaping, sandboxed, and bounded in time and size.

A template gets plain JSON data and the helpers, nothing else. The sandbox and its counting are those of glance.bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2.runtime import ChainableUndefined, Undefined

from glance.bounded.budget import running, within_bounds
from glance.bounded.environment import BoundedEnvironment
from glance.bounded.filters import measured
from glance.cards.filters import bounded_join
from glance.formats import NOTHING


class Missing(ChainableUndefined):
    """A field that is not there: empty, false, and so is everything below it."""


def _finalize(value: Any) -> Any:
    """How a value is written: null as a dash, true and false as words; everything counted."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, (str, Undefined)) else str(within_bounds(value))
    if isinstance(text, str):
        running().write(len(text))
    return text


class CardEnvironment(BoundedEnvironment):
    """The sandbox of card templates; `strict` for those that came through the API or an import, those of folders are trusted."""

    def __init__(self, strict: bool = True) -> None:
        super().__init__(
            strict=strict,
            autoescape=True,
            undefined=Missing,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_finalize,
        )
        self.filters["join"] = bounded_join
        self.offer_all()

    def offer(self, name: str, function: Callable[..., Any]) -> None:
        """Offer a helper as a filter too."""
        self.filters[name] = measured(function, deep=True) if self.strict else function
