"""What a form offers while somebody types the name of a device, sensor, room or class: the ones there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from glance.form import Field
from glance.form.fields import every_field
from glance.runtime import Runtime
from glance.series.words import class_of
from glance.web import runtime

MOST = 500
PREFIX = "suggest-"


def suggested(fields: Iterable[Field]) -> Mapping[str, list[tuple[str, str]]]:
    """The lists that these fields name, by the id of their element: (value, words for it), only those that are used."""
    wanted = {one.attrs["list"] for one in every_field(tuple(fields)) if one.attrs.get("list", "").startswith(PREFIX)}
    if not wanted:
        return {}
    found = _all(runtime())
    return {
        name: found[name.removeprefix(PREFIX)][:MOST] for name in sorted(wanted) if name.removeprefix(PREFIX) in found
    }


def _all(rt: Runtime) -> dict[str, list[tuple[str, str]]]:
    devices = {device.id: device for device in rt.devices.all() if not device.hidden}
    sensors: dict[str, list[str]] = {}
    classes: set[str] = set()
    for track in list(rt.ingest.catalog.tracks.values()):
        sensor = track.sensor
        if sensor.device not in devices or sensor.hidden or sensor.part_of is not None or sensor.removed_at is not None:
            continue
        sensors.setdefault(sensor.sensor, []).append(devices[sensor.device].title)
        classes.add(class_of(sensor))
    return {
        "device": [(device.id, device.title) for device in devices.values()],
        "sensor": [(name, ", ".join(sorted(owners)[:3])) for name, owners in sorted(sensors.items())],
        "room": _plain(device.place for device in devices.values()),
        "ecosystem": _plain(device.ecosystem for device in devices.values()),
        "class": _plain(classes),
    }


def _plain(words: Iterable[str | None]) -> list[tuple[str, str]]:
    return [(word, "") for word in sorted({word for word in words if word}, key=str.casefold)]
