"""A tiny application, a gate around it, and raw clients: what the server's tests share. As a script it serves the application."""

from __future__ import annotations

import base64
import os
import selectors
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flask import Flask, request
from flask_sock import Sock
from simple_websocket import Server

from glance.config import Settings
from glance.serve import Gate, Limits, listen, serve
from tests.waiting import HELD_S, PATIENCE_S

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n{more}\r\n"
)

# What the server's own answers carry, as those of the application do.
GUARDED = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "private, no-store",
}


@dataclass
class Tiny:
    """The application and what its handlers wait for."""

    app: Flask = field(default_factory=lambda: Flask("tiny"))
    release: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    held: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


def make_tiny() -> Tiny:
    """An application with a route for each thing a server can get wrong."""
    tiny = Tiny()
    app = tiny.app
    app.config["MAX_CONTENT_LENGTH"] = 5 * 1024 * 1024
    app.config["SOCK_SERVER_OPTIONS"] = {"ping_interval": 25, "selector_class": selectors.PollSelector}
    sock = Sock(app)

    @app.get("/")
    def hello() -> str:
        return "hello"

    @app.get("/seen")
    def seen() -> dict[str, str]:
        names = ("REMOTE_ADDR", "SCRIPT_NAME", "PATH_INFO", "wsgi.url_scheme", "HTTP_X_A")
        return {name: str(request.environ.get(name, "")) for name in names}

    @app.post("/echo")
    def echo() -> bytes:
        return request.get_data()

    @app.post("/ignore")
    def ignore() -> str:
        return "ignored"

    @app.get("/hold")
    def hold() -> str:
        tiny.held.release()
        tiny.release.wait(HELD_S)
        return "held"

    @app.get("/long")
    def long() -> Iterator[bytes]:
        return app.response_class(b"x" * 65536 for _ in range(int(request.args["pieces"])))  # type: ignore[return-value]

    @app.get("/broken")
    def broken() -> Iterator[bytes]:
        def pieces() -> Iterator[bytes]:
            yield b"begun"
            raise RuntimeError("on purpose")

        return app.response_class(pieces())  # type: ignore[return-value]

    @sock.route("/ws")
    def ws(server: Server) -> None:
        while not tiny.stopping.is_set():
            message = server.receive(0.05)
            if message is not None:
                server.send(message)
        server.close(1012, "restart")

    @sock.route("/ws/deaf")
    def deaf(server: Server) -> None:
        tiny.held.release()
        tiny.release.wait(HELD_S)

    @sock.route("/ws/broken")
    def broken_ws(server: Server) -> None:
        raise RuntimeError("on purpose")

    return tiny


@contextmanager
def serving(tiny: Tiny, **limits: float) -> Iterator[Gate]:
    """The gate around the tiny application, on a free port of loopback."""
    gate = Gate(tiny.app, listen(Settings(port=0)), Limits(**limits))  # type: ignore[arg-type]
    gate.start()
    try:
        yield gate
    finally:
        tiny.stopping.set()
        tiny.release.set()
        gate.stop(2.0)


class Client:
    """A raw connection to the gate; reads whole responses by their length."""

    def __init__(self, gate: Gate | int, timeout_s: float = PATIENCE_S) -> None:
        self.sock = socket.create_connection(("127.0.0.1", gate if isinstance(gate, int) else gate.port), timeout_s)
        self.rest = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, text: str | bytes) -> Client:
        self.sock.sendall(text.encode("latin-1") if isinstance(text, str) else text)
        return self

    def until(self, end: bytes) -> bytes:
        """Read up to and with `end`; ConnectionError where the server closes before."""
        while end not in self.rest:
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError(f"closed after {self.rest!r}")
            self.rest += data
        found, _, self.rest = self.rest.partition(end)
        return found + end

    def response(self, head_only: bool = False) -> tuple[int, dict[str, str], bytes]:
        """(status, headers by lower-case name, body) of the next response."""
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
        length = 0 if head_only else int(headers.get("content-length", 0))
        return int(lines[0].split()[1]), headers, self.take(length)

    def get(self, path: str = "/") -> tuple[int, dict[str, str], bytes]:
        return self.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").response()

    def is_closed(self) -> bool:
        """True where the server closes without another byte."""
        try:
            return not self.rest and self.sock.recv(1) == b""
        except ConnectionError:
            return True

    def open_websocket(self, path: str = "/ws", more: str = "") -> dict[str, str]:
        """Do the handshake; gives the response's headers."""
        key = base64.b64encode(os.urandom(16)).decode()
        status, headers, _ = self.send(HANDSHAKE.format(path=path, key=key, more=more)).response(head_only=True)
        assert status == 101, f"the handshake was answered with {status}"
        return headers

    def send_text(self, text: str) -> None:
        """Send one short masked text frame."""
        data = text.encode()
        self.send(bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data)

    def frame(self) -> tuple[int, bytes]:
        """(opcode, payload) of the next frame."""
        first, second = self.take(2)
        length = second & 127
        if length > 125:
            length = int.from_bytes(self.take(2 if length == 126 else 8), "big")
        return first & 15, self.take(length)

    def take(self, size: int) -> bytes:
        """Read exactly `size` bytes; ConnectionError where the server closes before."""
        while len(self.rest) < size:
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError(f"closed after {len(self.rest)} of {size} bytes")
            self.rest += data
        found, self.rest = self.rest[:size], self.rest[size:]
        return found

    def close_code(self) -> int:
        """The code of the close frame, skipping what comes before."""
        while True:
            opcode, payload = self.frame()
            if opcode == 8:
                return int(struct.unpack("!H", payload[:2])[0])


def main() -> int:
    """Serve the tiny application as a process; argument: the port."""
    tiny = make_tiny()
    if "stubborn" in sys.argv:
        threading.Thread(target=lambda: time.sleep(HELD_S), name="stubborn").start()
    return serve(tiny.app, Settings(port=int(sys.argv[1])), on_stop=tiny.stopping.set)


if __name__ == "__main__":
    sys.exit(main())
