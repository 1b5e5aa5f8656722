"""From a sensor to a widget that shows it: what a device page's Visualize and the API's create-widget both do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glance.errors import FieldError, Invalid, NotFound
from glance.model import Widget
from glance.runtime import Runtime
from glance.series.choosing import lower_first
from glance.store.devices import Device, Sensor
from glance.web import dial

ALIASES = {"time_series": "line-chart", "line_chart": "line-chart", "metric": "stat", "stat_card": "stat"}
RANGE = "24h"
MAX_SAMPLES = 50
LONGEST_TITLE = 120
# how far back the values lie that a scale has to hold
DIAL_S = 30 * 86400.0


def slug_of_type(widget_type: str) -> str:
    """The slug of a definition, also by one of the names that other programs use for it."""
    return ALIASES.get(widget_type, widget_type)


def make_widget(
    runtime: Runtime, device: Device, sensor: Sensor, widget_type: str, dashboard: str, title: str | None = None
) -> Widget:
    """Place a widget that shows a sensor, with its history from before; Invalid names `widget_type`, `dashboard` or `title`."""
    slug = slug_of_type(widget_type)
    definition = runtime.definitions.find(slug)
    errors: list[FieldError] = []
    if definition is None:
        errors.append(FieldError("widget_type", f"is no custom widget; {', '.join(takers(runtime))} can show a sensor"))
    elif definition.kind != "any":
        errors.append(FieldError("widget_type", f"has its own source; {', '.join(takers(runtime))} can show a sensor"))
    if not any(one.slug == dashboard for one in runtime.dashboards.all()):
        errors.append(FieldError("dashboard", "is not the slug of a dashboard"))
    if errors:
        raise Invalid(f"{errors[0].field} {errors[0].message}.", errors)
    params: dict[str, Any] = {"data_source": data_source(device, sensor)}
    if definition is not None and {"min", "max"} <= set(definition.params.get("properties", {})):
        params |= dial_of(runtime, sensor)
    return runtime.placing.add(dashboard, slug, title or suggested_title(device, sensor), params)


def dial_of(runtime: Runtime, sensor: Sensor) -> dict[str, float]:
    """`min` and `max` for a widget that shows a sensor on a scale; empty where the definition's own have to do."""
    if sensor.kind != "number":
        return {}
    now, latest = runtime.clock(), runtime.samples.latest(sensor.id)
    points = runtime.samples.history(sensor.id, now - DIAL_S, now).points
    known = [value for point in points for value in (point.low, point.high) if value is not None]
    known += [latest.value] if latest is not None and latest.value is not None else []
    found = dial.span(sensor, min(known, default=None), max(known, default=None))
    return {} if found is None else {"min": found[0], "max": found[1]}


def data_source(device: Device, sensor: Sensor) -> dict[str, Any]:
    """The source that follows one sensor."""
    series = {"device": device.id, "sensor": sensor.sensor, "label": upper_first(sensor.title)}
    return {"kind": "series", "series": [series], "range": RANGE, "max_samples": MAX_SAMPLES}


def suggested_title(device: Device, sensor: Sensor) -> str:
    """ "Living room temperature", as short as a title has to be."""
    # an id that is a path is named by its end
    name = device.title.strip() if device.title != device.id else device.id.rstrip("/").rpartition("/")[2]
    name, what = upper_first(name), lower_first(sensor.title.strip())
    both = name if what.casefold() in name.casefold() else f"{name} {what}"
    return both[:LONGEST_TITLE].strip() or "Sensor"


def upper_first(text: str) -> str:
    """A name as it begins a line."""
    return text[:1].upper() + text[1:]


def takers(runtime: Runtime) -> list[str]:
    """The slugs of the definitions whose source is chosen by the widget."""
    return [definition.slug for definition in runtime.definitions.all() if definition.kind == "any"]


def series_of(widget: Widget) -> list[dict[str, Any]]:
    """The series that a widget's params name: [{"device", "sensor", "label"?}, …]; empty where it names none."""
    source = widget.params.get("data_source")
    if not isinstance(source, dict) or source.get("kind") != "series":
        return []
    listed = source.get("series")
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def tracked(runtime: Runtime, widget: Widget) -> list[tuple[str, Sensor | None]]:
    """("device/sensor", the sensor or None where it was never seen) for each series of a widget, named or selected;
    NotFound where it shows something else."""
    if runtime.series.source_of(widget) is None:
        raise NotFound("This widget does not show samples of a device.")
    return [
        (f"{item.device}/{item.sensor}", runtime.devices.find(item.device, item.sensor))
        for item in runtime.series.items(widget)
    ]


def has_several(widget: Widget, listed: Sequence[tuple[str, Sensor | None]]) -> bool:
    """Has each sample of a widget to say of which series it is? `listed` is what `tracked` found: fewer than the widget names, where
    some of those were merged into one."""
    named = {(str(each.get("device")), str(each.get("sensor"))) for each in series_of(widget)}
    return len(named) > 1 or len(listed) > 1


def max_samples(widget: Widget) -> int:
    """How many samples of each series a widget asks for."""
    source = widget.params.get("data_source")
    wanted = source.get("max_samples") if isinstance(source, dict) else None
    return wanted if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted > 0 else MAX_SAMPLES


def placed(runtime: Runtime) -> set[tuple[str, str]]:
    """Every (device, sensor) that some widget names, by its present name; overviews that select theirs do not count."""
    found: set[tuple[str, str]] = set()
    for widget in runtime.widgets.all():
        for each in series_of(widget):
            key = str(each.get("device", "")), str(each.get("sensor", ""))
            sensor = runtime.devices.find(*key)
            found.add((sensor.device, sensor.sensor) if sensor else key)
    return found
