"""The form of a widget: made from its definition's params, filled in, tested, previewed and saved; all without script."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flask import current_app, redirect, request, url_for
from werkzeug.wrappers import Response

from glance import form
from glance.errors import Conflict, GlanceError, Invalid, PreconditionFailed
from glance.form.fields import every_field
from glance.form.rows import ROW_VERBS
from glance.model import Widget
from glance.placing import first_free
from glance.web import draft as drafts
from glance.web import runtime
from glance.web.arrange import COLUMNS, Box, make_room
from glance.web.form_page import Making, asked_of, fields_of, show
from glance.web.speech import by_path, sentence_of
from glance.web.trials import Trials, run

# So that a quick source is on the page already when it opens, also without script.
FIRST_WAIT_S = 0.7
Answer = str | Response | tuple[str, int]


def new_widget(slug: str) -> Answer:
    """The form for a new widget of a definition; `?to=` says on which dashboard it goes."""
    rt = runtime()
    definition = rt.definitions.get(slug)
    wanted = request.form.get("dashboard") or request.values.get("to")
    dashboard = next((one for one in rt.dashboards.all() if one.slug == wanted), None) or rt.dashboards.default()
    if dashboard is None:
        dashboard = rt.dashboards.create("Home")
    making = Making(definition, None, dashboard, drafts.fresh(definition), {}, [])
    return _answer(making)


def edit_widget(widget_id: str) -> Answer:
    """The form of a widget that is there."""
    rt = runtime()
    widget = rt.widgets.get(widget_id)
    definition = rt.definitions.get(widget.custom_widget)
    making = Making(
        definition, widget, rt.dashboards.get(widget.dashboard), drafts.of_widget(definition, widget), {}, []
    )
    return _answer(making)


def trials() -> Trials:
    """The kept tests of this application."""
    kept: Trials = current_app.extensions.setdefault("glance.trials", Trials())
    return kept


def _answer(making: Making) -> Answer:
    if request.method == "GET":
        return show(making)
    do = request.form.get("do", "save")
    posted = request.form.to_dict(flat=False)
    making.draft = drafts.of_post(making.definition, posted, _unseal, editing=do != "save")
    making.token = request.form.get("trial", "")
    making.trial = trials().find(making.token, making.definition.slug, time.time())
    if do == "save":
        saved = _save(making)
        if saved is not None:
            return saved
    elif do == "test":
        _test(making)
    else:
        _work(making, do)
    page = show(making)
    return (page, making.status) if making.status != 200 else page


def _work(making: Making, do: str) -> None:
    """Everything that changes the form itself: rows, secrets, a clicked value. Unknown words change nothing."""
    verb, _, rest = do.partition(":")
    state = making.draft.params
    if verb in ROW_VERBS:
        making.focus = form.edit_rows(state.values, do)
        state.errors.clear()
    elif verb in ("replace", "retype", "clear", "keep"):
        _forget_typed(state.values, rest)
        state.secret_states.pop(rest, None)
        if verb != "keep":
            state.secret_states[rest] = "clear" if verb == "clear" else "new"
    elif verb == "pick" and rest:
        _take(making, rest)
    making.draft.errors.clear()


def _forget_typed(values: dict[str, Any], path: str) -> None:
    *way, last = path.split(".")
    node: Any = values
    for part in way:
        node = node.get(part) if isinstance(node, dict) else None
    if isinstance(node, dict):
        node.pop(last, None)


def _take(making: Making, path: str) -> None:
    """Fill the pick in from a clicked value."""
    found = drafts.source_param(making.definition)
    if found is None or making.trial is None:
        return
    shape = drafts.shape_of(making.definition, found[1])
    source = making.draft.params.values.setdefault(found[0], {})
    before = source.get("pick")
    source["pick"] = form.pick_from_click(
        shape, path, making.trial.answer, before if isinstance(before, Mapping) else {}
    )


def _test(making: Making) -> None:
    """Run the source with what the form holds; only params that fit are sent."""
    clean = drafts.of_post(making.definition, request.form.to_dict(flat=False), _unseal, editing=False)
    making.faults = drafts.param_faults(runtime().placing, making.definition, clean, making.widget)
    if making.faults:
        making.status = 422
        return
    given = drafts.given(making.definition, clean)
    rt = runtime()
    try:
        whole = rt.placing.whole_params(making.definition, given, making.widget)
    except Invalid as error:
        making.faults, making.status = by_path(error), 422
        return
    making.trial = run(rt.refresher, making.definition, whole, asked_of(making.definition, given))
    making.token = trials().keep(making.trial)


def _save(making: Making) -> Response | None:
    """Place or change the widget; None where something has to be fixed first."""
    draft, rt = making.draft, runtime()
    making.faults = drafts.param_faults(rt.placing, making.definition, draft, making.widget)
    if not making.faults and not draft.errors:
        try:
            widget = _change(making) if making.widget else _add(making)
        except PreconditionFailed as error:
            _note_stale(making, error)
            return None
        except Invalid as error:
            _note_invalid(making, error)
        except Conflict as error:
            draft.errors["title"] = error.sentence
        else:
            with suppress(GlanceError):  # why there is no answer stands on the card
                rt.refresher.get(widget, wait_s=FIRST_WAIT_S)
            return redirect(f"{url_for('pages.dashboard', slug=widget.dashboard)}#w-{widget.id}", 303)
    making.status = 422
    return None


def _add(making: Making) -> Widget:
    draft, rt = making.draft, runtime()
    widget: Widget = rt.placing.add(
        making.dashboard.slug,
        making.definition.slug,
        draft.title,
        drafts.given(making.definition, draft),
        place=first_free([one.place for one in rt.widgets.on_dashboard(making.dashboard.slug)], *draft.size),
        refresh_interval=draft.refresh_interval,
        schedule=draft.schedule,
        settings={"keep_warm": True} if draft.keep_warm else None,
    )
    return widget


def _change(making: Making) -> Widget:
    draft, before = making.draft, making.widget
    assert before is not None
    params = drafts.given(making.definition, draft)
    settings = {name: value for name, value in before.settings.items() if name != "keep_warm"}
    changes: dict[str, Any] = {
        "title": draft.title,
        "params": params,
        "refresh_interval": draft.refresh_interval,
        "schedule": draft.schedule,
        "settings": settings | ({"keep_warm": True} if draft.keep_warm else {}),
    }
    rt = runtime()
    widget: Widget = rt.placing.change(before.id, changes, if_version=draft.version or None)
    if draft.size != (before.place.w, before.place.h):
        _resize(widget, draft.size)
    return rt.widgets.get(before.id)


def _resize(widget: Widget, size: tuple[int, int]) -> None:
    """Give a widget another size; what it would lie over slides down."""
    rt = runtime()
    boxes = [
        Box(one.id, one.place.x, one.place.y, one.place.w, one.place.h)
        for one in rt.widgets.on_dashboard(widget.dashboard)
    ]
    grown = Box(widget.id, min(widget.place.x, COLUMNS + 1 - size[0]), widget.place.y, *size)
    layout = make_room([grown if box.id == widget.id else box for box in boxes], widget.id)
    rt.placing.arrange(widget.dashboard, [box.as_entry() for box in layout])


def _note_invalid(making: Making, error: Invalid) -> None:
    known = {"refresh_interval": "every", "schedule": "cron", "position": "w", "place": "w"}
    for fault in error.errors:
        name = fault.field
        if name.startswith("params"):
            continue
        making.draft.errors[known.get(name, name)] = sentence_of(fault.message)
    making.faults = {path: text for path, text in by_path(error).items() if path not in known and path != "title"}
    if not error.errors:
        making.draft.errors["title"] = error.sentence


def _note_stale(making: Making, error: PreconditionFailed) -> None:
    """Somebody saved in the meantime: say what is there now, keep what was typed, and take the new version."""
    now = error.current
    if not isinstance(now, Widget):
        return
    there = drafts.of_widget(making.definition, now)
    lines = [f"Title there: “{now.title}”."] if now.title != making.draft.title else []
    mine = {f.path: f for f in every_field(fields_of(making, making.draft))}
    for theirs in every_field(fields_of(making, there)):
        own = mine.get(theirs.path)
        if own is not None and theirs.kind not in ("secret", "group", "rows") and own.value != theirs.value:
            lines.append(f"{theirs.label} there: {theirs.value[:200] or 'empty'}.")
    if (now.place.w, now.place.h) != making.draft.size:
        lines.append(f"Size there: {now.place.w} × {now.place.h}.")
    making.stale = lines or ["Nothing that you see here differs."]
    making.draft.version = now.version
    making.status = 412


def _unseal(sealed: str) -> str | None:
    try:
        return str(runtime().secretbox.decrypt(base64.urlsafe_b64decode(sealed.encode())))
    except (GlanceError, binascii.Error, ValueError):
        return None
