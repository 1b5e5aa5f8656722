"""A real Mosquitto on a free port, as a child of the test, and a publisher that knows what was acknowledged."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho

from tests.waiting import PATIENCE_S, until

BINARY = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin") or "mosquitto"
STOCK = ("allow_anonymous true",)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A broker with the lines of its configuration; it can be killed and started again on the same port."""

    def __init__(self, folder: Path, *lines: str, port: int = 0, listener: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = port or free_port()
        self._conf = folder / "mosquitto.conf"
        text = "\n".join([*(lines or STOCK), f"listener {self.port} 127.0.0.1", *listener, "user root", ""])
        self._conf.write_text(text, encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What GLANCE_MQTT_URL would be."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> Mosquitto:
        """Start it and wait until it listens."""
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen([BINARY, "-c", str(self._conf)], stdout=log, stderr=log)
        until(self._listens)
        return self

    def stop(self, *, kill: bool = False) -> None:
        """End it, at once with `kill`; idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.kill() if kill else process.terminate()
            process.wait(PATIENCE_S)

    def words(self) -> str:
        """What it logged."""
        return (self.folder / "mosquitto.log").read_text(encoding="utf-8", errors="replace")

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.words()
        with socket.socket() as probe:
            probe.settimeout(0.2)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self) -> Mosquitto:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def end(client: paho.Client) -> None:
    """Disconnect a paho client and leave nothing open."""
    client.disconnect()
    client.loop_stop()
    sock = client.socket()
    if sock is not None:
        sock.close()


class Publisher:
    """Publishes to a broker; `wait` returns once everything sent with QoS 1 is acknowledged."""

    def __init__(
        self, port: int, client_id: str = "publisher", *, tls: Any = None, protocol: int = paho.MQTTv5
    ) -> None:
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=protocol)
        self._client.max_inflight_messages_set(2000)
        self._client.max_queued_messages_set(0)
        self._connected = threading.Event()
        self._client.on_connect = lambda *_: self._connected.set()
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._connected.wait(PATIENCE_S), "the publisher could not connect"
        self._sent: list[paho.MQTTMessageInfo] = []

    def send(self, topic: str, payload: str | bytes, qos: int = 1, retain: bool = False) -> None:
        """Publish one message."""
        self._sent.append(self._client.publish(topic, payload, qos=qos, retain=retain))

    def wait(self, timeout_s: float = PATIENCE_S) -> None:
        """Until the broker has everything."""
        deadline = time.monotonic() + timeout_s
        for info in self._sent:
            info.wait_for_publish(max(0.01, deadline - time.monotonic()))
            assert info.is_published()
        self._sent.clear()

    def close(self) -> None:
        """Say goodbye."""
        end(self._client)

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
