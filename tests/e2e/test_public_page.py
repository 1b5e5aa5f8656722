"""A public dashboard and the page of tokens in a real browser: live, accessible, gone when taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Look
from tests.e2e.test_door_pages import STATUS, violations
from tests.ingest_parts import reading
from tests.page_site import Site, points
from tests.waiting import until


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, auth="password", password="a long enough one").start()
    made.tallies(2, value=41)
    made.runtime.refresher.push(made.add("plotted", "Line"), points(50))
    made.runtime.dashboards.update("home", {"is_public": True, "public_address": "guests"})
    yield made
    made.stop()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_guests_see_a_live_page_until_it_is_taken_back(shared: Site, look: Callable[..., Look], theme: str) -> None:
    guest = look(color_scheme=theme).open(shared.address + "/p/guests").connected()
    guest.until("document.querySelector('[data-plot] canvas') !== null")
    shared.push(shared.runtime.widgets.on_dashboard("home")[0], 4242)
    guest.until("document.querySelector('[data-live]').textContent === '4242'")
    assert violations(guest) == []
    guest.forgive.append(STATUS)
    shared.runtime.dashboards.update("home", {"is_public": False})
    shared.runtime.hub.mark_page("home")
    guest.page.get_by_role("heading", name="There is nothing at this address").wait_for()
    assert guest.page.context.cookies() == []


def test_a_guest_chooses_the_range_of_a_chart_which_stays_until_there_is_no_answer(
    shared: Site, look: Callable[..., Look]
) -> None:
    series = {"kind": "series", "series": [{"device": "greenhouse", "sensor": "temperature"}], "range": "1h"}
    now = shared.runtime.clock()
    for hours, value in ((40, 18.5), (0.2, 20.5), (0.01, 21.5)):
        shared.runtime.ingest.submit([reading("greenhouse", "temperature", value, at=now - 3600 * hours)])
    chart = shared.add("line-chart", "Course", data_source=series).id
    guest = look().open(shared.address + "/p/guests").connected()
    guest.until("id => document.querySelector(`#w-${id} canvas`) !== null", chart)
    guest.page.click(f"#w-{chart} [data-range='7d']")
    guest.until("id => document.querySelector(`#w-${id} .mm`).textContent.includes('18.5')", chart)
    pressed = "id => document.querySelector(`#w-${id} [data-range][aria-pressed=true]`).dataset.range"
    assert guest.run(pressed, chart) == "7d"
    shared.runtime.ingest.submit([reading("greenhouse", "temperature", 22.5)])
    guest.until("id => document.querySelector(`#w-${id} .v`).textContent === '22.5'", chart)
    assert guest.run(pressed, chart) == "7d"
    guest.page.route("**/points?*", lambda route: route.fulfill(status=429))
    guest.forgive.append(STATUS)
    guest.page.click(f"#w-{chart} [data-range='30d']")
    guest.until(f"id => ({pressed})(id) === '7d'", chart)


def test_a_guest_can_choose_a_theme_which_stays(shared: Site, look: Callable[..., Look]) -> None:
    guest = look().open(shared.address + "/p/guests").connected()
    guest.page.click("[data-theme-btn]")
    guest.until("document.documentElement.dataset.theme === 'light'")
    guest.page.reload()
    assert guest.run("document.documentElement.dataset.theme") == "light"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_token_is_made_and_revoked_on_the_page(shared: Site, look: Callable[..., Look], theme: str) -> None:
    owner = look(color_scheme=theme)
    session = shared.runtime.owner.open_session("a browser", "127.0.0.1")
    owner.page.context.add_cookies([{"name": "glance_session", "value": session, "url": shared.address}])
    owner.open(shared.address + "/settings/security")
    assert violations(owner) == []
    owner.page.fill("#t-name", "Button")
    owner.page.check("input[value=refresh]")
    owner.page.click("text=Make token")
    value = owner.page.inner_text(".new-token code")
    found = shared.runtime.tokens.find(value)
    assert found is not None
    assert found.scopes == {"refresh"}
    assert violations(owner) == []
    owner.page.click("text=Revoke")
    until(lambda: shared.runtime.tokens.find(value) is None)
