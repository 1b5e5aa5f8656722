"""General custom widgets over the API: the widget chooses its source, and what it keeps secret lies deep in its params."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_site import Site, fields, problem


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        made.dashboard()
        yield made


def http(site: Site, **more: Any) -> dict[str, Any]:
    source = {"kind": "http", "url": site.upstream.url("/state"), "pick": {"value": "main.temp", "unit": "°C"}}
    return {"data_source": source | more}


def test_a_widget_with_its_own_http_source_shows_the_picked_value(site: Site) -> None:
    site.upstream.json("/state", {"main": {"temp": 21.5}})
    widget = site.widget("number", params=http(site))
    answer = site.get(f"/api/widgets/{widget}/data").json
    assert (answer["data"]["value"], answer["data"]["unit"]) == (21.5, "°C")


def test_data_can_be_pushed_where_the_widget_chose_that(site: Site) -> None:
    pushed = site.widget("number", params={"data_source": {"kind": "push"}})
    assert site.post(f"/api/widgets/{pushed}/data", {"value": 42, "unit": "GB"}).json["data"]["value"] == 42
    assert fields(site.post(f"/api/widgets/{pushed}/data", {"wert": 42}))
    fetched = site.widget("number", params=http(site))
    problem(site.post(f"/api/widgets/{fetched}/data", {"value": 42}), 409)
    body = {"params": {"data_source": {"kind": "push"}}}
    problem(site.post("/api/custom-widgets/number/execute", body), 409)


def test_fields_of_the_chosen_kind_are_checked(site: Site) -> None:
    def refused(**source: Any) -> set[str]:
        body = {"dashboard": "home", "custom_widget": "number", "title": "X", "params": {"data_source": source}}
        return fields(site.post("/api/widgets", body))

    assert refused() == {"params.data_source.kind"}
    assert refused(kind="htpp") == {"params.data_source.kind"}
    assert refused(kind="http") == {"params.data_source.url"}
    assert refused(kind="http", url=site.upstream.url("/state"), methd="GET") == {"params.data_source.methd"}


def test_a_secret_deep_in_the_source_is_kept_shown_as_set_and_listed_by_an_import(site: Site) -> None:
    site.upstream.json("/state", {"main": {"temp": 1}})
    widget = site.widget("number", params=http(site, auth={"kind": "bearer", "token": "hunter2"}))
    shown = site.get(f"/api/widgets/{widget}").json["params"]["data_source"]["auth"]
    assert shown == {"kind": "bearer", "token": {"set": True}}
    site.post(f"/api/widgets/{widget}/refresh")
    assert site.upstream.last("/state").headers["authorization"] == "Bearer hunter2"
    changed = http(site, auth={"kind": "bearer"}, pick={"value": "main.temp"})
    assert site.patch(f"/api/widgets/{widget}", {"params": changed}).status_code == 200
    site.post(f"/api/widgets/{widget}/refresh")
    assert site.upstream.last("/state").headers["authorization"] == "Bearer hunter2"
    exported = site.get("/api/dashboards/home/export")
    assert "hunter2" not in exported.text
    made = site.post("/api/dashboards/import", exported.json)
    assert made.status_code == 201, made.text
    assert [(item["param"], item["widget_id"]) for item in made.json["secrets"]] == [
        ("data_source.auth.token", made.json["widgets"][0]["id"])
    ]
    copy = site.post("/api/dashboards/home/duplicate").json["widgets"][0]
    site.post(f"/api/widgets/{copy['id']}/refresh")
    assert site.upstream.last("/state").headers["authorization"] == "Bearer hunter2"


def test_hostile_picks_and_addresses_are_sentences_not_crashes(site: Site) -> None:
    site.upstream.json("/state", {"main": {"temp": 1}})
    for source in (
        {"pick": {"value": "main["}},
        {"pick": {"value": "nothing.here"}},
        {"url": "http://127.0.0.1:0/"},
        {"url": "http://[::1"},
        {"url": "file:///etc/passwd"},
        {"headers": {"X-A": "b\r\nX-C: d"}},
    ):
        body = {"dashboard": "home", "custom_widget": "number", "title": "X", "params": http(site, **source)}
        made = site.post("/api/widgets", body)
        if made.status_code == 201:
            problem(site.post(f"/api/widgets/{made.json['id']}/refresh"), 502)
        else:
            assert fields(made)
