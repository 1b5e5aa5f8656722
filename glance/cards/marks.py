"""The small pieces of markup that cards share: pills, times, safe links, blanks, cleaned foreign text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from glance import formats, moments
from glance.cards.drawing import status_class

Icon = Callable[[str, str], Markup]

# Characters of foreign text that are read; beyond it, elements within elements would take seconds.
MAX_FOREIGN = 60_000
YEAR_S = 300 * 86_400
_SCHEMES = frozenset({"http", "https", "mailto"})
_HIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060\ufeff]")
STATUS_ICONS = {"ok": "ok", "warn": "warn", "bad": "bad", "info": "info", "off": "off", "live": "ok"}
_NO_PICTURE = re.compile(r"<img(?![^>]*\ssrc=)[^>]*>")
_HEADING = re.compile(r"<(/?)h([1-6])(?=>)")
_TAGS = frozenset(
    "a abbr b blockquote br caption code dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre "
    "q s samp small span strong sub summary sup table tbody td tfoot th thead time tr u ul var".split()
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "img": {"src", "alt", "title", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
    "ol": {"start"},
    "details": {"open"},
}


def link(url: Any) -> str:
    """The address if it is one to follow: http, https, mailto or a path on this Glance; else an empty text.

    Autoescaping alone does not stop `javascript:` addresses.
    """
    if not isinstance(url, str):
        return ""
    text = url.strip()
    # Browsers drop control characters inside addresses, so "java\nscript:" would run.
    if not text or _HIDDEN.search(text) or "\\" in text:
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    if parts.scheme.lower() in _SCHEMES:
        return text if parts.scheme.lower() == "mailto" or parts.netloc else ""
    # Within Glance only from its root: what else has no scheme is a name, not an address.
    return text if not parts.scheme and not parts.netloc and text[0] in "/#?" else ""


def href(url: Any, new_tab: Any = False) -> Markup:
    """`href="…"` and what belongs to it, for a safe address; nothing for any other, so that `<a {{ href(x) }}>` is no link."""
    found = link(url)
    if not found:
        return Markup("")
    away = ' rel="noopener noreferrer"' if "://" in found else ""
    tab = ' target="_blank"' if new_tab else ""
    return Markup(f'href="{escape(found)}"{away}{tab}')


def host_of(url: Any) -> str:
    """The host of an address, without a leading www."""
    found = link(url)
    return (urlsplit(found).hostname or "").removeprefix("www.") if found else ""


def time_tag(value: Any, text: str, ago: bool = False) -> Markup:
    """`<time datetime>` with a text that is right by itself; with `ago` the page's script makes it relative."""
    stamp = moments.iso(value)
    if not stamp:
        return Markup(escape(formats.NOTHING))
    return Markup(f'<time datetime="{stamp}"{" data-ago" if ago else ""}>{escape(text)}</time>')


def ago(value: Any, now: float) -> Markup:
    """How long ago: the local day and time, or the date of what is long past, which script turns into "42 min ago"."""
    at = moments.unix(value)
    is_old = at is not None and abs(now - at) > YEAR_S
    return time_tag(value, moments.full_date(value) if is_old else moments.day_and_time(value), ago=True)


def plain(value: Any, most: int = 0) -> str:
    """A value as one line of text; with `most` cut at a word and ended by an ellipsis."""
    text = " ".join(str(formats.NOTHING if value is None or value == "" else value).split())
    if most and len(text) > most:
        cut = text[:most].rsplit(" ", 1)[0] or text[:most]
        return f"{cut.rstrip(' ,.;:')}…"
    return text


def clean_html(text: Any, picture: Callable[[Any], str] | None = None) -> Markup:
    """Foreign HTML reduced to what cannot do harm: no scripts, styles, forms, frames, classes; links of safe schemes only.

    Pictures stay where `picture` gives them an address on Glance's own image route.
    """
    import nh3  # late: a native module that few dashboards need

    cleaned = nh3.clean(
        str(text or "")[:MAX_FOREIGN],
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        url_schemes=set(_SCHEMES),
        link_rel="noopener noreferrer",
        # The page's policy lets the browser ask no other host for a picture.
        attribute_filter=lambda tag, name, value: (
            (picture(value) or None if picture else None) if name == "src" else value
        ),
    )
    return Markup(_below_title(_NO_PICTURE.sub("", cleaned)))


def _below_title(text: str) -> str:
    """Headings as they belong below a card's title, an h2: the highest one used becomes h3, the next h4, none left out."""
    levels = sorted({found[2] for found in _HEADING.finditer(text)})
    return _HEADING.sub(lambda found: f"<{found[1]}h{min(6, 3 + levels.index(found[2]))}", text)


def markdown(text: Any, picture: Callable[[Any], str] | None = None) -> Markup:
    """Markdown as cleaned HTML; HTML inside it is cleaned like any other."""
    import mistune  # late: only dashboards with Markdown on them need it

    render = mistune.create_markdown(escape=False, plugins=["strikethrough", "table", "task_lists", "url"])
    return clean_html(render(str(text or "")[:MAX_FOREIGN]), picture)


def json_script(value: Any, css: str) -> Markup:
    """Data for a script of the page, as a block that no text in it can end."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)
    for mark, code in (
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u2028", "\\u2028"),
        ("\u2029", "\\u2029"),
    ):
        text = text.replace(mark, code)
    return Markup(f'<script type="application/json" class="{escape(css)}">{text}</script>')


class Marks:
    """The pieces that need the icons of the page."""

    def __init__(self, icon: Icon) -> None:
        self._icon = icon

    def icon(self, name: Any, cls: str = "i") -> Markup:
        """An icon of icons.svg; a name with anything but letters, digits and hyphens draws nothing."""
        text = str(name or "")
        if not text.replace("-", "").isalnum() or not text.isascii():
            return Markup("")
        return self._icon(text, cls)

    def status_icon(self, status: Any, cls: str = "i") -> Markup:
        """The silhouette of a status."""
        return self.icon(STATUS_ICONS.get(str(status), "info"), cls)

    def pill(self, text: Any, status: Any = "info", icon: Any = None) -> Markup:
        """A status as silhouette and word on its soft colour."""
        word = escape(plain(text))
        css = status_class(status) or "is-off"
        return Markup(
            f'<span class="pill {css}">{self.icon(icon or STATUS_ICONS.get(str(status), "off"))}{word}</span>'
        )

    def verdict(self, rule: Any) -> Markup:
        """What a rule of `judge` says, as silhouette and word; nothing where it has no status."""
        if not isinstance(rule, Mapping) or not status_class(rule.get("status")):
            return Markup("")
        word = escape(rule.get("label") or VERDICTS.get(str(rule["status"]), ""))
        return Markup(
            f'<span class="st st-line {status_class(rule["status"])}">{self.status_icon(rule["status"])}{word}</span>'
        )

    def blank(self, title: Any, text: Any = None, icon: str = "inbox") -> Markup:
        """What a card says where there is nothing to show: one line, and where it would come from."""
        more = f"<p>{escape(text)}</p>" if text else ""
        return Markup(f'<div class="blank">{self.icon(icon)}<strong>{escape(title)}</strong>{more}</div>')


VERDICTS = {"ok": "Good", "warn": "Look at this", "bad": "Bad", "info": "Note", "off": "Off", "live": "Live"}
