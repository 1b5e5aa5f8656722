"""LoRaWAN network servers: The Things Stack and ChirpStack; what the payload formatter made of a device's bytes.

Source: thethingsindustries.com/docs (MQTT server), chirpstack.io/docs (MQTT integration, events). Only uplinks hold values.
"""

from __future__ import annotations

from typing import Any

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.flatten import leaves
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.parts import fields, items, text

ECOSYSTEM = "lorawan"


def parts_of(levels: list[str]) -> tuple[str, str] | None:
    """(device, event) of a topic of one of the two servers."""
    if levels[0] == "v3" and len(levels) >= 5 and levels[2] == "devices":
        return clean(levels[3]), levels[4]
    if len(levels) == 6 and levels[0] == "application" and levels[2] == "device" and levels[4] == "event":
        return clean(levels[3]), levels[5]
    return None


def looks_like(message: dict[str, Any]) -> bool:
    """Whether an object on any topic is an uplink of one of the two servers, passed on by somebody."""
    if "uplink_message" in message:
        return bool(fields(message.get("end_device_ids")))
    return "object" in message and bool(fields(message.get("deviceInfo")))


def device_in(message: dict[str, Any]) -> str:
    """The device of such an uplink."""
    ids, about = fields(message.get("end_device_ids")), fields(message.get("deviceInfo"))
    return clean(text(ids.get("device_id")) or text(about.get("devEui")) or "lorawan")


def read(draft: Draft, device: str, event: str) -> None:
    """One event of a device."""
    draft.ecosystem = ECOSYSTEM
    whole = fields(draft.message.body.value)
    uplink = fields(whole.get("uplink_message")) or whole
    values = fields(uplink.get("decoded_payload")) or fields(uplink.get("object"))
    if event != "up" or not values:
        draft.says("meta", "No uplink with decoded values: give the device a payload formatter.")
        return
    draft.time(whole.get("received_at") or whole.get("time"))
    about = fields(whole.get("deviceInfo"))
    device = draft.device(
        device, name=text(about.get("deviceName")) or device, model=text(about.get("deviceProfileName"))
    )
    leaves(draft, device, values)
    first = next((fields(heard) for heard in items(uplink.get("rx_metadata")) or items(uplink.get("rxInfo"))), {})
    for key, unit in (("rssi", "dBm"), ("snr", "dB")):
        if key in first:
            draft.reading(device, key, first[key], unit)
