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
MINUTE_S = 60.0
SAID_FOR_S = 3600.0
# Retained messages are asked for again at most so often, and only once so much of an allowance has come back.
ASK_EVERY_S = 15.0
ENOUGH = 0.25


@dataclass(slots=True)
class Limits:
    """How many may there be, altogether and new: so many at once, which come back within a minute."""

    devices: int = MAX_DEVICES
    series: int = MAX_SERIES
    per_device: int = MAX_PER_DEVICE
    per_known_device: int = MAX_PER_KNOWN_DEVICE
    new_devices: int = NEW_DEVICES_A_MINUTE
    new_series: int = NEW_SERIES_A_MINUTE


class Allowance:
    """So many at once; what was used comes back evenly, all of it within a minute."""

    def __init__(self) -> None:
        self._used = 0.0
        self._at = float("-inf")

    def left(self, most: int, now: float) -> float:
        """How many of `most` may be used now."""
        passed_s, self._at = max(0.0, now - self._at), now
        self._used = max(0.0, self._used - most * passed_s / MINUTE_S)
        return most - self._used

    def take(self, most: int, now: float) -> bool:
        """Use one of `most`; False where none is left."""
        # what comes back in parts adds up to a little less than one
        if self.left(most, now) < 0.999:
            return False
        self._used += 1
        return True


class FloodGuard:
    """Counts what appears and refuses what is too much; `sentence` says so for an hour after the last refusal, or until all that
    was refused has been let in.

    `counts` is False where not a reading is left out but a declaration or a sign of life, which readings follow. What is
    `declared` (a bridge's list, discovery) is a home and no flood: it is held to the totals only. What is left out of the
    `retained` comes no more by itself: `asks_again` says when it is time to ask the broker for it.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.refused = 0
        self._devices = Allowance()
        self._series = Allowance()
        self._last_at: float | None = None
        self._why = ""
        # something was left out since the broker was last asked for what it keeps
        self._late = False
        self._asked_at = float("-inf")
        # something was left out that the broker may not keep
        self._lost = False

    def may_add_device(
        self, count: int, now: float, counts: bool = True, *, declared: bool = False, retained: bool = False
    ) -> bool:
        """May one more device appear beside `count` others?"""
        limits = self.limits
        if count >= limits.devices:
            return self._refuse(now, counts, retained, f"There are {count} devices already, which is the limit")
        if not declared and not self._devices.take(limits.new_devices, now):
            why = f"More than {limits.new_devices} new devices appeared within a minute"
            return self._refuse(now, counts, retained, why)
        return True

    def may_add_series(
        self,
        count: int,
        of_device: int,
        device: str,
        now: float,
        counts: bool = True,
        *,
        is_known: bool = False,
        declared: bool = False,
        retained: bool = False,
    ) -> bool:
        """May one more sensor appear beside `count` others, `of_device` of them of the same device?"""
        limits = self.limits
        most = limits.per_known_device if is_known else limits.per_device
        if of_device >= most:
            return self._refuse(now, counts, retained, f"{device} has more than {most} sensors", late=False)
        if count >= limits.series:
            return self._refuse(now, counts, retained, f"There are {count} sensors already, which is the limit")
        if not declared and not self._series.take(limits.new_series, now):
            why = f"More than {limits.new_series} new sensors appeared within a minute"
            return self._refuse(now, counts, retained, why)
        return True

    def note_left_out(self, count: int, now: float) -> None:
        """So many values were of sensors that their device has too many of, by the decoder's own limit."""
        self._refuse(now, True, False, "A device has too many sensors", late=False)
        self.refused += count - 1

    @property
    def is_restless(self) -> bool:
        """Is `asks_again` worth asking?"""
        return self._late or self._asked_at > float("-inf")

    def asks_again(self, devices: int, series: int, now: float) -> bool:
        """Is there room again for what was left out, and is it time to ask the broker for what it keeps? True once each time."""
        if 0 <= now - self._asked_at < ASK_EVERY_S:
            return False
        limits = self.limits
        if not self._late:
            self._asked_at = float("-inf")
            if not self._lost:
                # what was asked for came, and none of it had to be left out again
                self._last_at, self.refused = None, 0
            return False
        room = devices < limits.devices and series < limits.series
        enough = self._devices.left(limits.new_devices, now) >= ENOUGH * limits.new_devices
        if not (room and enough and self._series.left(limits.new_series, now) >= ENOUGH * limits.new_series):
            return False
        self._late, self._asked_at = False, now
        return True

    def sentence(self, now: float) -> str | None:
        """What was left out and why; None where nothing was for an hour."""
        if self._last_at is None or now - self._last_at > SAID_FOR_S:
            return None
        again = " Those that the broker keeps are asked for again as soon as there is room." if self._late else ""
        return (
            f"{self._why}; {self.refused} readings of further ones were left out.{again} "
            "Narrow GLANCE_MQTT_TOPICS, or ignore or forget devices you do not need."
        )

    def _refuse(self, now: float, counts: bool, retained: bool, why: str, *, late: bool = True) -> bool:
        if self._last_at is None or now - self._last_at > SAID_FOR_S:
            self.refused, self._lost = 0, False
        self.refused += counts
        self._last_at, self._why = now, why
        self._late = self._late or late
        self._lost = self._lost or not (retained and late)
        return False
