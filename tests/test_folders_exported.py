"""Each folder's manifest can be taken out over the API and put in again as one's own, unless it runs Python of a folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from glance.config import ROOT, Settings
from glance.runtime import Runtime
from glance.web.application import create_app
from tests.api_site import TOKEN

FOLDERS = sorted(path.parent.name for path in (ROOT / "widgets").glob("*/widget.yaml"))
# what only a folder may hold, and where it stands: Python, a form, a frame
TRUSTED = {
    "iframe": "template",
    "notes": "template",
    "search": "template",
    "todo": "template",
} | {path.parent.name: "source.kind" for path in (ROOT / "widgets").glob("*/fetch.py")}
HEADS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    data = tmp_path_factory.mktemp("exported") / "data"
    made = Runtime(Settings(data=data, api_token=TOKEN, password="a password", mqtt_url="off"))
    yield made
    made.stop()


@pytest.mark.parametrize("slug", FOLDERS)
def test_a_folders_manifest_comes_in_again_as_ones_own(runtime: Runtime, slug: str) -> None:
    client = create_app(runtime).test_client()
    manifest = client.get(f"/api/custom-widgets/{slug}", headers=HEADS).json["manifest"]
    answer = client.post("/api/custom-widgets", json={**manifest, "slug": f"own-{slug}"}, headers=HEADS)
    if slug in TRUSTED:
        fault = answer.json["errors"][0]
        assert (answer.status_code, fault["field"]) == (422, TRUSTED[slug])
        assert "folder" in fault["message"]
        return
    assert answer.status_code == 201, answer.text
    client.post("/api/dashboards", json={"title": slug}, headers=HEADS)
    placed = client.post(
        "/api/widgets",
        json={
            "dashboard": slug,
            "custom_widget": f"own-{slug}",
            "title": "Own",
            "params": manifest.get("example_params", {}),
        },
        headers=HEADS,
    )
    assert placed.status_code == 201, placed.text
    document = client.get(f"/api/dashboards/{slug}/export", headers=HEADS).json
    assert document["custom_widgets"] == [{"slug": f"own-{slug}", **manifest}]
    client.delete(f"/api/dashboards/{slug}", headers=HEADS)
    assert client.delete(f"/api/custom-widgets/own-{slug}", headers=HEADS).status_code == 204
    plan = client.post("/api/dashboards/import", json=document, headers=HEADS)
    assert plan.status_code in (200, 201), plan.text
    assert client.get(f"/api/custom-widgets/own-{slug}", headers=HEADS).json["manifest"] == manifest
