"""Home Assistant MQTT discovery: the widest declaration language, read without Home Assistant.

Source: home-assistant/core components/mqtt (discovery.py, abbreviations.py, entity and sensor modules). A declaration lies on
`<prefix>/<component>/[<node>/]<object>/config`, or for a whole device on `<prefix>/device/<object>/config`; an empty payload
withdraws it. Where a state topic belongs to an ecosystem that is read by its own grammar, the declaration only names and
measures the sensors that the grammar finds; anywhere else it says where the values are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from glance.mqtt.decode import esphome, homie
from glance.mqtt.decode.abbreviations import expanded
from glance.mqtt.decode.body import compact
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.ha_components import IGNORED, TRIGGER, Source, quiet, sources, states_by_number, truth
from glance.mqtt.decode.ha_early import Probe, converted, declares, example, take_back, take_over
from glance.mqtt.decode.ha_entities import (
    PREFIX,
    Config,
    device_of,
    identifiers,
    is_config,
    name_of,
    parts_of,
    sensor_of,
    told_apart,
)
from glance.mqtt.decode.ha_states import Rule, forget, hush, rules_of, watch_availability
from glance.mqtt.decode.keys import clean, folded
from glance.mqtt.decode.known import class_labels
from glance.mqtt.decode.parts import items, text
from glance.mqtt.decode.templates import Template, compiled, text_of
from glance.mqtt.decode.topics import label_of
from glance.mqtt.decode.units import normal
from glance.mqtt.decode.values import BOOLEANS
from glance.mqtt.readings import SensorInfo

__all__ = ["PREFIX", "is_config", "read"]

ECOSYSTEM = "home-assistant"
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


def read(draft: Draft, levels: list[str], probe: Probe) -> None:
    """One declaration: new, the same again, changed, or withdrawn."""
    draft.ecosystem = ECOSYSTEM
    memory, topic, body = draft.memory, draft.message.topic, draft.message.body
    if body.form == "empty":
        forget(memory, topic)
        memory.declare(topic, "")
        draft.removed.extend(declares(memory, topic, []))
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
    if config.get("migrate_discovery") or config.get("migr_discvry"):
        declares(memory, topic, [])
        draft.says("declaration", "The device will be declared as a whole; its sensors stay.")
        return
    after: list[tuple[str, str]] = []
    silent: set[str] = set()
    for entity in _entities(draft, levels, expanded(config)):
        silent.update(quiet(entity.component, entity.fields))
        after.extend(_entity(draft, entity, probe))
    gone = declares(memory, topic, after)
    hush(memory, topic, silent)
    for name in silent:
        take_back(draft, name)
    draft.removed.extend(gone)
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
    device, name = device_of(draft, config, node or key)
    if not device_based:
        yield Config(component, key, node, config, device, name, "device" in config)
        return
    shared = {k: v for k, v in config.items() if k not in ("components", "origin", "name", "unique_id")}
    if type(whole) is dict:
        whole = told_apart(whole)
    for part, fields in list(whole.items())[:MOST_COMPONENTS] if type(whole) is dict else ():
        if type(fields) is dict:
            own = expanded({"~": config["~"], **fields} if "~" in config else fields)
            platform = own.get("platform")
            if type(platform) is str and len(own) > 1:
                yield Config(platform, str(part), None, {**shared, **own}, device, name, True)


Bound = tuple[Source, Template, tuple[str, str] | None]


def _entity(draft: Draft, config: Config, probe: Probe) -> Iterator[tuple[str, str]]:
    """Declare one entity; yields its series."""
    if config.component == TRIGGER:
        yield from _trigger(draft, config, probe)
        return
    if config.component in IGNORED:
        return
    native, bound = _bound(config, probe)
    device = config.device
    if native:
        known = [series for _, _, series in bound if series]
        known += [found for source, template, _ in bound if (found := converted(config, source, template, probe))]
        if not known:
            # A bridge about itself, a firmware update: nothing of it is drawn, so no device either.
            return
        device = _native_device(draft, config, known[0][0])
    _say_device(draft, device, config)
    topics = {source.topic for source, _, _ in bound}
    watch_availability(draft.memory, draft.message.topic, device, config.fields, probe, topics)
    for source, template, series in bound:
        if native and series is not None:
            # The grammar's own declaration (a unit of Zigbee2MQTT's exposes) is as good; the name comes from here.
            _declare(draft, config, source, series[0], series[1], native=True)
            yield series
        elif not native or converted(config, source, template, probe):
            yield _own_sensor(draft, config, source, template, device, probe)


def _bound(config: Config, probe: Probe) -> tuple[bool, list[Bound]]:
    """(whether a grammar reads the entity's topics, its sources each with the series that the grammar finds)."""
    native, bound = False, []
    for source in sources(config.component, config.fields):
        template = compiled(source.template)
        ecosystem, series = probe(source.topic, example(source, template), True)
        # Topics of the shape of ESPHome's are used by others too; what they declare is not an ESPHome node's.
        theirs = ecosystem is not None and (
            ecosystem != esphome.ECOSYSTEM or esphome.declares(config.fields, source.topic)
        )
        if ecosystem in (homie.ECOSYSTEM, homie.VALETUDO) and not series:
            # Beside its properties Valetudo has topics for Home Assistant alone, which only the declaration explains.
            theirs = False
        native = native or theirs
        bound.append((source, template, series[0] if theirs and series and template.plain else None))
    return native, bound


def _own_sensor(
    draft: Draft, config: Config, source: Source, template: Template, device: str, probe: Probe
) -> tuple[str, str]:
    """A sensor that only this declaration knows how to read."""
    sensor = sensor_of(draft.memory, config, device) + source.suffix
    take_over(draft, source, template, device, sensor, probe)
    _declare(draft, config, source, device, sensor, native=False)
    on = truth(config.component, config.fields, source.suffix) if source.kind == "boolean" else None
    states = states_by_number(config.component, config.fields) if not source.suffix else None
    rule = Rule(
        draft.message.topic, device, sensor, template, source.kind, source.path, on, source.whole, _off_s(config),
        words=states,
    )  # fmt: skip
    rules_of(draft.memory, source.topic).append(rule)
    return device, sensor


def _trigger(draft: Draft, config: Config, probe: Probe) -> Iterator[tuple[str, str]]:
    """A push or another trigger of a device: an event of it, where no grammar of an ecosystem reads the topic anyway."""
    fields = config.fields
    topic, part, what = fields.get("topic"), fields.get("subtype"), fields.get("type")
    if type(topic) is not str or type(part) is not str or type(what) is not str or probe(topic, 1, True)[0]:
        return
    _say_device(draft, config.device, config)
    device, sensor = config.device, folded(part) or "action"
    draft.declare(SensorInfo(device, sensor, name=clean(part), kind="event"))
    only = fields.get("payload")
    rule = Rule(
        draft.message.topic, device, sensor, compiled(text(fields.get("value_template"))), "event", None, None,
        only=None if only is None else text_of(only), told=what,
    )  # fmt: skip
    draft.memory.of("ha used").setdefault(draft.message.topic, set()).add(topic)
    rules_of(draft.memory, topic).append(rule)
    yield device, sensor


def _off_s(config: Config) -> float | None:
    """After how many seconds a binary sensor that is on goes off by itself."""
    delay = config.fields.get("off_delay") if config.component == "binary_sensor" else None
    return float(delay) if isinstance(delay, int | float) and 0 < delay < 1e7 else None


def _native_device(draft: Draft, config: Config, found: str) -> str:
    """The device by its ecosystem's grammar; one that was renamed there keeps the id it had."""
    memory = draft.memory
    about = config.fields.get("device")
    keys = identifiers(about) if type(about) is dict else []
    known = next((memory.same[f"ha:{key}"] for key in keys if f"ha:{key}" in memory.same), None)
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
    for key in identifiers(about):
        if f"ha:{key}" not in draft.memory.same:
            draft.memory.name(f"ha:{key}", device)
    texts = {k: v for k, v in about.items() if type(v) is str}
    via = texts.get("via_device")
    link = texts.get("configuration_url", "")
    draft.device(
        device,
        ecosystem=ECOSYSTEM,
        # an entity that says less about the device than another takes nothing back
        name=config.device_name or (None if draft.memory.known(device).info else label_of(device)),
        maker=texts.get("manufacturer"),
        model=texts.get("model"),
        room=texts.get("suggested_area"),
        firmware=texts.get("sw_version"),
        via=draft.memory.same.get(f"ha:{via}", via) if via else None,
        link=link if link.startswith(("http://", "https://")) else None,
    )


def _declare(draft: Draft, config: Config, source: Source, device: str, sensor: str, *, native: bool) -> None:
    words = truth(config.component, config.fields, source.suffix) if source.kind == "boolean" else None
    said = _described(config, source, device, sensor)
    if native:
        series = draft.memory.series.get((device, sensor))
        if words is not None and all(word.lower() in BOOLEANS for word in words):
            # The grammar knows these words itself; what is on for Home Assistant (a contact's false) is not its raw value.
            words, said = None, replace(said, kind=None, value_labels=())
        if series is not None and series.info is not None:
            said, words = _merged(series.info, said), series.truth or words
    draft.declare(said, words)


def _described(config: Config, source: Source, device: str, sensor: str) -> SensorInfo:
    """What a declaration says about one of its sensors."""
    fields, main = config.fields, source.suffix in ("", ".state")
    name = name_of(config)
    unit = source.unit if source.suffix else fields.get("unit_of_measurement")
    device_class, state_class = text(fields.get("device_class")), text(fields.get("state_class"))
    expire, digits = fields.get("expire_after"), fields.get("suggested_display_precision")
    options = items(fields.get("options")) or items(fields.get("event_types"))
    return SensorInfo(
        device,
        sensor,
        name=name if main else f"{name} {source.suffix[1:].replace('_', ' ')}",
        unit=normal(unit) if type(unit) is str else None,
        kind=source.kind,
        device_class=clean(device_class) if device_class and not source.suffix else None,
        state_class=clean(state_class) if state_class and not source.suffix else None,
        options=tuple(clean(word, 64) for word in options if type(word) is str)[:64] if main else (),
        hidden=_hidden(fields, device_class, name),
        expire_after_s=float(expire) if isinstance(expire, int | float) and 0 < expire < 1e9 else None,
        decimals=digits if type(digits) is int and 0 <= digits <= 9 else None,
        value_labels=class_labels(str(device_class)) if config.component == "binary_sensor" else (),
    )


def _merged(old: SensorInfo, said: SensorInfo) -> SensorInfo:
    """What the ecosystem itself declared, completed by what is said here."""
    return replace(
        said,
        name=old.name or said.name,
        unit=old.unit or said.unit,
        kind=old.kind or said.kind,
        device_class=old.device_class or said.device_class,
        state_class=old.state_class or said.state_class,
        options=old.options or said.options,
        hidden=said.hidden if old.hidden is None else old.hidden,
        value_labels=old.value_labels or said.value_labels,
    )


def _hidden(fields: Mapping[str, Any], device_class: Any, name: str) -> bool:
    if fields.get("enabled_by_default") is False:
        return name.lower() not in ("battery", "linkquality")
    return fields.get("entity_category") in ("diagnostic", "config") and device_class not in ALWAYS_SHOWN
