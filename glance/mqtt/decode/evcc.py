"""evcc: `evcc/site/<key>`, `evcc/loadpoints/<n>/<key>`, `evcc/vehicles/<name>/<key>`. Source: docs.evcc.io (MQTT)."""

from __future__ import annotations

import re

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean, role
from glance.mqtt.decode.topics import presence
from glance.mqtt.readings import SensorKind

ECOSYSTEM = "evcc"
UNITS = (
    (re.compile(r"[pP]ower\Z|Threshold\Z"), "W"), (re.compile(r"[sS]oc\Z"), "%"), (re.compile(r"chargedEnergy\Z|sessionEnergy\Z|chargeRemainingEnergy\Z"), "Wh"),
    (re.compile(r"[eE]nergy\Z|[cC]apacity\Z|chargeTotalImport\Z"), "kWh"), (re.compile(r"[cC]urrents?(?:/l?[0-9])?\Z|[cC]urrentL[1-3]\Z"), "A"),
    (re.compile(r"[vV]oltages?(?:/l?[0-9])?\Z"), "V"), (re.compile(r"(?:Duration|Remaining|Delay)\Z"), "s"), (re.compile(r"(?:Range|Odometer)\Z"), "km"),
    (re.compile(r"greenShare\w*\Z"), None), (re.compile(r"[sS]olarPercentage\Z"), "%"),
)  # fmt: skip
META = frozenset(
    "version updated siteTitle title vehicleName vehicleTitle vehicleIcon vehicleIdentity icon currency".split()
)


def is_evcc(levels: list[str]) -> bool:
    """Whether a topic is one of evcc."""
    return levels[0] == "evcc" and len(levels) >= 2


def read(draft: Draft, levels: list[str]) -> None:
    """One value of the site, a charging point or a car."""
    draft.ecosystem = ECOSYSTEM
    value = draft.message.body.value
    if levels[1:] == ["status"]:
        state = presence(str(value))
        if state:
            draft.alive("evcc", state, bridge=True)
        return
    take = 3 if levels[1] in ("loadpoints", "vehicles") and len(levels) > 3 else 2
    key, rest = levels[-1], levels[take:]
    if (
        key in META
        or not rest
        or role(key) in ("time", "other time")
        or (draft.message.body.form == "json" and type(value) in (dict, list))
    ):
        draft.says("meta", "A setting, a name or a list of evcc: no reading.")
        return
    device = clean("/".join(levels[:take]))
    if not draft.knows(device):
        draft.device(
            device,
            name=f"evcc {' '.join(levels[1:take]).replace('loadpoints', 'charging point').replace('vehicles ', '')}",
            bridge="evcc",
        )
    sensor = clean("/".join(rest))
    kind: SensorKind | None = "enum" if key in ("mode", "phaseAction", "pvAction", "chargerStatusReason") else None
    draft.reading(device, sensor, value, next((unit for pattern, unit in UNITS if pattern.search(sensor)), None), kind)
