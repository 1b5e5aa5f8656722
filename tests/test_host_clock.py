"""A computer whose clock is not set, or jumps by years."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from glance.ingest.hostclock import FIRST_SET, MOST_NOTED, HostClock
from tests.ingest_parts import DAY, Site, reading
from tests.parts import Clock

HOUR = 3600.0
TODAY = Clock().at


class Host:
    """The clock of a computer and the time since it was started, both moved by hand."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.passed = 1000.0

    def __call__(self) -> float:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += seconds
        self.passed += seconds

    def monotonic(self) -> float:
        return self.passed


def make(folder: Path, host: Host) -> Site:
    return Site(folder, clock=host, monotonic=host.monotonic)


@pytest.fixture
def unset(tmp_path: Path) -> Iterator[tuple[Site, Host]]:
    host = Host(40.0)
    with make(tmp_path, host) as site:
        yield site, host


def times(site: Site, device: str = "d") -> list[float]:
    return [sample.at for sample in site.samples.recent(site.series(device))]


@pytest.mark.parametrize("stage", ["memory", "committed", "folded"])
def test_readings_before_the_clock_is_set_get_their_true_time_once_it_is(unset: tuple[Site, Host], stage: str) -> None:
    site, host = unset
    for value in range(5):
        site.put(reading("d", "s", float(value)))
        host.forward(60)
    assert times(site)[0] >= FIRST_SET, "never 1970"
    if stage != "memory":
        site.ingest.flush()
    host.at = TODAY
    site.put(reading("d", "s", 5.0))
    if stage == "folded":
        site.ingest.flush()
    site.ingest._upkeep.run()
    expected = [TODAY - 300 + 60 * turn for turn in range(6)]
    for _ in range(2):
        assert times(site) == pytest.approx(expected, abs=0.002)
        latest = site.samples.latest(site.series())
        assert latest is not None
        assert latest.at == pytest.approx(TODAY, abs=0.002)
        assert site.devices.last_seen("d") == pytest.approx(TODAY, abs=0.002)
        assert site.devices.get("d").first_seen == pytest.approx(TODAY - 300, abs=0.002)
        site.reopen()


def test_times_of_the_devices_own_are_left_as_they_are(unset: tuple[Site, Host]) -> None:
    site, host = unset
    site.put(reading("d", "s", 1.0, at=TODAY - 20))
    site.put(reading("d", "s", 2.0))
    host.at = TODAY
    site.ingest._upkeep.run()
    assert times(site) == pytest.approx([TODAY - 20, TODAY], abs=0.002)


def test_words_from_before_the_clock_was_set_are_kept_as_long_as_their_samples(unset: tuple[Site, Host]) -> None:
    site, host = unset
    words = ["first", "second", "third"]
    for word in words:
        site.put(reading("d", "s", word))
        host.forward(60)
    site.ingest.flush()
    host.at = FIRST_SET + 500 * DAY
    site.ingest._upkeep.run()
    site.prune()
    site.reopen()
    assert [sample.text for sample in site.samples.recent(site.series())] == words


def test_after_a_restart_without_a_clock_time_goes_on_where_it_was_known(tmp_path: Path) -> None:
    host = Host(TODAY)
    with make(tmp_path, host) as site:
        site.put(reading("d", "s", 1.0))
        site.close()
        host.at = 12.0
        site.open()
        host.forward(30)
        site.put(reading("d", "s", 2.0))
        assert times(site) == [TODAY, TODAY + 30]
        site.close()
        host.at, host.passed = 3.0, 5.0
        site.open()
        site.put(reading("d", "s", 3.0))
        assert times(site) == [TODAY, TODAY + 30, TODAY + 30], "power was cut again before the clock was set"
        host.at = TODAY + HOUR
        site.ingest._upkeep.run()
        assert times(site) == [TODAY, TODAY + 30, TODAY + HOUR]


def test_while_the_clock_is_not_set_nothing_is_rolled_up_or_let_go(unset: tuple[Site, Host]) -> None:
    site, host = unset
    site.put(reading("d", "s", 1.0))
    for _ in range(5):
        host.forward(3 * DAY)
        site.ingest.flush()
        site.ingest._upkeep.run()
    assert (site.count("inbox"), site.count("rollups_5m")) == (1, 0)


def test_a_clock_that_is_set_56_years_later_costs_a_handful_of_hours(
    unset: tuple[Site, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, host = unset
    site.put(reading("d", "s", 1.0))
    rolled: list[int] = []
    real = site.ingest._upkeep._rollups.roll
    monkeypatch.setattr(
        site.ingest._upkeep._rollups, "roll", lambda begin, end: (rolled.append(begin), real(begin, end))
    )
    host.at = TODAY
    site.ingest.flush()
    for _ in range(3):
        site.ingest._upkeep.run()
        host.forward(2 * HOUR)
    assert len(rolled) <= 10
    assert site.ingest._upkeep.marks.rolled_until_s > TODAY
    assert site.count("rollups_1h") == 1


@pytest.mark.parametrize("years", [30, 0.1])
def test_a_clock_that_jumps_ahead_and_back_deletes_nothing(tmp_path: Path, years: float) -> None:
    host = Host(TODAY)
    with make(tmp_path, host) as site:
        for hour in range(30):
            site.put(reading("d", "s", float(hour)), reading("d", "word", str(hour), kind="enum"))
            host.forward(HOUR)
            site.ingest.flush()
            site.ingest._upkeep.run()
        before = times(site)
        rollups = site.count("rollups_1h")
        jump = years * 366 * DAY
        for restarted in (False, True):
            host.at += jump
            if restarted:
                site.reopen()
            for _ in range(4):
                host.forward(HOUR)
                site.ingest.flush()
                site.ingest._upkeep.run()
            host.at -= jump
            if restarted:
                site.reopen()
            for _ in range(4):
                host.forward(HOUR)
                site.ingest._upkeep.run()
            assert times(site) == before
            assert site.count("rollups_1h") >= rollups
        site.put(reading("d", "s", 99.0))
        latest = site.samples.latest(site.series())
        assert latest is not None
        assert (latest.value, latest.at) == (99.0, host.at)
        host.forward(2 * HOUR)
        site.roll()
        assert site.stored.rollups([site.series()], 3600, int(host.at - 3 * HOUR), 10**10)[-1].avg == 99.0


def test_after_hours_at_a_new_time_what_is_old_by_it_is_let_go(tmp_path: Path) -> None:
    host = Host(TODAY)
    with make(tmp_path, host) as site:
        for hour in range(30):
            site.put(reading("d", "s", float(hour)))
            host.forward(HOUR)
            site.ingest.flush()
            site.ingest._upkeep.run()
        host.forward(60 * DAY)
        site.ingest._upkeep.run()
        assert site.count("samples") == 30
        for _ in range(8):
            host.forward(HOUR)
            site.ingest._upkeep.run()
        assert site.count("samples") == 1


@pytest.mark.parametrize("folded", [False, True])
def test_what_a_clock_ahead_has_stamped_is_moved_back_once_it_is_right(tmp_path: Path, folded: bool) -> None:
    host = Host(TODAY)
    with make(tmp_path, host) as site:
        site.put(reading("d", "s", 1.0))
        host.forward(HOUR)
        site.ingest._upkeep.run()
        host.at += 20 * 365 * DAY
        for value in range(2, 70):
            host.forward(100)
            site.put(reading("d", "s", float(value)))
            site.ingest._upkeep.run()
        if folded:
            site.roll()
        site.ingest.flush()
        host.at -= 20 * 365 * DAY
        site.ingest._upkeep.run()
        for value in range(70, 100):
            host.forward(100)
            site.put(reading("d", "s", float(value)))
        expected = [(TODAY, 1.0), *((TODAY + HOUR + 100 * (value - 1), float(value)) for value in range(2, 100))]
        for _ in range(2):
            found = site.samples.recent(site.series(), 200)
            assert [(round(sample.at), sample.value) for sample in found] == expected
            assert site.devices.last_seen("d") == host.at
            site.fold()
            site.roll()
        site.reopen()
        assert times(site)[-1] == host.at
        chart = site.samples.history(site.series(), TODAY - HOUR, host.at + 1, 20)
        assert sum(point.n for point in chart.points) == 99


def test_a_clock_that_goes_back_by_itself_moves_nothing(tmp_path: Path) -> None:
    host = Host(TODAY)
    with make(tmp_path, host) as site:
        for value in range(20):
            host.forward(HOUR)
            site.put(reading("d", "s", float(value)))
            site.ingest.flush()
            site.ingest._upkeep.run()
        before = times(site)
        host.at -= 90 * DAY
        site.ingest._upkeep.run()
        site.reopen()
        site.ingest._upkeep.run()
        host.at += 90 * DAY
        site.ingest._upkeep.run()
        assert times(site) == before


def test_a_clock_that_is_set_a_minute_after_the_start_puts_that_minute_right(tmp_path: Path) -> None:
    host = Host(TODAY)
    with make(tmp_path, host) as site:
        site.put(reading("d", "s", 1.0))
        host.forward(60)
        site.put(reading("d", "s", 2.0), reading("d", "own", 2.0, at=TODAY + 30))
        host.at += 3 * DAY
        site.ingest._upkeep.run()
        assert times(site) == pytest.approx([TODAY + 3 * DAY, TODAY + 3 * DAY + 60])
        assert [sample.at for sample in site.samples.recent(site.series("d", "own"))] == [TODAY + 30]
        site.reopen()
        assert times(site) == pytest.approx([TODAY + 3 * DAY, TODAY + 3 * DAY + 60])


def test_samples_that_may_be_put_right_are_noted_in_a_bit_each() -> None:
    host = Host(40.0)
    clock = HostClock(host, 0.0, host.monotonic)
    timed_by_us = {7, 8, 12, 1000, MOST_NOTED + 6}
    for number in sorted(timed_by_us):
        clock.note(number)
    clock.note(MOST_NOTED + 7)
    assert clock.noted == timed_by_us, "all but one too many"
    assert sys.getsizeof(clock._noted) < MOST_NOTED / 4
    host.at = TODAY
    clock.corrected()
    assert clock.noted == frozenset()
