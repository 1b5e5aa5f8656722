"""Samples as programs get them: the list of a widget, and the shape that its socket sends one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glance.errors import Conflict, NotFound
from glance.model import Widget
from glance.runtime import Runtime
from glance.store.devices import Sensor
from glance.store.samples import Sample
from glance.web import runtime, tracking
from glance.web.api import schemas
from glance.web.api.routing import route
from glance.web.api.times import iso

TAG = "Devices and samples"
MOST = 5000


@route(
    "GET",
    "/api/dashboards/<slug>/widgets/<widget_id>/samples",
    scope="read",
    tag=TAG,
    summary="The newest samples of a widget",
    failures=(409,),
    answers={
        200: ("Oldest first, at most `max_samples` of each series.", {"type": "array", "items": schemas.ref("Sample")})
    },
)
def widget_samples(slug: str, widget_id: str) -> Any:
    """The samples a widget with a `data_source` of kind `series` shows; `id` grows in the order of storing."""
    rt = runtime()
    rt.dashboards.get(slug)
    widget = rt.widgets.get(widget_id)
    if widget.dashboard != slug:
        raise NotFound("There is no such widget on this dashboard.")
    return newest(rt, widget)


def newest(rt: Runtime, widget: Widget) -> list[dict[str, Any]]:
    """The newest samples of every series of a widget, by time; Conflict where it follows none."""
    listed = tracked(rt, widget)
    most = min(tracking.max_samples(widget), MOST)
    named = tracking.has_several(widget, listed)
    found = [
        (sample.at, sample.id, shown(sample, sensor, name if named else None))
        for name, sensor in listed
        if sensor is not None
        for sample in rt.samples.recent(sensor.id, most)
    ]
    return [one for _, _, one in sorted(found, key=lambda each: each[:2])]


def tracked(rt: Runtime, widget: Widget) -> Sequence[tuple[str, Sensor | None]]:
    """The series of a widget; Conflict where it has another source."""
    try:
        return tracking.tracked(rt, widget)
    except NotFound as error:
        raise Conflict(error.sentence) from error


def shown(sample: Sample, sensor: Sensor, series: str | None = None) -> dict[str, Any]:
    """One sample: text as a string, a boolean as 0 or 1 with its word as `label`; `series` names it where there are several."""
    one: dict[str, Any] = {"id": sample.id, "timestamp": iso(sample.at)}
    one |= value_of(sample.value, sample.text, sensor)
    one["unit"] = sensor.shown_unit
    if series is not None:
        one["series"] = series
    return one


def value_of(value: float | None, text: str | None, sensor: Sensor) -> dict[str, Any]:
    """The members `value` and, for a boolean, `label`."""
    if value is None:
        return {"value": text}
    plain: float | int = int(value) if value.is_integer() and abs(value) < 1e15 else value
    if sensor.kind != "boolean":
        return {"value": plain}
    return {"value": plain, "label": word(value, text, sensor)}


def word(value: float, text: str | None, sensor: Sensor) -> str:
    """What a boolean says: as declared, else as it came, else On or Off."""
    raw = str(int(value))
    declared = dict(sensor.value_labels)
    return declared.get(text or raw) or declared.get(raw) or text or ("On" if value else "Off")
