"""One message being read: ecosystems put what they find into a draft, the draft keeps the rules that hold for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from glance.mqtt.decode import times, units
from glance.mqtt.decode.body import Body
from glance.mqtt.decode.convert import value_of, word_kind
from glance.mqtt.decode.keys import clean, role, time_rank
from glance.mqtt.decode.known import described
from glance.mqtt.decode.memory import SERIES_PER_DEVICE, SERIES_PER_KNOWN_DEVICE, Memory, Series
from glance.mqtt.decode.values import with_point
from glance.mqtt.decode.verdicts import CLOCK_OFF, summary
from glance.mqtt.readings import (
    Bridged,
    DeviceInfo,
    Liveness,
    Outcome,
    Presence,
    Reading,
    Removed,
    Renamed,
    SensorInfo,
    SensorKind,
    Verdict,
)

# The same value of one series on two topics within this time is one reading, told twice.
REPEAT_S = 2.0
# Glance's own form is never told twice: whoever sends it means each one.
NATIVE = "glance"
# Publishers that have no grammar of their own.
UNDECLARED = (None, "json", "plain")
A_MOMENT = 1e9
# What one message may bring: more is a flood or a dump.
MOST_READINGS = 400


@dataclass(slots=True)
class Message:
    """One message as it came; `levels` are the topic's levels, empty ones included."""

    topic: str
    levels: list[str]
    body: Body
    retained: bool
    arrived_at: float


class Draft:
    """What one message says so far."""

    __slots__ = (
        "at", "bridged", "devices", "dropped", "dry", "ecosystem", "empty", "liveness", "memory", "message", "readings",
        "refused_at", "removed", "renamed", "sensors", "sentence", "verdict",
    )  # fmt: skip

    def __init__(self, memory: Memory, message: Message) -> None:
        self.memory = memory
        self.message = message
        self.readings: list[Reading] = []
        self.devices: list[DeviceInfo] = []
        self.sensors: list[SensorInfo] = []
        self.liveness: list[Liveness] = []
        self.bridged: list[Bridged] = []
        self.removed: list[Removed] = []
        self.renamed: list[Renamed] = []
        self.ecosystem: str | None = None
        self.verdict: Verdict | None = None
        self.sentence = ""
        self.at: float | None = None
        self.refused_at: float | None = None
        self.dropped = 0
        self.empty = 0
        # (device, sensor) of what would be read, where only that is asked for; None = a real message.
        self.dry: list[tuple[str, str]] | None = None

    def says(self, verdict: Verdict, sentence: str) -> None:
        """Decide what the message is; the last word counts."""
        self.verdict = verdict
        self.sentence = sentence

    # -- time ----------------------------------------------------------------------------------------------------

    def time(self, raw: Any, *, utc: bool = False) -> bool:
        """Take `raw` as the time of all readings that follow, if it is one; one that cannot be believed is noted."""
        at = times.parse(raw, self.memory.zone, utc=utc)
        if at is None:
            return False
        message = self.message
        if times.believed(at, message.arrived_at, retained=message.retained):
            self.at, self.refused_at = at, None
        else:
            self.at, self.refused_at = None, at
        return True

    def time_in(self, fields: Mapping[str, Any], *, utc: bool = False) -> None:
        """Take the best of the time keys of an object."""
        found = [key for key in fields if role(key) == "time"]
        if len(found) > 1:
            found.sort(key=time_rank)
        for key in found:
            if self.time(fields[key], utc=utc or "utc" in key.lower()):
                return

    # -- readings ------------------------------------------------------------------------------------------------

    def reading(
        self, device: str, sensor: str, raw: Any, unit: str | None = None, kind: SensorKind | None = None
    ) -> bool:
        """Add one value; False where there is none (null, "nan", a code, too long) or the device has too many sensors."""
        memory = self.memory
        device = memory.same.get(device, device) or "mqtt"
        key = (device, sensor or "value")
        if self.dry is not None:
            self.dry.append(key)
            return True
        series = memory.series.get(key)
        if series is not None and series.info is not None:
            info = series.info
            kind = info.kind or kind
            unit = info.unit or unit
        if memory.decimal_comma and type(raw) is str and "," in raw and self.ecosystem in UNDECLARED:
            raw = with_point(raw)
        value, label, kind, unit = value_of(sensor, raw, unit, kind, series)
        if value is None or (kind == "number" and value > A_MOMENT and unit is None and self._is_now(value)):
            self.empty += 1
            return False
        if series is None:
            if len(self.readings) >= MOST_READINGS or not self._room(device):
                self.dropped += 1
                return False
            series = self._first(key, unit, kind)
        if kind == "enum" or kind == "text":
            held = len(series.words or ())
            kind = word_kind(series, value, kind)
            memory.changes += len(series.words or ()) != held
        message = self.message
        repeat = series.topic != message.topic and series.value == value and self._again(series)
        at = self.at
        if at is not None and self._seems_older(at, series):
            at = None
        if not message.retained and not repeat:
            series.topic, series.value, series.heard_at, series.at = message.topic, value, message.arrived_at, at
            if self.at is None:
                series.untimed = message.topic
        guessed = type(unit) is units.Guess
        unit = units.normal(unit) if unit is not None else None
        self.readings.append(
            Reading(
                device, key[1], value, kind, unit, at, message.retained, label, self.refused_at, repeat, guessed=guessed
            )
        )
        return True

    def _seems_older(self, at: float, series: Series) -> bool:
        """Whether a live value would come to lie before what was heard already, where another topic tells the same without a time:
        the sender's clock is behind ours (a Shelly has the time in its events, not in its states), so arrival decides."""
        return (
            at < series.heard_at
            and series.untimed not in ("", self.message.topic)
            and not self.message.retained
            and self.ecosystem != NATIVE
        )

    def _is_now(self, value: float) -> bool:
        """Whether a number is the present time: a time key of some name that nobody knows."""
        at = self.message.arrived_at
        return self.ecosystem in UNDECLARED and (
            abs(value - at) < times.PAST_S or abs(value / 1000 - at) < times.PAST_S
        )

    def _again(self, series: Series) -> bool:
        """Whether a value on another topic is the one just heard: within 2 s, and not of another time by its own word."""
        if self.ecosystem == NATIVE or (self.at is not None and series.at is not None and self.at != series.at):
            return False
        return -REPEAT_S < self.message.arrived_at - series.heard_at < REPEAT_S

    def _room(self, device: str) -> bool:
        """Whether a further sensor of `device` may be made."""
        known = self.memory.known(device)
        most = SERIES_PER_DEVICE if self.ecosystem in UNDECLARED else SERIES_PER_KNOWN_DEVICE
        return known.sensors < most

    def _first(self, key: tuple[str, str], unit: str | None, kind: SensorKind | None) -> Series:
        """A series that was never seen: count it and say what its name means."""
        series = self.memory.series[key] = Series(topic=self.message.topic)
        self.memory.known(key[0]).sensors += 1
        known = described(*key, units.normal(unit), kind)
        if known is not None:
            self.sensors.append(known)
        return series

    # -- declarations --------------------------------------------------------------------------------------------

    def device(
        self, device: str, *, ecosystem: str | None = None, bridge: str | None = None, **said: str | None
    ) -> str:
        """Say what is known about a device, once, and again when it changes; returns its canonical id."""
        memory = self.memory
        device = memory.same.get(device, device)
        if self.dry is not None:
            return device
        known = memory.known(device)
        old = known.info
        ecosystem = ecosystem or self.ecosystem
        better = old is not None and old.ecosystem in UNDECLARED and ecosystem not in UNDECLARED
        if old is None or better or any(value and getattr(old, name) != value for name, value in said.items()):
            whole: dict[str, Any] = {} if old is None else {name: getattr(old, name) for name in ABOUT_DEVICE}
            whole.update((name, clean(value)) for name, value in said.items() if value)
            if better or whole.get("ecosystem") is None:
                whole["ecosystem"] = ecosystem
            info = DeviceInfo(device, **whole)
            if info != old:
                known.info = info
                self.devices.append(info)
        if bridge is not None and known.bridge != bridge:
            known.bridge = bridge
            self.bridged.append(Bridged(device, bridge))
        return device

    def knows(self, device: str) -> bool:
        """Whether a device was described already, and by one who knows no less of it than this message."""
        known = self.memory.devices.get(self.memory.same.get(device, device))
        if known is None or known.info is None:
            return False
        return known.info.ecosystem not in UNDECLARED or self.ecosystem in UNDECLARED

    def declare(self, info: SensorInfo, truth: dict[str, bool] | None = None) -> None:
        """Keep what is declared about a sensor; `truth` maps declared words to booleans. Said when it changed."""
        if self.dry is not None:
            return
        memory = self.memory
        key = (info.device, info.sensor)
        series = memory.series.get(key)
        if series is None:
            if not self._room(info.device):
                self.dropped += 1
                return
            series = memory.series[key] = Series()
            memory.known(info.device).sensors += 1
        changed = series.info != info
        series.info, series.truth = info, truth
        if changed:
            self.sensors.append(info)

    def alive(self, subject: str, state: Presence, *, bridge: bool = False) -> None:
        """Somebody says that a device or a bridge is there, asleep or gone."""
        if not bridge:
            subject = self.memory.same.get(subject, subject)
        self.liveness.append(Liveness(subject, state, bridge, self.message.retained))
        if self.verdict is None:
            self.says("liveness", f"{subject} says that it is {state}.")

    # -- the end -------------------------------------------------------------------------------------------------

    def outcome(self) -> Outcome:
        """What the message said, with a sentence where no ecosystem gave one."""
        verdict, sentence = self.verdict, self.sentence
        if verdict is None:
            verdict, sentence = summary(self.readings, self.dropped, self.empty, self.refused_at is not None)
        elif self.refused_at is not None and self.readings:
            sentence += CLOCK_OFF
        if self.devices and self.ecosystem in UNDECLARED:
            self.devices = [info for info in self.devices if self._has_something(info.device)]
        return Outcome(
            tuple(self.readings),
            tuple(self.devices),
            tuple(self.sensors),
            tuple(self.liveness),
            tuple(self.bridged),
            tuple(self.removed),
            tuple(self.renamed),
            self.ecosystem,
            verdict,
            sentence,
            self.dropped,
        )

    def _has_something(self, device: str) -> bool:
        """Whether there is a sensor or a sign of life of a device; one that nothing can be shown of waits until there is."""
        known = self.memory.known(device)
        if known.sensors or any(said.subject == device for said in self.liveness):
            return True
        known.info = None
        return False


ABOUT_DEVICE = ("name", "maker", "model", "room", "ecosystem", "firmware", "via", "link")
