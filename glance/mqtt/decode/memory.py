"""What a decoder has learned: who is who, what was declared, what a series has held. Bounded: the oldest goes first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, TypeVar

from glance.mqtt.readings import DeviceInfo, SensorInfo

K = TypeVar("K")
V = TypeVar("V")

MOST_SERIES = 20_000
MOST_DEVICES = 5_000
MOST_NAMES = 20_000
MOST_DECLARATIONS = 4_000
MOST_DECLARED_BYTES = 6_000_000
MOST_OFFS = 2_000
SERIES_PER_DEVICE = 60
# Publishers whose grammar is known may have more: a Venus portal, a smart meter, a heat pump.
SERIES_PER_KNOWN_DEVICE = 400
WORDS_OF_AN_ENUM = 20


class Bounded(dict[K, V]):
    """A dict of at most `most` entries; a further key drops the oldest."""

    __slots__ = ("most",)

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def __setitem__(self, key: K, value: V) -> None:
        if len(self) >= self.most and key not in self:
            del self[next(iter(self))]
        super().__setitem__(key, value)


@dataclass(slots=True)
class Series:
    """One sensor of one device: what it was declared as and what it has held.

    `words` are the texts seen (None = too many for an enum); `topic`, `value`, `heard_at` and the payload's time `at` are those of the last
    reading, to know repeats; `untimed` is the last topic whose payload had no time.
    """

    words: set[str] | None = field(default_factory=set)
    topic: str = ""
    value: Any = None
    heard_at: float = 0.0
    at: float | None = None
    untimed: str = ""
    info: SensorInfo | None = None
    truth: dict[str, bool] | None = None


@dataclass(slots=True)
class Known:
    """One device: its sensors' number and what was last said about it (to say it once)."""

    sensors: int = 0
    info: DeviceInfo | None = None
    bridge: str | None = None


class Memory:
    """The learned state of one decoder; used by one thread."""

    def __init__(self, zone: tzinfo | None, *, decimal_comma: bool = False) -> None:
        self.zone = zone
        # The owner says that publishers without a grammar of their own write 21,5 for 21.5.
        self.decimal_comma = decimal_comma
        self.series: Bounded[tuple[str, str], Series] = Bounded(MOST_SERIES)
        self.devices: Bounded[str, Known] = Bounded(MOST_DEVICES)
        # One device by several names (a friendly name, an address, a discovery identifier): name -> device id.
        self.same: Bounded[str, str] = Bounded(MOST_NAMES)
        self.declarations: dict[str, str] = {}
        self.declared_bytes = 0
        self.learned: dict[str, Bounded[str, Any]] = {}
        # Binary sensors that are on, and when (Unix seconds) each goes off by itself because it was declared so.
        self.offs: Bounded[tuple[str, str], tuple[float, str]] = Bounded(MOST_OFFS)
        # Grows when a topic may now be read by another ecosystem than before.
        self.epoch = 0
        # Grows with everything that a snapshot holds.
        self.changes = 0

    def of(self, ecosystem: str, most: int = 5_000) -> Bounded[str, Any]:
        """What one ecosystem has learned, under names of its own."""
        found = self.learned.get(ecosystem)
        if found is None:
            found = self.learned[ecosystem] = Bounded(most)
        return found

    def name(self, key: str, device: str) -> None:
        """`key` names `device` from now on."""
        if self.same.get(key) != device:
            self.same[key] = device
            self.changes += 1

    def known(self, device: str) -> Known:
        """The record of a device, made when missing."""
        found = self.devices.get(device)
        if found is None:
            found = self.devices[device] = Known()
        return found

    def declare(self, topic: str, payload: str) -> bool:
        """Keep a declaration for the next start; False where the very same is already there."""
        before = self.declarations.pop(topic, None)
        self.declared_bytes -= len(before) if before else 0
        if not payload:
            self.changes += before is not None
            return before is not None
        self.declarations[topic] = payload
        self.declared_bytes += len(payload)
        self.changes += before != payload
        while len(self.declarations) > MOST_DECLARATIONS or self.declared_bytes > MOST_DECLARED_BYTES:
            oldest = next(iter(self.declarations))
            self.declared_bytes -= len(self.declarations.pop(oldest))
        return before != payload
