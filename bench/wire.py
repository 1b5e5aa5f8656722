"""Raw keep-alive HTTP, so that what is timed is the server: requests made beforehand, answers read by their length."""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Sequence

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_NO_BODY = (b"101", b"204", b"304")
TIMEOUT_S = 30.0


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A whole request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body or method not in ("GET", "HEAD"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Wire:
    """One connection to the server, from the address `source` where it is given."""

    def __init__(self, port: int, host: str = "127.0.0.1", source: str = "") -> None:
        self.sock = socket.create_connection((host, port), TIMEOUT_S, (source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def ask(self, message: bytes) -> tuple[int, bytes, bytes]:
        """(status, head, body) of the answer."""
        self.sock.sendall(message)
        while True:
            found = self._taken()
            if found:
                return found
            data = self.sock.recv(262144)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._buffer += data

    def feed(self) -> tuple[int, bytes, bytes] | None:
        """Read what has come; the answer once it is whole."""
        data = self.sock.recv(262144)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._buffer += data
        return self._taken()

    def _taken(self) -> tuple[int, bytes, bytes] | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self._buffer[: end + 2]
        length = _LENGTH.search(head)
        if length is None and head[9:12] not in _NO_BODY:
            raise ValueError(f"an answer without a length: {head[:200]!r}")
        stop = end + 4 + (int(length[1]) if length and head[9:12] not in _NO_BODY else 0)
        if len(self._buffer) < stop:
            return None
        body, self._buffer = self._buffer[end + 4 : stop], self._buffer[stop:]
        return int(head[9:12]), head, body


def times_ms(port: int, messages: Sequence[bytes], count: int, fresh: bool = False) -> list[float]:
    """How long each of `count` requests took, one after the other on one connection, or each on its own with `fresh`."""
    found = []
    wire = Wire(port)
    try:
        for turn in range(count):
            began = time.perf_counter()
            if fresh:
                wire.sock.close()
                wire = Wire(port)
            status, _, body = wire.ask(messages[turn % len(messages)])
            found.append((time.perf_counter() - began) * 1000)
            if status != 200:
                raise RuntimeError(f"answered with {status}: {body[:300]!r}")
    finally:
        wire.sock.close()
    return found


class Waiting:
    """Each message sent on a connection of its own, all at the same moment, their answers not yet read."""

    def __init__(self, port: int, messages: Sequence[bytes]) -> None:
        self._wires = [Wire(port) for _ in messages]
        for wire, message in zip(self._wires, messages, strict=True):
            wire.sock.sendall(message)

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *_: object) -> None:
        for wire in self._wires:
            wire.sock.close()

    def answers(self) -> list[tuple[int, bytes]]:
        """(status, body) of each."""
        return [(status, body) for status, _, body in (wire.ask(b"") for wire in self._wires)]


def together(port: int, messages: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """Send each message on a connection of its own, all at the same moment; (status, body) of each answer."""
    with Waiting(port, messages) as waiting:
        return waiting.answers()


def load(
    port: int, messages: Sequence[bytes], connections: int, seconds: float, count_ms: list[float] | None = None
) -> tuple[float, list[float]]:
    """(answers per second, milliseconds of each) with that many keep-alive connections, each with one request under way."""
    poll = select.epoll()
    wires = {}
    found: list[float] = [] if count_ms is None else count_ms
    sent_at: dict[int, float] = {}
    turn = 0
    try:
        for _ in range(connections):
            wire = Wire(port)
            wires[wire.sock.fileno()] = wire
            poll.register(wire.sock, select.EPOLLIN)
        began = time.perf_counter()
        for fd, wire in wires.items():
            sent_at[fd] = time.perf_counter()
            wire.sock.sendall(messages[turn % len(messages)])
            turn += 1
        while time.perf_counter() - began < seconds:
            for fd, _ in poll.poll(1.0):
                answer = wires[fd].feed()
                if answer is None:
                    continue
                now = time.perf_counter()
                if answer[0] != 200:
                    raise RuntimeError(f"answered with {answer[0]}: {answer[2][:300]!r}")
                found.append((now - sent_at[fd]) * 1000)
                sent_at[fd] = now
                wires[fd].sock.sendall(messages[turn % len(messages)])
                turn += 1
        return len(found) / (time.perf_counter() - began), found
    finally:
        poll.close()
        for wire in wires.values():
            wire.sock.close()
