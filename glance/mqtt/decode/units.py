"""Units: one spelling for each, units in key suffixes, and what well-known names are measured in."""

from __future__ import annotations

import re
from functools import lru_cache

# Other spellings -> ours. Text is normalised, values are never converted here.
SPELLINGS = {
    "c": "°C", "ºc": "°C", "℃": "°C", "degc": "°C", "deg c": "°C", "celsius": "°C", "° c": "°C", "°c": "°C", "cel": "°C",
    "f": "°F", "ºf": "°F", "℉": "°F", "degf": "°F", "deg f": "°F", "fahrenheit": "°F", "° f": "°F", "°f": "°F",
    "&deg;c": "°C", "&deg;f": "°F", "&deg;": "°",
    "kelvin": "K", "lux": "lx", "lx": "lx", "deg": "°", "degrees": "°", "degree": "°", "ohm": "Ω", "ohms": "Ω",
    "percent": "%", "pct": "%", "%, rh": "%", "mm per hour": "mm/h", "m^3 / hour": "m³/h", "%rh": "%", "% rh": "%", "kph": "km/h", "kmh": "km/h", "km_h": "km/h", "mi/h": "mph", "m_s": "m/s", "mps": "m/s",
    "hpa": "hPa", "kpa": "kPa", "pa": "Pa", "mbar": "mbar", "kwh": "kWh", "wh": "Wh", "mwh": "MWh", "dbm": "dBm",
    "db": "dB", "ppm": "ppm", "ppb": "ppb", "ug/m3": "µg/m³", "ug/m³": "µg/m³", "µg/m3": "µg/m³", "mg/m3": "mg/m³",
    "m3": "m³", "m3/h": "m³/h", "m^3": "m³", "us/cm": "µS/cm", "µs/cm": "µS/cm", "inhg": "inHg", "mmhg": "mmHg",
    "hz": "Hz", "khz": "kHz", "var": "var", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "mins": "min", "minute": "min", "minutes": "min", "hour": "h", "hours": "h",
    "day": "d", "days": "d", "msec": "ms", "w/m2": "W/m²", "w/m^2": "W/m²",
    "volt": "V", "volts": "V", "amp": "A", "amps": "A", "ampere": "A", "watt": "W", "watts": "W", "liter": "L",
    "litre": "L", "l/h": "L/h", "l/min": "L/min", "psi": "psi", "cm2": "cm²", "m2": "m²",
}  # fmt: skip

# Units that may stand behind a number in a text ("21.5 °C"), as written there.
WRITTEN = frozenset(
    "°C ° C ºC ℃ °F ºF ℉ C F K % ° V mV kV A mA µA W kW MW mW VA kVA var kvar Wh kWh MWh mWh Ah mAh Hz kHz MHz GHz Pa hPa kPa "
    "bar mbar psi inHg mmHg lx lux lm m cm mm km in ft mi m² cm² m³ m3 L l ml mL gal s sec secs second seconds min mins "
    "minute minutes h hour hours d day days ms µs dB dBm dBA ppm ppb ppt µg/m³ mg/m³ ug/m3 mg/m3 g/m³ km/h mph m/s kn kt "
    "knots mm/h in/h W/m² kW/m² Ω kΩ MΩ ohm g kg mg lb oz µS/cm uS/cm µT G L/min L/h m³/h l/min l/h rpm B kB KB MB GB "
    "TB KiB MiB GiB bit/s kbit/s Mbit/s B/s kB/s MB/s bps kbps Mbps lqi mired pH IU Bq/m³ pCi/L €/kWh EUR/kWh Ct/kWh "
    "degC degF celsius Celsius fahrenheit Fahrenheit Percent percent Volts volts Volt Watts watts Watt Amps amps Seconds Minutes Hours Days %RH %rH %rh varh kvarh VAh kVAh J kJ MJ GJ mg/L g/L mS/cm mL/min m³/s L/s NTU".split()
) | {"° C", "° F", "% RH", "% rH"}

SUFFIXES = (
    ("_c", "°C"), ("_f", "°F"), ("_k", "K"), ("_kpa", "kPa"), ("_hpa", "hPa"), ("_pa", "Pa"), ("_psi", "psi"),
    ("_bar", "bar"), ("_mbar", "mbar"), ("_inhg", "inHg"), ("_mmhg", "mmHg"), ("_mm_h", "mm/h"), ("_in_h", "in/h"),
    ("_mm", "mm"), ("_cm", "cm"), ("_km_h", "km/h"), ("_kmh", "km/h"), ("_kph", "km/h"), ("_m_s", "m/s"),
    ("_mi_h", "mph"), ("_mph", "mph"), ("_mv", "mV"), ("_v", "V"), ("_ma", "mA"), ("_a", "A"), ("_va", "VA"),
    ("_kva", "kVA"), ("_var", "var"), ("_kvar", "kvar"), ("_kw", "kW"), ("_mw", "mW"), ("_w", "W"), ("_kwh", "kWh"),
    ("_wh", "Wh"), ("_mwh", "MWh"), ("_ah", "Ah"), ("_mah", "mAh"), ("_dbm", "dBm"), ("_db", "dB"), ("_pct", "%"),
    ("_percent", "%"), ("_deg", "°"), ("_hz", "Hz"), ("_khz", "kHz"), ("_mhz", "MHz"), ("_ppm", "ppm"), ("_ppb", "ppb"),
    ("_lux", "lx"), ("_lx", "lx"), ("_klx", "klx"), ("_ug_m3", "µg/m³"), ("_mg_m3", "mg/m³"), ("_g_m3", "g/m³"), ("_m3", "m³"),
    ("_l", "L"), ("_kg", "kg"), ("_g", "g"), ("_lb", "lb"), ("_km", "km"), ("_mi", "mi"), ("_ms", "ms"), ("_sec", "s"),
    ("_seconds", "s"), ("_s", "s"), ("_minutes", "min"), ("_min", "min"), ("_ohm", "Ω"), ("_uv", "µV"),
    ("_m_h", "m/h"), ("_ft", "ft"), ("_in", "in"), ("_w_m2", "W/m²"), ("_celsius", "°C"), ("_fahrenheit", "°F"), ("_rpm", "rpm"),
    ("_us_cm", "µS/cm"), ("_m3h", "m³/h"), ("_m3_h", "m³/h"), ("_l_h", "L/h"), ("_l_min", "L/min"), ("_mps", "m/s"), ("_kts", "kn"),
    ("_knots", "kn"), ("_knot", "kn"), ("_mm_per_hour", "mm/h"), ("_cm_per_hour", "cm/h"), ("_inch_per_hour", "in/h"), ("_inch", "in"),
    ("_wpm2", "W/m²"), ("_volt", "V"), ("_volts", "V"), ("_watts", "W"), ("_amps", "A"), ("_liters", "L"), ("_litres", "L"), ("_minute", "min"), ("_degree_compass", "°"), ("_degree_c", "°C"), ("_degree_f", "°F"), ("_degc", "°C"), ("_degf", "°F"), ("_degrees", "°"),
)  # fmt: skip
# A one-letter suffix is a unit only behind a quantity it can measure: "hepa_a" and "sensor_c" say nothing.
ONE_LETTER = {
    "_c": ("temp", "dew", "feels", "setpoint", "chill", "heat", "water", "air", "soil", "room", "out", "in", "t_"),
    "_f": ("temp", "dew", "feels", "setpoint", "chill", "heat", "water", "air", "soil", "room", "out", "in", "t_"),
    "_k": ("temp", "cct", "color"), "_v": ("volt", "batt", "vcc", "supply", "bus", "mains", "cell", "pack", "pv"),
    "_a": ("curr", "amp", "batt"), "_w": ("pow", "watt", "load", "pv", "solar", "grid", "charge", "consum", "produc", "feed", "import", "export", "invert", "pac_"),
    "_l": ("vol", "water", "consum", "total", "tank", "fuel"), "_g": ("weight", "mass", "acc"),
    "_s": ("upt", "dur", "time", "interval", "delay", "period", "age"), "_in": ("rain", "dist", "depth", "level", "precip"),
    "_min": ("dur", "time", "delay", "interval", "runtime", "remaining"), "_m": (),
    "_minute": ("dur", "time", "delay", "interval", "remaining"),
}  # fmt: skip

# Names whose unit is the same everywhere; temperature is not among them: publishers differ.
KNOWN = {
    "humidity": "%", "hum": "%", "rh": "%", "relative_humidity": "%", "relativehumidity": "%", "soil_humidity": "%", "humidityin": "%", "humidityout": "%", "humidity_in": "%", "humidity_out": "%",
    "battery": "%", "battery_level": "%", "batterylevel": "%", "battery_percent": "%", "batt": "%", "battery_percentage": "%",
    "battery_pct": "%", "soc": "%", "state_of_charge": "%", "stateofcharge": "%", "state_of_health": "%", "stateofhealth": "%", "soh": "%",
    "percent": "%", "percentage": "%", "moisture": "%", "soil_moisture": "%", "soilmoisture": "%", "co2": "ppm", "eco2": "ppm", "carbondioxide": "ppm",
    "carbon_dioxide": "ppm", "rssi": "dBm", "wifi_rssi": "dBm", "link_rssi": "dBm", "wifi_signal": "dBm", "wifi_strength": "dBm",
    "linkquality": "lqi", "link_quality": "lqi", "lqi": "lqi", "illuminance": "lx", "illuminance_lux": "lx", "lux": "lx",
    "light_level_lux": "lx",
    "pm1": "µg/m³", "pm1_0": "µg/m³", "pm2_5": "µg/m³", "pm25": "µg/m³", "pm2.5": "µg/m³", "pm4": "µg/m³", "pm10": "µg/m³",
    "pm10_0": "µg/m³", "power": "W", "active_power": "W", "apparent_power": "VA", "reactive_power": "var",
    "current": "A", "wind_dir": "°", "wind_direction": "°", "winddirection": "°", "winddir": "°", "snr": "dB",
    "tempc": "°C", "tempf": "°F", "uptime_sec": "s", "uptime_seconds": "s", "uptimesec": "s",
    "celsius": "°C", "fahrenheit": "°F", "kwh": "kWh", "watt": "W", "watts": "W", "amps": "A", "hpa": "hPa", "ppm": "ppm", "ppb": "ppb", "pct": "%", "liters": "L", "litres": "L", "kw": "kW", "wh": "Wh", "hz": "Hz", "dbm": "dBm", "mbar": "mbar",
}  # fmt: skip
# tempC, outTempF, dewPointC: the scale as a capital of its own.
CAMEL = re.compile(r"(?:[tT]emp|[tT]emperature|[pP]oint|[cC]hill|[iI]ndex|[lL]ike)[CF]\Z")
# voltage, battery_voltage, l1_voltage, input.voltage, batteryVoltage; no overvoltage, which is a state.
VOLTAGE = re.compile(r"(?:(?:\A|[^A-Za-z])(?:[vV]oltage|VOLTAGE|[vV]olts?)|[a-z0-9]Voltage|(?i:\Abatteryvoltage))\Z")
# batteryV, humidityPct, energyKwh: a suffix may begin with a capital instead of behind a stroke.
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
TINY = re.compile(r"_?[0-9]{1,2}\Z")


class Guess(str):
    """A unit that nobody told: the name of a sensor, or the size of a value, lets expect it."""

    __slots__ = ()


@lru_cache(maxsize=2048)
def normal(unit: str | None) -> str | None:
    """The one spelling of a unit: F -> °F, lux -> lx, both code points of µ and Ω; None for an empty one."""
    if unit is None:
        return None
    text = unit.strip().replace("\u2126", "Ω").replace("\u03bc", "µ")[:24]
    if not text or not text.isprintable():
        return None
    if len(text) == 1:
        return {"C": "°C", "F": "°F", "℃": "°C", "℉": "°F"}.get(text, text)
    return SPELLINGS.get(text.lower(), text) if text not in WRITTEN or text in SPELLED else text


SPELLED = {"degC", "degF", "celsius", "Celsius", "fahrenheit", "Fahrenheit", "Percent", "percent", "Volts", "volts", "Volt", "Watts", "watts", "Watt", "Amps", "amps", "Seconds", "Minutes", "Hours", "Days", "ºC", "℃", "ºF", "℉", "° C", "° F", "lux", "ohm", "m3", "ug/m3", "mg/m3", "uS/cm", "%RH", "%rH", "%rh", "% RH", "% rH", "sec", "secs", "second", "seconds", "mins", "minute", "minutes", "hour", "hours", "day", "days"}  # fmt: skip


@lru_cache(maxsize=8192)
def by_suffix(key: str) -> str | None:
    """The unit that a key's ending names: `temperature_C`, `battery_mV`, `wind_avg_km_h`; numbered keys too (`temperature_1_C`)."""
    if key.endswith(")"):
        inside = key[:-1].rpartition("(")[2].strip()
        return normal(inside) if inside in WRITTEN else None
    return _ending(key.lower().replace("-", "_")) or _ending(HUMP.sub("_", key).lower())


def _ending(lower: str) -> str | None:
    found: tuple[str, str] | None = None
    for suffix, unit in SUFFIXES:
        if lower.endswith(suffix) and len(lower) > len(suffix) and (found is None or len(suffix) > len(found[0])):
            found = (suffix, unit)
    if found is None:
        return None
    if found[0] == "_ms" and ("wind" in lower or "speed" in lower or "gust" in lower):
        return "m/s"
    words = ONE_LETTER.get(found[0])
    if words is not None and not any(word in lower[: -len(found[0])] for word in words):
        return None
    return found[1]


@lru_cache(maxsize=8192)
def by_name(key: str) -> str | None:
    """The unit of a name that is measured in the same unit by everybody (`humidity`, `rssi`, `co2`)."""
    lower = key.lower().replace("-", "_")
    found = KNOWN.get(lower) or KNOWN.get(TINY.sub("", lower))
    if found is None and (
        lower.endswith(("humidity", "state_of_charge")) or (key.endswith("Percent") and key != lower)
    ):
        return "%"
    if found is None and lower.endswith("rssi"):
        return "dBm"
    if found is None and "." in lower:
        # battery.voltage of a UPS
        found = KNOWN.get(lower.rpartition(".")[2])
    if found is None and (CAMEL.search(key) or key in ("tC", "tF")):
        return f"°{key[-1]}"
    return found


def guess(key: str, value: object) -> Guess | None:
    """Suffix, then name, for publishers that declare nothing; a value that cannot be meant stops a guess by name."""
    unit = _guess(key, value)
    return None if unit is None else Guess(unit)


def _guess(key: str, value: object) -> str | None:
    unit = by_suffix(key)
    if unit is None:
        unit = by_name(key)
        if unit is None and VOLTAGE.search(key):
            return "mV" if isinstance(value, int | float) and value >= 1000 else "V"
        if unit == "%" and isinstance(value, float | int) and "batt" in key.lower():
            if value > 100:
                # A battery by its voltage (RuuviTag): 2977.
                return "mV" if 1500 <= value <= 4500 else None
            return None if 0 < value < 5 and value % 1 else unit
        if unit == "dBm" and isinstance(value, int | float) and value > 0:
            return None
    return unit
