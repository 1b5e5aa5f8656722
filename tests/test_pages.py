"""The dashboard page, its stylesheet, its static files: what they say and how they may be cached."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from glance.model import Place
from glance.web.assets import FOLDER, JOINED, Assets
from glance.web.layouts import layout_css
from tests.page_site import Site
from tests.waiting import until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site.app.test_client()


def test_the_first_html_holds_the_data_of_every_widget(site: Site, client: FlaskClient) -> None:
    for number, widget in enumerate(site.tallies(5)):
        site.push(widget, 1000 + number)
    text = client.get("/d/home").text
    assert [str(1000 + n) in text for n in range(5)] == [True] * 5
    assert len(re.findall(r'<article class="w k-stat" id="w-', text)) == 5


def test_the_default_dashboard_is_at_the_root(site: Site, client: FlaskClient) -> None:
    site.push(site.tallies(1)[0], 4321)
    assert "4321" in client.get("/").text


def test_an_unknown_dashboard_is_a_404_page(client: FlaskClient) -> None:
    answer = client.get("/d/nowhere")
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"


def test_the_page_is_private_and_packed_only_where_that_is_understood(site: Site, client: FlaskClient) -> None:
    site.tallies(2)
    plain = client.get("/d/home")
    packed = client.get("/d/home", headers={"Accept-Encoding": "gzip"})
    assert plain.headers["Cache-Control"] == packed.headers["Cache-Control"] == "private, no-store"
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert b"Number 0" in gzip.decompress(packed.data)


def test_a_page_has_no_style_attribute_no_inline_script_and_no_handler(site: Site, client: FlaskClient) -> None:
    site.tallies(2)
    text = client.get("/d/home").text
    assert not re.search(r"<[a-z][^<>]*\s(style|on[a-z]+)=", text, re.IGNORECASE)
    assert not re.search(r"<style[\s>]|<script(?![^>]*\ssrc=)", text)


def test_each_session_gets_its_own_token_and_never_that_of_another(site: Site) -> None:
    site.tallies(1)
    clients = [site.app.test_client() for _ in range(2)]
    tokens = []
    for client in clients:
        client.get("/d/home")
        tokens.append(re.findall(r'name="csrf_token" value="([^"]+)"', client.get("/d/home").text)[0])
        cookie = client.get_cookie("glance_csrf")
        assert cookie is not None
        assert cookie.value == tokens[-1]
    assert tokens[0] != tokens[1]


def test_a_new_value_is_on_the_next_page_at_once(site: Site, client: FlaskClient) -> None:
    widget = site.tallies(1)[0]
    for value in (501, 502, 503):
        site.push(widget, value)
        assert f"<b data-live>{value}</b>" in client.get("/d/home").text


def test_a_renamed_widget_is_on_the_next_page_at_once(site: Site, client: FlaskClient) -> None:
    widget = site.tallies(1)[0]
    client.get("/d/home")
    site.runtime.placing.change(widget.id, {"title": "Quite another name"})
    assert "Quite another name" in client.get("/d/home").text


def test_positions_come_as_one_stylesheet_cached_for_ever(site: Site, client: FlaskClient) -> None:
    widget = site.add("fixed", "Wide", place=Place(4, 2, 7, 3), text="x")
    link = re.search(r'href="(/d/home/layout\.[0-9a-f]{10}\.css)"', client.get("/d/home").text)
    assert link
    answer = client.get(link[1])
    assert f"#w-{widget.id}{{--x:4;--y:2;--w:7;--h:3;--wm:8;--ws:2}}" in answer.text
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.mimetype == "text/css"


def test_another_layout_has_another_address_and_the_old_one_still_answers(site: Site, client: FlaskClient) -> None:
    widget = site.add("fixed", "Wide", text="x")
    pattern = r'href="(/d/home/layout\.[0-9a-f]{10}\.css)"'
    old = re.search(pattern, client.get("/d/home").text)
    site.runtime.dashboards.set_layout("home", [{"id": widget.id, "x": 3, "y": 1, "w": 4, "h": 4}])
    new = re.search(pattern, client.get("/d/home").text)
    assert old
    assert new
    assert old[1] != new[1]
    assert client.get(old[1]).status_code == 200
    unknown = client.get("/d/home/layout.0000000000.css")
    assert unknown.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(("width", "medium", "small"), [(2, 2, 1), (3, 4, 2), (4, 4, 2), (6, 8, 2), (12, 8, 2)])
def test_tablets_and_phones_get_a_width_from_the_wide_one(site: Site, width: int, medium: int, small: int) -> None:
    widget = site.add("fixed", "One", place=Place(1, 1, width, 3), text="x")
    assert f"--wm:{medium};--ws:{small}" in layout_css([widget])


def test_the_theme_of_the_cookie_is_in_the_first_html(site: Site, client: FlaskClient) -> None:
    site.tallies(1)
    assert "data-theme" not in client.get("/d/home").text.split("<head>")[0]
    client.set_cookie("glance_theme", "light")
    assert 'data-theme="light"' in client.get("/d/home").text.split("<head>")[0]
    client.set_cookie("glance_theme", '"><script>')
    assert "data-theme" not in client.get("/d/home").text.split("<head>")[0]


def test_the_theme_button_works_without_script_and_goes_back_to_our_own_page_only(
    site: Site, client: FlaskClient
) -> None:
    headers = {"Origin": "http://localhost"}
    answer = client.post("/theme", data={"theme": "dark", "back": "/d/home"}, headers=headers)
    assert answer.status_code == 303
    assert answer.location == "/d/home"
    assert "glance_theme=dark" in answer.headers["Set-Cookie"]
    assert client.post("/theme", data={"theme": "dark", "back": "//evil.test/"}, headers=headers).location == "/"
    assert "glance_theme=x" not in str(client.post("/theme", data={"theme": "x"}, headers=headers).headers)
    below = client.post("/theme", data={"theme": "dark"}, headers=headers, environ_overrides={"SCRIPT_NAME": "/glance"})
    assert "Path=/glance" in below.headers["Set-Cookie"]


def test_a_page_fetches_nothing_itself_and_queues_what_is_due(site: Site, client: FlaskClient) -> None:
    widget = site.add("polled", "Polled", url="http://127.0.0.1:9/nothing")
    answer = client.get("/d/home")
    assert f'id="w-{widget.id}"' in answer.text
    answer.close()
    assert site.runtime.refresher.peek([widget])[widget.id].state in ("loading", "error")


def test_static_files_are_hashed_packed_and_immutable(client: FlaskClient, site: Site) -> None:
    address = site.app.jinja_env.globals["static"]("glance.css")  # type: ignore[operator]
    answer = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert b"--accent" in gzip.decompress(answer.data)
    assert client.get("/static/glance.0000000000.css").headers["Cache-Control"] == "no-cache"
    assert client.get("/static/nothing.css").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["../web/pages.py", "..%2Fweb%2Fpages.py", "js/../../web/pages.py", ".hidden", "%00", "js/age.js%00", "js/./age.js",
     "js/../js/age.js", "./glance.css", "./js/age.0000000000.js"],
)  # fmt: skip
def test_nothing_outside_the_static_folder_is_served(client: FlaskClient, path: str) -> None:
    assert client.get(f"/static/{path}").status_code == 404


def test_a_static_file_has_one_name_only_so_that_asking_by_others_fills_no_memory() -> None:
    assets = Assets()
    assert assets.get("js/age.js") is not None
    for other in ("js/./age.js", "./js/age.js", "js//age.js", "js/../js/age.js", "vendor/../js/age.js", "js/age.js/"):
        assert assets.get(other) is None


def test_our_scripts_are_joined_each_in_a_block_of_its_own_and_wait_for_the_page() -> None:
    body = Assets().get("app.js").body.decode()  # type: ignore[union-attr]
    parts = body.split("\n;\n")
    assert len(parts) == len(JOINED["app.js"]) + 1
    assert "DOMContentLoaded" in parts[2]
    assert [part[0] + part.rstrip()[-1] for part in parts[3:]] == ["{}"] * (len(parts) - 3)


def test_vendored_files_are_served_as_they_came() -> None:
    body = Assets().get("app.js").body.decode()  # type: ignore[union-attr]
    for name in ("htmx.min.js", "hx-ws.min.js"):
        vendored = (FOLDER / "vendor" / name).read_text(encoding="utf-8")
        assert vendored.split("//# sourceMappingURL")[0].strip() in body


def test_only_the_tokens_name_colours() -> None:
    named = {
        path.name: re.findall(
            r"#[0-9a-fA-F]{3,8}\b|\brgba?\(", re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        )
        for path in (FOLDER / "css").glob("*.css")
        if path.name != "tokens.css"
    }
    assert {name: found for name, found in named.items() if found} == {}


def test_a_cold_load_of_thirty_widgets_stays_within_its_budget(site: Site, client: FlaskClient) -> None:
    site.tallies(30)
    page = client.get("/d/home", headers={"Accept-Encoding": "gzip"})
    files = re.findall(r'(?:href|src)="(/(?:static|d)/[^"#]+\.(?:css|js|svg))', gzip.decompress(page.data).decode())
    sizes = {name: len(client.get(name, headers={"Accept-Encoding": "gzip"}).data) for name in dict.fromkeys(files)}
    assert len(sizes) + 1 <= 9
    assert len(page.data) + sum(sizes.values()) < 50_000


def test_the_policy_allows_only_the_origins_that_cards_of_this_page_need(site: Site, client: FlaskClient) -> None:
    site.tallies(1)
    policy = client.get("/d/home").headers["Content-Security-Policy"]
    assert "frame-src" not in policy
    site.add("search", "Search", dashboard="wide")
    site.add("iframe", "Frame", dashboard="wide", url="http://camera.lan:8000/live?x=1; script-src *")
    policy = client.get("/d/wide").headers["Content-Security-Policy"]
    assert "form-action 'self' https://duckduckgo.com" in policy
    assert "frame-src 'self' http://camera.lan:8000" in policy
    assert policy.count("script-src") == 0


def test_templates_stay_compiled_over_a_restart_and_follow_their_source(site: Site, client: FlaskClient) -> None:
    site.tallies(1)
    client.get("/d/home")
    kept = {path.name: path.stat().st_mtime_ns for path in (site.settings.data / "compiled").iterdir()}
    assert len(kept) >= 4
    site.stop()
    site.open()
    assert "Number 0" in site.app.test_client().get("/d/home").text
    assert {path.name: path.stat().st_mtime_ns for path in (site.settings.data / "compiled").iterdir()} == kept


def test_a_folder_that_cannot_be_written_stops_no_page(site: Site, client: FlaskClient) -> None:
    site.tallies(1)
    shutil.rmtree(site.settings.data / "compiled")
    (site.settings.data / "compiled").write_text("in the way", encoding="utf-8")
    assert client.get("/d/home").status_code == 200


def test_a_tab_says_how_many_cards_of_another_dashboard_failed(site: Site, client: FlaskClient) -> None:
    site.runtime.start()
    site.tallies(1)
    widget = site.add("polled", "Polled", dashboard="lab", url="http://127.0.0.1:9/nothing")
    until(lambda: site.runtime.refresher.peek([widget])[widget.id].failure)
    site.push(site.tallies(1, dashboard="third")[0], 1)
    until(lambda: '1<span class="vh"> failing</span>' in client.get("/d/home").text or None)
    assert "failing" not in client.get("/d/lab").text.split("</nav>")[0]
    for page in ("/gallery", "/settings/about"):
        assert '1<span class="vh"> failing</span>' in client.get(page).text.split("</nav>")[0]
