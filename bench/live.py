"""Parts about what is live: from publishing to the number on the page, to a program's socket, to 500 sockets; and what it weighs."""

from __future__ import annotations

from collections.abc import Sequence

from playwright.sync_api import Page

from bench.browser import until_live
from bench.child import cpu_s
from bench.live_site import BOARD, KINDS, SENSORS, Live, Sent
from bench.server import until
from bench.site import Site
from bench.table import Figure, percentile

# (messages a second, must, better, seconds, seconds of a quick run)
RATES = ((1, 50, 20, 60, 15), (100, 80, 50, 60, 10), (1000, 200, 120, 60, 10))
NEVER = "Neither the value nor a newer one came within 3 s of the end."
TALL = {"width": 1400, "height": 1800}
AFTER_S = 3.0
NUMBER = {"line-chart": ".legend .v", "gauge": ".gauge-dial .vv", "stat": ".stat-val b"}
# The numbers that cards show, each with the moment it came into the document, by the system's own clock (both clocks are set against
# Date.now() as it turns). It is read in a MutationObserver: the data is there; the frame that paints it follows.
WATCH = """cards => {
  const turns = [];
  for (let k = 0; k < 7; k++) { const a = Date.now(); let b; do b = Date.now(); while (b === a); turns.push(b - performance.timeOrigin - performance.now()); }
  const skew = turns.sort((x, y) => x - y)[6], clock = () => performance.timeOrigin + performance.now() + skew;
  const places = cards.map(([id, where]) => ({ id, where, node: null, last: '' }));
  const seen = window.seen = places.map(() => []);
  const scan = () => {
    const now = clock();
    places.forEach((place, i) => {
      if (!place.node?.isConnected) place.node = document.querySelector(`#w-${place.id} ${place.where}`);
      const text = place.node?.textContent;
      if (text === undefined || text === place.last) return;
      place.last = text;
      const found = /\\d+/.exec(text.replace(/[,\\s\\u202f]/g, ''));
      if (found) seen[i].push(+found[0], now / 1000);
    });
  };
  scan();
  new MutationObserver(scan).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""
SHOWN = "cards => cards.filter(([id, where]) => document.querySelector(`#w-${id} ${where}`)).length"


def dom(site: Site) -> None:
    """20 sensors as chart, gauge and stat each: how long until every published value, or a newer one, is in the document."""
    with Live() as live:
        live.settle()
        live.place()
        with site.browser.context(live.glance.base, live.glance.cookies, viewport=TALL) as context:
            page = context.new_page()
            page.goto(f"{live.glance.base}/d/{BOARD}", wait_until="load")
            until_live(page)
            cards = [[live.widgets[kind][i], NUMBER[kind]] for kind in KINDS for i in range(SENSORS)]
            until(lambda: page.evaluate(SHOWN, cards) == len(cards), "every card to show a number")
            page.evaluate(WATCH, cards)
            for rate, must, better, usual_s, quick_s in RATES:
                _at_rate(site, live, page, rate, quick_s if site.quick else usual_s, (must, better))


def _at_rate(site: Site, live: Live, page: Page, rate: int, seconds: int, limits: tuple[float, float]) -> None:
    page.evaluate("() => seen.forEach(each => { each.length = 0; })")
    used_s = cpu_s(live.glance.pid)
    sent = live.publish_from(rate * seconds, rate)
    used_s = cpu_s(live.glance.pid) - used_s
    page.wait_for_timeout(AFTER_S * 1000)
    seen: list[list[float]] = page.evaluate("() => seen")
    waits, behind, never = [], [], 0
    by_kind: dict[str, float] = {}
    for kind_turn, kind in enumerate(KINDS):
        of_kind = []
        for sensor in range(SENSORS):
            flat = seen[kind_turn * SENSORS + sensor]
            found, missing = stale(sent, sensor, list(zip(flat[::2], flat[1::2], strict=True)))
            of_kind += found
            never += missing
            if found:
                behind.append(found[-1])
        by_kind[kind] = percentile(of_kind, 0.99)
        waits += of_kind
    paints = sum(len(each) for each in seen) / 2 / len(seen) / seconds
    kinds = ", ".join(f"{kind} {wait:.0f}" for kind, wait in by_kind.items())
    site.say(f"    p50 {percentile(waits, 0.5):.1f}; p99 of {kinds}; {paints:.1f} changes a card and second")
    note = f"p99 over every message and card of the time until it, or a newer one, is in the document; {seconds} s, 60 cards."
    name = f"publish → DOM at {rate} msg/s"
    site.add(Figure(f"{name}, stale p99", "ms", [percentile(waits, 0.99)], *limits, note=note))
    site.add(Figure(f"{name}, p50", "ms", [percentile(waits, 0.5)]))
    site.add(Figure(f"{name}, never shown", "", [never], 0, note=NEVER))
    note = "The wait of each card's last value, its worst card: what would have grown over the run."
    site.add(Figure(f"{name}, backlog at the end", "ms", [max(behind)], limits[0] * 2, note=note))
    note = "Of one core, while messages came; the page says when it has shown what it was sent and is not sent more meanwhile."
    site.add(Figure(f"{name}, processor time of Glance", "%", [100 * used_s / seconds], note=note))


def stale(sent: Sent, sensor: int, shown: Sequence[tuple[float, float]]) -> tuple[list[float], int]:
    """For each message of a sensor the milliseconds until it or a newer one was shown, and how many were never overtaken.

    `shown` are (number, Unix seconds) in order.
    """
    found: list[float] = []
    never = turn = 0
    for number, at in sent.of_sensor(sensor):
        while turn < len(shown) and shown[turn][0] < number:
            turn += 1
        if turn < len(shown):
            found.append((shown[turn][1] - at) * 1000)
        else:
            never += 1
    return found, never
