"""Dutch and Belgian smart meters: DSMR-API firmware and DSMR-reader.

Source: mhendriks/DSMR-API-V2, dsmrreader/dsmr-reader docs (MQTT). `DSMR-API/<key>` `{"<key>": [{"value": x, "unit": u}]}`;
`dsmr/reading/<key>` and `dsmr/day-consumption/<key>` with plain values.
"""

from __future__ import annotations

import re
from typing import Any

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.flatten import leaves
from glance.mqtt.decode.keys import clean, role
from glance.mqtt.readings import SensorInfo

ECOSYSTEM = "dsmr"
KEYS = ("reading", "day-consumption", "meter-stats", "current-month", "current-year", "consumption", "current-period")
UNITS = (
    (re.compile(r"power_current"), "A"), (re.compile(r"voltage"), "V"),
    (re.compile(r"electricity_currently_(?:delivered|returned)|phase_power|phase_currently"), "kW"), (re.compile(r"phase_current"), "A"), (re.compile(r"gas|extra_device.*delivered"), "m³"),
    (re.compile(r"electricity.*(?:delivered|returned|merged|[12])\Z"), "kWh"), (re.compile(r"cost|fixed"), "€"),
)  # fmt: skip
# The whole telegram: as JSON by the same keys, or as the meter sent it.
TELEGRAMS = (["json"], ["telegram"], ["raw"])
ABOUT = frozenset(("identification", "p1_version", "equipment_id", "electricity_tariff_raw"))
COUNTER = re.compile(r"electricity_(?:delivered|returned)_[12]\Z|energy_(?:delivered|returned)_tariff[12]\Z")


def is_dsmr(levels: list[str]) -> bool:
    """Whether a topic is one of the two programs."""
    if levels[0].upper().startswith("DSMR-API") and len(levels) == 2:
        return True
    return levels[0] == "dsmr" and len(levels) >= 2 and (levels[1] in KEYS or levels[1:] in TELEGRAMS)


def read(draft: Draft, levels: list[str]) -> None:
    """One value of the meter."""
    draft.ecosystem = ECOSYSTEM
    key, value = levels[-1], draft.message.body.value
    if role(key) != "sensor" or key in ABOUT or (key == "telegram" and type(value) is str):
        draft.says("meta", "About the meter, not a reading.")
        return
    device = draft.device(clean(levels[0]), name=levels[0], model="Smart meter")
    sensor = clean(key if levels[0] != "dsmr" else "/".join(levels[1:]) if levels[1] != "reading" else key)
    new = (device, sensor) not in draft.memory.series
    if type(value) is dict:
        leaves(draft, device, value, lambda name, _raw, _f: _unit(name) if levels[0] == "dsmr" else None)
    elif type(value) is not list:
        draft.reading(device, sensor, value, _unit(sensor))
    if new and draft.readings and COUNTER.search(key):
        draft.sensors.append(SensorInfo(device, sensor, device_class="energy", state_class="total_increasing"))


def _unit(key: str) -> Any:
    return next((unit for pattern, unit in UNITS if pattern.search(key)), None)
