"""Secrets in texts, data and bytes: other charsets, several lines, ends that were cut, and what it costs to look for them."""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from urllib3 import HTTPHeaderDict

from glance.errors import FetchError, Invalid
from glance.fetching import Plan, run
from glance.outbound import Mask, Outbound, disguises
from glance.outbound.answer import Answer
from glance.outbound.masking import HIDDEN
from glance.sources import SourceIO

UMLAUTS = "pässwörd-geheim-ü"
KEY = "-----BEGIN KEY-----\nLINEONEOFKEY1234\nLINETWOOFKEY5678\n-----END KEY-----"


@pytest.mark.parametrize("secret", [UMLAUTS, "Kennwort€5", "WIDGET/äö 77", "пароль-test"])
@pytest.mark.parametrize("taken_for", ["latin-1", "cp1252", "iso8859-15", "ascii"])
def test_a_secret_is_hidden_where_its_bytes_are_taken_for_another_charset(secret: str, taken_for: str) -> None:
    echoed = secret.encode().decode(taken_for, "replace")
    mask = Mask((secret,))
    assert mask.text(f"got {echoed}!") == f"got {HIDDEN}!"
    assert mask.text(json.dumps(echoed)) == f'"{HIDDEN}"'
    assert mask.data({"got": [echoed], echoed: 1}) == {"got": [HIDDEN], HIDDEN: 1}


@pytest.mark.parametrize("sent_in", ["latin-1", "cp1252", "iso8859-15"])
def test_a_secret_that_comes_in_one_byte_a_letter_is_hidden_where_that_is_read_as_utf_8(sent_in: str) -> None:
    assert Mask((UMLAUTS,)).text(UMLAUTS.encode(sent_in).decode("utf-8", "replace") + "!") == f"{HIDDEN}!"


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "cp1252", "utf-16-le", "utf-16-be"])
def test_a_secret_is_hidden_among_bytes(charset: str) -> None:
    for secret in (UMLAUTS, "plain-secret-77"):
        body = b"\x89PNG\1" + secret.encode(charset) + b"\xff\0"
        hidden = Mask((secret,)).octets(body)
        assert (hidden[:5], hidden[-2:], len(hidden)) == (b"\x89PNG\1", b"\xff\0", len(body))
        assert set(hidden[5:-2]) <= set(b"?\0")


def test_a_picture_stays_as_it_is_unless_it_holds_a_secret() -> None:
    picture = random.Random(77).randbytes(300_000)
    for secret in ("a", "ab", "7", "A1", "abc", "é", "é1", "€"):
        assert Mask((secret,)).octets(picture) == picture
    mask = Mask(("plain-secret-77", "a"))
    assert mask.octets(picture + b"plain-secret-77" + picture) == picture + b"?" * 15 + picture
    assert mask.octets(b"plain-secret-77," * 60_000) == b"?" * 960_000


def _read(body: bytes, charset: str, *secrets: str) -> str:
    mask = Mask(secrets)
    headers = HTTPHeaderDict({"content-type": f"text/plain; charset={charset}"})
    return Answer(200, "http://nas.lan/", headers, body, 0.0, "nas.lan", False, mask.text, mask.octets).text()


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize(
    "secret", ["hunter2!pw", "pässwörd é1", "пароль", "пароль-test", "東京の秘密", "😀😀key😀", "😀🐕😀🐕"]
)
@pytest.mark.parametrize(("before", "behind"), [("<who>", "</who>"), ("это", "снова"), ("ä東", "京😀")])
def test_what_stands_beside_a_secret_stays_in_charsets_of_several_bytes(
    secret: str, charset: str, before: str, behind: str
) -> None:
    shown = _read(f"{before}{secret}{behind}, 21 °".encode(charset), charset, secret)
    assert (shown.startswith(before), shown.endswith(f"{behind}, 21 °")) == (True, True)
    letters = set(shown[len(before) : -len(f"{behind}, 21 °")])
    assert len(letters) == 1
    assert secret not in shown


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "shift_jis", "gb18030", "big5"])
def test_short_secrets_break_no_letters_in_charsets_of_several_bytes(charset: str) -> None:
    text = "a 7 12 B 東京 a: 7, 12" if charset != "shift_jis" else "a 7 12 B カタカナ アイウ ソ 東京 a: 7, 12"
    for secret in ("7", "a", "A", "B", "12", "\\", "é"):
        assert _read(text.encode(charset), charset, secret) == text


@pytest.mark.parametrize("named", ["utf-8", "latin-1", "no-such-charset", "base64"])
@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_secret_with_zeros_between_its_letters_is_hidden_in_any_text(charset: str, named: str) -> None:
    shown = _read("it is plain-secret-77!".encode(charset), named, "plain-secret-77").replace("\0", "")
    assert shown == f"it is {'?' * 15}!"


def _in_small_hex(text: str) -> str:
    return re.sub("%..", lambda found: found[0].lower(), text)


AS_PROGRAMS_WRITE_IT: dict[str, Callable[[str], str]] = {
    "numbers of HTML": lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
    "numbers of HTML in hex": lambda text: "".join(one if one.isascii() else f"&#x{ord(one):X};" for one in text),
    "names of HTML": lambda text: text.translate(
        {0xE4: "&auml;", 0xC4: "&Auml;", 0xF6: "&ouml;", 0xFC: "&uuml;", 0xE9: "&eacute;"}
    ),
    "bytes": lambda text: repr(text.encode()),
    "bytes of Latin-1": lambda text: repr(text.encode("latin-1")),
    "bytes within JSON": lambda text: json.dumps(repr(text.encode())),
    "text of a log": ascii,
    "a part of Latin-1": lambda text: text.encode("ascii", "backslashreplace").decode(),
    "Latin-1 in an address": lambda text: quote(text, encoding="latin-1"),
    "Latin-1 in a form": lambda text: _in_small_hex(quote_plus(text, encoding="latin-1")),
    "JSON within JSON": lambda text: json.dumps(json.dumps(text)),
    "JSON within JSON, as it is": lambda text: json.dumps(json.dumps(text, ensure_ascii=False), ensure_ascii=False),
    "letters and marks apart": lambda text: unicodedata.normalize("NFD", text),
    "letters and marks apart in JSON": lambda text: json.dumps(unicodedata.normalize("NFD", text)),
}


@pytest.mark.parametrize("way", AS_PROGRAMS_WRITE_IT)
@pytest.mark.parametrize("secret", ["pässwörd é1", "Zürich 2024", 'Ä"ö\\é'])
def test_a_secret_beyond_ascii_is_hidden_as_programs_write_it(secret: str, way: str) -> None:
    mask = Mask((secret,))
    written = AS_PROGRAMS_WRITE_IT[way](secret)
    for shown in (mask.text(f"A {written} B"), mask.data([f"A {written} B"])[0]):
        assert HIDDEN in shown
        assert not set(shown) - set(f"Ab{HIDDEN} B'\"\\")


def test_a_secret_that_was_put_together_is_known_with_its_marks_apart() -> None:
    apart = unicodedata.normalize("NFD", UMLAUTS)
    assert Mask((apart,)).text(f"got {UMLAUTS}!") == f"got {HIDDEN}!"
    assert Mask(("é",)).text("caf&eacute; \\xe9") == "caf&eacute; \\xe9"


def test_what_has_lost_its_letters_hides_nothing() -> None:
    assert Mask(("ключ", "äöü1")).text("why???? ???1 \ufffd\ufffd\ufffd") == "why???? ???1 \ufffd\ufffd\ufffd"


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "utf-16", "utf-16-le", "cp437", "cp037"])
@pytest.mark.parametrize("secret", [UMLAUTS, "plain-secret-77x"])
def test_no_charset_that_an_upstream_names_brings_a_secret_through(secret: str, charset: str) -> None:
    mask = Mask((secret,))
    headers = HTTPHeaderDict({"content-type": f"text/plain; charset={charset}"})
    answer = Answer(200, "http://nas.lan/", headers, secret.encode(), 0.0, "nas.lan", False, mask.text, mask.octets)
    assert secret.encode() not in answer.text().encode(charset, "replace")
    assert Answer(200, "", headers, "ä b".encode(charset), 0.0, "").text() == "ä b"


@pytest.mark.parametrize(
    ("secret", "echoed", "shown"),
    [
        (KEY, "got LINETWOOFKEY5678.", f"got {HIDDEN}."),
        (KEY, " ".join(KEY.split()), HIDDEN),
        (KEY.replace("\n", "\r\n"), KEY.replace("\n", " "), HIDDEN),
        ("two  spaces  inside", "got two spaces inside.", f"got {HIDDEN}."),
        ("pw 1234\n", "got pw 1234.", f"got {HIDDEN}."),
        ("short\nlines", "short of lines", "short of lines"),
    ],
)
def test_secrets_of_several_lines_are_hidden_line_by_line_too(secret: str, echoed: str, shown: str) -> None:
    assert Mask((secret,)).text(echoed) == shown
    assert Mask((secret,)).data([echoed]) == [shown]


def test_the_end_of_a_text_that_was_cut_may_hold_the_beginning_of_a_secret() -> None:
    mask = Mask(("abcdefgh-ijkl",))
    assert mask.text("it is abcdefgh-ij", was_cut=True) == f"it is {HIDDEN}"
    assert mask.text("it is abcd%", was_cut=True) == "it is abcd%"
    assert mask.text("abcd, abcd", was_cut=True) == f"abcd, {HIDDEN}"
    assert mask.text("it is abcdefgh-ij") == "it is abcdefgh-ij"


def test_places_that_overlap_are_hidden_as_one() -> None:
    assert Mask(("abcdef", "defghijk")).text("1 abcdefghijk 2") == f"1 {HIDDEN} 2"


def test_a_text_that_is_full_of_a_secret_is_hidden_as_a_whole() -> None:
    assert Mask(("abcd",)).text("abcd," * 60_000) == HIDDEN


def test_a_text_instead_of_json_is_searched_before_it_is_shortened() -> None:
    mask = Mask((KEY, "two  spaces  inside"))
    for echoed in (KEY, f"two  spaces  inside{' ' * 30}", f"{' ' * 190}{KEY}"):
        headers = HTTPHeaderDict({"content-type": "text/plain"})
        answer = Answer(200, "http://nas.lan/", headers, f"no {echoed}".encode(), 0.0, "nas.lan", mask=mask.text)
        with pytest.raises(FetchError) as caught:
            answer.json()
        assert "LINE" not in caught.value.sentence
        assert "BEGIN KEY" not in caught.value.sentence
        assert "spaces" not in caught.value.sentence


@pytest.mark.parametrize("failure", [FetchError, Invalid, RuntimeError])
def test_no_failure_of_a_source_shows_a_secret(failure: type[Exception], caplog: pytest.LogCaptureFixture) -> None:
    def fetch(source: Any, io: SourceIO) -> Any:
        raise failure(f"It said: {KEY}")

    kind: Any = SimpleNamespace(fetch=fetch)
    definition: Any = SimpleNamespace(folder=None, slug="broken")
    ready = Plan(definition, kind, {}, {}, None, 5.0)
    outbound = Outbound()
    found = run(ready, outbound, secrets=(KEY,))
    outbound.close()
    assert found.error is not None
    assert "LINE" not in f"{found.error!r} {found.error.sentence} {caplog.text}"
    assert HIDDEN in (caplog.text if failure is RuntimeError else found.error.sentence)


def test_the_disguises_of_a_secret_are_made_once_and_not_kept_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    make = disguises._made
    monkeypatch.setattr(disguises, "_made", lambda secret: made.append(secret) or make(secret))
    for _ in range(3):
        Mask(("made-once-only", "and-so-is-this"))
    assert sorted(made) == ["and-so-is-this", "made-once-only"]
    known = disguises.of.__self__
    for number in range(40):
        Mask((f"{number:02}" * 30_000,))
    assert known._chars == sum(one.chars() for one in known._known.values()) <= disguises._MOST_KEPT_CHARS


@pytest.mark.parametrize(
    "secret", ["x" * 65_536, ("Ab/'\"<&é" * 8000)[:40_000], "\n".join(["LINE-OF-A-KEY-77"] * 3800)]
)
def test_a_long_secret_has_few_disguises(secret: str) -> None:
    found = disguises.of(secret)
    assert len(found.forms | found.inside | set(found.octets)) < 150
    assert found.chars() < 250 * len(secret) + 1000
    assert Mask((secret,)).text(f"a {secret} b") == f"a {HIDDEN} b"
