"""Credentials, written and never read; and the hosts that custom widgets made here may ask."""

from __future__ import annotations

from typing import Any

from flask import url_for

from glance import guard
from glance.credentials import Credential, checked_hosts, users
from glance.definition import Definition
from glance.errors import Conflict, FieldError, Invalid
from glance.registry import waiting
from glance.web import runtime
from glance.web.api import paging, schemas
from glance.web.api.definitions import flag
from glance.web.api.routing import route
from glance.web.api.times import iso
from glance.web.retrying import try_again

TAG = "Credentials"
NAME: schemas.Schema = {"type": "string", "minLength": 1, "maxLength": 60}
VALUE: schemas.Schema = {
    "type": "string",
    "description": "At most 64 KB; a line break at its end is dropped. Never shown again.",
}
HOSTS: schemas.Schema = {
    "type": "array",
    "maxItems": guard.MAX_HOSTS,
    "items": {"type": "string", "maxLength": 260},
    "description": "name, name:port, *.domain, an address, or unix:/path. Without a port every port is meant.",
}
SHOWN: schemas.Schema = {
    "type": "object",
    "required": ["name", "hosts", "set_at", "state", "used_by"],
    "properties": {
        "name": {"type": "string"},
        "hosts": {"type": "array", "items": {"type": "string"}},
        "set_at": schemas.TIME,
        "state": {"type": "string", "enum": ["ok", "lost"], "description": "lost: the key changed; enter it again."},
        "used_by": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"slug": {"type": "string"}, "name": {"type": "string"}, "widgets": {"type": "integer"}},
            },
        },
    },
}
AGREED: schemas.Schema = {
    "type": "object",
    "required": ["agreed", "waiting"],
    "properties": {
        "agreed": {"type": "array", "items": {"type": "string"}},
        "waiting": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Named in its manifest, not agreed to.",
        },
    },
}
ONE = ("The credential without its value.", SHOWN)
LISTED: schemas.Schema = {
    "type": "object",
    "required": ["items", "next_cursor"],
    "properties": {"items": {"type": "array", "items": SHOWN}, "next_cursor": {"type": ["string", "null"]}},
}


@route(
    "GET",
    "/api/credentials",
    scope="admin",
    tag=TAG,
    summary="List credentials",
    query=paging.QUERY,
    answers={200: ("By name; never a value.", LISTED)},
)
def list_credentials() -> Any:
    """Names, hosts, when each value was set, and which custom widgets ask for it."""
    by_name = users(runtime().definitions.all())
    found = [([one.name], shown(one, by_name.get(one.name, []))) for one in runtime().credentials.all()]
    return paging.page(found, lambda pair: pair[0], lambda pair: pair[1])


@route(
    "POST",
    "/api/credentials",
    scope="admin",
    tag=TAG,
    summary="Store a credential",
    body=schemas.body({"name": NAME, "value": VALUE, "hosts": HOSTS}, ["name", "value", "hosts"]),
    body_example={"name": "media-server", "value": "the secret itself", "hosts": ["media.lan"]},
    failures=(409,),
    answers={201: ONE},
)
def create_credential(body: dict[str, Any]) -> Any:
    """Encrypted at rest, sent to its hosts only. A manifest uses it as `{{ credential("media-server") }}`."""
    made = runtime().credentials.create(body["name"], body["value"], body["hosts"])
    retry_users(made.name)
    headers = {"Location": url_for("api.get_credential", name=made.name)}
    return _one(made), 201, headers


@route(
    "GET",
    "/api/credentials/<name>",
    scope="admin",
    tag=TAG,
    summary="Read about a credential",
    answers={200: ONE},
)
def get_credential(name: str) -> Any:
    """Everything but the value."""
    return _one(runtime().credentials.get(name))


@route(
    "PATCH",
    "/api/credentials/<name>",
    scope="admin",
    tag=TAG,
    summary="Replace the value or the hosts of a credential",
    body=schemas.body({"value": VALUE, "hosts": HOSTS}),
    body_example={"hosts": ["media.lan", "media.lan:8920"]},
    answers={200: ONE},
)
def change_credential(name: str, body: dict[str, Any]) -> Any:
    """What is left out stays. Widgets that failed for want of it try again at once."""
    changed = runtime().credentials.change(name, body.get("value"), body.get("hosts"))
    retry_users(name)
    return _one(changed)


@route(
    "DELETE",
    "/api/credentials/<name>",
    scope="admin",
    tag=TAG,
    summary="Delete a credential",
    query={"even_if_used": {"type": "string", "enum": ["1"], "description": "Also where custom widgets ask for it."}},
    failures=(409,),
    answers={204: ("It is gone.", None)},
)
def delete_credential(name: str) -> Any:
    """One that custom widgets ask for is refused with 409 that names them."""
    credentials = runtime().credentials
    credentials.get(name)
    used = users(runtime().definitions.all()).get(name, [])
    if used and not flag("even_if_used"):
        raise Conflict(
            f"It is used by {', '.join(sorted(one.name for one in used))}; with ?even_if_used=1 it goes all the same."
        )
    credentials.delete(name)
    return None, 204


@route(
    "GET",
    "/api/custom-widgets/<slug>/hosts",
    scope="read",
    tag=TAG,
    summary="Which hosts a custom widget may ask",
    answers={200: ("Agreed to, and waiting for an answer.", AGREED)},
)
def get_hosts(slug: str) -> Any:
    """One from a folder is trusted and may ask any: `agreed` is then `["*"]`."""
    return hosts_shown(runtime().definitions.get(slug))


@route(
    "PUT",
    "/api/custom-widgets/<slug>/hosts",
    scope="admin",
    tag=TAG,
    summary="Agree to the hosts of a custom widget",
    body=schemas.body({"hosts": HOSTS}, ["hosts"]),
    body_example={"hosts": ["api.frankfurter.dev"]},
    failures=(409,),
    answers={200: ("As it is now.", AGREED)},
)
def put_hosts(slug: str, body: dict[str, Any]) -> Any:
    """From now on it may ask these hosts, and those that a widget's own params name, and no others; `*` means any host."""
    errors: list[FieldError] = []
    hosts = checked_hosts(body["hosts"], errors, any_host=True, needed=False)
    if errors:
        raise Invalid(f"hosts {errors[0].message}.", errors)
    definition = runtime().definitions.agree(slug, hosts)
    try_again([definition])
    return hosts_shown(definition)


def hosts_shown(definition: Definition) -> dict[str, Any]:
    """The hosts of a definition as the API shows them."""
    return {"agreed": [guard.ANY] if definition.trusted else list(definition.agreed), "waiting": waiting(definition)}


def shown(one: Credential, used: list[Definition]) -> dict[str, Any]:
    """A credential without its value."""
    counts = runtime().widgets.counts() if used else {}
    return {
        "name": one.name,
        "hosts": list(one.hosts),
        "set_at": iso(one.set_at),
        "state": "lost" if one.is_lost else "ok",
        "used_by": [{"slug": item.slug, "name": item.name, "widgets": counts.get(item.slug, 0)} for item in used],
    }


def retry_users(name: str) -> None:
    """Let the widgets that ask for this credential and fail try again."""
    try_again(users(runtime().definitions.all()).get(name, []))


def _one(one: Credential) -> dict[str, Any]:
    return shown(one, users(runtime().definitions.all()).get(one.name, []))
