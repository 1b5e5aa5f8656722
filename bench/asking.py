"""Parts that count what the upstream is asked, and time what programs ask of the API."""

from __future__ import annotations

import json
import time

from bench.browser import load
from bench.loading import NEVER_S
from bench.site import DEFINITION, SHORT_S, Site
from bench.table import Figure, percentile
from bench.wire import Waiting, times_ms, together
from bench.wire import load as press

TABS, RELOADS, CALLERS, CONNECTIONS = 10, 10, 50, 8
SLOW_MS = 1000
EXECUTE = f"/api/custom-widgets/{DEFINITION}/execute"


def upstream(site: Site) -> None:
    """Nothing is asked within the TTL; at expiry each widget is asked once, however many want it."""
    _within(site)
    _at_expiry(site)
    _looked_at(site)
    _while_waiting(site)


def _within(site: Site) -> None:
    site.fill("main")
    site.stub.reset()
    reloads = site.runs(RELOADS)
    with site.browser.context(site.glance.base, site.glance.cookies) as context:
        tabs = [context.new_page() for _ in range(TABS)]
        for page in tabs:
            load(page, site.url(), NEVER_S)
        for _ in range(reloads):
            for page in tabs:
                load(page, site.url(), NEVER_S, reload=True)
    site.add(
        Figure(f"upstream requests, {reloads} reloads × {TABS} tabs in the TTL", "", [site.stub.counts()["total"]], 0)
    )
    site.rest()


def _at_expiry(site: Site) -> None:
    """Callers that wait for the source, all within the same moment after an entry expired."""
    asked, cached = [], 0
    for widget_id in site.ids["short"][: site.runs(7, 3)]:
        site.fill("short")
        site.stub.answers(delay_ms=SLOW_MS)
        site.expire("short")
        site.stub.reset()
        message = site.glance.call("POST", EXECUTE, {"widget_instance_id": widget_id})
        answers = together(site.glance.port, [message] * CALLERS)
        if any(status != 200 for status, _ in answers):
            raise RuntimeError(f"execute was answered with {sorted({status for status, _ in answers})}")
        cached += sum(json.loads(body)["cached"] for _, body in answers)
        asked.append(site.stub.counts()["total"])
        site.stub.answers()
    note = f"Worst of the runs; the upstream takes {SLOW_MS} ms."
    site.add(Figure(f"upstream requests, {CALLERS} callers at expiry", "", asked, 1, value=max(asked), note=note))
    site.add(Figure("… of them told `cached: true`", "", [cached], 0, note=note))
    site.rest()


def _looked_at(site: Site) -> None:
    """Pages and polls of the moment after all 30 expired: one request per widget behind them."""
    site.fill("short")
    site.expire("short")
    site.stub.reset()
    began = time.monotonic()
    paths = ("/d/short", "/d/short/fragments?since=")
    together(site.glance.port, [site.glance.page(paths[turn % 2]) for turn in range(CALLERS)])
    if time.monotonic() - began > SHORT_S:
        raise RuntimeError("the pages took longer than the TTL; this counts nothing")
    time.sleep(0.3)
    worst = max(site.stub.counts()["per"].values())
    site.add(Figure(f"… per widget, {CALLERS} pages and polls at expiry", "", [worst], 1))
    site.rest()


def _while_waiting(site: Site) -> None:
    """Whoever only looks must not wait for those who wait for a source."""
    site.fill("main")
    body = {"widget_instance_id": site.ids["main"][0], "force_refresh": True}
    for callers in (CALLERS, 2 * CALLERS):
        found = []
        for _ in range(site.runs(5)):
            site.stub.answers(delay_ms=SLOW_MS)
            with Waiting(site.glance.port, [site.glance.call("POST", EXECUTE, body)] * callers) as waiting:
                found += times_ms(site.glance.port, [site.glance.page("/d/main")], 1, fresh=True)
                waiting.answers()
            site.stub.answers()
            site.rest()
        note = f"Asked right after {callers} programs forced a fetch that takes {SLOW_MS} ms."
        site.add(Figure(f"a page while {callers} callers wait for a source", "ms", found, note=note))


def execute(site: Site) -> None:
    """Cached answers for programs."""
    site.fill()
    ids = site.ids["main"]
    messages = [site.glance.call("POST", EXECUTE, {"widget_instance_id": widget_id}) for widget_id in ids]
    press(site.glance.port, messages, CONNECTIONS, 0.5)
    speeds, middles, tails = [], [], []
    for _ in range(site.runs(5)):
        speed, found = press(site.glance.port, messages, CONNECTIONS, 1.0 if site.quick else 3.0)
        speeds.append(speed)
        middles.append(percentile(found, 0.5))
        tails.append(percentile(found, 0.99))
    note = (
        f"{CONNECTIONS} keep-alive connections, each with one request under way; 30 widgets in turn, each answer `hit`."
    )
    site.add(Figure("cached execute, p50", "ms", middles, 5, note=note))
    site.add(Figure("cached execute, p99", "ms", tails, 15, note=note))
    site.add(Figure("cached execute", "req/s", speeds, more=True, note=note))
    everything = site.ids["main"] + site.ids["more"]
    for count, must in ((10, 10), (50, 30)):
        message = site.glance.call("POST", "/api/widgets/batch", {"widget_ids": everything[:count]})
        times_ms(site.glance.port, [message], 10)
        found = times_ms(site.glance.port, [message], site.runs(200, 50))
        site.add(Figure(f"batch of {count} cached", "ms", found, must))
