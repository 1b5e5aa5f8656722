"""The thread that commits what came, acknowledges it, and folds, rolls up and lets go when it is time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from glance.errors import GlanceError
from glance.ingest.catalog import Catalog
from glance.ingest.deliveries import Acknowledge, Deliveries
from glance.ingest.pending import Batch, Pending
from glance.ingest.upkeep import Upkeep
from glance.store.db import Database
from glance.store.devices import DeviceRows, Unsaved
from glance.store.inbox import Inbox

log = logging.getLogger(__name__)

TICK_S = 5.0
RETRY_S = (0.5, 1.0, 2.0, 5.0, 10.0)
# Numbers are reserved ahead, so that after a crash none is given twice, also none of a sample that was shown but not yet stored.
RESERVE = 300_000
STOP_S = 1.5


@dataclass(slots=True)
class Trouble:
    """Why nothing can be stored, and since when (Unix seconds)."""

    sentence: str
    since: float
    tries: int = 1


class Writer:
    """Owns everything that is written for samples; commits happen on its thread, or in `flush`."""

    def __init__(
        self,
        *,
        db: Database,
        rows: DeviceRows,
        inbox: Inbox,
        catalog: Catalog,
        pending: Pending,
        deliveries: Deliveries,
        upkeep: Upkeep,
        next_id: Callable[[], int],
        reserved: int,
        clock: Callable[[], float],
    ) -> None:
        self._db = db
        self._rows = rows
        self._inbox = inbox
        self._catalog = catalog
        self._pending = pending
        self._deliveries = deliveries
        self._upkeep = upkeep
        self._next_id = next_id
        self._reserved = reserved
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._one_at_a_time = threading.Lock()
        self.acknowledge: Acknowledge = lambda _stored: None
        self.on_commit: Callable[[Batch], None] = lambda _batch: None
        self.on_recovery: Callable[[], None] = lambda: None
        self.trouble: Trouble | None = None
        self.committed_id = 0
        self.commits = 0
        self.stored = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Commit what is left and end; idempotent."""
        if self._pending.stopped:
            return
        self._pending.stop()
        if self._thread is not None:
            self._thread.join(STOP_S)
        self.flush(last=True)

    def is_alive(self) -> bool:
        """True while its thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def flush(self, *, last: bool = False) -> bool:
        """Commit what there is now, on the calling thread; False where the database refuses."""
        with self._one_at_a_time:
            return self._commit(self._pending.take_now(), last=last)

    def _run(self) -> None:
        while not self._pending.stopped:
            self._pending.wait(TICK_S)
            with self._one_at_a_time:
                # taken within, so that samples reach the disk in the order of their ids
                done = self._commit(self._pending.take_now() if self._pending.is_due() else Batch())
                if done and not self._pending.stopped:
                    self._keep_up()
            if not done:
                self._pause()

    def _keep_up(self) -> None:
        """Fold, roll up and let go where it is time; a failure waits for the next time."""
        try:
            self._upkeep.run(self._breathe)
        except GlanceError as error:
            log.warning("Samples could not be folded or rolled up: %s", error)
        except Exception:
            log.exception("Folding or rolling up failed.")

    def _breathe(self) -> None:
        """Between two steps of a long upkeep commit what is due, so that nobody waits for it."""
        if self._pending.is_due():
            self._commit(self._pending.take_now())

    def _commit(self, batch: Batch, *, last: bool = False) -> bool:
        unsaved = bool(self._catalog.unsaved_devices or self._catalog.unsaved_series)
        if not batch and not unsaved and not last:
            return True
        taken: Unsaved = ([], [])

        def take() -> Unsaved:
            nonlocal taken
            taken = self._catalog.take_unsaved()
            return taken

        new_session = self._deliveries.session_is_new
        try:
            with self._db.write():
                self._write(batch, take, new_session, last)
        except Exception as error:
            self._catalog.give_back(taken)
            self._pending.give_back(batch)
            self._inbox.forget_texts()
            self._refused(error)
            return False
        if new_session:
            self._deliveries.session_is_new = False
        self._committed(batch)
        return True

    def _write(self, batch: Batch, take: Callable[[], Unsaved], new_session: bool, last: bool) -> None:
        self._rows.save(take)
        if new_session:
            self._inbox.replace_seen([])
        if batch.rows:
            self._inbox.append(batch.rows, int(self._clock() // 86400))
        if batch.receipts:
            waiting = [receipt for receipt in batch.receipts if self._deliveries.waits(receipt)]
            self._inbox.put_seen([(receipt.mid, receipt.digest) for receipt in waiting])
        following = self._next_id()
        if last:
            self._inbox.put_state({"id_ceiling": str(following), **self._upkeep.last_words()})
            self._reserved = following
        elif following + RESERVE // 2 > self._reserved:
            self._inbox.put_state({"id_ceiling": str(following + RESERVE)})
            self._reserved = following + RESERVE

    def _committed(self, batch: Batch) -> None:
        self.commits += 1
        if batch.rows:
            self.committed_id = batch.rows[-1][0]
            self.stored += len(batch.rows)
        with self._catalog.lock:
            stored = self._deliveries.stored(batch.receipts)
        if stored:
            self.acknowledge(stored)
            with self._catalog.lock:
                self._pending.acknowledged(len(stored))
        for waiter in batch.waiters:
            waiter.set()
        self.on_commit(batch)
        if self.trouble is not None:
            log.info("Readings can be stored again after %.0f s.", self._clock() - self.trouble.since)
            self.trouble = None
            self.on_recovery()

    def _refused(self, error: Exception) -> None:
        sentence = error.sentence if isinstance(error, GlanceError) else "Storing readings failed."
        if self.trouble is None:
            self.trouble = Trouble(sentence, self._clock())
            log.warning("Readings cannot be stored, they are held in memory: %s", sentence)
            if not isinstance(error, GlanceError):
                log.error("Storing readings failed.", exc_info=error)
        else:
            self.trouble.sentence, self.trouble.tries = sentence, self.trouble.tries + 1

    def _pause(self) -> None:
        tries = self.trouble.tries if self.trouble else 1
        end = time.monotonic() + RETRY_S[min(tries, len(RETRY_S)) - 1]
        while not self._pending.stopped and time.monotonic() < end:
            self._pending.sleep(end - time.monotonic())
