"""Use of counters against a slow and honest reckoning: over resets, wrong readings, late ones, gaps, and changes of the clock."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from glance.ingest.buckets import edges_of
from glance.mqtt.readings import SensorInfo
from tests.ingest_parts import DAY, Site, reading
from tests.parts import Clock

HOUR = 3600.0
COUNTER = SensorInfo("d", "s", unit="kWh", state_class="total_increasing")


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def reckon(samples: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """(time, growth) of every sample, from all of them: a drop whose successor is back at the old height is a wrong reading."""
    grown, last = [], samples[0][1]
    for turn, (at, value) in enumerate(samples[1:], 1):
        if value >= 0.9 * last:
            grown.append((at, value - last))
        elif turn + 1 < len(samples) and samples[turn + 1][1] >= last:
            continue
        else:
            grown.append((at, value))
        last = value
    return grown


def walk(rng: random.Random, begin: float, end: float, every_s: float) -> list[tuple[float, float]]:
    """A counter with gaps, resets and single wrong zeros."""
    found, at, value = [], begin, 100.0
    while at < end:
        kind = rng.random()
        if kind < 0.01:
            value = rng.choice([0.0, 0.25])
        else:
            value += rng.choice([0.0, 0.25, 1.5])
        wrong = 0.02 < kind < 0.04 and value > 50
        found.append((round(at, 3), 0.0 if wrong else value))
        at += every_s * rng.uniform(0.5, 1.5) + (5 * HOUR if kind > 0.995 else 0)
    return found


@pytest.mark.parametrize("every_s", [40.0, 700.0, 5000.0])
@pytest.mark.parametrize("seed", range(4))
def test_use_agrees_with_the_samples_at_every_stage(tmp_path: Path, seed: int, every_s: float) -> None:
    rng = random.Random(seed * 1000 + int(every_s))
    begin = Clock().at // HOUR * HOUR
    samples = walk(rng, begin, begin + max(30 * HOUR, 60 * every_s), every_s)
    with Site(tmp_path, clock=Clock(begin)) as site:
        site.put(sensors=(COUNTER,))
        for turn, (at, value) in enumerate(samples):
            late = rng.random() < 0.1
            site.clock.at = at + rng.uniform(0, 9 * HOUR if late else 60)
            site.put(reading("d", "s", value, at=at))
            if turn % 37 == 0:
                rng.choice([site.fold, site.roll])()
            if turn % 301 == 150 or turn == len(samples) - 1:
                known = sorted(samples[: turn + 1])
                agree(site, known, begin)
        site.clock.at = samples[-1][0] + 10 * HOUR
        for stage in (site.fold, site.roll, site.reopen):
            stage()
            agree(site, samples, begin)
        total = sum(use.value or 0 for use in site.samples.use(site.series(), begin, site.clock(), "day"))
        assert total == pytest.approx(sum(rise for _, rise in reckon(samples)))


def agree(site: Site, samples: Sequence[tuple[float, float]], begin: float) -> None:
    """The use of each hour is what a reckoning over all samples says."""
    end = samples[-1][0] + 1
    grown = reckon(samples)
    for use in site.samples.use(site.series(), begin, end, "hour"):
        inside = [rise for at, rise in grown if use.begin <= at < use.end]
        assert (use.value is None) == (not inside), use
        assert (use.value or 0.0) == pytest.approx(sum(inside)), use


@pytest.mark.parametrize("days", [1, 2])
def test_the_total_stays_while_samples_become_averages(tmp_path: Path, days: int) -> None:
    rng = random.Random(days)
    begin = Clock().at // DAY * DAY
    samples = walk(rng, begin, begin + 5 * DAY, 300)
    expected = sum(rise for _, rise in reckon(samples))
    with Site(tmp_path, raw_days=days, clock=Clock(begin)) as site:
        site.put(sensors=(COUNTER,))
        for at, value in samples:
            if at >= site.clock.at + 6 * HOUR:
                site.clock.at = at
                site.roll()
                site.prune()
            site.put(reading("d", "s", value, at=at))
        site.clock.at = samples[-1][0] + 1
        assert site.count("samples") < len(samples)
        for per in ("hour", "day"):
            uses = site.samples.use(site.series(), begin, site.clock(), per)  # type: ignore[arg-type]
            assert sum(use.value or 0 for use in uses) == pytest.approx(expected)


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Havana", "UTC")


@pytest.mark.parametrize("zone", ZONES, indirect=True)
@pytest.mark.parametrize("day", ["2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31"])
def test_days_and_hours_are_those_of_the_wall_clock_also_when_it_changes(tmp_path: Path, zone: str, day: str) -> None:
    local = ZoneInfo(zone)
    first = datetime.fromisoformat(day).replace(tzinfo=local)
    begin = first.timestamp()
    with Site(tmp_path, clock=Clock(begin)) as site:
        site.put(sensors=(COUNTER,))
        samples = [(begin + n * 600, float(n)) for n in range(3 * 6 * 24 + 12)]
        for at, value in samples:
            site.clock.at = at
            site.put(reading("d", "s", value))
        for _ in range(2):
            days = site.samples.use(site.series(), begin, samples[-1][0] + 1, "day")
            for use in days:
                inside = [
                    at for at, _ in samples[1:] if datetime.fromtimestamp(at, local).date() == _date(use.begin, local)
                ]
                assert use.value == len(inside)
            assert sum(use.value or 0 for use in days) == len(samples) - 1
            hours = site.samples.use(site.series(), begin, samples[-1][0] + 1, "hour")
            assert sum(use.value or 0 for use in hours) == len(samples) - 1
            assert {use.value for use in hours[1:-1]} == {6.0}
            site.clock.at = samples[-1][0] + 2 * HOUR
            site.roll()


def _date(at: float, local: ZoneInfo) -> object:
    return datetime.fromtimestamp(at, local).date()


@pytest.mark.parametrize("zone", ZONES, indirect=True)
def test_the_days_of_a_year_follow_each_other_and_begin_at_midnight(zone: str) -> None:
    local = ZoneInfo(zone)
    begin = datetime(2025, 12, 31, 15, tzinfo=local).timestamp()
    edges = edges_of(begin, begin + 370 * DAY, "day")
    dates = [datetime.fromtimestamp(edge, local).date() for edge in edges[:-1]]
    assert dates == [dates[0] + timedelta(days=turn) for turn in range(len(dates))]
    assert all(23 * HOUR <= after - before <= 25 * HOUR for before, after in pairwise(edges[:-1]))


def test_two_meters_that_were_merged_are_counted_as_one(tmp_path: Path) -> None:
    begin = Clock().at // HOUR * HOUR
    with Site(tmp_path, clock=Clock(begin)) as site:
        site.put(sensors=(COUNTER, SensorInfo("n", "s", unit="kWh", state_class="total_increasing")))
        for turn in range(24):
            site.clock.at = begin + turn * 600
            site.put(reading("d", "s", 500.0 + turn) if turn < 12 else reading("n", "s", turn - 12.0))
        site.clock.at = begin + 4 * HOUR + 300
        site.roll()
        site.devices.merge("n", "d")
        for _ in range(2):
            site.put(reading("n", "s", 12.0))
            site.ingest._upkeep.run()
            uses = site.samples.use(site.series(), begin, site.clock() + 1, "hour")
            assert [use.value for use in uses] == [5.0, 6.0, 5.0, 6.0, 1.0]
            site.clock.forward(HOUR)
            site.put(reading("n", "s", 12.0))
            site.roll()
            site.clock.forward(-HOUR)


def test_the_use_up_to_a_time_within_an_hour_leaves_out_what_came_later(tmp_path: Path) -> None:
    begin = Clock().at // HOUR * HOUR
    with Site(tmp_path, clock=Clock(begin)) as site:
        site.put(sensors=(COUNTER,))
        for turn in range(60):
            site.clock.at = begin + turn * 60
            site.put(reading("d", "s", float(turn)))
        site.clock.forward(2 * HOUR)
        for _ in range(2):
            assert [use.value for use in site.samples.use(site.series(), begin, begin + 1830, "hour")] == [30.0]
            site.roll()


def test_a_late_reading_of_a_rolled_hour_counts_at_once(tmp_path: Path) -> None:
    begin = Clock().at // HOUR * HOUR
    with Site(tmp_path, clock=Clock(begin)) as site:
        site.put(sensors=(COUNTER,))
        site.put(reading("d", "s", 10.0))
        site.clock.at = begin + HOUR + 600
        site.put(reading("d", "s", 20.0))
        site.clock.at = begin + 3 * HOUR
        site.roll()
        assert [use.value for use in site.samples.use(site.series(), begin, site.clock(), "hour")] == [None, 10.0, None]
        site.put(reading("d", "s", 16.0, at=begin + 1800))
        for _ in range(2):
            uses = site.samples.use(site.series(), begin, site.clock(), "hour")
            assert [use.value for use in uses] == [6.0, 4.0, None]
            site.fold()
