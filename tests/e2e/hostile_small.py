"""A Glance with one thing of each kind and short pages: what every field is tried on, again and again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from glance.errors import GlanceError
from glance.ingest import Delivery, Limits
from glance.model import Place
from tests.e2e.copies import WIDGETS, pushed_copies
from tests.page_site import Site

TOKEN = "a-token-for-the-hostile-strings"
PASSWORD = "a long enough password"
KEPT = {
    "widget.yaml": """\
name: Kept
description: Takes a secret
refresh_interval: 0
params:
  type: object
  properties:
    url: {type: string, format: url, title: Address, default: "http://127.0.0.1:9/"}
    word: {type: string, format: secret, title: Word}
source: {kind: http, url: "{{ params.url }}", auth: {kind: bearer, token: "{{ params.word }}"}}
""",
    "card.html": "<p>{{ data }}</p>\n",
}
# So many of what the forms make stay at a time.
KEEP = 3
CODED = {
    "name": "Coded", "slug": "coded", "source": {"kind": "code"}, "template": "<p>{{ data }}</p>", "server_code": "return 1",
    "hosts": ["wanted.lan"],
}  # fmt: skip
MADE = {
    "name": "Made", "slug": "made", "source": {"kind": "push"}, "template": "<p>{{ data.value }} {{ params.text }}</p>", "style": "p { color: red }",
    "params": {"type": "object", "properties": {"text": {"type": "string", "default": ""}}}, "example": {"value": 1},
}  # fmt: skip
SENT = {"device_id": "known", "name": "Known", "room": "Shed"}
IMPORTED = {
    "format": "glance-dashboard", "version": 1, "agreed_hosts": [],
    "dashboard": {"title": "Brought", "slug": "brought", "icon": None, "settings": {}, "is_template": False},
    "widgets": [
        {"custom_widget": "brought", "title": "One", "params": {"text": "x"}, "position": {"x": 1, "y": 1, "w": 3, "h": 3}, "settings": {},
         "refresh_interval": None, "schedule": None},
    ],
    "custom_widgets": [{**MADE, "slug": "brought", "hosts": ["there.lan"]}, {**CODED, "slug": "brought-too"}],
}  # fmt: skip


class Small(Site):
    """The site; `things()` puts back whatever a form took away, and takes away most of what forms added."""

    def __init__(self, folder: Path, with_password: bool = True, with_copies: bool = False, **settings: Any) -> None:
        (folder / "widgets" / "kept").mkdir(parents=True)
        self.examples = pushed_copies(folder / "widgets") if with_copies else {}
        for name, text in KEPT.items():
            (folder / "widgets" / "kept" / name).write_text(text, encoding="utf-8")
        wanted = {"auth": "password", "api_token": TOKEN, "log_level": "critical", **settings}
        super().__init__(folder, widgets=(folder / "widgets", WIDGETS), **wanted)
        self.runtime.ingest.set_limits(Limits(new_devices=100_000, new_series=1_000_000))
        self.ids: dict[str, str] = {}
        # What is tried here is what is shown; that nobody may try so often has tests of its own.
        door = self.app.extensions["glance.door"]
        door.by_address.free = door.overall.free = 1_000_000_000
        if with_password:
            self.runtime.owner.set_password(PASSWORD, first=True)

    def cookie(self) -> str:
        """A session of the owner."""
        return str(self.runtime.owner.open_session("a browser", "127.0.0.1"))

    def owner(self) -> FlaskClient:
        """Somebody signed in."""
        client = self.app.test_client()
        client.set_cookie("glance_session", self.cookie())
        return client

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the API by a program that may do everything."""
        return self.app.test_client().open(
            path,
            method=method,
            data=None if body is None else json.dumps(body).encode("ascii"),
            content_type="application/json",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )

    def hear(self, topic: str, payload: Any) -> None:
        """A message as it would come over the broker, also with a topic that no broker takes."""
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.runtime.ingest.deliver(Delivery(topic.encode("utf-8", "replace").decode(), raw, False))

    def things(self) -> None:
        """One of everything that pages and routes are about, made again where it is gone."""
        slugs = {one.slug for one in self.runtime.dashboards.all()}
        for slug in ("home", "empty"):
            if slug not in slugs:
                self.runtime.dashboards.create(slug.capitalize(), slug=slug)
        if "home" not in slugs:
            self.runtime.dashboards.update("home", {"is_public": True, "public_address": "guests"})
        self._tidy(slugs - {"home", "empty"})
        self._widgets()
        self._devices()
        if not any(one.name == "known" for one in self.runtime.credentials.all()):
            self.ask("POST", "/api/credentials", {"name": "known", "value": "x", "hosts": ["127.0.0.1"]})
        if not any(one.name == "known" for one in self.runtime.tokens.all()):
            self.ids["token"] = self.ask("POST", "/api/tokens", {"name": "known", "scopes": ["read"]}).json["id"]
        for one in (CODED, MADE):
            if self.runtime.definitions.find(str(one["slug"])) is None:
                self.ask("POST", "/api/custom-widgets", one)

    def _tidy(self, dashboards: set[str]) -> None:
        """Let some of what was made stand, to be shown, and no more."""
        rt = self.runtime
        for slug in sorted(dashboards)[KEEP:]:
            rt.dashboards.delete(slug)
        made = [one for one in rt.widgets.on_dashboard("home") if one.id not in self.ids.values()]
        for widget in [*made[: -KEEP or None], *rt.widgets.on_dashboard("empty")]:
            rt.placing.remove(widget.id)
        for token in [one for one in rt.tokens.all() if one.name != "known"][KEEP:]:
            rt.tokens.revoke(token.id)
        for credential in [one for one in rt.credentials.all() if one.name != "known"][KEEP:]:
            rt.credentials.delete(credential.name)
        for derived in [one for one in rt.derived.all() if one.slug != "sum"][KEEP:]:
            rt.derived.delete(derived.slug)
        for definition in [
            one for one in rt.definitions.all() if one.origin == "api" and one.slug not in ("coded", "made")
        ][KEEP:]:
            rt.definitions.delete(definition.slug, with_widgets=True)

    def _widgets(self) -> None:
        wanted = {
            "tally": {}, "fixed": {"text": "x"}, "kept": {"word": "hidden word"}, "notes": {"text": "x"}, "todo": {"items": [{"text": "x"}]},
            "search": {}, "html": {"html": "<p>x</p>"}, "made": {},
        }  # fmt: skip
        there = {widget.id for widget in self.runtime.widgets.on_dashboard("home")}
        for n, (slug, params) in enumerate(wanted.items()):
            if self.ids.get(slug) not in there and self.runtime.definitions.find(slug) is not None:
                place = Place(1 + 3 * (n % 4), 1 + 4 * (n // 4), 3, 4)
                self.ids[slug] = self.add(slug, slug.capitalize(), "home", place, **params).id

    def _devices(self) -> None:
        known = {one.id for one in self.runtime.devices.all(with_ignored=True)}
        if not {"known", "twin"} <= known:
            rows = [("t", 1.5, "°C"), ("mode", "on", ""), ("energy", 7, "kWh"), ("gone", 1, "")]
            for device in ("known", "twin"):
                readings = [{"sensor_type": kind, "value": value, "unit": unit} for kind, value, unit in rows]
                self.hear(f"glance/{device}", {**SENT, "device_id": device, "name": device, "readings": readings})
        elif not {"t", "mode", "energy"} <= {one.sensor for one in self.runtime.devices.sensors("known")}:
            for name, value in (("t", 1.5), ("mode", "on"), ("energy", 7)):
                self.hear("glance/known", {**SENT, "sensor_type": name, "value": value})
        if not any(one.slug == "sum" for one in self.runtime.derived.all()):
            inputs = [{"name": "a", "device": "known", "sensor": "t"}]
            self.ask(
                "POST", "/api/derived", {"title": "Sum", "slug": "sum", "expression": "a", "inputs": inputs, "unit": ""}
            )

    def forget_something(self) -> None:
        """Let a sensor and a device go, so that their pages offer them back."""
        for act in (
            lambda: self.runtime.devices.forget_sensor("known", "gone"),
            lambda: self.runtime.devices.merge("twin", "known"),
        ):
            try:
                act()
            except GlanceError:
                continue

    def pages(self) -> list[str]:
        """Every page with a form, and every page that shows what was filled in."""
        ids = self.ids
        fixed = (
            "/d/home", "/d/empty", "/dashboards", "/dashboards/new", "/dashboards/import", "/dashboards/home/edit", "/dashboards/empty/edit",
            "/gallery", "/devices", "/devices?forgotten=twin", "/devices?show=hidden", "/devices/known", "/devices/known?edit=device", "/devices/known?sensor=t",
            "/devices/known?sensor=mode", "/devices/known?forgotten=gone", "/devices/derived", "/devices/derived/new", "/devices/derived/new?device=known&sensor=t",
            "/devices/derived/sum/edit", "/visualize?device=known&sensor=t", "/visualize?device=known&sensor=t&part=dialog", "/messages", "/settings",
            "/settings/about", "/settings/code", "/settings/credentials", "/settings/credentials?replace=known", "/settings/look", "/settings/security",
            "/custom-widgets/coded/code", "/api/docs", "/dashboards/empty/found/devices",
        )  # fmt: skip
        mine = [
            f"/widgets/{ids[slug]}/{part}"
            for slug in ("tally", "kept", "notes", "todo")
            for part in ("edit", "explain")
        ]
        made = [f"/widgets/new/{one.slug}" for one in self.runtime.definitions.all() if one.slug != "brought"]
        return [*fixed, *mine, *made]
