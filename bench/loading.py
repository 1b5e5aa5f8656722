"""Parts in the browser: until all 30 cards show data. The time is the page's own, from the start of its navigation."""

from __future__ import annotations

import time

from bench.browser import Load, load
from bench.site import WIDGETS, Site
from bench.table import Figure

NEVER_S = 12.0
FRESH = "New browser profile, 1440 × 2400; the clock is the page's, from the start of navigation until the last card holds value and age."
HUNG = "Of 30 upstreams one takes the request and never answers; the other 29 are waited for. Runs with and without alternate."


def _milliseconds(found: Load, what: str) -> float:
    if found.all_ms is None:
        raise RuntimeError(f"{what}: only {found.shown} cards showed data within {NEVER_S:g} s")
    return found.all_ms


def fresh_load(site: Site, slug: str = "main", wanted: int = WIDGETS, without: str = "") -> Load:
    """One load in a new profile."""
    with site.browser.context(site.glance.base, site.glance.cookies, wanted, without) as context:
        return load(context.new_page(), site.url(slug), NEVER_S)


def first(site: Site) -> None:
    """Nothing cached: as long as the upstream takes, and little more."""
    for name, restarts in (("30 widgets, first ever", False), ("… in a process just started", True)):
        runs = []
        for _ in range(site.runs(7)):
            site.clear()
            if restarts:
                site.glance.restart()
            if site.stub.counts()["total"]:
                raise RuntimeError("the upstream was asked before anybody looked")
            runs.append(_milliseconds(fresh_load(site), name))
            if site.stub.counts()["total"] != WIDGETS:
                raise RuntimeError(f"the upstream was asked {site.stub.counts()['total']} times for {WIDGETS} widgets")
        site.add(Figure(name, "ms", runs, 450, 300, note=FRESH))
    site.rest()


def warm(site: Site) -> None:
    """Everything cached, here and there."""
    site.fill("main")
    with site.browser.context(site.glance.base, site.glance.cookies) as context:
        page = context.new_page()
        load(page, site.url(), NEVER_S)
        page.close()
        bare, new, again = [], [], []
        for _ in range(site.runs(15, 5)):
            page = context.new_page()
            cards = f"http://127.0.0.1:{site.stub.port}/cards.html"
            bare.append(_milliseconds(load(page, cards, NEVER_S), "bare cards"))
            page.close()
            page = context.new_page()
            new.append(_milliseconds(load(page, site.url(), NEVER_S), "warm load"))
            again.append(_milliseconds(load(page, site.url(), NEVER_S, reload=True), "warm reload"))
            page.close()
    note = "A file of 30 such cards without style or script, from the stub: what Chromium itself takes on this machine now."
    site.add(Figure("30 bare cards in a new tab", "ms", bare, note=note))
    site.add(Figure("warm load in a new tab", "ms", new, 120, 80))
    site.add(Figure("warm reload of an open tab", "ms", again, 120, 80))


def restart(site: Site) -> None:
    """The first request a new process gets is the page."""
    site.fill("main")
    runs = []
    for _ in range(site.runs(7)):
        site.rest()
        site.glance.restart()
        runs.append(_milliseconds(fresh_load(site), "after a restart"))
    site.add(Figure("right after a server restart", "ms", runs, 150, 90, note=FRESH))


def down(site: Site) -> None:
    """Every answer has expired and nobody listens upstream any more."""
    site.fill("short")
    site.stub.down()
    site.expire("short")
    without = [_milliseconds(fresh_load(site, "short"), "upstream down") for _ in range(site.runs(7))]
    site.add(Figure("upstream down, all expired", "ms", without, 150, 90, note=FRESH))
    both = []
    for _ in range(site.runs(7)):
        site.glance.restart()
        both.append(_milliseconds(fresh_load(site, "short"), "upstream down and restarted"))
    site.add(Figure("upstream down, all expired, just restarted", "ms", both, 150, 90, note=FRESH))
    site.stub.up()
    site.fill()


def hang(site: Site) -> None:
    """One dead upstream must not hold up the others."""
    hung = WIDGETS // 2
    spared = site.ids["main"][hung]
    host = str(hung + 2)
    times: dict[str, list[float]] = {"": [], host: []}
    for _ in range(site.runs(7)):
        for hangs, found in times.items():
            site.clear()
            site.stub.answers(hang=hangs)
            found.append(_milliseconds(fresh_load(site, wanted=WIDGETS - 1, without=spared), "one hangs"))
            site.stub.answers()
            time.sleep(0.1)
    plain, with_it = (Figure("", "", found).measured for found in times.values())
    site.add(Figure("the other 29, none hangs", "ms", times[""], note=HUNG))
    site.add(Figure("the other 29, one of 30 hangs", "ms", times[host], note=HUNG))
    site.add(Figure("… later than without", "%", [(with_it / plain - 1) * 100], 10))
    site.rest()
