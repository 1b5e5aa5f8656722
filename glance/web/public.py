"""/p/<address>: a dashboard for everybody who knows its address, to look at and nothing else.

These views know nothing of who asks: the owner sees what guests see. Each looks up the address anew, so that a dashboard that is
no longer public is gone with the next request, and its sockets close at once.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence

from flask import Blueprint, Flask, Response, abort, current_app, render_template, request
from flask_sock import Sock
from markupsafe import Markup
from simple_websocket.ws import Server

from glance.errors import NotFound
from glance.model import Dashboard, Widget
from glance.runtime import Runtime
from glance.web import assets, images
from glance.web.door.peer import client_key
from glance.web.fragments import page_version
from glance.web.layouts import Layouts, definitions_of, pack, page_assets, remember
from glance.web.public_cards import GuestCards
from glance.web.ranges import has_range, lines_of
from glance.web.sockets import GONE, Talk
from glance.web.waking import LEFT, wake_by

log = logging.getLogger(__name__)

blueprint = Blueprint("public", __name__)
sock = Sock()

FULL = 1013

MOST_ADDRESSES = 32
# Guests leave sockets for the owner; a page that gets none asks every 15 s instead.
MOST_SOCKETS, MOST_SOCKETS_EACH = 200, 20


class Guests:
    """How many sockets guests have open, in all and from each address."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    def enter(self, who: str) -> bool:
        """Count one more; False where there are enough."""
        with self._lock:
            if self._open.total() >= MOST_SOCKETS or self._open[who] >= MOST_SOCKETS_EACH:
                return False
            self._open[who] += 1
            return True

    def leave(self, who: str) -> None:
        """Count one less."""
        with self._lock:
            self._open[who] -= 1
            if self._open[who] <= 0:
                del self._open[who]


def init_app(app: Flask, runtime: Runtime) -> None:
    """Add the views."""
    app.extensions["glance.guest_cards"] = OrderedDict()
    app.extensions["glance.guests"] = Guests()
    app.register_blueprint(blueprint)


def _runtime() -> Runtime:
    found: Runtime = current_app.extensions["glance"]
    return found


def _cards(address: str) -> GuestCards:
    """The cards as guests at this address see them; the last few addresses are kept."""
    kept: OrderedDict[str, GuestCards] = current_app.extensions["glance.guest_cards"]
    found = kept.get(address)
    if found is None:
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # the cards outlive this request
        found = GuestCards(app, _runtime(), address)
        remember(kept, address, found, MOST_ADDRESSES)
    return found


def _shown(address: str) -> tuple[Dashboard, Sequence[Widget]]:
    """The dashboard that is public here now, with its widgets; NotFound for any other address."""
    rt = _runtime()
    found = rt.dashboards.public(address)
    return found, rt.widgets.on_dashboard(found.slug)


@blueprint.get("/p/<address>")
def page(address: str) -> Response:
    """The dashboard as it stands; a look makes nothing be fetched that a timer would not fetch."""
    rt = _runtime()
    shown, widgets = _shown(address)
    used = definitions_of(widgets)
    layouts: Layouts = current_app.extensions["glance.layouts"]
    scripts, styles = page_assets(used)
    now = rt.clock()
    store = _cards(address)
    rt.series.freshen(widgets, now)
    text = render_template(
        "public.html",
        title=shown.title,
        address=address,
        layout=f"{current_app.jinja_env.globals['root']}/p/{address}/layout.{layouts.keep(widgets, used)}.css",
        page_version=page_version(list(widgets)),
        page_scripts=scripts,
        page_styles=styles,
        now=f"{now:.1f}",
        grid=Markup(b"\n".join(card.join(now) for card in store.now_of(widgets)).decode()),
        count=len(widgets),
    )
    rt.refresher.want(widgets, on_view=False)
    return _answer(text.encode(), "text/html; charset=utf-8")


@blueprint.get("/p/<address>/layout.<digest>.css")
def layout(address: str, digest: str) -> Response:
    """The stylesheet of the layout as it is now; that of another dashboard is not given out."""
    _, widgets = _shown(address)
    layouts: Layouts = current_app.extensions["glance.layouts"]
    current = layouts.keep(widgets, definitions_of(widgets))
    found = layouts.find(current)
    if found is None:
        abort(404)
    response = _answer(found[0], "text/css; charset=utf-8")
    if digest == current:
        response.headers["Cache-Control"] = "private, max-age=86400"
    return response


@blueprint.get("/p/<address>/fragments")
def fragments(address: str) -> Response:
    """What changed since the page was told last, for pages without a socket: `since=<id>:<version>,…`; 204 where nothing did."""
    rt = _runtime()
    _, widgets = _shown(address)
    known = dict(item.split(":", 1) for item in request.args.get("since", "").split(",") if ":" in item)
    store = _cards(address)
    rt.series.freshen(widgets, rt.clock())
    cards = [card for card in store.now_of(widgets) if known.get(card.widget_id) != card.version]
    rt.refresher.want(widgets, on_view=False)
    response = _answer(store.message(cards, rt.clock()), "text/html; charset=utf-8", 200 if cards else 204)
    response.headers["Glance-Page"] = page_version(list(widgets))
    return response


@blueprint.get("/p/<address>/widgets/<widget_id>/points")
def points(address: str, widget_id: str) -> Response:
    """The lines of a chart of this dashboard over another range, as /widgets/<id>/points gives them to the owner; 404 for anything else."""
    rt = _runtime()
    _, widgets = _shown(address)
    widget = next((one for one in widgets if one.id == widget_id), None)
    if widget is None or not has_range(widget, rt.definitions.find(widget.custom_widget)):
        raise NotFound("There is no such chart.")
    lines = _cards(address).without_secrets(widget, lines_of(rt, widget))
    return _answer(json.dumps(lines, ensure_ascii=False).encode(), "application/json")


@blueprint.get("/p/<address>/image/<name>")
def image(address: str, name: str) -> Response:
    """A picture that a card of this dashboard shows."""
    _, widgets = _shown(address)
    store = _cards(address)
    key = store.picture(name, widgets)
    if key is None:
        # after a restart the page may ask for a picture before its cards are drawn again; any other name stays unknown
        store.now_of(widgets)
        key = store.picture(name, widgets)
    if key is None:
        raise NotFound("There is no such picture.")
    return images.image(key)


@sock.route("/ws/public/<address>", bp=blueprint)
def socket(ws: Server, address: str) -> None:
    """Send what changes on a public dashboard until either side leaves, or it is no longer public here."""
    rt = _runtime()
    guests: Guests = current_app.extensions["glance.guests"]
    who = client_key(request.remote_addr or "")
    if not guests.enter(who):
        ws.close(FULL, "Too many guests.")
        return
    mailbox = rt.hub.subscribe()
    wake_by(ws, mailbox)
    try:
        slug = rt.dashboards.public(address).slug
        Talk(rt, _cards(address), ws, mailbox, slug).run(_Standing(rt, address, slug), "This page is no longer shared.")
    except LEFT:
        log.debug("A guest of %s left.", address)
    except NotFound:
        ws.close(GONE, "There is nothing here.")
    finally:
        guests.leave(who)
        ws.event.on_set = None
        mailbox.close()


class _Standing:
    """Whether a dashboard is still public at its address: asked at each turn of a socket, looked up after each change only."""

    def __init__(self, rt: Runtime, address: str, slug: str) -> None:
        self._rt, self._address, self._slug = rt, address, slug
        self._seen = -1
        self._holds = True

    def __call__(self) -> bool:
        seen = self._rt.db.structure
        if seen != self._seen:
            self._seen = seen
            try:
                self._holds = self._rt.dashboards.public(self._address).slug == self._slug
            except NotFound:
                self._holds = False
        return self._holds


def _answer(body: bytes, content_type: str, status: int = 200) -> Response:
    packs = status == 200 and assets.accepts_gzip()
    response = Response(pack(body) if packs else body, status, content_type=content_type)
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Vary"] = "Accept-Encoding, Cookie"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    if packs:
        response.headers["Content-Encoding"] = "gzip"
    return response


def address_of(shown: Dashboard) -> str:
    """The path of a public dashboard from the root of Glance; empty where it is not public."""
    return f"/p/{shown.public_address}" if shown.is_public and shown.public_address else ""
