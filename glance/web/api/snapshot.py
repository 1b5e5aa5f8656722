"""GET /api/snapshot: a dashboard as text, for assistants and scripts. Reads what is stored; fetches nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Response, request

from glance.errors import FieldError, Invalid, NotFound
from glance.model import Dashboard, View, Widget
from glance.web import runtime
from glance.web.api.envelope import envelope
from glance.web.api.routing import route
from glance.web.api.times import iso

TEXT_LIMIT = 200
ROW_LIMIT = 25
WIDGET_LIMIT = 6000
FORMATS = ("json", "markdown")
DEVICE_COLUMNS = ("Device", "Room", "State", "Seen", "Battery", "Link", "Sensors")


@route(
    "GET",
    "/api/snapshot",
    scope="read",
    tag="Snapshot",
    summary="A dashboard as text",
    query={
        "dashboard": {"type": "string", "description": "Its slug; without it the default dashboard."},
        "format": {"type": "string", "enum": list(FORMATS), "default": "json"},
    },
    failures=(404,),
    answers={200: ("Every widget with its data, age and state; as JSON or Markdown.", {"type": "object"})},
    or_as="text/markdown",
)
def snapshot() -> Any:
    """What is stored, with its age and what is wrong with it; nothing is fetched for it."""
    wanted = request.args.get("format", "json")
    if wanted not in FORMATS:
        raise Invalid("format must be json or markdown.", [FieldError("format", "must be json or markdown")])
    rt = runtime()
    slug = request.args.get("dashboard")
    dashboard = rt.dashboards.get(slug) if slug else rt.dashboards.default()
    if dashboard is None:
        raise NotFound("There is no dashboard yet.")
    widgets = rt.widgets.on_dashboard(dashboard.slug)
    views = rt.refresher.peek(widgets)
    now = rt.clock()
    if wanted == "markdown":
        text = "\n".join(markdown(dashboard, widgets, views, now))
        return Response(text + "\n", mimetype="text/markdown")
    return {
        "dashboard": {"slug": dashboard.slug, "title": dashboard.title},
        "taken_at": iso(now),
        "widgets": [_shown(widget, views[widget.id], now) for widget in widgets],
    }


def _shown(widget: Widget, view: View, now: float) -> dict[str, Any]:
    head = {"id": widget.id, "title": widget.title, "custom_widget": widget.custom_widget, "state": view.state}
    return head | {key: value for key, value in envelope(view).items() if key != "cached"}


def markdown(dashboard: Dashboard, widgets: list[Widget], views: dict[str, View], now: float) -> Iterator[str]:
    """The lines of the text: a heading per widget, its age, what is wrong, its data."""
    yield f"# {_line(dashboard.title)}"
    yield ""
    yield f"Taken {_utc(now)}. {len(widgets)} widget{'' if len(widgets) == 1 else 's'}."
    for widget in widgets:
        view = views[widget.id]
        yield ""
        yield f"## {_line(widget.title)}"
        yield ""
        yield f"{widget.custom_widget}, {'offline' if view.away == 'broker' else view.away or view.state}{_age(view, now)}"
        if view.failure is not None:
            yield f"Failed {_utc(view.failure.at)}: {_line(view.failure.message)}"
        elif view.sentence:
            yield _line(view.sentence)
        if view.has_data:
            yield ""
            yield from _clipped(data_lines(view.data))


def data_lines(data: Any) -> Iterator[str]:
    """Any data as Markdown: the general shapes as a sentence or a table, all else as a nested list."""
    if isinstance(data, dict) and isinstance(data.get("rows"), list) and isinstance(data.get("columns"), list):
        yield from _table(data["columns"], data["rows"])
    elif isinstance(data, dict) and isinstance(data.get("devices"), list) and isinstance(data.get("counts"), dict):
        yield from _devices(data["devices"], data["counts"])
    elif isinstance(data, dict) and isinstance(data.get("series"), list):
        yield from _series(data["series"])
    elif isinstance(data, dict) and "value" in data:
        label = f"{_line(str(data['label']))}: " if data.get("label") else ""
        yield f"{label}{_value(data['value'])}{' ' + _line(str(data['unit'])) if data.get('unit') else ''}"
    else:
        yield from _nested(data, 0)


def _table(columns: list[Any], rows: list[Any]) -> Iterator[str]:
    named = [column for column in columns if isinstance(column, dict) and "name" in column]
    yield "| " + " | ".join(_cell(column.get("title") or column["name"]) for column in named) + " |"
    yield "|" + " --- |" * len(named)
    for row in rows[:ROW_LIMIT]:
        cells = row if isinstance(row, dict) else {}
        yield "| " + " | ".join(_cell(cells.get(column["name"])) for column in named) + " |"
    if len(rows) > ROW_LIMIT:
        yield f"\n{len(rows) - ROW_LIMIT} more rows."


def _devices(devices: list[Any], counts: dict[str, Any]) -> Iterator[str]:
    """An overview of devices: how many stand how, and a row each, with the columns that any of them has something for."""
    told = ", ".join(f"{count} {'online' if state == 'live' else _line(state)}" for state, count in counts.items())
    yield f"{len(devices)} device{'' if len(devices) == 1 else 's'}{': ' + told if told else ''}."
    rows = [_device(one) for one in devices if isinstance(one, dict)]
    columns = [{"name": name} for name in DEVICE_COLUMNS if any(row[name] for row in rows)]
    if columns:
        yield ""
        yield from _table(columns, rows)


def _device(one: dict[str, Any]) -> dict[str, str]:
    seen_at, charge, quality = one.get("seen_at"), one.get("charge"), one.get("quality")
    sensors = [each for each in one.get("sensors") or () if isinstance(each, dict)]
    named = (one.get("title"), one.get("room") or "", one.get("word"), _utc(seen_at) if seen_at else "")
    battery, link = (f"{share:.0f} %" if isinstance(share, (int, float)) else "" for share in (charge, quality))
    values = "; ".join(f"{each.get('name')} {each.get('text')} {each.get('unit') or ''}".strip() for each in sensors)
    return dict(zip(DEVICE_COLUMNS, (*map(str, named), battery, link, values), strict=True))


def _series(series: list[Any]) -> Iterator[str]:
    for item in series:
        points = (
            [p for p in item.get("points", ()) if isinstance(p, list) and len(p) == 2] if isinstance(item, dict) else []
        )
        known = [p[1] for p in points if isinstance(p[1], (int, float))]
        if not known:
            continue
        unit = f" {_line(str(item['unit']))}" if item.get("unit") else ""
        label = _line(str(item.get("label") or "Series"))
        yield f"- {label}: last {known[-1]}{unit}, lowest {min(known)}, highest {max(known)}, {len(known)} points"


def _nested(value: Any, depth: int) -> Iterator[str]:
    pad = "  " * depth
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, (dict, list)) and item and depth < 4:
                yield f"{pad}- {_line(key)}:"
                yield from _nested(item, depth + 1)
            else:
                yield f"{pad}- {_line(key)}: {_value(item)}"
    elif isinstance(value, list):
        for item in value[:ROW_LIMIT]:
            if isinstance(item, dict) and item and depth < 4:
                yield f"{pad}- " + "; ".join(f"{_line(key)}: {_value(part)}" for key, part in item.items())
            else:
                yield f"{pad}- {_value(item)}"
        if len(value) > ROW_LIMIT:
            yield f"{pad}- and {len(value) - ROW_LIMIT} more"
    else:
        yield f"{pad}{_value(value)}"


def _clipped(lines: Iterator[str]) -> Iterator[str]:
    """At most WIDGET_LIMIT characters of one widget, and said so."""
    left = WIDGET_LIMIT
    for line in lines:
        left -= len(line)
        if left < 0:
            yield "(shortened)"
            return
        yield line


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _line(value)
    return _line(json.dumps(value, ensure_ascii=False))


def _line(text: str) -> str:
    """Text on one line, bounded, that cannot begin a heading or a list by itself."""
    one = " ".join(text.split())
    return one if len(one) <= TEXT_LIMIT else one[: TEXT_LIMIT - 1] + "…"


def _cell(value: Any) -> str:
    return "" if value is None else _value(value).replace("|", "\\|")


def _age(view: View, now: float) -> str:
    if view.at is None:
        return ""
    return f", as of {_utc(view.at)} ({max(0, round(now - view.at))} s ago)"


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
