"""Execute: every row of the contract's table, seen from outside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.api_site import Site, fields, problem
from tests.upstream import Reply, refused_port
from tests.waiting import PATIENCE_S, until

RUN = "/api/custom-widgets/probe/execute"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        made.dashboard()
        yield made


def run(site: Site, widget: str | None = None, slug: str = "probe", status: int = 200, **body: Any) -> dict[str, Any]:
    whole = body | ({"widget_instance_id": widget} if widget else {})
    answer = site.post(f"/api/custom-widgets/{slug}/execute", whole)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json
    return found


def test_a_miss_fetches_and_a_hit_asks_nobody(site: Site) -> None:
    widget = site.widget()
    first = site.post(RUN, {"widget_instance_id": widget})
    assert first.json["data"] == {"value": 1}
    until(lambda: site.upstream.count("/value") == 1)
    site.clock.now += 10
    second = site.post(RUN, {"widget_instance_id": widget})
    assert second.json == {
        "data": {"value": 1},
        "cached": True,
        "cached_at": "2026-02-03T12:00:00.000Z",
        "expires_at": "2026-02-03T12:05:00.000Z",
        "stale": False,
        "error": None,
    }
    assert second.headers["Cache-Status"] == "glance; hit; ttl=290"
    assert site.upstream.count("/value") == 1


def test_a_first_fetch_says_that_it_was_a_miss(site: Site) -> None:
    answer = site.post("/api/custom-widgets/anything/execute", {"params": {"url": site.upstream.url("/value")}})
    assert answer.json["cached"] is False
    assert answer.headers["Cache-Status"] == "glance; fwd=miss"


def test_an_expired_entry_is_fetched_anew(site: Site) -> None:
    widget = site.widget()
    run(site, widget)
    site.upstream.json("/value", {"value": 2})
    site.clock.now += 301
    answer = site.post(RUN, {"widget_instance_id": widget})
    assert (answer.json["data"], answer.json["cached"]) == ({"value": 2}, False)
    assert answer.json["cached_at"] == "2026-02-03T12:05:01.000Z"
    assert answer.headers["Cache-Status"] == "glance; fwd=stale; stored"
    assert answer.json["stale"] is False


def test_a_forced_run_fetches_although_the_entry_is_fresh(site: Site) -> None:
    widget = site.widget()
    run(site, widget)
    before = site.upstream.count("/value")
    answer = site.post(RUN, {"widget_instance_id": widget, "force_refresh": True})
    assert answer.json["cached"] is False
    assert answer.headers["Cache-Status"] == "glance; fwd=request; stored"
    assert site.upstream.count("/value") == before + 1


def test_without_a_widget_nothing_is_read_from_or_written_to_the_cache(site: Site) -> None:
    body = {"params": {"url": site.upstream.url("/value")}}
    for _ in range(2):
        answer = site.post(RUN, body)
        assert answer.json["cached"] is False
        assert "stored" not in answer.headers["Cache-Status"]
    assert site.upstream.count("/value") == 2
    assert "glance_cache_entries 0" in site.get("/metrics").text


def test_given_params_replace_the_saved_ones_for_this_call_only(site: Site) -> None:
    site.upstream.json("/other", {"value": 9})
    widget = site.widget()
    run(site, widget)
    other = {"url": site.upstream.url("/other")}
    assert run(site, widget, params=other)["data"] == {"value": 9}
    assert run(site, widget)["data"] == {"value": 1}
    again = run(site, widget, params=other)
    assert (again["data"], again["cached"]) == ({"value": 9}, True)
    assert (site.upstream.count("/value"), site.upstream.count("/other")) == (1, 1)


def test_defaults_and_order_of_params_make_no_difference(site: Site) -> None:
    widget = site.widget()
    run(site, widget)
    assert run(site, widget, params={"unit": "W", "url": site.upstream.url("/value")})["cached"] is True
    assert site.upstream.count("/value") == 1


def test_a_failure_keeps_the_old_answer_and_says_so(site: Site) -> None:
    widget = site.widget()
    run(site, widget)
    site.upstream.json("/value", {}, status=500)
    site.clock.now += 312
    answer = site.post(RUN, {"widget_instance_id": widget})
    found = answer.json
    assert answer.status_code == 200
    assert (found["data"], found["cached"], found["stale"]) == ({"value": 1}, True, True)
    assert found["expires_at"] == "2026-02-03T12:05:00.000Z"
    assert found["error"]["message"].endswith(".")
    assert found["error"]["at"] == "2026-02-03T12:05:12.000Z"
    assert found["error"]["next_try_at"] == "2026-02-03T12:10:12.000Z"
    assert answer.headers["Cache-Status"] == "glance; hit; ttl=-12; detail=stale-error"


def test_a_forced_failure_before_expiry_is_stale_too(site: Site) -> None:
    widget = site.widget()
    run(site, widget)
    site.upstream.json("/value", {}, status=500)
    found = run(site, widget, force_refresh=True)
    assert (found["cached"], found["stale"], found["data"]) == (True, True, {"value": 1})


def test_a_failing_upstream_is_left_alone_until_the_next_try_but_not_when_forced(site: Site) -> None:
    site.upstream.json("/value", {}, status=500)
    widget = site.widget()
    problem(site.post(RUN, {"widget_instance_id": widget}), 502)
    before = site.upstream.count("/value")
    problem(site.post(RUN, {"widget_instance_id": widget}), 502)
    assert site.upstream.count("/value") == before
    problem(site.post(RUN, {"widget_instance_id": widget, "force_refresh": True}), 502)
    assert site.upstream.count("/value") == before + 1


def test_a_429_with_retry_after_holds_even_for_forced_runs(site: Site) -> None:
    site.upstream.answer("/value", "slow down", status=429, headers={"Retry-After": "120"})
    widget = site.widget()
    problem(site.post(RUN, {"widget_instance_id": widget}), 502)
    before = site.upstream.count("/value")
    answer = site.post(RUN, {"widget_instance_id": widget, "force_refresh": True})
    problem(answer, 502)
    assert int(answer.headers["Retry-After"]) >= 1
    assert site.upstream.count("/value") == before
    site.clock.now += 121
    site.upstream.json("/value", {"value": 3})
    assert run(site, widget, force_refresh=True)["data"] == {"value": 3}


def test_a_failure_without_an_entry_is_502_and_names_the_cause(site: Site) -> None:
    port = refused_port()
    answer = site.post(RUN, {"params": {"url": f"http://127.0.0.1:{port}/"}})
    assert str(port) in problem(answer, 502)["detail"]


def test_an_answer_that_does_not_fit_the_schema_is_a_failed_fetch(site: Site) -> None:
    site.upstream.json("/value", {"other": 1})
    widget = site.widget()
    assert "value" in problem(site.post(RUN, {"widget_instance_id": widget}), 502)["detail"]


@pytest.mark.parametrize("data", [None, [], 0, False, "", {}])
def test_any_json_that_fits_is_stored(site: Site, data: Any) -> None:
    site.upstream.json("/value", data)
    widget = site.widget("anything")
    first = run(site, widget, slug="anything")
    second = run(site, widget, slug="anything")
    assert first["data"] == second["data"] == data
    assert second["cached"] is True
    assert site.upstream.count("/value") == 1


def test_many_callers_at_once_make_one_upstream_request(site: Site) -> None:
    release = threading.Event()
    site.upstream.hold("/value", release, {"value": 7})
    widget = site.widget()

    def call(_: int) -> dict[str, Any]:
        client = site.app.test_client()
        heads = {"Authorization": f"Bearer {site.settings.api_token}"}
        return dict(client.post(RUN, json={"widget_instance_id": widget}, headers=heads).json)

    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(call, number) for number in range(20)]
        until(lambda: site.upstream.count("/value") >= 1)
        release.set()
        answers = [each.result(timeout=2 * PATIENCE_S) for each in calls]
    assert all(answer["data"] == {"value": 7} for answer in answers)
    assert site.upstream.count("/value") == 1


def test_interval_zero_fetches_each_time_and_is_never_stale(site: Site) -> None:
    widget = site.widget("look")
    until(lambda: site.upstream.count("/value") in (0, 1))
    for _ in range(3):
        found = run(site, widget, slug="look")
        assert (found["cached"], found["stale"]) == (False, False)
    assert site.upstream.count("/value") >= 3


def test_interval_zero_keeps_the_last_answer_for_failures(site: Site) -> None:
    widget = site.widget("look")
    run(site, widget, slug="look")
    site.upstream.json("/value", {}, status=503)
    found = run(site, widget, slug="look", force_refresh=True)
    assert (found["data"], found["cached"], found["stale"]) == ({"value": 1}, True, True)


def test_a_late_answer_for_changed_params_is_dropped(site: Site) -> None:
    release = threading.Event()
    site.upstream.hold("/value", release, {"value": "late"})
    site.upstream.json("/new", {"value": "new"})
    widget = site.widget()
    until(lambda: site.upstream.count("/value") >= 1 or site.get(f"/api/widgets/{widget}/data").status_code == 202)
    until(lambda: site.upstream.count("/value") >= 1)
    assert site.patch(f"/api/widgets/{widget}", {"params": {"url": site.upstream.url("/new")}}).status_code == 200
    assert run(site, widget)["data"] == {"value": "new"}
    release.set()
    until(lambda: site.upstream.inflight == 0)
    assert run(site, widget)["data"] == {"value": "new"}


def test_an_edited_definition_misses(site: Site) -> None:
    manifest = {
        "slug": "mine",
        "name": "Mine",
        "params": {"type": "object", "properties": {"url": {"type": "string"}}},
        "source": {"kind": "http", "url": "{{ params.url }}"},
        "template": "<p>{{ data.value }}</p>",
    }
    assert site.post("/api/custom-widgets", manifest).status_code == 201
    widget = site.widget("mine", params={"url": site.upstream.url("/value")})
    run(site, widget, slug="mine")
    assert run(site, widget, slug="mine")["cached"] is True
    asked = site.upstream.count("/value")
    changed = {"source": {"kind": "http", "url": "{{ params.url }}?v=2"}}
    assert site.patch("/api/custom-widgets/mine", changed).status_code == 200
    assert run(site, widget, slug="mine")["cached"] is False
    assert site.upstream.count("/value") == asked + 1


def test_a_look_of_the_template_keeps_the_entry(site: Site) -> None:
    manifest = {
        "slug": "mine",
        "name": "Mine",
        "source": {"kind": "http", "url": site.upstream.url("/value")},
        "template": "a",
    }
    assert site.post("/api/custom-widgets", manifest).status_code == 201
    widget = site.widget("mine")
    run(site, widget, slug="mine")
    assert site.patch("/api/custom-widgets/mine", {"template": "b"}).status_code == 200
    assert run(site, widget, slug="mine")["cached"] is True


def test_unknown_things_are_404_and_another_definitions_widget_409(site: Site) -> None:
    widget = site.widget()
    problem(site.post("/api/custom-widgets/nothing/execute", {}), 404)
    problem(site.post(RUN, {"widget_instance_id": "nothing"}), 404)
    assert (
        "probe"
        in problem(site.post("/api/custom-widgets/anything/execute", {"widget_instance_id": widget}), 409)["detail"]
    )


def test_params_that_do_not_fit_are_named_and_secrets_never_echoed(site: Site) -> None:
    answer = site.post(RUN, {"params": {"url": "ftp://x", "token": 5, "unti": "kW"}})
    assert fields(answer) == {"params.url", "params.token", "params.unti"}
    assert "did you mean unit" in answer.text
    answer = site.post(RUN, {"params": {"url": "no", "token": "hunter2"}})
    assert "hunter2" not in answer.text
    assert fields(site.post(RUN, {})) == {"params.url"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"param": {}}, "param"),
        ({"params": []}, "params"),
        ({"force_refresh": "yes"}, "force_refresh"),
        ({"widget_instance_id": 5}, "widget_instance_id"),
    ],
)
def test_fields_of_the_wrong_form_are_named(site: Site, body: dict[str, Any], field: str) -> None:
    assert fields(site.post(RUN, body)) == {field}


def test_malformed_json_is_400_although_every_field_is_optional(site: Site) -> None:
    problem(site.post(RUN, data=b"{bad", content_type="application/json"), 400)
    problem(site.post(RUN, data=b"", content_type="application/json"), 400)
    problem(site.post(RUN, data=b"{}", content_type="text/plain"), 415)
    problem(site.post(RUN, data=b"params=1", content_type="application/x-www-form-urlencoded"), 415)
    problem(site.post(RUN, data=b"[]", content_type="application/json"), 422)
    problem(site.post(RUN, data=b" " * 6_000_000, content_type="application/json"), 413)


def test_a_pushed_kind_has_nothing_to_run_without_a_widget(site: Site) -> None:
    problem(site.post("/api/custom-widgets/pushed/execute", {}), 409)
    widget = site.widget("pushed")
    site.post(f"/api/widgets/{widget}/data", {"value": 5})
    assert run(site, widget, slug="pushed")["data"] == {"value": 5}


def test_a_static_kind_answers_with_its_params(site: Site) -> None:
    assert run(site, slug="note", params={"text": "hello"})["data"]["text"] == "hello"


def test_a_source_that_is_too_slow_is_504(site: Site) -> None:
    quick = {
        "slug": "quick",
        "name": "Quick",
        "source": {"kind": "http", "url": site.upstream.url("/hang"), "timeout": 0.3},
        "template": "x",
    }
    site.upstream.hang("/hang")
    made = site.post("/api/custom-widgets", quick)
    assert made.status_code == 201, made.text
    problem(site.post("/api/custom-widgets/quick/execute", {}), 504)


def test_the_widgets_own_interval_decides_before_the_definitions(site: Site) -> None:
    widget = site.widget(refresh_interval=30)
    assert run(site, widget)["expires_at"] == "2026-02-03T12:00:30.000Z"


def test_each_upstream_reply_reaches_its_caller_once(site: Site) -> None:
    replies = [Reply(200, b'{"value": %d}' % number, {"Content-Type": "application/json"}) for number in range(1, 6)]
    site.upstream.sequence("/count", replies)
    widget = site.widget("look", "/count")
    found = [run(site, widget, slug="look")["data"]["value"] for _ in range(2)]
    assert found == sorted(found)
