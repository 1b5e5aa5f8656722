"""Units of Zigbee sensors by property name, for devices whose declaration has not come (yet).

Source: exposes of zigbee-herdsman-converters (lib/exposes.ts). `voltage` is mV on battery devices and V on plugs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glance.mqtt.decode import units
from glance.mqtt.decode.values import number

UNITS = {
    "temperature": "°C", "local_temperature": "°C", "device_temperature": "°C", "occupied_heating_setpoint": "°C",
    "unoccupied_heating_setpoint": "°C", "occupied_cooling_setpoint": "°C", "current_heating_setpoint": "°C",
    "internal_heating_setpoint": "°C", "away_preset_temperature": "°C", "local_temperature_calibration": "°C",
    "external_temperature": "°C", "external_temperature_input": "°C", "eco_temperature": "°C", "comfort_temperature": "°C",
    "soil_temperature": "°C", "max_temperature": "°C", "min_temperature": "°C", "open_window_temperature": "°C",
    "humidity": "%", "soil_moisture": "%", "battery": "%", "position": "%", "tilt": "%", "pi_heating_demand": "%",
    "valve_position": "%", "valve_opening_degree": "%", "co": "ppm", "running_time_percent": "%", "humidity_max": "%", "humidity_min": "%",
    "pressure": "hPa", "linkquality": "lqi", "illuminance": "lx", "illuminance_lux": "lx", "color_temp": "mired",
    "color_temp_startup": "mired", "current": "A", "power": "W", "energy": "kWh", "produced_energy": "kWh",
    "power_apparent": "VA", "power_reactive": "var", "ac_frequency": "Hz", "frequency": "Hz",
    "co2": "ppm", "eco2": "ppm", "pm25": "µg/m³", "pm10": "µg/m³", "pm1": "µg/m³", "noise": "dBA", "gas_value": "LEL",
    "target_distance": "m", "maximum_range": "m", "minimum_range": "m", "distance": "m", "elapsed": "ms",
    "calibration_time": "s", "calibration_time_left": "s", "calibration_time_right": "s", "occupancy_timeout": "s",
    "action_duration": "s", "keep_time": "s", "duration": "s", "transition": "s",
    "angle": "°", "angle_x": "°", "angle_y": "°", "angle_z": "°", "angle_x_absolute": "°", "angle_y_absolute": "°",
    "flow": "m³/h", "volume": "m³", "water_consumed": "L", "rain_intensity": "mV", "wind_speed": "m/s",
    "heating_setpoint": "°C", "smoke_density": "%obs/m", "uv_index": None, "voltage": None,
}  # fmt: skip
ENDPOINTS = ("_left", "_right", "_center", "_top", "_bottom", "_l1", "_l2", "_l3", "_l4", "_l5", "_l6", "_l7", "_l8",
             "_phase_b", "_phase_c", "_1", "_2", "_3", "_4", "_a", "_b", "_c", "_rms")  # fmt: skip
SUFFIXED = ("_temperature", "_setpoint")


def unit_of(key: str, raw: Any, _fields: Mapping[str, Any]) -> str | None:
    """The unit of a property; None where devices differ (voc, formaldehyde)."""
    base = key
    if key not in UNITS:
        base = next((key[: -len(end)] for end in ENDPOINTS if key.endswith(end) and key[: -len(end)] in UNITS), key)
    if base in ("voltage", "battery_voltage"):
        value = number(raw)
        return "mV" if value is not None and value >= 1000 else "V"
    if base in UNITS:
        return UNITS[base]
    if key.endswith(SUFFIXED):
        return "°C"
    return units.by_suffix(key) if "_" in key and key != key.lower() else None
