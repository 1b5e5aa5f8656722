"""Units of Zigbee sensors by property name, for devices whose declaration has not come (yet).

Source: exposes of zigbee-herdsman-converters (lib/exposes.ts). `voltage` is mV on battery devices and V on plugs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from glance.mqtt.decode import units
from glance.mqtt.decode.values import number

UNITS = {
    "temperature": "°C", "setpoint": "°C", "setpoint_limit": "°C", "temperature_limit": "°C", "temperature_calibration": "°C",
    "temperature_input": "°C",
    "humidity": "%", "soil_moisture": "%", "battery": "%", "position": "%", "tilt": "%", "pi_heating_demand": "%",
    "pi_cooling_demand": "%", "valve_position": "%", "valve_opening_degree": "%", "running_time_percent": "%",
    "co": "ppm", "co2": "ppm", "eco2": "ppm", "pm25": "µg/m³", "pm10": "µg/m³", "pm1": "µg/m³", "noise": "dBA",
    "gas_value": "LEL", "smoke_density": "%obs/m", "pressure": "hPa", "linkquality": "lqi", "illuminance": "lx",
    "illuminance_lux": "lx", "color_temp": "mired", "color_temp_startup": "mired",
    "current": "A", "rms_current": "A", "current_neutral": "A", "power": "W", "active_power": "W", "overload_protection": "W",
    "rms_voltage": "V", "energy": "kWh", "produced_energy": "kWh", "energy_produced": "kWh", "consumed_energy": "kWh",
    "energy_consumed": "kWh", "summ_delivered": "kWh", "summ_received": "kWh",
    "power_apparent": "VA", "apparent_power": "VA", "power_reactive": "var", "reactive_power": "var",
    "ac_frequency": "Hz", "frequency": "Hz", "target_distance": "m", "range": "m", "detection_distance": "m",
    "detection_range": "m", "shield_range": "m", "entry_distance_indentation": "m", "distance": "m",
    "elapsed": "ms", "calibration_time": "s", "occupancy_timeout": "s", "action_duration": "s",
    "keep_time": "s", "fading_time": "s", "duration": "s", "transition": "s", "boost_time": "s", "countdown": "s",
    "auto_relock_time": "s", "detection_interval": "s", "detection_delay": "s", "departure_delay": "s", "entry_filter_time": "s",
    "block_time": "s",
    "angle": "°", "angle_x": "°", "angle_y": "°", "angle_z": "°", "angle_x_absolute": "°", "angle_y_absolute": "°",
    "flow": "m³/h", "volume": "m³", "water_consumed": "L", "rain_intensity": "mV", "wind_speed": "m/s",
}  # fmt: skip
# Parts of a property's name that say which of several, or over which time; its unit is that of the rest.
QUALIFIERS = frozenset(
    "left right center top bottom l1 l2 l3 l4 l5 l6 l7 l8 phase a b c 1 2 3 4 rms max min maximum minimum average today 20min "
    "total scheduled".split()
)
# Whose temperature or setpoint it is does not change the unit: device_temperature, occupied_heating_setpoint.
MEASURED_ENDS = ("temperature", "setpoint", "setpoint_limit", "temperature_limit", "temperature_calibration",
                 "temperature_input", "summ_delivered", "summ_received")  # fmt: skip


@lru_cache(maxsize=4096)
def quantity(key: str) -> str:
    """The property that a name is about, without its qualifiers: `power_l1`, `temperature_max`, `max_temperature`."""
    if key in UNITS:
        return key
    told = "_".join(part for part in key.split("_") if part not in QUALIFIERS)
    if told in UNITS:
        return told
    return next((end for end in MEASURED_ENDS if told.endswith(f"_{end}")), told)


def unit_of(key: str, raw: Any, _fields: Mapping[str, Any]) -> units.Guess | None:
    """The unit of a property; None where devices differ (voc, formaldehyde)."""
    unit = _unit(key, raw)
    return None if unit is None else units.Guess(unit)


def _unit(key: str, raw: Any) -> str | None:
    base = quantity(key)
    if base in ("voltage", "battery_voltage"):
        value = number(raw)
        return "mV" if value is not None and value >= 1000 else "V"
    if base in UNITS:
        return UNITS[base]
    if key.endswith("Temperature"):
        return "°C"
    return units.by_suffix(key) if "_" in key and key != key.lower() else None
