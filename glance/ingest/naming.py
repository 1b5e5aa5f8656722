"""Names for sensors that their publishers did not name: short ones, longer where a device has two that would be called alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from glance.ingest.tracks import Track
from glance.sensor_names import names_of
from glance.store.devices import Sensor


def is_unnamed(sensor: Sensor, ecosystem: str | None) -> bool:
    """Whether a sensor has no name but one made of its id."""
    return sensor.name is None or sensor.name in (*names_of(sensor.sensor, ecosystem), sensor.sensor)


def named_anew(tracks: Iterable[Track], ecosystem: str | None, before: str | None) -> Iterator[tuple[Track, Sensor]]:
    """The series of one device whose names have to change, and how they are known then; `before` is the ecosystem they were named by.

    Two of the same short name are both called by their channels; where that does not tell them apart, by their ids.
    """
    shown = [track for track in tracks if track.sensor.forgotten_at is None and track.sensor.part_of is None]
    ours = [(track, *names_of(track.sensor.sensor, ecosystem)) for track in shown if is_unnamed(track.sensor, before)]
    told = [track.sensor.name for track in shown if not is_unnamed(track.sensor, before)]
    shorts = Counter([*told, *(short for _, short, _ in ours)])
    longs = Counter([*told, *(long for _, _, long in ours)])
    for track, short, long in ours:
        name = short if shorts[short] == 1 else long if longs[long] == 1 else track.sensor.sensor
        if track.sensor.name != name:
            yield track, replace(track.sensor, name=name)
