"""The door, the settings and the error pages in a real browser, with and without script, in both themes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.conftest import Look
from tests.page_site import Site

PASSWORD = "three-quiet-fans"
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
STATUS = "Failed to load resource: the server responded with a status of"


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, auth="password").start()
    yield made
    made.stop()


def sign_in(look: Look, site: Site) -> None:
    look.open(site.address + "/login")
    look.page.fill("#pw", PASSWORD)
    look.page.click("button.btn-main")


def violations(look: Look) -> list[str]:
    """What axe finds on the page, one line each."""
    look.run(AXE.read_text(encoding="utf-8"))
    found = look.run(
        "axe.run().then(found => found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' ')))"
    )
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("script", [True, False])
def test_the_first_password_is_set_and_used_in_a_browser(closed: Site, look: Callable[..., Look], script: bool) -> None:
    first = look(java_script_enabled=script)
    first.page.goto(closed.address + "/settings/about")
    assert first.page.url.startswith(closed.address + "/setup")
    first.page.fill("#password", PASSWORD)
    first.page.fill("#repeat", PASSWORD)
    first.page.click("text=Set password and open")
    assert first.page.url == closed.address + "/settings/about"
    first.page.goto(closed.address + "/settings/security")
    first.page.click("text=Sign out")
    assert first.page.url == closed.address + "/login"
    first.page.goto(closed.address + "/settings/look")
    first.page.fill("#pw", PASSWORD)
    first.page.click("button.btn-main")
    assert first.page.url == closed.address + "/settings/look"
    first.page.click("button[value=light] >> nth=0")
    assert first.page.get_attribute("html", "data-theme") == "light"


def test_a_wrong_password_is_said_and_the_field_can_be_shown(closed: Site, look: Callable[..., Look]) -> None:
    closed.runtime.owner.set_password(PASSWORD)
    there = look()
    there.forgive.append(STATUS)
    there.open(closed.address + "/login")
    there.page.fill("#pw", "not-the-password")
    there.page.click("button.btn-main")
    assert "4 tries left" in there.page.inner_text("[role=alert]")
    assert there.page.get_attribute("#pw", "aria-invalid") == "true"
    there.page.fill("#pw", "something")
    there.page.click("[aria-label='Show password']")
    assert there.page.get_attribute("#pw", "type") == "text"
    there.page.click("[aria-label='Hide password']")
    assert there.page.get_attribute("#pw", "type") == "password"


def test_the_bar_tells_how_hard_a_password_is_to_guess(closed: Site, look: Callable[..., Look]) -> None:
    there = look().open(closed.address + "/setup")
    lit, told = [], []
    for password in ("", "short", "aaaaaaaaaaaaaaaa", "ten-letters", PASSWORD, "three quiet fans and a lamp"):
        there.page.fill("#password", password)
        lit.append(there.page.locator(".strength .on").count())
        told.append(there.page.inner_text("#password-h").partition(" ")[0])
    assert lit == [0, 1, 1, 2, 3, 4]
    assert told == ["At", "Weak.", "Weak.", "Fair.", "Good.", "Strong."]


class Stranger(BaseHTTPRequestHandler):
    """Another program on this computer: its page posts a form to the address in the query, wherever that is."""

    def do_GET(self) -> None:
        target = escape(self.path.partition("?")[2], quote=True)
        body = f'<form method="post" action="{target}"><button>Win a prize</button></form>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def stranger() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    thread = threading.Thread(target=server.serve_forever, name="stranger")
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_of_another_port_sends_our_cookie_and_still_changes_nothing(
    closed: Site, look: Callable[..., Look], stranger: str
) -> None:
    closed.runtime.owner.set_password(PASSWORD)
    there = look()
    there.forgive += [STATUS, "favicon"]
    sign_in(there, closed)
    there.open(f"{stranger}?{closed.address}/logout")
    there.page.click("text=Win a prize")
    assert there.page.url == closed.address + "/logout"
    assert "This came from another page" in there.page.inner_text("main")
    there.open(closed.address + "/settings/look")
    assert there.page.url == closed.address + "/settings/look"


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_on_the_door_settings_and_error_pages(
    closed: Site, look: Callable[..., Look], theme: str
) -> None:
    there = look(color_scheme=theme)
    there.forgive.append(STATUS)
    found = {"/setup": violations(there.open(closed.address + "/setup"))}
    there.page.fill("#password", "ten-letters")
    there.page.fill("#repeat", "other-letters")
    there.page.click("text=Set password and open")
    found["wrong setup"] = violations(there)
    closed.runtime.owner.set_password(PASSWORD)
    found["/login"] = violations(there.open(closed.address + "/login"))
    sign_in(there, closed)
    for path in ("/settings/look", "/settings/security", "/settings/broker", "/settings/about", "/d/nothing"):
        found[path] = violations(there.open(closed.address + path))
    assert {path: lines for path, lines in found.items() if lines} == {}
