"""Parts that look at the page: nothing moves while cards change, and axe finds nothing in either theme."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page

from bench import mixed
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
    "/widgets/new/services",
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
    watched_s = QUICK_S if site.quick else WATCH_S
    with (
        site.browser.context(site.glance.base, site.glance.cookies, viewport=VIEWPORTS["wide"]) as wide,
        site.browser.context(site.glance.base, site.glance.cookies, viewport=VIEWPORTS["phone"]) as phone,
    ):
        pages = {"wide screen": wide.new_page(), "phone": phone.new_page()}
        for page in pages.values():
            page.add_init_script(SHIFTS)
            page.add_init_script(CHANGES)
            load(page, site.url("short"), NEVER_S)
        for name, page in pages.items():
            found = [_moved(page, site)]
            for _ in range(site.runs(9) - 1):
                load(page, site.url("short"), NEVER_S, reload=True)
                page.wait_for_load_state("load")
                found.append(_moved(page, site))
            site.add(
                Figure(f"layout shift of a load, {name}", "", found, 0, value=max(found), note="Worst of the loads.")
            )
        _watch(site, watched_s)
        changes = min(_changes(page) for page in pages.values())
        if changes < watched_s / 4:
            raise RuntimeError(f"a card changed only {changes} times in {watched_s:g} s; this shows nothing")
        note = f"The sum of all layout shifts; every card changed at least {changes} times."
        for name, page in pages.items():
            moved = [_moved(page, site)]
            site.add(Figure(f"layout shift, 30 refresh for {watched_s:g} s, {name}", "", moved, 0, note=note))
        site.stub.answers(status=500)
        _watch(site, OUTAGE_S)
        failed = pages["wide screen"].evaluate("() => document.querySelectorAll('article.w[data-state=stale]').length")
        site.stub.answers()
        _watch(site, OUTAGE_S)
        note = f"The upstream answers 500 for {OUTAGE_S:g} s and then recovers; {failed} of 30 cards said so."
        for name, page in pages.items():
            site.add(Figure(f"… through an outage of the upstream, {name}", "", [_moved(page, site)], 0, note=note))
    site.fill()


def _watch(site: Site, seconds: float) -> None:
    """Let the pages live, unwatched; what they saw waits in them."""
    time.sleep(seconds)
    site.stub.quiet()


def _moved(page: Page, site: Site) -> float:
    """The sum of the shifts since the last call; the first ones are told."""
    found: list[dict[str, Any]] = page.evaluate("() => shifts.splice(0)")
    for entry in found[:4]:
        site.say(f"    moved {entry['value']:.5f} at {entry['at']} ms: {entry['nodes'][:2]}")
    return float(sum(entry["value"] for entry in found))


def _changes(page: Page) -> int:
    """How often the card changed that changed least."""
    found: list[int] = page.evaluate("() => Object.values(changed)")
    return min(found) if len(found) == WIDGETS else 0


def axe(site: Site) -> None:
    """Every kind of page, both themes."""
    site.fill("main")
    slug = mixed.place(site)
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
