"""How the broker and devices stand, in the words and signs of the pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from glance.mqtt.client import BrokerState
from glance.runtime import Runtime
from glance.store.devices import Device

State = Literal["online", "stale", "offline", "asleep", "removed", "unknown"]
WORDS: dict[State, tuple[str, str, str]] = {
    # state -> word, status, icon
    "online": ("Online", "ok", "ok"),
    "stale": ("Stale", "warn", "clock"),
    "offline": ("Offline", "bad", "plug-off"),
    "asleep": ("Asleep", "off", "moon"),
    "removed": ("Withdrawn", "off", "off"),
    "unknown": ("Not heard yet", "off", "off"),
}


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A device and how it stands; `seen_at` is when it last sent something (Unix seconds)."""

    device: Device
    state: State
    sentence: str
    seen_at: float | None

    @property
    def word(self) -> str:
        """The state as people read it."""
        return WORDS[self.state][0]

    @property
    def status(self) -> str:
        """The status that colours it."""
        return WORDS[self.state][1]

    @property
    def icon(self) -> str:
        """The sign beside the word."""
        return WORDS[self.state][2]


def of_device(runtime: Runtime, device: Device, now: float) -> DeviceState:
    """How a device stands."""
    found, seen_at = runtime.standings.of_device(device, now)
    return DeviceState(device, "online" if found.state == "live" else found.state, found.sentence, seen_at)


def broker(runtime: Runtime) -> BrokerState | None:
    """The connection to the broker; None where Glance runs without one."""
    return runtime.mqtt.state if runtime.mqtt is not None else None
