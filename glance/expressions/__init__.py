"""Expressions in manifests: `{{ params.repository }}` in any string of a source, as a small, bounded part of Jinja.

A string that is exactly one `{{ … }}` keeps the type of its value; every other string with expressions becomes text, in which
None is empty. There are `if` and plain `for`, the filters of FILTERS, and a few methods of text and mappings; nothing that
could take long, grow large or reach the program around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Undefined

from glance.errors import Invalid
from glance.expressions.sandbox import FILTERS, MAX_OUTPUT_CHARS, Offered, Unknown, environment, in_time, timed

__all__ = ["Offered", "check", "complete", "credentials_in", "faults", "render"]

MAX_SOURCE_CHARS = 20_000
MAX_PARTS = 20_000
MAX_CONCAT = 20

_INTERNAL = frozenset({"self", "super", "caller", "varargs", "kwargs"})
_STATEMENTS = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For)


def render(value: Any, names: Mapping[str, Any]) -> Any:
    """`value` with every expression in its strings evaluated, through mappings (values only) and lists.

    Invalid with a sentence that shows the expression and names what is unknown in it, or that it takes too long.
    """
    with in_time():
        return _rendered(value, names)


def _rendered(value: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return _evaluated(value, names) if "{{" in value or "{%" in value else value
    if isinstance(value, Mapping):
        return {key: _rendered(item, names) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rendered(item, names) for item in value]
    return value


def check(text: str, names: Iterable[str] | None = None) -> tuple[int, str] | None:
    """What is wrong with a string's expressions, as (line, sentence), or None; `names`: the first names there will be."""
    try:
        tree = _parsed(text)
        _compiled(text)
    except _Faulty as error:
        return error.line, error.sentence
    if names is None:
        return None
    known = set(names) | {"range", "loop"} | {node.name for node in tree.find_all(nodes.Name) if node.ctx == "store"}
    for node in tree.find_all(nodes.Name):
        if node.name not in known:
            return node.lineno, f"{node.name} is not known here; there is {', '.join(sorted(names))}."
    return None


def faults(value: Any, names: Iterable[str], place: str = "") -> Iterator[tuple[str, str]]:
    """What is wrong with the expressions anywhere in a mapping or list, as (dotted place, sentence)."""
    if isinstance(value, str):
        found = check(value, names) if "{{" in value or "{%" in value else None
        if found:
            yield place, found[1]
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from faults(item, names, f"{place}.{key}" if place else str(key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from faults(item, names, f"{place}.{index}" if place else str(index))


def complete(params: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """`params` with every property of their JSON Schema that is not set as None, so that an optional one can be named."""
    whole = dict(params)
    for name, prop in (schema.get("properties") or {}).items():
        inner = prop.get("properties") if isinstance(prop, Mapping) else None
        if inner and isinstance(whole.get(name, {}), Mapping):
            whole[name] = complete(whole.get(name, {}), prop)
        else:
            whole.setdefault(name, None)
    return whole


def credentials_in(value: Any) -> set[str]:
    """The names of the credentials that expressions anywhere in a mapping or list ask for by a fixed name."""
    if isinstance(value, str):
        if "credential" not in value or "{" not in value:
            return set()
        try:
            calls = _parsed(value).find_all(nodes.Call)
        except _Faulty:
            return set()
        return {
            call.args[0].value
            for call in calls
            if isinstance(call.node, nodes.Name)
            and call.node.name == "credential"
            and call.args
            and isinstance(call.args[0], nodes.Const)
            and isinstance(call.args[0].value, str)
        }
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return {name for part in parts for name in credentials_in(part)}


class _Faulty(Exception):
    """A string whose expressions cannot be used."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line
        self.sentence = sentence


def _evaluated(text: str, names: Mapping[str, Any]) -> Any:
    """One string evaluated."""
    try:
        result = _compiled(text)(names)
        if isinstance(result, Unknown):
            str(result)  # raises, naming what is unknown
    except _Faulty as error:
        raise Invalid(f"The expression {_shown(text)} cannot be used: {error.sentence}") from error
    except UndefinedError as error:
        raise Invalid(f"The expression {_shown(text)} {error.message}.") from error
    except SecurityError as error:
        raise Invalid(f"The expression {_shown(text)} is not allowed: {error.message}.") from error
    except (
        TemplateError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:
        raise Invalid(f"The expression {_shown(text)} cannot be evaluated ({type(error).__name__}).") from error
    if isinstance(result, str) and len(result) > MAX_OUTPUT_CHARS:
        raise Invalid(f"The expression {_shown(text)} gives a text that is too long.")
    return result


@lru_cache(maxsize=2048)
def _compiled(text: str) -> Callable[[Mapping[str, Any]], Any]:
    """One string ready to evaluate; _Faulty where that is not possible."""
    tree = _parsed(text)
    single = len(tree.body) == 1 and isinstance(tree.body[0], nodes.Output) and len(tree.body[0].nodes) == 1
    stripped = text.strip()
    try:
        if single and stripped.startswith("{{") and stripped.endswith("}}"):
            inner = stripped[2:-2].removeprefix("-").removesuffix("-")
            expression = environment.compile_expression(inner, undefined_to_none=False)
            return lambda names: _plain(expression(**names))
        template = environment.from_string(tree)
    except TemplateSyntaxError as error:  # an unknown filter shows only now
        raise _Faulty(error.lineno, _sentence(error)) from error
    except (RecursionError, SyntaxError, ValueError, MemoryError) as error:  # Jinja can read it, and Python cannot
        raise _Faulty(1, "It is nested too deeply, or holds a number that is too long.") from error
    return lambda names: _joined(template.generate(**names))


def _parsed(text: str) -> nodes.Template:
    """Parse one string; _Faulty for what is not offered."""
    if len(text) > MAX_SOURCE_CHARS:
        raise _Faulty(1, f"It has more than {MAX_SOURCE_CHARS} characters.")
    source = text.strip() if text.strip().startswith("{{") else text
    try:
        tree = environment.parse(source)
        _refuse_more(tree)
        for loop in tree.find_all(nodes.For):
            timed(loop)
    except TemplateSyntaxError as error:
        raise _Faulty(error.lineno, _sentence(error)) from error
    except RecursionError as error:
        raise _Faulty(1, "It is nested too deeply.") from error
    return tree


def _refuse_more(tree: nodes.Template) -> None:
    """Refuse what is not offered."""
    joined = 0
    for node in tree.find_all((nodes.Stmt, nodes.Filter, nodes.Concat, nodes.Name)):
        if isinstance(node, nodes.Stmt) and not isinstance(node, _STATEMENTS):
            raise _Faulty(node.lineno, f"Only if and for are offered here, not {type(node).__name__.lower()}.")
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise _Faulty(node.lineno, f"There is no filter {node.name}; there are {', '.join(sorted(FILTERS))}.")
        if isinstance(node, nodes.Concat):
            joined += len(node.nodes)
            if joined > MAX_CONCAT:
                raise _Faulty(node.lineno, f"At most {MAX_CONCAT} parts can be joined with ~.")
        if isinstance(node, nodes.Name) and node.name in _INTERNAL:
            raise _Faulty(node.lineno, f"{node.name} is not known here.")
        if isinstance(node, nodes.For) and (
            node.recursive or any(inner is not node for inner in node.find_all(nodes.For))
        ):
            raise _Faulty(node.lineno, "A for inside another one is not offered.")


def _joined(parts: Iterable[str]) -> str:
    """The text of a template, stopped where it grows too long."""
    whole: list[str] = []
    size = 0
    for count, part in enumerate(parts):
        size += len(part)
        if size > MAX_OUTPUT_CHARS or count > MAX_PARTS:
            raise SecurityError("the text grows too long")
        whole.append(part)
    return "".join(whole)


def _plain(value: Any) -> Any:
    """A value as plain data: views and ranges of an expression become lists."""
    if isinstance(value, (str, int, float, bool, Mapping, list, Undefined)) or value is None:
        return value
    return list(value) if isinstance(value, Iterable) else str(value)


def _sentence(error: TemplateSyntaxError) -> str:
    """Jinja's message as a sentence."""
    text = (error.message or "it cannot be read").rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def _shown(text: str) -> str:
    """An expression as it stands in a sentence: short, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
