"""A schema and values made into fields that a template can draw."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from glance.form.schema import Schema, is_shown, kind_of, type_of

SHORT_KINDS = frozenset({"number", "select", "colour", "date", "time"})
SHORT_CHARS = 60
INLINE_KINDS = frozenset({"text", "url", "number", "select", "colour"})


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a select or a group of check boxes."""

    value: str
    label: str
    selected: bool


@dataclass(frozen=True, slots=True)
class Secret:
    """What may be said of a secret: `state` is set, empty, held (typed, not yet saved), open (being replaced) or cleared.

    `set_at` is when it was stored (Unix seconds); `sealed` carries a typed one through the form, encrypted.
    """

    state: str
    set_at: float | None = None
    sealed: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One control: `name` as it is posted, `path` within the params, `id` in the page, `kind` as schema.kind_of names them.

    `turns`: other fields come and go with its value. `tucked`: rarely needed, may stand folded away. `note` is a group's format.
    `is_set`: it holds something else than it would if nobody had touched it.
    """

    kind: str
    name: str
    path: str
    id: str
    label: str
    help: str
    required: bool
    value: str
    error: str
    attrs: Mapping[str, str]
    options: tuple[Option, ...] = ()
    children: tuple[Field, ...] = ()
    rows: tuple[tuple[Field, ...], ...] = ()
    secret: Secret | None = None
    suffix: str = ""
    is_short: bool = False
    is_inline: bool = False
    is_full: bool = False
    turns: bool = False
    tucked: bool = False
    note: str = ""
    is_set: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What building needs beside schema and values.

    `secrets_set` maps the path of each stored secret to when it was stored; `secret_states` what the form was told
    (new, clear); `seal` makes a typed secret unreadable for its way through the page.
    """

    prefix: str = "p"
    errors: Mapping[str, str] = field(default_factory=dict)
    secrets_set: Mapping[str, float] = field(default_factory=dict)
    secret_states: Mapping[str, str] = field(default_factory=dict)
    seal: Callable[[str], str] = str


def build(schema: Schema, values: Mapping[str, Any], look: Look) -> tuple[Field, ...]:
    """The fields of an object schema, in its order, filled with `values` and else with the defaults."""
    return tuple(_children(schema, values, "", look))


def _children(schema: Schema, values: Any, path: str, look: Look) -> Iterator[Field]:
    required = schema.get("required") or ()
    values = values if isinstance(values, Mapping) else {}
    around = {name: node.get("default") for name, node in (schema.get("properties") or {}).items()} | dict(values)
    turning = {key for node in (schema.get("properties") or {}).values() for key in node.get("when") or ()}
    for name, node in (schema.get("properties") or {}).items():
        if is_shown(node, around):
            value = values.get(name, node.get("default"))
            made = _field(node, value, f"{path}.{name}" if path else name, name in required, look)
            yield replace(made, turns=True) if name in turning else made


def _field(schema: Schema, value: Any, path: str, required: bool, look: Look) -> Field:
    kind = kind_of(schema)
    name = f"{look.prefix}.{path}" if look.prefix else path
    extra: dict[str, Any] = {}
    if kind == "group":
        extra["children"] = tuple(_children(schema, value, path, look))
    elif kind == "rows":
        extra |= _rows(schema, value, path, look)
    elif kind == "secret":
        extra["secret"] = _secret(value, path, look)
    elif kind in ("select", "checks"):
        extra["options"] = tuple(_options(schema, value, kind, required))
    return Field(
        kind=kind,
        name=name,
        path=path,
        id=name.replace(".", "-"),
        label=_label(schema, path),
        help=str(schema.get("description") or ""),
        required=required,
        value="" if kind == "secret" else shown(value, kind),
        error=look.errors.get(path, ""),
        attrs=_attrs(schema, kind, value, required),
        is_short=kind in SHORT_KINDS or (kind == "text" and 0 < schema.get("maxLength", 0) <= SHORT_CHARS),
        suffix=str(schema.get("suffix") or ""),
        tucked=bool(schema.get("tucked")),
        note=str(schema.get("format") or "") if kind == "group" else "",
        is_set=_is_set(schema, value, kind, extra),
        **extra,
    )


def _is_set(schema: Schema, value: Any, kind: str, extra: Mapping[str, Any]) -> bool:
    if kind == "group":
        return any(child.is_set for child in extra["children"])
    if kind == "secret":
        return bool(extra["secret"].state != "empty")
    return (
        value not in (None, "", [], {}, False) and value != schema.get("default")
        if kind != "boolean"
        else bool(value) != bool(schema.get("default"))
    )


def _rows(schema: Schema, value: Any, path: str, look: Look) -> dict[str, Any]:
    items = schema.get("items") or {}
    if isinstance(value, Mapping) and {"name", "value"} <= set(items.get("properties") or {}):
        value = [{"name": name, "value": text} for name, text in value.items()]
    entries = value if isinstance(value, list) else [{}] if schema.get("minItems") else []
    rows = tuple(tuple(_children(items, entry, f"{path}.{index}", look)) for index, entry in enumerate(entries))
    kinds = [kind_of(node) for node in (items.get("properties") or {}).values()]
    most = schema.get("maxItems")
    return {
        "rows": rows,
        "is_inline": len(kinds) <= 2 and all(kind in INLINE_KINDS for kind in kinds),
        "is_full": isinstance(most, int) and len(rows) >= most,
    }


def _secret(value: Any, path: str, look: Look) -> Secret:
    set_at, state = look.secrets_set.get(path), look.secret_states.get(path)
    if isinstance(value, str) and value:
        return Secret("held", set_at, look.seal(value))
    if state == "clear":
        return Secret("cleared", set_at)
    if state == "new":
        return Secret("open", set_at)
    return Secret("set" if path in look.secrets_set else "empty", set_at)


def _options(schema: Schema, value: Any, kind: str, required: bool) -> Iterator[Option]:
    source = schema if kind == "select" else schema.get("items") or {}
    titles = source.get("titles") or {}
    chosen = value if isinstance(value, list) else [value]
    picked = [shown(one, kind) for one in chosen if one is not None]
    if kind == "select" and not required and "default" not in schema:
        yield Option("", "–", not picked)
    for choice in source["enum"]:
        text = shown(choice, kind)
        yield Option(text, str(_title_of(titles, source["enum"], choice) or spoken(text)), text in picked)


def _title_of(titles: Any, choices: Sequence[Any], choice: Any) -> Any:
    """The words for a choice, from `titles` as a mapping or as a list beside `enum`."""
    if isinstance(titles, Mapping):
        return titles.get(choice, titles.get(str(choice)))
    index = list(choices).index(choice)
    return titles[index] if isinstance(titles, Sequence) and index < len(titles) else None


def _label(schema: Schema, path: str) -> str:
    return str(schema.get("title") or spoken(path.rsplit(".", 1)[-1]))


def spoken(name: str) -> str:
    """`max_items` as a person says it: Max items."""
    words = name.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def shown(value: Any, kind: str) -> str:
    """A value as the text of its control; what could not be read comes back as it was typed."""
    if value is None or kind in ("group", "rows"):
        return ""
    if isinstance(value, bool):
        return "true" if value else ""
    if kind == "lines" and isinstance(value, list):
        return "\n".join(shown(line, "text") for line in value)
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, int | float) else json.dumps(value, ensure_ascii=False, indent=2)


def _attrs(schema: Schema, kind: str, value: Any, required: bool) -> dict[str, str]:
    """HTML attributes that help typing; the answer is checked on the server all the same."""
    attrs: dict[str, str] = {}
    example = schema.get("placeholder") or next(iter(schema.get("examples") or ()), None)
    if example is not None:
        attrs["placeholder"] = "\n".join(map(str, example)) if isinstance(example, list) else shown(example, kind)
    if kind == "number":
        attrs["inputmode"] = "numeric" if type_of(schema) == "integer" else "decimal"
    if kind == "url":
        attrs |= {"inputmode": "url", "spellcheck": "false", "autocapitalize": "off"}
    if isinstance(schema.get("maxLength"), int) and kind in ("text", "textarea", "url"):
        attrs["maxlength"] = str(schema["maxLength"])
    if kind in ("textarea", "lines", "json"):
        lines = shown(value, kind).count("\n") + 1
        attrs["rows"] = str(max(3 if kind == "lines" else 5, min(lines + 1, 16)))
    if schema.get("suggest"):
        attrs["list"] = f"suggest-{schema['suggest']}"
    if required and kind not in ("boolean", "checks", "secret"):
        attrs["aria-required"] = "true"
    return attrs


def laid_out(fields: Sequence[Field]) -> Iterator[tuple[Field, ...]]:
    """Fields in the lines they stand in: two short ones after each other share a line."""
    waiting: Field | None = None
    for one in fields:
        if not one.is_short:
            if waiting is not None:
                yield (waiting,)
            waiting = None
            yield (one,)
        elif waiting is None:
            waiting = one
        else:
            yield (waiting, one)
            waiting = None
    if waiting is not None:
        yield (waiting,)


def every_field(fields: Sequence[Field]) -> Iterator[Field]:
    """All fields with those inside groups and rows, in the order of the page."""
    for one in fields:
        yield one
        yield from every_field(one.children)
        for row in one.rows:
            yield from every_field(row)


def is_touched(fields: Sequence[Field]) -> bool:
    """True where one of these fields was filled in or has a fault, so that it must be seen."""
    return any(one.is_set or one.error for one in every_field(fields))
