"""The ways in which a secret may come back: as other programs escape it, encode it, and take its bytes for another charset."""

from __future__ import annotations

import base64
import json
import re
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from html.entities import codepoint2name
from urllib.parse import quote

# Shorter secrets would hide too much of what is not theirs.
LEAST_INSIDE = 8
# Longer ones, such as keys of several lines, are not looked for in every disguise: some are many times as long.
_MOST_DISGUISED = 200
_MOST_LINES = 500
_LEAST_SEEN = 4
_MOST_KEPT_CHARS = 10_000_000

_ONE_BYTE = ("latin-1", "cp1252", "iso8859-15")
# Bytes of a letter, and which of them tells it most
_WIDE = {"utf-16-le": (2, 0), "utf-16-be": (2, 1), "utf-32-le": (4, 0), "utf-32-be": (4, 3)}
_LOSSES = "?\ufffd"


@dataclass(frozen=True, slots=True)
class Disguises:
    """How one secret looks: in texts, as a part of Base64 that goes on behind it, and in bytes read as Latin-1.

    `in_json` are those that JSON writes in another way, by that; `octets` have the bytes that stand in the place of each letter.
    """

    forms: frozenset[str]
    inside: frozenset[str]
    octets: Mapping[str, bytes]
    in_json: Mapping[str, str]

    def chars(self) -> int:
        """What it takes to keep."""
        return sum(map(len, {*self.forms, *self.inside, *self.octets})) + sum(map(len, self.in_json))


class _Known:
    """Disguises of the secrets used last: making them takes milliseconds, and every request needs them."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Disguises] = OrderedDict()
        self._chars = 0
        self._lock = threading.Lock()

    def of(self, secret: str) -> Disguises:
        """The disguises of a secret, made where they are not known."""
        with self._lock:
            if secret in self._known:
                self._known.move_to_end(secret)
                return self._known[secret]
        made = _made(secret)
        with self._lock:
            if secret not in self._known:
                self._known[secret] = made
                self._chars += made.chars()
            while self._chars > _MOST_KEPT_CHARS and len(self._known) > 1:
                self._chars -= self._known.popitem(last=False)[1].chars()
        return made


of = _Known().of


def _made(secret: str) -> Disguises:
    raw = secret.encode("utf-8", "replace")
    forms = {base64.b64encode(raw).decode()}
    cases = {secret}
    if len(raw) >= LEAST_INSIDE:
        forms |= {raw.hex(), raw.hex().upper()}
        if len(raw) <= _MOST_DISGUISED:
            forms |= _letter_by_letter(secret)
            # names of hosts come back in small letters, and some messages shout
            cases |= {secret.lower(), secret.upper()}
    for case in cases:
        # some systems store letters and their marks apart, others put them together
        if len(raw) <= _MOST_DISGUISED and not case.isascii():
            for other in {unicodedata.normalize(form, case) for form in ("NFC", "NFD")} - {case}:
                forms |= _written(other)
        forms |= _in_logs_and_pages(case) if _LEAST_SEEN <= len(raw) <= _MOST_DISGUISED else set()
        forms |= _written(case)
        for reading in _readings(case):
            forms |= _written(reading) if len(raw) <= _MOST_DISGUISED else {reading, json.dumps(reading)[1:-1]}
    collapsed = " ".join(secret.split())
    if collapsed != secret and len(collapsed) >= _LEAST_SEEN:
        forms |= _written(collapsed)
    for line in _lines(secret):
        forms |= {line, json.dumps(line)[1:-1], quote(line, safe="", errors="replace")}
    inside = _inside_base64(raw)
    written = {json.dumps(form, ensure_ascii=False)[1:-1]: form for form in forms | inside}
    return Disguises(
        frozenset(forms),
        frozenset(inside),
        _octets(secret, forms | inside),
        {there: form for there, form in written.items() if there != form},
    )


def _octets(secret: str, forms: set[str]) -> dict[str, bytes]:
    """Its bytes in the charsets that a body may have, read as Latin-1; short ones would be found in any picture."""
    if len(secret.encode("utf-8", "replace")) < _LEAST_SEEN:
        return {}
    one_byte = {secret.encode(charset, "replace").decode("latin-1") for charset in _ONE_BYTE}
    forms = forms | {octets for octets in one_byte if _tells(octets)}
    found = {form: b"?" for form in forms if len(form) >= _LEAST_SEEN}
    for charset, (width, telling) in _WIDE.items() if len(secret) >= _LEAST_SEEN else ():
        octets = secret.encode(charset, "replace")
        found[octets.decode("latin-1")] = _unit(octets, width, telling)
    return found


def _unit(octets: bytes, width: int, telling: int) -> bytes:
    """A letter in the place of each of `octets`, with what all have in common: the other order of bytes, which then begins
    one byte beside the secret, changes no neighbour.
    """
    columns = [set(octets[at::width]) for at in range(width)]
    return bytes(
        ord("?") if at == telling else column.pop() if len(column) == 1 else 0 for at, column in enumerate(columns)
    )


def _lines(secret: str) -> Iterator[str]:
    """The lines of a secret that has several, without frames such as `-----BEGIN …`; short ones are no secret by themselves."""
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines[:_MOST_LINES] if len(line) >= LEAST_INSIDE and not line.startswith("-----"))


def _readings(secret: str) -> set[str]:
    """As it looks where its bytes are taken for another charset: the headers of a request are UTF-8, and many read Latin-1."""
    if secret.isascii():
        return set()
    raw = secret.encode("utf-8", "replace")
    found = {secret.encode("ascii", "replace").decode(), raw.decode("ascii", "replace")}
    for charset in _ONE_BYTE:
        octets = secret.encode(charset, "replace")
        found |= {raw.decode(charset, "replace"), octets.decode("latin-1"), octets.decode("utf-8", "replace")}
    return {reading for reading in found if _tells(reading)}


def _tells(reading: str) -> bool:
    """False for what has lost so many letters that it may be anything."""
    letters = set(reading)
    return letters.isdisjoint(_LOSSES) or len(letters.difference(_LOSSES)) >= _LEAST_SEEN


def _written(secret: str) -> set[str]:
    """As it is, and as addresses, JSON and HTML escape what they must."""
    return {secret} | _percent(secret.encode("utf-8", "replace")) | _in_json(secret) | _in_html(secret)


def _percent(octets: bytes) -> set[str]:
    """As addresses write it, with `/` and spaces in their two ways."""
    whole = quote(octets, safe="")
    lowered = re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), whole)
    forms: set[str] = set()
    for one in (whole, lowered):
        forms |= {one, one.replace("%2F", "/").replace("%2f", "/"), one.replace("%20", "+")}
    return forms


def _letter_by_letter(secret: str) -> set[str]:
    """With every letter escaped, as careful encoders do; and what was escaped for an address twice."""
    octets = secret.encode("utf-8", "replace")
    units = secret.encode("utf-16-be", "replace").hex()
    forms = {quote(quote(secret, safe="", errors="replace"), safe="")}
    for digits, unit in (("%02x", units), ("%02X", units.upper())):
        forms.add("".join(f"%{digits % octet}" for octet in octets))
        forms.add("".join(f"\\u{unit[at : at + 4]}" for at in range(0, len(unit), 4)))
        forms.add("".join(f"&#x{digits % ord(letter)};" for letter in secret))
    return forms | {"".join(f"&#{ord(letter)};" for letter in secret)}


def _in_logs_and_pages(secret: str) -> set[str]:
    """As programs write letters that are not ASCII into ASCII, for HTML, addresses and logs; and JSON that stands within JSON."""
    once = {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    forms = {json.dumps(one, ensure_ascii=ascii_only)[1:-1] for one in once for ascii_only in (True, False)}
    logged = {repr(secret)[1:-1], ascii(secret)[1:-1], repr(secret.encode("utf-8", "replace"))[2:-1]}
    logged.add(secret.encode("ascii", "backslashreplace").decode())
    if not secret.isascii():
        tables = list(_references({ord(letter) for letter in secret if not letter.isascii()}))
        for one in {secret, *_in_html(secret)}:
            forms |= {one.translate(names) for names in tables}
        for charset in _ONE_BYTE:
            octets = secret.encode(charset, "replace")
            if octets.decode(charset) == secret:
                logged.add(repr(octets)[2:-1])
                forms |= _percent(octets)
    return forms | logged | {json.dumps(one, ensure_ascii=False)[1:-1] for one in logged}


def _references(letters: set[int]) -> Iterator[dict[int, str]]:
    """How HTML writes these letters by number, in its three ways, and by name where they have one."""
    for pattern in ("&#{};", "&#x{:x};", "&#x{:X};"):
        yield {letter: pattern.format(letter) for letter in letters}
    yield {letter: f"&{codepoint2name[letter]};" if letter in codepoint2name else f"&#{letter};" for letter in letters}


def _in_json(secret: str) -> set[str]:
    """As text within JSON; some write `/`, `&`, `<`, `>` and quotes as escapes too, and the letters of these in capitals."""
    forms = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    forms |= {form.replace("/", "\\/") for form in forms}
    for letters in ("&<>", "&<>'"):
        forms |= {_as_escapes(form, letters) for form in forms}
    escaped = [form for form in forms if "\\u" in form]
    return forms | {re.sub(r"\\u[0-9a-f]{4}", lambda found: f"\\u{found[0][2:].upper()}", form) for form in escaped}


def _as_escapes(text: str, letters: str) -> str:
    for letter in letters:
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _in_html(secret: str) -> set[str]:
    """Escaped for HTML or XML; quotes have several names."""
    forms = {escape(secret), escape(secret, False)}
    for single in ("&#39;", "&#039;", "&apos;"):
        for double in ("&quot;", "&#34;"):
            forms.add(escape(secret, False).replace("'", single).replace('"', double))
    return forms


def _inside_base64(raw: bytes) -> set[str]:
    """What of a secret shows in the Base64 of a longer text, as in Basic logins; what stands before it shifts it by 0 to 2 bytes."""
    if len(raw) < LEAST_INSIDE:
        return set()
    cuts = set()
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + raw).decode()
        cuts.add(whole[(0, 2, 3)[offset] : len(whole) - (4 if (offset + len(raw)) % 3 else 0)])
    return cuts | {cut.replace("+", "-").replace("/", "_") for cut in cuts}
