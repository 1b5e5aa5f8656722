"""Feeds: the newest articles of one or more RSS, Atom or JSON feeds.

Answer: `{items: [{title, url, published, source, feed, summary, image, author}],
feeds: [{url, title, ok, error, count}]}`. `published` is Unix seconds or null, `feed` the position in `feeds`,
`image` an absolute address or null (cards show it through `image_url`). Newest first; what is dated more than a day
ahead comes after the rest, what has no date last of all. A feed that fails keeps the articles of the last good answer
and says why in `feeds`; only where all fail is the fetch a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from glance.addresses import comparable, host_of, is_own_network, shown, typed_address
from glance.errors import FetchError
from glance.feeds import Entry, Feed, parse_feed
from glance.fields import headers, listed, mapping, number, whole
from glance.outbound import lane as lane_of
from glance.parallel import Outcome, run_all
from glance.sources import NOT_MODIFIED, SourceIO

KIND = "feed"
FETCHES = True
PICKABLE = True

MAX_FEEDS = 40
DEFAULT_LIMIT = 20
MAX_LIMIT = 200
DEFAULT_TIMEOUT_S = 10.0
FUTURE_S = 86_400.0

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["urls"],
    "properties": {
        "urls": {
            "type": ["array", "string"],
            "items": {
                "anyOf": [
                    {"type": "string"},
                    {
                        "type": "object",
                        "required": ["url"],
                        "properties": {
                            "url": {"type": "string"},
                            "title": {"type": "string"},
                            "limit": {"type": ["integer", "string"]},
                            "headers": {"type": ["object", "array", "string", "null"]},
                            "auth": {"type": ["object", "string", "null"]},
                            "tls": {"type": ["object", "string", "null"]},
                        },
                    },
                ]
            },
        },
        "limit": {"type": ["integer", "string"]},
        "timeout": {"type": ["number", "string"]},
    },
}
FORM: dict[str, Any] = {
    "type": "object",
    "required": ["urls"],
    "properties": {
        "urls": {
            "type": "array",
            "title": "Feed addresses",
            "minItems": 1,
            "maxItems": MAX_FEEDS,
            "items": {"type": "string", "format": "uri"},
        },
        "limit": {"type": "integer", "title": "Articles", "default": DEFAULT_LIMIT, "minimum": 1, "maximum": MAX_LIMIT},
    },
}

_ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One feed as the owner asked for it."""

    url: str
    title: str
    limit: int
    headers: Mapping[str, str]
    auth: Mapping[str, Any] | None
    tls: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Got:
    """What one feed answered; `unchanged` where the upstream said that nothing is new."""

    feed: Feed
    unchanged: bool


def deadline_s(source: Mapping[str, Any]) -> float:
    """The time limit of a single feed and a little for reading it."""
    return number(source.get("timeout"), DEFAULT_TIMEOUT_S, 0.5, 28.0) + 2.0


def lane(source: Mapping[str, Any]) -> str | None:
    """The host of a single address; several burden none alone."""
    entries = listed(source.get("urls"))
    first = entries[0] if len(entries) == 1 else None
    url = first.get("url") if isinstance(first, Mapping) else first
    return lane_of(typed_address(str(url or ""), instead="feed"))


def fetch(source: Mapping[str, Any], io: SourceIO) -> Any:
    """Fetch all feeds side by side; FetchError where none of them gave articles."""
    limit = whole(source.get("limit"), DEFAULT_LIMIT, 1, MAX_LIMIT)
    wanted = _wanted(source.get("urls"), limit)
    timeout_s = number(source.get("timeout"), DEFAULT_TIMEOUT_S, 0.5, 28.0)
    outcomes = run_all([partial(_get, feed, timeout_s, io) for feed in wanted], io.deadline, name="feed")
    if all(outcome.error for outcome in outcomes):
        raise _none_came([outcome.error for outcome in outcomes if outcome.error])
    if _nothing_new(outcomes, io.previous):
        return NOT_MODIFIED
    now = io.now()
    facts = [
        _facts(feed, outcome, index, io) for index, (feed, outcome) in enumerate(zip(wanted, outcomes, strict=True))
    ]
    found: list[tuple[str, dict[str, Any]]] = []
    for index, (feed, outcome) in enumerate(zip(wanted, outcomes, strict=True)):
        if outcome.value is not None:
            found += _items(outcome.value.feed, feed, index, str(facts[index]["title"]), now)
        else:
            found += [("", item) for item in _former_items(io.previous, index)]
    items = sorted(_once(found), key=lambda item: _order(item, now), reverse=True)
    return {"items": items[:limit], "feeds": facts}


def _get(wanted: _Wanted, timeout_s: float, io: SourceIO) -> _Got:
    """Fetch and read one feed."""
    response = io.http.request(
        "GET",
        wanted.url,
        headers={"Accept": _ACCEPT, **wanted.headers},
        auth=wanted.auth,
        tls=wanted.tls,
        timeout_s=timeout_s,
    )
    # header names come in the upstream's own case
    kind = next((value for name, value in response.headers.items() if name.lower() == "content-type"), "")
    return _Got(parse_feed(response.body, kind, response.url or wanted.url, io.deadline), response.not_modified)


def _nothing_new(outcomes: list[Outcome[_Got]], previous: Any) -> bool:
    """True where every feed is unchanged and the last answer has them all."""
    if not isinstance(previous, dict) or not all(outcome.value and outcome.value.unchanged for outcome in outcomes):
        return False
    feeds = previous.get("feeds")
    return isinstance(feeds, list) and len(feeds) == len(outcomes) and all(feed.get("ok") for feed in feeds)


def _facts(wanted: _Wanted, outcome: Outcome[_Got], index: int, io: SourceIO) -> dict[str, Any]:
    """The line about one feed: how it went and how many articles it has."""
    former = _former_feed(io.previous, index)
    host = host_of(wanted.url)
    found = outcome.value.feed if outcome.value else None
    title = wanted.title or (found.title if found else former.get("title")) or host
    return {
        "url": shown(wanted.url, io.secrets),
        "title": title,
        "ok": found is not None,
        "error": outcome.error.sentence if outcome.error else None,
        "count": len(found.entries) if found else 0,
    }


def _items(feed: Feed, wanted: _Wanted, index: int, source: str, now: float) -> Iterable[tuple[str, dict[str, Any]]]:
    """The newest articles of one feed with the feed's own id of each."""
    made = [(entry.id, _item(entry, wanted, index, source)) for entry in feed.entries]
    made.sort(key=lambda pair: _order(pair[1], now), reverse=True)
    return made[: wanted.limit]


def _item(entry: Entry, wanted: _Wanted, index: int, source: str) -> dict[str, Any]:
    """One article as the answer shows it."""
    image = entry.image if entry.image and _may_show(entry.image, wanted.url) else None
    return {
        "title": entry.title or "Untitled",
        "url": entry.url,
        "published": entry.published,
        "source": source,
        "feed": index,
        "summary": entry.summary,
        "image": image,
        "author": entry.author,
    }


def _once(found: Iterable[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Each article once: by address over all feeds, by the feed's own id within one feed."""
    seen: set[tuple[Any, ...]] = set()
    kept = []
    for own_id, item in found:
        keys: set[tuple[Any, ...]] = set()
        if own_id:
            keys.add(("id", item["feed"], own_id))
        if item["url"]:
            keys.add(("url", comparable(item["url"])))
        if not keys:
            keys.add(("text", item["feed"], item["title"], item["published"]))
        if not keys & seen:
            kept.append(item)
        seen |= keys
    return kept


def _order(item: Mapping[str, Any], now: float) -> tuple[int, float]:
    """Sort key, biggest first: dated, then far ahead of now (scheduled or wrongly dated), then undated."""
    published = item["published"]
    if published is None:
        return (0, 0.0)
    if published > now + FUTURE_S:
        return (1, -published)
    return (2, min(published, now))


def _former_feed(previous: Any, index: int) -> Mapping[str, Any]:
    """What the last good answer said of this feed."""
    feeds = previous.get("feeds") if isinstance(previous, dict) else None
    return feeds[index] if isinstance(feeds, list) and index < len(feeds) else {}


def _former_items(previous: Any, index: int) -> list[dict[str, Any]]:
    """The articles that the last good answer had of this feed."""
    items = previous.get("items") if isinstance(previous, dict) else None
    return [item for item in items or [] if isinstance(item, dict) and item.get("feed") == index]


def _none_came(errors: list[FetchError]) -> FetchError:
    """One error for all: the first one's sentence and kind, the longest wait that any of them asks for."""
    first = errors[0]
    sentence = first.sentence if len(errors) == 1 else f"None of the {len(errors)} feeds came. {first.sentence}"
    waits = [error.retry_after_s for error in errors if error.retry_after_s is not None]
    status = first.http_status if len(errors) == 1 else None
    return FetchError(sentence, kind=first.kind, http_status=status, retry_after_s=max(waits) if waits else None)


# ---- what the owner wrote


def _wanted(urls: Any, limit: int) -> list[_Wanted]:
    """The feeds asked for: a list of addresses or mappings, or text with an address on each line."""
    entries = listed(urls)
    if not entries:
        raise FetchError("No feed address is set. Add at least one.", kind="source")
    if len(entries) > MAX_FEEDS:
        raise FetchError(f"{len(entries)} feeds are too many for one widget; the limit is {MAX_FEEDS}.", kind="source")
    return [_one_wanted(entry if isinstance(entry, dict) else {"url": entry}, limit) for entry in entries]


def _one_wanted(entry: Mapping[str, Any], limit: int) -> _Wanted:
    """One feed asked for."""
    url = typed_address(str(entry.get("url") or ""), instead="feed")
    if url is None:
        raise FetchError("A feed address must begin with https:// or http://.", kind="source")
    return _Wanted(
        url=url,
        title=str(entry.get("title") or "").strip()[:100],
        limit=whole(entry.get("limit"), limit, 1, MAX_LIMIT),
        headers=headers(entry.get("headers")),
        auth=mapping(entry.get("auth")),
        tls=mapping(entry.get("tls")),
    )


def _may_show(image: str, feed: str) -> bool:
    """False where a feed of the public web names a picture in the owner's own network."""
    return not is_own_network(image) or is_own_network(feed)
