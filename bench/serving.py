"""Parts that time the page of 30 from cache without a browser: alone, under load, among silent connections."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.child import Child, cpu_s
from bench.site import WIDGETS, Site
from bench.table import Figure, percentile
from bench.wire import Wire, load, times_ms

CONNECTIONS = 8
SILENT, HALF = 2000, 500
_SPEED = re.compile(r"^Requests/sec:\s+([\d.]+)", re.MULTILINE)
_BAD = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.+)")


def page(site: Site) -> None:
    """What a page costs the server."""
    site.fill("main")
    message = site.glance.page("/d/main")
    with Wire(site.glance.port) as wire:
        status, head, body = wire.ask(message)
        plain = wire.ask(message.replace(b"Accept-Encoding: gzip\r\n", b""))[2]
    if status != 200 or len(re.findall(rb"val-\d", plain)) < WIDGETS or b"gzip" not in head:
        raise RuntimeError(f"the page was answered with {status}: {head!r}")
    times_ms(site.glance.port, [message], 50)
    found = times_ms(site.glance.port, [message], site.runs(3000, 500))
    alone = "One keep-alive connection, sent until read, gzip, signed in: the server's time and the loopback."
    site.add(Figure("page of 30 from cache, p50", "ms", found, 3, 1, note=alone))
    site.add(Figure("… p99", "ms", found, value=percentile(found, 0.99), note=alone))
    site.add(Figure("… the first one after a card changed", "ms", _changed(site, message), note=alone))
    site.add(Figure("page of 30, gzipped", "KB", [len(body) / 1000]))
    speeds, tool = _speeds(site, message)
    note = f"{CONNECTIONS} keep-alive connections, {tool}, gzip, signed in, on the same cores."
    site.add(Figure("page of 30 from cache", "req/s", speeds, 1000, 1900, more=True, note=note))


def _changed(site: Site, message: bytes) -> list[float]:
    """The page right after one of its widgets got another answer: nothing of the last page can be used whole."""
    site.stub.answers(delay_ms=0)
    found = []
    for turn in range(site.runs(60, 15)):
        site.glance.api("POST", f"/api/widgets/{site.ids['main'][turn % WIDGETS]}/refresh")
        found += times_ms(site.glance.port, [message], 1)
    site.stub.answers()
    return found


def _speeds(site: Site, message: bytes) -> tuple[list[float], str]:
    seconds, tool = (1.5 if site.quick else 4.0), shutil.which("wrk")
    load(site.glance.port, [message], CONNECTIONS, 1.0)
    if tool is None:
        runs = [load(site.glance.port, [message], CONNECTIONS, seconds)[0] for _ in range(site.runs(5))]
        return runs, "pressed by one Python thread"
    return [_wrk(tool, site, seconds) for _ in range(site.runs(5))], "pressed by wrk"


def _wrk(tool: str, site: Site, seconds: float) -> float:
    headers = [f"{name}: {value}" for name, value in site.glance.browser_headers().items() if name != "Host"]
    command = [tool, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s"]
    command += [part for header in headers for part in ("-H", header)]
    text = subprocess.run([*command, site.url()], capture_output=True, text=True, check=True).stdout
    found, bad = _SPEED.search(text), _BAD.search(text)
    if found is None or bad is not None:
        raise RuntimeError(f"wrk says:\n{text}")
    return float(found[1])


def silent(site: Site) -> None:
    """Browsers connect ahead, scanners say half a sentence: pages must not wait for either."""
    site.fill("main")
    message = site.glance.page("/d/main")
    seconds = 3.0 if site.quick else 8.0
    for name, silents, halves in (("no other connection", 0, 0), (f"{SILENT} silent, {HALF} half-sent", SILENT, HALF)):
        crowd = Child([sys.executable, "-m", "bench.crowd", str(site.glance.port), str(silents), str(halves)])
        try:
            kept, fresh = _among(site, message, seconds)
            left = crowd.ask("count")
        finally:
            crowd.stop()
        note = f"At the end there were open, as seen by the clients (silent half-sent): {left}." if silents else ""
        limit = 100 if silents else None
        site.add(
            Figure(f"page p99, new connections, {name}", "ms", fresh, limit, value=percentile(fresh, 0.99), note=note)
        )
        site.add(
            Figure(
                f"page p99, 8 keep-alive connections, {name}",
                "ms",
                kept,
                limit,
                value=percentile(kept, 0.99),
                note=note,
            )
        )


def _among(site: Site, message: bytes, seconds: float) -> tuple[list[float], list[float]]:
    """(times at 8 keep-alive connections, times of single requests on new connections)."""
    _, kept = load(site.glance.port, [message], CONNECTIONS, seconds)
    fresh: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        fresh += times_ms(site.glance.port, [message], 20, fresh=True)
    return kept, fresh


def start(site: Site) -> None:
    """From the command to the first page with all data."""
    site.fill("main")
    greeted, paged, worked = [], [], []
    message = site.glance.page("/d/main").replace(b"Accept-Encoding: gzip\r\n", b"")
    for _ in range(site.runs(9, 3)):
        site.rest()
        site.glance.stop()
        child = site.glance.start()
        greeted.append(child.took_s)
        with Wire(site.glance.port) as wire:
            status, _, body = wire.ask(message)
        paged.append(time.perf_counter() - child.began)
        worked.append(cpu_s(child.pid))
        if status != 200 or len(re.findall(rb"val-\d", body)) < WIDGETS:
            raise RuntimeError(f"the first page was answered with {status}")
    note = "With Python's modules compiled, as they are from the second start on."
    site.add(Figure("start → listens", "s", greeted, note=note))
    site.add(Figure("start → first page with all data", "s", paged, 0.8, 0.4, note=note))
    site.add(Figure("… processor time of it", "s", worked))
    site.add(Figure("start → greeting, nothing in the data folder", "s", _first_starts(site)))


def _first_starts(site: Site) -> list[float]:
    found = []
    for _ in range(site.runs(3)):
        with tempfile.TemporaryDirectory(prefix="glance-bench-") as folder:
            child = Child(
                [sys.executable, "app.py"],
                {"GLANCE_PORT": "0", "GLANCE_DATA": str(Path(folder) / "data"), "GLANCE_MQTT_URL": "off"},
            )
            found.append(child.took_s)
            child.stop()
    return found
