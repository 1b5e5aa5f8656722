"""The shapes *value* and *points* of series: the newest value with its line, and lines, bars or stretches over a range.

Charts are read from the database at most every few seconds; in between only their newest point moves (`Look.tail`).
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from glance.ingest.history import History
from glance.ingest.tracks import Latest
from glance.model import Tail
from glance.series.choosing import MOST_LINES
from glance.series.lines import Line
from glance.series.words import shown_value, value_shown
from glance.store.devices import Sensor

RANGE_S = {"1h": 3600, "6h": 6 * 3600, "24h": 86400, "7d": 7 * 86400, "30d": 30 * 86400}
CHART_POINTS = 300
TREND_POINTS = 48
KEPT_BASES = 400
TIP_S = 1.0
# Reading charts anew takes at most a tenth of the time, where one reading takes longer than a moment.
READING_SHARE, SHORT_READ_S = 0.1, 0.003
USES_KEPT_S = 15.0
# Lines are read anew after half the time that one of their points stands for, within these.
LEAST_KEPT_S, MOST_KEPT_S = 2.0, 60.0
# What lacks samples that came late, as from a device that buffers, is read anew after so long.
LATE_S = 2.0
FEWEST_USES = 7
# A sensor is known a moment before or after its first sample.
UNKNOWN_S = 2.0
PER_S: Mapping[str, int] = {"hour": 3600, "day": 86400}
PER_WORDS: Mapping[str, str] = {"hour": "This hour", "day": "Today"}
# how a line beside live ones says that its newest value is not
AWAY_WORDS: Mapping[str, str] = {"unknown": "no news", "removed": "removed"}
Points = list[list[Any]]
Point = tuple[float, float]
# points, and the lowest and highest of what is behind them
Read = tuple[Points, float | None, float | None]


@dataclass(frozen=True, slots=True)
class Base:
    """Points of a chart as they were read at `made_at`; `number` tells two readings apart.

    `low` and `high` are of single samples, where the points are averages; None where the line has none. `late` is how many samples
    had come late by then, `again_at` when to read anew because more have since.
    """

    made_at: float
    points: Points
    number: int
    low: float | None = None
    high: float | None = None
    late: int = 0
    again_at: float | None = None


class Charts:
    """Safe for any thread; what was read is kept for a share of the time that one point stands for."""

    def __init__(self, samples: History) -> None:
        self._samples = samples
        self._lock = threading.Lock()
        self._bases: OrderedDict[tuple[int, str, int], Base] = OrderedDict()
        self._tips: OrderedDict[tuple[int, int], tuple[float, Point]] = OrderedDict()
        self._next_read_at = 0.0
        # not from 0: a page that was open over a restart must not take another reading for the one it has
        self._numbers = secrets.randbits(40)

    def value(self, line: Line, source: Mapping[str, Any], now: float) -> tuple[dict[str, Any], str, float | None]:
        """The shape *value* of one sensor, its version, and when its line has more to show (None = it is up to date).

        Of a counter with `use` what the hour or day has used so far.
        """
        sensor, latest = line.sensor, line.latest
        assert sensor is not None
        assert latest is not None
        data: dict[str, Any] = {"value": shown_value(sensor, latest)}
        if sensor.shown_unit and sensor.kind == "number":
            data["unit"] = sensor.shown_unit
        if sensor.shown_decimals is not None and sensor.kind == "number":
            data["decimals"] = sensor.shown_decimals
        if latest.at is not None:
            data["at"] = latest.at
        span, number = str(source.get("range", "24h")), 0
        tip_at, again_at = 0.0, None
        per = _per(source, sensor)
        if per:
            base = self._uses(sensor.id, per, span, now)
            data |= {"value": base.points[-1][1] or 0.0, "label": PER_WORDS[per], "trend": base.points}
            number, again_at = base.number, base.again_at
        elif sensor.kind == "number":
            base = self._history(sensor, span, TREND_POINTS, now)
            number = base.number
            data |= _extremes(base, latest)
            newest, again_at = self._tip(sensor.id, base, latest, now)
            again_at = _first(again_at, base.again_at)
            data["trend"] = [*base.points, list(newest)] if newest else base.points
            tip_at = newest[0] if newest else 0.0
        else:
            stretch = self._stretches(line, span, now, sensor.first_at)
            again_at = stretch.again_at
            if stretch.points:
                data["since"] = stretch.points[-2][0] if len(stretch.points) > 1 else stretch.points[-1][0]
        return data, f"{latest.id}.{latest.value}.{latest.text}.{number}.{tip_at}.{data.get('since', 0)}", again_at

    def freshen(self, series: Collection[int], now: float) -> None:
        """Have lines of these read anew that are old for how far back they go: what moved since is not drawn where a page begins with them.

        An open page has the newest points of a young sensor since it was opened, so its line is not read every other second.
        """
        with self._lock:
            for key, base in self._bases.items():
                if key[0] in series and key[2] and now - base.made_at > _kept_s(_goes_back_s(base, now), key[2]):
                    self._bases[key] = replace(base, made_at=-math.inf)

    def points(
        self, lines: Sequence[Line], source: Mapping[str, Any], span: str, now: float
    ) -> tuple[dict[str, Any], str, Tail | None, float | None]:
        """The shape *points*, its version, what moved since the lines were read, and when there is more to show (None = all is)."""
        drawn: list[dict[str, Any]] = []
        version: list[str] = []
        newest: list[Point | None] = []
        again_at: float | None = None
        began = min((line.sensor.first_at for line in lines if line.sensor is not None), default=now)
        for line in lines[:MOST_LINES]:
            sensor, latest = line.sensor, line.latest
            assert sensor is not None
            assert latest is not None
            one: dict[str, Any] = {"label": line.label, "unit": sensor.shown_unit or ""}
            per = _per(source, sensor)
            tip: Point | None = None
            if per:
                base = self._uses(sensor.id, per, span, now)
                one |= {"points": base.points, "bars": PER_S[per]}
                if RANGE_S.get(span, 86400) < FEWEST_USES * PER_S[per]:
                    # fewer bars would say nothing: more than the range that is chosen is shown, and said
                    one["label"] = f"{line.label}, last {FEWEST_USES} {per}s"
            elif sensor.kind == "number":
                base = self._history(sensor, span, CHART_POINTS, now)
                one |= {"points": base.points, **_extremes(base, latest)}
                tip = _last(base.points, latest)
            else:
                base = self._stretches(line, span, now, began)
                one |= {"points": base.points, "steps": True, "unit": "", "now": shown_value(sensor, latest)}
                one["words"] = _words(sensor, base.points)
            standing = line.standing.state if line.standing is not None else "live"
            # where all are away the card says so itself
            if standing != "live" and any(other.standing and other.standing.state == "live" for other in lines):
                one["away"] = AWAY_WORDS.get(standing, standing)
            again_at = _first(again_at, base.again_at)
            version.append(f"{sensor.id}.{base.number}.{standing}")
            newest.append(tip)
            drawn.append(one)
        at = max((point[0] for point in newest if point), default=None)
        return {"series": drawn}, "-".join(version), Tail(at, tuple(newest)) if any(newest) else None, again_at

    def _tip(self, series: int, base: Base, latest: Latest, now: float) -> tuple[Point | None, float | None]:
        """The newest point of a small line, and when it has to move on (None = it is the newest there is).

        It moves once a second: the line is the largest part of a card.
        """
        newest = _newest(base.points, latest)
        kept = self._tips.get((series, base.number))
        if newest is not None and kept is not None and kept[1] != newest and 0 <= now - kept[0] < TIP_S:
            return kept[1], kept[0] + TIP_S
        if newest is not None and (kept is None or kept[1] != newest):
            with self._lock:
                self._tips[series, base.number] = (now, newest)
                self._tips.move_to_end((series, base.number))
                while len(self._tips) > KEPT_BASES:
                    self._tips.popitem(last=False)
        return newest, None

    def _history(self, sensor: Sensor, span: str, points: int, now: float) -> Base:
        span_s = RANGE_S.get(span, 86400)

        def read() -> Read:
            chart = self._samples.history(sensor.id, now - span_s, now, points)
            found: Points = [[point.t, None if point.avg is None else round(point.avg, 4)] for point in chart.points]
            # an average stands at the beginning of its time, but no line begins before its sensor did
            if found and found[0][0] < sensor.first_at < found[0][0] + chart.step_s:
                found[0][0] = sensor.first_at
            low = min((point.low for point in chart.points if point.low is not None), default=None)
            high = max((point.high for point in chart.points if point.high is not None), default=None)
            return found, low, high

        return self._kept((sensor.id, span, points), now, _kept_s(span_s, points), read)

    def _uses(self, series: int, per: Literal["hour", "day"], span: str, now: float) -> Base:
        """How much a counter grew in each hour or day of the range; the last one is not over yet."""
        span_s = max(RANGE_S.get(span, 86400), FEWEST_USES * PER_S[per])

        def read() -> Read:
            uses = self._samples.use(series, now - span_s, now, per)
            return [[use.begin, None if use.value is None else round(use.value, 4)] for use in uses], None, None

        return self._kept((series, f"{per}.{span}", 0), now, USES_KEPT_S, read)

    def _stretches(self, line: Line, span: str, now: float, began: float) -> Base:
        """When a boolean, enum or text began to be what, and how it stands at the end; read anew with each new sample.

        `began` is when the oldest of the sensors that are drawn together was first heard (Unix seconds).
        """
        sensor, latest = line.sensor, line.latest
        assert sensor is not None
        assert latest is not None

        def read() -> Read:
            begin = now - RANGE_S.get(span, 86400)
            found = self._samples.timeline(sensor.id, begin, now + 0.001)
            points: Points = [[one.begin, one.value if one.value is not None else one.text] for one in found]
            known = max(begin, began)
            if found and found[0].begin > known + UNKNOWN_S:
                # before its first sample nothing is known of it
                points.insert(0, [known, None])
            return [*points, [found[-1].end, points[-1][1]]] if points else [], None, None

        return self._kept((sensor.id, f"w{latest.id}.{span}", 0), now, 10.0, read)

    def _kept(self, key: tuple[int, str, int], now: float, keep_s: float, read: Callable[[], Read]) -> Base:
        """What was read less than `keep_s` ago, or LATE_S where samples came late since, else what is read now; its number stays
        while the points do.

        Where reading takes long, the charts of a page take turns: one may be three times as old until its turn comes.
        """
        kept, late = self._bases.get(key), self._samples.late(key[0])
        began = time.monotonic()
        again_at = None
        if kept is not None and kept.late != late:
            keep_s = min(keep_s, LATE_S)
            again_at = max(now, kept.made_at) + keep_s
        if kept is not None and 0 <= now - kept.made_at < (keep_s if began >= self._next_read_at else 3 * keep_s):
            return kept if again_at is None else replace(kept, again_at=again_at)
        found = read()
        took_s = time.monotonic() - began
        self._next_read_at = began + took_s / READING_SHARE if took_s > SHORT_READ_S else 0.0
        with self._lock:
            if kept is not None and (kept.points, kept.low, kept.high) == found:
                made = replace(kept, made_at=now, late=late)
            else:
                self._numbers += 1
                points, low, high = found
                made = Base(now, points, self._numbers, low, high, late)
            self._bases[key] = made
            self._bases.move_to_end(key)
            while len(self._bases) > KEPT_BASES:
                self._bases.popitem(last=False)
        return made


def _kept_s(span_s: float, points: int) -> float:
    """For how long a line over `span_s` that is drawn with so many points is as good as read anew."""
    return min(MOST_KEPT_S, max(LEAST_KEPT_S, span_s / points / 2))


def _goes_back_s(base: Base, now: float) -> float:
    """How far back a line goes: less than its range where its sensor is younger."""
    return now - base.points[0][0] if base.points else 0.0


def _first(one: float | None, other: float | None) -> float | None:
    """The earlier of two times."""
    return min(one, other) if one is not None and other is not None else other if one is None else one


def _per(source: Mapping[str, Any], sensor: Sensor) -> Literal["hour", "day"] | None:
    """Whether a counter is to be shown as what was used of it, per hour or day."""
    per = source.get("use")
    return per if per in ("hour", "day") and sensor.is_counter else None


def _extremes(base: Base, latest: Latest | None = None) -> dict[str, float]:
    """The lowest and highest single sample of a line, the newest one with them; empty where there is none."""
    if base.low is None or base.high is None:
        return {}
    newest = latest.value if latest is not None and not latest.retained else None
    both = [base.low, base.high, *([] if newest is None else [newest])]
    return {"low": min(both), "high": max(both)}


def _words(sensor: Sensor, points: Points) -> dict[str, str]:
    """What the 0 and 1 of a boolean are called."""
    if sensor.kind != "boolean":
        return {}
    values = {float(value) for _, value in points if isinstance(value, int | float)}
    return {f"{value:g}": str(value_shown(sensor, value, None)) for value in values}


def _last(points: Points, latest: Latest) -> Point | None:
    """The newest point, also where the chart ends with it: a page may still show an older chart. None where it is older than the chart."""
    if latest.at is None or latest.value is None or latest.retained:
        return None
    # stored times are whole milliseconds
    at = int(latest.at * 1000) / 1000
    return None if points and points[-1][0] > at else (at, latest.value)


def _newest(points: Points, latest: Latest) -> Point | None:
    """The newest point, where it is later than what the chart holds."""
    last = _last(points, latest)
    return None if last is None or (points and points[-1][0] == last[0]) else last
