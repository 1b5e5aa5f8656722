"""Calendars from a real server: repetitions, zones, partial failure, and text that makes no sense."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from glance import occurrences
from glance.errors import FetchError
from glance.occurrences import Event, parse_calendar, zone_named
from glance.outbound import Outbound
from glance.sources import NOT_MODIFIED, calendar
from tests.source_io import NOW, source_io
from tests.upstream import Reply, Upstream, refused_port

CALENDARS = Path(__file__).parent / "data" / "calendars"
BERLIN = ZoneInfo("Europe/Berlin")
DAY_S = 86_400.0


@pytest.fixture
def up() -> Iterator[Upstream]:
    with Upstream() as server:
        for file in CALENDARS.iterdir():
            server.answer(f"/{file.name}", file.read_bytes(), headers={"Content-Type": "text/calendar"})
        yield server


_EACH = ",".join(map(str, range(60)))


def get(outbound: Outbound, *urls: Any, previous: Any = None, now: float = NOW, **source: Any) -> Any:
    source = {"kind": "calendar", "urls": list(urls), "timezone": "Europe/Berlin", **source}
    return calendar.fetch(source, source_io(outbound, previous=previous, now=now))


def read(text: str, *, zone: ZoneInfo = BERLIN, days: int = 30) -> tuple[Event, ...]:
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n"
    body = f"{head}{text}\r\nEND:VCALENDAR\r\n".encode()
    start = datetime(2026, 11, 19, tzinfo=zone).timestamp()
    return parse_calendar(body, "host", start, start + days * DAY_S, zone, time.monotonic() + 5).events


def event(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", "UID:1", "DTSTAMP:20260101T000000Z", *lines, "END:VEVENT"])


def utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%m-%d %H:%M")


def test_the_coming_events_come_in_order_with_repetitions_exceptions_and_moved_ones(
    up: Upstream, outbound: Outbound
) -> None:
    answer = get(outbound, up.url("/household.ics"))
    assert [(utc(one["start"]), one["title"]) for one in answer["events"]] == [
        ("11-16 23:00", "Trip"),
        ("11-20 06:00", "Recycling pickup"),
        ("11-20 19:30", "Floating dinner"),
        ("11-23 23:00", "Domain renewal due"),
        ("11-27 01:00", "Maintenance window"),
        ("12-05 08:00", "Recycling pickup (moved)"),
        ("12-11 06:00", "Recycling pickup"),
        ("12-18 06:00", "Recycling pickup"),
    ]
    assert answer["calendars"] == [{"name": "Household", "color": None, "ok": True, "error": None, "count": 8}]
    assert answer["timezone"] == "Europe/Berlin"
    assert (utc(answer["from"]), utc(answer["to"])) == ("11-18 23:00", "12-18 23:00")


def test_an_event_has_all_its_fields(up: Upstream, outbound: Outbound) -> None:
    events = get(outbound, {"url": up.url("/household.ics"), "name": "Home", "color": "teal"})["events"]
    assert events[3] == {
        "start": datetime(2026, 11, 24, tzinfo=BERLIN).timestamp(),
        "end": datetime(2026, 11, 25, tzinfo=BERLIN).timestamp(),
        "all_day": True,
        "date": "2026-11-24",
        "title": "Domain renewal due",
        "location": "",
        "url": "https://registrar.example/",
        "calendar": "Home",
        "calendar_no": 0,
        "color": "teal",
        "uid": "renewal@example",
    }
    assert events[1]["location"] == "Front door, street side"
    assert events[4]["url"] is None


def test_an_event_over_several_days_shows_while_it_lasts(up: Upstream, outbound: Outbound) -> None:
    trip = get(outbound, up.url("/household.ics"))["events"][0]
    assert (trip["date"], trip["end"] - trip["start"]) == ("2026-11-17", 5 * DAY_S)
    later = get(outbound, up.url("/household.ics"), now=NOW + 4 * DAY_S)["events"]
    assert "Trip" not in [one["title"] for one in later]


def test_times_without_a_zone_are_the_owners() -> None:
    text = event("DTSTART:20261120T203000", "SUMMARY:Dinner")
    assert [utc(one.start) for one in read(text)] == ["11-20 19:30"]
    assert [utc(one.start) for one in read(text, zone=ZoneInfo("America/New_York"))] == ["11-21 01:30"]


def test_windows_vendor_and_unknown_zones_are_understood(up: Upstream, outbound: Outbound) -> None:
    events = get(outbound, up.url("/outlook.ics"))["events"]
    assert [(one["title"], utc(one["start"])) for one in events] == [
        ("Unknown zone", "11-20 09:00"),
        ("Windows zone", "11-20 09:00"),
        ("Vendor zone", "11-20 15:00"),
    ]


def test_a_zone_that_a_calendar_defines_itself_is_its_own_only(up: Upstream, outbound: Outbound) -> None:
    events = get(outbound, up.url("/own-zone-three.ics"), up.url("/own-zone-five.ics"))["events"]
    assert {one["title"]: utc(one["start"]) for one in events} == {
        "Own zone three": "11-20 07:00",
        "Own zone five": "11-20 05:00",
    }


def test_a_weekly_event_keeps_its_wall_clock_over_the_end_of_summer_time() -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 10, 20, tzinfo=zone).timestamp()
    text = event("DTSTART;TZID=Europe/Berlin:20261021T070000", "RRULE:FREQ=WEEKLY;COUNT=2", "SUMMARY:x")
    body = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{text}\r\nEND:VCALENDAR\r\n".encode()
    events = parse_calendar(body, "host", start, start + 30 * DAY_S, zone, time.monotonic() + 5).events
    assert [utc(one.start) for one in events] == ["10-21 05:00", "10-28 06:00"]


def test_an_all_day_event_repeats_by_date() -> None:
    text = event("DTSTART;VALUE=DATE:20001201", "RRULE:FREQ=YEARLY", "SUMMARY:Birthday")
    assert [(one.date, one.all_day) for one in read(text)] == [("2026-12-01", True)]


def test_events_that_make_no_sense_do_not_hide_the_others(up: Upstream, outbound: Outbound) -> None:
    titles = [one["title"] for one in get(outbound, up.url("/odd.ics"))["events"]]
    assert titles[-1] == "<img src=x onerror=alert(1)> fine"
    assert "Every second" not in titles
    assert {"Bad rule", "Ends before it starts"} <= set(titles)


def test_an_end_before_the_start_never_gives_a_negative_length() -> None:
    text = event("DTSTART:20261121T100000Z", "DTEND:20261121T090000Z", "SUMMARY:x")
    assert all(one.end >= one.start for one in read(text))
    assert len(read(text)) == 1


def test_old_events_are_sifted_out_and_what_may_still_come_is_not() -> None:
    kept = {
        "ends today": ("DTSTART;VALUE=DATE:20260101", "DTEND;VALUE=DATE:20261120"),
        "repeats": ("DTSTART:20100101T100000Z", "RRULE:FREQ=DAILY"),
        "repeats until soon": ("DTSTART:20100101T100000Z", "RRULE:FREQ=DAILY;UNTIL=20261125T000000Z"),
        "lasts long": ("DTSTART:20261001T100000Z", "DURATION:P80D"),
        "further dates": ("DTSTART:20100101T100000Z", "RDATE:20261121T100000Z"),
        "folded": ("DTSTART;TZID=Europe/Berlin\r\n :20261121T100000",),
        "moved here": ("RECURRENCE-ID:20100101T100000Z", "DTSTART:20261121T100000Z"),
    }
    gone = {
        "over": ("DTSTART:20100101T100000Z", "DTEND:20100101T110000Z"),
        "far ahead": ("DTSTART:20300101T100000Z",),
        "repeated once": ("DTSTART:20100101T100000Z", "RRULE:FREQ=DAILY;UNTIL=20110101T000000Z"),
    }
    text = "\r\n".join(
        event(*lines, f"SUMMARY:{name}").replace("UID:1", f"UID:{name}") for name, lines in {**kept, **gone}.items()
    )
    assert {one.title for one in read(text)} == set(kept)


def test_an_event_every_hour_is_worked_out() -> None:
    text = event("DTSTART:20261119T000000Z", "RRULE:FREQ=HOURLY", "SUMMARY:x")
    assert len(read(text)) == 30 * 24 - 1


def test_the_answer_is_cut_at_500_events(up: Upstream, outbound: Outbound) -> None:
    text = event("DTSTART:20261119T000000Z", "RRULE:FREQ=HOURLY", "SUMMARY:x")
    up.answer("/many", f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{text}\r\nEND:VCALENDAR\r\n".encode())
    answer = get(outbound, up.url("/many"))
    assert len(answer["events"]) == 500
    assert answer["calendars"][0]["count"] == 719


def test_days_ahead_and_past_days_set_the_span(up: Upstream, outbound: Outbound) -> None:
    titles = [one["title"] for one in get(outbound, up.url("/household.ics"), days="3", past_days=1)["events"]]
    assert titles == ["Trip", "Yesterday", "Recycling pickup", "Floating dinner"]


def test_one_failing_calendar_keeps_its_former_events_and_says_why(up: Upstream, outbound: Outbound) -> None:
    urls = (up.url("/household.ics"), up.url("/outlook.ics"))
    before = get(outbound, *urls)
    up.answer("/outlook.ics", b"", status=503)
    after = get(outbound, *urls, previous=before)
    assert after["events"] == before["events"]
    assert [line["ok"] for line in after["calendars"]] == [True, False]
    assert "503" in after["calendars"][1]["error"]


def test_all_calendars_failing_is_a_failed_fetch(outbound: Outbound) -> None:
    urls = [f"http://127.0.0.1:{refused_port()}/{number}" for number in range(2)]
    with pytest.raises(FetchError, match=r"None of the 2 calendars came\. .*refused"):
        get(outbound, *urls)


def test_an_unchanged_calendar_is_not_read_again_on_the_same_day(up: Upstream, outbound: Outbound) -> None:
    body = (CALENDARS / "household.ics").read_bytes()

    def handler(request: Any) -> Reply:
        same = request.headers.get("if-none-match") == '"v1"'
        return Reply(status=304 if same else 200, body=b"" if same else body, headers={"ETag": '"v1"'})

    up.handle("/tagged", handler)
    first = get(outbound, up.url("/tagged"))
    assert get(outbound, up.url("/tagged"), previous=first) is NOT_MODIFIED
    both = get(outbound, up.url("/tagged"), up.url("/outlook.ics"), previous=first)
    assert len(both["events"]) == len(first["events"]) + 3
    tomorrow = get(outbound, up.url("/tagged"), previous=first, now=NOW + DAY_S)
    assert tomorrow["from"] == first["from"] + DAY_S


def test_a_webcal_address_is_fetched_over_https(outbound: Outbound) -> None:
    with pytest.raises(FetchError, match="refused"):
        get(outbound, f"webcal://127.0.0.1:{refused_port()}/x.ics")
    assert calendar._one_wanted({"url": "webcal://cal.example/x.ics"}).url == "https://cal.example/x.ics"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "nothing instead of a calendar"),
        (b"<!doctype html><p>Login</p>", "a web page instead of a calendar"),
        (b'{"a": 1}', "something else instead of a calendar"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART", "breaks off"),
    ],
)
def test_what_is_no_calendar_is_a_sentence(up: Upstream, outbound: Outbound, body: bytes, sentence: str) -> None:
    up.answer("/x", body)
    with pytest.raises(FetchError, match=sentence):
        get(outbound, up.url("/x"))


def test_an_unknown_zone_is_a_sentence(outbound: Outbound) -> None:
    for name in ("Europe/Berlinn", "../../etc/passwd", "/etc/passwd"):
        with pytest.raises(FetchError, match="no time zone called"):
            zone_named(name)
    with pytest.raises(FetchError, match="No calendar address"):
        get(outbound)


def test_without_a_zone_this_computers_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert zone_named(None).key == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "nonsense")
    assert zone_named(None).key


def test_repetitions_that_take_too_long_are_given_up() -> None:
    text = event("DTSTART:20261119T000000Z", "RRULE:FREQ=HOURLY", "SUMMARY:x")
    body = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{text}\r\nEND:VCALENDAR\r\n".encode()
    with pytest.raises(FetchError, match="too long") as caught:
        parse_calendar(body, "host", NOW, NOW + DAY_S, BERLIN, time.monotonic() - 1)
    assert caught.value.kind == "timeout"


@pytest.mark.parametrize(
    "lines",
    [
        ["DTSTART:20200101T100000Z", "RRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30"],
        ["DTSTART:20200101T100000Z", f"RRULE:FREQ=DAILY;BYMINUTE={_EACH};BYSECOND={_EACH};BYHOUR=1,2,3,4,5,6"],
        ["DTSTART:00010101T100000Z", "RRULE:FREQ=HOURLY"],
    ],
    ids=["a day that never comes", "each second", "since the year 1"],
)
def test_a_repetition_that_is_worked_out_for_ever_is_ended_from_within(
    lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glance.occurrences.MAX_WORK_S", 0.2)
    body = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{event(*lines, 'SUMMARY:x')}\r\nEND:VCALENDAR\r\n".encode()
    began = time.thread_time()
    with pytest.raises(FetchError, match="take too long") as caught:
        parse_calendar(body, "host", NOW, NOW + DAY_S, BERLIN, time.monotonic() + 600)
    assert caught.value.kind == "timeout"
    assert time.thread_time() - began < 10
    assert sys.getprofile() is None


def test_events_that_nobody_ends_are_no_work() -> None:
    body = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + b"BEGIN:VEVENT\r\n" * 20_000 + b"END:VCALENDAR\r\n"
    began = time.thread_time()
    with pytest.raises(FetchError):
        parse_calendar(body, "host", NOW, NOW + DAY_S, BERLIN, time.monotonic() + 600)
    assert time.thread_time() - began < 10


def test_a_calendar_waits_for_others_until_its_deadline_only() -> None:
    body = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"
    with occurrences._reading, pytest.raises(FetchError, match="waited too long") as caught:
        parse_calendar(body, "host", NOW, NOW + DAY_S, BERLIN, time.monotonic())
    assert caught.value.kind == "timeout"
