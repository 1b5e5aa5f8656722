"""The page of a widget's form: its fields, what needs a fix, the preview and the last test."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template, request, url_for

from glance import form
from glance.definition import Definition, cron_fault
from glance.form.fields import Look, every_field
from glance.freshness import next_run
from glance.model import Dashboard, Widget
from glance.params import secret_paths
from glance.web import draft as drafts
from glance.web import runtime
from glance.web.draft import WidgetDraft
from glance.web.preview import preview_of
from glance.web.speech import counted, interval_in_words
from glance.web.trials import Kept, reshaped, tell


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


def _seal(text: str) -> str:
    return base64.urlsafe_b64encode(runtime().secretbox.encrypt(text)).decode()


def fields_of(making: Making, draft: WidgetDraft) -> tuple[form.Field, ...]:
    look = Look(
        errors=making.faults,
        secrets_set=stored_secrets(making),
        secret_states=draft.params.secret_states,
        seal=_seal,
    )
    schema = drafts.schema_for(making.definition, drafts.chosen_kind(making.definition, draft.params.values))
    return form.build(schema, draft.params.values, look)


def show(making: Making) -> str:
    """The whole page."""
    definition, draft, widget = making.definition, making.draft, making.widget
    fields = fields_of(making, draft)
    kind = drafts.chosen_kind(definition, draft.params.values) or definition.kind
    return render_template(
        "widget_form.html",
        current=None,
        definition=definition,
        widget=widget,
        dashboard=making.dashboard,
        dashboards_to_choose=runtime().dashboards.all() if widget is None else [],
        **_words(making),
        form=draft,
        errors=draft.errors,
        source_fields=[one for one in fields if one.note == "data_source"],
        param_fields=[one for one in fields if one.note != "data_source"],
        leftovers=_leftovers(fields),
        **_faults(making, fields),
        stale=making.stale,
        focus=_focus(making, fields),
        **_tested(making),
        refreshes=definition.kind not in ("static", "push", "series") and kind != "series",
        testable=kind not in ("static", "push", "series"),
        next_runs=_next_runs(draft),
        least=definition.size_min,
        size=draft.size,
    )


def _words(making: Making) -> dict[str, str]:
    """Heading, addresses and the other words around the form."""
    definition, widget = making.definition, making.widget
    own = (
        f"on its schedule {definition.schedule}"
        if definition.schedule
        else interval_in_words(definition.refresh_interval)
    )
    return {
        "heading": f"Change “{widget.title or definition.name}”" if widget else f"Add {definition.name}",
        "subtitle": _subtitle(making),
        "action": url_for("plain.edit_widget", widget_id=widget.id)
        if widget
        else url_for("plain.new_widget", slug=definition.slug),
        "back": _back(making),
        "source_note": definition.kind if definition.kind != "any" else "",
        "own_refresh": own,
    }


def _faults(making: Making, fields: tuple[form.Field, ...]) -> dict[str, Any]:
    """What needs a fix: the list on top, and its count beside the button."""
    faults = _summary(making, fields)
    count = len(faults)
    return {
        "summary": faults,
        "summary_head": f"{counted(count, 'field').capitalize()} need{'s' if count == 1 else ''} a fix. Nothing is lost.",
        "summary_count": f"{count} field{' needs' if count == 1 else 's need'} a fix",
    }


def _tested(making: Making) -> dict[str, Any]:
    """The last test, its answer under the pick of now, and the preview."""
    definition, draft, trial = making.definition, making.draft, making.trial
    if trial is None:
        return {"trial": None, "token": "", "preview": preview_of(definition, making.widget, draft, None, False, False)}
    pick = _pick(making)
    data, error = reshaped(definition, trial, pick)
    is_current = trial.asked == asked_of(definition, drafts.given(definition, draft))
    return {
        "trial": tell(definition, trial, data, error, pick, can_pick=definition.shape is not None),
        "token": making.token,
        "preview": preview_of(definition, making.widget, draft, data, error is None, is_current),
    }


def _focus(making: Making, fields: tuple[form.Field, ...]) -> str | None:
    """The first field of the row that was just added or moved."""
    if making.focus is None:
        return None
    inside = (one.path for one in every_field(fields) if one.path.startswith(f"{making.focus}."))
    return next(inside, None)


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
    if cron_fault(draft.cron):
        return []
    runs, at = [], time.time()
    for _ in range(3):
        at = next_run(draft.cron, at)
        runs.append(at)
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


def stored_secrets(making: Making) -> Mapping[str, float]:
    return making.widget.secrets_set if making.widget else {}


def asked_of(definition: Definition, given: Mapping[str, Any]) -> Any:
    """What a test was run for, without what only shapes its answer."""
    found = drafts.source_param(definition)
    if found is None:
        return dict(given)
    source = given.get(found[0]) or {}
    return {name: value for name, value in source.items() if name != "pick"}
