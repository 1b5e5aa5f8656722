"""Parts of a page that a browser keeps up to date: it says which versions it has, and gets those that changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from flask import Response, current_app, request
from markupsafe import Markup

MOST_NAMED = 1000
# id of the element, version, how to draw it
Part = tuple[str, str, Callable[[], str]]
OUT_OF_BAND = ' hx-swap-oob="outerMorph"'


def version(told: object) -> str:
    """A short word that changes with what a part shows."""
    return hashlib.blake2b(repr(told).encode("utf-8", "replace"), digest_size=5).hexdigest()


def had() -> dict[str, str]:
    """What the browser has, from the header Glance-Have: `<id>:<version>,…`."""
    pairs = request.headers.get("Glance-Have", "").split(",")[:MOST_NAMED]
    return dict(pair.split(":", 1) for pair in pairs if ":" in pair)


def macro(template: str, name: str, *values: Any, **named: Any) -> str:
    """One macro of a template, drawn as a part that takes its place by itself.

    The small lines of a day are left out, unless the browser asks for them (header Glance-Lines), as it does now and then.
    """
    module = current_app.jinja_env.get_template(template).module
    return str(
        getattr(module, name)(*values, oob=Markup(OUT_OF_BAND), lines="Glance-Lines" in request.headers, **named)
    )


def answer(found: Iterable[Part], have: dict[str, str]) -> Response:
    """The parts (id, version, how to draw it) whose version the browser does not have; 204 where there is none."""
    drawn = [draw() for name, current, draw in found if have.get(name) != current]
    response = Response("\n".join(drawn), 200 if drawn else 204, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "private, no-store"
    return response
