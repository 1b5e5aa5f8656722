"""Times in value templates: what Home Assistant offers for them, in this computer's time zone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any

from glance.mqtt.decode import times

MISSING = object()
MOMENTS = (date, time_of_day, timedelta)
# What a template may ask of a moment or a span of time; to write one is bounded below.
FIELDS = frozenset(
    "year month day hour minute second microsecond weekday isoweekday timestamp date time days seconds total_seconds isoformat "
    "replace toordinal tzinfo utcoffset".split()
)
# The C library knows widths in formats (%999999Y); none of them is taken.
_WRITTEN = re.compile(r"(?:[^%]|%-?[aAbBcdeDFgGHIjklmMnpPrRsStTuUVwWxXyYzZf%])*\Z")
_READ = re.compile(r"(?:[^%]|%[aAbBcdHIjmMpSUwWyYzZfGuVxX%])*\Z")
_LONGEST = 80


def field_of(moment: Any, name: str) -> Any:
    """What a template asks of a moment; None for what is not offered."""
    if name == "strftime" and isinstance(moment, (date, time_of_day)):
        return lambda form: _written(moment, form)
    return getattr(moment, name, None) if name in FIELDS else None


def _written(moment: Any, form: Any) -> str:
    if not isinstance(form, str) or len(form) > _LONGEST or not _WRITTEN.match(form):
        raise ValueError("a format of times that is not taken")
    return str(moment.strftime(form))


def _else(default: Any) -> Any:
    """What stands for something that is no time."""
    if default is MISSING:
        raise ValueError("no time")
    return default


def _now() -> datetime:
    return datetime.fromtimestamp(time.time()).astimezone()


def _utcnow() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def _today_at(clock: Any = "") -> datetime:
    wanted = time_of_day.fromisoformat(str(clock)[:32]) if clock else time_of_day()
    return datetime.combine(_now().date(), wanted).astimezone()


def _timestamp(value: Any, default: Any = MISSING) -> Any:
    """`as_timestamp`: Unix seconds of a moment or of a text that is one."""
    if isinstance(value, datetime):
        return value.timestamp()
    at = times.parse(value if isinstance(value, (str, int, float)) else str(value)[:64], None)
    return _else(default) if at is None else at


def _moment(value: Any, default: Any = MISSING) -> Any:
    """`as_datetime`: of a text, or of Unix seconds; a text without an offset stays without."""
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        pass
    try:
        return datetime.fromisoformat(str(value).strip()[:40])
    except ValueError:
        return _else(default)


def _local(value: Any) -> Any:
    return _moment(value).astimezone()


def _at(value: Any) -> datetime:
    """The moment of Unix seconds."""
    return datetime.fromtimestamp(float(value), UTC)


def _custom(value: Any, form: Any = "%Y-%m-%d %H:%M:%S", local: Any = True, default: Any = MISSING) -> Any:
    """`timestamp_custom`: Unix seconds as a text."""
    try:
        moment = _at(value)
    except (TypeError, ValueError, OverflowError, OSError):
        return _else(default)
    return _written(moment.astimezone() if local else moment, form)


def _timestamp_local(value: Any, default: Any = MISSING) -> Any:
    try:
        return _at(value).astimezone().isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return _else(default)


def _timestamp_utc(value: Any, default: Any = MISSING) -> Any:
    try:
        return _at(value).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return _else(default)


def _read(text: Any, form: Any, default: Any = MISSING) -> Any:
    """`strptime`: the moment that a text is by a format."""
    if not isinstance(form, str) or len(form) > _LONGEST or not _READ.match(form):
        raise ValueError("a format of times that is not taken")
    try:
        return datetime.strptime(str(text)[:_LONGEST], form)
    except ValueError:
        return _else(default)


def _span(**parts: float) -> timedelta:
    return timedelta(**parts)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "now": _now, "utcnow": _utcnow, "today_at": _today_at, "timedelta": _span, "strptime": _read, "as_local": _local,
    "as_timestamp": _timestamp, "as_datetime": _moment,
}  # fmt: skip
FILTERS: dict[str, Callable[..., Any]] = {
    "as_timestamp": _timestamp, "as_datetime": _moment, "as_local": _local, "timestamp_custom": _custom,
    "timestamp_local": _timestamp_local, "timestamp_utc": _timestamp_utc, "strptime": _read,
}  # fmt: skip
