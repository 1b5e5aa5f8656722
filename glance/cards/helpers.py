"""Everything a card template can call, by name; docs/writing-a-widget.md describes each (a test holds the two together)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2.runtime import Undefined
from markupsafe import Markup

from glance import formats, moments
from glance.cards import bands, drawing, marks
from glance.cards.budget import running
from glance.cards.marks import Marks


def _known(helper: Callable[..., Any]) -> Callable[..., Any]:
    """The helper with missing fields handed over as None."""

    def call(*values: Any, **named: Any) -> Any:
        given = [None if isinstance(value, Undefined) else value for value in values]
        return helper(
            *given, **{name: None if isinstance(value, Undefined) else value for name, value in named.items()}
        )

    return call


def _picture(image_url: Callable[[str], str] | None) -> Callable[[Any], str]:
    """The address of a picture on Glance's own route; empty where it is none to fetch."""

    def image(url: Any) -> str:
        found = marks.link(url)
        if not found or image_url is None or not found.lower().startswith(("http://", "https://")):
            return ""
        may_show = running().may_show
        if may_show is not None and not may_show(found):
            return ""
        return image_url(found)

    return image


def _series(index: Any) -> int:
    """The colour and dash of the n-th series, 1 to 4, over and over."""
    return int(formats.as_number(index) or 0) % 4 + 1


def _letter(text: Any) -> str:
    """The first letter or digit of a name, for a tile without an icon."""
    return next((char.upper() for char in str(text or "") if char.isalnum()), "·")


def _merged(first: Any, second: Any) -> dict[str, Any]:
    """Two objects as one; what both have is taken from the second."""
    return {**(first if isinstance(first, Mapping) else {}), **(second if isinstance(second, Mapping) else {})}


def _timed(clock: Callable[[], float]) -> dict[str, Callable[..., Any]]:
    """The helpers that ask for the time; a card that uses one is drawn anew each minute."""

    def month(events: Any, zone: str | None = None, first_day: str = "monday") -> moments.Month:
        return moments.month(clock(), _events(events), zone, first_day or "monday")

    def agenda(events: Any, zone: str | None = None, most: int = 8) -> list[moments.AgendaDay]:
        return moments.agenda(clock(), _events(events), zone, most)

    def is_new(value: Any, hours: float = 24) -> bool:
        at = moments.unix(value)
        return at is not None and clock() - at < hours * 3600

    return {"now": clock, "month": month, "agenda": agenda, "is_new": is_new}


def _events(raw: Any) -> Sequence[Mapping[str, Any]]:
    return [item for item in raw if isinstance(item, Mapping)] if isinstance(raw, (list, tuple)) else []


def _drawn() -> dict[str, Callable[..., Any]]:
    return {
        "sparkline": drawing.sparkline,
        "spark_in": drawing.spark_in,
        "meter": drawing.meter,
        "gauge_arc": drawing.gauge_arc,
        "histbars": drawing.histbars,
        "state_band": bands.state_band,
        "rain_bar": drawing.rain_bar,
        "span_bar": drawing.span_bar,
        "swatch": drawing.swatch,
        "plot_lines": drawing.plot_lines,
        "json_script": marks.json_script,
        "share_of": drawing.share_of,
        "thin_out": formats.thin_out,
    }


def _said() -> dict[str, Callable[..., Any]]:
    return {
        "number": formats.number,
        "bytes": formats.size,
        "rate": formats.rate,
        "bits": formats.bits,
        "figure": formats.figure,
        "percent": formats.percent,
        "duration": formats.duration,
        "milliseconds": formats.milliseconds,
        "as_number": formats.as_number,
        "places": formats.places,
        "trend": formats.trend,
        "judge": formats.judge,
        "band": formats.band,
        "clock": moments.clock,
        "day": moments.day,
        "full_date": moments.full_date,
        "long_day": moments.long_day,
        "day_and_time": moments.day_and_time,
        "weekday": moments.weekday,
        "week": moments.week,
        "offset": moments.offset,
        "iso": moments.iso,
        "plain": marks.plain,
        "letter": _letter,
        "series": _series,
        "merged": _merged,
    }


def offered(
    pieces: Marks,
    image_url: Callable[[str], str] | None,
    clock: Callable[[], float],
    has_icon: Callable[[str], bool] | None,
) -> dict[str, Callable[..., Any]]:
    """Every helper by the name templates use."""
    image = _picture(image_url)

    def clean_html(text: Any) -> Markup:
        return marks.clean_html(text, image)

    def markdown(text: Any) -> Markup:
        return marks.markdown(text, image)

    linked: dict[str, Callable[..., Any]] = {
        "icon": pieces.icon,
        "has_icon": has_icon or (lambda name: bool(pieces.icon(name))),
        "status_icon": pieces.status_icon,
        "status_class": drawing.status_class,
        "pill": pieces.pill,
        "verdict": pieces.verdict,
        "blank": pieces.blank,
        "link": marks.link,
        "href": marks.href,
        "host_of": marks.host_of,
        "image": image,
        "ago": lambda value: marks.ago(value, clock()),
        "time": marks.time_tag,
        "clean_html": clean_html,
        "markdown": markdown,
    }
    return {name: _known(helper) for name, helper in {**_drawn(), **_said(), **linked, **_timed(clock)}.items()}
