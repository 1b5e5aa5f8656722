"""ESPHome: `<node>/<component>/<id>/state` with plain values. Source: esphome/esphome-docs components/mqtt.rst."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glance.mqtt.decode import units
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.flatten import leaves
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.topics import device_of, label_of
from glance.mqtt.readings import SensorKind

ECOSYSTEM = "esphome"
COMPONENTS = frozenset(
    "sensor binary_sensor switch text_sensor number select cover climate light fan lock text valve event update button "
    "alarm_control_panel datetime date time water_heater".split()
)
KINDS: dict[str, SensorKind] = {
    "binary_sensor": "boolean", "switch": "boolean", "select": "enum", "lock": "enum", "event": "event",
    "text": "text", "cover": "enum", "alarm_control_panel": "enum",
}  # fmt: skip
# Parts of a component that have a state of their own: climate/x/mode/state.
PARTS: dict[str, SensorKind | None] = {
    "mode": "enum", "action": "enum", "fan_mode": "enum", "swing_mode": "enum", "preset": "enum", "tilt": None,
    "custom_preset": "enum", "custom_fan_mode": "enum", "direction": "enum", "oscillation": "boolean", "position": None,
    "speed": "enum", "speed_level": None, "current_temperature": None, "target_temperature": None,
    "target_temperature_low": None, "target_temperature_high": None, "current_humidity": None, "target_humidity": None,
}  # fmt: skip
UNITS = {
    "current_temperature": "°C", "target_temperature": "°C", "target_temperature_low": "°C", "target_temperature_high": "°C",
    "current_humidity": "%", "target_humidity": "%", "position": "%", "tilt": "%", "speed_level": None,
}  # fmt: skip


def parts_of(levels: list[str]) -> tuple[str, str, str, str | None] | None:
    """(node, component, id, part) of a state topic of ESPHome; None for other topics."""
    if len(levels) < 4 or levels[-1] != "state":
        return None
    if levels[-3] in COMPONENTS:
        node, component, name, part = levels[:-3], levels[-3], levels[-2], None
    elif len(levels) > 4 and levels[-4] in COMPONENTS and levels[-2] in PARTS:
        node, component, name, part = levels[:-4], levels[-4], levels[-3], levels[-2]
    else:
        return None
    # A node called like a room of a hand-made tree ("home/sensor/x/state") reads the same either way.
    return (device_of(node), component, clean(name), part) if any(node) else None


# What else a light, an event, an update send as JSON; a plain value is all that the other components have.
OBJECTS = frozenset("light event update button datetime date time".split())


def declares(config: Mapping[str, Any], topic: str) -> bool:
    """Whether a Home Assistant declaration of a topic of this shape comes from an ESPHome node."""
    parts, about = parts_of(topic.split("/")), config.get("device")
    if parts is None:
        return False
    device = about if type(about) is dict else {}
    said = f"{device.get('manufacturer')} {device.get('sw_version')} {device.get('model')}".lower()
    return (
        str(config.get("unique_id", "")).startswith("ESP")
        or "espressif" in said
        or "esphome" in said
        or config.get("availability_topic") == f"{topic[: topic.index(f'/{parts[1]}/')]}/status"
    )


def is_object(component: str, value: Any) -> bool:
    """Whether a component sends such a JSON value; numbers and booleans any may."""
    return component in OBJECTS if type(value) in (dict, list) else True


def read(draft: Draft, node: str, component: str, name: str, part: str | None) -> None:
    """A state of a component."""
    draft.ecosystem = ECOSYSTEM
    value: Any = draft.message.body.value
    device = draft.memory.same.get(node, node)
    if not draft.knows(device):
        draft.device(node, name=label_of(node))
    if component in ("button", "datetime", "date", "time"):
        draft.says("meta", f"A {component} has no value to draw.")
    elif type(value) is dict:
        if component == "event" and type(value.get("event_type")) is str:
            draft.reading(device, name, value["event_type"], None, "event")
        elif component == "update":
            draft.reading(device, f"{name}.installed_version", value.get("installed_version"), None, "text")
        else:
            leaves(draft, device, value, prefix=f"{name}.", depth=2)
    elif part == "oscillation":
        draft.reading(device, f"{name}.{part}", str(value).removeprefix("oscillate_"), None, "boolean")
    elif part is not None:
        draft.reading(device, f"{name}.{part}", value, UNITS.get(part), PARTS[part])
    elif component == "number" or component == "sensor":
        draft.reading(device, name, value, units.guess(name, value))
    elif component == "fan" or component == "light":
        draft.reading(device, name, value)
    else:
        draft.reading(device, name, value, None, KINDS.get(component))
