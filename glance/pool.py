"""A bounded pool of fetching threads with a lane per upstream host, so that one dead host starves nobody.

A thread that overran its deadline cannot be stopped: it is written off, its job is failed, and another thread takes its place.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

MAX_THREADS = 64
LANE_LIMIT = 32
SLOW_LANE_LIMIT = 2
IDLE_S = 20.0
GRACE_S = 2.0


@dataclass(eq=False, slots=True)
class Job:
    """Work for the pool. `run` must not raise; `overran` is called instead of waiting on when it takes too long."""

    run: Callable[[], None]
    overran: Callable[[], None]
    deadline_s: float
    lane: str | None = None
    urgent: bool = False
    began: float | None = field(default=None)
    written_off: bool = False


class Pool:
    """Runs jobs; urgent ones (somebody waits) first, at most LANE_LIMIT at once per lane and 2 after a timeout there.

    A quarter of the threads is kept for urgent jobs, so that many hanging hosts at once do not hold up who waits for another.
    """

    def __init__(self, max_threads: int = MAX_THREADS) -> None:
        self._max = max_threads
        self._for_all = max_threads - max_threads // 4
        self._condition = threading.Condition()
        self._queue: list[Job] = []
        self._running: dict[Job, threading.Thread] = {}
        self._lanes: Counter[str] = Counter()
        self._slow: set[str] = set()
        self._idle = 0
        self._threads = 0
        self._names = itertools.count(1)
        self._stopping = False

    def submit(self, job: Job) -> bool:
        """Queue a job; False where the pool is stopping."""
        with self._condition:
            if self._stopping:
                return False
            if job.urgent:
                place = next((n for n, other in enumerate(self._queue) if not other.urgent), len(self._queue))
                self._queue.insert(place, job)
            else:
                self._queue.append(job)
            self._condition.notify()
            if self._idle < len(self._queue) and self._threads < self._max:
                self._spawn()
        return True

    def hurry(self, job: Job) -> None:
        """Somebody waits for a queued job now: let it go first."""
        with self._condition:
            if job in self._queue and not job.urgent:
                job.urgent = True
                self._queue.remove(job)
                self._queue.insert(0, job)
                self._condition.notify()
                if self._idle < len(self._queue) and self._threads < self._max:
                    self._spawn()

    def timed_out(self, lane: str | None) -> None:
        """The host of this lane did not answer: at most 2 at once until it does."""
        if lane is not None:
            with self._condition:
                self._slow.add(lane)

    def answered(self, lane: str | None) -> None:
        """The host of this lane answered."""
        if lane is not None:
            with self._condition:
                if lane in self._slow:
                    self._slow.discard(lane)
                    self._condition.notify_all()

    def reap(self) -> None:
        """Write off the jobs that overran their deadline; called by the refresher's clock."""
        now = time.monotonic()
        with self._condition:
            late = [
                job for job in self._running if job.began is not None and now > job.began + job.deadline_s + GRACE_S
            ]
            for job in late:
                job.written_off = True
                del self._running[job]
                self._leave_lane(job)
                self._threads -= 1
            for _ in late:
                if self._idle < len(self._queue) and self._threads < self._max:
                    self._spawn()
            if late:
                # Also those that wait for room in a lane.
                self._condition.notify_all()
        for job in late:
            job.overran()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Take no more work, drop what is queued, wait a little for what runs; idempotent."""
        deadline = time.monotonic() + timeout_s
        with self._condition:
            self._stopping = True
            dropped, self._queue = self._queue, []
            self._condition.notify_all()
            while self._running and time.monotonic() < deadline:
                self._condition.wait(max(0.01, deadline - time.monotonic()))
        for job in dropped:
            job.overran()

    def stats(self) -> dict[str, int]:
        """Threads, running and queued jobs, slow lanes."""
        with self._condition:
            return {
                "threads": self._threads,
                "running": len(self._running),
                "queued": len(self._queue),
                "slow_lanes": len(self._slow),
            }

    def _spawn(self) -> None:
        self._threads += 1
        threading.Thread(target=self._work, name=f"fetch-{next(self._names)}", daemon=True).start()

    def _work(self) -> None:
        while True:
            job = self._take()
            if job is None:
                return
            try:
                job.run()
            except Exception:
                log.exception("A fetch ended in an unexpected way.")
            with self._condition:
                if job.written_off:
                    return
                del self._running[job]
                self._leave_lane(job)
                self._condition.notify_all()

    def _take(self) -> Job | None:
        with self._condition:
            self._idle += 1
            try:
                ends = time.monotonic() + IDLE_S
                while True:
                    job = self._next()
                    if job is not None:
                        job.began = time.monotonic()
                        self._running[job] = threading.current_thread()
                        return job
                    left = ends - time.monotonic()
                    if self._stopping or left <= 0:
                        self._threads -= 1
                        return None
                    self._condition.wait(left)
            finally:
                self._idle -= 1

    def _next(self) -> Job | None:
        """The first queued job that may run now: its lane has room, and it is urgent or leaves threads to those that are."""
        for number, job in enumerate(self._queue):
            if not job.urgent and len(self._running) >= self._for_all:
                return None
            limit = SLOW_LANE_LIMIT if job.lane in self._slow else LANE_LIMIT
            if job.lane is None or self._lanes[job.lane] < limit:
                del self._queue[number]
                if job.lane is not None:
                    self._lanes[job.lane] += 1
                return job
        return None

    def _leave_lane(self, job: Job) -> None:
        if job.lane is not None:
            self._lanes[job.lane] -= 1
            if self._lanes[job.lane] <= 0:
                del self._lanes[job.lane]
