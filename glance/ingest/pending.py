"""What waits to be committed, and when it is time: soon while a broker waits for acknowledgements, else to spare the card."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from glance.ingest.deliveries import Receipt
from glance.store.inbox import Row

# Readings held in memory while the database refuses; about 20 MB.
MAX_HELD = 100_000
ACK_S = 5.0
IDLE_S = 10.0
MANY = 200
FASTEST_S = 0.25
QUIET_S = 0.02
QUIET_GAPS = 5
STOCK_WINDOW = 10


@dataclass(slots=True)
class Batch:
    """What one commit stores: samples, receipts, and who waits for it."""

    rows: list[Row] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    waiters: list[threading.Event] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.rows or self.receipts or self.waiters)


@dataclass(slots=True)
class Pace:
    """How deliveries come: the usual gap between two, without those that follow an acknowledgement (the broker may have
    waited for it). `few` says that the broker sends only few unacknowledged messages (MQTT 3.1.1: usually 20)."""

    few: bool = False
    gap_s: float = 0.0
    last_at: float = 0.0
    after_ack: bool = True

    def hear(self, now: float) -> None:
        """A delivery came."""
        if self.after_ack:
            self.after_ack = False
        else:
            self.gap_s += (min(now - self.last_at, ACK_S) - self.gap_s) / 16
        self.last_at = now


class Pending:
    """The batch in the making. Every method but `take` is called under the ingest lock and never waits."""

    def __init__(
        self, lock: threading.RLock, monotonic: Callable[[], float] = time.monotonic, max_held: int = MAX_HELD
    ) -> None:
        self._condition = threading.Condition(lock)
        self._monotonic = monotonic
        self._batch = Batch()
        self._since: float | None = None
        self._wanted = False
        self.max_held = max_held
        self.pace = Pace()
        self.eager = 0
        self.stopped = False

    def __len__(self) -> int:
        return len(self._batch.rows)

    @property
    def is_full(self) -> bool:
        """True where no more readings may be held."""
        return len(self._batch.rows) >= self.max_held

    def add_row(self, row: Row) -> None:
        """One more sample."""
        rows = self._batch.rows
        rows.append(row)
        if len(rows) == 1:
            self._begin()
        elif len(rows) == MANY or self.eager:
            self._condition.notify()

    def add_receipt(self, receipt: Receipt) -> None:
        """One more acknowledgement that waits."""
        self.pace.hear(self._monotonic())
        receipts = self._batch.receipts
        receipts.append(receipt)
        if len(receipts) == 1 or (self.pace.few and len(receipts) == STOCK_WINDOW):
            self._begin()

    def add_waiter(self) -> threading.Event:
        """An event that is set once everything pending now is committed."""
        event = threading.Event()
        self._batch.waiters.append(event)
        self._begin()
        return event

    def hasten(self) -> None:
        """Commit what there is now."""
        self._wanted = True
        self._condition.notify()

    def stop(self) -> None:
        """End the waiting of the writer for good."""
        with self._condition:
            self.stopped = True
            self._condition.notify_all()

    def take(self, timeout_s: float) -> Batch:
        """Wait until a commit is due (at most `timeout_s`) and take the batch; empty where none is."""
        with self._condition:
            deadline = self._monotonic() + timeout_s
            while not self.stopped:
                now = self._monotonic()
                due = self._due_at(now)
                if due is not None and due <= now:
                    break
                end = deadline if due is None else min(due, deadline)
                if end <= now:
                    return Batch()
                self._condition.wait(end - now)
            return self.take_now()

    def sleep(self, timeout_s: float) -> None:
        """Wait until `stop`, a new arrival or the time is up."""
        with self._condition:
            if not self.stopped:
                self._condition.wait(timeout_s)

    def take_now(self) -> Batch:
        """Take the batch as it is."""
        with self._condition:
            taken, self._batch, self._wanted, self._since = self._batch, Batch(), False, None
            self.pace.after_ack = self.pace.after_ack or bool(taken.receipts)
            return taken

    def give_back(self, batch: Batch) -> None:
        """This could not be stored: it comes first the next time."""
        with self._condition:
            later = self._batch
            self._batch = Batch(batch.rows + later.rows, batch.receipts + later.receipts, batch.waiters + later.waiters)
            self._since = self._monotonic()

    def _begin(self) -> None:
        if self._since is None:
            self._since = self._monotonic()
        self._condition.notify()

    def _due_at(self, now: float) -> float | None:
        """When to commit (monotonic seconds); None while there is nothing."""
        batch = self._batch
        if not batch:
            return None
        since = now if self._since is None else self._since
        if self._wanted or batch.waiters or self.eager or (self.pace.few and len(batch.receipts) >= STOCK_WINDOW):
            return now
        if not batch.receipts:
            return since + (FASTEST_S if len(batch.rows) >= MANY else IDLE_S)
        quiet = self.pace.last_at + max(QUIET_S, QUIET_GAPS * self.pace.gap_s)
        latest = since + (FASTEST_S if len(batch.rows) >= MANY else ACK_S)
        return min(quiet, latest)
