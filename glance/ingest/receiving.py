"""The broker's side: each message is decoded, taken into memory, and acknowledged at once or with the commit of its readings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from glance.ingest.catalog import Catalog
from glance.ingest.deliveries import Deliveries, Delivery
from glance.ingest.intake import Intake
from glance.ingest.messages import Messages
from glance.ingest.pending import Pending
from glance.ingest.telling import Telling
from glance.ingest.upkeep import Upkeep
from glance.ingest.writer import Writer
from glance.mqtt.readings import Outcome

LEARNED_EVERY_S = 15.0
# After so long on a connection the broker has sent what it had queued, and what comes is of now.
QUEUE_S = 10.0


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


class Receiving:
    """For the MQTT thread; nothing here waits for SQLite. `refused` counts deliveries that were left to the broker.

    `on_room` is called where there is room again for retained messages that were left out, see FloodGuard.
    """

    def __init__(
        self,
        *,
        decoder: Decoder,
        learned: str | None,
        catalog: Catalog,
        intake: Intake,
        pending: Pending,
        deliveries: Deliveries,
        upkeep: Upkeep,
        writer: Writer,
        telling: Telling,
        on_room: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._decoder = decoder
        self._catalog = catalog
        self._intake = intake
        self._pending = pending
        self._deliveries = deliveries
        self._upkeep = upkeep
        self._writer = writer
        self._telling = telling
        self._on_room = on_room
        self._clock = clock
        self.messages = Messages()
        self.refused = 0
        self._connected_at = 0.0
        if learned:
            decoder.remember(learned)
            decoder.carry_on(catalog.on_since())
        self._learned, self._learned_at = decoder.changes, clock()

    def connected(self, connection: int, session_present: bool, few: bool) -> None:
        """A connection to the broker began; `few` says that it sends only few unacknowledged messages (MQTT 3.1.1)."""
        with self._catalog.lock:
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
            with self._catalog.lock:
                standing, receipt = self._deliveries.standing(delivery)
            if standing == "waiting":
                return
            if standing == "stored":
                self._writer.acknowledge([(receipt.connection, receipt.mid)])
                return
        outcome = self._decoder.message(delivery.topic, delivery.payload, retained=delivery.retained, arrived_at=now)
        self.messages.note(delivery.topic, delivery.payload, delivery.retained, delivery.qos, now, outcome)
        with self._catalog.lock:
            if receipt is not None and self._pending.is_full and outcome.readings:
                # without an acknowledgement the broker keeps it and delivers it once more
                self.refused += 1
                return
            matters = self._intake.take(outcome, delivery.retained, now)
            if receipt is not None and matters:
                self._deliveries.wait(receipt)
                self._pending.add_receipt(receipt)
                return
        if receipt is not None:
            self._writer.acknowledge([(receipt.connection, receipt.mid)])

    def settle(self) -> None:
        """A burst of deliveries is through, or a second without any: tell the hub what changed."""
        due = self._decoder.due(self._clock())
        if due is not None:
            with self._catalog.lock:
                self._intake.take(due, False, self._clock())
        if self._intake.marks or self._catalog.changes != self._telling.told_changes:
            with self._catalog.lock:
                marks = self._intake.take_marks()
            self._telling.tell(marks)
        if self._catalog.guard.is_restless:
            self._let_in()
        if self._decoder.changes != self._learned and not 0 <= self._clock() - self._learned_at < LEARNED_EVERY_S:
            self.note_learned()

    def note_learned(self) -> None:
        """Take down what the decoder learned; on the thread that uses it, or when that one has ended."""
        if self._decoder.changes != self._learned:
            self._learned, self._learned_at = self._decoder.changes, self._clock()
            self._upkeep.learned = self._decoder.snapshot()

    def _let_in(self) -> None:
        """Say so where there is room again for what was left out."""
        with self._catalog.lock:
            if not self._catalog.asks_again(self._clock()):
                return
            self._intake.heard_all_since = self._connected_at + QUEUE_S
        self._on_room()
