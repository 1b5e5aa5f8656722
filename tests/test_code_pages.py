"""Widget code in the browser: the switch, and the page that shows output, log and errors with their line."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from glance.sandbox import selftest
from tests.api_site import Site
from tests.test_source_code import make, site, whole

__all__ = ["site", "whole"]

OURS = {"Origin": "http://localhost"}


class Browser:
    """The owner, signed in."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.client = site.app.test_client()
        answer = self.client.post("/login", data={"password": "a password"}, headers=OURS)
        assert answer.status_code == 303

    def get(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, path: str, data: dict[str, Any]) -> TestResponse:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get("/settings/code"))
        assert token
        return self.client.post(path, data={"csrf_token": token[1], **data}, headers=OURS)


@pytest.fixture
def browser(site: Site) -> Browser:
    return Browser(site)


def part(page: str, name: str) -> str:
    """The text of the block with this id."""
    found = re.search(rf'<pre[^>]* id="{name}"[^>]*>(.*?)</pre>', page, re.S)
    return html.unescape(re.sub(r"<[^>]+>", "", found[1])) if found else ""


def failed(page: str) -> str:
    found = re.search(r'id="failed">.*?<span>(.*?)</span>', page, re.S)
    return html.unescape(found[1]) if found else ""


def test_the_switch_turns_code_on_and_off(browser: Browser) -> None:
    code = browser.site.runtime.code
    code.turn_off()
    page = browser.get("/settings/code")
    assert "Off: nothing runs, and no process waits" in page
    assert 'aria-checked="false"' in page
    assert browser.post("/settings/code", {"do": "on"}).status_code == 303
    assert code.enabled
    assert "caged by seccomp" in browser.get("/settings/code")
    assert browser.post("/settings/code", {"do": "off"}).status_code == 303
    assert not code.enabled


def test_the_switch_says_why_code_stays_off(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    browser.site.runtime.code.turn_off()
    monkeypatch.setattr(selftest, "ATTEMPTS", "return [True] + [False] * 10")
    answer = browser.post("/settings/code", {"do": "on"})
    assert answer.status_code == 409
    assert (
        "Widget code stays off. On this computer code can break out of its cage: it could open a file." in answer.text
    )
    monkeypatch.setattr("platform.machine", lambda: "mips64")
    page = browser.get("/settings/code")
    assert "processor is mips64" in page
    assert 'role="switch"' not in page


def test_a_custom_widget_with_code_is_made_and_its_page_opens(browser: Browser) -> None:
    answer = browser.post("/settings/code", {"do": "new", "name": "My <own> widget"})
    assert answer.status_code == 303
    page = browser.get(answer.headers["Location"])
    assert "Code of My &lt;own&gt; widget" in page
    assert "return {&#34;value&#34;: 42}" in page
    assert "My &lt;own&gt; widget" in browser.get("/settings/code")
    assert "Give it a name." in browser.post("/settings/code", {"do": "new", "name": "  "}).text


def test_a_run_shows_output_log_and_requests_and_stores_nothing(browser: Browser) -> None:
    slug = make(browser.site, "return 'saved'")
    url = browser.site.upstream.url("/value")
    answer = browser.post(
        f"/custom-widgets/{slug}/code",
        {
            "do": "run",
            "code": f"log('hi', params)\nprint('there')\r\nreturn {{'v': fetch('{url}').json(), 'x': '<b>'}}",
            "hosts": "127.0.0.1",
            "card": "<p></p>",
            "params": "{}",
        },
    )
    assert answer.status_code == 200
    assert part(answer.text, "output") == '{\n  "v": {\n    "value": 1\n  },\n  "x": "<b>"\n}'
    assert part(answer.text, "log") == "hi {}\nthere\n"
    assert part(answer.text, "requests") == f"GET {url}  200\n"
    assert "<b>" not in answer.text
    assert browser.site.runtime.definitions.get(slug).server_code == "return 'saved'"


def test_a_run_that_fails_shows_the_sentence_and_the_line(browser: Browser) -> None:
    slug = make(browser.site, "return 1")
    code = "a = 1\nlog('before')\nb = a / 0\nreturn b\n"
    answer = browser.post(f"/custom-widgets/{slug}/code", {"do": "run", "code": code})
    assert failed(answer.text) == "Line 3 of the code: ZeroDivisionError: division by zero."
    assert "  2  log(&#39;before&#39;)\n<mark>  3  b = a / 0</mark>\n  4  return b\n" in answer.text
    assert part(answer.text, "log") == "before\n"
    answer = browser.post(f"/custom-widgets/{slug}/code", {"do": "run", "code": "x = 1\nreturn ("})
    assert failed(answer.text) == "Line 2 of the code cannot be read: '(' was never closed."
    assert "<mark>  2  return (</mark>" in answer.text


def test_a_run_may_ask_what_stands_in_the_form_and_no_more(browser: Browser) -> None:
    slug = make(browser.site, "return 1")
    code = f"return fetch('{browser.site.upstream.url('/value')}').json()"
    answer = browser.post(f"/custom-widgets/{slug}/code", {"do": "run", "code": code, "hosts": "example.org"})
    assert "may not ask 127.0.0.1" in failed(answer.text)
    answer = browser.post(f"/custom-widgets/{slug}/code", {"do": "run", "code": code, "hosts": "127.0.0.1"})
    assert '"value": 1' in part(answer.text, "output")


def test_saving_stores_code_card_and_hosts(browser: Browser) -> None:
    slug = make(browser.site, "return 1", hosts=["old.example"])
    version = browser.site.runtime.definitions.get(slug).row_version
    form = {
        "do": "save",
        "code": "return 2",
        "hosts": "new.example, nas.lan:8080",
        "card": "<b>{{ data }}</b>",
        "version": version,
    }
    answer = browser.post(f"/custom-widgets/{slug}/code", form)
    assert answer.status_code == 303
    assert "It is saved." in browser.get(answer.headers["Location"])
    saved = browser.site.runtime.definitions.get(slug)
    assert (saved.server_code, saved.template, saved.agreed) == (
        "return 2", "<b>{{ data }}</b>", ("new.example", "nas.lan:8080"),
    )  # fmt: skip
    answer = browser.post(f"/custom-widgets/{slug}/code", {**form, "code": "return 3"})
    assert answer.status_code == 412
    assert "changed elsewhere" in answer.text
    assert "return 3" in answer.text
    assert browser.site.runtime.definitions.get(slug).server_code == "return 2"


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"code": "return ("}, "line 1: "),
        ({"code": ""}, "server_code"),
        ({"card": "{% if %}"}, "template"),
        ({"hosts": "not!a!host"}, "hosts"),
    ],
)
def test_what_cannot_be_saved_says_why_and_keeps_what_was_typed(
    browser: Browser, form: dict[str, str], says: str
) -> None:
    slug = make(browser.site, "return 1")
    whole_form = {"do": "save", "code": "return 'typed'", "card": "<i>typed</i>", "hosts": "typed.example", **form}
    answer = browser.post(f"/custom-widgets/{slug}/code", whole_form)
    assert answer.status_code == 422, (says, answer.text)
    assert 'role="alert"' in answer.text
    assert "typed" in answer.text
    assert browser.site.runtime.definitions.get(slug).server_code == "return 1"


@pytest.mark.parametrize("params", ["{", "[]", "NaN", "[" * 100_000, '{"a": 1}'])
def test_params_of_a_run_that_do_not_fit_are_named(browser: Browser, params: str) -> None:
    slug = make(browser.site, "return 1")
    answer = browser.post(f"/custom-widgets/{slug}/code", {"do": "run", "code": "return 1", "params": params})
    assert answer.status_code in (200, 422)
    assert ('id="params-e"' in answer.text or 'role="alert"' in answer.text) == (answer.status_code == 422)


def test_code_that_is_off_is_not_run_and_the_page_says_so(browser: Browser) -> None:
    slug = make(browser.site, "return 1")
    browser.site.runtime.code.turn_off()
    assert "Widget code is turned off, so this cannot run." in browser.get(f"/custom-widgets/{slug}/code")
    answer = browser.post(f"/custom-widgets/{slug}/code", {"do": "run", "code": "return 1"})
    assert failed(answer.text) == "Widget code is turned off: turn it on under Settings, Widget code."


def test_code_of_a_folder_is_read_only_and_can_be_run(browser: Browser) -> None:
    browser.site.add_folder("shelf", "name: Shelf\nsource: {kind: code}\nserver_code: return 'of the folder'\n")
    browser.site.runtime.definitions.rescan()
    page = browser.get("/custom-widgets/shelf/code")
    assert "readonly" in page
    assert 'value="save"' not in page
    answer = browser.post("/custom-widgets/shelf/code", {"do": "run", "code": "return 'typed'"})
    assert part(answer.text, "output") == '"of the folder"'
    assert browser.post("/custom-widgets/shelf/code", {"do": "save", "code": "return 1"}).status_code == 409


def test_why_a_widget_shows_an_error_leads_to_its_code(browser: Browser) -> None:
    slug = make(browser.site, "log('x')\nreturn 1 / 0")
    widget = browser.site.widget(slug)
    browser.site.post(f"/api/widgets/{widget}/refresh")
    page = browser.get(f"/widgets/{widget}/explain")
    assert "Line 2 of the code: ZeroDivisionError: division by zero." in html.unescape(page)
    assert f'href="/custom-widgets/{slug}/code">Edit its code' in page
    other = browser.site.widget("note")
    assert "Edit its code" not in browser.get(f"/widgets/{other}/explain")


def test_a_custom_widget_with_code_is_placed_with_the_form_of_every_other(browser: Browser) -> None:
    params = {"type": "object", "properties": {"city": {"type": "string", "default": "Bonn"}}}
    slug = make(browser.site, "return 'in ' + params['city']", params=params)
    browser.site.dashboard("Placed")
    assert "Bonn" in browser.get(f"/widgets/new/{slug}")
    form = {"title": "T", "city": "Ulm", "p.city": "Ulm", "params.city": "Ulm"}
    tested = browser.post(f"/widgets/new/{slug}", {**form, "do": "test"})
    assert tested.status_code == 200
    assert "in " in tested.text


def test_a_custom_widget_without_code_has_no_such_page(browser: Browser) -> None:
    assert browser.client.get("/custom-widgets/probe/code").status_code == 404
    assert browser.client.get("/custom-widgets/nothing/code").status_code == 404


def test_nobody_else_gets_to_it(site: Site) -> None:
    slug = make(site, "return 1")
    stranger = site.app.test_client()
    for path in ("/settings/code", f"/custom-widgets/{slug}/code"):
        assert stranger.get(path).status_code in (303, 401)
        assert stranger.post(path, data={"do": "run", "code": "return 1"}, headers=OURS).status_code in (303, 401, 403)
