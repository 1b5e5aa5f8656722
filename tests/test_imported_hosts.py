"""What a widget that came with an import may ask is decided when it asks, whatever its params look like."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glance import guard, imported_hosts
from glance.addresses import as_ip
from tests.api_site import NOTE, Site

ROOT = Path(__file__).resolve().parent.parent
NAS = """
name: Nas
params: {type: object, properties: {nas: {type: string}, sub: {type: string}}}
source: {kind: http, url: "http://{{ params.nas }}:PORT/x"}
"""
OWN = """
name: Own
params: {type: object, properties: {q: {type: string}}}
source: {kind: http, url: "http://127.0.0.1:PORT/x?q={{ params.q }}"}
"""
BY_VARIABLE = OWN.replace("name: Own", "name: Variable").replace("http://127.0.0.1:PORT", "${N2_URL}")
PYTHON = """
name: Python
params: {type: object, properties: {host: {type: string}, more: {type: array, items: {type: object}}}}
source: {kind: python}
"""
FETCH = """
def fetch(params, http):
    http.get("http://localhost:PORT/x")
    more = params.get("more")
    host = more[0]["nas"] if more else params["host"]
    return http.get(host if "://" in host else f"http://{host}:PORT/x").json()
"""
REFUSED = "This widget came with an import, and nobody has agreed to "


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        for slug, manifest in (("nas", NAS), ("own", OWN), ("variable", BY_VARIABLE), ("python", PYTHON)):
            folder = made.add_folder(slug, manifest.replace("PORT", str(made.upstream.port)))
        (folder / "fetch.py").write_text(FETCH.replace("PORT", str(made.upstream.port)))
        for slug in ("services", "list", "bookmarks"):
            shutil.copytree(ROOT / "widgets" / slug, made.folders / slug)
        made.runtime.definitions.rescan()
        made.upstream.json("/x", {"value": 1})
        yield made


def document(slug: str, params: Any, **more: Any) -> dict[str, Any]:
    widget = {"custom_widget": slug, "title": "W", "position": {"x": 1, "y": 1, "w": 3, "h": 4}, "params": params}
    return {"format": "glance-dashboard", "version": 1, "dashboard": {"title": "T"}, "widgets": [widget], **more}


def imported(site: Site, slug: str, params: Any, **more: Any) -> str:
    made = site.post("/api/dashboards/import", document(slug, params, **more))
    assert made.status_code == 201, made.text
    return str(made.json["widgets"][0]["id"])


def refreshed(site: Site, widget_id: str) -> str:
    return str(site.post(f"/api/widgets/{widget_id}/refresh", {}).text)


@pytest.mark.parametrize("nas", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.1"])
def test_no_way_to_write_a_host_makes_a_folders_widget_ask_it(site: Site, nas: str) -> None:
    widget = imported(site, "nas", {"nas": nas})
    assert f"{REFUSED}{nas}, which it asks" in refreshed(site, widget)
    assert site.upstream.count("/x") == 0
    assert site.get(f"/api/widgets/{widget}").json["agreed_hosts"] == []
    site.patch(f"/api/widgets/{widget}", {"params": {"nas": nas}})
    assert '"value":1' in refreshed(site, widget), "whoever saves it wants it asked"
    assert site.get(f"/api/widgets/{widget}").json["agreed_hosts"] is None


@pytest.mark.parametrize(
    "url", ["2130706433:PORT", "0x7f000001:PORT", "127.1:PORT", "localhost:PORT", "tcp://127.1:PORT", "tcp://[::1]:PORT",
            "tcp://localhost:PORT", "ping://127.1", "ping://localhost", "http://*@127.0.0.1:PORT/x"],
)  # fmt: skip
def test_a_check_that_came_with_an_import_reaches_nobody(site: Site, url: str) -> None:
    url = url.replace("PORT", str(site.upstream.port))
    widget = imported(site, "services", {"checks": [{"name": "a", "url": url}]})
    answer = refreshed(site, widget)
    assert REFUSED in answer
    assert '"state":"unknown"' in answer, "it is not known to be down"
    assert site.upstream.count() == 0


def test_agreed_hosts_and_no_others_are_asked_also_after_a_redirect(site: Site) -> None:
    port = site.upstream.port
    site.upstream.redirect("/away", f"http://localhost:{port}/x")
    site.upstream.redirect("/stay", f"http://127.0.0.1:{port}/x")
    agreed = {"agreed_hosts": [f"127.0.0.1:{port}"]}
    assert '"value":1' in refreshed(site, imported(site, "probe", {"url": site.upstream.url("/stay")}, **agreed))
    away = imported(site, "probe", {"url": site.upstream.url("/away")}, **agreed)
    assert f"{REFUSED}localhost," in refreshed(site, away)
    assert site.upstream.count("/x") == 1


def test_hosts_of_the_folder_itself_are_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N2_URL", f"http://127.0.0.1:{site.upstream.port}")
    for slug in ("own", "variable"):
        assert '"value":1' in refreshed(site, imported(site, slug, {"q": "evil.example"}))
        taken_over = imported(site, slug, {"q": "@localhost/"})
        assert '"value":1' in refreshed(site, taken_over)


@pytest.mark.parametrize(
    ("slug", "params"),
    [
        ("bookmarks", {"links": [{"title": "Hub.example", "url": "https://hub.example/"}]}),
        ("list", {"data_source": {"kind": "push"}, "url_field": "link.href", "title_field": "data.name"}),
        ("note", {"text": "call nas.lan or 127.0.0.1:8080"}),
    ],
)
def test_a_card_that_asks_nobody_never_fails_for_what_its_params_look_like(
    site: Site, slug: str, params: dict[str, Any]
) -> None:
    widget = imported(site, slug, params)
    assert site.post(f"/api/widgets/{widget}/refresh", {}).status_code == 200


def test_where_only_the_port_is_another_one_it_is_named(site: Site) -> None:
    params = {"checks": [{"name": "a", "url": site.upstream.url("/x")}]}
    answer = refreshed(site, imported(site, "services", params, agreed_hosts=["127.0.0.1:1"]))
    assert f"{REFUSED}127.0.0.1:{site.upstream.port}, which" in answer


def test_only_the_host_that_is_asked_is_named(site: Site) -> None:
    checks = {"checks": [{"name": "Home.assistant", "url": site.upstream.url("/x"), "link": "https://nas.example/"}]}
    text = refreshed(site, imported(site, "services", checks))
    assert f"{REFUSED}127.0.0.1, which it asks" in text
    assert '"state":"up"' in refreshed(site, imported(site, "services", checks, agreed_hosts=["127.0.0.1"]))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "http://u@127.0.0.1:PORT/x"])
def test_code_of_a_folder_asks_its_own_hosts_and_none_that_the_params_name(site: Site, host: str) -> None:
    host = host.replace("PORT", str(site.upstream.port))
    for params in ({"host": host}, {"more": [{"nas": host}]}):
        widget = imported(site, "python", params)
        before = site.upstream.count("/x")
        assert REFUSED in refreshed(site, widget)
        assert site.upstream.count("/x") == before + 1, "its own, localhost, was asked"
        site.patch(f"/api/widgets/{widget}", {"params": params})
        assert '"value":1' in refreshed(site, widget)
        site.ask("DELETE", f"/api/widgets/{widget}")


def test_an_agreement_lets_code_of_a_folder_ask_what_the_params_name(site: Site) -> None:
    widget = imported(site, "python", {"host": "127.0.0.1"}, agreed_hosts=["127.0.0.1"])
    assert '"value":1' in refreshed(site, widget)


@pytest.mark.parametrize(
    "hidden", ["http://192.168.1.1/x", "http:&#47;/192.168.1.&#49;/x", "see 192.168.1\\.1", "3232235777"]
)
def test_no_picture_is_shown_of_a_host_that_only_the_params_name(site: Site, hidden: str) -> None:
    site.add_folder("note", NOTE, '{{ image("http://192.168.1.1/x") }}{{ image("http://192.168.1.2/x") }}')
    site.runtime.definitions.rescan()
    widget = imported(site, "note", {"text": hidden})
    assert site.get("/d/t").text.count("/image/") == 1, "the other one is the folder's"
    site.patch(f"/api/widgets/{widget}", {"params": {"text": hidden}})
    assert site.get("/d/t").text.count("/image/") == 2


def test_the_preview_lists_numbers_that_are_addresses(site: Site) -> None:
    def listed(url: str) -> Any:
        body = document("services", {"checks": [{"name": "a", "url": url}]})
        return site.post("/api/dashboards/import?preview=1", body).json["hosts"]["widgets"]

    assert listed("2130706433:80") == ["127.0.0.1", "2130706433:80"]
    assert listed("0x7f000001:80") == ["0x7f000001:80", "127.0.0.1"]
    assert listed("127.1") == ["127.0.0.1", "127.1"]
    assert listed("http://nas.lan:/x") == listed("http://nas.lan./x") == ["nas.lan"]
    assert listed("http://nas.lan.:8080") == ["nas.lan:8080"]
    todo = {"text": "1: buy milk", "time": "18:30", "format": "16:9", "day": "20260203", "sum": "3:"}
    assert guard.to_agree(todo) == frozenset()
    assert guard.to_agree({"title": "5", "field": "1.5", "phone": "12345"}) == frozenset()
    agreed = {"agreed_hosts": listed(f"2130706433:{site.upstream.port}")}
    params = {"checks": [{"name": "a", "url": f"2130706433:{site.upstream.port}"}]}
    site.upstream.json("/", {})
    assert '"state":"up"' in refreshed(site, imported(site, "services", params, **agreed))


@pytest.mark.parametrize(
    ("slug", "params", "hosts"),
    [
        ("line-chart", {"data_source": {"kind": "series", "series": [{"device": "nas.lan", "sensor": "energy.power"}]}}, []),
        ("room", {"room": "living.room"}, []),
        ("list", {"data_source": {"kind": "http", "url": "https://a.example/x", "pick": {"rows": "data.list"}}, "title_field": "data.name"},
         ["a.example"]),
    ],
)  # fmt: skip
def test_the_preview_lists_nobody_whom_no_source_asks(site: Site, slug: str, params: Any, hosts: list[str]) -> None:
    assert site.post("/api/dashboards/import?preview=1", document(slug, params)).json["hosts"]["widgets"] == hosts


@pytest.mark.parametrize("host", ["host:abc", "127.0.0.1:0", "a b", "", "http://"])
def test_what_is_no_host_cannot_be_agreed_to(site: Site, host: str) -> None:
    answer = site.post("/api/dashboards/import", document("own", {}, agreed_hosts=["nas.lan", host]))
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json["errors"]] == ["agreed_hosts.1"]
    assert not guard.matches([host], "nas.lan", 80)


def test_a_host_that_saving_the_settings_allows_is_asked_at_once(site: Site) -> None:
    params = {"nas": "127.0.0.1"}
    widget = imported(site, "nas", params)
    assert REFUSED in refreshed(site, widget)
    site.patch(f"/api/widgets/{widget}", {"params": params})
    assert site.get(f"/api/widgets/{widget}/data").json["data"] == {"value": 1}


def test_what_an_untrusted_definition_may_not_ask_is_allowed_where_those_hosts_are(site: Site) -> None:
    source = {"kind": "http", "url": site.upstream.url("/x")}
    mine = {"slug": "mine", "name": "Mine", "source": source, "template": "<p>x</p>"}
    widget = imported(site, "mine", {}, custom_widgets=[mine])
    answer = refreshed(site, widget)
    assert "Settings, Credentials" in answer
    assert "settings and save" not in answer
    assert site.ask("PUT", "/api/custom-widgets/mine/hosts", {"hosts": ["127.0.0.1"]}).status_code == 200
    assert '"value":1' in refreshed(site, widget)


def test_of_params_too_long_to_look_through_every_host_counts_as_named() -> None:
    assert "nas.lan" not in imported_hosts.standing_in({"text": "x" * imported_hosts.MAX_CHARS})
    assert "nas.lan" in imported_hosts.standing_in({"text": "x" * (imported_hosts.MAX_CHARS + 1)})


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.1", "127.0.0.1"), ("0x7F.0.1", "127.0.0.1"), ("0177.1", "127.0.0.1"), ("1.2.3", "1.2.0.3"), ("::ffff:1.2.3.4", "1.2.3.4"),
     ("[::1]", "::1"), ("256.1", None), ("09", None), ("4294967296", None), ("nas.lan", None), ("", None), ("1.2.3.4.5", None)],
)  # fmt: skip
def test_a_host_is_read_as_the_lookup_of_the_system_reads_it(host: str, address: str | None) -> None:
    assert (str(as_ip(host)) if as_ip(host) else None) == address


def test_what_a_param_stands_in_is_no_host_of_the_manifest() -> None:
    source = {
        "url": "https://{{ params.a }}.lan/",
        "more": ["{{ params.b or 'https://api.example/' }}", "{{ params.c }}"],
    }
    manifest = {
        "source": source,
        "params": {"properties": {"d": {"default": "nas.lan:80"}}},
        "hosts": ["*.cdn.example"],
    }
    assert imported_hosts.own(manifest) == {"api.example", "nas.lan:80", "*.cdn.example"}


def test_a_socket_is_refused_to_code_of_a_folder_where_the_params_name_it() -> None:
    words = imported_hosts.standing_in({"a": "unix:/run/docker.sock:/info", "b": "/run/other.sock"})
    assert {"unix:/run/docker.sock", "unix:/run/other.sock"} <= words
