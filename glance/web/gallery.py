"""The gallery: every custom widget with a preview of its own example, and those that need a look."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass
from typing import Any

from flask import redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from glance import params
from glance.cards import CardError
from glance.definition import Definition
from glance.folders import Broken
from glance.model import Dashboard, Place, Widget
from glance.web import runtime
from glance.web.speech import counted

log = logging.getLogger(__name__)

FIRST = ("servers", "sensors", "general", "data")
LAST = ("other", "your own")


@dataclass(frozen=True, slots=True)
class Tile:
    """One custom widget as the gallery shows it; `find` is what the search looks through."""

    name: str
    description: str
    category: str
    kind: str
    look: str
    used: str
    href: str
    body: Markup | None
    framed: bool
    find: str


def gallery() -> str:
    """All custom widgets, by category; `?q=` and `?category=` choose, `?to=` says for which dashboard."""
    rt = runtime()
    to = _dashboard(request.args.get("to"))
    q = request.args.get("q", "").strip()
    category = request.args.get("category", "")
    definitions = rt.definitions.all()
    counts = rt.widgets.counts()
    wanted = [one for one in definitions if category in ("", one.category) and _matches(one, q)]
    tiles = [_tile(one, counts.get(one.slug, 0), to) for one in wanted]
    return render_template(
        "gallery.html",
        current=None,
        to=to,
        q=q,
        category=category,
        ready=len(definitions),
        chips=_chips(definitions),
        groups=_groups(tiles),
        faults=[_fault(one) for one in rt.definitions.broken()],
    )


def styles_of(digest: str) -> Response:
    """The stylesheets that folders of custom widgets bring along, for previews; those made in the browser stay out of plain pages."""
    text, current = _styles()
    response = Response(text, content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = (
        "private, max-age=31536000, immutable" if digest == current else "private, no-store"
    )
    return response


def styles_address() -> str:
    """Where those stylesheets are; empty where there are none."""
    text, digest = _styles()
    return url_for("plain.styles_of", digest=digest) if text else ""


def _styles() -> tuple[str, str]:
    text = "\n".join(one.style for one in runtime().definitions.all() if one.style and one.trusted)
    return text, hashlib.blake2s(text.encode(), digest_size=5).hexdigest()


def read_again() -> Response:
    """Read the folders again; with `forget` drop a custom widget whose folder is gone."""
    rt = runtime()
    slug = request.form.get("forget")
    if slug:
        rt.definitions.delete(slug)
    else:
        rt.definitions.rescan()
    return redirect(url_for("plain.gallery", to=request.form.get("to") or None), 303)


def sample(
    definition: Definition, given: dict[str, Any] | None = None, title: str = "", size: tuple[int, int] | None = None
) -> Widget:
    """A widget that is nowhere: to draw a card before there is one."""
    wide, high = size or definition.size_default
    filled = params.with_defaults(definition.params, given if given is not None else definition.preview_params)
    return Widget(
        id="preview",
        dashboard_id=0,
        dashboard="",
        custom_widget=definition.slug,
        title=title or definition.name,
        params=filled,
        place=Place(1, 1, wide, high),
        refresh_interval=None,
        schedule=None,
        settings={},
        secrets_set={},
        secret_digests={},
        version=0,
        created_at=0.0,
        updated_at=0.0,
    )


def example_body(definition: Definition) -> Markup | None:
    """The card drawn from the example; None where there is none, or where it needs another site to be seen."""
    if definition.example is None or definition.frames:
        return None
    try:
        return runtime().cards.body(definition, sample(definition), definition.example)
    except CardError as error:
        log.warning("The preview of %s cannot be drawn: %s", definition.slug, error.sentence)
        return None


def _dashboard(slug: str | None) -> Dashboard | None:
    """The dashboard to add to: the one asked for if it exists, else the default one."""
    rt = runtime()
    return next((one for one in rt.dashboards.all() if one.slug == slug), None) or rt.dashboards.default()


def _matches(definition: Definition, q: str) -> bool:
    return all(word in _find(definition) for word in q.lower().split())


def _find(definition: Definition) -> str:
    parts = (definition.name, definition.description, definition.category, definition.kind, definition.slug)
    return " ".join(parts).lower()


def _tile(definition: Definition, used: int, to: Dashboard | None) -> Tile:
    return Tile(
        name=definition.name,
        description=definition.description,
        category=definition.category,
        kind="any source" if definition.kind == "any" else definition.kind,
        look=definition.css_kind,
        used=counted(used, "widget").replace("no widgets", "Not used").capitalize(),
        href=url_for("plain.new_widget", slug=definition.slug, to=to.slug if to else None),
        body=example_body(definition),
        framed=bool(definition.frames),
        find=_find(definition),
    )


def _rank(category: str) -> tuple[int, str]:
    if category in FIRST:
        return FIRST.index(category), category
    return (len(FIRST) + 1 + LAST.index(category), category) if category in LAST else (len(FIRST), category)


def _chips(definitions: list[Definition]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for one in definitions:
        counts[one.category] = counts.get(one.category, 0) + 1
    return sorted(counts.items(), key=lambda item: _rank(item[0]))


def _groups(tiles: list[Tile]) -> list[dict[str, Any]]:
    groups: dict[str, list[Tile]] = {}
    for tile in tiles:
        groups.setdefault(tile.category, []).append(tile)
    return [{"name": name, "tiles": groups[name]} for name in sorted(groups, key=_rank)]


def _fault(broken: Broken) -> dict[str, Any]:
    """A broken or missing custom widget: why, where, the lines around, and what still stands on it."""
    used = runtime().widgets.using(broken.slug)
    where = sorted({widget.dashboard for widget in used})
    kept = (
        f"{counted(len(used), 'widget').capitalize()} on {', '.join(where)} keep{'s' if len(used) == 1 else ''} the last answer."
        if used
        else ""
    )
    return {
        "slug": broken.slug,
        "name": broken.name,
        "path": broken.path or broken.slug,
        "status": broken.status,
        "reason": _since(broken),
        "kept": kept,
        "lines": [{"number": number, "text": text, "is_fault": at_fault} for number, text, at_fault in broken.excerpt],
        "can_forget": broken.status == "missing" and not used,
    }


def _since(broken: Broken) -> str:
    if broken.status == "missing" and broken.since:
        return f"{broken.reason} Missing since {time.strftime('%-d %B %H:%M', time.localtime(broken.since))}."
    return broken.reason
