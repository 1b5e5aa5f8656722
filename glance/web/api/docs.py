"""GET /api/docs: the description as a page, made on the server; it asks no other host."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Response, render_template, request
from markupsafe import Markup, escape

from glance.web.api.openapi import describe
from glance.web.api.routing import route


@route(
    "GET",
    "/api/docs",
    scope="read",
    tag="About the API",
    summary="This description as a page",
    query={"q": {"type": "string", "description": "Show only routes with these words."}},
    answers={200: ("HTML.", {"type": "string"})},
    answers_as="text/html",
)
def docs() -> Any:
    """The routes, grouped, each with its fields and answers; `?q=` shows those that have these words."""
    q = request.args.get("q", "")
    page = _page(describe(request.script_root or "/"), request.url_root, q.lower().split())
    return Response(render_template("api_docs.html", current=None, q=q, **page), mimetype="text/html")


def _page(described: dict[str, Any], root: str, words: list[str]) -> dict[str, Any]:
    groups: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in described["tags"]}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            entry = _entry(path, method, operation, root)
            entry["hidden"] = not all(word in entry["words"] for word in words)
            groups[operation["tags"][0]].append(entry)
    entries = [entry for group in groups.values() for entry in group]
    return {"groups": groups, "count": len(entries), "found": any(not entry["hidden"] for entry in entries)}


def _entry(path: str, method: str, operation: dict[str, Any], root: str) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    example = content.get("example")
    return {
        "id": operation["operationId"].replace("_", "-"),
        "method": method.upper(),
        "path": path,
        "words": f"{method} {path} {operation['summary']}".lower(),
        "summary": operation["summary"],
        "text": _marked(operation["description"].partition("\n\nScope:")[0]),
        "scope": operation["x-scope"],
        "parameters": [
            {"name": each["name"], "place": each["in"], "text": _marked(each["description"].rstrip("."))}
            for each in operation["parameters"]
        ],
        "fields": _fields(content.get("schema", {})),
        "example": None if example is None else json.dumps(example, indent=2, ensure_ascii=False),
        "curl": _curl(path, method, example, operation["x-scope"], root),
        "answers": [(status, _says(answer)) for status, answer in sorted(operation["responses"].items())],
    }


def _marked(text: str) -> Markup:
    """Text whose `backticks` become code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "kind": _kind(prop),
            "required": name in required,
            "text": _marked(prop.get("description", "").rstrip(".")),
        }
        for name, prop in schema.get("properties", {}).items()
    ]


def _kind(prop: dict[str, Any]) -> str:
    if "enum" in prop:
        return " or ".join(str(option) for option in prop["enum"])
    kinds = prop.get("type", "any")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _says(answer: dict[str, Any]) -> Markup:
    if "$ref" in answer:
        answer = describe()["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return _marked(answer["description"])


def _curl(path: str, method: str, example: Any, scope: str, root: str) -> str:
    parts = ["curl"] if method == "get" else ["curl", f"-X {method.upper()}"]
    if scope != "open":
        parts.append('-H "Authorization: Bearer $TOKEN"')
    if example is not None:
        text = json.dumps(example, ensure_ascii=False).replace("'", "'\\''")
        parts += ['-H "Content-Type: application/json"', f"-d '{text}'"]
    return " ".join([*parts, root.rstrip("/") + path])
