"""The four links from the broker to a value, and the messages that came over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from glance.ingest.messages import Message
from glance.runtime import Runtime
from glance.store.devices import Device
from glance.web.devices import states
from glance.web.devices.looks import SensorLook
from glance.web.devices.states import DeviceState
from glance.web.speech import hour
from glance.web.tracking import upper_first

# verdict -> status and icon of its line
VERDICTS = {
    "reading": ("ok", "ok"),
    "liveness": ("ok", "ok"),
    "event": ("ok", "ok"),
    "declaration": ("info", "info"),
    "invalid": ("warn", "warn"),
    "unreadable": ("warn", "warn"),
}


@dataclass(frozen=True, slots=True)
class Link:
    """One of the four links from the broker to the value."""

    name: str
    status: str
    icon: str
    sentence: str

    @property
    def is_cut(self) -> bool:
        """True where nothing comes through."""
        return self.status == "bad"


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as a line: `status` and `icon` of what was made of it."""

    message: Message
    status: str
    icon: str


def chain(
    rt: Runtime, state: DeviceState, selected: SensorLook | None, heard: Sequence[Heard], now: float
) -> list[Link]:
    """The four links, from the broker to the value."""
    device = state.device
    return [
        _broker_link(rt, device, now),
        _bridge_link(rt, device),
        _device_link(state, now),
        _sensor_link(selected, heard, now),
    ]


def _broker_link(rt: Runtime, device: Device, now: float) -> Link:
    broker = states.broker(rt)
    if broker is None:
        return Link("Broker", "off", "off", "Glance runs without one")
    if broker.connected:
        return Link("Broker", "ok", "ok", f"{broker.address}, connected since {hour(broker.since, now)}")
    fault = rt.standings.broker_fault(device.id)
    if fault is None:
        return Link("Broker", "off", "off", "Away, but this device does not need it: it speaks by HTTP")
    return Link("Broker", "bad", "plug-off", fault)


def _bridge_link(rt: Runtime, device: Device) -> Link:
    if device.bridge is None:
        return Link("Bridge", "off", "off", "None known: it speaks for itself")
    known = rt.ingest.catalog.bridges.get(device.bridge)
    if known is None:
        return Link("Bridge", "off", "off", f"{device.bridge} has not said how it is")
    if known[0] == "offline":
        return Link("Bridge", "bad", "plug-off", f"{device.bridge} says offline")
    return Link("Bridge", "ok", "ok", f"{device.bridge} says {known[0]}")


def _device_link(state: DeviceState, now: float) -> Link:
    device = state.device
    said = f", says {device.state}" if device.state else ""
    spoke = f"Last spoke {hour(state.seen_at, now)}" if state.seen_at else "Never spoke while Glance listened"
    if device.removed_at is not None:
        return Link("Device", "off", "off", f"Withdrew itself {hour(device.removed_at, now)}; its history is kept")
    if device.state == "offline":
        return Link("Device", "bad", "plug-off", f"{spoke}{said}")
    if device.state == "asleep":
        return Link("Device", "off", "moon", f"{spoke}, sleeps between two readings")
    if state.state == "stale":
        return Link("Device", "warn", "clock", state.sentence)
    return Link("Device", "ok" if state.seen_at else "off", "ok" if state.seen_at else "off", f"{spoke}{said}")


def _sensor_link(selected: SensorLook | None, heard: Sequence[Heard], now: float) -> Link:
    if selected is None:
        return Link("Sensor", "off", "off", "No sensor was announced or heard yet")
    unread = [one for one in heard if one.status == "warn"]
    name = upper_first(selected.sensor.title)
    if selected.standing.state in ("stale", "unknown"):
        return Link("Sensor", "warn", "clock", f"{name}: {selected.standing.sentence}")
    if unread:
        many = "One message" if len(unread) == 1 else f"{len(unread)} of the last messages"
        return Link("Sensor", "warn", "warn", f"{many} could not be read, {hour(unread[0].message.at, now)}")
    if selected.at is None and selected.value == "–":
        return Link("Sensor", "off", "off", f"{name} was announced, no value came yet")
    shown = f"{selected.value} {selected.unit}".strip()
    if selected.standing.state == "live":
        return Link("Sensor", "ok", "ok", f"{name} {shown}")
    return Link("Sensor", "off", "off", f"{name} was last {shown}")


def heard_of(message: Message) -> Heard:
    """A message with the sign of what was made of it."""
    status, icon = VERDICTS.get(message.verdict, ("off", "off"))
    if message.verdict == "reading" and message.retained:
        status, icon = "off", "off"
    return Heard(message, status, icon)
