"""The crew: threads of which one at a time leads, and another takes over as soon as the leader is held up.

Python runs one thread at a time. Where several wait for requests they mostly wake each other up only to wait for the interpreter:
measured with eight connections, a page costs a third less when the thread that got a request also answers it, and goes on to the
next by itself. Only where an answer takes longer than FUSE_S, because it waits for a source, another thread leads meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

FUSE_S = 0.002
# Where so many answers are held up already, the next one probably is too: a page behind a hundred of them must not wait for each fuse.
MANY, SHORT_FUSE_S = 4, 0.0005
# The clock looks every FUSE_S while requests come, and rests again after so many looks without one.
LOOKS = 25
REST_S = 1.0


class Turn:
    """One thread's time as the leader; `since` is when its present request began (time.monotonic()), 0 between requests."""

    __slots__ = ("requests", "since")

    def __init__(self) -> None:
        self.since = 0.0
        self.requests = 0


class Crew:
    """Runs `step` (wait for one event and deal with it) on one thread after another; `tick` about once a second."""

    def __init__(
        self, step: Callable[[], None], tick: Callable[[], None], least: int, most: int, idle_s: float
    ) -> None:
        self._step, self._tick = step, tick
        self._least, self._most, self._idle_s = least, most, idle_s
        self._lock = threading.Lock()
        self._baton = threading.Semaphore(1)
        self._mine = threading.local()
        self._turn: Turn | None = None
        self._threads: set[threading.Thread] = set()
        self._names = 0
        self._resting = 0
        self._alert = False
        self._ring = threading.Event()
        self._stopped = threading.Event()
        self._clock = threading.Thread(target=self._watch, name="gate-clock", daemon=True)
        self.working = 0

    def __len__(self) -> int:
        return len(self._threads)

    def start(self) -> None:
        """Begin to call `step`."""
        with self._lock:
            for _ in range(self._least):
                self._add()
        self._clock.start()

    def stop(self) -> None:
        """Have every thread end after what it does now; `step` must not wait any longer."""
        self._stopped.set()
        self._ring.set()
        for _ in range(len(self._threads)):
            self._baton.release()

    def join(self, deadline: float) -> None:
        """Wait until the threads ended, at most until `deadline` (time.monotonic())."""
        with self._lock:
            threads = [*self._threads, self._clock]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    @contextmanager
    def work(self) -> Iterator[None]:
        """Around an answer: where it takes long, another thread leads."""
        turn = getattr(self._mine, "turn", None)
        if turn:
            turn.requests += 1
            turn.since = time.monotonic()
            if not self._alert:
                self._alert = True
                self._ring.set()
        with self._lock:
            self.working += 1
        try:
            yield
        finally:
            if turn:
                turn.since = 0.0
            with self._lock:
                self.working -= 1

    def _add(self) -> None:
        self._names += 1
        thread = threading.Thread(target=self._run, name=f"http-{self._names}", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _run(self) -> None:
        """A thread's life: rest until it is its turn, lead until held up, again; end when not needed for a while."""
        while not self._stopped.is_set():
            if not self._may_lead():
                return
            turn = self._mine.turn = Turn()
            self._turn = turn
            while self._turn is turn and not self._stopped.is_set():
                try:
                    self._step()
                except Exception:
                    # the leader must not be lost: nobody would wait for requests any more
                    log.exception("a step of the gate failed")
                    self._stopped.wait(FUSE_S)

    def _may_lead(self) -> bool:
        """Wait for the baton; False where this thread is to end."""
        while True:
            with self._lock:
                self._resting += 1
            got = self._baton.acquire(timeout=self._idle_s)
            with self._lock:
                self._resting -= 1
                # it may have been laid down just now, counting on this thread
                if got or self._baton.acquire(blocking=False):
                    return True
                if len(self._threads) > self._least:
                    self._threads.discard(threading.current_thread())
                    return False

    def _watch(self) -> None:
        """The clock's life: rest while nothing comes; look after the leader while requests come."""
        ticked = time.monotonic()
        while not self._stopped.is_set():
            if self._ring.wait(REST_S):
                self._ring.clear()
                self._look_after_leader(ticked + REST_S)
            if time.monotonic() - ticked >= REST_S:
                ticked = time.monotonic()
                try:
                    self._tick()
                except Exception:
                    log.exception("a tick of the gate failed")

    def _look_after_leader(self, until: float) -> None:
        """Relieve every leader that is held up, until nothing came for LOOKS looks, or until `until`."""
        quiet, seen = 0, (self._turn, -1)
        while quiet < LOOKS and time.monotonic() < until and not self._stopped.wait(fuse_s(self.working)):
            turn = self._turn
            if turn and turn.since and time.monotonic() - turn.since >= fuse_s(self.working):
                self._relieve(turn)
            now_seen = (turn, turn.requests if turn else 0)
            quiet = 0 if now_seen != seen or (turn and turn.since) else quiet + 1
            seen = now_seen
        self._alert = quiet < LOOKS
        # a request that began before the line above saw the alert and did not ring
        if self._alert or (self._turn and self._turn.since):
            self._ring.set()

    def _relieve(self, turn: Turn) -> None:
        """Let another thread lead."""
        with self._lock:
            if self._turn is not turn:
                return
            self._turn = None
            if not self._resting and len(self._threads) < self._most:
                self._add()
        self._baton.release()


def fuse_s(working: int) -> float:
    """How long an answer may take before another thread leads, where `working` answers are being made."""
    return FUSE_S if working <= MANY else SHORT_FUSE_S
