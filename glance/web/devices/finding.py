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
