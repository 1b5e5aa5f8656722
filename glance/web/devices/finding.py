"""Devices and sensors by the names in an address. A slash within a name may have come encoded: `slashes.INNER` stands for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from glance.errors import NotFound
from glance.runtime import Runtime
from glance.store.devices import Device, Sensor
from glance.web import runtime as current
from glance.web.slashes import INNER, inner

BETWEEN = "/sensors/"
# (endpoint, parts of the address) to answer with instead
Other = tuple[str, dict[str, str]]


def find_device(runtime: Runtime, device_id: str) -> Device:
    """The device with this id; an address cannot hold the slash that an id may begin with, so it is tried too. NotFound."""
    devices = runtime.devices
    try:
        return devices.get(inner(device_id))
    except NotFound:
        return devices.get(f"/{inner(device_id)}")


def find_sensor(runtime: Runtime, device: Device, sensor: str) -> Sensor:
    """A sensor of a device by its name; NotFound."""
    return runtime.devices.sensor(device.id, sensor)


def find_both(runtime: Runtime, device_id: str, sensor: str) -> tuple[Device, str]:
    """The device of `<device_id>/sensors/<sensor>` and the name of its sensor, known or not; NotFound. The id may hold "/sensors/"
    itself: the address is cut where there is a device, best one that has the sensor, else the longest."""
    found: list[tuple[Device, str]] = []
    for above, below in _cuts(device_id, sensor):
        try:
            found.append((find_device(runtime, above), inner(below)))
        except NotFound:
            continue
    if not found:
        raise NotFound("There is no such device.")
    known = (both for both in found if runtime.devices.find(both[0].id, both[1]) is not None)
    return next(known, None) or next((both for both in found if _had(runtime, *both)), found[-1])


def find_id(runtime: Runtime, device_id: str) -> str:
    """The id of a device that may be forgotten or merged; as it was given where there is none."""
    known = runtime.ingest.catalog.devices
    return next((each for each in (inner(device_id), f"/{inner(device_id)}") if each in known), inner(device_id))


def find_merged(runtime: Runtime, device_id: str, sensor: str) -> int:
    """The series of a merged sensor by the names that it had; NotFound."""
    merged = runtime.ingest.catalog.merged_by_key
    for above, below in _cuts(device_id, sensor):
        if (found := merged.get((find_id(runtime, above), inner(below)))) is not None:
            return found.sensor.id
    return runtime.devices.merged_series(inner(device_id), inner(sensor))


def meant_device(endpoint: str, tail: str = "") -> Callable[..., Other | None]:
    """For a route of `<device_id>/sensors/<sensor>` and `tail`: answer with `endpoint` where that is no sensor, but all of it the id
    of a device."""

    def other(device_id: str, sensor: str | None = None) -> Other | None:
        runtime = current()
        whole = f"{device_id}/sensors{'' if sensor is None else '/' + sensor}{tail}"
        if INNER in whole or find_id(runtime, whole) not in runtime.ingest.catalog.devices:
            return None
        is_meant = _is_device(runtime, device_id) if sensor is None else _is_sensor(runtime, device_id, sensor)
        return None if is_meant else (endpoint, {"device_id": whole})

    return other


def _cuts(device_id: str, sensor: str) -> Iterator[tuple[str, str]]:
    """Every way to cut an address into a device and a sensor, the shortest device first."""
    levels = f"{device_id}{BETWEEN}{sensor}".split(BETWEEN)
    for cut in range(1, len(levels)):
        yield BETWEEN.join(levels[:cut]), BETWEEN.join(levels[cut:])


def _is_device(runtime: Runtime, device_id: str) -> bool:
    try:
        find_device(runtime, device_id)
    except NotFound:
        return False
    return True


def _is_sensor(runtime: Runtime, device_id: str, sensor: str) -> bool:
    """Is there a device that has this sensor, had it, or lent it to another?"""
    catalog = runtime.ingest.catalog
    return any(
        catalog.find(own, inner(below)) is not None
        or (own, inner(below)) in catalog.merged_by_key
        or catalog.forgotten_sensor(catalog.home(own), inner(below)) is not None
        for above, below in _cuts(device_id, sensor)
        for own in (find_id(runtime, above),)
    )


def _had(runtime: Runtime, device: Device, sensor: str) -> bool:
    return runtime.ingest.catalog.forgotten_sensor(device.id, sensor) is not None
