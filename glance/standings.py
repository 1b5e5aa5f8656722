"""How devices and their values stand now: the worst link from the broker to the value decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from glance.ingest import Ingest
from glance.ingest.buckets import LEAST_GAP_S
from glance.ingest.liveness import Standing, standing
from glance.ingest.tracks import Track
from glance.mqtt.client import BrokerState
from glance.store.devices import Device, Sensor

NO_VALUE = "No value has come yet."
NO_INPUT = Standing("stale", "A value that this one is worked out of is not there any more.")
BETTER = ("live", "unknown", "stale", "asleep", "offline", "removed")


class Standings:
    """Judges devices and sensors; `broker` gives the state of the connection, None where Glance runs without one."""

    def __init__(self, ingest: Ingest, broker: Callable[[], BrokerState | None]) -> None:
        self._ingest = ingest
        self._broker = broker
        # the sensors that a derived one is worked out of, None for one that is gone; set by the runtime
        self.inputs: Callable[[Sensor], Sequence[Sensor | None]] = lambda _sensor: ()
        # why a derived one cannot be worked out, and since when; set by the runtime
        self.fault: Callable[[Sensor], tuple[str, float] | None] = lambda _sensor: None

    def of_device(self, device: Device, now: float) -> tuple[Standing, float | None]:
        """By its bridge, its last will, and its silence measured by its most talkative sensor; and when it last sent something."""
        seen_at = self._ingest.devices.last_seen(device.id)
        tracks = self._ingest.catalog.tracks_of(device.id)
        gaps = [gap for track in tracks if (gap := self._usual_gap_s(track, seen_at, now)) is not None]
        expires = [track.sensor.expires_s for track in tracks]
        longest = max((each for each in expires if each), default=None) if all(expires) else None
        return self._judge(device, False, seen_at, longest, min(gaps, default=None), now), seen_at

    def of_sensor(self, sensor: Sensor, now: float) -> Standing:
        """How a value stands; a derived one no better than the worst of what it is worked out of, and stale while it cannot be."""
        fault = self.fault(sensor)
        found = self._of_own(sensor, fault, now)
        for below in self.inputs(sensor):
            if below is None and fault is not None:
                continue  # its sentence names the one that is gone
            under = self._of_input(below, now)
            if BETTER.index(under.state) > BETTER.index(found.state):
                found = under
            elif found.stale_at is not None and under.stale_at is not None:
                found = replace(found, stale_at=min(found.stale_at, under.stale_at))
        return found

    def _of_input(self, sensor: Sensor | None, now: float) -> Standing:
        """How a value stands that a derived one is worked out of; the sentence begins with its name."""
        if sensor is None:
            return NO_INPUT
        found = self.of_sensor(sensor, now)
        return replace(found, sentence=f"{sensor.title[:1].upper()}{sensor.title[1:]}: {found.sentence}")

    def _of_own(self, sensor: Sensor, fault: tuple[str, float] | None, now: float) -> Standing:
        track = self._ingest.catalog.tracks.get(sensor.id)
        latest = track.latest if track else None
        heard_at = latest.heard_at if latest else None
        device = self._ingest.devices.get(sensor.device)
        gap_s = self._usual_gap_s(track, heard_at, now) if track else None
        found = self._judge(device, sensor.removed_at is not None, heard_at, sensor.expires_s, gap_s, now)
        if latest is None and found.state == "unknown":
            return replace(found, sentence=fault[0] if fault else NO_VALUE)
        if fault is not None and BETTER.index(found.state) <= BETTER.index("stale"):
            return Standing("stale", fault[0], failed_at=fault[1])
        return found

    def broker_fault(self, device_id: str) -> str | None:
        """What is wrong with the connection, for the values of a device; None where it does not matter, because what the device
        sent last came by HTTP or websocket."""
        now = self._broker()
        device = self._ingest.catalog.devices.get(device_id)
        if now is None or now.connected or (device is not None and device.direct):
            return None
        return now.sentence or f"The connection to the broker at {now.address} is being made."

    def _judge(
        self,
        device: Device,
        removed: bool,
        heard_at: float | None,
        expires_s: float | None,
        usual_gap_s: float | None,
        now: float,
    ) -> Standing:
        bridge = self._ingest.catalog.bridges.get(device.bridge or "")
        return standing(
            broker=self.broker_fault(device.id),
            bridge=bridge[0] if bridge else None,
            device=device.state,
            removed=removed or device.removed_at is not None,
            heard_at=heard_at,
            expires_s=expires_s,
            usual_gap_s=usual_gap_s,
            now=now,
        )

    def _usual_gap_s(self, track: Track, heard_at: float | None, now: float) -> float | None:
        """The usual gap; read from stored samples only where the silence is long enough for it to matter."""
        known = track.usual_gap_s()
        if known is None and heard_at is not None and now - heard_at > LEAST_GAP_S:
            known = self._ingest.samples.usual_gap_s(track.sensor.id)
        return known
