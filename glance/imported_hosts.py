"""Hosts of widgets that came with an import: what their definition names by itself, and what stands in their params. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from functools import lru_cache
from html import unescape
from typing import Any

from glance import guard
from glance.addresses import same_host

# No name that can be looked up is longer, however it is written.
MAX_NAME_CHARS = 260
# Of longer params every host counts as named: what stands in them takes time and memory to tell.
MAX_CHARS = 20_000
_BETWEEN = re.compile(r"[\s/?#@\\\"'`<>(){}|,;=&*!]+")
_EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
_IN_EXPRESSION = re.compile(r"(?i)\bhttps?://([^/?#\s\"'<>\\{}%]+)")
_DRAWN_TOGETHER = re.compile(r"\s+")


def own(manifest: Mapping[str, Any]) -> frozenset[str]:
    """The hosts that a folder's manifest names itself. What a param stands in (`{{ params.host }}.lan`) is only one where `hosts` says so."""
    found = {guard.written(text) for text in manifest.get("hosts") or () if isinstance(text, str)}
    found.update(host for host in guard.named({**manifest, "hosts": ()}) if not host.startswith("*."))
    for text in guard.chosen_by(manifest):
        found.update(host for host in guard.written_in([text]) if not host.startswith("unix:"))
    for text in _texts(manifest.get("source")):
        for expression in _EXPRESSION.findall(text):
            hosts = (guard.written(host) for host in _IN_EXPRESSION.findall(expression))
            found.update(host for host in hosts if guard.host_fault(host) is None)
    return frozenset(found)


def standing_in(params: Any) -> Container[str]:
    """Every word of the texts in params as a host would be asked by that name, however the text hides it (HTML, Markdown, white space)."""
    texts: list[str] = []
    left = MAX_CHARS
    for text in _texts(params):
        left -= len(text)
        if left < 0:
            return _Everything()
        texts.append(text)
    return _words(tuple(texts))


class _Everything:
    def __contains__(self, host: object) -> bool:
        return True


@lru_cache(maxsize=32)
def _words(texts: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    sockets: set[str] = set()
    for text in texts:
        plain = unescape(text)
        whole = plain.replace("\\", "")
        for form in {text, plain, whole, _DRAWN_TOGETHER.sub("", whole)}:
            for word in _BETWEEN.split(form):
                found.update(_names(word))
            sockets.update(_sockets(form))
    return frozenset(same_host(name) for name in found if len(name) <= MAX_NAME_CHARS) | sockets


def _names(word: str) -> Iterator[str]:
    """What may be the host in a word such as `nas.lan`, `nas.lan:8080`, `[fd00::1]:80`, `tcp:nas`, `see:http`, `(nas.lan).`"""
    word = word.strip(".-_~$^+")
    if not word:
        return
    yield word
    yield from re.findall(r"\[([0-9A-Fa-f:.]+)", word)
    if ":" in word:
        yield from (part for part in word.split(":") if part)
        yield word.rpartition(":")[0]


def _sockets(text: str) -> Iterator[str]:
    """The unix sockets that a text may name, with `unix:` before the path or without."""
    for word in text.split():
        path = word.strip("\"'()<>,;").removeprefix("unix:").partition(":")[0].lstrip("/")
        if path:
            yield f"unix:/{path}"


def _texts(value: Any) -> Iterator[str]:
    """Every text in nested mappings and lists, and the names in the inner ones, which the widget's author chose too."""
    stack = [(value, True)]
    while stack:
        part, is_first = stack.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, int) and not isinstance(part, bool):
            yield str(part)
        elif isinstance(part, Mapping):
            if not is_first:
                yield from (str(key) for key in part)
            stack.extend((inner, False) for inner in part.values())
        elif isinstance(part, (list, tuple)):
            stack.extend((inner, False) for inner in part)
