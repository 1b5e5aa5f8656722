"""Glance's own form over MQTT, HTTP and websocket: what is taken, and what is refused with a message per field."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest

from glance.errors import Invalid
from glance.mqtt.decode import Decoder
from glance.mqtt.decode.native import MOST_ROWS, parse_body
from tests.decode_corpus import ARRIVED_AT

NOW = ARRIVED_AT
WEEK_S = 7 * 86400.0


def taken(body: Any) -> list[tuple[Any, ...]]:
    return [(r.device, r.sensor, r.value, r.unit, r.at) for r in parse_body(body, now=NOW, oldest_s=WEEK_S, zone=UTC)]


def faults(body: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as raised:
        parse_body(body, now=NOW, oldest_s=WEEK_S, zone=UTC)
    return {error.field: error.message for error in raised.value.errors}


def test_a_single_reading_is_taken() -> None:
    assert taken({"device_id": "g", "sensor_type": "humidity", "value": 50.2, "unit": "%"}) == [
        ("g", "humidity", 50.2, "%", None)
    ]


def test_a_bulk_inherits_device_and_time() -> None:
    body = {
        "device_id": "g",
        "timestamp": NOW - 60,
        "readings": [
            {"sensor_type": "a", "value": 1},
            {"sensor_type": "b", "value": "2", "timestamp": (NOW - 30) * 1000},
        ],
    }
    assert taken(body) == [("g", "a", 1.0, None, NOW - 60), ("g", "b", 2.0, None, NOW - 30)]


def test_booleans_words_and_texts_are_taken() -> None:
    body = {
        "device_id": "g",
        "readings": [
            {"sensor_type": "a", "value": True},
            {"sensor_type": "b", "value": "ON"},
            {"sensor_type": "c", "value": "drift"},
            {"sensor_type": "d", "value": "21 °C"},
        ],
    }
    readings = parse_body(body, now=NOW, oldest_s=WEEK_S)
    assert [(r.value, r.kind) for r in readings] == [
        (True, "boolean"),
        (True, "boolean"),
        ("drift", "enum"),
        (21.0, "number"),
    ]


def test_buffered_readings_may_be_as_old_as_single_samples_are_kept() -> None:
    assert (
        taken({"device_id": "g", "sensor_type": "a", "value": 1, "timestamp": NOW - 6 * 86400})[0][4] == NOW - 6 * 86400
    )
    assert (
        "7 days"
        in faults({"device_id": "g", "sensor_type": "a", "value": 1, "timestamp": NOW - 8 * 86400})["timestamp"]
    )


@pytest.mark.parametrize("stamp", ["1970-01-01T00:00:10Z", "2099-01-01T00:00:00Z", 12345])
def test_a_clock_that_was_never_set_leaves_the_time_of_arrival(stamp: Any) -> None:
    assert taken({"device_id": "g", "sensor_type": "a", "value": 1, "timestamp": stamp})[0][4] is None


@pytest.mark.parametrize("body", [None, 1, "x", [], [{"device_id": "g"}]])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    assert faults(body) == {"": "must be an object."}


def test_each_wrong_field_is_named_with_its_row() -> None:
    rows = [{"sensor_type": "a", "value": None}, {"value": 1}, {"sensor_type": "c", "value": float("nan")}, {"sensor_type": "d", "value": "x" * 65}, 5,
            {"sensor_type": "e", "value": 1, "timestamp": "soon"}, {"sensor_type": "f", "value": [1]}, {"sensor_type": "g", "value": 1, "unit": 5}, {"sensor_type": "h"}]  # fmt: skip
    assert set(faults({"device_id": "g", "readings": rows})) == {
        "readings.0.value", "readings.1.sensor_type", "readings.2.value", "readings.3.value", "readings.4",
        "readings.5.timestamp", "readings.6.value", "readings.7.unit", "readings.8.value",
    }  # fmt: skip


@pytest.mark.parametrize("device", [None, "", " ", "x" * 129, "a\u0007b", 1.5, True, {}])
def test_a_device_needs_a_name_that_can_be_shown(device: Any) -> None:
    assert "device_id" in faults({"device_id": device, "sensor_type": "a", "value": 1})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"device_id": "a\u200db", "sensor_type": "t", "value": 1}, "device_id"),
        ({"device_id": "g", "sensor_type": "a\u200db", "value": 1}, "sensor_type"),
        ({"device_id": "g", "sensor_type": "t", "value": "a\u200db"}, "value"),
    ],
)
def test_a_character_that_nobody_sees_is_named(body: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_body(body, now=NOW, oldest_s=7 * 86_400)
    (fault,) = refused.value.errors
    assert (fault.field, fault.message) == (field, "holds a character that cannot be seen (U+200D); leave it out.")
    outcome = Decoder(UTC).message("glance/x", json.dumps(body).encode(), retained=False, arrived_at=NOW)
    assert (outcome.verdict, "U+200D" in outcome.sentence) == ("invalid", True)


def test_a_fault_of_the_whole_body_is_said_once() -> None:
    assert set(faults({"readings": [{"sensor_type": "a", "value": 1}] * 5})) == {"device_id"}


@pytest.mark.parametrize("rows", [[], [{"sensor_type": "a", "value": 1}] * (MOST_ROWS + 1), 5, None])
def test_the_number_of_rows_is_limited(rows: Any) -> None:
    assert set(faults({"device_id": "g", "readings": rows})) == {"readings"}


def test_what_was_sent_is_never_repeated_in_a_message() -> None:
    assert "geheim" not in str(faults({"device_id": "g", "sensor_type": "geheim" * 30, "value": "geheim" * 30}))


def test_over_mqtt_the_same_form_is_taken_and_wrong_rows_are_named() -> None:
    decoder = Decoder(UTC)

    def say(body: Any, topic: str = "glance/greenhouse") -> Any:
        return decoder.message(topic, json.dumps(body).encode(), retained=False, arrived_at=NOW)

    assert say({"device_id": "g", "sensor_type": "humidity", "value": 50.2}).readings[0].unit == "%"
    half = say({"device_id": "g", "readings": [{"sensor_type": "a", "value": 1}, {"sensor_type": "b", "value": None}]})
    assert [r.sensor for r in half.readings] == ["a"]
    assert "readings.1.value" in half.sentence
    nothing = say({"device_id": "g", "sensor_type": "a", "value": []})
    assert (nothing.verdict, nothing.readings) == ("invalid", ())
    assert say({"temperature_C": 3}, "glance/shed/out").readings[0].device == "shed"
