"""Secrets taken out of whatever the owner may see: addresses, error sentences, raw answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from glance.outbound import disguises

HIDDEN = "••••••••"
_LEAST_NUMBER = 4
# A shorter form stands for a secret only as a whole word, or it would hide half of the text.
_LEAST_PART = 4
# A text with more secrets than that is hidden as a whole.
_MOST_PLACES = 50_000

# With one of these most forms escape letters, and many texts hold none of them.
_MARKS = "\\%&"

_SECRET_NAME = re.compile(
    r"(?i)(?:^|[_\-.])(?:api_?-?key|key|token|secret|password|passwd|passphrase|pwd|pass|auth|sig|signature|sid|appid|"
    r"session|credential)s?$"
)
_USERINFO = re.compile(r"(?<=://)[^/?#@\s]*@")
_QUERY_PAIR = re.compile(r"([?&;])([^=&;#\s]{1,100})=([^&;#\s]*)")
# What follows within the Base64 holds the end of the secret.
_BASE64_END = re.compile("[A-Za-z0-9+/_=-]{0,4}")
_WORD = re.compile("[A-Za-z0-9]")


class Mask:
    """Hides a set of secrets, also in other capitals, percent-encoded, escaped for JSON or HTML, in hex, within Base64, or
    in another charset. Each form is looked for by itself, which is several times as fast as one pattern of all.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        given = {secret for secret in secrets if secret}
        known = [disguises.of(secret) for secret in given]
        self._inside = frozenset[str]().union(*(one.inside for one in known))
        self._forms = list(self._inside.union(*(one.forms for one in known)))
        # In data written as JSON a form stands as JSON writes it, also one that is itself escaped.
        self._in_json = {written: form for one in known for written, form in one.in_json.items()}
        self._octets: dict[bytes, list[str]] = {}
        for form, unit in {form: unit for one in known for form, unit in one.octets.items()}.items():
            self._octets.setdefault(unit, []).append(form)
        # A PIN may come back without its quotes; numbers of one to three digits are everywhere.
        self._numbers = frozenset(secret for secret in given if len(secret) >= _LEAST_NUMBER)

    def text(self, text: str, *, was_cut: bool = False) -> str:
        """`text` without the secrets; of one that `was_cut` the beginning of a secret at its end is hidden too."""
        return _without(text, self._found(text, self._forms, was_cut), HIDDEN)

    def octets(self, body: bytes) -> bytes:
        """A body of the same length without the secrets, of four bytes or more, in the charsets that it may have."""
        read = body.decode("latin-1")
        places = [(place, unit) for unit, forms in self._octets.items() for place in self._found(read, forms)]
        hidden = bytearray(body)
        for (start, end), unit in places:
            hidden[start:end] = (unit * (end - start))[: end - start]
        return bytes(hidden) if places else body

    def data(self, data: Any) -> Any:
        """Plain JSON data without the secrets, in texts and in names of fields; the same object where it holds none."""
        if not self._forms:
            return data
        text = json.dumps(data, ensure_ascii=False, default=str)
        held = {form for form in _fitting(text, self._forms) if form in text}
        held |= {self._in_json[written] for written in _fitting(text, self._in_json) if written in text}
        return self._walked(data, list(held)) if held else data

    def _walked(self, data: Any, held: list[str]) -> Any:
        """The data without those forms that it holds."""
        if isinstance(data, str):
            return _without(data, self._found(data, held), HIDDEN)
        if isinstance(data, list):
            return [self._walked(item, held) for item in data]
        if isinstance(data, dict):
            return {self._walked(str(name), held): self._walked(item, held) for name, item in data.items()}
        return HIDDEN if self._is_secret(data) else data

    def _is_secret(self, data: Any) -> bool:
        """True for a number that is a secret, however it is written."""
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            return False
        is_whole = isinstance(data, float) and data.is_integer()
        return str(data) in self._numbers or (is_whole and f"{data:.0f}" in self._numbers)

    def finds(self, text: str) -> bool:
        """True where `text` holds a secret."""
        return next(self._found(text, self._forms), None) is not None

    def url(self, url: str) -> str:
        """An address without the secrets, without user and password, and without values whose name says they are secret."""
        bare = _USERINFO.sub(f"{HIDDEN}@", url)
        return self.text(_QUERY_PAIR.sub(_hide_pair, bare))

    def _found(self, text: str, forms: list[str], was_cut: bool = False) -> Iterator[tuple[int, int]]:
        """Where the forms stand in `text`: (start, end), in no order."""
        left = _MOST_PLACES
        for form in _fitting(text, forms):
            start = text.find(form)
            while start >= 0:
                end = start + len(form)
                if len(form) >= _LEAST_PART or _is_word(text, start, end):
                    behind = _BASE64_END.match(text, end) if form in self._inside else None
                    yield start, behind.end() if behind else end
                    left -= 1
                if not left:
                    yield 0, len(text)
                    return
                start = text.find(form, end)
        for form in forms if was_cut else ():
            start = _begun_at_end(text, form)
            if start >= 0:
                yield start, len(text)


def _fitting(text: str, forms: Iterable[str]) -> Iterable[str]:
    """Those of the forms that can stand in `text` at all."""
    most = len(text)
    fitting: Iterator[str] = (form for form in forms if len(form) <= most)
    for mark in _MARKS:
        if mark not in text:
            fitting = _lacking(fitting, mark)
    return (form for form in fitting if form.isascii()) if text.isascii() else fitting


def _lacking(forms: Iterable[str], mark: str) -> Iterator[str]:
    """Those of the forms without `mark`."""
    return (form for form in forms if mark not in form)


def _is_word(text: str, start: int, end: int) -> bool:
    """True where no letter or digit stands beside the part."""
    return not (_WORD.match(text, end) or (start and _WORD.match(text, start - 1)))


def _begun_at_end(text: str, form: str) -> int:
    """Where at the end of `text` a form begins that goes on behind it; -1 for nowhere."""
    start = text.find(form[:_LEAST_PART], max(0, len(text) - len(form) + 1)) if len(form) > _LEAST_PART else -1
    while start >= 0 and not form.startswith(text[start:]):
        start = text.find(form[:_LEAST_PART], start + 1)
    return start


def _without(text: str, found: Iterable[tuple[int, int]], hidden: str) -> str:
    """`text` with `hidden` in each place; places that overlap are one."""
    places: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if places and start < places[-1][1]:
            places[-1] = places[-1][0], max(end, places[-1][1])
        else:
            places.append((start, end))
    pieces: list[str] = []
    done = 0
    for start, end in places:
        pieces += (text[done:start], hidden)
        done = end
    return "".join((*pieces, text[done:])) if places else text


def _hide_pair(match: re.Match[str]) -> str:
    """One `name=value` of a query, its value hidden where the name says so."""
    before, name, value = match.groups()
    return f"{before}{name}={HIDDEN}" if value and _SECRET_NAME.search(name) else match.group(0)
