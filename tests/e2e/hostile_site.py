"""A Glance whose every name, setting, answer and message is a hostile string: made through the API, its sources and a real broker."""

from __future__ import annotations

import html
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from glance.errors import GlanceError, Invalid
from glance.ingest import Delivery, Limits
from glance.model import Place, Widget
from glance.store.custom_widgets import CustomWidgets
from tests.e2e.hostile import strings
from tests.e2e.test_every_card import PREFIX, pushed_copies
from tests.mosquitto import Mosquitto, Publisher
from tests.page_site import Site
from tests.upstream import Reply, Seen, Upstream
from tests.waiting import until

TOKEN = "a-token-for-the-hostile-strings"
PASSWORD = "a long enough password"
COPIES, TOGETHER = 4, 10
# Cards whose data are their params: how they take some strings.
OWN_PARAMS: dict[str, Callable[[list[str]], dict[str, Any]]] = {
    "notes": lambda some: {"text": "\n".join(some)},
    "markdown": lambda some: {"text": "\n\n".join(some)},
    "html": lambda some: {"html": some[0]},
    "iframe": lambda some: {"url": some[1]},
    "todo": lambda some: {"items": [{"text": text, "done": False} for text in some]},
    "bookmarks": lambda some: {
        "links": [{"title": text[:80], "url": text, "icon": text[:500], "group": text[:40]} for text in some]
    },
    "clock": lambda some: {"zones": [{"label": text[:40]} for text in some]},
    "room": lambda some: {"room": some[2]},
}


class Hostile(Site):
    """The site, its broker, its upstream (which is the trap as well), and the strings."""

    def __init__(self, folder: Path) -> None:
        self.mosquitto = Mosquitto(folder / "broker").start()
        self.upstream = Upstream()
        self.upstream.start()
        self.texts = strings(f"127.0.0.1:{self.upstream.port}")
        (folder / "widgets").mkdir()
        self.examples = pushed_copies(folder / "widgets")
        super().__init__(
            folder,
            auth="password",
            password=PASSWORD,
            api_token=TOKEN,
            mqtt_url=self.mosquitto.url,
            log_level="warning",
        )
        self.refused = 0
        self.cards: dict[int, list[tuple[Widget, Any]]] = {}

    def stop(self) -> None:
        super().stop()
        self.upstream.stop()
        self.mosquitto.stop()

    # ---- asking
    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the API, which may be refused but not fail; None where it was refused. Problems are looked at here."""
        raw = None if body is None else json.dumps(body).encode("ascii")
        answer = self.app.test_client().open(
            path, method=method, data=raw, content_type="application/json", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        assert answer.status_code < 500 or answer.status_code in (502, 504), (method, path, answer.text)
        assert answer.mimetype in ("application/json", "application/problem+json", "text/html") or not answer.data
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if answer.status_code < 400:
            return answer.json if answer.data else {}
        self.refused += 1
        return None

    def cookie(self) -> str:
        """A session of the owner."""
        return str(self.runtime.owner.open_session("<img src=x onerror=__h(0)>", "127.0.0.1"))

    # ---- what the owner writes
    def fill_dashboards(self) -> None:
        """Names, signs and addresses of dashboards; one of them is public."""
        self.ask("POST", "/api/dashboards", {"title": "Home", "slug": "home"})
        for text in self.texts:
            if self.ask("POST", "/api/dashboards", {"title": text, "icon": text[:100]}) is None:
                self.ask("POST", "/api/dashboards", {"title": text[:120] or "x"})
            self.ask("POST", "/api/dashboards", {"title": "x", "slug": text, "public_address": text, "is_public": True})
        self.ask("PATCH", "/api/dashboards/home", {"is_public": True, "public_address": "guests"})

    def fewer_dashboards(self, keep: int = 6) -> None:
        """Delete most of those with a hostile name: each is a tab on every page."""
        named = [
            one.slug for one in self.runtime.dashboards.all() if one.slug not in ("home", "cards", "own", "titles")
        ]
        for slug in named[keep:]:
            self.ask("DELETE", f"/api/dashboards/{slug}")

    def fill_definitions(self) -> None:
        """Every text of a manifest, also as the card's template and style. Stored all at once: each save checks every one again."""
        rows = CustomWidgets(self.runtime.db, self.runtime.clock)
        for n, text in enumerate(self.texts):
            prop = {"type": "string", "title": text, "description": text, "default": text, "pattern_help": text}
            other = {"type": "string", "enum": [text], "titles": {text: text}}
            manifest = {
                "name": text[:80] or "x", "description": text[:400], "category": text[:40] or "x",
                "params": {"type": "object", "properties": {"text": prop, text[:60] or "y": other}},
                "source": {"kind": "push"}, "example": {"value": text, text: text},
                "template": '<p title="{{ params.text }}">{{ data.value }} {{ params.text|markdown }}</p>{{ params.text|clean_html }}',
            }  # fmt: skip
            plain = {"name": f"Drawn {n}", "source": {"kind": "push"}, "template": "<p>x</p>"}
            for slug, one in (
                (f"made-{n}", manifest),
                (f"drawn-{n}", {**plain, "template": text}),
                (f"styled-{n}", {**plain, "style": text}),
            ):
                with suppress(Invalid):
                    self.runtime.definitions.check(slug, one)
                    rows.put_api(slug, json.loads(whole(json.dumps(one, ensure_ascii=False))))
            odd = dict.fromkeys(("icon", "look", "schedule", "data_schema", "size", "template", "name", "slug"), text)
            odd |= {
                "assets": [text],
                "frames": [text],
                "hosts": [text],
                "params": {text: text},
                "source": {"kind": text, text: text},
            }
            assert self.ask("POST", "/api/custom-widgets", {**odd, text: text}) is None
        self.runtime.definitions.rescan()

    def fill_titles(self) -> None:
        """Titles, words and settings of widgets; each drawn card with a template of its own is placed too."""
        self.runtime.dashboards.create("Titles", slug="titles")
        for n, text in enumerate(self.texts):
            at = {"x": 1 + 2 * (n % 6), "y": 1 + 2 * (n // 6), "w": 2, "h": 2}
            body = {
                "dashboard": "titles", "custom_widget": "fixed", "title": text, "params": {"text": text}, "position": at,
            }  # fmt: skip
            if self.ask("POST", "/api/widgets", body) is None:
                self.ask("POST", "/api/widgets", {**body, "title": text[:120] or "x"})
            self.ask("POST", "/api/widgets", {**body, "schedule": text, "dashboard": text, "settings": {text: text}})
        self.runtime.dashboards.create("Own", slug="own")
        made = [
            one.slug for one in self.runtime.definitions.all() if one.slug.startswith(("made-", "drawn-", "styled-"))
        ]
        for n, slug in enumerate(made):
            widget = self.add(slug, f"Own {slug}", "own", Place(1 + 2 * (n % 6), 1 + 3 * (n // 6), 2, 3))
            text = whole(self.texts[int(slug.rpartition("-")[2])])
            self.push(widget, text, **{text: text})

    def fill_cards(self) -> None:
        """Every built-in card several times, with the example of each; what they show follows in `show`."""
        self.runtime.dashboards.create("Cards", slug="cards")
        y = 1
        for copy_number in range(COPIES):
            self.cards[copy_number] = []
            for n, (slug, one) in enumerate(self.examples.items()):
                place = Place(1 + 4 * (n % 3), y + 7 * (n // 3), 4, 7)
                widget = self.add(slug, slug.removeprefix(PREFIX), "cards", place, **one["params"])
                self.cards[copy_number].append((widget, one["example"]))
            y += 7 * 9
        self.sentinel = self.add("tally", "Sentinel", "cards", Place(1, y, 2, 3))

    def show(self, turn: int) -> None:
        """Turn n: each copy of each card shows the next strings in turn in its data, and in those of its params that take them."""
        for number, cards in self.cards.items():
            some = self.shown(turn, number)
            for widget, example in cards:
                slug = widget.custom_widget.removeprefix(PREFIX)
                params = OWN_PARAMS[slug](some) if slug in OWN_PARAMS else mixed(widget.params, cycle(some))
                with suppress(GlanceError):
                    if slug in OWN_PARAMS or turn == 0:
                        widget = self.runtime.placing.change(widget.id, {"params": params, "title": some[3][:120]})
                with suppress(GlanceError):
                    self.runtime.refresher.push(widget, params if slug in OWN_PARAMS else mixed(example, cycle(some)))
        self.push(self.sentinel, f"turn {turn}")

    def shown(self, turn: int, number: int) -> list[str]:
        """The strings of one copy of each card in a turn."""
        at = (turn * COPIES + number) * TOGETHER
        return [whole(self.texts[(at + n) % len(self.texts)]) for n in range(TOGETHER)]

    @property
    def turns(self) -> int:
        """How many until each string was on each card."""
        return -(-len(self.texts) // (COPIES * TOGETHER))

    def fill_names(self) -> None:
        """Credentials, tokens, derived values and what the owner calls devices."""
        self.hear("glance/known", {"device_id": "known", "readings": [{"sensor_type": "t", "value": 1, "unit": "°C"}]})
        for n, text in enumerate(self.texts):
            self.ask("POST", "/api/credentials", {"name": text, "value": text, "hosts": [text]})
            self.ask("POST", "/api/tokens", {"name": text[:80], "scopes": ["read"]})
            inputs = [{"name": "a", "device": "known", "sensor": "t"}]
            derived = {"title": text[:80], "slug": f"d{n}", "unit": text[:20], "expression": "a", "inputs": inputs}
            self.ask("POST", "/api/derived", derived)
            self.ask("PATCH", "/api/devices/known", {"name": text[:80], "room": text[:60]})
            self.ask("PATCH", "/api/devices/known/sensors/t", {"name": text[:80], "unit": text[:20]})
            if n % 4 == 0:
                self.ask("POST", "/api/credentials", {"name": f"c{n}", "value": text, "hosts": ["127.0.0.1"]})
                self.ask("POST", "/api/tokens", {"name": "x", "scopes": [f"ingest:{text}", f"push:{text}"]})
                self.ask("POST", "/api/derived", {**derived, "slug": f"e{n}", "expression": text})

    # ---- what others send
    def hear(self, topic: str, payload: Any) -> None:
        """A message as it would come over the broker, also with a topic that no broker takes."""
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.runtime.ingest.deliver(Delivery(whole(topic), raw, False))

    def fill_devices(self) -> None:
        """Topics, names, units, words, declarations; through the broker where a topic can hold the string."""
        self.runtime.ingest.set_limits(Limits(new_devices=4000))
        held_back = []
        with Publisher(self.mosquitto.port) as publisher:
            for n, text in enumerate(self.texts):
                for topic, payload in messages(n, text):
                    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
                    if topic.isprintable() and not set(topic) & set("+#") and len(topic) < 1000:
                        publisher.send(topic, raw)
                    else:
                        held_back.append((topic, raw))
            publisher.send("glance/last", json.dumps({"device_id": "last-of-all", "sensor_type": "t", "value": 1}))
            publisher.wait(60)
        until(lambda: any(one.id == "last-of-all" for one in self.runtime.devices.all()), 60)
        for topic, raw in held_back:
            self.hear(topic, raw)

    def fill_upstream(self) -> None:
        """Widgets on sources whose answers, failures, heads and pictures are hostile."""
        answers(self.upstream, self.texts)
        self.runtime.dashboards.create("Fetched", slug="fetched")
        url = self.upstream.url
        wanted = [
            ("feed", {"urls": [{"url": url("/feed"), "title": ""}], "pictures": True, "limit": 200}),
            ("feed", {"urls": [{"url": url("/atom")}], "pictures": True}),
            ("calendar", {"urls": [{"url": url("/calendar")}], "days": 366}),
            ("table", {"data_source": {"kind": "http", "url": url("/rows")}, "limit": 200}),
            ("list", {"data_source": {"kind": "http", "url": url("/rows"), "pick": {"rows": ""}}, "limit": 200}),
            ("stat", {"data_source": {"kind": "http", "url": url("/text"), "format": "text"}}),
            ("table", {"data_source": {"kind": "http", "url": url("/xml"), "format": "xml"}}),
            ("services", {"checks": [{"name": text[:80] or "x", "url": url(f"/fail?n={n}")} for n, text in enumerate(self.texts[:60])]}),
        ]  # fmt: skip
        widgets = []
        for slug, params in wanted:
            with suppress(GlanceError):
                widgets.append(self.add(slug, slug, "fetched", **params))
        assert len(widgets) > 5
        self.runtime.dashboards.create("Failing", slug="failing")
        for n in range(len(self.texts)):
            place = Place(1 + 3 * (n % 4), 1 + 3 * (n // 4), 3, 3)
            widgets.append(self.add("polled", f"Failing {n}", "failing", place, url=url(f"/fail?n={n}")))
        threads = [threading.Thread(target=self._fetch, args=(widgets[n::6],)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(50)
            assert not thread.is_alive()

    def _fetch(self, widgets: list[Widget]) -> None:
        for widget in widgets:
            with suppress(GlanceError):
                self.runtime.refresher.get(widget, force=True)


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


def query(**named: str) -> str:
    """A query with hostile words in it; half characters stay behind, as they do in a browser."""
    return urlencode({name: whole(text) for name, text in named.items()})
