"""The params of a widget: a JSON Schema subset that is both the check and the settings form.

Formats beside JSON Schema's: `secret` (stored encrypted, never shown), `url`, `timezone`, `color`, `text` and `markdown`
(several lines), `icon`, and `data_source` (a source kind chosen by the widget, its fields those of the kind's form).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from glance import schemas
from glance.errors import FieldError, Invalid

Forms = Mapping[str, Mapping[str, Any]]
# How a secret that is stored is shown; sent back, it means: keep it.
SHOWN = {"set": True}
PICK = {"type": ["object", "array", "string"], "title": "Pick"}


def resolved(schema: Mapping[str, Any], given: Mapping[str, Any], forms: Forms) -> dict[str, Any]:
    """The schema with each `data_source` replaced by the form of the kind that is chosen in `given`."""
    out = dict(schema)
    properties = dict(schema.get("properties", {}))
    for name, prop in properties.items():
        if prop.get("format") == "data_source":
            properties[name] = _data_source(prop, given.get(name), forms)
    out["properties"] = properties
    return out


def _data_source(prop: Mapping[str, Any], value: Any, forms: Forms) -> dict[str, Any]:
    kind = value.get("kind") if isinstance(value, Mapping) else None
    form = forms.get(kind) if isinstance(kind, str) else None
    base: dict[str, Any] = {"kind": {"type": "string", "enum": sorted(forms), "title": "Source"}}
    head = {key: prop[key] for key in ("title", "description", "shape", "format", "default") if key in prop}
    if form is None:
        return {**head, "type": "object", "required": ["kind"], "properties": base}
    return {
        **head,
        "type": "object",
        "required": ["kind", *form.get("required", [])],
        "properties": {**base, **form.get("properties", {}), "pick": PICK},
        "additionalProperties": False,
        **({"anyOf": form["anyOf"]} if "anyOf" in form else {}),
    }


def with_defaults(schema: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` with every default of the schema filled in, at any depth; `given` itself stays as it is."""
    out = copy.deepcopy(dict(given))
    for name, prop in schema.get("properties", {}).items():
        if name not in out and "default" in prop:
            out[name] = copy.deepcopy(prop["default"])
        if isinstance(out.get(name), dict) and prop.get("properties"):
            out[name] = with_defaults(prop, out[name])
        items = prop.get("items")
        if isinstance(out.get(name), list) and isinstance(items, Mapping) and items.get("properties"):
            out[name] = [with_defaults(items, item) if isinstance(item, dict) else item for item in out[name]]
    return out


def parse(
    schema: Mapping[str, Any], given: Any, *, forms: Forms | None = None, prefix: str = "params"
) -> dict[str, Any]:
    """Check `given` and fill in the defaults; Invalid names every field that does not fit, without repeating it."""
    if not isinstance(given, Mapping):
        raise Invalid("The params do not fit.", [FieldError(prefix, "must be an object")])
    whole = resolved(schema, with_defaults(schema, given), forms or {})
    filled = with_defaults(whole, given)
    strict = {"type": "object", "additionalProperties": False, **whole}
    errors = [FieldError(f"{prefix}.{path}".rstrip("."), sentence) for path, sentence in schemas.faults(strict, filled)]
    errors += [
        FieldError(f"{prefix}.{name}", "is missing")
        for name in schema.get("required", [])
        if filled.get(name) == "" and whole["properties"].get(name, {}).get("minLength", 1) > 0
    ]
    if errors:
        raise Invalid(_summary(errors), errors)
    return dict(schemas.whole_numbers(whole, filled))


def _summary(errors: list[FieldError]) -> str:
    first = f"{errors[0].field} {errors[0].message}"
    return f"{first}." if len(errors) == 1 else f"{len(errors)} fields do not fit; the first: {first}."


def secret_paths(schema: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted paths of the params with format `secret` (within objects, not within lists)."""
    for name, prop in schema.get("properties", {}).items():
        if prop.get("format") == "secret":
            yield prefix + name
        elif prop.get("properties"):
            yield from secret_paths(prop, f"{prefix}{name}.")


def take_secrets(schema: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str | None]]:
    """Split params into what is not secret, and the secrets by path.

    None stands for "remove it". `{"set": true}`, which is how a secret is shown, and a secret left out both keep what is stored.
    """
    plain = copy.deepcopy(dict(given))
    found: dict[str, str | None] = {}
    for path in secret_paths(schema):
        *parents, name = path.split(".")
        holder: Any = plain
        for parent in parents:
            holder = holder.get(parent) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and name in holder:
            value = holder.pop(name)
            if value != SHOWN:
                found[path] = value if value != "" else None
    return plain, found


def put_secrets(plain: Mapping[str, Any], secrets: Mapping[str, Any]) -> dict[str, Any]:
    """Params with the secrets (or what stands for them) back in their places."""
    out = copy.deepcopy(dict(plain))
    for path, value in secrets.items():
        *parents, name = path.split(".")
        holder: Any = out
        for parent in parents:
            holder = holder.setdefault(parent, {}) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder[name] = value
    return out
