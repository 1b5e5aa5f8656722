"""Victron Venus OS: `N/<portal>/<service>/<instance>/<path>` `{"value": x}`. Source: victronenergy/dbus-flashmq, venus wiki (dbus).

The portal publishes only while somebody sends `R/<portal>/keepalive`; the path names the sensor; null = gone.
"""

from __future__ import annotations

from typing import Any

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean
from glance.mqtt.readings import SensorInfo

ECOSYSTEM = "victron"
UNITS = {
    "Soc": "%", "Voltage": "V", "Current": "A", "Power": "W", "P": "W", "V": "V", "I": "A", "F": "Hz", "Frequency": "Hz", "Temperature": "°C",
    "S": "VA", "TimeToGo": "s", "ConsumedAmphours": "Ah", "Capacity": "Ah", "InstalledCapacity": "Ah", "Level": "%", "Remaining": "m³",
    "Humidity": "%", "Forward": "kWh", "Reverse": "kWh", "Soh": "%", "MidVoltage": "V", "MidVoltageDeviation": "%",
    "Irradiance": "W/m²", "WindSpeed": "m/s", "CellTemperature": "°C", "ExternalTemperature": "°C", "Pressure": "kPa",
    "Yield": "kWh", "MaxPower": "W", "CurrentLimit": "A", "DischargedEnergy": "kWh", "ChargedEnergy": "kWh",
    "MaxChargeCurrent": "A", "MaxDischargeCurrent": "A", "MaxChargeVoltage": "V", "User": "kWh", "System": "kWh",
    "NrOfPhases": None, "BatteryVoltage": "V", "BatteryCurrent": "A", "StarterVoltage": "V", "Yaw": "°",
}  # fmt: skip
# Of names that are put together: MinCellVoltage, AcPowerSetpoint.
ENDINGS = (
    ("Voltage", "V"),
    ("Current", "A"),
    ("Power", "W"),
    ("PowerSetpoint", "W"),
    ("Temperature", "°C"),
    ("Soc", "%"),
    ("Energy", "kWh"),
)
COUNTERS = frozenset(("Forward", "Reverse", "User", "System"))
SILENT_SERVICES = frozenset("settings logger platform modbusclient vebusdevice fronius shelly".split())
SILENT_PATHS = ("Mgmt", "ProductId", "FirmwareVersion", "HardwareVersion", "DeviceInstance", "Serial", "Connected", "Devices", "Settings",
                "UpdateIndex", "Timers", "Firmware", "AvailableAcLoads", "Links", "ServiceMapping", "AvailableBatteries", "Position")  # fmt: skip


def parts_of(levels: list[str]) -> tuple[str, list[str]] | None:
    """(portal, rest) of a notification."""
    if levels[0] != "N" or len(levels) < 3 or len(levels[1]) < 6:
        return None
    return clean(levels[1]), levels[2:]


def is_request(levels: list[str]) -> bool:
    """Whether a topic is a request (R) or a write (W) to the portal."""
    return levels[0] in ("R", "W") and len(levels) >= 3


def read(draft: Draft, portal: str, rest: list[str]) -> None:
    """One value of the portal's bus."""
    draft.ecosystem = ECOSYSTEM
    fields: Any = draft.message.body.value
    if len(rest) < 3 or type(fields) is not dict or rest[0] in SILENT_SERVICES or rest[2] in SILENT_PATHS:
        draft.says("meta", "A setting, a heartbeat or a description: no reading.")
        return
    raw, tail = fields.get("value"), rest[-1]
    if tail in ("ProductName", "CustomName"):
        draft.says("meta", "A name of one of the portal's services.")
        return
    if not draft.knows(portal):
        draft.device(portal, name=f"Victron {portal}", maker="Victron Energy")
    if type(raw) in (dict, list):
        draft.says("meta", "It holds no single value.")
        return
    sensor = clean("/".join(rest))
    new = (portal, sensor) not in draft.memory.series
    unit = UNITS[tail] if tail in UNITS else None if rest[2] == "Alarms" else _by_ending(tail)
    if draft.reading(portal, sensor, raw, unit) and new and tail in COUNTERS:
        draft.sensors.append(SensorInfo(portal, sensor, device_class="energy", state_class="total_increasing"))


def _by_ending(name: str) -> str | None:
    return next((unit for ending, unit in ENDINGS if name.endswith(ending)), None)
