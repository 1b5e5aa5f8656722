"""Live cards are changed in place by few words, and always end on the newest value."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from glance.mqtt.readings import Liveness, Outcome
from tests.e2e.conftest import Look
from tests.ingest_parts import reading
from tests.page_site import Site
from tests.waiting import until

HEAT = {"device": "stove", "sensor": "heat"}


def follow(site: Site, slug: str, span: str = "1h") -> str:
    source = {"kind": "series", "series": [HEAT], "range": span}
    return str(site.add(slug, slug.capitalize(), data_source=source).id)


def send(site: Site, *values: float) -> None:
    for value in values:
        site.runtime.ingest.submit([reading("stove", "heat", value, unit="W")])


def opened(site: Site, look: Callable[..., Look]) -> tuple[Look, list[dict[str, Any]], list[str]]:
    """The page, the JSON that it is sent, and the cards that it is sent whole."""
    page, told, whole = look(), list[dict[str, Any]](), list[str]()

    def heard(text: str | bytes) -> None:
        if str(text).startswith('{"tails"'):
            told.append(json.loads(text))
        if str(text).startswith("<article"):
            whole.append(str(text))

    page.page.on("websocket", lambda ws: ws.on("framereceived", heard))
    page.open(f"{site.address}/d/home").connected()
    return page, told, whole


def shows(page: Look, widget: str, where: str, text: str) -> None:
    page.until(
        "([id, where, text]) => document.querySelector(`#w-${id} ${where}`)?.textContent === text",
        [widget, where, text],
    )


def test_a_live_card_is_changed_in_place_without_being_sent_whole(site: Site, look: Callable[..., Look]) -> None:
    stat, gauge = follow(site, "stat"), follow(site, "gauge")
    send(site, 1, 2)
    page, told, whole = opened(site, look)
    page.run(
        "id => { window.card = document.getElementById('w-' + id); window.number = card.querySelector('b'); }", stat
    )
    for value in (3, 4, 5):
        send(site, value)
        shows(page, stat, ".stat-val b", str(value))
        shows(page, gauge, ".gauge-dial .vv", str(value))
    assert whole == []
    assert {stat, gauge} <= {widget for each in told for widget in each.get("cards", {})}
    assert page.run("id => card.isConnected && card.querySelector('b') === number", stat)
    shown = page.run("id => document.getElementById('w-' + id).dataset.v", stat)
    assert shown == [each["cards"][stat][1] for each in told if stat in each.get("cards", {})][-1]


def test_a_burst_ends_on_the_newest_value_and_the_small_line_follows(site: Site, look: Callable[..., Look]) -> None:
    stat, chart = follow(site, "stat"), follow(site, "line-chart")
    send(site, 1, 2)
    page, _, _ = opened(site, look)
    send(site, *range(100, 161))
    shows(page, stat, ".stat-val b", "160")
    shows(page, chart, ".legend .v", "160")
    page.until("id => document.querySelector(`#w-${id} .spark`).ariaLabel.includes('160')", stat)


def test_a_card_that_is_another_one_than_the_server_thinks_is_fetched_whole(
    site: Site, look: Callable[..., Look]
) -> None:
    stat = follow(site, "stat")
    send(site, 1, 2)
    page, _, whole = opened(site, look)
    page.run("id => document.querySelector(`#w-${id} .w-title`).append(document.createElement('i'))", stat)
    send(site, 3)
    shows(page, stat, ".stat-val b", "3")
    assert len(whole) == 1
    assert page.run("id => document.querySelector(`#w-${id} .w-title i`) === null", stat)


def test_the_age_of_a_changed_card_begins_anew(site: Site, look: Callable[..., Look]) -> None:
    stat = follow(site, "stat")
    send(site, 1)
    page, _, _ = opened(site, look)
    page.until("id => document.querySelector(`#w-${id} .w-age time`).textContent === '1 s'", stat)
    send(site, 2)
    shows(page, stat, ".stat-val b", "2")
    assert page.run("id => document.querySelector(`#w-${id} .w-age time`).textContent", stat) == "0 s"


def test_a_chart_that_is_sent_anew_gets_its_points_and_stays_the_same_drawing(
    site: Site, look: Callable[..., Look]
) -> None:
    chart = follow(site, "line-chart")
    send(site, 1, 2)
    page, _, whole = opened(site, look)
    page.until("id => document.querySelector(`#w-${id} canvas`) !== null", chart)
    page.run(
        """id => {
          window.canvas = document.querySelector(`#w-${id} canvas`);
          window.swaps = window.drawn = 0;
          document.addEventListener('htmx:before:swap', () => { swaps += 1; });
          document.addEventListener('glance:data', () => { drawn += 1; });
          window.values = [];
          const value = document.querySelector(`#w-${id} .legend .v`);
          new MutationObserver(() => values.push(value.textContent)).observe(value, { childList: true, subtree: true, characterData: true });
        }""",
        chart,
    )
    send(site, 30)
    shows(page, chart, ".legend .v", "30")
    site.runtime.widgets.update(chart, {"title": "Another name"})
    site.runtime.hub.mark([chart])
    shows(page, chart, ".w-title", "Another name")
    assert len(whole) == 1
    assert page.run("id => [canvas === document.querySelector(`#w-${id} canvas`), swaps]", chart) == [True, 0]
    # what was drawn before the newest value came does not take it back, not even for a moment
    assert set(page.run("() => values")) == {"30"}
    points = "id => JSON.parse(document.querySelector(`#w-${id} script`).textContent).series[0].points.map(p => p[1])"

    def has_all() -> bool:
        # read anew a few seconds after the last time; a new title has it sent at once
        site.runtime.widgets.update(chart, {"title": f"Name {time.monotonic()}"})
        site.runtime.hub.mark([chart])
        return bool(page.run(points, chart) == [1, 2, 30])

    until(has_all)
    assert page.run("id => [canvas === document.querySelector(`#w-${id} canvas`), swaps, drawn > 0]", chart) == [
        True,
        0,
        True,
    ]


def test_a_chart_whose_device_goes_keeps_its_newest_value_and_range(site: Site, look: Callable[..., Look]) -> None:
    chart = follow(site, "line-chart")
    send(site, 1, 2)
    page, _, whole = opened(site, look)
    page.until("id => document.querySelector(`#w-${id} canvas`) !== null", chart)
    send(site, 30)
    shows(page, chart, ".legend .mm", "1 – 30")
    site.runtime.ingest.take(Outcome(liveness=(Liveness("stove", "offline", False, False),)))
    page.until("id => document.getElementById('w-' + id).dataset.state === 'offline'", chart)
    assert len(whole) == 1
    legend = "id => ['.v', '.mm'].map(where => document.querySelector(`#w-${id} .legend ${where}`).textContent)"
    assert page.run(legend, chart) == ["30", "1 – 30"]


def test_a_page_opened_later_says_at_once_how_new_a_chart_is(site: Site, look: Callable[..., Look]) -> None:
    # the line of a sensor that is half a day old is kept for a minute
    chart = follow(site, "line-chart", "24h")
    site.runtime.ingest.submit([reading("stove", "heat", 0, at=time.time() - 43_200)])
    send(site, 1)
    first, _, _ = opened(site, look)
    drawn = first.run("id => document.getElementById('w-' + id).dataset.v", chart)
    first.until("id => document.querySelector(`#w-${id} .w-age time`).textContent === '3 s'", chart)
    send(site, 2)
    text = first.page.request.get(f"{site.address}/d/home").text()
    card = text[text.index(f'id="w-{chart}"') :]
    shown_at = float(card.split('data-at="')[1].split('"')[0])
    assert f'data-v="{drawn}"' in card
    newest = site.runtime.ingest.samples.latest(1)
    assert newest is not None
    assert newest.at is not None
    assert abs(shown_at - newest.at) < 0.1
