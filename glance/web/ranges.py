"""GET /widgets/<id>/points?range=7d: the lines of a chart of stored samples over another time than the saved one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, jsonify, request

from glance.definition import Definition
from glance.errors import FieldError, Invalid, NotFound
from glance.model import Widget
from glance.runtime import Runtime
from glance.series import RANGE_S
from glance.web import runtime

blueprint = Blueprint("ranges", __name__)

# What the picker on a card offers.
RANGES = ("1h", "24h", "7d", "30d")


@blueprint.get("/widgets/<widget_id>/points")
def points(widget_id: str) -> Any:
    """`{"series": [{label, unit, points: [[t, v | null], …]}]}`, t in Unix seconds; 404 where the widget shows something else."""
    rt = runtime()
    return jsonify(lines_of(rt, rt.widgets.get(widget_id)))


def lines_of(rt: Runtime, widget: Widget) -> dict[str, Any]:
    """The lines over the range that this request asks for; NotFound and Invalid say what is wrong with it."""
    if rt.series.source_of(widget) is None:
        raise NotFound("This widget does not show stored samples.")
    span = request.args.get("range", "24h")
    if span not in RANGE_S:
        raise Invalid("The range is not known.", [FieldError("range", f"must be one of: {', '.join(RANGE_S)}")])
    return rt.series.points(widget, span, rt.clock())


def saved_range(widget: Widget) -> str:
    """The range that a chart of stored samples was made for."""
    return str((widget.params.get("data_source") or {}).get("range", "24h"))


def has_range(widget: Widget, definition: Definition | None) -> bool:
    """Whether the card is a chart of stored samples, which can show other ranges than the saved one."""
    source = widget.params.get("data_source")
    return (
        definition is not None
        and "chart" in definition.assets
        and isinstance(source, Mapping)
        and source.get("kind") == "series"
    )
