"""Pictures of other hosts, shown through Glance: fetched once, checked, kept on disk, served from this host.

A page of Glance loads nothing from elsewhere (its Content-Security-Policy), and the hosts of pictures learn nothing of who
looks. Addresses are signed, so nobody can make Glance fetch what no card asked for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import secrets
import threading
import time
from binascii import Error as BadBase64
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from glance.addresses import web_address
from glance.errors import FetchError, NotFound, Unavailable
from glance.sources import HttpClient

log = logging.getLogger(__name__)

MAX_BYTES = 2_000_000
MAX_STORED_BYTES = 64_000_000
FRESH_S = 7 * 86_400.0
FAILURE_S = 600.0
TIMEOUT_S = 8.0
AT_ONCE = 8
REMEMBERED_FAILURES = 500
TOUCH_S = 3600.0

_TAG_BYTES = 16
_GONE = "This picture is not available."


class Clients(Protocol):
    """What gives out HTTP clients, one for each fetch (glance.outbound.Outbound)."""

    def client(self, deadline: float, secrets: tuple[str, ...], now: Callable[[], float]) -> HttpClient:
        """A client that ends by `deadline` (time.monotonic())."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A checked picture: its bytes, its media type by its first bytes, and a name that changes with its content."""

    body: bytes
    media_type: str
    etag: str


@dataclass(slots=True)
class _Stored:
    """A file of the store: how big, when it was last used and when it was fetched (Unix seconds)."""

    size_bytes: int
    used_at: float
    fetched_at: float


class Images:
    """The store of pictures. Threads may call `get` at once: each picture is fetched by one of them, the others wait."""

    def __init__(
        self, data_folder: Path, outbound: Clients, clock: Callable[[], float] = time.time, base: str = ""
    ) -> None:
        self._base = base
        self._folder = data_folder / "images"
        self._key_file = data_folder / "image.key"
        self._outbound = outbound
        self._clock = clock
        self._lock = threading.Lock()
        self._key: bytes | None = None
        self._stored: OrderedDict[str, _Stored] | None = None
        self._failed: OrderedDict[str, float] = OrderedDict()
        self._running: dict[str, threading.Event] = {}
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def address(self, url: object) -> str:
        """The path under which Glance shows the picture at `url`; "" for what is no http or https address.

        The path begins with `base`, the one that Glance is served under (GLANCE_PUBLIC_URL), without a slash at its end.
        """
        found = web_address(url) if isinstance(url, str) else None
        if not found:
            return ""
        raw = found.encode("utf-8")
        return f"{self._base}/image/" + _text(self._sign(raw) + raw)

    def get(self, key: str) -> Picture:
        """The picture of an address made here; NotFound for any other, and for 10 minutes after its host failed.

        Unavailable where too many others are being fetched.
        """
        url = self._read(key)
        name = hashlib.sha256(url.encode("utf-8")).hexdigest()[:40]
        while True:
            with self._lock:
                stored = self._files().get(name)
                if stored is not None and self._clock() - stored.fetched_at < FRESH_S:
                    picture = self._load(name, stored)
                    if picture is not None:
                        return picture
                if self._clock() - self._failed.get(name, -FAILURE_S) < FAILURE_S:
                    return self._old_or_gone(name)
                running = self._running.get(name)
                if running is None:
                    running = self._running[name] = threading.Event()
                    break
            if not running.wait(TIMEOUT_S + 1):
                raise NotFound(_GONE)
        try:
            return self._fetch(url, name)
        finally:
            with self._lock:
                self._running.pop(name, None)
            running.set()

    # ---- addresses

    def _sign(self, raw: bytes) -> bytes:
        """The signature of an address."""
        with self._lock:
            if self._key is None:
                self._key = self._load_key()
            key = self._key
        return hmac.digest(key, raw, "sha256")[:_TAG_BYTES]

    def _load_key(self) -> bytes:
        """The key from the data folder; made, readable by the owner only, where there is none."""
        try:
            key = self._key_file.read_bytes()
            if len(key) == 32:
                return key
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("the key of picture addresses cannot be read from %s: %s", self._key_file, error.strerror)
        key = secrets.token_bytes(32)
        spare = self._key_file.with_suffix(f".{secrets.token_hex(4)}")
        try:
            self._key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(key)
            os.replace(spare, self._key_file)
        except OSError as error:
            log.warning("the key of picture addresses lasts until the next start only: %s", error.strerror)
        return key

    def _read(self, key: str) -> str:
        """The address in a key; NotFound where the signature is not ours."""
        try:
            blob = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
        except (BadBase64, ValueError):
            raise NotFound(_GONE) from None
        tag, raw = blob[:_TAG_BYTES], blob[_TAG_BYTES:]
        if not raw or not hmac.compare_digest(tag, self._sign(raw)):
            raise NotFound(_GONE)
        return raw.decode("utf-8")

    # ---- fetching

    def _fetch(self, url: str, name: str) -> Picture:
        """Fetch, check and keep; a failure is remembered, and an old picture is better than none."""
        if not self._places.acquire(timeout=TIMEOUT_S / 2):
            raise Unavailable("Too many pictures are being fetched right now.")
        try:
            client = self._outbound.client(time.monotonic() + TIMEOUT_S, (), self._clock)
            answer = client.request("GET", url, headers={"Accept": "image/*"}, timeout_s=TIMEOUT_S, max_bytes=MAX_BYTES)
            media_type = kind_of(answer.body)
            if media_type is None:
                raise FetchError("The answer is not a picture of a known kind.", kind="format")
        except FetchError as error:
            log.debug("a picture could not be fetched: %s", error.kind)
            with self._lock:
                self._failed[name] = self._clock()
                self._failed.move_to_end(name)
                while len(self._failed) > REMEMBERED_FAILURES:
                    self._failed.popitem(last=False)
                return self._old_or_gone(name)
        finally:
            self._places.release()
        with self._lock:
            self._failed.pop(name, None)
            self._keep(name, answer.body)
        return _picture(answer.body, media_type)

    def _old_or_gone(self, name: str) -> Picture:
        """The picture as it once was, or NotFound; with the lock held."""
        stored = self._files().get(name)
        picture = self._load(name, stored) if stored else None
        if picture is None:
            raise NotFound(_GONE)
        return picture

    # ---- the files, with the lock held

    def _files(self) -> OrderedDict[str, _Stored]:
        """What is stored, least recently used first; read from the folder once."""
        if self._stored is None:
            found = []
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                for entry in os.scandir(self._folder):
                    if entry.name.endswith(".part"):
                        os.unlink(entry.path)
                    elif entry.is_file():
                        facts = entry.stat()
                        found.append((entry.name, _Stored(facts.st_size, facts.st_atime, facts.st_mtime)))
            except OSError as error:
                log.warning("pictures cannot be stored in %s: %s", self._folder, error.strerror)
            self._stored = OrderedDict(sorted(found, key=lambda pair: pair[1].used_at))
        return self._stored

    def _load(self, name: str, stored: _Stored) -> Picture | None:
        """A stored picture; None (and forgotten) where its file is gone or damaged."""
        path = self._folder / name
        try:
            body = path.read_bytes()
        except OSError:
            body = b""
        media_type = kind_of(body)
        if media_type is None or len(body) != stored.size_bytes:
            self._files().pop(name, None)
            return None
        self._files().move_to_end(name)
        if self._clock() - stored.used_at > TOUCH_S:
            # once an hour is enough to know what was used last, and spares the SD card
            stored.used_at = self._clock()
            os.utime(path, (stored.used_at, stored.fetched_at))
        return _picture(body, media_type)

    def _keep(self, name: str, body: bytes) -> None:
        """Write a picture and drop the least recently used ones above the limit; a full disk keeps nothing and says so."""
        files, now = self._files(), self._clock()
        spare = self._folder / f"{name}.part"
        try:
            spare.write_bytes(body)
            os.utime(spare, (now, now))
            os.replace(spare, self._folder / name)
        except OSError as error:
            log.warning("a picture could not be stored in %s: %s", self._folder, error.strerror)
            return
        files[name] = _Stored(len(body), now, now)
        files.move_to_end(name)
        total = sum(stored.size_bytes for stored in files.values())
        while total > MAX_STORED_BYTES and len(files) > 1:
            oldest, stored = files.popitem(last=False)
            (self._folder / oldest).unlink(missing_ok=True)
            total -= stored.size_bytes


def kind_of(body: bytes) -> str | None:
    """The media type by the first bytes: PNG, JPEG, GIF, WebP or AVIF; None for all else, SVG (which may hold scripts) too."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    if body[4:8] == b"ftyp" and (body[8:12] in (b"avif", b"avis") or b"avif" in body[16:32]):
        return "image/avif"
    return None


def _picture(body: bytes, media_type: str) -> Picture:
    """A picture with its name by content."""
    return Picture(body, media_type, hashlib.sha256(body).hexdigest()[:20])


def _text(raw: bytes) -> str:
    """Bytes as they may stand in an address."""
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
