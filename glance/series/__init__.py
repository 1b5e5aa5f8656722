"""What a widget on stored series shows right now: newest values from memory, charts from history, liveness of its sensors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from glance import expressions
from glance.definition import Definition
from glance.errors import Invalid
from glance.ingest import Ingest
from glance.ingest.liveness import Standing
from glance.live import Hub
from glance.model import Look, Widget
from glance.params import with_defaults
from glance.series.charts import RANGE_S, Charts
from glance.series.choosing import Item, items_of
from glance.series.lines import Line, away, line_of, told_apart, worst
from glance.series.missing import BrokerFault, missing
from glance.series.overviews import DeviceStanding, devices_of, rows_of
from glance.series.words import shown_value
from glance.store.devices import Sensor
from glance.store.widgets import Widgets

__all__ = ["RANGE_S", "Item", "Series", "shown_value"]

OVERVIEW_KEPT_S = 1.0
KEPT_OVERVIEWS = 200


class Series:
    """Looks for widgets on series, and follows their series on the hub; safe for any thread.

    `standing` and `device_standing` judge liveness, `connected` changes when the broker comes or goes, `broker_fault` says what is
    wrong with the connection to it.
    """

    def __init__(
        self,
        ingest: Ingest,
        widgets: Widgets,
        definition_of: Callable[[str], Definition | None],
        standing: Callable[[Sensor, float], Standing],
        device_standing: DeviceStanding,
        hub: Hub,
        connected: Callable[[], object] = lambda: None,
        broker_fault: BrokerFault = lambda _device: None,
    ) -> None:
        self._ingest = ingest
        self._widgets = widgets
        self._definition_of = definition_of
        self._standing = standing
        self._device_standing = device_standing
        self._hub = hub
        self._connected = connected
        self._broker_fault = broker_fault
        self._was_connected: object = None
        self._charts = Charts(ingest.samples)
        self._lock = threading.Lock()
        self._stamp = (-1, -1)
        self._following: dict[str, frozenset[int]] = {}
        self._items: dict[str, tuple[object, list[Item]]] = {}
        self._due: dict[str, float] = {}
        self._overviews: dict[str, tuple[float, object, Look]] = {}

    # Who shows what

    def changed(self) -> None:
        """The broker or a device came or went, or was renamed: every widget on series looks anew."""
        self._refollow()
        with self._lock:
            self._overviews.clear()
        self._hub.mark(self._following)
        self._hub.mark_newcomers()

    def tick(self, now: float) -> None:
        """Follow the series of new and changed widgets; repaint what has turned stale since, or was held back."""
        self._refollow()
        connected = self._connected()
        if connected != self._was_connected:
            self._was_connected = connected
            with self._lock:
                self._overviews.clear()
            self._hub.mark(self._following)
        with self._lock:
            due = [widget_id for widget_id, at in self._due.items() if at <= now]
            for widget_id in due:
                del self._due[widget_id]
        if due:
            self._hub.mark(due)

    def source_of(self, widget: Widget) -> Mapping[str, Any] | None:
        """The source of a widget on series: its own choice, or what its definition makes of the params; None for others."""
        definition = self._definition_of(widget.custom_widget)
        if definition is not None and definition.kind == "series":
            names = expressions.complete(with_defaults(definition.params, widget.params), definition.params)
            try:
                made = expressions.render(dict(definition.source), {"params": names})
            except Invalid:
                return {"series": []}
            return made if isinstance(made, Mapping) else None
        source = widget.params.get("data_source")
        return source if isinstance(source, Mapping) and source.get("kind") == "series" else None

    def items(self, widget: Widget) -> list[Item]:
        """The sensors a widget shows now, named or selected; empty where it shows none."""
        stamp = (widget.version, self._definition_of(widget.custom_widget), self._ingest.devices.changes)
        kept = self._items.get(widget.id)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        source = self.source_of(widget)
        found = items_of(self._ingest.catalog, source) if source is not None else []
        self._items[widget.id] = (stamp, found)
        return found

    def _refollow(self) -> None:
        stamp = (self._widgets.structure, self._ingest.devices.changes)
        if self._stamp == stamp:
            return
        self._stamp = stamp
        found: dict[str, frozenset[int]] = {}
        for widget in self._widgets.all():
            if self.source_of(widget) is not None:
                found[widget.id] = frozenset(
                    number for item in self.items(widget) for number in self._ids_of(item.device, item.sensor)
                )
        before, self._following = self._following, found
        for widget_id in before.keys() - found.keys():
            self._hub.follow(widget_id, ())
            self._items.pop(widget_id, None)
            self._overviews.pop(widget_id, None)
        for widget_id, series in found.items():
            self._hub.follow(widget_id, series)
        # a sensor that joined or left a selection shows at once, also where it has not sent anything since
        self._hub.mark({each for each, series in found.items() if each in before and before[each] != series})

    def _ids_of(self, device: str, sensor: str) -> Sequence[int]:
        found = self._ingest.devices.find(device, sensor)
        if found is None:
            return ()
        track = self._ingest.catalog.tracks.get(found.id)
        return track.ids if track else (found.id,)

    # Looking

    def look(self, widget: Widget, shape: str, now: float) -> Look:
        """What the widget shows at `now`; `shape` is value, points, rows or devices."""
        source = self.source_of(widget) or {}
        shape = str(source.get("shape") or shape)
        if shape == "devices":
            return self._overview(widget, source, now)
        return self._look(widget, shape, source, now)

    def freshen(self, widgets: Iterable[Widget], now: float) -> None:
        """A page is about to begin with these, or goes on after a while: lines of young sensors hold all that is stored."""
        with self._lock:
            series = {number for widget in widgets for number in self._following.get(widget.id, ())}
        if series:
            self._charts.freshen(series, now)

    def _overview(self, widget: Widget, source: Mapping[str, Any], now: float) -> Look:
        """An overview of many sensors is made once a second at most, and once more where something came in between."""
        stamp = (widget.version, self._ingest.devices.changes)
        with self._lock:
            kept = self._overviews.get(widget.id)
            if kept is not None and 0 <= now - kept[0] < OVERVIEW_KEPT_S and kept[1] == stamp:
                self._due[widget.id] = min(self._due.get(widget.id, now), kept[0] + OVERVIEW_KEPT_S)
                return kept[2]
        look = self._look(widget, "devices", source, now)
        with self._lock:
            self._overviews[widget.id] = (now, stamp, look)
            while len(self._overviews) > KEPT_OVERVIEWS:
                self._overviews.pop(next(iter(self._overviews)))
        return look

    def _look(self, widget: Widget, shape: str, source: Mapping[str, Any], now: float) -> Look:
        lines = self._lines(widget, now)
        known = [line for line in lines if line.is_known]
        if not known:
            nothing = missing(self._ingest, lines, source, self._broker_fault)
            return Look(None, False, "empty", None, None, nothing, f"none.{nothing}")
        tail, again_at = None, None
        if shape == "points":
            span = str(source.get("range", "24h"))
            data, version, tail, again_at = self._charts.points(self._named(known), source, span, now)
        elif shape == "rows":
            data, version = rows_of(self._ingest, lines)
        elif shape == "devices":
            data, version = devices_of(self._ingest, lines, source, self._device_standing, now)
        else:
            data, version, again_at = self._charts.value(known[0], source, now)
        judged = known[:1] if shape == "value" else known
        state, found, stale_at = worst([line.standing for line in judged if line.standing is not None])
        at = max((line.latest.at for line in judged if line.latest and line.latest.at is not None), default=None)
        with self._lock:
            due = [each for each in (stale_at if state == "live" else None, again_at) if each is not None]
            if due:
                self._due[widget.id] = min(due)
            else:
                self._due.pop(widget.id, None)
        gone = away(state, found)
        version = f"{version}.{gone or state}.{self._ingest.devices.changes}"
        sentence, failed_at = (found.sentence, found.failed_at) if found else (None, None)
        if failed_at is not None:
            version = f"{version}.{sentence}"
        return Look(data, True, state, at, stale_at, sentence, version, tail, gone, failed_at)

    def points(self, widget: Widget, span: str, now: float) -> dict[str, Any]:
        """The widget's lines over another range, as the shape *points*; for the range picker."""
        self.freshen([widget], now)
        known = [line for line in self._lines(widget, now) if line.is_known]
        data, _, tail, _ = self._charts.points(self._named(known), self.source_of(widget) or {}, span, now)
        for line, newest in zip(data["series"], tail.points if tail else (), strict=False):
            if newest is not None and (not line["points"] or line["points"][-1][0] < newest[0]):
                line["points"] = [*line["points"], list(newest)]
        return data

    def _named(self, lines: Sequence[Line]) -> list[Line]:
        catalog = self._ingest.catalog
        return told_apart(lines, lambda device: found.title if (found := catalog.devices.get(device)) else device)

    def _lines(self, widget: Widget, now: float) -> list[Line]:
        return [line_of(self._ingest, item, self._standing, now) for item in self.items(widget)]
