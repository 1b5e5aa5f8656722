"""The gate: a connection gets a thread only once its request is there, and waits without one otherwise.

All connections wait in one epoll. An event is delivered once (EPOLLONESHOT) to the leading thread of the crew, which reads, answers
where the request is complete, and arms the connection again. So a request needs no queue and mostly no change of threads, and
silent, half-sent, kept-alive and slowly reading connections cost a descriptor and no thread. Websockets get threads of their own,
in a limited number, so that plain requests are always answered.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from dataclasses import dataclass

from glance.serve.connection import ClientLost, Connection, Phase, missing_body
from glance.serve.crew import Crew
from glance.serve.exchange import Exchange, Outcome, WsgiApp, plain_response
from glance.serve.listener import Listener
from glance.serve.patience import Patience
from glance.serve.waiting import WaitingRoom
from glance.serve.websocket import WebSocketSocket, asks_for_socket, full

log = logging.getLogger(__name__)

READ = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT
WRITE = select.EPOLLOUT | select.EPOLLONESHOT
TLS_HANDSHAKE = 0x16


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much the gate waits for; times in seconds."""

    head_s: float = 5.0
    head_bytes: int = 16384
    body_s: float = 15.0
    idle_s: float = 75.0
    flush_s: float = 30.0
    linger_s: float = 10.0
    connections: int = 4096
    heads_per_address: int = 512
    sockets: int = 640
    threads_min: int = 2
    threads_max: int = 256
    thread_idle_s: float = 60.0


class Gate:
    """Accepts connections on a listener and has an application answer them, until stopped."""

    def __init__(self, app: WsgiApp, listener: Listener, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._listener = listener
        self._exchange = Exchange(app, Patience(self.limits.threads_max))
        self._epoll = select.epoll()
        self._waiting = WaitingRoom(self._epoll, self.limits.connections, self.limits.heads_per_address)
        self._lock = threading.Lock()
        self._sockets: dict[threading.Thread, WebSocketSocket] = {}
        self._names = 0
        self._stopped = threading.Event()
        self._crew = Crew(
            self._step, self._sweep, self.limits.threads_min, self.limits.threads_max, self.limits.thread_idle_s
        )
        self._port = listener.port
        self._listener_fd = listener.sock.fileno()
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    def counts(self) -> dict[str, int]:
        """How many connections, websockets, threads and running answers there are."""
        return {
            "connections": len(self._waiting),
            "sockets": len(self._sockets),
            "threads": len(self._crew),
            "working": self._crew.working,
        }

    def start(self) -> None:
        """Begin to accept."""
        self._epoll.register(self._wake_fd, select.EPOLLIN)
        self._epoll.register(self._listener.sock.fileno(), READ)
        self._crew.start()

    def _step(self) -> None:
        """Wait for one event and deal with it."""
        fd = self._epoll.poll(None, 1)[0][0]
        if fd == self._listener_fd:
            self._accept()
        elif fd != self._wake_fd:
            connection = self._waiting.take(fd)
            if connection:
                self._guarded(connection)

    def _sweep(self) -> None:
        """Close what waited too long."""
        for connection in self._waiting.expired(time.monotonic()):
            if connection.phase is Phase.HEAD and connection.buffer:
                connection.queue(plain_response(408, "The request did not arrive whole in time."))
                try:
                    connection.flush()
                except ClientLost:
                    log.debug("%s left before its request was whole", connection.peer[0])
            self._waiting.close(connection)

    # -- connections --------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        """Take one new connection; the listener is armed again before it is served."""
        try:
            sock, peer = self._listener.sock.accept()
        except OSError as error:
            if not isinstance(error, BlockingIOError) and not self._exchange.closing:
                # most likely no descriptor is left: one that waits goes for the one that comes
                log.debug("a connection could not be accepted: %s", error)
                if not self._waiting.evict():
                    self._stopped.wait(0.05)
            self._listen_on()
            return
        self._listen_on()
        if self._exchange.closing:
            sock.close()
            return
        sock.setblocking(False)
        connection = Connection(sock, peer[:2], sock.getsockname()[:2])
        connection.limit_s = self.limits.head_s
        connection.until = time.monotonic() + self.limits.head_s
        if self._waiting.admit(connection):
            self._guarded(connection)

    def _listen_on(self) -> None:
        if not self._exchange.closing:
            try:
                self._epoll.modify(self._listener_fd, READ)
            except (OSError, ValueError):
                log.debug("the listener is closed")

    def _guarded(self, connection: Connection) -> None:
        """Deal with an event; whatever goes wrong costs this connection only."""
        try:
            self._advance(connection)
        except ClientLost:
            self._waiting.close(connection)
        except Exception:
            log.exception("a connection from %s failed", connection.peer[0])
            self._waiting.close(connection)

    def _advance(self, connection: Connection) -> None:
        """Do what the connection waited for, then wait again or close."""
        if connection.phase is Phase.FLUSH:
            if self._sent(connection):
                self._consider(connection)
            return
        lingers = connection.phase is Phase.LINGER
        more = connection.discard() if lingers else connection.receive()
        if more is False:
            self._waiting.close(connection)
        elif more is None or lingers:
            self._waiting.arm(connection, READ)
        else:
            self._consider(connection)

    def _consider(self, connection: Connection) -> None:
        """Look at what is there of a request: answer it, refuse it, or wait for the rest."""
        while True:
            head = connection.head()
            if head is None or len(head) > self.limits.head_bytes:
                self._wait_for_head(connection, too_long=head is not None)
                return
            if missing_body(head, len(connection.buffer)):
                self._wait(connection, Phase.HEAD, self.limits.body_s)
                return
            if asks_for_socket(head):
                self._open_socket(connection, head)
                return
            connection.close_after = self._answer(connection) is not Outcome.KEEP
            if not self._sent(connection):
                return

    def _wait_for_head(self, connection: Connection, too_long: bool) -> None:
        """The head is not complete: wait for the rest of it, unless it is too long or no HTTP at all."""
        if connection.buffer[:1] and connection.buffer[0] == TLS_HANDSHAKE:
            log.debug("%s speaks TLS to a plain HTTP port", connection.peer[0])
            self._waiting.close(connection)
        elif too_long or len(connection.buffer) > self.limits.head_bytes:
            connection.take_request()
            connection.queue(plain_response(431, "The request's headers are too long."))
            connection.close_after = True
            self._sent(connection)
        else:
            self._wait(connection, Phase.HEAD, self.limits.head_s)

    def _wait(self, connection: Connection, phase: Phase, limit_s: float) -> None:
        """Arm the connection; the time limit of a phase begins with it and is not prolonged by each byte."""
        if connection.phase is not phase or limit_s != connection.limit_s:
            connection.until = time.monotonic() + limit_s
        connection.phase, connection.limit_s = phase, limit_s
        self._waiting.arm(connection, READ)

    def _sent(self, connection: Connection) -> bool:
        """Send the answer; True where the connection is still this thread's, with a further request begun."""
        if not connection.flush():
            connection.phase = Phase.FLUSH
            connection.until = time.monotonic() + self.limits.flush_s
            self._waiting.arm(connection, WRITE)
            return False
        if connection.close_after:
            connection.half_close()
            self._wait(connection, Phase.LINGER, self.limits.linger_s)
            return False
        if self._stopped.is_set():
            self._waiting.close(connection)
            return False
        connection.phase = Phase.IDLE
        if not connection.buffer:
            self._wait(connection, Phase.IDLE, self.limits.idle_s)
            return False
        return True

    def _answer(self, connection: Connection) -> Outcome:
        """Have the application answer, with another thread at the gate where that takes long."""
        with self._crew.work():
            return self._exchange.answer(connection)

    # -- websockets ---------------------------------------------------------------------------------------------------

    def _open_socket(self, connection: Connection, head: bytes) -> None:
        """Give a websocket its own thread, or refuse it where all are in use."""
        with self._lock:
            self._names += 1
            room = len(self._sockets) < self.limits.sockets and not self._exchange.closing
            thread = threading.Thread(
                target=self._run_socket, args=(connection,), name=f"socket-{self._names}", daemon=True
            )
            if room:
                self._sockets[thread] = WebSocketSocket(connection.sock, lambda: self._waiting.forget(connection))
        if room:
            thread.start()
            return
        connection.take_request()
        connection.queue(full(head) or plain_response(503, "All websockets are in use right now.", retry_s=5))
        connection.close_after = True
        self._sent(connection)

    def _run_socket(self, connection: Connection) -> None:
        """A websocket's thread: it is the handler's until the handler returns."""
        thread = threading.current_thread()
        websocket = self._sockets[thread]
        try:
            connection.close_after = self._exchange.answer(connection, websocket) is not Outcome.KEEP
            if websocket.is_open:
                websocket.finish()
            elif self._sent(connection):
                self._waiting.close(connection)
        except ClientLost:
            self._waiting.close(connection)
        except Exception:
            log.exception("a websocket from %s failed", connection.peer[0])
            self._waiting.close(connection)
        finally:
            with self._lock:
                self._sockets.pop(thread, None)

    # -- the end ------------------------------------------------------------------------------------------------------

    def close_door(self, timeout_s: float) -> None:
        """Accept nothing more, end what only waits, and let running requests finish for `timeout_s`; websockets stay."""
        self._exchange.closing = True
        self._listener.close()
        self._waiting.close_waiting()
        deadline = time.monotonic() + timeout_s
        while self._crew.working and time.monotonic() < deadline:
            self._stopped.wait(0.01)

    def stop(self, timeout_s: float) -> None:
        """End everything that is still open, websockets by force; idempotent."""
        if not self._exchange.closing:
            self.close_door(0.0)
        deadline = time.monotonic() + timeout_s
        while self._sockets and time.monotonic() < deadline - timeout_s / 2:
            self._stopped.wait(0.01)
        with self._lock:
            left = list(self._sockets.values())
        for websocket in left:
            websocket.cut()
        with self._lock:
            if self._stopped.is_set():
                return
            self._stopped.set()
        os.eventfd_write(self._wake_fd, 1)
        self._crew.stop()
        self._crew.join(deadline)
        self._waiting.close_all()
        self._epoll.close()
        os.close(self._wake_fd)
