"""Derived series in the browser: the list, and the form that makes or changes one. Works without script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from glance import form
from glance.derived import DEVICE
from glance.errors import Conflict, Invalid
from glance.formulas import FUNCTIONS, WINDOWS
from glance.runtime import Runtime
from glance.series.words import value_in_words
from glance.store.derived import DerivedSeries
from glance.store.devices import Sensor
from glance.web import runtime
from glance.web.devices import one as device_page
from glance.web.speech import sentence_of

blueprint = Blueprint("derived", __name__)

MOST_OFFERED = 2000
# what the form offers for an input -> (device, sensor)
Choices = dict[str, tuple[str, str]]


@blueprint.get("/devices/derived")
def page() -> Any:
    """The list; with `sensor` the page of the device that holds the values, as for any other device."""
    if "sensor" in request.args:
        return device_page.page(DEVICE)
    rt = runtime()
    rows = []
    for one in rt.derived.all():
        sensor = rt.derived.sensor(one.slug)
        latest = rt.derived.latest(one.slug)
        shown = value_in_words(sensor, latest) if sensor else None
        rows.append((one, str(shown or "–"), latest.at if latest else None, _why_not_live(rt, one.slug, sensor)))
    return render_template("derived.html", current=None, rows=rows)


def _why_not_live(rt: Runtime, slug: str, sensor: Sensor | None) -> str | None:
    """Why its value is not of now: its own trouble, or that of what it is made of; None where it is."""
    trouble = rt.derived.trouble(slug)
    if trouble is not None or sensor is None:
        return trouble
    standing = rt.standings.of_sensor(sensor, rt.clock())
    return None if standing.state == "live" else standing.sentence


@blueprint.route("/devices/derived/new", methods=["GET", "POST"])
def new() -> Any:
    """The form of one that is not there yet."""
    return _form(runtime(), None)


@blueprint.route("/devices/derived/<slug>/edit", methods=["GET", "POST"])
def edit(slug: str) -> Any:
    """The form of a derived series."""
    rt = runtime()
    return _form(rt, rt.derived.get(slug))


@blueprint.post("/devices/derived/<slug>/delete")
def delete(slug: str) -> Any:
    """Delete it and go back to the list; one that others are made of stays, with the reason."""
    rt = runtime()
    about = rt.derived.get(slug)
    try:
        rt.derived.delete(slug)
    except Conflict as error:
        choices, titles = _choices(rt, about)
        return _show(about, form.Draft(_values(about, choices)), titles, {"": error.sentence}), 409
    rt.series.changed()
    return redirect(url_for("derived.page"), 303)


def _form(rt: Runtime, about: DerivedSeries | None) -> Any:
    choices, titles = _choices(rt, about)
    if request.method == "GET":
        values = _values(about, choices) if about else {"inputs": [{"name": "a"}, {"name": "b"}]}
        return _show(about, form.Draft(values), titles, {})
    posted = request.form.to_dict(flat=False)
    do = request.form.get("do", "save")
    draft = form.read(_schema(titles), posted, keep_blank_rows=do not in ("save", "try"))
    if do not in ("save", "try"):
        form.edit_rows(draft.values, do)
        return _show(about, draft, titles, {})
    given = _given(draft.values, choices)
    try:
        if draft.errors:
            raise Invalid("Some fields need a fix.")
        if do == "try":
            return _show(about, draft, titles, {}, trial=rt.derived.preview(given))
        saved = rt.derived.change(about.slug, given) if about else rt.derived.create(given)
    except (Invalid, Conflict) as error:
        told = {_path(one.field): sentence_of(one.message) for one in getattr(error, "errors", ())}
        return _show(about, draft, titles, told | draft.errors or {"": error.sentence}), 422
    rt.series.changed()
    return redirect(f"{url_for('derived.page')}#d-{saved.slug}", 303)


def _show(
    about: DerivedSeries | None,
    draft: form.Draft,
    titles: Mapping[str, str],
    errors: Mapping[str, str],
    trial: tuple[str | None, str | None] | None = None,
) -> str:
    fields = form.build(_schema(titles), draft.values, form.Look(errors={**errors}))
    return render_template(
        "derived_form.html",
        current=None,
        about=about,
        fields=fields,
        errors=errors,
        trial=trial,
        functions=sorted(FUNCTIONS),
        windows=sorted(WINDOWS),
        has_sensors=bool(titles),
    )


def _choices(rt: Runtime, about: DerivedSeries | None) -> tuple[Choices, dict[str, str]]:
    """Every sensor that has numbers, and those in use; as keys of the form with what people call them."""
    choices: Choices = {}
    titles: dict[str, str] = {}
    for device in rt.devices.all():
        for sensor in rt.devices.sensors(device.id):
            if sensor.kind not in ("number", "boolean") or len(choices) >= MOST_OFFERED:
                continue
            if about is not None and (device.id, sensor.sensor) == (DEVICE, about.slug):
                continue
            unit = f" ({sensor.shown_unit})" if sensor.shown_unit else ""
            choices[str(sensor.id)] = (device.id, sensor.sensor)
            titles[str(sensor.id)] = f"{device.title} / {sensor.title}{unit}"
    known = set(choices.values())
    for turn, each in enumerate(about.inputs if about else ()):
        if (each.device, each.sensor) not in known:
            choices[f"old-{turn}"] = (each.device, each.sensor)
            titles[f"old-{turn}"] = f"{each.device} / {each.sensor}"
    return choices, titles


def _schema(titles: Mapping[str, str]) -> dict[str, Any]:
    sensor = {"type": "string", "title": "Sensor", "enum": list(titles), "titles": dict(titles)}
    name = {"type": "string", "title": "Name", "maxLength": 30, "placeholder": "a"}
    inputs = {"type": "object", "required": ["name"], "properties": {"name": name, "sensor": sensor}}
    return {
        "type": "object",
        "required": ["title", "inputs", "expression"],
        "properties": {
            "title": {"type": "string", "title": "Title", "maxLength": 80},
            "inputs": {
                "type": "array",
                "title": "Sensors and what the formula calls them",
                "maxItems": 30,
                "items": inputs,
            },
            "expression": {
                "type": "string",
                "format": "code",
                "title": "Formula",
                "placeholder": "dew_point(a, b)",
                "description": "Worked out whenever one of the sensors changes.",
            },
            "unit": {"type": "string", "title": "Unit", "maxLength": 24, "placeholder": "°C"},
            "decimals": {"type": "integer", "title": "Decimals", "minimum": 0, "maximum": 8},
            "is_counter": {
                "type": "boolean",
                "title": "It counts up",
                "description": "A sum of energy meters, say: its use per hour and day can be shown.",
            },
        },
    }


def _values(about: DerivedSeries, choices: Choices) -> dict[str, Any]:
    keys = {pair: key for key, pair in choices.items()}
    found = {
        "title": about.title,
        "expression": about.expression,
        "unit": about.unit or "",
        "is_counter": about.is_counter,
        "inputs": [{"name": one.name, "sensor": keys.get((one.device, one.sensor), "")} for one in about.inputs],
    }
    return found if about.decimals is None else found | {"decimals": about.decimals}


def _given(values: Mapping[str, Any], choices: Choices) -> dict[str, Any]:
    """What was typed as the API takes it."""
    inputs = []
    for row in values.get("inputs") or ():
        device, sensor = choices.get(str(row.get("sensor", "")), ("", ""))
        inputs.append({"name": str(row.get("name", "")).strip(), "device": device, "sensor": sensor})
    return {
        "title": values.get("title", ""),
        "expression": values.get("expression", ""),
        "inputs": inputs,
        "unit": values.get("unit") or None,
        "decimals": values.get("decimals"),
        "is_counter": bool(values.get("is_counter")),
    }


def _path(field: str) -> str:
    """The field of the form for one of the API."""
    return field.removesuffix(".device") + ".sensor" if field.endswith(".device") else field
