"""Numbers, sizes, times and rules as people read them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from glance import formats, moments

NOW = 1795207620.0  # Friday 2026-11-20 20:47 UTC
NB, THIN = "\u00a0", "\u202f"


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (21.4, "°C", None, f"21.4{NB}°C"),
        (6, "°", 0, "6°"),
        (0.31, "kW", None, f"0.31{NB}kW"),
        (20.02, "°C", None, f"20.0{NB}°C"),
        (20.0, "°C", None, f"20{NB}°C"),
        (7.1, None, None, "7.1"),
        (0.1 + 0.2, None, None, "0.3"),
        (412.4, "W", None, f"412{NB}W"),
        (1234, None, None, "1234"),
        (12345.6, None, None, f"12{THIN}346"),
        (-0.04, None, 1, "0.0"),
        (-3.5, None, None, "−3.5"),
        (2.0, None, 2, "2.00"),
        ("21.4", "°C", None, f"21.4{NB}°C"),
        ("open", "°C", None, "open"),
        ("007", None, None, "007"),
        (None, "°C", None, "–"),
        ("", None, None, "–"),
        (True, None, None, "On"),
        (float("nan"), None, None, "nan"),
        ([], None, None, "–"),
        ({"a": 1, "b": 2}, None, None, "2 items"),
    ],
)
def test_a_number_has_the_digits_that_say_something(
    value: Any, unit: str | None, decimals: int | None, text: str
) -> None:
    assert formats.number(value, unit, decimals) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, f"0{NB}B"),
        (999, f"999{NB}B"),
        (1840000000000, f"1.84{NB}TB"),
        (864e6, f"864{NB}MB"),
        (999.6e3, f"1{NB}MB"),
        (None, "–"),
        ("x", "–"),
    ],
)
def test_bytes_come_in_decimal_units(value: Any, text: str) -> None:
    assert formats.size(value) == text


@pytest.mark.parametrize(
    ("value", "parts", "text"),
    [
        (3542400, 1, f"41{NB}d"),
        (12000, 2, f"3{NB}h{NB}20{NB}min"),
        (59.7, 1, f"1{NB}min"),
        (0.812, 1, f"812{NB}ms"),
        (0, 1, f"0{NB}s"),
        (-90, 2, f"−1{NB}min{NB}30{NB}s"),
        (86400, 2, f"1{NB}d"),
        (None, 1, "–"),
    ],
)
def test_a_duration_is_as_short_as_it_can_be(value: Any, parts: int, text: str) -> None:
    assert formats.duration(value, parts) == text


def test_rates_shares_and_milliseconds_have_their_units() -> None:
    assert formats.rate(1.2e6) == f"1.2{NB}MB/s"
    assert formats.bits(684e6) == f"684{NB}Mbit/s"
    assert formats.bits(None) == "–"
    assert formats.percent(61.4) == f"61{NB}%"
    assert formats.percent(99.94, 2) == f"99.94{NB}%"
    assert formats.milliseconds(31.4) == f"31{NB}ms"
    assert formats.milliseconds(0.4) == f"<1{NB}ms"
    assert formats.milliseconds(12_000) == f"12{NB}s"


@pytest.mark.parametrize(
    ("value", "form", "unit", "text", "small"),
    [
        (1.84e12, "bytes", None, "1.84", "TB"),
        (3600, "duration", None, "1", "h"),
        (38, "percent", None, "38", "%"),
        (21.4, None, "°C", "21.4", "°C"),
        ("on", None, "°C", "on", ""),
        (None, "bytes", None, "–", ""),
        (1.2e6, "rate", None, "1.2", "MB/s"),
        (812, "milliseconds", None, "812", "ms"),
    ],
)
def test_a_figure_keeps_its_unit_apart(value: Any, form: str | None, unit: str | None, text: str, small: str) -> None:
    figure = formats.figure(value, form, unit)
    assert (figure.text, figure.unit) == (text, small)
    assert str(figure) == formats.with_unit(text, small)


def test_values_side_by_side_have_the_same_decimals() -> None:
    assert formats.places(4.25, 10.5) == 1
    assert formats.places(3, 10.0, None) == 0
    assert formats.places(0.31, 0.2) == 2
    assert formats.places(412.4, 0.5) == 0
    assert formats.places() == 0


def test_a_trend_says_its_ends_and_extremes() -> None:
    found = formats.trend([[10, 3], [0, 1], [20, None], [30, "2"], "junk", [None, 4]])
    assert found is not None
    assert (found.first_at, found.last_at, found.first, found.last, found.low, found.high, found.change) == (
        0,
        30,
        1,
        2,
        1,
        3,
        1,
    )
    assert formats.trend([[1, 1]]) is None
    assert formats.trend(None) is None


def test_thinning_out_keeps_the_extremes_and_the_gaps() -> None:
    points: list[list[Any]] = [[t, t % 7] for t in range(5000)]
    points[2500][1] = 900
    points[100][1] = -900
    for t in range(4000, 4100):
        points[t][1] = None
    kept = formats.thin_out(points, 300)
    assert len(kept) <= 310
    assert {900.0, -900.0} <= {value for _, value in kept}
    assert any(value is None for _, value in kept)
    assert kept == sorted(kept, key=lambda pair: pair[0])
    assert formats.thin_out(points[:20], 300) == [(float(t), float(t % 7)) for t in range(20)]


def test_the_first_rule_that_holds_decides() -> None:
    rules = [
        {"op": ">=", "value": "90", "status": "bad", "label": "Too hot"},
        {"op": ">=", "value": 70, "status": "warn"},
        {"op": "=", "value": "Running", "status": "ok"},
        {"op": "contains", "value": "skip", "status": "warn"},
        {"op": "!=", "value": "x", "status": "off"},
    ]
    assert formats.judge(95, rules) is rules[0]
    assert formats.judge("71.5", rules) is rules[1]
    assert formats.judge("running", rules) is rules[2]
    assert formats.judge("2 Skipped", rules) is rules[3]
    assert formats.judge(None, rules) is rules[4]
    assert formats.judge(1, None) is None
    assert formats.judge("text", [{"op": "<", "value": 3}]) is None
    assert formats.judge(True, [{"op": "=", "value": "true", "status": "ok"}]) is not None
    assert formats.judge(1, [{"op": "no such", "value": 1}]) is None


def test_a_band_reaches_until_the_next_begins() -> None:
    bands = [
        {"from": 88, "status": "bad"},
        {"from": 70, "status": "warn"},
        {"from": "x", "status": "ok"},
        {"status": "ok"},
    ]
    assert [formats.band(value, bands) for value in (10, 70, 87.9, 88, None)] == [None, "warn", "warn", "bad", None]


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (NOW, NOW),
        (NOW * 1000, NOW),
        ("2026-11-20T20:47:00Z", NOW),
        ("2026-11-20T21:47:00+01:00", NOW),
        ("2026-11-20T20:47:00", NOW),
        ("1795207620", NOW),
        ("soon", None),
        (None, None),
        ([], None),
    ],
)
def test_moments_come_in_many_forms(value: Any, at: float | None) -> None:
    assert moments.unix(value) == at


def test_times_are_said_in_the_zone_that_is_asked_for() -> None:
    assert moments.clock(NOW, "UTC") == "20:47"
    assert moments.clock(NOW, "Europe/Berlin") == "21:47"
    assert moments.clock(NOW, "Asia/Kolkata", seconds=True) == "02:17:00"
    assert moments.long_day(NOW, "UTC") == "Friday 20 November"
    assert moments.day_and_time(NOW, "Europe/Berlin") == "20 Nov 21:47"
    assert moments.full_date(NOW, "UTC") == "20 Nov 2026"
    assert moments.week(NOW, "UTC") == 47
    assert moments.weekday("2026-11-21") == "Sat"
    assert moments.iso(NOW) == "2026-11-20T20:47:00Z"
    assert moments.clock(1e300, "UTC") == moments.clock("never", "UTC") == "–"
    assert moments.zone("No/Such") is None
    assert moments.zone("../etc/passwd") is None


def test_the_offset_of_a_zone_counts_from_here() -> None:
    assert moments.offset(NOW, None) == ""
    there = moments.local(NOW, "Asia/Kolkata")
    here = moments.local(NOW)
    assert there is not None
    assert here is not None
    difference = there.utcoffset() - here.utcoffset()  # type: ignore[operator]
    assert bool(moments.offset(NOW, "Asia/Kolkata")) is bool(difference)


def event(start: Any, end: Any, title: str, day: str | None = None) -> dict[str, Any]:
    return {
        "start": moments.unix(start),
        "end": moments.unix(end),
        "all_day": day is not None,
        "date": day,
        "title": title,
    }


EVENTS = [
    event("2026-11-20T18:00:00Z", "2026-11-20T19:00:00Z", "Over"),
    event("2026-11-20T20:00:00Z", "2026-11-20T22:00:00Z", "Running"),
    event("2026-11-21T00:00:00Z", "2026-11-23T00:00:00Z", "Fair", "2026-11-21"),
    event("2026-11-21T07:00:00Z", "2026-11-21T07:30:00Z", "Bins"),
    event("2026-12-24T18:00:00Z", "2026-12-24T19:00:00Z", "Dinner"),
    {"title": "Without a start"},
]


def test_the_agenda_begins_now_and_goes_by_day() -> None:
    days = moments.agenda(NOW, [*EVENTS, "junk"], "UTC", 20)
    assert [day.heading for day in days] == ["Today, Fri 20", "Tomorrow, Sat 21", "Thu 24 Dec"]
    assert [[entry["title"] for entry in day.entries] for day in days] == [["Running"], ["Fair", "Bins"], ["Dinner"]]
    assert [entry["time"] for entry in days[1].entries] == ["All day", "07:00"]


def test_the_agenda_is_as_long_as_there_is_room() -> None:
    assert [len(day.entries) for day in moments.agenda(NOW, EVENTS, "UTC", 4)] == [1, 1]
    assert moments.agenda(NOW, [], "UTC", 4) == []


def test_a_month_has_whole_weeks_and_marks_what_is_on() -> None:
    month = moments.month(NOW, EVENTS, "UTC")
    assert month.title == "November 2026"
    assert month.names[0] == "Monday"
    assert all(len(week) == 7 for week in month.weeks)
    days = [day for week in month.weeks for day in week if not day.out]
    assert [day.day for day in days if day.busy] == [20, 21, 22]
    assert [day.day for day in days if day.today] == [20]
    assert moments.month(NOW, [], "UTC", "sunday").names[0] == "Sunday"


def test_an_endless_event_marks_the_days_that_are_shown_and_no_others() -> None:
    forever = event("2020-01-01T00:00:00Z", "2090-01-01T00:00:00Z", "Forever")
    shown = [date(2019, 12, 31), date(2020, 1, 1), date(2026, 11, 20)]
    assert moments.busy_days([forever, forever], "UTC", shown) == {date(2020, 1, 1), date(2026, 11, 20)}
    assert moments.busy_days([None, forever], "UTC", []) == set()
