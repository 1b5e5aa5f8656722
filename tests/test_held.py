"""What an open page is told anew: whole cards, changes of live ones, newest points of charts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from glance.model import Tail
from glance.web import held
from glance.web.fragments import Rendered
from glance.web.held import Held


def card(version: str, value: int, *, tail: Tail | None = None, is_live: bool = True) -> Rendered:
    text = f'<article class="w" id="w-a" data-v="{version}"><b>{value}</b></article>'
    return Rendered("a", version, (text.encode(),), (), None, 0.0, (), tail, is_live, (1, "x"))


def point(at: float) -> Tail:
    return Tail(at, ((at, 1.0),))


def test_a_page_is_told_nothing_that_it_has() -> None:
    found = Held({"a": "v1"}, takes_changes=True).news([card("v1", 1)])
    assert (found.whole, found.changes, found.tails) == ([], {}, {})


def test_a_live_card_that_the_page_has_goes_as_changes() -> None:
    page = Held({"a": "v1"}, takes_changes=True)
    page.news([card("v1", 1)])
    found = page.news([card("v2", 2)])
    assert found.whole == []
    assert found.small() == {"tails": {}, "cards": {"a": ("v1", "v2", 3, [[0, {"data-v": "v2"}], [2, "2"]])}}


@pytest.mark.parametrize(
    ("page", "before", "now"),
    [
        (Held({"a": "v0"}, takes_changes=True), card("v1", 1), card("v1", 1)),
        (Held({"a": "v1"}), card("v1", 1), card("v2", 2)),
        (Held({"a": "v1"}, takes_changes=True), card("v1", 1), card("v2", 2, is_live=False)),
        (Held({"a": "v1"}, takes_changes=True), card("v1", 1, is_live=False), card("v2", 2)),
    ],
)
def test_other_cards_go_whole(page: Held, before: Rendered, now: Rendered) -> None:
    told = [*page.news([before]).whole, *page.news([now]).whole]
    assert told == [now]


def test_a_card_that_a_page_refused_to_change_goes_whole_from_then_on() -> None:
    page = Held({"a": "v1"}, takes_changes=True)
    page.news([card("v1", 1)])
    page.refused("a")
    assert [page.news([each]).whole for each in (card("v1", 1), card("v2", 2))] == [[card("v1", 1)], [card("v2", 2)]]


def test_a_live_chart_is_drawn_anew_seldom_and_its_tail_always_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(held.time, "monotonic", lambda: now)
    page = Held({"a": "v1"}, takes_changes=True)
    assert page.news([card("v1", 1, tail=point(1))]).tails == {"a": point(1)}
    later = page.news([card("v2", 2, tail=point(2))])
    assert (later.whole, later.tails, page.next_turn_in_s()) == ([], {"a": point(2)}, held.WHOLE_CHART_S)
    now += held.WHOLE_CHART_S
    drawn = page.news([card("v2", 2, tail=point(2))])
    assert ([each.version for each in drawn.whole], drawn.tails, page.next_turn_in_s()) == (
        ["v2"],
        {"a": point(2)},
        None,
    )


def test_waiting_charts_of_a_quiet_page_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(held.time, "monotonic", lambda: now)
    page = Held({"a": "v1", "b": "v1"}, takes_changes=True)

    def charts(version: str) -> list[Rendered]:
        chart = card(version, 1, tail=point(1))
        return [replace(chart, widget_id=widget_id) for widget_id in "ab"]

    page.news(charts("v1"))
    page.news(charts("v2"))
    assert page.take_turn() is None
    now += held.WHOLE_CHART_S
    first = page.take_turn()
    assert [each.widget_id for each in page.news(each for each in charts("v2") if each.widget_id == first).whole] == [
        first
    ]
    assert (page.take_turn(), page.next_turn_in_s()) == (None, held.NEXT_CHART_S)
    now += held.NEXT_CHART_S
    assert {first, page.take_turn()} == {"a", "b"}
    # one that is gone by now does not come up again and again
    assert (page.take_turn(), page.next_turn_in_s()) == (None, None)


def test_a_chart_that_became_another_card_meanwhile_waits_no_more() -> None:
    page = Held({"a": "v1"}, takes_changes=True)
    page.news([card("v1", 1, tail=point(1))])
    page.news([card("v2", 2, tail=point(2))])
    assert page.next_turn_in_s() is not None
    page.news([card("v3", 2, is_live=False)])
    assert page.next_turn_in_s() is None


def test_a_chart_whose_widget_was_changed_is_drawn_anew_at_once() -> None:
    page = Held({"a": "v1"}, takes_changes=True)
    page.news([card("v1", 1, tail=point(1))])
    changed = replace(card("v2", 2, tail=point(1)), made_by=(2, "x"))
    assert page.news([changed]).whole == [changed]
