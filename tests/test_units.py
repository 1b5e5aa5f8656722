"""The unit of a sensor: what comes in another is converted, the history never gets another label, and what is told wins over a guess."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from glance.conversions import GROUPS, SAME, conversion
from glance.errors import Conflict
from glance.ingest import Delivery
from glance.ingest.measuring import MOST_UNITS
from glance.mqtt.decode import Decoder
from glance.mqtt.decode.units import normal
from glance.mqtt.readings import DeviceInfo, Outcome, Reading, SensorInfo
from glance.store import migrations
from tests.ingest_parts import DAY, Site, reading

HOUR = 3600.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as found:
        yield found


def values(site: Site, sensor: str = "s", device: str = "d") -> list[float | None]:
    return [sample.value for sample in site.samples.recent(site.series(device, sensor), 100)]


def newest(site: Site, sensor: str = "s", device: str = "d") -> float | None:
    latest = site.samples.latest(site.series(device, sensor))
    assert latest is not None
    return latest.value


def unit(site: Site, sensor: str = "s", device: str = "d") -> str | None:
    return site.devices.sensor(device, sensor).shown_unit


def send(
    site: Site, value: float, told: str | None = None, *, sensor: str = "s", device: str = "d", **more: Any
) -> None:
    site.clock.forward(60)
    site.put(reading(device, sensor, value, unit=told, **more))


def guess(site: Site, value: float, unit: str) -> None:
    site.clock.forward(60)
    site.put(Reading("d", "s", value, "number", unit, None, False, guessed=True))


def declare(site: Site, unit: str, sensor: str = "s", **more: Any) -> None:
    info = SensorInfo("d", sensor, unit=unit, kind="number", **more)
    site.decoder.outcomes["config"] = Outcome(sensors=(info,), verdict="declaration")
    site.ingest.deliver(Delivery("config", b"", True))


# The table


@pytest.mark.parametrize(
    ("value", "told", "into", "expected"),
    [
        (68, "°F", "°C", 20), (20, "°C", "°F", 68), (20.1, "°C", "°F", 68.18), (293.15, "K", "°C", 20), (1.5, "kW", "W", 1500),
        (250, "Wh", "kWh", 0.25), (3.6, "MJ", "kWh", 1), (1013.25, "hPa", "kPa", 101.325), (29.92, "inHg", "hPa", 1013.20748119),
        (36, "km/h", "m/s", 10), (10, "mph", "km/h", 16.09344), (3.005, "V", "mV", 3005), (1, "m³/h", "L/min", 16.6666666667),
        (25, "µg/m³", "mg/m³", 0.025), (1, "MiB", "kB", 1048.576), (1, "in", "mm", 25.4), (2, "h", "min", 120), (1, "pCi/L", "Bq/m³", 37),
    ],
)  # fmt: skip
def test_a_number_is_converted(value: float, told: str, into: str, expected: float) -> None:
    scale = conversion(told, into)
    assert scale is not None
    assert scale.of(value) == expected


@pytest.mark.parametrize(
    ("told", "into"), [("W", "°C"), ("W", "Wh"), ("%", "V"), ("lqi", "%"), ("W", "VA"), ("EUR", "USD")]
)
def test_what_measures_something_else_does_not_convert(told: str, into: str) -> None:
    assert conversion(told, into) is None


def test_there_and_back_is_the_same_number() -> None:
    for group in GROUPS:
        for told in group:
            for into in group:
                there, back = conversion(told, into), conversion(into, told)
                assert there is not None
                assert back is not None
                assert back.of(there.of(21.37)) == pytest.approx(21.37, rel=1e-9)
                assert back.grown(there.grown(5.0)) == pytest.approx(5.0, rel=1e-9)
                assert there.back(there.grown(5.0)) == pytest.approx(5.0, rel=1e-9)


def test_a_unit_is_in_one_group_and_spelled_as_the_decoder_spells_it() -> None:
    every = [one for group in GROUPS for one in group]
    assert len(every) == len(set(every))
    assert [one for one in every if normal(one) != one] == []


def test_two_spellings_of_an_unknown_unit_are_one_unit() -> None:
    assert conversion("Pcs ", "pcs") == SAME
    assert conversion("mW", "MW") != SAME


# A device that changes the unit


@pytest.mark.parametrize("restart", ["none", "clean", "crash"])
def test_after_a_change_of_the_unit_the_history_stays_true_and_goes_on_in_its_unit(site: Site, restart: str) -> None:
    send(site, 68.0, "°F")
    if restart != "none":
        site.fold()
        site.reopen(crash=restart == "crash")
    send(site, 21.0, "°C")
    assert unit(site) == "°F"
    assert values(site) == [68.0, 69.8]
    assert newest(site) == 69.8
    if restart != "none":
        site.ingest.flush()
        site.reopen(crash=restart == "crash")
        assert (values(site), newest(site)) == ([68.0, 69.8], 69.8)
    send(site, 20.5)
    assert newest(site) == 68.9, "a value that tells no unit is in the one that was told last"
    chart = site.samples.history(site.series(), site.clock() - HOUR, site.clock() + 1)
    assert (chart.unit, [point.avg for point in chart.points]) == ("°F", [68.0, 69.8, 68.9])
    send(site, 70.0, "°F")
    send(site, 71.0)
    assert values(site)[-2:] == [70.0, 71.0], "and back"


def test_a_declaration_that_changes_the_unit_changes_no_value_that_was_stored(site: Site) -> None:
    declare(site, "W")
    send(site, 1500.0, "W")
    declare(site, "kW")
    assert (unit(site), newest(site)) == ("W", 1500.0)
    send(site, 1.6, "kW")
    assert (unit(site), values(site)) == ("W", [1500.0, 1600.0])


def test_two_declarations_that_disagree_make_one_steady_line(site: Site) -> None:
    for turn in range(6):
        told = ("°C", "°F")[turn % 2]
        declare(site, told)
        send(site, 20.0 if told == "°C" else 68.0, told)
        if turn == 2:
            site.fold()
            site.reopen()
    assert (unit(site), values(site)) == ("°C", [20.0] * 6)
    assert len(site.devices.sensors("d")) == 1


@pytest.mark.parametrize("restart", [False, True])
def test_what_does_not_convert_is_a_sensor_of_its_own_and_nothing_is_lost(site: Site, restart: bool) -> None:
    declare(site, "%", name="Battery")
    send(site, 80.0, "%")
    declare(site, "V", name="Battery")
    send(site, 2.9, "V")
    if restart:
        site.fold()
        site.reopen()
    send(site, 2.8, "V")
    send(site, 79.0, "%")
    send(site, 2700.0, "mV")
    assert (values(site), unit(site)) == ([80.0, 79.0], "%")
    assert (values(site, "s (V)"), unit(site, "s (V)")) == ([2.9, 2.8], "V")
    assert values(site, "s (mV)") == [2700.0]
    assert site.devices.sensor("d", "s (V)").title == "Battery (V)"


def test_a_sensor_that_was_forgotten_begins_anew_in_the_unit_of_today(site: Site) -> None:
    send(site, 80.0, "%")
    send(site, 2.9, "V")
    site.devices.forget_sensor("d", "s")
    send(site, 2.8, "V")
    assert (values(site), unit(site)) == ([2.8], "V")


def test_a_sender_whose_unit_is_never_the_same_fills_no_list(site: Site) -> None:
    for turn in range(40):
        send(site, float(turn), f"until 12:{turn:02d}")
    assert len(site.devices.sensors("d")) == 1 + MOST_UNITS
    assert "left out" in (site.devices.flood or "")


def test_a_retained_value_in_another_unit_fills_the_tile_converted(site: Site) -> None:
    send(site, 68.0, "°F", retained=True)
    send(site, 21.0, "°C", retained=True)
    assert (newest(site), unit(site)) == (69.8, "°F")
    site.ingest.flush()
    site.reopen()
    assert (newest(site), unit(site)) == (69.8, "°F")


def test_a_counter_that_goes_on_in_kwh_is_no_reset(site: Site) -> None:
    info = SensorInfo("d", "s", unit="Wh", kind="number", state_class="total_increasing")
    site.put(sensors=(info,))
    begin = site.clock()
    send(site, 5000.0, "Wh")
    send(site, 5.2, "kWh")
    send(site, 5.5, "kWh")
    (use,) = [one for one in site.samples.use(site.series(), begin, site.clock() + 1, "day") if one.value is not None]
    assert use.value == 500.0


def test_averages_of_the_time_around_the_change_are_in_one_unit(site: Site) -> None:
    begin = site.clock() // HOUR * HOUR
    send(site, 50.0, "°F")
    for _ in range(10):
        site.clock.forward(HOUR)
        send(site, 10.0, "°C")
    for _ in range(5):
        site.roll()
    site.clock.forward(8 * DAY)
    send(site, 10.0, "°C")
    for _ in range(5):
        site.roll()
    site.prune()
    chart = site.samples.history(site.series(), begin, begin + 9 * DAY, 100)
    assert {point.avg for point in chart.points if point.n} == {50.0}


# Not known, guessed, told


@pytest.mark.parametrize("restart", [False, True])
def test_a_unit_that_is_told_later_holds_for_what_came_before(site: Site, restart: bool) -> None:
    send(site, 68.0)
    if restart:
        site.fold()
        site.reopen()
    send(site, 69.0, "°F")
    assert (unit(site), values(site)) == ("°F", [68.0, 69.0])
    send(site, 21.0, "°C")
    assert values(site)[-1] == 69.8


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("by_reading", [False, True])
def test_a_guess_gives_way_to_what_is_told_with_all_that_is_stored(site: Site, restart: bool, by_reading: bool) -> None:
    guess(site, 900.0, "V")
    if restart:
        site.fold()
        site.reopen()
    if by_reading:
        send(site, 1200.0, "mV")
    else:
        declare(site, "mV")
        send(site, 1200.0, "mV")
    assert (unit(site), values(site)) == ("mV", [900.0, 1200.0])
    guess(site, 1300.0, "V")
    assert (unit(site), newest(site)) == ("mV", 1300.0), "a guess overrules nothing"
    send(site, 1.4, "V")
    assert (unit(site), newest(site)) == ("mV", 1400.0), "from then on another unit is a change"


def test_a_guess_by_the_size_of_the_value_does_not_change_the_unit(site: Site) -> None:
    decoder = Decoder(UTC)
    for voltage in (998, 1003, 997):
        say(site, decoder, "solar/string/voltage", voltage)
    (device,) = site.devices.all()
    assert values(site, "voltage", device.id) == [998.0, 1003.0, 997.0]
    assert unit(site, "voltage", device.id) == "V"


def test_of_the_units_in_an_older_file_nobody_knows_who_told_them(site: Site) -> None:
    send(site, 900.0, "V")
    site.ingest.flush()
    step = next(text for number, text in migrations.steps() if number == 9)
    with site.db.write() as con:
        con.execute(step.rpartition("\n--")[2].partition("\n")[2])
    site.reopen(crash=True)
    send(site, 950.0, "mV")
    assert (unit(site), values(site)) == ("mV", [900.0, 950.0])


def test_the_owners_unit_of_a_merged_line_in_an_older_file_holds_for_all_of_it(site: Site) -> None:
    for value, device in ((1000.0, "old"), (2000.0, "new"), (3000.0, "newest")):
        send(site, value, "Wh", device=device)
    for part, root in (("newest", "new"), ("new", "old")):
        site.devices.merge(part, root)
    site.ingest.flush()
    with site.db.write() as con:
        con.execute("UPDATE series SET own_unit = 'kWh' WHERE part_of IS NULL")
        con.execute(next(text for number, text in migrations.steps() if number == 10))
    site.reopen(crash=True)
    assert (unit(site, device="old"), values(site, device="old")) == ("kWh", [1000.0, 2000.0, 3000.0])


# The owner's unit


def test_the_owners_unit_is_a_label_and_wins(site: Site) -> None:
    send(site, 5.0)
    site.devices.change_sensor("d", "s", {"own_unit": "bar"})
    send(site, 6.0, "psi")
    assert (unit(site), values(site)) == ("bar", [5.0, 6.0]), "the owner knows better what it sends"


def test_a_device_that_comes_to_tell_what_the_owner_said_changes_nothing(site: Site) -> None:
    send(site, 20.0, "°F")
    site.devices.change_sensor("d", "s", {"own_unit": "°C"})
    send(site, 21.0, "°C")
    assert (unit(site), values(site)) == ("°C", [20.0, 21.0])
    send(site, 68.0, "°F")
    assert newest(site) == 20.0, "what it says is true now"


def test_numbers_are_converted_into_the_unit_that_the_owner_says_is_stored(site: Site) -> None:
    send(site, 20.0, "°F")
    site.devices.change_sensor("d", "s", {"own_unit": "°C"})
    send(site, 293.15, "K")
    assert (unit(site), values(site)) == ("°C", [20.0, 20.0])


def test_an_owners_word_that_is_no_unit_only_stands_behind_the_number(site: Site) -> None:
    send(site, 20.0, "°C")
    site.devices.change_sensor("d", "s", {"own_unit": "degrees outside"})
    send(site, 68.0, "°F")
    assert (unit(site), values(site)) == ("degrees outside", [20.0, 20.0])


@pytest.mark.parametrize("restart", [False, True])
def test_the_owner_chooses_the_new_unit_with_the_whole_history(site: Site, restart: bool) -> None:
    def again() -> None:
        if restart:
            site.fold()
            site.reopen()

    send(site, 68.0, "°F")
    site.devices.change_sensor("d", "s", {"label": "Room", "correction": 1.8})
    send(site, 21.0, "°C")
    assert site.devices.sent_unit(site.devices.sensor("d", "s")) == "°C"
    site.devices.change_sensor("d", "s", {"own_unit": "°C", "correction": 1.8})
    again()
    sensor = site.devices.sensor("d", "s")
    assert (sensor.shown_unit, sensor.own_unit, sensor.label, sensor.correction) == ("°C", None, "Room", 1.0)
    assert values(site) == [20.0, 22.0], "the second with its correction"
    assert [one.sensor for one in site.devices.sensors("d")] == ["s"]
    send(site, 20.5, "°C")
    assert (newest(site), values(site)) == (21.5, [20.0, 22.0, 21.5])
    assert site.devices.sent_unit(site.devices.sensor("d", "s")) is None
    send(site, 68.0, "°F")
    assert newest(site) == 21.0
    again()
    site.devices.change_sensor("d", "s", {"own_unit": "°F"})
    assert (unit(site), values(site)) == ("°F", [68.0, 71.6, 70.7, 69.8])
    for told in ("°C", "°F") * 6:
        send(site, 20.0 if told == "°C" else 68.0, told)
        site.devices.change_sensor("d", "s", {"own_unit": told, "correction": None})
    again()
    assert (unit(site), newest(site)) == ("°F", 68.0)
    assert site.count("series") == 2


def test_a_sensor_that_is_shown_in_its_new_unit_can_be_forgotten_and_brought_back(site: Site) -> None:
    send(site, 68.0, "°F")
    send(site, 21.0, "°C")
    site.devices.change_sensor("d", "s", {"own_unit": "°C"})
    site.clock.forward(60)
    site.devices.forget_sensor("d", "s")
    assert site.devices.find("d", "s") is None
    site.reopen()
    site.devices.restore_sensor("d", "s")
    assert (unit(site), values(site)) == ("°C", [20.0, 21.0])
    send(site, 22.0, "°C")
    assert newest(site) == 22.0


# Merged sensors


@pytest.mark.parametrize("restart", [False, True])
def test_merged_sensors_of_different_units_are_one_line_and_can_be_parted(site: Site, restart: bool) -> None:
    def again() -> None:
        if restart:
            site.fold()
            site.reopen()

    begin = site.clock()
    send(site, 20.0, "°C", device="old")
    send(site, 68.0, "°F", device="new")
    site.devices.merge("new", "old")
    again()
    assert (unit(site, device="old"), values(site, device="old"), newest(site, device="old")) == (
        "°C",
        [20.0, 20.0],
        20.0,
    )
    send(site, 69.8, "°F", device="new")
    again()
    assert (unit(site, device="old"), newest(site, device="old")) == ("°C", 21.0)
    chart = site.samples.history(site.series("old"), begin, site.clock() + 1)
    assert [point.avg for point in chart.points] == [20.0, 20.0, 21.0]
    raw = site.samples.since(site.series("old"), 0)
    assert [one.value for one in raw] == [20.0, 20.0, 21.0]
    assert [one.value for one in site.samples.between(site.series("old"), begin, site.clock() + 1)] == [
        20.0,
        20.0,
        21.0,
    ]
    send(site, 22.0, "°C", device="new")
    assert newest(site, device="old") == 22.0, "and then it changes its unit"
    site.devices.separate("new")
    assert values(site, device="new") == [68.0, 69.8, 71.6]
    assert (unit(site, device="new"), values(site, device="old")) == ("°F", [20.0])


def test_the_owners_unit_holds_for_all_of_a_merged_line(site: Site) -> None:
    send(site, 1000.0, "Wh", device="old")
    send(site, 2000.0, "Wh", device="new")
    site.devices.merge("new", "old")
    site.devices.change_sensor("old", "s", {"own_unit": "kWh"})
    send(site, 3000.0, "Wh", device="new")
    assert (unit(site, device="old"), values(site, device="old")) == ("kWh", [1000.0, 2000.0, 3000.0])
    assert newest(site, device="old") == 3000.0
    site.devices.change_sensor("old", "s", {"own_unit": None})
    assert (unit(site, device="old"), values(site, device="old")) == ("Wh", [1000.0, 2000.0, 3000.0])


def test_averages_of_merged_sensors_are_in_one_unit(site: Site) -> None:
    begin = site.clock() // HOUR * HOUR
    for _ in range(12):
        send(site, 20.0, "°C", device="old")
        send(site, 68.0, "°F", device="new")
        site.clock.forward(HOUR)
    site.devices.merge("new", "old")
    site.roll()
    chart = site.samples.history(site.series("old"), begin, begin + 12 * HOUR, 12)
    assert chart.step_s == HOUR
    assert {(point.avg, point.low, point.high) for point in chart.points} == {(20.0, 20.0, 20.0)}


@pytest.mark.parametrize("rolled", [False, True])
def test_a_counter_that_was_replaced_by_one_in_kwh_counts_on(site: Site, rolled: bool) -> None:
    begin = site.clock() // DAY * DAY
    for device, told in (("old", "Wh"), ("new", "kWh")):
        info = SensorInfo(device, "s", unit=told, kind="number", state_class="total_increasing")
        site.put(devices=(DeviceInfo(device),), sensors=(info,))
    for value in (1000.0, 1100.0):
        send(site, value, "Wh", device="old")
    site.devices.merge("new", "old")
    for value in (1.2, 1.35):
        site.clock.forward(HOUR)
        send(site, value, "kWh", device="new")
    if rolled:
        site.clock.forward(2 * HOUR)
        for _ in range(3):
            site.roll()
        assert [round(one.rise, 6) for one in site.stored.rollups([site.ingest.catalog.merged_by_key["new", "s"].sensor.id], 3600, 0, 10**10) if one.rise] == [0.1, 0.15]  # fmt: skip
        site.clock.forward(8 * DAY)
        site.prune()
        site.reopen()
    used = [use.value for use in site.samples.use(site.series("old"), begin, begin + 2 * DAY, "day") if use.value]
    assert sum(used) == pytest.approx(350.0)


def test_sensors_that_measure_something_else_are_not_merged(site: Site) -> None:
    send(site, 20.0, "°C")
    send(site, 100.0, "W", sensor="power")
    with pytest.raises(Conflict, match="W cannot be converted into °C"):
        site.devices.merge_sensors("d", "power", "d", "s")
    assert len(site.devices.sensors("d")) == 2


@pytest.mark.parametrize("restart", [False, True])
def test_a_replacement_that_measures_otherwise_has_its_sensor_beside_the_old_one(site: Site, restart: bool) -> None:
    send(site, 80.0, "%", device="old")
    send(site, 2.9, "V", device="new")
    site.devices.merge("new", "old")
    if restart:
        site.fold()
        site.reopen()
    send(site, 2.8, "V", device="new")
    assert (values(site, device="old"), values(site, "s (V)", "old")) == ([80.0], [2.9, 2.8])
    site.devices.separate("new")
    assert (values(site, device="new"), unit(site, device="new")) == ([2.9, 2.8], "V")


def test_a_sensor_that_comes_back_in_another_unit_joins_its_restored_history(site: Site) -> None:
    send(site, 68.0, "°F")
    site.clock.forward(60)
    site.devices.forget_sensor("d", "s")
    send(site, 21.0, "°C")
    assert (unit(site), values(site)) == ("°C", [21.0])
    site.devices.restore_sensor("d", "s")
    assert (unit(site), values(site)) == ("°F", [68.0, 69.8])
    site.fold()
    site.reopen()
    send(site, 20.0, "°C")
    assert values(site) == [68.0, 69.8, 68.0]


# As real messages tell it


def say(site: Site, decoder: Decoder, topic: str, payload: Any, *, retained: bool = False) -> None:
    site.clock.forward(60)
    raw = payload if isinstance(payload, str) else json.dumps(payload)
    site.decoder.outcomes[topic] = decoder.message(topic, raw.encode(), retained=retained, arrived_at=site.clock())
    site.ingest.deliver(Delivery(topic, b"", retained))


def config(unit: str) -> dict[str, Any]:
    about = {"identifiers": ["b1"], "name": "Boiler"}
    return {
        "name": "Flow",
        "state_topic": "boiler/flow",
        "unit_of_measurement": unit,
        "unique_id": "b1_flow",
        "device": about,
    }


@pytest.mark.parametrize("told_first", [False, True])
def test_discovery_that_comes_after_the_values_tells_their_unit(site: Site, told_first: bool) -> None:
    decoder = Decoder(UTC)
    if told_first:
        say(site, decoder, "homeassistant/sensor/b1/flow/config", config("°F"), retained=True)
    say(site, decoder, "boiler/flow", "140.5")
    say(site, decoder, "homeassistant/sensor/b1/flow/config", config("°F"), retained=True)
    say(site, decoder, "boiler/flow", "141.5")
    (device,) = site.devices.all()
    (sensor,) = site.devices.sensors(device.id)
    assert (sensor.shown_unit, values(site, sensor.sensor, device.id)) == ("°F", [140.5, 141.5])


@pytest.mark.parametrize("units", [("°C", "°F"), ("°F", "°C")])
@pytest.mark.parametrize("forgets", [False, True])
def test_discovery_sent_again_with_another_unit_changes_no_history(
    site: Site, units: tuple[str, str], forgets: bool
) -> None:
    first, second = units
    decoder = Decoder(UTC)
    say(site, decoder, "homeassistant/sensor/b1/flow/config", config(first), retained=True)
    say(site, decoder, "boiler/flow", "50")
    if forgets:
        # after a crash the decoder knows nothing, and what the broker keeps comes in any order
        site.fold()
        site.reopen()
        decoder = Decoder(UTC)
    say(site, decoder, "homeassistant/sensor/b1/flow/config", config(second), retained=True)
    say(site, decoder, "boiler/flow", "10" if second == "°C" else "122")
    (device,) = site.devices.all()
    (sensor,) = site.devices.sensors(device.id)
    assert (sensor.shown_unit, values(site, sensor.sensor, device.id)) == (first, [50.0, 50.0])


def test_a_text_that_names_another_unit_each_time_is_one_line(site: Site) -> None:
    decoder = Decoder(UTC)
    for payload in ("900 W", "1.2 kW", "950 W"):
        say(site, decoder, "plug/load", payload)
    (device,) = site.devices.all()
    (sensor,) = site.devices.sensors(device.id)
    assert (sensor.shown_unit, values(site, sensor.sensor, device.id)) == ("W", [900.0, 1200.0, 950.0])
