"""The refresher: every row of the execute table, single flight, backoff, restarts and the clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from glance.errors import FetchError, Invalid, Unavailable
from glance.refresh import keeper
from tests.parts import Core, write_widget
from tests.waiting import HELD_S, until


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    made = Core(tmp_path)
    yield made
    made.probe.gate.set()
    made.close()


def settled(core: Core) -> None:
    until(lambda: core.refresher.stats()["flights"] == 0 and core.refresher.stats()["running"] == 0)


def place(core: Core, **more: Any) -> Any:
    """A widget whose first fetch has ended."""
    widget = core.add(**more)
    settled(core)
    return widget


def fail(sentence: str = "It failed.", **more: Any) -> Any:
    def answer(_source: Any, _io: Any) -> Any:
        raise FetchError(sentence, **more)

    return answer


def test_a_fresh_entry_answers_without_an_upstream_request(core: Core) -> None:
    widget = place(core)
    seen = len(core.probe.calls)
    found = core.refresher.get(widget)
    assert (found.cached, found.data, len(core.probe.calls)) == (True, {"n": 1}, seen)


def test_an_expired_entry_is_fetched_again_and_is_not_cached(core: Core) -> None:
    widget = place(core)
    core.clock.forward(301)
    found = core.refresher.get(widget)
    assert (found.cached, found.data, found.at) == (False, {"n": 2}, core.clock())


def test_a_forced_call_fetches_although_the_entry_is_fresh(core: Core) -> None:
    widget = place(core)
    assert core.refresher.get(widget, force=True).data == {"n": 2}


def test_other_params_miss_and_the_saved_ones_still_hit(core: Core) -> None:
    widget = place(core)
    other = core.placing.whole_params(core.definitions.get("probe"), {"city": "Paris"}, widget)
    assert core.refresher.get(widget, params=other).cached is False
    assert core.refresher.get(widget).cached is True
    assert core.refresher.get(widget, params=other).cached is True
    assert [call["city"] for call in core.probe.calls] == ["Berlin", "Paris"]


def test_at_most_twenty_variants_are_kept_the_least_recently_used_goes_first(core: Core) -> None:
    widget = place(core)
    for number in range(22):
        core.clock.forward(2)
        core.refresher.get(widget, params={"city": f"Town {number}"})
    calls = len(core.probe.calls)
    assert core.refresher.get(widget, params={"city": "Town 21"}).cached is True
    assert core.refresher.get(widget, params={"city": "Town 0"}).cached is False
    assert len(core.probe.calls) == calls + 1
    assert core.cache.stats()["variants"] == 20


def test_a_failure_with_an_entry_gives_the_old_data_as_stale(core: Core) -> None:
    widget = place(core)
    core.clock.forward(301)
    core.probe.answer = fail("The sky fell.", kind="refused")
    found = core.refresher.get(widget)
    assert (found.data, found.cached, found.stale, found.state) == ({"n": 1}, True, True, "stale")
    assert found.expires_at == core.clock() - 1
    assert found.failure is not None
    assert (found.failure.message, found.failure.next_try_at) == ("The sky fell.", core.clock() + 300)


def test_a_failure_without_an_entry_is_raised_and_remembered(core: Core) -> None:
    core.probe.answer = fail("Nobody home.", kind="timeout")
    widget = place(core)
    calls = len(core.probe.calls)
    with pytest.raises(FetchError, match="Nobody home") as caught:
        core.refresher.get(widget)
    assert (caught.value.status, len(core.probe.calls)) == (504, calls)


def test_unforced_calls_wait_for_the_backoff_and_forced_ones_do_not(core: Core) -> None:
    core.probe.answer = fail(kind="refused")
    widget = place(core)
    core.clock.forward(299)
    with pytest.raises(FetchError):
        core.refresher.get(widget)
    assert len(core.probe.calls) == 1
    with pytest.raises(FetchError):
        core.refresher.get(widget, force=True)
    assert len(core.probe.calls) == 2


def test_even_a_forced_call_respects_the_retry_after_of_a_429(core: Core) -> None:
    core.probe.answer = fail("Too many.", kind="status", http_status=429, retry_after_s=900)
    widget = place(core)
    with pytest.raises(FetchError) as caught:
        core.refresher.get(widget, force=True)
    assert (len(core.probe.calls), caught.value.retry_after_s) == (1, 900)
    core.clock.forward(901)
    core.probe.answer = lambda _s, _io: {"ok": True}
    assert core.refresher.get(widget, force=True).data == {"ok": True}


def test_an_answer_that_does_not_fit_the_schema_is_a_failure(core: Core) -> None:
    core.probe.answer = lambda _s, _io: "text"
    widget = place(core)
    with pytest.raises(FetchError, match="does not fit"):
        core.refresher.get(widget)


@pytest.mark.parametrize("value", [None, [], 0, False, {}])
def test_any_json_that_fits_is_stored(core: Core, value: Any) -> None:
    core.probe.answer = lambda _s, _io: value
    widget = place(core)
    found = core.refresher.get(widget)
    assert (found.data, found.has_data, found.cached) == (value, True, True)


def test_an_answer_that_is_not_json_is_a_failure_with_a_sentence(core: Core) -> None:
    core.probe.answer = lambda _s, _io: {"n": float("nan")}
    widget = place(core)
    with pytest.raises(FetchError, match="NaN"):
        core.refresher.get(widget)


def test_fifty_callers_at_the_moment_of_expiry_make_one_request(core: Core) -> None:
    widget = place(core)
    core.clock.forward(301)
    core.probe.gate.clear()
    with ThreadPoolExecutor(50) as threads:
        asked = [threads.submit(core.refresher.get, widget) for _ in range(50)]
        until(lambda: len(core.probe.calls) == 2)
        core.probe.gate.set()
        found = [future.result(10) for future in asked]
    assert len(core.probe.calls) == 2
    assert {(view.cached, view.data["n"]) for view in found} <= {(False, 2), (True, 2)}
    assert (False, 2) in {(view.cached, view.data["n"]) for view in found}


def test_a_forced_call_asks_again_where_the_running_fetch_is_older_than_a_second(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glance.flight.JOIN_FORCED_WITHIN_S", -1.0)
    widget = place(core)
    core.clock.forward(301)
    core.probe.gate.clear()
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(core.refresher.get, widget)
        until(lambda: len(core.probe.calls) == 2)
        forced = [threads.submit(core.refresher.get, widget, True) for _ in range(2)]
        until(lambda: next(iter(core.refresher._flights._flights.values())).follow is not None)
        core.probe.gate.set()
        assert first.result(10).data == {"n": 2}
        assert [future.result(10).data for future in forced] == [{"n": 3}, {"n": 3}]
    assert len(core.probe.calls) == 3


def test_a_forced_call_joins_a_fetch_that_has_just_begun(core: Core) -> None:
    widget = place(core)
    core.clock.forward(301)
    core.probe.gate.clear()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(core.refresher.get, widget)
        until(lambda: len(core.probe.calls) == 2)
        forced = threads.submit(core.refresher.get, widget, True)
        core.probe.gate.set()
        assert first.result(10).data == forced.result(10).data == {"n": 2}


def test_the_answer_survives_a_restart_and_a_dead_upstream(core: Core) -> None:
    widget = place(core)
    core.probe.answer = fail(kind="refused")
    core.close()
    core.clock.forward(4000)
    core.open()
    found = core.refresher.peek([core.widgets.get(widget.id)])[widget.id]
    assert (found.data, found.at, found.has_data) == ({"n": 1}, core.clock() - 4000, True)


def test_a_late_answer_for_params_that_changed_is_dropped(core: Core) -> None:
    core.probe.gate.clear()
    widget = core.add()
    until(lambda: len(core.probe.calls) == 1)
    core.probe.answer = lambda source, _io: {"city": source["city"]}
    core.placing.change(widget.id, {"params": {"city": "Rome"}})
    core.probe.gate.set()
    settled(core)
    assert core.refresher.get(core.widgets.get(widget.id)).data == {"city": "Rome"}
    assert core.cache.many([widget.id])[widget.id].data == {"city": "Rome"}


def test_a_widget_deleted_while_its_answer_is_on_its_way_leaves_no_row(core: Core) -> None:
    core.probe.gate.clear()
    widget = core.add()
    until(lambda: len(core.probe.calls) == 1)
    core.placing.remove(widget.id)
    core.probe.gate.set()
    settled(core)
    assert core.cache.stats() == {"entries": 0, "variants": 0}


def test_interval_zero_fetches_on_each_view_and_never_by_the_clock(core: Core) -> None:
    widget = place(core, refresh_interval=0)
    mailbox = core.hub.subscribe()
    mailbox.watch([widget.id])
    core.refresher._keeper.tick()
    settled(core)
    assert len(core.probe.calls) == 1
    core.refresher.want([widget])
    settled(core)
    assert len(core.probe.calls) == 2
    found = core.refresher.peek([widget])[widget.id]
    assert (found.state, found.data) == ("fresh", {"n": 2})


def test_the_clock_fetches_what_is_watched_and_leaves_the_rest(core: Core) -> None:
    watched, resting = place(core, title="A"), place(core, title="B")
    mailbox = core.hub.subscribe()
    mailbox.watch([watched.id])
    core.clock.forward(301)
    core.refresher._keeper.tick()
    settled(core)
    assert core.refresher.peek([watched])[watched.id].at == core.clock()
    assert core.refresher.peek([resting])[resting.id].at == core.clock() - 301
    mailbox.close()
    core.clock.forward(301)
    core.refresher._keeper.tick()
    assert len(core.probe.calls) == 3


def test_a_setting_keeps_a_widget_always_warm(core: Core) -> None:
    widget = place(core, settings={"keep_warm": True})
    core.clock.forward(301)
    core.refresher._keeper.tick()
    settled(core)
    assert core.refresher.peek([widget])[widget.id].at == core.clock()


def test_data_gives_an_expired_entry_at_once_and_refreshes_behind_it(core: Core) -> None:
    widget = place(core)
    core.clock.forward(301)
    core.probe.gate.clear()
    found = core.refresher.data(widget)
    assert found is not None
    assert (found.data, found.stale) == ({"n": 1}, True)
    core.probe.gate.set()
    settled(core)
    assert core.refresher.data(widget).data == {"n": 2}  # type: ignore[union-attr]


def test_data_answers_none_while_a_slow_source_has_nothing_yet(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.refresh.DATA_WAIT_S", 0.05)
    core.probe.gate.clear()
    widget = core.add()
    assert core.refresher.data(widget) is None
    core.probe.gate.set()
    settled(core)
    assert core.refresher.data(widget).data == {"n": 1}  # type: ignore[union-attr]


def test_execute_without_an_instance_neither_reads_nor_writes_the_cache(core: Core) -> None:
    definition = core.definitions.get("probe")
    first = core.refresher.execute(definition, {"city": "Oslo"})
    second = core.refresher.execute(definition, {"city": "Oslo"})
    assert (first.cached, second.cached, len(core.probe.calls)) == (False, False, 2)
    assert core.cache.stats()["entries"] == 0


def test_a_hanging_source_is_written_off_and_its_definition_suspended_after_three(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glance.pool.GRACE_S", 0.0)
    write_widget(core.widget_folder, "slow", "name: Slow\nsource: {kind: probe, deadline: 0.1}\n")
    core.definitions.rescan()
    core.probe.gate.clear()
    widget = core.add(custom_widget="slow")
    for number in range(1, 4):
        until(lambda n=number: len(core.probe.calls) == n)  # type: ignore[misc]
        until(lambda: core.refresher._pool.reap() or not len(core.refresher._flights))
        if number < 3:
            core.refresher._flights.fly(
                widget, core.definitions.get("slow"), None, "x", forced=True, urgent=True, reason="forced"
            )
    with pytest.raises(FetchError, match="suspended"):
        core.refresher.get(widget, force=True)
    assert len(core.probe.calls) == 3


def test_a_full_database_keeps_the_answer_in_memory(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> bool:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(core.cache, "put", refuse)
    widget = place(core)
    assert core.refresher.peek([widget])[widget.id].data == {"n": 1}


def test_pushed_data_is_shown_until_it_expires_and_is_never_fetched(core: Core) -> None:
    write_widget(core.widget_folder, "inbox", "name: Inbox\nsource: {kind: push}\ndata_schema: {type: object}\n")
    core.definitions.rescan()
    widget = core.add(custom_widget="inbox")
    assert core.refresher.peek([widget])[widget.id].state == "empty"
    core.refresher.push(widget, {"a": 1}, ttl_s=60)
    assert core.refresher.get(widget, force=True).data == {"a": 1}
    core.clock.forward(61)
    found = core.refresher.get(widget)
    assert (found.state, found.stale, found.data) == ("stale", True, {"a": 1})
    with pytest.raises(Invalid, match="does not fit"):
        core.refresher.push(widget, [1])


def test_secrets_reach_the_source_but_neither_the_row_nor_the_shown_params(core: Core) -> None:
    widget = place(core, params={"token": "hunter2-secret"})
    assert core.probe.calls[0]["params"]["token"] == "hunter2-secret"
    assert core.placing.shown_params(widget)["token"] == {"set": True}
    assert "hunter2" not in Path(core.db.path).read_bytes().decode("latin-1")


def test_a_new_secret_of_equal_value_still_hits_and_another_one_misses(core: Core) -> None:
    widget = place(core, params={"token": "a"})
    core.placing.change(widget.id, {"params": {"token": "a"}})
    settled(core)
    assert len(core.probe.calls) == 1
    core.placing.change(widget.id, {"params": {"token": "b"}})
    settled(core)
    assert len(core.probe.calls) == 2


def test_editing_the_fetching_part_of_a_definition_misses(core: Core) -> None:
    widget = place(core)
    text = (core.widget_folder / "probe" / "widget.yaml").read_text()
    (core.widget_folder / "probe" / "widget.yaml").write_text(text.replace("kind: probe,", "kind: probe, path: /v2,"))
    core.definitions.rescan()
    assert core.refresher.get(widget).cached is False


def test_source_state_survives_a_cleared_cache(core: Core) -> None:
    def count(_source: Any, io: Any) -> Any:
        io.state["runs"] = io.state.get("runs", 0) + 1
        return io.state["runs"]

    core.probe.answer = count
    widget = place(core)
    core.refresher.forget(widget.id)
    assert core.refresher.get(widget).data == 2


def test_a_failing_source_is_kept_in_the_history_with_its_sentence(core: Core) -> None:
    core.probe.answer = fail("No route.", kind="refused")
    widget = place(core)
    fetch = core.refresher.history(widget.id)[0]
    assert (fetch.error, fetch.outcome) == ("No route.", "failed")


def test_changing_the_interval_moves_the_expiry_of_the_stored_answer(core: Core) -> None:
    widget = place(core)
    changed = core.placing.change(widget.id, {"refresh_interval": 60})
    assert core.refresher.peek([changed])[widget.id].expires_at == core.clock() + 60


def test_an_interval_changed_during_a_fetch_holds_for_its_answer(core: Core) -> None:
    core.probe.gate.clear()
    widget = core.add()
    until(lambda: len(core.probe.calls) == 1)
    changed = core.placing.change(widget.id, {"refresh_interval": 7})
    core.probe.gate.set()
    settled(core)
    assert core.refresher.peek([changed])[widget.id].expires_at == core.clock() + 7


def test_peeking_never_fetches(core: Core) -> None:
    widget = place(core)
    core.clock.forward(10_000)
    core.refresher.peek([widget])
    assert len(core.probe.calls) == 1


def test_one_dead_host_does_not_starve_the_others(core: Core) -> None:
    write_widget(
        core.widget_folder,
        "dead",
        'name: Dead\nparams: {type: object, properties: {n: {type: integer}}}\nsource: {kind: probe, lane: dead, n: "{{ params.n }}"}\n',
    )
    core.definitions.rescan()
    release = threading.Event()
    core.probe.answer = lambda source, _io: release.wait(HELD_S) if source.get("lane") == "dead" else {"alive": True}
    for number in range(70):
        core.add(title=f"Dead {number}", custom_widget="dead", params={"n": number})
    alive = core.add(title="Alive")
    found = core.refresher.get(alive, wait_s=3)
    release.set()
    assert found.data == {"alive": True}
    settled(core)


def test_a_broken_definition_keeps_the_last_answer_and_says_why(core: Core) -> None:
    widget = place(core)
    (core.widget_folder / "probe" / "widget.yaml").write_text("name: [")
    core.definitions.rescan()
    found = core.refresher.peek([widget])[widget.id]
    assert (found.state, found.has_data) == ("error", False)
    assert found.failure is not None
    assert "cannot be used" in found.failure.message
    assert core.cache.many([widget.id])[widget.id].data == {"n": 1}


def test_a_page_that_was_served_fetches_what_it_lacks_at_once_and_the_rest_behind_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "SETTLE_S", 3600.0)
    core = Core(tmp_path, start=True)
    try:
        old = place(core, title="Old")
        core.clock.forward(301)
        lacking = place(core, title="Lacking")
        core.refresher.forget(lacking.id)
        settled(core)
        asked = len(core.probe.calls)
        core.refresher.page_served([old, lacking])
        until(lambda: core.refresher.peek([lacking])[lacking.id].has_data)
        assert len(core.probe.calls) == asked + 1
        # the page's own socket, and the clock, leave the old one alone until then
        core.refresher.want([old], on_view=False)
        core.refresher._keeper.tick()
        settled(core)
        assert len(core.probe.calls) == asked + 1
        # who asks for it by himself gets it now
        assert core.refresher.get(old).state == "fresh"
        assert len(core.probe.calls) == asked + 2
    finally:
        core.close()


def test_what_was_held_for_a_page_is_fetched_a_moment_later(tmp_path: Path) -> None:
    core = Core(tmp_path, start=True)
    try:
        old = place(core, title="Old")
        core.clock.forward(301)
        asked = len(core.probe.calls)
        for _ in range(3):
            # loading it again and again does not put it off
            core.refresher.page_served([old])
        until(lambda: len(core.probe.calls) > asked)
        settled(core)
        assert core.refresher.peek([old])[old.id].state == "fresh"
        assert len(core.probe.calls) == asked + 1
    finally:
        core.close()


def test_without_its_clock_a_page_is_fetched_for_at_once(core: Core) -> None:
    widget = place(core)
    core.clock.forward(301)
    core.refresher.page_served([widget])
    settled(core)
    assert len(core.probe.calls) == 2
