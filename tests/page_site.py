"""A whole Glance for the tests of its pages: real database, real refresher, definitions of its own, on a real port if asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flask import Flask

from glance.config import Settings
from glance.model import Place, Widget
from glance.runtime import Runtime
from glance.serve import Gate, listen
from glance.web.application import create_app

TALLY = {
    "widget.yaml": """\
name: Tally
description: A number that is pushed
category: test
refresh_interval: 60
size: {default: {w: 2, h: 3}}
source: {kind: push}
look: stat
data_schema: {type: object, required: [value]}
""",
    "card.html": """\
<div class="stat"><p class="stat-val"><b data-live>{{ data.value }}</b><span class="unit">{{ data.unit }}</span></p></div>
""",
}
DEEP = {
    "widget.yaml": """\
name: Deep
description: Everything that a swap could disturb
category: test
refresh_interval: 60
size: {default: {w: 3, h: 6}}
source: {kind: push}
look: feed
data_schema: {type: object, required: [value]}
""",
    "card.html": """\
<p class="sum"><b data-live>{{ data.value }}</b> now</p>
<form role="search" action="/gallery"><input class="input" name="q" value="start" aria-label="Field"></form>
<details><summary>More</summary><p>Detail {{ data.value }}</p></details>
<ul class="feed" data-list>{% for n in range(30) %}<li><span>Row {{ n }}</span></li>{% endfor %}</ul>
""",
}
POLLED = {
    "widget.yaml": """\
name: Polled
description: A number that is fetched
category: test
refresh_interval: 300
size: {default: {w: 2, h: 3}}
params:
  type: object
  required: [url]
  properties: {url: {type: string, title: Address}}
source: {kind: http, url: "{{ params.url }}"}
look: stat
data_schema: {type: object, required: [value]}
""",
    "card.html": '<div class="stat"><p class="stat-val"><b data-live>{{ data.value }}</b></p></div>\n',
}
FIXED = {
    "widget.yaml": """\
name: Fixed
description: Words that never change
category: test
size: {default: {w: 2, h: 2}}
params: {type: object, properties: {text: {type: string}}}
source: {kind: static}
""",
    "card.html": "<p>{{ params.text }}</p>\n",
}
PLOTTED = {
    "widget.yaml": """\
name: Plotted
description: A chart that is pushed
category: test
refresh_interval: 60
size: {default: {w: 6, h: 6}}
source: {kind: push}
look: chart
assets: [chart]
data_schema: {type: object, required: [series]}
""",
    "card.html": """\
<div class="plot" data-plot role="img" aria-label="A line" tabindex="0"><script type="application/json">{{ data|tojson }}</script></div>
""",
}
FOLDERS = {"tally": TALLY, "deep": DEEP, "polled": POLLED, "fixed": FIXED, "plotted": PLOTTED}


class Site:
    """One data folder and the Glance on it; `start()` serves it, also again after `stop()`, on the same port."""

    def __init__(self, folder: Path, port: int = 0, **settings: Any) -> None:
        self.widgets_folder = folder / "widgets"
        for slug, files in FOLDERS.items():
            (self.widgets_folder / slug).mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (self.widgets_folder / slug / name).write_text(text, encoding="utf-8")
        wanted = {
            "data": folder / "data", "widgets": (self.widgets_folder,), "auth": "none", "port": port, "mqtt_url": "off", **settings,
        }  # fmt: skip
        self.settings = Settings(**wanted)
        self.gate: Gate | None = None
        self.port = port
        self.open()

    def open(self) -> None:
        """Build the runtime and the application anew."""
        self.runtime = Runtime(self.settings)
        self.app: Flask = create_app(self.runtime)

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Site:
        """Take the port and answer."""
        listener = listen(Settings(**{**_fields(self.settings), "port": self.port}))
        self.port = listener.port
        self.gate = Gate(self.app, listener)
        self.runtime.start()
        self.gate.start()
        return self

    def stop(self) -> None:
        """Leave the port; what is stored stays."""
        if self.gate is not None:
            self.gate.close_door(0.5)
        self.runtime.stop()
        if self.gate is not None:
            self.gate.stop(1.0)
            self.gate = None

    def restart(self) -> None:
        """Stop and start again on the same port and data."""
        self.stop()
        self.open()
        self.start()

    def add(self, slug: str, title: str, dashboard: str = "home", place: Place | None = None, **params: Any) -> Widget:
        """Place a widget."""
        if not any(known.slug == dashboard for known in self.runtime.dashboards.all()):
            self.runtime.dashboards.create(dashboard.capitalize(), slug=dashboard)
        return self.runtime.placing.add(dashboard, slug, title, params, place)

    def push(self, widget: Widget, value: Any, **more: Any) -> None:
        """Send data to a push widget."""
        self.runtime.refresher.push(widget, {"value": value, "unit": "W", **more})

    def tallies(self, count: int, value: int = 0, dashboard: str = "home") -> list[Widget]:
        """`count` pushed widgets in rows of six, each with a value."""
        placed = [
            self.add("tally", f"Number {n}", dashboard, place=Place(1 + 2 * (n % 6), 1 + 3 * (n // 6), 2, 3))
            for n in range(count)
        ]
        for widget in placed:
            self.push(widget, value)
        return placed


def _fields(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in Settings.__dataclass_fields__}


def points(count: int, start: float = 1_790_000_000) -> dict[str, Any]:
    """Data in the shape `points`: one series of `count` values, five minutes apart."""
    return {
        "series": [
            {"label": "Living room", "unit": "°C", "points": [[start + 300 * n, 20 + n % 7] for n in range(count)]}
        ]
    }


def as_json(data: Any) -> str:
    """JSON as a page carries it."""
    return json.dumps(data)
