"""The `data_source` of a general widget as a form, and what a click on a value of a tested answer means for its `pick`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from glance.form.schema import Schema

KIND_TITLES = {
    "http": "A web address (JSON, XML or text)",
    "push": "Sent to Glance by a script",
    "static": "Written here",
    "feed": "Feeds",
    "calendar": "Calendars",
    "monitor": "Checks of services",
    "system": "This computer",
    "query": "A table",
    "series": "Sensors",
}
TIME_NAMES = ("t", "at", "time", "ts", "timestamp", "date", "datetime", "start", "created_at", "day", "hour")
STEP = re.compile(r'\.?("(?:[^"\\]|\\.)*"|[A-Za-z_]\w*)|\[(\d+)\]')

_PATH = {"type": "string", "format": "jmespath"}
_COLUMN_FORMATS = ["text", "number", "bytes", "percent", "duration", "date", "ago", "link", "pill"]

PICK: Mapping[str, Schema] = {
    "value": {
        "type": "object",
        "title": "What to take from the answer",
        "required": ["value"],
        "properties": {
            "value": _PATH
            | {
                "title": "Value",
                "placeholder": "main.temp",
                "description": "A JMESPath. Test the source and click a value to fill it in.",
            },
            "unit": {"type": "string", "title": "Unit", "placeholder": "°C"},
            "label": {"type": "string", "title": "Label"},
        },
    },
    "points": {
        "type": "object",
        "title": "What to take from the answer",
        "properties": {
            "series": {
                "type": "array",
                "title": "Lines",
                "maxItems": 8,
                "default": [{}],
                "description": "For each line a JMESPath that gives pairs of time and value. Test the source and click a value to fill it in.",
                "items": {
                    "type": "object",
                    "required": ["points"],
                    "properties": {
                        "points": _PATH | {"title": "Points", "placeholder": "rows[*].[t, v]"},
                        "label": {"type": "string", "title": "Label"},
                        "unit": {"type": "string", "title": "Unit"},
                    },
                },
            },
        },
    },
    "rows": {
        "type": "object",
        "title": "What to take from the answer",
        "required": ["rows"],
        "properties": {
            "rows": _PATH
            | {
                "title": "Rows",
                "placeholder": "items",
                "description": "A JMESPath to a list. Test the source and click the list, or a value in it.",
            },
            "columns": {
                "type": "array",
                "title": "Columns",
                "maxItems": 12,
                "description": "Empty: those of the first row.",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string", "title": "Name"},
                        "title": {"type": "string", "title": "Heading"},
                        "format": {"type": "string", "title": "Format", "enum": _COLUMN_FORMATS, "default": "text"},
                    },
                },
            },
        },
    },
}


def data_source_schema(
    node: Schema, kind: str | None, forms: Mapping[str, Schema], picking: frozenset[str]
) -> dict[str, Any]:
    """The schema of a `format: data_source` param for the chosen kind: its select, the kind's own fields, and the pick.

    `forms` are the fields of each kind that may be chosen; `picking` names the kinds whose answer has to be mapped.
    """
    chosen = kind if kind in forms else next(iter(forms), None)
    shape = str(node.get("shape") or "value")
    properties: dict[str, Any] = {
        "kind": {
            "type": "string",
            "title": "Where the data comes from",
            "enum": list(forms),
            "titles": {name: KIND_TITLES.get(name, name) for name in forms},
            "default": chosen,
        }
    }
    required = ["kind"]
    if chosen is not None:
        needed = list(forms[chosen].get("required") or [])
        asked = forms[chosen].get("properties") or {}
        properties |= {name: one for name, one in asked.items() if name in needed}
        if chosen in picking and shape in PICK:
            properties["pick"] = PICK[shape]
        properties |= {name: {**one, "tucked": True} for name, one in asked.items() if name not in needed}
        required += needed
    return {**node, "type": "object", "required": required, "properties": properties}


def pick_to_form(shape: str, pick: Any) -> dict[str, Any]:
    """A stored pick as the form holds it: `points` in all its forms becomes a list of lines."""
    if shape == "points":
        lines = pick if isinstance(pick, list) else [pick] if isinstance(pick, Mapping) and pick else []
        return {"series": [dict(line) for line in lines if isinstance(line, Mapping)]} if lines else {}
    return dict(pick) if isinstance(pick, Mapping) else {}


def pick_from_form(shape: str, pick: Any) -> Any:
    """What the form holds as a pick: one line stands alone, several as a list; empty lines are left out."""
    if shape != "points" or not isinstance(pick, Mapping):
        return pick
    lines = [line for line in pick.get("series") or [] if isinstance(line, Mapping) and line.get("points")]
    return lines[0] if len(lines) == 1 else lines


def pick_from_click(shape: str, path: str, answer: Any, before: Mapping[str, Any]) -> dict[str, Any]:
    """The form's pick after a click on the value at `path` (a plain JMESPath) of a tested answer."""
    steps = _steps(path)
    if shape == "value":
        return {**before, "value": path}
    if shape == "points":
        lines = [line for line in before.get("series") or [] if isinstance(line, Mapping) and line.get("points")]
        return {**before, "series": [*lines, _line(steps, answer)]}
    return _row_pick(steps, answer, before)


def _row_pick(steps: list[str | int], answer: Any, before: Mapping[str, Any]) -> dict[str, Any]:
    """A click on a list takes it with its first plain columns; on a value within it, adds that column."""
    around, inside = _last_list(steps)
    if around is None:
        return {**before, "rows": _text(steps)}
    rows = _text(around)
    if not inside or before.get("rows") != rows:
        columns = [{"name": name} for name in _plain_keys(_at(answer, [*around, 0]))[:6]]
        if inside:
            columns = [{"name": _text(inside)}]
        return {"rows": rows, "columns": columns}
    names = [column.get("name") for column in before.get("columns") or []]
    column = _text(inside)
    return {**before, "columns": [*(before.get("columns") or []), *([{"name": column}] if column not in names else [])]}


def _line(steps: list[str | int], answer: Any) -> dict[str, Any]:
    """Pairs of time and value from wherever the click fell: a list of pairs, of objects, of numbers, or one value of them."""
    around, inside = _last_list(steps)
    found = _at(answer, steps)
    if isinstance(found, list):
        around, inside = steps, []
    if around is None:
        return {"points": _text(steps)}
    first = _at(answer, [*around, 0])
    base = _text(around)
    if isinstance(first, Mapping):
        value = inside or [next((name for name in _plain_keys(first) if _is_number(first[name])), "value")]
        time = next((name for name in first if name.lower() in TIME_NAMES), None)
        pair = f"[{_text([time])}, {_text(value)}]" if time else f"[t, {_text(value)}]"
        return {"points": f"{base}[*].{pair}", "label": str(value[-1])}
    if isinstance(first, list):
        return {"points": base}
    return _parallel(around, answer)


def _parallel(around: list[str | int], answer: Any) -> dict[str, Any]:
    """A list of numbers beside a list of times, as many weather services answer."""
    beside = _at(answer, around[:-1])
    label = str(around[-1]) if around else ""
    if isinstance(beside, Mapping):
        time = next(
            (name for name, value in beside.items() if name.lower() in TIME_NAMES and isinstance(value, list)), None
        )
        if time is not None:
            return {"points": f"[{_text([*around[:-1], time])}, {_text(around)}]", "label": label}
    return {"points": _text(around), "label": label}


def _steps(path: str) -> list[str | int]:
    """A plain JMESPath as its steps; what is not plain ends it."""
    steps: list[str | int] = []
    at = 0
    while at < len(path) and (match := STEP.match(path, at)):
        name, index = match.groups()
        steps.append(int(index) if index is not None else json.loads(name) if name.startswith('"') else name)
        at = match.end()
    return steps


def _text(steps: list[str | int]) -> str:
    """Steps as a JMESPath; `@` for the answer itself."""
    parts = ""
    for step in steps:
        if isinstance(step, int):
            parts += f"[{step}]"
        else:
            name = step if re.fullmatch(r"[A-Za-z_]\w*", step, re.ASCII) else json.dumps(step, ensure_ascii=False)
            parts += f".{name}" if parts else name
    return parts or "@"


def _at(answer: Any, steps: list[str | int]) -> Any:
    for step in steps:
        if isinstance(step, int):
            answer = answer[step] if isinstance(answer, list) and step < len(answer) else None
        else:
            answer = answer.get(step) if isinstance(answer, Mapping) else None
    return answer


def _last_list(steps: list[str | int]) -> tuple[list[str | int] | None, list[str | int]]:
    """The way to the innermost list that a path goes through, and the way on from one of its entries."""
    for at in range(len(steps) - 1, -1, -1):
        if isinstance(steps[at], int):
            return steps[:at], steps[at + 1 :]
    return None, []


def _plain_keys(row: Any) -> list[str]:
    if not isinstance(row, Mapping):
        return []
    return [name for name, value in row.items() if not isinstance(value, Mapping | list)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
