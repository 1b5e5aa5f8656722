"""An answer as a flat list of places that can be clicked to pick them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

MAX_LEAVES = 300
MAX_DEPTH = 12
PREVIEW_CHARS = 60
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Leaf(NamedTuple):
    """One place in an answer: `path` as it is read, its JMESPath, a short preview, its type in words, how deep it lies, and
    the last part of its path (empty for the answer itself)."""

    path: str
    jmespath: str
    preview: str
    type: str
    depth: int
    name: str


def tree(answer: Any) -> list[Leaf]:
    """Every place of `answer` in its order, at most 300; of a list of objects the first one, of other lists the first three."""
    leaves = []
    for leaf in _walk(answer, (), "", 0):
        leaves.append(leaf)
        if len(leaves) >= MAX_LEAVES:
            break
    return leaves


def _walk(value: Any, steps: tuple[str, ...], expression: str, depth: int) -> Iterator[Leaf]:
    """The place itself (but for the root that holds others), then what lies in it."""
    children = list(_children(value)) if depth <= MAX_DEPTH else []
    if steps or not children or isinstance(value, list):
        yield Leaf(
            ".".join(steps),
            expression or "@",
            _preview(value),
            _type(value),
            max(0, depth - 1),
            steps[-1] if steps else "",
        )
    for name, step, child in children:
        joined = f"{expression}{step}" if step.startswith("[") or not expression else f"{expression}.{step}"
        yield from _walk(child, (*steps, name), joined, depth + 1)


def _children(value: Any) -> Iterator[tuple[str, str, Any]]:
    """(name, JMESPath step, value) of what lies in an object or list."""
    if isinstance(value, Mapping):
        for key in list(value)[:MAX_LEAVES]:
            name = str(key)
            yield name, name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False), value[key]
    elif isinstance(value, list):
        shown = 1 if value and isinstance(value[0], Mapping) else 3
        for index, child in enumerate(value[:shown]):
            yield str(index), f"[{index}]", child


def _type(value: Any) -> str:
    """The type in words, with the number of things in it."""
    if isinstance(value, Mapping):
        return f"object, {len(value)}"
    if isinstance(value, list):
        return f"list of {len(value)}"
    if isinstance(value, bool):
        return "yes or no"
    if isinstance(value, (int, float)):
        return "number"
    return "text" if isinstance(value, str) else "nothing"


def _preview(value: Any) -> str:
    """The value as JSON, short; nothing for what holds others."""
    if isinstance(value, (Mapping, list)):
        return ""
    if isinstance(value, str) and len(value) > PREVIEW_CHARS:
        value = value[: PREVIEW_CHARS - 1] + "…"
    return json.dumps(value, ensure_ascii=False, default=str)
