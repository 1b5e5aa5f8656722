"""Parts that look at the page: nothing moves while cards change, and axe finds nothing in either theme."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page

from bench.browser import SHIFTS, load, violations
from bench.loading import NEVER_S
from bench.site import WIDGETS, Site
from bench.table import Figure

WATCH_S, QUICK_S = 60.0, 10.0
OUTAGE_S = 8.0
VIEWPORTS = {"wide": {"width": 1440, "height": 1000}, "phone": {"width": 390, "height": 844}}
CHANGES = """
window.changed = {};
new MutationObserver(list => { for (const m of list) if (m.target.matches?.('article.w')) changed[m.target.id] = (changed[m.target.id] ?? 0) + 1; })
  .observe(document, { subtree: true, attributes: true, attributeFilter: ['data-v'] });
"""
PAGES = (
    "/gallery",
    "/dashboards",
    "/dashboards/new",
    "/dashboards/import",
    "/dashboards/main/edit",
    "/widgets/new/stat",
    "/widgets/new/http",
    "/settings",
    "/settings/look",
    "/settings/security",
    "/settings/about",
    "/api/docs",
    "/login",
    "/no-such-page",
)


def shift(site: Site) -> None:
    """30 widgets change every 2 s, on a wide screen and on a phone; then their upstream fails and comes back."""
    site.fill("short")
    site.stub.reset()
    watched_s = QUICK_S if site.quick else WATCH_S
    with (
        site.browser.context(site.glance.base, site.glance.cookies, viewport=VIEWPORTS["wide"]) as wide,
        site.browser.context(site.glance.base, site.glance.cookies, viewport=VIEWPORTS["phone"]) as phone,
    ):
        pages = [context.new_page() for context in (wide, phone)]
        for page in pages:
            page.add_init_script(SHIFTS)
            page.add_init_script(CHANGES)
            load(page, site.url("short"), NEVER_S)
        _watch(pages, watched_s)
        moved, changes = _moved(pages, site), _changes(pages)
        if changes < watched_s / 4:
            raise RuntimeError(f"a card changed only {changes} times in {watched_s:g} s; this shows nothing")
        note = f"Sum of all layout shifts of both pages; every card changed at least {changes} times."
        site.add(Figure(f"layout shift, 30 widgets refresh for {watched_s:g} s", "", [moved], 0, note=note))
        site.stub.answers(status=500)
        _watch(pages, OUTAGE_S)
        failed = pages[0].evaluate("() => document.querySelectorAll('article.w .w-note, article.w .tagged').length")
        site.stub.answers()
        _watch(pages, OUTAGE_S)
        note = f"{failed} of 30 cards said that their source fails."
        site.add(Figure("… and through an outage of the upstream", "", [_moved(pages, site) - moved], note=note))
    site.fill()


def _watch(pages: list[Page], seconds: float) -> None:
    """Let both pages live; the wait runs in the browser, so that its events are taken meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pages[0].wait_for_timeout(200)


def _moved(pages: list[Page], site: Site) -> float:
    found: list[dict[str, Any]] = [entry for page in pages for entry in page.evaluate("() => shifts")]
    for entry in found[:5]:
        site.say(f"    moved {entry['value']:.4f} at {entry['at']} ms: {entry['nodes']}")
    return float(sum(entry["value"] for entry in found))


def _changes(pages: list[Page]) -> int:
    """How often the card changed that changed least."""
    return min(min((page.evaluate("() => Object.values(changed)") or [0])[:WIDGETS]) for page in pages)


def mixed(site: Site) -> str:
    """A dashboard with one of each of what needs nobody's answer but the stub's."""
    if "mixed" in site.ids:
        return "mixed"
    site.dashboard("mixed")

    def http(path: str, pick: dict[str, Any]) -> dict[str, Any]:
        return {"data_source": {"kind": "http", "url": f"http://127.0.0.3:{site.stub.port}{path}", "pick": pick}}

    rows = {"rows": "points[:6].{at: [0], value: [1]}", "columns": [{"name": "at"}, {"name": "value"}]}
    widgets: list[tuple[str, dict[str, Any]]] = [
        ("stat", http("/p/1", {"value": "num", "unit": "W", "trend": "points"})),
        ("gauge", http("/w/1", {"value": "num", "unit": "%"})),
        ("line-chart", http("/p/1", {"points": "points", "label": "Load", "unit": "%"})),
        ("table", http("/p/1", rows)),
        ("list", http("/p/1", rows)),
        ("clock", {}),
        ("host", {}),
        ("services", {"services": [{"name": "Stub", "url": f"http://127.0.0.4:{site.stub.port}/w/4"}]}),
        ("markdown", {"text": "# Title\n\nSome *text* and a [link](http://127.0.0.1/)."}),
        ("todo", {"items": [{"text": "Measure"}, {"text": "Mend", "done": True}]}),
        ("notes", {"text": "A note"}),
        ("bookmarks", {"groups": [{"title": "Here", "links": [{"title": "Glance", "url": site.glance.base}]}]}),
        ("search", {}),
    ]
    site.ids["mixed"] = [site.widget("mixed", slug, params, 60) for slug, params in widgets]
    return "mixed"


def axe(site: Site) -> None:
    """Every kind of page, both themes."""
    site.fill("main")
    slug = mixed(site)
    widget = site.ids["main"][0]
    site.dashboard("empty")
    paths = ["/d/main", f"/d/{slug}", "/d/empty", f"/widgets/{widget}/edit", f"/widgets/{widget}/explain", *PAGES]
    for theme in ("light", "dark"):
        found = []
        for path in paths:
            cookies = {"glance_theme": theme} if path == "/login" else {**site.glance.cookies, "glance_theme": theme}
            with site.browser.context(site.glance.base, cookies, viewport=VIEWPORTS["wide"]) as context:
                for violation in violations(context.new_page(), site.glance.base + path):
                    found.append(f"{path}: {violation}")
                    site.say(f"    {theme} {found[-1]}")
        note = f"{len(paths)} pages, every rule of axe-core."
        site.add(Figure(f"axe violations, {theme} theme", "", [len(found)], 0, note=note))
