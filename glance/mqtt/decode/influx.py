"""Metrics as Telegraf and other programs of the InfluxDB world publish them: line protocol, and Telegraf's JSON.

Source: docs.influxdata.com (line protocol reference; Telegraf, JSON output data format).
`cpu,cpu=cpu0,host=nas usage_user=3.2,usage_idle=95.1 1790000000000000000`; `{"name": …, "tags": {…}, "fields": {…}, "timestamp": …}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.flatten import guessed, leaves
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.parts import fields, items
from glance.mqtt.decode.scalars import introduce
from glance.mqtt.decode.topics import device_of

MOST_LINES, MOST_TAGS = 100, 8
NAME = r"(?:\\.|[^\\,= \n])+"
TEXT = r'"(?:\\.|[^"\\])*"'
# An unquoted field is a number (12i and 12u are whole ones) or a boolean, so that a sentence with "=" in it is no metric.
PLAIN = r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?[iu]?|[tTfF]|[tT]rue|TRUE|[fF]alse|FALSE"
FIELD = rf"{NAME}=(?:{TEXT}|{PLAIN})(?=[, ]|\Z)"
LINE = re.compile(rf"((?:\\.|[^\\,= \n])+)((?:,{NAME}={NAME})*) ({FIELD}(?:,{FIELD})*)(?: (-?[0-9]{{1,19}}))?\Z")
TAG = re.compile(rf"({NAME})=({NAME})")
PART = re.compile(rf'({NAME})=({TEXT}|[^\\,= "\n]+)')
WHOLE = re.compile(r"-?[0-9]+[iu]\Z")
TRUE, FALSE = frozenset(("t", "T", "true", "True", "TRUE")), frozenset(("f", "F", "false", "False", "FALSE"))
STAMP = re.compile(r"-?[0-9]{1,19}\Z")
ESCAPED = re.compile(r"\\([,= ])")
# Tags that say whose metric it is, as the topic does.
WHOSE = frozenset(("host", "hostname", "topic", "agent_host"))
METRIC = frozenset(("name", "tags", "fields", "timestamp"))


def lines_in(body: str) -> list[re.Match[str]]:
    """The lines of a text that is line protocol as a whole; [] for any other text."""
    if "=" not in body or " " not in body:
        return []
    found = [LINE.match(line.strip()) for line in body.splitlines()[:MOST_LINES] if line.strip() and line[0] != "#"]
    return [line for line in found if line is not None] if None not in found else []


def is_metric(value: Mapping[str, Any]) -> bool:
    """Whether an object is a metric of Telegraf, or a batch of them."""
    batch = value.get("metrics")
    one = batch[0] if len(value) == 1 and type(batch) is list and batch and type(batch[0]) is dict else value
    return METRIC.issuperset(one) and type(one.get("fields")) is dict and type(one.get("name")) is str


def read_lines(draft: Draft, levels: list[str], lines: list[re.Match[str]]) -> None:
    """Line protocol: every line a measurement with its tags and fields."""
    for line in lines:
        tags = {_plain(key): _plain(tag) for key, tag in TAG.findall(line[2])}
        values = {_plain(key): _value(raw) for key, raw in PART.findall(line[3])}
        _metric(draft, levels, _plain(line[1]), tags, values, line[4])


def read_json(draft: Draft, levels: list[str], value: Mapping[str, Any]) -> None:
    """Telegraf's JSON, single or as a batch."""
    for metric in items(value.get("metrics"))[:MOST_LINES] if "metrics" in value else [value]:
        if type(metric) is dict and type(metric.get("name")) is str:
            _metric(
                draft,
                levels,
                metric["name"],
                fields(metric.get("tags")),
                fields(metric.get("fields")),
                metric.get("timestamp"),
            )


def _metric(
    draft: Draft, levels: list[str], name: str, tags: Mapping[str, Any], values: Mapping[str, Any], at: Any
) -> None:
    """One measurement; the topic usually ends in its name, and tags tell one disk or processor from another."""
    draft.ecosystem = "influx"
    draft.at = draft.refused_at = None
    draft.time(int(at) if type(at) is str and STAMP.match(at) else at)
    told = [clean(tag) for key, tag in list(tags.items())[:MOST_TAGS] if key not in WHOSE and type(tag) is str and tag]
    prefix = "".join(f"{part}." for part in ([] if levels[-1] == name else [clean(name)]) + told)
    leaves(draft, introduce(draft, device_of(levels), {}), values, guessed, prefix=prefix)


def _plain(text: str) -> str:
    return ESCAPED.sub(r"\1", text)


def _value(raw: str) -> Any:
    """A field as what its spelling says: 12i is a whole number, "x" a text, t and f are booleans."""
    if raw[0] == '"':
        return raw[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if WHOLE.match(raw):
        return raw[:-1]
    return True if raw in TRUE else False if raw in FALSE else raw
