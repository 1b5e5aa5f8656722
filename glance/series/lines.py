"""The sensors of a widget as they stand now, and the state that its card has because of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from glance.ingest import Ingest
from glance.ingest.liveness import Standing
from glance.ingest.tracks import Latest
from glance.model import State
from glance.series.choosing import Item
from glance.store.devices import Sensor

SHOWN_AS: Mapping[str, State] = {
    "live": "live",
    "stale": "stale",
    "unknown": "stale",
    "offline": "offline",
    "asleep": "offline",
    "removed": "offline",
}
WORST = ("removed", "offline", "asleep", "stale", "unknown", "live")


@dataclass(frozen=True, slots=True)
class Line:
    """One sensor of a widget: what it is called, its sensor (None = never seen), newest value and liveness."""

    label: str
    device: str
    name: str
    sensor: Sensor | None
    latest: Latest | None
    standing: Standing | None

    @property
    def is_known(self) -> bool:
        """True where there is a value to show."""
        return self.sensor is not None and self.latest is not None


def line_of(ingest: Ingest, item: Item, standing: Callable[[Sensor, float], Standing], now: float) -> Line:
    """A sensor as it stands now."""
    sensor = ingest.devices.find(item.device, item.sensor)
    if sensor is None:
        return Line(item.label or item.sensor, item.device, item.sensor, None, None, None)
    latest = ingest.samples.latest(sensor.id)
    return Line(item.label or sensor.title, item.device, item.sensor, sensor, latest, standing(sensor, now))


def worst(standings: Sequence[Standing]) -> tuple[State, str | None, float | None]:
    """The state of a card over all its sensors: live while one is; the sentence names what is wrong where none is."""
    live = [standing for standing in standings if standing.state == "live"]
    if live:
        ends = [standing.stale_at for standing in live if standing.stale_at is not None]
        return "live", None, max(ends, default=None)
    found = min(standings, key=lambda standing: WORST.index(standing.state), default=None)
    if found is None:
        return "stale", None, None
    return SHOWN_AS[found.state], found.sentence, None


def missing(ingest: Ingest, lines: Sequence[Line], chosen_by: str | None) -> str:
    """Which link is missing, as a sentence; `chosen_by` says what a selection asks for, None = sensors are named."""
    if not lines:
        if chosen_by is not None:
            return f"No sensor fits {chosen_by} yet. It joins by itself once one does."
        return "No sensor is chosen yet."
    line = lines[0]
    if line.sensor is not None:
        return f"{line.label} was announced, but it has not sent a value yet."
    if line.device in {device.id for device in ingest.devices.forgotten()}:
        return f"The device {line.device} was forgotten; bring it back on the devices page."
    if line.device in {device.id for device in ingest.devices.all(with_ignored=True)}:
        return f"The device {line.device} has never sent a sensor named {line.name}."
    return f"Nothing was ever heard of the device {line.device}."
