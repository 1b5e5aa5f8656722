"""The page's socket, spoken to by a real websocket client."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from glance.live import Hub
from glance.store.owner import Owner
from glance.web import sockets
from tests.page_site import Site
from tests.socket_client import Client, closed_with
from tests.waiting import PATIENCE_S, until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path).start()
    yield made
    made.stop()


Connect = Callable[..., "Page"]
# This client sends Host without a port, so that is the page's own origin for it.
ORIGIN = "http://127.0.0.1"


class Page:
    """One open page: says what it has, and remembers what it was told."""

    def __init__(
        self,
        site: Site,
        have: dict[str, str] | None = None,
        page: str = "",
        slug: str = "home",
        says_shown: bool = False,
    ) -> None:
        address = f"{site.address.replace('http', 'ws')}/ws/dashboards/{slug}"
        self.client = Client(address, headers={"Origin": ORIGIN})
        self.client.send(json.dumps({"page": page, "have": have or {}, "says_shown": says_shown}))

    def hear(self, timeout_s: float = PATIENCE_S) -> Any:
        """The next message that is not a mere sign of life: JSON as a dict, cards as text."""
        return until(lambda: self._next(timeout_s), timeout_s)

    def _next(self, timeout_s: float) -> Any:
        text = self.client.receive(timeout=timeout_s)
        if text is None or text.startswith('{"beat"'):
            return None
        return json.loads(text) if text.startswith("{") else text

    def closed_with(self) -> int:
        """The code by which the server ends it."""
        return closed_with(self.client)


@pytest.fixture
def connect(site: Site) -> Iterator[Connect]:
    pages: list[Page] = []

    def make(**options: Any) -> Page:
        pages.append(Page(site, **options))
        return pages[-1]

    yield make
    for page in pages:
        if page.client.connected:
            page.client.close()


def ids(text: str) -> set[str]:
    return set(re.findall(r'<article class="[^"]+" id="w-(\w+)" hx-swap-oob="outerMorph"', text))


def versions(text: str) -> dict[str, str]:
    return dict(re.findall(r'id="w-(\w+)"[^>]* data-v="(\w+)"', text))


def test_a_page_that_has_nothing_is_sent_everything(site: Site, connect: Connect) -> None:
    widgets = site.tallies(4)
    assert ids(connect().hear()) == {widget.id for widget in widgets}


def test_a_page_is_sent_only_what_it_does_not_have(site: Site, connect: Connect) -> None:
    one, two = site.tallies(2)
    have = versions(site.app.test_client().get("/d/home").text)
    site.push(two, 9)
    assert ids(connect(have=have).hear()) == {two.id}
    assert one.id in have


def test_a_change_reaches_every_open_page(site: Site, connect: Connect) -> None:
    widget = site.tallies(1)[0]
    pages = [connect(), connect()]
    for page in pages:
        page.hear()
    site.push(widget, 123)
    assert all("123" in page.hear() for page in pages)


def test_a_change_on_another_dashboard_is_not_told(site: Site, connect: Connect) -> None:
    mine, other = site.tallies(1)[0], site.tallies(1, dashboard="elsewhere")[0]
    page = connect()
    page.hear()
    site.push(other, 5)
    site.push(mine, 6)
    assert ids(page.hear()) == {mine.id}


def test_a_burst_becomes_few_messages_with_the_last_value(site: Site, connect: Connect) -> None:
    widget = site.tallies(1)[0]
    page = connect()
    page.hear()
    for value in range(300):
        site.push(widget, value)
    heard = []
    while not heard or "<b data-live>299</b>" not in heard[-1]:
        heard.append(page.hear())
    assert len(heard) < 100


def test_a_new_layout_is_told_to_an_open_page(site: Site, connect: Connect) -> None:
    widget = site.tallies(1)[0]
    page = connect(page="what-it-had-before")
    told = page.hear()
    assert set(told) == {"page"}
    assert ids(page.hear()) == {widget.id}
    added = site.add("fixed", "New", text="hello")
    assert page.hear()["page"] != told["page"]
    assert added.id in ids(page.hear())


def test_an_open_page_keeps_its_widgets_fresh_and_leaving_ends_that(site: Site, connect: Connect) -> None:
    widget = site.tallies(1)[0]
    page = connect()
    page.hear()
    assert site.runtime.hub.watched() == {widget.id}
    page.client.close()
    until(lambda: not site.runtime.hub.watched())
    assert site.runtime.hub.open_pages() == 0


def test_stopping_ends_the_socket_with_a_code_that_means_come_back(site: Site, connect: Connect) -> None:
    site.tallies(1)
    page = connect()
    page.hear()
    site.runtime.hub.close()
    assert page.closed_with() == 1012


def test_a_dashboard_that_does_not_exist_ends_the_socket_for_good(site: Site, connect: Connect) -> None:
    assert connect(slug="nowhere").closed_with() == 4404


def test_a_first_message_that_cannot_be_read_counts_as_having_nothing(site: Site) -> None:
    widget = site.tallies(1)[0]
    page = Page.__new__(Page)
    page.client = Client(f"{site.address.replace('http', 'ws')}/ws/dashboards/home", headers={"Origin": ORIGIN})
    page.client.send('["not", {"an": "object"}')
    assert ids(page.hear()) == {widget.id}
    page.client.close()


def test_a_foreign_page_gets_no_socket(site: Site) -> None:
    site.tallies(1)
    asking = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE_S)
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Origin": "https://evil.test",
    }
    asking.request("GET", "/ws/dashboards/home", headers=handshake)
    answer = asking.getresponse()
    assert answer.status == 403
    answer.read()
    asking.close()
    assert site.runtime.hub.open_pages() == 0


def test_a_stir_while_a_page_is_busy_wakes_it_when_it_waits_next() -> None:
    hub, woken = Hub(), threading.Event()
    box = hub.subscribe()
    hub.stir()
    assert box.take(0.0) == set()  # what came while it gathered
    threading.Thread(target=lambda: (box.take(3600.0), woken.set()), daemon=True).start()
    assert woken.wait(30)
    waits = threading.Thread(target=box.take, args=(3600.0,), daemon=True)
    waits.start()
    waits.join(0.05)
    assert waits.is_alive(), "one stir wakes once"
    box.close()


def test_a_page_that_left_while_it_was_looked_up_watches_nothing() -> None:
    hub = Hub()
    stays, left = hub.subscribe(), hub.subscribe()
    stays.watch({"one"})
    left.close()
    left.watch({"one", "two"})
    left.listen({1})
    left.await_newcomers()
    assert hub.watched() == {"one"}
    assert (hub.open_pages(), hub._listeners, hub._awaiting) == (1, {}, set())
    left.close()
    assert hub.watched() == {"one"}, "the other page still shows it"
    stays.close()
    assert hub.watched() == set()


def test_a_page_that_has_shown_all_just_before_the_server_waits_is_sent_the_next_at_once(
    site: Site, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "BEAT_S", 600.0)
    monkeypatch.setattr(sockets, "SHOWN_WITHIN_S", 600.0)
    widget = site.tallies(1)[0]
    page = connect(says_shown=True)
    page.hear()
    wait_s = sockets.Talk._wait_s

    def shown_right_then(talk: sockets.Talk, later: set[str]) -> float:
        found = wait_s(talk, later)
        if talk._must_show():
            for _ in range(sockets.UNDER_WAY):
                page.client.send("+")
            until(lambda: len(talk._ws.input_buffer) == sockets.UNDER_WAY)
        return found

    monkeypatch.setattr(sockets.Talk, "_wait_s", shown_right_then)
    site.push(widget, 1)
    assert "<b data-live>1</b>" in page.hear()
    site.push(widget, 2)
    assert "<b data-live>2</b>" in page.hear()


def test_a_page_opened_without_a_login_is_closed_once_a_password_is_set(tmp_path: Path) -> None:
    bare = Site(tmp_path, auth="password")
    bare.runtime.owner.choose_local_only()
    bare.start()
    try:
        widget = bare.tallies(1)[0]
        page = Page(bare)
        page.hear()
        client = bare.app.test_client()
        data = {"password": "a long enough one", "repeat": "a long enough one"}
        set_one = client.post("/settings/security/password", data=data, headers={"Origin": "http://localhost"})
        assert set_one.status_code == 303
        bare.push(widget, 1)
        assert page.closed_with() == 4403
    finally:
        bare.stop()


@pytest.mark.parametrize("before", ["", "the former one"])
def test_a_password_that_another_process_sets_closes_open_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    monkeypatch.setattr(sockets, "BEAT_S", 0.1)
    site = Site(tmp_path, auth="password")
    owner = site.runtime.owner
    headers = {"Origin": ORIGIN}
    if before:
        owner.set_password(before)
        headers["Cookie"] = f"glance_session={owner.open_session('a browser', '127.0.0.1')}"
    else:
        owner.choose_local_only()
    site.start()
    try:
        site.tallies(1)
        client = Client(f"{site.address.replace('http', 'ws')}/ws/dashboards/home", headers=headers)
        client.send("{}")
        assert until(lambda: client.receive(timeout=PATIENCE_S))
        Owner(site.runtime.db).set_password("a long enough one")
        assert closed_with(client) == 4403
    finally:
        site.stop()


def test_signing_out_elsewhere_ends_an_open_socket_with_a_code_of_its_own(tmp_path: Path) -> None:
    locked = Site(tmp_path, auth="password", password="a long enough one").start()
    try:
        widget = locked.tallies(1)[0]
        token = locked.runtime.owner.open_session("a browser", "127.0.0.1")
        page = Page.__new__(Page)
        address = f"ws://127.0.0.1:{locked.port}/ws/dashboards/home"
        page.client = Client(address, headers={"Origin": ORIGIN, "Cookie": f"glance_session={token}"})
        page.client.send("{}")
        page.hear()
        session = locked.runtime.owner.sessions()[0]
        locked.runtime.owner.end_session(session.id)
        locked.push(widget, 1)
        assert page.closed_with() == 4403
    finally:
        locked.stop()
