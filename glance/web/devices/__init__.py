"""Devices in the browser: the list, one device, its messages, and making widgets of its sensors. Every route in one list."""

from __future__ import annotations

from flask import Blueprint, Flask, Response

from glance.cards import bands, drawing
from glance.runtime import Runtime
from glance.web import assets, layouts
from glance.web.devices import changes, listing, messages, one, parts, visualize, wording
from glance.web.devices.looks import Sparks
from glance.web.tracking import upper_first

blueprint = Blueprint("devices", __name__)
LEAST_PACKED = 1400

# A device's id may hold slashes and even two in a row.
ROUTES = (
    ("/devices", "page", listing.page, ["GET"]),
    ("/devices/<path:device_id>", "one", one.page, ["GET"]),
    ("/devices/<path:device_id>", "change", changes.change, ["POST"]),
    ("/visualize", "visualize", visualize.visualize, ["GET", "POST"]),
    ("/messages", "messages", messages.messages, ["GET"]),
    ("/broker", "broker", messages.broker, ["GET"]),
    ("/broker/sign", "broker_sign", messages.broker_sign, ["GET"]),
)

for rule, endpoint, view, methods in ROUTES:
    blueprint.add_url_rule(rule, endpoint, view, methods=methods)


def init_app(app: Flask, rt: Runtime) -> None:
    """Add the pages and what their templates use."""
    app.extensions["glance.sparks"] = Sparks()
    app.extensions["glance.devices"] = listing.Counting()
    app.register_blueprint(blueprint)


@blueprint.after_request
def packed(response: Response) -> Response:
    """Pack what is long: a list of devices shrinks to a tenth."""
    if response.mimetype == "text/html" and not response.direct_passthrough and assets.accepts_gzip():
        body = response.get_data()
        if len(body) >= LEAST_PACKED:
            response.set_data(layouts.pack(body))
            response.headers["Content-Encoding"] = "gzip"
    response.headers.setdefault("Cache-Control", "private, no-store")
    response.vary.add("Accept-Encoding")
    return response


for name, given in (
    ("seen", wording.seen),
    ("lasted", wording.lasted),
    ("word_of", wording.word_of),
    ("told", wording.told),
    ("plot_data", wording.plot_data),
    ("plot_lines", drawing.plot_lines),
    ("state_band", bands.state_band),
    ("device_groups", listing.GROUPS),
    ("broker_now", wording.broker_now),
    ("uses_broker", wording.uses_broker),
):
    blueprint.add_app_template_global(given, name)  # type: ignore[arg-type]

for name, made in (
    ("part_version", parts.version),
    ("ecosystem", listing.ecosystem_of),
    ("iso_time", wording.iso_time),
    ("moment", wording.moment),
    ("amount", wording.amount),
    ("upfirst", upper_first),
):
    blueprint.add_app_template_filter(made, name)
