"""Widgets over the API: made, changed, placed; secrets never come back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_site import PROBE, Site, fields, problem


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        made.dashboard()
        yield made


def new(**more: Any) -> dict[str, Any]:
    return {"dashboard": "home", "custom_widget": "pushed", "title": "Backup", "params": {}} | more


def test_a_widget_without_a_position_takes_the_first_free_place(site: Site) -> None:
    first = site.post("/api/widgets", new())
    second = site.post("/api/widgets", new())
    assert first.status_code == 201
    assert first.headers["Location"] == f"/api/widgets/{first.json['id']}"
    assert first.json["position"] == {"x": 1, "y": 1, "w": 3, "h": 4}
    assert second.json["position"] == {"x": 4, "y": 1, "w": 3, "h": 4}
    assert first.json["custom_widget"] == "pushed"
    assert first.json["refresh_interval"] is None


def test_a_position_is_kept_and_may_not_lie_over_another(site: Site) -> None:
    place = {"x": 5, "y": 3, "w": 4, "h": 2}
    assert site.post("/api/widgets", new(position=place)).json["position"] == place
    assert fields(site.post("/api/widgets", new(position=place))) == {"position"}
    assert site.post("/api/widgets", new(position=None)).status_code == 201


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"title": ""}, {"title"}),
        ({"title": None}, {"title"}),
        ({"params": []}, {"params"}),
        ({"position": {"x": 1, "y": 1}}, {"position.w", "position.h"}),
        ({"position": {"x": 12, "y": 1, "w": 3, "h": 2}}, {"position.x"}),
        ({"position": {"x": 1, "y": 1, "w": 13, "h": 2}}, {"position.w"}),
        ({"position": {"x": 1, "y": 0, "w": 3, "h": 2}}, {"position.y"}),
        ({"refresh_interval": -1}, {"refresh_interval"}),
        ({"refresh_interval": "5m"}, {"refresh_interval"}),
        ({"refresh_interval": 1.5}, {"refresh_interval"}),
        ({"schedule": "every day"}, {"schedule"}),
        ({"custom_widgets": "x"}, {"custom_widgets"}),
        ({"custom_widget": "probe", "params": {"url": "no address", "extra": 1}}, {"params.url", "params.extra"}),
        ({"custom_widget": "probe", "params": {}}, {"params.url"}),
    ],
)
def test_what_does_not_fit_is_named(site: Site, change: dict[str, Any], named: set[str]) -> None:
    assert fields(site.post("/api/widgets", new(**change))) == named
    assert site.get("/api/widgets").json["items"] == []


def test_what_is_needed_is_named(site: Site) -> None:
    assert fields(site.post("/api/widgets", {})) == {"dashboard", "custom_widget", "title"}


def test_unknown_dashboards_definitions_and_widgets_are_404(site: Site) -> None:
    problem(site.post("/api/widgets", new(dashboard="nothing")), 404)
    problem(site.post("/api/widgets", new(custom_widget="nothing")), 404)
    problem(site.get("/api/widgets?dashboard=nothing"), 404)
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"title": "X"}),
        ("DELETE", "", None),
        ("GET", "/data", None),
        ("POST", "/refresh", None),
        ("POST", "/data", {"value": 1}),
        ("DELETE", "/cache", None),
        ("GET", "/explain", None),
    ):
        problem(site.ask(method, f"/api/widgets/nothing{path}", body), 404)


def test_the_list_is_in_reading_order_and_may_be_of_one_dashboard(site: Site) -> None:
    site.dashboard("Other")
    below = site.widget("pushed", dashboard="home", position={"x": 1, "y": 5, "w": 3, "h": 2})
    above = site.widget("pushed", dashboard="home", position={"x": 4, "y": 1, "w": 3, "h": 2})
    other = site.widget("pushed", dashboard="other")
    assert [item["id"] for item in site.get("/api/widgets").json["items"]] == [above, below, other]
    assert [item["id"] for item in site.get("/api/widgets?dashboard=home").json["items"]] == [above, below]
    page = site.get("/api/widgets?limit=2").json
    assert [item["id"] for item in site.get(f"/api/widgets?cursor={page['next_cursor']}").json["items"]] == [other]


def test_changes_keep_the_rest_and_move_the_etag(site: Site) -> None:
    widget = site.widget("pushed")
    before = site.get(f"/api/widgets/{widget}")
    answer = site.patch(f"/api/widgets/{widget}", {"title": "New"}, headers={"If-Match": before.headers["ETag"]})
    assert (answer.json["title"], answer.json["position"]) == ("New", before.json["position"])
    stale = site.patch(f"/api/widgets/{widget}", {"title": "Lost"}, headers={"If-Match": before.headers["ETag"]})
    assert problem(stale, 412)["current"]["title"] == "New"
    problem(site.delete(f"/api/widgets/{widget}", headers={"If-Match": before.headers["ETag"]}), 412)
    assert site.delete(f"/api/widgets/{widget}", headers={"If-Match": answer.headers["ETag"]}).status_code == 204


def test_a_widget_moves_to_another_dashboard(site: Site) -> None:
    site.dashboard("Other")
    widget = site.widget("pushed", dashboard="home")
    assert site.patch(f"/api/widgets/{widget}", {"dashboard": "other"}).json["dashboard"] == "other"
    problem(site.patch(f"/api/widgets/{widget}", {"dashboard": "nothing"}), 404)


def test_a_secret_shows_only_that_it_is_set(site: Site) -> None:
    widget = site.widget("probe", params={"token": "hunter2"})
    for path in (
        f"/api/widgets/{widget}",
        "/api/widgets",
        f"/api/widgets/{widget}/explain",
        "/api/dashboards/home/export",
    ):
        assert "hunter2" not in site.get(path).text
    assert site.get(f"/api/widgets/{widget}").json["params"]["token"] == {"set": True}
    site.post(f"/api/widgets/{widget}/refresh")
    assert site.upstream.last("/value").headers["authorization"] == "Bearer hunter2"


def test_a_secret_left_out_is_kept_and_null_clears_it(site: Site) -> None:
    widget = site.widget("probe", params={"token": "hunter2"})
    url = site.upstream.url("/value")
    for kept in ({"url": url}, {"url": url, "token": {"set": True}}):
        assert site.patch(f"/api/widgets/{widget}", {"params": kept}).json["params"]["token"] == {"set": True}
    site.patch(f"/api/widgets/{widget}", {"params": {"url": url, "token": "hunter3"}})
    site.post(f"/api/widgets/{widget}/refresh")
    assert site.upstream.last("/value").headers["authorization"] == "Bearer hunter3"
    assert "token" not in site.patch(f"/api/widgets/{widget}", {"params": {"url": url, "token": None}}).json["params"]


def test_params_are_merged_and_null_takes_one_away(site: Site) -> None:
    widget = site.widget("probe", params={"token": "hunter2", "unit": "kW"})
    answer = site.patch(f"/api/widgets/{widget}", {"params": {"unit": "MW"}}).json["params"]
    assert answer == {"url": site.upstream.url("/value"), "unit": "MW", "token": {"set": True}}
    answer = site.patch(f"/api/widgets/{widget}", {"params": {"unit": None, "token": None}}).json["params"]
    assert answer == {"url": site.upstream.url("/value"), "unit": "W"}
    assert fields(site.patch(f"/api/widgets/{widget}", {"params": {"url": None}})) == {"params.url"}


def test_a_secret_of_the_wrong_form_is_not_echoed(site: Site) -> None:
    answer = site.post("/api/widgets", new(custom_widget="probe", params={"url": "hunter2", "token": ["hunter2"]}))
    assert fields(answer) == {"params.url", "params.token"}
    assert "hunter2" not in answer.text


def test_deleting_leaves_nothing(site: Site) -> None:
    widget = site.widget("probe")
    site.post(f"/api/widgets/{widget}/refresh")
    assert site.delete(f"/api/widgets/{widget}").status_code == 204
    problem(site.get(f"/api/widgets/{widget}"), 404)
    problem(site.delete(f"/api/widgets/{widget}"), 404)
    assert "glance_cache_entries 0" in site.get("/metrics").text


def test_hostile_text_is_kept_as_text(site: Site) -> None:
    title = "<script>alert(1)</script> ' \" \u202e \U0001f600"
    assert site.post("/api/widgets", new(title=title)).json["title"] == title
    problem(site.post("/api/widgets", data=b'{"title": "\\ud800"}', content_type="application/json"), 400)


def test_a_widget_stays_changeable_when_its_definition_lost_a_param(site: Site) -> None:
    widget_id = site.widget(params={"unit": "kW"})
    site.add_folder("probe", PROBE.replace("    unit: {type: string, default: W}\n", ""))
    site.runtime.definitions.rescan()
    url = site.upstream.url("/other")
    changed = site.patch(f"/api/widgets/{widget_id}", {"params": {"url": url}})
    assert (changed.status_code, changed.json["params"]) == (200, {"url": url})


@pytest.mark.parametrize("fate", ["broken", "missing"])
def test_a_widget_whose_definition_is_broken_or_missing_is_renamed_moved_and_removed_all_the_same(
    site: Site, fate: str
) -> None:
    widget = site.post("/api/widgets", new()).json
    site.dashboard("other")
    if fate == "missing":
        shutil.rmtree(site.folders / "pushed")
    else:
        site.add_folder("pushed", "name: [")
    site.runtime.definitions.rescan()
    path = f"/api/widgets/{widget['id']}"
    renamed = site.ask("PATCH", path, {"title": "Old backup", "refresh_interval": 90})
    assert (renamed.status_code, renamed.json["title"]) == (200, "Old backup"), renamed.json
    place = {"x": 7, "y": 5, "w": 2, "h": 3}
    assert site.ask("PATCH", path, {"position": place}).json["position"] == place
    layout = [{"id": widget["id"], "x": 1, "y": 2, "w": 4, "h": 4}]
    arranged = site.ask("PUT", "/api/dashboards/home/layout", {"layout": layout})
    assert arranged.status_code == 200, arranged.json
    assert site.ask("PATCH", path, {"dashboard": "other"}).json["position"] == {"x": 1, "y": 1, "w": 4, "h": 4}
    assert site.ask("PATCH", path, {"params": {"a": 1}}).status_code in (404, 422)
    assert site.get(path).json["params"] == {}
    assert site.ask("DELETE", path).status_code == 204
