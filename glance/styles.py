"""Styles that came through the API or an import: read strictly, and confined to the cards of their own widgets.

Everything that has to be balanced must be, so that the text cannot end the block that it is put into.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_AT_RULES = ("media", "container", "supports", "keyframes")
_FETCHES = frozenset({"url", "src", "image", "image-set", "-webkit-image-set"})
_OWN_NAME = "own-"
_PAIRS = {")": "(", "]": "[", "}": "{"}
_WORD = r"[\w\x80-\U0010ffff-]"
_TOKEN = re.compile(
    rf"""(?P<comment>/\*.*?\*/)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<url>url\(\s*(?!["'\s])(?P<address>[^"'()\\\s]*)\s*\))
    |(?P<at>@{_WORD}*)
    |(?P<broken>/\*|["'\\]|<!--|-->|url\(\s*(?!["'\s]))
    |(?P<call>{_WORD}+\()
    |(?P<word>{_WORD}+)
    |(?P<other>.)""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_FIXED = re.compile(r"position\s*:[^;{}]*\bfixed\b", re.IGNORECASE)
_KEYFRAMES = re.compile(r"@keyframes\s*([^\s{]*)", re.IGNORECASE)


def fault(style: str) -> str | None:
    """Why this stylesheet cannot be taken, as a sentence without subject, or None."""
    open_: list[str] = []
    calls: list[bool] = []
    bare = []
    for token in _TOKEN.finditer(style.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")):
        kind, text = str(token.lastgroup), token.group(0)
        if kind == "address":
            kind = "url"
        line = style.count("\n", 0, token.start()) + 1
        found = _odd(kind, text, token.group("address") or "", bool(calls) and calls[-1])
        if found:
            return f"line {line}: {found}"
        if kind == "call" or text in ("(", "[", "{"):
            open_.append(text[-1])
            calls.append(kind == "call" and text[:-1].lower() in _FETCHES)
        elif kind == "other" and text in _PAIRS:
            if not open_ or open_.pop() != _PAIRS[text]:
                return f"line {line}: {text} ends what was not begun"
            calls.pop()
        bare.append({"comment": " ", "string": '""'}.get(kind, text))
    if open_:
        return f"has a {open_[-1]} that nothing ends"
    return _meaning("".join(bare))


def confined(style: str, ids: Iterable[str]) -> str:
    """The stylesheet for what is inside of the cards of the widgets with these ids, and for nothing else.

    What it styles is clipped to the card's body, also where it is moved or lifted above everything.
    """
    bodies = [f"#w-{widget_id}>.w-body" for widget_id in ids]
    hold = f"{','.join(bodies)}{{position:relative;contain:layout paint}}"
    return f"{hold}\n@scope ({','.join(f'{body}>*' for body in bodies)}){{\n{style}\n}}"


def _odd(kind: str, text: str, address: str, fetches: bool) -> str | None:
    """What is wrong with one token."""
    if kind == "broken" or text == "\0":
        return "a comment or text that does not end, or a character that has no place in a stylesheet of a card"
    if kind == "at" and text[1:].lower() not in _AT_RULES:
        return f"{text} is not for a card's stylesheet; there are @{', @'.join(_AT_RULES)}"
    if (kind == "url" and not _at_home(address)) or (kind == "string" and fetches and not _at_home(text[1:-1])):
        return "an address must begin with data: or with a single slash"
    return None


def _at_home(address: str) -> bool:
    """True for an address that holds its picture itself, or is one of Glance's own."""
    found = address.strip().lower()
    return "\\" not in found and (found.startswith(("data:", "#")) or (found[:1] == "/" and found[1:2] != "/"))


def _meaning(bare: str) -> str | None:
    """What balanced text must not say."""
    if _FIXED.search(bare):
        return "has position: fixed; a card stays in its place"
    for name in _KEYFRAMES.findall(bare):
        if not name.startswith(_OWN_NAME):
            return f"names its @keyframes {name[:40]}; names of animations must begin with {_OWN_NAME}"
    return None
