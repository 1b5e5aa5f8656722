"""Feeds from a real server: every format, partial failure, order, and what a hostile feed may not do."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glance import feeds
from glance.errors import FetchError
from glance.feeds import MAX_ENTRIES, parse_feed
from glance.outbound import Outbound
from glance.plaintext import cut, plain
from glance.sources import NOT_MODIFIED, feed
from tests.source_io import NOW, source_io
from tests.upstream import Reply, Upstream, refused_port

FEEDS = Path(__file__).parent / "data" / "feeds"
TYPES = {".xml": "application/xml", ".json": "application/feed+json", ".html": "text/html; charset=utf-8"}


@pytest.fixture
def up() -> Iterator[Upstream]:
    with Upstream() as server:
        for file in FEEDS.iterdir():
            server.answer(f"/{file.name}", file.read_bytes(), headers={"Content-Type": TYPES[file.suffix]})
        yield server


def get(outbound: Outbound, *urls: Any, previous: Any = None, now: float = NOW, **source: Any) -> Any:
    return feed.fetch({"kind": "feed", "urls": list(urls), **source}, source_io(outbound, previous=previous, now=now))


def rss(*items: str) -> bytes:
    return f"<rss version='2.0'><channel><title>T</title>{''.join(items)}</channel></rss>".encode()


def test_an_rss_feed_becomes_articles_with_absolute_addresses(up: Upstream, outbound: Outbound) -> None:
    answer = get(outbound, up.url("/rss2.xml"))
    assert answer["feeds"] == [
        {"url": up.url("/rss2.xml"), "title": "Storage Notes", "ok": True, "error": None, "count": 4}
    ]
    assert answer["items"][0] == {
        "title": "Block cloning, two years on",
        "url": "https://storage.example/cloning?utm_source=rss",
        "published": 1795069800.0,
        "source": "Storage Notes",
        "feed": 0,
        "summary": "What changed in practice & why.",
        "image": "https://storage.example/pictures/clone.jpg",
        "author": "A. Writer",
    }


def test_newest_come_first_then_the_far_future_and_the_undated_last(up: Upstream, outbound: Outbound) -> None:
    titles = [item["title"] for item in get(outbound, up.url("/rss2.xml"))["items"]]
    assert titles == ["Block cloning, two years on", "Old one", "From the future", "Undated & short"]


def test_a_date_a_few_hours_ahead_counts_as_now(up: Upstream, outbound: Outbound) -> None:
    up.answer(
        "/soon",
        rss(
            "<item><title>now</title><link>https://a.example/1</link><pubDate>Thu, 19 Nov 2026 11:00:00 GMT</pubDate></item>",
            "<item><title>soon</title><link>https://a.example/2</link><pubDate>Thu, 19 Nov 2026 15:00:00 GMT</pubDate></item>",
        ),
    )
    assert [item["title"] for item in get(outbound, up.url("/soon"))["items"]] == ["soon", "now"]


@pytest.mark.parametrize(
    ("name", "title", "first", "published"),
    [
        ("rss1.xml", "Wire Protocol", "Retained messages", 1795003200.0),
        ("atom.xml", "Low Watt Lab", "Three nodes on 35 watts", 1795075200.0),
        ("feed.json", "Small Databases", "Upgrade notes", 1794812400.0),
        ("broken.xml", "Broken & bent", "First & only", 1794704400.0),
    ],
)
def test_every_format_is_read(
    up: Upstream, outbound: Outbound, name: str, title: str, first: str, published: float
) -> None:
    answer = get(outbound, up.url(f"/{name}"))
    assert answer["feeds"][0]["title"] == title
    assert (answer["items"][0]["title"], answer["items"][0]["published"]) == (first, published)


def test_a_date_without_a_zone_is_utc_and_a_relative_link_follows_the_feeds_base() -> None:
    old = parse_feed((FEEDS / "rss2.xml").read_bytes(), "", "https://storage.example/feed").entries[2]
    assert old.published == 1793613600.0
    assert old.image == "https://storage.example/old.png"
    atom = parse_feed((FEEDS / "atom.xml").read_bytes(), "", "http://elsewhere.example/").entries
    assert atom[0].url == "https://lab.example/blog/three-nodes"
    assert atom[1].summary == "One. Two."


def test_a_json_feed_may_lack_titles_and_zones() -> None:
    second = parse_feed((FEEDS / "feed.json").read_bytes(), "", "https://db.example/feed.json").entries[1]
    assert (second.title, second.url, second.published) == ("A short note without a title", None, 1794726000.0)


def test_one_failing_feed_is_named_and_the_others_show(up: Upstream, outbound: Outbound) -> None:
    up.answer("/gone", b"", status=404)
    answer = get(outbound, up.url("/atom.xml"), {"url": up.url("/gone"), "title": "Gone"})
    assert len(answer["items"]) == 2
    assert [line["ok"] for line in answer["feeds"]] == [True, False]
    assert answer["feeds"][1]["title"] == "Gone"
    assert "404" in answer["feeds"][1]["error"]


def test_a_failing_feed_keeps_its_former_articles(up: Upstream, outbound: Outbound) -> None:
    urls = (up.url("/atom.xml"), up.url("/rss1.xml"))
    before = get(outbound, *urls)
    up.answer("/rss1.xml", b"no", status=500)
    after = get(outbound, *urls, previous=before)
    assert [item["title"] for item in after["items"]] == [item["title"] for item in before["items"]]
    assert after["feeds"][1]["title"] == "Wire Protocol"
    assert after["feeds"][1]["ok"] is False


def test_all_feeds_failing_is_a_failed_fetch_with_the_first_reason(outbound: Outbound) -> None:
    urls = [f"http://127.0.0.1:{refused_port()}/feed" for _ in range(2)]
    with pytest.raises(FetchError, match=r"None of the 2 feeds came\. .*refused") as caught:
        get(outbound, *urls)
    assert caught.value.kind == "refused"


def test_a_single_failing_feed_speaks_for_itself(up: Upstream, outbound: Outbound) -> None:
    up.answer("/busy", b"", status=429, headers={"Retry-After": "120"})
    with pytest.raises(FetchError) as caught:
        get(outbound, up.url("/busy"))
    assert caught.value.http_status == 429
    assert caught.value.retry_after_s == pytest.approx(120, abs=2)


def test_a_feed_that_hangs_does_not_hold_the_others(up: Upstream, outbound: Outbound) -> None:
    up.hang("/hang")
    answer = get(outbound, up.url("/hang"), up.url("/atom.xml"), timeout=0.5)
    assert [line["ok"] for line in answer["feeds"]] == [False, True]
    assert len(answer["items"]) == 2


def test_a_web_page_is_told_apart_and_its_feed_named(up: Upstream, outbound: Outbound) -> None:
    with pytest.raises(FetchError, match="web page, not a feed") as caught:
        get(outbound, up.url("/page.html"))
    assert up.url("/feed.xml?a=1&b=2") in caught.value.sentence


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "answered with nothing"),
        (b"{", "broken JSON"),
        (b'{"items": []}', "not a JSON Feed"),
        (b"plain words", "not a feed"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not a feed"),
    ],
)
def test_what_is_no_feed_is_a_sentence(body: bytes, sentence: str) -> None:
    with pytest.raises(FetchError, match=sentence) as caught:
        parse_feed(body, "application/xml", "https://site.example/feed")
    assert caught.value.kind == "format"
    assert "site.example" in caught.value.sentence


def test_a_hostile_feed_gives_no_address_that_runs_and_no_markup(up: Upstream, outbound: Outbound) -> None:
    items = get(outbound, up.url("/hostile.xml"))["items"]
    assert [item["url"] for item in items] == [None, None, "https://pics.example/ok.png"]
    assert items[0]["summary"] == "Before aftertxt"
    assert items[0]["author"] == "Eve"
    assert items[1]["image"] is None


def test_a_public_feed_cannot_point_pictures_at_the_home_network() -> None:
    assert not feed._may_show("http://192.168.1.1/reboot", "https://blog.example/feed")
    assert not feed._may_show("http://router.lan/x.png", "https://blog.example/feed")
    assert feed._may_show("http://media.lan/x.png", "http://media.lan/feed")
    assert feed._may_show("https://pics.example/x.png", "https://blog.example/feed")


def test_entities_of_a_feed_are_not_expanded_and_no_file_is_read() -> None:
    title = parse_feed((FEEDS / "entities.xml").read_bytes(), "", "https://e.example/").entries[0].title
    assert len(title) < 100
    assert "root:" not in title


def test_an_article_in_two_feeds_shows_once(up: Upstream, outbound: Outbound) -> None:
    up.answer("/a", rss("<item><title>x</title><link>https://www.n.example/1?utm_source=a</link></item>"))
    up.answer("/b", rss("<item><title>x</title><link>http://n.example/1/#top</link></item>"))
    assert len(get(outbound, up.url("/a"), up.url("/b"))["items"]) == 1


def test_equal_ids_in_two_feeds_are_two_articles(up: Upstream, outbound: Outbound) -> None:
    for name in ("a", "b"):
        item = (
            f"<item><title>{name}</title><guid isPermaLink='false'>1</guid><link>https://{name}.example/</link></item>"
        )
        up.answer(f"/{name}", rss(item, item.replace("/</link>", "/again</link>")))
    assert len(get(outbound, up.url("/a"), up.url("/b"))["items"]) == 2


def test_limits_hold_for_one_feed_and_for_all(up: Upstream, outbound: Outbound) -> None:
    answer = get(outbound, {"url": up.url("/rss2.xml"), "limit": 1}, up.url("/atom.xml"), limit="2")
    assert [item["source"] for item in answer["items"]] == ["Low Watt Lab", "Storage Notes"]


def test_an_unchanged_feed_answers_not_modified(up: Upstream, outbound: Outbound) -> None:
    body = (FEEDS / "atom.xml").read_bytes()

    def handler(request: Any) -> Reply:
        if request.headers.get("if-none-match") == '"v1"':
            return Reply(status=304, headers={"ETag": '"v1"'})
        return Reply(body=body, headers={"ETag": '"v1"', "Content-Type": "application/xml"})

    up.handle("/tagged", handler)
    first = get(outbound, up.url("/tagged"))
    assert get(outbound, up.url("/tagged"), previous=first) is NOT_MODIFIED
    assert len(get(outbound, up.url("/tagged"))["items"]) == 2


def test_headers_and_logins_are_sent_and_never_shown(up: Upstream, outbound: Outbound) -> None:
    entry = {
        "url": up.url("/atom.xml?key=s3cret"),
        "headers": [{"name": "X-Key", "value": "v"}],
        "auth": {"kind": "basic", "username": "u", "password": "p"},
    }
    answer = feed.fetch({"urls": [entry]}, source_io(outbound, secrets=("s3cret",)))
    assert up.last("/atom.xml").headers["x-key"] == "v"
    assert up.last("/atom.xml").headers["authorization"].startswith("Basic ")
    assert "s3cret" not in str(answer)


def test_addresses_may_be_lines_of_text(up: Upstream, outbound: Outbound) -> None:
    text = f"{up.url('/atom.xml')}\n\nfeed:{up.url('/rss1.xml')}\n"
    assert [line["title"] for line in get_text(outbound, text)["feeds"]] == ["Low Watt Lab", "Wire Protocol"]


def get_text(outbound: Outbound, urls: str) -> Any:
    return feed.fetch({"urls": urls}, source_io(outbound))


@pytest.mark.parametrize(
    ("urls", "sentence"),
    [
        ([], "No feed address"),
        (["file:///etc/passwd"], "must begin with https"),
        ([{"title": "no address"}], "must begin with https"),
        (["https://a.example/"] * 41, "too many"),
    ],
)
def test_addresses_that_make_no_sense_are_a_sentence(outbound: Outbound, urls: list[Any], sentence: str) -> None:
    with pytest.raises(FetchError, match=sentence):
        get(outbound, *urls)


def test_html_becomes_plain_text() -> None:
    assert plain("<p>One<br>two</p><ul><li>three</li></ul>").text == "One two three"
    assert plain("a <script>b</script><style>c</style> d &lt;e&gt;").text == "a d <e>"
    assert plain("<div onclick='x'>open <b>unclosed").text == "open unclosed"
    assert cut("word " * 100, 20) == "word word word word…"


_HEAD = b'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>'
_ITEM = b"<item><title>t</title><link>http://host/1</link></item>"
_TAIL = b"</channel></rss>"
_MANY = b" ".join(b'a%d="1"' % number for number in range(20_000))


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (_HEAD + b"<a>" * 60_000 + b"</a>" * 60_000 + _TAIL, "", "tags"),
        (_HEAD + b"<a>" * 200 + b"</a>" * 200 + _TAIL, "", "100 deep"),
        (_HEAD + b"<a>" * 200, "", "100 deep"),
        (_HEAD + b"<item " + _MANY + b"/>" + _TAIL, "", "attributes"),
        (_HEAD + b"<item " + _MANY.replace(b'"1"', b"'>'") + b"/>" + _TAIL, "", "attributes"),
        (_HEAD.replace(b"<", b"+ADw-") + _TAIL, "text/xml; charset=utf-7", "utf-7"),
        (_HEAD.replace(b'"1.0"', b'"1.0" encoding="unicode_escape"') + rb"\x3citem>" + _TAIL, "", "unicode_escape"),
        ((_HEAD + b"<a>" * 200 + _TAIL).decode().encode("utf-16"), "", "100 deep"),
        (_HEAD + b"\0\xd8" + _TAIL, "", "zero bytes"),
        (_HEAD + b"\0 " + _TAIL, "", "zero bytes"),
    ],
)
def test_a_feed_that_would_keep_the_parser_busy_never_reaches_it(
    body: bytes, kind: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedparser.parse", lambda *_args, **_more: pytest.fail("the parser was asked"))
    with pytest.raises(FetchError, match=says) as caught:
        parse_feed(body, kind, "http://host/feed")
    assert caught.value.kind == "format"


_QUOTES = b'encoding="' * 20_000


@pytest.mark.parametrize(
    ("body", "author"),
    [
        (_HEAD + b"<item><title>t</title><author>" + b"a" * 1_000_000 + b"</author></item>" + _TAIL, "a" * 99),
        (
            _HEAD + b"<item><title>t</title><author>Ann (ann@lan.example)</author></item>" + _TAIL,
            "Ann (ann@lan.example)",
        ),
        (_HEAD.replace(b"?>", b"?>" + b"\n \n" * 300_000) + b"<item><title>t</title></item>" + _TAIL, None),
        (_HEAD + b"<item><title>t</title><x>" + _QUOTES + b"</x></item>" + _TAIL, None),
        (_HEAD.replace(b"?>", b"?> <!-- a > b -->") + b"<item><title>t</title></item>" + _TAIL, None),
    ],
    ids=["long author", "author with an address", "empty lines", "quotes in the first line", "comment"],
)
def test_what_the_parser_would_take_the_square_of_is_cut_short(body: bytes, author: str | None) -> None:
    wide = body.replace(b'"1.0"', b'"1.0" encoding="utf-16"', 1).decode().encode("utf-16")
    for form in (body, body.replace(b"\n", b" "), wide):
        (entry,) = parse_feed(form, "", "http://host/feed").entries
        assert entry.title == "t"
        assert (entry.author or "").rstrip("…") == (author or "")


@pytest.mark.parametrize("sign", [b"\n<!ENTITY a", b"<!-- -->\n", b"<?a ?>"])
def test_what_stands_before_a_feed_has_an_end(sign: bytes) -> None:
    with pytest.raises(FetchError, match="before its first element"):
        parse_feed(_HEAD.replace(b"?>", b"?>" + sign * 100_000) + _TAIL, "", "http://host/feed")
    with pytest.raises(FetchError, match="before its first element"):
        parse_feed(
            b"<?xml " + b'encoding="a" ' * 100 + b"?>" + _HEAD.partition(b"?>")[2] + _TAIL, "", "http://host/feed"
        )


@pytest.mark.parametrize("past", ["its own time", "the deadline"])
def test_a_feed_that_takes_too_long_is_given_up_and_says_so(past: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.feeds.MAX_WORK_S", 0.2 if past == "its own time" else 600.0)
    many = b"".join(b"<category>%d</category>" % number for number in range(40_000))
    deadline = math.inf if past == "its own time" else time.monotonic()
    with pytest.raises(FetchError, match="takes too long") as caught:
        parse_feed(_HEAD + b"<item>" + many + b"</item>" + _TAIL, "", "http://host/feed", deadline)
    assert caught.value.kind == "timeout"


@pytest.mark.parametrize("number", [MAX_ENTRIES - 1, MAX_ENTRIES, MAX_ENTRIES + 1, 60_000])
def test_of_very_many_articles_the_first_are_read(number: int) -> None:
    odd = b"<item><title>odd</title><description><![CDATA[<item><entry>" + b"<b>" * 50 + b"]]></description></item>"
    feed = parse_feed(_HEAD + odd + _ITEM * (number - 1) + _TAIL, "", "http://host/feed")
    assert len(feed.entries) == min(number, MAX_ENTRIES)
    assert (feed.title, feed.entries[0].title, feed.entries[-1].title) == ("x", "odd", "t")


def test_what_only_looks_like_a_page_takes_no_time() -> None:
    for body in (b"<!---->" * 400 + b"x", b"<html>" + b"<link " * 10_000):
        began = time.thread_time()
        with pytest.raises(FetchError):
            parse_feed(body, "text/html", "http://host/")
        assert time.thread_time() - began < 10


def test_a_picture_whose_address_is_none_is_no_picture() -> None:
    entry = {"media_content": [{"url": "http://["}, {"url": "https://a.example/x.png"}]}
    assert feeds._picture(entry, "https://a.example/feed") == "https://a.example/x.png"
