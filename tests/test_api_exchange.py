"""Export and import: what goes out comes in again, without secrets, all of it or nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_site import NOTE, Site, fields, problem
from tests.test_api_definitions import MINE


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        made.post("/api/custom-widgets", MINE)
        made.post("/api/dashboards", {"title": "Home", "icon": "home", "settings": {"tone": "calm"}})
        made.widget("probe", params={"token": "hunter2"}, title="Solar", refresh_interval=60)
        made.widget("mine", title="Mine", settings={"keep_warm": True})
        yield made


@pytest.fixture
def exported(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.get("/api/dashboards/home/export").json
    return found


def count(site: Site) -> tuple[int, int, int]:
    """How many dashboards, widgets and definitions there are."""
    return tuple(len(site.get(f"/api/{noun}").json["items"]) for noun in ("dashboards", "widgets", "custom-widgets"))  # type: ignore[return-value]


def test_an_export_holds_everything_but_the_secrets(site: Site, exported: dict[str, Any]) -> None:
    answer = site.get("/api/dashboards/home/export")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="home.glance.json"'
    assert "hunter2" not in answer.text
    assert (exported["format"], exported["version"]) == ("glance-dashboard", 1)
    assert exported["dashboard"]["settings"] == {"tone": "calm"}
    solar, mine = exported["widgets"]
    assert solar["params"]["token"] == {"set": True}
    assert (solar["title"], solar["refresh_interval"], mine["settings"]) == ("Solar", 60, {"keep_warm": True})
    assert [item["slug"] for item in exported["custom_widgets"]] == ["mine"]
    assert exported["custom_widgets"][0]["template"] == MINE["template"]


def test_a_preview_says_what_would_be_done_and_does_nothing(site: Site, exported: dict[str, Any]) -> None:
    before = count(site)
    plan = site.post("/api/dashboards/import?preview=1", exported).json
    assert count(site) == before
    assert plan["can_import"] is True
    assert plan["dashboard"] == {"slug": "home-2", "title": "Home", "renamed_from": "home"}
    assert [item["title"] for item in plan["widgets"]] == ["Solar", "Mine"]
    assert plan["custom_widgets"] == {"created": [], "renamed": [], "used": ["mine", "probe"], "missing": []}
    assert plan["secrets"] == [{"widget": 0, "title": "Solar", "param": "token"}]
    assert plan["faults"] == []


def test_an_import_makes_the_same_dashboard_again(site: Site, exported: dict[str, Any]) -> None:
    answer = site.post("/api/dashboards/import", exported)
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/dashboards/home-2"
    assert answer.json["secrets"][0]["widget_id"] == answer.json["widgets"][0]["id"]
    assert answer.json["is_default"] is False
    again = site.get("/api/dashboards/home-2/export").json
    assert again["dashboard"] == exported["dashboard"] | {"slug": "home-2"}
    for one, other in zip(exported["widgets"], again["widgets"], strict=True):
        secret_free = {key: value for key, value in one["params"].items() if value != {"set": True}}
        assert other == one | {"id": other["id"], "params": secret_free}


def test_whole_numbers_may_be_written_with_a_point(site: Site, exported: dict[str, Any]) -> None:
    for widget in exported["widgets"]:
        widget["position"] = {name: float(value) for name, value in widget["position"].items()}
    made = site.post("/api/dashboards/import", exported)
    assert made.status_code == 201, made.text
    assert all(isinstance(value, int) for widget in made.json["widgets"] for value in widget["position"].values())


def test_it_comes_into_an_empty_glance(tmp_path: Path, exported: dict[str, Any]) -> None:
    with Site(tmp_path / "other") as other:
        answer = other.post("/api/dashboards/import", exported)
        assert answer.status_code == 201, answer.text
        assert (answer.json["slug"], answer.json["is_default"]) == ("home", True)
        assert answer.json["custom_widgets"]["created"] == ["mine"]
        assert other.get("/api/custom-widgets/mine").json["manifest"]["template"] == MINE["template"]


def test_another_definition_of_the_same_slug_gets_a_new_one(site: Site, exported: dict[str, Any]) -> None:
    site.patch("/api/custom-widgets/mine", {"template": "<p>changed</p>"})
    answer = site.post("/api/dashboards/import", exported)
    assert answer.json["custom_widgets"]["renamed"] == [{"from": "mine", "to": "mine-2"}]
    assert answer.json["widgets"][1]["custom_widget"] == "mine-2"
    assert site.get("/api/custom-widgets/mine").json["manifest"]["template"] == "<p>changed</p>"


def test_a_missing_definition_is_named_and_nothing_is_made(site: Site, exported: dict[str, Any]) -> None:
    exported["widgets"][0]["custom_widget"] = "not-here"
    before = count(site)
    plan = site.post("/api/dashboards/import?preview=1", exported).json
    assert plan["custom_widgets"]["missing"] == ["not-here"]
    assert plan["can_import"] is False
    assert fields(site.post("/api/dashboards/import", exported)) == {"widgets.0.custom_widget"}
    assert count(site) == before


def test_faults_are_found_before_anything_is_made(site: Site, exported: dict[str, Any]) -> None:
    before = count(site)
    wrong: list[tuple[str, Any, str]] = [
        ("widgets.0.params", {"url": "nowhere"}, "widgets.0.params.url"),
        ("widgets.0.position", {"x": 12, "y": 1, "w": 3, "h": 2}, "widgets.0.position"),
        ("widgets.1.position", exported["widgets"][0]["position"], "widgets.1.position"),
        ("widgets.0.schedule", "at noon", "widgets.0.schedule"),
        ("widgets.0.title", "", "widgets.0.title"),
        ("custom_widgets.0.source", {"kind": "nothing"}, "custom_widgets.0.source.kind"),
        ("custom_widgets.0.template", "{% if %}", "custom_widgets.0.template"),
        ("format", "something-else", "format"),
        ("version", 2, "version"),
        ("widgets", {}, "widgets"),
    ]
    for path, value, field in wrong:
        document = copy.deepcopy(exported)
        *way, last = path.split(".")
        target: Any = document
        for name in way:
            target = target[int(name)] if isinstance(target, list) else target[name]
        target[last] = value
        assert field in fields(site.post("/api/dashboards/import", document)), path
    assert count(site) == before


def test_a_failure_in_the_middle_leaves_nothing(
    site: Site, exported: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.patch("/api/custom-widgets/mine", {"template": "<p>changed</p>"})
    before = count(site)
    create, made = site.runtime.widgets.create, []

    def breaks(*given: Any, **more: Any) -> Any:
        if made:
            raise OSError("the disk went away")
        made.append(1)
        return create(*given, **more)

    monkeypatch.setattr(site.runtime.widgets, "create", breaks)
    problem(site.post("/api/dashboards/import", exported), 500)
    monkeypatch.undo()
    assert count(site) == before


def test_a_document_that_is_none_is_refused(site: Site) -> None:
    assert fields(site.post("/api/dashboards/import", {})) == {"format", "version", "dashboard", "widgets"}
    problem(site.post("/api/dashboards/import", data=b"x", content_type="application/json"), 400)
    problem(site.post("/api/dashboards/import?preview=1", data=b"x", content_type="application/json"), 400)


FOREIGN = {"name": "Foreign", "source": {"kind": "http", "url": "{{ params.url }}"}, "template": "<p>{{ data }}</p>",
           "params": {"type": "object", "properties": {"url": {"type": "string"}}}}  # fmt: skip


def foreign(site: Site, slug: str) -> dict[str, Any]:
    """A document from somebody else, whose one widget would ask the upstream."""
    widget = {"custom_widget": slug, "title": "Theirs", "position": {"x": 1, "y": 1, "w": 3, "h": 4}}
    return {
        "format": "glance-dashboard", "version": 1, "dashboard": {"title": "Theirs"},
        "widgets": [{**widget, "params": {"url": site.upstream.url("/foreign")}}],
        "custom_widgets": [{"slug": "foreign", **FOREIGN}],
    }  # fmt: skip


@pytest.mark.parametrize("slug", ["foreign", "probe"], ids=["of a definition that came with it", "of a folder"])
def test_an_imported_widget_asks_no_host_that_nobody_agreed_to(site: Site, slug: str) -> None:
    site.upstream.json("/foreign", {"value": 1})
    document = foreign(site, slug)
    made = site.post("/api/dashboards/import", document)
    assert made.status_code == 201, made.text
    copied = site.post("/api/dashboards/theirs/duplicate", {}).json["slug"]
    copy_id = site.get(f"/api/widgets?dashboard={copied}").json["items"][0]["id"]
    for widget_id in (made.json["widgets"][0]["id"], copy_id):
        site.patch(f"/api/widgets/{widget_id}", {"title": "Mine now"})
        refused = site.post(f"/api/widgets/{widget_id}/refresh", {})
        assert "nobody has agreed to" in refused.text
        assert "127.0.0.1" in refused.text
    assert site.upstream.count("/foreign") == 0
    params = site.get(f"/api/widgets/{copy_id}").json["params"]
    assert site.patch(f"/api/widgets/{copy_id}", {"params": params}).status_code == 200
    assert site.post(f"/api/widgets/{copy_id}/refresh", {}).json["data"] == {"value": 1}, (
        "whoever saves it wants it asked"
    )


@pytest.mark.parametrize("slug", ["foreign", "probe"])
def test_an_import_that_names_the_hosts_is_an_agreement(site: Site, slug: str) -> None:
    site.upstream.json("/foreign", {"value": 1})
    document = foreign(site, slug)
    hosts = site.post("/api/dashboards/import?preview=1", document).json["hosts"]["widgets"]
    made = site.post("/api/dashboards/import", {**document, "agreed_hosts": hosts})
    assert site.post(f"/api/widgets/{made.json['widgets'][0]['id']}/refresh", {}).json["data"] == {"value": 1}
    again = site.post("/api/dashboards/import", site.get("/api/dashboards/theirs/export").json)
    assert site.post(f"/api/widgets/{again.json['widgets'][0]['id']}/refresh", {}).json["data"] == {"value": 1}, (
        "the very same is asked here already"
    )


def test_hosts_that_are_agreed_to_for_a_definition_are_so_for_its_imported_widgets(site: Site) -> None:
    site.upstream.json("/foreign", {"value": 1})
    made = site.post("/api/dashboards/import", foreign(site, "foreign"))
    assert site.ask("PUT", "/api/custom-widgets/foreign/hosts", {"hosts": ["127.0.0.1"]}).status_code == 200
    assert site.post(f"/api/widgets/{made.json['widgets'][0]['id']}/refresh", {}).json["data"] == {"value": 1}


def test_an_imported_widget_loads_no_picture_of_a_host_that_waits(site: Site) -> None:
    site.add_folder("note", NOTE, '{{ image("http://192.168.1.1/reboot") }}')
    site.runtime.definitions.rescan()
    document = foreign(site, "note")
    document["widgets"][0]["params"] = {"text": "http://192.168.1.1/reboot"}
    made = site.post("/api/dashboards/import", document).json["widgets"][0]
    assert "/image/" not in site.get("/d/theirs").text
    site.patch(f"/api/widgets/{made['id']}", {"params": made["params"]})
    assert "/image/" in site.get("/d/theirs").text
