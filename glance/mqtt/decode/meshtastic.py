"""Meshtastic's JSON: `msh/<region>/2/json/<channel>/<gateway>`. Source: meshtastic/meshtastic docs (MQTT), mesh.proto telemetry.

The device is the node in `from`, not the gateway that passed it on.
"""

from __future__ import annotations

from typing import Any

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.flatten import leaves
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.topics import presence

ECOSYSTEM = "meshtastic"
FORMS = ("json", "e", "c", "stat")
UNITS = {
    "battery_level": "%", "voltage": "V", "channel_utilization": "%", "air_util_tx": "%", "uptime_seconds": "s", "temperature": "°C",
    "relative_humidity": "%", "barometric_pressure": "hPa", "gas_resistance": "MΩ", "current": "mA", "lux": "lx",
    "white_lux": "lx", "ir_lux": "lx", "uv_lux": "lx", "wind_direction": "°", "wind_speed": "m/s", "wind_gust": "m/s",
    "wind_lull": "m/s", "weight": "kg", "distance": "mm", "radiation": "µR/h", "rainfall_1h": "mm", "rainfall_24h": "mm",
    "voltage_ch1": "V", "voltage_ch2": "V", "voltage_ch3": "V", "current_ch1": "mA", "current_ch2": "mA", "current_ch3": "mA",
    "soil_moisture": "%", "soil_temperature": "°C", "co2": "ppm", "heart_bpm": "bpm", "spO2": "%",
    "pm10": "µg/m³", "pm25": "µg/m³", "pm100": "µg/m³", "pm10_standard": "µg/m³", "pm25_standard": "µg/m³",
    "pm100_standard": "µg/m³", "pm10_environmental": "µg/m³", "pm25_environmental": "µg/m³", "pm100_environmental": "µg/m³",
}  # fmt: skip


def is_meshtastic(levels: list[str]) -> bool:
    """Whether a topic is one of Meshtastic."""
    if len(levels) < 4:
        return False
    # The root is what the owner chose; behind it come the version, the form, the channel, the gateway's "!" and number.
    return "msh" in levels[:2] or (
        levels[-1][:1] == "!" and "2" in levels[:-2] and levels[levels.index("2") + 1] in FORMS
    )


def read(draft: Draft, levels: list[str]) -> None:
    """One packet, already decoded to JSON by the gateway."""
    draft.ecosystem = ECOSYSTEM
    fields: Any = draft.message.body.value
    if "stat" in levels[:-1] and draft.message.body.form == "text":
        state = presence(str(fields))
        if state:
            draft.alive(draft.device(clean(levels[-1]), name=levels[-1]), state)
            return
    if "json" not in levels:
        draft.says("binary", "Meshtastic's protobuf packets are not read; switch on JSON in the gateway.")
        return
    sender = fields.get("from") if type(fields) is dict else None
    payload = fields.get("payload") if type(fields) is dict else None
    if type(sender) is not int or not 0 <= sender < 2**32 or type(payload) is not dict:
        draft.says("meta", "A packet without a sender or without values.")
        return
    device = f"!{sender:08x}"
    if fields.get("type") == "nodeinfo":
        name = payload.get("longname")
        draft.device(device, name=name if type(name) is str else device)
        draft.says("declaration", "The node tells its name.")
        return
    if fields.get("type") != "telemetry":
        draft.says("meta", "A text, a position or another packet without measurements.")
        return
    draft.time(fields.get("timestamp"))
    if not draft.knows(device):
        draft.device(device, name=device)
    leaves(draft, device, payload, lambda key, _raw, _f: UNITS.get(key))
