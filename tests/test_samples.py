"""Stored samples: inbox and folded together, charts that fit, counters, words, letting go, and restarts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from glance.errors import NotFound, Unavailable
from glance.ingest.buckets import Point
from glance.mqtt.readings import SensorInfo
from glance.store.samples import Samples
from tests.ingest_parts import DAY, Site, reading

HOUR = 3600.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as found:
        yield found


def fill(
    site: Site, count: int, every_s: float, begin: float | None = None, sensor: str = "s", value: Any = None
) -> None:
    """Samples with payload times, `value(number)` each."""
    begin = site.clock() - count * every_s if begin is None else begin
    site.put(*(reading("d", sensor, value(n) if value else float(n), at=begin + n * every_s) for n in range(count)))


def numbers(samples: list[Any]) -> list[Any]:
    return [sample.value for sample in samples]


# Inbox, folded, memory


@pytest.mark.parametrize("stage", ["memory", "inbox", "folded", "restarted", "crashed"])
def test_samples_read_the_same_at_every_stage(site: Site, stage: str) -> None:
    fill(site, 10, 60)
    if stage != "memory":
        site.ingest.flush()
    if stage == "folded":
        site.fold()
    if stage in ("restarted", "crashed"):
        site.reopen(crash=stage == "crashed")
    series = site.series()
    assert numbers(site.samples.recent(series, 4)) == [6, 7, 8, 9]
    assert numbers(site.samples.since(series, 8)) == [8, 9]
    assert numbers(site.samples.between(series, site.clock() - 300, site.clock() - 120)) == [5, 6, 7]
    assert numbers(list(site.samples.export(series, 0, site.clock()))) == list(range(10))
    latest = site.samples.latest(series)
    assert latest is not None
    assert latest.value == 9
    chart = site.samples.history(series, site.clock() - HOUR, site.clock())
    assert [point.avg for point in chart.points] == list(range(10))


def test_folded_and_unfolded_samples_are_read_together_without_a_gap_or_a_repeat(site: Site) -> None:
    for part in range(6):
        fill(site, 5, 1, begin=site.clock() + part * 5, value=lambda n, part=part: float(part * 5 + n))
        if part % 2:
            site.fold()
    series = site.series()
    assert numbers(site.samples.recent(series)) == list(range(30))
    assert [sample.id for sample in site.samples.since(series, 7)] == list(range(8, 31))
    assert numbers(list(site.samples.export(series, 0, site.clock() + 100))) == list(range(30))


def test_ids_grow_in_the_order_of_storing_also_over_a_crash(site: Site) -> None:
    site.put(reading("d", "s", 1.0))
    site.ingest.flush()
    site.put(reading("d", "s", 2.0))
    shown = site.samples.recent(site.series())[-1].id
    site.reopen(crash=True)
    site.put(reading("d", "s", 3.0))
    first, second = (sample.id for sample in site.samples.recent(site.series()))
    assert first < shown < second, "an id that was shown and lost is not given again"
    site.reopen()
    site.put(reading("d", "s", 4.0))
    assert site.samples.recent(site.series())[-1].id == second + 1, "no gap after a clean stop"


def test_late_samples_are_in_their_place_and_replayed_by_id(site: Site) -> None:
    fill(site, 5, 60)
    site.fold()
    site.put(reading("d", "s", 99.0, at=site.clock() - 5 * DAY))
    site.fold()
    series = site.series()
    assert numbers(site.samples.recent(series)) == [99, 0, 1, 2, 3, 4]
    assert numbers(site.samples.since(series, 5)) == [99]
    assert numbers(site.samples.since(series, 3)) == [3, 4, 99]


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("limit", [5, 70])
def test_what_a_device_had_buffered_does_not_push_out_what_is_newer(
    site: Site, folded: bool, backwards: bool, limit: int
) -> None:
    fill(site, 3, 1, value=lambda n: 100.0 + n)
    if folded:
        site.fold()
    begin, every_s = (site.clock() - HOUR, -1) if backwards else (site.clock() - 2 * HOUR, 1)
    fill(site, 80, every_s, begin=begin)
    found = numbers(site.samples.recent(site.series(), limit))
    buffered = list(range(80))[:: -1 if backwards else 1]
    assert found == [*buffered, 100, 101, 102][-limit:]


def test_since_gives_the_newest_where_more_was_missed(site: Site) -> None:
    fill(site, 30, 1)
    site.fold()
    fill(site, 5, 1, begin=site.clock(), value=lambda n: 100.0 + n)
    assert numbers(site.samples.since(site.series(), 1, limit=7)) == [28, 29, 100, 101, 102, 103, 104]
    assert numbers(site.samples.since(site.series(), 1, limit=3)) == [102, 103, 104]


def test_an_export_of_many_pages_is_complete(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.ingest.history.PAGE", 7)
    fill(site, 50, 1)
    site.put(*(reading("d", "s", 1000.0 + n, at=site.clock() - 30) for n in range(20)))
    site.fold()
    fill(site, 10, 1, begin=site.clock() - 25.5, value=lambda n: 2000.0 + n)
    exported = list(site.samples.export(site.series(), 0, site.clock() + 1))
    assert len(exported) == 80
    assert [(sample.at, sample.id) for sample in exported] == sorted((sample.at, sample.id) for sample in exported)


def test_more_single_samples_than_a_page_come_without_a_hole(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.ingest.history.PAGE", 7)
    fill(site, 30, 1)
    site.fold()
    fill(site, 5, 1, begin=site.clock(), value=lambda n: 100.0 + n)
    found = numbers(site.samples.between(site.series(), 0, site.clock() + 10, limit=33))
    assert found == [*range(30), 100, 101, 102]


def test_an_unknown_series_is_not_found(site: Site) -> None:
    with pytest.raises(NotFound):
        site.samples.recent(99)
    assert site.samples.latest(99) is None


def test_folding_nothing_and_rolling_up_nothing_is_fine(site: Site) -> None:
    site.fold()
    site.clock.forward(5 * HOUR)
    site.roll()
    assert site.count("folds") == 0


# Charts


def test_few_samples_are_shown_one_by_one_and_many_in_buckets(site: Site) -> None:
    fill(site, 1000, 3.6, value=lambda n: float(n % 10))
    series, now = site.series(), site.clock()
    for _ in range(2):
        chart = site.samples.history(series, now - HOUR, now, 100)
        assert len(chart.points) <= 100
        assert chart.step_s >= 36
        inner = chart.points[1:-1]
        assert all(point.low == 0 and point.high == 9 for point in inner), "lows and highs are kept"
        assert sum(point.n for point in chart.points) == 1000
        assert site.samples.history(series, now - HOUR, now, 2000).step_s == 0
        site.fold()


def test_a_series_younger_than_the_range_is_not_two_points(site: Site) -> None:
    now = site.clock()
    fill(site, 200, 3, begin=now - 600)
    for _ in range(2):
        chart = site.samples.history(site.series(), now - DAY, now, 48)
        assert 20 <= len(chart.points) <= 48
        assert chart.step_s <= 30
        assert sum(point.n for point in chart.points) == 200
        site.fold()


@pytest.mark.parametrize("points", [2, 3, 10, 50, 300, 1000])
@pytest.mark.parametrize("span", [HOUR, DAY, 7 * DAY, 30 * DAY])
def test_there_are_never_more_points_than_asked(site: Site, points: int, span: float) -> None:
    now = site.clock()
    fill(site, 2000, span / 2000, begin=now - span)
    site.fold()
    site.clock.forward(2 * HOUR)
    site.roll()
    chart = site.samples.history(site.series(), now - span, now, points)
    assert 0 < len(chart.points) <= points
    assert [point.t for point in chart.points] == sorted(point.t for point in chart.points)


def test_rollups_say_the_same_as_the_samples_they_are_made_of(site: Site) -> None:
    begin = site.clock() // HOUR * HOUR - 3 * HOUR
    fill(site, 3 * 360, 10, begin=begin, value=lambda n: float((n * 37) % 101))
    series = site.series()
    site.fold()
    raw = site.stored.buckets([series], 300_000, int(begin * 1000), int((begin + 3 * HOUR) * 1000), 10**9)
    assert len(raw) == 36
    assert site.stored.rollups([series], 300, 0, 10**10) == raw, "late samples are rolled up with the fold"
    hours = site.stored.rollups([series], 3600, 0, 10**10)
    assert [bucket.n for bucket in hours] == [360, 360, 360]
    assert [bucket.avg for bucket in hours] == pytest.approx(
        [sum(r.avg for r in raw[n : n + 12]) / 12 for n in (0, 12, 24)]
    )


def test_an_hour_is_rolled_up_once_it_has_passed_and_again_for_what_comes_late(site: Site) -> None:
    hour = site.clock() // HOUR * HOUR
    site.clock.at = hour + 10
    fill(site, 10, 60, begin=hour)
    site.clock.at = hour + HOUR + 10
    site.roll()
    assert site.count("rollups_1h") == 0, "stragglers are waited for"
    site.clock.at = hour + HOUR + 130
    site.roll()
    assert site.count("rollups_1h") == 1
    site.put(reading("d", "s", 1000.0, at=hour + 30))
    chart = site.samples.history(site.series(), hour - DAY, hour + HOUR, 30)
    assert max(point.high or 0 for point in chart.points) == 1000, "at once"
    site.fold()
    assert site.stored.rollups([site.series()], 3600, 0, 10**10)[0].high == 1000


@pytest.mark.parametrize("crash", [True, False])
def test_what_came_late_is_rolled_up_also_where_that_was_cut_short(
    site: Site, crash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = site.clock() // HOUR * HOUR
    fill(site, 10, 60, begin=hour)
    site.clock.at = hour + HOUR + 130
    site.roll()
    site.put(reading("d", "s", 1000.0, at=hour + 30))
    with monkeypatch.context() as patch, pytest.raises(Unavailable):
        patch.setattr(site.ingest._upkeep._rollups, "roll_one", full_disk)
        site.fold()
    if crash:
        site.reopen(crash=True)
    site.fold()
    assert site.stored.rollups([site.series()], 3600, 0, 10**10)[0].high == 1000


def test_the_hour_of_a_first_start_is_rolled_up_although_the_next_start_is_in_another(site: Site) -> None:
    hour = site.clock() // HOUR * HOUR
    fill(site, 10, 60, begin=hour)
    site.fold()
    site.reopen()
    site.clock.at = hour + 3 * HOUR
    site.reopen()
    site.roll()
    assert [bucket.n for bucket in site.stored.rollups([site.series()], 3600, 0, 10**10)] == [10]


def full_disk(series: int, hour_s: int) -> None:
    raise Unavailable("The disk is full.")


def test_a_day_comes_from_five_minutes_and_a_month_from_hours(site: Site) -> None:
    now = site.clock() // HOUR * HOUR
    site.clock.at = now
    fill(site, 30 * 24 * 4, 900, begin=now - 30 * DAY)
    site.clock.at = now + HOUR + 130
    site.roll()
    day = site.samples.history(site.series(), now - DAY, now, 90)
    assert day.step_s % 300 == 0
    month = site.samples.history(site.series(), now - 30 * DAY, now, 800)
    assert (month.step_s, len(month.points)) == (3600, 720)


def test_a_chart_goes_on_from_rollups_over_raw_samples_to_memory(site: Site) -> None:
    begin = site.clock() // HOUR * HOUR
    for number in range(6 * 60):
        site.clock.at = begin + number * 60
        site.put(reading("d", "s", float(number)))
        if number == 250:
            site.roll()
        if number == 300:
            site.fold()
    chart = site.samples.history(site.series(), begin, begin + 6 * HOUR, 72)
    assert chart.step_s == 300
    assert [point.n for point in chart.points] == [5] * 72
    assert [point.low for point in chart.points] == [float(n) for n in range(0, 360, 5)]


def test_silence_is_a_gap_and_not_a_line(site: Site) -> None:
    now = site.clock()
    fill(site, 20, 60, begin=now - 3 * HOUR)
    fill(site, 20, 60, begin=now - 20 * 60)
    for points in (200, 20):
        chart = site.samples.history(site.series(), now - 4 * HOUR, now, points)
        gaps = [turn for turn, point in enumerate(chart.points) if point.avg is None]
        assert len(gaps) == 1
        assert chart.points[gaps[0]] == Point(chart.points[gaps[0]].t, None, None, None, 0)
        assert 0 < gaps[0] < len(chart.points) - 1


def test_a_slow_sensor_has_no_gaps(site: Site) -> None:
    fill(site, 24, HOUR)
    chart = site.samples.history(site.series(), site.clock() - DAY, site.clock(), 100)
    assert len(chart.points) == 24


def test_before_the_raw_days_a_narrow_range_is_shown_from_rollups(site: Site) -> None:
    now = site.clock() // HOUR * HOUR
    fill(site, 600, 60, begin=now - 20 * DAY)
    site.fold()
    site.clock.forward(2 * DAY)
    site.prune()
    chart = site.samples.history(site.series(), now - 20 * DAY, now - 20 * DAY + HOUR, 300)
    assert chart.step_s == 300
    assert [point.n for point in chart.points] == [5] * 12


# Counters and words


def counter(site: Site, state_class: str = "total_increasing") -> None:
    site.put(sensors=(SensorInfo("d", "s", unit="kWh", state_class=state_class),))


def test_a_counter_is_shown_as_use_per_hour_and_day_over_resets(site: Site) -> None:
    counter(site)
    day = datetime.fromtimestamp(site.clock()).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    total = 500.0
    for minute in range(0, 36 * 60, 10):
        site.clock.at = day + minute * 60
        total = 0.5 if minute == 20 * 60 else total + 0.5
        site.put(reading("d", "s", total))
    site.roll()
    hours = site.samples.use(site.series(), day + HOUR, day + 6 * HOUR, "hour")
    assert [use.value for use in hours] == [pytest.approx(3.0)] * 5
    days = site.samples.use(site.series(), day, day + 2 * DAY, "day")
    assert [use.value for use in days] == [pytest.approx(71.5), pytest.approx(36.0)]
    assert (days[0].begin, days[1].begin) == (day, day + DAY)
    empty = site.samples.use(site.series(), day - DAY, day, "day")
    assert [use.value for use in empty] == [None]


def test_a_counter_that_is_declared_late_is_counted_anew(site: Site) -> None:
    begin = site.clock() // HOUR * HOUR
    for minute in range(0, 180, 5):
        site.clock.at = begin + minute * 60
        site.put(reading("d", "s", float(minute)))
    site.clock.at = begin + 3 * HOUR + 130
    site.roll()
    counter(site)
    site.roll()
    rolled = site.stored.rollups([site.series()], 3600, 0, 10**10)
    assert [bucket.rise for bucket in rolled] == [55.0, 60.0, 60.0]


def test_words_are_stretches_of_time(site: Site) -> None:
    now = site.clock()
    begin = now - HOUR
    said = ["off", "off", "heat", "heat", "off", "auto"]
    for stage in range(2):
        if stage == 0:
            site.put(
                *(reading("d", "s", word, kind="enum", at=begin - 300 + turn * 600) for turn, word in enumerate(said))
            )
        else:
            site.fold()
        found = site.samples.timeline(site.series(), begin, now)
        assert [(each.text, each.begin - begin, each.end - begin) for each in found] == [
            ("off", 0, 900), ("heat", 900, 2100), ("off", 2100, 2700), ("auto", 2700, 3600),
        ]  # fmt: skip
    assert [each.text for each in site.samples.timeline(site.series(), begin, now, limit=2)] == ["off", "auto"]


def test_words_are_stored_once(site: Site) -> None:
    for _ in range(50):
        site.put(reading("d", "s", "heat", kind="enum"), reading("e", "s", "heat", kind="enum"))
    site.fold()
    site.reopen()
    site.put(reading("d", "s", "heat", kind="enum"))
    site.fold()
    assert site.count("texts") == 1
    assert site.count("samples") == 101


def test_events_are_told_newest_first(site: Site) -> None:
    now = site.clock()
    site.put(*(reading("d", "s", word, kind="event", at=now - 10 + turn) for turn, word in enumerate(["a", "b", "b"])))
    assert [sample.text for sample in site.samples.events(site.series(), now - HOUR, now)] == ["b", "b", "a"]


def test_the_newest_events_are_read_without_all_before_them(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    now = site.clock()
    for turn in range(300):
        site.put(reading("d", "s" if turn % 3 else "t", f"e{turn}", kind="event", at=now - 5000 + turn // 4 * 10))
        if turn in (120, 240):
            site.fold()
    # late ones lie in memory before what is folded
    site.put(*(reading("d", "s", f"late{turn}", kind="event", at=now - 4900 + turn * 100) for turn in range(20)))
    site.devices.merge_sensors("d", "t", "d", "s")
    series, begin, end = site.series(), now - 4800, now - 4300
    every = site.samples.between(series, begin, end)[::-1]
    assert len(every) > 200
    monkeypatch.delattr(Samples, "between")
    for limit in (1, 7, 60, 1000):
        assert site.samples.events(series, begin, end, limit) == every[:limit]


# Letting go


def test_samples_and_rollups_are_kept_as_long_as_is_set(tmp_path: Path) -> None:
    with Site(tmp_path, raw_days=2, rollup_days=10) as site:
        begin = site.clock() // HOUR * HOUR
        for day in range(20):
            site.clock.at = begin + day * DAY
            site.put(reading("d", "s", 1.0), reading("d", "own", 1.0))
            if day == 0:
                site.devices.change_sensor("d", "own", {"raw_days": 5, "rollup_days": 30})
        site.clock.forward(HOUR + 130)
        for _ in range(11):
            site.roll()
        site.prune()
        assert len(site.samples.recent(site.series())) == 2 + 1, (
            "the newest of those that went is the value at the border"
        )
        assert len(site.samples.recent(site.series("d", "own"))) == 5 + 1
        assert len(site.stored.rollups([site.series()], 3600, 0, 10**10)) == 10
        assert len(site.stored.rollups([site.series("d", "own")], 3600, 0, 10**10)) == 20
        assert site.count("folds") <= 2


def test_of_old_words_the_changes_are_kept(tmp_path: Path) -> None:
    with Site(tmp_path, raw_days=1, rollup_days=100) as site:
        now = site.clock()
        words = ["off"] * 30 + ["on"] * 30 + ["off"] * 40
        site.put(*(reading("d", "s", word, kind="enum", at=now - 5 * DAY + n * 600) for n, word in enumerate(words)))
        site.fold()
        before = site.samples.timeline(site.series(), now - 5 * DAY, now)
        site.prune()
        assert site.count("samples") == 3
        assert site.samples.timeline(site.series(), now - 5 * DAY, now) == before
        assert site.count("texts") == 2


def test_the_database_stays_within_its_limit_and_says_what_that_cost(tmp_path: Path) -> None:
    with Site(tmp_path, raw_days=30, max_mb=1.5) as site:
        now = site.clock()
        for sensor in range(4):
            fill(site, 15_000, 100, begin=now - 1_500_000, sensor=f"s{sensor}")
        site.fold()
        assert site.ingest._upkeep._rollups.used_bytes() > 1_500_000
        site.prune()
        assert site.ingest._upkeep._rollups.used_bytes() < 1_500_000
        sentence = site.ingest.health().shortened
        assert sentence is not None
        assert sentence.startswith("The database reached its limit of 1 MB (GLANCE_MAX_MB): samples before ")
        assert numbers(site.samples.recent(site.series("d", "s0"), 1)) == [14_999], "the oldest go first"
        site.reopen()
        assert site.ingest.health().shortened == sentence


def test_a_forgotten_device_is_erased_after_a_week(site: Site) -> None:
    fill(site, 10, 60)
    series = site.series()
    site.fold()
    site.devices.forget("d")
    site.clock.forward(6 * DAY)
    site.prune()
    assert site.count("samples") == 10
    site.clock.forward(2 * DAY)
    site.prune()
    assert (site.count("samples"), site.count("series")) == (0, 0)
    assert site.count("devices") == 1, "known, so that a retained message does not bring it back"
    with pytest.raises(NotFound):
        site.samples.recent(series)


def test_upkeep_runs_when_it_is_due(site: Site) -> None:
    fill(site, 10, 1)
    site.ingest.flush()
    upkeep = site.ingest._upkeep
    upkeep.run()
    assert site.count("inbox") == 10
    site.clock.forward(901)
    upkeep.run()
    assert (site.count("inbox"), site.count("samples")) == (0, 10)
    site.clock.forward(2 * HOUR)
    upkeep.run()
    assert site.count("rollups_5m") == 1
    site.clock.forward(DAY)
    pruned = upkeep.letting_go.pruned_at
    upkeep.run()
    assert upkeep.letting_go.pruned_at > pruned


def test_hours_without_glance_are_caught_up_with(site: Site) -> None:
    site.put(reading("d", "s", 1.0))
    site.reopen()
    site.clock.forward(30 * DAY)
    for _ in range(16):
        site.ingest._upkeep.run()
    assert site.clock() - site.ingest._upkeep.marks.rolled_until_s < 2 * HOUR
    assert site.count("rollups_1h") == 1


def test_a_database_that_grew_too_big_is_cut_within_the_hour(tmp_path: Path) -> None:
    with Site(tmp_path, raw_days=30, max_mb=1.5) as site:
        for sensor in range(4):
            fill(site, 15_000, 100, sensor=f"s{sensor}")
        site.ingest.flush()
        site.clock.forward(HOUR)
        site.ingest._upkeep.run()
        assert site.ingest.health().shortened is not None
