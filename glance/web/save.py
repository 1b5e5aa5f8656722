"""Small forms within cards (notes, to-do lists), and removing a widget."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from glance import form
from glance.errors import Conflict, Invalid
from glance.form.schema import at_path
from glance.model import Widget
from glance.web import fragments, runtime

MAX_ITEMS = 500
BY_NUMBER = ("toggle:", "drop:", "up:", "down:")


def save_card(widget_id: str) -> Response:
    """Save what a card's own form carries: fields are named as the params; `do=add`, `toggle:<i>` or `drop:<i>` change its list.

    `version` is that of the widget when the card was drawn: a numbered row is changed only where it is still that row.
    Answers the new card to htmx, else goes back to the dashboard.
    """
    rt = runtime()
    widget = rt.widgets.get(widget_id)
    definition = rt.definitions.get(widget.custom_widget)
    if not definition.editable_card:
        raise Conflict("This widget has no form of its own; change it in its settings.")
    do = request.form.get("do", "")
    if do.startswith(BY_NUMBER) and request.form.get("version", widget.version, type=int) != widget.version:
        return _answer(widget)  # the rows have moved since the card was drawn: show them as they are now
    carried = form.read(definition.params, request.form.to_dict(flat=False), prefix="", only_present=True)
    if carried.errors:
        path, sentence = next(iter(carried.errors.items()))
        raise Invalid(f"{path}: {sentence}")
    emptied = {
        name for name in request.form if name in definition.params.get("properties", {}) and name not in carried.values
    }
    params: dict[str, Any] = {
        name: value for name, value in {**widget.params, **carried.values}.items() if name not in emptied
    }
    _change_list(definition.params, params, do)
    return _answer(rt.placing.change(widget.id, {"params": params}))


def remove_widget(widget_id: str) -> Response:
    """Take a widget off its dashboard."""
    gone = runtime().placing.remove(widget_id)
    if request.headers.get("HX-Request"):
        return Response("", content_type="text/html; charset=utf-8")
    return redirect(url_for("pages.dashboard", slug=gone.dashboard), 303)


def _answer(widget: Widget) -> Response:
    if request.headers.get("HX-Request"):
        return fragments.answer([widget])
    return redirect(f"{url_for('pages.dashboard', slug=widget.dashboard)}#w-{widget.id}", 303)


def _change_list(schema: form.schema.Schema, params: dict[str, Any], do: str) -> None:
    """Carry out `add`, `toggle:<i>`, `drop:<i>`, `up:<i>`, `down:<i>` on the card's one list (or on a named one: `toggle:<name>:<i>`)."""
    verb, _, rest = do.partition(":")
    if verb not in form.rows.ROW_VERBS:
        return
    name, _, index = rest.rpartition(":")
    name = name or (rest if verb == "add" and rest else "") or _list_name(schema)
    if verb == "add":
        _add(schema, params, name)
    elif name:
        form.edit_rows(params, f"{verb}:{name}:{index}")


def _list_name(schema: form.schema.Schema) -> str:
    """The first param that is a list."""
    properties = schema.get("properties") or {}
    return next((name for name, node in properties.items() if form.schema.type_of(node) == "array"), "")


def _add(schema: form.schema.Schema, params: dict[str, Any], name: str) -> None:
    """Add one entry, its fields posted as `new` (the first text of a row) or `new.<field>`; an empty one adds nothing."""
    node = at_path(schema, name)
    if node is None or form.schema.type_of(node) != "array":
        return
    items = node.get("items") or {}
    entries = list(params.get(name) or [])
    if form.schema.type_of(items) == "object":
        row = form.read(items, request.form.to_dict(flat=False), prefix="new", only_present=True).values
        first = next(
            (key for key, one in (items.get("properties") or {}).items() if form.schema.kind_of(one) == "text"), None
        )
        text = request.form.get("new", "").strip()
        entry: Any = {**({first: text} if first and text else {}), **row}
    else:
        entry = request.form.get("new", "").strip()
    if entry and len(entries) < MAX_ITEMS:
        params[name] = [*entries, entry]
