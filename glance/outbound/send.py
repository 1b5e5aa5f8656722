"""Sending one request on a pooled connection and reading its answer whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPException
from threading import Lock

from urllib3 import HTTPHeaderDict
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from glance.errors import FetchError
from glance.guard import Guard
from glance.outbound.answer import Answer
from glance.outbound.ask import Ask
from glance.outbound.faults import from_exception
from glance.outbound.memory import Bodies, Kept
from glance.outbound.wire import Connection, Pool

_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_UNDONE = frozenset({"gzip", "x-gzip", "deflate", "identity", ""})
_OWN_CONDITION = frozenset({"if-none-match", "if-modified-since", "range"})


class Sender:
    """Connections and kept bodies, shared by all fetches."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._pool = Pool()
        self._bodies = Bodies()
        self._running: set[Connection] = set()
        self._lock = Lock()
        self._closed = False

    def send(self, ask: Ask) -> Answer:
        """Ask whether a kept body still holds, where there is one; keep what can be asked for so."""
        if ask.method != "GET" or _OWN_CONDITION & {name.lower() for name in ask.headers}:
            return self._send(ask)
        key = ask.fingerprint()
        kept = self._bodies.get(key)
        answer = self._send(replace(ask, headers={**ask.headers, **kept.validators}) if kept else ask)
        if kept and answer.status == 304:
            return _confirmed(answer, kept)
        if answer.status == 200:
            self._bodies.put(key, answer.headers, answer.body)
        return answer

    def close(self) -> None:
        """End running requests at once, refuse further ones, close idle connections; may be called twice."""
        self._closed = True
        with self._lock:
            running = list(self._running)
        for conn in running:
            conn.abort()
        self._pool.close()

    def _send(self, ask: Ask) -> Answer:
        """Use an idle connection if there is one; one that the server had closed meanwhile is replaced, once.

        Requests that must not be repeated always get a new connection.
        """
        see = self._seen_by(ask)
        fresh = Connection(ask.target, ask.tls, see)
        conn = self._pool.take(fresh.key) if ask.method in _REPEATABLE else None
        if conn is not None and conn.peer:
            # Another fetch opened it, by its own rules; the name may lead elsewhere by now, or was never agreed to lead there.
            try:
                see(ask.target.host, conn.peer)
            except FetchError:
                conn.close()
                raise
        if conn is not None:
            try:
                return self._on(conn, ask)
            except _StaleConnection:
                pass  # the server had closed it while it was idle; the same request goes out on a new one
        return self._on(fresh, ask)

    def _on(self, conn: Connection, ask: Ask) -> Answer:
        """Send on this connection and read the answer."""
        head: BaseHTTPResponse | None = None
        with self._known(conn):
            try:
                if self._closed:
                    raise FetchError("Glance is stopping.", kind="source")
                conn.arm(ask.deadline)
                headers = ask.wire_headers()
                conn.request(ask.method, ask.target.path, body=ask.body, headers=headers, preload_content=False)
                head = conn.getresponse()
                answer = _read(head, ask)
            except (FetchError, OSError, HTTPException, HTTPError, ValueError) as error:
                if head is not None:
                    head.close()
                conn.close()
                if self._closed:
                    raise FetchError("Glance is stopping.", kind="source") from error
                if conn.reused and head is None and isinstance(error, ConnectionError):
                    raise _StaleConnection from error
                raise from_exception(error, ask.target, ask.budget_s, head_came=head is not None) from error
        if conn.is_closed or self._closed:
            conn.close()
        else:
            self._pool.give(conn)
        return answer

    def _seen_by(self, ask: Ask) -> Guard:
        """Both guards in one: that of all requests, then that of this fetch."""

        def check(host: str, address: str) -> None:
            self._guard(host, address)
            if ask.guard is not None:
                ask.guard(host, address)

        return check

    @contextmanager
    def _known(self, conn: Connection) -> Iterator[None]:
        """Know a connection while it is used, so that close() can end it."""
        with self._lock:
            self._running.add(conn)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(conn)


class _StaleConnection(Exception):
    """An idle connection turned out to be closed by the server."""


def _read(head: BaseHTTPResponse, ask: Ask) -> Answer:
    """Read the body, decoded, up to the limit."""
    host = ask.target.host
    encodings = head.headers.get("content-encoding", "").lower().replace(" ", "").split(",")
    if not set(encodings) <= _UNDONE:
        raise FetchError(f"{host} compressed its answer in a way that was not asked for.", kind="format")
    parts: list[bytes] = []
    size_bytes = 0
    while part := head.read(65536):
        size_bytes += len(part)
        if size_bytes > ask.max_bytes:
            raise FetchError(f"{host} sent more than {_size(ask.max_bytes)}.", kind="too_big")
        parts.append(part)
    return Answer(head.status, ask.target.url, head.headers, b"".join(parts), 0.0, host)


def _confirmed(answer: Answer, kept: Kept) -> Answer:
    """A 304 as the answer it stands for."""
    headers = HTTPHeaderDict(kept.headers)
    headers.update(answer.headers)
    return replace(answer, status=200, headers=headers, body=kept.body, not_modified=True)


def _size(size_bytes: int) -> str:
    """A limit as it is read."""
    return f"{size_bytes / 1_000_000:g} MB" if size_bytes >= 1_000_000 else f"{size_bytes / 1000:g} KB"
