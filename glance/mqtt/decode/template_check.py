"""What a value template asks for, found before it runs: what is never offered, and what only Home Assistant could tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from glance.bounded.counting import CALLED
from glance.bounded.environment import LIST_METHODS, TEXT_METHODS
from glance.mqtt.decode.template_times import FIELDS

MOST_NODES = 1200
DEEPEST = 32
ASKS = "<asks>"
TOO_DEEP = "is longer or deeper nested than one that is taken"
OTHERS_SENTENCE = "asks for other entities (states and the like), which only Home Assistant itself can tell"
# What a template asks of the whole of Home Assistant, not of the message.
OTHERS = frozenset(
    "states state_attr is_state is_state_attr has_value expand closest distance state_translated integration_entities this "
    "entity_id area_id area_name area_entities area_devices areas floors floor_id floor_name floor_areas floor_entities labels "
    "label_id label_name label_entities label_devices device_id device_name device_attr device_entities is_device_attr "
    "is_hidden_entity config_entry_id config_entry_attr issues issue merge_response".split()
)
_NEVER = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block)
_METHODS = (
    TEXT_METHODS | LIST_METHODS | FIELDS | {"format", "strftime", "from_keys"} | set(CALLED.values()) | set(CALLED)
)
_SPECIAL = frozenset(("loop", "caller", "super", "self"))


def refused(tree: nodes.Template, functions: frozenset[str]) -> str:
    """Why a template cannot be taken, after "its template"; empty where it can. `functions` are those that are offered."""
    own = _own_names(tree)
    count = 0
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if count > MOST_NODES or depth > DEEPEST:
            return TOO_DEEP
        why = _fault(node, functions, own)
        if why:
            return why
        waiting.extend((child, depth + 1) for child in node.iter_child_nodes())
    return OTHERS_SENTENCE if any(_asks(node, own) for node in _certain(tree)) else ""


def _fault(node: nodes.Node, functions: frozenset[str], own: frozenset[str]) -> str:
    if isinstance(node, _NEVER):
        return "uses templates of Home Assistant, which are not in it"
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        return "reaches for what is no value"
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and str(node.arg.value).startswith("__"):
        return "reaches for what is no value"
    if isinstance(node, nodes.Call):
        target = node.node
        if isinstance(target, nodes.Name) and target.name not in functions | own | OTHERS | _SPECIAL:
            return f"calls {target.name[:40]}(), which is not known here"
        if isinstance(target, nodes.Getattr) and target.attr not in _METHODS and not _is_asked(target, own):
            return f"calls {target.attr[:40]}(), which is not known here"
    return ""


def _own_names(tree: nodes.Template) -> frozenset[str]:
    """The names that a template gives a meaning itself."""
    names = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    return frozenset(names | {node.name for node in tree.find_all(nodes.Macro)})


def _is_asked(node: nodes.Expr, own: frozenset[str]) -> bool:
    """Whether an expression is a field of what only Home Assistant has: states.sensor.x."""
    while isinstance(node, (nodes.Getattr, nodes.Getitem)):
        node = node.node
    return _asks(node, own)


def _asks(node: nodes.Node, own: frozenset[str]) -> bool:
    if isinstance(node, nodes.Name):
        return node.ctx == "load" and node.name in OTHERS and node.name not in own
    return isinstance(node, (nodes.Filter, nodes.Test)) and node.name in OTHERS


def _certain(node: nodes.Node) -> Iterator[nodes.Node]:
    """The parts of a template that run whatever the message says."""
    yield node
    parts: Any
    if isinstance(node, (nodes.If, nodes.CondExpr)):
        parts = [node.test]
    elif isinstance(node, (nodes.And, nodes.Or)):
        parts = [node.left]
    elif isinstance(node, nodes.For):
        parts = [node.iter]
    elif isinstance(node, (nodes.Macro, nodes.CallBlock)):
        parts = []
    else:
        parts = node.iter_child_nodes()
    for part in parts:
        yield from _certain(part)


class Asking(NodeTransformer):
    """Makes each use of what only Home Assistant has a failure of its own, where the template gets to it."""

    def __init__(self, tree: nodes.Template) -> None:
        self._own = _own_names(tree)

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        """`states` where the template itself did not set it."""
        if not _asks(node, self._own):
            return node
        return nodes.Filter(nodes.Const(node.name), ASKS, [], [], None, None, lineno=node.lineno)
