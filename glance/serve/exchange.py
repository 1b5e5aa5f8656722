"""One request and its answer on a thread: gunicorn's HTTP/1 parser and writer around the WSGI application.

gunicorn gives what is hard to get right, the reading of hostile requests; its processes, workers and signals are not used.
"""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from gunicorn.config import Config
from gunicorn.http import errors, wsgi
from gunicorn.http.body import LengthReader
from gunicorn.http.parser import RequestParser

from glance.serve.connection import ClientLost, Connection, Incoming, Outgoing
from glance.serve.patience import Patience, Wait
from glance.serve.websocket import INTERNAL_ERROR, SERVICE_RESTART, WebSocketSocket, handshake_fault

log = logging.getLogger(__name__)

BODY_S = 60.0
SLOW_RETRY_S = 10
# More of a chunked body is not taken; it is above any limit of the application, which then answers 413.
CHUNKED_BODY_BYTES = (5 << 20) + 1
# As on every answer of the application; a sentence needs nothing that a browser could load.
GUARDS = (
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\nX-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: same-origin\r\nCache-Control: private, no-store\r\n"
)
REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Outcome(Enum):
    """What becomes of the connection after an answer."""

    KEEP = "keep"  # the next request may follow
    CLOSE = "close"  # nothing may follow
    TAKEN = "taken"  # it was a websocket, which is over now


def parser_config() -> Config:
    """How strictly requests are read: no header is trusted to change the scheme, the path or the peer."""
    cfg = Config()
    cfg.set("limit_request_line", 8190)
    cfg.set("limit_request_fields", 100)
    cfg.set("limit_request_field_size", 8190)
    cfg.set("forwarded_allow_ips", "")
    cfg.set("secure_scheme_headers", {})
    cfg.set("forwarder_headers", "")
    cfg.set("errorlog", "-")
    return cfg


def plain_response(status: int, sentence: str, retry_s: int = SLOW_RETRY_S) -> bytes:
    """A whole response of one sentence, after which the connection ends; `retry_s` goes with 503."""
    body = f"{sentence}\n".encode()
    later = f"Retry-After: {retry_s}\r\n" if status == 503 else ""
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nConnection: close\r\n{GUARDS}{later}"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def refusal(error: Exception) -> bytes:
    """The response to a request that the parser refuses; never repeats what was sent."""
    if isinstance(error, errors.LimitRequestHeaders):
        return plain_response(431, "The request's headers are too long.")
    if isinstance(error, errors.LimitRequestLine):
        return plain_response(414, "The request's address is too long.")
    if isinstance(error, errors.UnsupportedTransferCoding):
        return plain_response(501, "This transfer coding is not supported.")
    if isinstance(error, errors.ExpectationFailed):
        return plain_response(417, "Only Expect: 100-continue is supported.")
    return plain_response(400, "The request cannot be read.")


class Exchange:
    """Answers requests with the application; one for the whole process, used by many threads at once."""

    def __init__(self, app: WsgiApp, patience: Patience) -> None:
        self._app = app
        self._patience = patience
        self._cfg = parser_config()
        self.closing = False

    def answer(self, connection: Connection, websocket: WebSocketSocket | None = None) -> Outcome:
        """Read the request in the connection's buffer, and queue the whole answer.

        `websocket` is given where this thread may become a websocket's. ClientLost where the client is gone.
        """
        wait = Wait(self._patience, connection.peer[0])
        try:
            return self._answer(connection, websocket, wait)
        finally:
            wait.over()

    def _answer(self, connection: Connection, websocket: WebSocketSocket | None, wait: Wait) -> Outcome:
        incoming = Incoming(connection, connection.take_request(), time.monotonic() + BODY_S, wait)
        try:
            request = next(self._parser(incoming, connection))
        except errors.ParseException as error:
            log.debug("a request from %s was refused: %s", connection.peer[0], type(error).__name__)
            connection.queue(refusal(error))
            return Outcome.CLOSE
        except (OSError, StopIteration):
            connection.queue(plain_response(400, "The request ends too early."))
            return Outcome.CLOSE
        if request.version >= (1, 1) and not any(name == "HOST" for name, _ in request.headers):
            # RFC 9112 3.2
            connection.queue(plain_response(400, "The request lacks the header Host."))
            return Outcome.CLOSE
        outcome = self._respond(request, connection, incoming, Outgoing(connection, wait), websocket)
        if outcome is Outcome.KEEP:
            connection.put_back(incoming.rest())
        return outcome

    def _parser(self, incoming: Incoming, connection: Connection) -> RequestParser:
        parser = RequestParser(self._cfg, (), connection.peer)
        parser.unreader = incoming
        return parser

    def _respond(
        self,
        request: Any,
        connection: Connection,
        incoming: Incoming,
        out: Outgoing,
        websocket: WebSocketSocket | None,
    ) -> Outcome:
        """Call the application and queue what it answers."""
        began = time.perf_counter()
        response, environ = wsgi.create(request, out, connection.peer, connection.local, self._cfg)
        response.version = "Glance"
        # the application asks this where a body breaks off
        environ["glance.given_up"] = lambda: incoming.given_up
        fault = self._complete(environ, request) or self._upgrade(environ, response, websocket)
        if fault:
            connection.queue(plain_response(*(incoming.given_up or (400, fault))))
            return Outcome.CLOSE
        if websocket:
            # it may stay for hours, and its handler waits for its client in a way of its own
            incoming.is_through()
        try:
            self._write(environ, request, response, incoming)
        except StopIteration:
            # flask-sock's way of saying that the connection was a websocket and is through
            return Outcome.TAKEN
        except ClientLost:
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            if out.started:
                raise ClientLost from None
            out.forget()
            out.sendall(plain_response(500, "Glance could not answer this request; its log says why."))
            response.force_close()
        if websocket and websocket.is_open:
            # at the end of Glance a handler may well fail, because what it reads from is closed already
            websocket.fail(SERVICE_RESTART if self.closing else INTERNAL_ERROR)
            return Outcome.TAKEN
        out.finish()
        log.debug(
            "%s %s %s %.1f ms", request.method, request.path, response.status, (time.perf_counter() - began) * 1000
        )
        return Outcome.CLOSE if response.should_close() else Outcome.KEEP

    def _complete(self, environ: dict[str, Any], request: Any) -> str | None:
        """Give the environ what gunicorn's lacks here; a sentence where the body is nonsense.

        A chunked body is read before the application runs, and given a length, so that the application's own limit holds:
        frameworks cut a body of unknown length off at their limit and take the rest for the whole.
        """
        environ["wsgi.multithread"] = True
        del environ["wsgi.input_terminated"], environ["gunicorn.socket"]
        # a websocket must not compress each message: 164 KB of memory each instead of 63
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        if isinstance(request.body.reader, LengthReader):
            return None
        try:
            body = request.body.read(CHUNKED_BODY_BYTES)
        except (OSError, errors.ParseException):
            return "The request's body is not what its headers announce."
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        del environ["HTTP_TRANSFER_ENCODING"]
        return None

    def _upgrade(self, environ: dict[str, Any], response: Any, websocket: WebSocketSocket | None) -> str | None:
        """Prepare the environ of a request that would become something else; a sentence where it may not."""
        if "HTTP_UPGRADE" not in environ:
            return None
        if websocket is None or environ["HTTP_UPGRADE"].lower() != "websocket":
            del environ["HTTP_UPGRADE"]
            return None
        environ["gunicorn.socket"] = websocket
        response.force_close()
        return handshake_fault(environ)

    def _write(self, environ: dict[str, Any], request: Any, response: Any, incoming: Incoming) -> None:
        """Run the application and write what it yields."""
        pieces = self._app(environ, response.start_response)
        try:
            # of a body that broke off gunicorn's reader counts what it asked for, not what came: the rest is no request
            if self.closing or incoming.given_up or not _is_read(request, incoming):
                response.force_close()
            for piece in pieces:
                response.write(piece)
            response.close()
        finally:
            close = getattr(pieces, "close", None)
            if close:
                close()


def _is_read(request: Any, incoming: Incoming) -> bool:
    """True where nothing of the request's body is left, so that another request may follow."""
    reader = request.body.reader
    if not isinstance(reader, LengthReader):
        return bool(reader.parser is None)
    if reader.length <= len(incoming.rest()):
        # gathered and not wanted by the application: skipped without waiting
        reader.read(reader.length)
    return bool(reader.length == 0)
