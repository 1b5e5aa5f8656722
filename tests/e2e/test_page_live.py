"""What a person sees while cards are swapped under their hands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from glance.model import Place
from tests.cable import Cable
from tests.e2e.conftest import Look
from tests.page_site import Site, points
from tests.upstream import Upstream
from tests.waiting import at_most, until

LOST = ["WebSocket connection", "ERR_CONNECTION_REFUSED", "htmx:ws:error"]
NO_SOCKETS = """
window.WebSocket = class extends EventTarget {
  static CONNECTING = 0; static OPEN = 1; readyState = 3; send() {} close() {}
};
"""
VALUE = "document.querySelector('#w-{} [data-live]').textContent"


def test_thirty_cards_are_swapped_while_a_field_keeps_focus_text_and_selection(
    site: Site, look: Callable[..., Look]
) -> None:
    widgets = site.tallies(29)
    deep = site.add("deep", "Deep", place=Place(1, 16, 3, 8))
    site.push(deep, 0)
    page = look().open(f"{site.address}/d/home").connected()
    page.run(
        """id => { const card = document.getElementById(id); const field = card.querySelector('input');
        card.querySelector('details').open = true; window.field = field; window.blurs = 0;
        field.addEventListener('blur', () => blurs++); field.focus(); field.value = 'hello there'; field.setSelectionRange(2, 5); }""",
        f"w-{deep.id}",
    )
    for value in range(1, 6):
        for widget in (*widgets, deep):
            site.push(widget, value)
        page.until(f"{VALUE.format(deep.id)} === '{value}' && {VALUE.format(widgets[0].id)} === '{value}'")
    kept = page.run(
        """id => { const card = document.getElementById(id); return { same: card.querySelector('input') === field,
        focused: document.activeElement === field, text: field.value, chosen: [field.selectionStart, field.selectionEnd],
        blurs, open: card.querySelector('details').open }; }""",
        f"w-{deep.id}",
    )
    assert kept == {
        "same": True,
        "focused": True,
        "text": "hello there",
        "chosen": [2, 5],
        "blurs": 0,
        "open": True,
    }


def test_nothing_shifts_while_thirty_cards_refresh(site: Site, look: Callable[..., Look]) -> None:
    widgets = site.tallies(30)
    page = look().open(f"{site.address}/d/home").connected()
    for value in range(1, 8):
        for widget in widgets:
            site.push(widget, value)
        page.until(f"{VALUE.format(widgets[-1].id)} === '{value}'")
    assert page.run("seen.shifts") == []


def test_equal_content_sends_nothing(site: Site, look: Callable[..., Look]) -> None:
    widgets = site.tallies(3)
    page = look()
    frames: list[str] = []
    page.page.on("websocket", lambda ws: ws.on("framereceived", lambda frame: frames.append(str(frame))))
    page.open(f"{site.address}/d/home").connected()
    page.until("true")
    assert [frame for frame in frames if "<article" in frame] == []
    site.push(widgets[0], 5)
    page.until(f"{VALUE.format(widgets[0].id)} === '5'")
    assert sum(frame.count("<article") for frame in frames) == 1


def test_a_page_heals_itself_within_two_seconds_of_a_restart(site: Site, look: Callable[..., Look]) -> None:
    widgets = site.tallies(3)
    page = look()
    page.forgive = LOST
    page.open(f"{site.address}/d/home").connected()
    site.stop()
    page.until("document.documentElement.dataset.conn === 'wait'")
    page.page.wait_for_timeout(3000)
    site.open()
    site.push(site.runtime.widgets.get(widgets[0].id), 77)
    site.start()
    page.until(
        f"document.documentElement.dataset.conn === 'live' && {VALUE.format(widgets[0].id)} === '77'",
        timeout_s=at_most(10),
    )


def test_a_lost_server_is_said_once_and_values_past_their_time_look_old(site: Site, look: Callable[..., Look]) -> None:
    widget = site.tallies(1)[0]
    page = look()
    page.forgive = LOST
    page.page.clock.install()
    page.open(f"{site.address}/d/home").connected()
    site.stop()
    page.until("document.documentElement.dataset.conn === 'wait'")
    page.page.clock.run_for(12_000)
    page.until("!document.querySelector('[data-banner]').hidden")
    card = f"document.getElementById('w-{widget.id}')"
    assert page.run(f"{card}.dataset.state") == "fresh"
    page.page.clock.fast_forward(60_000)
    page.until(f"{card}.dataset.state === 'stale'")
    assert "old" in page.run(f"{card}.querySelector('.w-age').innerText")
    assert page.run("document.querySelector('[data-conn-text]').textContent") == "Offline"


def test_a_new_widget_joins_the_open_page_without_loading_it_anew(site: Site, look: Callable[..., Look]) -> None:
    site.tallies(2)
    page = look().open(f"{site.address}/d/home").connected()
    page.run("window.here = true")
    added = site.add("fixed", "Added", text="just placed")
    page.until(f"document.getElementById('w-{added.id}')?.innerText.includes('just placed')")
    assert page.run("window.here") is True
    assert page.run(f"getComputedStyle(document.getElementById('w-{added.id}')).getPropertyValue('--w').trim()") == "2"


def test_the_arrow_forces_a_fetch_and_the_page_stays(site: Site, look: Callable[..., Look]) -> None:
    with Upstream() as upstream:
        upstream.json("/n", {"value": 1})
        widget = site.add("polled", "Polled", url=upstream.url("/n"))
        page = look().open(f"{site.address}/d/home").connected()
        page.until(f"{VALUE.format(widget.id)} === '1'")
        upstream.json("/n", {"value": 2})
        page.run("window.here = true")
        page.page.click(f"#w-{widget.id} .w-age")
        page.until(f"{VALUE.format(widget.id)} === '2'")
        assert page.run("window.here") is True
        assert page.run(f"document.getElementById('w-{widget.id}').dataset.state") == "fresh"


def test_a_chart_takes_new_data_in_place(site: Site, look: Callable[..., Look]) -> None:
    chart = site.add("plotted", "Plotted")
    site.runtime.refresher.push(chart, points(50))
    page = look().open(f"{site.address}/d/home").connected()
    page.until("document.querySelector('.plot canvas')")
    page.run("window.canvas = document.querySelector('.plot canvas')")
    site.runtime.refresher.push(chart, points(60))
    page.until("JSON.parse(document.querySelector('.plot script').textContent).series[0].points.length === 60")
    assert page.run("canvas.isConnected && document.querySelectorAll('.plot canvas').length") == 1
    page.page.focus("[data-plot]")
    page.page.keyboard.press("ArrowLeft")
    page.until("document.querySelector('.tip') && !document.querySelector('.tip').hidden")
    assert "°C" in page.run("document.querySelector('.tip').textContent")


def test_without_websockets_the_page_polls(site: Site, look: Callable[..., Look]) -> None:
    widget = site.tallies(1)[0]
    page = look()
    page.page.clock.install()
    page.page.add_init_script(NO_SOCKETS)
    page.open(f"{site.address}/d/home")
    site.push(widget, 9)
    page.page.clock.run_for(17_000)
    page.until(f"{VALUE.format(widget.id)} === '9'")
    assert page.run("document.querySelector('[data-conn-text]').textContent") == "Every 15 s"


def test_a_socket_that_closes_frees_its_place_at_once(site: Site, look: Callable[..., Look]) -> None:
    site.tallies(1)
    page = look().open(f"{site.address}/d/home").connected()
    assert site.runtime.hub.open_pages() == 1
    page.page.close()
    until(lambda: site.runtime.hub.open_pages() == 0)
    assert site.runtime.hub.open_pages() == 0


def test_nothing_shifts_while_fetched_cards_turn_their_arrow_and_come_back(
    site: Site, look: Callable[..., Look]
) -> None:
    with Upstream() as upstream:
        upstream.json("/n", {"value": 1}, delay_s=0.1)
        widgets = [
            site.add(
                "polled", f"Polled {n}", place=Place(1 + 2 * (n % 6), 1 + 3 * (n // 6), 2, 3), url=upstream.url("/n")
            )
            for n in range(12)
        ]
        for widget in widgets:
            site.runtime.refresher.get(widget)
            site.runtime.placing.change(widget.id, {"refresh_interval": 1})
        page = look().open(f"{site.address}/d/home").connected()
        page.run(
            """window.turned = 0; new MutationObserver(() => { turned += document.querySelectorAll('[data-state=refreshing]').length })
            .observe(document.getElementById('grid'), { subtree: true, attributes: true, attributeFilter: ['data-state'] })"""
        )
        asked = upstream.count("/n")
        until(lambda: upstream.count("/n") >= asked + 24)
        page.until("document.querySelectorAll('[data-state=fresh]').length === 12")
        assert page.run("turned") > 0
        assert page.run("seen.shifts") == []


def test_the_focus_stays_in_the_head_when_a_card_turns_stale_and_nothing_shifts(
    site: Site, look: Callable[..., Look]
) -> None:
    with Upstream() as upstream:
        upstream.json("/n", {"value": 1})
        widget = site.add("polled", "Polled", url=upstream.url("/n"))
        site.runtime.refresher.get(widget, force=True)
        page = look().open(f"{site.address}/d/home").connected()
        card = f"document.getElementById('w-{widget.id}')"
        page.page.focus(f"#w-{widget.id} .w-age")
        upstream.json("/n", {}, status=503)
        site.runtime.refresher.get(widget, force=True)
        page.until(f"{card}.dataset.state === 'stale'")
        page.until(f"document.activeElement === {card}.querySelector('.w-age.tagged')")
        assert page.run(f"{card}.querySelector('[data-live]').textContent") == "1"
        assert "503" in page.run(f"{card}.querySelector('.w-note').innerText")
        assert page.run("seen.shifts") == []
        upstream.json("/n", {"value": 2})
        page.page.keyboard.press("Enter")
        page.until(f"{card}.dataset.state === 'fresh'")
        page.until(f"document.activeElement === {card}.querySelector('.w-age')")


@pytest.mark.parametrize(
    "wakes", ["", "dispatchEvent(new Event('online'))", "document.dispatchEvent(new Event('visibilitychange'))"]
)
def test_a_socket_that_died_without_a_word_is_found_out_and_replaced(
    site: Site, look: Callable[..., Look], wakes: str
) -> None:
    widget = site.tallies(1)[0]
    cable = Cable(site.port)
    page = look()
    page.page.clock.install()
    page.open(f"http://127.0.0.1:{cable.port}/d/home").connected()
    cable.go_dead()
    site.push(widget, 31)
    page.page.clock.run_for(7_000 if wakes else 13_000)
    if wakes:
        page.run(wakes)
    page.page.clock.run_for(1_000)
    page.until(f"{VALUE.format(widget.id)} === '31'")
    page.until("document.querySelector('.conn').dataset.conn === 'live'")
    page.page.close()
    cable.close()
    assert site.runtime.hub.open_pages() <= 2
