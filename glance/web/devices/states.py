"""How the broker, devices and sensors stand: the worst link from the broker to the value decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from glance.ingest.buckets import LEAST_GAP_S
from glance.ingest.liveness import Standing, standing
from glance.ingest.tracks import Track
from glance.mqtt.client import BrokerState
from glance.runtime import Runtime
from glance.store.devices import Device, Sensor

Presence = Literal["online", "stale", "offline", "asleep", "removed", "unknown"]
WORDS: dict[Presence, tuple[str, str, str]] = {
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
    state: Presence
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


def broker(runtime: Runtime) -> BrokerState | None:
    """The connection to the broker; None where Glance runs without one."""
    return runtime.mqtt.state if runtime.mqtt is not None else None


def broker_fault(runtime: Runtime, heard_at: float | None) -> str | None:
    """What is wrong with the connection, for somebody last heard at `heard_at`; None where it does not matter.

    What was heard since the connection was lost came by HTTP or websocket and does not need the broker.
    """
    now = broker(runtime)
    if now is None or now.connected or (heard_at is not None and heard_at > now.since):
        return None
    return now.sentence or f"The connection to the broker at {now.address} is being made."


def of_device(runtime: Runtime, device: Device, now: float) -> DeviceState:
    """How a device stands: by its bridge, its last will, and its silence measured by its most talkative sensor."""
    ingest = runtime.ingest
    seen_at = ingest.devices.last_seen(device.id)
    tracks = ingest.catalog.tracks_of(device.id)
    gaps = [gap for track in tracks if (gap := _usual_gap_s(runtime, track, seen_at, now)) is not None]
    expires = [track.sensor.expires_s for track in tracks]
    longest = max((each for each in expires if each), default=None) if all(expires) else None
    bridge = ingest.catalog.bridges.get(device.bridge or "")
    found = standing(
        broker=broker_fault(runtime, seen_at),
        bridge=bridge[0] if bridge else None,
        device=device.state,
        removed=device.removed_at is not None,
        heard_at=seen_at,
        expires_s=longest,
        usual_gap_s=min(gaps, default=None),
        now=now,
    )
    state: Presence = "online" if found.state == "live" else found.state
    return DeviceState(device, state, found.sentence, seen_at)


def of_sensor(runtime: Runtime, device: Device, sensor: Sensor, now: float) -> Standing:
    """How a value stands."""
    ingest = runtime.ingest
    latest = ingest.samples.latest(sensor.id)
    heard_at = latest.heard_at if latest else None
    bridge = ingest.catalog.bridges.get(device.bridge or "")
    track = ingest.catalog.tracks.get(sensor.id)
    return standing(
        broker=broker_fault(runtime, ingest.devices.last_seen(device.id)),
        bridge=bridge[0] if bridge else None,
        device=device.state,
        removed=sensor.removed_at is not None or device.removed_at is not None,
        heard_at=heard_at,
        expires_s=sensor.expires_s,
        usual_gap_s=_usual_gap_s(runtime, track, heard_at, now) if track else None,
        now=now,
    )


def _usual_gap_s(runtime: Runtime, track: Track, heard_at: float | None, now: float) -> float | None:
    """The usual gap from memory; from the stored samples only where it decides."""
    known = track.usual_gap_s()
    if known is not None or heard_at is None or now - heard_at <= LEAST_GAP_S:
        return known
    return runtime.ingest.samples.usual_gap_s(track.sensor.id)
