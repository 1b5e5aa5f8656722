"""Custom widgets: list, make, read, change and delete definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request, url_for

from glance import guard
from glance.definition import Definition
from glance.errors import Conflict, FieldError, Invalid, NotFound, PreconditionFailed
from glance.folders import Broken
from glance.registry import agreed_by, manifest_of, waiting
from glance.store.custom_widgets import CustomWidgets
from glance.web import runtime
from glance.web.api import paging, schemas
from glance.web.api.etag import etag, expected_version, refuse_stale
from glance.web.api.routing import holds, need, route
from glance.web.api.times import iso

TAG = "Custom widgets"
ONE = ("The definition with its manifest; one that can be edited has an ETag.", schemas.ref("CustomWidget"))
EXAMPLE = {
    "slug": "exchange-rate",
    "name": "Exchange rate",
    "refresh_interval": 3600,
    "source": {"kind": "http", "url": "https://api.frankfurter.dev/v1/latest?base={{ params.base }}"},
    "params": {"type": "object", "properties": {"base": {"type": "string", "title": "Currency", "default": "EUR"}}},
    "template": "<p>{{ data.rates.USD }} USD</p>",
}


@route(
    "GET",
    "/api/custom-widgets",
    scope="read",
    tag=TAG,
    summary="List custom widgets",
    query=paging.QUERY,
    answers={200: ("By slug; broken and missing ones too, with the reason.", schemas.listing("CustomWidget"))},
)
def list_custom_widgets() -> Any:
    """Every definition by slug. A broken or missing one says why in `fault`; a folder whose slug an API definition uses is
    listed beside it as broken."""
    registry = runtime().definitions
    counts = runtime().widgets.counts()
    found: list[tuple[list[Any], dict[str, Any]]] = []
    found += [([item.slug, 0], _whole(item, counts)) for item in registry.all()]
    found += [([item.slug, 1], _faulty(item, counts)) for item in registry.broken()]
    return paging.page(found, lambda pair: pair[0], lambda pair: pair[1])


@route(
    "POST",
    "/api/custom-widgets",
    scope="write",
    tag=TAG,
    summary="Make a custom widget",
    body=schemas.MANIFEST,
    body_example=EXAMPLE,
    failures=(409,),
    answers={201: ONE},
)
def create_custom_widget(body: dict[str, Any]) -> Any:
    """A manifest as in widget.yaml with `template` as text. Without `slug` one is made from `name`. Each fault is named with
    its place. It may ask the hosts that it names if the owner or a token with the scope `admin` sends it; else nobody has
    agreed to them yet (`hosts.waiting`), and PUT /api/custom-widgets/<slug>/hosts does."""
    manifest = dict(body)
    slug = manifest.pop("slug", None)
    if slug is not None and not isinstance(slug, str):
        raise Invalid("slug must be text.", [FieldError("slug", "must be text")])
    _needs_name(manifest)
    _needs_admin_for_code(manifest)
    return _one(runtime().definitions.save(manifest, slug=slug, agreed=_agreed(manifest)), 201)


@route(
    "GET",
    "/api/custom-widgets/<slug>",
    scope="read",
    tag=TAG,
    summary="Read a custom widget",
    answers={200: ONE},
)
def get_custom_widget(slug: str) -> Any:
    """One definition, whole with its manifest, or broken with the reason."""
    definition = runtime().definitions.find(slug)
    if definition is not None:
        return _one(definition)
    return _faulty(_broken(slug), runtime().widgets.counts())


@route(
    "PATCH",
    "/api/custom-widgets/<slug>",
    scope="write",
    tag=TAG,
    summary="Change a custom widget",
    takes_if_match=True,
    body=schemas.MANIFEST,
    body_example={"refresh_interval": 900},
    failures=(409,),
    answers={200: ONE},
)
def change_custom_widget(slug: str, body: dict[str, Any]) -> Any:
    """Replaces the keys of the manifest that are given; null removes one. Definitions from folders are read-only (409)."""
    if body.get("slug", slug) != slug:
        raise Invalid(
            "The slug cannot be changed.", [FieldError("slug", "cannot be changed; make another custom widget")]
        )
    row = CustomWidgets(runtime().db).get(slug)
    if row.origin == "folder" or row.manifest is None:
        raise Conflict("This custom widget comes from a folder and is read-only here: change it there.")
    changes = {key: value for key, value in body.items() if key != "slug"}
    manifest = {key: value for key, value in {**row.manifest, **changes}.items() if value is not None}
    _needs_name(manifest)
    _needs_admin_for_code(row.manifest, manifest)
    if guard.ANY in agreed_by(row) or guard.leads_to_socket(agreed_by(row)):
        need("admin")
    try:
        changed = runtime().definitions.save(
            manifest, slug=slug, if_version=expected_version(), replace_it=True, agreed=_agreed(manifest)
        )
    except PreconditionFailed as error:
        raise PreconditionFailed(error.sentence, get_custom_widget(slug)[0]) from error
    return _one(changed)


@route(
    "DELETE",
    "/api/custom-widgets/<slug>",
    scope="write",
    tag=TAG,
    summary="Delete a custom widget",
    takes_if_match=True,
    query={"with_widgets": {"type": "string", "enum": ["1"], "description": "Delete the widgets made of it too."}},
    failures=(409,),
    answers={204: ("It is gone.", None)},
)
def delete_custom_widget(slug: str) -> Any:
    """Those from folders are read-only (409); one in use is refused with 409 that names its widgets."""
    registry = runtime().definitions
    definition = registry.find(slug)
    if definition is not None and definition.origin == "api":
        refuse_stale(definition.row_version, _whole(definition, runtime().widgets.counts()))
    used = runtime().widgets.using(slug)
    registry.delete(slug, with_widgets=flag("with_widgets"))
    for widget in used:
        runtime().refresher.widget_gone(widget.id)
    for page in {widget.dashboard for widget in used}:
        runtime().hub.mark_page(page)
    return None, 204


def _needs_admin_for_code(*manifests: Mapping[str, Any]) -> None:
    """403 where a manifest holds code, before or after the change, and the caller lacks the scope for code."""
    for manifest in manifests:
        source = manifest.get("source")
        if "server_code" in manifest or (isinstance(source, Mapping) and source.get("kind") == "code"):
            need("admin")


def _agreed(manifest: dict[str, Any]) -> list[str]:
    """The hosts that a manifest names, where whoever sends it may agree to them: the owner, or a token with the scope admin."""
    return guard.named(manifest) if holds("admin") else []


def flag(name: str) -> bool:
    """A yes-or-no query parameter: 1 or true, 0 or false."""
    value = request.args.get(name, "0").lower()
    if value not in ("0", "1", "true", "false", ""):
        raise Invalid(f"{name} must be 1 or 0.", [FieldError(name, "must be 1 or 0")])
    return value in ("1", "true")


def _needs_name(manifest: dict[str, Any]) -> None:
    name = manifest.get("name")
    if not isinstance(name, str) or not name.strip():
        message = "is missing" if name is None else "must be text that is not empty"
        raise Invalid(f"name {message}.", [FieldError("name", message)])


def _broken(slug: str) -> Broken:
    for item in runtime().definitions.broken():
        if item.slug == slug:
            return item
    raise NotFound("There is no custom widget with this slug.")


def _one(definition: Definition, status: int = 200) -> tuple[dict[str, Any], int, dict[str, str]]:
    headers = {}
    if definition.origin == "api":
        headers["ETag"] = etag(definition.row_version)
    if status == 201:
        headers["Location"] = url_for("api.get_custom_widget", slug=definition.slug)
    return _whole(definition, runtime().widgets.counts()) | {"manifest": manifest_of(definition)}, status, headers


def _whole(definition: Definition, counts: dict[str, int]) -> dict[str, Any]:
    (w, h), (least_w, least_h) = definition.size_default, definition.size_min
    return {
        "slug": definition.slug,
        "name": definition.name,
        "description": definition.description,
        "category": definition.category,
        "icon": definition.icon,
        "status": "ok",
        "origin": definition.origin,
        "editable": definition.origin == "api",
        "kind": definition.kind,
        "shape": definition.shape,
        "refresh_interval": definition.refresh_interval,
        "schedule": definition.schedule,
        "size": {"default": {"w": w, "h": h}, "min": {"w": least_w, "h": least_h}},
        "params": dict(definition.params),
        "data_schema": definition.data_schema,
        "widgets": counts.get(definition.slug, 0),
        "hosts": {"agreed": list(definition.agreed), "waiting": waiting(definition)},
        "fault": None,
    }


def _faulty(item: Broken, counts: dict[str, int]) -> dict[str, Any]:
    excerpt = "\n".join(f"{number}{'>' if marked else ' '} {text}" for number, text, marked in item.excerpt)
    return {
        "slug": item.slug,
        "name": item.name,
        "status": item.status,
        "origin": "folder" if item.path else "api",
        "editable": item.path is None,
        "widgets": counts.get(item.slug, 0),
        "fault": {
            "reason": item.reason,
            "path": item.path,
            "line": item.line,
            "excerpt": excerpt or None,
            "since": iso(item.since) if item.since else None,
            "errors": [{"field": fault.place, "message": fault.sentence} for fault in item.faults],
        },
    }
