"""A fetch on its way: one per widget and params, whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from glance.definition import Definition
from glance.errors import FetchError
from glance.model import CacheEntry, Widget
from glance.pool import Job

JOIN_FORCED_WITHIN_S = 1.0
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Landing:
    """How a flight ended: the entry as it stands now, whether it came from the cache after all, and the failure if there was one."""

    entry: CacheEntry | None
    from_cache: bool = False
    error: FetchError | None = None


@dataclass(eq=False, slots=True)
class Flight:
    """One upstream run. `params` are whole, with secrets; `began` is a time.monotonic() value once a thread has it."""

    key: Key
    widget: Widget
    definition: Definition
    params: Mapping[str, Any] | None
    forced: bool
    variant: bool
    reason: str
    began: float | None = None
    job: Job | None = None
    follow: Flight | None = None
    landed: Future[Landing] = field(default_factory=Future)

    def joins(self, forced: bool, now: float) -> bool:
        """Whether a caller that comes at `now` (monotonic) takes this flight's answer rather than asking for one further."""
        return not forced or self.forced or self.began is None or now - self.began < JOIN_FORCED_WITHIN_S
