"""Home Assistant MQTT discovery: the widest declaration language, read without Home Assistant.

Source: home-assistant/core components/mqtt (discovery.py, abbreviations.py, entity and sensor modules). A declaration lies on
`<prefix>/<component>/[<node>/]<object>/config`, or for a whole device on `<prefix>/device/<object>/config`; an empty payload
withdraws it. Where a state topic belongs to an ecosystem that is read by its own grammar, the declaration only names and
measures the sensors that the grammar finds; anywhere else it says where the values are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from glance.mqtt.decode import zigbee2mqtt
from glance.mqtt.decode.abbreviations import expanded
from glance.mqtt.decode.body import compact
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.ha_components import COMPONENTS, IGNORED, Source, sources, truth
from glance.mqtt.decode.ha_states import Rule, forget, rules_of, watch_availability
from glance.mqtt.decode.keys import clean, folded
from glance.mqtt.decode.memory import Memory
from glance.mqtt.decode.templates import Template, compiled
from glance.mqtt.decode.topics import label_of
from glance.mqtt.decode.units import normal
from glance.mqtt.decode.values import BOOLEANS
from glance.mqtt.readings import Removed, Renamed, SensorInfo

ECOSYSTEM = "home-assistant"
PREFIX = "homeassistant"
MARKS = (
    "state_topic",
    "stat_t",
    "command_topic",
    "cmd_t",
    "components",
    "cmps",
    "unique_id",
    "uniq_id",
    "~",
    "topic",
    "t",
)
MOST_COMPONENTS = 400
ALWAYS_SHOWN = frozenset(("battery",))

# (topic, JSON path as nested value) -> (an ecosystem with a grammar of its own reads it, the series it finds)
Probe = Callable[[str, Any, bool], tuple[bool, list[tuple[str, str]]]]


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


def read(draft: Draft, levels: list[str], probe: Probe) -> None:
    """One declaration: new, the same again, changed, or withdrawn."""
    draft.ecosystem = ECOSYSTEM
    memory, topic, body = draft.memory, draft.message.topic, draft.message.body
    before: list[tuple[str, str]] = memory.of("ha configs").get(topic, [])
    if body.form == "empty":
        forget(memory, topic)
        memory.of("ha configs").pop(topic, None)
        memory.declare(topic, "")
        draft.removed.extend(Removed(device, sensor) for device, sensor in before)
        draft.says("removal", "The declaration was withdrawn; what was recorded stays.")
        return
    config = body.value
    if type(config) is not dict:
        draft.says("invalid", "A declaration that is no JSON object.")
        return
    if levels[0] != PREFIX and not any(mark in config for mark in MARKS):
        draft.says("meta", "A configuration, but not one of Home Assistant's discovery.")
        return
    if not memory.declare(topic, compact(config)):
        draft.says("declaration", "The same declaration as before.")
        return
    forget(memory, topic)
    memory.epoch += 1
    after: list[tuple[str, str]] = []
    for entity in _entities(draft, levels, expanded(config)):
        after.extend(_entity(draft, entity, probe))
    memory.of("ha configs")[topic] = after
    draft.removed.extend(Removed(device, sensor) for device, sensor in before if (device, sensor) not in after)
    draft.says("declaration", _sentence(after, levels))


def _sentence(after: list[tuple[str, str]], levels: list[str]) -> str:
    if after:
        return f"Declares {len(after)} sensor{'s' if len(after) > 1 else ''} of {after[0][0]}."
    return f"Declares {'a ' + parts_of(levels)[0] if parts_of(levels)[0] != 'device' else 'a device'}: nothing of it can be drawn."


def _entities(draft: Draft, levels: list[str], config: dict[str, Any]) -> Iterator[Config]:
    """The entities of a declaration; those of a device inherit what stands at its top."""
    component, node, key = parts_of(levels)
    whole = config.get("components")
    device_based = component == "device" or type(whole) is dict
    device, name = _device(draft, config, node or key)
    if not device_based:
        yield Config(component, key, node, config, device, name, "device" in config)
        return
    shared = {k: v for k, v in config.items() if k not in ("components", "origin", "name", "unique_id")}
    for part, fields in list(whole.items())[:MOST_COMPONENTS] if type(whole) is dict else ():
        if type(fields) is dict:
            own = expanded({"~": config["~"], **fields} if "~" in config else fields)
            platform = own.get("platform")
            if type(platform) is str and len(own) > 1:
                yield Config(platform, str(part), None, {**shared, **own}, device, name, True)


def _device(draft: Draft, config: Mapping[str, Any], otherwise: str) -> tuple[str, str | None]:
    """(device id, its name) of a declaration: by its first identifier, or its address; without a device the node."""
    about = config.get("device")
    if type(about) is not dict:
        return clean(otherwise), None
    keys = _identifiers(about)
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
    topic = config.get("state_topic")
    if type(topic) is not str or not name or not topic.endswith(f"/{name}"):
        return
    base = topic[: -len(name) - 1]
    zigbee2mqtt.learn(memory, base)
    zigbee2mqtt.bind(memory, base, name, ieee)


def _identifiers(about: Mapping[str, Any]) -> list[str]:
    """Identifiers, then connections, of a device block; both come as text or list."""
    raw = about.get("identifiers")
    found = [raw] if type(raw) is str else [str(x) for x in raw if type(x) in (str, int)] if type(raw) is list else []
    for pair in about.get("connections") or ():
        if type(pair) is list and len(pair) == 2:
            found.append(f"{pair[0]}:{pair[1]}")
    return [key for key in found if key.strip()][:8]


def _entity(draft: Draft, config: Config, probe: Probe) -> Iterator[tuple[str, str]]:
    """Declare one entity; yields its series."""
    if config.component in IGNORED:
        return
    device = config.device
    states = list(sources(config.component, config.fields))
    bound: list[tuple[Source, Template, tuple[str, str] | None]] = []
    native = False
    for source in states:
        template = compiled(source.template)
        theirs, series = probe(source.topic, _example(source, template), True)
        native = native or theirs
        bound.append((source, template, series[0] if theirs and series and template.plain else None))
    if native:
        found = next((series for _, _, series in bound if series), None)
        device = _native_device(draft, config, found[0] if found else None)
    _say_device(draft, device, config)
    topics = {source.topic for source, _, _ in bound}
    watch_availability(draft.memory, draft.message.topic, device, config.fields, probe, topics)
    for source, template, own in bound:
        if native:
            if own is not None:
                # The grammar's own declaration (a unit of Zigbee2MQTT's exposes) is as good; the name comes from here.
                _declare(draft, config, source, own[0], own[1], native=True)
                yield own
            continue
        sensor = _sensor(draft.memory, config, device) + source.suffix
        _take_over(draft, source, template, device, sensor, probe)
        _declare(draft, config, source, device, sensor, native=False)
        rules_of(draft.memory, source.topic).append(
            Rule(
                draft.message.topic,
                device,
                sensor,
                template,
                source.kind,
                source.path,
                truth(config.component, config.fields) if source.kind == "boolean" else None,
            )
        )
        yield device, sensor


def _native_device(draft: Draft, config: Config, found: str | None) -> str:
    """The device by its ecosystem's grammar; one that was renamed there keeps the id it had."""
    memory = draft.memory
    about = config.fields.get("device")
    keys = _identifiers(about) if type(about) is dict else []
    known = next((memory.same[f"ha:{key}"] for key in keys if f"ha:{key}" in memory.same), None)
    if found is None:
        return known or config.device
    for key in keys:
        if f"ha:{key}" not in memory.same:
            memory.name(f"ha:{key}", known or found)
    if known is not None and known != found and found not in memory.devices:
        memory.name(found, known)
        return known
    return found


def _say_device(draft: Draft, device: str, config: Config) -> None:
    about = config.fields.get("device")
    if type(about) is not dict:
        draft.device(device, name=label_of(device), ecosystem=ECOSYSTEM)
        return
    for key in _identifiers(about):
        if f"ha:{key}" not in draft.memory.same:
            draft.memory.name(f"ha:{key}", device)
    texts = {k: v for k, v in about.items() if type(v) is str}
    via = texts.get("via_device")
    link = texts.get("configuration_url", "")
    draft.device(
        device,
        ecosystem=ECOSYSTEM,
        name=config.device_name or label_of(device),
        maker=texts.get("manufacturer"),
        model=texts.get("model"),
        room=texts.get("suggested_area"),
        firmware=texts.get("sw_version"),
        via=draft.memory.same.get(f"ha:{via}", via) if via else None,
        link=link if link.startswith(("http://", "https://")) else None,
    )


def _name(config: Config) -> str:
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


def _sensor(memory: Memory, config: Config, device: str) -> str:
    """The sensor's id: from its first name, kept by its unique id when the name changes."""
    unique = config.fields.get("unique_id")
    key = f"uid:{unique}" if type(unique) in (str, int) else f"uid:{device}/{config.component}/{config.key}"
    sensor = memory.same.get(key)
    if sensor is None:
        sensor = folded(_name(config)) or folded(config.key) or config.component
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


def _declare(draft: Draft, config: Config, source: Source, device: str, sensor: str, *, native: bool) -> None:
    fields = config.fields
    unit = fields.get("unit_of_measurement") if not source.suffix else source.unit
    words = truth(config.component, fields) if source.kind == "boolean" else None
    if native and words is not None and all(word.lower() in BOOLEANS for word in words):
        words = None
    name = _name(config)
    if source.suffix not in ("", ".state"):
        name = f"{name} {source.suffix[1:].replace('_', ' ')}"
    series = draft.memory.series.get((device, sensor))
    old = series.info if series is not None and native else None
    expire, digits = fields.get("expire_after"), fields.get("suggested_display_precision")
    device_class = fields.get("device_class") if not source.suffix else None
    options = fields.get("options") or fields.get("event_types") or ()
    draft.declare(
        SensorInfo(
            device,
            sensor,
            name=name,
            unit=normal(unit) if type(unit) is str else old.unit if old else None,
            kind=old.kind if old else None if native and source.kind == "boolean" and words is None else source.kind,
            device_class=clean(device_class) if type(device_class) is str else None,
            state_class=clean(fields["state_class"])
            if type(fields.get("state_class")) is str and not source.suffix
            else None,
            options=old.options if old and old.options else tuple(clean(x, 64) for x in options if type(x) is str)[:64],
            hidden=_hidden(fields, device_class, name),
            expire_after_s=float(expire) if isinstance(expire, int | float) and 0 < expire < 1e9 else None,
            decimals=digits if type(digits) is int and 0 <= digits <= 9 else None,
            value_labels=old.value_labels if old else (),
        ),
        (series.truth if old and series is not None else None) or words,
    )


def _hidden(fields: Mapping[str, Any], device_class: Any, name: str) -> bool:
    if fields.get("enabled_by_default") is False:
        return name.lower() not in ("battery", "linkquality")
    return fields.get("entity_category") in ("diagnostic", "config") and device_class not in ALWAYS_SHOWN


def _example(source: Source, template: Template) -> Any:
    """A JSON value that has a 1 where the source is read, to ask a grammar what it would call it."""
    path: tuple[str | int, ...] | None = (source.path,) if source.path else template.path
    value: Any = 1
    for step in reversed(path or ()):
        value = (
            {step: value}
            if type(step) is str
            else [1] * min(int(step), 7) + [value]
            if type(step) is int and step >= 0
            else value
        )
    return value


def _take_over(draft: Draft, source: Source, template: Template, device: str, sensor: str, probe: Probe) -> None:
    """Values that were read before the declaration came go on under the declared name."""
    _, series = probe(source.topic, _example(source, template), False)
    memory = draft.memory
    for old in series[:1]:
        found = memory.series.get(old)
        if old != (device, sensor) and found is not None and found.info is None:
            draft.renamed.append(Renamed(old[0], device, old[1], sensor))
            del memory.series[old]
