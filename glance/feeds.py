"""RSS 2.0, RSS 1.0, Atom and JSON Feed 1.1 read into one form, as plain text and absolute http addresses."""

from __future__ import annotations

import calendar
import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from glance.addresses import host_of, split_address, web_address
from glance.errors import FetchError
from glance.feed_limits import bounded, short_authors
from glance.plaintext import Plain, cut, plain, tidy
from glance.worktime import OutOfTime, at_most

TITLE_CHARS = 300
SUMMARY_CHARS = 300
MAX_ENTRIES = 500
# Of one thread's own time: a feed of 500 articles takes a tenth of it on a small computer.
MAX_WORK_S = 5.0

_HTML_START = re.compile(
    rb"^\s*+(?:<!--(?:(?!-->).)*+-->\s*+)*+<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_FEED_LINK = re.compile(r"<link\b[^<>]*type\s*=\s*[\"']application/(?:rss\+xml|atom\+xml|feed\+json)[\"'][^<>]*>", re.I)
_HREF = re.compile(r"href\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
_PICTURE_PATH = re.compile(r"\.(png|jpe?g|gif|webp|avif)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One article: `id` is the feed's own (or ""), `published` Unix seconds or None, addresses absolute or None."""

    id: str
    title: str
    url: str | None
    published: float | None
    summary: str
    image: str | None
    author: str | None


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed's title (may be "") and its entries in its own order."""

    title: str
    entries: tuple[Entry, ...]


def parse_feed(body: bytes, content_type: str, url: str, deadline: float = math.inf) -> Feed:
    """Read a feed that came from `url`; FetchError(kind="format") with a sentence where it is none, kind="timeout" where that takes
    more than MAX_WORK_S of this thread's own time, or goes on past the deadline (monotonic)."""
    try:
        with at_most(MAX_WORK_S, deadline):
            return _read(body, content_type, url)
    except OutOfTime as error:
        raise FetchError(f"The feed of {host_of(url)} takes too long to read.", kind="timeout") from error


def _read(body: bytes, content_type: str, url: str) -> Feed:
    head = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    host = host_of(url)
    if not head:
        raise FetchError(f"{host} answered with nothing.", kind="format")
    if head.startswith(b"{"):
        return _json_feed(body, url, host)
    # feedparser costs 4 MB and 30 ms: only where a feed is read
    import feedparser
    import feedparser.mixin

    short_authors(feedparser.mixin._FeedParserMixin)
    # a stream, never the bytes themselves: feedparser would take them for the name of a file to open
    parsed = feedparser.parse(
        io.BytesIO(bounded(body, content_type, host, MAX_ENTRIES)),
        response_headers={"content-type": content_type, "content-location": url},
        # addresses inside of HTML are made absolute below, where one is used at all
        resolve_relative_uris=False,
        sanitize_html=False,
    )
    if not parsed.get("version") and not parsed.entries:
        raise FetchError(_not_a_feed(head, url, host), kind="format")
    base = web_address(_text(parsed.feed, "link"), url) or url
    entries = (_entry(entry, base) for entry in parsed.entries[:MAX_ENTRIES])
    return Feed(_title(parsed.feed), tuple(entry for entry in entries if entry.title or entry.url))


def _not_a_feed(head: bytes, url: str, host: str) -> str:
    """What came instead, and where the feed is if the page says so."""
    if not _HTML_START.match(head[:4000]):
        return f"{host} answered with something that is not a feed (RSS, Atom or JSON Feed)."
    link = _FEED_LINK.search(head[:200_000].decode("utf-8", "replace"))
    href = _HREF.search(link.group(0)) if link else None
    found = web_address(href.group(1).replace("&amp;", "&"), url) if href else None
    if found:
        return f"{host} answered with a web page, not a feed. The page names its feed: {cut(found, 200)}"
    return f"{host} answered with a web page, not a feed. Look there for its RSS or Atom address."


# ---- RSS and Atom, as feedparser reads them


def _text(source: Mapping[str, Any], *names: str) -> str:
    """The first of the named values that is a non-empty string."""
    for name in names:
        value = source.get(name)
        if isinstance(value, str) and value.strip():
            return value
    return ""


def _title(source: Mapping[str, Any]) -> str:
    """A title as text, by the type that feedparser found for it."""
    raw = _text(source, "title")
    detail = source.get("title_detail") or {}
    text = tidy(raw) if detail.get("type") == "text/plain" else plain(raw).text
    return cut(text, TITLE_CHARS)


def _entry(entry: Any, base: str) -> Entry:
    """One entry of feedparser's."""
    body = _body(entry)
    title = _title(entry) or cut(body.text, 80)
    return Entry(
        id=tidy(_text(entry, "id"))[:500],
        title=title,
        url=web_address(_text(entry, "link"), base) or _enclosure(entry, base),
        published=_date(entry),
        summary="" if body.text == title else cut(body.text, SUMMARY_CHARS),
        image=_picture(entry, base) or web_address(body.image or "", base),
        author=cut(plain(_text(entry, "author")).text, 100) or None,
    )


def _body(entry: Any) -> Plain:
    """The summary, or the content where there is none; the picture of whichever has one."""
    contents = [part.get("value") or "" for part in entry.get("content") or []]
    read = [plain(text) for text in (_text(entry, "summary"), *contents) if text]
    text = next((part.text for part in read if part.text), "")
    return Plain(text, next((part.image for part in read if part.image), None))


def _date(entry: Any) -> float | None:
    """When it was published, else updated, else created; without a zone it counts as UTC."""
    for name in ("published", "updated", "created"):
        # `in` first: only asking for a missing `updated` makes feedparser warn
        moment = entry[f"{name}_parsed"] if f"{name}_parsed" in entry else None
        written = entry[name] if name in entry else None
        try:
            if moment:
                return float(calendar.timegm(moment))
            if written:
                return _written(written)
        except (TypeError, ValueError, OverflowError):
            continue
    return None


def _written(text: str) -> float:
    """Unix seconds of a date that feedparser does not read, such as an RFC 822 one without a zone; ValueError."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _enclosure(entry: Any, base: str) -> str | None:
    """The first attached file, for podcasts whose entries have no page."""
    links = entry.get("links") or []
    return next((web_address(link.get("href") or "", base) for link in links if link.get("rel") == "enclosure"), None)


def _picture(entry: Any, base: str) -> str | None:
    """The entry's own picture: media:thumbnail, media:content, itunes:image or an attached picture."""
    candidates = [part.get("url") or "" for part in entry.get("media_thumbnail") or []]
    for part in entry.get("media_content") or []:
        kind = f"{part.get('medium') or ''} {part.get('type') or ''}"
        address = part.get("url") or ""
        if "image" in kind or (not kind.strip() and _PICTURE_PATH.search(split_address(address).path)):
            candidates.append(address)
    image = entry.get("image")
    if isinstance(image, Mapping):
        candidates.append(_text(image, "href", "url"))
    for link in entry.get("links") or []:
        if link.get("rel") == "enclosure" and str(link.get("type") or "").startswith("image/"):
            candidates.append(link.get("href") or "")
    return next((found for found in (web_address(text, base) for text in candidates) if found), None)


# ---- JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)


def _json_feed(body: bytes, url: str, host: str) -> Feed:
    """Read a JSON Feed; FetchError where the JSON is broken or something else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FetchError(f"{host} answered with broken JSON instead of a feed.", kind="format") from error
    items = document.get("items")
    if not isinstance(items, list) or "jsonfeed.org/version/" not in str(document.get("version")):
        raise FetchError(f"{host} answered with JSON that is not a JSON Feed.", kind="format")
    base = web_address(_text(document, "home_page_url"), url) or url
    entries = (_json_entry(item, base) for item in items[:MAX_ENTRIES] if isinstance(item, dict))
    title = cut(tidy(_text(document, "title")), TITLE_CHARS)
    return Feed(title, tuple(entry for entry in entries if entry.title or entry.url))


def _json_entry(item: dict[str, Any], base: str) -> Entry:
    """One item of a JSON Feed."""
    body = plain(_text(item, "content_html"))
    text = tidy(_text(item, "summary", "content_text")) or body.text
    title = cut(tidy(_text(item, "title")), TITLE_CHARS) or cut(text, 80)
    authors = item.get("authors") if isinstance(item.get("authors"), list) else [item.get("author")]
    names = [tidy(_text(author, "name")) for author in authors or [] if isinstance(author, dict)]
    return Entry(
        id=tidy(str(item.get("id") or ""))[:500],
        title=title,
        url=web_address(_text(item, "url", "external_url"), base),
        published=_json_date(item),
        summary="" if text == title else cut(text, SUMMARY_CHARS),
        image=web_address(_text(item, "image", "banner_image") or body.image or "", base),
        author=cut(", ".join(name for name in names if name), 100) or None,
    )


def _json_date(item: dict[str, Any]) -> float | None:
    """When it was published, else modified (RFC 3339); None where neither can be read."""
    for name in ("date_published", "date_modified"):
        try:
            return _written(_text(item, name))
        except (ValueError, OverflowError):
            continue
    return None
