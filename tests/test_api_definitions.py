"""Custom widgets over the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_site import PROBE, Site, fields, problem

MINE = {
    "slug": "mine",
    "name": "Mine",
    "description": "One number",
    "refresh_interval": 900,
    "source": {"kind": "http", "url": "http://127.0.0.1:1/"},
    "template": "<p>{{ data.value }}</p>",
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


def test_the_list_holds_folders_and_stored_ones_with_their_use(site: Site) -> None:
    site.dashboard()
    site.widget("pushed")
    site.post("/api/custom-widgets", MINE)
    items = {item["slug"]: item for item in site.get("/api/custom-widgets").json["items"]}
    assert list(items) == ["anything", "look", "mine", "note", "number", "probe", "pushed"]
    assert (items["pushed"]["origin"], items["pushed"]["editable"], items["pushed"]["widgets"]) == ("folder", False, 1)
    assert (items["mine"]["origin"], items["mine"]["editable"], items["mine"]["status"]) == ("api", True, "ok")
    assert items["probe"]["params"]["required"] == ["url"]


def test_a_stored_one_comes_back_whole(site: Site) -> None:
    answer = site.post("/api/custom-widgets", MINE)
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/custom-widgets/mine"
    found = site.get("/api/custom-widgets/mine")
    assert found.json["manifest"] == {key: value for key, value in MINE.items() if key != "slug"}
    assert found.json["size"]["default"] == {"w": 3, "h": 4}
    assert found.headers["ETag"] == answer.headers["ETag"]


def test_without_a_slug_one_is_made_from_the_name(site: Site) -> None:
    nameless = {key: value for key, value in MINE.items() if key != "slug"}
    assert site.post("/api/custom-widgets", nameless | {"name": "Solar Output!"}).json["slug"] == "solar-output"
    assert site.post("/api/custom-widgets", nameless | {"name": "Solar Output!"}).json["slug"] != "solar-output"


def test_a_slug_that_is_made_up_is_never_one_that_is_taken(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    nameless = {key: value for key, value in MINE.items() if key != "slug"}
    drawn = iter(["aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr("glance.registry.secrets.token_hex", lambda size: next(drawn))
    slugs = [site.post("/api/custom-widgets", nameless).json["slug"] for _ in range(3)]
    assert slugs == ["mine", "mine-aaaa", "mine-bbbb"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"slug": 5}, "slug"),
        ({"source": None}, "source"),
        ({"source": {"kind": "htpp"}}, "source.kind"),
        ({"source": {"kind": "http"}}, "source.url"),
        ({"source": {"kind": "python"}}, "source.kind"),
        ({"refresh_interval": "5m"}, "refresh_interval"),
        ({"schedule": "at noon"}, "schedule"),
        ({"params": {"type": "object", "properties": {"a": {"type": "strnig"}}}}, "params.properties.a.type"),
        ({"data_schema": {"type": "objekt"}}, "data_schema.type"),
        ({"template": "{% if %}"}, "template"),
        ({"template": None}, "template"),
        ({"size": {"default": {"w": 40, "h": 4}}}, "size.default.w"),
        ({"refresh_intervall": 5}, "refresh_intervall"),
    ],
)
def test_every_fault_of_a_manifest_is_named_with_its_place(site: Site, change: dict[str, Any], place: str) -> None:
    manifest = {key: value for key, value in (MINE | change).items() if value is not None}
    answer = site.post("/api/custom-widgets", manifest)
    assert place in fields(answer)
    problem(site.get("/api/custom-widgets/mine"), 404)


def test_a_fault_of_the_template_names_its_line(site: Site) -> None:
    answer = site.post("/api/custom-widgets", MINE | {"template": "<p>\n</p>\n{{ data.value | nothing }}"})
    assert fields(answer) == {"template"}
    assert "ine 3" in answer.text


def test_a_taken_slug_is_409_but_a_folders_slug_is_won(site: Site) -> None:
    site.post("/api/custom-widgets", MINE)
    problem(site.post("/api/custom-widgets", MINE), 409)
    assert site.post("/api/custom-widgets", MINE | {"slug": "probe"}).status_code == 201
    both = [item for item in site.get("/api/custom-widgets").json["items"] if item["slug"] == "probe"]
    assert [item["status"] for item in both] == ["ok", "broken"]
    assert both[0]["origin"] == "api"
    assert both[1]["fault"]["reason"].endswith(".")


def test_changes_replace_keys_and_null_removes_one(site: Site) -> None:
    etag = site.post("/api/custom-widgets", MINE).headers["ETag"]
    answer = site.patch(
        "/api/custom-widgets/mine", {"refresh_interval": 60, "description": None}, headers={"If-Match": etag}
    )
    assert answer.status_code == 200
    assert (answer.json["refresh_interval"], answer.json["description"]) == (60, "")
    assert answer.json["manifest"]["template"] == MINE["template"]
    stale = problem(site.patch("/api/custom-widgets/mine", {"name": "Lost"}, headers={"If-Match": etag}), 412)
    assert stale["current"]["refresh_interval"] == 60
    problem(site.delete("/api/custom-widgets/mine", headers={"If-Match": etag}), 412)
    assert fields(site.patch("/api/custom-widgets/mine", {"source": {"kind": "nothing"}})) == {"source.kind"}
    assert fields(site.patch("/api/custom-widgets/mine", {"slug": "other"})) == {"slug"}
    assert site.get("/api/custom-widgets/mine").json["refresh_interval"] == 60


def test_folders_are_read_only(site: Site) -> None:
    problem(site.patch("/api/custom-widgets/probe", {"name": "X"}), 409)
    problem(site.delete("/api/custom-widgets/probe"), 409)
    assert "ETag" not in site.get("/api/custom-widgets/probe").headers


def test_one_in_use_is_409_naming_its_widgets(site: Site) -> None:
    site.dashboard()
    site.post("/api/custom-widgets", MINE)
    widget = site.widget("mine", title="My number")
    refused = problem(site.delete("/api/custom-widgets/mine"), 409)
    assert "My number" in refused["detail"]
    assert widget in refused["detail"]
    assert site.get(f"/api/widgets/{widget}").status_code == 200
    assert site.delete("/api/custom-widgets/mine?with_widgets=1").status_code == 204
    problem(site.get(f"/api/widgets/{widget}"), 404)
    problem(site.get("/api/custom-widgets/mine"), 404)


def test_unknown_ones_are_404(site: Site) -> None:
    problem(site.get("/api/custom-widgets/nothing"), 404)
    problem(site.patch("/api/custom-widgets/nothing", {"name": "X"}), 404)
    problem(site.delete("/api/custom-widgets/nothing"), 404)


def test_broken_and_missing_folders_are_listed_with_reason_and_place(site: Site) -> None:
    site.add_folder("probe", PROBE.replace("kind: http", "kind: htpp"))
    for name in ("widget.yaml", "card.html"):
        (site.folders / "note" / name).unlink()
    site.runtime.definitions.rescan()
    items = {item["slug"]: item for item in site.get("/api/custom-widgets").json["items"]}
    assert (items["probe"]["status"], items["note"]["status"]) == ("broken", "missing")
    fault = site.get("/api/custom-widgets/probe").json["fault"]
    assert "did you mean http" in fault["reason"]
    assert fault["line"] == 14
    assert fault["path"].endswith("probe")
    assert "htpp" in fault["excerpt"]
    assert fault["errors"][0]["field"] == "source.kind"
    assert site.delete("/api/custom-widgets/note").status_code == 204


def test_a_manifest_must_be_an_object(site: Site) -> None:
    problem(site.post("/api/custom-widgets", []), 422)
    problem(site.post("/api/custom-widgets", data=b"name: Mine", content_type="application/yaml"), 415)
    problem(site.post("/api/custom-widgets", data=b"{", content_type="application/json"), 400)
