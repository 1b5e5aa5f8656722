"""Bands of states over time as SVG: when something was on, or which word held when."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup, escape

from glance.cards.budget import running
from glance.cards.drawing import status_class
from glance.formats import as_number, judge, number, points_of

_MOST_SPELLS = 200
_ROOM_FOR_A_WORD = 10
# a hole narrower than so many per cent of the band is no news: values end when they were asked for, a moment apart
_LEAST_SHARE = 0.5
# what a thing says while it does nothing
_WORDS_OF_REST = frozenset("off closed idle none no clear ok normal standby docked unknown unavailable".split())


def _spells(raw: Any, rules: Any) -> list[tuple[float, float, str]]:
    """[[t, v], …] as (from, to, class) of each spell in which the same rule held; what is 0 or unknown is no spell."""
    points = points_of(raw)
    found: list[tuple[float, float, str]] = []
    budget, most = running(), len(rules) if isinstance(rules, (list, tuple)) else 0
    for (at, value), (until, _) in pairwise(points):
        budget.work(1 + most)  # each value is held against each rule
        css = status_class((judge(value, rules) or {}).get("status")) or ("is-on" if value else "")
        if value is None or not css:
            continue
        if found and found[-1][2] == css and found[-1][1] == at:
            found[-1] = (found[-1][0], until, css)
        else:
            found.append((at, until, css))
    return found


def _unknown(pairs: Sequence[tuple[float, Any]], first: float, last: float) -> list[tuple[float, float]]:
    """(from, to) of each time of the band about which nothing is known: before the first value, after the last, and between."""
    spells = [(first, pairs[0][0])] if pairs else []
    spells += [(at, until) for (at, value), (until, _) in pairwise(pairs) if value is None]
    # the last of the points only says when the value before it ended
    spells += [(pairs[-1][0], last)] if pairs else []
    return [(at, until) for at, until in spells if 100 * (until - at) > _LEAST_SHARE * (last - first)]


def _holes(spells: Sequence[tuple[float, float]], first: float, across: float, height: int) -> str:
    return "".join(
        f'<rect class="no-data" x="{100 * (at - first) / across:.4g}%" width="{100 * (until - at) / across:.4g}%" '
        f'height="{height}"><title>no data</title></rect>'
        for at, until in spells[-_MOST_SPELLS:]
    )


def _pairs(raw: Any) -> list[tuple[float, Any]]:
    """[[t, v], …] with the values as they are, in order of time."""
    found = [
        (at, pair[1])
        for pair in (raw if isinstance(raw, list | tuple) else ())
        if isinstance(pair, list | tuple) and len(pair) == 2 and (at := as_number(pair[0])) is not None
    ]
    return sorted(found, key=lambda pair: pair[0])


def _word_band(pairs: Sequence[tuple[float, Any]], rules: Any, label: Any, first: float, across: float) -> Markup:
    """Stretches of words: each word has a colour and stands in its stretch where there is room; words of rest leave it blank."""
    numbers: dict[str, int] = {}
    bars: list[str] = []
    told: list[str] = []
    holes = _holes(_unknown(pairs, first, first + across), first, across, 16)
    for (at, value), (until, _) in list(pairwise(pairs))[-_MOST_SPELLS:]:
        word = "" if value is None else " ".join(str(value).split())[:40]
        status = status_class((judge(value, rules) or {}).get("status"))
        if not word or (not status and word.casefold() in _WORDS_OF_REST):
            continue
        css = status or f"c{numbers.setdefault(word, len(numbers)) % 4 + 1}"
        x, width = 100 * (at - first) / across, max(0.4, 100 * (until - at) / across)
        text = f'<text x="4" y="12">{escape(word)}</text>' if width >= _ROOM_FOR_A_WORD else ""
        bars.append(
            f'<svg class="{css}" x="{x:.4g}%" width="{width:.4g}%" height="16"><title>{escape(word)}</title>'
            f'<rect width="100%" height="16"/>{text}</svg>'
        )
        told.append(word)
    said = escape(f"{label or 'State'}, {', '.join(told[-5:]) or 'nothing'}, oldest first")
    return Markup(f'<svg class="state-band is-words" role="img" aria-label="{said}">{holes}{"".join(bars)}</svg>')


def state_band(points: Any, rules: Any = None, label: Any = None, begin: Any = None, end: Any = None) -> Markup:
    """When something was on, or in which state, as a band over time; each value of [[t, v], …] lasts until the next.

    `rules` give values a status; without one a value other than 0 is on. Words are written into their stretch. `begin` and `end`
    are the time that the band spans, for bands that stand below each other; else that of its own points. A time of which nothing is
    known is a hole, not "off".
    """
    whole = points_of(points)
    first = as_number(begin) if as_number(begin) is not None else whole[0][0] if whole else 0.0
    last = as_number(end) if as_number(end) is not None else whole[-1][0] if whole else 0.0
    first, last = first or 0.0, last or 0.0
    across = (last - first) or 1.0
    if any(isinstance(pair[1], str) and as_number(pair[1]) is None for pair in _pairs(points)):
        return _word_band(_pairs(points), rules, label, first, across)
    spells = _spells(points, rules)
    bars = [
        f'<rect class="{css}" x="{100 * (start - first) / across:.4g}%" width="{max(0.4, 100 * (end - start) / across):.4g}%" '
        'height="12"/>'
        for start, end, css in spells[-_MOST_SPELLS:]
    ]
    unknown = _unknown([(at, value) for at, value in whole], first, last) if whole else []
    holes = _holes(unknown, first, across, 12)
    known = across - sum(until - at for at, until in unknown)
    share = 100 * sum(end - start for start, end, _ in spells) / (known or 1.0)
    words = escape(f"{label or 'State'}, on {number(share, '%', 0)} of the time")
    return Markup(f'<svg class="state-band" role="img" aria-label="{words}">{holes}{"".join(bars)}</svg>')
