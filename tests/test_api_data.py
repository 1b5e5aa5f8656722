"""The data of widgets: read, forced, pushed, in batches, explained and forgotten."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_site import Site, fields, problem
from tests.waiting import until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        made.dashboard()
        yield made


def test_data_has_the_envelope_and_its_header(site: Site) -> None:
    widget = site.widget()
    first = site.get(f"/api/widgets/{widget}/data")
    assert first.status_code == 200
    assert set(first.json) == {"data", "cached", "cached_at", "expires_at", "stale", "error"}
    second = site.get(f"/api/widgets/{widget}/data")
    assert (second.json["data"], second.json["cached"]) == ({"value": 1}, True)
    assert second.headers["Cache-Status"] == "glance; hit; ttl=300"
    assert site.upstream.count("/value") == 1


def test_an_expired_entry_comes_at_once_and_is_renewed_behind(site: Site) -> None:
    widget = site.widget()
    site.post(f"/api/widgets/{widget}/refresh")
    release = threading.Event()
    site.upstream.hold("/value", release, {"value": 2})
    site.clock.now += 301
    answer = site.get(f"/api/widgets/{widget}/data")
    assert (answer.json["data"], answer.json["stale"], answer.json["error"]) == ({"value": 1}, True, None)
    release.set()
    until(lambda: site.get(f"/api/widgets/{widget}/data").json["data"] == {"value": 2})


def test_nothing_cached_and_a_slow_source_is_202(site: Site) -> None:
    release = threading.Event()
    site.upstream.hold("/slow", release, {"value": 5})
    widget = site.widget(path="/slow")
    answer = site.get(f"/api/widgets/{widget}/data")
    assert answer.status_code == 202
    assert answer.headers["Retry-After"] == "1"
    assert answer.json["data"] is None
    release.set()
    until(lambda: site.get(f"/api/widgets/{widget}/data").json["data"] == {"value": 5})
    assert site.upstream.count("/slow") == 1


def test_nothing_cached_and_a_failing_source_is_a_problem(site: Site) -> None:
    site.upstream.json("/bad", {}, status=500)
    widget = site.widget(path="/bad")
    problem(site.get(f"/api/widgets/{widget}/data"), 502)
    problem(site.post(f"/api/widgets/{widget}/refresh"), 502)


def test_refresh_forces_a_fetch(site: Site) -> None:
    widget = site.widget()
    site.get(f"/api/widgets/{widget}/data")
    site.upstream.json("/value", {"value": 2})
    answer = site.post(f"/api/widgets/{widget}/refresh")
    assert (answer.json["data"], answer.json["cached"]) == ({"value": 2}, False)
    assert answer.headers["Cache-Status"] == "glance; fwd=request; stored"


def test_refresh_on_push_and_static_widgets_answers_with_what_is_there(site: Site) -> None:
    pushed, note = site.widget("pushed"), site.widget("note", params={"text": "hello"})
    assert site.post(f"/api/widgets/{pushed}/refresh").json["data"] is None
    site.post(f"/api/widgets/{pushed}/data", {"value": 3})
    assert site.post(f"/api/widgets/{pushed}/refresh").json["data"] == {"value": 3}
    for answer in (site.post(f"/api/widgets/{note}/refresh"), site.get(f"/api/widgets/{note}/data")):
        assert answer.status_code == 200
        assert answer.json["data"]["text"] == "hello"
        assert answer.json["cached_at"] is None


def test_pushed_data_is_stored_with_its_ttl(site: Site) -> None:
    widget = site.widget("pushed")
    answer = site.post(f"/api/widgets/{widget}/data", {"value": 3})
    assert answer.status_code == 200
    assert answer.json["expires_at"] == "2026-02-03T12:01:00.000Z"
    assert site.post(f"/api/widgets/{widget}/data?ttl=5", {"value": 4}).json["expires_at"] == "2026-02-03T12:00:05.000Z"
    site.clock.now += 6
    late = site.get(f"/api/widgets/{widget}/data")
    assert (late.status_code, late.json["data"], late.json["stale"]) == (200, {"value": 4}, True)
    assert site.post(f"/api/widgets/{widget}/data?ttl=0", {"value": 5}).json["expires_at"] is None


def test_pushed_data_that_does_not_fit_is_named_and_not_stored(site: Site) -> None:
    widget = site.widget("pushed")
    site.post(f"/api/widgets/{widget}/data", {"value": 3})
    assert fields(site.post(f"/api/widgets/{widget}/data", {"value": "hunter2"}))
    assert "hunter2" not in site.post(f"/api/widgets/{widget}/data", {"value": "hunter2"}).text
    assert site.get(f"/api/widgets/{widget}/data").json["data"] == {"value": 3}


@pytest.mark.parametrize("ttl", ["-1", "x", "", "1.5", "1e3", "99999999999"])
def test_a_wrong_ttl_is_named(site: Site, ttl: str) -> None:
    widget = site.widget("pushed")
    assert fields(site.post(f"/api/widgets/{widget}/data?ttl={ttl}", {"value": 1})) == {"ttl"}


def test_pushing_to_another_kind_is_409(site: Site) -> None:
    for slug in ("probe", "note"):
        problem(site.post(f"/api/widgets/{site.widget(slug)}/data", {"value": 1}), 409)


def test_a_push_that_is_not_json_is_refused_before_anything_else(site: Site) -> None:
    path = f"/api/widgets/{site.widget('pushed')}/data"
    problem(site.post(path, data=b"{bad", content_type="application/json"), 400)
    problem(site.post(path, data=b'{"value": NaN}', content_type="application/json"), 400)
    problem(site.post(path, data=b'{"value": 1}', content_type="text/plain"), 415)
    problem(site.post(path, data=b"[" * 6_000_000, content_type="application/json"), 413)


def test_a_batch_answers_each_id_once_and_unknown_ones_in_their_place(site: Site) -> None:
    site.upstream.json("/bad", {}, status=500)
    good, bad, pushed = site.widget(), site.widget(path="/bad"), site.widget("pushed")
    answer = site.post("/api/widgets/batch", {"widget_ids": [good, "nothing", good, bad, pushed]})
    assert answer.status_code == 200
    results = answer.json["results"]
    assert list(results) == [good, "nothing", bad, pushed]
    assert results[good]["data"] == {"value": 1}
    assert results["nothing"]["error"]["status"] == 404
    assert results[bad]["error"]["status"] == 502
    assert set(results[bad]["error"]) == {"type", "title", "status", "detail"}
    assert results[pushed]["data"] is None
    assert site.upstream.count("/value") == 1


def test_a_batch_from_the_cache_asks_nobody(site: Site) -> None:
    ids = [site.widget() for _ in range(5)]
    site.post("/api/widgets/batch", {"widget_ids": ids})
    asked = site.upstream.count("/value")
    results = site.post("/api/widgets/batch", {"widget_ids": ids}).json["results"]
    assert all(result["cached"] for result in results.values())
    assert site.upstream.count("/value") == asked


def test_a_forced_batch_fetches_each_side_by_side(site: Site) -> None:
    ids = [site.widget() for _ in range(6)]
    site.post("/api/widgets/batch", {"widget_ids": ids})
    asked = site.upstream.count("/value")
    site.upstream.json("/value", {"value": 8}, delay_s=0.2)
    site.upstream.max_inflight = 0
    results = site.post("/api/widgets/batch", {"widget_ids": ids, "force_refresh": True}).json["results"]
    assert [result["data"] for result in results.values()] == [{"value": 8}] * 6
    assert not any(result["cached"] for result in results.values())
    assert site.upstream.count("/value") == asked + 6
    assert site.upstream.max_inflight > 1


def test_one_deadline_holds_for_a_forced_batch(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.web.api.batch.FORCED_DEADLINE_S", 0.5)
    good, slow, old = site.widget(), site.widget(path="/hang"), site.widget(path="/old")
    site.upstream.json("/old", {"value": "old"})
    until(lambda: site.get(f"/api/widgets/{old}/data").status_code == 200 or site.post(f"/api/widgets/{old}/refresh"))
    site.post(f"/api/widgets/{old}/refresh")
    site.upstream.hang("/hang")
    site.upstream.hang("/old")
    results = site.post("/api/widgets/batch", {"widget_ids": [good, slow, old], "force_refresh": True}).json["results"]
    assert results[good]["data"] == {"value": 1}
    assert results[slow]["error"]["status"] == 504
    assert (results[old]["data"], results[old]["stale"]) == ({"value": "old"}, True)
    assert results[old]["error"]["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "widget_ids"),
        ({"widget_ids": "x"}, "widget_ids"),
        ({"widget_ids": [str(n) for n in range(51)]}, "widget_ids"),
        ({"widget_ids": [1]}, "widget_ids.0"),
        ({"widget_ids": [], "force": True}, "force"),
    ],
)
def test_a_batch_of_the_wrong_form_is_422(site: Site, body: dict[str, Any], field: str) -> None:
    assert fields(site.post("/api/widgets/batch", body)) == {field}


def test_fifty_are_allowed_and_none_too(site: Site) -> None:
    many = site.post("/api/widgets/batch", {"widget_ids": [str(n) for n in range(50)]})
    assert len(many.json["results"]) == 50
    assert site.post("/api/widgets/batch", {"widget_ids": []}).json == {"results": {}}


def test_forgetting_a_widgets_answers(site: Site) -> None:
    one, two = site.widget(), site.widget()
    site.post("/api/widgets/batch", {"widget_ids": [one, two], "force_refresh": True})
    site.post(
        "/api/custom-widgets/probe/execute",
        {"widget_instance_id": one, "params": {"url": site.upstream.url("/value?b")}},
    )
    assert site.delete(f"/api/widgets/{one}/cache").json == {"deleted": 2}
    assert site.delete("/api/cache").json == {"deleted": 1}
    assert site.delete("/api/cache").json == {"deleted": 0}


def test_the_cleaner_keeps_the_last_good_answer_of_a_placed_widget(site: Site) -> None:
    widget = site.widget()
    site.post(f"/api/widgets/{widget}/refresh")
    site.post(
        "/api/custom-widgets/probe/execute",
        {"widget_instance_id": widget, "params": {"url": site.upstream.url("/value?b")}},
    )
    assert site.delete("/api/cache?expired=1").json == {"deleted": 0}
    site.clock.now += 400
    assert site.delete("/api/cache?expired=1").json == {"deleted": 1}
    site.clock.now += 91 * 86400
    assert site.delete("/api/cache?expired=1").json == {"deleted": 1}
    assert fields(site.delete("/api/cache?expired=maybe")) == {"expired"}


def test_explain_shows_the_requests_and_masks_secrets(site: Site) -> None:
    site.upstream.json("/value", {"value": "hunter2 inside"})
    widget = site.widget(params={"token": "hunter2"})
    site.post(f"/api/widgets/{widget}/refresh")
    answer = site.get(f"/api/widgets/{widget}/explain")
    assert "hunter2" not in answer.text
    found = answer.json
    assert (found["state"], found["has_data"], found["ttl_s"]) == ("fresh", True, 300)
    assert found["cache"] == "glance; hit; ttl=300"
    fetch = found["fetches"][0]
    assert (fetch["status"], fetch["error"]) == (200, None)
    assert fetch["took_ms"] > 0
    assert fetch["requests"][0]["method"] == "GET"
    assert "inside" in found["raw"]
    assert found["next_run_at"] == "2026-02-03T12:05:00.000Z"


def test_explain_says_why_there_is_no_data_and_what_to_do(site: Site) -> None:
    site.upstream.json("/bad", {}, status=404)
    failing, waiting = site.widget(path="/bad"), site.widget("pushed")
    site.post(f"/api/widgets/{failing}/refresh")
    found = site.get(f"/api/widgets/{failing}/explain").json
    assert found["has_data"] is False
    assert found["reason"].endswith(".")
    assert found["advice"].endswith(".")
    assert found["next_run_at"] is not None
    assert "/data" in site.get(f"/api/widgets/{waiting}/explain").json["advice"]


def test_a_widget_whose_folder_is_gone_keeps_its_last_answer(site: Site) -> None:
    widget = site.widget()
    site.post(f"/api/widgets/{widget}/refresh")
    for name in ("widget.yaml", "card.html"):
        (site.folders / "probe" / name).unlink()
    site.runtime.definitions.rescan()
    answer = site.get(f"/api/widgets/{widget}/data")
    assert (answer.status_code, answer.json["data"], answer.json["stale"]) == (200, {"value": 1}, True)
    assert "folder is gone" in answer.json["error"]["message"]
    assert site.post("/api/widgets/batch", {"widget_ids": [widget]}).json["results"][widget]["data"] == {"value": 1}
    assert "folder is gone" in site.get(f"/api/widgets/{widget}/explain").json["advice"]
