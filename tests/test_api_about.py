"""What tells about Glance itself: openapi.json, its page, health, figures, snapshot, preferences."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from glance.errors import Unavailable
from glance.schemas import faults, schema_fault
from glance.web.api.routing import ROUTES
from glance.web.door.access import Pass
from tests.api_site import Site, fields, problem
from tests.test_api_definitions import MINE

AWAY = {"REMOTE_ADDR": "192.168.1.20"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        made.dashboard()
        yield made


def test_openapi_describes_every_route_under_api(site: Site) -> None:
    described = site.get("/api/openapi.json").json
    assert described["openapi"].startswith("3.1")
    for rule in site.app.url_map.iter_rules():
        if not rule.rule.startswith("/api/"):
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert method.lower() in described["paths"][path], f"{method} {rule.rule} is not described"


def test_openapi_holds_together(site: Site) -> None:
    described = site.get("/api/openapi.json").json
    text = site.get("/api/openapi.json").text
    for reference in set(re.findall(r'"\$ref":"#/([^"]+)"', text)):
        target = described
        for name in reference.split("/"):
            target = target[name]
        assert target
    ids = [each["operationId"] for path in described["paths"].values() for each in path.values()]
    assert len(ids) == len(set(ids))
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
            assert operation["summary"]
            assert operation["responses"]
            assert operation["tags"][0] in {tag["name"] for tag in described["tags"]}
            if "requestBody" in operation:
                assert "example" in operation["requestBody"]["content"]["application/json"] or "import" in path, (
                    method,
                    path,
                )
                assert {"400", "413", "415", "422"} <= set(operation["responses"])


def test_the_schemas_are_schemas_and_the_answers_fit_them(site: Site) -> None:
    described = site.get("/api/openapi.json").json
    components = described["components"]
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            assert schema_fault(body.get("schema", {})) is None, (method, path)
            if "example" in body and "layout" not in path:
                assert faults(body["schema"], body["example"]) == [], (method, path)
    site.post("/api/custom-widgets", MINE)
    widget = site.widget()
    site.post(f"/api/widgets/{widget}/refresh")
    for method, path, given, declared in (
        ("GET", "/api/dashboards", None, "/api/dashboards"),
        ("GET", "/api/dashboards/home", None, "/api/dashboards/{slug}"),
        ("GET", "/api/widgets", None, "/api/widgets"),
        ("GET", f"/api/widgets/{widget}", None, "/api/widgets/{widget_id}"),
        ("GET", f"/api/widgets/{widget}/data", None, "/api/widgets/{widget_id}/data"),
        ("GET", "/api/custom-widgets", None, "/api/custom-widgets"),
        ("GET", "/api/custom-widgets/mine", None, "/api/custom-widgets/{slug}"),
        ("POST", "/api/widgets/batch", {"widget_ids": [widget, "x"]}, "/api/widgets/batch"),
        ("DELETE", "/api/cache", None, "/api/cache"),
        ("GET", "/api/preferences", None, "/api/preferences"),
        ("GET", "/healthz", None, "/healthz"),
    ):
        answer = site.ask(method, path, given)
        schema = described["paths"][declared][method.lower()]["responses"]["200"]["content"]["application/json"][
            "schema"
        ]
        assert faults({**schema, "components": components}, answer.json) == [], (method, path)
    refused = site.get("/api/dashboards/nothing")
    assert faults({"$ref": "#/components/schemas/Problem", "components": components}, refused.json) == []


def test_every_route_needs_a_scope_or_is_open_on_purpose() -> None:
    open_paths = {item.path for item in ROUTES if item.scope == "open"}
    assert open_paths == {"/healthz", "/readyz", "/metrics"}


@pytest.mark.parametrize(
    ("held", "method", "path", "body", "allowed"),
    [
        ({"read"}, "GET", "/api/dashboards", None, True),
        ({"write"}, "GET", "/api/dashboards", None, False),
        ({"read"}, "POST", "/api/dashboards", {"title": "X"}, False),
        ({"read"}, "POST", "/api/widgets/{id}/refresh", None, False),
        ({"refresh"}, "POST", "/api/widgets/{id}/refresh", None, True),
        ({"push:{id}"}, "POST", "/api/widgets/{id}/data", {"value": 1}, True),
        ({"push:another"}, "POST", "/api/widgets/{id}/data", {"value": 1}, False),
        ({"read"}, "POST", "/api/widgets/batch", {"widget_ids": []}, True),
        ({"read"}, "POST", "/api/widgets/batch", {"widget_ids": [], "force_refresh": True}, False),
        ({"read"}, "POST", "/api/custom-widgets/pushed/execute", {"widget_instance_id": "{id}"}, True),
        ({"read"}, "POST", "/api/custom-widgets/note/execute", {"params": {}}, False),
        (
            {"read"},
            "POST",
            "/api/custom-widgets/pushed/execute",
            {"widget_instance_id": "{id}", "force_refresh": True},
            False,
        ),
        (set(), "GET", "/api/openapi.json", None, False),
    ],
)
def test_a_narrow_pass_opens_what_its_scopes_say(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    held: set[str],
    method: str,
    path: str,
    body: dict[str, Any] | None,
    allowed: bool,
) -> None:
    widget = site.widget("pushed")
    scopes = frozenset(scope.replace("{id}", widget) for scope in held)
    monkeypatch.setattr("glance.web.door.access.Access.identify", lambda self, request: Pass("token", scopes))
    sent = json.loads(json.dumps(body).replace("{id}", widget))
    answer = site.ask(method, path.replace("{id}", widget), sent)
    assert answer.status_code == 200 if allowed else problem(answer, 403)


def test_every_route_but_the_open_ones_is_401_without_a_pass(site: Site) -> None:
    client = site.app.test_client()
    for item in ROUTES:
        if item.scope != "open":
            path = item.path.replace("<slug>", "home").replace("<widget_id>", "x")
            answer = client.open(path, method=item.method, environ_base=AWAY)
            assert answer.status_code in (401, 403), f"{item.method} {path}: {answer.status_code}"


def test_a_wrong_method_and_an_unknown_address_are_problems(site: Site) -> None:
    problem(site.put("/api/dashboards", {}), 405)
    problem(site.get("/api/nothing"), 404)


class _Links(HTMLParser):
    """Everything a page would load or that would run, and its style attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.forbidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "src" or (name == "href" and tag == "link"):
                self.loads.append(value or "")
            if name == "style" or name.startswith("on"):
                self.forbidden.append(f"{tag} {name}")


def test_the_docs_page_lists_every_route_and_asks_no_other_host(site: Site) -> None:
    page = site.get("/api/docs", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    for item in ROUTES:
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", item.path)
        assert f"{item.method} {path}" in page.text
    links = _Links()
    links.feed(page.text)
    assert links.loads
    assert all(load.startswith("/") and not load.startswith("//") for load in links.loads)
    assert links.forbidden == []


def test_the_docs_name_every_route() -> None:
    text = (Path(__file__).parent.parent / "docs" / "api.md").read_text(encoding="utf-8")
    for item in ROUTES:
        assert f"`{item.method} {item.path}`" in text, f"docs/api.md does not name {item.method} {item.path}"


def test_health_is_open(site: Site) -> None:
    client = site.app.test_client()
    assert client.get("/healthz", environ_base=AWAY).json == {"status": "ok"}
    assert client.get("/readyz", environ_base=AWAY).json == {"status": "ready"}
    assert client.get("/readyz").json["parts"] == {"database": "ok", "threads": "ok", "broker": "off"}


def test_readiness_names_the_failing_part_to_those_who_may_know(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked() -> None:
        raise Unavailable("The database is locked by another program.")

    monkeypatch.setattr(site.runtime.db, "check_writable", locked)
    answer = site.app.test_client().get("/readyz", environ_base=AWAY)
    assert (answer.status_code, answer.json) == (503, {"status": "not ready"})
    assert "locked" in site.get("/readyz").json["parts"]["database"]
    monkeypatch.undo()
    site.runtime.definitions.stop()
    answer = site.get("/readyz")
    assert answer.status_code == 503
    assert "definitions" in answer.json["parts"]["threads"]


def test_figures_are_prometheus_text_for_local_callers_or_a_token(site: Site) -> None:
    site.widget("pushed")
    assert site.app.test_client().get("/metrics", environ_base=AWAY).status_code in (303, 401)
    local = site.app.test_client().get("/metrics")
    assert local.status_code == 200
    assert local.content_type.startswith("text/plain; version=0.0.4")
    samples = dict(line.rsplit(" ", 1) for line in local.text.splitlines() if not line.startswith("#"))
    assert samples["glance_widgets"] == "1"
    assert samples["glance_dashboards"] == "1"
    assert samples['glance_custom_widgets{status="ok"}'] == "6"
    assert float(samples["process_resident_memory_bytes"]) > 1e6
    for line in local.text.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) \w+ .+|\w+({[^}]*})? [-+.\de]+", line), line
    helped = re.findall(r"^# HELP (\w+)", local.text, re.M)
    assert len(helped) == len(set(helped))


def test_a_snapshot_is_json_or_markdown_and_fetches_nothing(site: Site) -> None:
    widget = site.widget("pushed", title="Power | roof")
    site.post(f"/api/widgets/{widget}/data", {"value": 312})
    site.widget("note", title="Notes", params={"text": "# not a heading\nsecond line"})
    site.upstream.json("/bad", {}, status=500)
    failing = site.widget(path="/bad", title="Broken")
    site.post(f"/api/widgets/{failing}/refresh")
    asked = site.upstream.count()
    found = site.get("/api/snapshot?format=json").json
    assert found["dashboard"] == {"slug": "home", "title": "Home"}
    assert found["taken_at"] == "2026-02-03T12:00:00.000Z"
    assert [item["title"] for item in found["widgets"]] == ["Power | roof", "Notes", "Broken"]
    assert found["widgets"][0]["data"] == {"value": 312}
    assert found["widgets"][2]["error"]["message"]
    text = site.get("/api/snapshot?format=markdown&dashboard=home")
    assert text.mimetype == "text/markdown"
    assert text.text.startswith("# Home\n\nTaken 2026-02-03 12:00:00 UTC. 3 widgets.\n")
    assert "## Power | roof\n\npushed, fresh, as of 2026-02-03 12:00:00 UTC (0 s ago)\n\n312" in text.text
    assert "\n- text: # not a heading second line" in text.text
    assert "Failed 2026-02-03 12:00:00 UTC:" in text.text
    assert site.upstream.count() == asked


def test_a_snapshot_of_nothing_or_in_another_format_is_refused(site: Site) -> None:
    problem(site.get("/api/snapshot?dashboard=nothing"), 404)
    assert fields(site.get("/api/snapshot?format=pdf")) == {"format"}
    site.delete("/api/dashboards/home")
    problem(site.get("/api/snapshot"), 404)


def test_the_theme_is_a_choice_of_this_browser(site: Site) -> None:
    assert site.get("/api/preferences").json == {"theme": "auto", "code_enabled": False}
    answer = site.patch("/api/preferences", {"theme": "dark"})
    assert answer.json == {"theme": "dark", "code_enabled": False}
    assert "glance_theme=dark" in answer.headers["Set-Cookie"]
    assert site.get("/api/preferences").json["theme"] == "dark"
    assert fields(site.patch("/api/preferences", {"theme": "pink"})) == {"theme"}
