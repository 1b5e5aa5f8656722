"""What was read of a topic before Home Assistant's declaration told what lies on it: it goes over, or it is taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from glance.mqtt.decode.draft import UNDECLARED, Draft
from glance.mqtt.decode.ha_components import Source
from glance.mqtt.decode.ha_entities import PREFIX, Config
from glance.mqtt.decode.memory import MOST_SERIES, Memory
from glance.mqtt.decode.templates import Missing, Template
from glance.mqtt.decode.topics import device_of, split
from glance.mqtt.decode.values import number
from glance.mqtt.readings import Removed, Renamed

# (topic, JSON path as nested value) -> (the ecosystem with a grammar of its own that reads it, the series it finds)
Probe = Callable[[str, Any, bool], tuple[str | None, list[tuple[str, str]]]]


def declares(memory: Memory, topic: str, series: list[tuple[str, str]]) -> list[Removed]:
    """From now on the declaration on `topic` names `series`, [] = it is withdrawn; returns what no declaration names any more.

    What it named before is found by topic, and by series the topics that may name it: one withdrawal looks at no other.
    """
    configs, topics_of = memory.of("ha configs"), memory.of("ha topics of", MOST_SERIES)
    before: list[tuple[str, str]] = configs.pop(topic, [])
    if series:
        configs[topic] = series
    for key in series:
        name = "\n".join(key)
        if name not in topics_of:
            topics_of[name] = set()
        topics_of[name].add(topic)
    gone, kept = [], set(series)
    for key in before:
        if key in kept:
            continue
        topics: set[str] = topics_of.get("\n".join(key), set())
        topics.discard(topic)
        # a topic that was given up because there are too many names nothing
        if not any(key in configs.get(other, ()) for other in topics):
            topics_of.pop("\n".join(key), None)
            gone.append(Removed(*key))
    return gone


def take_back(draft: Draft, topic: str) -> None:
    """What was read from a topic before it was known to hold no state."""
    memory = draft.memory
    for device in {device_of(topic.split("/")), split(topic.split("/"))[0]}:
        known = memory.devices.get(device)
        if known is None or known.info is None or known.info.ecosystem not in UNDECLARED:
            continue
        for key in [key for key, series in memory.series.items() if key[0] == device and series.topic == topic]:
            del memory.series[key]
            known.sensors -= 1
            draft.removed.append(Removed(*key))
        if known.sensors <= 0:
            del memory.devices[device]
            draft.removed.append(Removed(device, None))


def example(source: Source, template: Template) -> Any:
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


def converted(config: Config, source: Source, template: Template, probe: Probe) -> tuple[str, str] | None:
    """The series of a plain value that a grammar reads as it is sent and that the declaration makes another of: watt-minutes, Wh."""
    if config.component != "sensor" or "unit_of_measurement" not in config.fields or source.path is not None:
        return None
    if template.plain or not template.understood or template.path is not None:
        return None
    try:
        # A template that asks for a key of an object says the same of every plain value, or nothing.
        if number(template.render("2", 2)) in (None, number(template.render("3", 3))):
            return None
    except (Missing, ValueError):
        return None
    found = probe(source.topic, example(source, template), True)[1]
    return found[0] if len(found) == 1 else None


def take_over(draft: Draft, source: Source, template: Template, device: str, sensor: str, probe: Probe) -> None:
    """Values that were read before the declaration came go on under the declared name.

    What else was read from the topic is not declared, so it is not read any more; a device that has nothing left is the other.
    """
    _, series = probe(source.topic, example(source, template), False)
    memory = draft.memory
    old = series[0] if series else (device, sensor)
    found = memory.series.get(old)
    if old == (device, sensor) or found is None or found.info is not None:
        return
    draft.renamed.append(Renamed(old[0], device, old[1], sensor))
    del memory.series[old]
    known = memory.known(old[0])
    known.sensors -= 1
    rest = [key for key, other in memory.series.items() if key[0] == old[0] and other.topic == source.topic]
    draft.removed.extend(Removed(*key) for key in rest)
    if known.sensors <= 0 and not source.topic.startswith(f"{PREFIX}/"):
        draft.renamed.append(Renamed(old[0], device))
