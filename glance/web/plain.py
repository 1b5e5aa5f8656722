"""The plain pages: making dashboards and widgets with forms that work without script. Every route in one list."""

from __future__ import annotations

import time
from collections.abc import Sequence

from flask import Blueprint

from glance import form
from glance.form.fields import is_touched
from glance.web import dashboards, explain, forms, found, gallery, importing, save, welcome
from glance.web.suggestions import suggested

bp = Blueprint("plain", __name__)

ROUTES = (
    ("/gallery", "gallery", gallery.gallery, ["GET"]),
    ("/gallery", "read_again", gallery.read_again, ["POST"]),
    ("/gallery/styles.<digest>.css", "styles_of", gallery.styles_of, ["GET"]),
    ("/widgets/new/<slug>", "new_widget", forms.new_widget, ["GET", "POST"]),
    ("/widgets/<widget_id>/edit", "edit_widget", forms.edit_widget, ["GET", "POST"]),
    ("/widgets/<widget_id>/explain", "explain", explain.explain, ["GET"]),
    ("/widgets/<widget_id>/explain", "try_again", explain.try_again, ["POST"]),
    ("/widgets/<widget_id>/forget", "forget_answer", explain.forget_answer, ["POST"]),
    ("/widgets/<widget_id>/save", "save_card", save.save_card, ["POST"]),
    ("/widgets/<widget_id>/remove", "remove_widget", save.remove_widget, ["POST"]),
    ("/dashboards", "dashboards", dashboards.dashboards, ["GET"]),
    ("/dashboards", "change_dashboards", dashboards.change_dashboards, ["POST"]),
    ("/dashboards/new", "new_dashboard", dashboards.new_dashboard, ["GET", "POST"]),
    ("/dashboards/import", "import_form", importing.import_form, ["GET", "POST"]),
    ("/dashboards/<slug>/edit", "edit_dashboard", dashboards.edit_dashboard, ["GET", "POST"]),
    ("/dashboards/<slug>/delete", "delete_dashboard", dashboards.delete_dashboard, ["POST"]),
    ("/dashboards/<slug>/demo", "fill_with_demo", welcome.fill_with_demo, ["POST"]),
    ("/dashboards/<slug>/demo/remove", "remove_demo", welcome.remove_demo, ["POST"]),
    ("/dashboards/<slug>/found", "add_found", welcome.add_found, ["POST"]),
    ("/dashboards/<slug>/found/devices", "found_devices", found.card, ["GET"]),
    ("/dashboards/<slug>/found/devices", "add_devices", found.add_devices, ["POST"]),
)

for rule, endpoint, view, methods in ROUTES:
    bp.add_url_rule(rule, endpoint, view, methods=methods)


def _laid_out(fields: Sequence[form.Field]) -> list[tuple[form.Field, ...]]:
    return list(form.laid_out(fields))


def _clock_s(at: float) -> str:
    """The time of day to the second, by this computer's clock."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def _day(at: float) -> str:
    """A day: 12 Sep, with its year where that is another one."""
    local = time.localtime(at)
    return time.strftime("%-d %b" if local.tm_year == time.localtime().tm_year else "%-d %b %Y", local)


bp.add_app_template_global(_laid_out, "laid_out")
bp.add_app_template_global(gallery.styles_address, "card_styles")
bp.add_app_template_global(is_touched, "is_touched")
bp.add_app_template_global(suggested, "suggested")
bp.add_app_template_filter(_clock_s, "clock_s")
bp.add_app_template_filter(_day, "day")
