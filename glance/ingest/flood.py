"""A limit to how fast and how many devices and sensors appear by themselves, so that a flood cannot fill memory or disk."""

from __future__ import annotations

from dataclasses import dataclass

MAX_DEVICES = 4000
MAX_SERIES = 20_000
MAX_PER_DEVICE = 60
# of a device that is described, by itself or by a bridge, or that sends Glance's own form: a heat pump may have hundreds
MAX_PER_KNOWN_DEVICE = 400
NEW_DEVICES_A_MINUTE = 600
NEW_SERIES_A_MINUTE = 6000
WINDOW_S = 60.0


@dataclass(slots=True)
class Limits:
    """How many may there be, altogether and new within a minute."""

    devices: int = MAX_DEVICES
    series: int = MAX_SERIES
    per_device: int = MAX_PER_DEVICE
    per_known_device: int = MAX_PER_KNOWN_DEVICE
    new_devices: int = NEW_DEVICES_A_MINUTE
    new_series: int = NEW_SERIES_A_MINUTE


class FloodGuard:
    """Counts what appears and refuses what is too much; `sentence` says so for an hour after the last refusal.

    `counts` is False where not a reading is left out but a declaration or a sign of life, which readings follow.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.refused = 0
        self._window_at = float("-inf")
        self._new_devices = 0
        self._new_series = 0
        self._last_at: float | None = None
        self._why = ""

    def may_add_device(self, count: int, now: float, counts: bool = True) -> bool:
        """May one more device appear beside `count` others?"""
        self._turn(now)
        if count >= self.limits.devices:
            return self._refuse(now, counts, f"There are {count} devices already, which is the limit")
        if self._new_devices >= self.limits.new_devices:
            return self._refuse(
                now, counts, f"More than {self.limits.new_devices} new devices appeared within a minute"
            )
        self._new_devices += 1
        return True

    def may_add_series(
        self, count: int, of_device: int, device: str, now: float, counts: bool = True, *, is_known: bool = False
    ) -> bool:
        """May one more sensor appear beside `count` others, `of_device` of them of the same device?"""
        self._turn(now)
        most = self.limits.per_known_device if is_known else self.limits.per_device
        if of_device >= most:
            return self._refuse(now, counts, f"{device} has more than {most} sensors")
        if count >= self.limits.series:
            return self._refuse(now, counts, f"There are {count} sensors already, which is the limit")
        if self._new_series >= self.limits.new_series:
            return self._refuse(now, counts, f"More than {self.limits.new_series} new sensors appeared within a minute")
        self._new_series += 1
        return True

    def sentence(self, now: float) -> str | None:
        """What was left out and why; None where nothing was for an hour."""
        if self._last_at is None or now - self._last_at > 3600:
            return None
        return (
            f"{self._why}; {self.refused} readings of further ones were left out. "
            "Narrow GLANCE_MQTT_TOPICS, or ignore or forget devices you do not need."
        )

    def _turn(self, now: float) -> None:
        if not 0 <= now - self._window_at < WINDOW_S:
            self._window_at, self._new_devices, self._new_series = now, 0, 0

    def _refuse(self, now: float, counts: bool, why: str) -> bool:
        if self._last_at is None or now - self._last_at > 3600:
            self.refused = 0
        self.refused += counts
        self._last_at, self._why = now, why
        return False
