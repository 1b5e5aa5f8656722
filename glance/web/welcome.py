"""The first look at an empty dashboard: three ways to begin, what was found by itself, and a demo that can be taken away again."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import Any

from flask import Response, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from glance import formats
from glance.cards import CardError
from glance.definition import Definition
from glance.errors import GlanceError
from glance.model import Dashboard, Place
from glance.web import runtime
from glance.web.arrange import pack
from glance.web.broker import way
from glance.web.devices import states
from glance.web.found import found_devices
from glance.web.gallery import sample
from glance.web.speech import counted

DEMO = "demo_widgets"
FOUND = "host"


def welcome(dashboard: Dashboard) -> Response:
    """The page of a dashboard without widgets."""
    devices = found_devices(runtime(), runtime().clock())
    page = render_template(
        "welcome.html",
        dashboard=dashboard,
        current=dashboard.slug,
        greeting=greeting(time.localtime().tm_hour),
        demo_sentence=f"{counted(len(_demo(dashboard.slug)), 'widget').capitalize()} on this computer’s own figures, live in a few seconds. One click takes them away again.",
        found=_found(),
        devices=devices,
        broker_way=way(states.broker(runtime()), devices is not None and devices.trouble is not None),
    )
    return Response(page, content_type="text/html; charset=utf-8", headers={"Cache-Control": "private, no-store"})


def greeting(hour: int) -> str:
    """What one says at this hour."""
    if 5 <= hour < 12:
        return "Good morning."
    return "Good afternoon." if 12 <= hour < 18 else "Good evening."


def fill_with_demo(slug: str) -> AnyResponse:
    """Place the demo's widgets, packed below what is there, and remember which they are."""
    rt = runtime()
    dashboard = rt.dashboards.get(slug)
    wanted = _demo(slug)
    below = max((widget.place.y + widget.place.h for widget in rt.widgets.on_dashboard(slug)), default=1)
    boxes = pack((str(index), *item["size"]) for index, item in enumerate(wanted))
    made: list[str] = []
    try:
        for item, box in zip(wanted, boxes, strict=True):
            place = Place(box.x, box.y + below - 1, box.w, box.h)
            made.append(rt.placing.add(slug, item["slug"], item["title"], item["params"], place, item["every_s"]).id)
    except GlanceError:
        for widget_id in made:
            rt.placing.remove(widget_id)
        raise
    rt.dashboards.update(slug, {"settings": {**dashboard.settings, DEMO: [*dashboard.settings.get(DEMO, []), *made]}})
    return redirect(url_for("pages.dashboard", slug=slug), 303)


def remove_demo(slug: str) -> AnyResponse:
    """Take the demo's widgets away again; what the owner added stays."""
    rt = runtime()
    dashboard = rt.dashboards.get(slug)
    there = {widget.id for widget in rt.widgets.on_dashboard(slug)}
    for widget_id in dashboard.settings.get(DEMO, []):
        if widget_id in there:
            rt.placing.remove(widget_id)
    rt.dashboards.update(
        slug, {"settings": {name: value for name, value in dashboard.settings.items() if name != DEMO}}
    )
    return redirect(url_for("pages.dashboard", slug=slug), 303)


def add_found(slug: str) -> AnyResponse:
    """Place this computer's figures."""
    widget = runtime().placing.add(slug, FOUND, "This computer", {})
    return redirect(f"{url_for('pages.dashboard', slug=slug)}#w-{widget.id}", 303)


def _demo(slug: str) -> list[dict[str, Any]]:
    """The demo's widgets that this Glance has the custom widgets for; none of them needs the internet."""
    here = runtime().settings.public_url or request.url_root.rstrip("/")
    return [item for item in demo_set(here, slug) if _usable(item["slug"])]


def _usable(slug: str) -> bool:
    return runtime().definitions.find(slug) is not None


def demo_set(here: str, slug: str) -> list[dict[str, Any]]:
    """What the demo shows: slug, title, params and size (columns, rows) of each, in reading order. `here` is Glance's address."""
    note = (
        "Everything here is real: this computer’s figures, checks of Glance itself, and a note that you can change.\n\n"
        "- **Add** puts another widget on the page\n"
        "- the three dots of a widget lead to its settings\n"
        "- the arrow fetches anew\n\n"
        f"[Take the demo away]({here}/dashboards/{slug}/edit#demo)"
    )
    checks = [
        {"name": "Glance answers", "url": f"{here}/healthz"},
        {"name": "Glance is ready", "url": f"{here}/readyz"},
        {"name": "Nobody listens here", "url": "tcp://127.0.0.1:9"},
    ]
    load = {"kind": "system", "pick": {"value": "cpu.percent", "unit": "%"}}
    bands = [{"from": 80, "status": "warn"}, {"from": 95, "status": "bad"}]
    todo = [{"text": "Add a widget"}, {"text": "Look around in the settings"}, {"text": "Start the demo", "done": True}]
    links = [
        {"title": "Custom widgets", "url": f"{here}/gallery", "icon": "plus", "series": 1},
        {"title": "Dashboards", "url": f"{here}/dashboards", "icon": "desktop", "series": 2},
        {"title": "Settings", "url": f"{here}/settings", "icon": "gear", "series": 3},
        {"title": "API", "url": f"{here}/api/docs", "icon": "code", "series": 4},
    ]
    course = [
        {"points": f"history.{name}", "label": label, "unit": "%"}
        for name, label in (("cpu", "CPU"), ("memory", "Memory"))
    ]
    return [
        _item("clock", "Clock", (2, 3)),
        _item("host", "This computer", (3, 6)),
        _item("services", "Services", (4, 6), checks=checks),
        _item("markdown", "Read me first", (3, 6), text=note),
        _item("gauge", "Processor", (2, 3), 15, data_source=load, bands=bands),
        _item("line-chart", "Processor and memory", (5, 5), 15, data_source={"kind": "system", "pick": course}),
        _item("todo", "To do", (3, 5), items=todo),
        _item("notes", "Notes", (2, 5), text="Write something here; it is kept on this computer."),
        _item("bookmarks", "Bookmarks", (2, 5), links=links),
        _item("search", "Search", (4, 2)),
    ]


def _item(slug: str, title: str, size: tuple[int, int], every_s: int | None = None, **params: Any) -> dict[str, Any]:
    return {"slug": slug, "title": title, "size": size, "every_s": every_s, "params": params}


def _found() -> Mapping[str, Any] | None:
    """This computer's figures, read now: they take no request to anywhere."""
    definition = runtime().definitions.find(FOUND)
    if definition is None:
        return None
    data = _figures(definition)
    if data is None:
        return None
    try:
        body = runtime().cards.body(definition, sample(definition, {}, "This computer", (4, 4)), data)
    except CardError as error:
        current_app.logger.warning("The card of this computer cannot be drawn: %s", error.sentence)
        return None
    uptime = data.get("uptime_s") if isinstance(data, Mapping) else None
    return {
        "css_kind": definition.css_kind,
        "state": "fresh",
        "host": socket.gethostname(),
        "body": body,
        "note": f"Up {formats.duration(uptime)}" if isinstance(uptime, int | float) else "Read just now",
    }


def _figures(definition: Definition) -> Any:
    try:
        rt = runtime()
        return rt.refresher.execute(definition, rt.placing.whole_params(definition, {})).data
    except GlanceError as error:
        current_app.logger.warning("This computer's figures cannot be read: %s", error.sentence)
        return None
