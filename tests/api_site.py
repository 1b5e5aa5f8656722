"""A whole Glance without a listener for tests of the API: real database, real sources, its own few definitions, a clock by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from glance.config import Settings
from glance.runtime import Runtime
from glance.web.application import create_app
from tests.upstream import Upstream

TOKEN = "a-token-for-tests-of-the-api"

PROBE = """
name: Probe
description: One value of a JSON address
category: tests
refresh_interval: 300
params:
  type: object
  required: [url]
  properties:
    url: {type: string, format: url, title: Address}
    token: {type: string, format: secret, title: Token}
    unit: {type: string, default: W}
source:
  kind: http
  url: "{{ params.url }}"
  auth: {kind: bearer, token: "{{ params.token }}"}
data_schema: {type: object, required: [value]}
"""
LOOK = PROBE.replace("name: Probe", "name: Look").replace("refresh_interval: 300", "refresh_interval: 0")
ANYTHING = PROBE.replace("name: Probe", "name: Anything").replace(
    "data_schema: {type: object, required: [value]}\n", ""
)
PUSHED = """
name: Pushed
refresh_interval: 60
source: {kind: push}
data_schema: {type: object, required: [value], properties: {value: {type: number}}}
"""
NOTE = """
name: Note
source: {kind: static}
params: {type: object, properties: {text: {type: string, default: ""}}}
"""
NUMBER = """
name: Number
source: {kind: any, shape: value}
params:
  type: object
  required: [data_source]
  properties:
    data_source: {type: object, format: data_source, title: Source}
    unit: {type: string}
"""
FOLDERS = {"number": NUMBER, "probe": PROBE, "look": LOOK, "anything": ANYTHING, "pushed": PUSHED, "note": NOTE}
CARD = "<p>{{ data }}</p>"


class OwnFolders(Settings):
    """Settings whose only definitions are those of the test."""

    @property
    def widget_folders(self) -> tuple[Path, ...]:
        return self.widgets


class Clock:
    """Unix seconds, moved by hand; begins at a whole second."""

    def __init__(self) -> None:
        self.now = 1_770_120_000.0

    def __call__(self) -> float:
        return self.now


class Site:
    """Runtime, application, a client with the token, and an upstream."""

    def __init__(self, folder: Path) -> None:
        self.folders = folder / "widgets"
        for slug, manifest in FOLDERS.items():
            self.add_folder(slug, manifest)
        self.clock = Clock()
        self.settings = OwnFolders(
            data=folder / "data", widgets=(self.folders,), api_token=TOKEN, password="a password", mqtt_url="off"
        )
        self.upstream = Upstream()

    def __enter__(self) -> Site:
        self.upstream.start()
        self.upstream.json("/value", {"value": 1})
        self.runtime = Runtime(self.settings, clock=self.clock)
        self.app = create_app(self.runtime)
        self.runtime.start()
        self.client: FlaskClient = self.app.test_client()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.runtime.stop()
        self.upstream.stop()

    def add_folder(self, slug: str, manifest: str, card: str = CARD) -> Path:
        """Write the folder of a definition."""
        path = self.folders / slug
        path.mkdir(parents=True, exist_ok=True)
        (path / "widget.yaml").write_text(manifest, encoding="utf-8")
        (path / "card.html").write_text(card, encoding="utf-8")
        return path

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        data: bytes | None = None,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = TOKEN,
    ) -> TestResponse:
        """One request; `body` is sent as JSON, `data` as it is."""
        heads = dict(headers or {})
        if token:
            heads["Authorization"] = f"Bearer {token}"
        if body is not None:
            data, content_type = json.dumps(body).encode(), content_type or "application/json"
        return self.client.open(path, method=method, data=data, content_type=content_type, headers=heads)

    def get(self, path: str, **how: Any) -> TestResponse:
        """GET."""
        return self.ask("GET", path, **how)

    def post(self, path: str, body: Any = None, **how: Any) -> TestResponse:
        """POST."""
        return self.ask("POST", path, body, **how)

    def patch(self, path: str, body: Any = None, **how: Any) -> TestResponse:
        """PATCH."""
        return self.ask("PATCH", path, body, **how)

    def put(self, path: str, body: Any = None, **how: Any) -> TestResponse:
        """PUT."""
        return self.ask("PUT", path, body, **how)

    def delete(self, path: str, **how: Any) -> TestResponse:
        """DELETE."""
        return self.ask("DELETE", path, **how)

    def dashboard(self, title: str = "Home") -> str:
        """Make a dashboard; its slug."""
        answer = self.post("/api/dashboards", {"title": title})
        assert answer.status_code == 201, answer.text
        return str(answer.json["slug"])

    def widget(
        self, custom_widget: str = "probe", path: str = "/value", dashboard: str | None = None, **more: Any
    ) -> str:
        """Make a widget; its id. Fetching ones ask `path` of the upstream."""
        params = more.pop("params", {})
        if custom_widget in ("probe", "look", "anything"):
            params = {"url": self.upstream.url(path), **params}
        slug = dashboard or (self.runtime.dashboards.all() or [None])[0]
        slug = getattr(slug, "slug", slug) or self.dashboard()
        body = {"dashboard": slug, "custom_widget": custom_widget, "title": "A widget", "params": params, **more}
        answer = self.post("/api/widgets", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json["id"])


def problem(answer: TestResponse, status: int) -> dict[str, Any]:
    """The problem of a refused request, its form checked."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    body: dict[str, Any] = answer.json
    assert body["status"] == status
    assert {"type", "title", "detail"} <= set(body)
    assert body["detail"][-1] in ".!?", body["detail"]
    return body


def fields(answer: TestResponse, status: int = 422) -> set[str]:
    """The names of the faulty fields."""
    return {error["field"] for error in problem(answer, status)["errors"]}
