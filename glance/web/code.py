"""Widget code in the browser: the switch under Settings, and a plain page per custom widget to write, run and save its code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from glance import guard
from glance.definition import Definition
from glance.errors import Conflict, FieldError, GlanceError, Invalid, NotFound, PreconditionFailed
from glance.model import Exchange
from glance.registry import manifest_of
from glance.web import runtime
from glance.web.api.routing import need
from glance.web.settings import page

blueprint = Blueprint("code", __name__)

Answer = str | Response | tuple[str, int]

STARTER = """# docs/widget-code.md describes params, fetch, get_credential and log.
log("Hello")
return {"value": 42}
"""
STARTER_CARD = "<p>{{ data.value }}</p>\n"
AROUND = 2
OUTPUT_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run brought, as the page tells it: output or a sentence with its line, the log, what was asked of whom."""

    took_s: float
    output: str | None
    error: str | None
    line: int | None
    excerpt: list[tuple[int, str, bool]]
    log: tuple[str, ...]
    exchanges: tuple[Exchange, ...]


@dataclass(slots=True)
class Draft:
    """What stands in the form: code, card, hosts (text) and params for a run (JSON text), and the faults per field."""

    code: str
    card: str
    hosts: str
    params: str
    version: int
    errors: dict[str, str] = field(default_factory=dict)


# The switch


@blueprint.get("/settings/code")
def code() -> str:
    """Whether code may run, what its cage is made of, and which custom widgets have some."""
    return _settings()


@blueprint.post("/settings/code")
def change() -> Answer:
    """`do=on` tests the cage and turns code on, `do=off` turns it off, `do=new` makes a custom widget with code."""
    need("admin")
    do = request.form.get("do")
    try:
        if do == "on":
            runtime().code.turn_on()
        elif do == "off":
            runtime().code.turn_off()
        elif do == "new":
            made = runtime().definitions.save(_new(request.form.get("name", "")))
            return redirect(url_for("code.edit", slug=made.slug), 303)
    except Invalid as error:
        return _settings(error.errors[0].message if error.errors else error.sentence), 422
    except Conflict as error:
        return _settings(error.sentence), 409
    return redirect(url_for("code.code"), 303)


def _settings(fault: str | None = None) -> str:
    rt = runtime()
    return page(
        "code",
        enabled=rt.code.enabled,
        obstacle=rt.code.obstacle(),
        layers=rt.code.sandbox.layers,
        with_code=[one for one in rt.definitions.all() if one.kind == "code"],
        fault=fault,
    )


def _new(name: str) -> dict[str, Any]:
    if not name.strip():
        raise Invalid("The name is empty.", [FieldError("name", "Give it a name.")])
    return {
        "name": name.strip()[:80],
        "source": {"kind": "code"},
        "server_code": STARTER,
        "template": STARTER_CARD,
        "hosts": [],
    }


# The page of one custom widget


@blueprint.get("/custom-widgets/<slug>/code")
def edit(slug: str) -> Answer:
    """The code of a custom widget, with what it may ask and a way to run it."""
    definition = _with_code(slug)
    return _show(definition, _saved(definition))


@blueprint.post("/custom-widgets/<slug>/code")
def work(slug: str) -> Answer:
    """`do=run` runs what stands in the form and stores nothing; `do=save` stores it."""
    need("admin")
    definition = _with_code(slug)
    draft = _posted(definition)
    if request.form.get("do") == "save":
        return _save(definition, draft)
    ran = _run(definition, draft)
    return _show(definition, draft, ran), 422 if draft.errors else 200


def _with_code(slug: str) -> Definition:
    definition = runtime().definitions.get(slug)
    if definition.kind != "code":
        raise NotFound("This custom widget has no code: its source is of another kind.")
    return definition


def _saved(definition: Definition) -> Draft:
    return Draft(
        code=definition.server_code or "",
        card=definition.template,
        hosts=", ".join(definition.manifest.get("hosts") or ()),
        params=json.dumps(dict(definition.preview_params), indent=2, ensure_ascii=False),
        version=definition.row_version,
    )


def _posted(definition: Definition) -> Draft:
    form, saved = request.form, _saved(definition)
    version = form.get("version", "")
    if definition.origin == "folder":
        return replace(saved, params=form.get("params", saved.params))
    return Draft(
        code=form.get("code", saved.code).replace("\r\n", "\n"),
        card=form.get("card", saved.card).replace("\r\n", "\n"),
        hosts=form.get("hosts", saved.hosts),
        params=form.get("params", saved.params),
        version=int(version)
        if version.isascii() and version.isdigit() and len(version) < 12
        else definition.row_version,
    )


def _manifest(definition: Definition, draft: Draft) -> dict[str, Any]:
    """The manifest with what stands in the form."""
    changed = {"server_code": draft.code, "template": draft.card, "hosts": guard.hosts_of_text(draft.hosts)}
    return {**manifest_of(definition), **changed}


def _save(definition: Definition, draft: Draft) -> Answer:
    if definition.origin == "folder":
        raise Conflict("This custom widget comes from a folder and is read-only here: change it there.")
    manifest = _manifest(definition, draft)
    try:
        registry = runtime().definitions
        registry.save(
            manifest, slug=definition.slug, if_version=draft.version, replace_it=True, agreed=manifest["hosts"]
        )
        # Whoever takes a host out of the field no longer wants it to be asked.
        registry.agree(definition.slug, manifest["hosts"])
    except Invalid as error:
        _note(draft, error)
        return _show(definition, draft), 422
    except PreconditionFailed:
        draft.version = definition.row_version
        draft.errors["form"] = "It was changed elsewhere meanwhile. Yours is kept here; saving again puts it in place."
        return _show(definition, draft), 412
    return redirect(url_for("code.edit", slug=definition.slug, saved=1), 303)


def _run(definition: Definition, draft: Draft) -> Ran | None:
    """Run what stands in the form; None where the form itself does not fit, with the faults in it."""
    rt = runtime()
    try:
        given = json.loads(draft.params or "{}")
    except ValueError as error:
        draft.errors["params"] = f"must be a JSON object ({error})"
        return None
    except RecursionError:
        draft.errors["params"] = "is nested too deeply"
        return None
    try:
        if definition.origin == "folder":
            ready = definition
        else:
            manifest = _manifest(definition, draft)
            ready = replace(rt.definitions.read(definition.slug, manifest), agreed=tuple(manifest["hosts"]))
        trial = rt.refresher.test(ready, rt.placing.whole_params(ready, given))
    except Invalid as error:
        _note(draft, error)
        return None
    except GlanceError as error:
        draft.errors["form"] = error.sentence
        return None
    line = getattr(trial.error, "line", None)
    return Ran(
        took_s=trial.took_s,
        output=None if trial.error else json.dumps(trial.data, indent=2, ensure_ascii=False)[:OUTPUT_CHARS],
        error=trial.error.sentence if trial.error else None,
        line=line,
        excerpt=_excerpt(draft.code, line),
        log=trial.notes,
        exchanges=tuple(trial.exchanges),
    )


def _note(draft: Draft, error: Invalid) -> None:
    """Each fault at its field; those of no field of this page together."""
    places = {"server_code": "code", "template": "card", "hosts": "hosts", "params": "params"}
    for one in error.errors or [FieldError("form", error.sentence)]:
        place = places.get(one.field.split(".")[0])
        text = one.message if place else f"{one.field} {one.message}."
        draft.errors.setdefault(place or "form", text)


def _excerpt(text: str, line: int | None) -> list[tuple[int, str, bool]]:
    """The lines around a faulty one, as (number, text, is it the one)."""
    lines = text.split("\n")
    if line is None or not 1 <= line <= len(lines):
        return []
    first, last = max(1, line - AROUND), min(len(lines), line + AROUND)
    return [(number, lines[number - 1], number == line) for number in range(first, last + 1)]


def _show(definition: Definition, draft: Draft, ran: Ran | None = None) -> str:
    rt = runtime()
    used: Mapping[str, int] = rt.widgets.counts()
    return render_template(
        "code.html",
        current=None,
        definition=definition,
        draft=draft,
        ran=ran,
        enabled=rt.code.enabled,
        read_only=definition.origin == "folder",
        used=used.get(definition.slug, 0),
        saved=request.args.get("saved") == "1" and request.method == "GET",
    )
