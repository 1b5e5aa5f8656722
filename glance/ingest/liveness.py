"""Whether a value may be shown as live: the worst of broker, bridge, device and silence decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from glance.ingest.buckets import gap_after_s
from glance.mqtt.readings import Presence

State = Literal["live", "stale", "offline", "asleep", "removed", "unknown"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a device or a value stands, and a sentence for its owner. `stale_at` is when a live one turns stale (Unix seconds).

    `by_broker` = the device may be well, but nothing can come from it. `failed_at` is since when a formula cannot be worked out.
    """

    state: State
    sentence: str
    stale_at: float | None = None
    by_broker: bool = False
    failed_at: float | None = None


def stale_after_s(expires_s: float | None, usual_gap_s: float | None) -> float:
    """After which silence a value is old: what was declared or set, else three usual gaps, at least ten minutes."""
    return expires_s if expires_s else gap_after_s(usual_gap_s)


def standing(
    *,
    broker: str | None,
    bridge: Presence | None,
    device: Presence | None,
    removed: bool,
    heard_at: float | None,
    expires_s: float | None,
    usual_gap_s: float | None,
    now: float,
) -> Standing:
    """Judge a value. `broker` is the sentence of what is wrong with the connection, None = connected (or not needed)."""
    if removed:
        return Standing("removed", "The device withdrew this sensor; its history is kept.")
    if broker is not None:
        return Standing("offline", broker, by_broker=True)
    if bridge == "offline":
        return Standing("offline", "The bridge that this device is connected through is offline.")
    if device == "asleep":
        return Standing("asleep", "The device sleeps between two readings; this is the last one.")
    if device == "offline":
        return Standing("offline", "The device is offline, its last will says.")
    if heard_at is None:
        return Standing("unknown", "This is the last value that the broker kept; when it was measured is not known.")
    after_s = stale_after_s(expires_s, usual_gap_s)
    if now - heard_at > after_s:
        return Standing("stale", f"Nothing came for {_span(now - heard_at)}; usual is at most {_span(after_s)}.")
    return Standing("live", "Live.", heard_at + after_s)


def _span(seconds: float) -> str:
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}s"
    return f"{seconds:.0f} seconds"
