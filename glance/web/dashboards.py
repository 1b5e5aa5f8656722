"""Making, naming, ordering, copying and deleting dashboards with plain forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from glance.errors import Conflict, Invalid, PreconditionFailed
from glance.model import Dashboard, Widget
from glance.store.dashboards import slug_of
from glance.web import runtime
from glance.web.arrange import Box, pack, picture
from glance.web.speech import counted, sentence_of

LABELS = {"title": "Title", "slug": "Address", "icon": "Icon", "public_address": "Public address"}
MAX_ROWS = 40
Answer = str | Response | tuple[str, int]


@dataclass(slots=True)
class DashboardForm:
    """The form as it was filled in: texts, and the widgets in the order shown with their sizes as typed."""

    title: str = ""
    slug: str = ""
    icon: str = ""
    is_default: bool = False
    is_public: bool = False
    public_address: str = ""
    version: int = 0
    order: list[str] = field(default_factory=list)
    sizes: dict[str, tuple[str, str]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    stale: list[str] = field(default_factory=list)


def dashboards() -> Answer:
    """The list of dashboards in the order of the tabs."""
    rt = runtime()
    counts: dict[str, int] = {}
    for widget in rt.widgets.all():
        counts[widget.dashboard] = counts.get(widget.dashboard, 0) + 1
    listed = [{"dashboard": one, "widgets": counts.get(one.slug, 0)} for one in rt.dashboards.all()]
    return render_template("dashboards.html", current=None, listed=listed)


def change_dashboards() -> Answer:
    """Move a tab (`do=up:<slug>`, `down:<slug>`) or copy a dashboard (`duplicate:<slug>`)."""
    rt = runtime()
    verb, _, slug = request.form.get("do", "").partition(":")
    current = rt.dashboards.get(slug)
    if verb == "duplicate":
        copy = rt.dashboards.duplicate(slug)
        return redirect(url_for("plain.edit_dashboard", slug=copy.slug), 303)
    order = [one.slug for one in rt.dashboards.all()]
    at = order.index(current.slug)
    other = at - 1 if verb == "up" else at + 1
    if verb in ("up", "down") and 0 <= other < len(order):
        order[at], order[other] = order[other], order[at]
        rt.dashboards.reorder(order)
    return redirect(url_for("plain.dashboards"), 303)


def new_dashboard() -> Answer:
    """The form for a new dashboard; posted, it makes one and opens it."""
    form = DashboardForm()
    if request.method == "GET":
        return _show(None, form, [])
    _read(form)
    if not form.errors:
        try:
            made = runtime().dashboards.create(
                form.title, slug=form.slug or None, icon=form.icon or None, is_default=form.is_default or None
            )
        except (Conflict, Invalid) as error:
            _note(form, error)
        else:
            return redirect(f"/d/{made.slug}", 303)
    return _show(None, form, []), 422


def edit_dashboard(slug: str) -> Answer:
    """The form of one dashboard with the order and sizes of its widgets."""
    rt = runtime()
    current = rt.dashboards.get(slug)
    widgets = rt.widgets.on_dashboard(slug)
    form = DashboardForm()
    if request.method == "GET":
        _fill(form, current, widgets)
        return _show(current, form, widgets)
    _read(form)
    _read_layout(form, widgets)
    do = request.form.get("do", "save")
    if do.startswith(("up:", "down:")):
        _swap(form.order, do)
        return _show(current, form, widgets)
    if not form.errors:
        try:
            saved = _save(current, form, widgets)
        except PreconditionFailed as error:
            _note_stale(form, error, widgets)
        except (Conflict, Invalid) as error:
            _note(form, error)
        else:
            return redirect(f"/d/{saved.slug}", 303)
    return _show(current, form, widgets), 412 if form.stale else 422


def delete_dashboard(slug: str) -> Answer:
    """Delete a dashboard with its widgets and what they stored."""
    rt = runtime()
    widgets = rt.widgets.on_dashboard(slug)
    rt.dashboards.delete(slug)
    for widget in widgets:
        rt.refresher.widget_gone(widget.id)
    rt.hub.mark_page(slug)
    return redirect(url_for("plain.dashboards"), 303)


def _fill(form: DashboardForm, current: Dashboard, widgets: list[Widget]) -> None:
    form.title, form.slug, form.icon = current.title, current.slug, current.icon or ""
    form.is_default, form.version = current.is_default, current.version
    form.is_public, form.public_address = current.is_public, current.public_address or ""
    form.order = [widget.id for widget in widgets]
    form.sizes = {widget.id: (str(widget.place.w), str(widget.place.h)) for widget in widgets}


def _read(form: DashboardForm) -> None:
    """The posted texts, checked."""
    form.title = request.form.get("title", "").strip()
    form.slug = request.form.get("slug", "").strip()
    form.icon = request.form.get("icon", "").strip()
    form.is_default = "is_default" in request.form
    form.is_public = "is_public" in request.form
    form.public_address = request.form.get("public_address", "").strip()
    form.version = request.form.get("version", 0, type=int)
    if not form.title:
        form.errors["title"] = "Give it a title."
    elif len(form.title) > 120:
        form.errors["title"] = "At most 120 characters."
    if form.slug and form.slug != slug_of(form.slug):
        form.errors["slug"] = "Lower-case letters, digits and hyphens only."
    if form.public_address and (form.public_address != slug_of(form.public_address) or len(form.public_address) < 3):
        form.errors["public_address"] = "At least three lower-case letters, digits and hyphens."


def _read_layout(form: DashboardForm, widgets: list[Widget]) -> None:
    """The posted order and sizes; widgets the form did not know come last, gone ones are left out."""
    known = {widget.id: widget for widget in widgets}
    form.order = [widget_id for widget_id in dict.fromkeys(request.form.getlist("order")) if widget_id in known]
    form.order += [widget.id for widget in widgets if widget.id not in form.order]
    for widget_id, widget in known.items():
        wide = request.form.get(f"w.{widget_id}", str(widget.place.w)).strip()
        high = request.form.get(f"h.{widget_id}", str(widget.place.h)).strip()
        form.sizes[widget_id] = (wide, high)
        least = _least(widget)
        if not _is_within(wide, least[0], 12):
            form.errors[f"w.{widget_id}"] = f"A whole number from {least[0]} to 12."
        if not _is_within(high, least[1], MAX_ROWS):
            form.errors[f"h.{widget_id}"] = f"A whole number from {least[1]} to {MAX_ROWS}."


def _least(widget: Widget) -> tuple[int, int]:
    definition = runtime().definitions.find(widget.custom_widget)
    return definition.size_min if definition else (2, 2)


def _is_within(text: str, low: int, high: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 4 and low <= int(text) <= high


def _swap(order: list[str], do: str) -> None:
    verb, _, number = do.partition(":")
    at = int(number) if number.isascii() and number.isdigit() else -1
    other = at - 1 if verb == "up" else at + 1
    if 0 <= at < len(order) and 0 <= other < len(order):
        order[at], order[other] = order[other], order[at]


def _save(current: Dashboard, form: DashboardForm, widgets: list[Widget]) -> Dashboard:
    """Layout first where it changed (it is all or nothing), then the names; both against the version that was shown."""
    rt, version = runtime(), form.version or None
    boxes = _boxes(form, widgets)
    if boxes is not None:
        version = rt.placing.arrange(current.slug, [box.as_entry() for box in boxes], if_version=version).version
    changes: dict[str, Any] = {"title": form.title, "icon": form.icon or None}
    if form.slug and form.slug != current.slug:
        changes["slug"] = form.slug
    if form.is_default and not current.is_default:
        changes["is_default"] = True
    if "public_address" in request.form:
        changes |= {"is_public": form.is_public, "public_address": form.public_address or None}
    saved = rt.dashboards.update(current.slug, changes, if_version=version)
    rt.hub.mark_page(saved.slug)
    return saved


def _boxes(form: DashboardForm, widgets: list[Widget]) -> list[Box] | None:
    """The packed layout, or None where neither order nor sizes changed."""
    before = [(w.id, str(w.place.w), str(w.place.h)) for w in widgets]
    after = [(widget_id, *form.sizes[widget_id]) for widget_id in form.order]
    if before == after:
        return None
    return pack((widget_id, int(wide), int(high)) for widget_id, wide, high in after)


def _note(form: DashboardForm, error: Conflict | Invalid) -> None:
    if isinstance(error, Conflict):
        name = "public_address" if "public" in error.sentence else "slug"
        form.errors[name] = "Another dashboard has this address already."
        return
    for fault in error.errors:
        form.errors[fault.field] = sentence_of(fault.message)
    if not error.errors:
        form.errors["title"] = error.sentence


def _note_stale(form: DashboardForm, error: PreconditionFailed, widgets: list[Widget]) -> None:
    """Say what is there now and take its version, so that saving again is a decision."""
    now = error.current
    if not isinstance(now, Dashboard):
        return
    form.version = now.version
    form.stale = [f"Now stored: title “{now.title}”, address /d/{now.slug}, {counted(len(widgets), 'widget')}."]


def _show(current: Dashboard | None, form: DashboardForm, widgets: list[Widget]) -> str:
    by_id = {widget.id: widget for widget in widgets}
    rows = [_row(by_id[widget_id], form.sizes[widget_id]) for widget_id in form.order]
    count = len(form.errors)
    return render_template(
        "dashboard_form.html",
        current=None,
        dashboard=current,
        heading=f"Change “{current.title}”" if current else "New dashboard",
        form=form,
        rows=rows,
        map=_map(form, widgets),
        errors=form.errors,
        labels=LABELS | _size_labels(rows),
        stale=form.stale,
        summary_head=f"{counted(count, 'field').capitalize()} need{'s' if count == 1 else ''} a fix. Nothing is lost.",
        summary_count=f"{count} field{'s need' if count != 1 else ' needs'} a fix",
        icons=sorted(current_app.extensions["glance.assets"].icons),
        goes=_what_goes(widgets),
        has_demo=current is not None and any(one.id in current.settings.get("demo_widgets", ()) for one in widgets),
        back=f"/d/{current.slug}" if current else url_for("plain.dashboards"),
    )


def _row(widget: Widget, size: tuple[str, str]) -> dict[str, str]:
    definition = runtime().definitions.find(widget.custom_widget)
    name = definition.name if definition else widget.custom_widget
    return {"id": widget.id, "title": widget.title or name, "kind": name, "w": size[0], "h": size[1]}


def _size_labels(rows: list[dict[str, str]]) -> dict[str, str]:
    wide = {f"w.{row['id']}": f"Columns of {row['title']}" for row in rows}
    return wide | {f"h.{row['id']}": f"Rows of {row['title']}" for row in rows}


def _map(form: DashboardForm, widgets: list[Widget]) -> dict[str, object]:
    """The layout as it would be saved; moved ones are marked."""
    now = {w.id: Box(w.id, w.place.x, w.place.y, w.place.w, w.place.h) for w in widgets}
    if any(name.startswith(("w.", "h.")) for name in form.errors):
        return picture(list(now.values()), frozenset())
    boxes = _boxes(form, widgets) or list(now.values())
    return picture(boxes, frozenset(box.id for box in boxes if now[box.id] != box))


def _what_goes(widgets: list[Widget]) -> str:
    if not widgets:
        return "It is empty, so nothing else goes with it."
    names = ", ".join(f"“{widget.title}”" for widget in widgets[:4])
    more = f" and {len(widgets) - 4} more" if len(widgets) > 4 else ""
    return f"{counted(len(widgets), 'widget').capitalize()} go{'es' if len(widgets) == 1 else ''} with it, with settings, secrets and stored answers: {names}{more}."
