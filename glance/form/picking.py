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

_COLUMN_FORMATS = ["text", "number", "bytes", "percent", "duration", "date", "ago", "link", "pill"]


def _path(title: str, placeholder: str = "", description: str = "") -> dict[str, Any]:
    """A field that holds a JMESPath."""
    return {"type": "string", "format": "code", "title": title, "placeholder": placeholder, "description": description}


_HOW = "Test the source and click what you want; or write a JMESPath."
_SCALE: dict[str, Any] = {
    "factor": {"type": "number", "title": "Multiplied by", "tucked": True},
    "offset": {"type": "number", "title": "Then added", "tucked": True},
}
_NAMED: dict[str, Any] = {
    "label": {"type": "string", "title": "Label", "maxLength": 40},
    "unit": {"type": "string", "title": "Unit", "maxLength": 20, "placeholder": "°C"},
}
_FROM: dict[str, Any] = {
    "label_from": {**_path("Label from the answer", "name"), "tucked": True},
    "unit_from": {**_path("Unit from the answer", "units.temp"), "tucked": True},
}
_LINE: dict[str, Any] = {
    "points": _path("Points", "rows[*].[t, v]", "Pairs of time and value, or a list of times beside a list of values."),
    **_NAMED,
    "times": {**_path("Or a list of times", "hourly.time"), "tucked": True},
    "values": {**_path("and a list of values", "hourly.temperature_2m"), "tucked": True},
    **_FROM,
    **_SCALE,
}
_COLUMN: dict[str, Any] = {
    "name": {"type": "string", "title": "Name", "maxLength": 40},
    "title": {"type": "string", "title": "Heading", "maxLength": 40},
    "format": {"type": "string", "title": "Format", "enum": _COLUMN_FORMATS, "default": "text"},
    "path": {**_path("Found at", "owner.name"), "tucked": True},
}
_VALUE: dict[str, Any] = {
    "value": _path("Value", "main.temp", _HOW),
    **{name: {**node, "tucked": True} for name, node in _NAMED.items()},
    "trend": {**_path("History for the small line", "rows[*].[t, v]"), "tucked": True},
    "at": {**_path("Time of the value", "updated_at"), "tucked": True},
    **_FROM,
    **_SCALE,
}


def _rows_of(
    title: str, most: int, description: str, properties: Mapping[str, Any], required: list[str]
) -> dict[str, Any]:
    items = {"type": "object", "required": required, "properties": dict(properties)}
    return {"type": "array", "title": title, "maxItems": most, "description": description, "items": items}


PICK: Mapping[str, Schema] = {
    "value": {"type": "object", "title": "What to take from the answer", "properties": _VALUE},
    "points": {
        "type": "object",
        "title": "What to take from the answer",
        "properties": {"series": {**_rows_of("Lines", 8, _HOW, _LINE, []), "default": [{}]}},
    },
    "rows": {
        "type": "object",
        "title": "What to take from the answer",
        "properties": {
            "rows": _path("Rows", "items", _HOW),
            "columns": {**_rows_of("Columns", 30, "Empty: those of the first row.", _COLUMN, ["name"]), "tucked": True},
        },
    },
}


def data_source_schema(
    node: Schema, kind: str | None, forms: Mapping[str, Schema], picking: frozenset[str]
) -> dict[str, Any]:
    """The schema of a `format: data_source` param for the chosen kind: its select, the kind's own fields, and the pick.

    `forms` are the fields of each kind that may be chosen; what is not required stands folded away unless it says `tucked: false`.
    `picking` names the kinds whose answer has to be mapped.
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
        properties |= {name: {"tucked": True, **one} for name, one in asked.items() if name not in needed}
        required += needed
    return {**node, "type": "object", "required": required, "properties": properties}


def pick_to_form(shape: str, pick: Any) -> dict[str, Any]:
    """A stored pick as the form holds it: a bare JMESPath becomes its field, `points` in all its forms a list of lines."""
    if shape != "points":
        return {shape: pick} if isinstance(pick, str) else dict(pick) if isinstance(pick, Mapping) else {}
    lines = pick.get("series") if isinstance(pick, Mapping) and "series" in pick else pick
    lines = lines if isinstance(lines, list) else [lines] if lines else []
    return {"series": [{"points": line} if isinstance(line, str) else dict(line) for line in lines]} if lines else {}


def pick_from_form(shape: str, pick: Any) -> Any:
    """What the form holds as a pick: one line stands alone, several as a list; empty lines are left out."""
    if shape != "points" or not isinstance(pick, Mapping):
        return pick
    lines = [line for line in pick.get("series") or [] if line]
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
        time = next((name for name in first if name.lower() in TIME_NAMES), None)
        value = inside or [
            next((name for name in _plain_keys(first) if name != time and _is_number(first[name])), "value")
        ]
        pair = f"[{_text([time])}, {_text(value)}]" if time else f"[t, {_text(value)}]"
        return {"points": f"{base}[*].{pair}", "label": str(value[-1])}
    if isinstance(first, list):
        return {"points": base}
    if around and isinstance(around[-1], int):
        return {"points": _text(around[:-1])}
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
