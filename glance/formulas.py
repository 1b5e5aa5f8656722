"""Formulas over sensors: arithmetic on named inputs with a few functions, parsed once and evaluated without running any code.

`dew_point(t, rh)` · `plug1 + plug2` · `avg(living, kitchen)` · `average(power, 15)` (over the last 15 minutes) · `c_to_f(t)` ·
`1 if door and power > 5 else 0`. A boolean input counts as 1 or 0. Pure: the past is asked for through a function.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from glance.errors import Invalid

MAX_CHARS = 500
MAX_NODES = 200
MAX_DEPTH = 40
LONGEST_WINDOW_MIN = 30 * 24 * 60
HIGHEST_POWER = 16

Past = Callable[[str, float], Sequence[tuple[float, float, float, int]]]
"""(input, minutes) -> (average, low, high, number of values) of each stretch of the last minutes, oldest first."""


class NoValue(Exception):
    """The formula has no value now: an input is missing, or it would divide by zero; the text says which."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed formula; `names` are the inputs it uses."""

    text: str
    tree: ast.expr
    names: frozenset[str]

    def value(self, inputs: Mapping[str, float], past: Past) -> float | bool:
        """The value for these inputs, always finite; NoValue where there is none."""
        try:
            found = _Evaluator(inputs, past).visit(self.tree)
        except ZeroDivisionError as error:
            raise NoValue("Division by zero.") from error
        except (ArithmeticError, ValueError, TypeError) as error:
            raise NoValue("A root, logarithm or power of these values does not exist or is too large.") from error
        if isinstance(found, bool):
            return found
        if isinstance(found, complex) or not math.isfinite(found):
            raise NoValue("The result is no number that can be stored.")
        return float(found)


def parse(text: str) -> Formula:
    """Read a formula; Invalid with a sentence that says what is wrong."""
    if not text.strip():
        raise Invalid("Write a formula, such as a + b.")
    if len(text) > MAX_CHARS:
        raise Invalid(f"A formula has at most {MAX_CHARS} characters.")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = f" near character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        raise Invalid(f"This is not a formula{place}: write it as dew_point(t, rh) or (a + b) / 2.") from error
    nodes = list(ast.walk(tree))
    if len(nodes) > MAX_NODES or _depth(tree) > MAX_DEPTH:
        raise Invalid("The formula is too long; split it into two.")
    names: set[str] = set()
    _check(tree, names)
    return Formula(text.strip(), tree, frozenset(names))


def _depth(tree: ast.expr) -> int:
    level: list[ast.AST] = [tree]
    depth = 0
    while level and depth <= MAX_DEPTH:
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        depth += 1
    return depth


def _check(node: ast.AST, names: set[str]) -> None:
    """Refuse all but arithmetic, comparisons, choices and the known functions."""
    if isinstance(node, ast.Name):
        names.add(node.id)
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, complex) or not isinstance(node.value, int | float):
            raise Invalid("Only numbers can stand in a formula, no texts.")
        if not isinstance(node.value, bool) and not abs(node.value) < 1e15:
            raise Invalid("A number in the formula is too large.")
        return
    if isinstance(node, ast.Call):
        _check_call(node, names)
        return
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        parts: Sequence[ast.AST] = (node.left, node.right)
    elif isinstance(node, ast.UnaryOp) and type(node.op) in UNARY:
        parts = (node.operand,)
    elif isinstance(node, ast.Compare) and all(type(one) in COMPARING for one in node.ops):
        parts = (node.left, *node.comparators)
    elif isinstance(node, ast.BoolOp):
        parts = node.values
    elif isinstance(node, ast.IfExp):
        parts = (node.test, node.body, node.orelse)
    else:
        raise Invalid(
            "Only numbers, inputs, + - * / // % **, comparisons, and, or, not, “x if … else y” and functions can be used."
        )
    for part in parts:
        _check(part, names)


def _check_call(node: ast.Call, names: set[str]) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in FUNCTIONS and name not in WINDOWS:
        raise Invalid(f"There is no such function; there are {', '.join(sorted([*FUNCTIONS, *WINDOWS]))}.")
    if node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
        raise Invalid(f"{name}() takes its values one after the other, such as {name}(a, b).")
    if name in WINDOWS:
        _check_window(name, node.args, names)
        return
    least, most = FUNCTIONS[name][1:]
    if not least <= len(node.args) <= most:
        count = f"{least}" if least == most else f"{least} or more" if most > 9 else f"{least} to {most}"
        raise Invalid(f"{name}() takes {count} value{'' if count == '1' else 's'}.")
    for one in node.args:
        _check(one, names)


def _check_window(name: str, args: Sequence[ast.expr], names: set[str]) -> None:
    minutes = args[1].value if len(args) == 2 and isinstance(args[1], ast.Constant) else None
    if len(args) != 2 or not isinstance(args[0], ast.Name):
        raise Invalid(f"{name}() takes an input and a number of minutes, such as {name}(power, 15).")
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not 0 < minutes <= LONGEST_WINDOW_MIN:
        raise Invalid(f"{name}(): the minutes are a number from 1 to {LONGEST_WINDOW_MIN}.")
    names.add(args[0].id)


class _Evaluator(ast.NodeVisitor):
    """Walks a checked tree."""

    def __init__(self, inputs: Mapping[str, float], past: Past) -> None:
        self._inputs = inputs
        self._past = past

    def visit_Name(self, node: ast.Name) -> float:
        if node.id not in self._inputs:
            raise NoValue(f"{node.id} has no value yet.")
        return self._inputs[node.id]

    def visit_Constant(self, node: ast.Constant) -> Any:
        return node.value

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Pow) and abs(right) > HIGHEST_POWER:
            raise NoValue(f"** goes up to {HIGHEST_POWER}.")
        # as floats, so that no product of whole numbers grows without end
        return BINARY[type(node.op)](float(left), float(right))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        return UNARY[type(node.op)](self.visit(node.operand))

    def visit_BoolOp(self, node: ast.BoolOp) -> bool:
        found = (bool(self.visit(one)) for one in node.values)
        return all(found) if isinstance(node.op, ast.And) else any(found)

    def visit_Compare(self, node: ast.Compare) -> bool:
        left = self.visit(node.left)
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self.visit(part)
            if not COMPARING[type(op)](left, right):
                return False
            left = right
        return True

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        return self.visit(node.body if self.visit(node.test) else node.orelse)

    def visit_Call(self, node: ast.Call) -> Any:
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name in WINDOWS:
            about, minutes = node.args
            assert isinstance(about, ast.Name)
            assert isinstance(minutes, ast.Constant)
            window_min = float(str(minutes.value))
            found = self._past(about.id, window_min)
            if not found:
                raise NoValue(f"{about.id} had no value in the last {window_min:g} minutes.")
            return WINDOWS[name](found)
        return FUNCTIONS[name][0](*(self.visit(one) for one in node.args))


def dew_point(celsius: float, humidity: float) -> float:
    """Dew point in °C from °C and % (Magnus formula over water, Sonntag 1990)."""
    if not 0 < humidity <= 110:
        raise NoValue("A dew point needs a humidity above 0 %.")
    gamma = math.log(humidity / 100) + 17.62 * celsius / (243.12 + celsius)
    return 243.12 * gamma / (17.62 - gamma)


def absolute_humidity(celsius: float, humidity: float) -> float:
    """Water in the air in g/m³ from °C and % (Magnus formula, gas law)."""
    pressure_hpa = 6.112 * math.exp(17.62 * celsius / (243.12 + celsius)) * humidity / 100
    return 216.7 * pressure_hpa / (273.15 + celsius)


def _average(stretches: Sequence[tuple[float, float, float, int]]) -> float:
    count = sum(n for *_, n in stretches)
    return sum(mean * n for mean, _, _, n in stretches) / count


def _mean(*values: float) -> float:
    return math.fsum(values) / len(values)


def _rounded(value: float, decimals: float = 0) -> float:
    return round(value, int(max(-6, min(10, decimals))))


def _c_to_f(celsius: float) -> float:
    return celsius * 9 / 5 + 32


def _f_to_c(fahrenheit: float) -> float:
    return (fahrenheit - 32) * 5 / 9


MANY = 50
FUNCTIONS: Final[Mapping[str, tuple[Callable[..., float], int, int]]] = {
    "min": (lambda *values: min(values), 1, MANY),
    "max": (lambda *values: max(values), 1, MANY),
    "sum": (lambda *values: math.fsum(values), 1, MANY),
    "avg": (_mean, 1, MANY),
    "round": (_rounded, 1, 2),
    "abs": (abs, 1, 1),
    "floor": (math.floor, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "sqrt": (math.sqrt, 1, 1),
    "exp": (math.exp, 1, 1),
    "log": (math.log, 1, 2),
    "log10": (math.log10, 1, 1),
    "dew_point": (dew_point, 2, 2),
    "absolute_humidity": (absolute_humidity, 2, 2),
    "c_to_f": (_c_to_f, 1, 1),
    "f_to_c": (_f_to_c, 1, 1),
}
WINDOWS: Final[Mapping[str, Callable[[Sequence[tuple[float, float, float, int]]], float]]] = {
    "average": _average,
    "lowest": lambda stretches: min(low for _, low, _, _ in stretches),
    "highest": lambda stretches: max(high for _, _, high, _ in stretches),
    "change": lambda stretches: stretches[-1][0] - stretches[0][0],
}
BINARY: Final[Mapping[type, Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
UNARY: Final[Mapping[type, Callable[[Any], Any]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
COMPARING: Final[Mapping[type, Callable[[Any, Any], bool]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
