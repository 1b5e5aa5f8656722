"""Readings become samples: memory at once, a commit soon, then the acknowledgement; open pages are told by marks on the hub."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from glance.errors import Unavailable
from glance.ingest.catalog import Catalog
from glance.ingest.deliveries import Deliveries, Delivery
from glance.ingest.flood import Limits
from glance.ingest.history import History
from glance.ingest.hostclock import HostClock
from glance.ingest.intake import Intake
from glance.ingest.letting_go import Keeping
from glance.ingest.messages import Messages
from glance.ingest.owner import Devices
from glance.ingest.pending import MAX_HELD, Batch, Pending
from glance.ingest.recall import recall
from glance.ingest.upkeep import Upkeep
from glance.ingest.writer import Writer
from glance.live import Hub
from glance.mqtt.readings import DeviceInfo, Outcome, Reading
from glance.store.db import Database
from glance.store.devices import DeviceRows
from glance.store.inbox import Inbox
from glance.store.rollups import Rollups
from glance.store.samples import Samples

__all__ = ["Decoder", "Delivery", "Health", "Ingest", "Keeping"]

log = logging.getLogger(__name__)

SUBMIT_WAIT_S = 5.0
LONGEST_TEXT = 255
MOST_TOPICS = 100
LEARNED_EVERY_S = 60.0
# After so long on a connection the broker has sent what it had queued, and what comes is of now.
QUEUE_S = 10.0
MAX_TS_MS = 4_102_444_800_000


class Decoder(Protocol):
    """Turns a message into what it says; used by one thread, never raises."""

    def message(self, topic: str, payload: bytes, *, retained: bool, arrived_at: float) -> Outcome:
        """What one message says."""

    def due(self, now: float) -> Outcome | None:
        """What became of itself since it was last asked."""

    @property
    def changes(self) -> int:
        """Grows with everything it learns."""

    def snapshot(self) -> str:
        """What it has learned, for the next start."""

    def remember(self, snapshot: str) -> None:
        """Learn it again."""

    def carry_on(self, on: Mapping[tuple[str, str], float]) -> None:
        """Sensors that are on, and since when (Unix seconds)."""


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
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._hub = hub
        self._decoder = decoder
        rows, inbox, samples = DeviceRows(db), Inbox(db), Samples(db)
        self._clock = host = HostClock(clock, inbox.last_known_s(), monotonic)
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
            clock=host,
            pending=self._pending,
        )
        self._upkeep.can_come_again = self._deliveries.can_come_again
        last_id, self._upkeep.unfolded = recall(self.catalog, rows, inbox, samples)
        following = max(int(state.get("id_ceiling", 1)), self._upkeep.marks.folded_to + 1, last_id + 1)
        self._intake = Intake(self.catalog, self._pending, self._upkeep, host, following)
        self._writer = Writer(
            db=db,
            rows=rows,
            inbox=inbox,
            catalog=self.catalog,
            pending=self._pending,
            deliveries=self._deliveries,
            upkeep=self._upkeep,
            next_id=lambda: self._intake.next_id,
            reserved=int(state.get("id_ceiling", 0)),
            clock=host,
        )
        self._writer.committed_id = following - 1
        self._writer.on_commit = self._stored
        self._writer.on_recovery = self._recovered
        self._inbox = inbox
        self._refused = 0
        self._connected_at = 0.0
        if state.get("decoder"):
            decoder.remember(state["decoder"])
            decoder.carry_on(self.catalog.on_since())
        self._learned, self._learned_at = decoder.changes, host()
        self._told_changes = self.catalog.changes
        self.messages = Messages()
        self.devices = Devices(self.catalog, rows, host)
        self.devices.counts_anew = self._upkeep.count_anew
        self.samples = History(self.catalog, samples, lambda: self._upkeep.marks, keeping.raw_days, host)
        # asks the broker to deliver anew what was left to it; set by the runtime
        self.redeliver: Callable[[], None] = lambda: None
        # asks the broker once more for what it keeps, see FloodGuard; set by the runtime
        self.ask_retained: Callable[[], None] = lambda: None

    # Running

    def start(self) -> None:
        """Start the thread that writes."""
        self._writer.start()

    def stop(self) -> None:
        """Commit what is left and end; idempotent."""
        self._upkeep.letting_go.stop()
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
        held, lost = len(self._pending), self._intake.lost
        sentence = None
        if trouble is not None:
            sentence = f"Readings cannot be stored: {trouble.sentence} {held} are held in memory."
            if lost:
                sentence += f" {lost} more could not be held and are lost."
        elif lost:
            sentence = f"{lost} readings were lost because they could not be stored in time."
        return Health(
            sentence,
            trouble.since if trouble else None,
            held,
            lost,
            self._refused,
            self._deliveries.repeated,
            self._writer.stored,
            self._writer.commits,
            self._upkeep.letting_go.shortened,
        )

    def client_id(self) -> str:
        """The name under which the broker keeps this Glance's session; made once."""
        if "client_id" not in self._state:
            self._state["client_id"] = f"glance-{secrets.token_hex(6)}"
            self._inbox.put_state({"client_id": self._state["client_id"]})
        return self._state["client_id"]

    def topics_ever(self, topics: Sequence[str]) -> list[str]:
        """These topics after those of earlier starts, which the broker may still hold in its session; remembers them."""
        known = json.loads(self._state.get("topics", "[]"))
        every = [*known, *(topic for topic in topics if topic not in known)][-MOST_TOPICS:]
        if every != known:
            self._state["topics"] = json.dumps(every)
            self._inbox.put_state({"topics": self._state["topics"]})
        return every

    def set_limits(self, limits: Limits) -> None:
        """Change how many devices and sensors may appear."""
        self.catalog.guard.limits = limits

    # The broker's side

    def connected(self, connection: int, session_present: bool, few: bool) -> None:
        """A connection to the broker began; `few` says that it sends only few unacknowledged messages (MQTT 3.1.1)."""
        with self.catalog.lock:
            self._deliveries.connected(session_present)
            self._connected_at = self._clock()
            self._intake.heard_all_since = float("inf")
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
            matters = self._intake.take(outcome, delivery.retained, now)
            if receipt is not None and matters:
                self._deliveries.wait(receipt)
                self._pending.add_receipt(receipt)
                return
        if receipt is not None:
            self.acknowledge([(receipt.connection, receipt.mid)])

    def settle(self) -> None:
        """A burst of deliveries is through, or a second without any: tell the hub what changed."""
        due = self._decoder.due(self._clock())
        if due is not None:
            with self.catalog.lock:
                self._intake.take(due, False, self._clock())
        if self._intake.marks or self.catalog.changes != self._told_changes:
            with self.catalog.lock:
                marks = self._intake.take_marks()
            self._tell(marks)
        if self.catalog.guard.is_restless:
            self._let_in()
        if self._decoder.changes != self._learned and not 0 <= self._clock() - self._learned_at < LEARNED_EVERY_S:
            self._note_learned()

    def _let_in(self) -> None:
        """Where there is room again for what was left out, ask the broker for what it keeps."""
        with self.catalog.lock:
            if not self.catalog.asks_again(self._clock()):
                return
            self._intake.heard_all_since = self._connected_at + QUEUE_S
        self.ask_retained()

    def _note_learned(self) -> None:
        """Take down what the decoder learned; on the thread that uses it, or when that one has ended."""
        if self._decoder.changes != self._learned:
            self._learned, self._learned_at = self._decoder.changes, self._clock()
            self._upkeep.learned = self._decoder.snapshot()

    def submit(
        self, readings: Sequence[Reading], wait_s: float = SUBMIT_WAIT_S, *, about: Sequence[DeviceInfo] = ()
    ) -> int:
        """Store readings that came by HTTP or websocket, and what they say `about` their devices; returns how many readings, once
        they are committed.

        Unavailable where they are not committed in time; they are held and stored later, and the sentence says so.
        """
        with self.catalog.lock:
            if self._pending.is_full:
                raise Unavailable("Too many readings wait to be stored already. Try again later.")
            before = self._intake.next_id
            outcome = Outcome(readings=tuple(readings), devices=tuple(about))
            self._intake.take(outcome, False, self._clock(), direct=True)
            count = self._intake.next_id - before
            waiter = self._pending.add_waiter()
            marks = self._intake.take_marks()
        self._tell(marks)
        if not waiter.wait(wait_s):
            trouble = self._writer.trouble
            why = f" {trouble.sentence.split(';')[0].rstrip('.')}." if trouble else ""
            raise Unavailable(
                "The readings are held in memory and will be stored as soon as that is possible; sent again they would be "
                f"stored twice.{why}"
            )
        return count

    def take(self, outcome: Outcome) -> None:
        """Keep what Glance itself says, as if a device had said it; it is committed with the next batch, nobody waits."""
        with self.catalog.lock:
            self._intake.take(outcome, False, self._clock(), direct=True)
            marks = self._intake.take_marks()
        self._tell(marks)

    def _tell(self, marks: set[int]) -> None:
        if self.catalog.changes != self._told_changes:
            # a sensor that appeared woke nobody who follows a selection
            self._told_changes = self.catalog.changes
            self._hub.mark_newcomers()
        self._hub.mark_series(marks, listeners=not self._pending.eager)

    def be_eager(self, more: int) -> None:
        """While the sum of all `more` is above zero, commit at once: somebody follows what is stored, sample by sample.

        Who listens on the hub then hears of samples once they are committed, and not before.
        """
        with self.catalog.lock:
            self._pending.eager += more
            if more > 0:
                self._pending.hasten()

    # From the writer's thread

    def _stored(self, batch: Batch) -> None:
        if self._pending.eager and batch.rows:
            series = {self.catalog.root_of(row[1]) for row in batch.rows}
            self._hub.mark_series(series, widgets=False)

    def _recovered(self) -> None:
        if self._refused:
            self.redeliver()
