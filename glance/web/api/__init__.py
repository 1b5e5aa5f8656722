"""The JSON API: a module per noun, each declaring its routes in the table of routing.py."""

from __future__ import annotations

from flask import Flask

from glance.web.api import (
    batch,
    dashboards,
    data,
    definitions,
    docs,
    execute,
    explain,
    exporting,
    health,
    importing,
    openapi,
    preferences,
    routing,
    snapshot,
    widgets,
)

# Importing a module is what declares its routes.
__all__ = [
    "batch",
    "dashboards",
    "data",
    "definitions",
    "docs",
    "execute",
    "explain",
    "exporting",
    "health",
    "importing",
    "init_app",
    "openapi",
    "preferences",
    "snapshot",
    "widgets",
]


def init_app(app: Flask) -> None:
    """Add every route of the API."""
    routing.register(app)
