"""What is remembered between requests: bodies for conditional requests, and how many may run at once per host."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from glance.errors import FetchError
from glance.outbound.faults import seconds

MAX_BODY_BYTES = 1_000_000
MAX_ALL_BYTES = 8_000_000
MAX_LANES = 1000
AT_ONCE = 32
AT_ONCE_AFTER_TIMEOUT = 2


@dataclass(frozen=True, slots=True)
class Kept:
    """A body that the upstream can confirm instead of sending it again."""

    headers: Mapping[str, str]
    body: bytes
    validators: Mapping[str, str]


class Bodies:
    """The bodies of answers with an ETag or Last-Modified; bounded, least recently used first to go."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._size_bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Kept | None:
        """The body kept under `key`."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
            return kept

    def put(self, key: str, headers: Mapping[str, str], body: bytes) -> None:
        """Keep a body if it is small enough and the upstream can confirm it."""
        validators: dict[str, str] = {}
        if headers.get("etag"):
            validators["If-None-Match"] = headers["etag"]
        if headers.get("last-modified"):
            validators["If-Modified-Since"] = headers["last-modified"]
        usable = validators and len(body) <= MAX_BODY_BYTES and "no-store" not in headers.get("cache-control", "")
        with self._lock:
            former = self._kept.pop(key, None)
            self._size_bytes -= len(former.body) if former else 0
            if not usable:
                return
            self._kept[key] = Kept(headers, body, validators)
            self._size_bytes += len(body)
            while self._size_bytes > MAX_ALL_BYTES:
                _, oldest = self._kept.popitem(last=False)
                self._size_bytes -= len(oldest.body)


@dataclass(slots=True)
class _Lane:
    """One host and port: how many run, and whether it has been silent lately."""

    running: int = 0
    waiting: int = 0
    silent: bool = False


class Lanes:
    """At most 32 requests at once to one host, 2 after one timed out until one succeeds, so that a dead host ties up little."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._changed = threading.Condition()

    @contextmanager
    def enter(self, name: str, host: str, deadline: float, budget_s: float) -> Iterator[None]:
        """Wait for a place until `deadline` (monotonic), then hold it."""
        with self._changed:
            if len(self._lanes) > MAX_LANES:
                self._lanes = {key: lane for key, lane in self._lanes.items() if lane.running or lane.waiting}
            lane = self._lanes.setdefault(name, _Lane())
            lane.waiting += 1
            try:
                free = self._changed.wait_for(
                    lambda: lane.running < _limit(lane), max(0.0, deadline - time.monotonic())
                )
            finally:
                lane.waiting -= 1
            if not free:
                raise FetchError(
                    f"{host} did not answer within {seconds(budget_s)}: {lane.running} earlier requests still wait for it.",
                    kind="timeout",
                )
            lane.running += 1
        try:
            yield
        finally:
            with self._changed:
                lane.running -= 1
                if not lane.running and not lane.waiting and not lane.silent:
                    self._lanes.pop(name, None)
                self._changed.notify_all()

    def answered(self, name: str) -> None:
        """The host is alive."""
        with self._changed:
            lane = self._lanes.get(name)
            if lane and lane.silent:
                lane.silent = False
                self._changed.notify_all()

    def timed_out(self, name: str) -> None:
        """The host was silent for a whole deadline."""
        with self._changed:
            self._lanes.setdefault(name, _Lane()).silent = True


def _limit(lane: _Lane) -> int:
    return AT_ONCE_AFTER_TIMEOUT if lane.silent else AT_ONCE
