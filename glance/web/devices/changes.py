"""What the owner does on the device pages: every form posts here and comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from glance.errors import Conflict, Invalid, NotFound
from glance.runtime import Runtime
from glance.store.devices import Device
from glance.web import runtime
from glance.web.devices import one, sensor_form
from glance.web.devices.finding import find_device, find_sensor

Act = Callable[[Runtime, Device, str], Response]


def change(device_id: str) -> Any:
    """POST /devices/<id>: `do` says what; a form that does not fit comes back with what was typed."""
    rt = runtime()
    verb, _, rest = request.form.get("do", "").partition(":")
    if verb == "restore":
        return _back(rt.devices.restore(device_id).id)
    device = find_device(rt, device_id)
    act = ACTS.get(verb)
    if act is None:
        raise NotFound("There is no such button on this page.")
    try:
        return act(rt, device, rest)
    except Invalid as error:
        told = {fault.field: fault.message for fault in error.errors} or {"": error.sentence}
        return one.show(rt, device, rt.clock(), told), 422
    except Conflict as error:
        return one.show(rt, device, rt.clock(), {"into": error.sentence}), 409


def _save(rt: Runtime, device: Device, _rest: str) -> Response:
    changes = {
        "label": request.form.get("label", "").strip() or None,
        "own_room": request.form.get("room", "").strip() or None,
        "hidden": "hidden" in request.form,
        "ignored": "ignored" in request.form,
    }
    rt.devices.change(device.id, changes)
    _changed(rt)
    return _back(device.id)


def _set(name: str, value: bool) -> Act:
    def act(rt: Runtime, device: Device, _rest: str) -> Response:
        rt.devices.change(device.id, {name: value})
        _changed(rt)
        return redirect(url_for("devices.page"), 303) if request.form.get("back") == "list" else _back(device.id)

    return act


def _merge(rt: Runtime, device: Device, _rest: str) -> Response:
    wanted = request.form.get("into", "")
    if not wanted:
        raise Invalid("Choose the device that it belongs to.")
    target = rt.devices.merge(device.id, wanted)
    _changed(rt)
    return _back(target.id)


def _separate(rt: Runtime, device: Device, rest: str) -> Response:
    rt.devices.separate(rest)
    _changed(rt)
    return _back(device.id)


def _forget(rt: Runtime, device: Device, _rest: str) -> Response:
    rt.devices.forget(device.id)
    _changed(rt)
    return redirect(url_for("devices.page", forgotten=device.id), 303)


def _save_sensor(rt: Runtime, device: Device, _rest: str) -> Response:
    sensor = find_sensor(rt, device, request.form.get("sensor", ""))
    rt.devices.change_sensor(device.id, sensor.sensor, sensor_form.read(request.form, sensor))
    joined = request.form.get("join", "")
    if joined.isascii() and joined.isdigit():
        track = rt.ingest.catalog.tracks.get(int(joined[:18]))
        if track is None:
            raise Invalid("The sensor to join with is gone.")
        into = track.sensor
        rt.devices.merge_sensors(device.id, sensor.sensor, into.device, into.sensor)
        _changed(rt)
        return _back(into.device, into.sensor)
    _changed(rt)
    return _back(device.id, sensor.sensor)


def _hide_sensor(hidden: bool) -> Act:
    def act(rt: Runtime, device: Device, rest: str) -> Response:
        rt.devices.change_sensor(device.id, rest, {"own_hidden": hidden})
        _changed(rt)
        return _back(device.id, None if hidden else rest)

    return act


def _part_sensor(rt: Runtime, device: Device, rest: str) -> Response:
    if not (rest.isascii() and rest.isdigit()):
        raise NotFound("There is no such sensor.")
    parted = rt.devices.separate_sensor(int(rest[:18]))
    _changed(rt)
    return _back(parted.device, parted.sensor)


def _forget_sensor(rt: Runtime, device: Device, rest: str) -> Response:
    gone = rt.devices.forget_sensor(device.id, rest)
    _changed(rt)
    return redirect(url_for("devices.one", device_id=device.id, forgotten=gone.sensor), 303)


def _restore_sensor(rt: Runtime, device: Device, rest: str) -> Response:
    back = rt.devices.restore_sensor(device.id, rest)
    _changed(rt)
    return _back(back.device, back.sensor)


def _changed(rt: Runtime) -> None:
    """Widgets show names and units of sensors: let them look anew."""
    rt.series.changed()


def _back(device_id: str, sensor: str | None = None) -> Response:
    wanted = sensor if sensor is not None else request.form.get("sensor") or None
    return redirect(
        url_for("devices.one", device_id=device_id, sensor=wanted, range=request.form.get("range") or None), 303
    )


ACTS: dict[str, Act] = {
    "save": _save,
    "hide": _set("hidden", True),
    "unhide": _set("hidden", False),
    "ignore": _set("ignored", True),
    "heed": _set("ignored", False),
    "merge": _merge,
    "separate": _separate,
    "forget": _forget,
    "sensor": _save_sensor,
    "sensor-hide": _hide_sensor(True),
    "sensor-unhide": _hide_sensor(False),
    "sensor-separate": _part_sensor,
    "sensor-forget": _forget_sensor,
    "sensor-restore": _restore_sensor,
}
