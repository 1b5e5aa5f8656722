"""Foreign HTML made into plain text: nothing of its markup survives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

MAX_HTML_CHARS = 200_000

_HIDDEN = frozenset({"script", "style", "noscript", "template", "iframe", "object", "svg", "head", "title"})
_SPACING = frozenset(
    "address article blockquote br dd div dl dt figure figcaption footer h1 h2 h3 h4 h5 h6 header hr li ol p pre "
    "section table td th tr ul".split()
)
_SPACES = re.compile(r"[\s\u200b\ufeff]+")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Plain:
    """The text of a piece of HTML, and the address of its first picture as it was written (or None)."""

    text: str
    image: str | None


class _Reader(HTMLParser):
    """Collects text and the first picture that is not a tracking pixel."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.image: str | None = None
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img" and self.image is None:
            values = dict(attrs)
            source = (values.get("src") or "").strip()
            if source and values.get("width") not in ("0", "1") and values.get("height") not in ("0", "1"):
                self.image = source
        if tag in _HIDDEN:
            self._hidden.append(tag)
        elif tag in _SPACING:
            self.parts.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _HIDDEN:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            while self._hidden and self._hidden.pop() != tag:
                pass
        elif tag in _SPACING:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def plain(html: str) -> Plain:
    """Read `html` (at most the first 200 000 characters) as plain text with single spaces."""
    reader = _Reader()
    reader.feed(html[:MAX_HTML_CHARS])
    reader.close()
    return Plain(tidy("".join(reader.parts)), reader.image)


def tidy(text: str) -> str:
    """One line without control, text-direction and surrogate characters, single spaces."""
    return _SPACES.sub(" ", _CONTROL.sub("", text)).strip()


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, ended at a word with an ellipsis where something was left out."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    space = text.rfind(" ", 0, limit)
    return (head[:space] if space > limit // 2 else head).rstrip(" ,;:.") + "…"
