"""The dashboard page: everything is in its first HTML, from memory; nothing is fetched for it, only queued behind it."""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, abort, current_app, g, render_template, request, url_for
from markupsafe import Markup
from werkzeug.utils import redirect

from glance.definition import Definition
from glance.errors import Invalid
from glance.expressions import render
from glance.model import Dashboard, Widget
from glance.runtime import Runtime
from glance.web import assets
from glance.web.fragments import Rendered, fragments, page_version

blueprint = Blueprint("pages", __name__)

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "glance_theme"
KEPT_PAGES = 32
KEPT_LAYOUTS = 64
COLUMNS_MEDIUM = {1: 2, 2: 2, 3: 4, 4: 4, 5: 4}
_SEED = secrets.token_hex(8)
_GRID, _NOW = f"[{_SEED}grid]", f"[{_SEED}now]"


@dataclass(frozen=True, slots=True)
class Shell:
    """The page around the grid, in three parts: up to the time of the page, up to the cards, and the rest."""

    key: tuple[Any, ...]
    parts: tuple[bytes, bytes, bytes]


class Pages:
    """What is kept of whole pages: the shell around the cards, stylesheets of layouts, and the last packed answer of each."""

    def __init__(self) -> None:
        self.shells: OrderedDict[tuple[Any, ...], Shell] = OrderedDict()
        self.layouts: OrderedDict[str, tuple[bytes, bytes]] = OrderedDict()
        self.packed: OrderedDict[tuple[Any, ...], tuple[tuple[Any, ...], bytes]] = OrderedDict()


def remember(kept: OrderedDict[Any, Any], key: Any, value: Any, limit: int) -> None:
    """Keep the newest `limit` of them."""
    kept[key] = value
    while len(kept) > limit:
        kept.popitem(last=False)


def init_app(app: Flask, runtime: Runtime) -> None:
    """Add the pages, and what every template may use."""
    app.extensions["glance.pages"] = Pages()
    app.register_blueprint(blueprint)
    app.context_processor(_shared)
    app.jinja_env.globals["root"] = urlsplit(runtime.settings.public_url).path.rstrip("/")


def _runtime() -> Runtime:
    found: Runtime = current_app.extensions["glance"]
    return found


def theme() -> str:
    """The reader's theme from the cookie: auto, light or dark."""
    chosen = request.cookies.get(THEME_COOKIE, "auto")
    return chosen if chosen in THEMES else "auto"


def _shared() -> dict[str, Any]:
    """What the frame of every page needs: the tabs, which one is open, and the theme."""
    rt = _runtime()
    now = theme()
    return {
        "dashboards": [d for d in rt.dashboards.all() if not d.is_template] if g.get("passed") is not None else [],
        "current": (request.view_args or {}).get("slug"),
        "theme": now,
        "next_theme": THEMES[(THEMES.index(now) + 1) % len(THEMES)],
        "here": request.full_path.rstrip("?"),
        "live": False,
    }


@blueprint.get("/")
def home() -> Any:
    """The default dashboard."""
    rt = _runtime()
    found = rt.dashboards.default()
    if found is None:
        found = rt.dashboards.create("Home", slug="home", is_default=True)
    return dashboard(found.slug)


@blueprint.get("/d/<slug>")
def dashboard(slug: str) -> Any:
    """A dashboard with all its data; an empty one says how to begin."""
    rt = _runtime()
    shown = rt.dashboards.get(slug)
    widgets = rt.widgets.on_dashboard(slug)
    if not widgets:
        return current_app.extensions["glance.welcome"](shown)
    now = rt.clock()
    cards = fragments().all(widgets, rt.refresher.peek(widgets), now)
    _allow_origins(widgets, cards)
    response = _page(shown, widgets, cards, now)
    response.call_on_close(lambda: rt.refresher.want(widgets))
    return response


def _page(shown: Dashboard, widgets: Sequence[Widget], cards: Sequence[Rendered], now: float) -> Response:
    """The page as bytes, packed where the browser takes it; the same second and the same cards give the same bytes again."""
    shell = _shell(shown, widgets)
    packs = assets.accepts_gzip()
    key = (shown.slug, shell.key, packs)
    state = (int(now), [card.version for card in cards])
    pages: Pages = current_app.extensions["glance.pages"]
    kept = pages.packed.get(key)
    if kept is not None and kept[0] == state:
        body = kept[1]
    else:
        head, before, after = shell.parts
        body = b"".join((head, b"%.1f" % now, before, b"\n".join(card.join(now) for card in cards), after))
        if packs:
            body = pack(body)
        remember(pages.packed, key, (state, body), KEPT_PAGES)
    response = Response(body, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Vary"] = "Accept-Encoding, Cookie"
    if packs:
        response.headers["Content-Encoding"] = "gzip"
    return response


def pack(body: bytes) -> bytes:
    """gzip at its fastest: pages are made for one reader, once."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def _shell(shown: Dashboard, widgets: Sequence[Widget]) -> Shell:
    """Everything but the cards; drawn again when dashboards, widgets, definitions, the theme or the session change."""
    rt = _runtime()
    used = _definitions(widgets)
    token = str(current_app.jinja_env.globals["csrf_token"]())  # type: ignore[operator]
    versions = tuple(d.version for d in used)
    key = (shown.slug, rt.db.structure, versions, theme(), token, request.full_path)
    pages: Pages = current_app.extensions["glance.pages"]
    kept = pages.shells.get(key)
    if kept is not None:
        return kept
    scripts, styles = _page_assets(used)
    text = render_template(
        "dashboard.html",
        dashboard=shown,
        current=shown.slug,
        live=True,
        count=len(widgets),
        layout=url_for("pages.layout", slug=shown.slug, digest=_keep_layout(widgets, used)),
        page_version=page_version(widgets),
        page_scripts=scripts,
        page_styles=styles,
        mark_grid=Markup(_GRID),
        mark_now=Markup(_NOW),
    ).encode()
    head, _, rest = text.partition(_NOW.encode())
    before, _, after = rest.partition(_GRID.encode())
    shell = Shell(key, (head, before, after))
    remember(pages.shells, key, shell, KEPT_PAGES)
    return shell


def _definitions(widgets: Sequence[Widget]) -> list[Definition]:
    """The definitions in use, each once, in the order of the page."""
    found = (_runtime().definitions.find(slug) for slug in dict.fromkeys(w.custom_widget for w in widgets))
    return [definition for definition in found if definition is not None]


def _page_assets(used: Sequence[Definition]) -> tuple[list[str], list[str]]:
    """Scripts and stylesheets that the cards of this page ask for by name (manifest key `assets`)."""
    store: assets.Assets = current_app.extensions["glance.assets"]
    names = dict.fromkeys(name for definition in used for name in definition.assets)
    scripts = [next((file for file in (f"{name}.js", f"js/{name}.js") if store.get(file)), "") for name in names]
    styles = [f"{name}.css" for name in names if store.get(f"{name}.css")]
    return [file for file in scripts if file], styles


def _keep_layout(widgets: Sequence[Widget], used: Sequence[Definition]) -> str:
    """Write the stylesheet of a layout, keep it under its hash and return the hash."""
    text = layout_css(widgets) + "".join(f"\n{definition.style}" for definition in used if definition.style)
    body = text.encode()
    digest = hashlib.blake2s(body, digest_size=5).hexdigest()
    remember(current_app.extensions["glance.pages"].layouts, digest, (body, pack(body)), KEPT_LAYOUTS)
    return digest


def layout_css(widgets: Sequence[Widget]) -> str:
    """Where each widget sits: on the 12 columns of a wide page, and how wide on 8 (tablet) and 2 (phone)."""
    rules = []
    for widget in widgets:
        place = widget.place
        medium, small = COLUMNS_MEDIUM.get(place.w, 8), 1 if place.w <= 2 else 2
        rules.append(
            f"#w-{widget.id}{{--x:{place.x};--y:{place.y};--w:{place.w};--h:{place.h};--wm:{medium};--ws:{small}}}"
        )
    return "\n".join(rules)


@blueprint.get("/d/<slug>/layout.<digest>.css")
def layout(slug: str, digest: str) -> Response:
    """The stylesheet of a layout; its hash makes it cacheable for ever."""
    pages: Pages = current_app.extensions["glance.pages"]
    current = digest
    if digest not in pages.layouts:
        widgets = _runtime().widgets.on_dashboard(slug)
        if not widgets:
            abort(404)
        current = _keep_layout(widgets, _definitions(widgets))
    body, packed = pages.layouts[current]
    packs = assets.accepts_gzip()
    response = Response(packed if packs else body, content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = (
        "private, max-age=31536000, immutable" if current == digest else "private, no-store"
    )
    response.headers["Vary"] = "Accept-Encoding"
    if packs:
        response.headers["Content-Encoding"] = "gzip"
    return response


@blueprint.post("/theme")
def choose_theme() -> Any:
    """The theme button without script: keep the choice in a cookie and go back."""
    chosen = request.form.get("theme", "auto")
    back = request.form.get("back", "/")
    target = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
    response = redirect(f"{current_app.jinja_env.globals['root']}{target}", 303)
    secure = request.is_secure
    if chosen in THEMES:
        response.set_cookie(THEME_COOKIE, chosen, max_age=400 * 86400, samesite="Lax", secure=secure, path="/")
    return response


def _allow_origins(widgets: Sequence[Widget], cards: Sequence[Rendered]) -> None:
    """Let the page's policy allow what its cards show in frames and where their forms go."""
    forms = {origin for card in cards for origin in card.forms}
    if forms:
        g.csp_form_action = sorted(forms)
    frames = set()
    for widget in widgets:
        definition = _runtime().definitions.find(widget.custom_widget)
        for frame in definition.frames if definition else ():
            frames.add(_origin(frame, widget))
    if frames - {""}:
        g.csp_frame_src = sorted(frames - {""})


def _origin(frame: str, widget: Widget) -> str:
    """The origin of an address that a manifest names for frames; empty where there is none."""
    try:
        parts = urlsplit(str(render(frame, {"params": dict(widget.params)})))
    except (Invalid, ValueError):
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else ""
