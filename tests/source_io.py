"""What a source gets for one fetch, with the real outbound client and a clock that stands still."""

from __future__ import annotations

import time
from typing import Any

from glance.outbound import Outbound
from glance.sources import SourceIO
from tests.waiting import PATIENCE_S

NOW = 1795089600.0  # 2026-11-19 12:00:00 UTC


def source_io(
    outbound: Outbound,
    *,
    now: float = NOW,
    deadline_s: float = PATIENCE_S,
    state: dict[str, Any] | None = None,
    previous: Any = None,
    secrets: tuple[str, ...] = (),
) -> SourceIO:
    """A SourceIO that must be over in `deadline_s` seconds."""
    deadline = time.monotonic() + deadline_s
    return SourceIO(
        http=outbound.client(deadline, secrets),
        params={},
        deadline=deadline,
        now=lambda: now,
        state={} if state is None else state,
        previous=previous,
        secrets=secrets,
    )
