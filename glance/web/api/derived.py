"""Derived series: list, make, read, change and delete."""

from __future__ import annotations

from typing import Any

from glance.derived import DEVICE
from glance.runtime import Runtime
from glance.store.derived import DerivedSeries
from glance.web import runtime
from glance.web.api import paging, schemas
from glance.web.api.etag import etag, refuse_stale
from glance.web.api.routing import route
from glance.web.api.times import iso

TAG = "Derived series"
_INPUT = {
    "type": "object",
    "required": ["name", "device", "sensor"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 30, "description": "What the formula calls it."},
        "device": {"type": "string", "minLength": 1, "maxLength": 200},
        "sensor": {"type": "string", "minLength": 1, "maxLength": 200},
    },
}
_FIELDS: dict[str, Any] = {
    "title": schemas.TITLE,
    "expression": {
        "type": "string",
        "minLength": 1,
        "maxLength": 500,
        "description": "Such as dew_point(t, rh), a + b, average(power, 15).",
    },
    "inputs": {"type": "array", "minItems": 1, "maxItems": 30, "items": _INPUT},
    "unit": {"type": ["string", "null"], "maxLength": 24},
    "decimals": {"type": ["integer", "null"], "minimum": 0, "maximum": 8},
    "is_counter": {"type": "boolean", "description": "It counts up, so that its use per hour and day can be shown."},
}
CHANGES = schemas.body(_FIELDS)
NEW = schemas.body(
    {"slug": {"type": "string", "minLength": 1, "maxLength": 60, "description": "Made from the title."}, **_FIELDS},
    ["title", "expression", "inputs"],
)
SHOWN: dict[str, Any] = {
    "type": "object",
    "required": ["slug", "title", "expression", "inputs", "device", "sensor", "value", "at", "error"],
    "properties": {
        "slug": {"type": "string"},
        **_FIELDS,
        "device": {"type": "string", "description": "Its values are samples of this device …"},
        "sensor": {"type": "string", "description": "… and of this sensor."},
        "value": {"type": ["number", "null"]},
        "at": schemas.TIME,
        "error": {"type": ["string", "null"], "description": "Why it has no value now."},
        "created_at": schemas.TIME,
        "updated_at": schemas.TIME,
    },
}
EXAMPLE = {
    "title": "Dew point outside",
    "expression": "dew_point(t, rh)",
    "inputs": [
        {"name": "t", "device": "garden", "sensor": "temperature"},
        {"name": "rh", "device": "garden", "sensor": "humidity"},
    ],
    "unit": "°C",
}
ONE = ("The derived series, with its ETag.", SHOWN)
LIST = {
    "type": "object",
    "required": ["items", "next_cursor"],
    "properties": {"items": {"type": "array", "items": SHOWN}, "next_cursor": {"type": ["string", "null"]}},
}


@route(
    "GET",
    "/api/derived",
    scope="read",
    tag=TAG,
    summary="List derived series",
    query=paging.QUERY,
    answers={200: ("By slug.", LIST)},
)
def list_derived() -> Any:
    """Every derived series with its newest value."""
    rt = runtime()
    return paging.page(rt.derived.all(), lambda one: [one.slug], lambda one: shown(rt, one))


@route(
    "POST",
    "/api/derived",
    scope="write",
    tag=TAG,
    summary="Make a derived series",
    failures=(409,),
    body=NEW,
    body_example=EXAMPLE,
    answers={201: ONE},
)
def create_derived(body: dict[str, Any]) -> Any:
    """It is worked out whenever an input changes, and stored as the sensor `slug` of the device `derived`."""
    rt = runtime()
    return _one(rt, rt.derived.create(body), 201)


@route("GET", "/api/derived/<slug>", scope="read", tag=TAG, summary="Read a derived series", answers={200: ONE})
def get_derived(slug: str) -> Any:
    """One derived series with its newest value."""
    rt = runtime()
    return _one(rt, rt.derived.get(slug))


@route(
    "PATCH",
    "/api/derived/<slug>",
    scope="write",
    tag=TAG,
    summary="Change a derived series",
    takes_if_match=True,
    body=CHANGES,
    body_example={"expression": "round(dew_point(t, rh), 1)"},
    answers={200: ONE},
)
def change_derived(slug: str, body: dict[str, Any]) -> Any:
    """Changes the fields that are given; the history so far stays as it is."""
    rt = runtime()
    before = rt.derived.get(slug)
    refuse_stale(before.version, shown(rt, before))
    changed = rt.derived.change(slug, body)
    rt.series.changed()
    return _one(rt, changed)


@route(
    "DELETE",
    "/api/derived/<slug>",
    scope="write",
    tag=TAG,
    summary="Delete a derived series",
    takes_if_match=True,
    failures=(409,),
    answers={204: ("It is worked out no more; its sensor is hidden and keeps its history.", None)},
)
def delete_derived(slug: str) -> Any:
    """409 while another derived series is made of it."""
    rt = runtime()
    before = rt.derived.get(slug)
    refuse_stale(before.version, shown(rt, before))
    rt.derived.delete(slug)
    rt.series.changed()
    return None, 204


def _one(rt: Runtime, one: DerivedSeries, status: int = 200) -> tuple[dict[str, Any], int, dict[str, str]]:
    return shown(rt, one), status, {"ETag": etag(one.version)}


def shown(rt: Runtime, one: DerivedSeries) -> dict[str, Any]:
    """A derived series as JSON."""
    latest = rt.derived.latest(one.slug)
    return {
        "slug": one.slug,
        "title": one.title,
        "expression": one.expression,
        "inputs": [{"name": each.name, "device": each.device, "sensor": each.sensor} for each in one.inputs],
        "unit": one.unit,
        "decimals": one.decimals,
        "is_counter": one.is_counter,
        "device": DEVICE,
        "sensor": one.slug,
        "value": latest.value if latest else None,
        "at": iso(latest.at) if latest else None,
        "error": rt.derived.trouble(one.slug),
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
    }
