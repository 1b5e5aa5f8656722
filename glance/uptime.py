"""The memory of one monitored service: its last checks, and how many were good on each day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

KEPT_CHECKS = 90
KEPT_DAYS = 30


def remember(record: Any, state: str, ms: float | None, now: float) -> dict[str, Any]:
    """`record` (or None) with one more check: `{history: [[at, ms, state]], days: {date: [good, total]}, since, down}`.

    `state` is up, slow, down or unknown; the last one counts for nothing. `since` is when down began or ended.
    """
    kept = record if isinstance(record, dict) else {}
    history = list(kept.get("history") or [])
    days = dict(kept.get("days") or {})
    since, was_down = kept.get("since"), kept.get("down")
    if state == "unknown":
        return {"history": history, "days": days, "since": since, "down": was_down}
    down = state == "down"
    if since is None or was_down is not down:
        since = now
    history.append([now, None if down else ms, state])
    today = datetime.fromtimestamp(now, UTC).date()
    good, total = days.get(today.isoformat(), (0, 0))
    days[today.isoformat()] = [good + (not down), total + 1]
    oldest = (today - timedelta(days=KEPT_DAYS - 1)).isoformat()
    days = {day: counts for day, counts in sorted(days.items()) if day >= oldest}
    return {"history": history[-KEPT_CHECKS:], "days": days, "since": since, "down": down}


def uptime(records: Iterable[Mapping[str, Any]]) -> tuple[float | None, int]:
    """Percentage of good checks over all records (None without any check), and over how many days."""
    counted = [record["days"] for record in records]
    good = sum(counts[0] for days in counted for counts in days.values())
    total = sum(counts[1] for days in counted for counts in days.values())
    return (round(100 * good / total, 3) if total else None), len({day for days in counted for day in days})
