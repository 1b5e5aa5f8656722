"""A program that publishes QoS 1 readings as fast as wanted: `python -m bench.mqtt_publisher PORT`; raw MQTT 3.1.1, one thread.

It prints `ready`, then takes one line of JSON `{"count", "rate", "devices", "what": "number"|"time", "first", "times"}` at a time,
publishes that and prints `{"took_s", "sent"}` once the broker acknowledged everything. `value` is a running number from `first`, or
the time of sending; with `times` the answer holds `at`, when each was sent (Unix seconds).
"""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import time

TOPIC = b"glance/bench"
WINDOW = 1000
TICK_S = 0.002


class Publisher:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = b"bench-publisher"
        head = b"\x00\x04MQTT\x04\x02\x00\x00" + struct.pack("!H", len(name)) + name
        self._sock.sendall(bytes([0x10, len(head)]) + head)
        if self._sock.recv(4)[3] != 0:
            raise RuntimeError("the broker refused the publisher")
        self._acked_bytes = 0
        self._sent = 0
        self._mid = 0
        self.sent_at: list[float] = []

    def run(self, count: int, rate: float, devices: int, what: str, first: int) -> float:
        """Publish, and return how long it took until everything was acknowledged."""
        began = time.perf_counter()
        self._sent, self._acked_bytes = 0, 0
        self.sent_at = []
        while self._sent < count:
            due = min(count, int((time.perf_counter() - began) * rate) + 1) if rate else count
            free = WINDOW - (self._sent - self._acked_bytes // 4)
            todo = min(due - self._sent, free)
            if todo > 0:
                self._send(todo, devices, what, first)
            self._hear(0.0 if todo > 0 else TICK_S)
        while self._acked_bytes // 4 < count:
            self._hear(1.0)
        return time.perf_counter() - began

    def _send(self, todo: int, devices: int, what: str, first: int) -> None:
        packets = []
        for number in range(self._sent, self._sent + todo):
            value = f"{time.time():.6f}" if what == "time" else str(first + number)
            payload = f'{{"device_id":"d{number % devices}","sensor_type":"n","value":{value},"unit":"W"}}'.encode()
            self._mid = self._mid % 65535 + 1
            body = struct.pack("!H", len(TOPIC)) + TOPIC + struct.pack("!H", self._mid) + payload
            size = len(body)
            packets.append(bytes([0x32, size] if size < 128 else [0x32, size % 128 + 128, size // 128]) + body)
        self.sent_at += [time.time()] * todo
        self._sock.sendall(b"".join(packets))
        self._sent += todo

    def _hear(self, timeout_s: float) -> None:
        if select.select([self._sock], [], [], timeout_s)[0]:
            data = self._sock.recv(65536)
            if not data:
                raise RuntimeError("the broker hung up on the publisher")
            self._acked_bytes += len(data)


def main() -> None:
    """Serve the lines of standard input."""
    publisher = Publisher(int(sys.argv[1]))
    print("ready", flush=True)
    for line in sys.stdin:
        wanted = json.loads(line)
        took_s = publisher.run(
            wanted["count"],
            wanted.get("rate", 0),
            wanted.get("devices", 100),
            wanted.get("what", "number"),
            wanted.get("first", 0),
        )
        told = {"at": publisher.sent_at} if wanted.get("times") else {}
        print(json.dumps({"took_s": took_s, "sent": wanted["count"], **told}), flush=True)


if __name__ == "__main__":
    main()
