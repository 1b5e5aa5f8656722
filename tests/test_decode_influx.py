"""Metrics of Telegraf and its like: line protocol and JSON, on any topic."""

from __future__ import annotations

from datetime import UTC

import pytest

from glance.mqtt.decode import Decoder
from tests.decode_corpus import ARRIVED_AT, say


def _read(topic: str, payload: object) -> list[tuple[str, str, object, str | None]]:
    return [(r.device, r.sensor, r.value, r.unit) for r in say(Decoder(UTC), topic, payload).readings]


def test_a_line_is_a_measurement_whose_fields_are_sensors() -> None:
    line = 'disk,host=nas,device=sda1 used_percent=41.5,free=12i,full=f,state="ok, so far" 1789999990000000000'
    assert _read("telegraf/nas/disk", line) == [
        ("telegraf/nas/disk", "sda1.used_percent", 41.5, "%"),
        ("telegraf/nas/disk", "sda1.free", 12.0, None),
        ("telegraf/nas/disk", "sda1.full", False, None),
        ("telegraf/nas/disk", "sda1.state", "ok, so far", None),
    ]


def test_every_line_keeps_its_own_time() -> None:
    lines = (
        "room temperature=21.5 1789999980000000000\nroom temperature=21.6 1789999990000000000\nroom temperature=21.7"
    )
    found = say(Decoder(UTC), "lab", lines).readings
    assert [(r.value, r.at) for r in found] == [(21.5, ARRIVED_AT - 20), (21.6, ARRIVED_AT - 10), (21.7, None)]


def test_the_measurement_is_named_where_the_topic_does_not_tell_it() -> None:
    assert _read("metrics/nas", "mem,host=nas used_percent=41.5") == [("metrics/nas", "mem.used_percent", 41.5, "%")]


def test_escaped_names_are_read_as_they_are_meant() -> None:
    assert _read("metrics", r"my\ room,floor=ground\,\ left air\ temp=21.5") == [
        ("metrics", "my room.ground, left.air temp", 21.5, None)
    ]


def test_telegraf_tells_the_same_as_json() -> None:
    metric = {
        "name": "cpu",
        "tags": {"cpu": "cpu0", "host": "nas"},
        "fields": {"usage_idle": 95.1},
        "timestamp": 1789999990,
    }
    expected = [("telegraf/nas/cpu", "cpu0.usage_idle", 95.1, None)]
    assert _read("telegraf/nas/cpu", metric) == expected
    assert _read("telegraf/nas/cpu", {"metrics": [metric]}) == expected


@pytest.mark.parametrize("text", ["user=anna action=login", "started with level=debug now", "a=1 b=2", "m v=1.2.3x"])
def test_a_sentence_with_an_equals_sign_is_no_metric(text: str) -> None:
    assert [reading[2] for reading in _read("lab/node/note", text)] == [text]


@pytest.mark.parametrize("timestamp", ["soon", "9" * 5000, "<script>", "١٢٣", [], {}])
def test_a_timestamp_that_is_none_costs_the_metric_nothing(timestamp: object) -> None:
    metric = {"name": "mem", "tags": {}, "fields": {"used_percent": 41.5}, "timestamp": timestamp}
    found = say(Decoder(UTC), "metrics/nas", metric).readings
    assert [(r.sensor, r.value, r.at) for r in found] == [("mem.used_percent", 41.5, None)]
