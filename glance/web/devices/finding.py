"""Devices and sensors by the names in an address."""

from __future__ import annotations

from glance.errors import NotFound
from glance.runtime import Runtime
from glance.store.devices import Device, Sensor


def find_device(runtime: Runtime, device_id: str) -> Device:
    """The device with this id; an address cannot hold the slash that an id may begin with, so it is tried too. NotFound."""
    devices = runtime.devices
    try:
        return devices.get(device_id)
    except NotFound:
        return devices.get(f"/{device_id}")


def find_sensor(runtime: Runtime, device: Device, sensor: str) -> Sensor:
    """A sensor of a device by its name; NotFound."""
    return runtime.devices.sensor(device.id, sensor)


def find_both(runtime: Runtime, device_id: str, sensor: str) -> tuple[Device, str]:
    """The device of `<device_id>/sensors/<sensor>` and the name of its sensor, known or not; NotFound. The id may hold "/sensors/"
    itself: the address is cut where there is a device, best one that has the sensor, else the longest."""
    levels = f"{device_id}/sensors/{sensor}".split("/sensors/")
    found: list[tuple[Device, str]] = []
    for cut in range(1, len(levels)):
        try:
            found.append((find_device(runtime, "/sensors/".join(levels[:cut])), "/sensors/".join(levels[cut:])))
        except NotFound:
            continue
    if not found:
        raise NotFound("There is no such device.")
    return next((both for both in found if runtime.devices.find(both[0].id, both[1]) is not None), found[-1])
