"""Units of Tasmota's quantities. Source: emontnemery/hatasmota sensor.py (SENSOR_UNIT_MAP) and tasmota/docs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glance.mqtt.decode.parts import text

ENERGY = {
    "Power": "W", "ApparentPower": "VA", "ReactivePower": "var", "Voltage": "V", "Current": "A", "Total": "kWh",
    "Today": "kWh", "Yesterday": "kWh", "TotalTariff": "kWh", "TodayTariff": "kWh", "YesterdayTariff": "kWh",
    "Frequency": "Hz", "Period": "Wh", "ImportActive": "kWh",
    "ExportActive": "kWh", "ExportTariff": "kWh", "ImportReactive": "kvarh", "ExportReactive": "kvarh",
    "PhaseAngle": "°", "Factor": None, "ExportPower": "W", "ImportPower": "W", "PowerMax": "W",
}  # fmt: skip
UNITS = {
    "Humidity": "%", "Battery": "%", "Moisture": "%", "Illuminance": "lx", "Ambient": "lx", "Lux": "lx", "Distance": "cm",
    "CarbonDioxide": "ppm", "eCO2": "ppm", "CO2": "ppm", "CarbonMonoxide": "ppm", "TVOC": "ppb", "CCT": "K",
    "CF1": "µg/m³", "CF2.5": "µg/m³", "CF10": "µg/m³", "Gas": "kΩ", "aHumidity": "g/m³", "ChargePercent": "%", "PM1": "µg/m³", "PM2.5": "µg/m³", "PM4": "µg/m³", "PM10": "µg/m³",
    "PM1_0": "µg/m³", "PM2_5": "µg/m³", "PM4_0": "µg/m³",
    "RSSI": "dBm", "Signal": "dBm", "Weight": "kg", "SoundLevel": "dB", "Noise": "dB", "CH2O": "ppb", "HCHO": "µg/m³",
    "Fertility": "µS/cm", "Firmness": None, "Dimmer": "%", "LinkQuality": "lqi", "BatteryPercentage": "%",
    "BatteryVoltage": "V", "Voltage": "V", "Current": "A", "Power": "W", "Frequency": "Hz", "Deg": "°",
    "AvgDeg": "°", "WindDirection": "°", "Direction": "°", "Rain": "mm", "Range": None, "pH": None, "EC": "µS/cm", "ORP": "mV",
    "Power_curr": "W", "Power_cur": "W", "Total_in": "kWh", "Total_out": "kWh", "ActivePower": "W", "ApparentPower": "VA", "ReactivePower": "var", "UvLevel": None,
}  # fmt: skip
BY_TEMP_UNIT = frozenset(
    (
        "DewPoint",
        "ObjTmp",
        "AmbTmp",
        "OBJTMP",
        "AMBTMP",
        "FeelsLike",
        "HeatIndex",
        "Temp",
        "TempTarget",
        "TempTargetSet",
        "TempSet",
        "TempMeasured",
    )
)
BY_PRESSURE_UNIT = frozenset(("Pressure", "SeaPressure"))
BY_SPEED_UNIT = frozenset(("Speed", "SpeedAvg", "SpeedMin", "SpeedMax", "WindSpeed", "Gust"))
# Children that have the unit of the object they are in: {"Speed": {"Act": 14.8, "Avg": 8.5}}.
STATISTICS = frozenset(("Act", "Avg", "Min", "Max", "Deg"))


def stated(key: str, chip: Mapping[str, Any]) -> str | None:
    """The unit that a chip states beside its values: "AmountUnit" for AmountToday, "Unit" for the others."""
    for name, unit in chip.items():
        if name.endswith("Unit") and len(name) > len("Unit") and key.startswith(name.removesuffix("Unit")):
            return text(unit)
    return text(chip.get("Unit"))


def unit_of(key: str, top: Mapping[str, Any], *, energy: bool = False) -> str | None:
    """The unit of a quantity; `top` is the message, which names the units of temperature, pressure and speed."""
    if energy and key in ENERGY:
        return ENERGY[key]
    if key not in UNITS:
        key = key.rstrip("0123456789") or key
    if key in BY_TEMP_UNIT or key.endswith("Temperature"):
        # Without TempUnit the firmware is too old to have another setting than Celsius by default.
        return "°F" if top.get("TempUnit") == "F" else "°C"
    if key in BY_PRESSURE_UNIT:
        unit = top.get("PressureUnit")
        return unit if type(unit) is str else "hPa"
    if key in BY_SPEED_UNIT:
        unit = top.get("SpeedUnit")
        return text(unit)
    if key == "Dir":
        return "°"
    return "V" if key.endswith("Voltage") else UNITS.get(key)
