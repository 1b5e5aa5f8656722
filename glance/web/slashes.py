"""Slashes within a name of an address: %2F stays told apart from the slashes between names, which WSGI mixes up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

# Stands in an address for a slash that came as %2F. No name holds it: control characters are taken out of them.
INNER = "\x1f"
BEGINS = "/api/devices/"
_ENCODED = re.compile("%2f", re.IGNORECASE)


class Slashes:
    """WSGI middleware; the parts of an address of a device come to the views with `INNER` in them."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        raw = environ.get("RAW_URI", "")
        if _ENCODED.search(raw):
            _keep_apart(environ, raw)
        return self._app(environ, start_response)


def _keep_apart(environ: dict[str, Any], raw: str) -> None:
    path = environ.get("PATH_INFO", "")
    _, found, _ = path.partition(BEGINS)
    told = unquote_to_bytes(_ENCODED.sub("%1F", raw.partition("?")[0])).decode("latin-1")
    # what stands before the path, a host or a prefix, is not of interest here
    told = told[-len(path) :]
    if found and told.replace(INNER, "/") == path:
        environ["PATH_INFO"] = told


def inner(name: str) -> str:
    """A part of an address as the name that it is."""
    return name.replace(INNER, "/")
