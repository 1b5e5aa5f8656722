"""What of a feed's XML the parser gets to see: so many articles, tags and attributes, so deeply nested, and not more.

The parser cannot be stopped once it has begun, and some of its steps take the square of what they are given.
"""

from __future__ import annotations

import codecs
import re
from typing import Any

from glance.errors import FetchError

MAX_TAGS = 100_000
MAX_DEPTH = 100
MAX_ATTRIBUTES = 100
# Before its first element: a declaration in one line, a DOCTYPE with entities, comments.
MAX_PROLOG = 20_000
MAX_DECLARATION = 500
# An author's name and address; the parser looks for one in the other by a pattern that takes the square.
MAX_AUTHOR = 300

_ASIDE = re.compile(rb"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL)
_ELEMENT = re.compile(rb"<\w")
_SPACE = re.compile(rb"\s\s+")
_ARTICLE = re.compile(rb"<(?:[\w.-]+:)?(?:item|entry)(?=[\s/>])", re.IGNORECASE)
_TAG = re.compile(rb"<(/?)([A-Za-z_][\w.:-]*)((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*+)>")
_LONG_TAG = re.compile(rb"<[^<\s]+\s[^<]{300,}+")
_ENCODING = re.compile(rb"\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
# encodings in which a tag can be written without its own characters
_DISGUISES = frozenset(
    {"utf-7", "unicode_escape", "raw_unicode_escape", "unicode-escape", "raw-unicode-escape", "punycode", "idna"}
)
# How UTF-16 begins: with its mark, or with a tag.
_ORDERS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_QUOTED = re.compile(rb"\"[^\"]*\"|'[^']*'")


def bounded(body: bytes, content_type: str, host: str, articles: int) -> bytes:
    """The feed with its first `articles` only; FetchError(kind="format") where its markup is beyond every use."""
    declared = _ENCODING.match(body.removeprefix(codecs.BOM_UTF8))
    named = _CHARSET.search(content_type)
    for name in (declared.group(1).decode() if declared else "", named.group(1) if named else ""):
        if _disguises(name):
            raise FetchError(f"The feed of {host} is written in {name}, which Glance does not read.", kind="format")
    order = _ORDERS.get(body[:2])
    if b"\0" not in body or not (order or body.lstrip().startswith(b"<")):
        return _measured(body, host, articles)
    sentence = f"The feed of {host} has zero bytes in it and is no UTF-16; Glance cannot read it."
    if order is None:
        raise FetchError(sentence, kind="format")
    try:
        text = body.decode(order).encode()
    except UnicodeError as error:
        raise FetchError(sentence, kind="format") from error
    return _measured(text, host, articles).decode().encode("utf-16")


def _disguises(encoding: str) -> bool:
    """True for an encoding that Python knows and in which `<` may be other bytes than in ASCII; UTF-16 is looked at by itself."""
    try:
        name = codecs.lookup(encoding).name if encoding else "utf-8"
        return name in _DISGUISES or (not name.startswith("utf-16") and "<a b=".encode(name) != b"<a b=")
    except (LookupError, UnicodeError, TypeError):
        return False


def short_authors(parser: Any) -> None:
    """Have a mixin of feedparser look for names and addresses in the beginning of what stands for an author only; once is enough."""
    if getattr(parser, "is_short", False):
        return
    look = parser._sync_author_detail

    def look_shortly(self: Any, key: str = "author") -> None:
        context = self._get_context()
        text = context.get(key)
        if isinstance(text, str):
            context[key] = text[:MAX_AUTHOR]
        look(self, key)

    parser._sync_author_detail = look_shortly
    parser.is_short = True


def _prolog(body: bytes, host: str) -> bytes:
    """The feed with what stands before its first element in a form that the parser's patterns take no square of."""
    found = _ELEMENT.search(body)
    head, rest = (body[: found.start()], body[found.start() :]) if found else (body, b"")
    if not found and not body.lstrip().startswith(b"<"):
        return body
    head = _SPACE.sub(lambda run: b"\n" if b"\n" in run.group(0) else b" ", head)
    # the parser looks for an encoding in the whole first line
    first, sign, more = head.partition(b"?>")
    if len(head) > MAX_PROLOG or (head.lstrip().startswith(b"<?") and len(first) > MAX_DECLARATION):
        sentence = f"The feed of {host} has {len(head)} bytes before its first element; Glance reads no such feed."
        raise FetchError(sentence, kind="format")
    return first + sign + b"\n" + more.lstrip(b"\n") + rest if sign else head + b"\n" + rest


def _measured(body: bytes, host: str, articles: int) -> bytes:
    body = _prolog(body, host)
    # of equal length, so that a place in the one is the same place in the other
    bare = _ASIDE.sub(lambda found: b" " * len(found.group(0)), body)
    bare, body = _first(bare, body, articles)
    tags = bare.count(b"<")
    if tags > MAX_TAGS:
        raise FetchError(f"The feed of {host} has {tags} tags; Glance reads {MAX_TAGS} at most.", kind="format")
    if any(_attributes(found.group(0)) > MAX_ATTRIBUTES for found in _LONG_TAG.finditer(bare)):
        sentence = (
            f"The feed of {host} has a tag with more than {MAX_ATTRIBUTES} attributes; Glance reads no such feed."
        )
        raise FetchError(sentence, kind="format")
    if len(_open(bare)) > MAX_DEPTH:
        sentence = f"The feed of {host} nests its tags more than {MAX_DEPTH} deep; Glance reads no such feed."
        raise FetchError(sentence, kind="format")
    return body


def _attributes(text: bytes) -> int:
    """How many attributes a tag has; what does not end as a tag does is measured whole."""
    tag = _TAG.match(text)
    return _QUOTED.sub(b"", tag.group(3) if tag else text).count(b"=")


def _first(bare: bytes, body: bytes, articles: int) -> tuple[bytes, bytes]:
    """Both texts up to the end of the article of that number, with what is open there closed."""
    begin = None
    for number, found in enumerate(_ARTICLE.finditer(bare)):
        begin = found.start() if number == 0 else begin
        if number == articles:
            around = _open(bare[:begin])
            end = b"".join(b"</" + name + b">" for name in reversed(around))
            return bare[: found.start()] + end, body[: found.start()] + end
    return bare, body


def _open(bare: bytes) -> list[bytes]:
    """The names of the tags that are open at the end of the text, or one more than MAX_DEPTH where it gets that deep.

    One that nobody closes counts until the one around it is closed.
    """
    names: list[bytes] = []
    for found in _TAG.finditer(bare):
        closing, name, rest = found.groups()
        if not closing and not rest.endswith(b"/"):
            names.append(name)
            if len(names) > MAX_DEPTH:
                break
        elif closing and name in names:
            while names.pop() != name:
                pass
    return names
