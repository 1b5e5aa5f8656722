"""Readings become samples: memory at once, a commit soon, then the acknowledgement; open pages are told by marks on the hub."""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from glance.errors import Unavailable
from glance.ingest.catalog import Catalog
from glance.ingest.deliveries import Deliveries, Delivery
from glance.ingest.flood import Limits
from glance.ingest.history import History
from glance.ingest.messages import Messages
from glance.ingest.owner import Devices
from glance.ingest.pending import MAX_HELD, Batch, Pending
from glance.ingest.tracks import Latest, Track
from glance.ingest.upkeep import Keeping, Upkeep
from glance.ingest.writer import Writer
from glance.live import Hub
from glance.mqtt.readings import Outcome, Reading
from glance.store.db import Database
from glance.store.devices import DeviceRows
from glance.store.inbox import Inbox
from glance.store.rollups import Rollups
from glance.store.samples import Samples

__all__ = ["Decoder", "Delivery", "Health", "Ingest", "Keeping"]

log = logging.getLogger(__name__)

SUBMIT_WAIT_S = 5.0
LONGEST_TEXT = 255
LEARNED_EVERY_S = 60.0
MAX_TS_MS = 4_102_444_800_000


class Decoder(Protocol):
    """Turns a message into what it says; used by one thread, never raises."""

    def message(self, topic: str, payload: bytes, *, retained: bool, arrived_at: float) -> Outcome:
        """What one message says."""

    @property
    def changes(self) -> int:
        """Grows with everything it learns."""

    def snapshot(self) -> str:
        """What it has learned, for the next start."""

    def remember(self, snapshot: str) -> None:
        """Learn it again."""


@dataclass(frozen=True, slots=True)
class Health:
    """How storing stands. `sentence` says what is wrong, None = nothing; `lost` readings could not be held and are gone,
    `refused` deliveries were left to the broker, which sends them again. `shortened` says what GLANCE_MAX_MB cost."""

    sentence: str | None
    since: float | None
    held: int
    lost: int
    refused: int
    repeated: int
    stored: int
    commits: int
    shortened: str | None


class Ingest:
    """`deliver` is for the MQTT thread, `submit` for any; both put a reading into memory at once and never wait for SQLite
    (`submit` waits for its commit)."""

    def __init__(
        self,
        *,
        db: Database,
        hub: Hub,
        decoder: Decoder,
        keeping: Keeping,
        clock: Callable[[], float] = time.time,
        max_held: int = MAX_HELD,
    ) -> None:
        self._hub = hub
        self._decoder = decoder
        self._clock = clock
        rows, inbox, samples = DeviceRows(db), Inbox(db), Samples(db)
        state = inbox.state()
        self._state = state
        self.catalog = Catalog()
        self._pending = Pending(self.catalog.lock, max_held=max_held)
        self._deliveries = Deliveries(inbox.seen())
        self._upkeep = Upkeep(
            catalog=self.catalog,
            rows=rows,
            inbox=inbox,
            samples=samples,
            rollups=Rollups(db),
            keeping=keeping,
            state=state,
            clock=clock,
        )
        self._upkeep.can_come_again = self._deliveries.can_come_again
        self._next_id = max(int(state.get("id_ceiling", 1)), self._upkeep.marks.folded_to + 1)
        self._remember(rows, inbox, samples)
        self._writer = Writer(
            db=db,
            rows=rows,
            inbox=inbox,
            catalog=self.catalog,
            pending=self._pending,
            deliveries=self._deliveries,
            upkeep=self._upkeep,
            next_id=lambda: self._next_id,
            reserved=int(state.get("id_ceiling", 0)),
            clock=clock,
        )
        self._writer.committed_id = self._next_id - 1
        self._writer.on_commit = self._stored
        self._writer.on_recovery = self._recovered
        self._inbox = inbox
        self._marks: set[int] = set()
        self._lost = 0
        self._refused = 0
        self.messages = Messages()
        self.devices = Devices(self.catalog, rows, clock)
        self.samples = History(self.catalog, samples, lambda: self._upkeep.marks, keeping.raw_days, clock)
        # asks the broker to deliver anew what was left to it; set by the runtime
        self.redeliver: Callable[[], None] = lambda: None

    def _remember(self, rows: DeviceRows, inbox: Inbox, samples: Samples) -> None:
        """Fill memory from the database: devices, newest values, unfolded samples, what the decoder knew."""
        self.catalog.load(rows.devices(), rows.sensors())
        tracks = self.catalog.tracks
        for sample in samples.last_each():
            self._newest(tracks.get(sample.series), sample.id, sample.at, sample.value, sample.text)
        unfolded = inbox.load()
        for number, series, ts, value, text in unfolded:
            track = tracks.get(series)
            if track is not None:
                track.tail.append(number, ts, value, text)
                self._newest(track, number, ts / 1000, value, text)
            self._next_id = max(self._next_id, number + 1)
        self._upkeep.unfolded = len(unfolded)
        for track in tracks.values():
            if track.latest and track.latest.heard_at:
                device = self.catalog.home(track.sensor.device)
                self.catalog.heard_at[device] = max(track.latest.heard_at, self.catalog.heard_at.get(device, 0.0))
        if self._state.get("decoder"):
            self._decoder.remember(self._state["decoder"])
        self._learned, self._learned_at = self._decoder.changes, self._clock()

    def _newest(self, track: Track | None, number: int, at: float, value: float | None, text: str | None) -> None:
        if track is None:
            return
        for each in {id(track): track, id(self.catalog.root(track)): self.catalog.root(track)}.values():
            if each.latest is None or (each.latest.at or 0.0) <= at:
                each.latest = Latest(number, at, at, value, text)

    # Running

    def start(self) -> None:
        """Start the thread that writes."""
        self._writer.start()

    def stop(self) -> None:
        """Commit what is left and end; idempotent."""
        self._upkeep.stopping = True
        self._note_learned()
        self._writer.stop()

    def is_alive(self) -> bool:
        """True while the writing thread runs."""
        return self._writer.is_alive()

    def flush(self) -> bool:
        """Commit what is pending now; False where the database refuses."""
        return self._writer.flush()

    @property
    def acknowledge(self) -> Callable[[Sequence[tuple[int, int]]], None]:
        """What is told of stored deliveries, as (connection, message id); set by the runtime."""
        return self._writer.acknowledge

    @acknowledge.setter
    def acknowledge(self, told: Callable[[Sequence[tuple[int, int]]], None]) -> None:
        self._writer.acknowledge = told

    @property
    def committed_id(self) -> int:
        """Every sample up to this id is committed."""
        return self._writer.committed_id

    def health(self) -> Health:
        """How storing stands, for pages and metrics."""
        trouble = self._writer.trouble
        held = len(self._pending)
        sentence = None
        if trouble is not None:
            sentence = f"Readings cannot be stored: {trouble.sentence} {held} are held in memory."
            if self._lost:
                sentence += f" {self._lost} more could not be held and are lost."
        elif self._lost:
            sentence = f"{self._lost} readings were lost because they could not be stored in time."
        return Health(
            sentence,
            trouble.since if trouble else None,
            held,
            self._lost,
            self._refused,
            self._deliveries.repeated,
            self._writer.stored,
            self._writer.commits,
            self._upkeep.shortened,
        )

    def client_id(self) -> str:
        """The name under which the broker keeps this Glance's session; made once."""
        if "client_id" not in self._state:
            self._state["client_id"] = f"glance-{secrets.token_hex(6)}"
            self._inbox.put_state({"client_id": self._state["client_id"]})
        return self._state["client_id"]

    def set_limits(self, limits: Limits) -> None:
        """Change how many devices and sensors may appear."""
        self.catalog.guard.limits = limits

    # The broker's side

    def connected(self, connection: int, session_present: bool, few: bool) -> None:
        """A connection to the broker began; `few` says that it sends only few unacknowledged messages (MQTT 3.1.1)."""
        with self.catalog.lock:
            self._deliveries.connected(connection, session_present)
            self._pending.pace.begin(few)

    def message(
        self, topic: str, payload: bytes, retained: bool, qos: int, mid: int, again: bool, connection: int
    ) -> None:
        """Take one message of the broker, see `deliver`."""
        self.deliver(Delivery(topic, payload, retained, qos, mid, again, connection))

    def deliver(self, delivery: Delivery) -> None:
        """Take one message of the broker. The hub hears of it with the next `settle`."""
        now = self._clock()
        receipt = None
        if delivery.qos:
            with self.catalog.lock:
                standing, receipt = self._deliveries.standing(delivery)
            if standing == "waiting":
                return
            if standing == "stored":
                self.acknowledge([(receipt.connection, receipt.mid)])
                return
        outcome = self._decoder.message(delivery.topic, delivery.payload, retained=delivery.retained, arrived_at=now)
        self.messages.note(delivery.topic, delivery.payload, delivery.retained, delivery.qos, now, outcome)
        with self.catalog.lock:
            if receipt is not None and self._pending.is_full and outcome.readings:
                # without an acknowledgement the broker keeps it and delivers it once more
                self._refused += 1
                return
            matters = self._take(outcome, delivery.retained, now)
            if receipt is not None and matters:
                self._deliveries.wait(receipt)
                self._pending.add_receipt(receipt)
                return
        if receipt is not None:
            self.acknowledge([(receipt.connection, receipt.mid)])

    def settle(self) -> None:
        """A burst of deliveries is through: tell the hub what changed."""
        if self._marks:
            marks, self._marks = self._marks, set()
            self._hub.mark_series(marks)
        if self._decoder.changes != self._learned and not 0 <= self._clock() - self._learned_at < LEARNED_EVERY_S:
            self._note_learned()

    def _note_learned(self) -> None:
        """Take down what the decoder learned; on the thread that uses it, or when that one has ended."""
        if self._decoder.changes != self._learned:
            self._learned, self._learned_at = self._decoder.changes, self._clock()
            self._upkeep.learned = self._decoder.snapshot()

    def submit(self, readings: Sequence[Reading], wait_s: float = SUBMIT_WAIT_S) -> int:
        """Store readings that came by HTTP or websocket; returns how many, once they are committed.

        Unavailable where they cannot be stored in time.
        """
        with self.catalog.lock:
            if self._pending.is_full:
                raise Unavailable("Too many readings wait to be stored already. Try again later.")
            before = self._next_id
            self._take(Outcome(readings=tuple(readings)), False, self._clock())
            count = self._next_id - before
            waiter = self._pending.add_waiter()
            marks, self._marks = self._marks, set()
        self._hub.mark_series(marks)
        if not waiter.wait(wait_s):
            trouble = self._writer.trouble
            raise Unavailable(
                trouble.sentence if trouble else "The readings could not be stored in time. Try again later."
            )
        return count

    def be_eager(self, more: int) -> None:
        """While the sum of all `more` is above zero, commit at once: somebody follows what is stored, sample by sample."""
        with self.catalog.lock:
            self._pending.eager += more

    # Into memory; under the lock

    def _take(self, outcome: Outcome, retained: bool, now: float) -> bool:
        """Everything one message says; True where something of it has to be stored."""
        catalog = self.catalog
        before = self._next_id, catalog.changes, len(catalog.unsaved_series)
        for rename in outcome.renamed:
            catalog.learn_rename(rename, now)
        for info in outcome.devices:
            catalog.learn_device(info, retained, now)
        for described in outcome.sensors:
            was = catalog.find(described.device, described.sensor)
            counted = was is not None and was.sensor.is_counter
            catalog.learn_sensor(described, retained, now)
            track = catalog.find(described.device, described.sensor)
            if track is not None and track.sensor.is_counter and not counted and track.latest is not None:
                self._upkeep.count_anew(track)
        for hangs in outcome.bridged:
            catalog.learn_bridge(hangs)
        for said in outcome.liveness:
            self._marks.update(track.sensor.id for track in catalog.learn_liveness(said, now))
        for reading in outcome.readings:
            self._read(reading, now)
        for gone in outcome.removed:
            catalog.learn_removal(gone, now)
        return before != (self._next_id, catalog.changes, len(catalog.unsaved_series))

    def _read(self, reading: Reading, now: float) -> None:
        track = self.catalog.by_key.get((reading.device, reading.sensor))
        if track is None or self.catalog.devices[track.sensor.device].ignored:
            device, sensor = _writable(reading.device), _writable(reading.sensor)
            track = self.catalog.track_for(device, sensor, reading.kind, reading.retained, now)
            if track is None:
                return
        known = track.sensor
        if known.kind != reading.kind or (reading.unit and known.unit != reading.unit) or known.removed_at is not None:
            changed = replace(known, kind=reading.kind, unit=reading.unit or known.unit, removed_at=None)
            self.catalog.put_sensor(track, changed)
        value, text = _value_of(reading, track)
        if value is None and text is None:
            return
        if reading.retained:
            self._keep(track, reading, value, text)
            return
        self.catalog.heard_at[track.sensor.device] = now
        track.hear(now)
        if reading.repeat:
            self._revive(track, now)
            return
        at = now if reading.at is None else reading.at
        ts_ms = min(max(int(at * 1000), 0), MAX_TS_MS)
        if self._pending.is_full:
            self._lost += 1
            number = -1
        else:
            number = self._next_id
            self._next_id += 1
            track.tail.append(number, ts_ms, value, text)
            self._upkeep.unfolded += 1
            self._pending.add_row((number, track.sensor.id, ts_ms, value, text))
        if track.latest is None or track.latest.at is None or track.latest.retained or track.latest.at <= at:
            track.latest = Latest(number, at, now, value, text)
        if known.kept_value is not None or known.kept_text is not None:
            kept = replace(track.sensor, kept_value=None, kept_text=None, kept_at=None)
            self.catalog.put_sensor(track, kept, quietly=True)
        self._marks.add(track.sensor.id)

    def _revive(self, track: Track, now: float) -> None:
        """The same value came once more on another topic: the sensor lives, there is no new sample."""
        if track.latest is not None and not track.latest.retained:
            track.latest = replace(track.latest, heard_at=now)

    def _keep(self, track: Track, reading: Reading, value: float | None, text: str | None) -> None:
        """A retained value fills the tile and is no sample; the same value again says nothing new."""
        latest = track.latest
        if latest is not None:
            if (latest.value, latest.text) == (value, text):
                return
            if reading.at is not None and latest.at is not None and latest.at > reading.at:
                return
        track.latest = Latest(0, reading.at, None, value, text)
        kept = replace(track.sensor, kept_value=value, kept_text=text, kept_at=reading.at)
        self.catalog.put_sensor(track, kept, quietly=True)
        self._marks.add(track.sensor.id)

    # From the writer's thread

    def _stored(self, batch: Batch) -> None:
        if self._pending.eager and batch.rows:
            self._hub.mark_series({row[1] for row in batch.rows})

    def _recovered(self) -> None:
        if self._refused:
            self.redeliver()


def _value_of(reading: Reading, track: Track) -> tuple[float | None, str | None]:
    """A reading as (number, word)."""
    raw = reading.value
    if isinstance(raw, bool):
        label = reading.label
        return float(raw), _writable(label[:LONGEST_TEXT]) if label else None
    if isinstance(raw, str):
        return None, _writable(raw[:LONGEST_TEXT])
    try:
        value = float(raw)
    except OverflowError:
        return None, None
    if not math.isfinite(value):
        return None, None
    correction = track.sensor.correction
    return (value + correction if correction else value), None


def _writable(text: str) -> str:
    """Without lone surrogates, which no database stores."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
