"""The upstream of a run: JSON on 127.0.0.1 … 127.0.0.31 after a delay, counted. A program: `python -m bench.stub [PORT]`.

GET /w/<n>        {"id": n, "value": "val-<n>-<k>", "num": k}; k = the k-th request for n
GET /p/<n>        the same with 48 points [[t, v], …]
GET /_counts      {"total", "per": {n: count}, "inflight", "peak"}
GET /_set?delay_ms=200&status=200&hang=7     change the answers; hang = one n that is never answered, empty = none
GET /_reset       counters to zero
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlsplit

HOSTS = [f"127.0.0.{number}" for number in range(1, 32)]
TRIES = 20


@dataclass
class Upstream:
    """What it answers, and what was asked."""

    delay_ms: int = 200
    status: int = 200
    hang: str = ""
    total: int = 0
    inflight: int = 0
    peak: int = 0
    per: Counter[str] = field(default_factory=Counter)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        """(status, JSON data or text) of one request."""
        if path in TEXTS:
            return 200, TEXTS[path]()
        if path == "/_counts":
            return 200, {"total": self.total, "per": self.per, "inflight": self.inflight, "peak": self.peak}
        if path == "/_reset":
            self.total, self.peak = 0, 0
            self.per.clear()
            return 200, {}
        if path == "/_set":
            return 200, self._set(query)
        return await self._value(path)

    def _set(self, query: dict[str, list[str]]) -> dict[str, Any]:
        self.delay_ms = int(query.get("delay_ms", [self.delay_ms])[0])
        self.status = int(query.get("status", [self.status])[0])
        if "hang" in query:
            self.hang = query["hang"][0]
            self.released.set()
            self.released = asyncio.Event()
        return {}

    async def _value(self, path: str) -> tuple[int, Any]:
        name = path.rpartition("/")[2]
        self.total += 1
        self.per[name] += 1
        turn = self.per[name]
        self.inflight += 1
        self.peak = max(self.peak, self.inflight)
        try:
            if name == self.hang:
                await self.released.wait()
            elif self.delay_ms:
                await asyncio.sleep(self.delay_ms / 1000)
        finally:
            self.inflight -= 1
        data: dict[str, Any] = {"id": name, "value": f"val-{name}-{turn}", "num": turn}
        if path.startswith("/p/"):
            now = time.time()
            data["rows"] = [{"title": f"Row {n}", "subtitle": "Below", "status": "ok"} for n in range(6)]
            data["points"] = [[round(now - 60 * back), (turn + back * 7) % 23] for back in range(48, 0, -1)]
        return self.status, data


def _feed() -> str:
    items = "".join(
        f"<item><title>Article {n}</title><link>http://127.0.0.1/{n}</link>"
        f"<pubDate>{formatdate(time.time() - n * 3600, usegmt=True)}</pubDate></item>"
        for n in range(5)
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Stub</title>{items}</channel></rss>'


def _calendar() -> str:
    day = time.strftime("%Y%m%d", time.gmtime())
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{n}@stub\r\nDTSTAMP:{day}T000000Z\r\nDTSTART:{day}T{18 + n}0000Z\r\n"
        f"SUMMARY:Event {n}\r\nRRULE:FREQ=WEEKLY\r\nEND:VEVENT\r\n"
        for n in range(3)
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:stub\r\n{events}END:VCALENDAR\r\n"


def _cards() -> str:
    card = '<article class="w"><time datetime="2026-01-01T00:00Z">1 s</time><div class="w-body">val-1-1</div></article>'
    return f"<!DOCTYPE html><title>Cards</title>{card * 30}"


TEXTS = {"/feed.xml": _feed, "/calendar.ics": _calendar, "/cards.html": _cards}
TYPES = {"html": b"text/html", "xml": b"application/rss+xml", "ics": b"text/calendar"}


async def talk(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One keep-alive connection."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            target = urlsplit(head.split(" ", 2)[1])
            status, data = await upstream.answer(target.path, parse_qs(target.query, keep_blank_values=True))
            kind = TYPES.get(target.path.rpartition(".")[2], b"application/json")
            body = (data if isinstance(data, str) else json.dumps(data)).encode()
            writer.write(
                b"HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (status, kind, len(body), body)
            )
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # the client left
    finally:
        writer.close()


async def _parent_gone() -> None:
    """Return when nobody holds the other end of stdin any more, so that no stub outlives a run that was killed."""
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(
        sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 1) else gone.set()
    )
    await gone.wait()


async def serve(port: int) -> None:
    """Listen on one port of every host until ended; port 0 = one that is free on all of them."""
    upstream = Upstream()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await talk(upstream, reader, writer)

    for _ in range(TRIES):
        first = await asyncio.start_server(connected, HOSTS[0], port, backlog=512)
        found = first.sockets[0].getsockname()[1]
        try:
            await asyncio.start_server(connected, HOSTS[1:], found, backlog=512)
        except OSError:
            first.close()
            continue
        print(found, flush=True)
        await _parent_gone()
        return
    raise SystemExit("no port is free on 127.0.0.1 to 127.0.0.31")


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
