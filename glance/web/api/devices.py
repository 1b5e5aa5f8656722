"""Devices: list, read, change, merge, forget and bring back, and make a widget of one of their sensors."""

from __future__ import annotations

import zlib
from typing import Any

from glance.errors import FieldError, Invalid, NotFound
from glance.runtime import Runtime
from glance.store.devices import Device
from glance.web import runtime, tracking
from glance.web.api import device_schemas, paging, schemas, widgets
from glance.web.api.etag import etag, refuse_stale
from glance.web.api.routing import route
from glance.web.api.times import iso
from glance.web.devices import states
from glance.web.devices.finding import find_device, find_id

TAG = "Devices and samples"
ONE = ("The device, with its ETag.", schemas.ref("Device"))


@route(
    "GET",
    "/api/devices",
    scope="read",
    tag=TAG,
    summary="List devices",
    query=paging.QUERY,
    answers={200: ("By id; hidden and ignored ones too, forgotten and merged ones not.", schemas.listing("Device"))},
)
def list_devices() -> Any:
    """Every device that appeared by itself."""
    rt = runtime()
    now = rt.clock()
    return paging.page(
        rt.devices.all(with_ignored=True), lambda device: [device.id], lambda device: shown(rt, device, now)
    )


@route("GET", "/api/devices/<path:device_id>", scope="read", tag=TAG, summary="Read a device", answers={200: ONE})
def get_device(device_id: str) -> Any:
    """One device; the id of one that was merged gives the one it was merged into."""
    rt = runtime()
    return one(rt, find_device(rt, device_id))


@route(
    "PATCH",
    "/api/devices/<path:device_id>",
    scope="write",
    tag=TAG,
    summary="Change a device",
    takes_if_match=True,
    body=device_schemas.DEVICE_CHANGES,
    body_example={"name": "Greenhouse", "room": "Garden"},
    answers={200: ONE},
)
def change_device(device_id: str, body: dict[str, Any]) -> Any:
    """Changes the fields that are given; null gives a name or room back to the device."""
    rt = runtime()
    device = find_device(rt, device_id)
    refuse_stale(version_of(device), shown(rt, device, rt.clock()))
    names = {"name": "label", "room": "own_room", "hidden": "hidden", "ignored": "ignored"}
    changed = rt.devices.change(device.id, {names[name]: value for name, value in body.items()})
    rt.series.changed()
    return one(rt, changed)


@route(
    "DELETE",
    "/api/devices/<path:device_id>",
    scope="write",
    tag=TAG,
    summary="Forget a device",
    takes_if_match=True,
    answers={204: ("It is forgotten, with its history; both can be restored for a week.", None)},
)
def delete_device(device_id: str) -> Any:
    """A retained message does not bring it back; anything it sends anew does."""
    rt = runtime()
    device = find_device(rt, device_id)
    refuse_stale(version_of(device), shown(rt, device, rt.clock()))
    rt.devices.forget(device.id)
    rt.series.changed()
    return None, 204


@route(
    "POST",
    "/api/devices/<path:device_id>/restore",
    scope="write",
    tag=TAG,
    summary="Bring a forgotten device back",
    answers={200: ONE},
)
def restore_device(device_id: str) -> Any:
    """Undoes forgetting, with the history."""
    rt = runtime()
    device = rt.devices.restore(find_id(rt, device_id))
    rt.series.changed()
    return one(rt, device)


@route(
    "POST",
    "/api/devices/<path:device_id>/merge",
    scope="write",
    tag=TAG,
    summary="Count a device for another",
    failures=(409,),
    body=device_schemas.INTO,
    body_example={"into": "greenhouse"},
    answers={200: ("The device it counts for now.", schemas.ref("Device"))},
)
def merge_device(device_id: str, body: dict[str, Any]) -> Any:
    """Its readings, past and coming, count for `into`: for a device that shows up twice, or that replaces another."""
    rt = runtime()
    device = find_device(rt, device_id)
    try:
        target = rt.devices.merge(device.id, body["into"])
    except NotFound as error:
        raise Invalid("into is no device.", [FieldError("into", "is no device")]) from error
    rt.series.changed()
    return one(rt, target)


@route(
    "POST",
    "/api/devices/<path:device_id>/separate",
    scope="write",
    tag=TAG,
    summary="Undo merging a device",
    answers={200: ONE},
)
def separate_device(device_id: str) -> Any:
    """The device stands for itself again, with its own history."""
    rt = runtime()
    device = rt.devices.separate(find_id(rt, device_id))
    rt.series.changed()
    return one(rt, device)


@route(
    "POST",
    "/api/devices/<path:device_id>/create-widget",
    scope="write",
    tag=TAG,
    summary="Show a sensor on a dashboard",
    failures=(404,),
    body=device_schemas.TRACK,
    body_example={
        "sensor_variable": "humidity",
        "widget_type": "line-chart",
        "dashboard": "home",
        "title": "Greenhouse",
    },
    answers={201: ("The widget, tracked from now on and with the history from before it.", schemas.ref("Widget"))},
)
def create_widget_of_device(device_id: str, body: dict[str, Any]) -> Any:
    """The widget takes the first free place; `widget_type` is the slug of a custom widget that takes any source."""
    rt = runtime()
    device = find_device(rt, device_id)
    sensor = rt.devices.find(device.id, body["sensor_variable"])
    if sensor is None:
        known = ", ".join(each.sensor for each in rt.devices.sensors(device.id)[:20]) or "none yet"
        message = f"is no sensor of this device; it has: {known}"
        raise Invalid(f"sensor_variable {message}.", [FieldError("sensor_variable", message)])
    title = body.get("title")
    widget = tracking.make_widget(
        rt, device, sensor, body["widget_type"], body["dashboard"], title.strip() if title else None
    )
    return widgets.one(widget, 201)


def one(rt: Runtime, device: Device) -> tuple[dict[str, Any], int, dict[str, str]]:
    """The answer that holds one device."""
    return shown(rt, device, rt.clock()), 200, {"ETag": etag(version_of(device))}


def version_of(device: Device) -> int:
    """Changes with what the owner can change, not with what the device sends."""
    told = (device.label, device.own_room, device.hidden, device.ignored, device.merged_into, device.forgotten_at)
    return zlib.crc32(repr(told).encode("utf-8", "replace"))


def shown(rt: Runtime, device: Device, now: float) -> dict[str, Any]:
    """A device as JSON."""
    state = states.of_device(rt, device, now)
    return {
        "id": device.id,
        "name": device.title,
        "own_name": device.name,
        "room": device.place,
        "maker": device.maker,
        "model": device.model,
        "firmware": device.firmware,
        "ecosystem": device.ecosystem,
        "bridge": device.bridge,
        "link": device.link,
        "state": state.state,
        "reason": state.sentence,
        "last_seen": iso(state.seen_at),
        "first_seen": iso(device.first_seen),
        "hidden": device.hidden,
        "ignored": device.ignored,
        "sensors": len(rt.ingest.catalog.tracks_of(device.id)),
        "merged": [each.id for each in rt.devices.merged(device.id)],
        "forgotten_sensors": [each.sensor for each in rt.devices.forgotten_sensors(device.id)],
    }
