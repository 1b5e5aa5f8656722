"""What a widget on stored series shows right now: newest values from memory, charts from history, liveness of its sensors.

Charts are read from the database at most every few seconds; in between only their newest point moves (`Look.tail`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glance.ingest import Ingest
from glance.ingest.liveness import Standing
from glance.ingest.tracks import Latest
from glance.live import Hub
from glance.model import Look, State, Tail, Widget
from glance.store.devices import Sensor
from glance.store.widgets import Widgets

RANGE_S = {"1h": 3600, "6h": 6 * 3600, "24h": 86400, "7d": 7 * 86400, "30d": 30 * 86400}
CHART_POINTS = 300
TREND_POINTS = 48
KEPT_BASES = 400
SHOWN_AS: Mapping[str, State] = {
    "live": "live",
    "stale": "stale",
    "unknown": "stale",
    "offline": "offline",
    "asleep": "offline",
    "removed": "offline",
}
WORST = ("removed", "offline", "asleep", "stale", "unknown", "live")


@dataclass(frozen=True, slots=True)
class _Line:
    """One sensor of a widget: what it is called, its sensor (None = never seen), newest value and liveness."""

    label: str
    device: str
    name: str
    sensor: Sensor | None
    latest: Latest | None
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class _Base:
    """Points of a chart as they were read at `made_at`; `number` tells two readings apart."""

    made_at: float
    points: list[list[float | None]]
    number: int


class Series:
    """Looks for widgets on series, and follows their series on the hub; safe for any thread. `standing` judges a sensor's liveness,
    `connected` changes when the broker comes or goes."""

    def __init__(
        self,
        ingest: Ingest,
        widgets: Widgets,
        standing: Callable[[Sensor, float], Standing],
        hub: Hub,
        connected: Callable[[], object] = lambda: None,
    ) -> None:
        self._ingest = ingest
        self._widgets = widgets
        self._standing = standing
        self._hub = hub
        self._connected = connected
        self._was_connected: object = None
        self._lock = threading.Lock()
        self._bases: OrderedDict[tuple[int, str, int], _Base] = OrderedDict()
        self._numbers = 0
        self._stamp = (-1, -1)
        self._following: set[str] = set()
        self._turns_stale: dict[str, float] = {}

    # Who shows what

    def changed(self) -> None:
        """The broker or a device came or went, or was renamed: every widget on series looks anew."""
        self._refollow()
        self._hub.mark(self._following)

    def tick(self, now: float) -> None:
        """Follow the series of new and changed widgets; repaint what has turned stale since."""
        self._refollow()
        connected = self._connected()
        if connected != self._was_connected:
            self._was_connected = connected
            self._hub.mark(self._following)
        with self._lock:
            due = [widget_id for widget_id, at in self._turns_stale.items() if at <= now]
            for widget_id in due:
                del self._turns_stale[widget_id]
        if due:
            self._hub.mark(due)

    def _refollow(self) -> None:
        stamp = (self._widgets.structure, self._ingest.devices.changes)
        if self._stamp == stamp:
            return
        self._stamp = stamp
        found: dict[str, set[int]] = {}
        for widget in self._widgets.all():
            if _source_of(widget) is not None:
                found[widget.id] = {number for sensor in self._sensors_of(widget) for number in self._ids_of(sensor)}
        for widget_id in self._following - found.keys():
            self._hub.follow(widget_id, ())
        for widget_id, series in found.items():
            self._hub.follow(widget_id, series)
        self._following = set(found)

    def _sensors_of(self, widget: Widget) -> list[Sensor]:
        source = _source_of(widget) or {}
        found = (self._ingest.devices.find(item["device"], item["sensor"]) for item in source.get("series", ()))
        return [sensor for sensor in found if sensor is not None]

    def _ids_of(self, sensor: Sensor) -> Sequence[int]:
        track = self._ingest.catalog.tracks.get(sensor.id)
        return track.ids if track else (sensor.id,)

    # Looking

    def look(self, widget: Widget, shape: str, now: float) -> Look:
        """What the widget shows at `now`; `shape` is value, points or rows."""
        source = widget.params["data_source"]
        lines = [self._line(item, now) for item in source.get("series", ())]
        known = [line for line in lines if line.sensor is not None and line.latest is not None]
        if not known:
            return Look(None, False, "empty", None, None, self._missing(lines), f"none.{self._missing(lines)}")
        span = str(source.get("range", "24h"))
        if shape == "points":
            found = self._points(known, span, now)
        elif shape == "rows":
            found = self._rows(lines, now)
        else:
            found = self._value(known[0], span, now)
        data, version, tail = found
        state, sentence, stale_at = _worst([line.standing for line in known if line.standing is not None])
        at = max((line.latest.at for line in known if line.latest and line.latest.at is not None), default=None)
        with self._lock:
            if state == "live" and stale_at is not None:
                self._turns_stale[widget.id] = stale_at
            else:
                self._turns_stale.pop(widget.id, None)
        return Look(
            data, True, state, at, stale_at, sentence, f"{version}.{state}.{self._ingest.devices.changes}", tail
        )

    def points(self, widget: Widget, span: str, now: float) -> dict[str, Any]:
        """The widget's lines over another range, as the shape *points*; for the range picker."""
        lines = [self._line(item, now) for item in widget.params["data_source"].get("series", ())]
        known = [line for line in lines if line.sensor is not None and line.latest is not None]
        data, _, tail = self._points(known, span, now)
        for line, newest in zip(data["series"], tail.points if tail else (), strict=False):
            if newest is not None:
                line["points"] = [*line["points"], list(newest)]
        return data

    def _line(self, item: Mapping[str, Any], now: float) -> _Line:
        devices = self._ingest.devices
        sensor = devices.find(item["device"], item["sensor"])
        if sensor is None:
            label = item.get("label") or str(item["sensor"])
            return _Line(label, item["device"], item["sensor"], None, None, None)
        label = item.get("label") or sensor.title
        latest = self._ingest.samples.latest(sensor.id)
        return _Line(label, item["device"], item["sensor"], sensor, latest, self._standing(sensor, now))

    def _missing(self, lines: Sequence[_Line]) -> str:
        """Which link is missing, as a sentence."""
        if not lines:
            return "No sensor is chosen yet."
        line = lines[0]
        if line.sensor is not None:
            return f"{line.label} was announced, but it has not sent a value yet."
        known = {device.id for device in self._ingest.devices.all(with_ignored=True)}
        forgotten = {device.id for device in self._ingest.devices.forgotten()}
        if line.device in forgotten:
            return f"The device {line.device} was forgotten; bring it back on the devices page."
        if line.device in known:
            return f"The device {line.device} has never sent a sensor named {line.name}."
        return f"Nothing was ever heard of the device {line.device}."

    def _value(self, line: _Line, span: str, now: float) -> tuple[dict[str, Any], str, None]:
        assert line.sensor is not None
        assert line.latest is not None
        data: dict[str, Any] = {"value": shown_value(line.sensor, line.latest)}
        if line.sensor.shown_unit:
            data["unit"] = line.sensor.shown_unit
        if line.latest.at is not None:
            data["at"] = line.latest.at
        number = 0
        if line.sensor.kind == "number":
            base = self._base(line.sensor.id, span, TREND_POINTS, now)
            number = base.number
            data["trend"] = _with_newest(base.points, line.latest)
        return data, f"{line.latest.id}.{line.latest.value}.{line.latest.text}.{number}", None

    def _points(self, lines: Sequence[_Line], span: str, now: float) -> tuple[dict[str, Any], str, Tail | None]:
        drawn: list[dict[str, Any]] = []
        version: list[str] = []
        newest: list[tuple[float, float] | None] = []
        for line in lines:
            assert line.sensor is not None
            assert line.latest is not None
            if line.sensor.kind == "number":
                base = self._base(line.sensor.id, span, CHART_POINTS, now)
                points: list[list[Any]] = base.points
                version.append(f"{line.sensor.id}.{base.number}")
                newest.append(_newest(base.points, line.latest))
            else:
                begin = now - RANGE_S.get(span, 86400)
                stretches = self._ingest.samples.timeline(line.sensor.id, begin, now)
                points = [
                    [stretch.begin, stretch.value if stretch.value is not None else stretch.text]
                    for stretch in stretches
                ]
                if points:
                    points.append([stretches[-1].end, points[-1][1]])
                version.append(f"{line.sensor.id}.{line.latest.id}.{len(points)}")
                newest.append(None)
            drawn.append({"label": line.label, "unit": line.sensor.shown_unit or "", "points": points})
        at = max((point[0] for point in newest if point), default=None)
        return {"series": drawn}, "-".join(version), Tail(at, tuple(newest)) if any(newest) else None

    def _rows(self, lines: Sequence[_Line], now: float) -> tuple[dict[str, Any], str, None]:
        rows = []
        for line in lines:
            standing = line.standing
            value = shown_value(line.sensor, line.latest) if line.sensor and line.latest else None
            rows.append(
                {
                    "sensor": line.label,
                    "value": value,
                    "unit": line.sensor.shown_unit if line.sensor else None,
                    "at": line.latest.at if line.latest else None,
                    "state": standing.state if standing else "unknown",
                }
            )
        columns = [
            {"name": "sensor", "title": "Sensor"},
            {"name": "value", "title": "Value"},
            {"name": "unit", "title": "Unit"},
            {"name": "at", "title": "Seen", "format": "ago"},
            {"name": "state", "title": "State"},
        ]
        version = "-".join(
            f"{line.latest.id if line.latest else 0}.{row['value']}.{row['state']}"
            for line, row in zip(lines, rows, strict=True)
        )
        return {"columns": columns, "rows": rows}, version, None

    def _base(self, series: int, span: str, points: int, now: float) -> _Base:
        """The stored part of a chart, read anew after a share of the time that one of its points stands for."""
        key = (series, span, points)
        span_s = RANGE_S.get(span, 86400)
        keep_s = min(60.0, max(2.0, span_s / points / 2))
        kept = self._bases.get(key)
        if kept is not None and 0 <= now - kept.made_at < keep_s:
            return kept
        chart = self._ingest.samples.history(series, now - span_s, now, points)
        found = [[point.t, None if point.avg is None else round(point.avg, 4)] for point in chart.points]
        with self._lock:
            if kept is not None and kept.points == found:
                made = _Base(now, kept.points, kept.number)
            else:
                self._numbers += 1
                made = _Base(now, found, self._numbers)
            self._bases[key] = made
            self._bases.move_to_end(key)
            while len(self._bases) > KEPT_BASES:
                self._bases.popitem(last=False)
        return made


def _source_of(widget: Widget) -> Mapping[str, Any] | None:
    """The widget's own choice of series, or None where it shows something else."""
    source = widget.params.get("data_source")
    return source if isinstance(source, Mapping) and source.get("kind") == "series" else None


def shown_value(sensor: Sensor, latest: Latest) -> float | str | None:
    """The newest value as a card shows it: numbers as they are, booleans and words as words."""
    if sensor.kind == "number":
        return latest.value
    raw = latest.text if latest.text is not None else None if latest.value is None else f"{latest.value:g}"
    labels = dict(sensor.value_labels)
    if raw is not None and raw in labels:
        return labels[raw]
    if sensor.kind == "boolean" and latest.value is not None:
        return labels.get(f"{latest.value:g}") or latest.text or ("On" if latest.value else "Off")
    return raw


def _newest(points: Sequence[Sequence[float | None]], latest: Latest) -> tuple[float, float] | None:
    """The newest point, where it is later than what the chart holds."""
    if latest.at is None or latest.value is None or latest.retained:
        return None
    if points and points[-1][0] is not None and points[-1][0] >= latest.at:
        return None
    return (latest.at, latest.value)


def _with_newest(points: list[list[float | None]], latest: Latest) -> list[list[float | None]]:
    newest = _newest(points, latest)
    return [*points, list(newest)] if newest else points


def _worst(standings: Sequence[Standing]) -> tuple[State, str | None, float | None]:
    """The state of a card over all its sensors: live while one is; the sentence names what is wrong where none is."""
    live = [standing for standing in standings if standing.state == "live"]
    if live:
        return (
            "live",
            None,
            max((standing.stale_at for standing in live if standing.stale_at is not None), default=None),
        )
    worst = min(standings, key=lambda standing: WORST.index(standing.state), default=None)
    if worst is None:
        return "stale", None, None
    return SHOWN_AS[worst.state], worst.sentence, None
