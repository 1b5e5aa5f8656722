"""Buckets of time: how wide, how they are put together, where nothing came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from glance.store.samples import Bucket

# Silence of less than this is no gap, whatever the usual gap is; the same for stale values.
LEAST_GAP_S = 600.0
GAPS = 3
HOUR_S = 3600
STEPS_S = (
    *(unit * factor for unit in (0.001, 0.01, 0.1, 1.0) for factor in (1, 2, 5)),
    10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10800.0, 21600.0, 43200.0, 86400.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a chart at `t` (Unix seconds); without values it is a gap."""

    t: float
    avg: float | None
    low: float | None
    high: float | None
    n: int

    @classmethod
    def of(cls, bucket: Bucket) -> Point:
        """A bucket as a point at its beginning."""
        return cls(bucket.at, bucket.avg, bucket.low, bucket.high, bucket.n)


def gap_after_s(usual_gap_s: float | None) -> float:
    """After which silence a line is interrupted and a value is old."""
    return max(GAPS * (usual_gap_s or 0.0), LEAST_GAP_S)


def merge_buckets(found: Iterable[Bucket], fresh: Sequence[tuple[int, float]], step_ms: int) -> list[Bucket]:
    """Buckets of `step_ms`, from finer ones and from single numbers (Unix milliseconds, value), oldest first."""
    sums: dict[int, list[float]] = {}
    for bucket in found:
        turn = round(bucket.at * 1000) // step_ms
        kept = sums.get(turn)
        if kept is None:
            sums[turn] = [bucket.avg * bucket.n, bucket.low, bucket.high, bucket.n]
        else:
            kept[0] += bucket.avg * bucket.n
            kept[1] = min(kept[1], bucket.low)
            kept[2] = max(kept[2], bucket.high)
            kept[3] += bucket.n
    for ts, value in fresh:
        turn = ts // step_ms
        kept = sums.get(turn)
        if kept is None:
            sums[turn] = [value, value, value, 1]
        else:
            kept[0] += value
            kept[1] = min(kept[1], value)
            kept[2] = max(kept[2], value)
            kept[3] += 1
    return [
        Bucket(turn * step_ms / 1000, total / n, low, high, int(n))
        for turn, (total, low, high, n) in sorted(sums.items())
    ]


def with_gaps(points: Sequence[Point], gap_s: float, step_s: float) -> list[Point]:
    """The points, with an empty one where nothing came for longer than `gap_s`."""
    shown: list[Point] = []
    for point in points:
        if shown and point.t - shown[-1].t > gap_s:
            between = shown[-1].t + step_s if step_s else (shown[-1].t + point.t) / 2
            shown.append(Point(between, None, None, None, 0))
        shown.append(point)
    return shown


def thin_out(points: list[Point], limit: int) -> list[Point]:
    """At most `limit` points: neighbours are put together, lows and highs stay."""
    while len(points) > limit:
        shorter: list[Point] = []
        for turn in range(0, len(points), 2):
            pair = [point for point in points[turn : turn + 2] if point.avg is not None]
            shorter.append(_together(pair) if pair else points[turn])
        points = shorter
    return points


def _together(points: list[Point]) -> Point:
    n = sum(point.n for point in points)
    return Point(
        points[0].t,
        sum((point.avg or 0.0) * point.n for point in points) / n,
        min(point.low for point in points if point.low is not None),
        max(point.high for point in points if point.high is not None),
        n,
    )


def step_s_for(begin: float, end: float, points: int) -> float:
    """The smallest pleasant step whose buckets, which begin at its multiples, are at most `points`."""
    least = (end - begin) / points
    for step in STEPS_S:
        if step >= least and -(-end // step) - begin // step <= points:
            return step
    return float(-(-(end - begin) / max(1, points - 1) // 86400) * 86400)


def edges_of(begin: float, end: float, per: Literal["hour", "day"]) -> list[float]:
    """The beginnings of the local hours or days from the one that holds `begin`, and `end`."""
    local = datetime.fromtimestamp(begin)
    if per == "hour":
        edges = [local.replace(minute=0, second=0, microsecond=0).timestamp()]
        while edges[-1] + HOUR_S < end:
            edges.append(edges[-1] + HOUR_S)
    else:
        day = local.replace(hour=0, minute=0, second=0, microsecond=0)
        edges = [day.timestamp()]
        while (day := day + timedelta(days=1)).timestamp() < end:
            edges.append(day.timestamp())
    return [*edges, end]
