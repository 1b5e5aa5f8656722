"""The demo's dashboards: what a home would have on its first screen."""

from __future__ import annotations

from typing import Any

from glance.demo import sensors
from glance.demo.sensors import follow
from glance.model import Place
from glance.runtime import Runtime

NOTE = """Everything here is an ordinary widget: the menu leads to its settings, the arrow fetches anew.

- **Living room**, **Power draw** and the chart come live from devices: see **Sensors** above
- **Services** checks real addresses, two in trouble on purpose
- **This computer** shows true figures; Ctrl-C ends the demo, nothing of it stays
"""


def fill(runtime: Runtime, services: str, own: str) -> None:
    """Make the dashboards; `services` and `own` are the addresses of the demo's upstreams and of Glance itself."""
    for given in sensors.DERIVED:
        runtime.derived.create(given)
    boards = (
        ("home", "Home", home(services, own)),
        ("sensors", "Sensors", sensors.board()),
        ("homelab", "Homelab", homelab(services)),
    )
    for slug, title, widgets in boards:
        runtime.dashboards.create(title, slug=slug)
        for definition, name, place, params, every_s in widgets:
            runtime.placing.add(slug, definition, name, params, Place(*place), refresh_interval=every_s)


def home(services: str, own: str) -> list[tuple[str, str, tuple[int, int, int, int], dict[str, Any], int | None]]:
    """(definition, title, place, params, refresh interval) of each widget of the first dashboard."""

    def stat(path: str, **pick: str) -> dict[str, Any]:
        return {"data_source": {"kind": "http", "url": f"{services}{path}", "pick": pick}}

    return [
        ("clock", "Clock", (1, 1, 2, 3), {"zones": [{"timezone": "UTC", "label": "UTC"}]}, None),
        ("stat", "Living room", (3, 1, 2, 3), follow(sensors.LIVING, "temperature"), None),
        ("stat", "Power draw", (5, 1, 2, 3), {**follow("house-meter", "power"), "series": 2}, None),
        ("stat", "Download", (7, 1, 2, 3), stat("/speed", value="download_mbit", unit="Mbit/s", trend="trend"), 900),
        ("stat", "Solar output", (9, 1, 2, 3), {**follow(sensors.SOLAR, "0/power"), "series": 4}, None),
        ("gauge", "UPS load", (11, 1, 2, 3), {**stat("/ups", value="load_percent", unit="%"), "bands": BANDS}, 15),
        ("line-chart", "Temperature", (1, 4, 6, 6), sensors.rooms(), None),
        ("services", "Services", (7, 4, 3, 6), {"checks": _checks(services, own)}, 30),
        ("weather", "Weather", (10, 4, 3, 6), {"latitude": 52.52, "longitude": 13.41, "server": services}, 900),
        ("calendar", "Calendar", (1, 10, 4, 6), {"urls": [{"url": f"{services}/home.ics", "name": "Home"}]}, 900),
        ("feed", "Reading list", (5, 10, 4, 6), {"urls": [{"url": f"{services}/feed.xml"}]}, 1800),
        ("host", "This computer", (9, 10, 4, 6), {}, 5),
        (
            "todo",
            "To-do",
            (1, 16, 3, 5),
            {"items": [{"text": "Add a widget of your own"}, {"text": "Start the demo", "done": True}]},
            None,
        ),
        ("markdown", "Read me", (4, 16, 5, 5), {"text": NOTE}, None),
        ("bookmarks", "Bookmarks", (9, 16, 2, 5), {"links": _links(own)}, None),
        ("search", "Search", (11, 16, 2, 2), {}, None),
    ]


def homelab(services: str) -> list[tuple[str, str, tuple[int, int, int, int], dict[str, Any], int | None]]:
    """The second dashboard: tables, lists, and what a failing source looks like."""

    def source(path: str, **pick: Any) -> dict[str, Any]:
        return {"data_source": {"kind": "http", "url": f"{services}{path}", "pick": pick}}

    return [
        (
            "table",
            "Backups",
            (1, 1, 5, 6),
            {**source("/backups", rows="@"), "columns": BACKUP_COLUMNS, "rules": BACKUP_RULES},
            300,
        ),
        (
            "table",
            "Containers",
            (6, 1, 4, 6),
            {**source("/containers", rows="@"), "columns": CONTAINER_COLUMNS, "rules": CONTAINER_RULES},
            15,
        ),
        ("list", "Chores", (10, 1, 3, 6), {**source("/chores", rows="@"), "rules": CHORE_RULES}, 300),
        ("stat", "DNS blocking", (1, 7, 3, 4), source("/broken", value="blocked_percent", unit="%"), 60),
        ("stat", "Inverter", (4, 7, 3, 4), source("/down", value="watt", unit="W"), 60),
        (
            "notes",
            "Notes",
            (7, 7, 3, 4),
            {"text": "Filter for the pump: 3/4 inch.\nRouter admin is on port 8443 now."},
            None,
        ),
        ("table", "Door sensors", (10, 7, 3, 4), {"data_source": {"kind": "push"}}, None),
    ]


BANDS = [{"from": 70, "status": "warn", "label": "High"}, {"from": 88, "status": "bad", "label": "Too high"}]
BACKUP_COLUMNS = [
    {"name": "job", "title": "Job"},
    {"name": "finished", "title": "Last run", "format": "ago"},
    {"name": "size", "title": "Size", "format": "bytes"},
    {"name": "result", "title": "Result", "format": "pill"},
]
BACKUP_RULES = [
    {"column": "result", "op": "=", "value": "done", "status": "ok", "label": "Done"},
    {"column": "result", "op": "contains", "value": "skipped", "status": "warn"},
    {"column": "result", "op": "=", "value": "failed", "status": "bad", "label": "Failed"},
    {"column": "result", "op": "=", "value": "running", "status": "info", "label": "Running"},
]
CONTAINER_COLUMNS = [
    {"name": "name", "title": "Name"},
    {"name": "cpu", "title": "CPU", "format": "percent"},
    {"name": "memory", "title": "Memory", "format": "bytes"},
    {"name": "state", "title": "State", "format": "pill"},
]
CONTAINER_RULES = [
    {"column": "state", "op": "=", "value": "running", "status": "ok", "label": "Running"},
    {"column": "state", "op": "=", "value": "healthy", "status": "ok", "label": "Healthy"},
    {"column": "state", "op": "=", "value": "high cpu", "status": "warn", "label": "High CPU"},
    {"column": "state", "op": "=", "value": "restarting", "status": "bad", "label": "Restarting"},
]
CHORE_RULES = [
    {"op": "=", "value": "open", "status": "info", "label": "Open"},
    {"op": "=", "value": "overdue", "status": "bad", "label": "Overdue"},
    {"op": "=", "value": "done", "status": "ok", "label": "Done"},
]


def _checks(services: str, own: str) -> list[dict[str, Any]]:
    host_port = services.removeprefix("http://")
    return [
        {"name": "Glance itself", "url": f"{own}/healthz"},
        {"name": "Photo library", "url": f"{services}/up/photos"},
        {"name": "Media server", "url": f"{services}/up/media"},
        {"name": "Git forge", "url": f"tcp://{host_port}"},
        {"name": "Password vault", "url": f"{services}/up/vault"},
        {"name": "File sync", "url": f"{services}/slow"},
        {"name": "Recipe book", "url": f"{services}/down"},
    ]


def _links(own: str) -> list[dict[str, Any]]:
    return [
        {"title": "Gallery", "url": f"{own}/gallery", "icon": "plus", "series": 1},
        {"title": "Settings", "url": f"{own}/settings", "icon": "gear", "series": 3},
        {"title": "API", "url": f"{own}/api/docs", "icon": "code", "series": 2},
        {"title": "Status", "url": f"{own}/readyz", "icon": "shield", "series": 4},
    ]
