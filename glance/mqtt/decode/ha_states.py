"""Values and liveness on the topics that Home Assistant declarations name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from glance.mqtt.decode.body import Body, compact
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.memory import Memory
from glance.mqtt.decode.parts import text
from glance.mqtt.decode.templates import Missing, Template, compiled, text_of
from glance.mqtt.decode.values import number_in
from glance.mqtt.readings import SensorKind

ECOSYSTEM = "home-assistant"
MOST_DEVICES_OF_A_TOPIC = 400


class Rule(NamedTuple):
    """How one sensor is read from its topic. `config` is the topic of the declaration, `path` a key of the JSON."""

    config: str
    device: str
    sensor: str
    template: Template
    kind: SensorKind | None
    path: str | None
    truth: dict[str, bool] | None


class Watch(NamedTuple):
    """One topic that says whether a device is there."""

    config: str
    device: str
    template: Template
    available: str
    unavailable: str
    mode: str


def rules_of(memory: Memory, topic: str) -> list[Rule]:
    """The rules of a state topic, made when missing."""
    topics = memory.of("ha topics")
    found: list[Rule] | None = topics.get(topic)
    if found is None:
        found = topics[topic] = []
    return found


def forget(memory: Memory, config: str) -> None:
    """Take away all that one declaration had added."""
    for name in ("ha topics", "ha availability"):
        topics = memory.of(name)
        for topic in memory.of("ha used").get(config, ()):
            kept = [rule for rule in topics.get(topic, ()) if rule.config != config]
            if kept:
                topics[topic] = kept
            else:
                topics.pop(topic, None)
    if memory.of("ha used").pop(config, None) is not None:
        memory.epoch += 1


def watch_availability(
    memory: Memory,
    config: str,
    device: str,
    fields: Mapping[str, Any],
    probe: Callable[[str, Any, bool], tuple[bool, list[tuple[str, str]]]],
    state_topics: set[str],
) -> None:
    """Remember the availability topics of an entity, for its device; those of a known grammar are read by that."""
    used = memory.of("ha used").setdefault(config, set())
    used.update(state_topics)
    mode = fields.get("availability_mode")
    topics = memory.of("ha availability")
    for topic, entry in _availability(fields):
        if probe(topic, "online", True)[0]:
            continue
        used.add(topic)
        watches: list[Watch] = topics.setdefault(topic, [])
        template = entry.get("value_template") or entry.get("availability_template")
        watch = Watch(
            config,
            device,
            compiled(text(template)),
            text_of(entry.get("payload_available", "online")),
            text_of(entry.get("payload_not_available", "offline")),
            mode if type(mode) is str else "latest",
        )
        if len(watches) < MOST_DEVICES_OF_A_TOPIC and not any(
            w.device == device and w.config == config for w in watches
        ):
            watches.append(watch)


def _availability(fields: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """(topic, its settings) of an entity's availability, in both ways of writing."""
    listed = fields.get("availability")
    if type(listed) is list:
        return [
            (entry["topic"], entry) for entry in listed[:16] if type(entry) is dict and type(entry.get("topic")) is str
        ]
    topic = fields.get("availability_topic")
    if type(topic) is not str:
        return []
    names = ("payload_available", "payload_not_available", "availability_template")
    return [(topic, {name: fields[name] for name in names if name in fields})]


def _json_of(body: Body) -> tuple[str, Any]:
    """(`value`, `value_json`) as templates see a payload."""
    if body.form == "json":
        value = body.value
        return (compact(value) if type(value) in (dict, list) else text_of(value)), value
    number = number_in(body.value)
    return body.value, body.value if number is None else number


def read_states(draft: Draft, rules: list[Rule]) -> None:
    """A message on a declared state topic."""
    draft.ecosystem = ECOSYSTEM
    body = draft.message.body
    text, json = _json_of(body)
    if type(json) is dict:
        draft.time_in(json)
    unread = 0
    for rule in rules:
        try:
            if rule.path is not None:
                value = json.get(rule.path) if type(json) is dict else json if rule.path == "state" else None
            else:
                value = rule.template.render(text, json)
        except (Missing, ValueError):
            continue
        unread += not rule.template.understood
        if rule.path is None and rule.template.path == () and type(json) in (dict, list):
            # A document where one value was declared.
            continue
        if value is None or type(value) in (dict, list):
            continue
        if rule.truth is not None and (not rule.sensor.endswith(".state") or type(value) is not bool):
            word = text_of(value)
            if word not in rule.truth:
                # Home Assistant ignores words that were not declared; so that nothing is invented, so does this.
                continue
            draft.reading(rule.device, rule.sensor, word, None, "boolean")
            continue
        if type(value) is str and not value:
            continue
        draft.reading(rule.device, rule.sensor, value, None, rule.kind)
    if not draft.readings:
        why = "its template is not understood" if unread else "none of the declared values is in it"
        draft.says("meta", f"Declared by Home Assistant discovery, but {why}.")


def read_availability(draft: Draft, watches: list[Watch]) -> bool:
    """A message on a declared availability topic; False where it holds none of the declared words."""
    topic = draft.message.topic
    text, json = _json_of(draft.message.body)
    states = draft.memory.of("ha states")
    done: dict[str, bool | None] = {}
    for watch in watches:
        if watch.device in done:
            continue
        try:
            word = text_of(watch.template.render(text, json)).strip()
        except (Missing, ValueError):
            continue
        if word not in (watch.available, watch.unavailable):
            continue
        here = word == watch.available
        seen: dict[str, bool] = states.setdefault(watch.device, {})
        if len(seen) < 64 or topic in seen:
            seen[topic] = here
        online = all(seen.values()) if watch.mode == "all" else any(seen.values()) if watch.mode == "any" else here
        done[watch.device] = online
        draft.alive(watch.device, "online" if online else "offline")
    return bool(done)
