"""A dashboard with one of each of what needs no answer from outside: the general widgets, and a widget of every source kind."""

from __future__ import annotations

from typing import Any

from bench.site import LONG_S, Site

SLUG = "mixed"


def place(site: Site) -> str:
    """Make it where it is not there yet, with every answer fetched; its slug."""
    if SLUG not in site.ids:
        site.dashboard(SLUG)
        site.ids[SLUG] = [site.widget(SLUG, slug, params, LONG_S) for slug, params in _widgets(site)]
        site.fill(SLUG)
    return SLUG


def _widgets(site: Site) -> list[tuple[str, dict[str, Any]]]:
    """(definition, params) of each."""
    stub = f"http://127.0.0.3:{site.stub.port}"

    def http(path: str, pick: dict[str, Any]) -> dict[str, Any]:
        return {"data_source": {"kind": "http", "url": stub + path, "pick": pick}}

    rows = {"rows": "rows", "columns": [{"name": name} for name in ("title", "subtitle", "status")]}
    return [
        ("stat", http("/p/1", {"value": "num", "unit": "W", "trend": "points"})),
        ("gauge", http("/w/1", {"value": "num", "unit": "%"})),
        ("line-chart", http("/p/1", {"points": "points", "label": "Load", "unit": "%"})),
        ("table", http("/p/1", rows)),
        ("list", http("/p/1", rows)),
        ("feed", {"urls": [{"url": stub + "/feed.xml"}]}),
        ("calendar", {"urls": [{"url": stub + "/calendar.ics", "name": "Home"}]}),
        ("services", {"checks": [{"name": "Stub", "url": stub + "/w/1"}]}),
        ("host", {}),
        ("clock", {"zones": [{"timezone": "UTC", "label": "UTC"}]}),
        ("markdown", {"text": "# Title\n\nSome *text* and a [link](http://127.0.0.1/)."}),
        ("html", {"html": "<p>Text</p>"}),
        ("todo", {"items": [{"text": "Measure"}, {"text": "Mend", "done": True}]}),
        ("notes", {"text": "A note"}),
        ("bookmarks", {"links": [{"title": "Glance", "url": site.glance.base, "group": "Here"}]}),
        ("search", {}),
    ]
