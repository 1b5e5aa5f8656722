"""The database: migrations, transactions, clear sentences for each way it can fail, and no orphans."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from glance.errors import Conflict, DataError, Invalid, NotFound, PreconditionFailed, Unavailable
from glance.model import CacheEntry
from glance.store import migrations
from glance.store.db import Database
from tests.parts import Core
from tests.waiting import HELD_S, PATIENCE_S, until


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    made = Core(tmp_path)
    yield made
    made.close()


def tables(path: Path) -> list[str]:
    con = sqlite3.connect(path)
    found = [row[0] for row in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    con.close()
    return found


def test_the_schema_is_what_the_contract_names(core: Core) -> None:
    con = sqlite3.connect(core.db.path)
    columns = {row[1]: row for row in con.execute("PRAGMA table_info(widget_data_cache)")}
    keys = {(row[3], row[2], row[6]) for row in con.execute("PRAGMA foreign_key_list(widget_data_cache)")}
    indexes = [
        con.execute(f"PRAGMA index_info({row[1]})").fetchall()[0][2]
        for row in con.execute("PRAGMA index_list(widget_data_cache)")
    ]
    con.close()
    assert {"widget_instance_id", "custom_widget_id", "data", "fetched_at", "expires_at", "params_hash"} <= set(columns)
    assert columns["widget_instance_id"][5] == 1
    assert keys == {("widget_instance_id", "widgets", "CASCADE"), ("custom_widget_id", "custom_widgets", "CASCADE")}
    assert "expires_at" in indexes


def test_deleting_a_dashboard_leaves_no_orphan_anywhere(core: Core) -> None:
    widget = core.add(params={"token": "x"})
    until(lambda: core.refresher.stats()["flights"] == 0)
    core.refresher.get(widget, params={"city": "Rome"})
    core.dashboards.delete("home")
    con = sqlite3.connect(core.db.path)
    left = {
        name: con.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        for name in tables(core.db.path)
        if name.startswith("widget")
    }
    con.close()
    assert left
    assert set(left.values()) == {0}


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir() if path.is_file()}


def test_the_database_and_its_log_are_for_the_owner_alone_from_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    seen: dict[str, int] = {}
    step = Database._step

    def watched(db: Database, version: int, sql: str) -> None:
        step(db, version, sql)
        seen.update(modes(tmp_path))

    monkeypatch.setattr(Database, "_step", watched)
    before = os.umask(0)
    try:
        Database(tmp_path).close()
    finally:
        os.umask(before)
    assert seen == dict.fromkeys(("glance.db", "glance.db-wal", "glance.db-shm"), 0o600)


def test_files_that_an_older_version_left_open_to_others_are_taken_from_them(tmp_path: Path) -> None:
    old = Database(tmp_path)
    for path in tmp_path.iterdir():
        path.chmod(0o644)
    new = Database(tmp_path)
    try:
        assert modes(tmp_path) == dict.fromkeys(("glance.db", "glance.db-wal", "glance.db-shm"), 0o600)
    finally:
        new.close()
        old.close()


def test_a_link_to_a_file_that_is_yet_to_be_is_followed_before_the_mode_is_set(tmp_path: Path) -> None:
    data, there = tmp_path / "data", tmp_path / "there"
    data.mkdir()
    there.mkdir()
    (data / "glance.db").symlink_to(there / "other.db")
    before = os.umask(0)
    made = Database(data)
    try:
        assert modes(there) == dict.fromkeys(("other.db", "other.db-wal", "other.db-shm"), 0o600)
    finally:
        os.umask(before)
        made.close()


def test_an_older_file_is_copied_before_it_is_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = migrations.steps()
    Database(tmp_path).close()
    monkeypatch.setattr(
        migrations, "steps", lambda: [*steps, (steps[-1][0] + 1, "CREATE TABLE later (a);\nCREATE TABLE too (b);")]
    )
    Database(tmp_path).close()
    copies = list((tmp_path / "backups").iterdir())
    assert len(copies) == 1
    assert modes(tmp_path / "backups") == {copies[0].name: 0o600}
    assert "later" in tables(tmp_path / "glance.db")
    assert "later" not in tables(copies[0])


def test_a_failing_migration_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = migrations.steps()
    Database(tmp_path).close()
    before = tables(tmp_path / "glance.db")
    monkeypatch.setattr(
        migrations, "steps", lambda: [*steps, (steps[-1][0] + 1, "CREATE TABLE later (a);\nCREATE NONSENSE;")]
    )
    with pytest.raises(DataError):
        Database(tmp_path)
    assert tables(tmp_path / "glance.db") == before


def test_a_file_of_a_newer_version_is_refused_with_one_sentence(tmp_path: Path) -> None:
    Database(tmp_path).close()
    con = sqlite3.connect(tmp_path / "glance.db")
    con.execute("PRAGMA user_version = 999")
    con.close()
    with pytest.raises(DataError, match="newer Glance"):
        Database(tmp_path)


@pytest.mark.parametrize("damage", ["text", "middle"])
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path, damage: str) -> None:
    db = Database(tmp_path)
    with db.write() as con:
        con.executemany("INSERT INTO preferences VALUES (?, ?)", [(f"n{n}", "x" * 500) for n in range(400)])
    db.close()
    path = tmp_path / "glance.db"
    raw = bytearray(path.read_bytes())
    if damage == "text":
        raw = bytearray(b"this is not a database at all" * 100)
    else:
        raw[4096 : len(raw)] = os.urandom(len(raw) - 4096)
    path.write_bytes(raw)
    with pytest.raises(DataError, match="damaged"):
        Database(tmp_path)
    assert path.read_bytes() == bytes(raw)


def test_a_database_locked_by_another_program_is_a_sentence(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    core.db._writer.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(core.db.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        core.dashboards.create("X")
    other.execute("ROLLBACK")
    other.close()
    assert core.dashboards.create("X").slug == "x"


def test_a_full_disk_is_a_sentence_and_nothing_is_lost(core: Core) -> None:
    core.dashboards.create("Before")
    pages = core.db._writer.execute("PRAGMA page_count").fetchone()[0]
    core.db._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unavailable, match="full"):
        for number in range(500):
            core.dashboards.create(f"More {number}", settings={"x": "y" * 2000})
    assert core.dashboards.get("before").title == "Before"


def test_a_read_only_database_is_a_sentence(core: Core) -> None:
    core.db._writer.execute("PRAGMA query_only = ON")
    with pytest.raises(Unavailable, match="read-only"):
        core.dashboards.create("X")


def test_a_transaction_is_all_or_nothing_and_an_inner_one_joins_it(core: Core) -> None:
    with pytest.raises(RuntimeError), core.db.write():
        core.dashboards.create("Inner")
        raise RuntimeError
    assert core.dashboards.all() == []


def test_readers_do_not_wait_for_the_writer(core: Core) -> None:
    core.dashboards.create("Home")
    entered, leave = threading.Event(), threading.Event()

    def write() -> None:
        with core.db.write():
            core.dashboards.create("Other")
            entered.set()
            leave.wait(HELD_S)

    thread = threading.Thread(target=write)
    thread.start()
    assert entered.wait(PATIENCE_S)
    assert [d.slug for d in core.dashboards.all()] == ["home"]
    leave.set()
    thread.join(PATIENCE_S)
    assert len(core.dashboards.all()) == 2


WRITER = """
import sys
from pathlib import Path
from glance.store.db import Database
from glance.store.dashboards import Dashboards
boards = Dashboards(Database(Path(sys.argv[1])))
for number in range(100000):
    boards.create(f"Board {number}")
    print(number, flush=True)
"""


def test_kill_9_during_writes_leaves_a_sound_file_with_every_acknowledged_write(tmp_path: Path) -> None:
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        before = len(_boards(tmp_path)) if (tmp_path / "glance.db").exists() else 0
        acknowledged = 0
        for line in child.stdout:
            acknowledged = int(line) + 1
            if acknowledged == 25:
                break
        child.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *(int(line) + 1 for line in child.stdout if line.strip().isdigit())])
        child.wait(PATIENCE_S)
        child.stdout.close()
        assert len(_boards(tmp_path)) - before >= acknowledged


def _boards(folder: Path) -> list[str]:
    con = sqlite3.connect(folder / "glance.db")
    assert con.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    found = (
        [row[0] for row in con.execute("SELECT slug FROM dashboards")]
        if "dashboards" in tables(folder / "glance.db")
        else []
    )
    con.close()
    return found


def test_the_first_dashboard_is_the_default_and_deleting_it_passes_that_on(core: Core) -> None:
    core.dashboards.create("One")
    core.dashboards.create("Two")
    core.dashboards.update("two", {"is_default": True})
    assert core.dashboards.default().slug == "two"  # type: ignore[union-attr]
    core.dashboards.delete("two")
    assert core.dashboards.default().slug == "one"  # type: ignore[union-attr]


def test_slugs_come_from_titles_and_never_collide(core: Core) -> None:
    assert [core.dashboards.create(title).slug for title in ("Héllo Wörld!", "hello world", "日本")] == [
        "hello-world",
        "hello-world-2",
        "dashboard",
    ]
    with pytest.raises(Conflict):
        core.dashboards.create("X", slug="hello-world")


def test_a_copy_has_its_own_widgets_and_the_same_secrets(core: Core) -> None:
    widget = core.add(params={"token": "x"})
    made = core.dashboards.duplicate("home")
    (copy,) = core.widgets.on_dashboard(made.slug)
    assert (made.slug, made.is_default) == ("home-copy", False)
    assert (copy.title, copy.place, copy.secret_digests) == (widget.title, widget.place, widget.secret_digests)
    assert copy.id != widget.id


def test_a_stale_version_changes_nothing(core: Core) -> None:
    board = core.dashboards.create("One")
    core.dashboards.update("one", {"title": "Uno"}, board.version)
    with pytest.raises(PreconditionFailed) as caught:
        core.dashboards.update("one", {"title": "Ein"}, board.version)
    assert caught.value.current.title == "Uno"  # type: ignore[attr-defined]


def test_a_layout_is_all_or_nothing(core: Core) -> None:
    one, two = core.add(title="A"), core.add(title="B")
    before = [w.place for w in core.widgets.on_dashboard("home")]
    for layout in (
        [{"id": one.id, "x": 1, "y": 1, "w": 3, "h": 4}, {"id": "nobody", "x": 5, "y": 1, "w": 3, "h": 4}],
        [{"id": one.id, "x": 11, "y": 1, "w": 3, "h": 4}],
        [{"id": one.id, "x": two.place.x, "y": two.place.y, "w": 3, "h": 4}],
    ):
        with pytest.raises(Invalid):
            core.dashboards.set_layout("home", layout)
    assert [w.place for w in core.widgets.on_dashboard("home")] == before
    core.dashboards.set_layout("home", [{"id": one.id, "x": 9, "y": 9, "w": 4, "h": 5}])
    assert core.widgets.get(one.id).place.x == 9


def test_the_cleaner_keeps_the_last_good_answer_for_90_days_unseen(core: Core) -> None:
    widget = core.add()
    until(lambda: core.refresher.stats()["flights"] == 0)
    core.cache.put(CacheEntry(widget.id, "v", 1, core.clock(), core.clock() + 5), core.clock(), variant=True)
    core.clock.forward(80 * 86400)
    assert core.refresher.clean() == 1
    assert core.cache.stats() == {"entries": 1, "variants": 0}
    core.clock.forward(11 * 86400)
    assert core.refresher.clean() == 1


def test_unknown_things_are_not_found(core: Core) -> None:
    for ask in (
        core.dashboards.get,
        core.widgets.get,
        core.definitions.get,
        core.dashboards.delete,
        core.widgets.delete,
    ):
        with pytest.raises(NotFound):
            ask("nothing")
