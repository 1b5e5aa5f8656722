"""JSON Schema (draft 2020-12) with sentences that name the place and never repeat the input."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from glance import patterns
from glance.schema_work import TooMuch, counted, counting

Fault = tuple[str, str]
TYPES = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}
MAX_FAULTS = 20
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef", "$id")
# Keywords that hold data rather than schemas, and those whose keys are names of fields.
_VALUES = ("default", "const", "enum", "examples")
_NAMING = ("properties", "patternProperties", "dependentSchemas", "dependentRequired", "$defs", "definitions")


def faults(schema: Mapping[str, Any], value: Any) -> list[Fault]:
    """What does not fit, as (dotted path, sentence without subject); empty where everything does."""
    found: list[Fault] = []
    try:
        with counting():
            for error in _validator(json.dumps(schema, sort_keys=True)).iter_errors(value):
                found.extend(_say(error))
                if len(found) >= MAX_FAULTS:
                    break
    except TooMuch as error:
        found.append(("", str(error)))
    return found


def whole_numbers(schema: Any, value: Any) -> Any:
    """A value that fits the schema, with each 2.0 as 2 where the schema asks for an integer: to JSON Schema both are one."""
    if not isinstance(schema, Mapping):
        return value
    if isinstance(value, Mapping):
        fields = schema.get("properties") or {}
        return {name: whole_numbers(fields.get(name), part) for name, part in value.items()}
    if isinstance(value, list):
        return [whole_numbers(schema.get("items"), part) for part in value]
    kinds = schema.get("type")
    wanted = kinds == "integer" or (isinstance(kinds, list) and "integer" in kinds and "number" not in kinds)
    return int(value) if wanted and isinstance(value, float) and value.is_integer() else value


def schema_fault(schema: Mapping[str, Any]) -> Fault | None:
    """What is wrong with a schema itself, as (dotted path within it, sentence), or None."""
    from jsonschema import Draft202012Validator, SchemaError  # late: 38 ms and some MB that not every start needs

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return _path(error.path), _wrong(str(error.path[-1]) if error.path else "", str(error.validator))
    return _reference(schema, ())


def endless_pattern(schema: Any, place: tuple[Any, ...] = ()) -> Fault | None:
    """The first pattern that can match one text in too many ways: on the wrong text it would take for ever."""
    if isinstance(schema, list):
        parts: Iterable[tuple[Any, Any]] = enumerate(schema)
    elif isinstance(schema, Mapping):
        parts = schema.items()
    else:
        return None
    for key, part in parts:
        named = part if key == "patternProperties" and isinstance(part, Mapping) else ()
        for pattern in [part] if key == "pattern" and isinstance(part, str) else named:
            if patterns.is_endless(str(pattern)):
                return _path(
                    (*place, key)
                ), "can match one text in too many ways; on the wrong text it would take for ever"
        found = endless_pattern(part, (*place, key))
        if found:
            return found
    return None


def _reference(schema: Any, place: tuple[Any, ...], *, names: bool = False) -> Fault | None:
    """The first reference in a schema: it may point to another host, to a file of this computer, or to itself for ever.

    `names` = the keys here are the names of fields, not keywords.
    """
    if isinstance(schema, list):
        parts: Iterable[tuple[Any, Any]] = enumerate(schema)
    elif isinstance(schema, Mapping):
        parts = schema.items()
    else:
        return None
    for key, part in parts:
        if key in _REFERENCES and not names:
            return _path((*place, key)), "is not offered: write the schema out in its place"
        if key == "$schema" and place and not names:
            # jsonschema would check this part by a class of its own, whose steps nobody counts
            return _path((*place, key)), "stands at the top of a schema only"
        if key in _VALUES and not names:
            continue
        found = _reference(part, (*place, key), names=key in _NAMING and not names)
        if found:
            return found
    return None


def _wrong(keyword: str, rule: str) -> str:
    """The sentence for a keyword of a schema that does not fit JSON Schema's own."""
    if keyword == "type":
        return f"must be one of: {', '.join(sorted(TYPES))}"
    if keyword == "pattern":
        return "is not a regular expression"
    return f"is not a valid JSON Schema: {rule} does not hold"


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, or None."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return found[0] if found else None


@lru_cache(maxsize=256)
def _validator(schema_text: str) -> Any:
    from jsonschema import Draft202012Validator, FormatChecker  # late: see above
    from referencing import Registry

    checker = FormatChecker(formats=())
    for name, fits in FORMATS.items():
        checker.checks(name)(lambda value, fits=fits: not isinstance(value, str) or fits(value))
    # An empty registry: nothing is ever fetched for a schema.
    return counted(Draft202012Validator)(json.loads(schema_text), format_checker=checker, registry=Registry())


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


FORMATS: dict[str, Callable[[str], bool]] = {
    "url": _is_url,
    "uri": _is_url,
    "timezone": lambda text: text in available_timezones(),
    "color": lambda text: re.fullmatch(r"#[0-9a-fA-F]{6}", text) is not None,
    "date": _is_date,
}
FORMAT_SENTENCES = {
    "url": "must be an address that starts with http:// or https://",
    "uri": "must be an address that starts with http:// or https://",
    "timezone": "must be a time zone such as Europe/Berlin",
    "color": "must be a colour such as #08667c",
    "date": "must be a date such as 2026-02-03",
}


def _path(parts: Iterable[Any]) -> str:
    return ".".join(str(part) for part in parts)


def _say(error: Any) -> list[Fault]:
    """One jsonschema error as faults; keywords without a sentence of their own get a general one."""
    path = _path(error.absolute_path)
    limit = error.validator_value
    if error.validator == "required":
        missing = next(name for name in limit if name not in error.instance and f"'{name}'" in error.message)
        return [(f"{path}.{missing}".lstrip("."), "is missing")]
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        extra = [name for name in error.instance if name not in known]
        return [(f"{path}.{name}".lstrip("."), _unknown(name, known)) for name in extra]
    if error.validator == "anyOf" and all(list(one) == ["required"] for one in limit):
        names = [one["required"][0] for one in limit]
        return [(f"{path}.{names[0]}".lstrip("."), f"is missing; {' or '.join(names[1:])} would do too")]
    if error.validator in ("anyOf", "oneOf"):
        return [(path, "does not have one of the possible forms")]
    return [(path, _sentence(error.validator, limit, error.schema))]


def _unknown(name: str, known: Iterable[str]) -> str:
    meant = closest(name, known)
    return f"is not known; did you mean {meant}?" if meant else "is not known"


def _sentence(keyword: str, limit: Any, schema: Mapping[str, Any]) -> str:
    if keyword == "type":
        names = [limit] if isinstance(limit, str) else list(limit)
        return "must be " + " or ".join(TYPES.get(name, name) for name in names)
    if keyword == "enum":
        return "must be one of: " + ", ".join(str(item) for item in limit)
    if keyword == "pattern":
        return str(schema.get("pattern_help") or "does not have the expected form")
    if keyword == "format":
        return FORMAT_SENTENCES.get(limit, "does not have the expected form")
    if keyword == "minLength" and limit == 1:
        return "must not be empty"
    return {
        "const": f"must be {limit}",
        "minimum": f"must be at least {limit}",
        "maximum": f"must be at most {limit}",
        "exclusiveMinimum": f"must be more than {limit}",
        "exclusiveMaximum": f"must be less than {limit}",
        "multipleOf": f"must be a multiple of {limit}",
        "minLength": f"must have at least {limit} characters",
        "maxLength": f"must have at most {limit} characters",
        "minItems": f"must have at least {limit} item{'s' if limit != 1 else ''}",
        "maxItems": f"must have at most {limit} items",
        "uniqueItems": "must not name anything twice",
    }.get(keyword, "does not fit")
