"""What changed between two drawings of a card, as places and words."""

from __future__ import annotations

import pytest

from glance.web.patches import changes

CARD = '<article class="w" id="w-1" data-v="{v}"><h2>Heat &amp; light</h2><p><b>{value}</b> <i title="a">°C</i></p></article>'


def card(v: str, value: str) -> bytes:
    return CARD.format(v=v, value=value).encode()


def test_a_changed_word_and_attribute_are_told_by_their_place() -> None:
    assert changes(card("a", "1"), card("b", "2")) == (9, [[0, {"data-v": "b"}], [5, "2"]])


def test_words_come_as_a_reader_sees_them() -> None:
    found = changes(card("a", "1"), card("a", "1&nbsp;&lt;2"))
    assert found == (9, [[5, "1\xa0<2"]])


def test_an_attribute_that_goes_is_told_as_none_and_one_without_a_value_as_empty() -> None:
    found = changes(b'<p class="x" hidden>a</p>', b'<p lang="en" data-live>a</p>')
    assert found == (2, [[0, {"lang": "en", "data-live": "", "class": None, "hidden": None}]])


def test_equal_drawings_differ_in_nothing() -> None:
    assert changes(card("a", "1"), card("a", "1")) == (9, [])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<p>a</p>", b"<p>a<b>b</b></p>"),
        (b"<p><b>a</b></p>", b"<p><i>a</i></p>"),
        (b"<p><b></b>a</p>", b"<p>a<b></b></p>"),
        (b'<p id="a">a</p>', b'<p id="b">a</p>'),
        (b"<p><input>a</p>", b"<p><input>b</p>"),
        (b"<table><tr><td>a</td></tr></table>", b"<table><tr><td>b</td></tr></table>"),
        (b"<div data-plot><b>a</b></div>", b"<div data-plot><b>b</b></div>"),
        (b"<p>a<!-- b --></p>", b"<p>b<!-- b --></p>"),
    ],
)
def test_what_cannot_be_told_so_is_sent_whole(old: bytes, new: bytes) -> None:
    assert changes(old, new) is None
