"""Home Assistant discovery beyond a sensor and its value: what goes off by itself, moves to another declaration, or holds no state."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from glance.ingest import Delivery, Ingest, Keeping
from glance.live import Hub
from glance.mqtt.decode import Decoder
from glance.mqtt.decode.ha_early import declares
from glance.mqtt.decode.memory import Bounded, Memory
from glance.mqtt.decode.templates import compiled
from glance.mqtt.readings import Outcome, Removed, Renamed
from glance.store.db import Database
from tests.decode_corpus import ARRIVED_AT as NOW
from tests.decode_corpus import say
from tests.parts import Clock

DEVICE = {"ids": ["hall"], "name": "Hall"}
MOTION = {
    "name": "Motion",
    "stat_t": "hall/pir",
    "dev_cla": "motion",
    "off_dly": 30,
    "uniq_id": "hall_pir",
    "dev": DEVICE,
}


def motion() -> Decoder:
    decoder = Decoder(UTC)
    say(decoder, "homeassistant/binary_sensor/hall/pir/config", MOTION, retained=True)
    return decoder


def values(outcome: Outcome | None) -> list[tuple[str, Any, float | None]]:
    return [] if outcome is None else [(r.sensor, r.value, r.at) for r in outcome.readings]


def test_a_sensor_with_an_off_delay_goes_off_by_itself_at_that_time() -> None:
    decoder = motion()
    assert say(decoder, "hall/pir", "ON").readings[0].value is True
    assert decoder.due(NOW + 29) is None
    assert values(decoder.due(NOW + 31)) == [("motion", False, NOW + 30)]
    assert decoder.due(NOW + 3600) is None


def test_each_on_begins_the_off_delay_anew_and_an_off_ends_it() -> None:
    decoder = motion()
    say(decoder, "hall/pir", "ON")
    say(decoder, "hall/pir", "ON", at=NOW + 20)
    assert decoder.due(NOW + 40) is None
    assert values(decoder.due(NOW + 50)) == [("motion", False, NOW + 50)]
    say(decoder, "hall/pir", "ON", at=NOW + 60)
    say(decoder, "hall/pir", "OFF", at=NOW + 61)
    assert decoder.due(NOW + 600) is None


def test_what_goes_off_by_itself_is_marked_as_said_by_nobody() -> None:
    decoder = motion()
    on, off = say(decoder, "hall/pir", "ON"), decoder.due(NOW + 31)
    assert off is not None
    assert [reading.inferred for reading in (*on.readings, *off.readings)] == [False, True]


class NeverWalked(Bounded[str, Any]):
    """What each declaration names, where nobody may look at all of them."""

    def values(self) -> Any:
        raise AssertionError("one withdrawal looked at every declaration")


def test_a_series_is_withdrawn_with_the_last_declaration_that_names_it() -> None:
    memory = Memory(UTC)
    memory.learned["ha configs"] = NeverWalked(3)
    assert declares(memory, "a", [("d", "x"), ("d", "y")]) == []
    assert declares(memory, "b", [("d", "x")]) == []
    assert declares(memory, "a", [("d", "y"), ("d", "z")]) == []
    assert declares(memory, "b", []) == [Removed("d", "x")]
    assert declares(memory, "b", [("d", "z")]) == []
    assert declares(memory, "a", []) == [Removed("d", "y")]
    # the oldest of too many declarations is given up, and names nothing any more
    for topic in ("c", "e", "f"):
        declares(memory, topic, [("d", "z" if topic == "c" else topic)])
    assert "b" not in memory.of("ha configs")
    assert declares(memory, "c", []) == [Removed("d", "z")]


def test_a_retained_on_does_not_go_off_by_itself() -> None:
    decoder = motion()
    say(decoder, "hall/pir", "ON", retained=True)
    assert decoder.due(NOW + 600) is None


def attributes() -> dict[str, Any]:
    return {
        "name": "Load",
        "stat_t": "nas/load",
        "json_attr_t": "nas/attributes",
        "uniq_id": "nas_l",
        "dev": {"ids": ["nas"]},
    }


def test_attributes_that_came_before_the_declaration_are_taken_back() -> None:
    decoder = Decoder(UTC)
    early = say(decoder, "nas/attributes", {"cores": 4}, retained=True)
    assert [r.sensor for r in early.readings] == ["cores"]
    outcome = say(decoder, "homeassistant/sensor/nas/load/config", attributes())
    assert set(outcome.removed) == {Removed(early.readings[0].device, "cores"), Removed(early.readings[0].device, None)}
    assert say(decoder, "nas/attributes", {"cores": 4}).readings == ()


def test_a_topic_of_attributes_is_read_again_when_its_declaration_is_withdrawn() -> None:
    decoder = Decoder(UTC)
    say(decoder, "homeassistant/sensor/nas/load/config", attributes())
    said = say(decoder, "nas/attributes", {"cores": 4})
    assert said.readings == ()
    assert "attributes" in said.sentence
    say(decoder, "homeassistant/sensor/nas/load/config", "", retained=True)
    assert [r.sensor for r in say(decoder, "nas/attributes", {"cores": 4}).readings] == ["cores"]


def test_quiet_topics_stay_quiet_after_a_restart() -> None:
    decoder = Decoder(UTC)
    say(decoder, "homeassistant/sensor/nas/load/config", attributes())
    later = Decoder(UTC)
    later.remember(decoder.snapshot())
    assert say(later, "nas/attributes", {"cores": 4}).readings == ()


def test_a_topic_that_is_attributes_for_one_and_state_for_another_is_read() -> None:
    decoder = Decoder(UTC)
    say(decoder, "homeassistant/sensor/nas/load/config", attributes())
    cores = {
        "name": "Cores",
        "stat_t": "nas/attributes",
        "val_tpl": "{{ value_json.cores }}",
        "uniq_id": "nas_c",
        "dev": {"ids": ["nas"]},
    }
    say(decoder, "homeassistant/sensor/nas/cores/config", cores)
    assert [(r.device, r.sensor, r.value) for r in say(decoder, "nas/attributes", {"cores": 4}).readings] == [
        ("nas", "cores", 4.0)
    ]


SINGLE = {
    "name": "Power",
    "stat_t": "plug/state",
    "val_tpl": "{{ value_json.w }}",
    "unit_of_meas": "W",
    "uniq_id": "plug_w",
    "dev": {"ids": ["plug"], "name": "Plug"},
}
WHOLE = {
    "dev": {"ids": ["plug"], "name": "Plug"}, "o": {"name": "plug2mqtt"}, "stat_t": "plug/state",
    "cmps": {"w": {"p": "sensor", "name": "Power", "val_tpl": "{{ value_json.w }}", "unit_of_meas": "W", "uniq_id": "plug_w"}},
}  # fmt: skip


@pytest.mark.parametrize("announced", [True, False])
def test_a_device_that_moves_to_one_declaration_for_all_keeps_its_sensors(announced: bool) -> None:
    decoder = Decoder(UTC)
    single, whole = "homeassistant/sensor/plug/w/config", "homeassistant/device/plug/config"
    say(decoder, single, SINGLE, retained=True)
    removed = list(say(decoder, single, {"migrate_discovery": True}).removed) if announced else []
    removed += say(decoder, whole, WHOLE, retained=True).removed
    both = say(decoder, "plug/state", {"w": 5}).readings
    removed += say(decoder, single, "", retained=True).removed
    after = say(decoder, "plug/state", {"w": 6}).readings
    assert removed == []
    assert [(r.device, r.sensor, r.value, r.unit) for r in (*both, *after)] == [
        ("plug", "power", 5.0, "W"),
        ("plug", "power", 6.0, "W"),
    ]
    assert say(decoder, whole, "", retained=True).removed == (Removed("plug", "power"),)


def test_one_component_withdrawn_by_an_empty_declaration_leaves_the_others() -> None:
    decoder = Decoder(UTC)
    two = {
        **WHOLE,
        "cmps": {
            **WHOLE["cmps"],
            "v": {"p": "sensor", "name": "Voltage", "val_tpl": "{{ value_json.v }}", "uniq_id": "plug_v"},
        },
    }
    say(decoder, "homeassistant/device/plug/config", two)
    two["cmps"] = {**WHOLE["cmps"], "v": {}}
    assert say(decoder, "homeassistant/device/plug/config", two).removed == (Removed("plug", "voltage"),)
    assert [r.sensor for r in say(decoder, "plug/state", {"w": 1, "v": 230}).readings] == ["power"]


@pytest.mark.parametrize(
    ("fields", "payload", "state"),
    [
        ({"avty_t": "plug/up", "pl_avail": "1", "pl_not_avail": "0"}, "0", "offline"),
        ({"avty_t": "plug/up", "avty_tpl": "{{ value_json.state }}"}, {"state": "offline"}, "offline"),
        ({"avty_t": "plug/up", "pl_avail": True, "pl_not_avail": False}, "true", "online"),
        ({"avty": {"t": "plug/up", "val_tpl": "{{ 'online' if value_json.n > 2 else 'offline' }}"}}, {"n": 1}, "offline"),
        ({"avty": [{"t": "plug/up", "pl_not_avail": "lost", "pl_avail": "ready"}]}, "lost", "offline"),
        ({"avty": [{"t": "plug/up"}, {"t": "gw/up"}], "avty_mode": "all"}, "offline", "offline"),
    ],
)  # fmt: skip
def test_availability_follows_its_own_words_and_templates(fields: dict[str, Any], payload: Any, state: str) -> None:
    decoder = Decoder(UTC)
    say(decoder, "homeassistant/sensor/plug/w/config", {**SINGLE, **fields})
    assert [(x.subject, x.state) for x in say(decoder, "plug/up", payload).liveness] == [("plug", state)]


def test_what_a_declaration_says_is_told_once_with_its_limits() -> None:
    config = {
        **SINGLE,
        "exp_aft": 90,
        "sug_dsp_prc": 2,
        "frc_upd": True,
        "en": False,
        "ent_cat": "diagnostic",
        "o": {"name": "x"},
        "stat_cla": "measurement",
        "qos": 1,
    }
    (info,) = say(Decoder(UTC), "homeassistant/sensor/plug/w/config", config).sensors
    assert (info.expire_after_s, info.decimals, info.hidden, info.state_class, info.unit) == (
        90.0,
        2,
        True,
        "measurement",
        "W",
    )


JSON: dict[str, Any] = {
    "t": "21.46", "n": 4, "mw": 1234, "a": {"b": {"c": 3.14159}}, "list": [{"x": 7}, {"x": 8}], "on": True, "s": "Idle ", "z": 0,
    "ENERGY": {"Power": [1, 2, 3]}, "at": "2026-09-21T14:13:20+00:00", "null": None, "key with space": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ value_json.t | float(0) | round(1) }}", 21.5), ("{{ value_json['a']['b']['c'] | round(2) }}", 3.14),
        ("{{ value_json.mw / 1000 }}", "1.234"), ("{{ (value_json.mw | float / 1000) | round(2) }}", "1.23"),
        ("{{ value_json.list[1].x }}", 8), ("{{ value_json['list'][0]['x'] | int }}", 7), ("{{ value_json['key with space'] }}", 2),
        ("{{ iif(value_json.on, 'ON', 'OFF') }}", "ON"), ("{{ value_json.on | iif('yes', 'no') }}", "yes"),
        ("{{ 'ON' if value_json.on else 'OFF' }}", "ON"), ("{{ 'on' if value_json.n > 3 and value_json.z == 0 else 'off' }}", "on"),
        ("{{ value_json.s | trim | lower }}", "idle"), ("{{ value_json.get('nope', 'none yet') }}", "none yet"),
        ("{{ value_json.nope | default(7) }}", 7), ("{{ value_json.nope | default('x', true) }}", "x"),
        ("{{ value_json.ENERGY.Power[2] }}", 3), ("{{ value_json.ENERGY.Power | sum }}", "6"), ("{{ value_json.ENERGY.Power | max }}", "3"),
        ("{{ value.split(',')[1] }}", "b"), ("{{ value | regex_replace('a', 'x') }}", "x,b"),
        ("{{ as_timestamp(value_json.at) | int }}", "1790000000"), ("{{ value_json.at | as_timestamp | round(0) }}", "1790000000"),
        ("{% if value_json.n is defined %}{{ value_json.n }}{% else %}0{% endif %}", "4"),
        ("{%- set w = value_json.mw -%}{{ w * 2 }}", "2468"), ("{{ '%0.1f' | format(value_json.t | float) }}", "21.5"),
        ("{{ value_json.n | multiply(2) }}", "8.0"), ("{{ (value_json.n * 1.8 + 32) | round(1) }}", "39.2"),
        ("{{ not value_json.on }}", "False"), ("{{ value_json.n in [1, 4] }}", "True"), ("{{ value_json['s'][:2] }}", "Id"),
        ("{{ value_json.list | length }}", "2"), ("{{ {'0':'off','4':'heat'}[value_json.n | string] }}", "heat"),
        ("{{ ['off','a','b','c','heat'][value_json.n] }}", "heat"), ("{{ value_json.n == 4 }}", "True"),
        ("{{ value_json.a.b.c | float | round(1, default=0) }}", 3.1), ("{{ value_json.z | bool }}", False),
        ("{{ {0: 'idle', 4: 'heating'}.get(value_json.n, 'unknown') }}", "heating"), ("{{ value | int(base=16) }}", None),
        ("{{ value_json.n | int // 3 }}", "1"), ("{{ value_json.n % 3 }}", "1"), ("{{ min(value_json.n, 3) }}", "3"),
        ("{{ value_json | tojson }}", JSON), ("{{ ((value_json.n | float) - 32) * 5 / 9 }}", "-15.555555555555555"),
    ],
)  # fmt: skip
def test_the_usual_templates_give_what_home_assistant_would(template: str, value: Any) -> None:
    made = compiled(template)
    if value is None:
        # Not taken, or without a result here: either way there is no wrong value.
        assert not made.understood or raises(made)
        return
    assert made.understood, template
    assert made.render("a,b", JSON) == value


def raises(made: Any) -> bool:
    try:
        made.render("a,b", JSON)
    except ValueError:
        return True
    return False


def test_a_declaration_of_a_lamp_found_first_by_its_values_takes_them_over() -> None:
    decoder = Decoder(UTC)
    early = say(decoder, "cellar/lamp", "ON", retained=True).readings[0]
    config = {
        "name": "Lamp",
        "stat_t": "cellar/lamp",
        "cmd_t": "cellar/lamp/go",
        "uniq_id": "c_l",
        "dev": {"ids": ["cl"], "name": "Cellar"},
    }
    outcome = say(decoder, "homeassistant/light/cellar/lamp/config", config)
    assert Renamed(early.device, "cl", early.sensor, "lamp") in outcome.renamed
    assert say(decoder, "cellar/lamp/go", "OFF").readings == ()


def test_triggers_of_a_device_are_its_events() -> None:
    decoder = Decoder(UTC)
    for kind in ("short", "long"):
        trigger = {
            "atype": "trigger",
            "type": f"button_{kind}_press",
            "stype": "button_1",
            "t": "remote/push",
            "pl": kind,
            "dev": {"ids": ["rc"], "name": "Remote"},
        }
        say(decoder, f"homeassistant/device_automation/rc/{kind}/config", trigger)
    said = say(decoder, "remote/push", "long")
    assert [(r.device, r.sensor, r.value, r.kind) for r in said.readings] == [
        ("rc", "button_1", "button_long_press", "event")
    ]
    assert say(decoder, "remote/push", "nothing known").readings == ()


def test_what_goes_off_by_itself_is_stored_and_live_pages_hear_of_it(tmp_path: Path) -> None:
    clock = Clock()
    database = Database(tmp_path)
    ingest = Ingest(
        db=database, hub=Hub(), decoder=Decoder(UTC), keeping=Keeping(7, 400, 2_000_000_000), clock=clock
    )  # fmt: skip
    try:
        for topic, payload in (
            ("homeassistant/binary_sensor/hall/pir/config", json.dumps(MOTION)),
            ("hall/pir", "ON"),
        ):
            ingest.deliver(Delivery(topic, payload.encode(), False))
        ingest.settle()
        series = ingest.devices.sensor("hall", "motion").id
        clock.forward(31)
        ingest.settle()
        assert ingest.flush()
        stored = [(sample.value, sample.at) for sample in ingest.samples.recent(series)]
        assert sorted(stored, key=lambda pair: pair[1]) == [(1.0, clock() - 31), (0.0, clock() - 1)]
    finally:
        ingest.stop()
        database.close()


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ value | float + states('sensor.offset') | float }}", "asks for other entities"),
        ("{{ state_attr('sun.sun', 'elevation') }}", "asks for other entities"),
        ("{{ value | nonsense }}", "uses what is not known here (No filter named 'nonsense')"),
        ("{{ relative_time(value) }}", "calls relative_time(), which is not known here"),
        ("{{ (value).__class__ }}", "reaches for what is no value"),
        ("{{ value }}" + " " * 5000 + "{{ value }}", "is longer than 4096 characters"),
    ],
)
def test_why_a_template_is_not_followed_is_told_beside_the_raw_value(template: str, why: str) -> None:
    decoder = Decoder(UTC)
    config = {"state_topic": "shed/t", "name": "T", "unique_id": "t", "value_template": template}
    say(decoder, "homeassistant/sensor/shed/t/config", config, retained=True)
    outcome = say(decoder, "shed/t", "21.5")
    assert [reading.value for reading in outcome.readings] == [21.5]
    assert f"the declared template {why}" in outcome.sentence
    assert f"its template {why}" in say(decoder, "shed/t", {"a": 1}).sentence


def test_a_state_topic_with_wildcards_is_read_wherever_it_fits_until_it_is_withdrawn() -> None:
    decoder, config = Decoder(UTC), "homeassistant/sensor/bed/config"
    declared = {
        "stat_t": "gateways/+/bed/#",
        "name": "Moisture",
        "val_tpl": "{{ value_json.m }}",
        "dev": {"ids": ["bed"]},
    }
    assert say(decoder, "gateways/east/bed/1", {"m": 40}).readings[0].device == "gateways/east/bed/1"
    say(decoder, config, declared, retained=True)
    for topic in ("gateways/east/bed/1", "gateways/west/bed"):
        assert [(r.device, r.sensor, r.value) for r in say(decoder, topic, {"m": 41}).readings] == [
            ("bed", "moisture", 41)
        ]
    assert say(decoder, "gateways/west/shed", {"m": 42}).readings[0].device == "gateways/west/shed"
    say(decoder, config, "", retained=True)
    assert say(decoder, "gateways/west/bed", {"m": 43}).readings[0].device == "gateways/west/bed"


@pytest.mark.parametrize(
    "template",
    [
        '{ "event_type": "{{ value_json.action }}" }',
        "{{ {'event_type': value_json.action, 'by': value_json.who} | tojson }}",
        '{"event_type": "{{ value_json.action }}", "extra": {{ value_json.who | tojson }}}',
    ],
)
def test_a_template_may_write_the_object_that_an_event_is(template: str) -> None:
    decoder = Decoder(UTC)
    config = {"name": "Bell", "stat_t": "door/bell", "val_tpl": template, "evt_typ": ["ring"], "uniq_id": "bell"}
    say(decoder, "homeassistant/event/door/bell/config", config, retained=True)
    outcome = say(decoder, "door/bell", {"action": "ring", "who": "Ann"})
    assert [(r.sensor, r.value, r.kind) for r in outcome.readings] == [("bell", "ring", "event")]


def test_a_declared_moment_is_not_read_as_a_number_either() -> None:
    decoder = Decoder(UTC)
    config = {"name": "Boot", "stat_t": "hall/boot", "dev_cla": "timestamp", "val_tpl": "{{ as_datetime(value) }}"}
    say(decoder, "homeassistant/sensor/hall/boot/config", config, retained=True)
    assert say(decoder, "hall/boot", "1700000000").readings == ()
