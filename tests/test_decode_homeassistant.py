"""Home Assistant discovery: declarations early and late, changed and withdrawn; availability; value templates."""

from __future__ import annotations

import json
import time
from datetime import UTC
from typing import Any

import pytest

from glance.mqtt.decode import Decoder
from glance.mqtt.decode.templates import Missing, compiled
from glance.mqtt.readings import Outcome, Removed, Renamed
from tests.decode_corpus import ARRIVED_AT, lines

NOW = ARRIVED_AT
TEMPERATURE = {
    "name": "Aussen", "stat_t": "wetter/out", "val_tpl": "{{ value_json.t }}", "unit_of_meas": "°C", "uniq_id": "w_t",
    "dev": {"ids": ["w1"], "name": "Wetter"}, "exp_aft": 120, "sug_dsp_prc": 1, "stat_cla": "measurement",
}  # fmt: skip
CONFIG = "homeassistant/sensor/w/t/config"


def say(decoder: Decoder, topic: str, payload: Any, *, retained: bool = False, at: float = NOW) -> Outcome:
    raw = payload if isinstance(payload, str) else json.dumps(payload)
    return decoder.message(topic, raw.encode(), retained=retained, arrived_at=at)


def test_a_declaration_names_the_sensor_its_unit_and_when_it_expires() -> None:
    outcome = say(Decoder(UTC), CONFIG, TEMPERATURE)
    (info,) = outcome.sensors
    assert (info.device, info.sensor, info.name, info.unit, info.kind) == ("w1", "aussen", "Aussen", "°C", "number")
    assert (info.expire_after_s, info.decimals, info.state_class, info.hidden) == (120.0, 1, "measurement", False)
    assert outcome.devices[0].name == "Wetter"
    assert outcome.readings == ()


def test_values_that_came_before_the_declaration_go_on_under_its_name() -> None:
    decoder = Decoder(UTC)
    early = say(decoder, "wetter/out", {"t": 20.5}, retained=True).readings[0]
    outcome = say(decoder, CONFIG, TEMPERATURE)
    assert outcome.renamed == (Renamed(early.device, "w1", early.sensor, "aussen"), Renamed(early.device, "w1"))
    later = say(decoder, "wetter/out", {"t": 21.5}).readings
    assert [(r.device, r.sensor, r.value, r.unit) for r in later] == [("w1", "aussen", 21.5, "°C")]


def test_what_is_not_declared_of_a_declared_topic_is_let_go() -> None:
    decoder = Decoder(UTC)
    say(decoder, "wetter/out", {"t": 20.5, "boot_count": 3}, retained=True)
    outcome = say(decoder, CONFIG, TEMPERATURE)
    assert outcome.removed == (Removed("wetter", "boot_count"),)
    assert len(outcome.renamed) == 1
    assert [r.sensor for r in say(decoder, "wetter/out", {"t": 21.5, "boot_count": 3}).readings] == ["aussen"]


def test_a_bridge_that_declares_itself_makes_no_empty_device() -> None:
    config = {
        "name": "Version",
        "state_topic": "zigbee2mqtt/bridge/info",
        "value_template": "{{ value_json.version }}",
        "unique_id": "b_v",
        "device": {"identifiers": ["zigbee2mqtt_bridge_0x00"], "name": "Zigbee2MQTT Bridge"},
    }
    outcome = say(Decoder(UTC), "homeassistant/sensor/b/version/config", config)
    assert (outcome.devices, outcome.sensors) == ((), ())


def test_a_state_topic_with_wildcards_finds_its_gateways_sensors() -> None:
    decoder = Decoder(UTC)
    config = {
        "stat_t": "+/+/BTtoMQTT/582D3433AADF",
        "name": "tempc",
        "uniq_id": "582D3433AADF-tempc",
        "dev_cla": "temperature",
        "val_tpl": "{{ value_json.tempc | is_defined }}",
        "unit_of_meas": "°C",
        "device": {"ids": ["582D3433AADF"], "name": "Xiaomi"},
    }
    (info,) = say(decoder, "homeassistant/sensor/582D3433AADF-tempc/config", config).sensors
    reading = say(decoder, "home/OMG/BTtoMQTT/582D3433AADF", {"id": "58:2D:34:33:AA:DF", "tempc": 20.1}).readings[0]
    assert (info.device, info.sensor) == (reading.device, reading.sensor)


def test_the_same_declaration_again_says_nothing_new() -> None:
    decoder = Decoder(UTC)
    say(decoder, CONFIG, TEMPERATURE)
    changes = decoder.changes
    again = say(decoder, CONFIG, TEMPERATURE)
    assert (again.sensors, again.devices, again.verdict) == ((), (), "declaration")
    assert decoder.changes == changes


def test_a_changed_name_keeps_the_series() -> None:
    decoder = Decoder(UTC)
    say(decoder, CONFIG, TEMPERATURE)
    (info,) = say(decoder, CONFIG, {**TEMPERATURE, "name": "Garten"}).sensors
    assert (info.sensor, info.name) == ("aussen", "Garten")


def test_an_empty_payload_withdraws_the_declaration_and_no_more() -> None:
    decoder = Decoder(UTC)
    say(decoder, CONFIG, TEMPERATURE)
    outcome = say(decoder, CONFIG, "", retained=True)
    assert outcome.verdict == "removal"
    assert outcome.removed == (Removed("w1", "aussen"),)


def test_a_component_with_only_its_platform_is_removed_from_its_device() -> None:
    decoder = Decoder(UTC)
    whole = {
        "dev": {"ids": "k1", "name": "Kitchen"}, "o": {"name": "x"}, "state_topic": "k/s",
        "cmps": {"t": {"p": "sensor", "uniq_id": "k_t", "val_tpl": "{{ value_json.t }}"}, "h": {"p": "sensor", "uniq_id": "k_h", "val_tpl": "{{ value_json.h }}"}},
    }  # fmt: skip
    assert len(say(decoder, "homeassistant/device/k/config", whole).sensors) == 2
    whole["cmps"] = {"t": {"p": "sensor", "uniq_id": "k_t", "val_tpl": "{{ value_json.t }}"}, "h": {"p": "sensor"}}
    assert say(decoder, "homeassistant/device/k/config", whole).removed == (Removed("k1", "h"),)
    assert [r.sensor for r in say(decoder, "k/s", {"t": 1, "h": 2}).readings] == ["t"]


@pytest.mark.parametrize(
    ("mode", "states"),
    [
        ("all", ["offline", "online", "offline"]),
        ("any", ["online", "online", "online"]),
        ("latest", ["online", "online", "offline"]),
    ],
)
def test_availability_of_several_topics_follows_its_mode(mode: str, states: list[str]) -> None:
    decoder = Decoder(UTC)
    config = {
        **TEMPERATURE,
        "availability_mode": mode,
        "availability": [{"topic": "gw/up"}, {"topic": "w/up", "value_template": "{{ value_json.state }}"}],
    }
    say(decoder, CONFIG, config)
    say(decoder, "w/up", {"state": "offline"})
    seen = [
        say(decoder, "gw/up", "online"),
        say(decoder, "w/up", {"state": "online"}),
        say(decoder, "gw/up", "offline"),
    ]
    assert [o.liveness[0].state for o in seen] == states
    assert {o.liveness[0].subject for o in seen} == {"w1"}


def test_a_binary_sensor_follows_its_own_words_and_ignores_others() -> None:
    decoder = Decoder(UTC)
    say(
        decoder,
        "homeassistant/binary_sensor/d/config",
        {
            "name": "Tür",
            "state_topic": "d/s",
            "payload_on": 0,
            "payload_off": 1,
            "device_class": "door",
            "unique_id": "d1",
        },
    )
    assert [r.value for r in say(decoder, "d/s", "0").readings] == [True]
    assert [r.value for r in say(decoder, "d/s", "1").readings] == [False]
    assert say(decoder, "d/s", "ON").readings == ()


def test_hidden_is_what_is_disabled_or_diagnostic_but_never_a_battery() -> None:
    decoder = Decoder(UTC)
    assert say(decoder, CONFIG, {**TEMPERATURE, "ent_cat": "diagnostic"}).sensors[0].hidden
    battery = {**TEMPERATURE, "ent_cat": "diagnostic", "dev_cla": "battery", "uniq_id": "w_b", "name": "Akku"}
    assert not say(decoder, "homeassistant/sensor/w/b/config", battery).sensors[0].hidden


def test_zigbee_devices_are_one_device_by_whatever_way_they_are_declared() -> None:
    decoder = Decoder(UTC)
    corpus = {line["id"]: line for line in lines()}
    for name in ("o-154", "o-001"):
        line = corpus[name]
        say(decoder, line["topic"], line["payload"], retained=True)
    readings = say(decoder, "zigbee2mqtt/weather_sensor", {"temperature": 20.1, "humidity": 50}).readings
    assert {(r.device, r.sensor, r.unit) for r in readings} == {
        ("0x0017880104e45522", "temperature", "°C"), ("0x0017880104e45522", "humidity", "%"),
    }  # fmt: skip


def test_an_esphome_node_is_one_device_with_and_without_its_declaration() -> None:
    decoder = Decoder(UTC)
    first = say(decoder, "c3/sensor/druck/state", "1.2").readings[0]
    config = {
        "name": "Druck",
        "state_topic": "c3/sensor/druck/state",
        "unit_of_measurement": "bar",
        "unique_id": "ESPsensordruck",
        "device": {"identifiers": "6055f97b55e0", "name": "C3 Board"},
    }
    outcome = say(decoder, "homeassistant/sensor/c3/druck/config", config)
    second = say(decoder, "c3/sensor/druck/state", "1.3").readings[0]
    assert (first.device, first.sensor) == (second.device, second.sensor)
    assert second.unit == "bar"
    assert outcome.devices[0].name == "C3 Board"
    assert outcome.renamed == ()


def test_a_renamed_esphome_node_keeps_its_device() -> None:
    decoder = Decoder(UTC)
    config = {
        "name": "Druck",
        "state_topic": "alt/sensor/druck/state",
        "unique_id": "u1",
        "device": {"identifiers": "6055f97b55e0", "name": "Alt"},
    }
    say(decoder, "homeassistant/sensor/alt/druck/config", config)
    before = say(decoder, "alt/sensor/druck/state", "1.2").readings[0]
    config["state_topic"] = "neu/sensor/druck/state"
    say(decoder, "homeassistant/sensor/neu/druck/config", config)
    after = say(decoder, "neu/sensor/druck/state", "1.3").readings[0]
    assert (before.device, before.sensor) == (after.device, after.sensor)


def test_a_configuration_of_something_else_is_no_declaration() -> None:
    assert say(Decoder(UTC), "my/sensor/x/config", {"interval": 5}).verdict == "meta"


def test_another_prefix_is_understood_too() -> None:
    assert len(say(Decoder(UTC), "ha/sensor/w/t/config", TEMPERATURE).sensors) == 1


JSON: dict[str, Any] = {"t": "21.46", "n": 4, "a": {"b": [1, 2]}, "on": True, "null": None, "key-x": 7}


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ value_json.t }}", "21.46"), ('{{ value_json["key-x"] }}', 7), ("{{value_json['a']['b'][1]}}", 2),
        ("{{ value_json.t | float }}", 21.46), ("{{ value_json.t | float | round(1) }}", 21.5), ("{{ value_json.n | int }}", 4),
        ("{{ value_json.missing | default(5) }}", 5), ("{{ value }}", "raw"), ("{{ value | upper }}", "RAW"),
        ("{{ value_json.n / 10 }}", "0.4"), ("{{ (float(value_json.t|float) * 3.6) | round(2) }}", "77.26"),
        ("{{ 'ON' if value_json.n == 4 else 'OFF' }}", "ON"), ("{% if value_json.on %}yes{% else %}no{% endif %}", "yes"),
        ("{{ value_json.get('zz', 3) }}", "3"), ("{% set x = value_json.n %}{{ x * 2 }}", "8"),
        ("{% if 'n' in value_json %}{{ value_json.n }}{% endif %}", "4"), ("{{ value_json.on }}", True),
        ("{{ value_json.n | int + 1 }}", "5"), ("{{ value_json.t | replace('.', ',') }}", "21,46"), ("", "raw"),
    ],
)  # fmt: skip
def test_value_templates_give_what_home_assistant_would(template: str, value: Any) -> None:
    assert compiled(template).render("raw", JSON) == value
    assert compiled(template).understood


@pytest.mark.parametrize(
    "template", ["{{ value_json.missing }}", "{{ value_json.a.b.c }}", "{{ value_json.missing.x / 2 }}"]
)
def test_a_key_that_is_not_there_is_no_value(template: str) -> None:
    with pytest.raises((Missing, ValueError)):
        compiled(template).render("raw", JSON)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}", "{{ cycler.__init__ }}", "{{ states('sensor.x') }}", "{{ lipsum() }}", "{{",
        "{% include '/etc/passwd' %}", "{% import 'x.jinja' as x %}", "{% extends 'x' %}", "{% block x %}{% endblock %}", "{{ value.encode() }}",
        "{{ value" + " ~ value" * 1300 + " }}", "{{ " + "(" * 200 + "value" + ")" * 200 + " }}", "x" * 5000, "{{ value | nonsense }}", "{{ value is nonsense }}",
    ],
)  # fmt: skip
def test_what_reaches_out_or_is_too_long_is_not_understood(template: str) -> None:
    assert not compiled(template).understood


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(10**9) %}x{% endfor %}", "{{ self }}{% macro x() %}{% endmacro %}", "{{ 99 ** 99 ** 99 }}", "{{ '{0.__class__}'.format(1) }}",
        "{% set a = 'xxxxxxxx' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}", "{{ value | map('x') }}",
        "{{ 'a' * 1000000000 }}", "{{ ('%9999999999d' % 1) }}", "{% set a = [1] %}" + "{% set a = a + a %}" * 20 + "{{ a }}",
        "{{ 'aaaa'" + " | replace('a', 'aaaaaaaa')" * 12 + " }}", "{% set a = 999999999999999 %}" + "{% set a = a * a %}" * 20 + "{{ a }}",
    ],
)  # fmt: skip
def test_a_template_that_would_grow_without_end_fails_at_once(template: str) -> None:
    began = time.perf_counter()
    with pytest.raises(ValueError):
        compiled(template).render("raw", JSON)
    assert time.perf_counter() - began < 10


def test_a_template_that_is_not_understood_is_told_and_a_plain_value_stands() -> None:
    decoder = Decoder(UTC)
    say(decoder, CONFIG, {**TEMPERATURE, "val_tpl": "{{ states('x') }}"})
    assert "template" in say(decoder, "wetter/out", {"t": 1}).sentence
    assert say(decoder, "wetter/out", "19.5").readings[0].value == 19.5
