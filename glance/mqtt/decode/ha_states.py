"""Values and liveness on the topics that Home Assistant declarations name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from glance.mqtt.decode.body import Body, compact
from glance.mqtt.decode.body import read as read_body
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.ha_components import Whole
from glance.mqtt.decode.memory import Memory
from glance.mqtt.decode.parts import text
from glance.mqtt.decode.sandbox import Refused
from glance.mqtt.decode.templates import Missing, Template, compiled, text_of
from glance.mqtt.decode.topics import fits, is_command
from glance.mqtt.decode.values import number, number_in
from glance.mqtt.readings import SensorKind

ECOSYSTEM = "home-assistant"
MOST_DEVICES_OF_A_TOPIC = 400
# Declarations whose state topic has wildcards: each is compared with every new topic.
MOST_FILTERS = 256


class Rule(NamedTuple):
    """How one sensor is read from its topic. `config` is the topic of the declaration, `path` and `whole` as in a Source;
    `off_s` after which "on" is over by itself; a trigger says `told` where the payload is `only`; `words` for numbers that are states."""

    config: str
    device: str
    sensor: str
    template: Template
    kind: SensorKind | None
    path: str | None
    truth: dict[str, bool] | None
    whole: Whole = "any"
    off_s: float | None = None
    only: str | None = None
    told: str = ""
    words: dict[str, str] | None = None


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
        if "+" in topic or "#" in topic:
            memory.of("ha filters", MOST_FILTERS)[topic] = topic.split("/")
    return found


def rules_for(memory: Memory, topic: str) -> list[Rule]:
    """The rules by which a topic is read: those of its own name, and of filters that it fits (`gateways/+/plant`)."""
    found: list[Rule] = memory.of("ha topics").get(topic) or []
    filters = memory.of("ha filters", MOST_FILTERS)
    if filters:
        levels = topic.split("/")
        for name, wanted in filters.items():
            if fits(levels, wanted):
                found = found + memory.of("ha topics").get(name, [])
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
    quiet = memory.of("ha quiet")
    for topic in memory.of("ha hushed").pop(config, ()):
        if quiet.get(topic) == config:
            del quiet[topic]
    if memory.of("ha used").pop(config, None) is not None:
        memory.epoch += 1


def hush(memory: Memory, config: str, topics: set[str]) -> None:
    """Topics of a declaration that hold no state are not read; those that end in /set and such are not anyway."""
    topics = {topic for topic in topics if not is_command(topic.split("/"))}
    if topics:
        memory.of("ha hushed")[config] = topics
        quiet = memory.of("ha quiet")
        for topic in topics:
            quiet[topic] = config


def read_quiet(draft: Draft) -> None:
    """A message on such a topic."""
    draft.ecosystem = ECOSYSTEM
    draft.says("meta", "Home Assistant discovery names this topic for attributes, a picture or commands: no reading.")


def watch_availability(
    memory: Memory,
    config: str,
    device: str,
    fields: Mapping[str, Any],
    probe: Callable[[str, Any, bool], tuple[str | None, list[tuple[str, str]]]],
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
            text_of(entry.get("payload_available", "online")).lower(),
            text_of(entry.get("payload_not_available", "offline")).lower(),
            mode if type(mode) is str else "latest",
        )
        if len(watches) < MOST_DEVICES_OF_A_TOPIC and not any(
            w.device == device and w.config == config for w in watches
        ):
            watches.append(watch)


def _availability(fields: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """(topic, its settings) of an entity's availability, in both ways of writing."""
    listed = fields.get("availability")
    if type(listed) is dict:
        listed = [listed]
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
    value = number_in(body.value)
    return body.value, body.value if value is None else value


def read_states(draft: Draft, rules: list[Rule]) -> None:
    """A message on a declared state topic."""
    draft.ecosystem = ECOSYSTEM
    text, json = _json_of(draft.message.body)
    if type(json) is dict:
        draft.time_in(json)
    why, missing, done = "", "", set[tuple[str, str]]()
    for rule in rules:
        if (rule.device, rule.sensor) in done:
            # One sensor that is declared twice, while its publisher moves from single declarations to one for the device.
            continue
        try:
            value = _value(rule, text, json)
        except Refused as error:
            missing = missing or f"{rule.sensor} has no value, because its template {error}"
            continue
        except (Missing, ValueError):
            continue
        why = rule.template.why or why
        if value is None or value == "" or type(value) in (dict, list):
            continue
        if rule.truth is not None and (not rule.sensor.endswith(".state") or type(value) is not bool):
            value = text_of(value)
            if value not in rule.truth:
                # Home Assistant ignores words that were not declared; so that nothing is invented, so does this.
                continue
        if rule.only is not None:
            if text_of(value) != rule.only:
                continue
            value = rule.told
        if rule.words is not None:
            value = rule.words.get(text_of(value), value)
        done.add((rule.device, rule.sensor))
        if draft.reading(rule.device, rule.sensor, value, None, rule.kind) and rule.off_s is not None:
            _goes_off(draft, rule)
    _tell(draft, why, missing)


def _tell(draft: Draft, why: str, missing: str) -> None:
    """Say what the templates made of a message: `why` one is not understood, which sensor is `missing` for a template's sake."""
    if not draft.readings:
        why = f"its template {why}" if why else "none of the declared values is in it"
        draft.says("meta", f"Declared by Home Assistant discovery, but {missing or why}.")
    elif missing:
        draft.says("reading", f"Something was left out: {missing}.")
    elif why:
        draft.says("reading", f"Taken as it was sent, because the declared template {why}.")


def _goes_off(draft: Draft, rule: Rule) -> None:
    """Note when a sensor that says only "on" is off again (off_delay): each "on" begins the time anew."""
    reading, offs = draft.readings[-1], draft.memory.offs
    key = (reading.device, reading.sensor)
    if reading.value is not True or rule.off_s is None:
        offs.pop(key, None)
    elif not reading.retained:
        offs[key] = (draft.message.arrived_at + rule.off_s, _off_word(rule))


def _off_word(rule: Rule) -> str:
    return next((word for word, on in (rule.truth or {}).items() if not on), "OFF")


def goes_off_still(memory: Memory, on: Mapping[tuple[str, str], float]) -> None:
    """Note when sensors go off that were on when Glance ended; `on` = since when (Unix seconds), by device and sensor."""
    for rules in memory.of("ha topics").values():
        for rule in rules:
            key = (memory.same.get(rule.device, rule.device), rule.sensor)
            if rule.off_s is not None and key in on and key not in memory.offs:
                memory.offs[key] = (on[key] + rule.off_s, _off_word(rule))


def _value(rule: Rule, text: str, json: Any) -> Any:
    """What a rule finds in a payload; None = nothing."""
    value = rule.template.render(text, json)
    if rule.path is None:
        # A document where one value was declared is none.
        return None if rule.template.path == () and type(json) in (dict, list) else value
    if rule.template.path == () and rule.template.understood and type(json) is dict:
        value = json
    elif type(value) is str and value.lstrip().startswith("{"):
        # The template writes the object itself: {"event_type": "{{ value }}"}.
        value = _object_in(value)
    if type(value) is dict:
        return value.get(rule.path)
    if rule.whole == "none" or (rule.whole != "any" and (number(value) is not None) != (rule.whole == "number")):
        return None
    return value


def _object_in(text: str) -> Any:
    """The JSON object that a text is; the text where it is none."""
    body = read_body(text.encode())
    return body.value if body.form == "json" and type(body.value) is dict else text


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
            word = text_of(watch.template.render(text, json)).strip().lower()
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
