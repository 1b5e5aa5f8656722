"""A real Mosquitto, a publisher and a Glance beside it, for the parts that measure readings."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from bench.child import Child

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
WAIT_S = 60.0
# What the owner of a broker is advised to set; the second is what Debian's package comes with.
KEEPS_ALL = ("max_queued_messages 0",)
STOCK: tuple[str, ...] = ()


class Mosquitto:
    """A broker and a publisher that speaks to it; ends both."""

    def __init__(self, *lines: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="glance-bench-mqtt-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        conf = self.folder / "mosquitto.conf"
        conf.write_text(
            "\n".join(["allow_anonymous true", f"listener {self.port} 127.0.0.1", *lines, ""]), encoding="utf-8"
        )
        self._mosquitto = subprocess.Popen(
            [MOSQUITTO, "-c", str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait(self._listens)
        self.publisher = Child([sys.executable, "-m", "bench.mqtt_publisher", str(self.port)])

    @property
    def url(self) -> str:
        """Its address."""
        return f"mqtt://127.0.0.1:{self.port}"

    def publish(self, **wanted: Any) -> dict[str, Any]:
        """Publish and wait until the broker has it all."""
        self.begin(**wanted)
        return self.end()

    def begin(self, **wanted: Any) -> None:
        """Begin to publish."""
        stdin = self.publisher.process.stdin
        assert stdin is not None
        stdin.write(json.dumps(wanted) + "\n")
        stdin.flush()

    def end(self) -> dict[str, Any]:
        """Wait until the broker has all that was begun."""
        found: dict[str, Any] = json.loads(self.publisher.read_line(900))
        return found

    def close(self) -> None:
        """End both."""
        self.publisher.stop()
        self._mosquitto.terminate()
        self._mosquitto.wait(5)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _wait(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not done():
            if time.monotonic() > deadline:
                raise RuntimeError("the broker did not start")
            time.sleep(0.01)


class Broker(Mosquitto):
    """A broker, a publisher, and a Glance without its web that can be killed and started again; ends them all."""

    def __init__(self, *lines: str, latency: bool = False) -> None:
        super().__init__(*lines)
        self.data = self.folder / "data"
        self._latency = latency
        self.glance = self.start_glance()

    def start_glance(self) -> Child:
        """Start (again) what stores."""
        more = ["latency"] if self._latency else []
        self.glance = Child([sys.executable, "-m", "bench.mqtt_glance", str(self.data), self.url, *more])
        return self.glance

    def ask(self) -> dict[str, Any]:
        """What Glance counts."""
        found: dict[str, Any] = json.loads(self.glance.ask(""))
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read its database."""
        with closing(sqlite3.connect(f"file:{self.data / 'glance.db'}?mode=ro", uri=True)) as con:
            return con.execute(sql).fetchall()

    def count(self) -> int:
        """How many samples are on disk."""
        return int(self.rows("SELECT (SELECT COUNT(*) FROM inbox) + (SELECT COUNT(*) FROM samples)")[0][0])

    def numbers(self) -> list[int]:
        """Every stored value."""
        return [int(row[0]) for row in self.rows("SELECT value FROM inbox UNION ALL SELECT value FROM samples")]

    def wait_for(self, count: int) -> None:
        """Until so many samples are on disk, or nothing more comes for ten seconds."""
        last, since = -1, time.monotonic()
        while (now := self.count()) < count and time.monotonic() - since < 10:
            if now != last:
                last, since = now, time.monotonic()
            time.sleep(0.05)

    def close(self) -> None:
        """End everything."""
        self.glance.stop()
        super().close()
