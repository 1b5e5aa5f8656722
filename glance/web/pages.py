"""The dashboard page: everything is in its first HTML, from memory; nothing is fetched for it, only queued behind it."""

from __future__ import annotations

import secrets
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, g, render_template, request, url_for
from markupsafe import Markup
from werkzeug.utils import redirect

from glance.errors import Invalid
from glance.expressions import render
from glance.model import Dashboard, Widget
from glance.runtime import Runtime
from glance.web import assets, compiled, layouts
from glance.web.fragments import Rendered, fragments, page_version
from glance.web.layouts import Layouts, definitions_of, pack, page_assets, remember

blueprint = Blueprint("pages", __name__)

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "glance_theme"
KEPT_PAGES = 32
_SEED = secrets.token_hex(8)
_GRID, _NOW = f"[{_SEED}grid]", f"[{_SEED}now]"


@dataclass(frozen=True, slots=True)
class Shell:
    """The page around the grid, in three parts: up to the time of the page, up to the cards, and the rest."""

    key: tuple[Any, ...]
    parts: tuple[bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Standing:
    """A dashboard as it stands in one second, while no widget changes: its cards, and what the policy must allow for them.

    `looked` = some widgets are fetched by being looked at (interval 0), so each view counts. `failing` says how many cards of
    other dashboards failed, as (slug, count).
    """

    widgets: Sequence[Widget]
    cards: Sequence[Rendered]
    forms: tuple[str, ...]
    frames: tuple[str, ...]
    looked: bool
    failing: tuple[tuple[str, int], ...]


class Pages:
    """What is kept of whole pages: how dashboards stand, the shells around their cards, and the last packed answers."""

    def __init__(self) -> None:
        self.widgets: OrderedDict[str, tuple[int, Dashboard, Sequence[Widget]]] = OrderedDict()
        self.standing: OrderedDict[str, tuple[tuple[Any, ...], Standing]] = OrderedDict()
        self.shells: OrderedDict[tuple[Any, ...], Shell] = OrderedDict()
        self.packed: OrderedDict[tuple[Any, ...], tuple[tuple[Any, ...], bytes]] = OrderedDict()


def init_app(app: Flask, runtime: Runtime) -> None:
    """Add the pages, and what every template may use."""
    compiled.init_app(app, runtime.settings.data)
    app.extensions["glance.pages"] = Pages()
    app.extensions["glance.layouts"] = Layouts()
    app.register_blueprint(blueprint)
    app.register_blueprint(layouts.blueprint)
    app.context_processor(_shared)
    app.jinja_env.globals["root"] = urlsplit(runtime.settings.public_url).path.rstrip("/")


def _runtime() -> Runtime:
    found: Runtime = current_app.extensions["glance"]
    return found


def _pages() -> Pages:
    found: Pages = current_app.extensions["glance.pages"]
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
        "current": g.get("open_dashboard"),
        "theme": now,
        "next_theme": THEMES[(THEMES.index(now) + 1) % len(THEMES)],
        "here": request.full_path.rstrip("?"),
        "live": False,
        "failing": None,
        "failures": lambda: dict(_failing_elsewhere(None)) if g.get("passed") is not None else {},
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
    shown, widgets = members(slug)
    g.open_dashboard = slug
    if not widgets:
        return current_app.extensions["glance.welcome"](shown)
    now = rt.clock()
    standing, is_new = _standing(slug, widgets, now)
    if standing.forms:
        g.csp_form_action = standing.forms
    if standing.frames:
        g.csp_frame_src = standing.frames
    response = _page(shown, standing, now)
    if is_new or standing.looked:
        response.call_on_close(lambda: rt.refresher.page_served(standing.widgets))
    return response


def members(slug: str) -> tuple[Dashboard, Sequence[Widget]]:
    """A dashboard and its widgets in reading order; read again only after something of the kind was written."""
    rt, pages = _runtime(), _pages()
    written = rt.db.structure
    kept = pages.widgets.get(slug)
    if kept is not None and kept[0] == written:
        return kept[1], kept[2]
    shown, widgets = rt.dashboards.get(slug), rt.widgets.on_dashboard(slug)
    remember(pages.widgets, slug, (written, shown, widgets), KEPT_PAGES)
    return shown, widgets


def _standing(slug: str, widgets: Sequence[Widget], now: float) -> tuple[Standing, bool]:
    """How the dashboard stands, and whether that had to be worked out: not within the same second while nothing changed."""
    rt, pages = _runtime(), _pages()
    key = (int(now), rt.hub.changes, rt.db.structure)
    kept = pages.standing.get(slug)
    if kept is not None and kept[0] == key:
        return kept[1], False
    rt.series.freshen(widgets, now)
    views = rt.refresher.peek(widgets)
    cards = fragments().all(widgets, views, now)
    standing = Standing(
        widgets,
        cards,
        forms=tuple(sorted({origin for card in cards for origin in card.forms})),
        frames=_frame_origins(widgets),
        looked=any(view.ttl_s == 0 for view in views.values()),
        failing=_failing_elsewhere(slug),
    )
    remember(pages.standing, slug, (key, standing), KEPT_PAGES)
    return standing, True


def _failing_elsewhere(slug: str | None) -> tuple[tuple[str, int], ...]:
    """How many widgets of each other dashboard failed at their last try; without one, of each."""
    rt = _runtime()
    others = [w for d in rt.dashboards.all() if d.slug != slug and not d.is_template for w in members(d.slug)[1]]
    if not others:
        return ()
    views = rt.refresher.peek(others)
    return tuple(Counter(w.dashboard for w in others if views[w.id].state == "error").items())


def _page(shown: Dashboard, standing: Standing, now: float) -> Response:
    """The page as bytes, packed where the browser takes it; the same second and the same cards give the same bytes again."""
    shell = _shell(shown, standing)
    packs = assets.accepts_gzip()
    key = (shell.key, packs)
    state = (int(now), standing.cards)
    pages = _pages()
    kept = pages.packed.get(key)
    if kept is not None and kept[0][0] == state[0] and kept[0][1] is state[1]:
        body = kept[1]
    else:
        head, before, after = shell.parts
        body = b"".join((head, b"%.1f" % now, before, b"\n".join(card.join(now) for card in standing.cards), after))
        if packs:
            body = pack(body)
        remember(pages.packed, key, (state, body), KEPT_PAGES)
    response = Response(body, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Vary"] = "Accept-Encoding, Cookie"
    if packs:
        response.headers["Content-Encoding"] = "gzip"
    return response


def _shell(shown: Dashboard, standing: Standing) -> Shell:
    """Everything but the cards; drawn again when dashboards, widgets, definitions, the theme or the session change."""
    rt, widgets = _runtime(), standing.widgets
    token = str(current_app.jinja_env.globals["csrf_token"]())  # type: ignore[operator]
    used = definitions_of(widgets)
    key = (
        shown.slug,
        rt.db.structure,
        tuple(d.version for d in used),
        theme(),
        token,
        request.full_path,
        standing.failing,
    )
    pages = _pages()
    kept = pages.shells.get(key)
    if kept is not None:
        return kept
    kept_layouts: Layouts = current_app.extensions["glance.layouts"]
    scripts, styles = page_assets(used)
    text = render_template(
        "dashboard.html",
        dashboard=shown,
        current=shown.slug,
        live=True,
        failing=dict(standing.failing),
        count=len(widgets),
        layout=url_for("layouts.layout", slug=shown.slug, digest=kept_layouts.keep(widgets, used)),
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


@blueprint.post("/theme")
def choose_theme() -> Any:
    """The theme button without script: keep the choice in a cookie and go back."""
    chosen = request.form.get("theme", "auto")
    back = request.form.get("back", "/")
    target = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
    response = redirect(f"{current_app.jinja_env.globals['root']}{target}", 303)
    secure, path = request.is_secure, request.script_root or "/"
    if chosen in THEMES:
        response.set_cookie(THEME_COOKIE, chosen, max_age=400 * 86400, samesite="Lax", secure=secure, path=path)
    return response


def _frame_origins(widgets: Sequence[Widget]) -> tuple[str, ...]:
    """The origins that cards of this page show in frames (manifest key `frames`)."""
    found: set[str] = set()
    for widget in widgets:
        definition = _runtime().definitions.find(widget.custom_widget)
        found.update(_origin(frame, widget) for frame in (definition.frames if definition else ()))
    return tuple(sorted(found - {""}))


def _origin(frame: str, widget: Widget) -> str:
    """The origin of an address that a manifest names for frames; empty where there is none."""
    try:
        parts = urlsplit(str(render(frame, {"params": dict(widget.params)})))
    except (Invalid, ValueError):
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else ""
