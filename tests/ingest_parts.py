"""Ingest on a temporary folder, with a clock that is set by hand and a decoder for the native form only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from glance.ingest import Delivery, Ingest, Keeping
from glance.live import Hub
from glance.mqtt.readings import Outcome, Reading, SensorKind
from glance.store.db import Database
from glance.store.samples import Samples
from tests.parts import Clock

DAY = 86400.0


class Native:
    """`{device_id, sensor_type, value, unit?, timestamp?}`; anything else is what the test hands it in `outcomes`."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.learned = ""
        self.changes = 0

    def message(self, topic: str, payload: bytes, *, retained: bool, arrived_at: float) -> Outcome:
        if topic in self.outcomes:
            return self.outcomes[topic]
        try:
            body = json.loads(payload)
            found = reading(
                body["device_id"], body["sensor_type"], body["value"], unit=body.get("unit"), at=body.get("timestamp"),
                retained=retained,
            )  # fmt: skip
        except (ValueError, KeyError, TypeError):
            return Outcome(verdict="unreadable", sentence="This is not the native form.")
        return Outcome(readings=(found,), verdict="reading", sentence="One reading.", ecosystem="native")

    def due(self, now: float) -> Outcome | None:
        return None

    def carry_on(self, on: Mapping[tuple[str, str], float]) -> None:
        self.on = dict(on)

    def snapshot(self) -> str:
        return self.learned

    def remember(self, snapshot: str) -> None:
        self.learned = snapshot


def reading(
    device: str,
    sensor: str,
    value: float | bool | str,
    *,
    unit: str | None = None,
    at: float | None = None,
    retained: bool = False,
    kind: SensorKind | None = None,
    label: str | None = None,
) -> Reading:
    """A reading; its kind follows from its value."""
    guess: SensorKind = "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
    return Reading(device, sensor, value, kind or guess, unit, at, retained, label)


class Site:
    """Ingest with everything below it; `reopen` is a restart, with `crash` one after kill -9."""

    def __init__(
        self,
        folder: Path,
        *,
        raw_days: int = 7,
        rollup_days: int = 400,
        max_mb: float = 2000,
        clock: Callable[[], float] | None = None,
        **more: Any,
    ) -> None:
        self.folder = folder
        self.clock = clock or Clock()
        self._keeping = Keeping(raw_days, rollup_days, int(max_mb * 1_000_000))
        self._more = more
        self.hub = Hub()
        self.open()

    def open(self) -> None:
        self.decoder = Native()
        self.acknowledged: list[tuple[int, int]] = []
        self.db = Database(self.folder, self._keeping.max_bytes)
        self.ingest = Ingest(
            db=self.db, hub=self.hub, decoder=self.decoder, keeping=self._keeping, clock=self.clock, **self._more
        )
        self.ingest.acknowledge = self.acknowledged.extend
        self.samples, self.devices = self.ingest.samples, self.ingest.devices
        self.stored = Samples(self.db)

    def close(self) -> None:
        self.ingest.stop()
        self.db.close()

    def reopen(self, *, crash: bool = False) -> None:
        if crash:
            self.db.close()
        else:
            self.close()
        self.open()

    def put(self, *readings: Reading, **more: Any) -> None:
        """Readings as if they came in one message."""
        self.decoder.outcomes["t"] = Outcome(readings=readings, verdict="reading", **more)
        retained = any(each.retained for each in readings)
        self.ingest.deliver(Delivery("t", b"", retained))

    def deliver(self, body: dict[str, Any] | Outcome, mid: int, *, again: bool = False, connection: int = 1) -> None:
        """A QoS 1 message of the broker."""
        if isinstance(body, Outcome):
            self.decoder.outcomes[f"t/{mid}"] = body
            self.ingest.deliver(Delivery(f"t/{mid}", b"", False, 1, mid, again, connection))
        else:
            self.ingest.deliver(Delivery("glance/x", json.dumps(body).encode(), False, 1, mid, again, connection))

    def series(self, device: str = "d", sensor: str = "s") -> int:
        return self.devices.sensor(device, sensor).id

    def fold(self) -> None:
        """Commit and fold now."""
        assert self.ingest.flush()
        self.ingest._upkeep.fold()

    def roll(self) -> None:
        assert self.ingest.flush()
        self.ingest._upkeep.roll()

    def prune(self) -> None:
        assert self.ingest.flush()
        upkeep = self.ingest._upkeep
        upkeep.letting_go.prune(upkeep.marks.rolled_until_s)
        upkeep.letting_go.shrink()

    def count(self, table: str) -> int:
        with self.db.read() as con:
            return int(con.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
