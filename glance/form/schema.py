"""How one node of a params schema is put to a person: which kind of control it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

MISSING: Final = object()
"""A field that was left empty: the key is not there at all, so that a default can apply."""

TEXTAREA_FORMATS = ("text", "markdown", "multiline", "html", "textarea")
URL_FORMATS = ("url", "uri", "http-url")
COLOUR_FORMATS = ("colour", "color")
PLAIN_FORMATS = {
    "code": "code",
    "cron": "code",
    "date": "date",
    "time": "time",
    "date-time": "datetime-local",
    "email": "email",
}


def type_of(schema: Schema) -> str:
    """The first type that is not null; guessed from other keys where it is not written."""
    types = schema.get("type")
    if isinstance(types, list):
        types = next((name for name in types if name != "null"), "string")
    if isinstance(types, str):
        return types
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def kind_of(schema: Schema) -> str:
    """One of: secret select boolean number text code url textarea colour lines checks rows group json date time datetime-local email."""
    of_type, form = type_of(schema), schema.get("format")
    if form == "secret":
        return "secret"
    if schema.get("enum"):
        return "select"
    if of_type == "boolean":
        return "boolean"
    if of_type in ("number", "integer"):
        return "number"
    if of_type == "array":
        return _list_kind(schema.get("items") or {})
    if of_type == "object":
        return "group" if schema.get("properties") else "json"
    return _text_kind(form)


def _list_kind(items: Schema) -> str:
    if items.get("enum"):
        return "checks"
    if type_of(items) == "object" and items.get("properties"):
        return "rows"
    return "lines" if type_of(items) in ("string", "number", "integer") else "json"


def _text_kind(form: Any) -> str:
    if form in TEXTAREA_FORMATS:
        return "textarea"
    if form in URL_FORMATS:
        return "url"
    if form in COLOUR_FORMATS:
        return "colour"
    return PLAIN_FORMATS.get(form, "text") if isinstance(form, str) else "text"


def is_shown(schema: Schema, around: Any) -> bool:
    """False where `when: {field: [values]}` names a neighbour in `around` whose value is another one."""
    when = schema.get("when")
    if not isinstance(when, Mapping):
        return True
    for name, wanted in when.items():
        value = around.get(name) if isinstance(around, Mapping) else None
        if value not in (wanted if isinstance(wanted, list) else [wanted]):
            return False
    return True


def at_path(schema: Schema, path: str) -> Schema | None:
    """The node of the schema that a dotted path of values leads to; None where there is none."""
    node: Schema | None = schema
    for part in path.split("."):
        if node is None:
            return None
        if type_of(node) == "array" and part.isdigit():
            node = node.get("items")
        else:
            node = (node.get("properties") or {}).get(part)
    return node
