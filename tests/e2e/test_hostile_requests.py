"""Hostile strings in what every request brings: the words of its address, the parts of its path, its heads and cookies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Browser

from tests.e2e import hostile_fields as fields
from tests.e2e.hostile import Watched
from tests.e2e.hostile_fields import ROUND, Tried, some
from tests.e2e.hostile_forms import ORIGIN
from tests.e2e.hostile_sent import whole
from tests.e2e.hostile_shown import Shown
from tests.e2e.hostile_small import Small

pytestmark = pytest.mark.timeout(3600 * 4 if ROUND else 240)


def test_what_would_run_on_a_page_without_a_guard_is_noticed(small: Small, browser: Browser, texts: list[str]) -> None:
    """The control of `Watched.run`: the strings as markup, and a harmless page."""
    watched = Watched(browser, small.address)
    watched.run([("harmless", "<!doctype html><title>x</title><p>x</p>")])
    assert watched.faults == []
    watched.run([(str(n), f"<title>x</title><p>{whole(text)}</p>") for n, text in enumerate(texts) if len(text) < 5000])
    watched.close()
    assert sum(" ran" in fault for fault in watched.faults) > 60
    assert any("asked for http://127.0.0.1:9/t" in fault for fault in watched.faults)
    assert any("something was set" in fault for fault in watched.faults)


def test_words_of_an_address_are_shown_as_text(small: Small, shown: Shown, texts: list[str], tried: Tried) -> None:
    owner = small.owner()
    pages = [
        *small.pages(), "/login", "/", "/d/home/fragments", "/p/guests", "/p/guests/fragments", "/devices?part=rows",
        "/devices/known?part=rows", "/devices/known?part=rows&sensor=t", f"/widgets/{small.ids['tally']}/explain?part=dialog",
        f"/widgets/{small.ids['tally']}/points", "/broker", "/api/snapshot?dashboard=home", "/api/snapshot?format=markdown&dashboard=home",
        *(path.replace("{device_id}", "known").replace("{sensor}", "t").replace("{slug}", "home").replace("{widget_id}", small.ids["tally"])
          for path in (place.partition(" ")[2] for place, asked in fields.api_queries().items() if asked and place.startswith("GET"))),
    ]  # fmt: skip
    for number, page in enumerate(dict.fromkeys(pages)):
        path, _, given = page.partition("?")
        kept = {part.partition("=")[0] for part in given.split("&")}
        # What is not fixed by the page itself is hostile; all of it at once, and in the round each alone, too.
        asked = sorted(fields.words(fields.QUERY) - kept)
        for text in some(texts, number, 206):
            raw = text.encode("utf-8", "surrogatepass")
            together = urlencode(dict.fromkeys(asked, raw))
            shown.take(owner.get(f"{path}?{given}&{together}"), (page, text))
            for name in asked:
                tried.at(f"GET {path}?{name}", text)
        for name, text in zip(asked[:: 1 if ROUND else 6], cycle(some(texts, number, 9)), strict=False):
            shown.take(
                owner.get(f"{path}?{given}&{urlencode({name: text.encode('utf-8', 'surrogatepass')})}"),
                (page, name, text),
            )
    assert shown.all_faults() == []


def test_parts_of_a_path_are_shown_as_text(small: Small, shown: Shown, texts: list[str], tried: Tried) -> None:
    owner = small.owner()
    routes = fields.paths(small.app)
    assert len(routes) > 80
    for number, (method, rule) in enumerate(routes):
        for text in some(texts, number, 40):
            part = quote(text.encode("utf-8", "surrogatepass"), safe="")
            path = "".join(part if piece.startswith("<") else piece for piece in _pieces(rule))
            shown.take(owner.open(path, method=method, headers=ORIGIN), (method, rule, text))
            tried.at(f"{method} {rule}", text)
    assert shown.all_faults() == []


def _pieces(rule: str) -> Iterator[str]:
    rest = rule
    while "<" in rest:
        before, _, rest = rest.partition("<")
        name, _, rest = rest.partition(">")
        yield from (before, f"<{name}>")
    yield rest


HEADED = (
    "/login",
    "/settings/security",
    "/p/guests",
    "/no/such/page",
    "/d/home/fragments?since=x:1",
    "/api/docs",
    "/api/widgets",
    "/devices/known?part=rows",
)


def test_heads_of_a_request_are_shown_as_text(small: Small, shown: Shown, texts: list[str], tried: Tried) -> None:
    owner, stranger = small.owner(), small.app.test_client()
    pages = cycle(HEADED)
    for number, name in enumerate(sorted(fields.words(fields.HEADERS) | fields.words(fields.MORE_HEADERS))):
        key = "CONTENT_TYPE" if name == "Content-Type" else f"HTTP_{name.upper().replace('-', '_')}"
        for text in some(texts, number, 25):
            for client in (owner, stranger):
                page = next(pages)
                for method in ("GET", "POST"):
                    shown.take(
                        client.open(page, method=method, environ_overrides={key: _head(text)}),
                        (method, page, name, text),
                    )
            tried.at(f"head {name}", text)
    for name in sorted(fields.words(fields.COOKIES)):
        client = small.app.test_client(use_cookies=False)
        for number, text in enumerate(some(texts, 1, 12)):
            value = quote(text.encode("utf-8", "surrogatepass")) if number % 2 else _head(text)
            shown.take(
                client.get(HEADED[number % 3], environ_overrides={"HTTP_COOKIE": f"{name}={value}"}), (name, text)
            )
            tried.at(f"cookie {name}", text)
    assert shown.all_faults() == []


def _head(text: str) -> str:
    """A text as a head brings it. Lines end a head, so the server refuses such a request before it is one."""
    return "".join(c for c in text if c not in "\r\n\0").encode("utf-8", "surrogatepass").decode("latin-1")
