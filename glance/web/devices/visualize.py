"""Visualize: choose how a sensor is shown and on which dashboard. A page by itself, and the same form as a dialog."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for

from glance.errors import Invalid, NotFound
from glance.runtime import Runtime
from glance.store.devices import Device, Sensor
from glance.web import runtime, tracking
from glance.web.devices.finding import find_device, find_sensor
from glance.web.devices.looks import words
from glance.web.speech import sentence_of

NEW = "+"
# What fits a number, and what fits words; the first is chosen already. Others that take any source follow.
OF_NUMBERS = ("line-chart", "stat", "gauge", "table")
OF_WORDS = ("timeline", "stat", "table")


def visualize() -> Any:
    """GET /visualize?device=&sensor= shows the form (`part=dialog` as a dialog); posted, it places the widget."""
    rt = runtime()
    device = find_device(rt, request.values.get("device", ""))
    sensor = find_sensor(rt, device, request.values.get("sensor", ""))
    if request.method == "GET":
        template = "_visualize.html" if request.args.get("part") == "dialog" else "visualize.html"
        return render_template(template, current=None, **_shown(rt, device, sensor, {}))
    try:
        widget = tracking.make_widget(
            rt,
            device,
            sensor,
            request.form.get("widget_type", ""),
            _dashboard(rt),
            request.form.get("title", "").strip() or None,
        )
    except Invalid as error:
        told = {fault.field: sentence_of(fault.message) for fault in error.errors}
        return render_template("visualize.html", current=None, **_shown(rt, device, sensor, told)), 422
    if "open" in request.form:
        return redirect(f"{url_for('pages.dashboard', slug=widget.dashboard)}#w-{widget.id}", 303)
    return redirect(url_for("devices.one", device_id=device.id, sensor=sensor.sensor, placed=widget.id), 303)


def _dashboard(rt: Runtime) -> str:
    """The chosen dashboard; a new one is made where that was chosen, or where there is none yet."""
    slug = request.form.get("dashboard", "")
    if slug == NEW or not rt.dashboards.all():
        return rt.dashboards.create("Devices").slug
    return slug


def _shown(rt: Runtime, device: Device, sensor: Sensor, errors: dict[str, str]) -> dict[str, Any]:
    value, unit = words(sensor, rt.samples.latest(sensor.id))
    dashboards = [one for one in rt.dashboards.all() if not one.is_template]
    default = rt.dashboards.default()
    able = kinds(rt, sensor)
    if not able:
        raise NotFound("There is no custom widget that could show a sensor.")
    chosen = request.form.get("widget_type") or able[0].slug
    return {
        "device": device,
        "sensor": sensor,
        "value": f"{value} {unit}".strip(),
        "kinds": able,
        "chosen": chosen,
        "boards": dashboards,
        "to": request.values.get("dashboard") or (default.slug if default else ""),
        "new": NEW,
        "title": request.form.get("title") if request.method == "POST" else tracking.suggested_title(device, sensor),
        "errors": errors,
        "since": sensor.first_at,
        "opens": request.method == "GET" or "open" in request.form,
    }


def kinds(rt: Runtime, sensor: Sensor) -> list[Any]:
    """The definitions that can show it, the fitting ones first."""
    able = {definition.slug: definition for definition in rt.definitions.all() if definition.kind == "any"}
    first = OF_NUMBERS if sensor.kind == "number" else OF_WORDS
    fitting = [able[slug] for slug in first if slug in able]
    if sensor.kind == "number":
        return fitting + [one for slug, one in able.items() if slug not in first and slug not in ("timeline", "list")]
    return fitting
