"""The demo's devices at work: a thread that publishes what each one says when its time has come."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from glance.demo.devices import PUMP, all_devices, plug_messages
from glance.demo.simulation import Device, Message, wave
from glance.errors import NotFound
from glance.ingest.owner import Devices

log = logging.getLogger(__name__)

CONNECT_S = 10.0
PUMP_LOSES_POWER_S = 20.0
# What an owner does with the list once: names and rooms.
PLACES: Mapping[str, tuple[str | None, str]] = {
    "0x00158d0004a1b201": (None, "Living room"),
    "0x00158d0004a1b202": (None, "Bedroom"),
    "0x00158d0004a1b203": (None, "Kitchen"),
    "0x00158d0004a1b204": (None, "Hallway"),
    "0x00158d0004a1b205": (None, "Bathroom"),
    "fridge": ("Fridge", "Kitchen"),
    "desk": ("Desk", "Study"),
    "garden_pump": ("Garden pump", "Garden"),
    "shelly1pm-8caab5": ("Kitchen light", "Kitchen"),
    "shellyplus1pm-a8032ab1": ("Boiler", "Boiler room"),
    "greenhouse": ("Greenhouse", "Garden"),
    "Bresser-6in1-0-404882732": ("Weather station", "Garden"),
    "A4C1385D1102": ("Nursery thermometer", "Nursery"),
    "pool": ("Pool", "Garden"),
    "mailbox": ("Mailbox", "Entrance"),
    "robby": ("Robot", "Living room"),
    "front_door": ("Front door camera", "Entrance"),
    "116180402711": ("Balcony solar", "Balcony"),
}


class Fleet:
    """Publishes to the broker at `url` between `start` and `stop`, and gives the devices in `known` their names and rooms."""

    def __init__(
        self,
        url: str,
        known: Devices,
        devices: Sequence[Device] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._host, self._port = urlsplit(url).hostname or "127.0.0.1", urlsplit(url).port or 1883
        self._known = known
        self._devices = list(all_devices() if devices is None else devices)
        self._clock = clock
        self._unplaced = dict(PLACES)
        self._client = _client("demo-devices")
        self._pump = _client("demo-garden-pump")
        self._pump.will_set(*PUMP, retain=True)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-devices", daemon=True)

    def start(self) -> None:
        """Connect and begin; the broker listens already."""
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye; idempotent."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(1.0)
        for client in (self._client, self._pump):
            client.disconnect()
            client.loop_stop()

    def _run(self) -> None:
        try:
            self._client.connect(self._host, self._port)
            self._client.loop_start()
            self._publish()
        except OSError as error:
            log.warning("The demo\u2019s devices cannot reach the broker: %s", error)

    def _publish(self) -> None:
        began = self._clock()
        for device in self._devices:
            self._send(device.hello())
        self._begin_pump(began)
        due = [(began + 0.05 * turn, turn) for turn in range(len(self._devices))]
        heapq.heapify(due)
        while due and not self._ending.wait(max(0.0, due[0][0] - self._clock())):
            at, turn = heapq.heappop(due)
            device = self._devices[turn]
            now = self._clock()
            self._send(device.says(now, now - began))
            heapq.heappush(due, (max(at + device.every_s, now), turn))
            self._place()
            self._pump_goes(now - began)

    def _send(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._client.publish(message.topic, message.payload, retain=message.retain)

    def _begin_pump(self, now: float) -> None:
        """The garden pump has a connection of its own, because it will lose it."""
        self._pump.connect(self._host, self._port)
        self._pump.loop_start()
        self._pump.publish(PUMP[0], "Online", retain=True)
        for message in plug_messages("garden_pump", now, wave(now, 250, 320, 60), 17.25):
            self._pump.publish(message.topic, message.payload)

    def _pump_goes(self, age_s: float) -> None:
        """Without a goodbye, as when the power fails: the broker sends its last will."""
        if age_s >= PUMP_LOSES_POWER_S and (line := self._pump.socket()) is not None:
            self._pump.loop_stop()
            line.close()

    def _place(self) -> None:
        for device_id, (label, room) in list(self._unplaced.items()):
            try:
                self._known.change(device_id, {"own_room": room, **({"label": label} if label else {})})
            except NotFound:
                continue
            del self._unplaced[device_id]


def _client(name: str) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv311)
    client.connect_timeout = CONNECT_S
    return client
