"""Parts that run widget code: how long a run takes through the API, and what the sandbox weighs."""

from __future__ import annotations

import time
from pathlib import Path

from bench.server import until
from bench.site import Site
from bench.table import Figure, percentile
from bench.wire import Wire, times_ms

SETTLE_S = 1.5
NOTHING_MB = 0.2
SMALL = "return {'n': params.get('n', 1), 'list': [x * x for x in range(100)]}"


def code(site: Site) -> None:
    """Runs of widget code: one that works by itself, one that asks the upstream; and the memory while it is on and off."""
    site.glance.restart()
    site.stub.answers(delay_ms=0)
    asking = f"return fetch('http://127.0.0.1:{site.stub.port}/code').json()"
    messages = {}
    for slug, text in (("code-small", SMALL), ("code-asking", asking)):
        body = {"slug": slug, "name": slug, "source": {"kind": "code"}, "server_code": text, "template": "<p></p>"}
        site.glance.api("POST", "/api/custom-widgets", {**body, "hosts": ["127.0.0.1"]})
        messages[slug] = site.glance.call("POST", f"/api/custom-widgets/{slug}/execute", {})
    runs = site.runs(200, 50)  # fewer than are let through at once
    grown = []
    for _ in range(2):  # refused while code is off; after the first turn the process has seen everything but code
        before = site.glance.pss_mb()
        with Wire(site.glance.port) as wire:
            for message in list(messages.values()) * 50:
                wire.ask(message)
        time.sleep(SETTLE_S)
        grown.append(site.glance.pss_mb() - before)
    site.add(Figure("processes of widget code while it is off", "", [_children(site.glance.pid)], 0))
    note = f"Over 100 runs that were refused, after 100 others; below {NOTHING_MB:g} MB it is what any request may leave behind."
    site.add(Figure("PSS growth while code is off", "MB", [max(0.0, grown[-1])], NOTHING_MB, note=note))
    off = site.glance.pss_mb()
    site.glance.api("PATCH", "/api/preferences", {"code_enabled": True})
    note = "Through the API without the cache: a process made, caged, the code read and run, its answer checked."
    for slug, name in (("code-small", "sandboxed run"), ("code-asking", "… with one request to the upstream")):
        times_ms(site.glance.port, [messages[slug]], 5)
        found = times_ms(site.glance.port, [messages[slug]], runs)
        site.add(Figure(f"{name}, p50", "ms", found, 25, 15, note=note))
        site.add(Figure(f"{name}, p99", "ms", found, value=percentile(found, 0.99)))
    time.sleep(SETTLE_S)
    site.add(Figure("PSS growth with code on, after the runs", "MB", [site.glance.pss_mb() - off], 12))
    site.glance.api("PATCH", "/api/preferences", {"code_enabled": False})
    until(lambda: not _children(site.glance.pid), "the processes of widget code to end after it was turned off")
    site.stub.answers()


def _children(pid: int) -> int:
    """How many processes a process has started that still run."""
    return sum(len(task.read_text().split()) for task in Path(f"/proc/{pid}/task").glob("*/children"))
