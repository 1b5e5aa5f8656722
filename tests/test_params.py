"""Params: checked by a JSON Schema subset, every field named, no input repeated."""

from __future__ import annotations

from typing import Any

import pytest

from glance.errors import Invalid
from glance.params import parse, put_secrets, secret_paths, take_secrets, with_defaults

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["repository"],
    "properties": {
        "repository": {"type": "string", "pattern": "^[^/]+/[^/]+$"},
        "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
        "site": {"type": "string", "format": "url"},
        "token": {"type": "string", "format": "secret"},
        "rules": {
            "type": "array",
            "items": {"type": "object", "properties": {"op": {"type": "string", "default": ">"}}},
        },
        "auth": {"type": "object", "properties": {"password": {"type": "string", "format": "secret"}}},
    },
}
FORMS = {
    "http": {
        "required": ["url"],
        "properties": {"url": {"type": "string", "format": "url"}, "key": {"type": "string", "format": "secret"}},
    }
}
GENERAL: dict[str, Any] = {
    "type": "object",
    "required": ["data_source"],
    "properties": {"data_source": {"type": "object", "format": "data_source"}},
}


def messages(given: Any, schema: dict[str, Any] = SCHEMA) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        parse(schema, given, forms=FORMS)
    return {error.field: error.message for error in caught.value.errors}


def test_defaults_are_filled_in_at_any_depth() -> None:
    assert with_defaults(SCHEMA, {"rules": [{}]}) == {"count": 3, "rules": [{"op": ">"}]}


def test_every_field_that_does_not_fit_is_named() -> None:
    found = messages({"repository": "x", "count": 99, "site": "ftp://x", "typo": 1})
    assert found == {
        "params.repository": "does not have the expected form",
        "params.count": "must be at most 9",
        "params.site": "must be an address that starts with http:// or https://",
        "params.typo": "is not known",
    }


def test_a_misspelt_field_is_answered_with_the_one_that_was_meant() -> None:
    assert messages({"repository": "a/b", "cuont": 3})["params.cuont"] == "is not known; did you mean count?"


def test_a_missing_or_empty_required_field_is_named() -> None:
    assert messages({}) == {"params.repository": "is missing"}
    assert messages({"repository": ""})["params.repository"] == "is missing"


def test_a_secret_is_never_repeated() -> None:
    secret = "s3cr3t-value"
    with pytest.raises(Invalid) as caught:
        parse(SCHEMA, {"repository": "a/b", "token": [secret]})
    assert secret not in f"{caught.value} {caught.value.errors}"


def test_params_that_are_no_object_are_refused() -> None:
    assert messages([1]) == {"params": "must be an object"}


def test_secrets_are_taken_out_by_path_and_put_back() -> None:
    assert list(secret_paths(SCHEMA)) == ["token", "auth.password"]
    given = {"repository": "a/b", "token": "t", "auth": {"password": "p"}}
    plain, secrets = take_secrets(SCHEMA, given)
    assert (plain, secrets) == ({"repository": "a/b", "auth": {}}, {"token": "t", "auth.password": "p"})
    assert put_secrets(plain, secrets) == given


def test_a_secret_shown_as_set_is_kept_and_null_clears_it() -> None:
    assert take_secrets(SCHEMA, {"token": {"set": True}}) == ({}, {})
    assert take_secrets(SCHEMA, {"token": None}) == ({}, {"token": None})


def test_a_data_source_has_only_the_fields_of_its_kind() -> None:
    assert (
        parse(GENERAL, {"data_source": {"kind": "http", "url": "http://a.lan"}}, forms=FORMS)["data_source"]["url"]
        == "http://a.lan"
    )
    assert messages({"data_source": {"kind": "http", "url": "http://a.lan", "table": "x"}}, GENERAL) == {
        "params.data_source.table": "is not known"
    }
    assert messages({"data_source": {"kind": "smoke"}}, GENERAL) == {"params.data_source.kind": "must be one of: http"}
    assert messages({"data_source": {"kind": ["x"]}}, GENERAL)["params.data_source.kind"] in (
        "must be text",
        "must be one of: http",
    )


@pytest.mark.parametrize("value", [{"x": 1}, {"set": False}, {"set": True, "x": 1}, 5, []])
def test_a_secret_that_is_neither_text_nor_the_mark_is_refused(value: object) -> None:
    schema = {"type": "object", "properties": {"token": {"type": "string", "format": "secret"}}}
    _, secrets = take_secrets(schema, {"token": value})
    with pytest.raises(Invalid) as caught:
        parse(schema, secrets)
    assert [(error.field, error.message) for error in caught.value.errors] == [("params.token", "must be text")]
