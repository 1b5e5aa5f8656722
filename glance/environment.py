"""`${NAME}` in a manifest on disk: a variable of the environment, or the file that `NAME_FILE` names, as with Docker secrets.

The name is put away before expressions run and its value put in its place after them, so that a value is never taken for an
expression and a param never for a variable. `$${NAME}` stands for itself.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glance.errors import FetchError

_NAME = re.compile(r"\$?\$\{([A-Z][A-Z0-9_]{0,79})\}")
# What such a name holds is no secret, and hiding it would hide the address in every sentence.
_OPEN = re.compile(r"(^|_)(HOST|HOSTS|URL|PORT|USER|USERNAME|NAME|ADDRESS|ZONE|CITY|LATITUDE|LONGITUDE)$")
_OWN = "GLANCE_"
MAX_BYTES = 65_536


class Variables:
    """The variables of one source while its expressions are evaluated."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._values: dict[str, tuple[str, str]] = {}
        self._nonce = ""

    def mark(self, value: Any) -> Any:
        """`value` with each `${NAME}` in its texts replaced by a mark; FetchError where it is not set."""
        if isinstance(value, str):
            return _NAME.sub(self._marked, value) if "${" in value else value
        if isinstance(value, Mapping):
            return {key: self.mark(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.mark(item) for item in value]
        return value

    def fill(self, value: Any) -> Any:
        """`value` with the values in place of their marks."""
        if not self._values:
            return value
        if isinstance(value, str):
            for mark, (_, text) in self._values.items():
                value = value.replace(mark, text)
            return value
        if isinstance(value, Mapping):
            return {key: self.fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        return value

    def hidden(self) -> tuple[str, ...]:
        """The values that must be hidden like secrets: all but those whose name says that they are none."""
        return tuple(text for name, text in self._values.values() if text and not _OPEN.search(name))

    def _marked(self, match: re.Match[str]) -> str:
        if match[0].startswith("$$"):
            return match[0][1:]
        name = match[1]
        self._nonce = self._nonce or secrets.token_hex(8)
        self._values[f"glenv{self._nonce}{len(self._values):04d}x"] = (name, self._read(name))
        return next(reversed(self._values))

    def _read(self, name: str) -> str:
        if name.startswith(_OWN):
            raise FetchError(f"The manifest asks for {name}, which is a setting of Glance itself.", kind="source")
        text = self._environ.get(name)
        if text is not None:
            return text
        file = self._environ.get(f"{name}_FILE")
        if not file:
            raise FetchError(
                f"The manifest asks for {name}, which is not in the environment: set it where Glance is started.",
                kind="source",
            )
        try:
            with Path(file).open("rb") as opened:
                return opened.read(MAX_BYTES).decode("utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise FetchError(f"The file that {name}_FILE names cannot be read.", kind="source") from error
