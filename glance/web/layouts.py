"""How widgets sit on a page: one generated stylesheet per layout, and the files that the cards on it ask for."""

from __future__ import annotations

import gzip
import hashlib
import logging
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, abort, current_app

from glance import styles
from glance.definition import Definition
from glance.model import Widget
from glance.runtime import Runtime
from glance.web import assets

log = logging.getLogger(__name__)
blueprint = Blueprint("layouts", __name__)

KEPT = 64
COLUMNS_MEDIUM = {1: 2, 2: 2, 3: 4, 4: 4, 5: 4}


class Layouts:
    """The stylesheets of the last layouts by their hash: as they are, and packed."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[bytes, bytes]] = OrderedDict()

    def keep(self, widgets: Sequence[Widget], used: Sequence[Definition]) -> str:
        """Write the stylesheet of a layout, with the styles of the definitions in use; returns its hash."""
        text = "\n".join(
            [
                layout_css(widgets),
                # Those that are not trusted are held in their cards also where they bring none: a class of the page can lift, too.
                *(_style(one, widgets) for one in used if one.style or not one.trusted),
            ]
        )
        body = text.encode()
        digest = hashlib.blake2s(body, digest_size=5).hexdigest()
        remember(self._kept, digest, (body, gzip.compress(body, 9)), KEPT)
        return digest

    def find(self, digest: str) -> tuple[bytes, bytes] | None:
        """A kept stylesheet, plain and packed."""
        return self._kept.get(digest)


def remember(kept: OrderedDict[Any, Any], key: Any, value: Any, limit: int) -> None:
    """Keep the newest `limit` of them."""
    kept[key] = value
    while len(kept) > limit:
        kept.popitem(last=False)


def pack(body: bytes) -> bytes:
    """gzip at its fastest: pages are made for one reader, once."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def definitions_of(widgets: Sequence[Widget]) -> list[Definition]:
    """The definitions in use, each once, in the order of the page."""
    rt: Runtime = current_app.extensions["glance"]
    found = (rt.definitions.find(slug) for slug in dict.fromkeys(w.custom_widget for w in widgets))
    return [definition for definition in found if definition is not None]


def page_assets(used: Sequence[Definition]) -> tuple[list[str], list[str]]:
    """Scripts and stylesheets that the cards of this page ask for by name (manifest key `assets`)."""
    store: assets.Assets = current_app.extensions["glance.assets"]
    names = dict.fromkeys(name for definition in used for name in definition.assets)
    scripts = [next((file for file in (f"{name}.js", f"js/{name}.js") if store.get(file)), "") for name in names]
    styles = [f"{name}.css" for name in names if store.get(f"{name}.css")]
    return [file for file in scripts if file], styles


def layout_css(widgets: Sequence[Widget]) -> str:
    """Where each widget sits: on the 12 columns of a wide page, and how wide on 8 (tablet) and 2 (phone)."""
    return "\n".join(_rule(widget) for widget in widgets)


def _style(definition: Definition, widgets: Sequence[Widget]) -> str:
    """The stylesheet that a definition brings along; one that the owner's folders do not hold is for its own cards only."""
    style = definition.style or ""
    if definition.trusted:
        return style
    ids = tuple(widget.id for widget in widgets if widget.custom_widget == definition.slug)
    return _confined(definition.name, style, ids)


@lru_cache(maxsize=KEPT)
def _confined(name: str, style: str, ids: tuple[str, ...]) -> str:
    """A style held to the cards with these ids; kept, because a public page asks for it with every look."""
    fault = styles.fault(style)
    if fault:
        log.warning("The style of the custom widget “%s” is left out: %s.", name, fault)
        return styles.confined("", ids)
    return styles.confined(style, ids)


def _rule(widget: Widget) -> str:
    place = widget.place
    medium, small = COLUMNS_MEDIUM.get(place.w, 8), 1 if place.w <= 2 else 2
    return f"#w-{widget.id}{{--x:{place.x};--y:{place.y};--w:{place.w};--h:{place.h};--wm:{medium};--ws:{small}}}"


@blueprint.get("/d/<slug>/layout.<digest>.css")
def layout(slug: str, digest: str) -> Response:
    """The stylesheet of a layout; its hash makes it cacheable for ever."""
    layouts: Layouts = current_app.extensions["glance.layouts"]
    rt: Runtime = current_app.extensions["glance"]
    found, is_current = layouts.find(digest), True
    if found is None:
        widgets = rt.widgets.on_dashboard(slug)
        current = layouts.keep(widgets, definitions_of(widgets)) if widgets else ""
        found, is_current = layouts.find(current), current == digest
    if found is None:
        abort(404)
    packs = assets.accepts_gzip()
    response = Response(found[packs], content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable" if is_current else "private, no-store"
    response.headers["Vary"] = "Accept-Encoding"
    if packs:
        response.headers["Content-Encoding"] = "gzip"
    return response
