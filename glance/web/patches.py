"""What changed between two drawings of a live card, as its places and their new words: a fraction of the card, and nothing to parse.

A place is the number of an element or text in document order, the card itself being 0. Only words and attributes can change this
way; where elements come or go the whole card is sent.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Any

_PIECES = re.compile(rb"<[^>]*>|[^<]+")
_ATTRIBUTE = re.compile(rb'\s([^\s=>/"]+)(?:="([^"]*)")?')
# What a person may have changed, what draws itself, what a parser treats in a way of its own: such cards are sent whole.
_WHOLE = re.compile(
    rb"<(?:input|textarea|select|iframe|details|dialog|script|style|template|table|pre|!)|\sdata-(?:plot|keep)\b"
)
# Several pages that show the same cards are told the same; what fewer cards than this changed to is made once.
KEPT = 256

Change = list[Any]


@lru_cache(KEPT)
def changes(old: bytes, new: bytes) -> tuple[int, list[Change]] | None:
    """(number of places, [[place, words] or [place, {attribute: value or None}], …]) from one drawing to the next; None = send it whole.

    Both are drawn with the same words where the page counts by itself (age).
    """
    if _WHOLE.search(old) or _WHOLE.search(new):
        return None
    before, after = _PIECES.findall(old), _PIECES.findall(new)
    if len(before) != len(after):
        return None
    found: list[Change] = []
    place = -1
    for was, now in zip(before, after, strict=True):
        closes = now.startswith(b"</")
        place += not closes
        if was == now:
            continue
        tag = now.startswith(b"<")
        if closes or tag != was.startswith(b"<"):
            return None
        if not tag:
            found.append([place, _words(now)])
            continue
        attributes = _attributes(was, now)
        if attributes is None:
            return None
        found.append([place, attributes])
    return place + 1, found


def _attributes(was: bytes, now: bytes) -> dict[str, str | None] | None:
    """The attributes that differ, a missing one as None; None where it is another element, or another one by its id."""
    if _name(was) != _name(now):
        return None
    before, after = dict(_ATTRIBUTE.findall(was)), dict(_ATTRIBUTE.findall(now))
    if before.get(b"id") != after.get(b"id"):
        return None
    changed: dict[str, str | None] = {
        name.decode(): _words(value) for name, value in after.items() if before.get(name) != value
    }
    return changed | {name.decode(): None for name in before.keys() - after.keys()}


def _name(tag: bytes) -> bytes:
    return tag.strip(b"</>").split(maxsplit=1)[0]


def _words(raw: bytes) -> str:
    return html.unescape(raw.decode())
