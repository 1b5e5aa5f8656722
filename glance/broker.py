"""`GLANCE_MQTT_URL=embedded`: a broker in this process on a free loopback port, for the demo and for trying out.

It is amqtt, an optional extra (requirements-embedded.txt): MQTT 3.1.1, no accounts, nothing kept over a restart.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import socket
import threading
from typing import Any

from glance.errors import SettingError

log = logging.getLogger(__name__)

START_S = 10.0
STOP_S = 1.0


class EmbeddedBroker:
    """Runs the broker in a thread of its own; `url` is where it listens."""

    def __init__(self) -> None:
        if importlib.util.find_spec("amqtt") is None:
            raise SettingError(
                "GLANCE_MQTT_URL=embedded needs the extra broker: run .venv/bin/python -m pip install -r requirements-embedded.txt, "
                "or give the address of a broker."
            )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()

    @property
    def url(self) -> str:
        """Its address as GLANCE_MQTT_URL would name it."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        self._thread.start()
        if not self._ready.wait(START_S):
            log.warning("The embedded broker did not start within %.0f s.", START_S)

    def stop(self) -> None:
        """End it; idempotent."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None:
            self._thread.join(STOP_S)

    def _run(self) -> None:
        # 36 MB of packages that only the demo needs
        from amqtt.broker import Broker

        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.ERROR)
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        broker = Broker(self._config(), loop=loop)
        try:
            loop.run_until_complete(broker.start())
            self._loop = loop
            self._ready.set()
            loop.run_forever()
            loop.run_until_complete(asyncio.wait_for(broker.shutdown(), STOP_S / 2))
        except Exception as error:
            log.warning("The embedded broker ended: %s", error)
        finally:
            _end(loop)

    def _config(self) -> dict[str, Any]:
        return {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what still runs and close the loop."""
    for task in asyncio.all_tasks(loop):
        task.cancel()
    try:
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    except RuntimeError as error:
        log.debug("The broker's loop did not end cleanly: %s", error)
