"""The demo's devices: some twenty of different makers, which publish through the broker as real ones do."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from glance.demo.discovery import discovered
from glance.demo.simulation import Device, Message, counted, is_on, wave


def all_devices() -> list[Device]:
    """Every device of the demo."""
    return [*zigbee(), *tasmota(), *shellies(), *discovered(), *others()]


# ---- Zigbee2MQTT: a bridge with five devices
ZIGBEE = (
    ("Living room climate", "0x00158d0004a1b201", "climate"),
    ("Bedroom climate", "0x00158d0004a1b202", "climate"),
    ("Kitchen window", "0x00158d0004a1b203", "contact"),
    ("Hallway motion", "0x00158d0004a1b204", "motion"),
    ("Washing machine", "0x00158d0004a1b205", "plug"),
)
EXPOSES: Mapping[str, list[dict[str, Any]]] = {
    "climate": [
        {"type": "numeric", "name": "temperature", "property": "temperature", "unit": "°C", "access": 1},
        {"type": "numeric", "name": "humidity", "property": "humidity", "unit": "%", "access": 1},
        {"type": "numeric", "name": "battery", "property": "battery", "unit": "%", "access": 1},
    ],
    "contact": [
        {"type": "binary", "name": "contact", "property": "contact", "value_on": False, "value_off": True, "access": 1},
        {"type": "numeric", "name": "battery", "property": "battery", "unit": "%", "access": 1},
    ],
    "motion": [
        {
            "type": "binary",
            "name": "occupancy",
            "property": "occupancy",
            "value_on": True,
            "value_off": False,
            "access": 1,
        },
        {"type": "numeric", "name": "illuminance", "property": "illuminance", "unit": "lx", "access": 1},
        {"type": "numeric", "name": "battery", "property": "battery", "unit": "%", "access": 1},
    ],
    "plug": [
        {"type": "numeric", "name": "power", "property": "power", "unit": "W", "access": 1},
        {"type": "numeric", "name": "energy", "property": "energy", "unit": "kWh", "access": 1},
    ],
}
MODELS = {
    "climate": ("Aqara", "WSDCGQ11LM"),
    "contact": ("Aqara", "MCCGQ11LM"),
    "motion": ("Aqara", "RTCGQ11LM"),
    "plug": ("Innr", "SP 240"),
}


def zigbee() -> list[Device]:
    """The bridge and its devices."""

    def bridge() -> Iterable[Message]:
        yield Message("zigbee2mqtt/bridge/state", {"state": "online"}, True)
        listed = [
            {
                "ieee_address": address,
                "friendly_name": name,
                "type": "Router" if kind == "plug" else "EndDevice",
                "supported": True,
                "definition": {"vendor": MODELS[kind][0], "model": MODELS[kind][1], "exposes": EXPOSES[kind]},
            }
            for name, address, kind in ZIGBEE
        ]
        yield Message("zigbee2mqtt/bridge/devices", json.dumps(listed), True)
        for name, _, _ in ZIGBEE:
            yield Message(f"zigbee2mqtt/{name}/availability", {"state": "online"}, True)

    return [Device("Zigbee2MQTT", 3600, bridge), *(_zigbee_device(*one, turn) for turn, one in enumerate(ZIGBEE))]


def _zigbee_device(name: str, _address: str, kind: str, turn: int) -> Device:
    def says(at: float, _age_s: float) -> Iterable[Message]:
        body: dict[str, Any] = {"linkquality": 40 + 45 * turn + int(10 * math.sin(at / 30))}
        if kind == "climate":
            body |= {"temperature": wave(at, 19.5 - turn, 22.4 - turn, 900, turn / 3), "battery": (88, 34)[turn % 2]}
            body |= {"humidity": wave(at, 42, 55, 1100, turn / 5), "voltage": 2965}
        elif kind == "contact":
            body |= {"contact": not is_on(at, 90, 0.3), "battery": 12}
        elif kind == "motion":
            body |= {"occupancy": is_on(at, 50, 0.4), "illuminance": round(wave(at, 60, 340, 600)), "battery": 71}
        else:
            body |= {"power": wave(at, 3, 420, 240), "energy": counted(at, 120, 0.4), "state": "ON"}
        yield Message(f"zigbee2mqtt/{name}", body)

    return Device(name, 4 + turn, says=says)


# ---- Tasmota: plugs with energy; the pump loses its power, its last will says so
PUMP = ("tele/garden_pump/LWT", "Offline")


def tasmota() -> list[Device]:
    """Two plugs that stay."""
    return [_plug("fridge", "Fridge", 3, 95, 5, 0.06), _plug("desk", "Desk", 40, 180, 6, 0.11)]


def _plug(topic: str, name: str, low: float, high: float, every_s: float, per_hour: float) -> Device:
    def hello() -> Iterable[Message]:
        yield Message(f"tele/{topic}/LWT", "Online", True)
        module = {"Module": "Nous A1T", "FallbackTopic": f"cmnd/DVES_{topic}_fb/", "Version": "14.6.0(tasmota)"}
        yield Message(f"tele/{topic}/INFO1", {"Info1": module})

    def says(at: float, _age_s: float) -> Iterable[Message]:
        return plug_messages(topic, at, wave(at, low, high, 300, per_hour), counted(at, 40, per_hour))

    return Device(name, every_s, hello, says)


def plug_messages(topic: str, at: float, power_w: float, total_kwh: float) -> list[Message]:
    """The telemetry of a Tasmota plug."""
    energy = {"Total": total_kwh, "Yesterday": 1.2, "Today": round(total_kwh % 1.5, 3), "Power": round(power_w)}
    energy |= {"Voltage": round(wave(at, 228, 233, 500)), "Current": round(power_w / 230, 3)}
    return [
        Message(
            f"tele/{topic}/STATE", {"POWER": "ON", "UptimeSec": int(at % 900_000), "Wifi": {"RSSI": 74, "Signal": -63}}
        ),
        Message(f"tele/{topic}/SENSOR", {"ENERGY": energy}),
    ]


# ---- Shelly, first and second generation
def shellies() -> list[Device]:
    """A relay in the kitchen and one in the boiler room."""
    old, new = "shellies/shelly1pm-8caab5", "shellyplus1pm-a8032ab1"

    def old_says(at: float, _age_s: float) -> Iterable[Message]:
        on = is_on(at, 120, 0.5)
        yield Message(f"{old}/relay/0", "on" if on else "off")
        yield Message(f"{old}/relay/0/power", f"{wave(at, 55, 62, 200) if on else 0:.2f}")
        yield Message(f"{old}/relay/0/energy", str(int(60 * counted(at, 9000, 22))))
        yield Message(f"{old}/temperature", f"{wave(at, 38, 47, 700):.1f}")

    def new_says(at: float, _age_s: float) -> Iterable[Message]:
        power = wave(at, 180, 1900, 160)
        switch = {
            "id": 0, "source": "timer", "output": True, "apower": power, "voltage": wave(at, 228, 233, 400),
            "current": round(power / 230, 3), "aenergy": {"total": 1000 * counted(at, 210, 0.9)},
            "temperature": {"tC": wave(at, 41, 52, 500), "tF": 113.0},
        }  # fmt: skip
        yield Message(f"{new}/status/switch:0", switch)

    return [
        Device("Shelly 1PM", 5, lambda: [Message(f"{old}/online", "true", True)], old_says),
        Device("Shelly Plus 1PM", 4, lambda: [Message(f"{new}/online", "true", True)], new_says),
    ]


# ---- All the others
def others() -> list[Device]:
    """One each of further ecosystems."""
    return [_weather(), _aquarium(), _ble(), _pool(), _mailbox(), _solar(), _robot(), _meter(), _camera()]


def _weather() -> Device:
    def says(at: float, _age_s: float) -> Iterable[Message]:
        body = {
            "model": "Bresser-6in1", "id": 404882732, "channel": 0, "battery_ok": 1, "temperature_C": wave(at, 6, 13, 1800),
            "humidity": round(wave(at, 62, 88, 1500)), "wind_avg_m_s": wave(at, 0.4, 5.2, 90), "wind_dir_deg": round(wave(at, 190, 260, 300)),
            "rain_mm": counted(at, 300, 0.4), "mic": "CRC",
        }  # fmt: skip
        yield Message("rtl_433/attic/events", body)

    return Device("Weather station", 6, says=says)


def _aquarium() -> Device:
    def says(at: float, _age_s: float) -> Iterable[Message]:
        rows = [
            {"sensor_type": "temperature", "value": wave(at, 24.6, 25.4, 500), "unit": "°C"},
            {"sensor_type": "ph", "value": wave(at, 7.0, 7.4, 900)},
            {"sensor_type": "light", "value": is_on(at, 200, 0.6)},
        ]
        yield Message(
            "glance/aquarium", {"device_id": "aquarium", "name": "Aquarium", "room": "Living room", "readings": rows}
        )

    return Device("Aquarium", 4, says=says)


def _ble() -> Device:
    def says(at: float, _age_s: float) -> Iterable[Message]:
        body = {
            "id": "A4:C1:38:5D:11:02", "name": "LYWSD03MMC", "brand": "Xiaomi", "model": "LYWSD03MMC_PVVX", "type": "THB",
            "rssi": round(wave(at, -84, -66, 60)), "tempc": wave(at, 20.1, 21.6, 800), "hum": wave(at, 44, 51, 900), "batt": 8, "volt": 2.41,
        }  # fmt: skip
        yield Message("home/OpenMQTTGateway/BTtoMQTT/A4C1385D1102", body)

    return Device("Bluetooth thermometer", 7, says=says)


def _homie(device: str, name: str, state: str, properties: Mapping[str, tuple[str, str, str]]) -> Iterable[Message]:
    base = f"homie/{device}"
    yield Message(f"{base}/$homie", "4.0.0", True)
    yield Message(f"{base}/$name", name, True)
    yield Message(f"{base}/$nodes", "main", True)
    yield Message(f"{base}/main/$name", name, True)
    yield Message(f"{base}/main/$properties", ",".join(properties), True)
    for key, (title, datatype, unit) in properties.items():
        yield Message(f"{base}/main/{key}/$name", title, True)
        yield Message(f"{base}/main/{key}/$datatype", datatype, True)
        if unit:
            yield Message(f"{base}/main/{key}/$unit", unit, True)
    yield Message(f"{base}/$state", state, True)


def _pool() -> Device:
    known = {"temperature": ("Water", "float", "°C"), "pump": ("Pump", "boolean", "")}

    def says(at: float, _age_s: float) -> Iterable[Message]:
        yield Message("homie/pool/main/temperature", f"{wave(at, 17, 19, 1500):.2f}")
        yield Message("homie/pool/main/pump", "true" if is_on(at, 150, 0.5) else "false")

    return Device("Pool", 6, lambda: _homie("pool", "Pool", "ready", known), says)


def _mailbox() -> Device:
    """It reports once and goes to sleep."""
    known = {"mail": ("Mail", "boolean", ""), "battery": ("Battery", "integer", "%")}

    def says(_at: float, age_s: float) -> Iterable[Message]:
        if age_s < 8:
            yield Message("homie/mailbox/main/mail", "true")
            yield Message("homie/mailbox/main/battery", "27")
            yield Message("homie/mailbox/$state", "sleeping", True)

    return Device("Mailbox", 5, lambda: _homie("mailbox", "Mailbox", "ready", known), says)


def _solar() -> Device:
    serial = "solar/116180402711"

    def hello() -> Iterable[Message]:
        yield Message("solar/dtu/status", "online", True)
        yield Message(f"{serial}/name", "Balcony solar", True)

    def says(at: float, _age_s: float) -> Iterable[Message]:
        yield Message(f"{serial}/0/power", f"{wave(at, 120, 590, 260):.1f}")
        yield Message(f"{serial}/0/yieldday", f"{1000 * counted(at, 0, 0.3) % 3000:.0f}")
        yield Message(f"{serial}/0/yieldtotal", f"{counted(at, 410, 0.3):.3f}")
        yield Message(f"{serial}/status/reachable", "1")
        yield Message(f"{serial}/status/producing", "1")
        yield Message("solar/dtu/rssi", f"{wave(at, -66, -58, 90):.0f}")

    return Device("Balcony solar", 5, hello, says)


def _robot() -> Device:
    states = ("docked", "cleaning", "returning")

    def says(at: float, _age_s: float) -> Iterable[Message]:
        yield Message("valetudo/robby/StatusStateAttribute/status", states[int(at / 45) % 3])
        yield Message("valetudo/robby/BatteryStateAttribute/level", str(round(wave(at, 46, 98, 600))))

    return Device("Robot", 6, lambda: [Message("valetudo/robby/$state", "ready", True)], says)


def _meter() -> Device:
    def says(at: float, _age_s: float) -> Iterable[Message]:
        rows = [
            {"sensor_type": "power", "value": round(wave(at, 240, 2600, 180)), "unit": "W"},
            {"sensor_type": "energy", "value": counted(at, 8000, 0.9), "unit": "kWh"},
        ]
        yield Message(
            "glance/meter", {"device_id": "house-meter", "name": "House meter", "room": "Cellar", "readings": rows}
        )

    return Device("House meter", 3, says=says)


def _camera() -> Device:
    def says(at: float, _age_s: float) -> Iterable[Message]:
        seen = is_on(at, 70, 0.35)
        yield Message("frigate/front_door/motion", "ON" if seen else "OFF")
        yield Message("frigate/front_door/person", "1" if seen else "0")

    return Device("Front door", 5, lambda: [Message("frigate/available", "online", True)], says)
