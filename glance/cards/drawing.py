"""The small drawings of cards as SVG: sparkline, gauge, history bars, meter. Positions are attributes, never styles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from glance.formats import STATUSES, as_number, number, points_of, sorted_bands, thin_out, trend

_SPARK_POINTS = 60
_HIST_BARS = 23
_DIAL_PX = 60
_DASHES = ("", "5 2.5", "2 2.5", "6 2 1 2")


def status_class(status: Any) -> str:
    """`is-ok` and so on; empty for anything that is no status."""
    return f"is-{status}" if status in STATUSES else ""


def _line_parts(raw: Any, width: float, top: float, bottom: float) -> list[list[tuple[float, float]]]:
    """The points as runs of (x, y) in the drawing; a gap ends a run."""
    points = points_of(thin_out(raw, _SPARK_POINTS))
    known = [value for _, value in points if value is not None]
    if len(known) < 2:
        return []
    low, high = min(known), max(known)
    first, last = points[0][0], points[-1][0]
    across, up = (last - first) or 1.0, (high - low) or 1.0
    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in points:
        if value is None:
            runs.append([])
            continue
        y = (top + bottom) / 2 if high == low else bottom - (bottom - top) * (value - low) / up
        runs[-1].append((width * (at - first) / across, y))
    return [run for run in runs if run]


def _spark_svg(raw: Any, css: str = "") -> str:
    """The drawing itself: an area and a line for each run of points."""
    shapes = []
    for found in _line_parts(raw, 100, 4, 28):
        # A single point between two gaps would be invisible: it becomes a short dash.
        run = found if len(found) > 1 else [found[0], (found[0][0] + 0.5, found[0][1])]
        path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in run)
        shapes.append(f'<path class="area" d="{path} L{run[-1][0]:.1f} 32 L{run[0][0]:.1f} 32Z"/>')
        shapes.append(f'<path class="line" d="{path}"/>')
    css_part = f' class="{css}"' if css else ""
    drawn = "".join(shapes)
    return f'<svg{css_part} viewBox="0 0 100 32" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'


def _spark_words(raw: Any, label: Any, unit: Any) -> str:
    """What a sparkline says to those who do not see it."""
    found = trend(raw)
    name = str(label or "Trend")
    if found is None:
        return f"{name}, too few values to draw"
    # "18.9 to 21.6 °C"
    return f"{name}, {number(found.low)} to {number(found.high, str(unit) if unit else None)}"


def sparkline(points: Any, label: Any = None, unit: Any = None, series: int = 1) -> Markup:
    """A line over the whole foot of a card, from [[t, v], …]; nothing where there is nothing to draw."""
    if trend(points) is None:
        return Markup('<div class="spark"></div>')
    css = f"spark as-{series}" if series in (2, 3, 4) else "spark"
    words = escape(_spark_words(points, label, unit))
    return Markup(f'<div class="{css}" role="img" aria-label="{words}">{_spark_svg(points)}</div>')


def spark_in(points: Any, label: Any = None, unit: Any = None) -> Markup:
    """A line in running text or a table cell, from [[t, v], …]."""
    if trend(points) is None:
        return Markup("")
    words = escape(_spark_words(points, label, unit))
    return Markup(f'<span role="img" aria-label="{words}">{_spark_svg(points, "spark-in")}</span>')


def meter(percent: Any, status: Any = None, series: int = 1) -> Markup:
    """A bar that is filled to a share of 100; the number belongs beside it in words."""
    share = as_number(percent)
    width = 0.0 if share is None else min(100.0, max(0.0, share))
    css = status_class(status) or f"c{series if series in (1, 2, 3, 4) else 1}"
    return Markup(f'<svg class="meter {css}" aria-hidden="true"><rect width="{width:.4g}%" height="4" rx="2"/></svg>')


def plot_lines(series: Any) -> Markup:
    """Several series in one drawing without axes: what a chart shows before its script draws it, or without script.

    `series` is a list of `{points: [[t, v], …]}`.
    """
    shown = [points_of(thin_out(one.get("points"), _SPARK_POINTS)) for one in series or () if isinstance(one, Mapping)]
    flat = [(at, value) for points in shown for at, value in points if value is not None]
    if len(flat) < 2:
        return Markup("")
    first, last = min(at for at, _ in flat), max(at for at, _ in flat)
    low, high = min(value for _, value in flat), max(value for _, value in flat)
    drawn = []
    for index, points in enumerate(shown):
        path, pen = [], "M"
        for at, value in points:
            if value is None:
                pen = "M"
                continue
            y = 50.0 if high == low else 96 - 92 * (value - low) / (high - low)
            path.append(f"{pen}{100 * (at - first) / ((last - first) or 1):.1f} {y:.1f}")
            pen = "L"
        dash = _DASHES[index % len(_DASHES)]
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        drawn.append(f'<path class="c{index % 4 + 1}"{dashes} d="{"".join(path)}"/>')
    return Markup(
        f'<svg class="lines" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">{"".join(drawn)}</svg>'
    )


def swatch(index: int) -> Markup:
    """The bit of line that stands for a series in a legend: solid, long dashes, short dashes, mixed."""
    dash = _DASHES[index % len(_DASHES)]
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return Markup(f'<svg class="swatch" viewBox="0 0 16 6" aria-hidden="true"><path d="M0 3h16"{dashes}/></svg>')


def _arc(start: float, end: float, radius: float) -> str:
    """An arc of the dial between two shares of it (0 to 1); the dial spans 220 degrees around (48, 48)."""
    a, b = (math.radians(160 + 220 * share) for share in (start, end))
    large = 1 if end - start > 180 / 220 else 0
    x1, y1 = 48 + radius * math.cos(a), 48 + radius * math.sin(a)
    x2, y2 = 48 + radius * math.cos(b), 48 + radius * math.sin(b)
    return f"M{x1:.2f} {y1:.2f}A{radius:g} {radius:g} 0 {large} 1 {x2:.2f} {y2:.2f}"


def share_of(value: Any, low: Any, high: Any) -> float | None:
    """Where a value lies between low and high, 0 to 1; None where that cannot be said."""
    found, start, end = as_number(value), as_number(low), as_number(high)
    if found is None or start is None or end is None or end == start:
        return None
    return min(1.0, max(0.0, (found - start) / (end - start)))


def _zones(low: Any, high: Any, bands: Sequence[Any] | None) -> str:
    """The thin outer arcs of the bands that ask for attention; bad ones are dashed too, not told by colour alone."""
    edges = sorted_bands(bands)
    drawn = []
    for index, (start, status) in enumerate(edges):
        end = edges[index + 1][0] if index + 1 < len(edges) else high
        first, last = share_of(start, low, high), share_of(end, low, high)
        if status in ("ok", "off") or first is None or last is None or last - first < 0.01:
            continue
        dashes = ' stroke-dasharray="3 1.5"' if status == "bad" else ""
        color = "accent" if status == "live" else status
        drawn.append(f'<path class="zone" stroke="var(--{color})"{dashes} d="{_arc(first + 0.01, last - 0.005, 46)}"/>')
    return "".join(drawn)


def _size_in_dial(figure: str, unit: str) -> str:
    """A class for what would run over the dial: md or sm; empty where it fits as it is. Widths are those of a wide font."""
    em = sum(0.7 if letter.isalnum() else 0.34 for letter in figure)
    unit_px = 9 * len(unit.replace("°", "")) + 5 * unit.count("°")
    return next((name for name, size_px in (("", 22), ("md", 18)) if em * size_px + unit_px <= _DIAL_PX), "sm")


def gauge_arc(
    value: Any,
    low: Any = 0,
    high: Any = 100,
    bands: Sequence[Any] | None = None,
    label: Any = None,
    unit: Any = None,
    decimals: int | None = None,
) -> Markup:
    """The dial of a gauge with its value in the middle; `bands` are `{from, status}`, lowest first or not."""
    share = share_of(value, low, high)
    front = f'<path class="fgarc" d="{_arc(0, max(share, 0.005), 38)}"/>' if share else ""
    said = number(value, str(unit) if unit else None, decimals)
    words = escape(f"{label or 'Value'} {said}, of {number(low)} to {number(high)}")
    middle = f'<span class="vv">{escape(number(value, None, decimals))}</span>'
    middle += f"<span>{escape(unit)}</span>" if unit and as_number(value) is not None else ""
    size = _size_in_dial(number(value, None, decimals), str(unit or ""))
    css = f' class="{size}"' if size else ""
    return Markup(
        f'<div class="gauge-dial" role="img" aria-label="{words}"><svg viewBox="0 0 96 70" aria-hidden="true">'
        f'<path class="bgarc" d="{_arc(0, 1, 38)}"/>{front}{_zones(low, high, bands)}</svg><b{css}>{middle}</b></div>'
    )


def histbars(history: Any, name: Any = None) -> Markup:
    """The last 23 checks as bars, oldest left: height is the time taken, a slow one coloured, a failed one split.

    `history` is a list of `{at, ms, state}` with state up, slow or down, oldest first.
    """
    checks = [check for check in history if isinstance(check, Mapping)] if isinstance(history, (list, tuple)) else []
    checks = checks[-_HIST_BARS:]
    slowest = max((as_number(check.get("ms")) or 0.0 for check in checks if check.get("state") == "up"), default=0.0)
    longest = max((as_number(check.get("ms")) or 0.0 for check in checks), default=0.0)
    empty = _HIST_BARS - len(checks)
    bars = [f'<rect x="{4 * i}" y="16" width="3" height="2" rx=".8" class="none"/>' for i in range(empty)]
    for i, check in enumerate(checks, empty):
        state, took = check.get("state"), as_number(check.get("ms")) or 0.0
        if state == "down":
            bars.append(f'<path d="M{4 * i} 0h3v11h-3ZM{4 * i} 14h3v4h-3Z" class="down"/>')
            continue
        slow = state == "slow"
        height = 11 + 5 * took / (longest or 1) if slow else 3 + 7 * took / (slowest or 1)
        css = ' class="slow"' if slow else ""
        bars.append(f'<rect x="{4 * i}" y="{18 - height:.1f}" width="3" height="{height:.1f}" rx=".8"{css}/>')
    down = sum(check.get("state") == "down" for check in checks)
    words = escape(f"{name or 'History'}, last {len(checks)} checks: {len(checks) - down} up, {down} down")
    return Markup(
        f'<svg class="hist" viewBox="0 0 91 18" preserveAspectRatio="none" role="img" aria-label="{words}">'
        f"{''.join(bars)}</svg>"
    )


def rain_bar(chance: Any) -> Markup:
    """A little column for a chance of rain, 0 to 100."""
    share = min(100.0, max(0.0, as_number(chance) or 0.0))
    top = 20 - 0.18 * share if share else 20.0
    foot = min(2.0, 20 - top)
    bend = f"a{foot:.3g} {foot:.3g} 0 0 1 {foot:.3g}-{foot:.3g}h{8 - 2 * foot:.3g}a{foot:.3g} {foot:.3g} 0 0 1 {foot:.3g} {foot:.3g}"
    return Markup(f'<svg viewBox="0 0 8 20" aria-hidden="true"><path d="M0 20V{top + foot:.3g}{bend}V20Z"/></svg>')


def span_bar(low: Any, high: Any, least: Any, most: Any) -> Markup:
    """The stretch from low to high on a line from least to most, cold to warm."""
    first, last = share_of(low, least, most), share_of(high, least, most)
    if first is None or last is None:
        return Markup('<svg class="band" aria-hidden="true"></svg>')
    width = max(2.0, 100 * (last - first))
    return Markup(
        f'<svg class="band" aria-hidden="true"><rect x="{100 * first:.4g}%" width="{width:.4g}%" height="4" rx="2" '
        'fill="url(#g-band)"/></svg>'
    )
