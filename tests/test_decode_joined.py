"""What belongs to one device though it comes on several topics, and what leaves it again."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from glance.mqtt.decode import Decoder
from glance.mqtt.readings import Outcome, Removed, Renamed
from tests.decode_corpus import ARRIVED_AT as NOW
from tests.decode_corpus import say

LAMP = "home/livingroom/lamp"


def told(outcome: Outcome) -> list[tuple[str, str, Any]]:
    return [(r.device, r.sensor, r.value) for r in outcome.readings]


def test_a_value_alone_on_its_state_topic_is_a_sensor_of_the_room() -> None:
    assert told(say(Decoder(UTC), "home/kitchen/temperature/state", "21.5")) == [("kitchen", "temperature", 21.5)]


@pytest.mark.parametrize(
    ("topic", "payload"), [("brightness", "120"), ("availability", "online"), ("power/current", "3")]
)
def test_a_lamp_that_tells_more_than_its_state_is_one_device(topic: str, payload: str) -> None:
    decoder = Decoder(UTC)
    assert told(say(decoder, f"{LAMP}/state", "ON")) == [("livingroom", "lamp", True)]
    more = say(decoder, f"{LAMP}/{topic}", payload)
    later = say(decoder, f"{LAMP}/state", "OFF")
    if topic == "power/current":
        # Of something below the lamp, not of the lamp.
        assert told(later) == [("livingroom", "lamp", False)]
        return
    assert more.renamed == (Renamed("livingroom", "livingroom/lamp", "lamp", "state"),)
    assert more.removed == (Removed("livingroom", None),)
    assert told(later) == [("livingroom/lamp", "state", False)]
    assert later.renamed == ()


def test_in_whatever_order_the_topics_of_a_lamp_come_they_are_the_same_series() -> None:
    one, two = Decoder(UTC), Decoder(UTC)
    for decoder, order in ((one, ("state", "brightness")), (two, ("brightness", "state"))):
        for topic in order:
            say(decoder, f"{LAMP}/{topic}", "1")
    assert [told(say(d, f"{LAMP}/{topic}", "2")) for d in (one, two) for topic in ("state", "brightness")] == [
        [("livingroom/lamp", "state", 2.0)], [("livingroom/lamp", "brightness", 2.0)],
    ] * 2  # fmt: skip


def test_a_lamp_is_still_one_device_after_a_restart() -> None:
    decoder = Decoder(UTC)
    say(decoder, f"{LAMP}/state", "ON")
    say(decoder, f"{LAMP}/brightness", "120")
    later = Decoder(UTC)
    later.remember(decoder.snapshot())
    assert told(say(later, f"{LAMP}/state", "OFF")) == [("livingroom/lamp", "state", False)]


def test_other_values_of_the_room_stay_with_the_room() -> None:
    decoder = Decoder(UTC)
    say(decoder, "home/livingroom/temperature", "21")
    say(decoder, f"{LAMP}/state", "ON")
    moved = say(decoder, f"{LAMP}/brightness", "9")
    assert moved.removed == ()
    assert told(say(decoder, "home/livingroom/temperature", "22")) == [("livingroom", "temperature", 22.0)]


def bridge(*names: str) -> list[dict[str, Any]]:
    exposes = [{"type": "numeric", "property": "temperature", "unit": "°C", "access": 1}]
    return [
        {"ieee_address": f"0x{name}", "friendly_name": name, "type": "EndDevice", "definition": {"model": "M", "vendor": "V", "exposes": exposes}}
        for name in names
    ]  # fmt: skip


def test_a_zigbee_device_that_left_the_network_is_told_as_removed_and_again_when_it_is_back() -> None:
    decoder = Decoder(UTC)
    say(decoder, "zigbee2mqtt/bridge/devices", bridge("a", "b"), retained=True)
    assert say(decoder, "zigbee2mqtt/bridge/devices", bridge("a"), retained=True).removed == (Removed("0xb", None),)
    assert say(decoder, "zigbee2mqtt/bridge/devices", bridge("a"), retained=True).removed == ()
    back = say(decoder, "zigbee2mqtt/bridge/devices", bridge("a", "b"), retained=True)
    assert [info.device for info in back.devices] == ["0xb"]


def test_a_zigbee_device_that_is_renamed_is_not_removed() -> None:
    decoder = Decoder(UTC)
    say(decoder, "zigbee2mqtt/bridge/devices", bridge("a"), retained=True)
    renamed = bridge("a")
    renamed[0]["friendly_name"] = "cellar/a"
    outcome = say(decoder, "zigbee2mqtt/bridge/devices", renamed, retained=True)
    assert outcome.removed == ()
    assert [(info.device, info.name) for info in outcome.devices] == [("0xa", "cellar/a")]
    assert told(say(decoder, "zigbee2mqtt/cellar/a", {"temperature": 5})) == [("0xa", "temperature", 5.0)]


def test_lights_that_other_programs_declare_on_topics_like_esphomes_are_devices_of_their_own() -> None:
    decoder = Decoder(UTC)
    for number in (14, 15):
        config = {
            "state_topic": f"gv2mqtt/light/{number}/state", "schema": "json", "unique_id": f"gv-{number}", "name": "Light",
            "device": {"identifiers": [f"gv-{number}"], "name": f"Strip {number}", "manufacturer": "Govee"},
        }  # fmt: skip
        say(decoder, f"homeassistant/light/gv-{number}/config", config, retained=True)
    said = [say(decoder, f"gv2mqtt/light/{number}/state", {"state": "ON"}) for number in (14, 15)]
    assert [told(one) for one in said] == [[("gv-14", "light.state", True)], [("gv-15", "light.state", True)]]


def test_a_phone_is_offline_by_its_will_and_back_with_its_next_place() -> None:
    decoder = Decoder(UTC)
    gone = say(decoder, "owntracks/anna/phone", {"_type": "lwt", "tst": NOW})
    back = say(decoder, "owntracks/anna/phone", {"_type": "location", "batt": 80, "tst": NOW, "lat": 1.0, "lon": 2.0})
    assert [outcome.liveness[0].state for outcome in (gone, back)] == ["offline", "online"]
    assert told(back) == [("anna/phone", "batt", 80.0)]
    assert back.verdict == "reading"


def test_the_first_place_after_a_start_says_that_a_phone_is_there_and_a_kept_one_does_not() -> None:
    # a fresh decoder knows of no will, and the will that came before the restart is still what is known of the phone
    decoder, place = Decoder(UTC), {"_type": "location", "batt": 80, "tst": NOW, "lat": 1.0, "lon": 2.0}
    said = [say(decoder, "owntracks/anna/phone", place, retained=retained) for retained in (True, False, False)]
    assert [[each.state for each in outcome.liveness] for outcome in said] == [[], ["online"], []]
    assert [outcome.verdict for outcome in said] == ["reading"] * 3


def test_two_relays_that_hear_one_shelly_blu_make_one_series() -> None:
    decoder = Decoder(UTC)
    heard = {
        "component": "script:1",
        "id": 1,
        "event": "shelly-blu",
        "data": {"BTHome_version": 2, "encryption": False, "battery": 90, "address": "bc:02:6e:c3:1a:2b"},
    }
    said = [
        say(decoder, f"{relay}/events/rpc", {"src": relay, "method": "NotifyEvent", "params": {"ts": NOW, "events": [heard]}})
        for relay in ("shellyplus1-a", "shellyplus1-b")
    ]  # fmt: skip
    assert [told(one) for one in said] == [[("bc026ec31a2b", "battery", 90.0)]] * 2
    assert [one.readings[0].repeat for one in said] == [False, True]


def test_the_same_words_in_a_selection_may_look_like_numbers_or_like_nothing() -> None:
    decoder = Decoder(UTC)
    config = {
        "state_topic": "x/level",
        "options": ["1", "2", "none"],
        "unique_id": "x",
        "name": "Level",
        "device": {"identifiers": ["x"]},
    }
    say(decoder, "homeassistant/select/x/config", config)
    assert [told(say(decoder, "x/level", word)) for word in ("1", "none", "unknown")] == [
        [("x", "level", "1")],
        [("x", "level", "none")],
        [],
    ]
