"""The demo's devices that Home Assistant discovery announces: an ESPHome node, a heat pump, a freezer that falls silent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from glance.demo.simulation import Device, Message, wave


def discovered() -> list[Device]:
    """Devices that announce themselves with discovery messages."""
    return [_greenhouse(), _heat_pump(), _freezer()]


def _greenhouse() -> Device:
    sensors = (
        ("temperature", "Temperature", "°C", "temperature"),
        ("humidity", "Humidity", "%", "humidity"),
        ("soil", "Soil moisture", "%", "moisture"),
    )

    def hello() -> Iterable[Message]:
        about = {
            "ids": "greenhouse-a1b2c3",
            "name": "greenhouse",
            "mf": "Espressif",
            "mdl": "esp32dev",
            "sw": "esphome v2026.6.0",
        }
        for key, name, unit, kind in sensors:
            config = {
                "name": name, "dev_cla": kind, "unit_of_meas": unit, "stat_cla": "measurement", "uniq_id": f"ESPsensor{key}",
                "stat_t": f"greenhouse/sensor/{key}/state", "avty_t": "greenhouse/status",
                "dev": {**about, "sa": "Garden"},
            }  # fmt: skip
            yield Message(f"homeassistant/sensor/greenhouse/{key}/config", config, True)
        yield Message("greenhouse/status", "online", True)

    def says(at: float, _age_s: float) -> Iterable[Message]:
        values = (wave(at, 14, 27, 1200), wave(at, 55, 82, 1000, 0.4), wave(at, 31, 38, 2400))
        for (key, *_), value in zip(sensors, values, strict=True):
            yield Message(f"greenhouse/sensor/{key}/state", f"{value:.1f}")

    return Device("Greenhouse", 5, hello, says)


def _heat_pump() -> Device:
    modes = ["standby", "heating", "hot water", "defrosting"]
    parts: dict[str, dict[str, Any]] = {
        "mode": {"p": "sensor", "name": "Mode", "dev_cla": "enum", "ops": modes, "val_tpl": "{{ value_json.mode }}"},
        "flow": {"p": "sensor", "name": "Flow temperature", "dev_cla": "temperature", "unit_of_meas": "°C", "val_tpl": "{{ value_json.flow }}"},
        "power": {"p": "sensor", "name": "Power", "dev_cla": "power", "unit_of_meas": "W", "val_tpl": "{{ value_json.power }}"},
    }  # fmt: skip

    def hello() -> Iterable[Message]:
        about = {
            "ids": ["heatpump_4711"],
            "name": "Heat pump",
            "mf": "Vaillant",
            "mdl": "aroTHERM plus",
            "sa": "Boiler room",
        }
        parts_named = {key: {**one, "uniq_id": f"heatpump_{key}"} for key, one in parts.items()}
        body = {
            "dev": about,
            "o": {"name": "ebusd"},
            "cmps": parts_named,
            "stat_t": "ebusd/heatpump",
            "avty_t": "ebusd/state",
        }
        yield Message("homeassistant/device/heatpump_4711/config", body, True)
        yield Message("ebusd/state", "online", True)

    def says(at: float, _age_s: float) -> Iterable[Message]:
        mode = modes[int(at / 40) % len(modes)]
        power = {"standby": 14, "heating": wave(at, 900, 1700, 200), "hot water": 2100, "defrosting": 480}[mode]
        yield Message("ebusd/heatpump", {"mode": mode, "flow": wave(at, 28, 41, 300), "power": power})

    return Device("Heat pump", 5, hello, says)


def _freezer() -> Device:
    """It speaks three times and falls silent: its value is stale half a minute later."""

    def hello() -> Iterable[Message]:
        about = {
            "identifiers": ["freezer_01"],
            "name": "Garage freezer",
            "suggested_area": "Garage",
            "manufacturer": "DIY",
        }
        config = {
            "name": "Temperature", "device_class": "temperature", "unit_of_measurement": "°C", "unique_id": "freezer_01_t",
            "state_topic": "garage/freezer/temperature", "expire_after": 30, "device": about,
        }  # fmt: skip
        yield Message("homeassistant/sensor/freezer_01/temperature/config", config, True)

    def says(at: float, age_s: float) -> Iterable[Message]:
        return [Message("garage/freezer/temperature", f"{wave(at, -19, -17, 400):.1f}")] if age_s < 12 else []

    return Device("Garage freezer", 4, hello, says)
