"""Styles that came through the API or an import: read strictly, and confined to the cards of their own widgets.

Everything that has to be balanced must be, so that the text cannot end the block that it is put into.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

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
_PSEUDO_ELEMENT = re.compile(
    r"(?:::[\w-]+(?:\([^()]*\))?|:(?:before|after|first-line|first-letter))(?::[\w-]+)*\s*$", re.IGNORECASE
)
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
    if any(kind == "nested" for _, kind in _pieces(style)):
        return "has a rule within a rule; write its whole selector instead"
    return _meaning("".join(bare))


def confined(style: str, ids: Iterable[str]) -> str:
    """The stylesheet for what is inside of the cards of the widgets with these ids, and for nothing else; `fault` found none.

    What it styles is clipped to the card's body, also where it is moved or lifted above everything.
    """
    bodies = [f"#w-{widget_id}>.w-body" for widget_id in ids]
    inside = f":where({','.join(f'{body} *' for body in bodies)})"
    parts = [f"{','.join(bodies)}{{position:relative;contain:layout paint}}\n"]
    for piece, kind in _pieces(style):
        parts.append(",".join(_held(one, inside) for one in _split(piece)) if kind == "selectors" else piece)
    return "".join(parts)


def _pieces(style: str) -> Iterator[tuple[str, str]]:
    """The text without its comments in pieces, each with its kind: selectors, nested (what begins a block in a rule), or other."""
    held: list[str] = []
    blocks: list[str] = []
    depth = 0
    for token in _TOKEN.finditer(style):
        text = token.group(0)
        if token.lastgroup == "comment":
            text = " "
        depth += (text[-1:] in ("(", "[") and token.lastgroup in ("call", "other")) - (text in (")", "]"))
        if depth or text not in ("{", "}", ";"):
            held.append(text)
            continue
        piece = "".join(held)
        held = []
        within = blocks[-1] if blocks else "group"
        at = piece.lstrip().startswith("@")
        begins = text == "{" and not at and within == "group"
        yield piece, "nested" if text == "{" and within == "rule" else "selectors" if begins else "other"
        yield text, "other"
        if text == "{":
            blocks.append("frames" if _KEYFRAMES.match(piece.lstrip()) else "group" if at else "rule")
        elif text == "}":
            blocks.pop()
    yield "".join(held), "other"


def _split(selectors: str) -> list[str]:
    """The selectors of a list, parted at the commas that stand in no brackets."""
    found = [""]
    depth = 0
    for token in _TOKEN.finditer(selectors):
        text = token.group(0)
        depth += (text[-1:] in ("(", "[") and token.lastgroup in ("call", "other")) - (text in (")", "]"))
        if text == "," and not depth:
            found.append("")
        else:
            found[-1] += text
    return found


def _held(selector: str, inside: str) -> str:
    """A selector that matches what it matched, as far as that is `inside`; a pseudo-element stays at its end."""
    element = _PSEUDO_ELEMENT.search(selector)
    plain = selector[: element.start()] if element else selector.rstrip()
    # " ::before" is that of anything within
    whole = f"{plain}*" if not plain or plain[-1] in " \n\t>+~" else plain
    return f":is({whole.strip()}){inside}{element.group(0).strip() if element else ''}"


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
