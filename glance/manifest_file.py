"""Reads a folder of a custom widget: widget.yaml, card.html, style.css and example.json become one manifest with line numbers."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from glance.definition import Fault, ManifestFault

log = logging.getLogger(__name__)

MANIFEST_NAME = "widget.yaml"
PARTS = {"card.html": "template", "style.css": "style"}
MAX_FILE_BYTES = 1_000_000
# Far beyond any manifest; anchors and aliases (`&a`, `*a`) can make a small file endless or enormous.
MAX_NODES = 50_000
MAX_DEPTH = 64
HALF = "holds half of a character (a lone surrogate such as \\ud83d); write the whole character."


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A manifest as read, and at which line of widget.yaml each dotted place stands."""

    manifest: Mapping[str, Any]
    lines: Mapping[str, int]


def folders_in(root: Path) -> list[Path]:
    """The folders of custom widgets in `root`, by name; none where it cannot be read."""
    try:
        inside = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    except OSError as error:
        log.debug("%s cannot be read: %s", root, error.strerror)
        return []
    found = [path for path in inside if any(_exists(path / name) for name in (MANIFEST_NAME, *PARTS))]
    return [path for path in found if _is_text(path.name) or _left_out(path)]


def _is_text(text: str) -> bool:
    """Whether it can be written down: a half character (a lone surrogate) can be neither stored nor shown."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=200)
def _left_out(path: Path) -> bool:
    """Say it once of each."""
    log.warning("A folder of a custom widget is left out, because its name is not UTF-8 text: %s", ascii(path.name))
    return False


def _exists(path: Path) -> bool:
    """Whether it is there; what may not be looked at counts as there, so that it shows as broken."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def stamp(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    """What tells whether a folder changed: name, time, size and rights of each of its files."""
    found = []
    try:
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.startswith((".", "test_")):
                stat = path.stat()
                found.append((path.name, stat.st_mtime_ns, stat.st_size, stat.st_mode))
    except OSError:  # it may not be read, or goes away just now: reading it says why
        return (*found, ("", 0, 0, 0))
    return tuple(found)


def read(folder: Path) -> ManifestFile:
    """Read the folder; ManifestFault where a file cannot be read at all."""
    document = _yaml(folder / MANIFEST_NAME)
    if not isinstance(document, CommentedMap):
        raise ManifestFault([Fault("", "The manifest must be a mapping of keys to values.", 1)])
    reading = _Plain()
    manifest = reading.value(document, "", 1)
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
    return ManifestFile(manifest, reading.lines)


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
    except RecursionError as error:
        raise ManifestFault([Fault("", "The manifest is nested too deeply.")]) from error
    except ValueError as error:  # a date such as 2024-13-45, or a number of thousands of digits
        raise ManifestFault(
            [Fault("", "The manifest holds a date or number that cannot be read; put text in quotes.")]
        ) from error


def _json(path: Path) -> Any:
    try:
        data = json.loads(_text(path), parse_constant=_refuse)
        if not _is_text(json.dumps(data, ensure_ascii=False)):
            raise ManifestFault([Fault(path.name, HALF)])
        return data
    except ValueError as error:
        raise ManifestFault([Fault(path.name, f"is not JSON: {error}.")]) from error
    except RecursionError as error:
        raise ManifestFault([Fault(path.name, "is nested too deeply.")]) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


@dataclass
class _Plain:
    """YAML nodes made into plain data, with the line of each place."""

    lines: dict[str, int] = field(default_factory=dict)
    nodes: int = 0
    depth: int = 0

    def value(self, node: Any, place: str, line: int) -> Any:
        """One node as plain data."""
        self.nodes += 1
        if self.nodes > MAX_NODES or self.depth > MAX_DEPTH:
            raise ManifestFault([Fault("", "The manifest is nested too deeply, or holds too much.", line)])
        self.depth += 1
        try:
            return self._value(node, place, line)
        finally:
            self.depth -= 1

    def _value(self, node: Any, place: str, line: int) -> Any:
        if isinstance(node, CommentedMap):
            out = {}
            for key, value in node.items():
                where = f"{place}.{key}".lstrip(".")
                if not _is_text(str(key)):
                    raise ManifestFault([Fault(place, HALF, line)])
                # A key that came by a merge (`<<`) has no line of its own.
                self.lines[where] = node.lc.key(key)[0] + 1 if key in (node.lc.data or ()) else line
                out[str(key)] = self.value(value, where, self.lines[where])
            return out
        if isinstance(node, CommentedSeq):
            for number in range(len(node)):
                self.lines[f"{place}.{number}"] = node.lc.item(number)[0] + 1 if node.lc.data else line
            return [
                self.value(value, f"{place}.{number}", self.lines[f"{place}.{number}"])
                for number, value in enumerate(node)
            ]
        if isinstance(node, TaggedScalar) or (isinstance(node, float) and not math.isfinite(node)):
            raise ManifestFault([Fault(place, "must be plain text, a number, a list or a mapping.", line)])
        if isinstance(node, bool) or node is None:
            return node
        if isinstance(node, str) and not _is_text(node):
            raise ManifestFault([Fault(place, HALF, line)])
        for plain in (int, float, str):
            if isinstance(node, plain):
                return plain(node)
        return str(node)
