"""A Glance whose every name, setting, answer and message is a hostile string: made through the API, its sources and a real broker."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle, product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from glance.errors import GlanceError, Invalid
from glance.ingest import Delivery, Limits
from glance.model import Place, Widget
from glance.store.custom_widgets import CustomWidgets
from tests.e2e.copies import PREFIX, pushed_copies
from tests.e2e.hostile import strings
from tests.e2e.hostile_fields import ROUND, Tried
from tests.e2e.hostile_sent import ANSWERED, FAILURES, answers, failing, fetched, messages, mixed, whole
from tests.mosquitto import Mosquitto, Publisher
from tests.page_site import Site
from tests.upstream import Upstream
from tests.waiting import until

TOKEN = "a-token-for-the-hostile-strings"
PASSWORD = "a long enough password"
COPIES, TOGETHER = 2, 21
# What fails in which way, and which picture is of which kind: each string all of them in the round, each another in the suite.
WAYS = range(FAILURES) if ROUND else (None,)
FAILING = [f"failing-{way}" for way in WAYS]
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
        # Without the two longest: hundreds of them on one page would take a browser minutes.
        self.texts = [text for text in strings(f"127.0.0.1:{self.upstream.port}") if len(text) < 5000]
        self.tried = Tried(self.texts)
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
        rule, _ = self.app.url_map.bind("localhost").match(path, method, return_rule=True)
        self.tried.body(f"{method} {rule.rule}", body)
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
            one.slug
            for one in self.runtime.dashboards.all()
            if one.slug not in ("home", "cards", "own", "titles", "fetched", *FAILING)
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
                self.tried.body(f"manifest {slug.partition('-')[0]}", one)
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
            self.tried.body("data of a template", {"value": text, text: text})

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
                own = OWN_PARAMS.get(slug)
                params = own(some) if own else mixed(widget.params, cycle(some))
                data = params if own else mixed(example, cycle(some))
                if own or turn == 0 or ROUND:
                    self.tried.body(f"params of {slug}", params)
                    with suppress(GlanceError):
                        widget = self.runtime.placing.change(widget.id, {"params": params, "title": some[3][:120]})
                self.tried.body(f"data of {slug}", data)
                with suppress(GlanceError):
                    self.runtime.refresher.push(widget, data)
        self.push(self.sentinel, f"turn {turn}")

    def shown(self, turn: int, number: int) -> list[str]:
        """The strings of one copy of each card in a turn."""
        at = (turn * COPIES + number) * self._step
        return [whole(self.texts[(at + n) % len(self.texts)]) for n in range(TOGETHER)]

    @property
    def _step(self) -> int:
        """So many strings on a copy of a card follows another: in the round each place of a card shows each string."""
        return 1 if ROUND else TOGETHER

    @property
    def turns(self) -> int:
        """How many until each string was on each card."""
        return -(-len(self.texts) // (COPIES * self._step))

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
            if ROUND or n % 4 == 0:
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
                for number, (topic, payload) in enumerate(messages(n, text)):
                    self.tried.at(f"mqtt message {number} topic", text)
                    self.tried.body(f"mqtt message {number}", text if isinstance(payload, bytes) else payload)
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
        for place, text in product(ANSWERED, self.texts):
            self.tried.at(f"upstream {place}", text)
        self.runtime.dashboards.create("Fetched", slug="fetched")
        widgets = []
        for n, (slug, params) in enumerate(fetched(self.upstream, self.texts)):
            widgets.append(self.add(slug, slug, "fetched", Place(1 + 4 * (n % 3), 1 + 24 * (n // 3), 4, 24), **params))
        answered = list(widgets)
        for way, slug in zip(WAYS, FAILING, strict=True):
            self.runtime.dashboards.create(slug, slug=slug)
            for n in range(len(self.texts)):
                place = Place(1 + 3 * (n % 4), 1 + 3 * (n // 4), 3, 3)
                widgets.append(self.add("polled", f"Failing {n}", slug, place, url=failing(self.upstream, n, way)))
        threads = [threading.Thread(target=self._fetch, args=(widgets[n::6],)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(600 if ROUND else 150)
            assert not thread.is_alive()
        for widget in answered:  # which raises where it has no answer
            self.runtime.refresher.get(widget)
        heard = [one.query for one in self.upstream.seen if one.path == "/fail" and one.query.keys() >= {"n", "as"}]
        asked = {(query["n"][0], query["as"][0]) for query in heard}
        assert len(asked) == len(self.texts) * len(WAYS)

    def _fetch(self, widgets: list[Widget]) -> None:
        for widget in widgets:
            with suppress(GlanceError):
                self.runtime.refresher.get(widget, force=True)


def query(**named: str) -> str:
    """A query with hostile words in it; half characters stay behind, as they do in a browser."""
    return urlencode({name: whole(text) for name, text in named.items()})
