"""openWB: charging points, meters, house batteries. Source: openWB/core and snaptec/openWB (their MQTT topics).

Version 2 tells `openWB/<module>/<number>/get/<key>`, where `set` holds its own decisions and `config` its settings; version 1.9
tells `openWB/<module>[/<number>]/<key>` with the unit in the key. `openWB/set/…` are commands.
"""

from __future__ import annotations

import re

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.flatten import LONGEST_ARRAY
from glance.mqtt.decode.keys import clean, role
from glance.mqtt.decode.values import number

ECOSYSTEM = "openwb"
MODULES = frozenset("counter bat pv chargepoint vehicle evu lp housebattery global ev".split())
UNITS = (
    (re.compile(r"(?:power|powers|power_in|power_out)\Z|W\Z|WHouseConsumption\Z|WAllChargePoints\Z"), "W"), (re.compile(r"voltages?\Z|VPhase[123]\Z"), "V"),
    (re.compile(r"currents?\Z|APhase[123]\Z|AConfigured\Z"), "A"), (re.compile(r"(?:imported|exported)\Z|Wh(?:Imported|Exported|Counter)\w*\Z"), "Wh"),
    (re.compile(r"kWh"), "kWh"), (re.compile(r"soc\Z|%Soc\Z"), "%"), (re.compile(r"frequency\Z|Hz\Z"), "Hz"), (re.compile(r"temperatures?\Z"), "°C"),
    (re.compile(r"range\w*\Z"), "km"),
)  # fmt: skip
SILENT = frozenset(
    "fault_state fault_str error_timestamp state_str simulation max_discharge_power max_charge_power".split()
)


def is_openwb(levels: list[str]) -> bool:
    """Whether a topic is one of openWB."""
    return levels[0] == "openWB" and len(levels) > 2


def read(draft: Draft, levels: list[str]) -> None:
    """One value of a module."""
    draft.ecosystem = ECOSYSTEM
    value, key = draft.message.body.value, levels[-1]
    if levels[1] == "set":
        draft.says("command", "A command to openWB, not its state.")
        return
    second = "get" in levels[2:-1]
    if levels[1] not in MODULES or key in SILENT or role(key) != "sensor" or (not second and len(levels) > 4):
        draft.says("meta", "A setting, a fault or a decision of openWB: no reading.")
        return
    place = levels.index("get") if second else len(levels) - 1
    if second and len(levels) != place + 2:
        draft.says("meta", "A description of openWB: no reading.")
        return
    device = clean("/".join(levels[:place]))
    unit = next((unit for pattern, unit in UNITS if pattern.search(key)), None)
    if not draft.knows(device):
        draft.device(device, name=" ".join(levels[1:place]), maker="openWB")
    if type(value) is list:
        numbers = [number(phase) for phase in value[:LONGEST_ARRAY]]
        for phase, raw in enumerate(numbers):
            if raw is not None:
                draft.reading(device, f"{clean(key)}.{phase}", raw, unit)
    elif type(value) is not dict:
        draft.reading(device, clean(key), value, unit, "boolean" if key.startswith("bool") else None)
