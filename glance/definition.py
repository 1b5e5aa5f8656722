"""A manifest becomes a Definition; every fault is named with its place. The format is documented in docs/writing-a-widget.md."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from cronsim import CronSim, CronSimError
from jinja2 import Environment, TemplateSyntaxError

from glance import expressions, guard, schemas, shapes

DEFAULT_REFRESH_S = 300
MAX_REFRESH_S = 366 * 86400
SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?")
SHAPES = ("value", "points", "rows")
FORMATS = (
    "secret",
    "url",
    "uri",
    "timezone",
    "color",
    "date",
    "text",
    "markdown",
    "icon",
    "data_source",
    "cron",
    "code",
)
_SIZE = {
    "type": "object",
    "required": ["w", "h"],
    "additionalProperties": False,
    "properties": {
        "w": {"type": "integer", "minimum": 2, "maximum": 12},
        "h": {"type": "integer", "minimum": 2, "maximum": 40},
    },
}
MANIFEST: dict[str, Any] = {
    "type": "object",
    "required": ["name", "source"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 80},
        "description": {"type": "string", "maxLength": 400},
        "category": {"type": "string", "minLength": 1, "maxLength": 40},
        "icon": {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"},
        "look": {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"},
        "refresh_interval": {"type": "integer", "minimum": 0, "maximum": MAX_REFRESH_S},
        "schedule": {"type": "string"},
        "size": {
            "type": "object",
            "required": ["default"],
            "additionalProperties": False,
            "properties": {"default": _SIZE, "min": _SIZE},
        },
        "params": {"type": "object", "properties": {"type": {"enum": ["object"]}}},
        "source": {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}}},
        "data_schema": {"type": ["object", "boolean"]},
        "assets": {"type": "array", "items": {"type": "string", "pattern": "^[a-z-]{1,30}$"}},
        "frames": {"type": "array", "items": {"type": "string"}},
        "card_form": {"type": "boolean"},
        "hosts": {
            "type": "array",
            "maxItems": guard.MAX_HOSTS,
            "items": {"type": "string", "minLength": 1, "maxLength": 260},
        },
        "example_params": {"type": "object"},
        "template": {"type": "string", "maxLength": 200_000},
        "style": {"type": "string", "maxLength": 100_000},
        "server_code": {"type": "string", "minLength": 1, "maxLength": 100_000},
        "example": {},
    },
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a manifest: the dotted place (or a file's name), the line where known, and a sentence."""

    place: str
    sentence: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"Line {self.line}: " if self.line else ""
        return f"{where}{self.place} {self.sentence}" if self.place else f"{where}{self.sentence}"


class ManifestFault(Exception):
    """A manifest that cannot be used, with every fault found."""

    def __init__(self, faults: list[Fault], name: str | None = None) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults
        self.name = name


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A type of widget, checked and ready to use.

    `source` is the mapping of the manifest with its expressions as text; `version` identifies everything that is shown,
    `fetch_part` (canonical JSON) only what decides the fetch. Sizes are (columns, rows). `agreed` are the hosts that a
    definition which is not trusted may ask (glance.guard says how they are written).
    """

    slug: str
    name: str
    description: str
    category: str
    icon: str | None
    kind: str
    shape: str | None
    source: Mapping[str, Any]
    params: Mapping[str, Any]
    data_schema: Mapping[str, Any] | bool | None
    refresh_interval: int
    schedule: str | None
    size_default: tuple[int, int]
    size_min: tuple[int, int]
    template: str
    style: str | None
    example: Any
    preview_params: Mapping[str, Any]
    frames: tuple[str, ...]
    css_kind: str
    assets: tuple[str, ...]
    editable_card: bool
    origin: str
    trusted: bool
    folder: Path | None
    version: str
    fetch_part: str
    row_version: int = 1
    manifest: Mapping[str, Any] = field(default_factory=dict, repr=False)
    agreed: tuple[str, ...] = ()
    server_code: str | None = None


def build(
    slug: str,
    manifest: Any,
    kinds: Mapping[str, ModuleType],
    *,
    lines: Mapping[str, int] | None = None,
    origin: str = "api",
    folder: Path | None = None,
    row_version: int = 1,
    checked: bool = False,
    agreed: Sequence[str] = (),
) -> Definition:
    """Check a manifest (with `template`, `style` and `example` beside its own keys) and make the Definition.

    `lines` maps dotted places to lines of the file; `checked` says that this very manifest was checked before.
    ManifestFault lists everything that is wrong.
    """
    found = [] if checked else _faults(slug, manifest, kinds)
    name = manifest.get("name") if isinstance(manifest, Mapping) else None
    if found:
        raise ManifestFault(
            [_placed(place, sentence, lines or {}) for place, sentence in found], str(name) if name else None
        )
    source = dict(manifest["source"])
    size = manifest.get("size", {"default": {"w": 3, "h": 4}})
    smallest = size.get("min", {"w": 2, "h": 2})
    params = {"type": "object", "properties": {}, **manifest.get("params", {})}
    text = json.dumps(dict(manifest), sort_keys=True, default=str)
    fetch_part = {"source": source, "data_schema": manifest.get("data_schema"), "python": _code(folder, source["kind"])}
    server_code = manifest.get("server_code")
    if server_code is not None:
        fetch_part["server_code"] = server_code
    return Definition(
        slug=slug,
        name=manifest["name"],
        description=manifest.get("description", ""),
        category=manifest.get("category", "your own" if origin == "api" else "other"),
        icon=manifest.get("icon"),
        kind=source["kind"],
        shape=source.get("shape"),
        source=source,
        params=params,
        data_schema=manifest.get("data_schema"),
        refresh_interval=int(manifest.get("refresh_interval", DEFAULT_REFRESH_S)),
        schedule=manifest.get("schedule"),
        size_default=(int(size["default"]["w"]), int(size["default"]["h"])),
        size_min=(int(min(smallest["w"], size["default"]["w"])), int(min(smallest["h"], size["default"]["h"]))),
        template=manifest.get("template", ""),
        style=manifest.get("style"),
        example=manifest.get("example"),
        preview_params=manifest.get("example_params", {}),
        frames=tuple(manifest.get("frames", ())),
        css_kind=manifest.get("look", slug),
        assets=tuple(manifest.get("assets", ())),
        editable_card=manifest.get("card_form", False),
        origin=origin,
        trusted=origin == "folder",
        folder=folder,
        version=hashlib.sha256(f"{slug}\n{text}\n{fetch_part['python']}{_written(agreed)}".encode()).hexdigest()[:16],
        fetch_part=json.dumps(fetch_part, sort_keys=True, separators=(",", ":")),
        row_version=row_version,
        manifest=dict(manifest),
        agreed=tuple(agreed),
        server_code=server_code,
    )


def _written(agreed: Sequence[str]) -> str:
    """The agreed hosts as part of what a version stands for; nothing where there are none."""
    return "\n" + " ".join(sorted(agreed)) if agreed else ""


def _code(folder: Path | None, kind: str) -> str | None:
    """The hash of fetch.py, where the source is one."""
    if kind != "python" or folder is None or not (folder / "fetch.py").exists():
        return None
    return hashlib.sha256((folder / "fetch.py").read_bytes()).hexdigest()


def _placed(place: str, sentence: str, lines: Mapping[str, int]) -> Fault:
    """A fault with its line: that of the place itself, else of the nearest known place around it."""
    around = place
    while around and around not in lines:
        around = around.rpartition(".")[0]
    return Fault(place, sentence, lines.get(around))


def _faults(slug: str, manifest: Any, kinds: Mapping[str, ModuleType]) -> list[schemas.Fault]:
    if not isinstance(manifest, Mapping):
        return [("", "The manifest must be a mapping of keys to values.")]
    found = [] if SLUG.fullmatch(slug) else [("slug", "must be lower-case letters, digits and hyphens, at most 60")]
    found += schemas.faults(MANIFEST, manifest)
    if not isinstance(manifest.get("source"), Mapping) or not isinstance(manifest["source"].get("kind"), str):
        return found
    found += _source_faults(manifest["source"], kinds)
    found += _params_faults(manifest.get("params"), "params")
    found += _schedule_faults(manifest.get("schedule"))
    found += expressions.faults(manifest.get("frames"), ["params"], "frames")
    found += _host_faults(manifest.get("hosts"))
    found += _server_code_faults(manifest)
    if isinstance(manifest.get("data_schema"), Mapping):
        fault = schemas.schema_fault(manifest["data_schema"])
        found += [(f"data_schema.{fault[0]}".rstrip("."), fault[1])] if fault else []
    return found + _template_faults(manifest.get("template"))


def _source_faults(source: Mapping[str, Any], kinds: Mapping[str, ModuleType]) -> list[schemas.Fault]:
    kind = source["kind"]
    if kind == "any":
        shape = source.get("shape")
        return [] if shape in SHAPES else [("source.shape", f"must be one of: {', '.join(SHAPES)}")]
    if kind not in kinds:
        meant = schemas.closest(kind, [*kinds, "any"])
        hint = f"; did you mean {meant}?" if meant else f"; there are {', '.join(sorted([*kinds, 'any']))}"
        return [("source.kind", f"is not a kind of source{hint}")]
    rest = {key: value for key, value in source.items() if key not in ("kind", "pick")}
    found = [(f"source.{path}".rstrip("."), sentence) for path, sentence in schemas.faults(kinds[kind].SCHEMA, rest)]
    found += expressions.faults(rest, ["params", "credential"], "source")
    picked = source.get("pick")
    if picked is not None and "{{" not in str(picked):
        found += [(f"source.{error.field}", error.message) for error in shapes.check_pick(picked, None)]
    return found


def _params_faults(params: Any, place: str) -> list[schemas.Fault]:
    if not isinstance(params, Mapping):
        return []
    fault = schemas.schema_fault(params)
    if fault:
        return [(f"{place}.{fault[0]}".rstrip("."), fault[1])]
    found: list[schemas.Fault] = []
    properties = params.get("properties", {})
    for name, prop in properties.items():
        where = f"{place}.properties.{name}"
        if not isinstance(prop, Mapping) or not isinstance(prop.get("type"), str):
            found.append((where, "needs a type"))
            continue
        if prop.get("format") and prop["format"] not in FORMATS:
            found.append((f"{where}.format", f"must be one of: {', '.join(FORMATS)}"))
        if prop.get("default") not in (None, ""):
            found += [(f"{where}.default", sentence) for _, sentence in schemas.faults(prop, prop["default"])[:1]]
        if prop["type"] == "object" and prop.get("properties"):
            found += _params_faults(prop, where)
    return found + [
        (f"{place}.required", f"names {name}, which is not a param")
        for name in params.get("required", [])
        if name not in properties
    ]


def _host_faults(hosts: Any) -> list[schemas.Fault]:
    """What is wrong with the hosts that the manifest says it asks."""
    if not isinstance(hosts, list):
        return []
    found = [
        (index, guard.host_fault(guard.written(host))) for index, host in enumerate(hosts) if isinstance(host, str)
    ]
    return [(f"hosts.{index}", fault) for index, fault in found if fault]


def _server_code_faults(manifest: Mapping[str, Any]) -> list[schemas.Fault]:
    """Code and its kind come together; its text is read only where it is run, in its cage."""
    if manifest["source"]["kind"] == "code":
        return [] if "server_code" in manifest else [("server_code", "is missing: source.kind is code")]
    return [("server_code", "is only for source.kind code")] if "server_code" in manifest else []


def _schedule_faults(schedule: Any) -> list[schemas.Fault]:
    if not isinstance(schedule, str):
        return []
    fault = cron_fault(schedule)
    return [("schedule", fault)] if fault else []


def cron_fault(expression: str) -> str | None:
    """What is wrong with a cron expression (five fields), as a sentence without subject, or None."""
    try:
        next(CronSim(expression, datetime.now(UTC)))
    except (CronSimError, StopIteration) as error:
        return f"is not a cron expression such as */15 7-23 * * * ({str(error) or 'it never comes true'})"
    return None


def _template_faults(template: Any) -> list[schemas.Fault]:
    if not isinstance(template, str):
        return []
    try:
        Environment(autoescape=True).parse(template)
    except TemplateSyntaxError as error:
        return [("template", f"line {error.lineno}: {error.message}")]
    except RecursionError:
        return [("template", "is nested too deeply")]
    return []
