"""Shelly, first generation (`shellies/<id>/…`, plain values) and second to fourth (`<id>/status/…`, `<id>/events/rpc`).

Source: shelly-api-docs.shelly.cloud (gen1 MQTT; gen2 Notifications and component statuses). `energy` of a gen1 relay counts
watt-minutes; an emeter's `total` counts watt-hours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.flatten import leaves
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.parts import items, text
from glance.mqtt.decode.topics import device_of, label_of, presence
from glance.mqtt.readings import SensorInfo, SensorKind

GEN1, GEN2 = "shelly-gen1", "shelly-gen2"
META = frozenset(("announce", "info", "settings", "ota", "fw"))
EVENTS = frozenset(("input_event", "longpush", "double_push"))
UNITS1 = {
    "temperature": "°C", "temperature_f": "°F", "ext_temperature": "°C", "ext_temperature_f": "°F", "humidity": "%",
    "ext_humidity": "%", "hum": "%", "battery": "%", "lux": "lx", "pos": "%", "power": "W", "reactive_power": "var", "voltage": "V",
    "current": "A", "total": "Wh", "total_returned": "Wh", "energy": "W·min", "returned_energy": "W·min", "pf": None,
    "adc": "V", "overpower_value": "W", "tilt": "°", "concentration": "ppm", "brightness": "%", "power_factor": None, "temp": "K", "tC": "°C", "tF": "°F", "bat": "%", "rssi": "dBm",
}  # fmt: skip
BINARY1 = frozenset("flood smoke motion vibration overtemperature overpower input active charger".split())
# Of these the words are known, "none" among them, which elsewhere means that there is no value.
WORDS1 = {"gas": ("none", "mild", "heavy", "test")}
# A component with its number: every new kind of device brings new ones (presencezone:200).
COMPONENT = re.compile(r"[a-z][a-z0-9_]*:[0-9]+\Z")
SHELLY_ID = re.compile(r"(?i)shelly[a-z0-9]+-[0-9a-f]{4,12}\Z")
UNITS2 = {
    "apower": "W", "voltage": "V", "freq": "Hz", "current": "A", "pf": None, "total": "Wh", "tC": "°C", "tF": "°F", "rh": "%",
    "V": "V", "percent": "%", "lux": "lx", "rssi": "dBm", "uptime": "s", "brightness": "%", "current_pos": "%", "target_pos": "%", "slat_pos": "%",
    "act_power": "W", "aprt_power": "VA", "total_act_power": "W", "total_aprt_power": "VA", "total_current": "A",
    "n_current": "A", "target_C": "°C", "current_C": "°C", "pos": "%", "battery": "%", "xpercent": "%", "ct": "K",
    "white": None, "ram_free": "B", "ram_size": "B", "fs_free": "B", "fs_size": "B", "calculated": None, "apower_avg": "W",
}  # fmt: skip
PHASE = re.compile(r"[abcn]_(act_power|aprt_power|voltage|current|freq|pf)\Z")
ENERGY = re.compile(r"(?:[abc]_)?total_(?:act|act_ret|lag_react|lead_react)(?:_energy)?\Z")
SKIP2 = frozenset(
    "id source by_minute minute_ts timer_started_at timer_duration ts cfg_rev kvs_rev webhook_rev schedule_rev mac unixtime time "
    "available_updates wakeup_reason wakeup_period sta_ip ssid bssid status errors flags last_sync_ts restart_required "
    "relay_in_thermostat ram_size ram_free ram_min_free fs_size fs_free ram user_calibrated_phase sta_ip6 reset_reason "
    "utc_offset btrelay_rev alt calibration last_updated_ts last_event_ts packet_id move_started_at move_timeout transition schedules".split()
)
SILENT = frozenset(
    "mqtt cloud ws ble ht_ui ui matter modbus bthome knx eth plugs_ui script scripts service xmod zigbee plugs".split()
)
# BTHome v2, as the script for Shelly BLU names it.
UNITS_BLU = {"battery": "%", "illuminance": "lx", "temperature": "°C", "humidity": "%", "rotation": "°", "rssi": "dBm", "distance": "mm"}  # fmt: skip
BINARY_BLU = frozenset(("window", "motion", "door", "opening", "moisture", "vibration", "occupancy"))
PUSHES_BLU = {1: "single", 2: "double", 3: "triple", 4: "long", 254: "hold"}
KINDS2: dict[str, SensorKind] = {"state": "enum", "mode": "enum", "pos_control": "boolean", "last_direction": "enum"}


def gen1_of(levels: list[str]) -> tuple[str, list[str]] | None:
    """(device, rest) of a topic of a first-generation Shelly; None elsewhere."""
    place = next((i for i, level in enumerate(levels[:3]) if level == "shellies"), None)
    if place is None or len(levels) < place + 2:
        return None
    return clean(levels[place + 1]), levels[place + 2 :]


def gen2_of(levels: list[str]) -> tuple[str, str, list[str]] | None:
    """(device, what, rest) of a topic of a later Shelly: status/<component>, events/rpc, online."""
    for place in range(1, len(levels)):
        level, rest = levels[place], levels[place + 1 :]
        device = device_of(levels[1 if levels[0] == "shellies" and place > 1 else 0 : place])
        if (
            level == "status"
            and len(rest) == 1
            and (COMPONENT.match(rest[0]) or rest[0] in ("sys", "wifi") or rest[0] in SILENT)
        ):
            return device, "status", rest
        if level == "events" and rest == ["rpc"]:
            return device, "events", rest
        if level in ("online", "debug") and SHELLY_ID.match(levels[place - 1]):
            return device, level, rest
    return None


def read_gen1(draft: Draft, device: str, rest: list[str]) -> None:
    """A message of a first-generation Shelly."""
    draft.ecosystem = GEN1
    body = draft.message.body
    if not rest or rest[-1] in META or device in ("announce", "command"):
        _announce(draft, device, body.value)
        return
    if not draft.knows(device):
        device = draft.device(device, name=device, maker="Shelly")
    if rest == ["online"]:
        state = presence(str(body.value))
        if state:
            draft.alive(device, state)
        return
    if rest[0] in EVENTS:
        event = body.value.get("event") if type(body.value) is dict else None
        if rest[0] == "longpush" and body.value in ("0", "1"):
            event = "long" if body.value == "1" else "short"
        if event:
            draft.reading(device, "/".join(rest), event, None, "event")
        draft.says("event", "A button of the Shelly: an event, no line.")
        return
    name = clean("/".join(rest))
    if body.form == "json" and type(body.value) is dict:
        skip = frozenset(
            ("source", "has_timer", "timer_started", "timer_duration", "timer_remaining", "effect", "transition")
        )
        leaves(draft, device, body.value, _unit1, prefix=f"{name}.", skip=skip, depth=2)
        return
    last = rest[-1] if not rest[-1].isdigit() or len(rest) == 1 else rest[-2]
    kind: SensorKind | None = "enum" if rest[0] == "roller" and len(rest) == 2 else None
    if rest[0] in BINARY1 or last in BINARY1:
        kind = "boolean" if last != "overtemperature" and last != "input" else None
    if last in WORDS1:
        kind = "enum"
        if (device, name) not in draft.memory.series:
            draft.declare(SensorInfo(device, name, kind="enum", options=WORDS1[last]))
    draft.reading(device, name, body.value, UNITS1.get(last), kind)


def _unit1(key: str, _raw: Any, fields: Mapping[str, Any]) -> str | None:
    """The unit of a key; a valve's temperatures tell theirs beside the value."""
    return text(fields.get("units")) if key == "value" else UNITS1.get(key)


def _announce(draft: Draft, device: str, value: Any) -> None:
    if type(value) is dict and type(value.get("id")) is str and type(value.get("model")) is str:
        firmware, address = value.get("fw_ver"), value.get("ip")
        draft.device(
            clean(value["id"]),
            name=value["id"],
            maker="Shelly",
            model=value["model"],
            firmware=text(firmware),
            link=f"http://{address}/" if type(address) is str and address.replace(".", "").isdigit() else None,
        )
    draft.says("meta", "The Shelly about itself: no reading.")


def read_gen2(draft: Draft, device: str, what: str, rest: list[str]) -> None:
    """A message of a later Shelly."""
    value = draft.message.body.value
    if what == "events" and (type(value) is not dict or "method" not in value):
        draft.says("meta", "No notification of a Shelly.")
        return
    draft.ecosystem = GEN2
    if what == "debug":
        draft.says("meta", "Log lines of the Shelly: no reading.")
        return
    if not draft.knows(device):
        draft.device(device, name=label_of(device), maker="Shelly")
    if what == "online":
        state = presence(str(value))
        if state:
            draft.alive(device, state)
    elif what == "events":
        _notification(draft, device, value)
    elif rest[0].partition(":")[0] in SILENT:
        draft.says("meta", f"{rest[0]}: about the Shelly itself, no reading.")
    elif type(value) is dict:
        component(draft, device, rest[0], value)


def _notification(draft: Draft, device: str, message: Mapping[str, Any]) -> None:
    params = message.get("params")
    if type(params) is not dict:
        draft.says("meta", "A notification without values.")
        return
    draft.time(params.get("ts"))
    if message["method"] == "NotifyEvent":
        for event in items(params.get("events")):
            part, what = (event.get("component"), event.get("event")) if type(event) is dict else (None, None)
            if type(what) is str and what.endswith(("_changed", "_added", "_removed")):
                # A setting was changed, nobody pushed anything.
                continue
            if type(part) is str and type(what) is str and part.startswith(("input", "button", "bthome")):
                draft.reading(device, clean(part), what, None, "event")
            elif type(event) is dict and type(event.get("data")) is dict:
                heard(draft, device, event["data"])
        if all(reading.kind == "event" for reading in draft.readings):
            draft.says("event", "A button or another event of the Shelly.")
        return
    if message["method"] not in ("NotifyStatus", "NotifyFullStatus"):
        draft.says("meta", "A reply of the Shelly, not its state.")
        return
    for name, status in params.items():
        if type(status) is dict and name.partition(":")[0] not in SILENT:
            component(draft, device, name, status)


def heard(draft: Draft, relay: str, data: Mapping[str, Any]) -> None:
    """What the script for Shelly BLU passes on of a Bluetooth device; that has an id of its own, whoever hears it."""
    address = data.get("address")
    if type(address) is not str or "BTHome_version" not in data or data.get("encryption") is True:
        draft.says("meta", "Encrypted, or nothing of a Shelly BLU: no reading.")
        return
    draft.ecosystem = GEN2
    device = draft.device(clean(address.replace(":", "")), name=f"BLU {address[-5:].replace(':', '')}", via=relay)
    for key, raw in data.items():
        if key in UNITS_BLU:
            draft.reading(device, key, raw, UNITS_BLU[key])
        elif key in BINARY_BLU:
            draft.reading(device, key, raw, None, "boolean")
        elif key == "button" and type(raw) in (int, list):
            for place, push in enumerate(raw if type(raw) is list else [raw]):
                if type(push) is int and push:
                    name = "button" if type(raw) is int else f"button.{place}"
                    draft.reading(device, name, PUSHES_BLU.get(push, str(push)), None, "event")


def component(draft: Draft, device: str, name: str, status: Mapping[str, Any]) -> None:
    """The status of one component, whole or in part; null says that an attribute is gone."""
    draft.time(status.get("unixtime"))
    for key, raw in status.items():
        if key in SKIP2 or raw is None or key.endswith("_ts") or (key == "rssi" and raw == 0):
            # A strength of 0 says that there is no connection to measure.
            continue
        if key == "counts" and type(raw) is dict:
            draft.reading(device, f"{clean(name)}.counts.total", raw.get("total"))
        elif key in KINDS2 and type(raw) is str:
            draft.reading(device, f"{clean(name)}.{key}", raw, None, KINDS2[key])
        elif key == "value" and name.startswith("bthomesensor"):
            draft.reading(device, clean(name), raw)
        else:
            leaves(draft, device, {key: raw}, _unit2, prefix=f"{clean(name)}.", skip=SKIP2, depth=2)


def _unit2(key: str, _raw: Any, _fields: Mapping[str, Any]) -> str | None:
    if key in UNITS2:
        return UNITS2[key]
    phase = PHASE.match(key)
    if phase:
        return UNITS2.get(phase[1])
    return "Wh" if ENERGY.match(key) else None
