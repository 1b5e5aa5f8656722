"""Making widgets and dashboards in a real browser: with script, without script, and read by axe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Look
from tests.page_site import Site
from tests.upstream import Upstream

AXE = Path(__file__).parent / "vendor" / "axe.min.js"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    made.start()
    made.json(
        "/state",
        {"load": {"watts": 412.5}, "name": "<img src=x onerror=alert(1)>", "rows": [{"t": 1790000000, "v": 3}]},
    )
    yield made
    made.stop()


def after_a_test(page: Look, site: Site, upstream: Upstream) -> Look:
    """The form of a stat card with its source tested."""
    page.open(f"{site.address}/widgets/new/stat?to=home")
    page.page.fill("[name='p.data_source.url']", upstream.url("/state"))
    page.page.click("text=Test source")
    page.page.wait_for_selector(".tree")
    return page


@pytest.mark.parametrize("script", [True, False])
def test_a_widget_is_tested_clicked_and_saved(
    site: Site, upstream: Upstream, look: Callable[..., Look], script: bool
) -> None:
    site.runtime.dashboards.create("Home", slug="home")
    page = after_a_test(look(java_script_enabled=script), site, upstream)
    page.page.click("button.pickable:has-text('watts')")
    page.page.wait_for_selector(".pick-line >> text=412")
    assert page.page.input_value("[name='p.data_source.pick.value']") == "load.watts"
    page.page.fill("[name='p.unit']", "W")
    page.page.fill("#title", "Power")
    page.page.click(".form-foot >> text=Save widget")
    page.page.wait_for_selector("article.w >> text=412")
    assert page.page.url.startswith(f"{site.address}/d/home#w-")
    assert upstream.count("/state") == 2


def test_script_keeps_the_place_while_the_form_changes_below(
    site: Site, upstream: Upstream, look: Callable[..., Look]
) -> None:
    site.runtime.dashboards.create("Home", slug="home")
    page = after_a_test(look(viewport={"width": 1200, "height": 700}), site, upstream)
    page.run("document.querySelector('button[value=\"add:rules\"]').scrollIntoView()")
    before = page.run("scrollY")
    page.page.click("button[value='add:rules']")
    page.until("document.activeElement.name === 'p.rules.0.op'")
    assert page.run("scrollY") == before
    page.page.fill("[name='p.rules.0.value']", "400")
    page.page.select_option("[name='p.data_source.kind']", "push")
    page.until("!document.querySelector('#p-data_source-url')")
    assert page.page.input_value("[name='p.rules.0.value']") == "400"
    page.page.select_option("[name='p.data_source.kind']", "http")
    page.until("document.querySelector('#p-data_source-url')")
    assert page.page.input_value("[name='p.data_source.url']") == upstream.url("/state")


def test_the_preview_follows_what_is_typed_and_the_field_keeps_the_focus(site: Site, look: Callable[..., Look]) -> None:
    site.runtime.dashboards.create("Home", slug="home")
    page = look().open(f"{site.address}/widgets/new/markdown?to=home")
    page.page.focus("[name='p.text']")
    page.page.keyboard.type("Hello from here")
    page.until("document.querySelector('#w-preview .w-body').textContent.includes('Hello from here')")
    page.page.keyboard.type("!")
    assert page.page.input_value("[name='p.text']") == "Hello from here!"
    assert page.run("document.activeElement.name") == "p.text"


def test_a_typed_interval_chooses_it_and_the_size_is_drawn(site: Site, look: Callable[..., Look]) -> None:
    site.runtime.dashboards.create("Home", slug="home")
    page = look().open(f"{site.address}/widgets/new/host?to=home")
    page.page.fill("[name='every']", "7")
    assert page.page.is_checked("#r-every")
    page.page.fill("[name='w']", "6")
    assert page.run("document.querySelector('.mini .on').getAttribute('width')") == "82"
    page.page.fill("[name='cron']", "0 6 * * *")
    assert page.page.is_checked("#r-cron")
    page.until("document.getElementById('cron-h').textContent.startsWith('Next: ')")


def test_enter_saves_and_faults_get_the_focus(site: Site, look: Callable[..., Look]) -> None:
    site.runtime.dashboards.create("Home", slug="home")
    page = look()
    page.forgive.append("422")
    page.open(f"{site.address}/widgets/new/services?to=home")
    page.page.fill("#title", "Checks")
    page.page.press("#title", "Enter")
    page.until("document.activeElement.id === 'summary'")
    assert page.page.input_value("#title") == "Checks"
    page.page.click("#summary a")
    assert page.run("location.hash") == "#p-checks"


def test_the_gallery_filters_while_typing(site: Site, look: Callable[..., Look]) -> None:
    site.runtime.dashboards.create("Home", slug="home")
    page = look().open(f"{site.address}/gallery?to=home")
    page.page.fill("[name='q']", "hacker news")
    page.until("[...document.querySelectorAll('[data-find]')].filter(e => !e.hidden).length === 1")
    page.page.fill("[name='q']", "nothing like this")
    page.until("!document.querySelector('[data-none]').hidden")


@pytest.mark.parametrize("script", [True, False])
def test_the_demo_comes_and_goes_with_one_click_each(site: Site, look: Callable[..., Look], script: bool) -> None:
    page = look(java_script_enabled=script).open(f"{site.address}/")
    page.page.click("text=Fill it with a demo")
    page.page.wait_for_selector("article.w >> text=This computer")
    page.page.goto(f"{site.address}/dashboards/home/edit")
    page.page.click("text=Take the demo away")
    page.page.wait_for_selector("text=Nothing is on it yet")


def test_hostile_text_of_an_answer_never_runs(site: Site, upstream: Upstream, look: Callable[..., Look]) -> None:
    site.runtime.dashboards.create("Home", slug="home")
    page = look()
    page.page.on("dialog", lambda dialog: page.errors.append(f"dialog: {dialog.message}"))
    after_a_test(page, site, upstream)
    page.page.click("button.pickable:has-text('name')")
    page.page.wait_for_selector(".pick-line")
    assert page.run("document.querySelectorAll('main img').length") == 0


def faults(page: Look) -> list[str]:
    """What axe finds on the page."""
    page.page.add_script_tag(path=str(AXE))
    found: list[dict[str, Any]] = page.run("axe.run(document, { resultTypes: ['violations'] }).then(r => r.violations)")
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_on_the_pages_for_making(
    site: Site, upstream: Upstream, look: Callable[..., Look], theme: str
) -> None:
    widget = site.add("polled", "Polled", url=upstream.url("/state"))
    page = look(color_scheme=theme, bypass_csp=True)
    page.forgive.append("422")
    found: dict[str, list[str]] = {}
    for path in (
        "/gallery?to=home",
        "/widgets/new/services?to=home",
        "/widgets/new/line-chart?to=home",
        f"/widgets/{widget.id}/edit",
        f"/widgets/{widget.id}/explain",
        "/dashboards",
        "/dashboards/new",
        "/dashboards/home/edit",
        "/dashboards/import",
    ):
        page.open(site.address + path)
        found[path] = faults(page)
    after_a_test(page, site, upstream)
    found["tested"] = faults(page)
    site.runtime.dashboards.create("Empty", slug="empty")
    page.open(f"{site.address}/d/empty")
    found["welcome"] = faults(page)
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "path", ["/gallery", "/widgets/new/services", "/widgets/new/stat", "/dashboards/home/edit", "/dashboards"]
)
def test_nothing_scrolls_sideways_on_a_phone(site: Site, look: Callable[..., Look], path: str) -> None:
    site.add("fixed", "Fixed with a rather long name that does not end soon", text="x")
    page = look(viewport={"width": 360, "height": 740}).open(site.address + path)
    assert page.run("document.documentElement.scrollWidth") <= 360


def test_the_fields_of_a_row_are_named_whole(site: Site, look: Callable[..., Look]) -> None:
    site.runtime.dashboards.create("Home", slug="home")
    page = look().open(f"{site.address}/widgets/new/feed?to=home")
    page.page.click("button[value='add:urls']")
    field = page.page.get_by_label("Address of row 1")
    field.wait_for()
    assert field.get_attribute("name") == "p.urls.0.url"
