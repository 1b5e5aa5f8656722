"""What of a card may be shown to guests: its words, pictures and drawings, without controls, private addresses and secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from html.parser import HTMLParser

from glance.addresses import is_own_network, web_address

Word = Callable[[str], str]

# Left out with everything in them.
_GONE = frozenset(
    "button select option optgroup datalist iframe object embed style template dialog label fieldset".split()
)
_NO_CONTENT = frozenset("input link meta base area source track embed".split())
_VOID = frozenset("br hr img wbr col".split())
_TAGS = frozenset(
    "a abbr address article aside b bdi bdo blockquote br caption cite code col colgroup data dd del details dfn div dl dt em figcaption "
    "figure footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li mark meter nav ol output p picture pre progress q rp rt ruby s samp "
    "section small span strong sub summary sup table tbody td tfoot th thead time tr u ul var wbr svg g path line polyline polygon "
    "circle ellipse rect text tspan defs lineargradient radialgradient stop clippath use title desc".split()
)
_ATTRIBUTES = frozenset(
    "class id role alt tabindex datetime width height colspan rowspan scope lang dir hidden open value min max low high optimum start reversed "
    "d x y x1 x2 y1 y2 cx cy r rx ry dx dy fill fill-rule fill-opacity stroke stroke-width stroke-dasharray stroke-dashoffset "
    "stroke-linecap stroke-linejoin stroke-opacity opacity offset stop-color stop-opacity viewbox preserveaspectratio pathlength points "
    "transform text-anchor dominant-baseline gradientunits gradienttransform clip-path focusable data-live data-plot data-list data-clock "
    "data-zone data-state data-when data-ago data-series data-places loading decoding".split()
)
_ARIA = re.compile(r"aria-[a-z]+", re.ASCII)
_ELSEWHERE = re.compile(r"url\s*\(\s*['\"]?\s*(?!#)", re.I)


def shown_to_guests(markup: str, word: Word, link: Word, picture: Word) -> str:
    """`markup` as guests get it.

    `word` hides secrets in any text; `link` and `picture` turn an address into the one to show, "" for none.
    """
    reader = _Reader(word, link, picture)
    reader.feed(markup)
    reader.close()
    return reader.text()


def outside(url: str) -> str:
    """An address that guests may follow: on the open internet, without user and password; else empty."""
    found = web_address(url)
    return found if found and not is_own_network(found) else ""


class _Reader(HTMLParser):
    """Copies what is allowed. `_skips` are the open elements that are left out with their content."""

    def __init__(self, word: Word, link: Word, picture: Word) -> None:
        super().__init__(convert_charrefs=True)
        self._word, self._link, self._picture = word, link, picture
        self._parts: list[str] = []
        self._skips: list[str] = []
        self._open: list[tuple[str, str]] = []
        self._is_data = False

    def text(self) -> str:
        """What was allowed, every element closed."""
        return "".join(self._parts) + "".join(f"</{shown}>" for _, shown in reversed(self._open) if shown)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if self._skips:
            if tag == self._skips[-1]:
                self._skips.append(tag)
            return
        if tag == "script":
            # the points of a chart: data, which no browser runs
            self._is_data = given.get("type") == "application/json" and any(t == "div" for t, _ in self._open)
            if self._is_data:
                self._parts.append('<script type="application/json">')
            else:
                self._skips.append(tag)
            return
        if tag in _NO_CONTENT:
            return
        shown = self._instead(tag, given)
        if shown is None:
            self._skips.append(tag)
            return
        if shown:
            self._parts.append(f"<{shown}{self._attributes(tag, shown, given)}>")
        if tag not in _VOID:
            self._open.append((tag, shown))

    def handle_endtag(self, tag: str) -> None:
        if self._skips:
            if tag == self._skips[-1]:
                self._skips.pop()
            return
        if tag == "script" and self._is_data:
            self._is_data = False
            self._parts.append("</script>")
            return
        if any(opened == tag for opened, _ in self._open):
            while self._open:
                opened, shown = self._open.pop()
                if shown:
                    self._parts.append(f"</{shown}>")
                if opened == tag:
                    return

    def handle_data(self, data: str) -> None:
        if self._skips:
            return
        if self._is_data:
            self._parts.append(self._word(data).replace("<", "\\u003c"))
        else:
            self._parts.append(escape(self._word(data), quote=False))

    def _instead(self, tag: str, given: dict[str, str]) -> str | None:
        """The element to write for one: itself, another, "" = only its content, None = nothing of it."""
        if tag == "button" and given.get("role") == "checkbox":
            return "span"
        if tag in _GONE or (tag == "form" and given.get("method", "get").lower() != "post"):
            return None
        if tag == "img" and not self._source(given):
            return ""
        if tag == "a" and not self._target(given):
            return "span"
        return {"form": "", "textarea": "pre"}.get(tag, tag if tag in _TAGS else "")

    def _attributes(self, tag: str, shown: str, given: dict[str, str]) -> str:
        kept = {name: value for name, value in given.items() if name in _ATTRIBUTES or _ARIA.fullmatch(name)}
        if tag == "textarea":
            kept = {"class": "as-typed"}
        if shown == "span" and tag == "button":
            kept = {
                **{name: kept[name] for name in kept if name in ("class", "role", "aria-checked", "aria-label")},
                "aria-disabled": "true",
            }
        if shown == "a":
            kept |= {"href": self._target(given), "rel": "noopener noreferrer"}
        if shown == "img":
            kept |= {"src": self._source(given)}
        if shown == "use" and re.fullmatch(
            r"(?:/(?!/)[\w./-]*icons(?:\.[0-9a-f]+)?\.svg)?#[\w-]+", given.get("href", ""), re.ASCII
        ):
            kept["href"] = given["href"]
        return "".join(
            f' {name}="{escape(self._word(value))}"' for name, value in kept.items() if not _ELSEWHERE.search(value)
        )

    def _target(self, given: dict[str, str]) -> str:
        href = given.get("href", "")
        return href if href.startswith("#") else self._link(href)

    def _source(self, given: dict[str, str]) -> str:
        src = given.get("src", "")
        return src if re.match(r"data:image/(?:png|jpeg|gif|webp);base64,", src) else self._picture(src)
