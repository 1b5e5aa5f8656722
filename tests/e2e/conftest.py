"""A real browser on a real Glance: any console error, page error or violated policy fails the test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from glance import passwords
from tests.e2e.hostile import Watched, strings
from tests.e2e.hostile_fields import Tried
from tests.e2e.hostile_shown import Shown
from tests.e2e.hostile_small import Small
from tests.page_site import Site
from tests.waiting import PATIENCE_S

ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-first-run",
]
WATCH = """
window.seen = { violations: [], shifts: [], requests: [] };
document.addEventListener('securitypolicyviolation', e => seen.violations.push(e.effectiveDirective + ' ' + e.blockedURI));
new PerformanceObserver(list => list.getEntries().forEach(e => seen.shifts.push([
  Math.round(e.startTime), e.value, e.hadRecentInput, e.sources.map(s => s.node?.outerHTML?.slice(0, 80) ?? s.node?.textContent)])))
  .observe({ type: 'layout-shift', buffered: true });
"""


class Look:
    """A page under watch. `forgive` names parts of console messages that a test expects (a lost server, for one)."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.forgive: list[str] = []
        self.errors: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.add_init_script(WATCH)

    def open(self, address: str) -> Look:
        """Go there and wait until its scripts ran."""
        self.page.goto(address)
        return self

    def run(self, script: str, argument: Any = None) -> Any:
        """Evaluate in the page."""
        return self.page.evaluate(script, argument)

    def until(self, script: str, argument: Any = None, timeout_s: float = PATIENCE_S) -> Any:
        """Wait until the expression is true (the page's policy forbids the browser's own polling by eval)."""
        end = time.monotonic() + timeout_s
        while not (found := self.page.evaluate(script, argument)):
            assert time.monotonic() < end, f"never came true: {script}"
            self.page.wait_for_timeout(15)
        return found

    def connected(self) -> Look:
        """Wait until the socket is open and has heard the server."""
        self.until("document.documentElement.dataset.conn === 'live'")
        return self

    def faults(self) -> list[str]:
        """Everything that went wrong on this page and was not forgiven."""
        violations = [] if self.page.is_closed() else self.page.evaluate("window.seen?.violations ?? []")
        errors = [text for text in self.errors if not any(part in text for part in self.forgive)]
        return [*errors, *violations]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path).start()
    yield made
    made.stop()


@pytest.fixture
def look(browser: Browser) -> Iterator[Callable[..., Look]]:
    """Open a watched page: `look(viewport=…, java_script_enabled=False, …)`."""
    contexts, pages = [], []

    def make(**options: Any) -> Look:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 1000}, **options})
        contexts.append(context)
        pages.append(Look(context.new_page()))
        return pages[-1]

    yield make
    faults = [fault for page in pages for fault in page.faults()]
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """A Glance with one thing of each kind, for the hostile strings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "SCRYPT_N", 2**4)
        made = Small(tmp_path_factory.mktemp("small"))
        made.start()
        made.runtime.owner.open_session("another browser", "127.0.0.2")
        made.things()
        made.forget_something()
        made.things()
        yield made
        made.stop()


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """The hostile strings; what they would load is at an address that nobody has."""
    return strings("127.0.0.1:9")


@pytest.fixture(scope="module")
def tried(texts: list[str], request: pytest.FixtureRequest) -> Iterator[Tried]:
    """Which of them were tried where, in one file of tests."""
    kept = Tried(texts)
    yield kept
    kept.keep(request.module.__name__.rpartition(".")[2])


@pytest.fixture
def shown(small: Small, browser: Browser) -> Iterator[Shown]:
    """Takes the answers and lets a browser look at them."""
    watched = Watched(browser, small.address)
    watched.context.add_cookies([{"name": "glance_session", "value": small.cookie(), "url": small.address}])
    yield Shown(watched)
    watched.close()
