"""The web: pages, fragments, the JSON API and sockets. Flask lives only here."""

from __future__ import annotations

from flask import current_app

from glance.runtime import Runtime


def runtime() -> Runtime:
    """The runtime of the current application."""
    found: Runtime = current_app.extensions["glance"]
    return found
