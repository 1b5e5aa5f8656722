"""GLANCE_MAX_MB under load, and a full disk: the oldest goes first and is said, what comes meanwhile is kept, nobody waits."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from glance.ingest import Delivery
from glance.ingest.letting_go import ROOM
from tests.ingest_parts import DAY, Site, reading
from tests.waiting import until

HOUR = 3600.0
SERIES = 20


def second(site: Site, turn: int, rate: int = 500) -> None:
    """What comes in a second."""
    site.put(*(reading("d", f"s{n % SERIES}", float(turn), at=site.clock() + n / rate) for n in range(rate)))


def test_at_five_hundred_a_second_the_file_stops_growing(tmp_path: Path) -> None:
    with Site(tmp_path, max_mb=1.0) as site:
        upkeep, sizes = site.ingest._upkeep, []
        for turn in range(80):
            second(site, turn)
            # half a minute of the same rate in one second, to have a day's worth of folds and hours in a test
            site.clock.forward(30)
            site.ingest.flush()
            if turn % 4 == 3:
                upkeep.fold()
                upkeep.letting_go.shrink()
                upkeep.run()
                sizes.append((upkeep._rollups.used_bytes(), site.db.path.stat().st_size))
        assert max(used for used, _ in sizes) < 1_000_000 + 400_000, "an interval of folding may come on top"
        assert sizes[-1][1] < 3_000_000, "room that became free is used again"
        sentence = site.ingest.health().shortened
        assert sentence is not None
        assert sentence.startswith("The database reached its limit of 1 MB (GLANCE_MAX_MB): samples before ")
        series = site.series("d", "s0")
        kept = site.samples.between(series, 0, site.clock() + 1, 100_000)
        assert kept[-1].value == 79.0
        newest = [sample.at for sample in kept[1:]]
        assert newest == sorted(newest)
        assert newest[0] > site.clock() - 80 * 30 + 300, "the oldest went first"
        chart = site.samples.history(series, site.clock() - 2 * HOUR, site.clock() + 1, 30)
        assert sum(point.n for point in chart.points) == 80 * 500 / SERIES, "their averages stay"


def test_while_it_is_cut_readings_are_committed_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.store.rollups.AT_ONCE", 500)
    with Site(tmp_path, raw_days=30, max_mb=2.0) as site:
        now = site.clock()
        for sensor in range(4):
            site.put(*(reading("d", f"s{sensor}", float(n), at=now - 15 * DAY + n * 80) for n in range(16_000)))
        site.fold()
        committed: list[float] = []

        def between() -> None:
            site.put(reading("e", "s", float(len(committed))))
            assert site.ingest.flush()
            committed.append(site.clock())

        site.ingest._upkeep.letting_go.between = between
        site.ingest._upkeep.letting_go.shrink()
        assert len(committed) > 20
        assert len(site.samples.recent(site.series("e"), 10_000)) == len(committed)
        assert site.ingest._upkeep._rollups.used_bytes() < ROOM * 2_000_000 + 100_000


def test_the_sentence_stays_as_long_as_what_went_is_missing(tmp_path: Path) -> None:
    with Site(tmp_path, raw_days=5, max_mb=1.0) as site:
        now = site.clock()
        site.put(*(reading("d", "s", float(n), at=now - 3 * DAY + n * 6) for n in range(43_000)))
        site.fold()
        site.prune()
        sentence = site.ingest.health().shortened
        assert sentence
        site.clock.forward(DAY)
        site.reopen()
        site.prune()
        assert site.ingest.health().shortened == sentence
        site.clock.forward(6 * DAY)
        site.prune()
        assert site.ingest.health().shortened is None
        site.reopen()
        assert site.ingest.health().shortened is None


def test_a_sensor_that_spoke_once_long_ago_does_not_keep_the_others_from_being_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Site(tmp_path, raw_days=30, max_mb=1.0) as site:
        letting_go, cuts = site.ingest._upkeep.letting_go, list[int | None]()
        next_cut = letting_go._next_cut

        def counted(what: str, now: float, least_age_s: float) -> int | None:
            cuts.append(next_cut(what, now, least_age_s))
            assert len(cuts) < 1000, "it cuts at the same time again and again"
            return cuts[-1]

        monkeypatch.setattr(letting_go, "_next_cut", counted)
        now = site.clock()
        site.put(reading("d", "once", 1.0, at=now - 10 * DAY))
        site.put(*(reading("d", "s", float(n), at=now - 3 * DAY + n * 6) for n in range(43_000)))
        site.fold()
        site.prune()
        assert site.ingest._upkeep._rollups.used_bytes() < ROOM * 1_000_000 + 100_000
        assert site.count("samples") < 43_000
        assert [sample.value for sample in site.samples.recent(site.series("d", "once"))] == [1.0]


def test_what_cannot_be_cut_is_said(tmp_path: Path) -> None:
    with Site(tmp_path, max_mb=0.2) as site:
        site.put(*(reading("d", "s", float(n), at=site.clock() - 600 + n / 50) for n in range(30_000)))
        site.fold()
        site.prune()
        sentence = site.ingest.health().shortened
        assert sentence is not None
        assert "give it more room" in sentence
        assert len(site.samples.between(site.series(), 0, site.clock() + 1, 50_000)) > 10_000


def test_a_full_disk_while_a_stream_comes_in_is_said_and_nothing_that_can_be_held_is_lost(tmp_path: Path) -> None:
    with Site(tmp_path, max_held=3000) as site:
        site.ingest.start()
        second(site, 0)
        until(lambda: site.ingest.health().stored == 500, timeout_s=30)
        with site.db.write() as con:
            pages = int(con.execute("PRAGMA page_count").fetchone()[0])
        with site.db._write_lock:
            site.db._writer.execute(f"PRAGMA max_page_count = {pages}")
        stream = threading.Thread(target=lambda: [second(site, turn) for turn in range(1, 11)])
        stream.start()
        stream.join(30)
        assert not stream.is_alive(), "who delivers does not wait for the disk"
        until(
            lambda: site.ingest.health().sentence is not None and "disk is full" in site.ingest.health().sentence,
            timeout_s=30,
        )
        health = site.ingest.health()
        assert health.held + health.lost + health.stored == 5500
        assert health.lost > 0
        assert f"{health.lost} more could not be held and are lost" in (site.ingest.health().sentence or "")
        refused = site.ingest.health().refused
        site.ingest.deliver(Delivery("glance/x", b'{"device_id": "q", "sensor_type": "s", "value": 1}', False, 1, 7))
        assert site.ingest.health().refused == refused + 1, "the broker keeps what it can send again"
        with site.db._write_lock:
            site.db._writer.execute("PRAGMA max_page_count = 1000000")
        until(lambda: site.ingest.health().stored == 5500 - health.lost, timeout_s=60)
        assert site.ingest.health().held == 0
        assert "were lost because" in (site.ingest.health().sentence or "")
