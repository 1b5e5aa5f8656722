"""Where an element may begin and end, so that a browser nests the markup of a card exactly as it is written.

Browsers mend what is nested in a way they do not expect: an `<li>` in an `<li>` ends every `<div>` between the two, whose own end
tags then end those of the page; a link begun between the cells of a table comes back around all that follows. So a card could leave
its place, or put a link around the whole page, with tags that all seem to be ended. What is refused here is what a browser would
mend. Source: the tree construction of the HTML standard (html.spec.whatwg.org, 13.2.6).
"""

from __future__ import annotations

VOID = frozenset("br col hr img wbr".split())
# Elements that a browser ends by itself; left open, they end with what is around them.
_ENDED = frozenset("p li dt dd tr td th thead tbody tfoot colgroup caption rt rp".split())
_DRAWN = frozenset(
    "g path line polyline polygon circle ellipse rect text tspan defs lineargradient radialgradient stop clippath use title".split()
)
TAGS = (
    VOID
    | _ENDED
    | _DRAWN
    | frozenset(
        "a abbr address article aside b bdi bdo blockquote button cite code data del details dfn div dl em figcaption figure footer "
        "h1 h2 h3 h4 h5 h6 header i ins kbd label mark meter nav ol output pre progress q ruby s samp script section small span strong "
        "sub summary sup svg table time u ul var".split()
    )
)
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
_PHRASES = frozenset({"p", "rt", "rp"})
# The end of these ends what a browser ends by itself and is still open within. The end of any other, `</b>` or `</span>`, is lost on
# a browser that has one of those open.
_HOLDERS = (
    frozenset(
        "address article aside blockquote button details div dl figcaption figure footer header nav ol pre section summary table ul".split()
    )
    | _HEADINGS
    | (_ENDED - _PHRASES)
)
# In what each part of a table stands; a browser adds the parts that are left out between them.
_PARTS = {
    **dict.fromkeys(("caption", "colgroup", "thead", "tbody", "tfoot"), frozenset({"table"})),
    "col": frozenset({"colgroup", "table"}),
    "tr": frozenset({"thead", "tbody", "tfoot", "table"}),
    **dict.fromkeys(("td", "th"), frozenset({"tr", "thead", "tbody", "tfoot", "table"})),
}
# These hold parts of a table and nothing else: a browser moves anything else in front of the table.
_BARE = frozenset("table thead tbody tfoot tr colgroup".split())
# An item ends the one before it, up to the list that both stand in.
_ITEMS = {
    "li": (frozenset({"li"}), frozenset({"ul", "ol", "td", "th"})),
    **dict.fromkeys(("dt", "dd"), (frozenset({"dt", "dd"}), frozenset({"dl", "td", "th"}))),
}


class Misplaced(Exception):
    """A tag that does not fit where it stands; the text is a sentence about it."""


class Nesting:
    """The elements that are open. All tags are in small letters."""

    def __init__(self) -> None:
        self._open: list[str] = []

    def begin(self, tag: str, closed: bool) -> None:
        """An element begins; `closed`: its tag ends with `/>`, which means something in drawings only."""
        if "svg" in self._open:
            if self._open[-1] == "title" or (tag not in _DRAWN and tag not in ("a", "svg")):
                raise Misplaced(f"<{tag}> cannot stand in <{self._open[-1]}> of a drawing.")
        elif tag in _DRAWN:
            raise Misplaced(f"<{tag}> stands within <svg> only.")
        else:
            self._make_room(tag)
        if tag not in VOID and not (closed and (tag == "svg" or "svg" in self._open)):
            self._open.append(tag)

    def end(self, tag: str) -> None:
        """An element ends."""
        if tag in VOID and "svg" not in self._open:
            return
        while self._open and self._open[-1] != tag and _ends_within(tag, self._open[-1]):
            self._open.pop()
        if not self._open or self._open.pop() != tag:
            raise Misplaced(f"</{tag}> ends what the card did not begin there.")

    def finish(self) -> None:
        """The card is over."""
        left = [tag for tag in self._open if tag not in _ENDED]
        if left:
            raise Misplaced(f"<{left[-1]}> is never ended in the card.")

    def _make_room(self, tag: str) -> None:
        """End what a browser ends before this element; Misplaced where it would end more than that."""
        if tag in _PARTS:
            while self._open and self._open[-1] in _ENDED and self._open[-1] not in _PARTS[tag]:
                self._open.pop()
            if not self._open or self._open[-1] not in _PARTS[tag]:
                raise Misplaced(f"<{tag}> stands within a table only, and where what was begun before it has ended.")
        elif self._open and self._open[-1] in _BARE and tag != "script":
            raise Misplaced(f"<{tag}> cannot stand in <{self._open[-1]}> outside of a cell.")
        elif tag in _ITEMS:
            self._end_item(tag)
        elif (tag in _HEADINGS and _HEADINGS.intersection(self._open)) or (tag == "button" and tag in self._open):
            raise Misplaced(f"<{tag}> cannot stand within another one.")

    def _end_item(self, tag: str) -> None:
        """End the item before this one."""
        kin, lists = _ITEMS[tag]
        for at in range(len(self._open) - 1, -1, -1):
            if self._open[at] in kin:
                if not _PHRASES.issuperset(self._open[at + 1 :]):
                    raise Misplaced(f"<{tag}> within <{self._open[at]}> needs a list of its own.")
                del self._open[at:]
                return
            if self._open[at] in lists:
                return


def _ends_within(tag: str, inner: str) -> bool:
    """Whether the end of `tag` ends an `inner` that is still open."""
    return inner in _ENDED if tag in _HOLDERS else tag == "ruby" and inner in ("rt", "rp")
