"""Devices behind a Tasmota bridge, Zigbee and LoRaWAN: {"ZbReceived": {"0x5ADF": {"Name": "Hall", "Temperature": 21.5}}}.

Source: tasmota/docs Zigbee.md and LoRa-and-LoRaWan-Bridge.md. SetOption83 puts the name where the address is, SetOption100 leaves
"ZbReceived" away, SetOption118 makes it a topic, SetOption119 leaves the address away too.
"""

from __future__ import annotations

from typing import Any

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.memory import Memory
from glance.mqtt.decode.parts import text
from glance.mqtt.decode.tasmota_units import unit_of

UNITS = {
    "LinkQuality": "lqi", "Temperature": "°C", "Humidity": "%", "Pressure": "hPa", "Illuminance": None, "BatteryPercentage": "%",
    "BatteryVoltage": "V", "ActivePower": "W", "RMSVoltage": "V", "RMSCurrent": "A",
}  # fmt: skip
BINARY = frozenset(("Power", "Occupancy", "Water", "Fire", "CO"))
EVENTS = frozenset(("Action", "Click", "click", "action", "AqaraVibrationMode", "AqaraCube"))
SKIP = frozenset(
    "Device Name IEEEAddr Endpoint Group Manufacturer ModelId Config ShortAddr LastSeen LastSeenEpoch BatteryLastSeenEpoch "
    "ZoneType ZoneStatus PressureUnit PressureScale PressureScaledValue Node DevEUIh DevEUIl FPort LastEvent".split()
)
NO_UNITS: dict[str, Any] = {}


def is_device(raw: Any) -> bool:
    """Whether an object is what the bridge tells of one Zigbee device, and no answer to a command."""
    return (
        type(raw) is dict
        and "LinkQuality" in raw
        and ("Endpoint" in raw or "Device" in raw)
        and "StatusMessage" not in raw
    )


def read(draft: Draft, bridge: str, devices: dict[str, Any]) -> None:
    """What the bridge received: known by their address, named by their name."""
    for address, fields in devices.items():
        if type(fields) is not dict:
            continue
        name = fields.get("Name")
        device = draft.device(
            clean(_known(draft.memory, fields.get("IEEEAddr"), name) or address),
            name=name if type(name) is str else address,
            via=bridge,
            bridge=bridge,
            model=text(fields.get("ModelId")),
            maker=text(fields.get("Manufacturer")),
        )
        for key, raw in fields.items():
            if key not in SKIP and "<" not in key and "!" not in key and not key.startswith("ZoneStatusChange"):
                _value(draft, device, key, raw)


def _value(draft: Draft, device: str, key: str, raw: Any) -> None:
    if key in BINARY and type(raw) is int:
        # 2 is the command "toggle" of a remote control.
        if raw in (0, 1):
            draft.reading(device, key, raw, None, "boolean")
    elif key in EVENTS:
        draft.reading(device, key, str(raw), None, "event")
    elif key == "Battery" and type(raw) is float and 0 < raw < 5:
        draft.reading(device, key, raw, "V")
    elif type(raw) is not dict and type(raw) is not list:
        draft.reading(device, clean(key), raw, UNITS.get(key) or unit_of(key, NO_UNITS))


def _known(memory: Memory, ieee: Any, name: Any) -> str | None:
    """A device by its name or long address, whichever it was first known by; some messages have but one of them."""
    named = clean(name) if type(name) is str and name else None
    if type(ieee) is not str:
        return named
    if named is None or named in memory.devices:
        return named or ieee
    memory.name(named, ieee)
    return ieee
