"""What a sensor's name means wherever it appears: its class, whether it counts up, what true stands for."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from glance.mqtt.readings import SensorInfo, SensorKind


class Meaning(NamedTuple):
    """`device_class` and `state_class` in the words of Home Assistant; `labels` for 1 and 0; `hidden` = diagnostics."""

    device_class: str | None = None
    state_class: str | None = None
    hidden: bool | None = None
    labels: tuple[tuple[str, str], ...] = ()


def _labels(true: str, false: str) -> tuple[tuple[str, str], ...]:
    return (("1", true), ("0", false))


OPEN = _labels("open", "closed")
SEEN = _labels("detected", "clear")

# By the name's last part, lower case, without a trailing index.
MEANINGS: dict[str, Meaning] = {
    "contact": Meaning("door", labels=_labels("closed", "open")),
    "window_open": Meaning("window", labels=OPEN),
    "open": Meaning("opening", labels=OPEN),
    "water_leak": Meaning("moisture", labels=_labels("leak", "dry")),
    "flood": Meaning("moisture", labels=_labels("leak", "dry")),
    "leak": Meaning("moisture", labels=_labels("leak", "dry")),
    "smoke": Meaning("smoke", labels=_labels("smoke", "clear")),
    "gas": Meaning("gas"),
    "carbon_monoxide": Meaning("carbon_monoxide"),
    "tamper": Meaning("tamper", labels=_labels("tampered", "ok")),
    "battery_low": Meaning("battery_low", labels=_labels("low", "ok")),
    "lowbatt": Meaning("battery_low", labels=_labels("low", "ok")),
    "battery_ok": Meaning("battery_ok", labels=_labels("good", "low")),
    "occupancy": Meaning("occupancy", labels=SEEN),
    "presence": Meaning("presence", labels=SEEN),
    "motion": Meaning("motion", labels=SEEN),
    "vibration": Meaning("vibration", labels=SEEN),
    "temperature": Meaning("temperature", "measurement"),
    "local_temperature": Meaning("temperature", "measurement"),
    "tempc": Meaning("temperature", "measurement"),
    "temperature_c": Meaning("temperature", "measurement"),
    "temperature_f": Meaning("temperature", "measurement"),
    "tc": Meaning("temperature", "measurement"),
    "tf": Meaning("temperature", "measurement", True),
    "tempf": Meaning("temperature", "measurement", True),
    "humidity": Meaning("humidity", "measurement"),
    "hum": Meaning("humidity", "measurement"),
    "rh": Meaning("humidity", "measurement"),
    "battery": Meaning("battery", "measurement"),
    "batt": Meaning("battery", "measurement"),
    "battery_level": Meaning("battery", "measurement"),
    "percent": Meaning("battery", "measurement"),
    "linkquality": Meaning("signal_strength", "measurement", True),
    "rssi": Meaning("signal_strength", "measurement", True),
    "signal": Meaning("signal_strength", "measurement", True),
    "snr": Meaning("signal_strength", "measurement", True),
    "noise": Meaning(None, "measurement", True),
    "energy": Meaning("energy", "total_increasing"),
    "total": Meaning(None, "total_increasing"),
    "yieldtotal": Meaning("energy", "total_increasing"),
    "yieldday": Meaning("energy", "total_increasing"),
    "rain_mm": Meaning("precipitation", "total_increasing"),
    "rain_in": Meaning("precipitation", "total_increasing"),
    "strike_count": Meaning(None, "total_increasing"),
    "today": Meaning("energy", "total_increasing"),
    "power": Meaning("power", "measurement"),
    "apower": Meaning("power", "measurement"),
    "voltage": Meaning("voltage", "measurement"),
    "current": Meaning("current", "measurement"),
    "pressure": Meaning("pressure", "measurement"),
    "co2": Meaning("carbon_dioxide", "measurement"),
    "illuminance": Meaning("illuminance", "measurement"),
    "lux": Meaning("illuminance", "measurement"),
    "power_outage_count": Meaning(None, None, True),
    "device_temperature": Meaning("temperature", "measurement", True),
    "overtemperature": Meaning("heat", labels=_labels("too hot", "ok")),
    "update_available": Meaning("update", None, True),
    "uptime": Meaning("duration", None, True),
    "uptimesec": Meaning("duration", None, True),
    "heap": Meaning(None, None, True),
    "loadavg": Meaning(None, None, True),
    "mqttcount": Meaning(None, None, True),
    "freemem": Meaning(None, None, True),
    "free_heap": Meaning(None, None, True),
    "vcc": Meaning("voltage", "measurement", True),
    "linkcount": Meaning(None, None, True),
}
# What on and off mean by the device class of a binary sensor. Source: Home Assistant, binary_sensor device classes.
CLASS_LABELS = {
    "battery": _labels("low", "ok"), "battery_charging": _labels("charging", "not charging"), "cold": _labels("cold", "normal"),
    "connectivity": _labels("connected", "disconnected"), "door": OPEN, "garage_door": OPEN, "gas": SEEN, "heat": _labels("hot", "normal"),
    "light": _labels("light", "dark"), "lock": _labels("unlocked", "locked"), "moisture": _labels("wet", "dry"), "motion": SEEN,
    "moving": _labels("moving", "still"), "occupancy": SEEN, "opening": OPEN, "plug": _labels("plugged in", "unplugged"),
    "power": _labels("power", "no power"), "presence": _labels("home", "away"), "problem": _labels("problem", "ok"),
    "running": _labels("running", "not running"), "safety": _labels("unsafe", "safe"), "smoke": _labels("smoke", "clear"),
    "sound": SEEN, "tamper": _labels("tampered", "ok"), "update": _labels("update available", "up to date"), "vibration": SEEN,
    "window": OPEN, "carbon_monoxide": SEEN,
}  # fmt: skip
COUNTED = frozenset(("Wh", "kWh", "MWh", "W·min"))
# Only these "total"s count something up; "total" of anything else may be a sum of the moment.
COUNTING_UNITS = COUNTED | {"m³", "L", "mm", "in", "varh"}
NOTHING_KNOWN = Meaning()


@lru_cache(maxsize=8192)
def meaning(sensor: str, unit: str | None) -> Meaning:
    """What is known about a sensor by the last part of its name and its unit."""
    tail = sensor.replace("/", ".").rpartition(".")[2] if not sensor.endswith(".") else sensor
    parts = sensor.replace("/", ".").lower().split(".")
    if tail.isdigit() and len(parts) > 1:
        tail = parts[-2]
    tail = tail.lower()
    found = MEANINGS.get(tail) or MEANINGS.get(tail.rstrip("0123456789").rstrip("_")) or NOTHING_KNOWN
    if found.state_class == "total_increasing" and found.device_class is None and unit not in COUNTING_UNITS:
        found = found._replace(state_class=None) if unit is not None else found
    if found.device_class == "energy" and unit not in COUNTED:
        return NOTHING_KNOWN
    if found is NOTHING_KNOWN and unit in COUNTED:
        return Meaning("energy", "total_increasing")
    return found


def described(device: str, sensor: str, unit: str | None, kind: SensorKind | None) -> SensorInfo | None:
    """What the name of a sensor says that nobody described; None where that is nothing."""
    known = meaning(sensor, unit)
    # "POWER" that is ON is no power
    if not any(known) or (known.state_class is not None and kind != "number"):
        return None
    return SensorInfo(
        device,
        sensor,
        device_class=known.device_class,
        state_class=known.state_class,
        hidden=known.hidden,
        value_labels=known.labels if kind == "boolean" or kind is None else (),
    )


def class_labels(device_class: str) -> tuple[tuple[str, str], ...]:
    """What 1 and 0 of a binary sensor of this class mean; () where nothing is known."""
    return CLASS_LABELS.get(device_class, ())
