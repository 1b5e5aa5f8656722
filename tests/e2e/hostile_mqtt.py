"""Every place of every recorded message of every ecosystem: its topic's parts, the keys of its payload and each text in it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.decode_corpus import lines

FILES = ("corpus.jsonl", "more.jsonl", "published.jsonl")
Way = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """Where a string goes: the name of the place, and the message (topic, payload) with a string there."""

    name: str
    message: Callable[[str], tuple[str, bytes]]


def recorded() -> list[dict[str, Any]]:
    """All messages as they were recorded."""
    return [line for name in FILES for line in lines(name)]


def places() -> list[Place]:
    """One for each different place of an ecosystem; numbers in names are taken for the same, so are the keys of an object."""
    found: dict[str, Place] = {}
    for line in recorded():
        for place in _of(line):
            found.setdefault(place.name, place)
    return list(found.values())


def _of(line: dict[str, Any]) -> Iterator[Place]:
    ecosystem, topic = line["ecosystem"], line["topic"].split("/")
    raw = line["payload"].encode()
    for number in range(len(topic)):
        yield Place(f"{ecosystem} topic {number + 1} of {len(topic)}", _in_topic(topic, number, raw))
    try:
        data = json.loads(line["payload"])
    except ValueError:
        yield Place(f"{ecosystem} payload", lambda text: (line["topic"], text.encode("utf-8", "surrogatepass")))
        return
    for way, is_key in _ways(data, ()):
        shape = ".".join(_step(step) for step in (way[:-1] if is_key else way))
        yield Place(f"{ecosystem} {shape}{'.(key)' if is_key else ''}", _in_payload(line["topic"], data, way, is_key))


def _step(step: str | int) -> str:
    """A key as the name of a place has it: numbers, and what holds one, as in 0x00158d0001a2b3c4 or relay0, are #."""
    return "#" if isinstance(step, int) else re.sub(r"(0x)?[0-9a-fA-F]{6,}|\d+", "#", step)


def _ways(value: Any, before: Way) -> Iterator[tuple[Way, bool]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*before, key), True
            yield from _ways(item, (*before, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _ways(item, (*before, number))
    elif before:
        yield before, False


def _in_topic(topic: list[str], number: int, raw: bytes) -> Callable[[str], tuple[str, bytes]]:
    return lambda text: ("/".join(text if at == number else part for at, part in enumerate(topic)), raw)


def _in_payload(topic: str, data: Any, way: Way, is_key: bool) -> Callable[[str], tuple[str, bytes]]:
    def message(text: str) -> tuple[str, bytes]:
        changed = copy.deepcopy(data)
        node = changed
        for step in way[:-1]:
            node = node[step]
        if is_key:
            node[text] = node.pop(way[-1])
        else:
            node[way[-1]] = text
        return topic, json.dumps(changed).encode()

    return message
