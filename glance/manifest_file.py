"""Reads a folder of a custom widget: widget.yaml, card.html, style.css and example.json become one manifest with line numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from glance.definition import Fault, ManifestFault

MANIFEST_NAME = "widget.yaml"
PARTS = {"card.html": "template", "style.css": "style"}
MAX_FILE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A manifest as read, and at which line of widget.yaml each dotted place stands."""

    manifest: Mapping[str, Any]
    lines: Mapping[str, int]


def stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What tells whether a folder changed: name, time and size of each of its files."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith((".", "test_")):
            stat = path.stat()
            found.append((path.name, stat.st_mtime_ns, stat.st_size))
    return tuple(found)


def read(folder: Path) -> ManifestFile:
    """Read the folder; ManifestFault where a file cannot be read at all."""
    document = _yaml(folder / MANIFEST_NAME)
    if not isinstance(document, CommentedMap):
        raise ManifestFault([Fault("", "The manifest must be a mapping of keys to values.", 1)])
    lines: dict[str, int] = {}
    manifest = _plain(document, "", lines)
    for filename, key in PARTS.items():
        if (folder / filename).exists():
            manifest[key] = _text(folder / filename)
    if "template" not in manifest:
        raise ManifestFault(
            [Fault("card.html", "is missing: it draws the widget.")], str(manifest.get("name", "")) or None
        )
    if (folder / "example.json").exists():
        manifest["example"] = _json(folder / "example.json")
    if (
        isinstance(manifest.get("source"), dict)
        and manifest["source"].get("kind") == "python"
        and not (folder / "fetch.py").exists()
    ):
        raise ManifestFault(
            [Fault("fetch.py", "is missing: source.kind is python.")], str(manifest.get("name", "")) or None
        )
    return ManifestFile(manifest, lines)


def excerpt(folder: Path, line: int | None) -> list[tuple[int, str, bool]]:
    """The lines around a faulty one as (number, text, is it the one)."""
    path = folder / MANIFEST_NAME
    if line is None or not path.exists():
        return []
    texts = path.read_text(encoding="utf-8", errors="replace").splitlines()
    first, last = max(1, line - 1), min(len(texts), line + 1)
    return [(number, texts[number - 1], number == line) for number in range(first, last + 1)]


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ManifestFault([Fault(path.name, f"cannot be read: {error.strerror}.")]) from error
    if len(raw) > MAX_FILE_BYTES:
        raise ManifestFault([Fault(path.name, "is larger than 1 MB.")])
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ManifestFault([Fault(path.name, "is not UTF-8 text.")]) from error


def _yaml(path: Path) -> Any:
    text = _text(path)
    try:
        return YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ManifestFault(
            [Fault("", f"{error.problem or error.context}.", mark.line + 1 if mark else None)]
        ) from error
    except YAMLError as error:
        raise ManifestFault([Fault("", "The manifest is not YAML.")]) from error


def _json(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except ValueError as error:
        raise ManifestFault([Fault(path.name, f"is not JSON: {error}.")]) from error


def _plain(node: Any, place: str, lines: dict[str, int]) -> Any:
    """YAML nodes as plain data; notes the line of each place."""
    if isinstance(node, CommentedMap):
        out = {}
        for key, value in node.items():
            where = f"{place}.{key}".lstrip(".")
            lines[where] = node.lc.key(key)[0] + 1 if key in node.lc.data else 1
            out[str(key)] = _plain(value, where, lines)
        return out
    if isinstance(node, CommentedSeq):
        for number in range(len(node)):
            lines[f"{place}.{number}"] = node.lc.item(number)[0] + 1
        return [_plain(value, f"{place}.{number}", lines) for number, value in enumerate(node)]
    if isinstance(node, bool) or node is None:
        return node
    for plain in (int, float, str):
        if isinstance(node, plain):
            return plain(node)
    return str(node)
