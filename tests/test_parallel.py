"""Several jobs of one fetch side by side, never longer than its deadline."""

from __future__ import annotations

import threading
import time

import pytest

from glance.errors import FetchError
from glance.parallel import run_all
from tests.waiting import HELD_S, PATIENCE_S, at_most


def failing() -> str:
    raise FetchError("It failed.", kind="dns")


def test_outcomes_come_in_the_order_of_the_jobs() -> None:
    gate = threading.Event()

    def late() -> str:
        gate.wait(PATIENCE_S)
        return "late"

    def early() -> str:
        gate.set()
        return "early"

    outcomes = run_all([late, failing, early], time.monotonic() + PATIENCE_S)
    assert [outcome.value for outcome in outcomes] == ["late", None, "early"]
    assert outcomes[1].error is not None
    assert outcomes[1].error.kind == "dns"


def test_more_jobs_than_threads_all_run() -> None:
    outcomes = run_all([lambda number=number: number for number in range(20)], time.monotonic() + PATIENCE_S, workers=3)
    assert [outcome.value for outcome in outcomes] == list(range(20))


def test_a_job_that_hangs_is_a_timeout_and_the_others_count() -> None:
    stop = threading.Event()

    def hang() -> str:
        stop.wait(HELD_S)
        return "never"

    began = time.monotonic()
    outcomes = run_all([hang, lambda: "there"], began + 0.2)
    assert time.monotonic() - began < at_most(8)
    assert outcomes[1].value == "there"
    assert outcomes[0].error is not None
    assert outcomes[0].error.kind == "timeout"
    stop.set()


def test_a_mistake_in_a_job_is_raised_here() -> None:
    def broken() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_all([broken, failing], time.monotonic() + PATIENCE_S)
