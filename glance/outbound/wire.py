"""Connections that cannot outlive their deadline: sockets, name lookup, TLS, and the pool of idle ones."""

from __future__ import annotations

import errno
import hashlib
import math
import socket
import ssl
import threading
import time
from collections import OrderedDict
from functools import cache
from typing import Any

from urllib3.connection import HTTPConnection

from glance.errors import FetchError
from glance.guard import Guard
from glance.outbound.target import Target, Tls

MAX_IDLE = 64
MAX_IDLE_PER_HOST = 8
IDLE_S = 50.0
_SLOW_ADDRESS_S = 2.0
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux has it


class _Bounded:
    """Mixed into a socket: every read and write ends at `deadline` (time.monotonic()), however slowly bytes drip in."""

    deadline: float = math.inf

    def arm(self) -> None:
        """Give the next operation what is left."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        self.settimeout(left if left < 3600 else 3600)  # type: ignore[attr-defined]

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.arm()
        if self.family != socket.AF_UNIX and _QUICKACK is not None:  # type: ignore[attr-defined]
            # Servers that write head and body apart otherwise wait 40 ms for the acknowledgement of the head.
            self.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)  # type: ignore[attr-defined]
        return super().recv_into(*args, **kwargs)  # type: ignore[misc, no-any-return]

    def send(self, *args: Any, **kwargs: Any) -> int:
        self.arm()
        return super().send(*args, **kwargs)  # type: ignore[misc, no-any-return]

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.arm()
        super().sendall(*args, **kwargs)  # type: ignore[misc]


class _PlainSocket(_Bounded, socket.socket):
    """A TCP or unix socket with a deadline."""


class _TlsSocket(_Bounded, ssl.SSLSocket):
    """A TLS socket with a deadline."""


class PinMismatch(ssl.SSLError):
    """The server's certificate is not the pinned one; `found` is the SHA-256 it has."""

    def __init__(self, found: str) -> None:
        super().__init__("certificate pin mismatch")
        self.found = found


@cache
def _context(verify: bool) -> ssl.SSLContext:
    """The TLS settings for a checked or an unchecked certificate; loading the authorities takes long, so once."""
    context = ssl.create_default_context()
    context.sslsocket_class = _TlsSocket
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # Routers and printers with old, short keys are why somebody switches the check off.
        context.set_ciphers("DEFAULT:@SECLEVEL=1")
    return context


class Connection(HTTPConnection):
    """One connection to a Target's origin; `arm` it before use. `reused` tells whether it has already carried a request.

    `peer` is the address it is connected to.
    """

    def __init__(self, target: Target, tls: Tls, guard: Guard | None) -> None:
        super().__init__("localhost" if target.scheme == "unix" else target.host, target.port or None)
        self.key = (target.origin, tls if target.scheme == "https" else None)
        self.idle_since = 0.0
        self.reused = False
        self.wire: socket.socket | None = None
        self.peer = ""
        self._target = target
        self._tls = tls
        self._guard = guard
        self._deadline = math.inf

    def arm(self, deadline: float) -> None:
        """Everything from here on ends at `deadline`."""
        self._deadline = deadline
        self.timeout = max(0.001, deadline - time.monotonic())
        if isinstance(self.wire, _Bounded):
            self.wire.deadline = deadline

    def connect(self) -> None:
        """Open the socket, through TLS where the scheme asks; OSError or FetchError (of the guard)."""
        plain = self._open()
        try:
            self.sock = self.wire = self._secure(plain) if self._target.scheme == "https" else plain
        except BaseException:
            plain.close()
            raise

    def abort(self) -> None:
        """End whatever runs on this connection, from another thread."""
        if self.wire is not None:
            try:
                self.wire.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it is closed already, which is what was wanted

    def _open(self) -> _PlainSocket:
        """A connected socket; the guard sees each address before it is used."""
        target = self._target
        if target.scheme == "unix":
            if self._guard:
                self._guard("unix", target.host)
            return self._dial(socket.AF_UNIX, target.host, self._deadline)
        addresses = resolve(target.host, target.port, self._deadline)
        failures: list[OSError] = []
        for index, (family, address) in enumerate(addresses):
            self.peer = str(address[0])
            if self._guard:
                self._guard(target.host, self.peer)
            until = self._deadline
            if index + 1 < len(addresses):  # a silent first address must leave time for the others
                until = min(until, time.monotonic() + _SLOW_ADDRESS_S)
            try:
                return self._dial(family, address, until)
            except OSError as error:
                failures.append(error)
        raise min(failures, key=_telling, default=OSError(errno.EHOSTUNREACH, "no address"))

    def _dial(self, family: int, address: Any, until: float) -> _PlainSocket:
        """Connect one socket."""
        sock = _PlainSocket(family, socket.SOCK_STREAM)
        self.wire = sock  # from here on abort() reaches it
        try:
            sock.deadline = until
            sock.arm()
            sock.connect(address)
            if family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.deadline = self._deadline
            sock.arm()
        except BaseException:
            sock.close()
            raise
        return sock

    def _secure(self, plain: _PlainSocket) -> ssl.SSLSocket:
        """TLS around the socket, its certificate checked before a byte is sent."""
        secured = _context(self._tls.verify).wrap_socket(
            plain, server_hostname=self._target.host, do_handshake_on_connect=False
        )
        self.wire = secured
        try:
            if isinstance(secured, _TlsSocket):
                secured.deadline = self._deadline
                secured.arm()
            secured.do_handshake()
            if self._tls.pin:
                found = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
                if found != self._tls.pin:
                    raise PinMismatch(found)
        except BaseException:
            secured.close()
            raise
        return secured


def _telling(failure: OSError) -> int:
    """Which of several failures says most: a refusal, then silence, then an address that this computer has no way to."""
    if isinstance(failure, ConnectionRefusedError):
        return 0
    return 2 if failure.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) else 1


class Pool:
    """Idle connections, kept for the next request to the same origin under the same TLS rule."""

    def __init__(self) -> None:
        self._idle: OrderedDict[int, Connection] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: Any) -> Connection | None:
        """An idle connection that is still open, or None."""
        oldest = time.monotonic() - IDLE_S
        while True:
            with self._lock:
                found = next((conn for conn in reversed(self._idle.values()) if conn.key == key), None)
                if found is None:
                    return None
                del self._idle[id(found)]
            if found.idle_since > oldest and found.is_connected:
                found.reused = True
                return found
            found.close()

    def give(self, conn: Connection) -> None:
        """Keep a connection whose answer was read to its end; surplus and old ones are closed."""
        conn.idle_since = now = time.monotonic()
        surplus: list[Connection] = []
        with self._lock:
            self._idle[id(conn)] = conn
            same = [kept for kept in self._idle.values() if kept.key == conn.key]
            surplus += same[:-MAX_IDLE_PER_HOST]
            surplus += list(self._idle.values())[:-MAX_IDLE]
            surplus += [kept for kept in self._idle.values() if kept.idle_since < now - IDLE_S]
            for extra in surplus:
                self._idle.pop(id(extra), None)
        for extra in surplus:
            extra.close()

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle = list(self._idle.values())
            self._idle.clear()
        for conn in idle:
            conn.close()


Address = tuple[int, Any]


class _Lookup:
    """One name lookup that several callers may wait for."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.addresses: list[Address] = []
        self.error: OSError | None = None


_lookups: dict[tuple[str, int], _Lookup] = {}
_lookups_lock = threading.Lock()


def resolve(host: str, port: int, deadline: float) -> list[Address]:
    """The addresses of `host` as (family, socket address), in the system's order.

    The system's resolver cannot be interrupted, so names are looked up in a daemon thread, one per name at a time, which is
    left to itself at the deadline (TimeoutError).
    """
    try:
        return _addresses(host, port, socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        pass  # not an address but a name
    with _lookups_lock:
        lookup = _lookups.get((host, port))
        if lookup is None:
            lookup = _lookups[(host, port)] = _Lookup()
            threading.Thread(target=_look_up, args=(host, port, lookup), name="lookup", daemon=True).start()
    if not lookup.done.wait(max(0.0, deadline - time.monotonic())):
        raise FetchError(
            f"The name {host} could not be looked up in time: the name server does not answer.", kind="timeout"
        )
    if lookup.error is not None:
        raise lookup.error
    return lookup.addresses


def _look_up(host: str, port: int, lookup: _Lookup) -> None:
    """Run one lookup and hand its result to all who wait."""
    try:
        lookup.addresses = _addresses(host, port, 0)
    except OSError as error:
        lookup.error = error
    except UnicodeError:
        lookup.error = socket.gaierror(socket.EAI_NONAME, "the name has an empty or too long part")
    finally:
        with _lookups_lock:
            _lookups.pop((host, port), None)
        lookup.done.set()


def _addresses(host: str, port: int, flags: int) -> list[Address]:
    """Ask the system."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(int(family), address) for family, _, _, _, address in found]
