"""What the server does about websockets: the handshake is checked, surplus ones are refused, sends end."""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import re
import socket
import struct
import sys
import termios
import threading
from collections.abc import Callable
from typing import Any

from simple_websocket import ConnectionClosed

# RFC 6455: the server proves that it read the key by hashing it with this.
_ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
ABNORMAL = 1006
SEND_TIMEOUT_S = 10.0
# A client with less than this on its way takes as much again without a wait: the kernel's smallest buffer is larger.
ROOM = 4096
CLOSING_S = 1.0

_UPGRADE = re.compile(rb"\nupgrade:[ \t]*websocket[ \t]*\r", re.IGNORECASE)
_KEY = re.compile(rb"\nsec-websocket-key:[ \t]*([^\r\n]*?)[ \t]*\r", re.IGNORECASE)
_PROTOCOL = re.compile(rb"\nsec-websocket-protocol:[ \t]*([^\r\n,]+?)[ \t]*[\r,]", re.IGNORECASE)


def asks_for_socket(head: bytes) -> bool:
    """True where a request's head asks to become a websocket."""
    return _UPGRADE.search(head) is not None


def handshake_fault(environ: dict[str, Any]) -> str | None:
    """What is wrong with a websocket handshake, as a sentence; None where it is sound."""
    if environ["REQUEST_METHOD"] != "GET" or environ["SERVER_PROTOCOL"] != "HTTP/1.1":
        return "A websocket begins with an HTTP/1.1 GET."
    if "upgrade" not in environ.get("HTTP_CONNECTION", "").lower():
        return "A websocket handshake needs the header Connection: Upgrade."
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != "13":
        return "Only version 13 of the websocket protocol is spoken here."
    if not _is_key(environ.get("HTTP_SEC_WEBSOCKET_KEY", "")):
        return "The header Sec-WebSocket-Key must be 16 bytes in base64."
    return None


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def full(head: bytes) -> bytes | None:
    """The refusal of one websocket too many: the handshake and close code 1013; None where the handshake is not sound.

    A browser can read a close code, but not the status of a failed handshake.
    """
    key = _KEY.search(head)
    if key is None or not _is_key(key[1].decode("latin-1")):
        return None
    accept = base64.b64encode(hashlib.sha1(key[1] + _ACCEPT_GUID, usedforsecurity=False).digest())
    protocol = _PROTOCOL.search(head)
    chosen = b"Sec-WebSocket-Protocol: " + protocol[1] + b"\r\n" if protocol else b""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: "
        + accept
        + b"\r\n"
        + chosen
        + b"\r\n"
        + b"\x88\x02"
        + struct.pack("!H", TRY_AGAIN_LATER)
    )


def _timeval(seconds: float) -> bytes:
    """Seconds as the kernel's struct timeval."""
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))


class ClientGone(ConnectionClosed, OSError):
    """A send that cannot be done any more; both of the ways a websocket's end is looked for."""

    def __init__(self) -> None:
        super().__init__(ABNORMAL, "the client takes no more messages")


class WebSocketSocket:
    """The socket of a websocket: blocking, one sender at a time, and no send waits for ever.

    It is opened by the first send, the answer to the handshake; until then the connection is a plain request's.
    """

    def __init__(self, sock: socket.socket, on_open: Callable[[], None]) -> None:
        self._sock = sock
        self._on_open = on_open
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self.is_open = False

    def send(self, data: bytes) -> int:
        """Send all of `data`; ClientGone where the client is away or does not read for SEND_TIMEOUT_S."""
        with self._lock:
            try:
                if not self.is_open:
                    self._open()
                self._sock.sendall(data)
            except OSError:
                self.cut()
                raise ClientGone from None
        return len(data)

    def try_send(self, data: bytes) -> bool:
        """Send all of `data` if that needs no waiting; False where it would, ClientGone where the client is away."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if not self.is_open or len(data) > ROOM or self._unsent() > ROOM:
                return False
            if self._sock.send(data, socket.MSG_DONTWAIT) < len(data):
                # the rest of a frame cannot be called back
                self.cut()
                raise ClientGone
            return True
        except BlockingIOError:
            return False
        except OSError:
            self.cut()
            raise ClientGone from None
        finally:
            self._lock.release()

    def _unsent(self) -> int:
        """How many bytes wait in the kernel for this client."""
        return int.from_bytes(fcntl.ioctl(self._sock, termios.TIOCOUTQ, b"\0" * 4), sys.byteorder)

    def recv(self, size: int) -> bytes:
        """Wait for bytes; empty at the end."""
        return self._sock.recv(size)

    def fileno(self) -> int:
        """The descriptor, to wait for it."""
        return self._sock.fileno()

    def close(self) -> None:
        """The reader is through: nobody uses the socket any more."""
        self._closed.set()

    def fail(self, code: int) -> None:
        """Tell the client with a close code that its handler failed."""
        try:
            self.send(b"\x88\x02" + struct.pack("!H", code))
        except ClientGone:
            self._closed.set()

    def cut(self) -> None:
        """End both directions at once; whoever reads or sends wakes up."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            self._closed.set()

    def finish(self) -> None:
        """The handler is through: let the reader answer or await the close for a moment, then close the socket."""
        if not self._closed.wait(CLOSING_S):
            self.cut()
            self._closed.wait(CLOSING_S)
        self._sock.close()

    def _open(self) -> None:
        self.is_open = True
        self._on_open()
        self._sock.setblocking(True)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(SEND_TIMEOUT_S))
