"""The devices on the page of an empty dashboard in a real browser: they appear while one looks, and are added with a click."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Look
from tests.ingest_parts import reading
from tests.mosquitto import free_port
from tests.page_site import Site

AXE = Path(__file__).parent / "vendor" / "axe.min.js"


def says(site: Site, device: str, value: float | bool) -> None:
    """A device sends one reading."""
    sensor = "contact" if isinstance(value, bool) else "temperature"
    site.runtime.ingest.submit([reading(device, sensor, value)])


@pytest.mark.parametrize("script", [True, False])
def test_a_found_device_is_added_with_one_click(site: Site, look: Callable[..., Look], script: bool) -> None:
    site.runtime.dashboards.create("Home", slug="home")
    for name, value in (("hall", 20.5), ("door", True), ("shed", 3.5)):
        says(site, name, value)
    page = look(java_script_enabled=script)
    page.page.goto(f"{site.address}/d/home")
    page.page.click("#w-devices li:has-text('hall') button")
    page.page.wait_for_selector("article.w:has-text('Hall temperature')")
    (widget,) = site.runtime.widgets.on_dashboard("home")
    assert page.page.url.endswith(f"/d/home#w-{widget.id}")
    assert widget.custom_widget == "line-chart"


@pytest.mark.parametrize("script", [True, False])
def test_all_found_devices_are_added_with_one_click(site: Site, look: Callable[..., Look], script: bool) -> None:
    site.runtime.dashboards.create("Home", slug="home")
    for name, value in (("hall", 20.5), ("door", True), ("shed", 3.5)):
        says(site, name, value)
    page = look(java_script_enabled=script)
    page.page.goto(f"{site.address}/d/home")
    page.page.click("text=Add all three")
    for title in ("Hall temperature", "Door contact", "Shed temperature"):
        page.page.wait_for_selector(f"article.w:has-text('{title}')")
    assert len(site.runtime.widgets.on_dashboard("home")) == 3


def test_more_devices_appear_by_themselves_and_the_focus_stays(site: Site, look: Callable[..., Look]) -> None:
    site.runtime.dashboards.create("Home", slug="home")
    says(site, "hall", 20.5)
    page = look().open(f"{site.address}/d/home")
    page.page.focus("#w-devices li button")
    says(site, "<img src=x onerror=alert(1)>", 3.5)
    page.until("document.querySelectorAll('#w-devices li').length === 2", timeout_s=40)
    assert page.run("document.activeElement.textContent") == "Add hall"
    assert page.run("document.querySelectorAll('main img').length") == 0
    assert page.run("document.querySelector('#w-devices-t').textContent").startswith("2 devices")
    # the card that came goes on asking
    says(site, "door", True)
    page.until("document.querySelectorAll('#w-devices li').length === 3", timeout_s=40)


def test_on_a_phone_nothing_covers_the_buttons_while_the_broker_is_away(
    tmp_path: Path, look: Callable[..., Look]
) -> None:
    site = Site(tmp_path / "site", mqtt_url=f"mqtt://127.0.0.1:{free_port()}").start()
    try:
        site.runtime.dashboards.create("Home", slug="home")
        says(site, "hall", 20.5)
        says(site, "shed", 3.5)
        page = look(viewport={"width": 360, "height": 740}).open(f"{site.address}/d/home")
        page.until(
            "document.querySelector('#w-devices .w-note')?.textContent.includes('Nothing listens')", timeout_s=40
        )
        page.page.click("text=Add both", timeout=20000)
        page.page.wait_for_selector("article.w:has-text('Shed temperature')")
    finally:
        site.stop()
    page.forgive.append("WebSocket")


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 360)])
def test_the_card_reads_well_and_fits(site: Site, look: Callable[..., Look], theme: str, width: int) -> None:
    site.runtime.dashboards.create("Home", slug="home")
    says(site, "a/rather/long/name/of/a/device/that/does/not/end/soon", 20.5)
    says(site, "hall", 20.5)
    says(site, "hall", 21.5)
    page = look(color_scheme=theme, viewport={"width": width, "height": 900}, bypass_csp=True)
    page.open(f"{site.address}/d/home")
    assert page.run("document.documentElement.scrollWidth") <= width
    page.run(AXE.read_text(encoding="utf-8"))
    found = page.run("axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' ')))")
    assert found == []
