"""Sensors of a device: the newest values, changing them, and joining two."""

from __future__ import annotations

from typing import Any

from glance.errors import FieldError, Invalid
from glance.runtime import Runtime
from glance.store.devices import Sensor
from glance.web import runtime
from glance.web.api import device_schemas, schemas
from glance.web.api.routing import route
from glance.web.api.samples import value_of
from glance.web.api.times import iso
from glance.web.devices.finding import find_both, find_device, find_merged, find_sensor, meant_device

TAG = "Devices and samples"
CHANGES = {
    "name": "label",
    "unit": "own_unit",
    "hidden": "own_hidden",
    "decimals": "own_decimals",
    "state_class": "own_state_class",
    "correction": "correction",
    "expire_after": "own_expire_after_s",
    "raw_days": "raw_days",
    "rollup_days": "rollup_days",
}


@route(
    "GET",
    "/api/devices/<path:device_id>/sensors",
    or_else=meant_device("api.get_device"),
    scope="read",
    tag=TAG,
    summary="List the sensors of a device",
    answers={200: ("Hidden ones last.", {"type": "array", "items": schemas.ref("Sensor")})},
)
def list_sensors(device_id: str) -> Any:
    """Every sensor with its newest value and how that stands."""
    rt = runtime()
    now = rt.clock()
    return [shown(rt, sensor, now) for sensor in rt.devices.sensors(find_device(rt, device_id).id)]


@route(
    "PATCH",
    "/api/devices/<path:device_id>/sensors/<path:sensor>",
    or_else=meant_device("api.change_device"),
    scope="write",
    tag=TAG,
    summary="Change a sensor",
    body=device_schemas.SENSOR_CHANGES,
    body_example={"name": "Air temperature", "unit": "°C"},
    answers={200: ("The sensor.", schemas.ref("Sensor"))},
)
def change_sensor(device_id: str, sensor: str, body: dict[str, Any]) -> Any:
    """Changes the fields that are given; null gives one back to what the device declares."""
    rt = runtime()
    device, name = find_both(rt, device_id, sensor)
    changed = rt.devices.change_sensor(device.id, name, {CHANGES[each]: value for each, value in body.items()})
    rt.series.changed()
    return shown(rt, changed, rt.clock())


@route(
    "POST",
    "/api/devices/<path:device_id>/sensors/<path:sensor>/merge",
    or_else=meant_device("api.merge_device"),
    scope="write",
    tag=TAG,
    summary="Count a sensor for another",
    failures=(409,),
    body=device_schemas.SENSOR_INTO,
    body_example={"device": "greenhouse", "sensor": "temperature"},
    answers={200: ("The sensor it counts for now.", schemas.ref("Sensor"))},
)
def merge_sensor(device_id: str, sensor: str, body: dict[str, Any]) -> Any:
    """Joins both histories under the name of the other."""
    rt = runtime()
    device, name = find_both(rt, device_id, sensor)
    own = find_sensor(rt, device, name)
    if rt.devices.find(body["device"], body["sensor"]) is None:
        raise Invalid("sensor is no sensor of that device.", [FieldError("sensor", "is no sensor of that device")])
    joined = rt.devices.merge_sensors(device.id, own.sensor, body["device"], body["sensor"])
    rt.series.changed()
    return shown(rt, joined, rt.clock())


@route(
    "POST",
    "/api/devices/<path:device_id>/sensors/<path:sensor>/separate",
    or_else=meant_device("api.separate_device"),
    scope="write",
    tag=TAG,
    summary="Undo counting a sensor for another",
    answers={200: ("The sensor, by itself again.", schemas.ref("Sensor"))},
)
def separate_sensor(device_id: str, sensor: str) -> Any:
    """The sensor has again what it sent before and while it counted for the other; named by its own device and name."""
    rt = runtime()
    parted = rt.devices.separate_sensor(find_merged(rt, device_id, sensor))
    rt.series.changed()
    return shown(rt, parted, rt.clock())


@route(
    "DELETE",
    "/api/devices/<path:device_id>/sensors/<path:sensor>",
    or_else=meant_device("api.delete_device"),
    scope="write",
    tag=TAG,
    summary="Forget a sensor",
    answers={204: ("It is forgotten, with its history; both can be restored for a week.", None)},
)
def delete_sensor(device_id: str, sensor: str) -> Any:
    """A retained message does not bring it back; a reading that is sent anew does."""
    rt = runtime()
    device, name = find_both(rt, device_id, sensor)
    rt.devices.forget_sensor(device.id, name)
    rt.series.changed()
    return None, 204


@route(
    "POST",
    "/api/devices/<path:device_id>/sensors/<path:sensor>/restore",
    or_else=meant_device("api.restore_device"),
    scope="write",
    tag=TAG,
    summary="Bring a forgotten sensor back",
    answers={200: ("The sensor.", schemas.ref("Sensor"))},
)
def restore_sensor(device_id: str, sensor: str) -> Any:
    """Undoes forgetting, with the history."""
    rt = runtime()
    device, name = find_both(rt, device_id, sensor)
    restored = rt.devices.restore_sensor(device.id, name)
    rt.series.changed()
    return shown(rt, restored, rt.clock())


def shown(rt: Runtime, sensor: Sensor, now: float) -> dict[str, Any]:
    """A sensor as JSON."""
    latest = rt.samples.latest(sensor.id)
    standing = rt.standings.of_sensor(sensor, now)
    value = value_of(latest.value, latest.text, sensor) if latest else {"value": None}
    return {
        "sensor": sensor.sensor,
        "name": sensor.title,
        "unit": sensor.shown_unit,
        "kind": sensor.kind,
        **value,
        "at": iso(latest.at) if latest else None,
        "state": standing.state,
        "reason": standing.sentence,
        "hidden": sensor.hidden,
        "device_class": sensor.device_class,
        "state_class": sensor.counts_as,
    }
