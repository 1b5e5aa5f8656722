"""A posted form read back into params, by the schema the form was made from."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from glance.form.schema import MISSING, Schema, is_shown, kind_of, type_of

Posted = Mapping[str, Sequence[str]]
"""Field name -> its values, as `request.form.to_dict(flat=False)` gives it."""

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
SPACES = re.compile(r"[\s\u00a0\u202f\u2009']")
MAX_ROWS = 500


@dataclass(slots=True)
class Draft:
    """What a form holds while it is being filled in.

    `values` are params with types where they could be read and the typed text where not; `errors` say by path why not.
    A secret is in `values` only when it was typed (text) or removed (None); `secret_states` remembers new and clear by path.
    """

    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    secret_states: dict[str, str] = field(default_factory=dict)


def read(
    schema: Schema,
    posted: Posted,
    *,
    prefix: str = "p",
    unseal: Callable[[str], str | None] = str,
    keep_blank_rows: bool = False,
    only_present: bool = False,
) -> Draft:
    """Read the fields of `schema` out of a posted form.

    Empty optional fields are left out, so that defaults apply. `keep_blank_rows` keeps rows nothing was typed into (while
    editing). `only_present` leaves alone what the form did not carry: for small forms within a card.
    """
    reader = _Reader(posted, Draft(), unseal, keep_blank_rows, only_present)
    reader.draft.values = reader.object(schema, prefix, "") or {}
    return reader.draft


@dataclass(slots=True)
class _Reader:
    posted: Posted
    draft: Draft
    unseal: Callable[[str], str | None]
    keep_blank_rows: bool
    only_present: bool

    def text(self, name: str) -> str | None:
        values = self.posted.get(name)
        return values[-1].replace("\r\n", "\n") if values else None

    def carried(self, name: str) -> bool:
        """True where the form carried this field or something within it."""
        start = f"{name}."
        return name in self.posted or any(key.startswith(start) for key in self.posted)

    def object(self, schema: Schema, name: str, path: str) -> dict[str, Any] | None:
        """All properties that are shown; None where nothing at all was filled in."""
        found: dict[str, Any] = {}
        required = schema.get("required") or ()
        properties = schema.get("properties") or {}
        for key, node in properties.items():
            child = f"{name}.{key}" if name else key
            if self.only_present and not self.carried(child):
                continue
            around = {other: one.get("default") for other, one in properties.items()} | found
            if not is_shown(node, around):
                continue
            value = self.value(node, child, f"{path}.{key}" if path else key, key in required)
            if value is not MISSING:
                found[key] = value
        return found or None

    def value(self, schema: Schema, name: str, path: str, required: bool) -> Any:
        kind = kind_of(schema)
        if kind == "boolean":
            return any(value not in ("", "0", "false") for value in self.posted.get(name, ()))
        if kind == "secret":
            return self.secret(name, path)
        if kind == "group":
            inner = self.object(schema, name, path)
            return inner if inner is not None else ({} if required else MISSING)
        if kind == "rows":
            return self.rows(schema, name, path, required)
        if kind == "checks":
            return self.checks(schema, name, required)
        text = self.text(name)
        if text is None or (kind != "textarea" and not text.strip()):
            return self.blank(schema, kind, text, required)
        return self.typed(schema, kind, text, path)

    def blank(self, schema: Schema, kind: str, text: str | None, required: bool) -> Any:
        """An empty control: a cleared default stays cleared where the schema allows it, else the key is left out."""
        if kind == "lines":
            return [] if required or schema.get("default") else MISSING
        is_free_text = kind in ("text", "textarea") and not schema.get("pattern") and not schema.get("minLength")
        return "" if text is not None and is_free_text and schema.get("default") else MISSING

    def typed(self, schema: Schema, kind: str, text: str, path: str) -> Any:
        if kind == "number":
            return self.number(schema, text, path)
        if kind == "select":
            return next((choice for choice in schema["enum"] if _same(choice, text)), text)
        if kind == "lines":
            items = schema.get("items") or {}
            lines = [line.strip() for line in text.split("\n") if line.strip()]
            if kind_of(items) == "number":
                return [self.number(items, line, path) for line in lines]
            return lines
        if kind == "json":
            return self.json(text, path)
        if kind == "textarea":
            return text if text or schema.get("default") else MISSING
        return text.strip()

    def number(self, schema: Schema, text: str, path: str) -> Any:
        plain = SPACES.sub("", text).replace("−", "-")
        if "," in plain and "." not in plain:
            plain = plain.replace(",", ".")
        if not NUMBER.fullmatch(plain):
            self.draft.errors[path] = _number_sentence(schema)
            return text.strip()
        value = float(plain)
        if type_of(schema) == "integer" and not value.is_integer():
            self.draft.errors[path] = _number_sentence(schema)
            return text.strip()
        return int(value) if value.is_integer() and abs(value) < 2**53 else value

    def json(self, text: str, path: str) -> Any:
        try:
            return json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            line = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
            self.draft.errors[path] = f"This is not JSON{line}."
            return text

    def checks(self, schema: Schema, name: str, required: bool) -> Any:
        choices = (schema.get("items") or {}).get("enum") or []
        ticked = set(self.posted.get(name, ()))
        chosen = [choice for choice in choices if any(_same(choice, text) for text in ticked)]
        return chosen if chosen or required or schema.get("default") else MISSING

    def secret(self, name: str, path: str) -> Any:
        """A typed secret (or the sealed one from the round before), None for a removed one, MISSING to keep the stored one."""
        typed, sealed, state = self.text(name), self.text(f"{name}.sealed"), self.text(f"{name}.state")
        if state in ("new", "clear"):
            self.draft.secret_states[path] = state
        if typed and typed.strip():
            return typed.strip()
        if sealed:
            opened = self.unseal(sealed)
            if opened:
                return opened
        return None if state == "clear" else MISSING

    def rows(self, schema: Schema, name: str, path: str, required: bool) -> Any:
        items: Schema = schema.get("items") or {}
        found: list[Any] = []
        for index in self.indices(name):
            row_path = f"{path}.{len(found)}"
            row = self.object(items, f"{name}.{index}", row_path)
            if row is not None and not self.keep_blank_rows and _is_blank(items, row):
                row = None
            if row is not None or self.keep_blank_rows:
                found.append(row or {})
            else:
                self.forget(row_path)
        return found if found or required or schema.get("default") else MISSING

    def indices(self, name: str) -> list[int]:
        """The row numbers that the form carried; gaps are allowed, the order is theirs."""
        start, seen = f"{name}.", set()
        for key in self.posted:
            head = key[len(start) :].split(".", 1)[0] if key.startswith(start) else ""
            if head.isascii() and head.isdigit() and len(head) <= 4:
                seen.add(int(head))
        return sorted(seen)[:MAX_ROWS]

    def forget(self, path: str) -> None:
        """Drop what was noted about a row that is not kept."""
        for noted in (self.draft.errors, self.draft.secret_states):
            for key in [key for key in noted if key.startswith(f"{path}.")]:
                del noted[key]


def _is_blank(schema: Schema, row: Mapping[str, Any]) -> bool:
    """True where a row holds nothing but what an untouched one would."""
    nodes = schema.get("properties") or {}
    return all(
        value in (False, None, "", [], {}) or value == _untouched(nodes.get(key, {})) for key, value in row.items()
    )


def _untouched(schema: Schema) -> Any:
    """What a control gives that nobody touched: its default, and for a select without one its first choice."""
    return schema.get("default", (schema.get("enum") or [None])[0])


def _same(choice: Any, text: str) -> bool:
    if isinstance(choice, bool):
        return text == ("true" if choice else "")
    return choice is not None and str(choice) == text


def _number_sentence(schema: Schema) -> str:
    what = "A whole number" if type_of(schema) == "integer" else "A number"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{what} from {low} to {high}."
    if low is not None:
        return f"{what}, at least {low}."
    return f"{what}, at most {high}." if high is not None else f"{what}."


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
