"""Z-Wave JS UI: `<prefix>/[location/]<node>/<class>/<endpoint>/<property…>`.

Source: zwave-js/zwave-js-ui docs/usage/setup.md (gateway types and payloads). The payload is a value, `{"time", "value"}`, or
a whole ValueId with unit, label and states.
"""

from __future__ import annotations

import re
from typing import Any

from glance.mqtt.decode import units
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.memory import Memory
from glance.mqtt.decode.parts import text
from glance.mqtt.decode.topics import label_of, presence
from glance.mqtt.readings import SensorInfo

ECOSYSTEM = "zwave-js-ui"
# Command classes that have values; a node before them is a number too.
FIRST_CLASS, LAST_CLASS = 32, 159
# Central Scene: 0 a push, 1 let go, 2 held, 3 two pushes.
SCENE = re.compile(
    r"(?:(?:91/[0-9]+|central_scene/endpoint_[0-9]+)/scene/|(?:43/[0-9]+|scene_activation/endpoint_[0-9]+)/sceneId\Z)"
)
# Command classes by which a node tells what it is: manufacturer, versions, Z-Wave Plus.
ABOUT = re.compile(
    r"(?:(?:114|134|94)/[0-9]+|(?:manufacturer_specific|version|z-?wave_?plus_info)/endpoint_[0-9]+)/", re.I
)
LEVEL = re.compile(r"(?:128/[0-9]+|battery/endpoint_[0-9]+)/level\Z")
META = frozenset(("nodeinfo", "lastActive", "hass", "version"))


def parts_of(levels: list[str], memory: Memory) -> tuple[str, list[str]] | None:
    """(prefix, rest) of a topic of Z-Wave JS UI; a prefix is learned from the gateway's own topics below it."""
    prefixes = memory.of(ECOSYSTEM, 16)
    for place, level in enumerate(levels[1:], 1):
        if level == "_CLIENTS" or level == "_EVENTS":
            prefix = "/".join(levels[:place])
            if prefix not in prefixes:
                prefixes[prefix] = True
                memory.epoch += 1
            return prefix, levels[place:]
    if levels[0].lower().startswith("zwave") and len(levels) > 2:
        return levels[0], levels[1:]
    for length in range(1, min(4, len(levels) - 1)):
        if "/".join(levels[:length]) in prefixes:
            return "/".join(levels[:length]), levels[length:]
    return None


def _split(rest: list[str]) -> tuple[str, str] | None:
    """(node with location, value path): where class and endpoint begin."""
    for place in range(len(rest) - 2, 0, -1):
        numbered = rest[place].isdigit() and rest[place + 1].isdigit() and len(rest) > place + 2
        if (numbered and FIRST_CLASS <= int(rest[place]) <= LAST_CLASS) or rest[place + 1].startswith("endpoint_"):
            return clean("/".join(rest[:place])), clean("/".join(rest[place:]))
    return None


def read(draft: Draft, prefix: str, rest: list[str]) -> None:
    """A message below the gateway's prefix."""
    draft.ecosystem = ECOSYSTEM
    value = draft.message.body.value
    if rest[0].startswith("_"):
        if rest[0] == "_CLIENTS" and rest[-1] == "status":
            state = presence(str(value.get("value") if type(value) is dict else value))
            if state:
                draft.alive(prefix, state, bridge=True)
                return
        draft.says("meta", "The gateway about itself: no reading.")
    elif rest == ["driver", "status"]:
        state = presence(str(value.get("value") if type(value) is dict else value))
        if state:
            draft.alive(prefix, state, bridge=True)
    elif rest[-1] == "status" and _split(rest) is None:
        said = value.get("value", value.get("status")) if type(value) is dict else value
        state = presence(str(said))
        if state:
            draft.alive(_device(draft, prefix, "/".join(rest[:-1])), state)
    elif rest[-1] in META:
        draft.says("meta", "The node about itself: no reading.")
    else:
        split = _split(rest) or ("/".join(rest[:-1]), rest[-1])
        if SCENE.search(split[1]):
            scene = value.get("value") if type(value) is dict else value
            if scene is not None:
                draft.reading(_device(draft, prefix, split[0]), split[1], scene, None, "event")
            draft.says("event", "A push of a button: an event, no line.")
            return
        if ABOUT.match(split[1]):
            draft.says("meta", "The node about itself: no reading.")
            return
        _value(draft, _device(draft, prefix, split[0]), split[1], value)


def _device(draft: Draft, prefix: str, node: str) -> str:
    place, _, name = clean(node).rpartition("/")
    return draft.device(
        clean(node),
        name=f"Node {name}" if name.isdigit() else name or label_of(node),
        room=place or None,
        bridge=prefix,
    )


def _value(draft: Draft, device: str, sensor: str, value: Any) -> None:
    usual = _usual_unit(sensor)
    if type(value) is not dict:
        draft.reading(device, sensor, value, usual)
        return
    draft.time(value.get("time", value.get("lastUpdate")))
    room, name, unit = value.get("nodeLocation"), value.get("nodeName"), value.get("unit")
    if type(room) is str or type(name) is str:
        draft.device(device, room=text(room), name=text(name))
    states = value.get("states")
    if type(value.get("label")) is str or type(states) is list:
        labels = tuple(
            (str(state["value"]), clean(str(state["text"]), 64))
            for state in (states if type(states) is list else ())[:64]
            if type(state) is dict and "value" in state and "text" in state
        )
        draft.declare(
            SensorInfo(
                device,
                sensor,
                name=clean(value["label"]) if type(value.get("label")) is str else None,
                unit=units.normal(unit) if type(unit) is str else None,
                value_labels=labels,
            )
        )
    if type(value.get("value")) not in (dict, list):
        draft.reading(device, sensor, value.get("value"), text(unit) or usual)


def _usual_unit(sensor: str) -> str | None:
    """The unit of a value that is published without one."""
    name = sensor.rpartition("/")[2]
    return "%" if name == "Humidity" or LEVEL.match(sensor) else units.by_suffix(name)
