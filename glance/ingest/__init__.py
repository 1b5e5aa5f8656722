"""Readings become samples: memory at once, a commit soon, then the acknowledgement; open pages are told by marks on the hub."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from glance.errors import Unavailable
from glance.ingest.catalog import Catalog
from glance.ingest.deliveries import Deliveries, Delivery
from glance.ingest.flood import Limits
from glance.ingest.history import History
from glance.ingest.hostclock import HostClock
from glance.ingest.intake import Intake
from glance.ingest.learning import Learning
from glance.ingest.letting_go import Keeping
from glance.ingest.owner import Devices
from glance.ingest.pending import MAX_HELD, Pending
from glance.ingest.recall import recall
from glance.ingest.receiving import Decoder, Receiving
from glance.ingest.telling import Telling
from glance.ingest.upkeep import Upkeep
from glance.ingest.writer import Writer
from glance.live import Hub
from glance.mqtt.readings import DeviceInfo, Outcome, Reading, SensorInfo
from glance.store.db import Database
from glance.store.devices import DeviceRows
from glance.store.inbox import Inbox
from glance.store.rollups import Rollups
from glance.store.samples import Samples
from glance.store.words import Words

__all__ = ["Decoder", "Delivery", "Health", "Ingest", "Keeping"]

SUBMIT_WAIT_S = 5.0
MOST_TOPICS = 100


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
        rows, inbox, samples = DeviceRows(db), Inbox(db), Samples(db)
        self._clock = host = HostClock(clock, inbox.last_known_s(), monotonic)
        state = inbox.state()
        self._state = state
        self.catalog = Catalog()
        self.learning = Learning(self.catalog)
        self._pending = Pending(self.catalog.lock, max_held=max_held)
        self._deliveries = Deliveries(inbox.seen())
        self._upkeep = Upkeep(
            catalog=self.catalog,
            rows=rows,
            inbox=inbox,
            samples=samples,
            rollups=Rollups(db),
            words=Words(db, inbox),
            keeping=keeping,
            state=state,
            clock=host,
            pending=self._pending,
        )
        self._upkeep.can_come_again = self._deliveries.can_come_again
        last_id, self._upkeep.unfolded = recall(self.catalog, rows, inbox, samples)
        following = max(int(state.get("id_ceiling", 1)), self._upkeep.marks.folded_to + 1, last_id + 1)
        self._intake = Intake(self.catalog, self.learning, self._pending, self._upkeep, host, following)
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
        self._telling = Telling(hub, self.catalog, self._pending)
        self._writer.on_commit = self._telling.committed
        self._writer.on_recovery = self._recovered
        self._inbox = inbox
        self._receiving = self._broker_side(decoder, state.get("decoder"))
        self.messages = self._receiving.messages
        # the broker's side; bound here, so that a message takes no further call
        self.connected = self._receiving.connected
        self.message = self._receiving.message
        self.deliver = self._receiving.deliver
        self.settle = self._receiving.settle
        self.devices = Devices(self.catalog, rows, host)
        self.devices.counts_anew = self._upkeep.count_anew
        self.devices.unwanted = self.learning.forget
        self.samples = History(self.catalog, samples, lambda: self._upkeep.marks, keeping.raw_days, host)
        # asks the broker to deliver anew what was left to it; set by the runtime
        self.redeliver: Callable[[], None] = lambda: None
        # asks the broker once more for what it keeps, see FloodGuard; set by the runtime
        self.ask_retained: Callable[[], None] = lambda: None

    def _broker_side(self, decoder: Decoder, learned: str | None) -> Receiving:
        return Receiving(
            decoder=decoder,
            learned=learned,
            catalog=self.catalog,
            intake=self._intake,
            pending=self._pending,
            deliveries=self._deliveries,
            upkeep=self._upkeep,
            writer=self._writer,
            telling=self._telling,
            on_room=self._room_again,
            clock=self._clock,
        )

    # Running

    def start(self) -> None:
        """Start the thread that writes."""
        self._writer.start()

    def stop(self) -> None:
        """Commit what is left and end; idempotent."""
        self._upkeep.letting_go.stop()
        self._receiving.note_learned()
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
            self._receiving.refused,
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

    # What comes otherwise than by the broker

    def submit(
        self,
        readings: Sequence[Reading],
        wait_s: float = SUBMIT_WAIT_S,
        *,
        about: Sequence[DeviceInfo] = (),
        meanings: Sequence[SensorInfo] = (),
    ) -> int:
        """Store readings that came by HTTP or websocket, what they say `about` their devices, and the `meanings` of sensors that are
        new; returns how many readings, once they are committed.

        Unavailable where they are not committed in time; they are held and stored later, and the sentence says so.
        """
        with self.catalog.lock:
            if self._pending.is_full:
                raise Unavailable("Too many readings wait to be stored already. Try again later.")
            before = self._intake.next_id
            new = tuple(info for info in meanings if self.catalog.find(info.device, info.sensor) is None)
            outcome = Outcome(readings=tuple(readings), devices=tuple(about), sensors=new)
            self._intake.take(outcome, False, self._clock(), direct=True)
            count = self._intake.next_id - before
            waiter = self._pending.add_waiter()
            marks = self._intake.take_marks()
        self._telling.tell(marks)
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
        self._telling.tell(marks)

    def be_eager(self, more: int) -> None:
        """While the sum of all `more` is above zero, commit at once: somebody follows what is stored, sample by sample.

        Who listens on the hub then hears of samples once they are committed, and not before.
        """
        with self.catalog.lock:
            self._pending.eager += more
            if more > 0:
                self._pending.hasten()

    # From the parts

    def _room_again(self) -> None:
        self.ask_retained()

    def _recovered(self) -> None:
        if self._receiving.refused:
            self.redeliver()
