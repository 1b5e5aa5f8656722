"""Run several small jobs of one fetch side by side, bounded by its deadline."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from glance.errors import FetchError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What one job came to: its value, or the error that ended it."""

    value: T | None
    error: FetchError | None


def run_all(
    jobs: Sequence[Callable[[], T]], deadline: float, *, name: str = "fetch", workers: int = 16
) -> list[Outcome[T]]:
    """Run every job and return their outcomes in the same order.

    A FetchError of a job is its outcome; any other exception is raised here, once all are done.
    `deadline` is a time.monotonic() value: a job that has not ended by then counts as timed out. Its thread is a daemon
    and ends by itself, because a name lookup in the system's resolver cannot be interrupted.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(jobs)):
        waiting.put(index)
    done: queue.SimpleQueue[tuple[int, Outcome[T] | BaseException]] = queue.SimpleQueue()

    def work() -> None:
        while time.monotonic() < deadline:
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((index, _one(jobs[index])))
            except BaseException as error:  # handed to the caller's thread, which raises it
                done.put((index, error))

    for number in range(min(workers, len(jobs))):
        threading.Thread(target=work, name=f"{name}-{number}", daemon=True).start()
    return _collect(done, len(jobs), deadline)


def _one(job: Callable[[], T]) -> Outcome[T]:
    """Run one job here."""
    try:
        return Outcome(job(), None)
    except FetchError as error:
        return Outcome(None, error)


def _collect(
    done: queue.SimpleQueue[tuple[int, Outcome[T] | BaseException]], count: int, deadline: float
) -> list[Outcome[T]]:
    """Wait for `count` outcomes until the deadline; the missing ones are timeouts."""
    late: Outcome[T] = Outcome(None, FetchError("There was no answer within the time limit.", kind="timeout"))
    outcomes: list[Outcome[T]] = [late] * count
    failed: BaseException | None = None
    for _ in range(count):
        try:
            index, result = done.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        if isinstance(result, Outcome):
            outcomes[index] = result
        else:
            failed = failed or result
    if failed is not None:
        raise failed
    return outcomes
