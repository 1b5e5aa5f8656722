"""What devices and upstreams say when every text of theirs is a hostile string."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from tests.e2e.hostile_fields import ROUND
from tests.upstream import Reply, Seen, Upstream

# What `answers` puts each of them in.
ANSWERED = """
feed.title feed.link feed.author feed.description atom.title atom.link atom.content calendar.summary calendar.location calendar.description
calendar.url rows.title rows.subtitle rows.url rows.icon rows.status rows.at rows.(key) text xml failure.body failure.heads picture
""".split()
# So many ways to fail has `failure`, so many kinds `picture`.
FAILURES, PICTURES = 8, 6
# No card shows all of them: each widget gets the answer to one part. In the suite most have a card that shows the first of them only.
PARTS = 12 if ROUND else 2


def mixed(value: Any, texts: Iterator[str]) -> Any:
    """The data with every string replaced by the next one."""
    if isinstance(value, dict):
        return {key: mixed(item, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [mixed(item, texts) for item in value]
    return next(texts) if isinstance(value, str) else value


def whole(text: str) -> str:
    """A text without half characters, which no connection lets through as they are."""
    return text.encode("utf-8", "replace").decode()


def messages(n: int, text: str) -> list[tuple[str, Any]]:
    """What devices of several ecosystems send, with the string wherever one can stand."""
    said = {"manufacturer": text, "model": text, "sw_version": text, "configuration_url": text, "suggested_area": text}
    declared = {
        "name": text, "unique_id": f"u{n}", "state_topic": f"ha/{n}/state", "unit_of_measurement": text, "icon": text,
        "device": {"identifiers": [f"ha{n}"], "name": text, **said}, "device_class": text, "entity_picture": text,
    }  # fmt: skip
    exposes = [
        {
            "type": "numeric",
            "name": text,
            "property": "t",
            "label": text,
            "unit": text,
            "description": text,
            "access": 1,
        }
    ]
    bridged = {
        "ieee_address": f"0x{n:016x}", "friendly_name": text or "x", "type": "EndDevice", "model_id": text, "manufacturer": text,
        "definition": {"model": text, "vendor": text, "description": text, "exposes": exposes},
    }  # fmt: skip
    row = {"sensor_type": text[:60], "value": text, "unit": text[:20]}
    return [
        (f"glance/n{n}", {"device_id": f"native-{n}", "name": text[:80], "room": text[:60], "readings": [row, {**row, "sensor_type": "mode"}]}),
        (f"glance/m{n}", {"device_id": text, "readings": [{"sensor_type": "t", "value": n, "unit": text}]}),
        (f"glance/o{n}", {"device_id": f"native-{n}", "sensor_type": "unit", "value": 1.5, "unit": text[:20]}),
        (f"homeassistant/sensor/h{n}/config", declared),
        (f"ha/{n}/state", text.encode("utf-8", "surrogatepass")),
        ("zigbee2mqtt/bridge/devices", [bridged]),
        (f"zigbee2mqtt/{text}", {"t": n, text: text}),
        (f"zigbee2mqtt/{text}/availability", {"state": text}),
        (f"tele/{text}/SENSOR", {"Time": "2026-01-01T00:00:00", text: {"Temperature": 20.5}, "TempUnit": text}),
        (f"shed/{text}/state", {text: text, "t": n}),
        (f"raw/{n}/{text}", text.encode("utf-8", "surrogatepass")),
        (f"shellies/{text}/relay/0", text.encode("utf-8", "surrogatepass")),
    ]  # fmt: skip


def parts(texts: list[str]) -> list[list[str]]:
    """The strings in as many parts as there are widgets for each kind of answer."""
    return [texts[part::PARTS] for part in range(PARTS)]


def answers(upstream: Upstream, texts: list[str]) -> None:
    """Everything an upstream can say, in the shapes that Glance reads, each shape with a part of the strings."""
    plain = [whole(text) for text in texts]
    for part, some in enumerate(parts(texts)):
        _answer_part(upstream, part, [(texts.index(text), whole(text)) for text in some])
    upstream.handle("/fail", lambda seen: failure(seen, plain))
    upstream.handle("/picture", lambda seen: picture(seen, plain))


def failing(upstream: Upstream, number: int, way: int | None = None) -> str:
    """The address that fails with a string, in one of the ways or in another for each string."""
    return upstream.url(f"/fail?n={number}&as={number % FAILURES if way is None else way}")


def fetched(upstream: Upstream, texts: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(type, params) of a widget for each answer; each is asked for a part of the strings."""
    url = upstream.url
    for part, some in enumerate(parts(texts)):
        for kind in range(PICTURES) if ROUND else ("",):
            yield "feed", {"urls": [{"url": url(f"/feed-{part}?as={kind}.")}], "pictures": True, "limit": 200}
        yield "feed", {"urls": [{"url": url(f"/atom-{part}")}], "pictures": True, "limit": 200}
        yield "calendar", {"urls": [{"url": url(f"/calendar-{part}")}], "days": 366}
        yield "table", {"data_source": {"kind": "http", "url": url(f"/rows-{part}")}, "limit": 200}
        yield "list", {"data_source": {"kind": "http", "url": url(f"/rows-{part}")}, "limit": 200}
        yield "stat", {"data_source": {"kind": "http", "url": url(f"/text-{part}"), "format": "text"}}
        yield (
            "table",
            {"data_source": {"kind": "http", "url": url(f"/xml-{part}"), "format": "xml", "pick": {"rows": "l.r"}}},
        )
        checks = [{"name": whole(text)[:80] or "x", "url": failing(upstream, texts.index(text))} for text in some]
        for at in range(0, len(checks) if ROUND else 30, 30):
            yield "services", {"checks": checks[at : at + 30]}


def _answer_part(upstream: Upstream, part: int, numbered: list[tuple[int, str]]) -> None:
    safe = [(n, "".join(c for c in text if c in "\t\n" or c >= " ")) for n, text in numbered]
    upstream.handle(
        f"/feed-{part}",
        lambda seen: Reply(
            200, _rss(upstream, safe, seen.query["as"][0].rstrip(".")), {"Content-Type": "application/rss+xml"}
        ),
    )
    entries = "".join(
        f"<entry><id>{n}</id><title type='html'>{html.escape(t)}</title><link href='{html.escape(t, quote=True)}'/>"
        f"<content type='html'>{html.escape(t)}</content><updated>2026-11-20T08:00:00Z</updated></entry>"
        for n, t in safe
    )
    atom = f"<feed xmlns='http://www.w3.org/2005/Atom'>{entries}</feed>"
    upstream.answer(f"/atom-{part}", atom, content_type="application/atom+xml")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTART:{tomorrow + timedelta(days=n):%Y%m%d}T100000Z\r\nSUMMARY:{_ics(t)}\r\n"
        f"LOCATION:{_ics(t)}\r\nDESCRIPTION:{_ics(t)}\r\nURL:{_ics(t)}\r\nEND:VEVENT\r\n"
        for n, t in safe
    )
    calendar = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-WR-CALNAME:{_ics(safe[1][1])}\r\n{events}END:VCALENDAR\r\n"
    upstream.answer(f"/calendar-{part}", calendar, content_type="text/calendar")
    rows = [{"title": t, "subtitle": t, "url": t, "icon": t, "status": t, "at": t, t[:40]: t} for _, t in numbered]
    upstream.json(f"/rows-{part}", rows)
    upstream.answer(f"/text-{part}", "\n".join(text for _, text in numbered))
    xml = "<l>" + "".join(f"<r><v>{html.escape(t)}</v></r>" for _, t in safe) + "</l>"
    upstream.answer(f"/xml-{part}", xml, content_type="text/xml")


def _rss(upstream: Upstream, numbered: list[tuple[int, str]], kind: str) -> bytes:
    items = "".join(
        f"<item><title>{html.escape(t)}</title><link>{html.escape(t)}</link><author>{html.escape(t)}</author><guid>{n}</guid>"
        f"<pubDate>Fri, 20 Nov 2026 08:00:{n % 60:02d} GMT</pubDate><description>{html.escape(t)}</description>"
        f"<enclosure url='{html.escape(upstream.url(f'/picture?n={n}&as={kind or n % PICTURES}'))}' type='image/png'/></item>"
        for n, t in numbered
    )
    title = html.escape(numbered[0][1])
    return f"<rss version='2.0'><channel><title>{title}</title>{items}</channel></rss>".encode()


def _ics(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n").replace("\r", "")


def _head(text: str) -> str:
    """As much of a text as a header can hold."""
    return "".join(c for c in text if " " <= c < "\x7f")[:1000]


def failure(seen: Seen, texts: list[str]) -> Reply:
    """The way to fail that was asked for, with the string in the body and in every header that could be shown."""
    if not seen.query.keys() >= {"n", "as"}:  # where a redirect to a string leads
        return Reply(404)
    text = texts[int(seen.query["n"][0])]
    raw, head = text.encode(), _head(text)
    said = {
        "Content-Type": head,
        "Retry-After": head,
        "WWW-Authenticate": head,
        "Server": head,
        "ETag": head,
        "Warning": head,
    }
    way = int(seen.query["as"][0])
    if way == 0:
        return Reply(302, raw, {"Location": head})
    if way == 1:
        return Reply(302, raw, {"Location": "http://127.0.0.1:9/" + quote(head)})
    if way == 2:
        return Reply(200, raw, said)
    if way == 3:
        return Reply(200, b"<!doctype html><title>" + raw + b"</title>" + raw, {"Content-Type": "text/html"})
    if way == 4:
        return Reply(200, json.dumps({"error": text, "message": text}).encode(), {"Content-Type": "application/json"})
    return Reply((400, 401, 500)[way - 5], json.dumps({"error": text, "message": text}).encode(), said)


def picture(seen: Seen, texts: list[str]) -> Reply:
    """What comes where a picture should: drawings that run, pages, words, kinds that are none."""
    number = int(seen.query["n"][0])
    text = texts[number]
    drawn = f"<svg xmlns='http://www.w3.org/2000/svg' onload='__h({number})'><script>__h({number})</script><text>{html.escape(text)}</text></svg>"
    kinds = ["image/svg+xml", "text/html", "image/png", "application/javascript", _head(text), ""]
    kind = int(seen.query["as"][0])
    return Reply(200, (drawn if kind % 2 else text).encode(), {"Content-Type": kinds[kind]})
