"""The values in a chart's legend: the card keeps a place for each, so that they are of the same moment as its age. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from glance.formats import as_number, digits, number
from glance.model import Tail

# As widgets/line-chart/card.html writes them: the value, its unit, and the lowest and highest where they are shown.
_LINE = re.compile(
    r'(<i class="v"(?: data-places="(\d{1,2})")?>)([^<]*)(</i>(?:<span>[^<]*</span>)?</b>)(?:(<span class="mm">)([^<]*))?'
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a legend as it was drawn: its value and its extremes as text, the decimals that the owner chose, the extremes."""

    value: str
    extremes: str
    decimals: int | None
    low: float | None
    high: float | None

    def value_at(self, newest: float) -> str:
        """The newest value, with as many decimals as the page's script would give it."""
        return number(newest, None, self._places(newest))

    def extremes_with(self, newest: float) -> str:
        """Lowest and highest, with the newest value among them."""
        if self.low is None or self.high is None or self.low <= newest <= self.high:
            return self.extremes
        places = self._places(newest)
        return f"{number(min(self.low, newest), None, places)} – {number(max(self.high, newest), None, places)}"

    def _places(self, newest: float) -> int:
        """As `grow` in js/chart.js has it: those of the text that was drawn, or more where the value is small."""
        if self.decimals is not None:
            return self.decimals
        return max(_after(self.value), min(_after(digits(newest)), 1 if abs(newest) >= 1 else 2))


def held_open(body: Markup, data: Any, place: Callable[[str], str]) -> tuple[Markup, tuple[Figure, ...]]:
    """A chart's markup with `place("v0")` instead of the first line's value and `place("m0")` of its extremes, and what stood there."""
    lines = data.get("series") if isinstance(data, Mapping) else None
    figures: list[Figure] = []

    def opened(found: re.Match[str]) -> str:
        begin, decimals, value, middle, head, extremes = found.groups()
        index = len(figures)
        line = lines[index] if isinstance(lines, Sequence) and index < len(lines) else None
        known = line if isinstance(line, Mapping) else {}
        low, high = as_number(known.get("low")), as_number(known.get("high"))
        figures.append(Figure(value, extremes or "", int(decimals) if decimals else None, low, high))
        rest = f"{head}{place(f'm{index}')}" if head else ""
        return f"{begin}{place(f'v{index}')}{middle}{rest}"

    return Markup(_LINE.sub(opened, str(body))), tuple(figures)


def filled(slot: str, figures: Sequence[Figure], tail: Tail | None) -> bytes:
    """What stands at a place: what was drawn, or the newest value where one came since."""
    index = int(slot[1:])
    if index >= len(figures):
        return b""
    figure = figures[index]
    newest = tail.points[index] if tail is not None and index < len(tail.points) else None
    if newest is None:
        return (figure.value if slot[0] == "v" else figure.extremes).encode()
    text = figure.value_at(newest[1]) if slot[0] == "v" else figure.extremes_with(newest[1])
    return str(escape(text)).encode()


def _after(text: str) -> int:
    """How many digits stand behind the point."""
    return len(text.partition(".")[2])
