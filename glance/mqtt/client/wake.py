"""Waking a thread that waits in poll()."""

from __future__ import annotations

import logging
import os
import threading

log = logging.getLogger(__name__)


class Wake:
    """`fd` can be read once `up` was called by any thread, until `drain`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.fd, self._writing = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._writing, False)

    def up(self) -> None:
        """Wake the thread; never waits."""
        with self._lock:
            if self._writing >= 0:
                try:
                    os.write(self._writing, b"\0")
                except BlockingIOError:
                    log.debug("It is awake already.")

    def drain(self) -> None:
        """Wait anew from here on."""
        try:
            while os.read(self.fd, 4096):
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        """No more waking; idempotent. For when the thread has ended."""
        with self._lock:
            if self._writing >= 0:
                os.close(self._writing)
                os.close(self.fd)
                self._writing = -1
