"""Parts at the door: what a thousand wrong logins cost everybody else, and what knowing who asks adds to a page."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from bench.child import Child
from bench.knocking import PROXY
from bench.server import Glance
from bench.site import WIDGETS, Site
from bench.table import Figure, percentile
from bench.wire import Wire

TRIES, ADDRESSES, MINUTE_S = 1000, 20, 60.0
TOO_OFTEN, WRONG = 429, 401
# A page every so many seconds: others who look at a dashboard, not a load of its own.
EVERY_S = 0.005
BLOCK = 20

Answers = list[tuple[float, float, str, int]]
Paged = list[tuple[float, float]]


def door(site: Site) -> None:
    """A thousand wrong logins from one address, from twenty, and from twenty addresses of this computer; what a session adds to a page."""
    site.fill("main")
    site.rest()
    site.glance.stop()
    shut = Glance(site.glance.data.with_name("shut"), stored=True, proxy=PROXY)
    free = Glance(site.glance.data.with_name("free"), auth="none")
    for glance in (shut, free):
        shutil.copytree(site.glance.data, glance.data)
    try:
        shut.start()
        shut.sign_in()
        for name, how, addresses, seconds in (
            ("one address", "foreign", 1, 6.0 if site.quick else MINUTE_S),
            (f"{ADDRESSES} addresses", "foreign", ADDRESSES, 0.0),
            (f"{ADDRESSES} addresses of this computer", "local", ADDRESSES, 0.0),
        ):
            shut.restart()  # which forgets the tries before
            answers, pages = _knocked(shut, how, addresses, seconds)
            _tell(site, name, answers, pages, seconds)
        shut.restart()
        free.start()
        _passes(site, shut, free)
    finally:
        shut.stop()
        free.stop()
        site.glance.start()


def _knocked(shut: Glance, how: str, addresses: int, seconds: float) -> tuple[Answers, Paged]:
    """(the answers to the tries, (begin, milliseconds) of the pages that somebody signed in asked for meanwhile)."""
    knocking = Child([sys.executable, "-m", "bench.knocking", str(shut.port), how])
    try:
        with _pages(shut) as pages:
            text = knocking.ask(f"{TRIES} {addresses} {seconds}", timeout_s=seconds + 300)
    finally:
        knocking.stop()
    answers = [(began, ended, source, status) for began, ended, source, status in json.loads(text)]
    statuses = Counter(status for *_, status in answers)
    if len(answers) != TRIES or set(statuses) - {WRONG, TOO_OFTEN}:
        raise RuntimeError(f"the tries were answered with {dict(statuses)}")
    return answers, pages


@contextmanager
def _pages(shut: Glance) -> Iterator[Paged]:
    """Ask for the page again and again on one connection; (when it was asked for, milliseconds) of each."""
    message, found, ended = shut.page("/d/main"), Paged(), threading.Event()
    faults: list[BaseException] = []

    def look() -> None:
        wire = Wire(shut.port)
        try:
            while not ended.wait(EVERY_S):
                began = time.perf_counter()
                try:
                    status, _, body = wire.ask(message)
                except (
                    ConnectionError
                ):  # a kept connection may be closed between two pages; a browser opens another one
                    wire.sock.close()
                    wire = Wire(shut.port)
                    status, _, body = wire.ask(message)
                found.append((began, (time.perf_counter() - began) * 1000))
                if status != 200:
                    raise RuntimeError(f"the page was answered with {status}: {body[:300]!r}")
        except (OSError, RuntimeError, ValueError) as error:
            faults.append(error)
        finally:
            wire.sock.close()

    thread = threading.Thread(target=look, name="pages")
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()
    if faults:
        raise faults[0]


def _tell(site: Site, name: str, answers: Answers, pages: Paged, seconds: float) -> None:
    """The rows of one run. What is not told to wait was hashed."""
    begin, end = min(answer[0] for answer in answers), max(answer[1] for answer in answers)
    hashed = Counter(source for _, _, source, status in answers if status == WRONG)
    took = [ms for began, ms in pages if begin <= began <= end]
    if not hashed or not took:
        raise RuntimeError(f"{hashed.total()} passwords were hashed and {len(took)} pages were asked for meanwhile")
    how = "in turn over" if seconds else "as fast as they were answered, within"
    note = f"{TRIES} tries {how} {end - begin:.1f} s: {hashed.total()} were hashed, the others told to wait (429)."
    site.add(Figure(f"wrong logins from {name}: most hashed of one", "", [max(hashed.values())], 10, note=note))
    note = f"Asked by somebody signed in, {EVERY_S * 1000:g} ms after the last one; {len(took)} pages."
    site.add(Figure("… page p99 meanwhile", "ms", took, 50, value=percentile(took, 0.99), note=note))


def _passes(site: Site, shut: Glance, free: Glance) -> None:
    """The same page from three connections in turn: with a session, with an API token, and of a Glance that lets everybody in."""
    made = shut.api("POST", "/api/tokens", {"name": "Bench", "scopes": ["read"]})
    added = _alternating(
        {
            "session": (shut.port, shut.page("/d/main")),
            "token": (shut.port, shut.page("/d/main", bearer=made["token"])),
            "nothing": (free.port, free.page("/d/main")),
        },
        site.runs(100, 25),
    )
    note = f"Medians of blocks of {BLOCK} pages of {WIDGETS} each, in turn; two processes, one with GLANCE_AUTH=none."
    site.add(Figure("page from cache with GLANCE_AUTH=none", "ms", added.pop("nothing"), note=note))
    for name, found in added.items():
        site.add(Figure(f"a {name} adds to it", "ms", found, 0.3, note=note))


def _alternating(asked: dict[str, tuple[int, bytes]], blocks: int) -> dict[str, list[float]]:
    """By name: for `nothing` the milliseconds of a page, for the others how many more; one value a block."""
    wires = {name: Wire(port) for name, (port, _) in asked.items()}
    found: dict[str, list[float]] = {name: [] for name in asked}
    try:
        for block in range(blocks + 1):
            medians = {}
            for name, wire in wires.items():
                medians[name] = statistics.median(_page_ms(wire, asked[name][1]) for _ in range(BLOCK))
            if block:  # the first one fills the memory of each
                for name, median in medians.items():
                    found[name].append(median - (medians["nothing"] if name != "nothing" else 0.0))
    finally:
        for wire in wires.values():
            wire.sock.close()
    return found


def _page_ms(wire: Wire, message: bytes) -> float:
    began = time.perf_counter()
    status, head, body = wire.ask(message)
    took_ms = (time.perf_counter() - began) * 1000
    if status != 200 or b"gzip" not in head:
        raise RuntimeError(f"the page was answered with {status}: {body[:300]!r}")
    return took_ms
