"""Waiting for an event with a deadline, instead of sleeping and hoping; and bounds for what must not take long."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# Far more than anything takes on a slow and busy machine: only a test that fails waits so long.
PATIENCE_S = 30.0
# How long something is held up that a test lets go itself: longer than any test waits for what must not depend on it.
HELD_S = 300.0


def until(predicate: Callable[[], T], timeout_s: float = PATIENCE_S, every_s: float = 0.01) -> T:
    """Return the first truthy value of `predicate`; AssertionError after `timeout_s` seconds."""
    pause = threading.Event()
    deadline = time.monotonic() + timeout_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {timeout_s} s: {predicate}")
        pause.wait(every_s)


def at_most(quiet_s: float) -> float:
    """The bound for what takes at most `quiet_s` where nothing else runs: the longer, the more wait for each processor."""
    running_now = int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[0])
    return quiet_s * max(1.0, max(os.getloadavg()[0], running_now) / (os.cpu_count() or 1))
