"""One accepted connection: what has come in, what has not gone out yet, and until when it may wait."""

from __future__ import annotations

import re
import select
import socket
import time
from enum import Enum

from gunicorn.http.unreader import Unreader

from glance.serve.patience import Wait

CHUNK_BYTES = 65536
# A response longer than this is sent piece by piece while it is made, instead of whole at its end.
COLLECT_BYTES = 1 << 20
STALL_S = 10.0
# A body up to this length is gathered before a thread is given; a longer one is read by the thread.
GATHERED_BODY_BYTES = 65536

_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r", re.IGNORECASE)
_EXPECT = re.compile(rb"\nexpect:", re.IGNORECASE)


class ClientLost(Exception):
    """The client went away, or takes nothing any more, while an answer was on its way."""


class Phase(Enum):
    """What a connection waits for while no thread works for it."""

    HEAD = "head"  # its first or next request, begun or not, that must be complete soon
    IDLE = "idle"  # kept alive between two requests
    FLUSH = "flush"  # for the client to take the rest of an answer
    LINGER = "linger"  # for the client to close, after the last answer


class Connection:
    """A non-blocking socket and its buffers. Owned by one thread, or by the gate while it waits."""

    __slots__ = (
        "_scanned",
        "buffer",
        "close_after",
        "fd",
        "limit_s",
        "local",
        "peer",
        "phase",
        "sock",
        "unsent",
        "until",
    )

    def __init__(self, sock: socket.socket, peer: tuple[str, int], local: tuple[str, int]) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.peer = peer
        self.local = local
        self.buffer = bytearray()
        self.unsent = memoryview(b"")
        self.phase = Phase.HEAD
        self.until = 0.0
        self.limit_s = 0.0
        self.close_after = False
        self._scanned = 0

    def receive(self) -> bool | None:
        """Take what has arrived into the buffer: True = something, None = nothing yet, False = the client is gone."""
        try:
            data = self.sock.recv(CHUNK_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return False
        self.buffer += data
        return bool(data)

    def head(self) -> bytes | None:
        """The head of the request in the buffer once it is complete, with its final empty line."""
        if not self._scanned and self.buffer.startswith((b"\r", b"\n")):
            # RFC 9112 2.2: empty lines before a request are to be ignored
            del self.buffer[: len(self.buffer) - len(self.buffer.lstrip(b"\r\n"))]
        end = self.buffer.find(b"\r\n\r\n", max(0, self._scanned - 3))
        if end < 0:
            self._scanned = len(self.buffer)
            return None
        self._scanned = end
        return bytes(self.buffer[: end + 4])

    def take_request(self) -> bytes:
        """Empty the buffer: the request and whatever follows it."""
        data = bytes(self.buffer)
        self.buffer.clear()
        self._scanned = 0
        return data

    def put_back(self, rest: bytes) -> None:
        """Keep bytes that belong to the next request."""
        self.buffer[:0] = rest
        self._scanned = 0

    def queue(self, data: bytes) -> None:
        """Have `data` sent after what is unsent."""
        self.unsent = memoryview(bytes(self.unsent) + data) if self.unsent else memoryview(data)

    def flush(self) -> bool:
        """Send what the kernel takes at once; True when nothing is left. ClientLost where nobody is there."""
        while self.unsent:
            try:
                sent = self.sock.send(self.unsent)
            except BlockingIOError:
                return False
            except OSError as error:
                raise ClientLost from error
            self.unsent = self.unsent[sent:]
        return True

    def discard(self) -> bool | None:
        """Throw away what arrives, as `receive` without keeping it."""
        try:
            return bool(self.sock.recv(CHUNK_BYTES))
        except BlockingIOError:
            return None
        except OSError:
            return False

    def half_close(self) -> None:
        """Tell the client that nothing more will come."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.unsent = memoryview(b"")

    def close(self) -> None:
        """Close the socket; idempotent."""
        self.sock.close()


def missing_body(head: bytes, have: int) -> int:
    """How many bytes of a small announced body are still to come; 0 where a thread should read it itself."""
    announced = _LENGTH.search(head)
    if announced is None or _EXPECT.search(head):
        return 0
    length = int(announced[1])
    return max(0, len(head) + length - have) if length <= GATHERED_BODY_BYTES else 0


class Incoming(Unreader):
    """The request's bytes for the parser: those gathered, then those of a long body, within a deadline."""

    def __init__(self, connection: Connection, gathered: bytes, deadline: float, wait: Wait) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline
        self._wait = wait
        # the status and the sentence for a body that was not waited for to its end
        self.given_up: tuple[int, str] | None = None
        self.unread(gathered)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next bytes, whatever their number; empty where the client is gone, too slow, or one of too many slow ones."""
        while True:
            try:
                return self._connection.sock.recv(CHUNK_BYTES)
            except BlockingIOError:
                left_s = min(STALL_S, self._deadline - time.monotonic())
                if not self._wait.may():
                    self.given_up = 503, "Too many slow uploads are under way. Try again in a moment."
                    return b""
                if not wait_for(self._connection.sock, select.POLLIN, left_s):
                    self.given_up = 408, "The body of the request did not arrive in time."
                    return b""
            except OSError:
                return b""

    def is_through(self) -> None:
        """Nothing more of the body is waited for: the place for that is free for others."""
        self._wait.over()

    def rest(self) -> bytes:
        """What was gathered and not yet read."""
        return bytes(self.buf.getvalue())


class Outgoing:
    """Where the response is written: collected and sent at once, or piece by piece where it is long."""

    def __init__(self, connection: Connection, wait: Wait) -> None:
        self._connection = connection
        self._wait = wait
        self._parts: list[bytes] = []
        self._size = 0
        self.started = False

    def sendall(self, data: bytes) -> None:
        """Add a piece of the response."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > COLLECT_BYTES:
            self._pump()

    def send(self, data: bytes) -> int:
        """Send at once; the way of an interim answer (100 Continue)."""
        try:
            return self._connection.sock.send(data)
        except OSError as error:
            raise ClientLost from error

    def finish(self) -> None:
        """Hand what was collected to the connection."""
        self._connection.queue(b"".join(self._parts))
        self._parts.clear()

    def forget(self) -> None:
        """Drop what was collected, to send something else instead."""
        self._parts.clear()
        self._size = 0

    def _pump(self) -> None:
        """Send what was collected, waiting for a slow client; ClientLost where it takes nothing for too long, or too many do."""
        self.started = True
        self.finish()
        self._size = 0
        while not self._connection.flush():
            if not self._wait.may() or not wait_for(self._connection.sock, select.POLLOUT, STALL_S):
                raise ClientLost


def wait_for(sock: socket.socket, event: int, timeout_s: float) -> bool:
    """Wait until the socket can be read or written; False after `timeout_s`."""
    poll = select.poll()
    poll.register(sock, event)
    return bool(poll.poll(max(0.0, timeout_s) * 1000))
