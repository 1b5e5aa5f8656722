"""Ecowitt gateways' own report as JSON: every value a text. Source: the Ecowitt upload protocol, bachya/ecowitt2mqtt fixtures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.flatten import leaves
from glance.mqtt.decode.parts import text
from glance.mqtt.decode.topics import device_of, label_of

ECOSYSTEM = "ecowitt"
LONGEST_FORM, MOST_FIELDS = 16_384, 400
SKIP = frozenset(
    "PASSKEY stationtype dateutc freq model ID PASSWORD action softwaretype realtime rtfreq interval lightning_time ws90_ver".split()
)
# The first pattern that fits names the unit; battery scales differ per sensor, only the known voltages are named.
UNITS = tuple(
    (re.compile(pattern), unit)
    for pattern, unit in (
        (r"temp[0-9]*f\Z|tempinf\Z|tf_ch|tf_co2\Z|temp[a-z0-9_]*f\Z|feelslikef\Z|dewptf\Z|windchillf\Z", "°F"),
        (r"w?bgt\Z", "°F"), (r"temp[a-z0-9_]*c\Z|tc_", "°C"),
        (r"humi|soilmoisture|leafwetness", "%"),
        (r"barom.*in\Z", "inHg"), (r"barom.*hpa\Z", "hPa"),
        (r"rainratein\Z|rrain_piezo\Z|rainratein", "in/h"), (r"rain.*in\Z|[^s]rain_piezo\Z", "in"), (r"rainratemm", "mm/h"), (r"rain.*mm\Z", "mm"),
        (r"mph(?:_|\Z)|maxdailygust\Z", "mph"), (r"kmh\Z", "km/h"), (r"ms\Z", "m/s"), (r"winddir", "°"), (r"solarradiation\Z", "W/m²"),
        (r"pm[0-9](?!.*batt)", "µg/m³"), (r"co2(?!_batt)", "ppm"), (r"lightning\Z", "km"), (r"vpd\Z", "inHg"), (r"runtime\Z", "s"), (r"heap\Z", "B"),
        (r"(?:wh40|wh68|wh80|wh85|wh90|ws90cap_)(?:batt|volt)\Z|(?:soil|tf_|leaf_)batt[0-9]*\Z|soilad", "V"), (r"depth_|thi_", "mm"),
    )
)  # fmt: skip


def looks_like(fields: Mapping[str, Any]) -> bool:
    """Whether an object is a report of such a gateway."""
    return "dateutc" in fields and (
        "PASSKEY" in fields or "stationtype" in fields or "softwaretype" in fields or "baromabsin" in fields
    )


def form_in(body: str) -> dict[str, str] | None:
    """The fields of a report as the gateway posts it (`PASSKEY=…&dateutc=…`), passed on to the broker as it came."""
    if "dateutc=" not in body or "&" not in body or len(body) > LONGEST_FORM:
        return None
    try:
        fields = dict(parse_qsl(body, max_num_fields=MOST_FIELDS))
    except ValueError:
        return None
    return fields if looks_like(fields) else None


def read(draft: Draft, levels: list[str], fields: dict[str, Any]) -> None:
    """One report."""
    draft.ecosystem = ECOSYSTEM
    draft.time(fields["dateutc"], utc=True)
    model, device = fields.get("model"), device_of(levels)
    device = draft.device(device, name=label_of(device), maker="Ecowitt", model=text(model))
    leaves(draft, device, fields, unit_of, skip=SKIP)


def unit_of(key: str, _raw: Any, _fields: Mapping[str, Any]) -> str | None:
    """The unit by the key's name."""
    return _unit(key)


@lru_cache(maxsize=1024)
def _unit(key: str) -> str | None:
    if key.startswith("leak") or key == "uv":
        return None
    return next((unit for pattern, unit in UNITS if pattern.search(key)), None)
