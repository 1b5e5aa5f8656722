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
MANY = 500
FASTEST_S = 0.25
QUIET_S = 0.02
# A delivery so soon after an acknowledgement was held back for it; after so many in a row that is sure.
PROMPT_S = 0.005
SURE = 3
PROBE_EVERY, PROBE_S = 16, 0.2
# MQTT 3.1.1: half of what Mosquitto sends unacknowledged.
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
    """How long acknowledgements may wait without holding the broker up.

    A broker may send only so many unacknowledged messages (Mosquitto with MQTT 3.1.1: 20, EMQX: 32) and then waits. As long as
    fewer wait than it was ever seen to send (`proven`), it is not waiting for us. Beyond that we wait with `patience_s`: longer
    each time nothing followed the acknowledgement at once, hardly at all where something did, and longer again now and then to see.
    """

    few: bool = False
    proven: int = 0
    patience_s: float = QUIET_S
    _last_at: float = 0.0
    _acked_at: float | None = None
    _prompt: int = 0
    _turns: int = 0

    def begin(self, few: bool) -> None:
        """Another connection, perhaps to another broker. `few` = MQTT 3.1.1."""
        self.few, self.proven, self.patience_s, self._acked_at, self._prompt = few, 0, QUIET_S, None, 0

    def hear(self, now: float, waiting: int) -> None:
        """A delivery came; `waiting` are unacknowledged with it."""
        if self._acked_at is not None:
            if now - self._acked_at < PROMPT_S:
                self._prompt += 1
                self.patience_s = 0.0 if self._prompt >= SURE else QUIET_S
            else:
                self._prompt = 0
                self.patience_s = min(max(2 * self.patience_s, QUIET_S), ACK_S)
            self._acked_at = None
        self.proven = max(self.proven, waiting)
        self._last_at = now

    def acknowledged(self, now: float, count: int) -> None:
        """So many were acknowledged, and nothing came in the meantime."""
        if count >= self.proven:
            self._acked_at = now
            self._turns += 1

    def due_at(self, since: float, waiting: int, many: bool) -> float:
        """When `waiting` deliveries, the first of them taken at `since`, are to be acknowledged."""
        latest = since + (FASTEST_S if many else ACK_S)
        if self.few and waiting >= STOCK_WINDOW:
            return since
        if waiting < self.proven:
            return latest
        patience_s = self.patience_s if self._turns % PROBE_EVERY else max(self.patience_s, PROBE_S)
        return min(self._last_at + patience_s, latest)


class Pending:
    """The batch in the making. Every method but `wait` and `sleep` is called under the ingest lock, or takes it, and never waits."""

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

    def retime(self, new_ts: Callable[[int, int], int]) -> None:
        """Samples are of another time than was thought."""
        with self._condition:
            self._batch.rows = [
                (number, series, new_ts(number, ts), value, text)
                for number, series, ts, value, text in self._batch.rows
            ]

    def add_receipt(self, receipt: Receipt) -> None:
        """One more acknowledgement that waits."""
        pace, receipts = self.pace, self._batch.receipts
        receipts.append(receipt)
        before = pace.proven
        pace.hear(self._monotonic(), len(receipts))
        if len(receipts) == 1 or len(receipts) == before or (pace.few and len(receipts) == STOCK_WINDOW):
            self._begin()

    def acknowledged(self, count: int) -> None:
        """So many deliveries were acknowledged now."""
        if count and not self._batch.receipts:
            self.pace.acknowledged(self._monotonic(), count)

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

    def wait(self, timeout_s: float) -> None:
        """Wait until a commit is due, at most `timeout_s`."""
        with self._condition:
            deadline = self._monotonic() + timeout_s
            while not self.stopped:
                now = self._monotonic()
                due = self._due_at(now)
                end = deadline if due is None else min(due, deadline)
                if end <= now:
                    return
                self._condition.wait(end - now)

    def is_due(self) -> bool:
        """Is it time for a commit?"""
        with self._condition:
            now = self._monotonic()
            due = self._due_at(now)
            return due is not None and due <= now

    def sleep(self, timeout_s: float) -> None:
        """Wait until `stop`, a new arrival or the time is up."""
        with self._condition:
            if not self.stopped:
                self._condition.wait(timeout_s)

    def take_now(self) -> Batch:
        """Take the batch as it is."""
        with self._condition:
            taken, self._batch, self._wanted, self._since = self._batch, Batch(), False, None
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
        if self._wanted or batch.waiters or self.eager:
            return now
        many = len(batch.rows) >= MANY
        if batch.receipts:
            return self.pace.due_at(since, len(batch.receipts), many)
        return since + (FASTEST_S if many else IDLE_S)
