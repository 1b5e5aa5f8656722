"""Calendars: the coming events of one or more iCalendar addresses.

Answer: `{events: [{start, end, all_day, date, title, location, url, calendar, calendar_no, color, uid}],
calendars: [{name, color, ok, error, count}], timezone, from, to}`. Times are Unix seconds, `date` is YYYY-MM-DD for
all-day events and null otherwise, `calendar` the name of the calendar and `calendar_no` its position in `calendars`.
Sorted by start, at most 500. Repetitions are worked out: each occurrence is an event of its own. A calendar that fails
keeps its events of the last good answer and says why in `calendars`; only where all fail is the fetch a failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from glance.addresses import host_of, typed_address
from glance.errors import FetchError
from glance.fields import headers, listed, mapping, number, whole
from glance.occurrences import Event, parse_calendar, zone_named
from glance.outbound import lane as lane_of
from glance.parallel import Outcome, run_all
from glance.sources import NOT_MODIFIED, SourceIO

KIND = "calendar"
FETCHES = True
PICKABLE = True

MAX_CALENDARS = 20
MAX_EVENTS = 500
DEFAULT_DAYS = 30
MAX_DAYS = 366
DEFAULT_TIMEOUT_S = 10.0

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["urls"],
    "properties": {
        "urls": {
            "type": ["array", "string"],
            "items": {
                "anyOf": [
                    {"type": "string"},
                    {
                        "type": "object",
                        "required": ["url"],
                        "properties": {
                            "url": {"type": "string"},
                            "name": {"type": "string"},
                            "color": {"type": "string"},
                            "headers": {"type": ["object", "array", "string"]},
                            "auth": {"type": ["object", "string", "null"]},
                            "tls": {"type": ["object", "string", "null"]},
                        },
                    },
                ]
            },
        },
        "days": {"type": ["integer", "string"]},
        "past_days": {"type": ["integer", "string"]},
        "timezone": {"type": ["string", "null"]},
        "timeout": {"type": ["number", "string"]},
    },
}
FORM: dict[str, Any] = {
    "type": "object",
    "required": ["urls"],
    "properties": {
        "urls": {
            "type": "array",
            "title": "Calendar addresses (iCal)",
            "minItems": 1,
            "maxItems": MAX_CALENDARS,
            "items": {"type": "string"},
        },
        "days": {"type": "integer", "title": "Days ahead", "default": DEFAULT_DAYS, "minimum": 1, "maximum": MAX_DAYS},
        "timezone": {"type": "string", "title": "Time zone (this computer's where empty)"},
    },
}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One calendar as the owner asked for it."""

    url: str
    name: str
    color: str | None
    headers: Mapping[str, str]
    auth: Mapping[str, Any] | None
    tls: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Span:
    """The time asked for, in Unix seconds: whole days of the owner's zone."""

    start: float
    end: float
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class _Got:
    """What one calendar answered: its name and events, or `unchanged` where the last answer's still hold."""

    name: str
    events: tuple[Event, ...]
    unchanged: bool


def deadline_s(source: Mapping[str, Any]) -> float:
    """The time limit of a single calendar, and some for working out repetitions."""
    return _timeout_s(source) + 4.0


def lane(source: Mapping[str, Any]) -> str | None:
    """The host of a single address; several burden none alone."""
    entries = listed(source.get("urls"))
    first = entries[0] if len(entries) == 1 else None
    url = first.get("url") if isinstance(first, Mapping) else first
    return lane_of(typed_address(str(url or ""), instead="webcal"))


def fetch(source: Mapping[str, Any], io: SourceIO) -> Any:
    """Fetch all calendars side by side; FetchError where none of them came."""
    wanted = _wanted(source.get("urls"))
    span = _span(source, io.now())
    timeout_s = _timeout_s(source)
    jobs = [partial(_get, one, timeout_s, span, io, _kept_name(io.previous, i, span)) for i, one in enumerate(wanted)]
    outcomes = run_all(jobs, io.deadline, name="calendar")
    errors = [outcome.error for outcome in outcomes if outcome.error]
    if len(errors) == len(outcomes):
        raise _none_came(errors)
    if all(outcome.value and outcome.value.unchanged for outcome in outcomes):
        return NOT_MODIFIED
    pairs = zip(wanted, outcomes, strict=True)
    facts = [_facts(one, outcome, io.previous, index) for index, (one, outcome) in enumerate(pairs)]
    events: list[dict[str, Any]] = []
    for index, (outcome, fact) in enumerate(zip(outcomes, facts, strict=True)):
        if outcome.value is not None and not outcome.value.unchanged:
            made = [_shown(event, fact, index) for event in outcome.value.events]
        else:
            made = _former_events(io.previous, index, span)
        fact["count"] = len(made)
        events += made
    events.sort(key=lambda event: (event["start"], not event["all_day"], event["end"], event["title"]))
    zone = span.zone.key
    return {"events": events[:MAX_EVENTS], "calendars": facts, "timezone": zone, "from": span.start, "to": span.end}


def _get(wanted: _Wanted, timeout_s: float, span: _Span, io: SourceIO, kept_name: str | None) -> _Got:
    """Fetch one calendar, and read it unless the last answer (where it goes by `kept_name`) still holds all of it."""
    response = io.http.request(
        "GET",
        wanted.url,
        headers={"Accept": "text/calendar, */*;q=0.5", **wanted.headers},
        auth=wanted.auth,
        tls=wanted.tls,
        timeout_s=timeout_s,
    )
    if response.not_modified and kept_name is not None:
        return _Got(kept_name, (), unchanged=True)
    read = parse_calendar(response.body, host_of(wanted.url), span.start, span.end, span.zone, io.deadline)
    return _Got(read.name, read.events, unchanged=False)


def _kept_name(previous: Any, index: int, span: _Span) -> str | None:
    """The name of a calendar that the last answer shows whole and for the same days, else None."""
    if not isinstance(previous, dict) or (previous.get("from"), previous.get("to")) != (span.start, span.end):
        return None
    calendars = previous.get("calendars") or []
    if previous.get("timezone") != span.zone.key or index >= len(calendars) or len(previous["events"]) >= MAX_EVENTS:
        return None
    return str(calendars[index]["name"]) if calendars[index].get("ok") else None


def _span(source: Mapping[str, Any], now: float) -> _Span:
    """From midnight of today (or of `past_days` ago) in the owner's zone, `days` long from today."""
    zone = zone_named(str(source.get("timezone") or "").strip() or None)
    days = whole(source.get("days"), DEFAULT_DAYS, 1, MAX_DAYS)
    past = whole(source.get("past_days"), 0, 0, MAX_DAYS)
    today = datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return _Span((today - timedelta(days=past)).timestamp(), (today + timedelta(days=days)).timestamp(), zone)


def _facts(wanted: _Wanted, outcome: Outcome[_Got], previous: Any, index: int) -> dict[str, Any]:
    """The line about one calendar: its name and how it went."""
    former = previous.get("calendars") if isinstance(previous, dict) else None
    former_name = former[index].get("name") if isinstance(former, list) and index < len(former) else None
    own = outcome.value.name if outcome.value else former_name
    return {
        "name": wanted.name or own or host_of(wanted.url),
        "color": wanted.color,
        "ok": outcome.error is None,
        "error": outcome.error.sentence if outcome.error else None,
        "count": 0,
    }


def _shown(event: Event, calendar: Mapping[str, Any], index: int) -> dict[str, Any]:
    """One event as the answer shows it."""
    return {
        "start": event.start,
        "end": event.end,
        "all_day": event.all_day,
        "date": event.date,
        "title": event.title,
        "location": event.location,
        "url": event.url,
        "calendar": calendar["name"],
        "calendar_no": index,
        "color": calendar["color"],
        "uid": event.uid,
    }


def _former_events(previous: Any, index: int, span: _Span) -> list[dict[str, Any]]:
    """The events that the last good answer had of this calendar and that are not over."""
    events = previous.get("events") if isinstance(previous, dict) else None
    return [event for event in events or [] if event.get("calendar_no") == index and event["end"] >= span.start]


def _none_came(errors: list[FetchError]) -> FetchError:
    """One error for all: the first one's sentence and kind, the longest wait that any of them asks for."""
    first = errors[0]
    if len(errors) == 1:
        return first
    waits = [error.retry_after_s for error in errors if error.retry_after_s is not None]
    sentence = f"None of the {len(errors)} calendars came. {first.sentence}"
    return FetchError(sentence, kind=first.kind, retry_after_s=max(waits, default=None))


def _wanted(urls: Any) -> list[_Wanted]:
    """The calendars asked for: a list of addresses or mappings, or text with an address on each line."""
    entries = listed(urls)
    if not entries:
        raise FetchError("No calendar address is set. Add at least one.", kind="source")
    if len(entries) > MAX_CALENDARS:
        sentence = f"{len(entries)} calendars are too many for one widget; the limit is {MAX_CALENDARS}."
        raise FetchError(sentence, kind="source")
    return [_one_wanted(entry if isinstance(entry, Mapping) else {"url": entry}) for entry in entries]


def _one_wanted(entry: Mapping[str, Any]) -> _Wanted:
    """One calendar asked for."""
    url = typed_address(str(entry.get("url") or ""), instead="webcal")
    if url is None:
        raise FetchError("A calendar address must begin with https://, http:// or webcal://.", kind="source")
    return _Wanted(
        url=url,
        name=str(entry.get("name") or "").strip()[:100],
        color=str(entry.get("color") or "").strip()[:30] or None,
        headers=headers(entry.get("headers")),
        auth=mapping(entry.get("auth")),
        tls=mapping(entry.get("tls")),
    )


def _timeout_s(source: Mapping[str, Any]) -> float:
    """How long one calendar may take, in seconds."""
    return number(source.get("timeout"), DEFAULT_TIMEOUT_S, 0.5, 26.0)
