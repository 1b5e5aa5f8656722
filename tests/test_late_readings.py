"""Readings that come late, and what stays of a time whose single samples were let go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glance.errors import Unavailable
from glance.mqtt.readings import SensorInfo
from glance.store.samples import Bucket
from tests.ingest_parts import DAY, Site, reading

HOUR = 3600.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as found:
        yield found


def hours(site: Site, step_s: int = 3600) -> list[Bucket]:
    return site.stored.rollups([site.series()], step_s, 0, 10**10)


def let_go(site: Site) -> float:
    """An hour of one sample a minute from 0 to 59 whose samples are let go; returns its beginning."""
    hour = site.clock() // HOUR * HOUR
    for minute in range(60):
        site.clock.at = hour + minute * 60
        site.put(reading("d", "s", float(minute)))
    site.devices.change_sensor("d", "s", {"raw_days": 1})
    site.clock.at = hour + 2 * DAY
    site.put(reading("d", "s", 100.0))
    site.clock.forward(HOUR)
    site.roll()
    site.prune()
    assert site.count("samples") == 2, "the newest of those that went, and the one that stays"
    return hour


@pytest.mark.parametrize("crash", [False, True])
def test_what_comes_late_is_added_to_the_averages_of_samples_that_are_gone(site: Site, crash: bool) -> None:
    hour = let_go(site)
    site.put(reading("d", "s", 1000.0, at=hour + 1), reading("d", "s", -50.0, at=hour + 302))
    site.ingest.flush()
    if crash:
        site.reopen(crash=True)
    site.fold()
    site.fold()
    first, second = hours(site, 300)[:2]
    assert (first.n, first.low, first.high) == (6, 0.0, 1000.0)
    assert first.avg == pytest.approx((0 + 1 + 2 + 3 + 4 + 1000) / 6)
    assert (second.n, second.low, second.high) == (6, -50.0, 9.0)
    whole = hours(site)[0]
    assert (whole.n, whole.low, whole.high) == (62, -50.0, 1000.0)
    assert whole.avg == pytest.approx((sum(range(60)) + 950) / 62)


def test_a_second_late_reading_is_added_to_the_first(site: Site) -> None:
    hour = let_go(site)
    for value in (1000.0, 2000.0):
        site.put(reading("d", "s", value, at=hour + 1))
        site.fold()
    site.prune()
    first = hours(site, 300)[0]
    assert (first.n, first.high) == (7, 2000.0)
    assert first.avg == pytest.approx((10 + 3000) / 7)


def test_a_fold_that_fails_adds_nothing_twice(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    hour = let_go(site)
    site.put(reading("d", "s", 1000.0, at=hour + 1))
    with monkeypatch.context() as patch, pytest.raises(Unavailable):
        patch.setattr(site.ingest._inbox, "put_state", full_disk)
        site.fold()
    assert hours(site)[0].n == 60
    site.fold()
    assert hours(site)[0].n == 61


def full_disk(_values: Any) -> None:
    raise Unavailable("The disk is full.")


def test_a_chart_of_a_time_without_samples_is_made_of_averages_whatever_the_days_say_now(site: Site) -> None:
    hour = let_go(site)
    site.devices.change_sensor("d", "s", {"raw_days": 30})
    chart = site.samples.history(site.series(), hour, hour + HOUR, 300)
    assert chart.step_s == 300
    assert [point.n for point in chart.points] == [5] * 12


def test_where_the_limit_took_todays_samples_a_chart_shows_their_averages(tmp_path: Path) -> None:
    with Site(tmp_path, max_mb=1.0) as site:
        begin = site.clock() // HOUR * HOUR - 20 * HOUR
        for sensor in range(4):
            site.put(
                *(reading("d", f"s{sensor}", float(n), at=begin + n * 8) for n in range(9000)),
            )
        site.fold()
        site.prune()
        series = site.series("d", "s0")
        assert len(site.samples.between(series, begin, begin + HOUR)) < 450, "some went"
        chart = site.samples.history(series, begin, begin + HOUR, 300)
        assert [point.n for point in chart.points][:11] == [38, 37] * 5 + [38]
        whole = site.samples.history(series, begin, begin + 20 * HOUR, 30)
        assert sum(point.n for point in whole.points) == 9000


def test_the_last_value_is_known_after_a_restart_also_where_its_samples_were_let_go(site: Site) -> None:
    site.put(reading("d", "s", 21.5), reading("d", "mode", "heat", kind="enum"))
    site.clock.forward(HOUR + 300)
    site.roll()
    site.clock.forward(500 * DAY)
    site.prune()
    site.reopen()
    latest = site.samples.latest(site.series())
    assert latest is not None
    assert (latest.value, latest.at) == (21.5, site.clock() - 500 * DAY - HOUR - 300)
    now = site.clock()
    assert [each.text for each in site.samples.timeline(site.series("d", "mode"), now - DAY, now)] == ["heat"]


def test_words_and_their_stretches_stay_true_beyond_every_border(tmp_path: Path) -> None:
    with Site(tmp_path, raw_days=1, rollup_days=3) as site:
        begin = site.clock() // HOUR * HOUR
        for turn in range(10 * 24):
            site.clock.at = begin + turn * HOUR
            site.put(reading("d", "s", "open" if turn // 30 % 2 else "shut", kind="enum"))
        site.fold()
        now = site.clock()
        whole = site.samples.timeline(site.series(), begin, now)
        site.prune()
        for days in (0.5, 1, 2, 2.9):
            expected = [
                (max(each.begin, now - days * DAY), each.end, each.text)
                for each in whole
                if each.end > now - days * DAY
            ]
            found = site.samples.timeline(site.series(), now - days * DAY, now)
            assert [(each.begin, each.end, each.text) for each in found] == expected


def test_only_hours_that_are_rolled_up_are_let_go(site: Site) -> None:
    hour = site.clock() // HOUR * HOUR
    for minute in range(60):
        site.clock.at = hour + minute * 60
        site.put(reading("d", "s", float(minute)))
    site.clock.forward(100 * DAY)
    site.fold()
    site.prune()
    assert site.count("samples") == 60
    site.roll()
    site.prune()
    assert site.count("samples") == 1
    assert hours(site)[0].n == 60


def test_more_samples_than_fit_in_one_transaction_are_let_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.store.rollups.AT_ONCE", 7)
    hour = site.clock() // HOUR * HOUR
    site.put(*(reading("d", "s", float(n), at=hour + n // 3) for n in range(100)))
    site.clock.forward(HOUR + 300)
    site.roll()
    site.clock.forward(10 * DAY)
    turns = []
    site.ingest._upkeep.letting_go.between = lambda: turns.append(1)
    site.prune()
    assert [sample.value for sample in site.samples.recent(site.series())] == [99.0]
    assert len(turns) > 10, "in between is time for others"


def test_a_counter_that_is_let_go_keeps_its_growth_also_where_a_reading_comes_late(site: Site) -> None:
    site.put(sensors=(SensorInfo("d", "s", unit="kWh", state_class="total_increasing"),))
    hour = let_go(site)
    before = [use.value for use in site.samples.use(site.series(), hour, hour + 3 * HOUR, "hour")]
    assert before == [59.0, None, None]
    site.put(reading("d", "s", 30.5, at=hour + 1830))
    for _ in range(2):
        assert [use.value for use in site.samples.use(site.series(), hour, hour + 3 * HOUR, "hour")] == before
        site.fold()
    total = sum(use.value or 0 for use in site.samples.use(site.series(), hour, site.clock(), "day"))
    assert total == 100.0
