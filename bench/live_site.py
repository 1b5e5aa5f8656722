"""Dashboards on sensors: a real Mosquitto, a publisher, and `python app.py` connected to it, for the parts that measure what is live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.mqtt_broker import KEEPS_ALL, Mosquitto
from bench.server import Glance, until

SENSORS = 20
# Every sensor is shown three times; a page of sixty live cards.
KINDS = ("line-chart", "gauge", "stat")
SIZES = {"line-chart": (4, 4), "gauge": (2, 4), "stat": (2, 3)}
BOARD = "sensors"


class Live(Mosquitto):
    """A broker, its publisher, and a Glance that shows its sensors: `widgets[kind][i]` is the card of sensor `i`."""

    def __init__(self) -> None:
        super().__init__(*KEEPS_ALL)
        self.glance = Glance(self.folder / "data", self.url)
        self.widgets: dict[str, list[str]] = {}
        self._first = 1
        try:
            self.glance.start()
            self.glance.sign_in()
        except BaseException:
            self.close()
            raise

    def publish_from(self, count: int, rate: float, devices: int = SENSORS) -> Sent:
        """Publish running numbers, spread evenly over the devices, and wait until the broker has them."""
        sent = self.begin_from(count, rate, devices)
        return sent.ended()

    def begin_from(self, count: int, rate: float, devices: int = SENSORS) -> Sent:
        """Begin to publish running numbers that no earlier call used."""
        first = self._first
        # every call begins with sensor 0, so that a number tells its sensor
        self._first += -(-count // devices) * devices
        self.begin(count=count, rate=rate, devices=devices, first=first, times=True)
        return Sent(self, first, devices)

    def settle(self, devices: int = SENSORS) -> None:
        """Each sensor sends a value, again until all are known: what comes before Glance has subscribed goes past it."""

        def known() -> bool:
            self.publish_from(devices, 200, devices)
            return self._knows("d0") and self._knows(f"d{devices - 1}")

        until(known, "the sensors to be known")

    def _knows(self, device: str) -> bool:
        try:
            return bool(self.glance.api("GET", f"/api/devices/{device}/sensors"))
        except RuntimeError:
            return False

    def place(self, sensors: int = SENSORS, kinds: Sequence[str] = KINDS, board: str = BOARD) -> list[str]:
        """Make a dashboard with each of these kinds for every sensor; the ids of all widgets."""
        self.glance.api("POST", "/api/dashboards", {"title": board.title(), "slug": board})
        made = []
        for kind in kinds:
            ids = [self._widget(kind, sensor, board) for sensor in range(sensors)]
            self.widgets[kind] = ids
            made += ids
        return made

    def _widget(self, kind: str, sensor: int, board: str) -> str:
        source = {"kind": "series", "series": [{"device": f"d{sensor}", "sensor": "n"}], "range": "1h"}
        body: dict[str, Any] = {
            "dashboard": board,
            "custom_widget": kind,
            "title": f"{kind.title()} {sensor}",
            "params": {"data_source": source},
        }
        return str(self.glance.api("POST", "/api/widgets", body)["id"])

    def close(self) -> None:
        """End all."""
        self.glance.stop()
        super().close()


class Sent:
    """What was published: `at` says when each number was sent (Unix seconds), beginning with number `first`."""

    def __init__(self, live: Live, first: int, devices: int) -> None:
        self._live = live
        self.first = first
        self.devices = devices
        self.at: list[float] = []

    def ended(self) -> Sent:
        """Wait until the broker has all of it."""
        self.at = self._live.end()["at"]
        return self

    def of_sensor(self, sensor: int) -> list[tuple[int, float]]:
        """(number, when it was sent) of one sensor, in order."""
        return [(self.first + turn, self.at[turn]) for turn in range(sensor, len(self.at), self.devices)]
