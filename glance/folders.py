"""The folders that hold custom widgets: which there are, and what each of them is."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from glance import __version__, manifest_file
from glance.definition import Definition, Fault, ManifestFault, build
from glance.store.custom_widgets import CustomWidgetRow

log = logging.getLogger(__name__)

Check = Callable[[Definition], "tuple[int | None, str] | None"]
# What was checked holds until the files or the checking code change.
CHECKERS = ("definition.py", "schemas.py", "manifest_file.py", "cards")


@dataclass(frozen=True, slots=True)
class Broken:
    """A definition that cannot be used: why, where, the lines around, and since when (Unix seconds)."""

    slug: str
    name: str
    path: str | None
    reason: str
    line: int | None
    excerpt: list[tuple[int, str, bool]]
    status: str
    since: float
    faults: list[Fault]


class Folders:
    """Reads definitions from folders; one that was checked before and did not change is neither parsed nor checked again."""

    def __init__(self, roots: Iterable[Path], kinds: Mapping[str, ModuleType], check_template: Check | None) -> None:
        self._roots = tuple(roots)
        self._kinds = kinds
        self._check_template = check_template
        self._read: dict[Path, tuple[str, Definition | Broken]] = {}
        self._code = _code_stamp()

    def paths(self) -> list[Path]:
        """Every folder that holds a manifest, or a card whose manifest is missing or has another name."""
        return [path for root in self._roots for path in manifest_file.folders_in(root)]

    def stamps(self) -> list[tuple[Path, str]]:
        """What tells whether anything changed."""
        return [(path, self.stamp(path)) for path in self.paths()]

    def stamp(self, path: Path) -> str:
        """The names, times and sizes of a folder's files, and of the code that checks them."""
        return json.dumps([self._code, manifest_file.stamp(path)])

    def read(self, path: Path, row: CustomWidgetRow | None) -> Definition | Broken:
        """What the folder holds; `row` is what is stored of it."""
        stamp = self.stamp(path)
        kept = self._read.get(path)
        if kept and kept[0] == stamp:
            return kept[1]
        if row and row.origin == "folder" and row.status == "ok" and row.stamp == stamp and row.manifest:
            found: Definition | Broken = build(
                path.name, row.manifest, self._kinds, origin="folder", folder=path, checked=True
            )
        else:
            found = self._load(path)
        self._read[path] = (stamp, found)
        return found

    def _load(self, path: Path) -> Definition | Broken:
        try:
            return self._checked(path)
        except Exception as error:  # whatever is wrong with one folder must stop neither the others nor the start
            log.exception("Reading the custom widget %s failed in an unexpected way.", path.name)
            reason = f"It cannot be read ({type(error).__name__}); the log has the details."
            return broken_by(path.name, path.name, path, reason)

    def _checked(self, path: Path) -> Definition | Broken:
        try:
            file = manifest_file.read(path)
            definition = build(path.name, file.manifest, self._kinds, lines=file.lines, origin="folder", folder=path)
        except ManifestFault as fault:
            first = fault.faults[0]
            log.warning("Custom widget %s cannot be used: %s", path.name, first)
            return Broken(
                path.name,
                fault.name or path.name,
                str(path),
                sentence_of(first),
                first.line,
                manifest_file.excerpt(path, first.line),
                "broken",
                0.0,
                fault.faults,
            )
        template_fault = self.template_fault(definition)
        if template_fault:
            log.warning("Custom widget %s cannot be used: %s", path.name, template_fault)
            return Broken(
                path.name,
                definition.name,
                str(path),
                sentence_of(template_fault),
                template_fault.line,
                [],
                "broken",
                0.0,
                [template_fault],
            )
        return definition

    def template_fault(self, definition: Definition) -> Fault | None:
        """What is wrong with the card, or None."""
        fault = self._check_template(definition) if self._check_template else None
        return Fault("card.html", fault[1], fault[0]) if fault else None


def _code_stamp() -> str:
    """Changes with the version and with the files of the checking code."""
    here = Path(__file__).parent
    files = [
        path
        for name in CHECKERS
        for path in ([here / name] if name.endswith(".py") else sorted((here / name).glob("*.py")))
    ]
    return f"{__version__} {max(path.stat().st_mtime_ns for path in files)}"


def sentence_of(fault: Fault) -> str:
    text = str(fault)
    return text if text.endswith(".") else f"{text}."


def broken_by(slug: str, name: str, path: Path, reason: str) -> Broken:
    return Broken(slug, name, str(path), reason, None, [], "broken", 0.0, [Fault("", reason)])
