"""Glance as a child of the measurements with a broker: `python -m bench.mqtt_glance DATA URL [latency]`, everything but the web.

It prints `ready` once it is connected. With `latency` it takes every number for the time of publishing, and answers each line of
standard input with JSON: `{"stored", "commit_ms": [ … ]}`.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from pathlib import Path

from glance import allocator
from glance.config import Settings
from glance.ingest.pending import Batch
from glance.runtime import Runtime


def main() -> None:
    """Run until SIGTERM or the end of standard input."""
    allocator.share_one_arena()
    logging.basicConfig(level="WARNING")
    runtime = Runtime(Settings(data=Path(sys.argv[1]), mqtt_url=sys.argv[2]))
    waits_ms: list[float] = []
    if len(sys.argv) > 3:
        usual = runtime.ingest._writer.on_commit

        def on_commit(batch: Batch) -> None:
            now = time.time()
            waits_ms.extend((now - row[3]) * 1000 for row in batch.rows if row[3])
            usual(batch)

        runtime.ingest._writer.on_commit = on_commit
    runtime.start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    while runtime.mqtt and not runtime.mqtt.state.connected and not ended.wait(0.005):
        pass
    print("ready", flush=True)
    threading.Thread(target=_answer, args=(runtime, waits_ms, ended), daemon=True).start()
    while not ended.wait(0.2):
        pass
    runtime.stop()


def _answer(runtime: Runtime, waits_ms: list[float], ended: threading.Event) -> None:
    for _ in sys.stdin:
        health = runtime.ingest.health()
        taken, waits_ms[:] = waits_ms[:], []
        print(
            json.dumps(
                {"stored": health.stored, "repeated": health.repeated, "commits": health.commits, "commit_ms": taken}
            ),
            flush=True,
        )
    ended.set()


if __name__ == "__main__":
    main()
