"""The waiting room: every connection that no thread works for, armed in the epoll, with the oldest sent away when it is full."""

from __future__ import annotations

import logging
import select
import threading

from glance.serve.connection import Connection, Phase

log = logging.getLogger(__name__)


class WaitingRoom:
    """Which connections exist and which of them wait; safe for any number of threads.

    A connection belongs to the room from `arm` until `take`, `expired` or an eviction hands it over, and to one thread otherwise.
    """

    def __init__(self, epoll: select.epoll, limit: int, heads_per_address: int) -> None:
        self._epoll = epoll
        self._limit = limit
        self._heads_per_address = heads_per_address
        self._lock = threading.Lock()
        self._all: set[Connection] = set()
        self._armed: dict[int, Connection] = {}
        # address -> descriptors that wait for a request's head, oldest first
        self._heads: dict[str, dict[int, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, connection: Connection) -> bool:
        """Take in a new connection, sending away the longest waiting one where it is full; False where none can go."""
        if len(self._heads.get(connection.peer[0], ())) >= self._heads_per_address:
            self._evict_from(connection.peer[0])
        if len(self._all) >= self._limit and not self.evict():
            log.warning("all %s connections are in use; one more was refused", self._limit)
            connection.close()
            return False
        with self._lock:
            self._all.add(connection)
            self._epoll.register(connection.fd, 0)
        return True

    def arm(self, connection: Connection, mask: int) -> None:
        """Let the connection wait for `mask`."""
        with self._lock:
            self._armed[connection.fd] = connection
            if connection.phase is Phase.HEAD:
                self._heads.setdefault(connection.peer[0], {})[connection.fd] = None
            try:
                self._epoll.modify(connection.fd, mask)
            except (OSError, ValueError):
                # the room was emptied meanwhile: the server stops
                self._remove(connection)

    def take(self, fd: int) -> Connection | None:
        """Hand over the waiting connection of this descriptor; None where another had it first."""
        with self._lock:
            connection = self._armed.get(fd)
            if connection:
                self._unlist(connection)
            return connection

    def expired(self, now: float) -> list[Connection]:
        """Hand over all that waited beyond their time (time.monotonic())."""
        with self._lock:
            found = [connection for connection in self._armed.values() if connection.until < now]
            for connection in found:
                self._unlist(connection)
        return found

    def close(self, connection: Connection) -> None:
        """Close a connection that the caller owns."""
        with self._lock:
            self._remove(connection)

    def forget(self, connection: Connection) -> None:
        """Leave a connection that became a websocket to its thread, open."""
        with self._lock:
            self._all.discard(connection)
            self._epoll.unregister(connection.fd)

    def evict(self) -> bool:
        """Close the longest waiting of the address with most unfinished requests, else the longest idle; False if none waits."""
        with self._lock:
            crowded = max(self._heads, key=lambda address: len(self._heads[address]), default=None)
        if crowded is not None and self._evict_from(crowded):
            return True
        with self._lock:
            oldest = next((c for c in self._armed.values() if c.phase is Phase.IDLE), None)
            if oldest:
                self._remove(oldest)
            return oldest is not None

    def close_waiting(self) -> None:
        """Close all that wait for a request or for the client's end; answers on their way may finish."""
        with self._lock:
            for connection in [c for c in self._armed.values() if c.phase is not Phase.FLUSH]:
                self._remove(connection)

    def close_all(self) -> None:
        """Close every connection, waiting or not."""
        with self._lock:
            for connection in list(self._all):
                self._remove(connection)

    def _evict_from(self, address: str) -> bool:
        with self._lock:
            fd = next(iter(self._heads.get(address, ())), None)
            if fd is None:
                return False
            self._remove(self._armed[fd])
            return True

    def _unlist(self, connection: Connection) -> None:
        self._armed.pop(connection.fd, None)
        heads = self._heads.get(connection.peer[0])
        if heads is not None:
            heads.pop(connection.fd, None)
            if not heads:
                del self._heads[connection.peer[0]]

    def _remove(self, connection: Connection) -> None:
        if connection in self._all:
            self._all.discard(connection)
            if self._armed.get(connection.fd) is connection:
                self._unlist(connection)
            connection.close()
