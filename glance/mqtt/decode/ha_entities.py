"""Entities of Home Assistant declarations: which device and sensor they are, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from glance.mqtt.decode import zigbee2mqtt
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.ha_components import COMPONENTS
from glance.mqtt.decode.keys import clean, folded
from glance.mqtt.decode.memory import Memory
from glance.mqtt.decode.parts import items

PREFIX = "homeassistant"


@dataclass(slots=True)
class Config:
    """One entity's declaration with what it inherits."""

    component: str
    key: str
    node: str | None
    fields: dict[str, Any]
    device: str
    device_name: str | None
    from_device: bool


def is_config(levels: list[str]) -> bool:
    """Whether a topic is one for declarations (by its levels alone, of any prefix)."""
    if levels[-1] != "config" or len(levels) < 4:
        return False
    return levels[0] == PREFIX or levels[-3] in COMPONENTS or (len(levels) > 4 and levels[-4] in COMPONENTS)


def parts_of(levels: list[str]) -> tuple[str, str | None, str]:
    """(component, node id, object id) of a declaration's topic."""
    if len(levels) > 4 and (levels[-4] in COMPONENTS or levels[0] == PREFIX):
        return levels[-4], levels[-3], levels[-2]
    return levels[-3], None, levels[-2]


def device_of(draft: Draft, config: Mapping[str, Any], otherwise: str) -> tuple[str, str | None]:
    """(device id, its name) of a declaration: by its first identifier, or its address; without a device the node."""
    about = config.get("device")
    if type(about) is not dict:
        return clean(otherwise), None
    keys = identifiers(about)
    name = clean(about["name"]) if type(about.get("name")) is str and about["name"].strip() else None
    if not keys:
        return clean(name or otherwise), name
    memory = draft.memory
    device = next((memory.same[f"ha:{key}"] for key in keys if f"ha:{key}" in memory.same), None)
    if device is None and keys[0].startswith("zigbee2mqtt_"):
        ieee = keys[0].removeprefix("zigbee2mqtt_")
        device = memory.same.get(f"ieee:{ieee}")
        _learn_base(memory, config, name, ieee)
    return device or clean(keys[0]), name


def _learn_base(memory: Memory, config: Mapping[str, Any], name: str | None, ieee: str) -> None:
    """A declaration by Zigbee2MQTT tells its base topic, and which address a friendly name has."""
    topics = [topic for key, topic in config.items() if key.endswith("_topic") and type(topic) is str]
    topic = next((topic for topic in topics if name and topic.endswith(f"/{name}")), None)
    if topic is None or not name:
        return
    base = topic[: -len(name) - 1]
    zigbee2mqtt.learn(memory, base)
    zigbee2mqtt.bind(memory, base, name, ieee)


def identifiers(about: Mapping[str, Any]) -> list[str]:
    """Identifiers, then connections, of a device block; both come as text or list."""
    raw = about.get("identifiers")
    found = [raw] if type(raw) is str else [str(x) for x in raw if type(x) in (str, int)] if type(raw) is list else []
    for pair in items(about.get("connections")):
        if type(pair) is list and len(pair) == 2:
            found.append(f"{pair[0]}:{pair[1]}")
    return [key for key in found if key.strip()][:8]


def told_apart(components: Mapping[str, Any]) -> dict[str, Any]:
    """The components of a device; nameless ones that are of the platform and class of another before are named by their key."""
    seen: set[tuple[str, str]] = set()
    named: dict[str, Any] = {}
    for key, fields in components.items():
        if type(fields) is dict and not fields.get("name"):
            what = (
                str(fields.get("platform", fields.get("p"))),
                str(fields.get("device_class", fields.get("dev_cla"))),
            )
            named[key] = {**fields, "name": key} if what in seen and what[1] != "None" else fields
            seen.add(what)
        else:
            named[key] = fields
    return named


def name_of(config: Config) -> str:
    """The entity's name without the device's in front of it; absent: its class, its key."""
    name = config.fields.get("name")
    if type(name) is not str or not name.strip():
        found = config.fields.get("device_class")
        return clean(str(found)) if type(found) is str and not config.key.startswith(str(found)) else clean(config.key)
    name, device = clean(name), config.device_name
    if (
        device
        and len(name) > len(device)
        and name.lower().startswith(device.lower())
        and not name[len(device)].isalnum()
    ):
        return name[len(device) :].lstrip(" _-") or name
    return name


def sensor_of(memory: Memory, config: Config, device: str) -> str:
    """The sensor's id: from its first name, kept by its unique id when the name changes."""
    unique = config.fields.get("unique_id")
    key = f"uid:{unique}" if type(unique) in (str, int) else f"uid:{device}/{config.component}/{config.key}"
    sensor = memory.same.get(key)
    if sensor is None:
        sensor = folded(name_of(config)) or folded(config.key) or config.component
        taken = memory.same.get(f"sensor:{device}/{sensor}")
        if taken is not None and taken != key:
            sensor = (
                f"{sensor}_{config.component}"
                if f"sensor:{device}/{sensor}_{config.component}" not in memory.same
                else f"{sensor}_{folded(config.key)}"
            )
        memory.name(key, sensor)
        memory.name(f"sensor:{device}/{sensor}", key)
    return sensor
