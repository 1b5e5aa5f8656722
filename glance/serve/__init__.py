"""The production server: one process, one listener, from bind to a clean end within three seconds of SIGTERM or Ctrl-C."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

from glance.config import Settings
from glance.serve.exchange import WsgiApp
from glance.serve.gate import Gate, Limits
from glance.serve.listener import Listener, listen, raise_file_limit

__all__ = ["Gate", "Limits", "Listener", "listen", "serve"]

log = logging.getLogger(__name__)

FINISH_S = 0.5
STOP_S = 1.0
# The promise is three seconds; what still runs then is left behind.
LAST_RESORT_S = 2.4


def serve(
    app: WsgiApp,
    settings: Settings,
    on_ready: Callable[[], object] | None = None,
    on_stop: Callable[[], object] | None = None,
    listener: Listener | None = None,
) -> int:
    """Serve `app` until SIGTERM or Ctrl-C; returns the exit code. Only for the main thread.

    `on_ready` is called once the port is taken and before the first request is read (it may start threads, nothing forks).
    `on_stop` is called after running requests had a moment to finish; it has to end the websockets' handlers.
    """
    limits = _limits(raise_file_limit())
    if sys.maxsize < 1 << 32:
        # 8 MB of address space for each of several hundred threads do not fit into 32 bits
        threading.stack_size(1 << 20)
    listener = listener or listen(settings)
    with _signals() as wait_for_signal:
        gate = Gate(app, listener, limits)
        try:
            if on_ready:
                on_ready()
        except BaseException:
            # what was started is ended, so that the process can end with the reason
            if on_stop:
                on_stop()
            raise
        gate.start()
        print(_greeting(settings, listener), flush=True)
        wait_for_signal()
        _leave_in_time()
        log.info("stopping")
        gate.close_door(FINISH_S)
        if on_stop:
            on_stop()
        gate.stop(STOP_S)
    return 0


def _limits(files: int) -> Limits:
    """The limits where `files` may be open: a part stays for the database and for fetches, two go with each websocket."""
    usual = Limits()
    room = max(files - 512, files // 2)
    sockets = min(usual.sockets, room // 8)
    return dataclasses.replace(usual, sockets=sockets, connections=min(usual.connections, room - 2 * sockets))


def _greeting(settings: Settings, listener: Listener) -> str:
    """Where Glance can be opened, on one line."""
    text = f"Glance is at {listener.address}"
    if listener.is_everywhere:
        text += f", from other computers at http://{socket.gethostname()}:{listener.port}"
    if settings.public_url:
        text += f", from outside at {settings.public_url}"
    return text


@contextlib.contextmanager
def _signals() -> Iterator[Callable[[], None]]:
    """While inside, SIGTERM and SIGINT only end the wait that this gives; a signal before the wait is not lost."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # The byte comes from the interpreter's own handler, at once and on whatever thread the signal arrived. A handler in Python
    # runs only when the main thread runs, which it does not while it waits.
    former_fd = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    former = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: _readable(reading)
    finally:
        signal.set_wakeup_fd(former_fd)
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


def _readable(fd: int) -> None:
    """Return once the descriptor can be read."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.poll()


def _leave_in_time() -> None:
    """From now on the process ends within LAST_RESORT_S, whatever some thread of it is waiting for."""

    def end() -> None:
        time.sleep(LAST_RESORT_S)
        names = ", ".join(
            sorted(t.name for t in threading.enumerate() if not t.daemon and t is not threading.main_thread())
        )
        log.warning("not everything ended in time (%s); leaving without it", names or "the main thread")
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)

    threading.Thread(target=end, name="last-resort", daemon=True).start()
