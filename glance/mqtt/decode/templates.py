"""Value templates of Home Assistant: the usual ones by a path, the rest in a sandbox that cannot run for long.

A template comes from the broker, so from anybody. Nearly all are a path into the JSON with a filter or two and never meet
Jinja. What is left runs in `sandbox`, where steps, texts, memory and time are counted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from glance.mqtt.decode import sandbox, template_values

LONGEST_TEMPLATE = 4096
LONGEST_VALUE = 4096
SIMPLE = re.compile(
    r"\{\{-?\s*(value_json|value)((?:\.[A-Za-z_]\w*|\[\s*(?:'[^']*'|\"[^\"]*\"|-?[0-9]{1,4})\s*\])*)\s*((?:\|\s*\w+(?:\([^()|]*\))?\s*)*)-?\}\}\Z"
)
STEP = re.compile(r"\.([A-Za-z_]\w*)|\[\s*(?:'([^']*)'|\"([^\"]*)\"|(-?[0-9]+))\s*\]")
FILTER = re.compile(r"\|\s*(\w+)(?:\(([^()|]*)\))?\s*")
# What the filters of such a template may be given; anything else is for the sandbox.
LITERAL = r"('[^']*'|\"[^\"]*\"|-?[0-9]+(?:\.[0-9]+)?|true|false|none)"
CAST = re.compile(rf"(?:default\s*=\s*)?{LITERAL}\Z", re.IGNORECASE)
DEFAULT = re.compile(rf"(?:default_value\s*=\s*)?{LITERAL}(?:\s*,\s*(?:boolean\s*=\s*)?(true|false))?\Z", re.IGNORECASE)
ROUND = re.compile(rf"(?:precision\s*=\s*)?(-?[0-9]+)(?:\s*,\s*default\s*=\s*{LITERAL})?\Z", re.IGNORECASE)
GIVEN = {"default": DEFAULT, "d": DEFAULT, "round": ROUND, "float": CAST, "int": CAST}
PATH_IN = re.compile(r"value_json((?:\.[A-Za-z_]\w*|\[\s*(?:'[^']*'|\"[^\"]*\"|-?[0-9]{1,4})\s*\])+)")


class Missing(Exception):
    """The template yields no value for this message: a key is absent."""


class Template(NamedTuple):
    """`render(text, json)` gives the value as it is (number, bool, text); `path` where in the JSON it comes from.

    `plain`: the value at the path is not changed (a filter that only casts or rounds is no change). `understood` False =
    the template could not be taken; the raw value stands, and `why` says what keeps it from being taken.
    """

    path: tuple[str | int, ...] | None
    plain: bool
    understood: bool
    render: Callable[[str, Any], Any]
    why: str = ""


def _as_it_is(text: str, _json: Any) -> Any:
    return text


RAW = Template((), True, True, _as_it_is)
TOO_LONG = f"is longer than {LONGEST_TEMPLATE} characters"
CASTS = frozenset(("float", "int", "round", "string", "trim", "is_defined", "default", "d", "abs_"))


@lru_cache(maxsize=2048)
def compiled(source: str | None) -> Template:
    """The template of a declaration; None or empty = the payload itself."""
    if not source or not source.strip():
        return RAW
    source = source.strip()
    if len(source) > LONGEST_TEMPLATE:
        return _refused(TOO_LONG)
    found = SIMPLE.match(source)
    simple = _simple(found) if found else None
    if simple is not None:
        return simple
    program = sandbox.compiled(source)
    if isinstance(program, str):
        return _refused(program)
    paths = {path_of(p) for p in PATH_IN.findall(source)}
    path = paths.pop() if len(paths) == 1 else None
    return Template(path, False, True, program)


def _refused(why: str) -> Template:
    """A template that cannot be taken: a plain value stands as it is."""
    return Template((), False, False, _as_it_is, why)


def path_of(text: str) -> tuple[str | int, ...]:
    """The steps of `.a["b"][0]`."""
    steps: list[str | int] = []
    for name, single, double, index in STEP.findall(text):
        steps.append(int(index) if index else name or single or double)
    return tuple(steps)


def _simple(found: re.Match[str]) -> Template | None:
    """The template of a path with filters; None where a filter is not among the usual ones."""
    path = path_of(found[2])
    filters = [(name, argument.strip()) for name, argument in FILTER.findall(found[3])]
    from_json = found[1] == "value_json"
    steps = [_filter(name, argument) for name, argument in filters]
    if any(step is None for step in steps):
        return None
    default = next((_default(argument) for name, argument in filters if name in ("default", "d")), Missing)

    def render(text: str, json: Any) -> Any:
        value = _at(json, path) if from_json else text if not path else Missing
        if value is Missing:
            if default is Missing:
                raise Missing
            value = default
        for step in steps:
            if step is not None:
                value = step(value)
        return value

    plain = all(name in CASTS for name, _ in filters)
    return Template(path, plain and (from_json or not path), True, render)


def _default(argument: str) -> Any:
    """What stands for a value that is not there."""
    found = DEFAULT.match(argument)
    return _literal(found[1]) if found else ""


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    """The value at a path, or Missing."""
    for step in path:
        if type(value) is dict:
            value = value.get(step, Missing)
        elif type(value) is list and type(step) is int and -len(value) <= step < len(value):
            value = value[step]
        else:
            return Missing
        if value is Missing:
            return Missing
    return value


def _literal(text: str) -> Any:
    if text[:1] in ("'", '"'):
        return text[1:-1]
    if text.lower() in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[text.lower()]
    return float(text) if "." in text else int(text)


def _filter(name: str, argument: str) -> Callable[[Any], Any] | None:
    """One filter as a function; None for one that is left to the sandbox."""
    if name == "is_defined" or (name in ("default", "d") and not argument):
        return lambda value: value
    if not argument:
        return FILTERS.get(name)
    found = GIVEN[name].match(argument) if name in GIVEN else None
    if found is None:
        return None
    given = _literal(found[1])
    if name == "round":
        return lambda value: _rounded(value, given)
    if name in ("float", "int"):
        cast = FILTERS[name]
        return lambda value: cast(value) if type(_float(value)) is float else given
    if (found[2] or "").lower() == "true":
        return lambda value: value or given
    return lambda value: value


def _float(value: Any) -> Any:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return value
    return number if math.isfinite(number) else None


def _int(value: Any) -> Any:
    number = _float(value)
    return int(number) if type(number) is float and abs(number) < 1e15 else number


def _rounded(value: Any, places: int) -> Any:
    number = _float(value)
    if type(number) is not float:
        return value
    return round(number, max(-15, min(places, 15))) if places else round(number)


FILTERS: dict[str, Callable[[Any], Any]] = {
    "round": lambda value: _rounded(value, 0),
    "float": _float,
    "int": _int,
    "lower": lambda value: str(value)[:LONGEST_VALUE].lower(),
    "upper": lambda value: str(value)[:LONGEST_VALUE].upper(),
    "title": lambda value: str(value)[:LONGEST_VALUE].title(),
    "capitalize": lambda value: str(value)[:LONGEST_VALUE].capitalize(),
    "trim": lambda value: str(value)[:LONGEST_VALUE].strip(),
    "string": lambda value: value if type(value) is str else text_of(value),
    "tojson": lambda value: value,
    "to_json": lambda value: value,
    "abs": lambda value: abs(_float(value)) if type(_float(value)) is float else value,
    "bool": template_values.bool_of,
}


def text_of(value: Any) -> str:
    """A value as Jinja prints it: True, None, 21.5."""
    return value if type(value) is str else str(value)
