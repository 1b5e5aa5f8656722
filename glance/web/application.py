"""The application: every part of the web, the door first."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask

from glance.config import ROOT
from glance.runtime import Runtime
from glance.web import (
    api,
    assets,
    broker,
    code,
    credentials,
    derived,
    devices,
    door,
    fragments,
    images,
    ingest_socket,
    pages,
    plain,
    problems,
    public,
    ranges,
    security,
    settings,
    sockets,
    welcome,
    widget_socket,
)

FOLDER = ROOT / "glance"
MAX_BODY_BYTES = 5 * 1024 * 1024


def create_app(runtime: Runtime) -> Flask:
    """The application around a runtime; the door comes first, so that everything behind it is closed unless it says so."""
    app = Flask("glance", root_path=str(FOLDER), template_folder="templates", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["APPLICATION_ROOT"] = urlsplit(runtime.settings.public_url).path or "/"
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions["glance"] = runtime
    door.init_app(app, runtime)
    problems.init_app(app, runtime)
    assets.install(app, runtime.icons)
    for part in (pages, fragments, sockets, devices, widget_socket, public):
        part.init_app(app, runtime)
    api.init_app(app)
    for blueprint in (
        plain.bp,
        settings.blueprint,
        security.blueprint,
        credentials.blueprint,
        broker.blueprint,
        code.blueprint,
        images.bp,
        ranges.blueprint,
        derived.blueprint,
        ingest_socket.blueprint,
    ):
        app.register_blueprint(blueprint)
    app.extensions["glance.welcome"] = welcome.welcome
    return app
