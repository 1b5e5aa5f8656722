"""Parts about readings that come through a broker: how many a second, what a kill costs, how soon they are on disk."""

from __future__ import annotations

import time
from collections import Counter

from bench.mqtt_broker import KEEPS_ALL, STOCK, Broker
from bench.site import Site
from bench.table import Figure, percentile


def sustained(site: Site) -> None:
    """Readings a second for a minute, QoS 1, all stored; broker and publisher share the cores."""
    rate, seconds = 12_000, 10 if site.quick else 60
    with Broker(*KEEPS_ALL) as broker:
        count = rate * seconds
        began = time.perf_counter()
        broker.publish(count=count, rate=rate, devices=100)
        broker.wait_for(count)
        took_s = time.perf_counter() - began
        stored = broker.count()
    note = f"{count} readings offered at {rate}/s over MQTT 5; the publisher holds back at 1000 unacknowledged ones."
    site.add(Figure("readings/s, QoS 1, all stored", "/s", [stored / took_s], 3000, 6000, more=True, note=note))
    site.add(Figure("readings missing after that", "", [count - stored], 0))


def loss(site: Site) -> None:
    """Kill -9 three times while readings come; then a stock broker and a second's absence."""
    _kill(site, "20 000 at 2000/s, max_queued_messages 0", KEEPS_ALL, 4000 if site.quick else 20_000, 2000)
    _kill(site, "10 000 at 500/s, stock Mosquitto", STOCK, 2000 if site.quick else 10_000, 500)


def _kill(site: Site, name: str, lines: tuple[str, ...], count: int, rate: int) -> None:
    with Broker(*lines) as broker:
        broker.begin(count=count, rate=rate, devices=100)
        for _ in range(3):
            time.sleep(count / rate / 4)
            broker.glance.stop(kill=True)
            broker.start_glance()
        broker.end()
        broker.wait_for(count)
        found = Counter(broker.numbers())
    site.add(Figure(f"lost over 3 × kill -9, {name}", "", [sum(1 for each in range(count) if each not in found)], 0))
    site.add(Figure(f"doubled over 3 × kill -9, {name}", "", [sum(found.values()) - len(found)], 0))


def commit(site: Site) -> None:
    """From publishing to the commit, over MQTT 5."""
    with Broker(*KEEPS_ALL, latency=True) as broker:
        for rate in (10, 100, 1000):
            broker.publish(count=rate * (5 if site.quick else 15), rate=rate, devices=20, what="time")
            time.sleep(6)
            waits = broker.ask()["commit_ms"]
            note = "Acknowledgements wait up to 5 s where the broker does not wait for them: that spares the SD card."
            for share in (0.5, 0.99):
                site.add(
                    Figure(
                        f"publish → committed at {rate}/s, p{share * 100:.0f}",
                        "ms",
                        [percentile(waits, share)],
                        note=note,
                    )
                )
