"""Bad input: what no sender should publish, and some do."""

from __future__ import annotations

import json
import random
from datetime import UTC
from typing import Any

import pytest

from glance.mqtt.decode import Decoder, memory
from glance.mqtt.decode.body import read
from tests.decode_corpus import lines, one, say


def test_secrets_positions_and_identities_are_never_read() -> None:
    fields = {
        "PASSKEY": "1",
        "password": 2,
        "psk": 3,
        "ssid": 4,
        "lat": 1.5,
        "lon": 2.5,
        "mac": 5,
        "ip": 6,
        "room_id": 7,
        "sequence": 8,
        "t": 9,
    }
    assert one("lab/node/x", fields).sensor == "t"


def test_names_with_html_stay_text_and_control_characters_go() -> None:
    reading = one("<script>alert(1)</script>/x", {"<b>\u0007t</b>": 1})
    assert reading.device == "<script>alert(1)</script>/x"
    assert reading.sensor == "<b> t</b>"


def test_a_payload_of_300_kilobytes_is_not_read() -> None:
    outcome = say(Decoder(UTC), "big/one", b'{"a": 1, "b": "' + b"x" * 300_000 + b'"}')
    assert (outcome.verdict, outcome.readings) == ("ignored", ())
    assert "256 kB" in outcome.sentence


@pytest.mark.parametrize("payload", [b"\x00", b"\x00" * 10, b" \x00\x00 ", b"\r\n\x00"])
def test_nothing_but_the_zeros_of_a_buffer_is_empty(payload: bytes) -> None:
    assert read(payload).form == "empty"


@pytest.mark.parametrize("payload", [b"\xff\xd8\xff\xe0jpeg", b"\x80abc", b"a\x00b\x01"])
def test_bytes_that_are_no_text_are_binary(payload: bytes) -> None:
    assert say(Decoder(UTC), "cam/snap", payload).verdict == "binary"


@pytest.mark.parametrize("payload", ["{" + '"a":{' * 50 + '"b":1' + "}" * 51, "[" * 50 + "]" * 50, "[" * 100_000])
def test_deep_nesting_is_cut_off(payload: str) -> None:
    assert say(Decoder(UTC), "deep/one", payload).readings == ()


@pytest.mark.parametrize(
    ("topic", "device"), [("../temperature", "temperature"), ("..", "mqtt"), ("attic/../temperature", "attic")]
)
def test_no_device_is_named_by_what_a_browser_takes_for_a_step(topic: str, device: str) -> None:
    assert [reading.device for reading in say(Decoder(UTC), topic, "21.5").readings] == [device]
    own = {"device_id": "..", "sensor_type": "temperature", "value": 1}
    assert say(Decoder(UTC), "glance/x", own).readings == ()


def test_only_four_levels_are_read() -> None:
    assert one("a/b", {"1": {"2": {"3": {"4x": 5}}}}).sensor == "1.2.3.4x"
    assert say(Decoder(UTC), "a/b", {"1": {"2": {"3": {"4": {"5x": 5}}}}}).readings == ()


def test_json_that_is_cut_off_is_invalid() -> None:
    outcome = say(Decoder(UTC), "lab/node/x", '{"temperature": 21.5')
    assert (outcome.verdict, outcome.readings) == ("invalid", ())


def test_a_decimal_comma_is_no_number_and_says_so() -> None:
    outcome = say(Decoder(UTC), "lab/node/x", "21,5")
    assert outcome.readings == ()
    assert "comma" in outcome.sentence


def test_a_device_has_at_most_sixty_sensors() -> None:
    outcome = say(Decoder(UTC), "lab/node", {f"s{i}x": i for i in range(100)})
    assert len(outcome.readings) == memory.SERIES_PER_DEVICE
    assert "40 more" in outcome.sentence


def test_arrays_of_up_to_eight_numbers_are_read_by_index() -> None:
    assert [r.sensor for r in say(Decoder(UTC), "a/b", {"x": [1, 2]}).readings] == ["x.0", "x.1"]
    assert say(Decoder(UTC), "a/b", {"x": list(range(9))}).readings == ()


def test_ten_thousand_topics_leave_the_memory_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_SERIES", 500)
    monkeypatch.setattr(memory, "MOST_DEVICES", 300)
    monkeypatch.setattr(memory, "MOST_NAMES", 400)
    decoder = Decoder(UTC)
    for i in range(10_000):
        say(decoder, f"zigbee2mqtt/n{i}", '{"t": 1}')
    kept = decoder._loaded()._memory
    assert (len(kept.series), len(kept.devices), len(kept.same)) == (500, 300, 400)


def test_our_own_topics_are_left_alone() -> None:
    assert say(Decoder(UTC), "glance/status", "online").verdict == "ignored"
    assert say(Decoder(UTC), "glance/refresh/w1", "1").verdict == "ignored"


def test_garbled_messages_of_every_ecosystem_never_raise(caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(7)
    junk: list[Any] = [
        None,
        True,
        -1,
        10**400,
        "",
        "nan",
        "x" * 300,
        [],
        {},
        [{"a": 1}],
        "\ud800",
        [[1]],
        {"": {"": 1}},
        "on",
    ]

    def garbled(value: Any) -> Any:
        if chance.random() < 0.15:
            return chance.choice(junk)
        if isinstance(value, dict):
            return {key if chance.random() > 0.05 else "id": garbled(inner) for key, inner in value.items()}
        return [garbled(inner) for inner in value] if isinstance(value, list) else value

    decoder = Decoder(UTC)
    for line in (lines() + lines("more.jsonl")) * 4:
        try:
            payload = json.dumps(garbled(json.loads(line["payload"])))
        except ValueError:
            payload = line["payload"][: len(line["payload"]) // 2]
        outcome = say(decoder, line["topic"], payload)
        for reading in outcome.readings:
            assert (reading.kind == "number") == isinstance(reading.value, float)
            assert reading.device.encode()
            assert reading.sensor.encode()
    assert not caplog.records
