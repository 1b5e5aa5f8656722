"""Open pages hear of what came: marks on the hub, at once, or once it is committed while somebody follows every sample."""

from __future__ import annotations

from glance.ingest.catalog import Catalog
from glance.ingest.pending import Batch, Pending
from glance.live import Hub


class Telling:
    """`told_changes` is how far the catalog's `changes` were when pages last heard of newcomers."""

    def __init__(self, hub: Hub, catalog: Catalog, pending: Pending) -> None:
        self._hub = hub
        self._catalog = catalog
        self._pending = pending
        self.told_changes = catalog.changes

    def tell(self, marks: set[int]) -> None:
        """These series changed; called without the catalog's lock."""
        if self._catalog.changes != self.told_changes:
            # a sensor that appeared woke nobody who follows a selection
            self.told_changes = self._catalog.changes
            self._hub.mark_newcomers()
        self._hub.mark_series(marks, listeners=not self._pending.eager)

    def committed(self, batch: Batch) -> None:
        """Samples were stored, on the writer's thread: who follows sample by sample hears of them now."""
        if self._pending.eager and batch.rows:
            series = {self._catalog.root_of(row[1]) for row in batch.rows}
            self._hub.mark_series(series, widgets=False)
