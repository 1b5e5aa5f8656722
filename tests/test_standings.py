"""How devices and cards stand: without a broker between, asleep, and which link is missing where there is nothing to show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from glance.mqtt.client import BrokerState
from glance.mqtt.readings import Liveness, Outcome, Removed, SensorInfo
from glance.standings import Standings
from tests.ingest_parts import Site, reading

FAULT = "The broker at mqtt.lan:1883 refuses the connection."
DOWN = BrokerState("waiting", False, "mqtt.lan:1883", 0.0, None, 0, FAULT, None, 0, 0, True)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def stands(site: Site, device: str, broker: BrokerState | None = DOWN) -> str:
    judge = Standings(site.ingest, lambda: broker)
    return judge.of_device(site.devices.get(device), site.clock())[0].state


def posted(site: Site, device: str, value: float) -> None:
    """A reading by HTTP."""
    site.ingest.take(Outcome(readings=(reading(device, "s", value),)))


def test_a_device_that_speaks_by_http_needs_no_broker(site: Site) -> None:
    site.put(reading("wired", "s", 1.0))
    posted(site, "web", 1.0)
    assert (stands(site, "wired"), stands(site, "web")) == ("offline", "live")


@pytest.mark.parametrize("crash", [False, True])
def test_how_a_device_speaks_is_known_after_a_restart(site: Site, crash: bool) -> None:
    posted(site, "web", 1.0)
    posted(site, "moved", 1.0)
    site.put(reading("moved", "s", 2.0))
    site.ingest.flush()
    site.reopen(crash=crash)
    assert (stands(site, "web"), stands(site, "moved")) == ("live", "offline")


def test_a_device_is_judged_by_the_way_it_spoke_last(site: Site) -> None:
    site.put(reading("d", "s", 1.0))
    posted(site, "d", 2.0)
    assert stands(site, "d") == "live"
    site.put(reading("d", "s", 3.0))
    assert stands(site, "d") == "offline"
    assert stands(site, "d", replace(DOWN, connected=True)) == "live"


def test_that_a_device_changed_its_way_is_no_change_of_what_lists_show(site: Site) -> None:
    site.put(reading("d", "s", 1.0))
    changes = site.devices.changes
    posted(site, "d", 2.0)
    assert site.devices.changes == changes


def test_a_device_of_an_older_file_that_nobody_heard_by_the_broker_needs_none(site: Site) -> None:
    posted(site, "web", 1.0)
    site.ingest.flush()
    with site.db.write() as con:
        con.execute("UPDATE devices SET direct = 0, last_seen = 1.0")
        step = (Path(__file__).parent.parent / "glance/store/migrations/0007_direct_and_counters.sql").read_text()
        (update,) = [line for line in step.splitlines() if line.startswith("UPDATE")]
        con.execute(update)
    site.reopen(crash=True)
    assert stands(site, "web") == "live"


def test_a_sleeping_device_is_asleep_and_neither_offline_nor_stale(site: Site) -> None:
    site.put(reading("door", "s", 1.0), liveness=(Liveness("door", "asleep", False, False),))
    site.clock.forward(86400.0)  # type: ignore[attr-defined]
    assert stands(site, "door", replace(DOWN, connected=True)) == "asleep"


UP = replace(DOWN, connected=True)


@pytest.mark.parametrize(("presence", "state"), [("online", "stale"), ("asleep", "asleep"), ("offline", "offline")])
def test_a_formula_that_fails_makes_a_value_stale_where_nothing_worse_is_known(
    site: Site, presence: Any, state: str
) -> None:
    site.put(reading("d", "s", 1.0), liveness=(Liveness("d", presence, False, False),))
    judge = Standings(site.ingest, lambda: UP)
    judge.fault = lambda _sensor: ("No value now: division by zero.", 7.0)
    found = judge.of_sensor(site.devices.sensor("d", "s"), site.clock())
    assert found.state == state
    assert ((found.sentence, found.failed_at) == (judge.fault(site.devices.sensor("d", "s")))) is (state == "stale")
    judge.fault = lambda _sensor: None
    assert judge.of_sensor(site.devices.sensor("d", "s"), site.clock()).failed_at is None


def goes_off(site: Site) -> None:
    """What the decoder says once the declared time of 30 s is over."""
    site.put(replace(reading("hall", "motion", False, at=site.clock()), inferred=True))


def test_what_goes_off_by_itself_after_a_restart_is_no_sign_of_life(site: Site) -> None:
    site.put(reading("hall", "motion", True))
    heard_at = site.clock()
    site.ingest.flush()
    site.reopen()
    site.clock.forward(86400.0)  # type: ignore[attr-defined]
    site.put(replace(reading("hall", "motion", False, at=heard_at + 30), inferred=True))
    latest = site.samples.latest(site.series("hall", "motion"))
    assert latest is not None
    assert (latest.value, latest.at, latest.heard_at) == (0.0, heard_at + 30, heard_at)
    assert site.devices.last_seen("hall") == heard_at
    judge = Standings(site.ingest, lambda: UP)
    assert (stands(site, "hall", UP), judge.of_sensor(site.devices.sensor("hall", "motion"), site.clock()).state) == (
        "stale",
        "stale",
    )


def test_the_usual_gap_is_that_between_two_signs_of_life(site: Site) -> None:
    for _ in range(5):
        site.put(reading("hall", "motion", True))
        site.clock.forward(30.0)  # type: ignore[attr-defined]
        goes_off(site)
        site.clock.forward(3570.0)  # type: ignore[attr-defined]
    assert site.samples.usual_gap_s(site.series("hall", "motion")) == 3600.0


def test_what_goes_off_by_itself_brings_nothing_back(site: Site) -> None:
    site.put(reading("hall", "motion", True))
    site.put(removed=(Removed("hall", "motion"), Removed("hall", None)))
    goes_off(site)
    assert site.devices.sensor("hall", "motion").removed_at is not None
    assert site.devices.get("hall").removed_at is not None
    site.devices.forget("hall")
    goes_off(site)
    assert site.devices.all() == []


# Counters by hand


def counted(site: Site, sensor: str) -> list[float | None]:
    """The use per hour of the last two days, without the hours that nothing is known of."""
    series, now = site.series("meter", sensor), site.clock()
    return [use.value for use in site.samples.use(series, now - 2 * 86400, now, "hour") if use.value is not None]


def test_what_the_owner_calls_a_counter_is_counted_from_what_is_stored(site: Site) -> None:
    for value in (10.0, 12.0, 15.0, 2.0):
        site.put(reading("meter", "pulses", value))
        site.clock.forward(3600.0)  # type: ignore[attr-defined]
    site.clock.forward(7200.0)  # type: ignore[attr-defined]
    site.ingest._upkeep.roll()
    site.devices.change_sensor("meter", "pulses", {"own_state_class": "total_increasing"})
    site.ingest._upkeep.run()
    assert counted(site, "pulses") == [2.0, 3.0, 2.0]
    # a total goes both ways, so the fall counts as one
    site.devices.change_sensor("meter", "pulses", {"own_state_class": "total"})
    site.ingest._upkeep.run()
    assert counted(site, "pulses") == [2.0, 3.0, -13.0]


def no_power(*_: object) -> None:
    raise OSError("the power is gone")


@pytest.mark.parametrize("killed", [True, False])
def test_what_is_to_be_counted_anew_is_so_after_glance_ended(
    site: Site, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    for value in (10.0, 12.0, 15.0, 2.0):
        site.put(reading("meter", "pulses", value))
        site.clock.forward(3600.0)  # type: ignore[attr-defined]
    site.clock.forward(7200.0)  # type: ignore[attr-defined]
    site.roll()
    site.devices.change_sensor("meter", "pulses", {"own_state_class": "total_increasing"})
    if killed:
        monkeypatch.setattr(site.ingest._upkeep, "_count", no_power)
        with pytest.raises(OSError, match="power"):
            site.ingest._upkeep.run()
    site.reopen(crash=killed)
    site.ingest._upkeep.run()
    assert counted(site, "pulses") == [2.0, 3.0, 2.0]
    with site.db.read() as con:
        assert con.execute("SELECT value FROM ingest_state WHERE name = 'recount'").fetchone()[0] == "[]"


def test_the_owners_word_wins_over_the_declared_one_and_lasts(site: Site) -> None:
    info = SensorInfo("meter", "total", kind="number", state_class="total_increasing")
    site.put(reading("meter", "total", 1.0), sensors=(info,))
    assert site.devices.sensor("meter", "total").is_counter
    site.devices.change_sensor("meter", "total", {"own_state_class": "measurement"})
    site.put(reading("meter", "total", 2.0), sensors=(info,))
    site.ingest.flush()
    site.reopen()
    assert not site.devices.sensor("meter", "total").is_counter
    found: Any = site.devices.change_sensor("meter", "total", {"own_state_class": None})
    assert found.is_counter
