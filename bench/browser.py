"""Chromium: how long until every card shows data, what went over the wire, what moved, what axe finds."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bench.child import ROOT

ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-first-run",
]
VIEWPORT = {"width": 1440, "height": 2400}
AXE = ROOT / "tests" / "e2e" / "vendor" / "axe.min.js"
LOAD_S = 30.0
# The clock is the page's own, from the start of its navigation; a card counts once its body holds a value and its head an age.
WATCH = """
(() => {
  const wanted = %(wanted)d, without = %(without)s;
  let queued = false, done;
  const bench = window.bench = { all: null, first: null, shown: 0 };
  bench.ready = new Promise(resolve => { done = resolve; });
  const full = card => card.id !== without && /val-\\d/.test(card.querySelector('.w-body')?.textContent ?? '') && card.querySelector('time[datetime]');
  const check = () => {
    queued = false;
    const now = performance.now();
    bench.shown = [...document.querySelectorAll('article.w')].filter(full).length;
    if (bench.shown && bench.first === null) bench.first = now;
    if (bench.shown >= wanted && bench.all === null) { bench.all = now; done(true); }
  };
  new MutationObserver(() => {
    if (bench.all === null && !queued) { queued = true; queueMicrotask(check); }
  }).observe(document, { childList: true, subtree: true, characterData: true });
  addEventListener('DOMContentLoaded', check);
})();
"""
SHIFTS = """
window.shifts = [];
new PerformanceObserver(list => { for (const e of list.getEntries()) shifts.push({
  value: e.value, at: Math.round(e.startTime),
  nodes: e.sources.map(s => [s.node?.outerHTML?.slice(0, 90) ?? s.node?.textContent?.slice(0, 60) ?? '?',
    ...[s.previousRect, s.currentRect].map(r => [r.x, r.y, r.width, r.height].map(Math.round).join(' '))].join(' | ')),
}); }).observe({ type: 'layout-shift', buffered: true });
"""
RESULT = """() => {
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  return { all: bench.all, first: bench.first, shown: bench.shown, paint: paint ? paint.startTime : null };
}"""


@dataclass(frozen=True)
class Load:
    """A page load: milliseconds until the first and until all wanted cards showed data (None = never), and how many did."""

    all_ms: float | None
    first_ms: float | None
    paint_ms: float | None
    shown: int


@dataclass
class Traffic:
    """What came over the network, by address: bytes with headers as on the wire, requests with websockets."""

    bytes_by: dict[str, int] = field(default_factory=dict)
    sockets: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def bytes_total(self) -> int:
        """All of them."""
        return sum(self.bytes_by.values())

    @property
    def requests(self) -> int:
        """Requests, each websocket counting as one."""
        return len(self.bytes_by) + self.sockets


class Chromium:
    """One browser for the whole run; `cookies` sign its contexts in."""

    def __init__(self) -> None:
        self._playwright = sync_playwright().start()
        found = os.environ.get("CHROME") or shutil.which("chromium") or shutil.which("chromium-browser")
        self._browser: Browser = self._playwright.chromium.launch(executable_path=found, args=ARGUMENTS)

    @property
    def version(self) -> str:
        """Its version."""
        return self._browser.version

    def close(self) -> None:
        """End it."""
        try:
            self._browser.close()
            self._playwright.stop()
        except Exception as error:  # after Ctrl-C its driver has already ended by itself
            print(f"Chromium was gone before it was closed: {error}", file=sys.stderr)

    @contextmanager
    def context(
        self, base: str, cookies: dict[str, str], wanted: int = 30, without: str = "", viewport: Any = None
    ) -> Iterator[BrowserContext]:
        """A new profile (empty HTTP cache) that is signed in and watches for `wanted` filled cards, `without` one id."""
        context = self._browser.new_context(viewport=viewport or VIEWPORT)
        try:
            context.add_cookies([{"name": name, "value": value, "url": base} for name, value in cookies.items()])
            context.add_init_script(WATCH % {"wanted": wanted, "without": json.dumps(f"w-{without}")})
            yield context
        finally:
            context.close()


def load(page: Page, url: str, timeout_s: float = LOAD_S, reload: bool = False) -> Load:
    """Go there, or reload, and wait until every wanted card shows data."""
    if reload:
        page.reload(wait_until="commit")
    else:
        page.goto(url, wait_until="commit")
    page.evaluate(
        "ms => Promise.race([bench.ready, new Promise(done => setTimeout(done, ms))])",
        timeout_s * 1000,
    )
    # first-contentful-paint comes with a frame after the content
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    found = page.evaluate(RESULT)
    return Load(found["all"], found["first"], found["paint"], found["shown"])


def until_live(page: Page, timeout_s: float = LOAD_S) -> None:
    """Wait until the page says that it hears its server. (Its policy forbids what Playwright waits with.)"""
    end = time.monotonic() + timeout_s
    while page.evaluate("() => document.documentElement.dataset.conn") != "live":
        if time.monotonic() > end:
            raise RuntimeError(f"{page.url} did not become live within {timeout_s:g} s")
        page.wait_for_timeout(20)


def traffic(page: Page, url: str, settle_ms: int = 500) -> Traffic:
    """Load the page in its fresh context and note everything it fetched until `settle_ms` after its last card."""
    seen = Traffic()
    addresses: dict[str, str] = {}
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.requestWillBeSent", lambda e: addresses.__setitem__(e["requestId"], e["request"]["url"]))
    session.on("Network.webSocketCreated", lambda e: setattr(seen, "sockets", seen.sockets + 1))
    session.on(
        "Network.loadingFinished",
        lambda e: seen.bytes_by.__setitem__(addresses.get(e["requestId"], e["requestId"]), int(e["encodedDataLength"])),
    )
    session.on("Network.loadingFailed", lambda e: seen.failed.append(addresses.get(e["requestId"], "?")))
    load(page, url)
    page.wait_for_load_state("load")
    page.wait_for_timeout(settle_ms)
    return seen


def violations(page: Page, url: str) -> list[str]:
    """What axe finds on a page: `rule: first element` each. RuntimeError where that page did not come."""
    answer = page.goto(url, wait_until="load")
    if answer is None or answer.status >= 500 or page.url != url:
        raise RuntimeError(f"{url} led to {page.url}")
    page.wait_for_timeout(300)
    page.evaluate(f"() => {{ {Path(AXE).read_text(encoding='utf-8')}; window.axe = axe; }}")
    found = page.evaluate("async () => (await axe.run(document, { resultTypes: ['violations'] })).violations")
    return [f"{item['id']} ({len(item['nodes'])}×): {item['nodes'][0]['html'][:160]}" for item in found]
