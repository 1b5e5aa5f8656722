"""An end for work of a library that cannot be told to stop: it is ended from within, at one of its next calls."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_LOOK_EVERY = 256


class OutOfTime(BaseException):
    """The work took too long. No Exception, so that a library that catches all of those does not go on."""


@contextmanager
def at_most(work_s: float, deadline: float) -> Iterator[None]:
    """Raise OutOfTime in what is done meanwhile after `work_s` of this thread's own time, or past `deadline` (monotonic).

    Python tells a thread's profiler of each call; the work becomes slower by it, and nothing else does.
    """
    until = time.thread_time() + work_s
    calls = 0

    def look(_frame: FrameType, _event: str, _about: object) -> None:
        nonlocal calls
        calls += 1
        if not calls % _LOOK_EVERY and (time.thread_time() > until or time.monotonic() > deadline):
            raise OutOfTime

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(before)
