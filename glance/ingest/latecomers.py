"""What was said of devices and sensors that there was no room for: it is said once, and has to be known when there is room."""

from __future__ import annotations

from typing import Any

from glance.mqtt.readings import Bridged, DeviceInfo, SensorInfo

# Together about 8 MB where each says much.
MOST_DEVICES = 1500
MOST_SENSORS = 5000
# a sensor is described by its name, by a bridge and by discovery
MOST_SAID = 3
Key = tuple[str, str]


class Latecomers:
    """The newest descriptions, the oldest given up where there are too many. Used under the catalog's lock."""

    def __init__(self) -> None:
        self._devices: dict[str, DeviceInfo] = {}
        self._bridges: dict[str, Bridged] = {}
        self._sensors: dict[Key, tuple[SensorInfo, ...]] = {}

    def note_device(self, device_id: str, info: DeviceInfo) -> None:
        """A device that is not let in described itself."""
        self._devices[device_id] = info
        _bound(self._devices, MOST_DEVICES)

    def note_bridge(self, device_id: str, hangs: Bridged) -> None:
        """A device that is not let in hangs on a bridge."""
        self._bridges[device_id] = hangs
        _bound(self._bridges, MOST_DEVICES)

    def note_sensor(self, key: Key, info: SensorInfo) -> None:
        """A sensor that is not let in was described."""
        self._sensors[key] = (*self._sensors.get(key, ()), info)[-MOST_SAID:]
        _bound(self._sensors, MOST_SENSORS)

    def of_device(self, device_id: str) -> tuple[DeviceInfo | None, Bridged | None]:
        """What was said of a device; it is told once."""
        return self._devices.pop(device_id, None), self._bridges.pop(device_id, None)

    def of_sensor(self, key: Key) -> tuple[SensorInfo, ...]:
        """What was said of a sensor; it is told once."""
        return self._sensors.pop(key, ())

    def forget(self, device_id: str) -> None:
        """The owner does not want a device: what was said of it is of no use."""
        self.of_device(device_id)
        for key in [key for key in self._sensors if key[0] == device_id]:
            del self._sensors[key]


def _bound(kept: dict[Any, Any], most: int) -> None:
    if len(kept) > most:
        del kept[next(iter(kept))]
