"""Victron Venus OS: `N/<portal>/<service>/<instance>/<path>` `{"value": x}`. Source: victronenergy/dbus-flashmq, venus wiki (dbus).

The portal publishes only while somebody sends `R/<portal>/keepalive`; the path names the sensor; null = gone.
"""

from __future__ import annotations

import re
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
    "TotalAhDrawn": "Ah", "DeepestDischarge": "Ah", "LastDischarge": "Ah", "AverageDischarge": "Ah", "TimeSinceLastFullCharge": "s",
    "TodayRuntime": "s", "AccumulatedRuntime": "s",
    "ServiceCounter": "s", "ChargingTime": "s", "Runtime": "s", "Course": "°", "Altitude": "m", "Dimming": "%", "TimeInBulk": "min", "TimeInAbsorption": "min", "TimeInFloat": "min", "NrOfPhases": None, "BatteryVoltage": "V", "BatteryCurrent": "A", "StarterVoltage": "V", "Yaw": "°",
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
CELLS = re.compile(r"(?:Cell[0-9]+|Sum|Diff)\Z")
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
    if len(rest) < 3 or type(fields) is not dict or rest[0] in SILENT_SERVICES or _silent(rest[2:]):
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
    unit = _unit(rest[0], rest[2:])
    if draft.reading(portal, sensor, raw, unit) and new and tail in COUNTERS:
        draft.sensors.append(SensorInfo(portal, sensor, device_class="energy", state_class="total_increasing"))


def _silent(path: list[str]) -> bool:
    """Whether a path holds a setting or a description; the units of a parallel system have powers of their own."""
    return path[0] in SILENT_PATHS and not (path[0] == "Devices" and path[2:3] in (["Ac"], ["Dc"]))


def _unit(service: str, path: list[str]) -> str | None:
    """The unit of a path of a service: by its last part, where that is not enough by where it stands."""
    tail = path[-1]
    if path[0] == "Alarms":
        return None
    if path[0] == "Energy" and len(path) == 2:
        return "kWh"
    if path[0] == "Voltages" and CELLS.match(tail):
        return "V"
    if tail == "Capacity" and service == "tank":
        return "m³"
    return UNITS[tail] if tail in UNITS else next((unit for ending, unit in ENDINGS if tail.endswith(ending)), None)
