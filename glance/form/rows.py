"""Adding, removing and moving rows of a list while its form is open."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

ROW_VERBS = ("add", "drop", "up", "down", "toggle")


def edit_rows(values: MutableMapping[str, Any], order: str) -> str | None:
    """Carry out `add:<path>`, `drop:<path>:<i>`, `up:…`, `down:…` or `toggle:<path>:<i>` on the params of an open form.

    Returns the path of the row that is now the one being worked on ("clients.3"), or None where the order says nothing
    that can be done; then nothing has changed. `toggle` turns the row's `done`.
    """
    verb, _, rest = order.partition(":")
    path, _, number = rest.partition(":") if verb != "add" else (rest, "", "")
    if verb not in ROW_VERBS or not path:
        return None
    entries = _list_at(values, path, make=verb == "add")
    if entries is None:
        return None
    if verb == "add":
        entries.append({})
        return f"{path}.{len(entries) - 1}"
    if not (number.isascii() and number.isdigit() and len(number) <= 6) or int(number) >= len(entries):
        return None
    at = _move(entries, verb, int(number))
    return f"{path}.{at}" if entries else path


def _move(entries: list[Any], verb: str, index: int) -> int:
    """Do it to one row; returns where to look next."""
    if verb == "drop":
        del entries[index]
        return max(0, min(index, len(entries) - 1))
    if verb == "toggle":
        row = entries[index]
        if isinstance(row, dict):
            entries[index] = row | {"done": not row.get("done")}
        return index
    other = index - 1 if verb == "up" else index + 1
    if not 0 <= other < len(entries):
        return index
    entries[index], entries[other] = entries[other], entries[index]
    return other


def _list_at(values: Any, path: str, *, make: bool) -> list[Any] | None:
    """The list that a dotted path leads to; `make` starts an empty one where only the last step is missing."""
    *way, last = path.split(".")
    node = values
    for part in way:
        if isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, MutableMapping):
            if make and part not in node:
                node[part] = {}
            node = node.get(part)
        else:
            return None
    if not isinstance(node, MutableMapping):
        return None
    if make and not isinstance(node.get(last), list):
        node[last] = []
    found = node.get(last)
    return found if isinstance(found, list) else None
