"""API tokens: list, make and revoke. The value of a token is in the answer that makes it, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import g

from glance.errors import FieldError, Invalid, NotFound
from glance.store.tokens import MOST_SCOPES, NAME_CHARACTERS, Token
from glance.web import runtime
from glance.web.api import paging, schemas
from glance.web.api.routing import route
from glance.web.api.times import iso

TAG = "Tokens"
MAX_LIFE_S = 100 * 366 * 86_400
EXAMPLE = {"name": "Doorbell button", "scopes": ["refresh"], "expires_in_s": 7_776_000}
NEW_TOKEN = schemas.body(
    {
        "name": {"type": "string", "maxLength": NAME_CHARACTERS, "pattern": r"\S", "pattern_help": "must not be empty"},
        "scopes": {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_SCOPES,
            "items": {"type": "string", "maxLength": 220},
            "description": "read, refresh, write, admin, push:<widget>, ingest:<device>. None includes another.",
        },
        "expires_at": {**schemas.TIME, "maxLength": 40, "description": "ISO 8601; without it, it does not end."},
        "expires_in_s": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_LIFE_S,
            "description": "Instead of expires_at.",
        },
    },
    ["name", "scopes"],
)


@route(
    "GET",
    "/api/tokens",
    scope="admin",
    tag=TAG,
    summary="List tokens",
    query=paging.QUERY,
    answers={200: ("In the order of making, without their values.", schemas.listing("Token"))},
)
def list_tokens() -> Any:
    """Every stored token; GLANCE_API_TOKEN is not one of them. `last_used_at` is at most five minutes late."""
    return paging.page(runtime().tokens.all(), lambda token: [token.id], shown)


@route(
    "POST",
    "/api/tokens",
    scope="admin",
    tag=TAG,
    summary="Make a token",
    failures=(409,),
    body=NEW_TOKEN,
    body_example=EXAMPLE,
    answers={201: ("The token with its value, which is not shown again.", schemas.ref("Token"))},
)
def create_token(body: dict[str, Any]) -> Any:
    """The answer's `token` is the value to send as `Authorization: Bearer`; only its hash is stored."""
    token, value = runtime().tokens.make(body["name"], body["scopes"], _expires_at(body))
    return shown(token) | {"token": value}, 201, {"Location": f"/api/tokens/{token.id}"}


@route(
    "DELETE",
    "/api/tokens/<token_id>",
    scope="admin",
    tag=TAG,
    summary="Revoke a token",
    answers={204: ("It opens nothing any more; its sockets are closed with 4403.", None)},
)
def revoke_token(token_id: str) -> Any:
    """At once, also for sockets that are open."""
    if not (token_id.isascii() and token_id.isdigit() and len(token_id) < 19):
        raise NotFound("There is no such token; it may have been revoked already.")
    rt = runtime()
    rt.tokens.revoke(int(token_id))
    rt.hub.stir()
    return None, 204


def shown(token: Token) -> dict[str, Any]:
    """A token as JSON; `current` marks the one that this request was made with."""
    passed = g.get("passed")
    return {
        "id": str(token.id),
        "name": token.name,
        "scopes": sorted(token.scopes),
        "created_at": iso(token.created_at),
        "expires_at": iso(token.expires_at),
        "last_used_at": iso(token.last_used_at),
        "expired": runtime().tokens.is_expired(token),
        "current": passed is not None and passed.token_id == token.id,
    }


def _expires_at(body: dict[str, Any]) -> float | None:
    if body.get("expires_in_s") is not None:
        if body.get("expires_at") is not None:
            raise _wrong("cannot stand beside expires_in_s")
        return runtime().tokens.now() + float(body["expires_in_s"])
    raw = body.get("expires_at")
    if raw is None:
        return None
    try:
        found = datetime.fromisoformat(raw)
        at = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise _wrong("must be a time such as 2027-03-01T00:00:00Z") from None
    if at > runtime().tokens.now() + MAX_LIFE_S:
        raise _wrong("lies too far in the future")
    return at


def _wrong(message: str) -> Invalid:
    return Invalid(f"expires_at {message}.", [FieldError("expires_at", message)])
