"""Who is who: renamed devices, declarations that come late, and what is kept for the next start."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest

from glance.mqtt.decode import Decoder
from glance.mqtt.readings import Liveness, Outcome, Removed
from tests.decode_corpus import ARRIVED_AT, lines

NOW = ARRIVED_AT
IEEE = "0x00158d0001020304"


def say(decoder: Decoder, topic: str, payload: Any, *, retained: bool = False) -> Outcome:
    raw = payload if isinstance(payload, str) else json.dumps(payload)
    return decoder.message(topic, raw.encode(), retained=retained, arrived_at=NOW)


def bridge_devices(name: str, ieee: str = IEEE) -> list[dict[str, Any]]:
    exposes = [
        {"type": "numeric", "property": "temperature", "unit": "°F", "access": 1, "label": "Temperature"},
        {"type": "binary", "property": "child_lock", "value_on": "LOCK", "value_off": "UNLOCK", "access": 7},
        {
            "type": "climate",
            "features": [{"type": "enum", "property": "system_mode", "values": ["off", "heat"], "access": 7}],
        },
        {"type": "enum", "property": "identify", "values": ["identify"], "access": 2},
    ]
    return [
        {
            "ieee_address": ieee,
            "friendly_name": name,
            "type": "EndDevice",
            "definition": {"model": "X1", "vendor": "Aqara", "exposes": exposes},
        }
    ]


def test_a_zigbee_device_keeps_its_series_when_it_is_renamed() -> None:
    decoder = Decoder(UTC)
    say(decoder, "zigbee2mqtt/bridge/devices", bridge_devices("alt"), retained=True)
    before = say(decoder, "zigbee2mqtt/alt", {"temperature": 70}).readings[0]
    say(decoder, "zigbee2mqtt/bridge/devices", bridge_devices("neu"), retained=True)
    after = say(decoder, "zigbee2mqtt/neu", {"temperature": 71}).readings[0]
    assert before.device == after.device == IEEE


def test_a_zigbee_device_seen_before_its_declaration_keeps_its_series_too() -> None:
    decoder = Decoder(UTC)
    before = say(decoder, "zigbee2mqtt/alt", {"temperature": 70}, retained=True).readings[0]
    say(decoder, "zigbee2mqtt/bridge/devices", bridge_devices("alt"), retained=True)
    say(decoder, "zigbee2mqtt/bridge/devices", bridge_devices("neu"), retained=True)
    after = say(decoder, "zigbee2mqtt/neu", {"temperature": 71}).readings[0]
    assert before.device == after.device


def test_a_name_that_another_zigbee_device_takes_over_is_another_series() -> None:
    decoder = Decoder(UTC)
    first = say(decoder, "zigbee2mqtt/flur", {"temperature": 70}).readings[0]
    say(decoder, "zigbee2mqtt/bridge/devices", bridge_devices("flur"), retained=True)
    say(decoder, "zigbee2mqtt/bridge/devices", bridge_devices("keller") + bridge_devices("flur", "0x2"), retained=True)
    assert say(decoder, "zigbee2mqtt/flur", {"temperature": 71}).readings[0].device == "0x2"
    assert say(decoder, "zigbee2mqtt/keller", {"temperature": 71}).readings[0].device == first.device


def group(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "friendly_name": name, "members": [{"ieee_address": IEEE, "endpoint": 1}], "scenes": []}


@pytest.mark.parametrize("restarted", [False, True])
def test_a_zigbee_group_that_is_taken_away_is_removed_and_comes_back_when_it_is_made_again(restarted: bool) -> None:
    decoder = Decoder(UTC)
    say(decoder, "zigbee2mqtt/bridge/groups", [group(1, "upstairs"), group(2, "garden")], retained=True)
    assert say(decoder, "zigbee2mqtt/garden", {"state": "ON"}).readings[0].device == "garden"
    if restarted:
        kept, decoder = decoder.snapshot(), Decoder(UTC)
        decoder.remember(kept)
    gone = say(decoder, "zigbee2mqtt/bridge/groups", [group(1, "upstairs")], retained=True)
    assert gone.removed == (Removed("garden", None),)
    assert say(decoder, "zigbee2mqtt/bridge/groups", [group(1, "upstairs")], retained=True).removed == ()
    back = say(decoder, "zigbee2mqtt/bridge/groups", [group(1, "upstairs"), group(2, "garden")], retained=True)
    assert [(info.device, info.model) for info in back.devices] == [("garden", "Group")]


def test_taking_the_last_zigbee_group_away_leaves_the_devices_of_the_bridge() -> None:
    decoder = Decoder(UTC)
    say(decoder, "zigbee2mqtt/bridge/devices", bridge_devices("trv"), retained=True)
    say(decoder, "zigbee2mqtt/bridge/groups", [group(1, "upstairs")], retained=True)
    assert say(decoder, "zigbee2mqtt/bridge/groups", [], retained=True).removed == (Removed("upstairs", None),)


def test_a_zigbee_declaration_decides_unit_words_and_what_is_never_published() -> None:
    decoder = Decoder(UTC)
    outcome = say(decoder, "zigbee2mqtt/bridge/devices", bridge_devices("trv"), retained=True)
    assert {info.sensor for info in outcome.sensors} == {"temperature", "child_lock", "system_mode"}
    assert (outcome.devices[0].maker, outcome.devices[0].model, outcome.devices[0].name) == ("Aqara", "X1", "trv")
    readings = {
        r.sensor: r
        for r in say(
            decoder, "zigbee2mqtt/trv", {"temperature": 70, "child_lock": "LOCK", "system_mode": "off"}
        ).readings
    }
    assert readings["temperature"].unit == "°F"
    assert (readings["child_lock"].value, readings["child_lock"].label) == (True, "LOCK")
    assert readings["system_mode"].value == "off"


def test_a_zigbee_device_hangs_on_its_bridge() -> None:
    decoder = Decoder(UTC)
    outcome = say(decoder, "zigbee2mqtt/trv", {"temperature": 20})
    assert [(b.device, b.bridge) for b in outcome.bridged] == [("trv", "zigbee2mqtt/bridge")]
    assert say(decoder, "zigbee2mqtt/bridge/state", "offline").liveness == (
        Liveness("zigbee2mqtt/bridge", "offline", True, False),
    )


def test_attribute_topics_and_json_are_the_same_series() -> None:
    decoder = Decoder(UTC)
    whole = {
        (r.device, r.sensor)
        for r in say(
            decoder, "zigbee2mqtt/l", {"color": {"x": 0.1}, "brightness": 3, "update": {"state": "idle"}}
        ).readings
    }
    parts = {
        (r.device, r.sensor)
        for key, value in (("color-x", "0.1"), ("brightness", "3"), ("update-state", "idle"))
        for r in say(decoder, f"zigbee2mqtt/l/{key}", value).readings
    }
    assert whole == parts


def test_two_bridges_with_equal_names_are_two_devices() -> None:
    decoder = Decoder(UTC)
    say(decoder, "eg/z2m/bridge/state", "online")
    say(decoder, "og/z2m/bridge/state", "online")
    devices = {say(decoder, f"{base}/z2m/flur", {"temperature": 20}).readings[0].device for base in ("eg", "og")}
    assert len(devices) == 2


def test_a_shelly_says_the_same_on_both_of_its_topics() -> None:
    decoder = Decoder(UTC)
    one = say(decoder, "keller/status/switch:0", {"id": 0, "output": True, "apower": 3.5}).readings
    two = say(
        decoder,
        "keller/events/rpc",
        {"src": "shellyplus1-a", "method": "NotifyStatus", "params": {"ts": NOW, "switch:0": {"id": 0, "apower": 3.5}}},
    ).readings
    assert (one[1].device, one[1].sensor) == (two[0].device, two[0].sensor)
    assert two[0].repeat


def test_a_sleeping_device_is_asleep_and_not_offline() -> None:
    assert say(Decoder(UTC), "homie/esp/$state", "sleeping").liveness[0].state == "asleep"


def test_tasmota_tells_its_own_last_will_words() -> None:
    decoder = Decoder(UTC)
    say(
        decoder,
        "tasmota/discovery/AABBCC/config",
        {"t": "plug", "ft": "%prefix%/%topic%/", "dn": "Plug", "fn": ["Lamp"], "rl": [1], "onln": "Da", "ofln": "Weg"},
        retained=True,
    )
    assert say(decoder, "tele/plug/LWT", "Weg", retained=True).liveness[0].state == "offline"
    assert say(decoder, "tele/plug/LWT", "Da", retained=True).liveness[0].state == "online"


def test_what_was_learned_survives_a_restart() -> None:
    decoder = Decoder(UTC)
    for line in lines():
        if line["kind"] == "discovery":
            say(decoder, line["topic"], line["payload"], retained=True)
    say(decoder, "zigbee2mqtt/bridge/devices", bridge_devices("alt"), retained=True)
    say(decoder, "zigbee2mqtt/bridge/devices", bridge_devices("neu"), retained=True)
    say(decoder, "ac/room/fan", "heat")

    later = Decoder(UTC)
    later.remember(decoder.snapshot())

    def told(which: Decoder) -> list[tuple[Any, ...]]:
        messages = [("zigbee2mqtt/neu", {"temperature": 70}), ("multi/state", {"temperature": 1}), ("ac/room/fan", "off"), ("ems-esp/boiler_data_ww", {"ww3wayvalve": "on"}),
                    ("homie/5/super-car/engine/temperature", "21.5"), ("tele/workshop_plug/SENSOR", {"ENERGY": {"Power": 3}})]  # fmt: skip
        return [
            (r.device, r.sensor, r.value, r.unit, r.kind)
            for topic, payload in messages
            for r in say(which, topic, payload).readings
        ]

    assert told(later) == told(decoder)
    assert told(later)[0][:2] == (IEEE, "temperature")


def test_a_snapshot_that_cannot_be_read_is_left_alone() -> None:
    for broken in ("", "{", "[]", '{"same": 1}', '{"same": {}, "declarations": [], "words": {}}'):
        decoder = Decoder(UTC)
        decoder.remember(broken)
        assert say(decoder, "a/b", "1").readings


def test_device_and_room_are_told_once_and_again_when_they_change() -> None:
    decoder = Decoder(UTC)
    first = say(decoder, "roof", {"device_id": "r1", "location": "roof", "temperature_C": 3})
    assert (first.devices[0].device, first.devices[0].room) == ("r1", "roof")
    assert say(decoder, "roof", {"device_id": "r1", "location": "roof", "temperature_C": 4}).devices == ()
    assert (
        say(decoder, "roof", {"device_id": "r1", "location": "cellar", "temperature_C": 4}).devices[0].room == "cellar"
    )


def test_a_clock_that_is_behind_does_not_put_news_before_what_another_topic_told_without_a_time() -> None:
    decoder = Decoder(UTC)

    def event(power: float, behind_s: float) -> Outcome:
        params = {"ts": NOW - behind_s, "switch:0": {"id": 0, "apower": power}}
        told = {"src": "shellyplus1-a", "method": "NotifyStatus", "params": params}
        return say(decoder, "shellyplus1-a/events/rpc", told)

    assert event(1.0, 0.5).readings[0].at == NOW - 0.5, "nothing else was heard: the time is its own"
    assert say(decoder, "shellyplus1-a/status/switch:0", {"id": 0, "apower": 5.5}).readings[0].at is None
    assert [event(power, behind_s).readings[0].at for power, behind_s in ((6.5, 60), (7.5, 59))] == [None, None]
    assert event(8.5, -1).readings[0].at == NOW + 1


def test_an_entity_that_does_not_name_its_device_leaves_the_name_it_has() -> None:
    decoder = Decoder(UTC)

    def declare(key: str, device: dict[str, str]) -> Outcome:
        config = {"state_topic": f"x/{key}", "unique_id": key, "device": device}
        return say(decoder, f"homeassistant/sensor/{key}/config", config, retained=True)

    assert [info.name for info in declare("a", {"identifiers": "x1"}).devices] == ["x1"]
    assert [info.name for info in declare("b", {"identifiers": "x1", "name": "Garage"}).devices] == ["Garage"]
    assert all(info.name == "Garage" for info in declare("c", {"identifiers": "x1"}).devices)


def test_a_last_will_that_came_first_does_not_hide_the_ecosystem() -> None:
    decoder = Decoder(UTC)
    say(decoder, "shellyplus1-a/online", "true")
    said = say(decoder, "shellyplus1-a/status/switch:0", {"id": 0, "apower": 5.5})
    assert [info.ecosystem for info in said.devices] == ["shelly-gen2"]


def test_json_without_a_reading_makes_no_device() -> None:
    decoder = Decoder(UTC)
    for nothing in ({"a": {"b": {"c": {"d": {"e": 1}}}}}, {"note": "x" * 65}, {"ip": "10.0.0.1"}):
        assert say(decoder, "app/status_page", nothing).devices == ()
    said = say(decoder, "app/status_page", {"temperature": 20})
    assert [info.device for info in said.devices] == [said.readings[0].device]


def test_what_homie_takes_back_is_gone_and_comes_back_described() -> None:
    decoder = Decoder(UTC)
    say(decoder, "homie/esp/$state", "ready")
    say(decoder, "homie/esp/climate/temperature", "21.5")
    gone = say(decoder, "homie/esp/climate/temperature", "")
    assert (gone.verdict, gone.removed) == ("removal", (Removed("esp", "climate/temperature"),))
    gone = say(decoder, "homie/esp/$state", "")
    assert (gone.verdict, gone.removed) == ("removal", (Removed("esp", None),))
    assert say(decoder, "homie/esp/$name", "").removed == ()
    back = say(decoder, "homie/esp/climate/temperature", "20")
    assert [info.device for info in back.devices] == ["esp"]
    assert say(decoder, "lab/x/value", "").verdict == "meta"


def test_the_parts_of_a_composite_zigbee_property_are_called_by_it_too() -> None:
    part = {"type": "numeric", "property": "x", "label": "X", "access": 7}
    colour = {"type": "composite", "property": "color", "label": "Color", "features": [part]}
    listed = bridge_devices("lamp")
    listed[0]["definition"]["exposes"] = [{"type": "light", "features": [colour]}]
    told = say(Decoder(UTC), "zigbee2mqtt/bridge/devices", listed, retained=True).sensors
    assert [(info.sensor, info.name) for info in told] == [("color.x", "Color X")]


@pytest.mark.parametrize(
    ("topic", "payload", "name"),
    [
        ("evcc/loadpoints/1/chargePower", "7200", "evcc charging point 1"),
        ("evcc/site/gridPower", "-20", "evcc site"),
        ("teslamate/cars/1/odometer", "1000", "Tesla 1"),
        ("zwave/5/49/0/Air_temperature", "21", "Node 5"),
        ("ems-esp/boiler_data", {"outdoortemp": 3}, "EMS-ESP boiler"),
        ("solar/dtu/uptime", "5", "OpenDTU gateway"),
        ("solar/ac/power", "5", "Solar, all inverters"),
    ],
)
def test_a_device_without_a_name_is_called_what_it_is(topic: str, payload: Any, name: str) -> None:
    assert [info.name for info in say(Decoder(UTC), topic, payload).devices] == [name]
