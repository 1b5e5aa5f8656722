"""`glance/refresh/<widget id>`: forced fetches asked for through the broker, each widget once in five seconds at most."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

log = logging.getLogger(__name__)

EVERY_S = 5.0
MAX_WAITING = 200
MAX_KNOWN = 2000
STOP_S = 0.5


class RefreshRequests:
    """`ask` never waits; `fetch` is called for each request on a thread that begins with the first one."""

    def __init__(self, fetch: Callable[[str], None], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._asked_at: OrderedDict[str, float] = OrderedDict()
        self._waiting: queue.Queue[str | None] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None

    def ask(self, widget_id: str) -> bool:
        """Somebody wants this widget fetched; False where it was asked for just now or too many wait."""
        with self._lock:
            now = self._monotonic()
            last = self._asked_at.get(widget_id)
            if last is not None and now - last < EVERY_S:
                return False
            self._asked_at[widget_id] = now
            self._asked_at.move_to_end(widget_id)
            if len(self._asked_at) > MAX_KNOWN:
                self._asked_at.popitem(last=False)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mqtt-refresh", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait(widget_id)
        except queue.Full:
            return False
        return True

    def stop(self) -> None:
        """End the thread; idempotent."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            try:
                self._waiting.put_nowait(None)
            except queue.Full:
                log.debug("%d refreshes were still waiting at the end.", self._waiting.qsize())
            thread.join(STOP_S)

    def _run(self) -> None:
        while (widget_id := self._waiting.get()) is not None:
            try:
                self._fetch(widget_id)
            except Exception as error:
                log.info("A refresh of %s, asked for through the broker, failed: %s", widget_id[:64], error)
