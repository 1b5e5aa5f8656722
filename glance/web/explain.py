"""The page and the dialog that say why a widget shows what it shows."""

from __future__ import annotations

import time
from contextlib import suppress

from flask import redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from glance.cards import CardError
from glance.definition import Definition
from glance.errors import FetchError
from glance.model import View, Widget
from glance.web import runtime
from glance.web import why as reasons
from glance.web.api.envelope import cache_status


def explain(widget_id: str) -> str:
    """The reasons; `?part=dialog` is the same as a dialog for the dashboard."""
    rt = runtime()
    widget = rt.widgets.get(widget_id)
    definition = rt.definitions.find(widget.custom_widget)
    view = rt.refresher.peek([widget])[widget.id]
    now = time.time()
    fault = None if definition else fault_of(widget)
    why = reasons.explain(widget, definition, view, rt.refresher.history(widget.id), now, fault)
    return render_template(
        "_explain_dialog.html" if request.args.get("part") == "dialog" else "explain.html",
        current=None,
        widget=widget,
        dashboard=rt.dashboards.get(widget.dashboard),
        why=why,
        now=now,
        state=view.state,
        css_kind=definition.css_kind if definition else "table",
        has_code=definition is not None and definition.kind == "code",
        body=_body(definition, widget, view),
        cache_header=cache_status(view, now) if view.has_data else "glance; fwd=miss",
    )


def try_again(widget_id: str) -> Response:
    """A forced fetch from the page, then the reasons again."""
    rt = runtime()
    with suppress(FetchError):  # it is stored with the widget, and the page says so
        rt.refresher.get(rt.widgets.get(widget_id), force=True)
    return redirect(url_for("plain.explain", widget_id=widget_id), 303)


def forget_answer(widget_id: str) -> Response:
    """Clear what is stored for a widget."""
    rt = runtime()
    rt.refresher.forget(rt.widgets.get(widget_id).id)
    return redirect(url_for("plain.explain", widget_id=widget_id), 303)


def fault_of(widget: Widget) -> str:
    """Why the definition of a widget cannot be used."""
    for broken in runtime().definitions.broken():
        if broken.slug == widget.custom_widget:
            return f"{broken.reason} The gallery shows where."
    return f"There is no custom widget {widget.custom_widget} any more."


def _body(definition: Definition | None, widget: Widget, view: View) -> Markup | None:
    if definition is None or not view.has_data:
        return None
    try:
        return runtime().cards.body(definition, widget, view.data)
    except CardError as error:
        return Markup("<p>{}</p>").format(error.sentence)
