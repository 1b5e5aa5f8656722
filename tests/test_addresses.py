"""Addresses that people and feeds write."""

from __future__ import annotations

import pytest

from glance.addresses import comparable, host_of, is_own_network, shown, split_address, typed_address, web_address

NO_ADDRESSES = (
    "http://[",
    "//[",
    "http://a]b",
    "http://[::1",
    "http://x:99999999/",
    "http://x:abc/",
    "http://ex\u2100ample/",
    "[",
    "unix://[",
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("https://a.example/x", "https://a.example/x"),
        (" a.example/x ", "https://a.example/x"),
        ("nas.lan:8080", "http://nas.lan:8080"),
        ("192.168.1.5/status", "http://192.168.1.5/status"),
        ("nas", "http://nas"),
        ("ftp://a.example/", None),
        ("javascript:alert(1)", None),
        ("https://", None),
        ("https://[::1", None),
        ("a b.example", None),
        ("", None),
    ],
)
def test_what_the_owner_types_becomes_an_address(typed: str, meant: str | None) -> None:
    assert typed_address(typed) == meant


def test_other_words_for_https_are_understood() -> None:
    assert typed_address("webcal://a.example/x.ics", instead="webcal") == "https://a.example/x.ics"
    assert typed_address("feed:http://a.example/x", instead="feed") == "http://a.example/x"
    assert typed_address("feed://a.example/x", instead="feed") == "https://a.example/x"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/x.png", "https://a.example/x.png"),
        ("//b.example/x", "https://b.example/x"),
        ("java\nscript:alert(1)", None),
        ("data:text/html,x", None),
        ("https://user:word@a.example/", None),
        ("http://[broken", None),
        ("https://a.example/" + "x" * 2000, None),
        ("", None),
    ],
)
def test_only_web_addresses_without_credentials_are_followed(text: str, found: str | None) -> None:
    assert web_address(text, "https://a.example/page") == found


def test_secrets_and_credentials_are_not_shown() -> None:
    assert shown("https://u:p@a.example/x?key=abc", ("abc", "")) == "https://a.example/x?key=…"


def test_the_same_page_is_recognised() -> None:
    assert comparable("https://www.a.example/x/?utm_source=1#top") == comparable("http://a.example/x")
    assert comparable("https://a.example/?id=1") != comparable("https://a.example/?id=2")


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://127.0.0.1/", True),
        ("http://[fe80::1]/", True),
        ("http://10.1.2.3:80/", True),
        ("http://router/", True),
        ("http://tv.local/", True),
        ("http://localhost:8080/", True),
        ("https://a.example/", False),
        ("https://8.8.8.8/", False),
    ],
)
def test_the_own_network_is_known(url: str, own: bool) -> None:
    assert is_own_network(url) is own


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_cannot_be_split_has_no_parts_and_never_raises(text: str) -> None:
    parts = split_address(text)
    assert (parts.netloc, parts.hostname, parts.port) == ("", None, None)
    for read in (comparable, host_of, is_own_network, shown):
        assert read(text) is not None


def test_a_sound_address_is_split_as_usual() -> None:
    parts = split_address("https://a.example:8443/x?y=1#z")
    assert (parts.scheme, parts.hostname, parts.port, parts.path, parts.query) == (
        "https",
        "a.example",
        8443,
        "/x",
        "y=1",
    )
