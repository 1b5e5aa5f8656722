"""`GLANCE_MQTT_URL=embedded`: a small broker in this process on a free loopback port, for the demo and for trying out.

MQTT 3.1.1 and 5, QoS 0 and 1 (2 is taken), retained messages and last wills. No accounts, and nothing is kept over a restart or for
clients that are away: a home needs Mosquitto or another real one.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading

from glance.broker.exchange import Exchange
from glance.broker.peer import Peer

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
START_S = 5.0
STOP_S = 1.0


class EmbeddedBroker:
    """Listens from the beginning, answers between `start` and `stop`; `url` is its address."""

    def __init__(self) -> None:
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()

    @property
    def url(self) -> str:
        """Its address as GLANCE_MQTT_URL would name it."""
        return f"mqtt://{HOST}:{self.port}"

    def start(self) -> None:
        """Start its thread."""
        log.info("The embedded broker listens at %s.", self.url)
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        self._thread.start()
        if not self._ready.wait(START_S):
            log.warning("The embedded broker did not start within %.0f s.", START_S)

    def stop(self) -> None:
        """End every connection and the thread; idempotent."""
        thread, self._thread = self._thread, None
        if thread is None:
            self._listener.close()
        elif self._loop is not None and self._ending is not None:
            self._loop.call_soon_threadsafe(self._ending.set)
            thread.join(STOP_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception:
            log.exception("The embedded broker failed.")

    async def _serve(self) -> None:
        self._loop, self._ending, exchange = asyncio.get_running_loop(), asyncio.Event(), Exchange()
        server = await self._loop.create_server(lambda: Peer(exchange), sock=self._listener)
        self._ready.set()
        await self._ending.wait()
        server.close()
        exchange.close()
        # what was written last still has to leave
        await asyncio.sleep(0.02)
