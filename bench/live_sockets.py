"""Parts about sockets of widgets, and about memory while everything is live."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.browser import until_live
from bench.child import Child
from bench.live_site import BOARD, Live, Sent
from bench.site import Site
from bench.table import Figure, percentile
from bench.wire import Wire

CROWD = 500
CROWD_RATE = 5
SERIES = 200
PAGES = 5
# Two folds (FOLD_ROWS of glance/ingest/upkeep.py) and two windows of deliveries that may come again (at 2000/s both hold every
# message id there is): after that everything that is bounded is full.
HOURLY, WARM, FAST, STEPS = 360_000, 240_000, 2000, 10
# At the rate that is meant: a fold and a little, then an hour
USUAL, WARM_MIN, HOUR_MIN = 100, 20, 60
SHOWN = ("stat",)


def frames(site: Site) -> None:
    """20 programs, each with the websocket of one widget; 100 values a second, each stored before it is sent."""
    seconds = 5 if site.quick else 30
    with Live() as live:
        live.settle()
        ids = live.place(kinds=SHOWN)
        with _Listeners(live, ids) as listeners:
            live.publish_from(200, 100)
            listeners.heard()
            sent = live.publish_from(100 * seconds, 100)
            time.sleep(1.0)
            waits = _waits(sent, listeners.heard())
    note = f"{len(sent.at)} values, each committed first; {len(sent.at) - len(waits)} did not come."
    for share, must, better in ((0.5, 3, 1), (0.99, 20, 3)):
        name = f"publish → /ws/widgets frame at 100/s, p{share * 100:.0f}"
        site.add(Figure(name, "ms", [percentile(waits, share)], must, better, note=note))
    site.add(Figure("frames missing or doubled", "", [abs(len(sent.at) - len(waits))], 0))


def crowd(site: Site) -> None:
    """500 programs follow one widget while a browser's page is asked again and again."""
    seconds = 5 if site.quick else 30
    with Live() as live:
        live.settle()
        ids = live.place(kinds=SHOWN)
        request = live.glance.page(f"/d/{BOARD}")
        alone = _asked(live, request, seconds / 3)
        with _Listeners(live, ids[:1] * CROWD) as listeners:
            # the first value meets 500 threads that have only just started
            live.publish_from(2, 2, devices=1)
            time.sleep(1.0)
            listeners.heard()
            sent = live.begin_from(CROWD_RATE * seconds, CROWD_RATE, devices=1)
            asked = _asked(live, request, seconds)
            sent.ended()
            time.sleep(1.0)
            heard = listeners.heard()
        waits = _waits(sent, heard)
    count = len(sent.at) * CROWD
    note = f"{CROWD_RATE} values a second to each of {CROWD} sockets, {count} frames; one program reads them all. "
    name = f"{CROWD} widget sockets: publish → frame"
    site.add(Figure(f"{name}, p99", "ms", [percentile(waits, 0.99)], 50, note=note))
    site.add(Figure(f"{name}, p50", "ms", [percentile(waits, 0.5)]))
    site.add(Figure(f"{name}, missing or doubled", "", [abs(count - len(waits))], 0))
    note = f"The page of {len(ids)} cards, 50 times a second over one connection; without the sockets p99 is {percentile(alone, 0.99):.1f} ms."
    site.add(Figure("HTTP meanwhile, p99", "ms", [percentile(asked, 0.99)], 50, note=note))


def memory(site: Site) -> None:
    """200 series live on a page of 200 cards that five browsers hold open, and as many readings as an hour brings."""
    share = 20 if site.quick else 1
    sizes = []
    with _shown(site) as live:
        live.publish_from(WARM // share, FAST, SERIES)
        for turn in range(STEPS + 1):
            if turn:
                live.publish_from(HOURLY // STEPS // share, FAST, SERIES)
            # back to the rate that is meant, so that what only a flood holds is gone
            live.publish_from(10 * USUAL, USUAL, SERIES)
            sizes.append(live.glance.pss_mb())
    note = f"{SERIES} cards, {PAGES} pages in Chromium; the highest of {len(sizes)} readings."
    site.add(Figure(f"PSS, {SERIES} series live and {PAGES} pages open", "MB", sizes, 110, value=max(sizes), note=note))
    note = (
        f"Not an hour: {HOURLY // share} readings, as 100 a second bring in {60 // share} minutes, sent at {FAST}/s after {WARM // share} to "
        f"warm up; the rise of a straight line through {len(sizes)} readings. What grows with time alone is not in it."
    )
    name = (
        "growth over the readings of an hour at 100/s"
        if share == 1
        else f"growth over 1/{share} of the readings of an hour"
    )
    site.add(Figure(name, "MB", [_slope(sizes) * STEPS], 5, note=note))


def hour(site: Site) -> None:
    """The same at 100 readings a second, for an hour after twenty minutes: what grows with time is in it as well."""
    warm, minutes = (1, 3) if site.quick else (WARM_MIN, HOUR_MIN)
    sizes = []
    with _shown(site) as live:
        for minute in range(1, warm + minutes + 1):
            live.publish_from(60 * USUAL, USUAL, SERIES)
            if minute >= warm:
                sizes.append(live.glance.pss_mb())
    note = f"{SERIES} cards, {PAGES} pages in Chromium; the highest of {len(sizes)} readings."
    site.add(Figure(f"PSS, an hour live at {USUAL}/s", "MB", sizes, 110, value=max(sizes), note=note))
    note = (
        f"The rise of a straight line through {len(sizes)} readings in {minutes} minutes, as much as it is in an hour."
    )
    # a few minutes tell nothing of an hour: buffers are still filling
    must = None if site.quick else 5
    site.add(Figure(f"growth in an hour at {USUAL}/s", "MB", [_slope(sizes) * HOUR_MIN], must, note=note))


@contextmanager
def _shown(site: Site) -> Iterator[Live]:
    """A page of 200 live cards, open five times."""
    with Live() as live:
        live.settle(SERIES)
        live.place(SERIES, SHOWN)
        with site.browser.context(live.glance.base, live.glance.cookies) as context:
            for _ in range(PAGES):
                page = context.new_page()
                page.goto(f"{live.glance.base}/d/{BOARD}", wait_until="load")
                until_live(page)
            yield live


class _Listeners(Child):
    """The listening programs, all in one process."""

    def __init__(self, live: Live, widget_ids: list[str]) -> None:
        command = [sys.executable, "-m", "bench.live_listeners", str(live.glance.port), live.glance.token, *widget_ids]
        super().__init__(command)

    def heard(self) -> list[tuple[int, float, float]]:
        """(socket, value, Unix seconds) of what came since."""
        found: list[tuple[int, float, float]] = json.loads(self.ask(""))
        return found

    def __enter__(self) -> _Listeners:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _waits(sent: Sent, heard: list[tuple[int, float, float]]) -> list[float]:
    """Milliseconds from publishing to each frame that tells of one of these values."""
    found = []
    for _, value, at in heard:
        turn = round(value) - sent.first
        if 0 <= turn < len(sent.at):
            found.append((at - sent.at[turn]) * 1000)
    return found


def _asked(live: Live, request: bytes, seconds: float) -> list[float]:
    """How long the page took, asked 50 times a second."""
    found = []
    with Wire(live.glance.port) as wire:
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            status, _, body = wire.ask(request)
            found.append((time.perf_counter() - began) * 1000)
            if status != 200:
                raise RuntimeError(f"answered with {status}: {body[:300]!r}")
            time.sleep(max(0.0, began + 0.02 - time.perf_counter()))
    return found


def _slope(sizes: list[float]) -> float:
    """The rise from one reading to the next, of the straight line nearest to all."""
    middle_x, middle_y = (len(sizes) - 1) / 2, sum(sizes) / len(sizes)
    rise = sum((x - middle_x) * (y - middle_y) for x, y in enumerate(sizes))
    return rise / sum((x - middle_x) ** 2 for x in range(len(sizes)))
