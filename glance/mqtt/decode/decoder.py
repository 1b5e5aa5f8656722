"""The decoder: which ecosystem reads a topic, and the order in which a message is looked at."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import tzinfo
from typing import Any

from glance.mqtt.decode import (
    brokers,
    dsmr,
    ecowitt,
    emsesp,
    esphome,
    evcc,
    frigate,
    generic,
    ha_states,
    homeassistant,
    homie,
    meshtastic,
    native,
    opendtu,
    openmqttgateway,
    owntracks,
    rtl433,
    shelly,
    tasmota,
    tasmota_discovery,
    teslamate,
    topics,
    victron,
    wirenboard,
    zigbee2mqtt,
    zwavejs,
)  # fmt: skip
from glance.mqtt.decode.body import LARGEST_BYTES, Body
from glance.mqtt.decode.body import read as read_body
from glance.mqtt.decode.draft import Draft, Message
from glance.mqtt.decode.memory import Memory
from glance.mqtt.readings import Outcome

log = logging.getLogger(__name__)

MOST_ROUTES = 8192
LONGEST_TOPIC = 1024
Reader = Callable[[Draft], None]


class Decoder:
    """Turns messages into readings, declarations and liveness; one object, used by one thread; its memory is bounded.

    `zone` is that of times without an offset (None = this computer's).
    """

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._memory = Memory(zone)
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
            return self._message(topic, payload, retained, arrived_at)
        except Exception:
            # A decoder that raises would end the thread that holds the connection: said once per topic, never fatal.
            if len(self._logged) < 1000 and topic not in self._logged:
                self._logged.add(topic)
                log.exception("a message of %d bytes could not be decoded", len(payload))
            return Outcome(verdict="unreadable", sentence="Glance could not read it; the log says why.")

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
        reader = ecosystem(levels, memory)
        return (reader, levels[0] == "spBv1.0" or "msh" in levels[:2]) if reader else (_generic(levels), False)

    def _declared(self, topic: str) -> Reader | None:
        """The reader of a topic that a discovery declaration names."""
        memory = self._memory
        rules, watches = memory.of("ha topics").get(topic), memory.of("ha availability").get(topic)
        if rules:

            def read(draft: Draft) -> None:
                if watches:
                    ha_states.read_availability(draft, watches)
                ha_states.read_states(draft, rules)

            return read
        if watches:
            plain = ecosystem(topic.split("/"), memory) or _generic(topic.split("/"))

            def alive(draft: Draft) -> None:
                if not ha_states.read_availability(draft, watches):
                    plain(draft)

            return alive
        return None

    def _probe(self, topic: str, example: Any, grammar: bool) -> tuple[bool, list[tuple[str, str]]]:
        """What an ecosystem's own grammar (or without `grammar`, the generic reader) would call the values of a topic."""
        levels = topic.split("/")
        reader = ecosystem(levels, self._memory)
        if grammar and (reader is None or emsesp.parts_of(levels) is not None):
            return False, []
        form = "json" if type(example) in (dict, list) else "text"
        body = Body(form, example if form == "json" else str(example), 1)  # type: ignore[arg-type]
        draft = Draft(self._memory, Message(topic, levels, body, True, 0.0))
        draft.dry = []
        (reader or _generic(levels))(draft)
        return reader is not None, draft.dry

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

    def remember(self, snapshot: str) -> None:
        """Take up what an earlier snapshot() held; one that cannot be read is left alone, the broker tells most of it again."""
        try:
            kept = json.loads(snapshot)
            same, declarations, words = kept["same"], kept["declarations"], kept["words"]
        except (ValueError, TypeError, KeyError, RecursionError):
            log.warning("what was learned about devices could not be read; it is learned again")
            return
        memory = self._memory
        for key, device in same.items():
            memory.same[str(key)] = str(device)
        for topic, payload in declarations.items():
            self.message(str(topic), str(payload).encode(), retained=True, arrived_at=0.0)
        for key, seen in words.items():
            device, _, sensor = str(key).partition("\n")
            series = memory.series.get((device, sensor))
            if series is None:
                continue
            series.words = set(seen) if seen else None


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


def _generic(levels: list[str]) -> Reader:
    def read(draft: Draft) -> None:
        body = draft.message.body
        if body.form != "json":
            generic.read_scalar(draft, levels, body.value)
        elif levels[0] == "glance" and native.is_native(body.value):
            native.read(draft, body.value)
        elif type(body.value) is dict and ecowitt.looks_like(body.value):
            ecowitt.read(draft, levels, body.value)
        else:
            generic.read_json(draft, levels, body.value)

    return read


def ecosystem(levels: list[str], memory: Memory) -> Reader | None:
    """The reader of a topic whose grammar is known; None = nobody's, read it generically."""
    first = levels[0]
    if first == "glance":
        return None
    for reader in (_by_first_level(first, levels), _by_learned_base(levels, memory), _by_shape(levels, memory)):
        if reader is not None:
            return reader
    return None


def _by_first_level(first: str, levels: list[str]) -> Reader | None:
    """Ecosystems that a topic's first level gives away."""
    if first == "$SYS":
        return lambda draft: brokers.read_sys(draft, levels)
    if first == "spBv1.0":
        return lambda draft: brokers.read_sparkplug(draft, levels)
    if frigate.is_frigate(levels):
        return lambda draft: frigate.read(draft, levels)
    if owntracks.is_owntracks(levels):
        return lambda draft: owntracks.read(draft, levels)
    if meshtastic.is_meshtastic(levels):
        return lambda draft: meshtastic.read(draft, levels)
    if evcc.is_evcc(levels):
        return lambda draft: evcc.read(draft, levels)
    if dsmr.is_dsmr(levels):
        return lambda draft: dsmr.read(draft, levels)
    if brokers.is_wled(levels):
        return lambda draft: brokers.read_wled(draft, levels)
    if first == "domoticz" and len(levels) >= 2:
        return lambda draft: brokers.read_domoticz(draft, levels)
    if first == "esphome" and len(levels) == 3 and levels[1] == "discover":
        return lambda draft: draft.says("meta", "An ESPHome node about itself: no reading.")
    if (car := teslamate.parts_of(levels)) is not None:
        return lambda draft: teslamate.read(draft, *car)
    if (portal := victron.parts_of(levels)) is not None:
        return lambda draft: victron.read(draft, levels, *portal)
    if (control := wirenboard.parts_of(levels)) is not None:
        return lambda draft: wirenboard.read(draft, *control)
    return None


def _by_learned_base(levels: list[str], memory: Memory) -> Reader | None:
    """Ecosystems below a base topic that was learned, or is the usual one."""
    base = zigbee2mqtt.base_of(levels, memory)
    if base is not None:
        rest = levels[base.count("/") + 1 :]
        return lambda draft: zigbee2mqtt.read(draft, base, rest)
    if (homie_parts := homie.parts_of(levels, memory)) is not None:
        return lambda draft: homie.read(draft, *homie_parts)
    if (node := zwavejs.parts_of(levels, memory)) is not None:
        return lambda draft: zwavejs.read(draft, *node)
    if (inverter := opendtu.parts_of(levels, memory)) is not None:
        return lambda draft: opendtu.read(draft, *inverter)
    return None


def _by_shape(levels: list[str], memory: Memory) -> Reader | None:
    """Ecosystems that the shape of a topic gives away, wherever it lies."""
    if (shelly1 := shelly.gen1_of(levels)) is not None:
        return lambda draft: shelly.read_gen1(draft, *shelly1)
    if (gateway := openmqttgateway.parts_of(levels)) is not None:
        return lambda draft: openmqttgateway.read(draft, *gateway)
    if (parts := tasmota.parts_of(levels)) is not None:
        return lambda draft: tasmota.read(draft, *parts)
    if (shelly2 := shelly.gen2_of(levels)) is not None:
        return lambda draft: shelly.read_gen2(draft, *shelly2)
    if (state := esphome.parts_of(levels)) is not None and levels[0] != homeassistant.PREFIX:
        return lambda draft: esphome.read(draft, *state)
    if "rtl_433" in levels and "devices" in levels[:-1]:
        return lambda draft: rtl433.read_scalar(draft, levels, draft.message.body.value)
    if "rtl_433" in levels and levels[-1] in ("events", "states"):
        return _rtl433_packet
    if (ems := emsesp.parts_of(levels)) is not None:
        return lambda draft: emsesp.read(draft, *ems)
    return None


def _rtl433_packet(draft: Draft) -> None:
    value = draft.message.body.value
    if type(value) is dict and "model" in value:
        rtl433.read(draft, value)
    else:
        draft.ecosystem = rtl433.ECOSYSTEM
        draft.says("meta", "rtl_433 about its receiver, not a packet.")
