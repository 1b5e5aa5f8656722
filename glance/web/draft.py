"""A widget while its form is open: what was typed, what of it can be read, and what placing it would take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from glance import form, shapes, sources
from glance.definition import Definition, cron_fault
from glance.errors import Invalid
from glance.form.picking import pick_from_form, pick_to_form
from glance.form.schema import Schema
from glance.model import Widget
from glance.placing import Placing
from glance.web.speech import by_path, sentence_of

UNITS_S = {"seconds": 1, "minutes": 60, "hours": 3600}
MAX_INTERVAL_S = 366 * 86400
MAX_ROWS = 40
Posted = form.Posted


@dataclass(slots=True)
class WidgetDraft:
    """All fields of the form as texts, the params as a form.Draft, and what is wrong by field name.

    `refresh` is one of every, schedule, opened, definition. Errors of params are by path, those of the rest by field name.
    """

    title: str = ""
    params: form.Draft = field(default_factory=form.Draft)
    refresh: str = "definition"
    every: str = "5"
    unit: str = "minutes"
    cron: str = ""
    w: str = ""
    h: str = ""
    keep_warm: bool = False
    version: int = 0
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def refresh_interval(self) -> int | None:
        """Seconds, 0 for "when opened", None where the schedule or the definition decides."""
        if self.refresh == "opened":
            return 0
        return int(float(self.every) * UNITS_S[self.unit]) if self.refresh == "every" else None

    @property
    def schedule(self) -> str | None:
        """The cron expression where that is chosen."""
        return self.cron if self.refresh == "schedule" else None

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows as far as they can be read; at least 1."""
        return _whole(self.w) or 1, _whole(self.h) or 1


def source_param(definition: Definition) -> tuple[str, Schema] | None:
    """The name and schema of the param that holds a general widget's source, or None."""
    for name, node in definition.params.get("properties", {}).items():
        if node.get("format") == "data_source":
            return name, node
    return None


def forms() -> dict[str, Schema]:
    """The form of every source kind that a general widget may choose; those that ask something of the outside first."""
    found = {name: module.FORM for name, module in sources.kinds().items() if module.PICKABLE}
    return dict(sorted(found.items(), key=lambda item: (item[0] not in ("http", "push"), item[0] != "http", item[0])))


def picking() -> frozenset[str]:
    """The kinds whose answer has to be mapped to a shape: those that fetch one."""
    return frozenset(name for name, module in sources.kinds().items() if module.FETCHES)


def shape_of(definition: Definition, node: Schema) -> str:
    """The shape a general widget draws."""
    return str(definition.shape or node.get("shape") or "value")


def schema_for(definition: Definition, kind: str | None) -> Schema:
    """The params as a form shows them: the source param with the fields of the chosen kind."""
    found = source_param(definition)
    if found is None:
        return definition.params
    name, node = found
    shaped = {**node, "shape": shape_of(definition, node)}
    whole = form.data_source_schema(shaped, kind, forms(), picking())
    return {**definition.params, "properties": {**definition.params["properties"], name: whole}}


def chosen_kind(definition: Definition, values: Mapping[str, Any]) -> str | None:
    """The source kind in these params, or the default one."""
    found = source_param(definition)
    if found is None:
        return None
    given = values.get(found[0]) or found[1].get("default") or {}
    kind = given.get("kind") if isinstance(given, Mapping) else None
    return kind if isinstance(kind, str) else None


def fresh(definition: Definition) -> WidgetDraft:
    """The form of a widget that is not there yet."""
    return WidgetDraft(
        title=definition.name,
        w=str(definition.size_default[0]),
        h=str(definition.size_default[1]),
        every=_every(definition.refresh_interval)[0],
        unit=_every(definition.refresh_interval)[1],
    )


def of_widget(definition: Definition, widget: Widget) -> WidgetDraft:
    """The form of a stored widget."""
    draft = fresh(definition)
    draft.title, draft.version = widget.title, widget.version
    draft.w, draft.h = str(widget.place.w), str(widget.place.h)
    draft.keep_warm = bool(widget.settings.get("keep_warm"))
    draft.params.values = _to_form(definition, dict(widget.params))
    if widget.schedule:
        draft.refresh, draft.cron = "schedule", widget.schedule
    elif widget.refresh_interval == 0:
        draft.refresh = "opened"
    elif widget.refresh_interval:
        draft.refresh = "every"
        draft.every, draft.unit = _every(widget.refresh_interval)
    return draft


def of_post(definition: Definition, posted: Posted, unseal: Any, *, editing: bool) -> WidgetDraft:
    """The form as it was posted; `editing` keeps rows that are still blank."""
    kind = _posted_kind(definition, posted)
    draft = WidgetDraft(
        title=_text(posted, "title").strip(),
        params=form.read(schema_for(definition, kind), posted, unseal=unseal, keep_blank_rows=editing),
        refresh=_text(posted, "refresh", "definition"),
        every=_text(posted, "every").strip(),
        unit=_text(posted, "unit", "minutes"),
        cron=" ".join(_text(posted, "cron").split()),
        w=_text(posted, "w", str(definition.size_default[0])).strip(),
        h=_text(posted, "h", str(definition.size_default[1])).strip(),
        keep_warm=bool(_text(posted, "keep_warm")),
        version=_whole(_text(posted, "version")) or 0,
    )
    _check(draft, definition)
    return draft


def _posted_kind(definition: Definition, posted: Posted) -> str | None:
    found = source_param(definition)
    return _text(posted, f"p.{found[0]}.kind") or None if found else None


def _check(draft: WidgetDraft, definition: Definition) -> None:
    """What is wrong beside the params."""
    if len(draft.title) > 120:
        draft.errors["title"] = "At most 120 characters."
    low_w, low_h = definition.size_min
    if not low_w <= (_whole(draft.w) or 0) <= 12:
        draft.errors["w"] = f"Columns: a whole number from {low_w} to 12."
    if not low_h <= (_whole(draft.h) or 0) <= MAX_ROWS:
        draft.errors["h"] = f"Rows: a whole number from {low_h} to {MAX_ROWS}."
    if draft.unit not in UNITS_S:
        draft.unit = "minutes"
    if draft.refresh == "every":
        every = draft.every.replace(",", ".")
        if (
            not every.replace(".", "", 1).isdecimal()
            or not every.isascii()
            or not 1 <= float(every) * UNITS_S[draft.unit] <= MAX_INTERVAL_S
        ):
            draft.errors["every"] = "Refresh every: a number of seconds, minutes or hours, at least one second."
        else:
            draft.every = every
    elif draft.refresh == "schedule":
        fault = cron_fault(draft.cron) if draft.cron else "is missing"
        if fault:
            draft.errors["cron"] = (
                f"Schedule: {sentence_of(fault).lower()}"
                if draft.cron
                else "Schedule: write a cron expression such as */15 7-23 * * *."
            )
    elif draft.refresh not in ("opened", "definition"):
        draft.refresh = "definition"


def given(definition: Definition, draft: WidgetDraft) -> dict[str, Any]:
    """The params as placing takes them: picks in their stored form."""
    found = source_param(definition)
    values = dict(draft.params.values)
    if found and isinstance(values.get(found[0]), Mapping) and "pick" in values[found[0]]:
        shape = shape_of(definition, found[1])
        pick = pick_from_form(shape, values[found[0]]["pick"])
        values[found[0]] = (
            {**values[found[0]], "pick": pick} if pick else {k: v for k, v in values[found[0]].items() if k != "pick"}
        )
    return values


def _to_form(definition: Definition, values: dict[str, Any]) -> dict[str, Any]:
    found = source_param(definition)
    if found and isinstance(values.get(found[0]), Mapping) and "pick" in values[found[0]]:
        shape = shape_of(definition, found[1])
        values[found[0]] = {**values[found[0]], "pick": pick_to_form(shape, values[found[0]]["pick"])}
    return values


def param_faults(placing: Placing, definition: Definition, draft: WidgetDraft, widget: Widget | None) -> dict[str, str]:
    """What is wrong with the params, by path; secrets that are stored already count as given."""
    whole = given(definition, draft)
    found: dict[str, str] = {}
    try:
        placing.whole_params(definition, whole, widget)
    except Invalid as error:
        found = by_path(error)
    source = source_param(definition)
    if source is not None:
        value = whole.get(source[0])
        pick = value.get("pick") if isinstance(value, Mapping) else None
        for fault in shapes.check_pick(pick, shape_of(definition, source[1])):
            found.setdefault(f"{source[0]}.{fault.field}", sentence_of(fault.message))
    return found | draft.params.errors


def _every(seconds: int) -> tuple[str, str]:
    """Seconds in the largest unit that fits."""
    if not seconds:
        return "5", "minutes"
    for unit in ("hours", "minutes"):
        if seconds % UNITS_S[unit] == 0:
            return str(seconds // UNITS_S[unit]), unit
    return str(seconds), "seconds"


def _text(posted: Posted, name: str, default: str = "") -> str:
    values = posted.get(name)
    return values[-1] if values else default


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
