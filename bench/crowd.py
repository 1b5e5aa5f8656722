"""Connections that say nothing, or half a request, and are opened again when closed: `python -m bench.crowd PORT SILENT HALF`.

Prints a line once all are open; answers each line on stdin with the number of open ones; ends with SIGTERM or its parent.
"""

from __future__ import annotations

import resource
import select
import socket
import sys

HALF_SENT = b"GET /d/main HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/ht"


class Crowd:
    """All of them, in one poll."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._poll = select.epoll()
        self._socks: dict[int, tuple[socket.socket, bool]] = {}

    def open(self, half: bool) -> None:
        """One more."""
        sock = socket.create_connection(("127.0.0.1", self._port), 10)
        if half:
            sock.sendall(HALF_SENT)
        self._socks[sock.fileno()] = (sock, half)
        self._poll.register(sock, select.EPOLLIN | select.EPOLLRDHUP)

    def keep(self) -> None:
        """Replace those that the server closed, until told otherwise on stdin."""
        self._poll.register(sys.stdin, select.EPOLLIN)
        while True:
            for fd, _ in self._poll.poll():
                if fd == sys.stdin.fileno():
                    if not sys.stdin.readline():
                        return
                    self.tell()
                elif fd in self._socks:
                    self._again(fd)

    def _again(self, fd: int) -> None:
        sock, half = self._socks.pop(fd)
        self._poll.unregister(fd)
        sock.close()
        self.open(half)

    def tell(self) -> None:
        """How many are open."""
        halves = sum(half for _, half in self._socks.values())
        print(len(self._socks) - halves, halves, flush=True)


def main(port: int, silent: int, half: int) -> None:
    """Open them, say so, and keep them."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd = Crowd(port)
    for turn in range(silent + half):
        crowd.open(half=turn >= silent)
    crowd.tell()
    crowd.keep()


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:4]))
