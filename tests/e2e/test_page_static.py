"""The dashboard page in a real browser: without script, with hostile text, in both themes, by keyboard, under the policy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from glance.model import Place
from tests.e2e.conftest import Look
from tests.page_site import Site
from tests.upstream import Upstream

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
HOSTILE = [
    "<script>window.pwned = 1</script>",
    "\"><img src=x onerror='window.pwned = 1'>",
    "javascript:window.pwned=1",
    "</script><script>window.pwned = 1</script>",
    "{{ 7 * 7 }}<svg onload=window.pwned=1>",
    "<article id=w-x hx-swap-oob='outerMorph'>",
]


def violations(page: Look) -> list[str]:
    """What axe-core finds on the page, as `rule: element`."""
    page.run(AXE)
    found: list[dict[str, Any]] = page.run("axe.run(document, { resultTypes: ['violations'] }).then(r => r.violations)")
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]


def one_of_each(site: Site) -> None:
    """A dashboard with fresh, failed, empty and static cards."""
    site.tallies(2)
    deep = site.add("deep", "Deep", place=Place(5, 1, 3, 8))
    site.push(deep, 1)
    site.add("fixed", "Words", text="Some words")
    site.add("tally", "Never sent")
    site.add("polled", "Unreachable", url="http://127.0.0.1:9/nothing")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_there_is_nothing_to_mend_for_assistive_technology(site: Site, look: Callable[..., Look], theme: str) -> None:
    one_of_each(site)
    page = look(color_scheme=theme).open(f"{site.address}/d/home").connected()
    page.until("document.querySelector('[data-state=error]')")
    assert violations(page) == []
    page.page.click(".w-menu")
    page.until("document.getElementById('w-menu').matches(':popover-open')")
    assert violations(page) == []


def test_there_is_nothing_to_mend_on_a_phone_either(site: Site, look: Callable[..., Look]) -> None:
    one_of_each(site)
    page = look(viewport={"width": 390, "height": 800}).open(f"{site.address}/d/home").connected()
    assert violations(page) == []
    assert page.run("document.documentElement.scrollWidth <= innerWidth")


def test_hostile_text_is_shown_and_never_run(site: Site, look: Callable[..., Look]) -> None:
    widgets = site.tallies(len(HOSTILE))
    for widget, text in zip(widgets, HOSTILE, strict=True):
        site.runtime.placing.change(widget.id, {"title": text})
        site.push(widget, text)
    page = look().open(f"{site.address}/d/home").connected()
    for widget, text in zip(widgets, HOSTILE, strict=True):
        site.push(widget, f"{text} again")
    page.until("[...document.querySelectorAll('[data-live]')].every(e => e.textContent.endsWith('again'))")
    assert page.run("window.pwned") is None
    assert page.run("document.querySelectorAll('.grid > .w').length") == len(HOSTILE)
    assert page.run("document.querySelectorAll('.grid script, .grid img').length") == 0


def test_without_script_the_page_is_whole_and_its_buttons_work(site: Site, look: Callable[..., Look]) -> None:
    with Upstream() as upstream:
        upstream.json("/n", {"value": 1})
        widget = site.add("polled", "Polled", url=upstream.url("/n"))
        site.runtime.refresher.get(widget, force=True)
        page = look(java_script_enabled=False)
        page.page.goto(f"{site.address}/d/home")
        card = page.page.locator(f"#w-{widget.id}")
        assert card.locator("[data-live]").inner_text() == "1"
        upstream.json("/n", {"value": 2})
        card.locator(".w-age").click()
        assert page.page.url == f"{site.address}/d/home#w-{widget.id}"
        assert page.page.locator(f"#w-{widget.id} [data-live]").inner_text() == "2"
        page.page.locator("[data-theme-btn]").click()
        assert page.page.locator("html").get_attribute("data-theme") == "light"
        card.locator(".w-menu").click()
        assert page.page.url == f"{site.address}/widgets/{widget.id}/edit"


def test_the_theme_stands_before_the_first_paint_and_changes_without_loading(
    site: Site, look: Callable[..., Look]
) -> None:
    site.tallies(1)
    page = look(color_scheme="dark").open(f"{site.address}/d/home").connected()
    dark = page.run("getComputedStyle(document.body).backgroundColor")
    page.run("window.here = true")
    page.page.click("[data-theme-btn]")
    light = page.run("getComputedStyle(document.body).backgroundColor")
    assert light != dark
    assert page.run("window.here") is True
    page.page.route("**/app.*.js", lambda route: route.abort())
    page.forgive = ["ERR_FAILED"]
    page.page.reload()
    assert page.run("getComputedStyle(document.body).backgroundColor") == light


def test_the_menu_opens_by_keyboard_and_gives_the_focus_back(site: Site, look: Callable[..., Look]) -> None:
    widget = site.tallies(2)[0]
    page = look().open(f"{site.address}/d/home").connected()
    page.page.focus(f"#w-{widget.id} .w-menu")
    page.page.keyboard.press("Enter")
    page.until("document.activeElement.dataset.do === 'refresh'")
    page.page.keyboard.press("ArrowDown")
    assert page.run("document.activeElement.dataset.do") == "explain"
    page.page.keyboard.press("Escape")
    page.until(f"document.activeElement === document.querySelector('#w-{widget.id} .w-menu')")
    assert page.run("document.getElementById('w-menu').matches(':popover-open')") is False


def test_a_settings_page_shows_its_section_whatever_the_address_points_at(
    site: Site, look: Callable[..., Look]
) -> None:
    page = look().open(f"{site.address}/settings/credentials#c2")
    assert "Write-only" in page.run("document.querySelector('main').innerText")


def test_on_a_phone_the_chosen_section_of_the_settings_is_in_sight(site: Site, look: Callable[..., Look]) -> None:
    page = look(viewport={"width": 390, "height": 844})
    right = "document.querySelector('.setnav [aria-current]').getBoundingClientRect().right"
    for section in ("about", "security"):
        page.open(f"{site.address}/settings/{section}")
        page.until(f"document.readyState === 'complete' && {right} > 60 && {right} <= innerWidth")


def test_why_this_value_opens_over_the_page(site: Site, look: Callable[..., Look]) -> None:
    widget = site.tallies(1)[0]
    page = look().open(f"{site.address}/d/home").connected()
    page.page.click(f"#w-{widget.id} .w-menu")
    page.page.click("[data-do=explain]")
    page.until("document.getElementById('dlg-explain')?.open")
    assert "Number 0" in page.run("document.getElementById('dlg-explain').innerText")
    assert violations(page) == []
    page.page.keyboard.press("Escape")
    page.until("!document.getElementById('dlg-explain').open")


def test_removing_a_widget_takes_it_off_the_open_page(site: Site, look: Callable[..., Look]) -> None:
    gone, stays = site.tallies(2)
    page = look().open(f"{site.address}/d/home").connected()
    page.run("window.here = true")
    page.page.click(f"#w-{gone.id} .w-menu")
    page.page.click("[data-do=remove]")
    assert page.run("document.querySelector('[data-do=remove]').innerText") == "Remove for good?"
    page.page.keyboard.press("Escape")
    page.page.click(f"#w-{gone.id} .w-menu")
    assert page.run("document.querySelector('[data-do=remove]').innerText") == "Remove"
    assert site.runtime.widgets.get(gone.id)
    page.page.click("[data-do=remove]")
    page.page.click("[data-do=remove]")
    page.until(f"!document.getElementById('w-{gone.id}')")
    assert page.run(f"!!document.getElementById('w-{stays.id}')") is True
    assert page.run("window.here") is True


def test_the_page_asks_for_few_files_and_none_from_elsewhere(site: Site, look: Callable[..., Look]) -> None:
    site.tallies(30)
    page = look()
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    page.open(f"{site.address}/d/home").connected()
    assert [url for url in asked if not url.startswith(site.address)] == []
    assert len(asked) <= 9
