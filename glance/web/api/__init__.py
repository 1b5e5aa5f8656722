"""The JSON API: a module per noun, each declaring its routes in the table of routing.py."""

from __future__ import annotations

from flask import Flask

from glance.web.api import (
    batch,
    credentials,
    dashboards,
    data,
    definitions,
    derived,
    devices,
    docs,
    execute,
    explain,
    exporting,
    health,
    history,
    importing,
    openapi,
    preferences,
    readings,
    routing,
    samples,
    sensors,
    snapshot,
    tokens,
    widgets,
)
from glance.web.slashes import Slashes

# Importing a module is what declares its routes.
__all__ = [
    "batch",
    "credentials",
    "dashboards",
    "data",
    "definitions",
    "derived",
    "devices",
    "docs",
    "execute",
    "explain",
    "exporting",
    "health",
    "history",
    "importing",
    "init_app",
    "openapi",
    "preferences",
    "readings",
    "samples",
    "sensors",
    "snapshot",
    "tokens",
    "widgets",
]


def init_app(app: Flask) -> None:
    """Add every route of the API."""
    routing.register(app)
    app.wsgi_app = Slashes(app.wsgi_app)  # type: ignore[method-assign]
