"""Which sensors a widget shows: those it names, or all that fit a selection, also those that appear later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from glance.ingest.catalog import Catalog
from glance.series.words import class_of
from glance.store.devices import Device, Sensor

MOST_LINES = 16
MOST_SENSORS = 500
FILTERS = ("class", "room", "device", "ecosystem", "kind", "unit", "name")


@dataclass(frozen=True, slots=True)
class Item:
    """One sensor by the names of its device and itself; `label` None = its own title."""

    device: str
    sensor: str
    label: str | None = None


def items_of(catalog: Catalog, source: Mapping[str, Any]) -> list[Item]:
    """The sensors of a source of kind `series`, the named ones first, each once: also those that were merged into one."""
    found: dict[object, Item] = {}

    def add(item: Item) -> None:
        track = catalog.find(item.device, item.sensor)
        sensor = track.sensor if track else None
        key = sensor.id if sensor else (item.device, item.sensor)
        first = found.setdefault(key, item)
        if sensor is not None and (item.device, item.sensor) == (sensor.device, sensor.sensor):
            # of those that were merged the one that is left gives its name
            found[key] = replace(first, device=item.device, sensor=item.sensor)

    for named in source.get("series") or ():
        if isinstance(named, Mapping) and named.get("device") and named.get("sensor"):
            add(Item(str(named["device"]), str(named["sensor"]), named.get("label") or None))
    select = source.get("select")
    if isinstance(select, Mapping):
        chosen = selected(catalog, select)
        # one device that is asked for by name need not be named again
        is_one = bool(_words(select.get("device"))) and len({sensor.device for sensor, _ in chosen}) == 1
        for sensor, device in chosen:
            label = _upper_first(sensor.title) if is_one else f"{device.title} {lower_first(sensor.title)}"
            add(Item(sensor.device, sensor.sensor, label))
    return list(found.values())


def selected(catalog: Catalog, select: Mapping[str, Any]) -> list[tuple[Sensor, Device]]:
    """Every sensor that fits each filter that is set, by room, device and name; what the owner hid is left out.

    A sensor that asks to be hidden is taken only where a class is asked for: batteries often call themselves a diagnostic.
    """
    wanted = {name: _words(select.get(name)) for name in FILTERS}
    found: list[tuple[Sensor, Device]] = []
    for track in list(catalog.tracks.values()):
        sensor = track.sensor
        if sensor.part_of is not None or sensor.forgotten_at is not None or sensor.removed_at is not None:
            continue
        device = catalog.devices.get(sensor.device)
        if device is None or device.hidden or device.ignored or device.forgotten_at is not None:
            continue
        if sensor.own_hidden or (sensor.hidden and not wanted["class"]):
            continue
        if _fits(wanted, sensor, device):
            found.append((sensor, device))
    found.sort(key=lambda pair: (pair[1].title.casefold(), pair[1].id, pair[0].title.casefold(), pair[0].id))
    return found[:MOST_SENSORS]


def hidden_ones(catalog: Catalog, source: Mapping[str, Any]) -> int:
    """How many sensors would fit a selection if they, or their devices, were not hidden."""
    select = source.get("select")
    wanted = {name: _words(select.get(name)) for name in FILTERS} if isinstance(select, Mapping) else {}
    count = 0
    for track in list(catalog.tracks.values()) if wanted else ():
        sensor, device = track.sensor, catalog.devices.get(track.sensor.device)
        gone = sensor.part_of is not None or sensor.forgotten_at is not None or sensor.removed_at is not None
        if device is None or gone or device.ignored or device.forgotten_at is not None:
            continue
        count += (device.hidden or sensor.hidden) and _fits(wanted, sensor, device)
    return count


def _fits(wanted: Mapping[str, frozenset[str]], sensor: Sensor, device: Device) -> bool:
    told = {
        "class": (class_of(sensor),),
        "room": (device.place or "",),
        "device": (device.id, device.title),
        "ecosystem": (device.ecosystem or "",),
        "kind": (sensor.kind,),
        "unit": (sensor.shown_unit or "",),
    }
    if not all(not wanted[name] or any(one.casefold() in wanted[name] for one in said) for name, said in told.items()):
        return False
    text = f"{sensor.sensor}\n{sensor.title}".casefold()
    return not wanted["name"] or any(word in text for word in wanted["name"])


def _words(value: Any) -> frozenset[str]:
    """The words of a filter: a list, or a text with commas; empty = not set."""
    listed = value if isinstance(value, list | tuple) else str(value).split(",") if value is not None else ()
    return frozenset(word for one in listed if (word := str(one).strip().casefold()))


def lower_first(text: str) -> str:
    """A name as it stands behind another: "Temperature" becomes "temperature", "CO₂" and "Wi-Fi signal" stay."""
    first = text.partition(" ")[0]
    return text[:1].lower() + text[1:] if first.isalpha() and first.istitle() and len(first) > 1 else text


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
