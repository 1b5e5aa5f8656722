"""The environment in which card templates run: autoescaping, sandboxed, and bounded in time and size.

A template gets plain JSON data and the helpers, nothing else. What a card may use up is counted in a `Budget`: steps of loops and
characters written. Without it `{% for %}` in `{% for %}` or a text doubled in a loop would hold a thread or fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import ChainableUndefined, Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer
from markupsafe import escape

from glance.cards.budget import BUDGET, MAX_TEXT, Budget, TooMuch, bounded_text, within_bounds
from glance.formats import NOTHING

MAX_RANGE = 1000
MAX_BITS = 4096
# Names no template can write: what counts must not be within its reach.
_COUNTED = "<counted>"
_BOUNDED = "<bounded>"
_WITHIN = "<within>"
_STEPPED = "<stepped>"
# `data.items` is a field, `data.items()` the method: in a call the method goes by a name that no field can have by accident.
_CALLED = {f"<{name}>": name for name in ("get", "items", "keys", "values")}
# Filters that write whatever they are given as text.
_WRITING = "capitalize e escape forceescape lower string striptags title tojson trim truncate upper urlencode wordcount".split()
# Filters that make much out of little, or that call what they are given by name.
_NOT_OFFERED = (
    "batch",
    "slice",
    "center",
    "format",
    "filesizeformat",
    "indent",
    "pprint",
    "urlize",
    "wordwrap",
    "xmlattr",
    "attr",
)


class Missing(ChainableUndefined):
    """A field that is not there: empty, false, and so is everything below it."""


@pass_context
def _counted(context: Context, value: Any, cost: int) -> Iterator[Any]:
    """What a loop goes over, each step counted with the text in the loop's body; null is nothing to go over."""
    budget = context.get(BUDGET)
    items: Iterable[Any] = () if value is None else value
    for item in items:
        if isinstance(budget, Budget):
            budget.step()
            budget.write(cost)
        yield item


@pass_context
def _range(context: Context, *bounds: int) -> range:
    """`range`, of at most 1000 numbers, counted."""
    found = range(*(int(bound) for bound in bounds))
    if len(found) > MAX_RANGE:
        raise TooMuch(f"range() of a card gives at most {MAX_RANGE} numbers.")
    budget = context.get(BUDGET)
    if isinstance(budget, Budget):
        budget.step(len(found))
    return found


@pass_context
def _finalize(context: Context, value: Any) -> Any:
    """How a value is written: null as a dash, true and false as words; everything counted."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, (str, Undefined)) else str(within_bounds(value))
    budget = context.get(BUDGET)
    if isinstance(budget, Budget) and isinstance(text, str):
        budget.write(len(text))
    return text


def _body_size(node: nodes.For) -> int:
    """Characters of plain text in a loop's body, inner loops left out: they count their own."""
    found = 0
    queue: list[nodes.Node] = [*node.body]
    while queue:
        part = queue.pop()
        if isinstance(part, nodes.TemplateData):
            found += len(part.data)
        if not isinstance(part, nodes.For):
            queue.extend(part.iter_child_nodes())
    return found


@pass_context
def _stepped(context: Context, value: Any) -> Any:
    """One step, counted."""
    budget = context.get(BUDGET)
    if isinstance(budget, Budget):
        budget.step()
    return value


def _step_at(line: int) -> nodes.Node:
    """A statement that counts one step."""
    return nodes.ExprStmt(nodes.Filter(nodes.Const(None), _STEPPED, [], [], None, None, lineno=line), lineno=line)


class _Counting(NodeTransformer):
    """Puts counting filters around what loops go over and around joined texts; tells methods of dicts from fields."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        """`for x in items` becomes `for x in items|<counted>(size of the body)`."""
        size = nodes.Const(_body_size(node), lineno=node.lineno)
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, _COUNTED, [size], [], None, None, lineno=node.lineno)
        if node.recursive:
            node.body.insert(0, _step_at(node.lineno))
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        """Each call of a macro is a step: two that call each other twice would never end."""
        self.generic_visit(node)
        node.body.insert(0, _step_at(node.lineno))
        return node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:
        """Each call of a block is a step."""
        self.generic_visit(node)
        node.body.insert(0, _step_at(node.lineno))
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        """`x.items()` asks for the method of dicts, never for a field."""
        self.generic_visit(node)
        if isinstance(node.node, nodes.Getattr) and f"<{node.node.attr}>" in _CALLED:
            node.node.attr = f"<{node.node.attr}>"
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        """`a ~ b` becomes `(a|<within> ~ b|<within>)|<bounded>`."""
        self.generic_visit(node)
        node.nodes = [nodes.Filter(part, _WITHIN, [], [], None, None, lineno=node.lineno) for part in node.nodes]
        return nodes.Filter(node, _BOUNDED, [], [], None, None, lineno=node.lineno)


class CardEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox of card templates: a field of the data comes before a method of the same name (`data.items` is the field)."""

    intercepted_binops = frozenset(["*", "**", "+", "%"])

    def __init__(self) -> None:
        super().__init__(autoescape=True, undefined=Missing, trim_blocks=True, lstrip_blocks=True, finalize=_finalize)
        for name in _NOT_OFFERED:
            self.filters.pop(name, None)
        self.filters.update(
            {
                _COUNTED: _counted,
                _STEPPED: _stepped,
                _BOUNDED: bounded_text,
                _WITHIN: within_bounds,
                "replace": _bounded_replace,
            }
        )
        self.filters["join"] = _bounded_join
        for name in _WRITING:
            self.filters[name] = _writing(self.filters[name])
        for name in ("lipsum", "cycler", "dict"):
            self.globals.pop(name, None)
        self.globals["range"] = _range

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Parse, then wrap what loops go over and what joins texts in counting filters."""
        tree = super()._parse(source, name, filename)
        counted: nodes.Template = _Counting().visit(tree)
        return counted

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`data.name`: the field of that name, in a call the method of dicts, else what the sandbox allows."""
        if isinstance(obj, Mapping):
            if attribute in obj:
                return obj[attribute]
            if attribute in _CALLED:
                return getattr(obj, _CALLED[attribute])
            return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, _CALLED.get(attribute, attribute))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """`*`, `**`, `+` and `%`, refused where the result would be huge."""
        if operator == "**":
            raise SecurityError("The operator ** is not offered in cards.")
        if operator == "%" and isinstance(left, (str, bytes)):
            raise SecurityError("Text formatting with % is not offered in cards; use the helpers.")
        if operator == "*":
            if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > MAX_BITS:
                raise TooMuch("The card makes a number of more than 1000 digits.")
            for one, other in ((left, right), (right, left)):
                if isinstance(one, (list, tuple)):
                    raise SecurityError("Lists cannot be multiplied in cards.")
                if isinstance(one, (str, bytes)) and isinstance(other, int) and len(one) * other > MAX_TEXT:
                    raise TooMuch("The card makes a text longer than 512 KB.")
        return bounded_text(super().call_binop(context, operator, left, right))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """No text formatting by methods: a width in a format can ask for any amount of memory."""
        if isinstance(obj, str) and attr in (
            "format",
            "format_map",
            "center",
            "ljust",
            "rjust",
            "zfill",
            "expandtabs",
            "replace",
        ):
            return False
        return super().is_safe_attribute(obj, attr, value)


def _bounded_replace(value: Any, old: str, new: str, count: int | None = None) -> Any:
    """`replace`, with a bounded result."""
    missing = value is None or isinstance(value, Undefined)
    text = value if isinstance(value, str) else "" if missing else str(within_bounds(value))
    found = text.count(old) if count is None else min(text.count(old), count)
    if len(text) + found * max(0, len(new) - len(old)) > MAX_TEXT:
        raise TooMuch("The card makes a text longer than 512 KB.")
    return text.replace(old, new, -1 if count is None else count)


def _bounded_join(value: Any, separator: str = "", attribute: str | None = None) -> Any:
    """`join`, with a bounded result; what is joined is escaped unless it is markup already."""
    items = [] if value is None or isinstance(value, Undefined) else list(value)
    if attribute is not None:
        items = [item.get(attribute) if isinstance(item, Mapping) else None for item in items]
    between = escape(within_bounds(separator))
    texts: list[Any] = []
    length = 0
    for item in items:
        text = NOTHING if item is None else escape(within_bounds(item))
        length += len(text) + len(between)
        if length > MAX_TEXT:
            raise TooMuch("The card makes a text longer than 512 KB.")
        texts.append(text)
    return between.join(texts)


def _writing(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, for what it may write; it keeps what it asks Jinja to be passed first."""
    passed = hasattr(filter_, "jinja_pass_arg")

    @wraps(filter_)
    def write(*args: Any, **kwargs: Any) -> Any:
        for value in args[passed : passed + 1]:
            if not isinstance(value, (str, Undefined)):
                within_bounds(value)
        return filter_(*args, **kwargs)

    return write
