"""What is added to the tree of a template before it runs: counting of loops, calls and joined texts, weighing of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from glance.bounded.budget import bounded_text, running, weighed, within_bounds

# Names no template can write: what counts must not be within its reach.
_COUNTED = "<counted>"
_BOUNDED = "<bounded>"
_WITHIN = "<within>"
_STEPPED = "<stepped>"
_WEIGHED = "<weighed>"
_MADE = "<made>"
# So many parts of a template (a name, a field, an operator) are as much work as one item of a list.
_PARTS = 8
# `data.items` is a field, `data.items()` the method: in a call the method goes by a name that no field can have by accident.
CALLED = {f"<{name}>": name for name in ("get", "items", "keys", "values")}


def _counted(value: Any, cost: int, parts: int) -> Iterator[Any]:
    """What a loop goes over, each step counted with the text and parts of the loop's body; null is nothing to go over."""
    budget = running()
    items: Iterable[Any] = () if value is None else value
    for item in items:
        budget.step()
        budget.work(parts // _PARTS)
        budget.write(cost)
        yield item


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


def _parts_of(node: nodes.Node) -> int:
    """How many parts an element of the tree has, all that is in it included."""
    return sum(1 for _ in node.find_all(nodes.Node))


def _stepped(value: Any, parts: int) -> Any:
    """One step, counted with the parts of what it does."""
    budget = running()
    budget.step()
    budget.work(parts // _PARTS)
    return value


def _step_of(node: nodes.Macro | nodes.CallBlock | nodes.For) -> nodes.Node:
    """A statement that counts one step of this."""
    line, parts = node.lineno, nodes.Const(_parts_of(node), lineno=node.lineno)
    return nodes.ExprStmt(nodes.Filter(nodes.Const(None), _STEPPED, [parts], [], None, None, lineno=line), lineno=line)


class Counting(NodeTransformer):
    """Puts counting filters around what loops go over and around joined texts; tells methods of dicts from fields."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        """`for x in items` becomes `for x in items|<counted>(size of the body, its parts)`."""
        cost = [nodes.Const(_body_size(node), lineno=node.lineno), nodes.Const(_parts_of(node), lineno=node.lineno)]
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, _COUNTED, cost, [], None, None, lineno=node.lineno)
        if node.recursive:
            node.body.insert(0, _step_of(node))
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        """Each call of a macro is a step: two that call each other twice would never end."""
        self.generic_visit(node)
        node.body.insert(0, _step_of(node))
        return node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:
        """Each call of a block is a step."""
        self.generic_visit(node)
        node.body.insert(0, _step_of(node))
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        """`x.items()` asks for the method of dicts, never for a field."""
        self.generic_visit(node)
        if isinstance(node.node, nodes.Getattr) and f"<{node.node.attr}>" in CALLED:
            node.node.attr = f"<{node.node.attr}>"
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        """`a ~ b` becomes `(a|<within> ~ b|<within>)|<bounded>`."""
        self.generic_visit(node)
        node.nodes = [nodes.Filter(part, _WITHIN, [], [], None, None, lineno=node.lineno) for part in node.nodes]
        return nodes.Filter(node, _BOUNDED, [], [], None, None, lineno=node.lineno)


class Weighing(Counting):
    """Also weighs what is compared and hashed, and counts what is made: for templates that are not trusted."""

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        """`a == b` and `a in b` look at all of both sides, which is weighed first; beside a constant there is nothing to weigh."""
        self.generic_visit(node)
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        if (
            len(sides) == 2
            and node.ops[0].op not in ("in", "notin")
            and any(isinstance(one, nodes.Const) for one in sides)
        ):
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


FILTERS: dict[str, Callable[..., Any]] = {
    _COUNTED: _counted,
    _STEPPED: _stepped,
    _BOUNDED: bounded_text,
    _WITHIN: within_bounds,
    _WEIGHED: weighed,
    _MADE: _made,
}
