"""Bodies as upstreams really send them: text, JSON, XML, and what is none of these."""

from __future__ import annotations

from typing import Any

import pytest
from urllib3 import HTTPHeaderDict

from glance.errors import FetchError
from glance.outbound import Mask
from glance.outbound.answer import Answer
from glance.outbound.masking import HIDDEN


def answer(body: bytes, content_type: str = "application/json") -> Answer:
    return Answer(200, "http://nas.lan/", HTTPHeaderDict({"content-type": content_type}), body, 0.0, "nas.lan")


def sentence(body: bytes, content_type: str = "application/json", form: str = "json") -> str:
    with pytest.raises(FetchError) as caught:
        getattr(answer(body, content_type), form)()
    assert caught.value.kind == "format"
    return caught.value.sentence


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b'{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('{"a": "ü"}'.encode("utf-16"), {"a": "ü"}),
        (b"null", None),
        (b"[]", []),
        (b"0", 0),
        (b'"Fe300"', "Fe300"),
        (b"1e3", 1000.0),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    ],
)
def test_json_is_read(body: bytes, data: Any) -> None:
    assert answer(body).json() == data


def test_lone_surrogates_are_replaced_in_values_and_names() -> None:
    data = answer(b'{"a\\ud800": ["\\udfff!", {"b": "\\ud83d"}]}').json()
    assert data == {"a\ufffd": ["\ufffd!", {"b": "\ufffd"}]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"value": NaN}', "holds NaN, which is not a number"),
        (b"[Infinity]", "holds Infinity"),
        (b"[-Infinity]", "holds -Infinity"),
        (b"[1e999]", "holds 1e999"),
        (b"", "an empty answer"),
        (b"  \n", "an empty answer"),
        (b'{"a": 1,}', "a mistake at line 1, column"),
        (b"<!doctype html><html>", "a web page instead of JSON"),
        (b"<rss></rss>", "sent XML instead of JSON"),
        (b"Too many requests", "sent text instead of JSON. It begins with: Too many requests"),
        (b"[" * 3000, "nested too deeply"),
        (b"[" * 500 + b"]" * 500, "nested too deeply"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "a number that is too long"),
    ],
)
def test_what_is_not_json_is_said(body: bytes, words: str) -> None:
    assert words in sentence(body)


def test_the_beginning_of_a_text_is_shown_without_secrets() -> None:
    told = answer(b"token t0ken-value is wrong", "text/plain")
    told.mask = Mask(("t0ken-value",)).text
    with pytest.raises(FetchError) as caught:
        told.json()
    assert "token •••••••• is wrong" in caught.value.sentence


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("ä".encode(), "text/plain", "ä"),
        ("ä".encode("latin-1"), "text/plain; charset=ISO-8859-1", "ä"),
        ("ä".encode("latin-1"), "text/plain", "\ufffd"),
        (b"a", "text/plain; charset=nonsense", "a"),
        (b"YQ==", "text/plain; charset=base64", "YQ=="),
        (b"\xef\xbb\xbfa", "text/plain; charset=utf-8", "a"),
    ],
)
def test_text_follows_its_charset(body: bytes, content_type: str, text: str) -> None:
    assert answer(body, content_type).text() == text


def test_xml_becomes_objects_and_lists() -> None:
    body = b"""<?xml version="1.0"?><r:root xmlns:r="x" id="7"><!-- no --><item>a</item><item k="v">b</item><empty/></r:root>"""
    assert answer(body, "text/xml").xml() == {
        "root": {"@id": "7", "item": ["a", {"@k": "v", "#text": "b"}], "empty": ""}
    }


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<a><b></a>", "cannot be read, at line 1"),
        (b"<!doctype html><html><p>", "a web page instead of XML"),
        (b"", "cannot be read"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "entities of its own"),
        (b"<a>" * 150 + b"</a>" * 150, "nested too deeply"),
    ],
)
def test_what_is_not_xml_is_said(body: bytes, words: str) -> None:
    content_type = "text/html" if b"html" in body else "text/xml"
    assert words in sentence(body, content_type, "xml")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("the key is s3cret/va lue!", "the key is ••••••••!"),
        ("/path/s3cret%2Fva%20lue/x", "/path/••••••••/x"),
        ("?q=s3cret%2Fva+lue", "?q=••••••••"),
        ("nothing here", "nothing here"),
        ("id=ab, cab, ab.", "id=••••••••, cab, ••••••••."),
    ],
)
def test_secrets_are_hidden_in_every_form(text: str, masked: str) -> None:
    assert Mask(("s3cret/va lue", "ab", "")).text(text) == masked


@pytest.mark.parametrize(
    ("secret", "echoed"),
    [
        ("ab/cd+efgh", r'{"a": "ab\/cd+efgh"}'),  # PHP
        ("a&b<c>longer", r"a\u0026b\u003cc\u003elonger"),  # Go
        ("pässwörd", r"p\u00E4ssw\u00F6rd"),
        ("O'Neil\"x<y>", "O&#39;Neil&#34;x&lt;y&gt;"),
        ("O'Neil\"x<y>", "O&#039;Neil&quot;x&lt;y&gt;"),
        ("O'Neil\"x<y>", "O&apos;Neil&quot;x&lt;y&gt;"),
        ('quo"ted secret', r'{"a": "quo\"ted secret"}'),
        ("Abc/123x", "no such host: abc/123x.example.org"),
        ("Abc/123x", "WRONG KEY ABC%2F123X"),
        ("Abc/123x", "a=%41%62%63%2f%31%32%33%78"),
        ("Abc/123x", "a=Abc%252F123x"),
        ("Abc/123x", r"a\u0041\u0062\u0063\u002f\u0031\u0032\u0033\u0078"),
        ("Abc/123x", "&#65;&#98;&#99;&#47;&#49;&#50;&#51;&#120;"),
        ("Abc/123x", "&#x41;&#x62;&#x63;&#x2F;&#x31;&#x32;&#x33;&#x78;"),
    ],
)
def test_a_secret_is_hidden_however_other_programs_escape_it(secret: str, echoed: str) -> None:
    mask = Mask((secret,))
    assert HIDDEN in mask.text(echoed)
    # also as a text within data, where each escape is escaped once more
    assert HIDDEN in mask.data([{"said": echoed}])[0]["said"]


def test_a_secret_number_is_hidden_where_it_comes_back_as_a_number() -> None:
    mask = Mask(("48213377", "12.5", "7"))
    assert mask.data({"pin": 48213377, "also": 48213377.0, "half": 12.5, "other": 148213377, "seven": 7, "on": True}) == {
        "pin": HIDDEN, "also": HIDDEN, "half": HIDDEN, "other": 148213377, "seven": 7, "on": True,
    }  # fmt: skip
    near = {"power": 48213376.8}
    assert mask.data(near) == near


def test_addresses_lose_users_and_values_with_secret_names() -> None:
    mask = Mask(())
    assert mask.url("https://me:pw@host/x?api_key=1&page=2&access_token=3#f") == (
        "https://••••••••@host/x?api_key=••••••••&page=2&access_token=••••••••#f"
    )
    assert mask.url("http://host/?key=&country_code=de&keyword=x") == "http://host/?key=&country_code=de&keyword=x"
