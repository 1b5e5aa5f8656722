"""Hostile strings through every field, every upstream answer and every MQTT name, in a real Chromium: none executes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from itertools import cycle
from urllib.parse import quote, urlsplit

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Request, Route

from tests.e2e.hostile import FILE, Watched
from tests.e2e.hostile_fields import ROUND
from tests.e2e.hostile_sent import whole
from tests.e2e.hostile_site import COPIES, FAILING, TOKEN, Hostile, query

pytestmark = pytest.mark.timeout(3600 if ROUND else 240)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    made = Hostile(tmp_path_factory.mktemp("hostile"))
    made.start()
    for fill in (made.fill_dashboards, made.fill_definitions, made.fill_titles, made.fill_cards, made.fill_names,
                 made.fill_devices, made.fill_upstream):  # fmt: skip
        fill()
    yield made
    made.stop()
    made.tried.keep("world")


@pytest.fixture
def seen(world: Hostile, browser: Browser) -> Iterator[Watched]:
    watched = Watched(browser, world.address)
    watched.context.add_cookies([{"name": "glance_session", "value": world.cookie(), "url": world.address}])
    yield watched
    watched.close()


@pytest.fixture
def owner(world: Hostile) -> FlaskClient:
    client = world.app.test_client()
    client.set_cookie("glance_session", world.cookie())
    return client


def test_there_are_two_hundred_different_ones_and_each_would_be_noticed() -> None:
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    assert len(kept) == len(set(kept)) >= 200
    assert [text for text in kept if not any(mark in text for mark in ("%H", "%A", "%T", "%O", "%N"))] == []


def test_what_watches_would_notice(world: Hostile, browser: Browser) -> None:
    """The control: some of them as markup on a page without a policy run, load, open and break what they can."""
    watched = Watched(browser, world.address)
    pages = {str(n): f"<title>x</title><p>{whole(text)}</p>" for n, text in enumerate(world.texts) if n % 3 == 0}

    def unguarded(route: Route, request: Request) -> None:
        body = pages.get(request.url.rpartition("/")[2], "")
        route.fulfill(body=body, status=200 if body else 404, content_type="text/html; charset=utf-8")

    watched.context.route("**/unguarded/*", unguarded)
    noticed = set[str]()
    for n in pages:
        before = len(watched.faults)
        watched.page.goto(f"{world.address}/unguarded/{n}", wait_until="load")
        watched.look(n)
        noticed |= {n} if len(watched.faults) > before else set()
    watched.close()
    kinds = (
        "ran",
        "asked for http://127.0.0.1",
        "attribute on",
        "loads",
        "leads",
        "never",
        "script:",
    )
    assert [kind for kind in kinds if not any(kind in fault for fault in watched.faults)] == []
    assert sum(" ran" in fault for fault in watched.faults) > 15
    assert len(noticed) > len(pages) / 2


PAGES = (
    "/d/home", "/d/titles", "/d/own", "/d/fetched", "/dashboards", "/dashboards/new", "/dashboards/import", "/dashboards/home/edit",
    "/dashboards/titles/edit", "/gallery", "/widgets/new/bookmarks", "/devices", "/devices/known", "/devices/known?edit=device",
    "/devices/known?edit=t&sensor=t", "/devices/derived", "/devices/derived/new", "/visualize?device=known&sensor=t", "/messages", "/broker",
    "/settings", "/settings/about", "/settings/code", "/settings/credentials", "/settings/look", "/settings/security",
    "/api/docs", "/no/such/page", "/p/guests",
)  # fmt: skip


def test_every_page_shows_them_as_text_and_nothing_runs(world: Hostile, seen: Watched) -> None:
    for path in [*PAGES, *(f"/d/{slug}" for slug in FAILING)]:
        seen.open(world.address + path)
        assert seen.page.locator("body").inner_text().strip(), path
    seen.open(world.address + "/d/titles")
    shown = seen.page.evaluate("[...document.querySelectorAll('.w-title')].map(title => title.textContent)")
    titles = [widget.title for widget in world.runtime.widgets.on_dashboard("titles")]
    assert {_words(text) for text in titles} <= {_words(text) for text in shown}
    assert len(titles) > 180
    assert len(seen.page.evaluate("[...document.querySelectorAll('nav a')].map(a => a.textContent)")) > 150
    assert seen.faults == []


ASKED = (
    "q",
    "category",
    "to",
    "next",
    "done",
    "replace",
    "sensor",
    "range",
    "edit",
    "part",
    "device",
    "error",
    "saved",
)


def single_things(world: Hostile) -> Iterator[str]:
    """The addresses of the pages of one thing each, and of pages that take words from their address."""
    rt = world.runtime
    devices = [f"/devices/{quote(one.id)}" for one in rt.devices.all()]
    forms = [f"/widgets/new/{one.slug}" for one in rt.definitions.all() if one.slug.startswith("made-")]
    written = [f"/custom-widgets/{one.slug}/code" for one in rt.definitions.all() if one.slug.startswith("drawn-")]
    widgets = [one for name in ("fetched", *FAILING, "titles") for one in rt.widgets.on_dashboard(name)]
    share = 1 if ROUND else 6
    yield from devices[::share] + forms[::share] + written[::share]
    yield from (
        f"/widgets/{one.id}/{part}"
        for one, part in zip(widgets[:: min(2, share)], cycle(("explain", "edit", "explain")))
    )
    searched = cycle(
        ("/gallery", "/devices", "/messages", "/api/docs", "/settings/credentials", "/login", "/visualize")
    )
    for text, path in zip(world.texts, searched, strict=False):
        yield f"{path}?{query(**dict.fromkeys(ASKED, text))}"
        yield f"/d/{_quoted(text)}"
        yield f"/devices/{_quoted(text)}"


def test_pages_of_single_things_hold_no_foreign_markup(world: Hostile, seen: Watched, owner: FlaskClient) -> None:
    world.fewer_dashboards()
    paths = list(single_things(world))
    assert len(paths) > 900
    pages = []
    for path in paths:
        answer = owner.get(path)
        assert answer.status_code < 500, (path, answer.text)
        leads = answer.headers.get("Location", "/")
        assert urlsplit(leads).netloc in ("", "localhost"), (path, leads)
        assert not leads.startswith(("//", "/\\"))
        if answer.mimetype == "text/html":
            pages.append((path[:200], answer.get_data(as_text=True)))
    seen.parse(pages)
    for path in paths[:: 20 if ROUND else 90]:
        seen.open(world.address + path)
    assert seen.faults == []


def test_cards_of_every_type_change_live_and_nothing_runs(world: Hostile, seen: Watched) -> None:
    world.fewer_dashboards()
    world.show(0)
    world.runtime.dashboards.update("cards", {"is_public": True, "public_address": "cards"})
    guest = seen.context.new_page()
    seen.open(world.address + "/d/cards")
    for turn in range(world.turns):
        if turn == world.turns - 2:
            guest.goto(world.address + "/p/cards")
            guest.wait_for_selector("html[data-conn=live]")
        world.show(turn)
        seen.page.get_by_text(f"turn {turn}", exact=True).wait_for(timeout=60_000)
        seen.look(f"cards, turn {turn}")
    guest.get_by_text(f"turn {turn}", exact=True).wait_for(timeout=60_000)
    shown = seen.page.locator(".k-notes textarea").evaluate_all("all => all.map(one => one.value)")
    assert sorted(map(_words, shown)) == sorted(_words("\n".join(world.shown(turn, n))) for n in range(COPIES))
    seen.open(world.address + "/d/cards")
    seen.open(world.address + "/p/cards")
    assert seen.faults == []


def test_devices_that_speak_now_are_shown_as_text(world: Hostile, seen: Watched) -> None:
    for address in ("/devices?q=native-77", "/devices/native-77?sensor=mode"):
        seen.open(world.address + address)
        for text in [*world.texts, f"at last {len(address)}"]:
            rows = [{"sensor_type": "mode", "value": text}, {"sensor_type": "unit", "value": 2, "unit": text[:20]}]
            world.hear(
                "glance/live", {"device_id": "native-77", "name": text[:80], "room": text[:60], "readings": rows}
            )
        seen.page.get_by_text(f"at last {len(address)}").first.wait_for(timeout=60_000)
        seen.look(address)
    assert seen.faults == []


def test_what_code_says_is_shown_as_text(world: Hostile, seen: Watched, owner: FlaskClient) -> None:
    world.ask("PATCH", "/api/preferences", {"code_enabled": True})
    manifest = {
        "name": "Coded",
        "slug": "coded",
        "source": {"kind": "code"},
        "template": "<p>{{ data }}</p>",
        "server_code": "return 1",
    }
    world.ask("POST", "/api/custom-widgets", manifest)
    pages = []
    for n in range(0, len(world.texts), 20):
        some = world.texts[n : n + 20]
        for code in (
            f"for line in {some!a}:\n    log(line)\nreturn {some!a}",
            f"raise ValueError({some!a})",
            "\n".join(some),
        ):
            sent = {"do": "run", "code": whole(code), "card": whole("\n".join(some))}
            answer = owner.post("/custom-widgets/coded/code", data=sent, headers={"Sec-Fetch-Site": "same-origin"})
            assert answer.status_code < 500
            pages.append((f"code {n}", answer.get_data(as_text=True)))
    world.ask("PATCH", "/api/preferences", {"code_enabled": False})
    assert sum("__h(" in page for _, page in pages) > 20
    seen.parse(pages)
    assert seen.faults == []


def test_pictures_and_files_are_never_pages(world: Hostile, seen: Watched, owner: FlaskClient) -> None:
    seen.open(world.address + "/d/fetched")
    pictures = seen.page.evaluate("[...document.querySelectorAll('.w-body img')].map(img => img.src)")
    assert len(pictures) > (1000 if ROUND else 20)
    for address in pictures if ROUND else pictures[:20]:
        answer = seen.context.request.get(address)
        assert answer.headers["content-type"].startswith("image/") or answer.status >= 400
        assert answer.headers["content-type"] != "image/svg+xml"
        if answer.body():  # a browser makes a page of its own where there is none
            seen.page.goto(address)
    assert seen.faults == []
    for path in (
        "/api/dashboards/titles/export",
        "/api/snapshot?dashboard=titles",
        "/api/devices?limit=500",
        "/api/widgets?limit=500",
    ):
        answer = world.app.test_client().get(path, headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.mimetype == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert json.loads(answer.get_data(as_text=True))
    taken = world.app.test_client().get(
        "/api/snapshot?dashboard=titles&format=markdown", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert taken.mimetype == "text/markdown"
    heads = [line for line in taken.get_data(as_text=True).splitlines() if line.startswith("#")]
    assert len(heads) == 1 + len(world.runtime.widgets.on_dashboard("titles"))


def test_no_cell_of_a_csv_is_a_formula(world: Hostile, owner: FlaskClient) -> None:
    cells = []
    for n in range(len(world.texts)):
        for sensor in ("mode", "unit"):
            answer = owner.get(f"/api/devices/native-{n}/sensors/{sensor}/history.csv?raw=1")
            if answer.status_code == 200:
                assert answer.mimetype == "text/csv"
                cells += [
                    cell for row in csv.reader(io.StringIO(answer.get_data(as_text=True), newline="")) for cell in row
                ]
    assert any("cmd|" in cell for cell in cells)
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


def _words(text: str) -> str:
    """A text as a page shows it: without what cannot be shown, white space as one."""
    shown = "".join(c for c in text if c not in "\0\ufffd" and not 0xD800 <= ord(c) < 0xE000)
    return " ".join("".join(c if c > " " else " " for c in shown).split())


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")
