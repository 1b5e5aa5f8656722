"""/healthz, /readyz and /metrics: for supervisors and Prometheus. Open; detail only for local or authorised callers."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Response, g, request
from werkzeug.exceptions import Unauthorized

from glance import __version__
from glance.errors import GlanceError
from glance.store.cache import Cache
from glance.web import runtime
from glance.web.api.routing import route

log = logging.getLogger(__name__)

TAG = "Health"
STATUS = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}
_STATM = Path("/proc/self/statm")
_FDS = Path("/proc/self/fd")

COUNTERS = {
    "fetches": "Runs of sources since the start.",
    "failures": "Runs of sources that failed.",
    "hits": "Answers given from the cache.",
    "misses": "Answers that had to be fetched.",
}

Sample = tuple[str, str, str, list[tuple[str, float]]]


@route(
    "GET",
    "/healthz",
    scope="open",
    tag=TAG,
    summary="The process answers",
    endpoint="healthz",
    answers={200: ("It does.", STATUS)},
)
def healthz() -> Any:
    """Touches nothing but the web server."""
    return {"status": "ok"}, 200, {"Cache-Control": "no-store"}


@route(
    "GET",
    "/readyz",
    scope="open",
    tag=TAG,
    summary="Glance can work",
    endpoint="readyz",
    answers={
        200: ("Everything works.", STATUS),
        503: ("Something does not; local or authorised callers see what.", STATUS),
    },
)
def readyz() -> Any:
    """The database can be written, the threads live, the broker is connected or off."""
    parts = {"database": _database(), "threads": _threads(), "broker": _broker()}
    ready = all(part in ("ok", "off") for part in parts.values())
    answer: dict[str, Any] = {"status": "ready" if ready else "not ready"}
    if may_see_detail():
        answer["parts"] = parts
    return answer, 200 if ready else 503, {"Cache-Control": "no-store"}


@route(
    "GET",
    "/metrics",
    scope="open",
    tag=TAG,
    summary="Figures for Prometheus",
    endpoint="metrics",
    failures=(401,),
    answers={200: ("Prometheus text, for local callers or with a token.", {"type": "string"})},
    answers_as="text/plain",
)
def metrics() -> Any:
    """Counters since the start, and gauges."""
    if not may_see_detail():
        raise Unauthorized("Figures are given to local callers, or with a token.")
    text = "".join(_text(sample) for sample in _samples())
    return Response(
        text, content_type="text/plain; version=0.0.4; charset=utf-8", headers={"Cache-Control": "no-store"}
    )


def may_see_detail() -> bool:
    """True for callers on this computer, the owner, and programs that may read."""
    return bool(request.environ.get("glance.local")) or bool(g.get("scopes", frozenset()) & {"*", "read"})


def _database() -> str:
    try:
        runtime().db.check_writable()
    except GlanceError as error:
        return error.sentence
    return "ok"


def _broker() -> str:
    return "off" if runtime().mqtt is None else runtime().broker_fault() or "ok"


def _threads() -> str:
    ill = runtime().ill()
    return "; ".join(f"{part}: {why}" for part, why in ill.items()) or "ok"


def _samples() -> Iterator[Sample]:
    rt = runtime()
    cache = Cache(rt.db).stats()
    yield "glance_build_info", "gauge", "The version that runs.", [(f'{{version="{__version__}"}}', 1)]
    yield _one("glance_uptime_seconds", "gauge", "Seconds since the start.", rt.clock() - rt.started_at)
    for name, value in rt.refresher.stats().items():
        if name in COUNTERS:
            yield _one(f"glance_{name}_total", "counter", COUNTERS[name], value)
        else:
            yield _one(f"glance_fetch_{name}", "gauge", f"Of fetching now: {name.replace('_', ' ')}.", value)
    yield _one("glance_dashboards", "gauge", "Dashboards.", len(rt.dashboards.all()))
    yield _one("glance_widgets", "gauge", "Widgets on dashboards.", sum(rt.widgets.counts().values()))
    by_status = Counter({"ok": len(rt.definitions.all()), "broken": 0, "missing": 0})
    by_status.update(item.status for item in rt.definitions.broken())
    statuses = [(f'{{status="{status}"}}', float(count)) for status, count in by_status.items()]
    yield "glance_custom_widgets", "gauge", "Custom widgets by status.", statuses
    yield _one("glance_cache_entries", "gauge", "Stored answers for saved params.", cache["entries"])
    yield _one("glance_cache_variants", "gauge", "Stored answers for other params.", cache["variants"])
    yield _one("glance_open_pages", "gauge", "Pages with an open socket.", rt.hub.open_pages())
    yield _one("glance_database_bytes", "gauge", "Size of the database and its log.", rt.db.size_bytes())
    yield _one("process_cpu_seconds_total", "counter", "CPU time used.", time.process_time())
    yield _one("process_threads", "gauge", "Threads.", threading.active_count())
    if _STATM.exists():
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
        yield _one("process_resident_memory_bytes", "gauge", "Memory.", pages * os.sysconf("SC_PAGE_SIZE"))
        yield _one("process_open_fds", "gauge", "Open files and sockets.", len(os.listdir(_FDS)))


def _one(name: str, kind: str, says: str, value: float) -> Sample:
    return name, kind, says, [("", value)]


def _text(sample: Sample) -> str:
    name, kind, says, values = sample
    lines = [f"# HELP {name} {says}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{labels} {value:.10g}" for labels, value in values]
    return "\n".join(lines) + "\n"
