"""GET /widgets/<id>/points?range=7d: the lines of a chart of stored samples over another time than the saved one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, request

from glance.errors import FieldError, Invalid, NotFound
from glance.series import RANGE_S
from glance.web import runtime

blueprint = Blueprint("ranges", __name__)


@blueprint.get("/widgets/<widget_id>/points")
def points(widget_id: str) -> Any:
    """`{"series": [{label, unit, points: [[t, v | null], …]}]}`, t in Unix seconds; 404 where the widget shows something else."""
    rt = runtime()
    widget = rt.widgets.get(widget_id)
    if rt.series.source_of(widget) is None:
        raise NotFound("This widget does not show stored samples.")
    span = request.args.get("range", "24h")
    if span not in RANGE_S:
        raise Invalid("The range is not known.", [FieldError("range", f"must be one of: {', '.join(RANGE_S)}")])
    return jsonify(rt.series.points(widget, span, rt.clock()))
