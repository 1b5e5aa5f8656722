"""What the drawn markup of a card that is not from a folder may hold: it stays within its card and asks for nothing by itself.

The template was looked at before (lint), but expressions can write tags and attributes too, so the result is what counts. The
page's policy already keeps scripts from running; htmx attributes are no scripts, and would send requests in the owner's name.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_VOID = frozenset("br col hr img wbr".split())
# Elements that a browser ends by itself; left open, they end with what is around them.
_ENDED = frozenset("p li dt dd tr td th thead tbody tfoot colgroup caption rt rp".split())
_TAGS = (
    _VOID
    | _ENDED
    | frozenset(
        "a abbr address article aside b bdi bdo blockquote button cite code data del details dfn div dl em figcaption figure footer "
        "h1 h2 h3 h4 h5 h6 header i ins kbd label mark meter nav ol output pre progress q ruby s samp section small span strong sub "
        "summary sup table time u ul var script "
        "svg g path line polyline polygon circle ellipse rect text tspan defs lineargradient radialgradient stop clippath".split()
    )
)
_ATTRIBUTES = re.compile(
    r"(?!data-(?:hx|ws|sse)\b)(?:aria-[a-z]+|data-[a-z][a-z0-9-]*|[a-z][a-z0-9]*(?:-[a-z]+)?)", re.ASCII
)
_NEVER = re.compile(
    r"(?:hx|ws|sse)-.*|on.*|style|form[a-z]*|action|srcdoc|srcset|is|ping|autofocus|popover.*|accesskey"
)
# What the page itself finds by its id.
_OWN_IDS = re.compile(r"w-.*|main|act|conn|live|toast", re.I)
_MARKUP = re.compile(r"<[a-z!/?]", re.I)
# A browser leaves these out of an address before it looks for the scheme.
_SKIPPED = re.compile(r"[\x00-\x20]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*(?=:)", re.I)
_LEADS = ("http", "https", "mailto", "tel")


class _Refused(Exception):
    """Markup that a card may not hold; the text says which."""


class _Reader(HTMLParser):
    """Reads markup as a browser does, and refuses where the two could differ."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []
        self.tail = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            raise _Refused(f"<{tag[:20]}> is offered to cards from a folder only.")
        if tag == "script" and dict(attrs).get("type") != "application/json":
            raise _Refused("A script in a card never runs under Glance's policy; leave it out.")
        for name, value in attrs:
            if _NEVER.fullmatch(name) or not _ATTRIBUTES.fullmatch(name):
                raise _Refused(f"The attribute {name[:30]} is offered to cards from a folder only.")
            _check_address(name, value or "")
            if name == "id" and _OWN_IDS.fullmatch(value or ""):
                raise _Refused("An id of the page itself cannot be used in a card.")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        # `<path/>` ends in SVG only; a browser leaves `<div/>` open.
        if tag not in _VOID and "svg" in self.open:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        while self.open and self.open[-1] != tag and self.open[-1] in _ENDED:
            self.open.pop()
        if not self.open or self.open.pop() != tag:
            raise _Refused(f"</{tag[:20]}> ends what the card did not begin there.")

    def handle_data(self, data: str) -> None:
        # A tag that is never ended comes as text, in pieces.
        if _MARKUP.search(self.tail + data):
            raise _Refused("A tag in the card is not complete.")
        self.tail = "<" if data.endswith("<") else ""


def _check_address(name: str, value: str) -> None:
    """A link that leads somewhere a browser opens as a page, and a picture of Glance's own."""
    if name not in ("href", "src"):
        return
    address = _SKIPPED.sub("", value)
    scheme = _SCHEME.match(address)
    if name == "href" and scheme and scheme.group().lower() not in _LEADS:
        raise _Refused(
            "A link in a card may begin with http, https, mailto or tel; use href(…) for addresses from data."
        )
    elsewhere = scheme or address.startswith(("//", "/\\", "\\"))
    if name == "src" and elsewhere and not address.lower().startswith("data:image/"):
        raise _Refused("Pictures of other hosts are not loaded; use image(…) for pictures.")


def fault(markup: str) -> str | None:
    """Why this markup may not be shown, as a sentence; None where it may."""
    if "<!" in markup or "<?" in markup:
        # Browsers and parsers do not agree on where these end.
        return "Comments and declarations in a card are offered to cards from a folder only."
    reader = _Reader()
    try:
        reader.feed(markup)
        reader.close()
    except (_Refused, AssertionError) as error:
        return str(error) or "A tag in the card cannot be read."
    left = [tag for tag in reader.open if tag not in _ENDED]
    return f"<{left[-1]}> is never ended in the card." if left else None
