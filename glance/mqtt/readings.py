"""What a message from a device says: readings, declarations, liveness; shared by decoders, ingest and store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SensorKind = Literal["number", "boolean", "enum", "text", "event"]
Presence = Literal["online", "offline", "asleep"]
Verdict = Literal[
    "reading",
    "declaration",
    "liveness",
    "event",
    "command",
    "meta",
    "removal",
    "invalid",
    "binary",
    "ignored",
    "unreadable",
]


# The device of derived values: Glance's own, nobody else speaks for it.
OWN_DEVICE = "derived"
OWN_SENTENCE = "“derived” is the device of Glance’s own derived values; yours needs another name."


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one sensor.

    `at` is the time in the payload (Unix seconds UTC), None = none that can be believed: the arrival counts.
    `retained` values fill a tile and are no new sample. `label` is the word behind a boolean ("ON").
    An event (`kind`) is something that happened, never a line. `refused_at` is a payload time that was not believed
    (a clock of 1970 or 2099). `repeat`: the same value of the same series came on another topic within 2 s
    (Zigbee2MQTT's attribute topics, rtl_433's devices beside its events): it keeps the sensor alive and is no new sample.
    `inferred`: nobody sent it (a declared time is over): it is a sample, and no sign of life. `guessed`: nobody told the unit, the
    name of the sensor or the size of the value lets expect it.
    """

    device: str
    sensor: str
    value: float | bool | str
    kind: SensorKind
    unit: str | None
    at: float | None
    retained: bool
    label: str | None = None
    refused_at: float | None = None
    repeat: bool = False
    inferred: bool = False
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What is known about a device; None = not said by this message (keep what is known).

    `device` is its stable id, `name` the label it gives itself, `via` the device id of the bridge it hangs on,
    `link` its own configuration page.
    """

    device: str
    name: str | None = None
    maker: str | None = None
    model: str | None = None
    room: str | None = None
    ecosystem: str | None = None
    firmware: str | None = None
    via: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class SensorInfo:
    """What is declared about a sensor; None = not said (keep what is known).

    `options` are the members of an enum, `hidden` asks to be left out of overviews (diagnostics, settings),
    `expire_after_s` after which silence means no value, `decimals` how many to show,
    `value_labels` pairs of a raw value as text and what it means ("0", "closed").
    """

    device: str
    sensor: str
    name: str | None = None
    unit: str | None = None
    kind: SensorKind | None = None
    device_class: str | None = None
    state_class: str | None = None
    options: tuple[str, ...] = ()
    hidden: bool | None = None
    expire_after_s: float | None = None
    decimals: int | None = None
    value_labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Liveness:
    """Somebody says that a device, or a bridge and all that hangs on it, is there or not.

    `subject` is a device id or, with `bridge`, a bridge id (see Bridged).
    """

    subject: str
    state: Presence
    bridge: bool
    retained: bool


@dataclass(frozen=True, slots=True)
class Bridged:
    """`device` is reached through `bridge`: where the bridge is offline, so is the device."""

    device: str
    bridge: str


@dataclass(frozen=True, slots=True)
class Removed:
    """A device (sensor None) or one of its sensors withdrew its declaration; the history stays."""

    device: str
    sensor: str | None


@dataclass(frozen=True, slots=True)
class Renamed:
    """Readings stored under `old` belong to `new`: a declaration or an address came to be known later.

    `old_sensor`/`new_sensor` None = every sensor of the device keeps its name.
    """

    old: str
    new: str
    old_sensor: str | None = None
    new_sensor: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that one message says; `sentence` tells the owner why it was or was not understood.

    `left_out` values are of sensors that their device has too many of.
    """

    readings: tuple[Reading, ...] = ()
    devices: tuple[DeviceInfo, ...] = ()
    sensors: tuple[SensorInfo, ...] = ()
    liveness: tuple[Liveness, ...] = ()
    bridged: tuple[Bridged, ...] = ()
    removed: tuple[Removed, ...] = ()
    renamed: tuple[Renamed, ...] = ()
    ecosystem: str | None = None
    verdict: Verdict = "ignored"
    sentence: str = ""
    left_out: int = 0
