"""The shapes of the API: what a body may hold, and what an answer holds, as openapi.json shows them."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

GRID_COLUMNS = 12


def ref(name: str) -> Schema:
    """A reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def listing(name: str) -> Schema:
    """A page of a list of these."""
    return {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {"items": {"type": "array", "items": ref(name)}, "next_cursor": {"type": ["string", "null"]}},
    }


SLUG: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 60,
    "pattern": "^[a-z0-9]+(-[a-z0-9]+)*(?!\\n)$",
    "pattern_help": "may hold lower-case letters, digits and single hyphens between them",
}
TITLE: Schema = {"type": "string", "maxLength": 120, "pattern": r"\S", "pattern_help": "must not be empty"}
ICON: Schema = {"type": ["string", "null"], "maxLength": 100}
FREE: Schema = {"type": "object", "additionalProperties": True}
TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
INTERVAL: Schema = {
    "type": ["integer", "null"],
    "minimum": 0,
    "maximum": 31_536_000,
    "description": "Seconds; 0 = fetched on view only; null = the definition's own.",
}
SCHEDULE: Schema = {
    "type": ["string", "null"],
    "maxLength": 200,
    "description": "A cron expression; wins over the interval.",
}
POSITION: Schema = {
    "type": "object",
    "required": ["x", "y", "w", "h"],
    "additionalProperties": False,
    "properties": {
        "x": {"type": "integer", "minimum": 1, "maximum": GRID_COLUMNS},
        "y": {"type": "integer", "minimum": 1, "maximum": 9999},
        "w": {"type": "integer", "minimum": 1, "maximum": GRID_COLUMNS},
        "h": {"type": "integer", "minimum": 1, "maximum": 200},
    },
}
PLACED: Schema = {
    "type": "object",
    "required": ["id", "x", "y", "w", "h"],
    "additionalProperties": False,
    "properties": {"id": {"type": "string"}, **{key: {"type": "integer"} for key in "xywh"}},
}


def body(properties: Schema, required: list[str] | None = None) -> Schema:
    """The schema of a request body: an object without other fields."""
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return schema | {"required": required} if required else schema


_DASHBOARD_FIELDS: Schema = {
    "title": TITLE,
    "slug": SLUG,
    "icon": ICON,
    "position": {"type": "integer", "minimum": 1, "maximum": 100_000},
    "is_default": {"type": "boolean"},
    "is_template": {"type": "boolean"},
    "is_public": {"type": "boolean", "description": "Anybody who knows its public address may look at it."},
    "public_address": {
        "type": ["string", "null"],
        "minLength": 3,
        "maxLength": 60,
        "pattern": SLUG["pattern"],
        "pattern_help": SLUG["pattern_help"],
        "description": "The end of /p/<address>. Left out or null when it becomes public: one that nobody can guess.",
    },
    "settings": FREE,
}
NEW_DASHBOARD = body(_DASHBOARD_FIELDS, ["title"])
DASHBOARD_CHANGES = body(_DASHBOARD_FIELDS)
LAYOUT = body({"layout": {"type": "array", "maxItems": 1000, "items": PLACED}}, ["layout"])
DUPLICATE = body({"title": TITLE})

_WIDGET_FIELDS: Schema = {
    "title": TITLE,
    "params": FREE,
    "position": POSITION,
    "refresh_interval": INTERVAL,
    "schedule": SCHEDULE,
    "settings": FREE,
}
NEW_WIDGET = body(
    {"dashboard": SLUG, "custom_widget": SLUG, **_WIDGET_FIELDS, "position": {**POSITION, "type": ["object", "null"]}},
    ["dashboard", "custom_widget", "title"],
)
WIDGET_CHANGES = body({"dashboard": SLUG, **_WIDGET_FIELDS})
BATCH = body(
    {
        "widget_ids": {"type": "array", "maxItems": 50, "items": {"type": "string", "maxLength": 100}},
        "force_refresh": {"type": "boolean", "default": False},
    },
    ["widget_ids"],
)
EXECUTE = body(
    {
        "params": {"type": ["object", "null"], "additionalProperties": True},
        "widget_instance_id": {"type": ["string", "null"], "maxLength": 100},
        "force_refresh": {"type": "boolean", "default": False},
    }
)
PREFERENCES = body(
    {
        "theme": {"type": "string", "enum": ["auto", "light", "dark"]},
        "code_enabled": {
            "type": "boolean",
            "description": "Whether widget code may run. Changing it needs the scope admin.",
        },
    }
)

# A manifest is checked by glance.definition, which names the place of every fault; here only that it is an object.
MANIFEST: Schema = {
    "type": "object",
    "additionalProperties": True,
    "description": "A manifest as in widget.yaml, with `template` (the text of card.html) and an optional `slug`, `style` and `example`.",
}
EXPORT: Schema = {
    "type": "object",
    "additionalProperties": True,
    "description": "What GET /api/dashboards/<slug>/export answers.",
}

ANSWERS: dict[str, Schema] = {
    "Problem": {
        "type": "object",
        "description": "RFC 9457.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "message"],
                    "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                },
            },
            "current": {"description": "With 412: the thing as it is now."},
        },
    },
    "Envelope": {
        "type": "object",
        "required": ["data", "cached", "cached_at", "expires_at", "stale", "error"],
        "properties": {
            "data": {"description": "The answer; any JSON."},
            "cached": {"type": "boolean", "description": "False where it was fetched for this call."},
            "cached_at": TIME,
            "expires_at": TIME,
            "stale": {"type": "boolean"},
            "error": {
                "type": ["object", "null"],
                "required": ["message", "at", "next_try_at"],
                "properties": {"message": {"type": "string"}, "at": TIME, "next_try_at": TIME},
            },
        },
    },
    "Dashboard": {
        "type": "object",
        "required": ["slug", "title", "icon", "position", "is_default", "is_template", "is_public", "settings"],
        "properties": {
            "slug": {"type": "string"},
            **{name: schema for name, schema in _DASHBOARD_FIELDS.items() if name != "slug"},
            "created_at": TIME,
            "updated_at": TIME,
        },
    },
    "Widget": {
        "type": "object",
        "required": ["id", "dashboard", "custom_widget", "title", "params", "position", "refresh_interval", "settings"],
        "properties": {
            "id": {"type": "string"},
            "dashboard": {"type": "string"},
            "custom_widget": {"type": "string"},
            **_WIDGET_FIELDS,
            "params": FREE | {"description": 'A secret shows as {"set": true}.'},
            "agreed_hosts": {
                "type": ["array", "null"],
                "items": {"type": "string"},
                "description": "Came with an import and may ask these hosts besides those of its custom widget; null: its params were saved here.",
            },
            "created_at": TIME,
            "updated_at": TIME,
        },
    },
    "CustomWidget": {
        "type": "object",
        "required": ["slug", "name", "status", "origin"],
        "properties": {
            "slug": {"type": "string"},
            "name": {"type": "string"},
            "description": {"type": "string"},
            "category": {"type": "string"},
            "icon": {"type": ["string", "null"]},
            "status": {"type": "string", "enum": ["ok", "broken", "missing"]},
            "origin": {"type": "string", "enum": ["folder", "api"]},
            "editable": {"type": "boolean"},
            "kind": {"type": "string"},
            "widgets": {"type": "integer", "description": "How many widgets are made of it."},
            "fault": {
                "type": ["object", "null"],
                "properties": {
                    "reason": {"type": "string"},
                    "path": {"type": ["string", "null"]},
                    "line": {"type": ["integer", "null"]},
                    "excerpt": {"type": ["string", "null"]},
                    "since": TIME,
                },
            },
            "manifest": FREE,
        },
    },
    "Batch": {
        "type": "object",
        "required": ["results"],
        "properties": {
            "results": {
                "type": "object",
                "additionalProperties": {
                    "anyOf": [
                        ref("Envelope"),
                        {"type": "object", "required": ["error"], "properties": {"error": ref("Problem")}},
                    ]
                },
            }
        },
    },
    "Token": {
        "type": "object",
        "required": ["id", "name", "scopes", "created_at", "expires_at", "last_used_at", "expired", "current"],
        "properties": {
            "id": {"type": "string"},
            "name": {"type": "string"},
            "scopes": {"type": "array", "items": {"type": "string"}},
            "created_at": TIME,
            "expires_at": TIME,
            "last_used_at": TIME,
            "expired": {"type": "boolean"},
            "current": {"type": "boolean", "description": "This request was made with it."},
            "token": {"type": "string", "description": "Its value: only in the answer that makes it."},
        },
    },
    "Deleted": {"type": "object", "required": ["deleted"], "properties": {"deleted": {"type": "integer"}}},
}
