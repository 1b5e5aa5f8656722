"""The reasons behind a card, in words: what is wrong first, then the steps, then the proof."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from glance import sources
from glance.definition import Definition, build
from glance.model import Exchange, Failure, Fetch, Place, View, Widget
from glance.web.why import Why, explain

NOW = 1_790_000_000.0
FRESH = View("w", "fresh", {"value": 1}, True, NOW - 60, NOW + 240, 300.0, None, "1")
WIDGET = Widget("w", 1, "home", "meter", "Solar", {}, Place(1, 1, 2, 3), None, None, {}, {}, {}, 1, NOW, NOW)


def definition(**source: Any) -> Definition:
    """A definition with this source, refreshed every 5 minutes."""
    manifest = {"name": "Meter", "source": source or {"kind": "http", "url": "http://a.lan/"}, "template": ""}
    return build("meter", manifest, sources.kinds())


def failed(kind: str, count: int = 1, *, data: bool = True, after: float = 960) -> View:
    """A view whose last try failed just now."""
    failure = Failure("solar.lan did not answer within 8 s.", NOW - 90, NOW - 90 + after, 504, kind, count)
    old = replace(FRESH, state="stale", at=NOW - 1560, expires_at=NOW - 1260, failure=failure)
    return old if data else replace(old, data=None, has_data=False, at=None, expires_at=None, state="error")


def fetch(error: str | None = None, status: int | None = 200, took_s: float = 0.4, **more: Any) -> Fetch:
    """One run of the source."""
    return Fetch(NOW - 60, took_s, "due", "failed" if error else "stored", status, 1100, error, **more)


def why(view: View, history: list[Fetch] | None = None, widget: Widget = WIDGET, **source: Any) -> Why:
    """The explanation."""
    return explain(widget, definition(**source), view, history or [], NOW, None)


def test_a_failure_with_an_old_answer_says_what_went_wrong_how_often_and_what_comes() -> None:
    told = why(failed("timeout", 4))
    assert told.headline == "solar.lan did not answer within 8 s, four times in a row."
    assert "Glance shows the answer of" in told.advice
    assert "tries again by itself at" in told.advice
    assert "asleep" in told.advice
    assert (told.status, told.badge, told.edit_label) == ("warn", "26 minutes old", "Change the schedule")


def test_the_steps_give_the_decision_of_the_cache_with_its_facts() -> None:
    steps = [(step.status, step.fact) for step in why(failed("timeout", 4)).steps]
    assert steps[:3] == [("ok", "hit"), ("warn", "ttl=-1260"), ("bad", "stale-error")]
    last = why(failed("timeout", 4)).steps[-1]
    assert last.sentence == "After the fourth failure Glance waits 16 minutes before the next try."


def test_a_failure_without_an_answer_is_bad_and_says_so() -> None:
    told = why(failed("refused", data=False))
    assert (told.status, told.badge, told.can_clear) == ("bad", "Failed", False)
    assert "Glance has no earlier answer to show" in told.advice
    assert [step.fact for step in told.steps][:2] == ["fwd=miss", "error"]


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "enter them again"), (404, "Check the address"), (503, "lies with the service itself")]
)
def test_the_hint_fits_the_status_of_the_last_request(status: int, hint: str) -> None:
    assert hint in why(failed("status"), [fetch("No.", status)]).advice


def test_a_fresh_answer_is_well_and_good_until_it_runs_out() -> None:
    told = why(FRESH)
    assert told.headline.startswith("All is well: this is the answer of")
    assert told.steps[1].fact == "ttl=240"
    assert ("Refresh", "every 5 minutes") in told.facts


def test_what_is_fetched_on_view_never_counts_as_late() -> None:
    told = why(replace(FRESH, ttl_s=0.0, expires_at=NOW - 60), widget=replace(WIDGET, refresh_interval=0))
    assert told.status == "ok"
    assert told.steps[1].fact == "ttl=0"
    assert ("Refresh", "when the page is opened") in told.facts


def test_a_static_widget_has_nothing_to_fetch() -> None:
    told = why(replace(FRESH, at=None, expires_at=None, ttl_s=None), kind="static")
    assert (told.can_try, told.can_clear) == (False, False)
    assert told.steps[0].fact == "static"


def test_a_push_widget_says_who_is_late() -> None:
    empty = replace(FRESH, state="empty", has_data=False, data=None, at=None, expires_at=None)
    assert why(empty, kind="push").headline == "Nothing has been sent yet."
    late = replace(FRESH, state="stale", expires_at=NOW - 10)
    assert "has run out" in why(late, kind="push").headline


def test_the_requests_are_told_with_their_share_and_each_error_once() -> None:
    rows = why(failed("timeout", 2), [fetch("Slow.", None, 8.0), fetch("Slow.", None, 8.0), fetch()]).rows
    assert [(row.result, row.share, row.error) for row in rows] == [
        ("Failed", 100, "Slow."),
        ("Failed", 100, ""),
        ("200", 5, ""),
    ]
    assert [row.then for row in rows] == ["Nothing stored", "Nothing stored", "Stored"]


def test_the_answer_comes_with_the_requests_that_brought_it() -> None:
    exchange = Exchange(NOW, "GET", "http://a.lan/", 200, 1100, 0.4)
    told = why(FRESH, [fetch("Slow.", None), fetch(exchanges=(exchange,), raw='{"x": 1}')])
    assert (told.raw, told.requests) == ('{"x": 1}', ["GET http://a.lan/"])


def test_a_broken_definition_comes_first() -> None:
    told = explain(WIDGET, None, FRESH, [], NOW, "Line 3: no.")
    assert (told.headline, told.advice, told.can_try) == ("Its custom widget cannot be used.", "Line 3: no.", False)
