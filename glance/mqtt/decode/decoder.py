"""The decoder: which ecosystem reads a topic, and the order in which a message is looked at."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from glance.mqtt.decode import emsesp, ha_states, homeassistant, homie, shelly, tasmota_discovery, topics, victron
from glance.mqtt.decode.body import LARGEST_BYTES, Body
from glance.mqtt.decode.body import read as read_body
from glance.mqtt.decode.draft import Draft, Message
from glance.mqtt.decode.memory import Memory, Series
from glance.mqtt.decode.routes import Reader, anybody, ecosystem
from glance.mqtt.readings import OWN_DEVICE, OWN_SENTENCE, Outcome, Reading

log = logging.getLogger(__name__)

MOST_ROUTES = 8192
MOST_LOGGED = 1000
LONGEST_TOPIC = 1024


def _speaks_for_glance(outcome: Outcome) -> bool:
    """Whether a message claims to be of the device that only Glance itself fills."""
    readings, devices, sensors = outcome.readings, outcome.devices, outcome.sensors
    return (
        any(each.device == OWN_DEVICE for each in readings)
        or any(each.device == OWN_DEVICE for each in devices)
        or any(each.device == OWN_DEVICE for each in sensors)
        or any(each.device == OWN_DEVICE for each in outcome.removed)
        or any(OWN_DEVICE in (each.old, each.new) for each in outcome.renamed)
        or any(each.subject == OWN_DEVICE and not each.bridge for each in outcome.liveness)
    )


class Decoder:
    """Turns messages into readings, declarations and liveness; one object, used by one thread; its memory is bounded.

    `zone` is that of times without an offset (None = this computer's), `decimal_comma` whether 21,5 is a number.
    """

    def __init__(self, zone: tzinfo | None = None, *, decimal_comma: bool = False) -> None:
        self._memory = Memory(zone, decimal_comma=decimal_comma)
        self._routes: dict[str, tuple[Reader, bool]] = {}
        self._epoch = 0
        self._logged: set[str] = set()

    @property
    def changes(self) -> int:
        """Grows with everything that snapshot() would keep."""
        return self._memory.changes

    def message(self, topic: str, payload: bytes, *, retained: bool, arrived_at: float) -> Outcome:
        """What one message says; never raises. `arrived_at` in Unix seconds."""
        try:
            outcome = self._message(topic, payload, retained, arrived_at)
            return Outcome(verdict="ignored", sentence=OWN_SENTENCE) if _speaks_for_glance(outcome) else outcome
        except Exception as error:
            # A decoder that raises would end the thread that holds the connection: said once per topic, never fatal.
            if len(self._logged) < MOST_LOGGED and topic not in self._logged:
                self._logged.add(topic)
                log.error("a message of %d bytes could not be decoded: %s", len(payload), _place(error))
            return Outcome(verdict="unreadable", sentence="Glance could not read it; the log says why.")

    def due(self, now: float) -> Outcome | None:
        """What became of itself by `now` (Unix seconds): sensors that go off after a declared time; None = nothing."""
        offs = self._memory.offs
        over = [key for key, (at, _) in offs.items() if at <= now] if offs else []
        if not over:
            return None
        readings = []
        for key in over:
            at, word = offs.pop(key)
            series = self._memory.series.get(key)
            if series is not None:
                series.value = False
                readings.append(Reading(*key, False, "boolean", None, at, False, word, inferred=True))
        return Outcome(tuple(readings), verdict="reading", sentence="Off again after the declared time.")

    def _message(self, topic: str, payload: bytes, retained: bool, arrived_at: float) -> Outcome:
        if len(payload) > LARGEST_BYTES:
            return Outcome(
                verdict="ignored", sentence=f"{len(payload) // 1024} kB: messages larger than 256 kB are not read."
            )
        if not topic or len(topic) > LONGEST_TOPIC:
            return Outcome(verdict="ignored", sentence="The topic is empty or longer than 1024 characters.")
        reader, takes_any = self._route(topic)
        body = read_body(payload)
        draft = Draft(self._memory, Message(topic, topic.split("/"), body, retained, arrived_at))
        if takes_any or body.form == "json" or body.form == "text":
            reader(draft)
        elif body.form == "empty" and (gone := homie.parts_of(draft.message.levels, self._memory)) is not None:
            homie.take_back(draft, *gone)
        else:
            _unreadable(draft, body)
        return draft.outcome()

    # -- routes --------------------------------------------------------------------------------------------------

    def _route(self, topic: str) -> tuple[Reader, bool]:
        """(reader, whether it takes empty and broken payloads too) of a topic, remembered until something is learned."""
        memory = self._memory
        if self._epoch != memory.epoch or len(self._routes) > MOST_ROUTES:
            self._routes.clear()
            self._epoch = memory.epoch
        found = self._routes.get(topic)
        if found is None:
            found = self._routes[topic] = self._find(topic, topic.split("/"))
        return found

    def _find(self, topic: str, levels: list[str]) -> tuple[Reader, bool]:
        memory = self._memory
        if topic == "glance/status" or topic.startswith("glance/refresh/"):
            return _ours, True
        if tasmota_discovery.is_discovery(levels):
            return lambda draft: tasmota_discovery.read(draft, levels), True
        if homeassistant.is_config(levels) and (levels[0] == homeassistant.PREFIX or levels[-3] != "commands"):
            return lambda draft: homeassistant.read(draft, levels, self._probe), True
        declared = self._declared(topic)
        if declared is not None:
            return declared, False
        if topics.is_command(levels) or (levels[0] in ("", "devices") and levels[-1] == "on"):
            return _command, True
        if levels[0] == homeassistant.PREFIX and len(levels) == 2:
            return _birth, True
        if victron.is_request(levels):
            return _command, True
        reader = ecosystem(levels, memory)
        return (reader, levels[0] == "spBv1.0" or "msh" in levels[:2]) if reader else (anybody(levels), False)

    def _declared(self, topic: str) -> Reader | None:
        """The reader of a topic that a discovery declaration names."""
        memory = self._memory
        rules, watches = ha_states.rules_for(memory, topic), memory.of("ha availability").get(topic)
        if not rules and not watches and topic in memory.of("ha quiet"):
            levels = topic.split("/")
            return None if ecosystem(levels, memory) else ha_states.read_quiet
        if rules:

            def read(draft: Draft) -> None:
                if watches:
                    ha_states.read_availability(draft, watches)
                ha_states.read_states(draft, rules)

            return read
        if watches:
            plain = ecosystem(topic.split("/"), memory) or anybody(topic.split("/"))

            def alive(draft: Draft) -> None:
                if not ha_states.read_availability(draft, watches):
                    plain(draft)

            return alive
        return None

    def _probe(self, topic: str, example: Any, grammar: bool) -> tuple[str | None, list[tuple[str, str]]]:
        """What an ecosystem's own grammar (or without `grammar`, the generic reader) would call the values of a topic; and whose."""
        levels = topic.split("/")
        reader = ecosystem(levels, self._memory)
        if grammar and (reader is None or emsesp.parts_of(levels) is not None):
            return None, []
        form = "json" if type(example) in (dict, list) else "text"
        body = Body(form, example if form == "json" else str(example), 1)  # type: ignore[arg-type]
        draft = Draft(self._memory, Message(topic, levels, body, True, 0.0))
        draft.dry = []
        (reader or anybody(levels))(draft)
        if grammar and draft.ecosystem == shelly.GEN1 and not draft.dry and levels[-1] == "info":
            # A document that Shelly's grammar leaves alone; what a declaration names in it (a valve's temperature) is read.
            return None, []
        return (draft.ecosystem or "known") if reader else None, draft.dry

    # -- keeping -------------------------------------------------------------------------------------------------

    def snapshot(self) -> str:
        """What was learned, as JSON, for the next start: who is who, declarations, which series hold words."""
        memory = self._memory
        words = {
            f"{d}\n{s}": sorted(series.words) if series.words else None
            for (d, s), series in memory.series.items()
            if series.words != set()
        }
        return json.dumps({"version": 1, "same": memory.same, "declarations": memory.declarations, "words": words})

    def carry_on(self, on: Mapping[tuple[str, str], float]) -> None:
        """Sensors whose newest value is on, and since when (Unix seconds): those with a declared time go off when it is over."""
        ha_states.goes_off_still(self._memory, on)

    def remember(self, snapshot: str) -> None:
        """Take up what an earlier snapshot() held; one that cannot be read is left alone, the broker tells most of it again."""
        try:
            kept = json.loads(snapshot)
            same, declarations, words = (dict(kept[part]) for part in ("same", "declarations", "words"))
        except (ValueError, TypeError, KeyError, RecursionError):
            log.warning("what was learned about devices could not be read; it is learned again")
            return
        memory = self._memory
        for key, device in same.items():
            memory.same[str(key)] = str(device)
        for topic, payload in declarations.items():
            self.message(str(topic), str(payload).encode(errors="replace"), retained=True, arrived_at=0.0)
        for key, seen in words.items():
            device, _, sensor = str(key).partition("\n")
            series = memory.series.get((device, sensor))
            if series is None:
                series = memory.series[(device, sensor)] = Series()
                memory.known(device).sensors += 1
            series.words = {str(word) for word in seen} if type(seen) is list else None


def _place(error: Exception) -> str:
    """Where an error came from, without its text: that may hold the payload."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.name}, line {last.lineno} of {last.filename.rpartition('/')[2]}"


def _unreadable(draft: Draft, body: Body) -> None:
    if body.form == "empty":
        draft.says("meta", "Empty: no value now.")
    elif body.form == "binary":
        draft.says("binary", f"{body.size_bytes} bytes that are no text: a picture or another binary format.")
    else:
        draft.says("invalid", "It begins like JSON but is not: cut off or misprinted by the sender.")


def _ours(draft: Draft) -> None:
    draft.says("ignored", "Glance's own topic.")


def _birth(draft: Draft) -> None:
    draft.says("meta", "Home Assistant says that it is there; not a device.")


def _command(draft: Draft) -> None:
    draft.says("command", "A command from somebody to a device, not a reading.")
