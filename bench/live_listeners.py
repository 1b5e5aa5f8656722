"""Programs that listen to widgets: `python -m bench.live_listeners PORT TOKEN ID…`, one websocket for each id given, one thread for all.

It prints `ready` once all are open. A line of standard input is answered with what came since the last one, as JSON
`[[socket, value, at], …]`, `at` in Unix seconds when the frame was read.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time

VALUE = re.compile(rb'"value": ?([0-9.]+)')
REQUEST = (
    "GET /ws/widgets/{id} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def main() -> None:
    """Open, listen, tell."""
    port, token = int(sys.argv[1]), sys.argv[2]
    poll = selectors.DefaultSelector()
    for turn, widget_id in enumerate(sys.argv[3:]):
        poll.register(_opened(port, token, widget_id), selectors.EVENT_READ, turn)
    poll.register(sys.stdin, selectors.EVENT_READ, -1)
    print("ready", flush=True)
    got: list[tuple[int, float, bytes]] = []
    while True:
        for key, _ in poll.select():
            if key.data < 0:
                if not sys.stdin.readline():
                    return
                print(json.dumps(_told(got)), flush=True)
                got.clear()
                continue
            assert isinstance(key.fileobj, socket.socket)
            data = key.fileobj.recv(262144)
            got.append((key.data, time.time(), data))
            if not data:
                poll.unregister(key.fileobj)


def _opened(port: int, token: str, widget_id: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), 30)
    sock.sendall(REQUEST.format(id=widget_id, port=port, token=token).encode())
    head = b""
    while b"\r\n\r\n" not in head:
        data = sock.recv(1)
        if not data:
            break
        head += data
    if b" 101 " not in head:
        raise RuntimeError(f"a websocket was answered with {head[:200]!r}")
    return sock


def _told(got: list[tuple[int, float, bytes]]) -> list[tuple[int, float, float]]:
    """Every value in what was read; a frame that was read in two pieces counts with the first that holds its value."""
    return [(turn, float(value), at) for turn, at, data in got for value in VALUE.findall(data)]


if __name__ == "__main__":
    main()
