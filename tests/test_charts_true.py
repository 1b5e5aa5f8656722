"""Points of charts and lists of samples against a slow and honest reckoning, at every border between memory, samples and averages."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from glance.ingest.buckets import Point
from glance.ingest.history import Chart
from tests.ingest_parts import DAY, Site, reading
from tests.parts import Clock

HOUR = 3600.0
Stored = list[tuple[float, int, float]]


def grow(site: Site, rng: random.Random, begin: float, every_s: float, span_s: float) -> Stored:
    """Samples with gaps, bursts and late ones, folded and rolled up now and then; returns (time, id, value) of each."""
    stored: Stored = []
    at = begin
    while at < begin + span_s:
        at += every_s * rng.uniform(0.2, 1.8) + (rng.uniform(2, 5) * HOUR if rng.random() < 0.003 else 0)
        site.clock.at = max(site.clock(), at)
        for _ in range(rng.choice([1, 1, 1, 1, 3])):
            late = rng.random() < 0.05
            when = round(at - (rng.uniform(0, 5 * HOUR) if late else 0), 3)
            value = round(rng.gauss(20, 5), 2)
            site.put(reading("d", "s", value, at=when))
            stored.append((when, site.samples.since(site.series(), 0, 1)[0].id, value))
        turn = rng.random()
        if turn < 0.01:
            site.fold()
        elif turn < 0.02:
            site.roll()
        elif turn < 0.025:
            site.reopen(crash=False)
    return sorted(stored)


def reckon(stored: Stored, begin: float, end: float, step_s: float) -> dict[float, tuple[float, float, float, int]]:
    """Bucket by bucket: mean, least, most and number of all samples in it."""
    buckets: dict[float, list[float]] = {}
    for at, _, value in stored:
        if begin <= at < end:
            buckets.setdefault(round(at * 1000) // round(step_s * 1000) * step_s, []).append(value)
    return {at: (sum(found) / len(found), min(found), max(found), len(found)) for at, found in buckets.items()}


def check(chart: Chart, stored: Stored, begin: float, end: float, points: int) -> None:
    assert len(chart.points) <= points
    times = [point.t for point in chart.points]
    assert times == sorted(set(times)) or not chart.step_s
    shown: Sequence[Point] = [point for point in chart.points if point.n]
    assert all(point.avg is None and point.low is None for point in chart.points if not point.n)
    if not chart.step_s:
        inside = [(at, value) for at, _, value in stored if begin <= at < end]
        assert sorted((point.t, point.avg) for point in shown) == sorted(inside)
        return
    expected = reckon(stored, begin, end, chart.step_s)
    starts = [point.t for point in shown]
    # where gaps take the room, neighbours are shown as one
    assert set(starts) <= set(expected)
    assert starts == sorted(expected) or len(expected) * 2 > points
    for point, following in zip(shown, [*starts, end][1:], strict=True):
        group = [found for at, found in expected.items() if point.t <= at < following]
        n = sum(found[3] for found in group)
        assert point.avg == pytest.approx(sum(found[0] * found[3] for found in group) / n)
        assert (point.low, point.high) == (min(found[1] for found in group), max(found[2] for found in group))
        assert point.n == n
    assert sum(point.n for point in shown) == sum(found[3] for found in expected.values())


@pytest.mark.parametrize("every_s", [20.0, 240.0, 3000.0])
@pytest.mark.parametrize("seed", range(3))
def test_every_chart_says_what_the_samples_say(tmp_path: Path, seed: int, every_s: float) -> None:
    rng = random.Random(seed)
    begin = Clock().at // HOUR * HOUR
    with Site(tmp_path, clock=Clock(begin + 1)) as site:
        stored = grow(site, rng, begin, every_s, 400 * every_s + 20 * HOUR)
        series = site.series()
        for stage in (lambda: None, site.fold, site.roll, site.reopen):
            stage()
            for _ in range(25):
                low = begin + rng.uniform(-HOUR, site.clock() - begin)
                high = low + rng.choice([600.0, HOUR, 5 * HOUR, DAY, 7 * DAY]) * rng.uniform(0.5, 1.5)
                points = rng.choice([2, 7, 60, 300, 1000])
                check(site.samples.history(series, low, high, points), stored, low, high, points)
                listed = site.samples.between(series, low, high, 5000)
                assert [(one.at, one.id, one.value) for one in listed] == [
                    one for one in stored if low <= one[0] < high
                ]
                newest = site.samples.recent(series, points)
                assert [(one.at, one.id, one.value) for one in newest] == stored[-points:]
                after = rng.choice(stored)[1]
                missed = sorted(one[1] for one in stored if one[1] > after)[-points:]
                assert [one.id for one in site.samples.since(series, after, points)] == missed
            site.clock.forward(HOUR)


@pytest.mark.parametrize("max_mb", [2000, 0.6])
def test_sums_stay_the_same_while_samples_become_averages(tmp_path: Path, max_mb: float) -> None:
    rng = random.Random(5)
    begin = Clock().at // DAY * DAY
    with Site(tmp_path, raw_days=1, max_mb=max_mb, clock=Clock(begin + 1)) as site:
        stored: Stored = []
        for day in range(6):
            stored += grow(site, rng, begin + day * DAY, 60, DAY - 2 * HOUR)
            site.roll()
            site.prune()
        site.fold()
        end = site.clock() + 1
        assert site.count("samples") < len(stored)
        for points in (20, 150, 900):
            shown = [one for one in site.samples.history(site.series(), begin - DAY, end, points).points if one.n]
            assert sum(one.n for one in shown) == len(stored)
            assert sum((one.avg or 0) * one.n for one in shown) == pytest.approx(sum(value for _, _, value in stored))
            assert min(one.low or 0 for one in shown) == min(value for _, _, value in stored)
            assert max(one.high or 0 for one in shown) == max(value for _, _, value in stored)
