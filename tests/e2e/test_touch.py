"""A finger on a phone: whatever can be touched reaches over 36 px at least, by its own size or by the room around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Look
from tests.ingest_parts import reading
from tests.page_site import Site

PASSWORD = "three-quiet-fans"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
GREENHOUSE = {"kind": "series", "series": [{"device": "greenhouse", "sensor": "temperature"}], "range": "1h"}
FAR = {"kind": "series", "series": [{"device": "cellar", "sensor": "temperature"}], "range": "1h"}

# What is too small, with how far a finger finds it from its middle. Links among words are as high as these; the skip link is for keys.
TOO_SMALL = """() => {
  const LEAST = 36, small = [];
  const inline = element => getComputedStyle(element).display === 'inline';
  const amongWords = element => {
    if (element.localName !== 'a' || !inline(element)) return false;
    let block = element.parentElement;
    while (inline(block)) block = block.parentElement;
    const beside = node => !node.contains(element) && node.textContent.trim() && (node.nodeType === Node.TEXT_NODE || inline(node));
    return [...block.childNodes].some(beside);
  };
  const open = document.querySelector('dialog[open], [popover]:popover-open') ?? document;
  open.querySelectorAll('details').forEach(details => { details.open = true; });
  for (const element of open.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [role=checkbox]')) {
    if (element.tabIndex < 0 || element.closest('[inert], .vh, .skip') || amongWords(element)) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const whole = element.getBoundingClientRect();
    if (whole.width >= LEAST && whole.height >= LEAST) continue;
    element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
    const box = element.getClientRects()[0], x = box.left + box.width / 2, y = box.top + box.height / 2;
    const found = (dx, dy) => {
      const there = document.elementFromPoint(x + dx, y + dy);
      return there != null && (element.contains(there) || there.closest('label')?.control === element);
    };
    const reach = (dx, dy) => { let n = 0; while (n < LEAST && found(dx * (n + 1), dy * (n + 1))) n++; return n; };
    const wide = found(0, 0) ? reach(1, 0) + reach(-1, 0) + 1 : 0, high = found(0, 0) ? reach(0, 1) + reach(0, -1) + 1 : 0;
    // an edge may lie between two points
    if (Math.min(wide, high) < LEAST - 1) small.push(`${wide} x ${high}: ${element.outerHTML.slice(0, 160)}`);
  }
  return small;
}"""

PAGES = (
    "/d/home", "/d/empty", "/p/guests", "/devices", "/devices/greenhouse", "/messages", "/devices/derived", "/devices/derived/new",
    "/visualize?device=greenhouse&sensor=temperature", "/gallery", "/widgets/new/services", "/widgets/new/line-chart", "/dashboards",
    "/dashboards/new", "/dashboards/home/edit", "/dashboards/import", "/settings/look", "/settings/security", "/settings/credentials",
    "/settings/broker", "/settings/code", "/settings/about", "/api/docs", "/nothing-here",
)  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, auth="password", password=PASSWORD).start()
    runtime = made.runtime
    for device, value in (("greenhouse", 21.5), ("cellar", 12.5)):
        runtime.ingest.submit([reading(device, "temperature", value), reading(device, "humidity", 48.0)])
    runtime.ingest.submit([reading("greenhouse", "state", "heat")])
    made.add("stat", "Now", data_source=GREENHOUSE)
    made.add("gauge", "Dial", data_source=GREENHOUSE)
    made.add("line-chart", "Course", data_source=GREENHOUSE)
    made.add("table", "Table", data_source=GREENHOUSE)
    made.add("polled", "Failing", url="http://127.0.0.1:9/nothing")
    made.add("todo", "To do", items=[{"text": "Water the plants"}, {"text": "Done", "done": True}])
    made.add("notes", "Notes", text="Filter for the pump")
    made.add("search", "Search")
    made.add("bookmarks", "Bookmarks", links=[{"title": "NAS", "url": "http://nas.lan/"}])
    made.add("devices", "Devices")
    runtime.dashboards.update("home", {"is_public": True, "public_address": "guests"})
    runtime.dashboards.create("Empty", slug="empty")
    runtime.derived.create(
        {
            "title": "Dew point",
            "expression": "dew_point(t, rh)",
            "inputs": [
                {"name": "t", "device": "greenhouse", "sensor": "temperature"},
                {"name": "rh", "device": "greenhouse", "sensor": "humidity"},
            ],
        }
    )
    runtime.credentials.create("weather", "cr-5a4b3c2d1e", ["example.org"])
    runtime.tokens.make("Button", ["refresh"])
    runtime.owner.open_session("another browser", "192.168.1.9")
    yield made
    made.stop()


def signed_in(look: Callable[..., Look], site: Site) -> Look:
    """The owner's phone."""
    phone = look(**PHONE)
    session = site.runtime.owner.open_session("a phone", "127.0.0.1")
    phone.page.context.add_cookies([{"name": "glance_session", "value": session, "url": site.address}])
    phone.forgive += ["Failed to load resource: the server responded with a status of 404"]
    return phone


def test_everything_on_every_page_can_be_touched(house: Site, look: Callable[..., Look]) -> None:
    phone = signed_in(look, house)
    (first, *_, failing) = [w.id for w in house.runtime.widgets.on_dashboard("home") if w.title in ("Now", "Failing")]
    own = [f"/widgets/{widget}/{page}" for widget in (first, failing) for page in ("edit", "explain")]
    small = {}
    for path in (*PAGES, *own):
        phone.open(house.address + path)
        if path.startswith(("/d/home", "/p/")):
            phone.connected().until("document.querySelector('[data-plot] canvas') !== null")
        small[path] = phone.run(TOO_SMALL)
        assert phone.run("document.documentElement.scrollWidth") <= 390, path
    assert {path: found for path, found in small.items() if found} == {}


@pytest.mark.parametrize("opener", ["menu", "explain", "visualize"])
def test_what_opens_over_a_page_can_be_touched(house: Site, look: Callable[..., Look], opener: str) -> None:
    phone = signed_in(look, house)
    if opener == "visualize":
        phone.open(house.address + "/devices")
        phone.page.tap("[data-viz] >> nth=0")
    else:
        phone.open(house.address + "/d/home").connected()
        phone.page.tap("[data-menu] >> nth=0")
        if opener == "explain":
            phone.page.tap("[data-do=explain]")
    shown = "[popover]:popover-open button" if opener == "menu" else "dialog[open] button"
    phone.until("shown => document.querySelector(shown) !== null", shown)
    assert phone.run(TOO_SMALL) == []


@pytest.mark.parametrize("password", ["", PASSWORD])
def test_the_door_can_be_touched(tmp_path: Path, look: Callable[..., Look], password: str) -> None:
    site = Site(tmp_path, auth="password", password=password).start()
    try:
        phone = look(**PHONE).open(site.address + "/")
        assert phone.page.url.startswith(site.address + ("/login" if password else "/setup"))
        assert phone.run(TOO_SMALL) == []
        # what it still loads would find nobody
        phone.page.wait_for_load_state("networkidle")
    finally:
        site.stop()
