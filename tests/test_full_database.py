"""GLANCE_MAX_MB under load, and a full disk: the oldest goes first and is said, what comes meanwhile is kept, nobody waits."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from glance.errors import Unavailable
from glance.ingest import Delivery
from glance.ingest.letting_go import ROOM
from glance.mqtt.readings import SensorInfo
from tests.ingest_parts import DAY, Site, reading
from tests.waiting import until

HOUR = 3600.0
SERIES = 20


def numbers(site: Site, sensor: str) -> list[float | None]:
    """The newest values of a sensor, as far as they are kept one by one."""
    return [sample.value for sample in site.samples.recent(site.series("d", sensor), 100_000)]


def used(site: Site) -> int:
    """Bytes of the database that hold something."""
    return site.ingest._upkeep._rollups.used_bytes()


def turn(site: Site) -> None:
    """What the ingest thread does again and again."""
    assert site.ingest.flush()
    site.ingest._upkeep.run()


def second(site: Site, turn: int, rate: int = 500) -> None:
    """What comes in a second."""
    site.put(*(reading("d", f"s{n % SERIES}", float(turn), at=site.clock() + n / rate) for n in range(rate)))


def test_a_flood_of_seconds_is_kept_within_the_limit_while_it_comes(tmp_path: Path) -> None:
    with Site(tmp_path, max_mb=2.0) as site:
        begin, files, fullest = site.clock(), 0, 0
        for batch in range(100):
            site.put(*(reading("d", f"s{n % SERIES}", float(batch), at=site.clock() + n / 20_000) for n in range(2000)))
            turn(site)
            site.clock.forward(0.1)
            fullest = max(fullest, used(site))
            files = max(files, site.db.size_bytes())
        assert fullest < 2_000_000 + 100_000, "what came with one commit may be on top"
        assert files < 2_000_000 + 2_000_000, "with its log"
        sentence = site.ingest.health().shortened
        assert sentence is not None
        assert sentence.endswith(" were deleted, but for the newest of each sensor.")
        assert numbers(site, "s7")[-50:] == [99.0] * 50
        for _ in ("at once", "once the hour is rolled up"):
            chart = site.samples.history(site.series("d", "s7"), begin - HOUR, site.clock() + 1, 60)
            points = [point for point in chart.points if point.n]
            assert sum(point.n for point in points) == 100 * 2000 / SERIES, (
                "all are in the averages, also what came after"
            )
            total = sum(point.avg * point.n for point in points if point.avg is not None)
            assert total == pytest.approx(100 * 49.5 * 100)
            site.clock.forward(HOUR)
            site.roll()


def test_a_counter_keeps_the_samples_of_its_newest_minutes(tmp_path: Path) -> None:
    with Site(tmp_path, max_mb=1.0) as site:
        begin = site.clock()
        counter = SensorInfo("d", "energy", unit="kWh", state_class="total_increasing")
        site.put(sensors=(counter,))
        for batch in range(30):
            site.put(
                *(reading("d", f"s{n % SERIES}", 1.0) for n in range(2000)),
                reading("d", "energy", float(batch), unit="kWh"),
            )
            turn(site)
            site.clock.forward(2)
        assert site.count("samples") + site.count("inbox") < 30_000
        assert numbers(site, "energy") == [float(batch) for batch in range(30)]
        site.clock.forward(HOUR)
        site.roll()
        uses = site.samples.use(site.series("d", "energy"), begin - HOUR, site.clock(), "hour")
        assert sum(use.value for use in uses if use.value) == 29.0


def test_a_flood_of_words_is_kept_within_the_limit_and_no_kept_sample_loses_its_word(tmp_path: Path) -> None:
    with Site(tmp_path, max_mb=2.0) as site:
        for batch in range(60):
            site.put(
                *(reading("d", "log", f"{batch} {n} " + "x" * 230) for n in range(150)),
                reading("d", "state", ("on", "off")[batch % 2], kind="enum"),
                reading("d", "n", float(batch)),
            )
            turn(site)
            site.clock.forward(1)
        assert used(site) < 2_000_000
        kept = site.samples.recent(site.series("d", "log"), 10_000)
        assert len(kept) >= 50
        assert all(sample.text for sample in kept)
        assert kept[-1].text is not None
        assert kept[-1].text.startswith("59 149 ")
        assert [sample.text for sample in site.samples.recent(site.series("d", "state"), 3)] == ["off", "on", "off"]
        assert site.count("texts") < 4000
        with site.db.read() as con:
            lost = "SELECT COUNT(*) FROM samples WHERE text IS NOT NULL AND text NOT IN (SELECT id FROM texts)"
            assert con.execute(lost).fetchone()[0] == 0


def test_a_word_that_comes_again_while_words_are_deleted_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.store.words.AT_ONCE", 200)
    with Site(tmp_path, max_mb=1.0) as site:
        now = site.clock()
        old = [f"{n} " + "x" * 230 for n in range(3000)]
        site.put(*(reading("d", "log", word, at=now - 3 * DAY + n) for n, word in enumerate(old)))
        site.fold()
        again = iter(old)

        def between() -> None:
            word = next(again, None)
            if word is not None:
                site.put(reading("d", "log", word))
                assert site.ingest.flush()

        letting_go = site.ingest._upkeep.letting_go
        letting_go.between = between
        letting_go.shrink()
        came = len(old) - len([*again])
        assert came > 5
        site.fold()
        assert [sample.text for sample in site.samples.recent(site.series("d", "log"), came)] == old[:came]
        assert site.count("texts") < 1000


def test_a_limit_that_was_lowered_is_kept_soon_after_the_start(tmp_path: Path) -> None:
    with Site(tmp_path, max_mb=50) as site:
        now = site.clock()
        site.put(*(reading("d", f"s{n % 4}", float(n), at=now - 3 * DAY + n * 4) for n in range(60_000)))
        site.fold()
        assert used(site) > 1_500_000
        site._keeping = replace(site._keeping, max_bytes=1_000_000)
        site.reopen()
        site.ingest._upkeep.run()
        assert used(site) < 1_000_000
        assert "reached its limit of 1 MB" in (site.ingest.health().shortened or "")
        assert numbers(site, "s3")[-1] == 59_999.0


def test_where_nothing_can_go_it_is_not_tried_with_every_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Site(tmp_path, max_mb=0.1) as site:
        upkeep, folds = site.ingest._upkeep, list[float]()
        fold = upkeep.fold

        def counted() -> None:
            folds.append(site.clock())
            fold()

        monkeypatch.setattr(upkeep, "fold", counted)
        for value in range(100):
            site.put(reading("d", "s", float(value)))
            turn(site)
            site.clock.forward(5)
        assert len(folds) <= 3, "this is kind to SD cards"
        assert "give it more room" in (site.ingest.health().shortened or "")
        assert numbers(site, "s")[-1] == 99.0


def test_far_from_the_limit_nothing_is_folded_before_its_time(tmp_path: Path) -> None:
    with Site(tmp_path, max_mb=10) as site:
        for value in range(100):
            site.put(*(reading("d", f"s{n}", float(value)) for n in range(50)))
            turn(site)
            site.clock.forward(5)
        assert (site.count("inbox"), site.count("folds")) == (5000, 0)


def test_a_full_disk_at_the_limit_loses_nothing_and_the_limit_is_kept_once_there_is_room(tmp_path: Path) -> None:
    with Site(tmp_path, max_mb=1.0) as site:
        upkeep = site.ingest._upkeep
        site.put(*(reading("d", f"s{n % SERIES}", float(n)) for n in range(40_000)))
        assert site.ingest.flush()
        with site.db._write_lock:
            pages = int(site.db._writer.execute("PRAGMA page_count").fetchone()[0])
            site.db._writer.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(Unavailable, match="disk is full"):
            upkeep.run()
        upkeep.run()
        assert site.count("inbox") == 40_000, "it is not tried again at once"
        with site.db._write_lock:
            site.db._writer.execute("PRAGMA max_page_count = 1000000")
        site.clock.forward(901)
        upkeep.run()
        assert used(site) < 1_000_000
        assert numbers(site, "s0")[-1] == 39_980.0


def test_the_log_is_short_again_after_a_big_transaction(tmp_path: Path) -> None:
    with Site(tmp_path, max_mb=10) as site:
        site.put(*(reading("d", f"s{n % SERIES}", float(n)) for n in range(60_000)))
        site.fold()
        log = site.db.path.with_name("glance.db-wal")
        assert log.stat().st_size > 1_300_000
        for value in range(3):
            site.put(reading("d", "s", float(value)))
            assert site.ingest.flush()
        assert log.stat().st_size < 1_100_000


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
    # an empty database is bigger than that
    with Site(tmp_path, max_mb=0.1) as site:
        site.put(*(reading("d", "s", float(n), at=site.clock() - 600 + n / 50) for n in range(30_000)))
        site.fold()
        site.prune()
        sentence = site.ingest.health().shortened
        assert sentence is not None
        assert "give it more room" in sentence
        assert numbers(site, "s") == [29_999.0], "what a sensor's value is stays known"


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
