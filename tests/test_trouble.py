"""When the database refuses at run time: fetches still end, waits do not add up, and readiness tells the truth."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from glance.errors import DataError, FetchError, Unavailable
from glance.fetching import RAW_LIMIT
from glance.freshness import next_run
from glance.store import migrations
from glance.store.db import Database
from tests.api_site import Site
from tests.parts import Core
from tests.waiting import until


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    made = Core(tmp_path)
    yield made
    made.close()


def refuse(*_args: Any, **_more: Any) -> Any:
    raise Unavailable("The database file cannot be opened; check who owns the data folder.")


def settled(core: Core) -> None:
    until(lambda: core.refresher.stats()["flights"] == 0 and core.refresher.stats()["running"] == 0)


@pytest.mark.parametrize("method", ["source_state", "secrets", "many"])
def test_a_database_that_cannot_be_read_leaves_no_fetch_hanging(
    core: Core, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    widget = core.add()
    settled(core)
    with monkeypatch.context() as patch:
        patch.setattr(core.widgets, method, refuse)
        shown = core.refresher.get(widget, force=True)
    assert shown.data is not None
    assert core.refresher.stats()["flights"] == 0
    assert core.refresher.get(widget, force=True).failure is None


def test_an_unforeseen_failure_while_storing_reaches_whoever_waits(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    widget = core.add()
    settled(core)
    core.refresher.forget(widget.id)

    def fail(*_args: Any, **_more: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(core.cache, "put", fail)
        with pytest.raises(FetchError, match="ZeroDivisionError"):
            core.refresher.get(widget, wait_s=5)
    assert core.refresher.get(widget).data is not None


def test_variants_are_answered_while_nothing_can_be_written(core: Core) -> None:
    widget = core.add()
    settled(core)
    first = core.refresher.get(widget, params={"city": "Rome"})
    core.clock.forward(5)
    core.db._writer.execute("PRAGMA query_only = ON")
    second = core.refresher.get(widget, params={"city": "Rome"})
    assert (first.cached, second.cached, second.data) == (False, True, first.data)


def test_three_overruns_in_a_row_suspend_and_a_good_answer_begins_the_count_anew(core: Core) -> None:
    flights = core.refresher._flights
    flights._overruns["probe"] = 2
    core.add()
    settled(core)
    assert flights._overruns == {}


def test_writes_that_wait_for_a_locked_file_do_not_add_up(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.store.db.BUSY_TIMEOUT_MS", 500)
    core.db._writer.execute("PRAGMA busy_timeout = 500")
    other = sqlite3.connect(core.db.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        errors = list(pool.map(lambda number: _refused(core, number), range(20)))
    took_s = time.monotonic() - began
    other.execute("ROLLBACK")
    other.close()
    assert all(errors)
    # one after the other they would take 10 s
    assert took_s < 8


def _refused(core: Core, number: int) -> bool:
    try:
        core.dashboards.create(f"D {number}")
    except Unavailable:
        return True
    return False


def test_readiness_sees_a_full_disk_and_sees_it_end(core: Core) -> None:
    core.db.check_writable()
    pages = core.db._writer.execute("PRAGMA page_count").fetchone()[0]
    core.db._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unavailable, match="full"):
        for number in range(500):
            core.dashboards.create(f"More {number}", settings={"x": "y" * 2000})
    assert core.db._refused
    core.db._writer.execute("PRAGMA max_page_count = 1000000")
    core.db.check_writable()
    assert not core.db._refused


def test_readiness_writes_for_real_after_a_refused_write(core: Core) -> None:
    core.db._refused = True
    core.db._writer.execute("PRAGMA query_only = ON")
    with pytest.raises(Unavailable, match="read-only"):
        core.db.check_writable()
    assert core.db._refused
    core.db._writer.execute("PRAGMA query_only = OFF")


def test_a_copy_that_was_cut_short_does_not_look_like_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database(tmp_path).close()
    con = sqlite3.connect(tmp_path / "glance.db")
    con.execute("PRAGMA user_version = 1")
    con.close()

    def cut(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(DataError, match="No space left"):
        Database(tmp_path)
    assert [path.suffix for path in (tmp_path / "backups").iterdir()] == [".part"]
    assert migrations.steps()[-1][0] > 1


def test_polling_is_no_look_at_a_widget_with_interval_0(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        widget_id = site.widget("look")
        refresher = site.runtime.refresher
        until(lambda: refresher.stats()["flights"] == 0 and refresher.stats()["fetches"] == 1)
        site.get("/d/home/fragments?since=")
        site.get("/d/home").close()
        # that was a look: fetched a moment after the page's own files
        until(lambda: site.upstream.count("/value") == 2)
        until(lambda: refresher.stats()["flights"] == 0)
        assert site.upstream.count("/value") == 2
        assert site.runtime.refresher.history(widget_id)[0].reason == "due"


def test_a_schedule_set_later_lets_the_answer_live_until_the_run_after_it_came(core: Core) -> None:
    widget = core.add()
    settled(core)
    came_at = core.clock()
    core.clock.forward(100)
    changed = core.placing.change(widget.id, {"schedule": "0 * * * *"})
    settled(core)
    assert core.refresher.peek([changed])[widget.id].expires_at == next_run("0 * * * *", came_at)


@pytest.mark.parametrize(("table", "is_refused"), [("dashboards", True), ("samples", False)])
def test_of_a_big_file_only_the_tables_that_do_not_grow_are_checked_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, is_refused: bool
) -> None:
    Database(tmp_path).close()
    con = sqlite3.connect(tmp_path / "glance.db")
    root = con.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    size = con.execute("PRAGMA page_size").fetchone()[0]
    con.close()
    raw = bytearray((tmp_path / "glance.db").read_bytes())
    raw[(root - 1) * size : root * size] = b"\xaa" * size
    (tmp_path / "glance.db").write_bytes(raw)
    monkeypatch.setattr("glance.store.db.CHECK_WHOLE_BYTES", 0)
    if is_refused:
        with pytest.raises(DataError, match="damaged"):
            Database(tmp_path)
    else:
        Database(tmp_path).close()


def test_only_the_latest_raw_answer_is_kept(core: Core) -> None:
    widget = core.add()
    settled(core)
    core.refresher.get(widget, force=True)
    core.refresher.get(widget, force=True)
    history = core.refresher.history(widget.id)
    assert [fetch.raw is not None for fetch in history] == [True, False, False]
    assert '"n": 3' in (history[0].raw or "")


def test_the_raw_answer_is_written_only_as_far_as_it_is_shown(core: Core) -> None:
    core.probe.answer = lambda _source, _io: {"rows": [{"n": n} for n in range(300_000)]}
    widget = core.add()
    settled(core)
    raw = core.refresher.history(widget.id)[0].raw or ""
    assert len(raw) == RAW_LIMIT
    assert raw.startswith('{\n "rows": [\n  {\n   "n": 0')
