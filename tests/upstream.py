"""A real HTTP server on loopback for tests: every way an upstream can behave, each by one call.

    with Upstream() as up:
        up.json("/state", {"value": 1})
        ... up.url("/state") ...
        assert up.count("/state") == 1

Handlers run in threads; whatever waits ends at once when the server stops. Requests that came are in `up.seen`.
"""

from __future__ import annotations

import gzip
import hashlib
import json as jsonlib
import socket
import ssl
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.waiting import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came; header names in lower case."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    at: float

    def json(self) -> Any:
        """The request's body as JSON."""
        return jsonlib.loads(self.body)


@dataclass(slots=True)
class Reply:
    """What to answer. `chunks` are sent one by one (chunked), `every_s` apart; `raw` replaces the whole answer, head included."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    chunks: Iterator[bytes] | None = None
    every_s: float = 0.0
    raw: Iterator[bytes] | None = None


Handler = Callable[[Seen], Reply]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate for localhost and 127.0.0.1: the files to serve it, and its SHA-256 as hex."""

    cert_file: str
    key_file: str
    sha256: str


class Upstream:
    """The server; use it as a context manager, or call start() and stop()."""

    def __init__(self, host: str = "127.0.0.1", *, tls: Certificate | None = None, unix: str | None = None) -> None:
        self.host = host
        self.seen: list[Seen] = []
        self.connections = 0
        self.inflight = 0
        self.max_inflight = 0
        self.stopping = threading.Event()
        self._tls = tls
        self._unix = unix
        self._routes: dict[str, Handler] = {}
        self._lock = threading.Lock()
        self._server = _Server(self, (host, 0), unix)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="upstream", daemon=True
        )

    # ---- running
    def start(self) -> Upstream:
        """Serve in a thread."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving, cut every open connection; may be called twice."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.cut()
        self._thread.join(PATIENCE_S)

    def cut_connections(self) -> None:
        """Close every open connection, as a restart of the upstream does; go on serving."""
        self._server.cut()

    def __enter__(self) -> Upstream:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def url(self, path: str = "/", host: str | None = None) -> str:
        """The address of `path`; through another name of this computer with `host`."""
        if self._unix:
            return f"unix:{self._unix}:{path}"
        return f"{'https' if self._tls else 'http'}://{host or self.host}:{self.port}{path}"

    def wrap(self, connection: socket.socket) -> socket.socket:
        """TLS around an accepted connection where this server speaks it."""
        if self._tls is None:
            return connection
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._tls.cert_file, self._tls.key_file)
        return context.wrap_socket(connection, server_side=True)

    # ---- what came
    def count(self, path: str | None = None) -> int:
        """How many requests came, all or for one path (without query)."""
        with self._lock:
            return sum(1 for request in self.seen if path is None or request.path == path)

    def last(self, path: str | None = None) -> Seen:
        """The latest request, of all or for one path."""
        with self._lock:
            return next(request for request in reversed(self.seen) if path is None or request.path == path)

    def forget(self) -> None:
        """Start counting anew."""
        with self._lock:
            self.seen.clear()
            self.max_inflight = 0

    def take(self, request: Seen) -> Reply:
        """The reply to one request; 404 where nothing was said about its path."""
        with self._lock:
            self.seen.append(request)
            handler = self._routes.get(request.path) or self._routes.get("*")
        return handler(request) if handler else Reply(404, b'{"error": "nothing here"}')

    def busy(self, change: int) -> None:
        """Count requests in flight."""
        with self._lock:
            self.inflight += change
            self.max_inflight = max(self.max_inflight, self.inflight)

    # ---- what to answer; `path` "*" is every path not named
    def handle(self, path: str, handler: Handler) -> None:
        """Answer with what `handler` returns."""
        self._routes[path] = handler

    def answer(
        self,
        path: str,
        body: bytes | str = b"",
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        content_type: str = "text/plain; charset=utf-8",
        delay_s: float = 0.0,
    ) -> None:
        """Always the same answer."""
        data = body.encode() if isinstance(body, str) else body
        heads = {"Content-Type": content_type, **(headers or {})}
        self.handle(path, lambda request: Reply(status, data, dict(heads), delay_s))

    def json(
        self,
        path: str,
        data: Any,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        delay_s: float = 0.0,
    ) -> None:
        """Always this JSON."""
        self.answer(
            path, jsonlib.dumps(data), status=status, headers=headers, content_type="application/json", delay_s=delay_s
        )

    def html(self, path: str, *, status: int = 200) -> None:
        """A web page where data is expected."""
        page = "<!doctype html><html><head><title>Sign in</title></head><body>Sign in</body></html>"
        self.answer(path, page, status=status, content_type="text/html; charset=utf-8")

    def sequence(self, path: str, replies: list[Reply]) -> None:
        """One reply after the other; the last one stays."""
        rest = list(replies)
        lock = threading.Lock()

        def handler(request: Seen) -> Reply:
            with lock:
                return rest.pop(0) if len(rest) > 1 else rest[0]

        self.handle(path, handler)

    def hang(self, path: str) -> None:
        """Take the request and never answer (until the server stops)."""
        self.answer(path, delay_s=3600)

    def hold(self, path: str, release: threading.Event, data: Any = None) -> None:
        """Answer JSON only once `release` is set."""

        def handler(request: Seen) -> Reply:
            while not release.wait(0.02) and not self.stopping.is_set():
                pass
            return Reply(200, jsonlib.dumps(data).encode(), {"Content-Type": "application/json"})

        self.handle(path, handler)

    def drip(self, path: str, *, every_s: float = 0.05, chunk: bytes = b" ") -> None:
        """An answer that begins at once and never ends, one small piece at a time."""
        self.handle(path, lambda request: Reply(chunks=_endless(chunk), every_s=every_s))

    def slow_head(self, path: str, *, every_s: float = 0.05) -> None:
        """A head that never ends, one byte at a time."""
        self.handle(path, lambda request: Reply(raw=_slow_head(), every_s=every_s))

    def raw(self, path: str, data: bytes) -> None:
        """These very bytes instead of an HTTP answer, then the connection closes."""
        self.handle(path, lambda request: Reply(raw=iter([data])))

    def close_early(self, path: str) -> None:
        """Close the connection without a word."""
        self.raw(path, b"")

    def stream(self, path: str, *, size_bytes: int = 200_000_000) -> None:
        """A very long answer, chunked, as fast as it is read."""
        block = b"x" * 65536
        self.handle(path, lambda request: Reply(chunks=(block for _ in range(size_bytes // len(block)))))

    def gzip_bomb(self, path: str, *, size_bytes: int = 200_000_000) -> None:
        """A small gzip body that unpacks to `size_bytes`."""
        packed = _bomb(size_bytes)
        self.answer(path, packed, headers={"Content-Encoding": "gzip"}, content_type="application/json")

    def gzipped(self, path: str, data: Any) -> None:
        """JSON sent gzipped."""
        packed = gzip.compress(jsonlib.dumps(data).encode())
        self.answer(path, packed, headers={"Content-Encoding": "gzip"}, content_type="application/json")

    def redirect(self, path: str, to: str, *, status: int = 302) -> None:
        """Send on to another address."""
        self.answer(path, status=status, headers={"Location": to})

    def endless_redirect(self, path: str) -> None:
        """Send on to itself for ever."""
        self.redirect(path, path)

    def nan(self, path: str) -> None:
        """JSON as some programs write it, with a NaN."""
        self.answer(path, b'{"value": NaN}', content_type="application/json")

    def etag(self, path: str, data: Any, tag: str = '"v1"') -> None:
        """JSON with an ETag; 304 for whoever has it."""
        body = jsonlib.dumps(data).encode()

        def handler(request: Seen) -> Reply:
            if request.headers.get("if-none-match") == tag:
                return Reply(304, b"", {"ETag": tag})
            return Reply(200, body, {"ETag": tag, "Content-Type": "application/json"})

        self.handle(path, handler)


class _Server(ThreadingHTTPServer):
    """Accepts for one Upstream and knows every open connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: Upstream, address: tuple[str, int], unix: str | None) -> None:
        self.upstream = upstream
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        if unix:
            self.address_family = socket.AF_UNIX
            super().__init__(unix, _Exchange)  # type: ignore[arg-type]
        else:
            super().__init__(address, _Exchange)

    def server_bind(self) -> None:
        """Bind without the reverse name lookup of the standard server."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "upstream", 0

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Speak TLS where wanted, in the connection's own thread, and serve."""
        try:
            request = self.upstream.wrap(request)
        except (ssl.SSLError, OSError):
            return
        with self._guard:
            self.upstream.connections += 1
            self._open.add(request)
        try:
            super().finish_request(request, client_address or ("unix", 0))
        finally:
            with self._guard:
                self._open.discard(request)
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients of these tests hang up in every way; that is no failure of the server."""

    def cut(self) -> None:
        """Shut every open connection."""
        with self._guard:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class _Exchange(BaseHTTPRequestHandler):
    """Reads a request, asks the Upstream, writes the reply."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = False
    server: _Server

    def handle_one_request(self) -> None:
        """Read and answer one request, whatever its method."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        upstream = self.server.upstream
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, parts.path, parse_qs(parts.query), headers, body, time.time())
        upstream.busy(+1)
        try:
            reply = upstream.take(seen)
            if reply.delay_s:
                upstream.stopping.wait(reply.delay_s)
            self._send(reply)
        finally:
            upstream.busy(-1)
        self.wfile.flush()

    def _send(self, reply: Reply) -> None:
        """Write the reply in the form it asks for."""
        if reply.raw is not None:
            self.close_connection = True
            self._pieces(reply.raw, reply.every_s)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunks is not None:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._pieces((b"%x\r\n%s\r\n" % (len(piece), piece) for piece in reply.chunks), reply.every_s)
            self.wfile.write(b"0\r\n\r\n")
            return
        if reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def _pieces(self, pieces: Iterator[bytes], every_s: float) -> None:
        """Send piece after piece until the client leaves or the server stops."""
        for piece in pieces:
            self.wfile.write(piece)
            if self.server.upstream.stopping.wait(every_s):
                return

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _endless(piece: bytes) -> Iterator[bytes]:
    """The same piece for ever."""
    while True:
        yield piece


def _slow_head() -> Iterator[bytes]:
    """A status line, then one header that never ends."""
    yield b"HTTP/1.1 200 OK\r\nX-Slow: "
    yield from _endless(b"a")


@lru_cache(maxsize=4)
def _bomb(size_bytes: int) -> bytes:
    """`size_bytes` spaces, gzipped, made without holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b" " * 1_000_000
    return b"".join(packer.compress(block) for _ in range(size_bytes // len(block))) + packer.flush()


def refused_port(host: str = "127.0.0.1") -> int:
    """A port where nothing listens."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@lru_cache(maxsize=4)
def self_signed(name: str = "localhost", *, expired: bool = False) -> Certificate:
    """A fresh self-signed certificate for `name` and 127.0.0.1, valid now unless `expired`."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - heavy, and only the TLS tests need it
    from ipaddress import ip_address  # noqa: PLC0415

    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    end = datetime.now(UTC) + timedelta(days=-1 if expired else 30)
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name == "localhost":
        names.append(x509.IPAddress(ip_address("127.0.0.1")))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=60))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = Path(tempfile.mkdtemp(prefix="upstream-tls-"))
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    return Certificate(str(cert_file), str(key_file), hashlib.sha256(der).hexdigest())
