"""The card beside the form: drawn from the tested answer, else from what the widget shows now, else from the example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from glance import params
from glance.cards import CardError
from glance.definition import Definition
from glance.errors import Invalid
from glance.model import Widget
from glance.web import draft as drafts
from glance.web import runtime
from glance.web.draft import WidgetDraft
from glance.web.gallery import sample


@dataclass(frozen=True, slots=True)
class Preview:
    """What stands in the preview: a body, or a headline and a sentence why there is none."""

    body: Markup | None
    state: str
    with_what: str
    headline: str = ""
    sentence: str = ""


def preview_of(
    definition: Definition, widget: Widget | None, draft: WidgetDraft, data: Any, tested: bool, is_current: bool
) -> Preview:
    """The card with the params of the form as far as they fit."""
    given, fits = _usable_params(definition, draft)
    example = sample(definition, given, draft.title, draft.size)
    if definition.frames:
        return Preview(None, "empty", "", "Shown on the dashboard", "A page of another site is loaded there only.")
    note = "" if fits else "Some fields need a fix first; the preview leaves them out."
    if tested:
        return _drawn(
            definition, example, data, "with the tested answer" if is_current else "with the answer tested before", note
        )
    if definition.kind == "static":
        return _drawn(definition, example, static_data(definition, given), "as it will be", note)
    if widget is not None:
        view = runtime().refresher.peek([widget]).get(widget.id)
        if view is not None and view.has_data:
            return _drawn(definition, example, view.data, "with its data of now", note)
    if definition.example is not None:
        return _drawn(definition, example, definition.example, "with an example", note)
    return Preview(None, "empty", "", "Nothing to show yet", "Test the source to see the card.")


def static_data(definition: Definition, given: dict[str, Any]) -> Any:
    """The data of a static widget: its params, beside what the manifest gives."""
    fixed = definition.source.get("data")
    return {**fixed, **given} if isinstance(fixed, dict) else given


def _usable_params(definition: Definition, draft: WidgetDraft) -> tuple[dict[str, Any], bool]:
    """The params of the form without what does not fit, defaults filled in; and whether all of them fit."""
    given = params.take_secrets(
        drafts.schema_for(definition, drafts.chosen_kind(definition, draft.params.values)),
        drafts.given(definition, draft),
    )[0]
    try:
        return params.parse(definition.params, given, forms=drafts.forms()), True
    except Invalid as error:
        bad = {fault.field.removeprefix("params.").split(".")[0] for fault in error.errors}
        missing = all(fault.message == "is missing" for fault in error.errors)
        return params.with_defaults(
            definition.params, {name: value for name, value in given.items() if name not in bad}
        ), missing


def _drawn(definition: Definition, widget: Widget, data: Any, with_what: str, note: str) -> Preview:
    try:
        return Preview(runtime().cards.body(definition, widget, data), "fresh", with_what, sentence=note)
    except CardError as error:
        return Preview(None, "error", with_what, "The card cannot be drawn with this", error.sentence)
