"""The three shapes that general widgets draw: already shaped data checked and put into its plain form.

value   `{value, unit?, label?, at?, trend?: [[t, v]]}`
points  `{series: [{label, unit?, points: [[t, v]]}]}`, t in Unix seconds, ordered, v a number or None (a gap)
rows    `{columns: [{name, title?, format?}], rows: [{…}]}`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from glance.errors import Invalid
from glance.shapes.query import fault, search
from glance.shapes.scalars import kind_name, looks_like_moment, moment, number

MAX_POINTS = 5000
MAX_SERIES = 20
MAX_ROWS = 1000
MAX_COLUMNS = 30
DERIVED_COLUMNS = 12
_CELL_CHARS = 200
_TIME_KEYS = ("t", "x", "time", "timestamp", "at", "ts", "date", "datetime")
_VALUE_KEYS = ("v", "y", "value", "avg", "state")


def fit(data: Any, shape: str) -> dict[str, Any]:
    """Data that is said to be of the shape, in the shape's plain form; Invalid with a sentence where it is not."""
    if shape == "value":
        return fit_value(data)
    if shape == "points":
        return fit_points(data)
    if shape == "rows":
        return fit_rows(data)
    raise Invalid("The shape must be one of: value, points, rows.")


# ---- value
def fit_value(data: Any) -> dict[str, Any]:
    """`{value: …}` or a bare number or text."""
    if not isinstance(data, Mapping):
        data = {"value": data}
    if "value" not in data:
        raise Invalid("The answer has no value: an object with the key value is needed.")
    extra = {key: item for key, item in data.items() if not isinstance(item, (list, tuple, Mapping))}
    return {
        **extra,
        **value_of(
            data["value"],
            "value",
            unit=data.get("unit"),
            label=data.get("label"),
            at=data.get("at"),
            trend=data.get("trend"),
        ),
    }


def value_of(value: Any, name: str, *, unit: Any, label: Any, at: Any, trend: Any) -> dict[str, Any]:
    """The parts of a value, each checked; `name` says in sentences where it came from."""
    found = value if isinstance(value, bool) else number(value)
    if found is None and not isinstance(value, str) and value is not None:
        raise Invalid(f"{name} is {kind_name(value)}, not a number.")
    result: dict[str, Any] = {"value": value if found is None else found}
    result |= _texts(unit=unit, label=label)
    if at is not None:
        result["at"] = moment(at)
        if result["at"] is None:
            raise Invalid(f"The time of {name} cannot be read.")
    if trend is not None:
        result["trend"] = points_of(trend, "trend", bare=True)
    return result


def _texts(**texts: Any) -> dict[str, str]:
    """The given texts that are not empty."""
    return {
        key: str(text)
        for key, text in texts.items()
        if text not in (None, "") and isinstance(text, (str, int, float)) and not isinstance(text, bool)
    }


# ---- points
def fit_points(data: Any) -> dict[str, Any]:
    """`{series: […]}`, one series by itself, or a bare list of pairs."""
    if isinstance(data, Mapping) and "series" in data:
        lines = data["series"]
        if not isinstance(lines, list):
            raise Invalid(f"series is {kind_name(lines)}, not a list.")
    elif isinstance(data, Mapping) and "points" in data:
        lines = [data]
    elif isinstance(data, list):
        lines = [{"points": data}]
    else:
        raise Invalid("The answer has no points: an object with the key series is needed.")
    series = []
    for position, line in enumerate(lines[:MAX_SERIES]):
        if not isinstance(line, Mapping) or "points" not in line:
            raise Invalid(f"Series {position + 1} has no points.")
        series.append(series_of(line["points"], f"series {position + 1}", line))
    return {"series": series}


def series_of(points: Any, name: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """One series; `about` holds its label and unit."""
    found = {"label": "", **_texts(label=about.get("label"), unit=about.get("unit"))}
    return {**found, "points": points_of(points, name)}


def points_of(points: Any, name: str, *, bare: bool = False) -> list[list[Any]]:
    """`[[t, v]]` from pairs, from objects with a time and a value, or from a list of times beside a list of values.

    Ordered by time; at most the newest 5000. `bare` also takes plain values, numbered from 0.
    """
    if not isinstance(points, (list, tuple)):
        raise Invalid(f"{name} is {kind_name(points)}, not a list of points.")
    if _are_parallel(points):
        points = [list(pair) for pair in zip(points[0], points[1], strict=True)]
    if bare and all(not isinstance(point, (list, tuple, Mapping)) for point in points):
        return [[index, number(value)] for index, value in enumerate(points[-MAX_POINTS:])]
    found = [_point(point, name, index) for index, point in enumerate(points)]
    if found and all(value is None for _, value in found):
        texts = [point for point in points if _value_part(point) is not None]
        if texts:
            raise Invalid(f"The values of {name} are {kind_name(_value_part(texts[0]))}, not numbers.")
    found.sort(key=lambda point: point[0])
    return found[-MAX_POINTS:]


def _are_parallel(points: Any) -> bool:
    """True for two lists of equal length, times and values, as many weather services answer."""
    if len(points) != 2 or not all(isinstance(part, (list, tuple)) for part in points):
        return False
    times, values = points
    if len(times) != len(values):
        return False
    if len(times) not in (1, 2):
        return True
    # One or two can be read both ways: as two lists only where the first holds moments and the second does not.
    return looks_like_moment(times[-1]) and not looks_like_moment(values[0])


def _parts(point: Any) -> tuple[Any, Any] | None:
    """Time and value of one point, or None."""
    if isinstance(point, (list, tuple)):
        return (point[0], point[1]) if len(point) >= 2 else None
    if isinstance(point, Mapping):
        lowered = {str(key).lower(): item for key, item in point.items()}
        time_key = next((key for key in _TIME_KEYS if key in lowered), None)
        value_key = next((key for key in _VALUE_KEYS if key in lowered), None)
        return (lowered[time_key], lowered[value_key]) if time_key and value_key else None
    return None


def _value_part(point: Any) -> Any:
    parts = _parts(point)
    return parts[1] if parts else None


def _point(point: Any, name: str, index: int) -> list[Any]:
    """One point as [t, v]."""
    parts = _parts(point)
    if parts is None:
        raise Invalid(f"Point {index + 1} of {name} is {kind_name(point)}, not a pair of time and value.")
    at = moment(parts[0])
    if at is None:
        raise Invalid(f"The time of point {index + 1} of {name} cannot be read.")
    return [at, number(parts[1])]


# ---- rows
def fit_rows(data: Any) -> dict[str, Any]:
    """`{columns?, rows}` or a bare list of rows."""
    if isinstance(data, Mapping) and "rows" in data:
        return rows_of(data["rows"], "rows", data.get("columns"))
    if isinstance(data, list):
        return rows_of(data, "The answer", None)
    raise Invalid("The answer has no rows: an object with the key rows is needed.")


def rows_of(rows: Any, name: str, columns: Any) -> dict[str, Any]:
    """Rows from objects, from lists in the order of the columns, from plain values, or from an object of objects (`key`).

    At most 1000; `total` says how many there were where some are left out. A column's `name` is a key of the row or a
    JMESPath into it. Columns that nobody named are those of the first rows.
    """
    if isinstance(rows, Mapping):
        nested = rows and all(isinstance(row, Mapping) for row in rows.values())
        rows = [{"key": key, **row} for key, row in rows.items()] if nested else [rows]
    if not isinstance(rows, (list, tuple)):
        raise Invalid(f"{name} is {kind_name(rows)}, not a list of rows.")
    wanted = columns_of(columns)
    kept = [_as_object(row, wanted) for row in rows[:MAX_ROWS]]
    used = wanted or _derived(kept)
    result: dict[str, Any] = {"columns": used, "rows": [_row(row, used) for row in kept]}
    if len(rows) > MAX_ROWS:
        result["total"] = len(rows)
    return result


def columns_of(columns: Any) -> list[dict[str, Any]]:
    """Columns as objects with a name; Invalid for what cannot be one."""
    if columns is None:
        return []
    if not isinstance(columns, (list, tuple)):
        raise Invalid(f"columns is {kind_name(columns)}, not a list.")
    found = []
    for position, column in enumerate(columns[:MAX_COLUMNS]):
        about = {"name": column} if isinstance(column, str) else column
        if not isinstance(about, Mapping) or not isinstance(about.get("name"), str) or not about["name"]:
            raise Invalid(f"Column {position + 1} has no name.")
        found.append(dict(about))
    return found


def _as_object(row: Any, columns: list[dict[str, Any]]) -> Mapping[str, Any]:
    """One row as an object."""
    if isinstance(row, Mapping):
        return row
    if isinstance(row, (list, tuple)):
        names = [column["name"] for column in columns] or [f"column {index + 1}" for index in range(len(row))]
        return dict(zip(names, row, strict=False))
    return {columns[0]["name"] if columns else "value": row}


def _derived(rows: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The columns of the first rows: keys with plain values, in their order."""
    names: dict[str, None] = {}
    for row in rows[:20]:
        names.update({str(key): None for key, cell in row.items() if not isinstance(cell, (list, tuple, Mapping))})
    return [{"name": name} for name in list(names)[:DERIVED_COLUMNS]]


def _row(row: Mapping[str, Any], columns: list[dict[str, Any]]) -> dict[str, Any]:
    """One row: its plain values, and every column by its name."""
    plain = {str(key): cell for key, cell in row.items() if not isinstance(cell, (list, tuple, Mapping))}
    return {**plain, **{column["name"]: _cell(row, column) for column in columns}}


def _cell(row: Mapping[str, Any], column: Mapping[str, Any]) -> Any:
    """One cell as a plain value; what is nested becomes text."""
    name = column["name"]
    path = column.get("path")
    if isinstance(path, str) and path:
        cell = search(path, row)
    elif name in row:
        cell = row[name]
    else:
        cell = None if fault(name) else search(name, row)  # a heading such as "Free space" is just a name
    if isinstance(cell, (list, tuple)) and all(not isinstance(item, (list, tuple, Mapping)) for item in cell):
        return ", ".join("" if item is None else str(item) for item in cell)[:_CELL_CHARS]
    if isinstance(cell, (list, tuple, Mapping)):
        return json.dumps(cell, ensure_ascii=False, default=str)[:_CELL_CHARS]
    return cell
