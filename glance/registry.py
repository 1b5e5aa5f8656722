"""Every definition by slug, from folders and from the API, kept current while files change."""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from glance import guard, schemas, styles
from glance.definition import Definition, ManifestFault, build
from glance.errors import Conflict, FieldError, Invalid, NotFound, Unavailable
from glance.folders import Broken, Check, Folders, broken_by, sentence_of
from glance.store.custom_widgets import CustomWidgetRow, CustomWidgets
from glance.store.dashboards import slug_of
from glance.store.widgets import Widgets

log = logging.getLogger(__name__)

WATCH_EVERY_S = 2.0
# Given code, the line and text of what keeps it from being read.
CheckCode = Callable[[str], "tuple[int | None, str] | None"]


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
        check_code: CheckCode | None = None,
        on_change: Callable[[set[str]], None] | None = None,
    ) -> None:
        self._folders = Folders(folders, kinds, check_template)
        self._kinds = kinds
        self._rows = rows
        self._widgets = widgets
        self._check_code = check_code
        self._on_change = on_change
        self._known = _Known({}, {})
        self._read: list[tuple[Path, str]] = []
        self._unnoted = False
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
        """A definition from a manifest that is not stored, its code read too; Invalid names each fault."""
        definition = self.read(slug, manifest)
        self._read_code(definition)
        return definition

    def read(self, slug: str, manifest: Any) -> Definition:
        """The same without reading its code: that comes out when it is run."""
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
        for name in ("params", "data_schema"):
            endless = schemas.endless_pattern(definition.manifest.get(name), (name,))
            if endless:
                raise Invalid("The manifest does not fit.", [FieldError(*endless)])
        if "template" not in definition.manifest:
            raise Invalid("The manifest does not fit.", [FieldError("template", "is missing")])
        unfit = styles.fault(definition.style or "")
        if unfit:
            raise Invalid("The manifest does not fit.", [FieldError("style", unfit)])
        fault = self._folders.template_fault(definition)
        if fault:
            raise Invalid("The manifest does not fit.", [FieldError("template", str(fault))])
        return definition

    def _read_code(self, definition: Definition) -> None:
        """Invalid where its code cannot be read; while code is off, that comes out when it first runs."""
        found = self._check_code(definition.server_code) if self._check_code and definition.server_code else None
        if found:
            line, text = found
            sentence = f"line {line}: {text}" if line else text
            raise Invalid(f"The code cannot be read: {sentence}.", [FieldError("server_code", sentence)])

    def save(
        self,
        manifest: Mapping[str, Any],
        slug: str | None = None,
        if_version: int | None = None,
        replace_it: bool = False,
        agreed: Sequence[str] = (),
    ) -> Definition:
        """Store a manifest that came through the API; without a slug one is made from its name.

        `agreed` are hosts that the owner lets it ask, beside those that he agreed to before.
        """
        with self._lock:
            wanted = slug or self._free_slug(slug_of(str(manifest.get("name") or "widget")))
            current = {row.slug: row for row in self._rows.all()}.get(wanted)
            if current and not replace_it and current.origin == "api":
                raise Conflict("Another custom widget has this slug already.")
            if current and replace_it and current.origin == "folder":
                raise Conflict("This custom widget comes from a folder: change it there.")
            self.check(wanted, manifest)
            before = agreed_by(current) if current and current.origin == "api" else ()
            self._rows.put_api(wanted, manifest, if_version, list(dict.fromkeys([*before, *agreed])))
            self.rescan()
            return self.get(wanted)

    def agree(self, slug: str, hosts: Sequence[str]) -> Definition:
        """Let a definition of the API ask these hosts and no others; Conflict for one from a folder, which may ask any."""
        with self._lock:
            if self.get(slug).trusted:
                raise Conflict("This custom widget comes from a folder, which is trusted: it may ask every host.")
            self._rows.agree(slug, hosts)
            self.rescan()
            return self.get(slug)

    def delete(self, slug: str, with_widgets: bool = False) -> None:
        """Delete a definition of the API (or the row of a missing folder); Conflict names the widgets that use it.

        Where a folder has the same slug, its widgets go on with the folder's definition.
        """
        with self._lock:
            row = self._rows.get(slug)
            if row.origin == "folder" and row.status != "missing":
                raise Conflict("This custom widget comes from a folder: delete it there.")
            used = self._widgets.using(slug)
            if (
                used
                and not with_widgets
                and row.origin == "api"
                and any(path.name == slug for path in self._folders.paths())
            ):
                self._rows.release(slug)
                self.rescan()
                return
            if used and not with_widgets:
                names = ", ".join(f"“{widget.title}” on {widget.dashboard} ({widget.id})" for widget in used)
                raise Conflict(f"It is in use by {len(used)} widget{'s' if len(used) > 1 else ''}: {names}.")
            self._rows.delete(slug, with_widgets)
            self.rescan()

    def rescan(self) -> set[str]:
        """Read what changed in the folders and the database; returns the slugs that changed."""
        with self._lock:
            before = self._known
            read, refused = self._folders.stamps(), list[str]()
            self._known = self._build(refused)
            # Where the database cannot be written, the definitions serve all the same, and each look tries again.
            self._read = [] if refused else read
            if refused and not self._unnoted:
                log.warning("Definitions changed on disk and cannot be noted yet: %s", refused[0])
            self._unnoted = bool(refused)
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
        while not self._stopping.wait(WATCH_EVERY_S):
            try:
                if self._folders.stamps() != self._read:
                    changed = self.rescan()
                    if changed:
                        log.info("Definitions changed on disk: %s", ", ".join(sorted(changed)))
            except Exception:
                log.exception("Watching the folders of custom widgets failed; trying again.")

    def _build(self, refused: list[str]) -> _Known:
        """Everything as it is now; what the database did not take joins `refused` as sentences."""
        definitions: dict[str, Definition] = {}
        broken: dict[str, Broken] = {}
        rows = {row.slug: row for row in self._rows.all()}
        for path in self._folders.paths():
            slug = path.name
            found = self._folders.read(path, rows.get(slug))
            if slug in definitions or slug in broken:
                broken[slug] = broken_by(slug, slug, path, "Another folder has this slug too; only one can be used.")
                continue
            if rows.get(slug) and rows[slug].origin == "api":
                broken[slug] = broken_by(
                    slug,
                    found.name,
                    path,
                    "A custom widget made in the browser has this slug; it is used instead of the folder.",
                )
                continue
            self._note_row(rows.get(slug), found, path, refused)
            if isinstance(found, Definition):
                definitions[slug] = found
            else:
                broken[slug] = found
        for row in rows.values():
            if row.origin == "api":
                self._add_api(row, definitions, broken)
            elif row.slug not in definitions and row.slug not in broken:
                broken[row.slug] = _missing(row if row.status == "missing" else self._note_missing(row, refused))
        return _Known(definitions, broken)

    def _note_row(
        self, row: CustomWidgetRow | None, found: Definition | Broken, path: Path, refused: list[str]
    ) -> None:
        status = "ok" if isinstance(found, Definition) else "broken"
        stamp = self._folders.stamp(path)
        if row is None or (row.name, row.status, row.path, row.stamp) != (found.name, status, str(path), stamp):
            manifest = found.manifest if isinstance(found, Definition) else None
            try:
                self._rows.put_folder(path.name, found.name, str(path), status, manifest, stamp)
            except Unavailable as error:
                refused.append(error.sentence)

    def _note_missing(self, row: CustomWidgetRow, refused: list[str]) -> CustomWidgetRow:
        try:
            self._rows.mark_missing(row.slug)
            return self._rows.get(row.slug)
        except Unavailable as error:
            refused.append(error.sentence)
            return row

    def _add_api(self, row: CustomWidgetRow, definitions: dict[str, Definition], broken: dict[str, Broken]) -> None:
        try:
            definitions[row.slug] = build(
                row.slug, row.manifest, self._kinds, row_version=row.version, agreed=agreed_by(row)
            )
        except ManifestFault as fault:
            broken[row.slug] = Broken(
                row.slug, row.name, None, sentence_of(fault.faults[0]), None, [], "broken", row.updated_at, fault.faults
            )

    def _free_slug(self, wanted: str) -> str:
        taken = {row.slug for row in self._rows.all()}
        slug = wanted
        while slug in taken:
            slug = f"{wanted}-{secrets.token_hex(2)}"
        return slug


def manifest_of(definition: Definition) -> dict[str, Any]:
    """The manifest of a definition as the API shows it, with template, style and example."""
    return dict(json.loads(json.dumps(definition.manifest)))


def agreed_by(row: CustomWidgetRow) -> tuple[str, ...]:
    """The hosts that a definition of the API may ask; what was made before this was asked may ask those it names."""
    return tuple(guard.named(row.manifest or {})) if row.hosts is None else row.hosts


def waiting(definition: Definition) -> list[str]:
    """The hosts that a definition names and nobody has agreed to yet; none for one from a folder."""
    if definition.trusted:
        return []
    return [host for host in guard.named(definition.manifest) if not guard.covers(definition.agreed, host)]


def _changed(before: _Known, after: _Known) -> set[str]:
    slugs = {*before.definitions, *after.definitions, *before.broken, *after.broken}

    def face(known: _Known, slug: str) -> tuple[str | None, str | None]:
        definition, broken = known.definitions.get(slug), known.broken.get(slug)
        return (definition.version if definition else None, broken.reason if broken else None)

    return {slug for slug in slugs if face(before, slug) != face(after, slug)}


def _missing(row: CustomWidgetRow) -> Broken:
    reason = "The folder is gone. Its widgets keep their last answers; put the folder back and it goes on."
    return replace(broken_by(row.slug, row.name, Path(row.path or ""), reason), status="missing", since=row.status_at)
