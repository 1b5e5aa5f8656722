"""How often a page is told of a card."""

from __future__ import annotations

from glance.web.pace import PER_CARD_S, Pace


def sent(every_s: float, until_s: float) -> list[float]:
    """When a card that changes every `every_s` seconds is sent."""
    pace, told = Pace(), []
    for turn in range(round(until_s / every_s)):
        now = 100.0 + turn * every_s
        if not pace.held_up({"a"}, now):
            pace.told({"a"}, now)
            told.append(now)
    return told


def test_what_changes_all_the_time_is_sent_some_twenty_times_a_second() -> None:
    assert 19 <= len(sent(0.001, 1.0)) <= 22


def test_the_second_change_after_a_rest_need_not_wait_the_third_does() -> None:
    pace = Pace()
    pace.told({"a"}, 100.0)
    assert pace.held_up({"a"}, 100.001) == set()
    pace.told({"a"}, 100.001)
    assert pace.held_up({"a", "b"}, 100.002) == {"a"}
    assert pace.first_free_at({"a"}) == 100.0 + PER_CARD_S
    assert pace.held_up({"a"}, 100.0 + PER_CARD_S) == set()


def test_what_changes_slower_never_waits() -> None:
    assert len(sent(0.05, 2.0)) == 40
