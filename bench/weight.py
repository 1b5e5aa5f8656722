"""Parts that weigh: memory of the process, bytes and requests of a page."""

from __future__ import annotations

import base64
import json
import os
import re
import struct
import subprocess
import sys
import time

from bench import mixed
from bench.browser import Traffic, traffic
from bench.child import ROOT
from bench.site import WIDGETS, Site
from bench.table import Figure
from bench.wire import Wire, request

LOADS, PER_CONNECTION = 1000, 10
SETTLE_S = 1.0
_CARD = re.compile(rb'<article class="w [^"]*" id="w-([^"]+)"[^>]* data-v="([^"]+)"')
_PAGE = re.compile(rb'data-page="([^"]+)"')
_FILE = re.compile(rb'(?:href|src)="(/(?:static/|d/main/layout)[^"#]+)"')


def memory(site: Site) -> None:
    """Idle, after every route was used, and after a thousand page loads."""
    site.fill("main")
    site.rest()
    site.glance.restart()
    time.sleep(SETTLE_S)
    site.add(Figure("PSS after the start", "MB", [site.glance.pss_mb()]))
    answered = touch(site)
    time.sleep(SETTLE_S)
    before = site.glance.pss_mb()
    note = f"{answered} GET requests, every route of the application at least once, and the page's websocket."
    site.add(Figure("PSS after every GET route was used", "MB", [before], 75, 55, note=note))
    count = LOADS // 10 if site.quick else LOADS
    seconds = page_loads(site, count)
    time.sleep(SETTLE_S)
    after = site.glance.pss_mb()
    note = f"{count} loads of page, stylesheets, scripts and websocket, as a browser makes them, in {seconds:.0f} s."
    site.add(Figure("PSS growth over 1000 page loads", "MB", [after - before], 10, note=note))
    mixed.place(site)
    time.sleep(SETTLE_S)
    note = "In the same process afterwards: feed, calendar, monitor, system, http and static widgets fetched once."
    site.add(Figure("PSS with every source kind in use", "MB", [site.glance.pss_mb()], note=note))


def touch(site: Site) -> int:
    """Ask every GET route once, the open ones also without a session; returns how many answered."""
    text = subprocess.run(
        [sys.executable, "-m", "bench.routes"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    page = _page(site)
    assets = {"filename": "glance.css", "digest": "0000000000"}
    for found in _FILE.findall(page):
        path = found.decode()
        if "/layout." in path:
            assets["digest"] = path.split(".")[-2]
    asked = 0
    with Wire(site.glance.port) as wire:
        for rule in json.loads(text):
            if rule.startswith("/ws/"):
                continue
            slug = "bench" if "custom-widgets" in rule else "stat" if "/widgets/new" in rule else "main"
            values = {"slug": slug, "widget_id": site.ids["main"][0], "key": "none", **assets}
            path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match, known=values: known.get(match[1], "none"), rule)
            status, _, body = wire.ask(site.glance.page(path))
            if status >= 500:
                raise RuntimeError(f"GET {path} was answered with {status}: {body[:300]!r}")
            asked += 1
        for path in ("/login", "/api/snapshot?format=markdown&dashboard=main", "/api/snapshot?dashboard=main"):
            wire.ask(request("GET", path, {"Host": f"127.0.0.1:{site.glance.port}"}))
            asked += 1
        open_socket(site, page)
    return asked


def page_loads(site: Site, count: int) -> float:
    """Load the page as a browser does: HTML, its files, its socket until the first message; returns the seconds taken."""
    began = time.monotonic()
    left = count
    while left > 0:
        with Wire(site.glance.port) as wire:
            for _ in range(min(left, PER_CONNECTION)):
                page = wire.ask(_plain(site))[2]
                for path in _FILE.findall(page):
                    wire.ask(site.glance.page(path.decode()))
                open_socket(site, page)
                left -= 1
    return time.monotonic() - began


def _plain(site: Site) -> bytes:
    return site.glance.page("/d/main").replace(b"Accept-Encoding: gzip\r\n", b"")


def _page(site: Site) -> bytes:
    with Wire(site.glance.port) as wire:
        return wire.ask(_plain(site))[2]


def open_socket(site: Site, page: bytes) -> None:
    """Open the page's websocket, say what the page holds, wait for the first message, close it."""
    shown = _PAGE.search(page)
    have = {name.decode(): version.decode() for name, version in _CARD.findall(page)}
    if shown is None or len(have) != WIDGETS:
        raise RuntimeError(f"the page names {len(have)} cards")
    hello = json.dumps({"page": shown[1].decode(), "have": have}).encode()
    headers = {
        **site.glance.browser_headers(),
        "Origin": site.glance.base,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
    }
    with Wire(site.glance.port) as wire:
        status, _, body = wire.ask(request("GET", "/ws/dashboards/main", headers))
        if status != 101:
            raise RuntimeError(f"the websocket was answered with {status}: {body[:300]!r}")
        wire.sock.sendall(_frame(0x1, hello))
        if not wire.sock.recv(65536):
            raise ConnectionError("the websocket was closed at once")
        wire.sock.sendall(_frame(0x8, b"\x03\xe9"))


def _frame(opcode: int, data: bytes) -> bytes:
    """A masked frame (RFC 6455, 5.2) whose mask is zero."""
    length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack("!H", len(data))
    return bytes([0x80 | opcode]) + length + b"\0\0\0\0" + data


def wire_bytes(site: Site) -> None:
    """A cold load in Chromium, counted by its network log."""
    site.dashboard("charts")
    source = {
        "kind": "http",
        "url": f"http://127.0.0.31:{site.stub.port}/p/31",
        "pick": {"points": "points", "label": "Load", "unit": "%"},
    }
    ids = [site.widget("charts", "bench", {"n": n}, 3600) for n in range(2, WIDGETS + 1)]
    site.ids["charts"] = [*ids, site.widget("charts", "line-chart", {"data_source": source}, 3600)]
    site.fill()
    for name, slug, kilobytes, better in (("without uPlot", "main", 65, 50), ("with uPlot", "charts", 90, 75)):
        seen = _cold(site, slug)
        if seen.failed:
            raise RuntimeError(f"these failed: {seen.failed}")
        for address, size in sorted(seen.bytes_by.items(), key=lambda item: -item[1]):
            site.say(f"    {size:7d} {address.removeprefix(site.glance.base)}")
        site.add(Figure(f"cold load {name}, bytes", "KB", [seen.bytes_total / 1000], kilobytes, better, note=NETWORK))
        site.add(Figure(f"cold load {name}, requests", "", [seen.requests], 10, note=NETWORK))


NETWORK = "Bodies and headers as they went over the wire, by Chromium's network log; the websocket counts as a request."


def _cold(site: Site, slug: str) -> Traffic:
    wanted = WIDGETS if slug == "main" else WIDGETS - 1
    with site.browser.context(site.glance.base, site.glance.cookies, wanted) as context:
        return traffic(context.new_page(), site.url(slug))
