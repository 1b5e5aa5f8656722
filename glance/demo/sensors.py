"""The demo's dashboard of live sensors: every widget on series, one stale, one offline and one asleep among them."""

from __future__ import annotations

from typing import Any

LIVING, BEDROOM = "0x00158d0004a1b201", "0x00158d0004a1b202"
WINDOW, HALLWAY, WASHER = "0x00158d0004a1b203", "0x00158d0004a1b204", "0x00158d0004a1b205"
SOLAR = "116180402711"
BOILER = "shellyplus1pm-a8032ab1"
RANGE = "1h"
Entry = tuple[str, str, tuple[int, int, int, int], dict[str, Any], int | None]
DERIVED: tuple[dict[str, Any], ...] = (
    {
        "title": "Dew point living room",
        "slug": "dew-point",
        "expression": "dew_point(t, rh)",
        "inputs": [
            {"name": "t", "device": LIVING, "sensor": "temperature"},
            {"name": "rh", "device": LIVING, "sensor": "humidity"},
        ],
        "unit": "°C",
        "decimals": 1,
    },
    {
        "title": "All plugs",
        "slug": "all-plugs",
        "expression": "sum(fridge, desk, washer, boiler)",
        "inputs": [
            {"name": "fridge", "device": "fridge", "sensor": "ENERGY.Power"},
            {"name": "desk", "device": "desk", "sensor": "ENERGY.Power"},
            {"name": "washer", "device": WASHER, "sensor": "power"},
            {"name": "boiler", "device": BOILER, "sensor": "switch:0.apower"},
        ],
        "unit": "W",
        "decimals": 0,
    },
)


def follow(device: str, sensor: str, label: str = "", **more: Any) -> dict[str, Any]:
    """Params of a widget that follows one sensor."""
    return several((device, sensor, label), **more)


def several(*sensors: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    """Params of a widget that follows these sensors (device, sensor, label)."""
    listed = [
        {"device": device, "sensor": sensor, **({"label": label} if label else {})} for device, sensor, label in sensors
    ]
    return {"data_source": {"kind": "series", "series": listed, "range": RANGE, **more}}


def rooms() -> dict[str, Any]:
    """Params of a chart of the temperature of several rooms."""
    return several(
        (LIVING, "temperature", "Living room"),
        (BEDROOM, "temperature", "Bedroom"),
        ("greenhouse", "temperature", "Greenhouse"),
        ("Bresser-6in1-0-404882732", "temperature_C", "Outdoor"),
    )


def board() -> list[Entry]:
    """(definition, title, place, params, refresh interval) of each widget."""
    states = several(
        (WINDOW, "contact", "Kitchen window"),
        (HALLWAY, "occupancy", "Hallway motion"),
        ("front_door", "motion", "Front door"),
        ("robby", "StatusStateAttribute/status", "Robot"),
        ("heatpump_4711", "mode", "Heat pump"),
    )
    power = {
        "data_source": {
            "kind": "series",
            "select": {"class": "power, apower, ENERGY.Power", "unit": "W"},
            "range": RANGE,
        }
    }
    bands = [
        {"from": 0, "status": "warn", "label": "Dry"},
        {"from": 40, "status": "ok"},
        {"from": 60, "status": "warn", "label": "Damp"},
    ]
    return [
        ("stat", "Living room", (1, 1, 2, 3), follow(LIVING, "temperature"), None),
        ("stat", "Dew point", (3, 1, 2, 3), follow("derived", "dew-point"), None),
        ("gauge", "Humidity", (5, 1, 2, 3), {**follow(LIVING, "humidity"), "bands": bands}, None),
        ("stat", "All plugs", (7, 1, 2, 3), {**follow("derived", "all-plugs"), "series": 2}, None),
        ("stat", "Heat pump", (9, 1, 2, 3), follow("heatpump_4711", "mode"), None),
        ("stat", "Solar output", (11, 1, 2, 3), {**follow(SOLAR, "0/power"), "series": 4}, None),
        ("line-chart", "Rooms", (1, 4, 6, 6), rooms(), None),
        ("timeline", "Doors and states", (7, 4, 3, 6), states, None),
        ("room", "Living room", (10, 4, 3, 6), {"room": "Living room"}, None),
        ("batteries", "Batteries", (1, 10, 4, 6), {}, None),
        ("devices", "Devices", (5, 10, 3, 6), {}, None),
        ("table", "Power", (8, 10, 5, 6), power, None),
        ("line-chart", "Energy per hour", (1, 16, 6, 5), follow("house-meter", "energy", "House", use="hour"), None),
        ("stat", "Garage freezer", (7, 16, 2, 5), follow("freezer_01", "temperature"), None),
        ("stat", "Garden pump", (9, 16, 2, 5), follow("garden_pump", "ENERGY.Power"), None),
        ("stat", "Mailbox", (11, 16, 2, 5), follow("mailbox", "main/mail"), None),
    ]
