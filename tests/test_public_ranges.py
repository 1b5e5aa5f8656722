"""Guests choose the range of a chart: of the charts of that dashboard alone, and only while it is shared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from glance.model import Widget
from glance.web.door.rates import RATES
from tests.ingest_parts import reading
from tests.test_public import SECRET, Shared

SERIES = {
    "kind": "series",
    "series": [{"device": "greenhouse", "sensor": "temperature", "label": "Green"}],
    "range": "1h",
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Shared]:
    made = Shared(tmp_path)
    made.runtime.start()
    made.runtime.ingest.submit([reading("greenhouse", "temperature", 21.5)])
    yield made
    made.stop()


@pytest.fixture
def chart(site: Shared) -> Widget:
    made = site.add("line-chart", "Course", data_source=SERIES)
    site.share()
    return made


def ask(site: Shared, widget: str, span: str = "7d", address: str = "guests") -> TestResponse:
    return site.guest().get(f"/p/{address}/widgets/{widget}/points", query_string={"range": span})


def refused(answer: TestResponse) -> bool:
    return answer.status_code == 404 and "21.5" not in answer.text


def test_a_guest_sees_the_ranges_and_gets_the_lines_of_the_one_chosen(site: Shared, chart: Widget) -> None:
    page = site.guest().get("/p/guests").text
    for span in ("1h", "24h", "7d", "30d"):
        assert f'data-range="{span}"' in page
    assert 'data-range="1h" data-saved aria-pressed="true"' in page
    answer = ask(site, chart.id)
    assert answer.status_code == 200
    (line,) = answer.json["series"]
    assert line["label"] == "Green"
    assert line["points"][-1][1] == 21.5
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "Set-Cookie" not in answer.headers


def test_a_range_that_there_is_not_is_said_to_be_none(site: Shared, chart: Widget) -> None:
    assert ask(site, chart.id, "99y").status_code == 422


def test_other_widgets_of_the_dashboard_do_not_give_out_their_history(site: Shared, chart: Widget) -> None:
    stat = site.add("stat", "Now", data_source=SERIES)
    pushed = site.add("line-chart", "Pushed", data_source={"kind": "push"})
    tally = site.add("tally", "Number")
    for widget in (stat, pushed, tally):
        assert refused(ask(site, widget.id)), widget.title
    assert site.guest().get("/p/guests").text.count('role="group" aria-label="Time range"') == 1


def test_charts_of_other_dashboards_are_not_there(site: Shared, chart: Widget) -> None:
    private = site.add("line-chart", "Mine", "cellar", data_source=SERIES)
    assert refused(ask(site, private.id))
    site.share("others", "cellar")
    assert refused(ask(site, private.id))
    assert refused(ask(site, chart.id, address="others"))
    assert ask(site, private.id, address="others").status_code == 200
    for unknown in ("nothing", "..", "%2e%2e", "x" * 3000):
        assert refused(ask(site, unknown)), unknown


def test_guests_cannot_take_the_owners_way(site: Shared, chart: Widget) -> None:
    answer = site.guest().get(f"/widgets/{chart.id}/points?range=7d", headers={"Sec-Fetch-Mode": "cors"})
    assert answer.status_code == 401


def test_taken_back_it_is_gone_with_the_next_request(site: Shared, chart: Widget) -> None:
    assert ask(site, chart.id).status_code == 200
    site.runtime.dashboards.update("home", {"is_public": False})
    assert refused(ask(site, chart.id))


def test_a_secret_that_comes_back_in_a_name_is_masked(site: Shared) -> None:
    site.runtime.credentials.create("elsewhere", SECRET, ["example.org"])
    named: dict[str, Any] = {**SERIES, "series": [{**SERIES["series"][0], "label": f"Green {SECRET}"}]}
    chart = site.add("line-chart", "Course", data_source=named)
    site.share()
    assert SECRET not in ask(site, chart.id).text
    assert SECRET not in site.guest().get("/p/guests").text


def test_who_asks_too_often_has_to_wait(site: Shared, chart: Widget) -> None:
    rates = site.app.extensions["glance.door"].rates
    now = rates.clock()
    rates.clock = lambda: now
    rates.spend("public", "192.168.1.20", RATES["public"][0].burst - 1)
    assert ask(site, chart.id).status_code == 200
    answer = ask(site, chart.id)
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers
