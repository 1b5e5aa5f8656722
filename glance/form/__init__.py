"""Forms made from a JSON Schema: fields to show, what was posted read back, rows added and moved. Pure; knows no web."""

from glance.form.fields import Field, Look, build, laid_out
from glance.form.picking import data_source_schema, pick_from_click
from glance.form.posted import Draft, Posted, read
from glance.form.rows import edit_rows

__all__ = [
    "Draft",
    "Field",
    "Look",
    "Posted",
    "build",
    "data_source_schema",
    "edit_rows",
    "laid_out",
    "pick_from_click",
    "read",
]
