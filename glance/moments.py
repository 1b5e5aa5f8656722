"""Times and days as people read them, in a given zone; pure. English words, 24-hour clock.

A zone is an IANA name such as Europe/Berlin; None or an unknown name means this computer's zone. A moment is Unix seconds, an ISO 8601
text or a plain date.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from glance.formats import NOTHING, as_number

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
# Above this a number of seconds would be past the year 5000: it is milliseconds.
_MILLISECONDS_FROM = 1e11


@lru_cache(maxsize=64)
def zone(name: str | None) -> tzinfo | None:
    """The zone of that name; None (= this computer's) where there is none of that name."""
    if not name or not isinstance(name, str):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def unix(value: Any) -> float | None:
    """A moment as Unix seconds: seconds, milliseconds, ISO text (without a zone: UTC) or a date; None where it is none."""
    found = as_number(value)
    if found is not None:
        return found / 1000 if abs(found) >= _MILLISECONDS_FROM else found
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def local(value: Any, zone_name: str | None = None) -> datetime | None:
    """The moment as a datetime in the zone."""
    at = unix(value)
    if at is None:
        return None
    try:
        moment = datetime.fromtimestamp(at, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return moment.astimezone(zone(zone_name))


def iso(value: Any) -> str:
    """The moment for a machine: 2026-11-20T20:47:00Z; empty where it is none."""
    moment = local(value, "UTC")
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""


def clock(value: Any, zone_name: str | None = None, seconds: bool = False) -> str:
    """The time of day: 20:47, with seconds 20:47:05."""
    moment = local(value, zone_name)
    return moment.strftime("%H:%M:%S" if seconds else "%H:%M") if moment else NOTHING


def day(value: Any, zone_name: str | None = None) -> str:
    """A day without its year: 20 Nov."""
    moment = local(value, zone_name)
    return f"{moment.day} {MONTHS[moment.month - 1][:3]}" if moment else NOTHING


def full_date(value: Any, zone_name: str | None = None) -> str:
    """A day with its year: 20 Nov 2026."""
    moment = local(value, zone_name)
    return f"{moment.day} {MONTHS[moment.month - 1][:3]} {moment.year}" if moment else NOTHING


def long_day(value: Any, zone_name: str | None = None) -> str:
    """A day in words: Friday 20 November."""
    moment = local(value, zone_name)
    return f"{DAYS[moment.weekday()]} {moment.day} {MONTHS[moment.month - 1]}" if moment else NOTHING


def day_and_time(value: Any, zone_name: str | None = None) -> str:
    """A day and the time of day: 20 Nov 20:47."""
    moment = local(value, zone_name)
    return f"{day(value, zone_name)} {moment:%H:%M}" if moment else NOTHING


def week(value: Any, zone_name: str | None = None) -> int | None:
    """The ISO week of the moment."""
    moment = local(value, zone_name)
    return moment.isocalendar().week if moment else None


def weekday(value: Any, zone_name: str | None = None) -> str:
    """The day's name, short: Sat. A plain date is that very day, whatever the zone."""
    found = as_date(value, zone_name)
    return DAYS[found.weekday()][:3] if found else NOTHING


def offset(value: Any, zone_name: str | None) -> str:
    """How far a zone is from this computer's at that moment: +5 h, −3:30 h, empty where it is the same."""
    here, there = local(value), local(value, zone_name)
    if here is None or there is None:
        return ""
    minutes = round(((there.utcoffset() or timedelta()) - (here.utcoffset() or timedelta())).total_seconds() / 60)
    if not minutes:
        return ""
    hours, rest = divmod(abs(minutes), 60)
    return f"{'+' if minutes > 0 else '−'}{hours}{f':{rest:02}' if rest else ''} h"


def as_date(value: Any, zone_name: str | None = None) -> date | None:
    """The day of a moment in the zone; a plain YYYY-MM-DD is taken as it is."""
    if isinstance(value, str) and len(value) == 10:
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    moment = local(value, zone_name)
    return moment.date() if moment else None


@dataclass(frozen=True, slots=True)
class GridDay:
    """One square of a month: its day, whether it is of another month, a weekend day, today, and has something on."""

    day: int
    out: bool
    weekend: bool
    today: bool
    busy: bool


@dataclass(frozen=True, slots=True)
class Month:
    """A month as a table: its title, the names of its columns and six or fewer weeks."""

    title: str
    names: tuple[str, ...]
    weeks: list[list[GridDay]]


@dataclass(slots=True)
class AgendaDay:
    """The entries of one day: a heading and (time, title, location) of each."""

    heading: str
    entries: list[dict[str, str]] = field(default_factory=list)


def _days_of(event: Mapping[str, Any], zone_name: str | None) -> tuple[date, date] | None:
    """First and last day an event touches; the end of an all-day event is the day after it (RFC 5545)."""
    first = as_date(event.get("date") if event.get("all_day") else event.get("start"), zone_name)
    if first is None:
        first = as_date(event.get("start"), zone_name)
    end = unix(event.get("end"))
    if first is None:
        return None
    last = (as_date(end - 1, zone_name) if end is not None else None) or first
    return first, max(first, last)


def busy_days(events: Sequence[Any], zone_name: str | None, days: Iterable[date]) -> set[date]:
    """Those of the days on which something is on, however long it lasts."""
    free, busy = set(days), set[date]()
    for event in events:
        span = _days_of(event, zone_name) if free and isinstance(event, Mapping) else None
        if span:
            taken = {one for one in free if span[0] <= one <= span[1]}
            busy |= taken
            free -= taken
    return busy


def month(now: float, events: Sequence[Any], zone_name: str | None, first_day: str = "monday") -> Month:
    """The month of `now` as a table, with a mark on each day that has an event."""
    today = as_date(now, zone_name) or date(1970, 1, 1)
    first = 6 if first_day == "sunday" else 5 if first_day == "saturday" else 0
    rows = calendar.Calendar(first).monthdatescalendar(today.year, today.month)
    busy = busy_days(events, zone_name, (one for row in rows for one in row))
    weeks = [
        [GridDay(d.day, d.month != today.month, d.weekday() >= 5, d == today, d in busy) for d in row] for row in rows
    ]
    names = tuple(DAYS[(first + count) % 7] for count in range(7))
    return Month(f"{MONTHS[today.month - 1]} {today.year}", names, weeks)


def _heading(found: date, today: date) -> str:
    short = f"{DAYS[found.weekday()][:3]} {found.day}"
    if found.year != today.year or found.month != today.month:
        short += f" {MONTHS[found.month - 1][:3]}"
    if found == today:
        return f"Today, {short}"
    return f"Tomorrow, {short}" if found == today + timedelta(days=1) else short


def agenda(now: float, events: Sequence[Any], zone_name: str | None, most: int = 8) -> list[AgendaDay]:
    """What comes next, by day: from now on, what is still running under today; headings and entries count as lines of `most`."""
    today = as_date(now, zone_name) or date(1970, 1, 1)
    rows: list[tuple[date, bool, float, Mapping[str, Any]]] = []
    for event in events:
        span = _days_of(event, zone_name) if isinstance(event, Mapping) else None
        end = unix(event.get("end")) if span else None
        begin = unix(event.get("start")) if span else None
        if span is None or span[1] < today or (not event.get("all_day") and (end or begin or 0) < now):
            continue
        rows.append((max(span[0], today), not event.get("all_day"), begin or 0, event))
    found: list[AgendaDay] = []
    last: date | None = None
    for shown, timed, _, event in sorted(rows, key=lambda row: row[:3]):
        cost = 1 if shown == last else 2
        if cost > most:
            break
        most -= cost
        if shown != last:
            found.append(AgendaDay(_heading(shown, today)))
            last = shown
        time = clock(event.get("start"), zone_name) if timed else "All day"
        title = str(event.get("title") or "Busy")
        found[-1].entries.append({"time": time, "title": title, "location": str(event.get("location") or "")})
    return found
