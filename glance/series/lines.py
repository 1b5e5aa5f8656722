"""The sensors of a widget as they stand now, and the state that its card has because of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from glance.ingest import Ingest
from glance.ingest.liveness import Standing
from glance.ingest.tracks import Latest
from glance.model import Away, State
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


def told_apart(lines: Sequence[Line], device_name: Callable[[str], str]) -> list[Line]:
    """The lines with names of their own: those of several devices that are called the same get the device's name."""
    devices: dict[str, list[str]] = {}
    for line in lines:
        devices.setdefault(line.label, []).append(line.device)
    found = []
    for line in lines:
        same = devices[line.label]
        if len(set(same)) < 2:
            found.append(line)
        elif len(set(same)) == len(same):
            found.append(replace(line, label=device_name(line.device)))
        else:
            found.append(replace(line, label=f"{device_name(line.device)} {line.label}"))
    return found


def worst(standings: Sequence[Standing]) -> tuple[State, Standing | None, float | None]:
    """The state of a card over all its sensors: live while one is; else the standing of the worst of them decides."""
    live = [standing for standing in standings if standing.state == "live"]
    if live:
        ends = [standing.stale_at for standing in live if standing.stale_at is not None]
        return "live", None, max(ends, default=None)
    found = min(standings, key=lambda standing: WORST.index(standing.state), default=None)
    if found is None:
        return "stale", None, None
    return SHOWN_AS[found.state], found, None


def away(state: State, standing: Standing | None) -> Away | None:
    """How the device of a card that is offline is away."""
    if state != "offline" or standing is None:
        return None
    if standing.by_broker:
        return "broker"
    return "asleep" if standing.state == "asleep" else "removed" if standing.state == "removed" else "offline"
