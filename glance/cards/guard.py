"""What the drawn markup of a card that is not from a folder may hold: it stays within its card and asks for nothing by itself.

The template was looked at before (lint), but expressions can write tags and attributes too, so the result is what counts. The
page's policy already keeps scripts from running; htmx attributes are no scripts, and would send requests in the owner's name.

Tags are taken in the plain form only that every reader of HTML reads alike: where a quote begins, what an end tag holds and which
characters are blanks differs between them elsewhere, and an attribute could hide in the difference.
"""

from __future__ import annotations

import re
from html import unescape

from glance.cards.nesting import TAGS, Misplaced, Nesting

_BLANK = r"[ \t\n\f\r]"
_ATTRIBUTE = rf"""{_BLANK}+([A-Za-z][A-Za-z0-9_.:-]*)(?:{_BLANK}*={_BLANK}*("[^"]*"|'[^']*'|[^\s"'=<>`\x00-\x1f]+))?"""
_READ = re.compile(_ATTRIBUTE)
_BEGIN = re.compile(rf"<(?P<tag>[A-Za-z][A-Za-z0-9]*)(?P<attributes>(?:{_ATTRIBUTE})*+){_BLANK}*(?P<closed>/?)>")
_END = re.compile(rf"</([A-Za-z][A-Za-z0-9]*){_BLANK}*>")
_MARKUP = re.compile(r"<(?=[A-Za-z!/?])")
_ATTRIBUTES = re.compile(
    r"(?!data-(?:hx|ws|sse)\b)(?:aria-[a-z]+|data-[a-z][a-z0-9-]*|[a-z][a-z0-9]*(?:-[a-z]+)?)", re.ASCII
)
_NEVER = re.compile(
    r"(?:hx|ws|sse)-.*|on.*|style|form[a-z]*|action|srcdoc|srcset|is|ping|autofocus|popover.*|accesskey|command.*|interest.*"
    r"|background|attributionsrc"
)
# What the pages themselves find by its id.
_OWN_IDS = re.compile(
    r"(?:w|g|dlg|conn)-.*|main|act|conn|live|toast|grid|tabs|side|made|summary|stale|asker|menu|dx-t|pv-h|ts-h", re.I
)
_SPRITE = re.compile(r"(?:/(?!/)[\w./-]*)?/icons(?:\.[0-9a-f]+)?\.svg#[\w-]+", re.ASCII)
_TAKES_FROM = re.compile(r"\\|url\s*\((?!\s*['\"]?#)", re.I)
# A browser leaves these out of an address before it looks for the scheme.
_SKIPPED = re.compile(r"[\x00-\x20]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*(?=:)", re.I)
_LEADS = ("http", "https", "mailto", "tel")


class _Refused(Exception):
    """Markup that a card may not hold; the text says which."""


def fault(markup: str) -> str | None:
    """Why this markup may not be shown, as a sentence; None where it may."""
    if "<!" in markup or "<?" in markup:
        # Browsers and parsers do not agree on where these end.
        return "Comments and declarations in a card are offered to cards from a folder only."
    if "\0" in markup:
        return "The card holds a character that no text has, U+0000."
    try:
        _walk(markup)
    except (_Refused, Misplaced) as error:
        return str(error)
    return None


def _walk(markup: str) -> None:
    """Look at each tag in turn."""
    nesting = Nesting()
    at = 0
    while found := _MARKUP.search(markup, at):
        at = found.start()
        end = _END.match(markup, at)
        if end:
            nesting.end(end[1].lower())
            at = end.end()
            continue
        begin = _BEGIN.match(markup, at)
        if not begin:
            raise _Refused(f"A tag in the card is not complete, or not written plainly: {_start_of(markup, at)}")
        tag = begin["tag"].lower()
        _check_tag(tag, begin["attributes"])
        nesting.begin(tag, begin["closed"] == "/")
        at = begin.end()
        if tag == "script":
            at = _end_of_data(markup, at)
            nesting.end(tag)
    nesting.finish()


def _start_of(markup: str, at: int) -> str:
    """The beginning of a tag as it stands in a sentence."""
    return f"{' '.join(markup[at : at + 40].split())}."


def _end_of_data(markup: str, at: int) -> int:
    """Where the data of a script ends, which begins at `at`; in it no other tag may stand."""
    start = markup.find("<", at)
    end = _END.match(markup, start) if start >= 0 else None
    if not end or end[1].lower() != "script":
        raise _Refused("Write data for a script with json_script(…), which escapes every < in it.")
    return end.end()


def _check_tag(tag: str, attributes: str) -> None:
    """An element that may stand in a card, with attributes that it may have."""
    if tag not in TAGS:
        raise _Refused(f"<{tag[:20]}> is offered to cards from a folder only.")
    given: dict[str, str] = {}
    for found in _READ.finditer(attributes):
        name, value = found[1].lower(), _value(found[2])
        # A browser keeps the first of two attributes of one name.
        given.setdefault(name, value)
        if _NEVER.fullmatch(name) or not _ATTRIBUTES.fullmatch(name) or (tag == "img" and name == "name"):
            raise _Refused(f"The attribute {name[:30]} is offered to cards from a folder only.")
        if name == "id" and _OWN_IDS.fullmatch(value):
            raise _Refused("An id of the page itself cannot be used in a card.")
        if tag == "use" and name == "href":
            if not _SPRITE.fullmatch(value):
                raise _Refused("Only icons of Glance can be used in a drawing; use icon(…).")
        elif name in ("href", "src"):
            _check_address(name, value)
    if tag == "script" and given.get("type") != "application/json":
        raise _Refused("A script in a card never runs under Glance's policy; leave it out.")
    _check_drawing(given)


def _value(raw: str | None) -> str:
    """An attribute's value as a browser reads it."""
    if raw is None:
        return ""
    return unescape(raw[1:-1] if raw[0] in "\"'" else raw)


def _check_drawing(given: dict[str, str]) -> None:
    """Colours, masks and markers of drawings can be addresses; those lead within the page only."""
    for name, value in given.items():
        if _is_style(name) and _TAKES_FROM.search(value):
            raise _Refused(f"The attribute {name[:30]} leads elsewhere; within a drawing only url(#…) may stand.")


def _is_style(name: str) -> bool:
    """Whether an attribute of a drawing is read as a style."""
    return name in ("fill", "stroke", "filter", "mask", "cursor", "marker") or name.startswith(("marker-", "clip-"))


def _check_address(name: str, value: str) -> None:
    """A link that leads somewhere a browser opens as a page, and a picture of Glance's own."""
    address = _SKIPPED.sub("", value)
    scheme = _SCHEME.match(address)
    if name == "href" and scheme and scheme.group().lower() not in _LEADS:
        raise _Refused(
            "A link in a card may begin with http, https, mailto or tel; use href(…) for addresses from data."
        )
    elsewhere = scheme or address.startswith(("//", "/\\", "\\"))
    if name == "src" and elsewhere and not address.lower().startswith("data:image/"):
        raise _Refused("Pictures of other hosts are not loaded; use image(…) for pictures.")
