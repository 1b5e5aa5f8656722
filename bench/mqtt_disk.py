"""Parts about the disk: bytes written per reading, and charts over ten million samples."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench.site import Site
from bench.table import Figure
from glance.ingest import Delivery, Ingest, Keeping
from glance.live import Hub
from glance.mqtt.decode import Decoder
from glance.store.db import Database

SERIES = 100
MINUTES = 30
DAY_S = 86400
SAMPLES = 10_000_000
SINCE = 1_770_120_000.0


class Hands:
    """Time, moved by hand."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def written(site: Site) -> None:
    """Bytes that reach the disk per reading: 30 minutes of 100 series over MQTT 5, with checkpoints, folds and rollups."""
    for rate, must, better in ((10, 1000, 600), (100, 400, 250)):
        with tempfile.TemporaryDirectory(prefix="glance-bench-disk-") as folder:
            count, size = _simulate(Path(folder), rate)
        note = f"{MINUTES} minutes simulated: the clock is moved by hand, SQLite is real; write() calls of the process, {count} readings."
        site.add(Figure(f"bytes written per reading at {rate}/s", "B", [size / count], must, better, note=note))


def _simulate(folder: Path, rate: int) -> tuple[int, int]:
    """Readings one by one as the broker would deliver them, commits when they are due; returns (readings, bytes written)."""
    # the half hour holds the end of an hour, so that rolling it up counts too
    clock = Hands(SINCE // 3600 * 3600 + 2700)
    database = Database(folder)
    ingest = Ingest(db=database, hub=Hub(), decoder=Decoder(), keeping=Keeping(7, 400, 2_000_000_000), clock=clock)
    ingest._pending._monotonic = clock
    ingest._deliveries._monotonic = clock
    ingest.connected(1, False, False)
    begin, number = _written_bytes(), 0
    tick_at = clock.now
    for number in range(1, rate * 60 * MINUTES + 1):
        clock.now += 1 / rate
        payload = f'{{"device_id":"d{number % SERIES}","sensor_type":"n","value":{number * 0.37 % 50:.2f},"unit":"W"}}'
        ingest.deliver(Delivery("glance/x", payload.encode(), False, 1, number % 65535 + 1, False, 1))
        due = ingest._pending._due_at(clock.now)
        if due is not None and due <= clock.now + 1 / rate:
            ingest.flush()
        if clock.now - tick_at >= 5:
            tick_at = clock.now
            ingest._upkeep.run()
    ingest.flush()
    ingest._upkeep.fold()
    with database.write() as con:
        con.execute("SELECT 1")
    size = _written_bytes() - begin
    ingest.stop()
    database.close()
    return number, size


def _written_bytes() -> int:
    """Bytes this process gave to write() since it began."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("wchar:"):
            return int(line.split()[1])
    raise RuntimeError("/proc/self/io does not tell what was written")


def charts(site: Site) -> None:
    """The newest 24 hours and 30 days of one series among 100, with ten million samples (a week raw, a month of rollups)."""
    with tempfile.TemporaryDirectory(prefix="glance-bench-charts-") as folder:
        now = float(int(time.time()) // 3600 * 3600)
        database = Database(Path(folder))
        samples = SAMPLES // 10 if site.quick else SAMPLES
        _fill(Path(folder) / "glance.db", int(now), samples)
        ingest = Ingest(
            db=database, hub=Hub(), decoder=Decoder(), keeping=Keeping(7, 400, 20_000_000_000), clock=lambda: now
        )
        for name, span, points, must, better in (
            ("24 h chart", DAY_S, 300, 10, 2),
            ("24 h chart, 1000 points", DAY_S, 1000, 10, 2),
            ("7 d chart", 7 * DAY_S, 300, 20, 5),
            ("30 d chart", 30 * DAY_S, 300, 20, 5),
            ("1 h chart", 3600, 300, 10, 2),
        ):
            runs = []
            for turn in range(site.runs(25, 10)):
                began = time.perf_counter()
                chart = ingest.samples.history(turn * 7 % SERIES + 1, now - span, now, points)
                runs.append((time.perf_counter() - began) * 1000)
                assert 10 < len(chart.points) <= points
            note = f"{samples / 1e6:g} M samples of {SERIES} series; the points are read, grouped and made, each run of another series."
            site.add(Figure(name, "ms", runs, must, better, note=note))
        ingest.stop()
        database.close()


def _fill(path: Path, now: int, samples: int) -> None:
    """Samples of a week and rollups of a month, as folding and rolling up would leave them."""
    each = samples // SERIES
    step_ms = 7 * DAY_S * 1000 // each
    with closing(sqlite3.connect(path)) as con:
        con.execute("PRAGMA synchronous = OFF")
        con.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO series (id, device_id, sensor, kind, unit, first_at) SELECT i, 'd' || i, 's', 'number', '°C', 0 FROM n",
            (SERIES,),
        )
        con.execute("INSERT INTO devices (id, first_seen, last_seen) SELECT device_id, 0, ? FROM series", (now,))
        con.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO samples (series, ts, id, value) SELECT s.id, ? - i * ?, (? - i) * ? + s.id, 20 + (i * 37 + s.id) % 1000 / 100.0 "
            "FROM series AS s CROSS JOIN n ORDER BY s.id, i DESC",
            (each, now * 1000, step_ms, each + 1, SERIES),
        )
        for table, step in (("rollups_5m", 300), ("rollups_1h", 3600)):
            con.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                f"INSERT INTO {table} (series, at, avg, low, high, n) SELECT s.id, ? - i * ?, 20.0, 18.0, 22.0, 10 "
                "FROM series AS s CROSS JOIN n ORDER BY s.id, i DESC",
                (30 * DAY_S // step, now, step),
            )
        con.execute("INSERT INTO ingest_state VALUES ('folded_to', ?), ('rolled_until', ?)", (str(10**12), str(now)))
        con.commit()
