"""GET /api/openapi.json: OpenAPI 3.1, made from the table of routes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from flask import Response, request

from glance import __version__
from glance.web.api import device_schemas, schemas
from glance.web.api.routing import ROUTES, Route, encode, route

TAGS = (
    "Dashboards",
    "Widgets",
    "Data",
    "Custom widgets",
    "Devices and samples",
    "Derived series",
    "Export and import",
    "Snapshot",
    "Preferences",
    "Credentials",
    "Tokens",
    "About the API",
    "Health",
)
_PART = re.compile(r"<(?:\w+:)?(\w+)>")
_PART_SAYS = {
    "slug": "The slug, as in the address of the dashboard or the name of the custom widget's folder.",
    "widget_id": "The widget's id.",
    "device_id": "The device's id; a slash in it may stay as it is.",
    "name": "The credential's name.",
    "token_id": "The token's id.",
    "sensor": "The sensor's name; a slash in it may stay as it is.",
}
_FAILURES = {
    400: "The body cannot be read.",
    401: "No token and no session.",
    403: "The token lacks the scope, or the CSRF token is missing.",
    404: "There is no such thing.",
    409: "It contradicts what is there.",
    412: "If-Match is stale; `current` is what is there now.",
    413: "The body is larger than 5 MB.",
    415: "The body is not sent as application/json.",
    422: "A field does not fit; `errors` names each.",
    429: "Too often; see Retry-After.",
    502: "The source failed and nothing is cached.",
    503: "Glance cannot do this now.",
    504: "The source was too slow and nothing is cached.",
}
_INTRO = """\
Glance's own API. Times are ISO 8601 UTC with `Z`; ids are opaque. Errors are `application/problem+json` (RFC 9457).

A GET of an editable thing has an ETag; send it back as `If-Match` and a stale one is refused with 412, without it the last
write wins. Lists take `?limit=&cursor=` and answer `{"items", "next_cursor"}`."""


@route(
    "GET",
    "/api/openapi.json",
    scope="read",
    tag="About the API",
    summary="This description",
    answers={200: ("OpenAPI 3.1.", {"type": "object"})},
    endpoint="api.openapi",
)
def openapi() -> Response:
    """Every route of the API, as OpenAPI 3.1."""
    base = request.script_root or "/"
    return Response(
        encode(describe(base)), mimetype="application/json", headers={"Cache-Control": "private, max-age=300"}
    )


@lru_cache(maxsize=4)
def describe(base: str = "/") -> dict[str, Any]:
    """The whole description, for an application that is mounted at `base`."""
    paths: dict[str, dict[str, Any]] = {}
    for item in sorted(ROUTES, key=lambda item: TAGS.index(item.tag)):
        operations = paths.setdefault(_PART.sub(r"{\1}", item.path), {})
        operations[item.method.lower()] = _operation(item)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Glance", "version": __version__, "description": _INTRO},
        "servers": [{"url": base}],
        "tags": [{"name": tag} for tag in TAGS],
        "paths": paths,
        "components": {
            "schemas": {**schemas.ANSWERS, **device_schemas.ANSWERS},
            "responses": {_failure_name(status): _failure(status, says) for status, says in _FAILURES.items()},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer TOKEN"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "glance_session",
                    "description": "The owner's session; changing requests need X-CSRF-Token too.",
                },
            },
        },
        "security": [{"token": []}, {"session": []}],
    }


def _operation(item: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": item.view.__name__,
        "tags": [item.tag],
        "summary": item.summary,
        "description": f"{item.description}\n\nScope: `{item.scope}`",
        "x-scope": item.scope,
        "parameters": _parameters(item),
        "responses": _responses(item),
    }
    if item.body is not None:
        content: dict[str, Any] = {"schema": item.body}
        if item.body_example is not None:
            content["example"] = item.body_example
        operation["requestBody"] = {"required": not item.body_optional, "content": {"application/json": content}}
    if item.scope == "open":
        operation["security"] = []
    return operation


def _parameters(item: Route) -> list[dict[str, Any]]:
    found = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PART_SAYS.get(name, ""),
            "schema": {"type": "string"},
        }
        for name in _PART.findall(item.path)
    ]
    for name, schema in item.query.items():
        shape = {key: value for key, value in schema.items() if key != "description"}
        found.append({"name": name, "in": "query", "description": schema.get("description", ""), "schema": shape})
    if item.takes_if_match:
        found.append(
            {
                "name": "If-Match",
                "in": "header",
                "description": "The ETag that the change is based on.",
                "schema": {"type": "string"},
            }
        )
    return found


def _responses(item: Route) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, (says, schema) in item.answers.items():
        found[str(status)] = {"description": says}
        if schema is not None:
            found[str(status)]["content"] = {item.answers_as: {"schema": schema}}
            if item.or_as:
                found[str(status)]["content"][item.or_as] = {"schema": {"type": "string"}}
    for status in _expected_failures(item):
        found.setdefault(str(status), {"$ref": f"#/components/responses/{_failure_name(status)}"})
    return found


def _expected_failures(item: Route) -> list[int]:
    """Which failures a route can have, from how it was declared."""
    found = set(item.failures)
    if item.scope != "open":
        found |= {401, 403}
    if "<" in item.path:
        found.add(404)
    if item.body is not None:
        found |= {400, 413, 415, 422}
    if item.query:
        found.add(422)
    if item.takes_if_match:
        found.add(412)
    return sorted(found)


def _failure_name(status: int) -> str:
    return f"Problem{status}"


def _failure(status: int, says: str) -> dict[str, Any]:
    example = {"type": "about:blank", "title": says.rstrip("."), "status": status, "detail": says}
    content = {"schema": schemas.ref("Problem"), "example": example}
    return {"description": says, "content": {"application/problem+json": content}}
