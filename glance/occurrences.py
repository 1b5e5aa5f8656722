"""iCalendar text (RFC 5545) read into the single events of a span of time, repetitions and changes of them worked out."""

from __future__ import annotations

import os
import re
import threading
import time
import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from glance.addresses import web_address
from glance.errors import FetchError
from glance.plaintext import cut, plain, tidy
from glance.worktime import OutOfTime, at_most

MAX_PER_SERIES = 2000
# Of one thread's own time. A rule that never comes true is searched for over 8000 years.
MAX_WORK_S = 10.0

# what icalendar and recurring_ical_events raise for text that makes no sense
_LIBRARY_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, RuntimeError)

_FOLD = re.compile(rb"\r?\n[ \t]")
_EVENT_BEGINS = re.compile(rb"^BEGIN:VEVENT\r?\n", re.MULTILINE | re.IGNORECASE)
_EVENT_ENDS = re.compile(rb"^END:VEVENT\r?\n", re.MULTILINE | re.IGNORECASE)
_BEGINS = re.compile(rb"^DTSTART[^:\n]*:(\d{8})", re.MULTILINE | re.IGNORECASE)
_ENDS = re.compile(rb"^DTEND[^:\n]*:(\d{8})", re.MULTILINE | re.IGNORECASE)
_UNTIL = re.compile(rb"^RRULE:[^\n]*UNTIL=(\d{8})", re.MULTILINE | re.IGNORECASE)
_REPEATS = re.compile(rb"^(?:RRULE|RDATE|RECURRENCE-ID|DURATION)[:;]", re.MULTILINE | re.IGNORECASE)

# icalendar keeps zones that calendars define themselves in one place for the whole process: one calendar at a time,
# so that none gets the zone of another
_reading = threading.Lock()


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `start` and `end` in Unix seconds, for all-day ones midnight in the owner's zone; those have a `date`."""

    start: float
    end: float
    all_day: bool
    date: str | None
    title: str
    location: str
    url: str | None
    uid: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A calendar's own name (may be "") and its events in the span."""

    name: str
    events: tuple[Event, ...]


def parse_calendar(body: bytes, host: str, start: float, end: float, zone: ZoneInfo, deadline: float) -> Parsed:
    """Events that touch `start` to `end` (Unix seconds); times without a zone and all-day events are in `zone`.

    `deadline` is a time.monotonic() value. FetchError(kind="format") where the text is no calendar, kind="timeout"
    where its repetitions take too long to work out.
    """
    head = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head[:15].upper().startswith(b"BEGIN:VCALENDAR"):
        what = "a web page" if head[:1] == b"<" else "something else" if head else "nothing"
        raise FetchError(f"{host} answered with {what} instead of a calendar (iCalendar).", kind="format")
    if not _reading.acquire(timeout=max(0.0, deadline - time.monotonic())):
        raise FetchError(f"The calendar of {host} waited too long for others that are being read.", kind="timeout")
    try:
        with warnings.catch_warnings(), at_most(MAX_WORK_S, deadline):
            warnings.simplefilter("ignore")
            return _read(head, host, start, end, zone)
    except OutOfTime as error:
        sentence = f"The repetitions in the calendar of {host} take too long to work out, or it is too long altogether."
        raise FetchError(sentence, kind="timeout") from error
    finally:
        _reading.release()


def _read(body: bytes, host: str, start: float, end: float, zone: ZoneInfo) -> Parsed:
    """Parse and expand, with the lock held."""
    # with recurring_ical_events 6 MB and 60 ms: only where a calendar is read
    import icalendar

    # a day more on either side: times without a zone are compared as if they were UTC, and sifted below
    first = datetime.fromtimestamp(start, UTC) - timedelta(days=1)
    last = datetime.fromtimestamp(end, UTC) + timedelta(days=1)
    icalendar.use_zoneinfo()
    try:
        calendars = icalendar.Calendar.from_ical(_sifted(body, first, last), multiple=True)
    except _LIBRARY_ERRORS as error:
        raise _unreadable(host, error) from error
    if not calendars:
        raise FetchError(f"{host} answered with a calendar that breaks off in the middle.", kind="format")
    events: list[Event] = []
    name = ""
    for calendar in calendars:
        name = name or cut(tidy(str(calendar.get("X-WR-CALNAME") or calendar.get("NAME") or "")), 100)
        _calm(calendar)
        for series in _all_series(calendar, host):
            events += _series(series, first, last, zone)
    touching = (event for event in events if event.start < end and (event.end > start or event.start >= start))
    return Parsed(name, tuple(sorted(touching, key=lambda event: (event.start, not event.all_day, event.end))))


def _sifted(body: bytes, first: datetime, last: datetime) -> bytes:
    """The text without the events that are certainly over or far ahead: reading all of a long calendar takes seconds."""
    early, late = f"{first - timedelta(days=1):%Y%m%d}".encode(), f"{last + timedelta(days=1):%Y%m%d}".encode()
    ended = f"{first - timedelta(days=366):%Y%m%d}".encode()

    def keep(text: bytes) -> bytes:
        until = _UNTIL.search(text)
        begins, ends = _BEGINS.search(text), _ENDS.search(text)
        if until and b"\nRDATE" not in text:
            return text if until.group(1) >= ended else b""
        if begins is None or _REPEATS.search(text):
            return text
        return text if begins.group(1) <= late and (ends or begins).group(1) >= early else b""

    unfolded = _FOLD.sub(b"", body)
    parts: list[bytes] = []
    done = 0
    while begins := _EVENT_BEGINS.search(unfolded, done):
        ends = _EVENT_ENDS.search(unfolded, begins.end())
        if ends is None:
            break
        parts += [unfolded[done : begins.start()], keep(unfolded[begins.start() : ends.end()])]
        done = ends.end()
    return b"".join([*parts, unfolded[done:]])


def _calm(calendar: Any) -> None:
    """Take repetitions that cannot be read, or that come every minute or second (nobody means them), from their events."""
    for event in calendar.walk("VEVENT"):
        given = event.get("RRULE")
        rules = given if isinstance(given, list) else [given] if given is not None else []
        if not all(_is_calm(rule) for rule in rules):
            del event["RRULE"]


def _is_calm(rule: Any) -> bool:
    """True for a rule that was read and repeats every hour at most; icalendar gives a stand-in for a broken one."""
    often = {"MINUTELY", "SECONDLY"}
    return isinstance(rule, dict) and not often & {str(text).upper() for text in rule.get("FREQ", [])}


def _all_series(calendar: Any, host: str) -> list[Any]:
    """Every series of a calendar; where an event makes no sense, those of the other events."""
    import icalendar
    import recurring_ical_events

    try:
        return list(recurring_ical_events.of(calendar, skip_bad_series=True).series)
    except _LIBRARY_ERRORS as error:
        failure = error
    groups: dict[str, Any] = {}
    for event in calendar.walk("VEVENT"):
        group = groups.setdefault(str(event.get("UID") or id(event)), icalendar.Calendar())
        group.add_component(event)
    found: list[Any] = []
    for group in groups.values():
        try:
            found += recurring_ical_events.of(group, skip_bad_series=True).series
        except _LIBRARY_ERRORS as error:
            failure = error
    if not found:
        raise _unreadable(host, failure) from failure
    return found


def _series(series: Any, first: datetime, last: datetime, zone: ZoneInfo) -> list[Event]:
    """The occurrences of one series; a series that cannot be worked out is left out."""
    found: list[Event] = []
    try:
        for occurrence in series.between(first, last):
            event = _event(occurrence.as_component(False), zone)
            if event is not None:
                found.append(event)
            if len(found) >= MAX_PER_SERIES:
                break
    except _LIBRARY_ERRORS:
        # a rule or a time that makes no sense: the other series are still right
        return found
    return found


def _event(component: Any, zone: ZoneInfo) -> Event | None:
    """One occurrence; None for cancelled ones and ones without a start."""
    if str(component.get("STATUS", "")).upper() == "CANCELLED":
        return None
    begin = component.get("DTSTART")
    if begin is None:
        return None
    starts = begin.dt
    all_day = not isinstance(starts, datetime)
    finish = component.get("DTEND")
    ends = finish.dt if finish is not None else starts + (timedelta(days=1) if all_day else timedelta())
    if all_day and not isinstance(ends, datetime) and ends <= starts:
        ends = starts + timedelta(days=1)
    start_at = _unix(starts, zone)
    return Event(
        start=start_at,
        end=max(start_at, _unix(ends, zone)),
        all_day=all_day,
        date=starts.isoformat() if all_day else None,
        title=cut(tidy(str(component.get("SUMMARY") or "")), 200) or "No title",
        location=cut(tidy(str(component.get("LOCATION") or "")), 200),
        url=web_address(str(component.get("URL") or "")),
        uid=tidy(str(component.get("UID") or ""))[:200],
    )


def _unix(moment: date | datetime, zone: ZoneInfo) -> float:
    """Unix seconds of a time; a date is its midnight, and both are in `zone` where they name none."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def _unreadable(host: str, error: Exception) -> FetchError:
    """The library's words in a sentence, without markup and not long."""
    reason = cut(plain(str(error)).text, 120).rstrip(".") or type(error).__name__
    return FetchError(f"{host} answered with a calendar that cannot be read: {reason}.", kind="format")


def zone_named(name: str | None) -> ZoneInfo:
    """The IANA zone, this computer's own where no name is given; FetchError where the name is unknown."""
    try:
        return ZoneInfo(name) if name else _own_zone()
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        sentence = f"There is no time zone called {cut(tidy(str(name)), 60)}; use a name such as Europe/Berlin."
        raise FetchError(sentence, kind="source") from error


def _own_zone() -> ZoneInfo:
    """This computer's zone from TZ or /etc/localtime, UTC where neither names one."""
    named = os.environ.get("TZ", "").lstrip(":")
    link = os.path.realpath("/etc/localtime").partition("/zoneinfo/")[2]
    for candidate in (named, link):
        try:
            return ZoneInfo(candidate)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")
