"""Tasmota: nested JSON per chip in SENSOR, state in STATE and RESULT, LWT, and its own discovery.

Source: tasmota/docs (MQTT, Commands), emontnemery/hatasmota (discovery, sensor.py for units). The full topic is
`%prefix%/%topic%/` or the other way round; the prefix is one of cmnd, stat, tele; a topic may have several levels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from glance.mqtt.decode import tasmota_discovery, tasmota_zigbee
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.flatten import leaves
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.parts import text
from glance.mqtt.decode.tasmota_units import STATISTICS, stated, unit_of
from glance.mqtt.decode.topics import device_of, label_of, presence

ECOSYSTEM = "tasmota"
PREFIXES = ("tele", "stat")
COMMANDS = re.compile(
    r"(?:SENSOR|STATE|STATUS[0-9]{0,2}|RESULT|LWT|INFO[1-3]|POWER[0-9]{0,2}|MARGINS|UPTIME|ENERGY|HASS_STATE|LOGGING|UPGRADE|"
    r"STATUSPTH|Switch[0-9]+|SWITCH[0-9]+T?|BUTTON[0-9]+|EVENT|BLE|WAKEUP|SSERIALRECEIVED|RF|IRRECEIVED|ZB.*|ZbReceived|SHUTTER[0-9]*|DS.*)\Z"
)
META = re.compile(r"(?:INFO[1-3]|LOGGING|UPGRADE|HASS_STATE|UPTIME|MARGINS|BLE|STATUS(?:[1-79])?|STATUSPTH)\Z")
# What was received, and the keys that tell it.
EVENTS = {
    "RfReceived": ("Data",), "IrReceived": ("Protocol", "Data", "Hash"), "SSerialReceived": (), "SerialReceived": (), "LwReceived": (),
}  # fmt: skip
# What the bridge tells of its own work.
ZIGBEE_META = re.compile(r"Zb[A-Z]|Zigbee[A-Z]")
SUBDEVICES = frozenset(("ZbReceived", "ZigbeeReceived", "ZbInfo", "LwReceived"))
# What STATE and RESULT say that is a state; all else in a RESULT is the echo of a command.
STATES = re.compile(
    r"(?:POWER[0-9]{0,2}|Dimmer[0-9]?|CT|Color|White|FanSpeed|Speed|Scheme|Fade|HSBColor1|(?:Switch|SWITCH)[0-9]+|Shutter[0-9]+|Vcc|Gesture|Button[0-9]+)\Z"
)
STATE_KEYS = frozenset(
    "Vcc UptimeSec Heap Sleep LoadAvg MqttCount Berry Wifi Dimmer CT Color White FanSpeed Speed Fade BluetoothBattery Psr".split()
)
STATE_UNITS = {"Vcc": "V", "UptimeSec": "s", "Dimmer": "%", "Heap": "kB", "CT": "mired"}
SHUTTER = {"Position": "%", "Target": "%", "Tilt": "°"}
WIFI = frozenset(("AP", "SSId", "BSSId", "Mode", "Downtime", "SSID", "BSSID"))
NOT_SENSORS = frozenset(
    ("TempUnit", "PressureUnit", "SpeedUnit", "Time", "Id", "TotalStartTime", "MAC", "Address", "addr")
)


def parts_of(levels: list[str]) -> tuple[str, str, str] | None:
    """(prefix, device, what) of a Tasmota topic, whichever way its levels stand; None for other topics."""
    if len(levels) < 3 or not COMMANDS.match(levels[-1]):
        return None
    place = 0 if levels[0] in PREFIXES else len(levels) - 2 if levels[-2] in PREFIXES else None
    if place is None:
        place = next((i for i, level in enumerate(levels[:-1]) if level in PREFIXES), None)
    if place is None:
        return None
    device = "/".join(level for i, level in enumerate(levels[:-1]) if i != place and level)
    return (levels[place], clean(device), levels[-1]) if device else None


def read(draft: Draft, prefix: str, device: str, what: str) -> None:
    """A message of a Tasmota device."""
    draft.ecosystem = ECOSYSTEM
    body = draft.message.body
    if META.match(what):
        draft.says("meta", f"{what} is about the firmware, not a reading.")
        return
    device = draft.device(device, name=_label(draft, device))
    if what == "LWT":
        state = presence(str(body.value)) or tasmota_discovery.liveness(draft.memory, device, str(body.value))
        if state:
            draft.alive(device, state)
        else:
            draft.says("unreadable", "A last will that is neither Online nor Offline.")
    elif body.form == "json" and type(body.value) is dict:
        _object(draft, device, what, body.value)
    elif what.startswith("SHUTTER") and body.form == "text":
        draft.reading(device, f"{what.capitalize()}.Position", body.value, "%")
    elif what.startswith(("POWER", "Switch", "SWITCH")) and body.form == "text":
        draft.reading(device, _switch(what), body.value, None, None)
    elif what.startswith("BUTTON") and body.form == "text":
        draft.reading(device, f"{_switch(what)}.Action", body.value, None, "event")
    elif body.form == "text" and what not in ("RESULT", "SENSOR", "STATE"):
        draft.reading(device, what, body.value)
    else:
        draft.says("meta", "Not in the form that Tasmota sends values in.")


def _label(draft: Draft, device: str) -> str | None:
    known = draft.memory.devices.get(device)
    if known is not None and known.info is not None and known.info.name:
        return None
    return label_of(device_of([device]))


def _object(draft: Draft, device: str, what: str, fields: dict[str, Any]) -> None:
    draft.time_in({key: fields[key] for key in ("Time", "Epoch") if key in fields})
    if what == "STATE":
        state(draft, device, fields)
    elif what in ("RESULT", "POWER") or what.startswith(("POWER", "SHUTTER")):
        _result(draft, device, fields)
    elif what.startswith(("Switch", "SWITCH", "BUTTON")):
        done = next((fields[key] for key in ("STATE", "Action", "ACTION", "TRIG") if key in fields), None)
        _result(draft, device, {_switch(what): {"Action": done}, **fields})
    else:
        _measured(draft, device, what, fields)


def _measured(draft: Draft, device: str, what: str, fields: Mapping[str, Any]) -> None:
    """SENSOR, or the answer to a question of somebody: STATUS8 and 10 hold SENSOR, 11 STATE, 0 both of them."""
    inner, stated = fields.get("StatusSNS"), fields.get("StatusSTS")
    if type(stated) is dict:
        draft.time_in({key: stated[key] for key in ("Time", "Epoch") if key in stated})
        state(draft, device, stated)
    if type(inner) is dict:
        draft.time_in({key: inner[key] for key in ("Time", "Epoch") if key in inner})
        sensors(draft, device, inner)
    elif type(stated) is dict:
        return
    elif what.startswith("STATUS"):
        draft.says("meta", f"{what} is about the firmware, not a reading.")
    else:
        # …/ENERGY is what old firmware called the SENSOR of a meter.
        sensors(draft, device, fields, energy=what == "ENERGY")


def _switch(what: str) -> str:
    """SWITCH1 on a topic, and SWITCH1T where it was only triggered, is Switch1 in JSON."""
    return what.capitalize().removesuffix("t") if what.startswith(("SWITCH", "BUTTON")) else what


def state(draft: Draft, device: str, fields: Mapping[str, Any]) -> None:
    """tele/…/STATE: relays, light, and diagnostics."""
    for key, raw in fields.items():
        if key == "Wifi" and type(raw) is dict:
            for name, value in raw.items():
                if name not in WIFI:
                    draft.reading(device, f"Wifi.{name}", value, {"RSSI": "%", "Signal": "dBm"}.get(name))
        elif (type(raw) is dict and key in STATE_KEYS) or (type(raw) is dict and STATES.match(key)):
            leaves(draft, device, raw, prefix=f"{key}.", depth=2)
        elif type(raw) is not dict and type(raw) is not list and (STATES.match(key) or key in STATE_KEYS):
            draft.reading(device, key, raw, _state_unit(key), "text" if key == "Color" else None)


def _state_unit(key: str) -> str | None:
    return "%" if key.startswith("Dimmer") else STATE_UNITS.get(key)


def _result(draft: Draft, device: str, fields: Mapping[str, Any]) -> None:
    """…/RESULT echoes whatever was asked; only states in it are readings."""
    for key in EVENTS:
        if key in fields and key not in SUBDEVICES:
            _received(draft, device, key, fields[key])
    if not SUBDEVICES.isdisjoint(fields):
        sensors(draft, device, fields)
        return
    for key, raw in fields.items():
        if not STATES.match(key):
            continue
        if type(raw) is dict:
            if key.startswith(("Switch", "Button")) and "Action" in raw:
                stands = key.startswith("Switch") and raw["Action"] in ("ON", "OFF")
                # A switch that is on stays on; a push, a hold, a toggle is something that happened.
                draft.reading(
                    device, key if stands else f"{key}.Action", raw["Action"], None, "boolean" if stands else "event"
                )
            else:
                leaves(draft, device, raw, lambda name, _raw, _f: SHUTTER.get(name), prefix=f"{key}.", depth=2)
        else:
            draft.reading(device, _switch(key), raw, _state_unit(key), "text" if key == "Color" else None)
    if not draft.readings and draft.verdict is None:
        draft.says("meta", "The echo of a command: no reading.")


def _received(draft: Draft, device: str, key: str, raw: Any) -> None:
    """A radio or infrared code is an event, told by its protocol and code; a line from a serial port is only noted."""
    told = [raw[part] for part in EVENTS[key] if part in raw] if type(raw) is dict else []
    said = " ".join(str(part) for part in told[:2] if type(part) in (str, int))
    if said:
        draft.reading(device, key, said, None, "event")
    draft.says("event", f"{key}: something that happened, not a reading.")


def sensors(draft: Draft, device: str, fields: Mapping[str, Any], *, energy: bool = False) -> None:
    """…/SENSOR: one object per chip; the units of temperature, pressure and speed stand beside them."""
    if tasmota_zigbee.is_device(fields):
        # SetOption119: a topic for each Zigbee device, its values without its address around them.
        tasmota_zigbee.read(draft, device, {str(fields.get("Device", device.rpartition("/")[2])): fields})
        return
    for key, raw in fields.items():
        if key in NOT_SENSORS:
            continue
        if key in SUBDEVICES and type(raw) is dict:
            tasmota_zigbee.read(draft, device, raw)
        elif tasmota_zigbee.is_device(raw):
            # SetOption100: without "ZbReceived" around it.
            tasmota_zigbee.read(draft, device, {key: raw})
        elif ZIGBEE_META.match(key):
            draft.says("meta", f"{key} is about the Zigbee bridge's work, not a reading.")
        elif key in EVENTS:
            _received(draft, device, key, raw)
        elif key.startswith("Shutter") and type(raw) is dict:
            leaves(draft, device, raw, lambda name, _raw, _f: SHUTTER.get(name), prefix=f"{clean(key)}.", depth=2)
        elif (chip := _chips(raw)) is not None and "UID" in chip:
            draft.says("event", f"A card or tag was held to {key}: something that happened, not a reading.")
        elif chip is not None:
            _quantities(draft, device, f"{clean(key)}." if key.strip() else "", chip, fields)
        elif type(raw) is not list:
            draft.reading(device, clean(key), raw, unit_of(key, fields, energy=energy))


def _quantities(draft: Draft, device: str, prefix: str, inner: Mapping[str, Any], top: Mapping[str, Any]) -> None:
    """The quantities of one chip, one or two levels deep; ENERGY has units of its own."""
    energy = prefix.upper().startswith("ENERGY")

    def unit(key: str, _raw: Any, fields: Mapping[str, Any]) -> str | None:
        # An energy beside a power is one that is metered; that of a lightning or of a radar echo is a bare number.
        if key == "Distance" and "Stage" in inner:
            # How far away a thunderstorm is: the only distance that is not one of centimetres.
            return "km"
        return stated(key, inner) or (
            "kWh" if key == "Energy" and "Power" in fields else unit_of(key, top, energy=energy)
        )

    for key, raw in inner.items():
        if type(raw) is dict and STATISTICS.intersection(raw):
            shared = unit_of(key, top, energy=energy)
            for part, value in raw.items():
                own = shared if part in STATISTICS else None
                draft.reading(device, f"{prefix}{clean(key)}.{clean(part)}", value, own)
            continue
        if type(raw) is dict and energy:
            # One value for each phase: {"Total": {"Phase1": 0.017, "Phase2": 0.017}}.
            shared = unit_of(key, top, energy=True)
            leaves(draft, device, raw, lambda *_, own=shared: own, prefix=f"{prefix}{clean(key)}.", depth=3)
            continue
        leaves(draft, device, {key: raw}, unit, prefix=prefix, skip=NOT_SENSORS, depth=2)
        measured = raw.get("Data") if type(raw) is dict else None
        if type(measured) is float or type(measured) is int:
            # "Redox": {"Data": 750, "Setpoint": 750}: elsewhere "Data" is a code.
            draft.reading(device, f"{prefix}{clean(key)}.Data", measured, text(raw.get("Unit")) or unit(key, 0, inner))


def _chips(raw: Any) -> Mapping[str, Any] | None:
    """The quantities of a chip; some drivers put them into a list of one: "ADS1115": [{"A0": 1906}]."""
    if type(raw) is list and len(raw) == 1:
        raw = raw[0]
    return raw if type(raw) is dict else None
