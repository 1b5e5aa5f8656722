"""The shape *rows* of series, and the overview of devices: each with its sensors, the one in most trouble first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from glance.ingest import Ingest
from glance.ingest.liveness import Standing
from glance.series.lines import WORST, Line
from glance.series.words import BATTERY, SIGNAL, charge_of, class_of, quality_of, shown_value, value_in_words
from glance.store.devices import Device

LOW_CHARGE = 15.0
WEAK_CHARGE = 30.0
POOR_LINK = 20.0
# how a device or sensor stands -> word, status
STANDING_WORDS: Mapping[str, tuple[str, str]] = {
    "live": ("Online", "ok"),
    "stale": ("Stale", "warn"),
    "asleep": ("Asleep", "off"),
    "offline": ("Offline", "bad"),
    "removed": ("Withdrawn", "off"),
    "unknown": ("Not heard yet", "off"),
}
DeviceStanding = Callable[[Device, float], tuple[Standing, float | None]]


def rows_of(ingest: Ingest, lines: Sequence[Line]) -> tuple[dict[str, Any], str]:
    """One row a sensor: `{columns, rows}`, and a version that changes with them."""
    rows = []
    for line in lines:
        sensor, latest = line.sensor, line.latest
        device = ingest.catalog.devices.get(sensor.device) if sensor else None
        rows.append(
            {
                "device": device.title if device else line.device,
                "sensor": line.label,
                "value": shown_value(sensor, latest) if sensor and latest else None,
                "unit": sensor.shown_unit if sensor else None,
                "at": latest.at if latest else None,
                "state": line.standing.state if line.standing else "unknown",
            }
        )
    columns = [
        {"name": "sensor", "title": "Sensor"},
        {"name": "value", "title": "Value"},
        {"name": "unit", "title": "Unit"},
        {"name": "at", "title": "Seen", "format": "ago"},
        {"name": "state", "title": "State"},
    ]
    version = "-".join(
        f"{line.latest.id if line.latest else 0}.{row['value']}.{row['state']}"
        for line, row in zip(lines, rows, strict=True)
    )
    return {"columns": columns, "rows": rows}, version


def devices_of(
    ingest: Ingest, lines: Sequence[Line], source: Mapping[str, Any], device_standing: DeviceStanding, now: float
) -> tuple[dict[str, Any], str]:
    """`{devices: [{id, title, room, href, state, word, status, sentence, seen_at, charge, quality, sensors}], counts, total}`.

    `each: device` leaves the sensors out, and what is worked out here. By name, or with `order: worst` the lowest of charge and link
    first, or with `order: state` those that are not there first.
    """
    by_device: dict[str, list[Line]] = {}
    for line in lines:
        if line.sensor is not None:
            by_device.setdefault(line.sensor.device, []).append(line)
    found = []
    for device_id, own in by_device.items():
        device = ingest.catalog.devices.get(device_id)
        if device is not None and not (source.get("each") == "device" and device.ecosystem == "derived"):
            found.append(_device(device, own, device_standing(device, now), source.get("each") != "device"))
    order = {"worst": _trouble, "state": _standing}.get(str(source.get("order")))
    if order is not None:
        found.sort(key=order)
    counts: dict[str, int] = {}
    for one in found:
        counts[one["state"]] = counts.get(one["state"], 0) + 1
    data = {"devices": found, "counts": counts, "total": len(found)}
    return data, hashlib.blake2s(repr(data).encode("utf-8", "replace"), digest_size=8).hexdigest()


def _device(
    device: Device, lines: Sequence[Line], standing: tuple[Standing, float | None], with_sensors: bool
) -> dict[str, Any]:
    judged, seen_at = standing
    word, status = STANDING_WORDS[judged.state]
    known = [(line.sensor, line.latest) for line in lines if line.sensor is not None]
    charges = [charge_of(*pair) for pair in known if class_of(pair[0]) == BATTERY]
    qualities = [quality_of(*pair) for pair in known if class_of(pair[0]) == SIGNAL]
    charge = min((each for each in charges if each is not None), default=None)
    quality = min((each for each in qualities if each is not None), default=None)
    return {
        "id": device.id,
        "title": device.title,
        "room": device.place,
        "href": f"/devices/{quote(device.id, safe='/')}",
        "state": judged.state,
        "word": word,
        "status": status,
        "sentence": judged.sentence,
        "seen_at": seen_at,
        "charge": charge,
        "charge_status": _charge_status(charge),
        "quality": quality,
        "poor": quality is not None and quality < POOR_LINK,
        "sensors": [_sensor(line) for line in lines] if with_sensors else [],
    }


def _sensor(line: Line) -> dict[str, Any]:
    sensor = line.sensor
    assert sensor is not None
    shown = value_in_words(sensor, line.latest)
    state = line.standing.state if line.standing else "unknown"
    return {
        "sensor": sensor.sensor,
        "name": sensor.title[:1].upper() + sensor.title[1:],
        "class": class_of(sensor),
        "kind": sensor.kind,
        "value": line.latest.value if line.latest else None,
        "text": shown.text,
        "unit": shown.unit,
        "at": line.latest.at if line.latest else None,
        "state": state,
        "word": STANDING_WORDS[state][0],
    }


def _charge_status(charge: float | None) -> str | None:
    if charge is None:
        return None
    return "bad" if charge <= LOW_CHARGE else "warn" if charge <= WEAK_CHARGE else "ok"


def _standing(one: Mapping[str, Any]) -> tuple[int, str]:
    """Out of reach, silent, asleep, and then the rest by name."""
    return ("offline", "stale", "asleep", "unknown", "removed", "live").index(one["state"]), one["title"].casefold()


def _trouble(one: Mapping[str, Any]) -> tuple[float, int, str]:
    """Out of reach first, then the lowest of charge and link, then the name."""
    away = one["state"] in ("offline", "stale")
    known = [each for each in (one["charge"], one["quality"]) if each is not None]
    return (-1.0 if away else min(known, default=101.0), WORST.index(one["state"]), one["title"].casefold())
