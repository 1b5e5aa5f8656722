"""Times in payloads: every form that publishers use, and whether one can be believed."""

from __future__ import annotations

import math
from datetime import UTC, datetime, tzinfo
from typing import Any

from glance.mqtt.decode.values import number

FUTURE_S = 300.0
PAST_S = 86_400.0
# Before this no clock that was ever set can have been: 2015-01-01.
FIRST_BELIEVED = 1_420_070_400.0
SMALLEST_EPOCH_S = 1e8

# Keys that hold the time of the reading, best first, by their lower-case name without separators.
READING_TIMES = (
    "lastseen", "time", "timestamp", "ts", "tst", "observedat", "recordedat", "measuredat", "dateutc", "epoch",
    "unixtime", "datetime", "measurementtime", "eventtime", "sampletime", "timestamputc", "utc", "tstamp", "date",
)  # fmt: skip
# Keys that are times but not that of the reading: never a series.
OTHER_TIMES = frozenset(
    (*READING_TIMES, *(
        "minutets lastupdate lastupdated totalstarttime lc lastchange lastchanged createdat updatedat receivedat rxtime "
        "starttime endtime boottime bootat lastboot since until sunrise sunset localtime utctime lightningtime expiresat "
        "nextrun lastrun timezone tz"
    ).split())
)  # fmt: skip


def key_of(name: str) -> str:
    """The spelling by which time keys are compared: `last_seen`, `lastSeen` and `Last-Seen` are one."""
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def parse(raw: Any, zone: tzinfo | None = None, *, utc: bool = False) -> float | None:
    """Unix seconds out of an epoch (s, ms, µs, ns) or an ISO 8601 text; None where it is no time.

    A text without an offset is local to `zone` (None = this computer's), or UTC with `utc`.
    """
    value = number(raw)
    if value is not None:
        return epoch(value)
    if type(raw) is not str or not 10 <= len(raw) <= 40 or raw[0] == "@":
        return None
    try:
        moment = datetime.fromisoformat(raw.strip().replace("/", "-"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC if utc else zone)
        return moment.timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def epoch(value: float) -> float | None:
    """An epoch in seconds, milli-, micro- or nanoseconds as seconds; small numbers are uptimes, not times."""
    if value < SMALLEST_EPOCH_S or not math.isfinite(value):
        return None
    for limit, factor in ((1e11, 1.0), (1e14, 1e-3), (1e17, 1e-6)):
        if value < limit:
            return value * factor
    return value * 1e-9 if value < 1e20 else None


def believed(at: float, arrived_at: float, *, retained: bool, oldest_s: float = PAST_S) -> bool:
    """Whether a payload's time may stand: not ahead by 5 minutes, not behind by a day (unless kept by the broker)."""
    if at > arrived_at + FUTURE_S or at < FIRST_BELIEVED:
        return False
    return retained or at >= arrived_at - oldest_s
