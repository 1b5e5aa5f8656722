"""Dashboards over the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_site import Site, fields, problem


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


def test_a_dashboard_is_made_from_a_title_alone(site: Site) -> None:
    answer = site.post("/api/dashboards", {"title": "Küche & Keller"})
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/dashboards/kuche-keller"
    assert answer.json | {"created_at": "", "updated_at": ""} == {
        "slug": "kuche-keller",
        "title": "Küche & Keller",
        "icon": None,
        "position": 1,
        "is_default": True,
        "is_template": False,
        "is_public": False,
        "public_address": None,
        "settings": {},
        "created_at": "",
        "updated_at": "",
    }
    assert answer.json["created_at"] == "2026-02-03T12:00:00.000Z"


def test_every_field_can_be_given(site: Site) -> None:
    site.dashboard("First")
    body = {
        "title": "Second",
        "slug": "two",
        "icon": "home",
        "position": 9,
        "is_default": True,
        "is_template": True,
        "is_public": True,
        "settings": {"columns": 12},
    }
    answer = site.post("/api/dashboards", body)
    assert {key: answer.json[key] for key in body} == body
    assert site.get("/api/dashboards/first").json["is_default"] is False


def test_equal_titles_get_different_slugs_and_a_taken_slug_is_409(site: Site) -> None:
    assert site.dashboard("Home") == "home"
    assert site.dashboard("Home") == "home-2"
    problem(site.post("/api/dashboards", {"title": "X", "slug": "home"}), 409)


def test_the_list_is_in_the_order_of_the_tabs_and_in_pages(site: Site) -> None:
    for title in ("C", "A", "B"):
        site.dashboard(title)
    assert [item["slug"] for item in site.get("/api/dashboards").json["items"]] == ["c", "a", "b"]
    first = site.get("/api/dashboards?limit=2").json
    assert [item["slug"] for item in first["items"]] == ["c", "a"]
    rest = site.get(f"/api/dashboards?limit=2&cursor={first['next_cursor']}").json
    assert ([item["slug"] for item in rest["items"]], rest["next_cursor"]) == (["b"], None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "  "}, "title"),
        ({"title": "x" * 121}, "title"),
        ({"title": 5}, "title"),
        ({"title": "X", "slug": "A b"}, "slug"),
        ({"title": "X", "slug": "a\n"}, "slug"),
        ({"title": "X", "slug": "../etc"}, "slug"),
        ({"title": "X", "slug": ""}, "slug"),
        ({"title": "X", "is_default": "yes"}, "is_default"),
        ({"title": "X", "is_default": 1}, "is_default"),
        ({"title": "X", "position": 1.5}, "position"),
        ({"title": "X", "settings": []}, "settings"),
        ({"title": "X", "titel": 1}, "titel"),
    ],
)
def test_what_does_not_fit_is_named(site: Site, body: dict[str, Any], field: str) -> None:
    assert fields(site.post("/api/dashboards", body)) == {field}
    assert site.get("/api/dashboards").json["items"] == []


def test_a_slip_in_a_name_is_guessed(site: Site) -> None:
    assert "did you mean title" in site.post("/api/dashboards", {"title": "X", "titel": 1}).text


def test_changes_keep_the_rest_and_move_the_etag(site: Site) -> None:
    site.dashboard()
    before = site.get("/api/dashboards/home")
    answer = site.patch("/api/dashboards/home", {"icon": "bolt"}, headers={"If-Match": before.headers["ETag"]})
    assert (answer.json["icon"], answer.json["title"]) == ("bolt", "Home")
    assert answer.headers["ETag"] != before.headers["ETag"]


def test_a_stale_if_match_is_412_with_what_is_there_now(site: Site) -> None:
    site.dashboard()
    etag = site.get("/api/dashboards/home").headers["ETag"]
    site.patch("/api/dashboards/home", {"title": "House"})
    for method, path, body in (
        ("PATCH", "/api/dashboards/home", {"title": "Mine"}),
        ("PUT", "/api/dashboards/home/layout", {"layout": []}),
        ("DELETE", "/api/dashboards/home", None),
    ):
        refused = problem(site.ask(method, path, body, headers={"If-Match": etag}), 412)
        assert refused["current"]["title"] == "House"
        assert refused["current"]["updated_at"].endswith("Z")
    assert site.get("/api/dashboards/home").json["title"] == "House"


@pytest.mark.parametrize(
    "tag", ['"other"', 'W/"v1"', '"v1", "v2"', "v1x", '"v99999999999999999999"', '""', f'"v{"9" * 5000}"']
)
def test_an_if_match_that_is_not_the_current_etag_never_matches(site: Site, tag: str) -> None:
    site.dashboard()
    problem(site.patch("/api/dashboards/home", {"title": "X"}, headers={"If-Match": tag}), 412)


def test_if_match_star_and_no_if_match_let_the_last_write_win(site: Site) -> None:
    site.dashboard()
    assert site.patch("/api/dashboards/home", {"title": "A"}, headers={"If-Match": "*"}).status_code == 200
    assert site.patch("/api/dashboards/home", {"title": "B"}).json["title"] == "B"


def test_a_renamed_slug_moves_the_dashboard(site: Site) -> None:
    site.dashboard()
    assert site.patch("/api/dashboards/home", {"slug": "house"}).json["slug"] == "house"
    problem(site.get("/api/dashboards/home"), 404)
    site.dashboard("Other")
    problem(site.patch("/api/dashboards/house", {"slug": "other"}), 409)


def test_deleting_takes_the_widgets_along(site: Site) -> None:
    site.dashboard()
    widget = site.widget("pushed")
    assert site.delete("/api/dashboards/home").status_code == 204
    problem(site.get("/api/dashboards/home"), 404)
    problem(site.get(f"/api/widgets/{widget}"), 404)
    problem(site.delete("/api/dashboards/home"), 404)


def test_unknown_dashboards_are_404(site: Site) -> None:
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"title": "X"}),
        ("DELETE", "", None),
        ("PUT", "/layout", {"layout": []}),
        ("POST", "/duplicate", {}),
        ("GET", "/export", None),
    ):
        problem(site.ask(method, f"/api/dashboards/nothing{path}", body), 404)


def test_the_layout_is_all_or_nothing(site: Site) -> None:
    site.dashboard()
    one, two = site.widget("pushed"), site.widget("pushed")
    moved = {"layout": [{"id": one, "x": 7, "y": 1, "w": 3, "h": 2}, {"id": two, "x": 1, "y": 5, "w": 4, "h": 3}]}
    assert site.put("/api/dashboards/home/layout", moved).status_code == 200
    assert site.get(f"/api/widgets/{one}").json["position"] == {"x": 7, "y": 1, "w": 3, "h": 2}
    for wrong in (
        [{"id": one, "x": 1, "y": 1, "w": 3, "h": 2}, {"id": "nothing", "x": 1, "y": 9, "w": 3, "h": 2}],
        [{"id": one, "x": 11, "y": 1, "w": 3, "h": 2}],
        [{"id": one, "x": 1, "y": 5, "w": 3, "h": 2}],
        [{"id": one, "x": 1, "y": 1, "w": 3, "h": 2}, {"id": one, "x": 1, "y": 1, "w": 3, "h": 2}],
        [{"id": one, "x": 0, "y": 1, "w": 3, "h": 2}],
        [{"id": one, "x": 1, "y": 1, "w": 3}],
        [{"id": one, "x": "1", "y": 1, "w": 3, "h": 2}],
    ):
        assert fields(site.put("/api/dashboards/home/layout", {"layout": wrong}))
        assert site.get(f"/api/widgets/{one}").json["position"] == {"x": 7, "y": 1, "w": 3, "h": 2}


def test_a_duplicate_has_widgets_of_its_own(site: Site) -> None:
    site.dashboard()
    widget = site.widget("probe", params={"token": "hunter2"})
    answer = site.post("/api/dashboards/home/duplicate")
    assert answer.status_code == 201
    assert answer.json["slug"] != "home"
    assert answer.json["is_default"] is False
    copy = answer.json["widgets"][0]
    assert copy["id"] != widget
    assert copy["params"] == site.get(f"/api/widgets/{widget}").json["params"]
    named = site.post("/api/dashboards/home/duplicate", {"title": "Tried out"})
    assert (named.json["title"], named.json["slug"]) == ("Tried out", "tried-out")
    problem(site.post("/api/dashboards/home/duplicate", data=b"{bad", content_type="application/json"), 400)


def test_a_layout_below_the_least_size_of_a_widget_moves_nothing(site: Site) -> None:
    slug = site.dashboard("Tight")
    first, second = (site.widget("pushed", dashboard=slug) for _ in range(2))
    before = site.get(f"/api/widgets/{second}").json["position"]
    layout = [{"id": second, "x": 7, "y": 9, "w": 3, "h": 4}, {"id": first, "x": 1, "y": 1, "w": 1, "h": 1}]
    assert fields(site.put(f"/api/dashboards/{slug}/layout", {"layout": layout})) == {"layout.1.w", "layout.1.h"}
    assert site.get(f"/api/widgets/{second}").json["position"] == before
