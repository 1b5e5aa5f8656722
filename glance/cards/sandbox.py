"""The environment in which card templates run: autoescaping, sandboxed, and bounded in time and size.

A template gets plain JSON data and the helpers, nothing else. What a card may use up is counted in a `Budget` (glance.cards.budget):
without it `{% for %}` in `{% for %}` or a text doubled in a loop would hold a thread or fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any

from jinja2 import nodes, pass_environment
from jinja2.exceptions import SecurityError
from jinja2.filters import do_round, make_attrgetter
from jinja2.runtime import ChainableUndefined, Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer
from markupsafe import escape

from glance.cards.budget import MAX_TEXT, Budget, TooMuch, bounded_text, running, weighed, within_bounds
from glance.formats import NOTHING

MAX_RANGE = 1000
MAX_BITS = 4096
# Names no template can write: what counts must not be within its reach.
_COUNTED = "<counted>"
_BOUNDED = "<bounded>"
_WITHIN = "<within>"
_STEPPED = "<stepped>"
_WEIGHED = "<weighed>"
_MADE = "<made>"
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


# Methods of plain values. None makes much out of little, and none formats: a width in a format can ask for any amount of memory.
_TEXT_METHODS = frozenset(
    "capitalize casefold count endswith find isalnum isalpha isdigit islower isnumeric isspace isupper lower lstrip partition "
    "removeprefix removesuffix rfind rpartition rsplit rstrip split splitlines startswith strip swapcase title upper".split()
)
_LIST_METHODS = frozenset({"count", "index"})
# Filters that compare or hash all that is in what they are given.
_DEEP = frozenset("sort unique groupby min max dictsort sum".split())
# Those that look at no item, or at one.
_CHEAP = frozenset("length count first last default d".split())
_PLAIN = (str, bytes, bytearray, int, float, complex, list, tuple, range)


class Missing(ChainableUndefined):
    """A field that is not there: empty, false, and so is everything below it."""


def _counted(value: Any, cost: int) -> Iterator[Any]:
    """What a loop goes over, each step counted with the text in the loop's body; null is nothing to go over."""
    budget = running()
    items: Iterable[Any] = () if value is None else value
    for item in items:
        budget.step()
        budget.write(cost)
        yield item


def _range(*bounds: int) -> range:
    """`range`, of at most 1000 numbers, counted."""
    found = range(*(int(bound) for bound in bounds))
    if len(found) > MAX_RANGE:
        raise TooMuch(f"range() of a card gives at most {MAX_RANGE} numbers.")
    running().step(len(found))
    return found


def _finalize(value: Any) -> Any:
    """How a value is written: null as a dash, true and false as words; everything counted."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, (str, Undefined)) else str(within_bounds(value))
    if isinstance(text, str):
        running().write(len(text))
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


def _stepped(value: Any) -> Any:
    """One step, counted."""
    running().step()
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


class _Weighing(_Counting):
    """Also weighs what is compared and hashed, and counts what is made: for templates that are not trusted."""

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        """`a == b` and `a in b` look at all of both sides, which is weighed first; beside a constant there is nothing to weigh."""
        self.generic_visit(node)
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        if len(sides) == 2 and node.ops[0].op not in ("in", "notin") and any(isinstance(one, nodes.Const) for one in sides):
            return node
        node.expr = _weighing(node.expr)
        for operand in node.ops:
            operand.expr = _weighing(operand.expr)
        return node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Node:
        """The names of a dict are hashed, with all that is in them."""
        self.generic_visit(node)
        node.key = _weighing(node.key)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        """A part of a text or list is something new, and Jinja cuts it without asking the environment."""
        self.generic_visit(node)
        return _making(node) if isinstance(node.arg, nodes.Slice) else node

    def visit_List(self, node: nodes.List) -> nodes.Node:
        """A list is something new."""
        self.generic_visit(node)
        return _making(node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        """So is a tuple, where it is not what is set."""
        self.generic_visit(node)
        return _making(node) if node.ctx == "load" else node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        """So is a dict."""
        self.generic_visit(node)
        return _making(node)


def _weighing(node: nodes.Expr) -> nodes.Expr:
    """The expression, its value weighed."""
    if isinstance(node, nodes.Const):
        return node
    return nodes.Filter(node, _WEIGHED, [], [], None, None, lineno=node.lineno)


def _making(node: nodes.Expr) -> nodes.Expr:
    """The expression, its memory counted."""
    return nodes.Filter(node, _MADE, [], [], None, None, lineno=node.lineno)


def _made(value: Any) -> Any:
    """The value, which is new, counted."""
    return running().make(value)


class CardEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox of card templates: a field of the data comes before a method of the same name (`data.items` is the field).

    `strict` is for templates that came through the API or an import: all they do is weighed against a Budget. Those of folders
    are trusted; what is counted for them are loops and the text they write.
    """

    intercepted_binops = frozenset(["*", "**", "+", "%"])

    def __init__(self, strict: bool = True) -> None:
        self.strict = strict
        # Not optimised: constants would be worked out while the template is compiled, when no budget is running.
        super().__init__(
            autoescape=True,
            undefined=Missing,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_finalize,
            optimized=not strict,
        )
        for name in _NOT_OFFERED:
            self.filters.pop(name, None)
        self.filters.update({"join": _bounded_join, "replace": _bounded_replace, "round": _round, "sum": _sum})
        for name in _WRITING:
            self.filters[name] = _writing(self.filters[name])
        if strict:
            for name, filter_ in self.filters.items():
                if name not in _CHEAP:
                    self.filters[name] = _measured(filter_, deep=name in _DEEP)
            for name, test in self.tests.items():
                self.tests[name] = _measured(test, deep=True)
        self.filters.update({_COUNTED: _counted, _STEPPED: _stepped})
        self.filters.update({_BOUNDED: bounded_text, _WITHIN: within_bounds, _WEIGHED: weighed, _MADE: _made})
        for name in ("lipsum", "cycler", "dict"):
            self.globals.pop(name, None)
        self.globals["range"] = _range

    def offer(self, name: str, function: Callable[..., Any]) -> None:
        """Offer a helper as a filter too."""
        self.filters[name] = _measured(function, deep=True) if self.strict else function

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Parse, then wrap what loops go over and what joins texts in counting filters."""
        tree = super()._parse(source, name, filename)
        counted: nodes.Template = (_Weighing() if self.strict else _Counting()).visit(tree)
        return counted

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`data.name`: the field of that name, in a call the method of dicts, else what the sandbox allows."""
        if isinstance(obj, Mapping):
            if attribute in obj:
                return obj[attribute]
            if attribute in _CALLED:
                return getattr(obj, _CALLED[attribute])
            return self.undefined(obj=obj, name=attribute)
        attribute = _CALLED.get(attribute, attribute)
        # Asked first: Jinja itself would hand out the formatting methods of texts before it looks whether they are safe.
        if isinstance(obj, _PLAIN) and not _offers(obj, attribute):
            missing = self.unsafe_undefined if hasattr(obj, attribute) else None
            return missing(obj, attribute) if missing else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`data[x]`: a field or item, never what `data.x` would not give."""
        if isinstance(argument, str) and isinstance(obj, _PLAIN):
            return self.getattr(obj, argument)
        if self.strict and not isinstance(argument, (str, int, float)):
            running().weigh(argument)
        return super().getitem(obj, argument)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a helper, a macro or a method: a step, with all that it is given weighed and what it gives back counted."""
        if not __self.strict:
            return super().call(__context, __obj, *args, **kwargs)
        budget = running()
        budget.step()
        for value in (*args, *kwargs.values()):
            budget.weigh(value)
        owner = getattr(__obj, "__self__", None)
        if type(owner) is str:
            budget.weigh(owner)
        found = super().call(__context, __obj, *args, **kwargs)
        budget.look_at_clock()
        return budget.make(found)

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


def _offers(obj: Any, attribute: str) -> bool:
    """Whether a template may ask a plain value for this: a harmless method, or a field of a named tuple (as groupby makes)."""
    if isinstance(obj, str):
        return attribute in _TEXT_METHODS
    if isinstance(obj, (list, tuple)):
        return attribute in _LIST_METHODS or attribute in getattr(type(obj), "_fields", ())
    return False


def _round(value: Any, precision: int = 0, method: Any = "common") -> Any:
    """`round`, of at most 15 places: more would only cost time."""
    places = int(precision)
    if not -15 <= places <= 15:
        raise SecurityError("round in a card takes from -15 to 15 places.")
    return do_round(value, places, method)


@pass_environment
def _sum(environment: CardEnvironment, values: Any, attribute: str | int | None = None, start: Any = 0) -> Any:
    """`sum`, of numbers."""
    total = start if isinstance(start, (int, float)) else 0
    pick = make_attrgetter(environment, attribute) if attribute is not None else None
    for value in () if values is None or isinstance(values, Undefined) else values:
        found = pick(value) if pick else value
        if isinstance(found, (int, float)):
            total += found
    return total


def _measured(function: Callable[..., Any], *, deep: bool) -> Callable[..., Any]:
    """A filter or test that counts what it is given (all that is in it where it looks that far) and what it makes."""
    passed = hasattr(function, "jinja_pass_arg")

    @wraps(function)
    def measured(*args: Any, **kwargs: Any) -> Any:
        budget = running()
        for value in args[passed:]:
            if deep or isinstance(value, (str, bytes)):
                budget.weigh(value)
            elif isinstance(value, (list, tuple, Mapping)):
                budget.work(len(value))
        found = budget.make(function(*args, **kwargs))
        if isinstance(found, Generator):
            return _each(found, budget)
        budget.work(1)
        return found

    return measured


def _each(items: Generator[Any, None, None], budget: Budget) -> Iterator[Any]:
    """What a filter gives one by one, each counted."""
    for item in items:
        budget.work(1)
        yield item


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
