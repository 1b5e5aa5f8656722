"""Secrets taken out of whatever the owner may see: addresses, error sentences, raw answers."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "••••••••"

_SECRET_NAME = re.compile(
    r"(?i)(?:^|[_\-.])(?:api_?-?key|key|token|secret|password|passwd|passphrase|pwd|pass|auth|sig|signature|sid|appid|"
    r"session|credential)s?$"
)
_USERINFO = re.compile(r"(?<=://)[^/?#@\s]*@")
_QUERY_PAIR = re.compile(r"([?&;])([^=&;#\s]{1,100})=([^&;#\s]*)")


class Mask:
    """Hides a set of secrets, also where they appear percent-encoded or in Base64."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            if secret:
                forms |= {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
                forms.add(base64.b64encode(secret.encode("utf-8", "replace")).decode())
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(_form(form) for form in longest_first)) if longest_first else None

    def text(self, text: str) -> str:
        """`text` without the secrets."""
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    def finds(self, text: str) -> bool:
        """True where `text` holds a secret."""
        return bool(self._pattern and self._pattern.search(text))

    def url(self, url: str) -> str:
        """An address without the secrets, without user and password, and without values whose name says they are secret."""
        bare = _USERINFO.sub(f"{HIDDEN}@", url)
        return self.text(_QUERY_PAIR.sub(_hide_pair, bare))


def _form(form: str) -> str:
    """A pattern for one form of a secret; very short ones only as a whole word, or they would hide half of the text."""
    escaped = re.escape(form)
    return escaped if len(form) >= 4 else rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"


def _hide_pair(match: re.Match[str]) -> str:
    """One `name=value` of a query, its value hidden where the name says so."""
    before, name, value = match.groups()
    return f"{before}{name}={HIDDEN}" if value and _SECRET_NAME.search(name) else match.group(0)
