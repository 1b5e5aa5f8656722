"""The rules that hold for every ecosystem: numbers, words, units, times, retained, repeats, limits, bad input."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from glance.mqtt.decode import Decoder
from tests.decode_corpus import ARRIVED_AT, one, say

NOW = ARRIVED_AT


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("21.5", 21.5),
        (" 21.5\n", 21.5),
        ("-3", -3.0),
        ("+.5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ('"21.5"', 21.5),
        ("37.00", 37.0),
    ],
)
def test_numbers_are_read_in_every_usual_spelling(text: str, value: float) -> None:
    assert one("lab/node/x", text).value == value


@pytest.mark.parametrize(
    "text",
    [
        "1e400",
        "0000000000",
        "00012345",
        "1de4b1aa00",
        "0x1F2E3D4C5B",
        "12345678901234567890",
        "2026-09-21T10:00:00Z",
        "192.168.1.7",
    ],
)
def test_codes_moments_and_addresses_are_no_values(text: str) -> None:
    assert say(Decoder(UTC), "lab/node/x", text).readings == ()


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("21,5", 21.5, None),
        ("-3,25 °C", -3.25, "°C"),
        ("1.234,5", 1234.5, None),
        ("1,234", 1.234, None),
        ("21.5", 21.5, None),
    ],
)
def test_a_decimal_comma_counts_where_the_owner_says_so(text: str, value: float, unit: str | None) -> None:
    decoder = Decoder(UTC, decimal_comma=True)
    (plain,) = say(decoder, "lab/node/x", text).readings
    (inside,) = say(decoder, "lab/other", {"x": text}).readings
    assert (plain.value, plain.unit, inside.value) == (value, unit, value)


@pytest.mark.parametrize("text", ["21,5", "1.234,5", "1,234.5"])
def test_a_number_with_a_comma_is_refused_otherwise_and_told_how_to_allow_it(text: str) -> None:
    outcome = say(Decoder(UTC), "lab/node/x", text)
    assert outcome.readings == ()
    assert say(Decoder(UTC), "lab/other", {"x": text}).readings == ()
    assert "GLANCE_MQTT_DECIMAL_COMMA" in outcome.sentence


def test_an_english_thousands_mark_is_no_number_with_a_decimal_comma() -> None:
    assert say(Decoder(UTC, decimal_comma=True), "lab/node/x", "1,234.5").readings == ()


@pytest.mark.parametrize(
    "text", ["nan", "NaN", "unavailable", "Unknown", "None", "null", "-", "--", "n/a", "", " ", "inf", "-Infinity"]
)
def test_words_for_nothing_are_no_value(text: str) -> None:
    outcome = say(Decoder(UTC), "lab/node/x", text)
    assert outcome.readings == ()
    assert outcome.verdict == "meta"


@pytest.mark.parametrize(
    "payload",
    [
        '{"a": NaN, "b": 1}',
        '{"a": Infinity, "b": 1}',
        '{"a": -Infinity, "b": 1}',
        '{"a": 1e400, "b": 1}',
        '{"a": 1' + "0" * 400 + ', "b": 1}',
    ],
)
def test_numbers_that_are_not_finite_are_left_out_and_the_others_stay(payload: str) -> None:
    assert one("lab/node/x", payload).sensor == "b"


def test_on_and_off_are_booleans_with_their_word() -> None:
    reading = one("lab/lamp/power", "OFF")
    assert (reading.value, reading.kind, reading.label) == (False, "boolean", "OFF")
    assert one("lab/lamp/x", {"relay": True}).label == "true"


def test_one_and_zero_stay_numbers_unless_declared() -> None:
    assert one("lab/lamp/relay", "1").kind == "number"


def test_off_is_a_word_where_the_series_has_held_other_words() -> None:
    decoder = Decoder(UTC)
    assert say(decoder, "ac/livingroom/fan", "off").readings[0].kind == "boolean"
    assert say(decoder, "ac/livingroom/fan", "heat").readings[0].value == "heat"
    again = say(decoder, "ac/livingroom/fan", "off").readings[0]
    assert (again.value, again.kind) == ("off", "enum")


def test_a_series_of_ever_new_words_becomes_text() -> None:
    decoder = Decoder(UTC)
    kinds = [say(decoder, "x/y/word", f"w{i}x").readings[0].kind for i in range(30)]
    assert kinds[0] == "enum"
    assert kinds[-1] == "text"


def test_a_sensor_may_change_its_type() -> None:
    decoder = Decoder(UTC)
    kinds = [say(decoder, "x/y/z", payload).readings[0].kind for payload in ("21", "open", "22", "true")]
    assert kinds == ["number", "enum", "number", "enum"]


def test_actions_are_events_and_their_reset_is_nothing() -> None:
    assert one("zigbee2mqtt/knopf", {"action": "single"}).kind == "event"
    assert say(Decoder(UTC), "zigbee2mqtt/knopf", {"action": ""}).readings == ()
    assert say(Decoder(UTC), "zigbee2mqtt/knopf", {"action": None}).readings == ()


@pytest.mark.parametrize(
    ("payload", "unit"),
    [
        ({"temperature_C": 1}, "°C"), ({"battery_mV": 1}, "mV"), ({"wind_avg_km_h": 1}, "km/h"), ({"rain_mm": 1}, "mm"),
        ({"humidity": 1}, "%"), ({"co2": 400}, "ppm"), ({"rssi": -60}, "dBm"), ({"temperature": 20}, None),
        ({"temperature": 20, "temperature_unit": "F"}, "°F"), ({"voltage": 3005}, "mV"), ({"voltage": 231}, "V"),
        ({"t": {"value": 3, "unit": "\u2126"}}, "Ω"), ({"t": {"value": 3, "unit": "\u03bcg/m3"}}, "µg/m³"), ({"l": {"value": 3, "unit": "lux"}}, "lx"),
        ({"hepa_a": 3}, None), ({"battery": 3.7}, None), ({"battery": 87}, "%"), ({"pm25 (µg/m³)": 3}, "µg/m³"),
        ({"value": 5.3, "unit": "&deg;C"}, "°C"), ({"humidityPct": 44}, "%"), ({"batteryV": 3.01}, "V"), ({"phaseA": 1}, None),
        ({"energyKwh": 2}, "kWh"), ({"wind_speed_ms": 4.2}, "m/s"), ({"reply_ms": 4.2}, "ms"), ({"l1_voltage": 231}, "V"),
        ({"overvoltage": 1}, None), ({"soil-moisture": 31}, "%"),
    ],
)  # fmt: skip
def test_units_come_from_a_sibling_a_suffix_or_a_name_and_are_never_guessed_for_temperature(
    payload: dict[str, Any], unit: str | None
) -> None:
    assert one("lab/node/x", payload).unit == unit


@pytest.mark.parametrize(
    ("rows", "sensors"),
    [
        ([{"name": "sda", "temp_c": 34}, {"name": "sdb", "temp_c": 37}], {"x.sda.temp_c": 34, "x.sdb.temp_c": 37}),
        ([{"name": "t", "value": 3.5, "unit": "C"}, {"name": "h", "value": 44}], {"x.t": 3.5, "x.h": 44}),
        ([{"name": "sda", "temp_c": 34}], {"x.sda.temp_c": 34}),
        ([{"value": 0.2, "unit": "kW"}], {"x": 0.2}),
        ([{"power": 212}], {}),
        ([{"power": 212}, {"power": 31}], {"x.0.power": 212, "x.1.power": 31}),
        ([{"power": 212}, {"power": 31, "more": 1}], {}),
        ([{"ts": NOW, "n": 1}, {"ts": NOW, "n": 2}], {}),
        ([{"id": 1, "on": True}, {"id": 2, "on": False}], {}),
        ([{"power": place} for place in range(9)], {}),
    ],
)
def test_a_short_list_of_objects_is_read_by_its_names_or_places_and_a_list_of_entries_is_not(
    rows: list[dict[str, Any]], sensors: dict[str, float]
) -> None:
    readings = say(Decoder(UTC), "lab/node/y", {"x": rows}).readings
    assert {reading.sensor: reading.value for reading in readings} == sensors


def test_a_raw_value_beside_a_corrected_one_is_no_point_of_its_line_and_alone_it_is_the_value() -> None:
    decoder = Decoder(UTC)
    assert say(decoder, "watermeter/main/value", "523.45").readings
    assert say(decoder, "watermeter/main/raw", "00523.45").readings == ()
    assert say(decoder, "vzlogger/chn0/raw", "412.3").readings[0].value == 412.3


@pytest.mark.parametrize(
    "stamp",
    [
        NOW - 60,
        (NOW - 60) * 1000,
        str(int(NOW - 60)),
        "2026-09-21T14:12:20Z",
        "2026-09-21T16:12:20+02:00",
        "2026-09-21 14:12:20",
        "2026-09-21T14:12:20.000+00:00",
    ],
)
def test_times_are_read_in_every_form(stamp: Any) -> None:
    assert one("lab/node/x", {"v": 1, "timestamp": stamp}).at == NOW - 60


@pytest.mark.parametrize(
    "stamp",
    [
        0,
        12345,
        "1970-01-01T00:01:00Z",
        "2099-01-01T00:00:00Z",
        NOW + 600,
        NOW - 2 * 86400,
        "@0.07s",
        "soon",
        4102444800,
    ],
)
def test_a_time_that_cannot_be_believed_leaves_the_time_of_arrival(stamp: Any) -> None:
    assert one("lab/node/x", {"v": 1, "time": stamp}).at is None


def test_a_clock_of_1970_or_2099_is_told_to_the_owner() -> None:
    for stamp in ("1970-01-01T00:01:00Z", "2099-01-01T00:00:00Z"):
        outcome = say(Decoder(UTC), "lab/node/x", {"v": 1, "time": stamp})
        assert outcome.readings[0].refused_at is not None
        assert "clock" in outcome.sentence


def test_a_retained_value_may_be_old_and_is_marked() -> None:
    reading = one("lab/node/x", {"v": 1, "time": NOW - 30 * 86400}, retained=True)
    assert reading.retained
    assert reading.at == NOW - 30 * 86400


def test_the_same_value_on_another_topic_within_two_seconds_is_a_repeat() -> None:
    decoder = Decoder(UTC)
    first = say(decoder, "stat/plug/RESULT", {"POWER": "ON"})
    second = say(decoder, "stat/plug/POWER", "ON", at=NOW + 0.1)
    third = say(decoder, "stat/plug/POWER", "ON", at=NOW + 5)
    assert [o.readings[0].repeat for o in (first, second, third)] == [False, True, False]
    assert first.readings[0].device == second.readings[0].device


def test_readings_with_times_of_their_own_are_no_repeats() -> None:
    decoder = Decoder(UTC)
    say(decoder, "a/x", {"device_id": "d", "sensor_type": "t", "value": 1, "timestamp": NOW - 10})
    assert (
        not say(decoder, "b/x", {"device_id": "d", "sensor_type": "t", "value": 1, "timestamp": NOW - 5})
        .readings[0]
        .repeat
    )


def test_a_radio_packet_heard_twice_is_one() -> None:
    decoder = Decoder(UTC)
    packet = {"time": "2026-09-21 14:13:20", "model": "Nexus-TH", "id": 5, "temperature_C": 3.5, "mic": "CRC"}
    assert len(say(decoder, "rtl_433/pi/events", packet).readings) == 1
    assert say(decoder, "rtl_433/pi/events", packet, at=NOW + 0.3).readings == ()
    assert len(say(decoder, "rtl_433/pi/events", packet, at=NOW + 30).readings) == 1


def test_the_code_of_a_lock_is_never_a_reading() -> None:
    users = {"1": {"status": "enabled", "pin_code": "1234"}}
    outcome = say(Decoder(UTC), "zigbee2mqtt/Door", {"users": users, "battery": 50, "last_used_pin_code": "1234"})
    assert "1234" not in str([reading.value for reading in outcome.readings])
    assert [(r.sensor, r.value) for r in outcome.readings] == [("users.1.status", "enabled"), ("battery", 50)]


def test_a_sign_of_life_may_bring_figures_along() -> None:
    outcome = say(Decoder(UTC), "shed/esp/status", {"status": "online", "rssi": -71, "ip": "10.0.0.4"})
    assert [(said.subject, said.state) for said in outcome.liveness] == [("shed/esp", "online")]
    assert [(r.device, r.sensor, r.value, r.unit) for r in outcome.readings] == [("shed/esp", "rssi", -71, "dBm")]
    assert outcome.verdict == "reading"
    alone = say(Decoder(UTC), "printer/moonraker/status", {"server": "offline"})
    assert (alone.verdict, alone.readings, alone.liveness[0].state) == ("liveness", (), "offline")


@pytest.mark.parametrize(
    ("value", "unit"), [(88, "%"), (2977, "mV"), (3.01, None), (0.5, None), (3, "%"), (140, None), (100, "%")]
)
def test_a_battery_told_by_its_voltage_has_no_per_cent(value: float, unit: str | None) -> None:
    assert one("shed/tag/data", {"battery": value}).unit == unit


def test_an_answer_to_a_command_is_no_reading() -> None:
    for topic in ("shed/esp/ack", "shed/esp/response"):
        outcome = say(Decoder(UTC), topic, {"ok": True})
        assert (outcome.readings, outcome.verdict) == ((), "meta")


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("lab/anything", {"device_id": "derived", "sensor_type": "power", "value": 1}),
        ("lab/anything", {"device_id": " derived ", "readings": [{"sensor_type": "power", "value": 1}]}),
        ("derived/power", "21.5"),
        ("derived", {"power": 21.5}),
    ],
)
def test_nobody_speaks_for_the_device_of_derived_values(topic: str, payload: Any) -> None:
    found = say(Decoder(UTC), topic, payload)
    assert (found.readings, found.devices, found.sensors, found.liveness) == ((), (), (), ())
    assert "derived" in found.sentence
