"""The bounded fall-back for value templates that are more than a path: Jinja with nearly everything taken away."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from jinja2 import StrictUndefined, TemplateError, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from glance.mqtt.decode import times

LONGEST_RESULT = 4096
LONGEST_INPUT = 65_536
MOST_NODES = 200
DEEPEST = 24
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.Name, nodes.Const, nodes.Getattr,
    nodes.Getitem, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Add,
    nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos, nodes.Concat, nodes.Call,
    nodes.Assign, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Keyword, nodes.Slice,
)  # fmt: skip
CALLS = frozenset(("float", "int", "is_number", "round", "abs", "min", "max", "bool", "iif", "as_timestamp"))
FORMAT = re.compile(r"[^%]{0,32}%[+0 -]?[0-9]{0,2}(?:\.[0-9]{1,2})?[dfsxXeg](?:[^%]|%%){0,32}\Z")
METHODS = frozenset(("get", "lower", "upper", "strip", "startswith", "endswith", "title", "split"))


class _Environment(ImmutableSandboxedEnvironment):
    """Numbers only where two operands could make something large."""

    intercepted_binops = frozenset(("*", "+", "%", "//", "/", "-"))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator in ("*", "%") and not (_is_number(left) and _is_number(right)):
            raise SecurityError("only numbers can be multiplied")
        if operator == "+" and not (_is_number(left) and _is_number(right)) and not _short(left, right):
            raise SecurityError("only numbers and short texts can be added")
        return super().call_binop(context, operator, left, right)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and -(10**18) < value < 10**18)


def _short(left: Any, right: Any) -> bool:
    return isinstance(left, str) and isinstance(right, str) and len(left) + len(right) <= LONGEST_RESULT


_MISSING = object()


def _float(value: Any, default: Any = _MISSING) -> Any:
    try:
        number = float(value)
        if math.isfinite(number):
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    if default is _MISSING:
        raise ValueError("not a number")
    return default


def _int(value: Any, default: Any = _MISSING, base: int = 10) -> Any:
    if isinstance(value, str) and base == 16 and len(value) <= 16:
        return int(value, 16)
    number = _float(value, default)
    return int(number) if isinstance(number, float) else number


def _number(value: Any) -> bool:
    return isinstance(_float(value, None), float)


def _round(value: Any, precision: int = 0, method: str = "common", default: Any = None) -> Any:
    number = _float(value, default)
    if not isinstance(number, float):
        return number
    precision = max(-15, min(int(precision), 15))
    if method in ("ceil", "floor"):
        scale = 10.0**precision
        return (math.ceil if method == "ceil" else math.floor)(number * scale) / scale
    rounded = round(number, precision)
    return int(rounded) if precision == 0 else rounded


def _text(value: Any) -> str:
    return str(value)[:LONGEST_RESULT]


def _replace(value: Any, old: Any, new: Any) -> str:
    text, before, after = _text(value), _text(old), _text(new)
    if not before or text.count(before) * len(after) + len(text) > LONGEST_RESULT:
        raise ValueError("too long")
    return text.replace(before, after)


def _default(value: Any, default: Any = "", _boolean: bool = False) -> Any:
    return default if isinstance(value, Undefined) or value is None or (_boolean and not value) else value


def _defined(value: Any) -> Any:
    if isinstance(value, Undefined):
        raise ValueError("not there")
    return value


def _json(value: Any) -> str:
    """A value as JSON, for templates that write an object: {{ {"event_type": value_json.type} | tojson }}."""
    return json.dumps(value, ensure_ascii=False, default=str)[: LONGEST_RESULT + 1]


def _numbers(value: Any) -> list[float]:
    if not isinstance(value, list) or len(value) > LONGEST_RESULT or not all(_is_number(part) for part in value):
        raise ValueError("not a list of numbers")
    return value


def _as_timestamp(value: Any, default: Any = _MISSING) -> Any:
    at = times.parse(value if isinstance(value, str | int | float) else str(value), None)
    if at is None and default is _MISSING:
        raise ValueError("no time")
    return default if at is None else at


def _format(pattern: Any, *values: Any) -> str:
    """printf of one value into few characters: a width of millions is how such a filter would be misused."""
    if not isinstance(pattern, str) or not FORMAT.match(pattern) or len(values) != 1:
        raise ValueError("a format that is not taken")
    value = values[0]
    return pattern % (value if _is_number(value) else _text(value)[:64])


def _clean(environment: _Environment) -> None:
    environment.globals.clear()
    environment.globals.update(
        float=_float, int=_int, is_number=_number, round=_round, abs=abs, min=min, max=max, bool=bool,
        as_timestamp=_as_timestamp, iif=lambda value, yes=True, no=False, none=None: yes if value else no,
    )  # fmt: skip
    environment.filters = {
        "float": _float, "int": _int, "round": _round, "abs": lambda v: abs(_float(v)), "string": _text, "lower":
        lambda v: _text(v).lower(), "upper": lambda v: _text(v).upper(), "trim": lambda v: _text(v).strip(), "title":
        lambda v: _text(v).title(), "capitalize": lambda v: _text(v).capitalize(), "replace": _replace, "default": _default,
        "d": _default, "is_defined": _defined, "tojson": _json, "to_json": _json, "bool": bool,
        "sum": lambda v: sum(_numbers(v)), "max": lambda v: max(_numbers(v)), "min": lambda v: min(_numbers(v)),
        "as_timestamp": _as_timestamp, "format": _format, "length": len, "count": len, "is_number": _number, "first": lambda v: v[0], "last":
        lambda v: v[-1], "multiply": lambda v, f: _float(v) * _float(f), "add": lambda v, f: _float(v) + _float(f),
        "iif": lambda value, yes=True, no=False, none=None: yes if value else no,
        "bitwise_and": lambda v, other: _int(v) & _int(other),
    }  # fmt: skip
    known = ("defined", "undefined", "none", "number", "string", "mapping", "true", "false", "in", "eq", "ne", "gt", "lt", "ge", "le",
             "integer", "float", "boolean", "sequence", "iterable", "even", "odd", "equalto")  # fmt: skip
    environment.tests = {name: test for name, test in environment.tests.items() if name in known}


_environment = _Environment(undefined=StrictUndefined, autoescape=False, cache_size=0)
_clean(_environment)


def compiled(source: str) -> Callable[[str, Any], Any] | None:
    """A function (text, json) -> text for a template that is allowed, else None. The function raises ValueError where it fails."""
    try:
        tree = _environment.parse(source)
        if not _allowed(tree):
            return None
        template = _environment.from_string(source)
    except (TemplateError, RecursionError, ValueError, OverflowError, SyntaxError, MemoryError):
        return None

    def render(text: str, json: Any) -> Any:
        if len(text) > LONGEST_INPUT:
            raise ValueError("the payload is too long")
        try:
            result = template.render(value=text, value_json=json if json is not None else {})
        except (
            TemplateError,
            ArithmeticError,
            TypeError,
            ValueError,
            LookupError,
            AttributeError,
            RecursionError,
            MemoryError,
        ) as error:
            raise ValueError(str(error)[:200]) from error
        result = result.strip()
        if len(result) > LONGEST_RESULT:
            raise ValueError("the result is too long")
        return result

    return render


def _allowed(tree: nodes.Template) -> bool:
    """Whether every node of a template is harmless and there are few of them."""
    if next(tree.find_all(nodes.Assign), None) and next(tree.find_all(nodes.Concat), None):
        # A variable joined to itself again and again doubles each time.
        return False
    count = 0
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if count > MOST_NODES or depth > DEEPEST or not isinstance(node, ALLOWED):
            return False
        if isinstance(node, nodes.Call) and not _allowed_call(node):
            return False
        if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            return False
        if isinstance(node, nodes.Const) and isinstance(node.value, int) and abs(node.value) > 10**15:
            return False
        waiting.extend((child, depth + 1) for child in node.iter_child_nodes())
    return True


def _allowed_call(call: nodes.Call) -> bool:
    target = call.node
    if isinstance(target, nodes.Name):
        return target.name in CALLS
    return isinstance(target, nodes.Getattr) and target.attr in METHODS
