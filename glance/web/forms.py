"""The form of a widget: made from its definition's params, filled in, tested, previewed and saved; all without script."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from glance import form
from glance.definition import Definition
from glance.errors import Conflict, GlanceError, Invalid, PreconditionFailed
from glance.form.fields import Look, every_field
from glance.form.rows import ROW_VERBS
from glance.freshness import next_run
from glance.model import Dashboard, Widget
from glance.params import secret_paths
from glance.placing import first_free
from glance.web import draft as drafts
from glance.web import runtime
from glance.web.arrange import COLUMNS, Box, make_room
from glance.web.draft import WidgetDraft
from glance.web.preview import preview_of
from glance.web.speech import by_path, counted, interval_in_words, sentence_of
from glance.web.trials import Kept, Trials, reshaped, run, tell

Answer = str | Response | tuple[str, int]


@dataclass(slots=True)
class Making:
    """A form being worked on: the definition, the widget where there is one, where it goes, and what was typed."""

    definition: Definition
    widget: Widget | None
    dashboard: Dashboard
    draft: WidgetDraft
    faults: dict[str, str]
    stale: list[str]
    focus: str | None = None
    trial: Kept | None = None
    token: str = ""
    status: int = 200


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
        return _show(making)
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
    page = _show(making)
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
    making.trial = run(rt.refresher, making.definition, whole, _asked(making.definition, given))
    making.token = trials().keep(making.trial)


def _asked(definition: Definition, given: Mapping[str, Any]) -> Any:
    """What a test was run for, without what only shapes its answer."""
    found = drafts.source_param(definition)
    if found is None:
        return dict(given)
    source = given.get(found[0]) or {}
    return {name: value for name, value in source.items() if name != "pick"}


def _stored(making: Making) -> Mapping[str, float]:
    return making.widget.secrets_set if making.widget else {}


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
            rt.hub.mark_page(widget.dashboard)
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
    with rt.db.write():
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
    rt.dashboards.set_layout(widget.dashboard, [box.as_entry() for box in layout])


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
    mine = {f.path: f for f in every_field(_fields(making, making.draft))}
    for theirs in every_field(_fields(making, there)):
        own = mine.get(theirs.path)
        if own is not None and theirs.kind not in ("secret", "group", "rows") and own.value != theirs.value:
            lines.append(f"{theirs.label} there: {theirs.value[:200] or 'empty'}.")
    if (now.place.w, now.place.h) != making.draft.size:
        lines.append(f"Size there: {now.place.w} × {now.place.h}.")
    making.stale = lines or ["Nothing that you see here differs."]
    making.draft.version = now.version
    making.status = 412


def _seal(text: str) -> str:
    return base64.urlsafe_b64encode(runtime().secretbox.encrypt(text)).decode()


def _unseal(sealed: str) -> str | None:
    try:
        return str(runtime().secretbox.decrypt(base64.urlsafe_b64decode(sealed.encode())))
    except (GlanceError, binascii.Error, ValueError):
        return None


def _fields(making: Making, draft: WidgetDraft) -> tuple[form.Field, ...]:
    look = Look(
        errors=making.faults,
        secrets_set=_stored(making),
        secret_states=draft.params.secret_states,
        seal=_seal,
    )
    schema = drafts.schema_for(making.definition, drafts.chosen_kind(making.definition, draft.params.values))
    return form.build(schema, draft.params.values, look)


def _show(making: Making) -> str:
    definition, draft, widget = making.definition, making.draft, making.widget
    fields = _fields(making, draft)
    faults = _summary(making, fields)
    shape, pick = definition.shape, _pick(making)
    data, error = reshaped(definition, making.trial, pick) if making.trial else (None, None)
    told = tell(definition, making.trial, data, error, pick, can_pick=shape is not None) if making.trial else None
    is_current = making.trial is not None and making.trial.asked == _asked(definition, drafts.given(definition, draft))
    count = len(faults)
    return render_template(
        "widget_form.html",
        current=None,
        definition=definition,
        widget=widget,
        dashboard=making.dashboard,
        dashboards_to_choose=runtime().dashboards.all() if widget is None else [],
        heading=f"Change “{widget.title or definition.name}”" if widget else f"Add {definition.name}",
        subtitle=_subtitle(making),
        action=url_for("plain.edit_widget", widget_id=widget.id)
        if widget
        else url_for("plain.new_widget", slug=definition.slug),
        back=_back(making),
        form=draft,
        errors=draft.errors,
        source_fields=[one for one in fields if one.note == "data_source"],
        param_fields=[one for one in fields if one.note != "data_source"],
        unfolded=_is_unfolded(making, fields),
        leftovers=_leftovers(fields),
        source_note=definition.kind if definition.kind != "any" else "",
        summary=faults,
        summary_head=f"{counted(count, 'field').capitalize()} need{'s' if count == 1 else ''} a fix. Nothing is lost.",
        summary_count=f"{count} field{' needs' if count == 1 else 's need'} a fix",
        stale=making.stale,
        focus=making.focus,
        token=making.token if making.trial else "",
        trial=told,
        preview=preview_of(
            definition,
            widget,
            draft,
            data if making.trial and not error else None,
            making.trial is not None and not error,
            is_current,
        ),
        refreshes=definition.kind not in ("static", "push"),
        testable=definition.kind not in ("static", "push")
        and drafts.chosen_kind(definition, draft.params.values) not in ("static", "push"),
        own_refresh=f"on its schedule {definition.schedule}"
        if definition.schedule
        else interval_in_words(definition.refresh_interval),
        next_runs=_next_runs(draft),
        least=definition.size_min,
        size=draft.size,
    )


def _is_unfolded(making: Making, fields: tuple[form.Field, ...]) -> bool:
    """True where a rarely needed field of the source was filled in or has a fault, so that it must be seen."""
    plain = {one.path: one.value for one in every_field(_fields(making, WidgetDraft(params=_only_kind(making))))}
    tucked = [one for whole in fields for child in whole.children if child.tucked for one in every_field([child])]
    return any(
        one.error or one.value != plain.get(one.path, "") or one.secret and one.secret.state != "empty"
        for one in tucked
    )


def _only_kind(making: Making) -> form.Draft:
    """The draft of a source of the same kind that nothing was typed into."""
    found = drafts.source_param(making.definition)
    kind = drafts.chosen_kind(making.definition, making.draft.params.values)
    return form.Draft(values={found[0]: {"kind": kind}} if found and kind else {})


def _pick(making: Making) -> Any:
    found = drafts.source_param(making.definition)
    if found is None:
        return None
    source = drafts.given(making.definition, making.draft).get(found[0])
    return source.get("pick") if isinstance(source, Mapping) else None


def _back(making: Making) -> str:
    if making.widget:
        return f"{url_for('pages.dashboard', slug=making.dashboard.slug)}#w-{making.widget.id}"
    return url_for("plain.gallery", to=making.dashboard.slug)


def _subtitle(making: Making) -> str:
    text = making.definition.description.strip()
    text = f"{text}." if text and not text.endswith(".") else text
    if making.widget:
        since = time.strftime("%-d %B", time.localtime(making.widget.created_at))
        return f"{text} On {making.dashboard.title} since {since}.".strip()
    return f"{text} It goes on {making.dashboard.title}.".strip()


def _next_runs(draft: WidgetDraft) -> list[str]:
    """The next three runs of the schedule that is typed, as this computer's clock shows them."""
    if not draft.cron or "cron" in draft.errors:
        return []
    runs, at = [], time.time()
    try:
        for _ in range(3):
            at = next_run(draft.cron, at)
            runs.append(at)
    except Exception:  # a cron expression that is not chosen is not checked; then nothing is said about it
        return []
    today = time.localtime()[:3]
    return [
        time.strftime("%H:%M" if time.localtime(at)[:3] == today else "%-d %b %H:%M", time.localtime(at)) for at in runs
    ]


def _summary(making: Making, fields: tuple[form.Field, ...]) -> list[dict[str, str]]:
    """One line for each thing to fix, with the place to go to."""
    known = {one.path: one for one in every_field(fields)}
    anchors = {
        "title": ("title", "Title"),
        "w": ("w", "Size"),
        "h": ("h", "Size"),
        "every": ("r-every", "Refresh"),
        "cron": ("r-cron", "Refresh"),
    }
    found = [
        {"anchor": anchors.get(name, ("", name))[0], "label": anchors.get(name, ("", name))[1], "sentence": text}
        for name, text in making.draft.errors.items()
    ]
    for path, text in making.faults.items():
        near = path
        while near and near not in known:
            near = near.rpartition(".")[0]
        one = known.get(near)
        found.append({"anchor": one.id if one else "", "label": one.label if one else path, "sentence": text})
    return found


def _leftovers(fields: tuple[form.Field, ...]) -> list[tuple[str, str]]:
    """What was typed for another source kind: carried along hidden, so that switching back loses nothing. Never secrets."""
    names = {one.name for one in every_field(fields)}
    hidden = _secret_ends()
    found = []
    for name, values in request.form.to_dict(flat=False).items():
        is_ours = name in names or not name.startswith("p.") or name.endswith((".sealed", ".state"))
        inside_rows = any(name.startswith(f"{one.name}.") for one in every_field(fields) if one.kind == "rows")
        if not is_ours and not inside_rows and name.rpartition(".")[2] not in hidden:
            found += [(name, value) for value in values]
    return found


def _secret_ends() -> frozenset[str]:
    """The last part of the name of every secret field of every source kind."""
    return frozenset(path.rpartition(".")[2] for schema in drafts.forms().values() for path in secret_paths(schema))
