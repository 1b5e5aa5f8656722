"""Cards as bytes: drawn once per version and kept; joined into pages and socket messages with the age of this very moment."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, request, url_for
from markupsafe import Markup
from werkzeug.utils import redirect

from glance.cards import CardError
from glance.definition import Definition
from glance.errors import GlanceError
from glance.model import Tail, View, Widget
from glance.runtime import Runtime
from glance.web import door, notes
from glance.web.legend import Figure, filled, held_open
from glance.web.ranges import RANGES, has_range, saved_range

blueprint = Blueprint("fragments", __name__)

KEPT = 600
OOB = b' hx-swap-oob="outerMorph"'
# Unguessable, so that no text of a widget can be mistaken for one of them.
_SEED = secrets.token_hex(8)
AGE, ARC, OUT, AT = (f"[{_SEED}{name}]" for name in ("age", "arc", "oob", "at"))
MARKS = re.compile(f"\\[{_SEED}(age|arc|oob|at|[vm]\\d+)\\]".encode())
_FORM_ORIGIN = re.compile(r"<form\b[^>]*\saction=\"(https?://[^/\"?#\s]+)")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A drawn card: its version, what is drawn between the changing parts, and what those parts are made of.

    `tail` are a chart's newest points, which travel by themselves while the version stays. `forms` are the origins that forms in it go to (a page must allow them).
    `made_by` changes with the widget and its definition, not with its data. `figures` are the values of a chart's legend as drawn.
    """

    widget_id: str
    version: str
    parts: tuple[bytes, ...]
    slots: tuple[str, ...]
    at: float | None
    every_s: float
    forms: tuple[str, ...]
    tail: Tail | None = None
    is_live: bool = False
    made_by: tuple[object, ...] = ()
    figures: tuple[Figure, ...] = ()

    def bare(self) -> bytes:
        """The card's HTML without what a page counts by itself: two of these differ only where the card does."""
        fill = {"age": b"~", "arc": b"", "oob": b"", "at": self._at()}
        found = [self.parts[0]]
        for slot, part in zip(self.slots, self.parts[1:], strict=True):
            found += fill[slot] if slot in fill else filled(slot, self.figures, None), part
        return b"".join(found)

    def join(self, now: float, *, out_of_band: bool = False) -> bytes:
        """The card's HTML at `now` (Unix seconds); `out_of_band` for a socket or an answer to htmx."""
        fill = {"age": b"", "arc": b"", "oob": self._out_of_band() if out_of_band else b"", "at": self._at()}
        if self.at is not None:
            fill["age"] = age_text(now - self.at).encode()
            fill["arc"] = arc(now - self.at, self.every_s)
        found = [self.parts[0]]
        for slot, part in zip(self.slots, self.parts[1:], strict=True):
            found.append(fill[slot] if slot in fill else filled(slot, self.figures, self.tail))
            found.append(part)
        return b"".join(found)

    def _at(self) -> bytes:
        """Of when it is (Unix seconds): of a chart that is newer than its drawing."""
        return b"" if self.at is None else str(round(self.at, 1)).encode()

    def _out_of_band(self) -> bytes:
        """The attributes that a card brings along to an open page; `data-tail`: per line of a chart its newest [t, v], or null."""
        if self.tail is None:
            return OOB
        return b"%s data-tail='%s'" % (OOB, json.dumps(self.tail.points).encode())


def age_text(age_s: float) -> str:
    """`12 s`, `5 min`, `3 h`, `4 d`; the script on the page counts on in the same words."""
    whole = max(0, int(age_s))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    return f"{whole // 3600} h" if whole < 48 * 3600 else f"{whole // 86400} d"


def arc(age_s: float, every_s: float) -> bytes:
    """The attribute that drains the arrow from full (just read) to nothing (due); none where there is no interval."""
    if every_s <= 0:
        return b""
    return b' stroke-dasharray="%d 200"' % max(0, min(100, round(100 - 100 * age_s / every_s)))


class Fragments:
    """Draws cards and keeps them; one per application, safe for any thread."""

    def __init__(self, app: Flask, runtime: Runtime) -> None:
        self._runtime = runtime
        self._root = urlsplit(runtime.settings.public_url).path.rstrip("/")
        self._kept: OrderedDict[str, tuple[tuple[Any, ...], Rendered]] = OrderedDict()
        self._lock = threading.Lock()
        self._jinja = app.jinja_env
        self._jinja.filters["iso"] = notes.iso
        self._jinja.filters["hour"] = notes.hour

    def all(self, widgets: Sequence[Widget], views: Mapping[str, View], now: float) -> list[Rendered]:
        """The cards of these widgets, in their order."""
        return [self.one(widget, views.get(widget.id) or nothing_yet(widget.id), now) for widget in widgets]

    def one(self, widget: Widget, view: View, now: float) -> Rendered:
        """The card of one widget, drawn anew only where something it shows has changed."""
        definition = self._runtime.definitions.find(widget.custom_widget)
        # where a chart's newest points come as a tail, the age that goes with them is no reason to draw it anew
        fetched = (view.version, view.state, None if view.tail is not None else view.at)
        key = (widget.version, definition and definition.version, fetched, self._step(definition, now))
        kept = self._kept.get(widget.id)
        if kept is not None and kept[0] == key:
            return kept[1] if view.tail is None else replace(kept[1], tail=view.tail, at=view.at)
        rendered = self._draw(widget, definition, view, version_of(key))
        with self._lock:
            self._kept[widget.id] = (key, rendered)
            self._kept.move_to_end(widget.id)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return rendered

    def now_of(self, widgets: Sequence[Widget]) -> list[Rendered]:
        """The cards of these widgets as they stand; never fetches."""
        return self.all(widgets, self._runtime.refresher.peek(widgets), self._runtime.clock())

    def message(self, cards: Iterable[Rendered], now: float) -> bytes:
        """Cards as out-of-band fragments for htmx."""
        return b"\n".join(card.join(now, out_of_band=True) for card in cards)

    def _step(self, definition: Definition | None, now: float) -> int:
        """A number that grows while the card's own template depends on the time."""
        if definition is None:
            return 0
        try:
            step_s = self._runtime.cards.step_s(definition)
        except CardError:
            return 0
        return int(now // step_s) if step_s else 0

    def _draw(self, widget: Widget, definition: Definition | None, view: View, version: str) -> Rendered:
        body, aside, view = self._body(widget, definition, view)
        # A new try after a failure without data: the reason stays until there is something else to say.
        busy = view.state in ("refreshing", "loading")
        state = "error" if view.state == "loading" and view.failure else view.state
        view = replace(view, state=state)
        figures: tuple[Figure, ...] = ()
        if body is not None and has_range(widget, definition):
            body, figures = held_open(body, view.data, place)
        every_s = (
            view.expires_at - view.at if view.at is not None and view.expires_at is not None and view.ttl_s else 0.0
        )
        text = self._jinja.get_template("_card.html").render(
            root=self._root,
            id=widget.id,
            title=widget.title,
            aside=aside,
            look=definition.css_kind if definition else "table",
            small=definition is not None and definition.size_default[1] <= 3,
            version=version,
            state=state,
            busy=busy,
            at=view.at,
            every_s=round(every_s, 1),
            live=view.state == "live",
            mark=SimpleNamespace(age=Markup(AGE), arc=Markup(ARC), oob=Markup(OUT), at=Markup(AT)),
            body=body,
            ranges=RANGES if body is not None and has_range(widget, definition) else (),
            range=saved_range(widget),
            tag=notes.tag(view),
            note=notes.note(view, body is not None),
            blank=notes.blank(view, widget, definition) if body is None else None,
        )
        pieces = MARKS.split(text.strip().encode())
        forms = tuple(dict.fromkeys(_FORM_ORIGIN.findall(str(body or "")))) if definition and definition.trusted else ()
        return Rendered(
            widget.id,
            version,
            tuple(pieces[::2]),
            tuple(slot.decode() for slot in pieces[1::2]),
            view.at,
            every_s,
            forms,
            view.tail,
            view.state == "live",
            (widget.version, definition and definition.version),
            figures,
        )

    def _body(self, widget: Widget, definition: Definition | None, view: View) -> tuple[Markup | None, str, View]:
        """The markup inside the card, or None with a view that says why."""
        if definition is None:
            return None, "", view if view.failure else notes.unusable(view, self._fault(widget))
        if not view.has_data:
            return None, "", view
        try:
            card = self._runtime.cards.card(definition, widget, view.data)
        except CardError as error:
            return None, "", notes.unusable(view, error.sentence)
        return card.body, card.aside, view

    def _fault(self, widget: Widget) -> str:
        for broken in self._runtime.definitions.broken():
            if broken.slug == widget.custom_widget:
                return f"The custom widget {widget.custom_widget} cannot be used. {broken.reason}"
        return f"The custom widget {widget.custom_widget} is not there any more."


def place(name: str) -> str:
    """A place in the markup of a card that is filled each time."""
    return f"[{_SEED}{name}]"


def version_of(key: tuple[Any, ...]) -> str:
    """A short word for what a card shows; equal words, equal cards."""
    return hashlib.blake2s(repr(key).encode(), digest_size=6).hexdigest()


def nothing_yet(widget_id: str) -> View:
    """The view of a widget that nothing is known of."""
    return View(widget_id, "loading", None, False, None, None, None, None, "none")


def init_app(app: Flask, runtime: Runtime) -> None:
    """Make the one store of drawn cards and its routes."""
    app.extensions["glance.fragments"] = Fragments(app, runtime)
    app.register_blueprint(blueprint)


def fragments() -> Fragments:
    """The store of drawn cards of this application."""
    found: Fragments = current_app.extensions["glance.fragments"]
    return found


def answer(widgets: Sequence[Widget]) -> Response:
    """These cards as an answer to htmx: out-of-band fragments, nothing else swapped."""
    store = fragments()
    rt: Runtime = current_app.extensions["glance"]
    body = store.message(store.now_of(widgets), rt.clock())
    return Response(body, content_type="text/html; charset=utf-8", headers={"Cache-Control": "private, no-store"})


def _refresh(widget_id: str) -> Widget:
    """Force one fetch and wait for it; a failure is shown by the card itself."""
    rt: Runtime = current_app.extensions["glance"]
    door.charge("force")
    widget = rt.widgets.get(widget_id)
    # A failure is stored with the widget: the card says why, and offers to try again.
    with suppress(GlanceError):
        rt.refresher.get(widget, force=True)
    return widget


@blueprint.post("/fragments/widgets/<widget_id>/refresh")
def refresh_fragment(widget_id: str) -> Response:
    """A forced fetch from the page: the new card."""
    return answer([_refresh(widget_id)])


@blueprint.post("/widgets/<widget_id>/refresh")
def refresh(widget_id: str) -> Any:
    """A forced fetch without script: back to the page, to this card."""
    widget = _refresh(widget_id)
    return redirect(f"{url_for('pages.dashboard', slug=widget.dashboard)}#w-{widget.id}", 303)


@blueprint.get("/d/<slug>/fragments")
def changed(slug: str) -> Response:
    """What changed since the page was told last, for pages without a socket: `since=<id>:<version>,…`; 204 where nothing did.

    The header Glance-Page is the version of the layout; another one than the page's own means: load the grid again.
    """
    rt: Runtime = current_app.extensions["glance"]
    widgets = rt.widgets.on_dashboard(slug)
    if not widgets:
        rt.dashboards.get(slug)
    known = dict(item.split(":", 1) for item in request.args.get("since", "").split(",") if ":" in item)
    store = fragments()
    rt.series.freshen(widgets, rt.clock())
    cards = [card for card in store.now_of(widgets) if known.get(card.widget_id) != card.version]
    # A poll is no look at the page: widgets with interval 0 rest.
    rt.refresher.want(widgets, on_view=False)
    response = Response(
        store.message(cards, rt.clock()), 200 if cards else 204, content_type="text/html; charset=utf-8"
    )
    response.headers["Glance-Page"] = page_version(widgets)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def page_version(widgets: Sequence[Widget]) -> str:
    """A short word for which widgets are on a page, where, and with which stylesheet of their own."""
    places = [(w.id, w.custom_widget, w.place.x, w.place.y, w.place.w, w.place.h) for w in widgets]
    return hashlib.blake2s(repr(places).encode(), digest_size=5).hexdigest()
