"""What every part measures on: upstream, server, browser, and dashboards of 30 widgets made through the API."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.browser import Chromium
from bench.server import Glance, Refused, Stub, until
from bench.table import Figure
from bench.wire import Wire

WIDGETS = 30
HOSTS = range(2, 2 + WIDGETS)
LONG_S, SHORT_S = 3600, 2
DEFINITION = "bench"
BATCH = 50
TOO_OFTEN = 429


@dataclass
class Site:
    """One run; `quick` asks for fewer repetitions. Parts add to `figures`."""

    quick: bool = False
    figures: list[Figure] = field(default_factory=list)
    part: str = ""
    ids: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="glance-bench-"))
        self.stub = Stub()
        self.glance = Glance(self._folder / "data")

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self.glance.stop()
        self.stub.down()
        shutil.rmtree(self._folder, ignore_errors=True)
        if "browser" in self.__dict__:
            self.browser.close()

    @cached_property
    def browser(self) -> Chromium:
        """Chromium, started when first asked for."""
        return Chromium()

    def runs(self, usual: int, quick: int = 2) -> int:
        """How often to repeat."""
        return quick if self.quick else usual

    def add(self, figure: Figure) -> None:
        """Note a row."""
        self.figures.append(replace(figure, part=self.part))
        self.say(f"  {figure.name}: {figure.measured:.4g} {figure.unit}")

    def say(self, text: str) -> None:
        """Tell how far it is, beside the table."""
        print(text, file=sys.stderr, flush=True)

    def url(self, slug: str = "main") -> str:
        """The address of a dashboard."""
        return f"{self.glance.base}/d/{slug}"

    # -- the dashboards

    def build(self) -> None:
        """Start everything and make: `main` (30, an hour's TTL), `short` (30, 2 s), `more` (20 for batches of 50)."""
        self.stub.up()
        self.stub.answers(delay_ms=0)
        self.glance.start()
        self.glance.sign_in()
        self.glance.api("POST", "/api/custom-widgets", definition(self.stub.port))
        self.glance.api("PUT", f"/api/custom-widgets/{DEFINITION}/hosts", {"hosts": [f"127.0.0.{n}" for n in HOSTS]})
        for slug, count, interval_s in (("main", WIDGETS, LONG_S), ("short", WIDGETS, SHORT_S), ("more", 20, LONG_S)):
            self.dashboard(slug)
            self.ids[slug] = [self.widget(slug, DEFINITION, {"n": n}, interval_s) for n in HOSTS[:count]]
        self.fill()
        self.stub.answers()

    def dashboard(self, slug: str) -> None:
        """Make a dashboard."""
        self.glance.api("POST", "/api/dashboards", {"title": slug.title(), "slug": slug})

    def widget(self, slug: str, definition_slug: str, params: Any, interval_s: int, **more: Any) -> str:
        """Place a widget; its id."""
        made = self.glance.api(
            "POST",
            "/api/widgets",
            {
                "dashboard": slug,
                "custom_widget": definition_slug,
                "title": f"{definition_slug.title()} {params.get('n', '')}".strip(),
                "params": params,
                "refresh_interval": interval_s,
                **more,
            },
        )
        return str(made["id"])

    # -- the states a measurement begins with

    def fill(self, *slugs: str) -> None:
        """Have every widget of these dashboards (default: all) hold a fresh answer."""
        self.stub.up()
        for ids in (self.ids[slug] for slug in slugs or self.ids):
            for begin in range(0, len(ids), BATCH):
                self._force(ids[begin : begin + BATCH])
        self.stub.quiet()

    def _force(self, ids: list[str]) -> None:
        def failed() -> list[str]:
            try:
                answer = self.glance.api("POST", "/api/widgets/batch", {"widget_ids": ids, "force_refresh": True})
            except Refused as refused:
                if refused.status != TOO_OFTEN:
                    raise
                # Glance forces only so many fetches a second; it is not what is measured here
                time.sleep(0.5)
                return ids
            return [id_ for id_, item in answer["results"].items() if item.get("error")]

        until(lambda: not failed(), "every widget to have an answer")

    def clear(self) -> None:
        """No answer is stored, nothing is under way, the upstream's counter stands at 0."""
        self.stub.up()
        self.rest()
        self.glance.api("DELETE", "/api/cache")
        self.rest()
        self.stub.reset()

    def rest(self) -> None:
        """Wait until no page is open and no fetch runs."""
        until(
            lambda: self.gauge("glance_fetch_flights") == 0 and self.gauge("glance_open_pages") == 0, "Glance to rest"
        )
        self.stub.up()
        self.stub.quiet()

    def gauge(self, name: str) -> float:
        """One value of /metrics."""
        for line in self.metrics().splitlines():
            words = line.split()
            if len(words) == 2 and words[0] == name:
                return float(words[1])
        raise RuntimeError(f"/metrics has no {name}")

    def metrics(self) -> str:
        """The text of /metrics."""
        with Wire(self.glance.port) as wire:
            return wire.ask(self.glance.call("GET", "/metrics"))[2].decode()

    def mend(self) -> None:
        """After a part failed: upstream and server as the next part expects them."""
        self.stub.up()
        self.stub.answers()
        self.glance.restart()
        self.fill()

    def expire(self, slug: str) -> None:
        """Wait until every stored answer of a dashboard has expired."""
        last = max(self.expires_at(id_) for id_ in self.ids[slug])
        time.sleep(max(0.0, last - time.time() + 0.05))

    def expires_at(self, widget_id: str) -> float:
        """When a stored answer expires, in Unix seconds."""
        explained = self.glance.api("GET", f"/api/widgets/{widget_id}/data")
        return datetime.fromisoformat(explained["expires_at"]).timestamp()


def definition(stub_port: int) -> dict[str, Any]:
    """The custom widget of the bench: one value of the stub, from an address of its own for each n."""
    return {
        "slug": DEFINITION,
        "name": "Bench",
        "description": "One value of the bench's upstream",
        "refresh_interval": 300,
        "size": {"default": {"w": 2, "h": 3}, "min": {"w": 2, "h": 2}},
        "params": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "title": "Number"}}},
        "source": {
            "kind": "http",
            "url": f"http://127.0.0.{{{{ params.n }}}}:{stub_port}/w/{{{{ params.n }}}}",
        },
        # the address is made of a param, so no host can be read from it
        "hosts": [f"127.0.0.{n}" for n in HOSTS],
        "data_schema": {"type": "object", "required": ["value"]},
        "template": '<p class="cut">{{ data.value }}</p>',
    }
