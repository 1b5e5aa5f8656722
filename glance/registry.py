"""Every definition by slug, from folders and from the API, kept current while files change."""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from glance import manifest_file
from glance.definition import Definition, Fault, ManifestFault, build
from glance.errors import Conflict, FieldError, Invalid, NotFound
from glance.store.custom_widgets import CustomWidgetRow, CustomWidgets
from glance.store.dashboards import slug_of
from glance.store.widgets import Widgets

log = logging.getLogger(__name__)

WATCH_EVERY_S = 2.0
Check = Callable[[Definition], "tuple[int | None, str] | None"]


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


@dataclass(frozen=True, slots=True)
class _Known:
    definitions: Mapping[str, Definition]
    broken: Mapping[str, Broken]


class Registry:
    """Definitions by slug; `on_change` hears the slugs that changed. Reading takes no lock: the mapping is replaced whole."""

    def __init__(
        self,
        folders: Iterable[Path],
        kinds: Mapping[str, ModuleType],
        rows: CustomWidgets,
        widgets: Widgets,
        check_template: Check | None = None,
        on_change: Callable[[set[str]], None] | None = None,
    ) -> None:
        self._folders = tuple(folders)
        self._kinds = kinds
        self._rows = rows
        self._widgets = widgets
        self._check_template = check_template
        self._on_change = on_change
        self._known = _Known({}, {})
        self._read: dict[Path, tuple[Any, Definition | Broken]] = {}
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.rescan()

    def all(self) -> list[Definition]:
        """Every usable definition, by name."""
        return sorted(self._known.definitions.values(), key=lambda d: (d.name.lower(), d.slug))

    def broken(self) -> list[Broken]:
        """Those that cannot be used, by slug; a slug whose API definition works may be here too, for its folder."""
        return sorted(self._known.broken.values(), key=lambda b: b.slug)

    def find(self, slug: str) -> Definition | None:
        """The usable definition with this slug, or None."""
        return self._known.definitions.get(slug)

    def get(self, slug: str) -> Definition:
        """The usable definition; NotFound, or Invalid with the reason where it is broken or missing."""
        definition = self.find(slug)
        if definition:
            return definition
        broken = self._known.broken.get(slug)
        if broken:
            raise Invalid(f"The custom widget “{broken.name}” cannot be used: {broken.reason}")
        raise NotFound("There is no custom widget with this slug.")

    def check(self, slug: str, manifest: Any) -> Definition:
        """A definition from a manifest that is not stored; Invalid names each fault."""
        try:
            definition = build(slug, manifest, self._kinds)
        except ManifestFault as error:
            raise Invalid(
                f"The manifest does not fit. {error.faults[0]}.",
                [FieldError(f.place, f.sentence) for f in error.faults],
            ) from error
        if definition.kind == "python":
            raise Invalid(
                "The manifest does not fit.", [FieldError("source.kind", "python is only for folders of the owner")]
            )
        if "template" not in definition.manifest:
            raise Invalid("The manifest does not fit.", [FieldError("template", "is missing")])
        fault = self._template_fault(definition)
        if fault:
            raise Invalid("The manifest does not fit.", [FieldError("template", str(fault))])
        return definition

    def save(
        self,
        manifest: Mapping[str, Any],
        slug: str | None = None,
        if_version: int | None = None,
        replace_it: bool = False,
    ) -> Definition:
        """Store a manifest that came through the API; without a slug one is made from its name."""
        with self._lock:
            wanted = slug or self._free_slug(slug_of(str(manifest.get("name") or "widget")))
            current = {row.slug: row for row in self._rows.all()}.get(wanted)
            if current and not replace_it and current.origin == "api":
                raise Conflict("Another custom widget has this slug already.")
            if current and replace_it and current.origin == "folder":
                raise Conflict("This custom widget comes from a folder: change it there.")
            self.check(wanted, manifest)
            self._rows.put_api(wanted, manifest, if_version)
            self.rescan()
            return self.get(wanted)

    def delete(self, slug: str, with_widgets: bool = False) -> None:
        """Delete a definition of the API (or the row of a missing folder); Conflict names the widgets that use it."""
        with self._lock:
            row = self._rows.get(slug)
            if row.origin == "folder" and row.status != "missing":
                raise Conflict("This custom widget comes from a folder: delete it there.")
            used = self._widgets.using(slug)
            if used and not with_widgets:
                names = ", ".join(f"“{widget.title}” on {widget.dashboard} ({widget.id})" for widget in used)
                raise Conflict(f"It is in use by {len(used)} widget{'s' if len(used) > 1 else ''}: {names}.")
            self._rows.delete(slug, with_widgets)
            self.rescan()

    def rescan(self) -> set[str]:
        """Read what changed in the folders and the database; returns the slugs that changed."""
        with self._lock:
            before = self._known
            self._known = self._build()
            changed = _changed(before, self._known)
        if changed and self._on_change:
            self._on_change(changed)
        return changed

    def start(self) -> None:
        """Watch the folders in a thread of its own."""
        self._thread = threading.Thread(target=self._watch, name="definitions-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; idempotent."""
        self._stopping.set()
        if self._thread:
            self._thread.join(timeout=1.0)

    def is_alive(self) -> bool:
        """True while the watching thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def _watch(self) -> None:
        last: object = self._stamps()
        while not self._stopping.wait(WATCH_EVERY_S):
            try:
                now = self._stamps()
                if now != last:
                    last = now
                    changed = self.rescan()
                    log.info("Definitions changed on disk: %s", ", ".join(sorted(changed)) or "none of use")
            except Exception:
                log.exception("Watching the folders of custom widgets failed; trying again.")

    def _paths(self) -> list[Path]:
        """Every folder that holds a widget.yaml."""
        return [
            path
            for root in self._folders
            if root.is_dir()
            for path in sorted(root.iterdir())
            if (path / manifest_file.MANIFEST_NAME).is_file()
        ]

    def _stamps(self) -> object:
        return [(path, manifest_file.stamp(path)) for path in self._paths()]

    def _build(self) -> _Known:
        definitions: dict[str, Definition] = {}
        broken: dict[str, Broken] = {}
        rows = {row.slug: row for row in self._rows.all()}
        for path in self._paths():
            slug = path.name
            found = self._from_folder(path)
            if slug in definitions or slug in broken:
                broken[slug] = _broken_by(slug, slug, path, "Another folder has this slug too; only one can be used.")
                continue
            if rows.get(slug) and rows[slug].origin == "api":
                broken[slug] = _broken_by(
                    slug,
                    found.name,
                    path,
                    "A custom widget made in the browser has this slug; it is used instead of the folder.",
                )
                continue
            self._note_row(rows.get(slug), found, path)
            if isinstance(found, Definition):
                definitions[slug] = found
            else:
                broken[slug] = found
        for row in rows.values():
            if row.origin == "api":
                self._add_api(row, definitions, broken)
            elif row.slug not in definitions and row.slug not in broken:
                self._rows.mark_missing(row.slug)
                broken[row.slug] = _missing(row if row.status == "missing" else self._rows.get(row.slug))
        return _Known(definitions, broken)

    def _note_row(self, row: CustomWidgetRow | None, found: Definition | Broken, path: Path) -> None:
        status = "ok" if isinstance(found, Definition) else "broken"
        if row is None or (row.name, row.status, row.path) != (found.name, status, str(path)):
            self._rows.put_folder(path.name, found.name, str(path), status)

    def _from_folder(self, path: Path) -> Definition | Broken:
        stamp = manifest_file.stamp(path)
        kept = self._read.get(path)
        if kept and kept[0] == stamp:
            return kept[1]
        found = self._load(path)
        self._read[path] = (stamp, found)
        return found

    def _load(self, path: Path) -> Definition | Broken:
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
                _sentence(first),
                first.line,
                manifest_file.excerpt(path, first.line),
                "broken",
                0.0,
                fault.faults,
            )
        template_fault = self._template_fault(definition)
        if template_fault:
            log.warning("Custom widget %s cannot be used: %s", path.name, template_fault)
            return Broken(
                path.name,
                definition.name,
                str(path),
                _sentence(template_fault),
                template_fault.line,
                [],
                "broken",
                0.0,
                [template_fault],
            )
        return definition

    def _template_fault(self, definition: Definition) -> Fault | None:
        fault = self._check_template(definition) if self._check_template else None
        return Fault("card.html", fault[1], fault[0]) if fault else None

    def _add_api(self, row: CustomWidgetRow, definitions: dict[str, Definition], broken: dict[str, Broken]) -> None:
        try:
            definitions[row.slug] = build(row.slug, row.manifest, self._kinds, row_version=row.version)
        except ManifestFault as fault:
            broken[row.slug] = Broken(
                row.slug, row.name, None, _sentence(fault.faults[0]), None, [], "broken", row.updated_at, fault.faults
            )

    def _free_slug(self, wanted: str) -> str:
        taken = {row.slug for row in self._rows.all()}
        return wanted if wanted not in taken else f"{wanted}-{secrets.token_hex(2)}"


def manifest_of(definition: Definition) -> dict[str, Any]:
    """The manifest of a definition as the API shows it, with template, style and example."""
    return dict(json.loads(json.dumps(definition.manifest)))


def _changed(before: _Known, after: _Known) -> set[str]:
    slugs = {*before.definitions, *after.definitions, *before.broken, *after.broken}

    def face(known: _Known, slug: str) -> tuple[str | None, str | None]:
        definition, broken = known.definitions.get(slug), known.broken.get(slug)
        return (definition.version if definition else None, broken.reason if broken else None)

    return {slug for slug in slugs if face(before, slug) != face(after, slug)}


def _sentence(fault: Fault) -> str:
    text = str(fault)
    return text if text.endswith(".") else f"{text}."


def _broken_by(slug: str, name: str, path: Path, reason: str) -> Broken:
    return Broken(slug, name, str(path), reason, None, [], "broken", 0.0, [Fault("", reason)])


def _missing(row: CustomWidgetRow) -> Broken:
    reason = "The folder is gone. Its widgets keep their last answers; put the folder back and it goes on."
    return replace(_broken_by(row.slug, row.name, Path(row.path or ""), reason), status="missing", since=row.status_at)
