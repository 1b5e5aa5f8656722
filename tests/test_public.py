"""Public dashboards: to look at for everybody who knows the address, and nothing else; gone at once when taken back."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from simple_websocket import ConnectionClosed
from wsproto.events import CloseConnection

from glance.images import Picture
from glance.model import Widget
from glance.web import public, sockets, waking
from glance.web.public_cards import GuestCards
from glance.web.public_markup import outside, shown_to_guests
from tests.api_site import Site as ApiSite
from tests.api_site import fields, problem
from tests.page_site import Site
from tests.socket_client import Client, closed_with
from tests.waiting import PATIENCE_S, until

PASSWORD = "a long enough one"
SECRET = "tk-9f8e7d6c5b"
CHATTY = {
    "widget.yaml": """\
name: Chatty
description: Shows all that it is given
category: test
refresh_interval: 60
params:
  type: object
  properties:
    token: {type: string, format: secret, title: Token}
    camera: {type: string}
source: {kind: push}
data_schema: {type: object}
""",
    "card.html": """\
{% set aside = data.said %}
<p title="{{ data.said }}" data-clock="{{ data.said }}">{{ data.said }}</p>
<a href="http://nas.lan:8080/x?k={{ data.said }}">At home</a> <a href="https://example.org/{{ data.said }}">Echo</a>
<a href="https://example.org/page">Elsewhere</a>
<img src="{{ image(params.camera) }}" alt="Camera">
<form method="post" action="{{ action('save') }}"><input name="a" value="{{ data.said }}"><button name="do" value="save">Save</button></form>
<details><summary>More</summary><p>Inside</p></details>
""",
}
FIELD = {
    "widget.yaml": """\
name: Field
description: Nothing but a control
category: test
source: {kind: static}
""",
    "card.html": """\
<form method="get" action="https://example.org/"><input name="q"><button>Search</button></form>
""",
}


class Shared(Site):
    """A served Glance with a password and a dashboard that is public at /p/guests; another one is not."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        for slug, files in {"chatty": CHATTY, "field": FIELD}.items():
            (folder / "widgets" / slug).mkdir(parents=True)
            for name, text in files.items():
                (folder / "widgets" / slug / name).write_text(text, encoding="utf-8")
        super().__init__(folder, auth="password", password=PASSWORD, **settings)

    def share(self, address: str = "guests", slug: str = "home") -> None:
        self.runtime.dashboards.update(slug, {"is_public": True, "public_address": address})

    def guest(self) -> FlaskClient:
        client = self.app.test_client()
        client.environ_base.update({"REMOTE_ADDR": "192.168.1.20"})
        return client

    def socket(self, path: str = "/ws/public/guests", have: str | None = "{}") -> Client:
        client = Client(f"ws://127.0.0.1:{self.port}{path}", headers={"Origin": "http://127.0.0.1"})
        if have is not None:
            client.send(have)
        return client


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Shared]:
    made = Shared(tmp_path).start()
    yield made
    made.stop()


@pytest.fixture
def tally(site: Shared) -> Widget:
    (widget,) = site.tallies(1, value=41)
    site.share()
    return widget


def heard(client: Client) -> str:
    """The next message with cards."""

    def next_one() -> str | None:
        text = client.receive(timeout=PATIENCE_S)
        return str(text) if text is not None and not str(text).startswith('{"beat"') else None

    return until(next_one, PATIENCE_S) or ""


# The page


def test_who_knows_the_address_sees_the_dashboard_with_its_data(site: Shared, tally: Widget) -> None:
    page = site.guest().get("/p/guests")
    assert page.status_code == 200
    assert f'id="w-{tally.id}"' in page.text
    assert ">41<" in page.text
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "Set-Cookie" not in page.headers


def test_the_page_has_no_controls_and_no_way_to_the_rest(site: Shared, tally: Widget) -> None:
    site.add("tally", "Secret number", "cellar")
    text = site.guest().get("/p/guests").text
    for word in (
        "/settings",
        "/d/",
        "/gallery",
        "/explain",
        "/edit",
        "/refresh",
        "/login",
        "data-menu",
        "<form",
        "csrf",
        "Cellar",
    ):
        assert word not in text, word
    assert "home" not in re.findall(r'"([^"]*)"', text), "the private name of the dashboard"
    (button,) = re.findall(r"<button[^>]*>", text)
    assert "data-theme-btn" in button
    assert "style=" not in text
    assert "<script>" not in text


def test_everything_that_the_page_names_is_there_for_guests(site: Shared, tally: Widget) -> None:
    guest = site.guest()
    text = guest.get("/p/guests").text
    named = set(re.findall(r'(?:href|src|data-fragments)="(/[^"#]+)', text))
    assert any(path.startswith("/p/guests/layout.") for path in named)
    for path in named:
        assert guest.get(path).status_code in (200, 204), path


def test_the_owner_sees_what_guests_see(site: Shared, tally: Widget) -> None:
    owner = site.guest()
    owner.set_cookie("glance_session", site.runtime.owner.open_session("a browser", "192.168.1.20"))
    strip = re.compile(r'data-now="[^"]*"|<time[^>]*>[^<]*</time>|stroke-dasharray="[^"]*"')
    assert strip.sub("", owner.get("/p/guests").text) == strip.sub("", site.guest().get("/p/guests").text)


@pytest.mark.parametrize("address", ["home", "guest", "guests2", "GUESTS", "guests%20", "%00", "é", "x" * 4000, ".."])
def test_any_other_address_is_404(site: Shared, tally: Widget, address: str) -> None:
    answer = site.guest().get(f"/p/{address}")
    assert answer.status_code == 404
    assert ">41<" not in answer.text


def test_a_dashboard_that_was_never_shared_has_no_address(site: Shared) -> None:
    site.tallies(1)
    assert site.runtime.dashboards.get("home").public_address is None
    for address in ("None", "home", "null"):
        assert site.guest().get(f"/p/{address}").status_code == 404


def test_without_a_choice_nobody_can_guess_the_address(site: Shared) -> None:
    for slug in ("one", "two"):
        site.runtime.dashboards.create(slug, slug=slug)
        site.runtime.dashboards.update(slug, {"is_public": True})
    addresses = [site.runtime.dashboards.get(slug).public_address for slug in ("one", "two")]
    assert addresses[0] != addresses[1]
    assert all(re.fullmatch(r"[0-9a-f]{24}", address or "") for address in addresses)


def test_a_look_fetches_nothing_for_widgets_that_are_fetched_by_looks(tmp_path: Path) -> None:
    with ApiSite(tmp_path) as site:
        slug = site.dashboard()
        site.widget("look", dashboard=slug)
        answer = site.patch(f"/api/dashboards/{slug}", {"is_public": True})
        guest = site.app.test_client()
        until(lambda: site.upstream.count("/value") == 1)  # making it fetched once
        for _ in range(3):
            assert guest.get(f"/p/{answer.json['public_address']}").status_code == 200
        site.get(f"/d/{slug}").close()
        until(lambda: site.upstream.count("/value") == 2)  # the owner's look does fetch, and came after the guests'


def test_before_a_password_exists_guests_get_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, auth="password")
    try:
        site.runtime.dashboards.create("Home", slug="home")
        site.runtime.dashboards.update("home", {"is_public": True, "public_address": "guests"})
        guest = site.app.test_client()
        answer = guest.get("/p/guests", environ_overrides={"REMOTE_ADDR": "192.168.1.20"})
        assert answer.status_code == 303
        assert answer.location.startswith("/setup")
        site.runtime.owner.choose_local_only()
        assert guest.get("/p/guests", environ_overrides={"REMOTE_ADDR": "192.168.1.20"}).status_code == 403
        assert guest.get("/p/guests").status_code == 200
    finally:
        site.runtime.stop()


# What guests must not see


@pytest.fixture
def chatty(site: Shared) -> Widget:
    widget = site.add("chatty", "Talks too much", token=SECRET, camera=f"http://cam.lan/shot?token={SECRET}")
    site.runtime.refresher.push(widget, {"said": f"the key is {SECRET}"})
    site.share()
    return widget


def test_a_secret_that_an_upstream_echoes_is_in_no_text_and_no_attribute(site: Shared, chatty: Widget) -> None:
    text = site.guest().get("/p/guests").text
    assert "the key is" in text
    assert SECRET not in text
    for picture in re.findall(r"/image/([\w-]+)", text):
        assert re.fullmatch(r"[0-9a-f]{32}", picture), "the usual address of a picture holds where it comes from"
    assert "cam.lan" not in text
    assert "nas.lan" not in text


def test_a_credential_that_an_upstream_echoes_is_hidden_too(site: Shared, chatty: Widget) -> None:
    site.runtime.credentials.create("weather", "cr-5a4b3c2d1e", ["example.org"])
    site.runtime.refresher.push(chatty, {"said": "who sent cr-5a4b3c2d1e, or Y3ItNWE0YjNjMmQxZQ=="})
    text = site.guest().get("/p/guests").text
    assert "who sent" in text
    assert "cr-5a4b3c2d1e" not in text
    assert "Y3ItNWE0YjNjMmQxZQ==" not in text


def test_a_secret_in_the_points_of_a_chart_is_hidden_too(site: Shared) -> None:
    site.runtime.credentials.create("odd", "a\"b<ü>&'c", ["example.org"])
    widget = site.add("plotted", "Line")
    site.runtime.refresher.push(widget, {"series": [{"label": "it is a\"b<ü>&'c!", "points": [[1, 2]]}]})
    site.share()
    text = site.guest().get("/p/guests").text
    found = re.search(r'<script type="application/json">(.*?)</script>', text)
    assert found
    assert json.loads(found[1])["series"][0]["label"] == "it is ••••••••!"


def test_a_secret_is_in_no_frame_of_the_socket(site: Shared, chatty: Widget) -> None:
    client = site.socket()
    first = heard(client)
    site.runtime.refresher.push(chatty, {"said": f"now it is {SECRET}!"})
    second = heard(client)
    client.close()
    assert "the key is" in first
    assert "now it is" in second
    for text in (first, second):
        assert SECRET not in text
        assert "cam.lan" not in text
        assert "<form" not in text
        assert "<button" not in text


def test_links_to_the_internet_stay_and_those_home_become_words(site: Shared, chatty: Widget) -> None:
    text = site.guest().get("/p/guests").text
    assert '<a href="https://example.org/page" rel="noopener noreferrer">Elsewhere</a>' in text
    assert "<span>At home</span>" in text
    assert "<span>Echo</span>" in text, "its address held the secret"


def test_why_a_source_fails_is_not_for_guests(tmp_path: Path) -> None:
    with ApiSite(tmp_path) as site:
        slug = site.dashboard()
        site.upstream.json("/private/path", {"nope": 1})
        widget = site.widget("probe", path="/private/path", dashboard=slug)
        assert site.get(f"/api/widgets/{widget}/data").status_code == 502
        site.patch(f"/api/dashboards/{slug}", {"is_public": True, "public_address": "guests"})
        text = site.app.test_client().get("/p/guests").text
    assert "Nothing to show right now" in text
    assert "127.0.0.1" not in text
    assert "private/path" not in text


def test_a_card_that_was_all_controls_says_that_it_is_not_for_guests(site: Shared) -> None:
    site.add("field", "Find")
    site.share()
    page = site.guest().get("/p/guests").text
    assert "Find" in page
    assert page.count("Nothing here for guests") == 1


def test_pictures_of_other_dashboards_and_usual_picture_addresses_are_closed(site: Shared, chatty: Widget) -> None:
    guest = site.guest()
    guest.get("/p/guests")
    usual = site.runtime.images.address("http://cam.lan/other.png")
    assert guest.get(usual).status_code == 303, "to the login page"
    key = usual.rpartition("/")[2]
    for name in (key, "0" * 32, ".."):
        assert guest.get(f"/p/guests/image/{name}").status_code == 404


def test_pictures_have_names_of_the_day_and_come_by_them(
    site: Shared, chatty: Widget, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = site.guest()
    name = re.findall(r"/p/guests/image/(\w+)", guest.get("/p/guests").text)[0]
    site.app.extensions["glance.guest_cards"].clear()
    assert guest.get(f"/p/guests/image/{name}").status_code == 404
    again = re.findall(r"/p/guests/image/(\w+)", guest.get("/p/guests").text)[0]
    assert again != name
    with monkeypatch.context() as patch:
        patch.setattr(site.runtime.images, "get", lambda key: Picture(b"GIF89a", "image/gif", key[:8]))
        assert guest.get(f"/p/guests/image/{again}").data == b"GIF89a"


@pytest.mark.parametrize("gone", ["removed", "moved", "changed"])
def test_a_picture_goes_with_its_card(site: Shared, chatty: Widget, monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    monkeypatch.setattr(site.runtime.images, "get", lambda key: Picture(b"GIF89a", "image/gif", key[:8]))
    guest = site.guest()
    name = re.findall(r"/p/guests/image/(\w+)", guest.get("/p/guests").text)[0]
    assert guest.get(f"/p/guests/image/{name}").status_code == 200
    if gone == "removed":
        site.runtime.placing.remove(chatty.id)
        site.tallies(1)
    elif gone == "moved":
        site.tallies(1, dashboard="other")
        site.share("elsewhere")
        site.share(slug="other")
    else:
        for number in range(2):
            site.runtime.placing.change(chatty.id, {"params": {"camera": f"http://cam.lan/{number}.png"}})
            guest.get("/p/guests")
    assert guest.get("/p/guests").status_code == 200
    assert guest.get(f"/p/guests/image/{name}").status_code == 404


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("<p>Words &amp; <b>more</b></p>", "<p>Words &amp; <b>more</b></p>"),
        ("<button>Do it</button><p>After</p>", "<p>After</p>"),
        ('<time datetime="2026-01-02" data-ago>2 Jan</time>', '<time datetime="2026-01-02" data-ago="">2 Jan</time>'),
        ('<form method="post"><p>In a form</p><input value="x"></form>', "<p>In a form</p>"),
        ('<form role="search"><p>Engine</p></form>ok', "ok"),
        ("<textarea>My\n note</textarea>", '<pre class="as-typed">My\n note</pre>'),
        ('<iframe src="http://cam.lan"></iframe>ok', "ok"),
        ("<script>alert(1)</script>ok", "ok"),
        ('<p onclick="x()" style="a" hx-get="/x" data-bangs="{}">ok</p>', "<p>ok</p>"),
        ('<p title="http://nas.lan">ok</p>', "<p>ok</p>"),
        ('<a href="javascript:alert(1)">x</a>', "<span>x</span>"),
        ('<a href="https://user:pw@example.org/">x</a>', "<span>x</span>"),
        ('<a href="http://192.168.1.4/">x</a>', "<span>x</span>"),
        ('<img src="https://example.org/x.png">ok', "ok"),
        ("<p>open <b>ends", "<p>open <b>ends</b></p>"),
        ("</p></article>ok", "ok"),
        ("<!-- secret --><?php x ?>ok", "ok"),
        ('<rect fill="url(https://evil.example/x)" width="3"/>', '<rect width="3"></rect>'),
        ('<rect fill="url(#g-band)"/>', '<rect fill="url(#g-band)"></rect>'),
        ('<use href="https://evil.example/#x"/>', "<use></use>"),
        (
            '<button role="checkbox" aria-checked="true" name="do">✓</button>',
            '<span role="checkbox" aria-checked="true" aria-disabled="true">✓</span>',
        ),
        (
            '<div data-plot><script type="application/json">{"a": "</b>"}</script></div>',
            '<div data-plot=""><script type="application/json">{"a": "\\u003c/b>"}</script></div>',
        ),
        ("<button><button>a</button>b</button>c", "c"),
        ("<dialog><p>a</p></dialog><template><p>b</p></template>c", "c"),
    ],
)
def test_what_is_left_of_markup_for_guests(given: str, shown: str) -> None:
    assert shown_to_guests(given, lambda text: text, outside, lambda _: "") == shown


# Live


def test_the_page_is_live_for_guests(site: Shared, tally: Widget) -> None:
    client = site.socket()
    assert ">41<" in heard(client)
    site.push(tally, 42)
    text = heard(client)
    assert ">42<" in text
    assert 'hx-swap-oob="outerMorph"' in text
    client.close()


def test_a_page_without_a_socket_hears_what_changed(site: Shared, tally: Widget) -> None:
    guest = site.guest()
    version = re.findall(r'data-v="(\w+)"', guest.get("/p/guests").text)[0]
    since = f"/p/guests/fragments?since={tally.id}:{version}"
    assert guest.get(since).status_code == 204
    site.push(tally, 43)
    answer = guest.get(since)
    assert ">43<" in answer.text
    assert answer.headers["Glance-Page"]


def test_a_guests_socket_opens_only_from_our_own_page(site: Shared, tally: Widget) -> None:
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade"}
    for origin in (
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://glance.lan.evil.example"},
    ):
        assert site.guest().get("/ws/public/guests", headers=handshake | origin).status_code == 403


def test_a_guest_has_no_other_socket(site: Shared, tally: Widget) -> None:
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "http://localhost"}
    for path in ("/ws/dashboards/home", f"/ws/widgets/{tally.id}", "/ws/ingest"):
        assert site.guest().get(path, headers=handshake).status_code == 401


def test_guests_leave_sockets_for_others(site: Shared, tally: Widget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "MOST_SOCKETS_EACH", 2)
    opened = [site.socket() for _ in range(2)]
    for client in opened:
        assert heard(client)
    assert closed_with(site.socket(have=None)) == 1013
    for client in opened:
        client.close()
    until(lambda: site.app.extensions["glance.guests"]._open.total() <= 1)
    again = site.socket()
    assert heard(again)
    again.close()


def test_a_guest_that_says_long_things_is_cut_off_and_gives_its_place_back(site: Shared, tally: Widget) -> None:
    client = site.socket()
    assert heard(client)
    client.send("x" * (waking.LONGEST_WORD + 1))
    assert closed_with(client) == 1009
    until(lambda: site.app.extensions["glance.guests"]._open.total() == 0)


def test_a_message_to_a_guest_who_was_just_cut_off_is_no_failure(
    site: Shared, tally: Widget, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def run(talk: sockets.Talk, *_: object) -> None:
        # as the reading thread does it, between two messages of the sending one
        talk._ws.sock.send(talk._ws.ws.send(CloseConnection(1009)))
        talk._ws.send(sockets.BEAT)

    monkeypatch.setattr(sockets.Talk, "run", run)
    assert closed_with(site.socket(have=None)) == 1009
    until(lambda: site.app.extensions["glance.guests"]._open.total() == 0)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_what_a_guest_says_while_nobody_listens_does_not_fill_the_memory(
    site: Shared, tally: Widget, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy: list[sockets.Talk] = []
    free = threading.Event()

    def gather(talk: sockets.Talk, taken: set[str]) -> set[str]:
        busy.append(talk)
        free.wait(60)
        return taken

    monkeypatch.setattr(sockets.Talk, "_gather", gather)
    client = site.socket()
    assert heard(client)
    site.push(tally, 42)
    (talk,) = until(lambda: busy)
    for _ in range(3 * waking.MOST_UNHEARD):
        client.send("+")
    until(lambda: not talk._ws.connected)
    assert len(talk._ws.input_buffer) == waking.MOST_UNHEARD + 1
    free.set()
    until(lambda: site.app.extensions["glance.guests"]._open.total() == 0)


def take_back(site: Shared) -> None:
    _owner(site, "/settings/security/public", {"dashboard": "home", "public": "0"})


def move_away(site: Shared) -> None:
    answer = _owner(site, "/api/dashboards/home", {"public_address": "elsewhere"}, method="PATCH")
    assert answer.json["public_address"] == "elsewhere"


def by_program(site: Shared) -> None:
    answer = _owner(site, "/api/dashboards/home", {"is_public": False}, method="PATCH")
    assert (answer.json["is_public"], answer.json["public_address"]) == (False, None)


def _owner(site: Shared, path: str, values: dict[str, Any], method: str = "POST") -> Any:
    _, value = site.runtime.tokens.make("Program", ["write", "admin"])
    client = site.app.test_client()
    if path.startswith("/api/"):
        return client.open(path, method=method, json=values, headers={"Authorization": f"Bearer {value}"})
    client.set_cookie("glance_session", site.runtime.owner.open_session("a browser", "127.0.0.1"))
    answer = client.post(path, data=values, headers={"Origin": "http://localhost"})
    assert answer.status_code == 303
    return answer


@pytest.mark.parametrize("end", [take_back, move_away, by_program])
def test_taking_it_back_closes_open_pages_at_once(site: Shared, tally: Widget, end: Callable[[Shared], None]) -> None:
    client = site.socket()
    assert heard(client)
    end(site)
    assert closed_with(client) == 4403
    assert client.close_message == "This page is no longer shared."
    guest = site.guest()
    assert guest.get("/p/guests").status_code == 404
    assert guest.get("/p/guests/fragments").status_code == 404
    again = site.socket(have=None)
    assert closed_with(again) in (4403, 4404)


def test_a_page_is_closed_that_gathers_a_change_while_it_is_taken_back(
    site: Shared, tally: Widget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "BEAT_S", 600.0)
    client = site.socket()
    assert heard(client)
    gather, began = sockets.Talk._gather, iter([True])

    def taken_back_meanwhile(talk: sockets.Talk, taken: set[str]) -> set[str]:
        if next(began, False):
            site.runtime.dashboards.update("home", {"is_public": False})
            site.runtime.hub.mark_page("home")
        return gather(talk, taken)

    monkeypatch.setattr(sockets.Talk, "_gather", taken_back_meanwhile)
    site.push(tally, 42)
    with pytest.raises(ConnectionClosed) as ended:
        while (said := client.receive(timeout=PATIENCE_S)) is not None:
            assert "<article" not in said, "a card was sent after it was taken back"
    assert ended.value.reason == 4403


def test_a_page_that_said_nothing_yet_is_closed_at_once_and_gets_nothing_after_it_was_taken_back(
    site: Shared, tally: Widget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "HELLO_S", 600.0)
    client = site.socket(have=None)
    until(lambda: site.app.extensions["glance.guests"]._open.total() == 1)
    take_back(site)
    with pytest.raises(ConnectionClosed) as ended:
        while (said := client.receive(timeout=PATIENCE_S)) is not None:
            assert "<article" not in said, "a card was sent after it was taken back"
    assert ended.value.reason in (4403, 4404)


def test_a_deleted_dashboard_closes_its_guests_pages(site: Shared, tally: Widget) -> None:
    client = site.socket()
    assert heard(client)
    site.runtime.dashboards.delete("home")
    site.runtime.hub.mark_page("home")
    assert closed_with(client) in (4403, 4404)


# Sharing


def test_the_api_shares_and_keeps_the_address_for_the_next_time(tmp_path: Path) -> None:
    with ApiSite(tmp_path) as site:
        slug = site.dashboard()
        first = site.patch(f"/api/dashboards/{slug}", {"is_public": True}).json["public_address"]
        assert len(first) == 24
        assert site.patch(f"/api/dashboards/{slug}", {"is_public": False}).json["public_address"] is None
        assert site.patch(f"/api/dashboards/{slug}", {"is_public": True}).json["public_address"] == first
        assert site.patch(f"/api/dashboards/{slug}", {"public_address": None}).json["public_address"] not in (
            first,
            None,
        )
        assert site.patch(f"/api/dashboards/{slug}", {"public_address": "status"}).json["public_address"] == "status"


def test_an_address_is_taken_only_once_and_must_be_one(tmp_path: Path) -> None:
    with ApiSite(tmp_path) as site:
        one, two = site.dashboard("One"), site.dashboard("Two")
        site.patch(f"/api/dashboards/{one}", {"is_public": True, "public_address": "status"})
        taken = site.patch(f"/api/dashboards/{two}", {"is_public": True, "public_address": "status"})
        assert "public address" in problem(taken, 409)["detail"]
        assert site.get(f"/api/dashboards/{two}").json["is_public"] is False
        for wrong in ("", "ab", "A-B", "a/b", "a b", "x" * 61, "../x", "a\n"):
            assert fields(site.patch(f"/api/dashboards/{two}", {"public_address": wrong})) == {"public_address"}


def test_a_copy_and_an_import_are_never_public(tmp_path: Path) -> None:
    with ApiSite(tmp_path) as site:
        slug = site.dashboard()
        site.patch(f"/api/dashboards/{slug}", {"is_public": True, "public_address": "status"})
        assert site.post(f"/api/dashboards/{slug}/duplicate", {}).json["is_public"] is False
        document = site.get(f"/api/dashboards/{slug}/export").json
        assert "status" not in str(document)
        document["dashboard"] |= {"is_public": True, "public_address": "mine"}
        made = site.post("/api/dashboards/import", document)
        assert site.app.test_client().get("/p/mine").status_code == 404
        assert made.status_code in (201, 422)


def test_the_form_of_a_dashboard_shares_it(site: Shared) -> None:
    site.tallies(1)
    client = site.app.test_client()
    client.set_cookie("glance_session", site.runtime.owner.open_session("a browser", "127.0.0.1"))
    form = client.get("/dashboards/home/edit").text
    assert 'name="is_public"' in form
    ours = {"Origin": "http://localhost"}
    values = {"title": "Home", "slug": "home", "is_public": "true", "public_address": "status"}
    assert client.post("/dashboards/home/edit", data=values, headers=ours).status_code == 303
    assert site.guest().get("/p/status").status_code == 200
    assert 'href="/p/status"' in client.get("/settings/security").text
    bad = client.post("/dashboards/home/edit", data=values | {"public_address": "A B"}, headers=ours)
    assert bad.status_code == 422
    assert 'id="public_address-e"' in bad.text
    del values["is_public"]
    assert client.post("/dashboards/home/edit", data=values, headers=ours).status_code == 303
    assert site.guest().get("/p/status").status_code == 404


def test_the_form_says_that_an_address_is_taken(site: Shared, tally: Widget) -> None:
    site.runtime.dashboards.create("Two", slug="two")
    client = site.app.test_client()
    client.set_cookie("glance_session", site.runtime.owner.open_session("a browser", "127.0.0.1"))
    values = {"title": "Two", "slug": "two", "is_public": "true", "public_address": "guests"}
    answer = client.post("/dashboards/two/edit", data=values, headers={"Origin": "http://localhost"})
    assert answer.status_code == 422
    assert 'id="public_address-e"' in answer.text


def test_a_picture_whose_address_is_none_is_left_out_for_guests() -> None:
    assert GuestCards._rename(SimpleNamespace(_key=b""), "http://[", {}) == ""  # type: ignore[arg-type]
