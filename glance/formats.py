"""Numbers, sizes, durations and rules as people read them; pure, and the same on every page.

Nothing known is always an en dash. Thousands are set apart by a narrow space from 10 000 on (SI), units by a no-break space,
except a bare degree sign.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOTHING = "–"
THIN = "\u202f"
SPACE = "\u00a0"
STATUSES = ("ok", "warn", "bad", "info", "off", "live")


def as_number(value: Any) -> float | None:
    """The value as a finite number; numeric text counts, booleans and everything else do not."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _auto_digits(value: float) -> int:
    """How many decimals say something: none from 100 on, one from 10 on, else two."""
    size = abs(value)
    if size >= 100:
        return 0
    return 1 if size >= 10 else 2


def _own_digits(value: float) -> int:
    """How many decimals the value itself has: 20.02 is shown as 20.0, so that its width stays, and 20 as 20."""
    _, point, behind = f"{value:.6f}".rstrip("0").partition(".")
    return len(behind) if point else 0


def places(*values: Any) -> int:
    """How many decimals suit values that stand side by side: those of the largest, none where all are whole."""
    known = [found for found in map(as_number, values) if found is not None]
    if not known or all(found == int(found) for found in known):
        return 0
    return min(_auto_digits(max(known, key=abs)), 1 if max(map(abs, known)) >= 1 else 2)


def digits(value: float, decimals: int | None = None) -> str:
    """Plain digits: with given decimals exactly those, else as many as say something."""
    if decimals is not None:
        text = f"{value:,.{max(0, min(int(decimals), 10))}f}"
    else:
        text = f"{value:,.{_auto_digits(value)}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
    if text.strip("-0.,") == "" and text.startswith("-"):
        text = text[1:]
    separator = THIN if abs(value) >= 10_000 else ""
    return text.replace(",", separator).replace("-", "−")


def with_unit(text: str, unit: str | None) -> str:
    """Text and its unit; a bare degree sign sticks to the number."""
    if not unit:
        return text
    return f"{text}{unit}" if unit in ("°", "′", "″") else f"{text}{SPACE}{unit}"


def number(value: Any, unit: str | None = None, decimals: int | None = None) -> str:
    """A number with its unit; text that is no number stays as it is."""
    found = as_number(value)
    if found is not None and not (isinstance(value, str) and decimals is None and unit is None):
        if decimals is None:
            decimals = min(_auto_digits(found), _own_digits(found))
        return with_unit(digits(found, decimals), unit)
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "On" if value else "Off"
    if isinstance(value, (dict, list, tuple)):
        return NOTHING if not value else f"{len(value)} items" if len(value) > 1 else "1 item"
    return str(value)


def size(value: Any, decimals: int | None = None) -> str:
    """Bytes in decimal units: 1.84 TB."""
    found = as_number(value)
    if found is None:
        return NOTHING
    steps = iter(("B", "kB", "MB", "GB", "TB", "PB"))
    unit = next(steps)
    while abs(found) >= 999.5 and unit != "PB":
        found, unit = found / 1000, next(steps)
    return with_unit(digits(found, 0 if unit == "B" else decimals), unit)


def rate(value: Any, decimals: int | None = None) -> str:
    """Bytes per second: 1.2 MB/s."""
    return NOTHING if as_number(value) is None else f"{size(value, decimals)}/s"


def bits(value: Any, decimals: int | None = None) -> str:
    """Bits per second: 684 Mbit/s."""
    found = as_number(value)
    if found is None:
        return NOTHING
    steps = iter(("", "k", "M", "G"))
    prefix = next(steps)
    while abs(found) >= 999.5 and prefix != "G":
        found, prefix = found / 1000, next(steps)
    return with_unit(digits(found, 0 if not prefix else decimals), f"{prefix}bit/s")


def percent(value: Any, decimals: int | None = 0) -> str:
    """A share of 100: 61 %."""
    found = as_number(value)
    return NOTHING if found is None else with_unit(digits(found, decimals), "%")


_STEPS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def duration(value: Any, parts: int = 1) -> str:
    """Seconds as the largest unit that fits, or as several: 41 d; with two parts 3 h 20 min; below a second 812 ms."""
    found = as_number(value)
    if found is None:
        return NOTHING
    sign, left = ("−" if found < 0 else ""), abs(found)
    if 0 < left < 0.9995:
        return f"{sign}{with_unit(str(round(left * 1000)), 'ms')}"
    words: list[str] = []
    left = float(round(left))
    for step, unit in _STEPS:
        count, left = divmod(left, step)
        if count and len(words) < parts:
            words.append(with_unit(str(int(count)), unit))
        elif words:
            break
    return sign + SPACE.join(words) if words else with_unit("0", "s")


def milliseconds(value: Any) -> str:
    """Milliseconds as they are, from ten seconds on in seconds: 812 ms, 12 s."""
    found = as_number(value)
    if found is None:
        return NOTHING
    if 0 < found < 1:
        return with_unit("<1", "ms")
    return with_unit(digits(found, 0), "ms") if found < 10_000 else duration(found / 1000)


@dataclass(frozen=True, slots=True)
class Figure:
    """A value to show large: the digits (or words), and its unit beside it in small type."""

    text: str
    unit: str

    def __str__(self) -> str:
        return with_unit(self.text, self.unit)


def figure(value: Any, form: str | None = None, unit: str | None = None, decimals: int | None = None) -> Figure:
    """A value in one of the forms number (also None), percent, bytes, rate, bits, duration, milliseconds."""
    makers = {"bytes": size, "rate": rate, "bits": bits}
    if as_number(value) is None or (isinstance(value, str) and not form and unit is None):
        return Figure(number(value), "")
    if form in makers:
        text, _, own = makers[form](value, decimals).partition(SPACE)
        return Figure(text, own)
    if form in ("duration", "milliseconds"):
        text, _, own = (duration(value) if form == "duration" else milliseconds(value)).partition(SPACE)
        return Figure(text, own)
    return Figure(number(as_number(value), None, decimals), "%" if form == "percent" else unit or "")


@dataclass(frozen=True, slots=True)
class Trend:
    """What a row of points says: its ends, its extremes and the change between the ends."""

    first_at: float
    last_at: float
    first: float
    last: float
    low: float
    high: float

    @property
    def change(self) -> float:
        """The last value less the first."""
        return self.last - self.first


def points_of(raw: Any) -> list[tuple[float, float | None]]:
    """[[t, v], …] as clean pairs in order of time; a value that is no number is a gap, a row without a time is dropped."""
    pairs: list[tuple[float, float | None]] = []
    for item in raw if isinstance(raw, (list, tuple)) else ():
        if isinstance(item, (list, tuple)) and len(item) == 2:
            at = as_number(item[0])
            if at is not None:
                pairs.append((at, as_number(item[1])))
    return sorted(pairs, key=lambda pair: pair[0])


def trend(raw: Any) -> Trend | None:
    """The trend of [[t, v], …]; None where fewer than two points have a value."""
    known = [(at, value) for at, value in points_of(raw) if value is not None]
    if len(known) < 2:
        return None
    values = [value for _, value in known]
    return Trend(known[0][0], known[-1][0], values[0], values[-1], min(values), max(values))


def thin_out(raw: Any, most: int) -> list[tuple[float, float | None]]:
    """At most about `most` points that keep every extreme: the lowest and highest of each stretch, gaps kept as gaps."""
    points = points_of(raw)
    if len(points) <= most:
        return points
    kept: list[tuple[float, float | None]] = []
    stretch = math.ceil(len(points) / max(1, most // 2))
    for start in range(0, len(points), stretch):
        part = points[start : start + stretch]
        known = [pair for pair in part if pair[1] is not None]
        if not known:
            kept.append(part[0])
            continue
        ends = {min(known, key=lambda pair: pair[1] or 0.0), max(known, key=lambda pair: pair[1] or 0.0)}
        kept.extend(sorted(ends, key=lambda pair: pair[0]))
    return kept


def _same(value: Any, other: Any) -> bool:
    left, right = as_number(value), as_number(other)
    if left is not None and right is not None:
        return left == right
    return _plain(value).casefold() == _plain(other).casefold()


def _plain(value: Any) -> str:
    """A value as text to compare: true and false as written in JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def holds(value: Any, op: str, other: Any) -> bool:
    """Whether `value op other`: = != contains for anything, > >= < <= for numbers."""
    if op in ("=", "=="):
        return _same(value, other)
    if op == "!=":
        return not _same(value, other)
    if op == "contains":
        return _plain(other).casefold() in _plain(value).casefold()
    left, right = as_number(value), as_number(other)
    if left is None or right is None:
        return False
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}.get(op, False)


def judge(value: Any, rules: Sequence[Any] | None) -> Mapping[str, Any] | None:
    """The first of the rules `{op, value, status, label?}` that holds; None where none does."""
    for rule in rules or ():
        if isinstance(rule, Mapping) and holds(value, str(rule.get("op", "=")), rule.get("value")):
            return rule
    return None


def band(value: Any, bands: Sequence[Any] | None) -> str | None:
    """The status of the band `{from, status}` that the value lies in: the last one that begins at or below it."""
    found = as_number(value)
    if found is None:
        return None
    status: str | None = None
    for start, word in sorted_bands(bands):
        if found >= start:
            status = word
    return status


def sorted_bands(bands: Sequence[Any] | None) -> list[tuple[float, str]]:
    """Bands as (from, status), lowest first; what has no number or no known status is left out."""
    found: list[tuple[float, str]] = []
    for item in bands or ():
        if isinstance(item, Mapping) and item.get("status") in STATUSES:
            start = as_number(item.get("from"))
            if start is not None:
                found.append((start, str(item["status"])))
    return sorted(found, key=lambda pair: pair[0])
