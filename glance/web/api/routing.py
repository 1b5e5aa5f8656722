"""The table of API routes: one decorator declares a route, and Flask and openapi.json are both fed from it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any, cast

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import Forbidden

from glance import guard
from glance import schemas as json_schema
from glance.errors import FieldError, Invalid
from glance.web.api.body import read_json

Schema = Mapping[str, Any]
View = Callable[..., Any]
# the parts of an address -> the endpoint that it is meant for instead, with its parts
OrElse = Callable[..., tuple[str, dict[str, str]] | None]


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path, as declared.

    `scope` is the scope a caller needs ('open' = none, 'read', 'write', 'refresh', 'push:<widget>', 'admin'). Where the body
    decides ('ingest:<device>', or `scope_by_body`) the view itself asks for it, with `need`.
    `body` is the schema of the JSON body, None = no body is read; `body_optional` lets an empty body through as None.
    `query` maps names to schemas; `answers` maps a status to (sentence, schema or None); `failures` are the statuses of
    problems beside those that follow from the rest. `or_else` tells where an address is meant for another route of the same method. `or_as` names a second content type of what succeeds, as text.
    """

    method: str
    path: str
    scope: str
    summary: str
    view: View
    tag: str
    description: str = ""
    body: Schema | None = None
    body_optional: bool = False
    body_example: Any = None
    query: Mapping[str, Schema] = field(default_factory=dict)
    answers: Mapping[int, tuple[str, Schema | None]] = field(default_factory=dict)
    answers_as: str = "application/json"
    or_as: str = ""
    failures: tuple[int, ...] = ()
    takes_if_match: bool = False
    scope_by_body: bool = False
    endpoint: str = ""
    or_else: OrElse | None = None


ROUTES: list[Route] = []


def route(
    method: str,
    path: str,
    *,
    scope: str,
    summary: str,
    tag: str,
    answers: Mapping[int, tuple[str, Schema | None]],
    body: Schema | None = None,
    body_optional: bool = False,
    body_example: Any = None,
    query: Mapping[str, Schema] | None = None,
    answers_as: str = "application/json",
    or_as: str = "",
    failures: tuple[int, ...] = (),
    takes_if_match: bool = False,
    scope_by_body: bool = False,
    endpoint: str = "",
    or_else: OrElse | None = None,
) -> Callable[[View], View]:
    """Declare a view. It is called with the path's parts and, where `body` is given, with `body`; it returns JSON data,
    (data, status), (data, status, headers) or a Response."""

    def declare(view: View) -> View:
        ROUTES.append(
            Route(
                method=method,
                path=path,
                scope=scope,
                summary=summary,
                view=view,
                tag=tag,
                description=inspect.getdoc(view) or "",
                body=body,
                body_optional=body_optional,
                body_example=body_example,
                query=query or {},
                answers=answers,
                answers_as=answers_as,
                or_as=or_as,
                failures=failures,
                takes_if_match=takes_if_match,
                scope_by_body=scope_by_body,
                endpoint=endpoint or f"api.{view.__name__}",
                or_else=or_else,
            )
        )
        return view

    return declare


def register(app: Flask) -> None:
    """Add every declared route to the application."""
    for item in ROUTES:
        app.add_url_rule(item.path, item.endpoint, _handler(item), methods=[item.method])


def _handler(item: Route) -> View:
    @wraps(item.view)
    def handle(**parts: str) -> Response:
        kind, _, name = item.scope.partition(":")
        if not name and not item.scope_by_body:
            need(item.scope)
        elif (part := name.strip("<>")) in parts:
            need(f"{kind}:{parts[part]}")
        if item.or_else is not None and (other := item.or_else(**parts)) is not None:
            return cast(Response, current_app.view_functions[other[0]](**other[1]))
        if item.body is not None:
            value = read_json(request, item.body_optional)
            if value is not None or not item.body_optional:
                _check(value, item.body)
                value = json_schema.whole_numbers(item.body, value)
            return answer(item.view(**parts, body=value))
        return answer(item.view(**parts))

    return handle


def _check(value: Any, schema: Schema) -> None:
    """Raise Invalid with one FieldError per fault."""
    if not isinstance(value, dict):
        raise Invalid("The body must be an object, as in {}.", [FieldError("", "must be an object")])
    errors = [FieldError(path, sentence) for path, sentence in json_schema.faults(schema, value)]
    if errors:
        more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
        raise Invalid(f"{errors[0].field} {errors[0].message}.{more}", errors)


def need(scope: str) -> None:
    """403 unless the caller holds `scope`; the door puts the caller's scopes into `g.scopes` ('*' = every one)."""
    if scope != "open" and not holds(scope):
        raise Forbidden(f"This token lacks the scope {scope}.")


def holds(scope: str) -> bool:
    """Whether the caller holds `scope`."""
    held = g.get("scopes", frozenset())
    return "*" in held or scope in held


def need_for(params: Any) -> None:
    """403 where a widget's params name a unix socket and the caller lacks `admin`: behind one, who asks is taken for this computer's own."""
    if not holds("admin") and guard.leads_to_socket(params):
        raise Forbidden("Params that name a unix socket of this computer take the scope admin.")


def answer(result: Any) -> Response:
    """Make a response of what a view returned."""
    if isinstance(result, Response):
        return result
    status, headers = HTTPStatus.OK.value, dict[str, str]()
    if isinstance(result, tuple):
        result, status, *rest = result
        headers = rest[0] if rest else {}
    if status == HTTPStatus.NO_CONTENT:
        return Response(status=status, headers=headers)
    return Response(encode(result), status, headers, mimetype="application/json")


def encode(value: Any) -> bytes:
    """Compact JSON as UTF-8; half characters leave as the \\u escapes that JSON has for them."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace")
