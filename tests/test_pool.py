"""The pool of fetching threads: bounded, fair between hosts, never held up by those who hang."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from glance.pool import SLOW_LANE_LIMIT, Job, Pool
from tests.waiting import HELD_S, until


class Work:
    """Jobs that hang until they are let go, and what became of them."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.done: list[str] = []
        self.overran: list[str] = []

    def hanging(self, name: str, lane: str | None = None, *, urgent: bool = False, deadline_s: float = 60.0) -> Job:
        return Job(lambda: self._hang(name), lambda: self.overran.append(name), deadline_s, lane, urgent)

    def quick(self, name: str, lane: str | None = None, *, urgent: bool = False) -> Job:
        return Job(lambda: self.done.append(name), lambda: self.overran.append(name), 60.0, lane, urgent)

    def _hang(self, name: str) -> None:
        self.go.wait(HELD_S)
        self.done.append(name)


@pytest.fixture
def work() -> Iterator[Work]:
    made = Work()
    yield made
    made.go.set()


@pytest.fixture
def pool(work: Work) -> Iterator[Pool]:
    made = Pool(max_threads=8)
    yield made
    work.go.set()
    made.stop()


def test_hanging_background_work_leaves_threads_to_those_who_wait(pool: Pool, work: Work) -> None:
    for number in range(20):
        pool.submit(work.hanging(f"dead {number}", f"host {number}"))
    until(lambda: pool.stats()["running"] == 6)
    pool.submit(work.quick("asked", "alive", urgent=True))
    until(lambda: work.done == ["asked"])
    assert pool.stats()["running"] == 6


def test_queued_work_that_somebody_now_waits_for_goes_at_once(pool: Pool, work: Work) -> None:
    for number in range(7):
        pool.submit(work.hanging(f"dead {number}", f"host {number}"))
    until(lambda: pool.stats()["running"] == 6)
    job = work.quick("asked later", "alive")
    pool.submit(job)
    pool.hurry(job)
    until(lambda: work.done == ["asked later"])
    assert pool.stats()["queued"] == 1


def test_a_host_that_timed_out_gets_two_at_once_until_it_answers(pool: Pool, work: Work) -> None:
    pool.timed_out("dead")
    for number in range(5):
        pool.submit(work.hanging(f"dead {number}", "dead"))
    pool.submit(work.quick("other", "alive"))
    until(lambda: work.done == ["other"])
    assert pool.stats()["running"] == SLOW_LANE_LIMIT
    pool.answered("dead")
    until(lambda: pool.stats()["running"] == 5)


def test_work_that_overran_makes_room_in_its_lane_at_once(pool: Pool, work: Work) -> None:
    pool.timed_out("dead")
    for number in range(2):
        pool.submit(work.hanging(f"dead {number}", "dead", deadline_s=-10.0))
    until(lambda: pool.stats()["running"] == 2)
    pool.submit(work.quick("next", "dead"))
    pool.submit(work.quick("other", "alive"))
    until(lambda: work.done == ["other"])
    pool.reap()
    until(lambda: "next" in work.done)
    assert sorted(work.overran) == ["dead 0", "dead 1"]


def test_a_stopped_pool_takes_no_work_and_fails_what_is_queued(pool: Pool, work: Work) -> None:
    pool.timed_out("dead")
    for number in range(3):
        pool.submit(work.hanging(f"dead {number}", "dead"))
    until(lambda: pool.stats()["running"] == 2)
    pool.stop(timeout_s=0.01)
    assert work.overran == ["dead 2"]
    assert pool.submit(work.quick("late")) is False
