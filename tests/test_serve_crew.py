"""The crew: one leads, another takes over when it is held up, and none is lost."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from glance.serve.crew import FUSE_S, MANY, SHORT_FUSE_S, Crew, fuse_s
from tests.waiting import HELD_S, PATIENCE_S, until


class Events:
    """What the crew waits for: functions, run as answers; None wakes without one."""

    def __init__(self, least: int = 2, most: int = 4) -> None:
        self.waiting: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self.leaders: list[str] = []
        self.ticks = threading.Semaphore(0)
        self.crew = Crew(self.step, self.ticks.release, least, most, idle_s=60)

    def step(self) -> None:
        event = self.waiting.get()
        if event is None:
            return
        self.leaders.append(threading.current_thread().name)
        with self.crew.work():
            event()


@pytest.fixture
def events() -> Iterator[Events]:
    events = Events()
    events.crew.start()
    yield events
    events.crew.stop()
    for _ in range(10):
        events.waiting.put(None)
    events.crew.join(time.monotonic() + PATIENCE_S)


def test_quick_answers_are_given_by_one_thread(events: Events) -> None:
    done = threading.Event()
    for _ in range(20):
        events.waiting.put(lambda: None)
    events.waiting.put(done.set)
    assert done.wait(PATIENCE_S)
    assert len(set(events.leaders)) <= 2


def test_another_thread_leads_while_one_is_held_up(events: Events) -> None:
    release, done = threading.Event(), threading.Event()
    events.waiting.put(lambda: release.wait(HELD_S))
    events.waiting.put(done.set)
    assert done.wait(PATIENCE_S)
    assert events.crew.working == 1
    release.set()
    until(lambda: events.crew.working == 0)
    assert len(set(events.leaders)) == 2


def test_there_are_never_more_threads_than_allowed(events: Events) -> None:
    release, done = threading.Event(), threading.Event()
    for _ in range(4):
        events.waiting.put(lambda: release.wait(HELD_S))
    events.waiting.put(done.set)
    until(lambda: events.crew.working == 4)
    assert len(events.crew) == 4
    assert not done.is_set()
    release.set()
    assert done.wait(PATIENCE_S)


def test_a_step_that_fails_is_logged_and_costs_no_thread(events: Events, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("on purpose")

    done = threading.Event()
    with caplog.at_level(logging.ERROR, logger="glance.serve.crew"):
        events.waiting.put(fail)
        events.waiting.put(done.set)
        assert done.wait(PATIENCE_S)
    assert [record.getMessage() for record in caplog.records] == ["a step of the gate failed"]
    assert len(events.crew) == 2


def test_the_clock_ticks_while_nothing_and_while_something_happens(events: Events) -> None:
    assert events.ticks.acquire(timeout=PATIENCE_S)
    release = threading.Event()
    events.waiting.put(lambda: release.wait(HELD_S))
    assert events.ticks.acquire(timeout=PATIENCE_S)
    release.set()


def test_the_more_answers_are_held_up_the_sooner_another_thread_leads() -> None:
    assert fuse_s(1) == fuse_s(MANY) == FUSE_S
    assert fuse_s(MANY + 1) == fuse_s(100) == SHORT_FUSE_S < FUSE_S
