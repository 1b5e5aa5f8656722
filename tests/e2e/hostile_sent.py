"""What devices and upstreams say when every text of theirs is a hostile string."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from tests.upstream import Reply, Seen, Upstream

# What `answers` puts each of them in.
ANSWERED = """
feed.title feed.link feed.author feed.description atom.title atom.link atom.content calendar.summary calendar.location calendar.description
calendar.url rows.title rows.subtitle rows.url rows.icon rows.status rows.at rows.(key) text xml failure.body failure.heads picture
""".split()


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


def answers(upstream: Upstream, texts: list[str]) -> None:
    """Everything an upstream can say, in the shapes that Glance reads."""
    plain = [whole(text) for text in texts]
    safe = ["".join(c for c in text if c in "\t\n" or c >= " ") for text in plain]
    items = "".join(
        f"<item><title>{html.escape(t)}</title><link>{html.escape(t)}</link><author>{html.escape(t)}</author><guid>{n}</guid>"
        f"<pubDate>Fri, 20 Nov 2026 08:00:{n % 60:02d} GMT</pubDate>"
        f"<description>{html.escape(t)}</description><enclosure url='{html.escape(upstream.url(f'/picture?n={n}'))}' type='image/png'/></item>"
        for n, t in enumerate(safe)
    )
    rss = f"<rss version='2.0'><channel><title>{html.escape(safe[0])}</title>{items}</channel></rss>"
    upstream.answer("/feed", rss, content_type="application/rss+xml")
    entries = "".join(
        f"<entry><id>{n}</id><title type='html'>{html.escape(t)}</title><link href='{html.escape(t, quote=True)}'/>"
        f"<content type='html'>{html.escape(t)}</content><updated>2026-11-20T08:00:00Z</updated></entry>"
        for n, t in enumerate(safe)
    )
    upstream.answer(
        "/atom", f"<feed xmlns='http://www.w3.org/2005/Atom'>{entries}</feed>", content_type="application/atom+xml"
    )
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTART:2026{1 + n % 12:02d}{1 + n % 28:02d}T100000Z\r\nSUMMARY:{_ics(t)}\r\n"
        f"LOCATION:{_ics(t)}\r\nDESCRIPTION:{_ics(t)}\r\nURL:{_ics(t)}\r\nEND:VEVENT\r\n"
        for n, t in enumerate(safe)
    )
    upstream.answer("/calendar", f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-WR-CALNAME:{_ics(safe[2])}\r\n{events}END:VCALENDAR\r\n", content_type="text/calendar")  # fmt: skip
    rows = [{"title": t, "subtitle": t, "url": t, "icon": t, "status": t, "at": t, t[:40]: t} for t in texts]
    upstream.json("/rows", rows)
    upstream.answer("/text", "\n".join(plain))
    upstream.answer(
        "/xml", "<l>" + "".join(f"<r><v>{html.escape(t)}</v></r>" for t in safe) + "</l>", content_type="text/xml"
    )
    upstream.handle("/fail", lambda seen: failure(seen, plain))
    upstream.handle("/picture", lambda seen: picture(seen, plain))


def _ics(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n").replace("\r", "")


def _head(text: str) -> str:
    """As much of a text as a header can hold."""
    return "".join(c for c in text if " " <= c < "\x7f")[:1000]


def failure(seen: Seen, texts: list[str]) -> Reply:
    """Each way to fail in turn, with the string in the body and in every header that could be shown."""
    number = int(seen.query["n"][0])
    text = texts[number]
    raw, head = text.encode(), _head(text)
    said = {
        "Content-Type": head,
        "Retry-After": head,
        "WWW-Authenticate": head,
        "Server": head,
        "ETag": head,
        "Warning": head,
    }
    turn = number % 8
    if turn == 0:
        return Reply(302, raw, {"Location": head})
    if turn == 1:
        return Reply(302, raw, {"Location": "http://127.0.0.1:9/" + quote(head)})
    if turn == 2:
        return Reply(200, raw, said)
    if turn == 3:
        return Reply(200, b"<!doctype html><title>" + raw + b"</title>" + raw, {"Content-Type": "text/html"})
    if turn == 4:
        return Reply(200, json.dumps({"error": text, "message": text}).encode(), {"Content-Type": "application/json"})
    return Reply((400, 401, 500)[turn - 5], json.dumps({"error": text, "message": text}).encode(), said)


def picture(seen: Seen, texts: list[str]) -> Reply:
    """What comes where a picture should: drawings that run, pages, words, kinds that are none."""
    number = int(seen.query["n"][0])
    text = texts[number]
    drawn = f"<svg xmlns='http://www.w3.org/2000/svg' onload='__h({number})'><script>__h({number})</script><text>{html.escape(text)}</text></svg>"
    kinds = ["image/svg+xml", "text/html", "image/png", "application/javascript", _head(text), ""]
    return Reply(200, (drawn if number % 2 else text).encode(), {"Content-Type": kinds[number % len(kinds)]})
