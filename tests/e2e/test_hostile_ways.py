"""Hostile strings on every other way in: the API, manifests and their folders, sessions, proxies, and what cards are sent."""

from __future__ import annotations

import copy
import json
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from glance.errors import GlanceError
from tests.e2e import hostile_fields as fields
from tests.e2e.hostile_fields import ROUND, Tried, some
from tests.e2e.hostile_forms import ORIGIN
from tests.e2e.hostile_sent import mixed, whole
from tests.e2e.hostile_shown import Shown
from tests.e2e.hostile_small import IMPORTED, MADE, Small

pytestmark = pytest.mark.timeout(3600 * 4 if ROUND else 240)
KNOWN = {"device_id": "known", "sensor": "t", "name": "known", "token_id": "999"}
SLUGS = {"dashboards": "home", "custom-widgets": "made", "derived": "sum"}
INPUT = {"name": "a", "device": "known", "sensor": "t"}
PLACED = {"x": 1, "y": 1, "w": 3, "h": 3}
# What is sent beside the field that is tried, and a page that shows what was stored.
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/credentials": {"name": "x", "value": "x", "hosts": ["x.lan"]},
    "POST /api/dashboards": {"title": "x"},
    "POST /api/dashboards/import": IMPORTED,
    "PUT /api/dashboards/{slug}/layout": {"layout": [{"id": "x", **PLACED}]},
    "POST /api/derived": {"title": "x", "expression": "a", "inputs": [INPUT], "unit": ""},
    "PATCH /api/derived/{slug}": {"inputs": [INPUT]},
    "POST /api/devices/{device_id}/create-widget": {"sensor_variable": "t", "widget_type": "stat", "dashboard": "home"},
    "POST /api/devices/{device_id}/merge": {"into": "x"},
    "POST /api/devices/{device_id}/sensors/{sensor}/merge": {"device": "known", "sensor": "x"},
    "POST /api/readings": {"device_id": "known", "sensor_type": "said", "value": "x"},
    "POST /api/tokens": {"name": "x", "scopes": ["read"]},
    "POST /api/widgets": {"dashboard": "home", "custom_widget": "fixed", "title": "x", "params": {}, "position": PLACED},
    "POST /api/widgets/batch": {"widget_ids": ["x"]},
    "PATCH /api/widgets/{widget_id}": {"position": PLACED},
}  # fmt: skip
PAGES = {
    "credentials": "/settings/credentials", "tokens": "/settings/security", "derived": "/devices/derived", "devices": "/devices/known",
    "readings": "/devices/known?sensor=said", "widgets": "/d/home", "custom-widgets": "/gallery", "dashboards": "/dashboards",
}  # fmt: skip
# Where free values stand, the string does as itself, as a key and in a list.
FREE = ("params", "settings", "example", "value", "custom_widgets")
IN_MANIFEST = (
    "params.type", "params.required.#", "params.properties.text.title", "params.properties.text.description", "params.properties.text.default",
    "params.properties.text.placeholder", "params.properties.text.suffix", "params.properties.text.pattern", "params.properties.text.pattern_help",
    "params.properties.text.format", "params.properties.text.type", "params.properties.text.enum.#", "params.properties.text.titles.a",
    "params.properties.text.examples.#", "params.properties.text.suggest", "params.properties.text.when.a", "params.properties.text.tucked",
    "source.kind", "source.url", "source.method", "source.headers.a", "source.body", "source.auth.kind", "source.auth.token", "source.pick.value",
    "source.data", "data_schema.type", "data_schema.properties.a.pattern", "size.default.w", "frames.#", "hosts.#", "assets.#",
    "example_params.text", "example.value",
)  # fmt: skip


def with_it(body: dict[str, Any], way: str, value: Any) -> dict[str, Any]:
    """The body with a value in that place; # is the first of a list. What stands in the way gives way."""
    changed: Any = [copy.deepcopy(body)]
    node, step = changed, 0
    for part in way.split("."):
        kind: type = list if part == "#" else dict
        if not isinstance(node[step], kind):
            node[step] = [None] if kind is list else {}
        node = node[step]
        step = 0 if part == "#" else part  # type: ignore[assignment]
        if part == "#":
            node[:] = node or [None]
        else:
            node.setdefault(part, None)
    node[step] = value
    return dict(changed[0])


def test_every_field_of_every_body_of_the_api_is_shown_as_text(
    small: Small, shown: Shown, texts: list[str], tried: Tried
) -> None:
    owner, turn = small.owner(), 0
    looked_at = cycle((True, False, False) if ROUND else (True,))
    for operation, names in fields.table(fields.API).items():
        method, _, path = operation.partition(" ")
        kind = path.split("/")[2]
        for name in sorted(names - {"*"}):
            turn += 1
            for text in some(texts, turn, 103):
                small.things()
                ids = {**KNOWN, "slug": SLUGS.get(kind, "home"), "widget_id": small.ids["fixed"]}
                values = [text, [text], {text: text}] if name.rpartition(".")[2] in FREE else [text]
                if name == "params":
                    values.append({"text": text})
                if name in ("hosts", "scopes", "widget_ids", "agreed_hosts"):
                    values.append([text])
                for value in values:
                    answer = small.ask(method, path.format(**ids), with_it(BODIES.get(operation, {}), name, value))
                    shown.take(answer, (operation, name, text))
                    if answer.status_code < 300 and kind in PAGES and next(looked_at):
                        shown.take(owner.get(PAGES[kind]), (PAGES[kind], name, text))
                tried.at(f"{operation} {name}", text)
    for page in small.pages():
        shown.take(owner.get(page), page)
    assert turn > 100
    assert shown.all_faults() == []


def test_every_key_of_a_manifest_is_shown_as_text(small: Small, shown: Shown, texts: list[str], tried: Tried) -> None:
    owner = small.owner()
    pages = cycle(
        (
            "/gallery",
            "/widgets/new/made",
            "/d/home",
            f"/widgets/{small.ids['made']}/edit",
            "/settings/credentials",
            "/settings/code",
        )
    )
    stored = 0
    for number, place in enumerate([*sorted(fields.words(fields.MANIFEST)), *IN_MANIFEST]):
        for text in some(texts, number, 103):
            body = {key: value for key, value in with_it(MADE, place, text).items() if key != "slug"}
            answer = small.ask("PATCH", "/api/custom-widgets/made", body)
            shown.take(answer, (place, text))
            tried.at(f"manifest {place}", text)
            if answer.status_code < 300:
                stored += 1
                page = next(pages)
                shown.take(owner.get(page), (page, place, text))
    assert stored > 20
    assert (
        small.ask(
            "PATCH", "/api/custom-widgets/made", {key: value for key, value in MADE.items() if key != "slug"}
        ).status_code
        < 300
    )
    assert shown.all_faults() == []


def test_folders_with_hostile_names_and_files_are_listed_as_text(
    small: Small, shown: Shown, texts: list[str], tried: Tried
) -> None:
    folder = small.widgets_folder
    made = []
    for number, text in enumerate(texts):
        name = whole(text).replace("/", "").replace("\0", "").encode()[:200].decode("utf-8", "ignore")
        target = folder / (name if name.strip(".") else f"odd-{number}")
        target.mkdir(exist_ok=True)
        (target / "widget.yaml").write_text("name: x\nsource: {kind: static}\n", encoding="utf-8")
        made.append(
            _folder(
                folder / f"text-{number}",
                {"name": text[:80], "description": text[:400], "category": text[:40], "source": {"kind": text[:900]}},
                "<p>x</p>",
            )
        )
        made.append(_folder(folder / f"file-{number}", text, text))
        made.append(
            _folder(
                folder / f"card-{number}",
                {"name": text[:80], "description": text[:400], "source": {"kind": "static"}},
                text,
            )
        )
        made.append(target)
        for place in (
            "name of a folder",
            "folder name",
            "folder description",
            "folder source.kind",
            "folder widget.yaml",
            "folder card.html",
        ):
            tried.at(place, text)
    small.runtime.definitions.rescan()
    assert len(small.runtime.definitions.broken()) > 300
    owner = small.owner()
    for page in ("/gallery", "/widgets/new/text-1", "/settings/about", "/api/custom-widgets?limit=500"):
        shown.take(owner.get(page), page)
    for target in made:
        for file in target.iterdir():
            file.unlink()
        target.rmdir()
    small.runtime.definitions.rescan()
    assert shown.all_faults() == []


def _folder(target: Path, manifest: Any, card: str) -> Path:
    target.mkdir()
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    (target / "widget.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    (target / "card.html").write_bytes(card.encode("utf-8", "surrogatepass"))
    return target


def test_whoever_signs_in_is_listed_as_text(small: Small, shown: Shown, texts: list[str], tried: Tried) -> None:
    # The page lists so many at most; it shows where a session was and from which browser.
    for at in range(0, len(texts), 150):
        some_of_them = texts[at : at + 150]
        for text in some_of_them:
            small.runtime.owner.open_session(whole(text), whole(text))
            tried.at("session user_agent", text)
            tried.at("session address", text)
        owner = small.owner()
        shown.take(owner.get("/settings/security"), "sessions")
        assert len(small.runtime.owner.sessions()) > len(some_of_them)
        owner.post("/settings/security/sessions/end", data={"session": "others"}, headers=ORIGIN)
    assert shown.all_faults() == []


def test_whoever_a_proxy_names_is_shown_as_text(tmp_path: Path, shown: Shown, texts: list[str], tried: Tried) -> None:
    site = Small(tmp_path, with_password=False, auth="proxy", trusted_proxies=("127.0.0.1/32",), allowed_hosts=("*",))
    site.things()
    client = site.app.test_client()
    for number, text in enumerate(some(texts, 3, 12)):
        for name in (
            "Remote-User",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
            "X-Forwarded-Prefix",
            "Host",
        ):
            value = "".join(c for c in text if c not in "\r\n\0,").encode("utf-8", "surrogatepass").decode("latin-1")
            heads = {"HTTP_REMOTE_USER": "somebody", f"HTTP_{name.upper().replace('-', '_')}": value}
            for page in ("/settings/security", ("/login", "/setup", "/no/such/page", "/p/guests")[number % 4]):
                shown.take(client.get(page, environ_overrides=heads), (name, text))
            tried.at(f"proxy {name}", text)
    site.runtime.stop()
    assert shown.all_faults() == []


def test_cards_that_are_what_their_owner_wrote_show_them_as_text(
    small: Small, shown: Shown, texts: list[str], tried: Tried
) -> None:
    rt, owner = small.runtime, small.owner()
    small.things()
    written = {"html": "html", "iframe": "url", "room": "room", "markdown": "text", "notes": "text", "fixed": "text"}
    given: dict[str, dict[str, Any]] = {
        "iframe": {"url": "http://127.0.0.1:9/"},
        "room": {"room": "x"},
        "html": {"html": "x"},
        "markdown": {"text": "x"},
    }
    rt.dashboards.create("Written", slug="written")
    rt.dashboards.update("written", {"is_public": True, "public_address": "written"})
    made = {slug: small.add(slug, slug, "written", **given.get(slug, {"text": "x"})) for slug in written}
    for text in some(texts, 0, 6):
        for slug, name in written.items():
            try:
                made[slug] = rt.placing.change(
                    made[slug].id, {"params": {name: whole(text)}, "title": whole(text)[:120]}
                )
            except GlanceError:
                continue
            finally:
                tried.at(f"card {slug} {name}", text)
        for page in ("/d/written", "/p/written"):
            shown.take(owner.get(page), (page, text))
    # A page whose dashboard goes leaves for another: look at them first.
    assert shown.all_faults() == []
    rt.dashboards.delete("written")


def test_cards_of_every_type_show_whatever_they_are_sent_as_text(
    tmp_path: Path, shown: Shown, texts: list[str], tried: Tried
) -> None:
    site = Small(tmp_path, with_copies=True)
    rt, owner = site.runtime, site.owner()
    placed = [(site.add(slug, slug, "sent", **one["params"]), one["example"]) for slug, one in site.examples.items()]
    assert len(placed) > 20
    turns = range(len(texts)) if ROUND else range(0, len(texts), 15)
    for turn in turns:
        for number, (widget, example) in enumerate(placed):
            first = (turn + number) % len(texts)
            data = mixed(example, cycle([whole(text) for text in texts[first:] + texts[:first]]))
            try:
                rt.refresher.push(widget, data)
            except GlanceError:
                continue
            finally:
                tried.body(f"data of {widget.custom_widget}", data)
        shown.take(owner.get("/d/sent"), ("/d/sent", turn))
        for widget, _ in placed[turn % 8 :: 8]:
            shown.take(owner.get(f"/widgets/{widget.id}/explain"), (widget.custom_widget, turn))
    rt.stop()
    assert shown.all_faults() == []
