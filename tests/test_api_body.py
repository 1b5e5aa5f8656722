"""Reading bodies: what is not plain, bounded JSON is refused with a sentence, before any field is looked at."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from glance.errors import Unreadable
from glance.web.api.body import MAX_BYTES, MAX_DEPTH, parse, read_json
from glance.web.api.routing import encode

app = Flask(__name__)


def read(data: bytes, content_type: str | None = "application/json", optional: bool = False) -> Any:
    with app.test_request_context("/", method="POST", data=data, content_type=content_type):
        return read_json(request, optional)


def refusal(raw: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        parse(raw)
    assert caught.value.status == 400
    return caught.value.sentence


@pytest.mark.parametrize("raw", [b"{}", b"null", b"0", b"[]", b'"x"', b'{"a": [1, 2.5, {"b": "\xc3\xa4"}]}'])
def test_json_is_read(raw: bytes) -> None:
    assert encode(parse(raw)) == raw.replace(b" ", b"")


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{bad", "line 1, column 2"),
        (b'{"a": 1,}', "line 1"),
        (b"{'a': 1}", "line 1"),
        (b"{} {}", "line 1"),
        (b"a=1&b=2", "not JSON"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "NaN or Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too long"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'"\xff"', "UTF-8"),
        ("\ufeff{}".encode(), "not JSON"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b'{"a": "\\ud800"}', "half of a character"),
        (b'{"\\udc00": 1}', "half of a character"),
        (b'{"a": "x\ny"}', "line 1"),
    ],
)
def test_what_is_not_plain_json_is_refused_with_the_reason(raw: bytes, word: str) -> None:
    assert word in refusal(raw)


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize("depth", [MAX_DEPTH + 2, 5_000, 200_000])
def test_deep_nesting_is_refused_and_not_followed(depth: int) -> None:
    assert "nested deeper" in refusal(b"[" * depth + b"]" * depth)
    assert "nested deeper" in refusal(b'{"a":' * depth + b"1" + b"}" * depth)


def test_nesting_up_to_the_limit_is_read() -> None:
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None


def test_the_refusal_never_repeats_the_body() -> None:
    assert "hunter2" not in refusal(b'{"password": "hunter2"')


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None]
)
def test_another_content_type_is_415(kind: str | None) -> None:
    with pytest.raises(UnsupportedMediaType):
        read(b"{}", kind)


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=UTF-8", "application/merge-patch+json"]
)
def test_json_types_are_taken(kind: str) -> None:
    assert read(b'{"a": 1}', kind) == {"a": 1}


def test_another_charset_is_415() -> None:
    with pytest.raises(UnsupportedMediaType):
        read(b"{}", "application/json; charset=latin-1")


def test_an_empty_body_is_nothing_only_where_that_is_allowed() -> None:
    assert read(b"", None, optional=True) is None
    with pytest.raises(Unreadable):
        read(b"", "application/json")


def test_an_optional_body_that_is_not_json_is_still_refused() -> None:
    with pytest.raises(Unreadable):
        read(b"{bad", "application/json", optional=True)
    with pytest.raises(UnsupportedMediaType):
        read(b"{}", "text/plain", optional=True)


def test_a_body_over_the_limit_is_413() -> None:
    with pytest.raises(RequestEntityTooLarge):
        read(b" " * (MAX_BYTES + 1))


def test_half_characters_leave_as_escapes() -> None:
    assert encode({"a": "\ud800ä"}) == b'{"a":"\\ud800\xc3\xa4"}'
