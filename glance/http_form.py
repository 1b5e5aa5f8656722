"""The fields of an HTTP source: as a manifest writes them (SCHEMA), and as the settings form of a general widget asks them (FORM)."""

from __future__ import annotations

from typing import Any

FORMATS = ("json", "text", "xml")
MAX_REQUESTS = 20
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]

_TEXT = {"type": "string"}
_WRITTEN = {"type": ["string", "number", "null"]}
_ANY = {"type": ["object", "array", "string", "number", "boolean", "null"]}
_AUTH: dict[str, Any] = {
    "type": ["object", "string"],
    "additionalProperties": False,
    "properties": {
        "kind": _TEXT,
        "username": _WRITTEN,
        "password": _WRITTEN,
        "token": _WRITTEN,
        "name": _TEXT,
        "value": _WRITTEN,
        "login": {
            "type": "object",
            "required": ["url"],
            "additionalProperties": False,
            "properties": {
                "url": _TEXT,
                "method": _TEXT,
                "headers": {"type": "object"},
                "json": _ANY,
                "form": {"type": "object"},
                "body": _TEXT,
                "accept": {"type": ["array", "integer", "string"]},
            },
        },
        "header": _TEXT,
        "prefix": _TEXT,
        "again_on": {"type": ["array", "integer", "string"]},
    },
}
_TLS: dict[str, Any] = {
    "type": ["object", "string"],
    "additionalProperties": False,
    "properties": {"verify": {"type": ["boolean", "string"]}, "pin": {"type": ["string", "null"]}},
}
_REQUEST: dict[str, Any] = {
    "url": _TEXT,
    "method": _TEXT,
    "headers": {"type": ["object", "array", "string"]},
    "query": {"type": ["object", "string"]},
    "body": {"type": ["string", "null"]},
    "json": _ANY,
    "auth": _AUTH,
    "tls": _TLS,
    "format": _TEXT,
    "timeout": {"type": ["number", "string"]},
    "optional": {"type": ["boolean", "array", "string"]},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "if": {"not": {"required": ["requests"]}},
    "then": {"required": ["url"]},
    "additionalProperties": False,
    "properties": {
        **_REQUEST,
        "requests": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": MAX_REQUESTS,
            "additionalProperties": {
                "type": "object",
                "required": ["url"],
                "additionalProperties": False,
                "properties": _REQUEST,
            },
        },
    },
}
_LOGIN_FORM: dict[str, Any] = {
    "type": "object",
    "title": "Login request",
    "when": {"kind": ["session"]},
    "properties": {
        "url": {"type": "string", "title": "Address of the login", "placeholder": "http://pi.hole/api/auth"},
        "method": {"type": "string", "title": "Method", "enum": ["POST", "GET", "PUT"], "default": "POST"},
        "body": {
            "type": "string",
            "format": "secret",
            "title": "Body",
            "description": 'JSON such as {"password": "…"}, or a form such as username=…&password=…',
        },
    },
}
_AUTH_FORM: dict[str, Any] = {
    "type": "object",
    "title": "Login",
    "additionalProperties": False,
    "properties": {
        "kind": {
            "type": "string",
            "title": "Kind",
            "enum": ["none", "basic", "bearer", "header", "session"],
            "titles": {
                "none": "None",
                "basic": "Name and password",
                "bearer": "Access token (bearer)",
                "header": "A header with a key",
                "session": "A login request",
            },
            "default": "none",
        },
        "username": {"type": "string", "title": "Name", "when": {"kind": ["basic"]}},
        "password": {"type": "string", "format": "secret", "title": "Password", "when": {"kind": ["basic"]}},
        "token": {"type": "string", "format": "secret", "title": "Access token", "when": {"kind": ["bearer"]}},
        "name": {"type": "string", "title": "Header", "placeholder": "X-Api-Key", "when": {"kind": ["header"]}},
        "value": {"type": "string", "format": "secret", "title": "Key", "when": {"kind": ["header"]}},
        "login": _LOGIN_FORM,
        "token_at": {
            "type": "string",
            "title": "Where the token is in its answer",
            "placeholder": "session.sid",
            "description": "A JMESPath, or header:Name. Empty: only its cookies are kept.",
            "when": {"kind": ["session"]},
        },
        "header": {
            "type": "string",
            "title": "Header that carries the token",
            "placeholder": "Authorization",
            "when": {"kind": ["session"]},
        },
        "prefix": {
            "type": "string",
            "title": "Before the token",
            "placeholder": "Bearer ",
            "when": {"kind": ["session"]},
        },
    },
}
FORM: dict[str, Any] = {
    "type": "object",
    "required": ["url"],
    "properties": {
        "url": {
            "type": "string",
            "title": "Address",
            "minLength": 1,
            "maxLength": 4000,
            "placeholder": "https://api.example.org/state",
            "description": "http://, https:// or unix:/path/to.sock:/path",
        },
        "method": {"type": "string", "title": "Method", "enum": METHODS, "default": "GET"},
        "headers": {
            "type": ["array", "object"],
            "title": "Headers",
            "maxItems": 30,
            "items": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string", "title": "Name", "maxLength": 200},
                    "value": {"type": "string", "title": "Value", "maxLength": 8000},
                },
            },
        },
        "body": {
            "type": "string",
            "format": "text",
            "title": "Body",
            "maxLength": 100_000,
            "when": {"method": ["POST", "PUT", "PATCH", "DELETE"]},
        },
        "auth": _AUTH_FORM,
        "tls": {
            "type": "object",
            "title": "Certificate",
            "additionalProperties": False,
            "properties": {
                "verify": {"type": "boolean", "title": "Check the certificate", "default": True},
                "pin": {
                    "type": "string",
                    "title": "Accept only the one with this SHA-256",
                    "description": "For a self-signed certificate.",
                },
            },
        },
        "format": {"type": "string", "title": "Format of the answer", "enum": list(FORMATS), "default": "json"},
        "timeout": {
            "type": "number",
            "title": "Time limit (s)",
            "default": 10,
            "minimum": 0.5,
            "maximum": 30,
        },
    },
}
