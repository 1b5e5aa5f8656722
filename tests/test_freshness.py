"""When an answer is fresh, when the next try may run, and how a card shows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from glance import freshness
from glance.freshness import Verdict, backoff_s, decide, may_try, params_hash, state_of
from glance.model import CacheEntry

NOW = 1_000_000.0
ENTRY = CacheEntry("w", "h", {"n": 1}, NOW - 10, NOW + 10)


@pytest.mark.parametrize(
    ("entry", "verdict"),
    [
        (None, Verdict.MISSING),
        (ENTRY, Verdict.FRESH),
        (replace(ENTRY, expires_at=NOW), Verdict.EXPIRED),
        (replace(ENTRY, expires_at=None), Verdict.FRESH),
        (replace(ENTRY, params_hash="other"), Verdict.MISSING),
        (replace(ENTRY, fetched_at=None, data=None, error="x"), Verdict.MISSING),
    ],
)
def test_an_entry_is_worth_what_its_time_and_params_say(entry: CacheEntry | None, verdict: Verdict) -> None:
    assert decide(entry, "h", NOW) is verdict


@pytest.mark.parametrize(
    ("failures", "ttl_s", "retry_after_s", "wait_s"),
    [
        (1, 15, None, 60),
        (2, 15, None, 240),
        (3, 15, None, 540),
        (9, 15, None, 1800),
        (1, 3600, None, 3600),
        (1, 15, 900, 900),
        (1, 15, 10, 60),
        (1, 15, 10**9, 6 * 3600),
    ],
)
def test_the_next_try_waits_by_the_square_of_the_failures(
    failures: int, ttl_s: float, retry_after_s: float | None, wait_s: float
) -> None:
    assert backoff_s(failures, ttl_s, retry_after_s) == wait_s


def test_force_ignores_the_backoff_but_not_a_blocked_upstream() -> None:
    waiting = replace(ENTRY, retry_at=NOW + 5)
    assert not may_try(waiting, "h", NOW, forced=False)
    assert may_try(waiting, "h", NOW, forced=True)
    assert not may_try(replace(waiting, blocked_until=NOW + 5), "h", NOW, forced=True)
    assert may_try(replace(waiting, blocked_until=NOW + 5), "other", NOW, forced=False)


def test_a_schedule_lives_until_its_next_run() -> None:
    lives_s = freshness.lifetime_s(None, None, (300, "0 * * * *"), NOW)
    assert 0 < lives_s <= 3600
    assert (NOW + lives_s) % 3600 == 0


def test_the_widgets_own_interval_wins_over_the_definitions_schedule() -> None:
    assert freshness.lifetime_s(60, None, (300, "0 * * * *"), NOW) == 60


def test_the_params_hash_does_not_depend_on_the_order_of_keys_but_on_secrets_and_definition() -> None:
    one = params_hash({"a": 1, "b": 2}, {"t": "x"}, "part")
    assert one == params_hash({"b": 2, "a": 1}, {"t": "x"}, "part")
    assert (
        len({one, params_hash({"a": 1, "b": 2}, {"t": "y"}, "part"), params_hash({"a": 1, "b": 2}, {"t": "x"}, "p")})
        == 3
    )


@pytest.mark.parametrize(
    ("kind", "state"),
    [("refused", "stale"), ("timeout", "stale"), ("overloaded", "stale"), ("status", "error"), ("schema", "error")],
)
def test_failures_that_mend_themselves_are_stale_and_others_are_errors(kind: str, state: str) -> None:
    entry = replace(ENTRY, error="x", error_kind=kind)
    assert state_of(entry, Verdict.EXPIRED, fetching=False, due=False, on_view=False) == state


def test_old_data_stays_while_it_is_being_refreshed() -> None:
    assert state_of(ENTRY, Verdict.EXPIRED, fetching=True, due=False, on_view=False) == "refreshing"


def test_the_first_load_is_loading_and_what_waits_for_nothing_is_empty() -> None:
    assert state_of(None, Verdict.MISSING, fetching=True, due=True, on_view=False) == "loading"
    assert state_of(None, Verdict.MISSING, fetching=False, due=False, on_view=False) == "empty"
