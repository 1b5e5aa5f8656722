"""The judge of the corpus of real messages: what was expected, what was decoded, by tolerant names and units."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from glance.mqtt.decode import Decoder
from glance.mqtt.decode.keys import folded
from glance.mqtt.decode.units import normal
from glance.mqtt.readings import Outcome, Reading

FOLDER = Path(__file__).parent / "data" / "mqtt"
ARRIVED_AT = 1_790_000_000.0
# Messages of these kinds must never become a reading that was not expected of them.
SILENT = ("command", "meta", "event", "invalid", "binary", "removal", "availability")
DIAGNOSTICS = ("linkquality", "rssi", "uptime", "channel", "linkcount", "signal")


@dataclass
class Result:
    """How one message did: expectations found, missing ones, readings nobody expected."""

    id: str
    kind: str
    found: int = 0
    missing: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    outcome: Outcome | None = None


def lines(name: str = "corpus.jsonl") -> list[dict[str, Any]]:
    """The messages of a corpus file; in published.jsonl an expectation is a row [device, sensor, value, unit?]."""
    found = [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines() if line.strip()]
    for line in found:
        for place, want in enumerate(line["expect"] or ()):
            if isinstance(want, list):
                line["expect"][place] = dict(zip(("device", "sensor", "value", "unit"), [*want, None][:4], strict=True))
    return found


def judged(messages: list[dict[str, Any]]) -> Iterator[Result]:
    """Every message decoded: those of one scenario by one decoder, in order; the others each by a fresh one."""
    decoders: dict[str, tuple[Decoder, dict[str, str]]] = {}
    for line in messages:
        scenario = line.get("scenario") or line["id"]
        decoder, names = decoders.setdefault(scenario, (Decoder(UTC), {}))
        outcome = decoder.message(
            line["topic"], line["payload"].encode(), retained=line.get("retain", False), arrived_at=ARRIVED_AT
        )
        names.update({info.device: info.name or "" for info in outcome.devices})
        yield _judge(line, outcome, names)


def _same_name(expected: str, produced: str) -> bool:
    one, other = folded(expected), folded(produced)
    return one == other or one.endswith(f"_{other}") or other.endswith(f"_{one}")


def _same_device(expected: str, produced: str, names: dict[str, str]) -> bool:
    return _same_name(expected, produced) or _same_name(expected, names.get(produced, "")) or expected == produced


def _truth(value: Any) -> Any:
    return (
        {"on": True, "off": False, "true": True, "false": False}.get(value.lower(), value)
        if isinstance(value, str)
        else value
    )


def _same_value(expected: Any, produced: Any) -> bool:
    expected, produced = _truth(expected), _truth(produced)
    if isinstance(expected, int | float) and isinstance(produced, int | float):
        return abs(float(expected) - float(produced)) <= 1e-9
    return bool(expected == produced)


def _judge(line: dict[str, Any], outcome: Outcome, names: dict[str, str]) -> Result:
    result = Result(line["id"], line["kind"], outcome=outcome)
    expected = line["expect"]
    if expected is None:
        return result
    used: set[int] = set()
    for want in expected:
        place = _place(want, outcome, names)
        if place is None:
            result.missing.append(f"{want['device']} {want['sensor']}={want['value']!r} [{want.get('unit')}]")
        else:
            result.found += 1
            used.add(place)
    if line.get("expect_scope") != "subset" or line["kind"] in SILENT:
        extra = [r for i, r in enumerate(outcome.readings) if i not in used]
        if line.get("expect_scope") == "subset":
            extra = [] if expected else extra
        if line["kind"] == "event":
            # A row in a list of events is right where a point on a line would be wrong.
            extra = [r for r in extra if r.kind != "event"]
        result.false = [
            f"{r.device} {r.sensor}={r.value!r}" for r in extra if not r.sensor.lower().endswith(DIAGNOSTICS)
        ]
    return result


def _place(want: dict[str, Any], outcome: Outcome, names: dict[str, str]) -> int | None:
    """Where an expectation is met: the reading's place, -1 for a declaration or liveness; None = nowhere."""
    device, sensor, value, unit = want["device"], want["sensor"], want["value"], normal(want.get("unit"))
    if sensor == "availability":
        state = {"init": "online"}.get(value, value)
        return (
            -1 if any(x.state == state and _same_device(device, x.subject, names) for x in outcome.liveness) else None
        )
    if value is None:
        for info in outcome.sensors:
            named = _same_name(sensor, info.sensor) or _same_name(sensor, info.name or "")
            if named and _same_device(device, info.device, names) and unit in (None, info.unit):
                return -1
        return None
    places = [
        place
        for place, reading in enumerate(outcome.readings)
        if _same_device(device, reading.device, names)
        and _same_name(sensor, reading.sensor)
        and _same_value(value, reading.value)
        and unit in (None, reading.unit)
    ]
    exact = [place for place in places if folded(outcome.readings[place].sensor) == folded(sensor)]
    return (exact or places or [None])[0]


def say(decoder: Decoder, topic: str, payload: Any, *, retained: bool = False, at: float = ARRIVED_AT) -> Outcome:
    """One message; anything but text and bytes is sent as JSON."""
    raw = (
        payload
        if isinstance(payload, bytes)
        else payload.encode()
        if isinstance(payload, str)
        else json.dumps(payload).encode()
    )
    return decoder.message(topic, raw, retained=retained, arrived_at=at)


def one(topic: str, payload: Any, **more: Any) -> Reading:
    """The only reading of a message, by a fresh decoder."""
    readings = say(Decoder(UTC), topic, payload, **more).readings
    assert len(readings) == 1, readings
    return readings[0]
