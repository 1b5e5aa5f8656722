"""The device pages in a real browser: live without moving anything, with and without script, read by axe."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route

from glance.ingest import Delivery
from glance.mqtt.readings import Reading
from tests.e2e.conftest import Look
from tests.mosquitto import Mosquitto
from tests.page_site import Site
from tests.waiting import until

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
DEVICE = "garden/greenhouse"


def hear(site: Site, topic: str, payload: Any, retained: bool = False) -> None:
    """A message came over the broker."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    site.runtime.ingest.deliver(Delivery(topic, raw, retained))
    site.runtime.ingest.settle()


def climate(site: Site, temperature: float, humidity: float = 47) -> None:
    """The greenhouse speaks."""
    rows = [
        {"sensor_type": "temperature", "value": temperature, "unit": "°C"},
        {"sensor_type": "humidity", "value": humidity, "unit": "%"},
        {"sensor_type": "battery", "value": 9, "unit": "%"},
        {"sensor_type": "window", "value": True},
        {"sensor_type": "mode", "value": "eco"},
    ]
    hear(site, "glance/garden", {"device_id": DEVICE, "readings": rows})


def a_day(site: Site) -> None:
    """A day of temperatures."""
    now = site.runtime.clock()
    readings = [
        Reading(DEVICE, "temperature", 20 + 3 * math.sin(turn / 40), "number", "°C", now - 86000 + turn * 300, False)
        for turn in range(287)
    ]
    site.runtime.ingest.submit(readings)


def violations(look: Look) -> list[str]:
    """What axe finds on the page, one line each."""
    look.run(AXE.read_text(encoding="utf-8"))
    found = look.run(
        "axe.run().then(found => found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' ')))"
    )
    assert isinstance(found, list)
    return found


def test_a_value_appears_by_itself_without_moving_the_page_or_the_focus(site: Site, look: Callable[..., Look]) -> None:
    climate(site, 21.4)
    page = look().open(f"{site.address}/devices")
    page.until("document.querySelector('.va b')?.textContent !== undefined")
    page.page.focus("a[data-viz] >> nth=0")
    page.run("window.seen.shifts.length = 0")
    climate(site, 23.9)
    page.until("[...document.querySelectorAll('.va b')].some(b => b.textContent === '23.9')")
    assert page.run("document.activeElement.textContent.startsWith('Visualize')")
    assert page.run("window.seen.shifts.filter(shift => !shift[2]).reduce((sum, shift) => sum + shift[1], 0)") < 0.01


def test_a_page_whose_scripts_come_late_comes_to_life_all_the_same(site: Site, look: Callable[..., Look]) -> None:
    climate(site, 21.4)
    page = look()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.page.route("**/static/app.*.js", hold)
    page.page.add_init_script("window.asked = 0; addEventListener('glance:ask', () => { asked += 1; }, true);")
    page.page.goto(f"{site.address}/devices", wait_until="commit")
    page.until("window.asked > 0", timeout_s=30)
    assert held, "the scripts are late"
    climate(site, 23.9)
    for route in held:
        route.continue_()
    page.until("[...document.querySelectorAll('.va b')].some(b => b.textContent === '23.9')", timeout_s=30)


def test_a_new_device_joins_the_list_and_a_flooded_name_does_nothing(site: Site, look: Callable[..., Look]) -> None:
    page = look().open(f"{site.address}/devices")
    page.until("document.querySelector('#dev-none')")
    hear(site, "shed/<img src=x onerror=alert(1)>/state", {"temperature": 3})
    page.until("document.querySelectorAll('section.dev').length === 1")
    assert page.run("document.querySelectorAll('section.dev img').length") == 0


def test_typing_filters_the_list_and_keeps_the_words_in_the_address(site: Site, look: Callable[..., Look]) -> None:
    climate(site, 21.4)
    hear(site, "cellar/pump", {"flow": 2})
    page = look().open(f"{site.address}/devices")
    page.until("document.querySelectorAll('section.dev').length === 2")
    page.page.type("[name=q]", "greenh")
    page.until("document.querySelectorAll('section.dev').length === 1")
    assert "q=greenh" in page.page.url
    assert page.run("document.activeElement.name") == "q"
    assert page.page.input_value("[name=q]") == "greenh"


@pytest.mark.parametrize("script", [True, False])
def test_a_sensor_is_visualized_on_a_dashboard(site: Site, look: Callable[..., Look], script: bool) -> None:
    site.runtime.dashboards.create("Home", slug="home")
    climate(site, 21.4)
    a_day(site)
    page = look(java_script_enabled=script)
    page.page.goto(f"{site.address}/devices")
    page.page.click("tr:has-text('Temperature') a[data-viz]")
    page.page.wait_for_selector("#v-t")
    if script:
        assert page.run("document.getElementById('dlg-viz').open")
        assert "/devices" in page.page.url
    page.page.click("label:has-text('Stat card')")
    page.page.fill("#v-t", "Glass house")
    page.page.click("button:has-text('Add')")
    page.page.wait_for_url("**/d/home*")
    page.page.wait_for_selector("article.w:has-text('Glass house')")
    (widget,) = site.runtime.widgets.on_dashboard("home")
    assert widget.custom_widget == "stat"


def test_escape_closes_the_dialog_and_gives_the_focus_back(site: Site, look: Callable[..., Look]) -> None:
    site.runtime.dashboards.create("Home", slug="home")
    climate(site, 21.4)
    page = look().open(f"{site.address}/devices")
    page.page.focus("a[data-viz] >> nth=1")
    page.page.keyboard.press("Enter")
    page.until("document.getElementById('dlg-viz').open")
    assert violations(page) == []
    page.page.keyboard.press("Escape")
    page.until("!document.getElementById('dlg-viz').open")
    assert page.run("document.activeElement.matches('a[data-viz]')")


def test_the_chart_of_a_device_grows_and_its_form_keeps_what_is_typed(site: Site, look: Callable[..., Look]) -> None:
    climate(site, 21.4)
    a_day(site)
    page = look().open(f"{site.address}/devices/{DEVICE}?sensor=temperature")
    page.until("document.querySelector('.plot .uplot canvas')")
    page.page.fill("#s-label", "Under glass")
    climate(site, 29.5)
    page.until("document.querySelector('#dv-rows tr.on .va b').textContent === '29.5'")
    page.until("document.querySelector('#dv-msgs').textContent.includes('29.5')")
    page.until("document.querySelector('#dv-chart-t small').textContent.includes('29.5')")
    assert page.page.input_value("#s-label") == "Under glass"
    assert page.run("document.querySelectorAll('.plot canvas').length") == 1
    page.page.click("button[name=do][value=sensor]")
    page.page.wait_for_selector("h2:has-text('Under glass')")
    assert site.runtime.devices.sensor(DEVICE, "temperature").title == "Under glass"


@pytest.mark.parametrize("script", [True, False])
def test_a_device_is_forgotten_and_undone(site: Site, look: Callable[..., Look], script: bool) -> None:
    climate(site, 21.4)
    page = look(java_script_enabled=script)
    page.page.goto(f"{site.address}/devices/{DEVICE}?edit=device")
    page.page.click("text=Forget this device")
    page.page.wait_for_selector("text=was forgotten")
    assert site.runtime.devices.all() == []
    page.page.click("text=Undo")
    page.page.wait_for_selector("h1")
    assert [one.id for one in site.runtime.devices.all()] == [DEVICE]


def test_a_lost_server_is_said_and_forgotten_when_it_is_back(site: Site, look: Callable[..., Look]) -> None:
    climate(site, 21.4)
    page = look()
    page.forgive += ["Failed to load resource", "ERR_", "htmx", "fetch"]
    page.open(f"{site.address}/devices")
    page.until("document.querySelectorAll('section.dev').length === 1")
    site.stop()
    page.until("!document.querySelector('[data-lost]').hidden")
    site.open()
    site.start()
    page.until("document.querySelector('[data-lost]').hidden")


@pytest.mark.parametrize(("theme", "width"), [("dark", 1440), ("light", 1440), ("light", 390)])
def test_axe_finds_nothing_on_the_device_pages(site: Site, look: Callable[..., Look], theme: str, width: int) -> None:
    climate(site, 21.4)
    a_day(site)
    hear(site, "tele/plug/LWT", b"Offline", retained=True)
    hear(site, "tele/plug/SENSOR", {"ENERGY": {"Total": 10.0, "Power": 5}})
    hear(site, "tele/plug/SENSOR", {"ENERGY": {"Total": 12.0, "Power": 5}})
    hear(site, "broken/json", b'{"a": ')
    page = look(viewport={"width": width, "height": 900}, color_scheme=theme)
    device = f"{site.address}/devices/{DEVICE}"
    for address in (
        f"{site.address}/devices",
        f"{device}?sensor=temperature",
        f"{device}?sensor=window",
        f"{device}?edit=device",
        f"{site.address}/devices/plug?sensor=ENERGY.Total",
        f"{site.address}/messages",
        f"{site.address}/visualize?device={DEVICE}&sensor=temperature",
    ):
        page.open(address)
        page.until("document.readyState === 'complete'")
        assert violations(page) == [], address
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), address


def test_the_broker_stands_in_the_popover_of_a_dashboard(site: Site, look: Callable[..., Look]) -> None:
    site.tallies(1)
    page = look().open(f"{site.address}/d/home").connected()
    page.page.click(".conn")
    page.until("document.querySelector('#conn-pop #conn-broker')?.textContent.includes('Not used')")
    assert page.run("document.querySelector('#conn-pop').matches(':popover-open')")
    assert violations(page) == []


def test_a_broker_that_goes_and_comes_back_is_said_on_the_page(tmp_path: Path, look: Callable[..., Look]) -> None:
    broker = Mosquitto(tmp_path / "broker").start()
    site = Site(tmp_path / "site", mqtt_url=broker.url).start()
    try:
        until(lambda: site.runtime.mqtt is not None and site.runtime.mqtt.state.connected)
        page = look().open(f"{site.address}/devices")
        page.until("document.querySelector('#dev-sum').textContent.includes('nothing to set up')")
        broker.stop(kill=True)
        page.until("document.querySelector('#dev-notes').textContent.includes('Glance keeps trying')")
        broker.start()
        page.until("!document.querySelector('#dev-notes').textContent.trim()")
    finally:
        site.stop()
        broker.stop()
