"""Secrets taken out of whatever the owner may see: addresses, error sentences, raw answers."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "••••••••"
# Shorter secrets would hide too much of what is not theirs.
_LEAST_INSIDE = 8
_LEAST_NUMBER = 4
# Longer ones, such as keys of several lines, are not looked for in every disguise: a pattern of all of them takes seconds to make.
_MOST_DISGUISED = 200

_SECRET_NAME = re.compile(
    r"(?i)(?:^|[_\-.])(?:api_?-?key|key|token|secret|password|passwd|passphrase|pwd|pass|auth|sig|signature|sid|appid|"
    r"session|credential)s?$"
)
_USERINFO = re.compile(r"(?<=://)[^/?#@\s]*@")
_QUERY_PAIR = re.compile(r"([?&;])([^=&;#\s]{1,100})=([^&;#\s]*)")


class Mask:
    """Hides a set of secrets, also in other capitals, percent-encoded, escaped for JSON or HTML, in hex, or within Base64."""

    def __init__(self, secrets: Iterable[str]) -> None:
        given = [secret for secret in secrets if secret]
        forms = {form for secret in given for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        inside = sorted({form for secret in given for form in _inside_base64(secret)}, key=len, reverse=True)
        # What follows within the Base64 holds the end of the secret.
        patterns = [_form(form) for form in longest_first] + [
            re.escape(form) + "[A-Za-z0-9+/_=-]{0,4}" for form in inside
        ]
        self._pattern = re.compile("|".join(patterns)) if patterns else None
        # In data written as JSON a form stands as JSON writes it, also one that is itself escaped.
        written = {json.dumps(form, ensure_ascii=False)[1:-1] for form in forms} - forms
        self._in_data = re.compile("|".join([*patterns, *map(_form, written)])) if patterns else None
        # A PIN may come back without its quotes; numbers of one to three digits are everywhere.
        self._numbers = frozenset(secret for secret in given if len(secret) >= _LEAST_NUMBER)

    def text(self, text: str) -> str:
        """`text` without the secrets."""
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    def data(self, data: Any) -> Any:
        """Plain JSON data without the secrets, in texts and in names of fields; the same object where it holds none."""
        if self._in_data is None or not self._in_data.search(json.dumps(data, ensure_ascii=False, default=str)):
            return data
        return self._walked(data)

    def _walked(self, data: Any) -> Any:
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, list):
            return [self._walked(item) for item in data]
        if isinstance(data, dict):
            return {self.text(str(name)): self._walked(item) for name, item in data.items()}
        return HIDDEN if self._is_secret(data) else data

    def _is_secret(self, data: Any) -> bool:
        """True for a number that is a secret, however it is written."""
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            return False
        is_whole = isinstance(data, float) and data.is_integer()
        return str(data) in self._numbers or (is_whole and f"{data:.0f}" in self._numbers)

    def finds(self, text: str) -> bool:
        """True where `text` holds a secret."""
        return bool(self._pattern and self._pattern.search(text))

    def url(self, url: str) -> str:
        """An address without the secrets, without user and password, and without values whose name says they are secret."""
        bare = _USERINFO.sub(f"{HIDDEN}@", url)
        return self.text(_QUERY_PAIR.sub(_hide_pair, bare))


def _forms(secret: str) -> set[str]:
    """The ways in which a secret may come back."""
    raw = secret.encode("utf-8", "replace")
    forms = {base64.b64encode(raw).decode()}
    forms |= _written(secret)
    if len(raw) >= _LEAST_INSIDE:
        forms |= {raw.hex(), raw.hex().upper()}
        if len(raw) <= _MOST_DISGUISED:
            # names of hosts come back in small letters, and some messages shout
            forms |= _letter_by_letter(secret) | _written(secret.lower()) | _written(secret.upper())
    return forms


def _written(secret: str) -> set[str]:
    """As it is, and as addresses, JSON and HTML escape what they must."""
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    forms = {secret, *quoted, *(_lower_escapes(one) for one in quoted)}
    return forms | _in_json(secret) | _in_html(secret)


def _letter_by_letter(secret: str) -> set[str]:
    """With every letter escaped, as careful encoders do; and what was escaped for an address twice."""
    octets = secret.encode("utf-8", "replace")
    units = secret.encode("utf-16-be", "replace").hex()
    forms = {quote(quote(secret, safe=""), safe="")}
    for digits, unit in (("%02x", units), ("%02X", units.upper())):
        forms.add("".join(f"%{digits % octet}" for octet in octets))
        forms.add("".join(f"\\u{unit[at : at + 4]}" for at in range(0, len(unit), 4)))
        forms.add("".join(f"&#x{digits % ord(letter)};" for letter in secret))
    return forms | {"".join(f"&#{ord(letter)};" for letter in secret)}


def _in_json(secret: str) -> set[str]:
    """As text within JSON; some write `/`, `&`, `<`, `>` and quotes as escapes too, and the letters of these in capitals."""
    forms = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    forms |= {form.replace("/", "\\/") for form in forms}
    for letters in ("&<>", "&<>'"):
        forms |= {re.sub(f"[{letters}]", lambda found: f"\\u{ord(found[0]):04x}", form) for form in forms}
    return forms | {re.sub(r"\\u[0-9a-f]{4}", lambda found: f"\\u{found[0][2:].upper()}", form) for form in forms}


def _in_html(secret: str) -> set[str]:
    """Escaped for HTML or XML; quotes have several names."""
    forms = {escape(secret), escape(secret, False)}
    for single in ("&#39;", "&#039;", "&apos;"):
        for double in ("&quot;", "&#34;"):
            forms.add(escape(secret, False).replace("'", single).replace('"', double))
    return forms


def _inside_base64(secret: str) -> set[str]:
    """What of a secret shows in the Base64 of a longer text, as in Basic logins; what stands before it shifts it by 0 to 2 bytes."""
    raw = secret.encode("utf-8", "replace")
    if len(raw) < _LEAST_INSIDE:
        return set()
    cuts = set()
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + raw).decode()
        cuts.add(whole[(0, 2, 3)[offset] : len(whole) - (4 if (offset + len(raw)) % 3 else 0)])
    return cuts | {cut.replace("+", "-").replace("/", "_") for cut in cuts}


def _lower_escapes(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), text)


def _form(form: str) -> str:
    """A pattern for one form of a secret; very short ones only as a whole word, or they would hide half of the text."""
    escaped = re.escape(form)
    return escaped if len(form) >= 4 else rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"


def _hide_pair(match: re.Match[str]) -> str:
    """One `name=value` of a query, its value hidden where the name says so."""
    before, name, value = match.groups()
    return f"{before}{name}={HIDDEN}" if value and _SECRET_NAME.search(name) else match.group(0)
