"""The core of Glance on a temporary folder, with a clock that is set by hand and a source that does what a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from glance.live import Hub
from glance.outbound import Outbound
from glance.placing import Placing
from glance.refresh import Refresher
from glance.registry import Registry
from glance.secretbox import SecretBox
from glance.sources import push, static
from glance.store.cache import Cache
from glance.store.custom_widgets import CustomWidgets
from glance.store.dashboards import Dashboards
from glance.store.db import Database
from glance.store.widgets import Widgets
from tests.waiting import HELD_S

PROBE = """
name: Probe
refresh_interval: 300
params:
  type: object
  properties:
    city: {type: string, default: Berlin}
    token: {type: string, format: secret}
source: {kind: probe, city: "{{ params.city }}"}
data_schema: {not: {type: string}}
"""


class Clock:
    """Unix seconds, moved by hand."""

    def __init__(self, at: float = 1_770_120_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.at += seconds


class Probe:
    """A source kind whose fetches are counted, held back and answered as a test says."""

    KIND = "probe"
    FETCHES = True
    PICKABLE = True
    SCHEMA: Mapping[str, Any] = {"type": "object"}
    FORM: Mapping[str, Any] = {
        "properties": {"city": {"type": "string"}, "key": {"type": "string", "format": "secret"}}
    }

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any], Any], Any] = lambda _source, _io: {"n": len(self.calls)}
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)

    def fetch(self, source: dict[str, Any], io: Any) -> Any:
        self.calls.append({**source, "params": dict(io.params)})
        self.entered.release()
        self.gate.wait(HELD_S)
        return self.answer(source, io)

    def deadline_s(self, source: Mapping[str, Any]) -> float:
        return float(source.get("deadline", 5.0))

    def lane(self, source: Mapping[str, Any]) -> str | None:
        return source.get("lane")


def write_widget(folder: Path, slug: str, manifest: str, card: str = "<p>{{ data }}</p>", **files: str) -> Path:
    """A folder of a definition."""
    path = folder / slug
    path.mkdir(parents=True, exist_ok=True)
    (path / "widget.yaml").write_text(manifest, encoding="utf-8")
    (path / "card.html").write_text(card, encoding="utf-8")
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return path


class Core:
    """Everything between the database and the web; `probe` is the definition to play with."""

    def __init__(self, folder: Path, *, start: bool = False) -> None:
        self.folder = folder
        self.widget_folder = folder / "widgets"
        write_widget(self.widget_folder, "probe", PROBE)
        self.clock = Clock()
        self.probe = Probe()
        self.kinds: dict[str, Any] = {"probe": self.probe, "push": push, "static": static}
        self.hub = Hub()
        self.outbound = Outbound()
        self.open()
        if start:
            self.refresher.start()

    def open(self) -> None:
        """Open the database and build the rest on it; again after `close` it is a restart."""
        self.db = Database(self.folder / "data")
        self.dashboards = Dashboards(self.db, self.clock)
        self.widgets = Widgets(self.db, self.clock)
        self.cache = Cache(self.db)
        self.rows = CustomWidgets(self.db, self.clock)
        self.secretbox = SecretBox(self.folder / "data")
        self.definitions = Registry([self.widget_folder], self.kinds, self.rows, self.widgets)
        shared = {
            "widgets": self.widgets,
            "definitions": self.definitions,
            "secretbox": self.secretbox,
            "hub": self.hub,
        }
        self.refresher = Refresher(
            cache=self.cache, outbound=self.outbound, kinds=self.kinds, clock=self.clock, **shared
        )
        self.placing = Placing(
            db=self.db, dashboards=self.dashboards, refresher=self.refresher, kinds=self.kinds, **shared
        )

    def close(self) -> None:
        """Stop as the server does."""
        self.refresher.stop()
        self.db.close()

    def add(self, title: str = "Probe", custom_widget: str = "probe", **more: Any) -> Any:
        """A widget on the dashboard `home`, which is made when missing; not fetched yet."""
        if not any(d.slug == "home" for d in self.dashboards.all()):
            self.dashboards.create("Home", slug="home")
        return self.placing.add("home", custom_widget, title, more.pop("params", {}), **more)
