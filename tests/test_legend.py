"""The values in a chart's legend: of the same moment as the age, also in a page whose scripts have not run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from glance.config import Settings
from glance.model import Tail
from glance.runtime import Runtime
from glance.web.application import create_app
from glance.web.legend import filled, held_open
from tests.ingest_parts import reading
from tests.parts import Clock

LINE = (
    '<li class="c1"><span class="name">Attic</span><b><i class="v"{places}>{value}</i><span>°C</span></b>'
    '<span class="mm">{mm}</span></li>'
)


def drawn(value: str, mm: str, newest: float | None, *, low: float = 19.0, high: float = 22.0, places: str = "") -> str:
    """One line as a page gets it, its newest value being `newest`."""
    body = Markup(LINE.format(value=value, mm=mm, places=places))
    opened, figures = held_open(body, {"series": [{"low": low, "high": high}]}, lambda name: f"[{name}]")
    tail = Tail(1.0, (None if newest is None else (1.0, newest),))
    return re.sub(r"\[([vm]\d)\]", lambda found: filled(found[1], figures, tail).decode(), str(opened))


def test_what_was_drawn_stands_where_nothing_came_since() -> None:
    assert drawn("20.5", "19.0 – 22.0", None) == LINE.format(value="20.5", mm="19.0 – 22.0", places="")


@pytest.mark.parametrize(
    ("value", "newest", "shown", "mm"),
    [
        ("20.5", 21.0, "21.0", "19.0 – 22.0"),
        ("20", 21.24, "21.2", "19.0 – 22.0"),
        ("20.5", 23.25, "23.2", "19.0 – 23.2"),
        ("20.5", -3.0, "−3.0", "−3.0 – 22.0"),
        ("812", 12345.6, "12\u202f346", "19 – 12\u202f346"),
    ],
)
def test_the_newest_value_takes_its_place_and_widens_the_extremes(
    value: str, newest: float, shown: str, mm: str
) -> None:
    assert drawn(value, "19.0 – 22.0", newest) == LINE.format(value=shown, mm=mm, places="")


def test_the_decimals_that_the_owner_chose_are_kept() -> None:
    chosen = ' data-places="3"'
    assert drawn("20.500", "19.000 – 22.000", 21, places=chosen) == LINE.format(
        value="21.000", mm="19.000 – 22.000", places=chosen
    )


@pytest.mark.parametrize("data", [None, [], {"series": None}, {"series": [1]}, {"series": [{"low": "x"}]}])
def test_odd_data_leaves_the_extremes_as_they_were_drawn(data: Any) -> None:
    body = Markup(LINE.format(value="20.5", mm="19 – 22", places=""))
    _, figures = held_open(body, data, str)
    assert filled("m0", figures, Tail(1.0, ((1.0, 99.0),))) == b"19 \xe2\x80\x93 22"
    assert filled("v7", figures, None) == b""


@pytest.mark.parametrize("address", ["/d/home", "/p/guests"])
def test_the_value_on_a_page_is_of_the_moment_that_its_age_says(tmp_path: Path, address: str) -> None:
    clock = Clock()
    runtime = Runtime(Settings(data=tmp_path, auth="none", mqtt_url="off"), clock)
    client = create_app(runtime).test_client()
    runtime.ingest.start()
    try:
        runtime.dashboards.create("Home", slug="home")
        runtime.dashboards.update("home", {"is_public": True, "public_address": "guests"})
        source = {"kind": "series", "series": [{"device": "greenhouse", "sensor": "temperature"}], "range": "24h"}
        runtime.placing.add("home", "line-chart", "Course", {"data_source": source})

        def shown_after(value: float, later_s: float) -> list[str]:
            clock.forward(later_s)
            runtime.ingest.submit([reading("greenhouse", "temperature", value, at=clock())])
            return re.findall(r'<(?:i class="v"|span class="mm")>([^<]*)<', client.get(address).text)

        # a sensor so old that its line of a day is not read anew for a minute
        for value in (20.5, 21.5) * 12:
            shown_after(value, 3600)
        assert shown_after(23.5, 5) == ["23.5", "20.5 – 23.5"]
        assert shown_after(20.75, 5)[0] == "20.8"
    finally:
        runtime.stop()
