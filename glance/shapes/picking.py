"""Picking: from an answer, by JMESPath, to a shape or to a smaller answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from glance.errors import FetchError, FieldError, Invalid
from glance.shapes.bounds import bounded
from glance.shapes.forms import MAX_SERIES, columns_of, fit, rows_of, series_of, value_of
from glance.shapes.query import fault, search, shown
from glance.shapes.scalars import kind_name, number

_EXPRESSIONS = {
    "value": ("value", "at", "trend", "unit_from", "label_from"),
    "points": ("points", "times", "values", "unit_from", "label_from"),
    "rows": ("rows",),
}


def pick(spec: Any, answer: Any, shape: str | None = None) -> Any:
    """What `spec` picks from `answer`, in the form of `shape`; FetchError(kind="schema") with a sentence otherwise.

    Without a shape: a JMESPath, or a mapping of names to JMESPaths (nested as deep as it likes). With a shape:
    value   a JMESPath, or `{value, unit?, label?, unit_from?, label_from?, at?, trend?, factor?, offset?}`
    points  `{points | times + values, label?, unit?, label_from?, unit_from?, factor?, offset?}`, a list of such or `{series: […]}`
    rows    a JMESPath, or `{rows, columns?: [{name, title?, format?, path?}]}`
    `…_from`, `at`, `trend` are JMESPaths; `unit` and `label` are taken as they are. No spec: the answer has the shape already.
    """
    try:
        if spec is None or spec in ("", {}, []):
            return answer if shape is None else fit(answer, shape)
        with bounded():
            return _picked(spec, answer, shape)
    except Invalid as error:
        raise FetchError(error.sentence, kind="schema") from error


def _picked(spec: Any, answer: Any, shape: str | None) -> Any:
    if shape is None:
        return _plain(spec, answer)
    if shape == "value":
        return _value(spec, answer)
    if shape == "points":
        return _points(spec, answer)
    if shape == "rows":
        return _rows(spec, answer)
    raise FetchError("The shape must be one of: value, points, rows.", kind="schema")


def check_pick(spec: Any, shape: str | None) -> list[FieldError]:
    """What is wrong with a pick before it meets an answer; fields are named from `pick` on."""
    return list(_faults(spec, shape))


def _faults(spec: Any, shape: str | None) -> Iterator[FieldError]:
    if spec is None or spec in ("", {}, []):
        return
    if shape is None:
        yield from _plain_faults(spec, "pick")
        return
    key = {"value": "value", "points": "points", "rows": "rows"}.get(shape, "value")
    for place, part in _parts(spec, shape):
        if not isinstance(part, Mapping):
            yield FieldError(place, "must be an expression or an object")
            continue
        if key not in part and not (shape == "points" and "times" in part and "values" in part):
            yield FieldError(f"{place}.{key}", "is missing")
        for name in _EXPRESSIONS.get(shape, ()):
            wrong = fault(part[name]) if part.get(name) not in (None, "") else None
            if wrong:
                yield FieldError(f"{place}.{name}", wrong)
        for name in ("factor", "offset"):
            if part.get(name) is not None and number(part[name]) is None:
                yield FieldError(f"{place}.{name}", "must be a number")
        if shape == "rows":
            try:
                columns_of(part.get("columns"))
            except Invalid as error:
                yield FieldError(f"{place}.columns", error.sentence)


def _plain_faults(spec: Any, place: str) -> Iterator[FieldError]:
    if isinstance(spec, Mapping):
        for name, part in spec.items():
            yield from _plain_faults(part, f"{place}.{name}")
        return
    wrong = fault(spec)
    if wrong:
        yield FieldError(place, wrong)


def _parts(spec: Any, shape: str) -> Iterator[tuple[str, Any]]:
    """Each part of a pick with its place."""
    if isinstance(spec, str):
        yield "pick", {shape: spec}
        return
    lines = spec.get("series") if isinstance(spec, Mapping) and shape == "points" else spec
    if shape == "points" and isinstance(lines, (list, tuple)):
        inside = "pick.series" if isinstance(spec, Mapping) else "pick"
        for index, line in enumerate(lines):
            yield f"{inside}.{index}", {"points": line} if isinstance(line, str) else line
        return
    yield "pick", spec


def _plain(spec: Any, answer: Any) -> Any:
    """A fixed source's pick."""
    if isinstance(spec, str):
        return search(spec, answer)
    if isinstance(spec, Mapping):
        return {name: _plain(part, answer) for name, part in spec.items()}
    raise Invalid("A pick must be an expression, or an object of names and expressions.")


def _value(spec: Any, answer: Any) -> dict[str, Any]:
    """A value."""
    about = _object({"value": spec} if isinstance(spec, str) else spec)
    expression = _expression(about, "value")
    found = search(expression, answer)
    if found is None:
        raise Invalid(f"{shown(expression)} finds nothing in the answer.")
    if number(found) is not None and not isinstance(found, bool):
        found = _scaled(number(found), about)
    trend = search(about["trend"], answer) if about.get("trend") else None
    shaped = value_of(
        found,
        shown(expression),
        unit=_text(about, "unit", answer),
        label=_text(about, "label", answer),
        at=search(about["at"], answer) if about.get("at") else None,
        trend=trend,
    )
    if trend is not None:
        shaped["trend"] = [[at, _scaled(value, about)] for at, value in shaped["trend"]]
    return shaped


def _points(spec: Any, answer: Any) -> dict[str, Any]:
    """Points of one or several series."""
    lines = [_object(line) for _, line in _parts(spec, "points")][:MAX_SERIES]
    return {"series": [_series(line, answer) for line in lines]}


def _series(about: Mapping[str, Any], answer: Any) -> dict[str, Any]:
    """One series."""
    if about.get("times") and about.get("values"):
        expression = _expression(about, "values")
        times, values = _list(about["times"], answer), _list(expression, answer)
        if len(times) != len(values):
            raise Invalid(f"{shown(about['times'])} has {len(times)} items, {shown(expression)} has {len(values)}.")
        found: Any = [list(pair) for pair in zip(times, values, strict=True)]
    else:
        expression = _expression(about, "points")
        found = search(expression, answer)
        if found is None:
            raise Invalid(f"{shown(expression)} finds nothing in the answer.")
    texts = {"label": _text(about, "label", answer), "unit": _text(about, "unit", answer)}
    shaped = series_of(found, shown(expression), texts)
    shaped["points"] = [[at, _scaled(value, about)] for at, value in shaped["points"]]
    return shaped


def _rows(spec: Any, answer: Any) -> dict[str, Any]:
    """Rows."""
    about = _object({"rows": spec} if isinstance(spec, str) else spec)
    expression = _expression(about, "rows")
    found = search(expression, answer)
    if found is None:
        raise Invalid(f"{shown(expression)} finds nothing in the answer.")
    return rows_of(found, shown(expression), about.get("columns") or None)


def _object(spec: Any) -> Mapping[str, Any]:
    if not isinstance(spec, Mapping):
        raise Invalid(f"A pick is {kind_name(spec)}, not an expression or an object.")
    return spec


def _expression(about: Mapping[str, Any], name: str) -> str:
    """The expression that a pick needs."""
    expression = about.get(name)
    if not isinstance(expression, str) or not expression.strip():
        raise Invalid(f"The pick names no {name}: an expression is needed.")
    return expression


def _list(expression: Any, answer: Any) -> list[Any]:
    found = search(expression, answer)
    if not isinstance(found, list):
        raise Invalid(f"{shown(str(expression))} is {kind_name(found)}, not a list.")
    return found


def _text(about: Mapping[str, Any], name: str, answer: Any) -> Any:
    """A label or unit: found in the answer, else as written."""
    path = about.get(f"{name}_from")
    found = search(path, answer) if path else None
    return about.get(name) if found is None else found


def _scaled(value: Any, about: Mapping[str, Any]) -> Any:
    """value · factor + offset, where the pick asks for it; 0.1 + 0.2 stays 0.3."""
    factor, offset = number(about.get("factor")), number(about.get("offset"))
    if value is None or (factor is None and offset is None):
        return value
    return round(value * (1 if factor is None else factor) + (offset or 0), 9)
