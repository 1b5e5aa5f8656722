"""rtl_433: JSON per radio packet, its scalars, and the same packets through OpenMQTTGateway.

Source: merbanan/rtl_433 docs/OPERATION.md and docs/DATA_FORMAT.md. Units stand in the key's suffix; the device is the
model with channel and id. Topics: `rtl_433/<host>/events`, `…/states`, `…/devices[/type][/model][/subtype][/channel][/id]/<key>`.
"""

from __future__ import annotations

import re
from typing import Any

from glance.mqtt.decode import units
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.flatten import leaves
from glance.mqtt.decode.keys import clean, folded

ECOSYSTEM = "rtl_433"
SKIP = frozenset(
    "time id mic mod freq freq1 freq2 data raw_msg protocol sequence_num exception model channel subtype msg code codes code_hex rolling tristate "
    "message_type brand type rows num_rows raw unknown len crc checksum parity flags flags1 flags2 flags3 header preamble "
    "sensor_type transmit duration uid uuid tid dev_id house_id secret_knock raw_data unit encrypted counter".split()
)
UNITS = {
    "rssi": "dB", "snr": "dB", "noise": "dB", "humidity": "%", "humidity_1": "%", "humidity_2": "%", "moisture": "%",
    "wind_dir_deg": "°", "light_lux": "lx", "lux": "lx", "uv": None, "uvi": None, "storm_dist": None, "co2_ppm": "ppm",
    "pm2_5_ug_m3": "µg/m³", "pm10_0_ug_m3": "µg/m³", "radio_clock": None, "battery_ok": None, "current": "A",
    "depth_cm": "cm", "power0_W": "W", "power1_W": "W", "power2_W": "W", "battery_pct": "%", "light_klx": "klx",
}  # fmt: skip
# Keys of which one at least says that an object is an rtl_433 packet.
SKIP_OK = SKIP | {"battery_ok"}
MARKS = ("mic", "mod", "battery_ok", "raw_msg", "snr")
# One capital behind a key is a unit here whatever it stands behind: supercap_V.
CAPITALS = {"_C": "°C", "_F": "°F", "_V": "V", "_A": "A", "_W": "W"}
# A model as it is written in a topic: LaCrosse-TX141THBv2.
MODEL = re.compile(r"[A-Z][A-Za-z0-9]*-[A-Za-z0-9_+.-]+\Z")


def looks_like(fields: dict[str, Any]) -> bool:
    """Whether an object on any topic is an rtl_433 packet."""
    return type(fields.get("model")) is str and "id" in fields and any(mark in fields for mark in MARKS)


def device_in(fields: dict[str, Any]) -> str:
    """The device of a packet: model, channel, id as far as they are there."""
    parts = [fields.get("model"), fields.get("channel"), fields.get("id")]
    return clean("-".join(str(part) for part in parts if part is not None and part != ""))


def unit_of(key: str, raw: Any, _fields: Any = None) -> str | None:
    """The unit by the table, then by the suffix that rtl_433 writes."""
    return UNITS[key] if key in UNITS else CAPITALS.get(key[-2:]) or units.by_suffix(key)


def read(draft: Draft, fields: dict[str, Any]) -> None:
    """One packet."""
    draft.ecosystem = ECOSYSTEM
    if not fields.get("model") or fields.get("protocol") == "debug":
        draft.says("meta", "Without a model, or about the receiver: no packet of a sensor.")
        return
    message = draft.message
    memory = draft.memory.of("rtl_433 packets", 512)
    packet = {
        key: raw for key, raw in fields.items() if key not in ("time", "rssi", "snr", "noise", "freq", "freq1", "freq2")
    }
    same = hash(repr(packet))
    last = memory.get(device := device_in(fields))
    if last and last[0] == (message.topic, same) and 0 < message.arrived_at - last[1] < 2.0:
        draft.says("ignored", "The same radio packet came twice within 2 s.")
        return
    memory[device] = ((message.topic, same), message.arrived_at)
    draft.time_in(fields)
    if fields.get("subtype") is not None:
        # The devices topics name the subtype too: one device by two names.
        parts = (fields["model"], fields["subtype"], fields.get("channel"), fields.get("id"))
        draft.memory.name(clean("-".join(str(part) for part in parts if part is not None and part != "")), device)
    if type(fields.get("type")) is str and fields["type"] == "TPMS":
        draft.sentence = "A tyre of a passing car."
    draft.device(device, name=device.replace("-", " "), model=str(fields["model"]), maker=fields.get("brand"))
    # What an owner describes by himself comes with the rows and their count.
    leaves(draft, device, fields, unit_of, skip=SKIP_OK | {"count"} if "num_rows" in fields else SKIP_OK)
    if "battery_ok" in fields:
        _battery_ok(draft, device, fields["battery_ok"])


def _battery_ok(draft: Draft, device: str, raw: Any) -> None:
    """1 is good and 0 is low; a few sensors tell a share between."""
    draft.reading(device, "battery_ok", raw, None, "boolean" if str(raw) in ("0", "1") else None)


def path_in(levels: list[str]) -> list[str] | None:
    """[model, channel, id, key] of a topic of one key; below `devices`, or as an owner may shorten it: `rtl_433/<model>/<id>/<key>`."""
    if "rtl_433" not in levels:
        return None
    if "devices" in levels[:-1]:
        return levels[levels.index("devices") + 1 :]
    rest = levels[levels.index("rtl_433") + 1 :]
    return rest if len(rest) > 2 and MODEL.match(rest[0]) else None


def read_scalar(draft: Draft, path: list[str], raw: Any) -> None:
    """One key of a device."""
    draft.ecosystem = ECOSYSTEM
    parts, key = path[:-1], path[-1]
    if not parts or key in SKIP or folded(key) in SKIP:
        draft.says("meta", f"“{key}” belongs to the packet, it is no reading.")
        return
    device = clean("-".join(part for part in parts if part and part != "TPMS"))
    draft.device(device, name=device.replace("-", " "), model=parts[0])
    if key == "battery_ok":
        _battery_ok(draft, device, raw)
    else:
        draft.reading(device, clean(key), raw, unit_of(key, raw))
