"""Every place that takes a text from outside: the table the hostile strings are tried by, and the count of what was tried.

The tables are compared with what is found: the forms as they are drawn, the words that the program reads of a request, the API as
openapi.json tells it, the keys of a manifest, the paths. A field without a row fails, and so does a row without a field.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask

from glance.web.api.openapi import describe

WEB = Path(__file__).resolve().parents[2] / "glance" / "web"
# The folder that the whole round leaves its counts in; without it (in the suite) every field takes some of the strings in turn.
ROUND = os.environ.get("GLANCE_HOSTILE_ROUND", "")

# What a form can send by name, under its route. `.#` stands for a number, `.*` for the name of a thing, of a set.
FORMS = """
GET /api/docs q
POST /custom-widgets/<slug>/code card code csrf_token do hosts params version
POST /dashboards csrf_token do
POST /dashboards/<slug>/delete csrf_token
POST /dashboards/<slug>/demo csrf_token
POST /dashboards/<slug>/demo/remove csrf_token
POST /dashboards/<slug>/edit csrf_token do h.* icon is_default is_public order public_address slug title version w.*
POST /dashboards/<slug>/found csrf_token
POST /dashboards/<slug>/found/devices csrf_token series
POST /dashboards/import agree csrf_token do document file
POST /dashboards/new csrf_token do icon is_default slug title
GET /devices by group q show was
GET /devices/<path:device_id> range sensor
POST /devices/<path:device_id> correction csrf_token decimals do edit expires_min hidden ignored into join label range
  raw_days rollup_days room sensor state_class unit
POST /devices/derived/<slug>/delete csrf_token
POST /devices/derived/<slug>/edit csrf_token do p.decimals p.expression p.inputs.# p.inputs.#.name p.inputs.#.sensor
  p.is_counter p.title p.unit
POST /devices/derived/new csrf_token do p.decimals p.expression p.inputs.# p.inputs.#.name p.inputs.#.sensor
  p.is_counter p.title p.unit
GET /gallery category q to
POST /gallery csrf_token to
POST /login csrf_token keep next password
POST /logout csrf_token
GET /messages q show
POST /settings/code csrf_token do name
POST /settings/credentials csrf_token hosts name replace value
POST /settings/credentials/hosts csrf_token hosts slug
POST /settings/credentials/remove csrf_token name
POST /settings/look csrf_token theme
POST /settings/security/password csrf_token current password repeat
POST /settings/security/public csrf_token dashboard public
POST /settings/security/sessions/end csrf_token session
POST /settings/security/tokens csrf_token days ingest name push scope
POST /settings/security/tokens/revoke csrf_token token
POST /setup code csrf_token do next password repeat
POST /theme back csrf_token theme
POST /visualize csrf_token dashboard device open sensor title widget_type
POST /widgets/<widget_id>/edit cron csrf_token do every h keep_warm p.items.# p.items.#.done p.items.#.text p.text
  p.url p.word p.word.state refresh title to unit version w
POST /widgets/<widget_id>/explain csrf_token
POST /widgets/<widget_id>/save do new text version
POST /widgets/new/<slug> cron csrf_token dashboard do every h keep_warm p.at_field p.bands.# p.bands.#.from
  p.bands.#.label p.bands.#.status p.bangs.# p.bangs.#.bang p.bangs.#.url p.checks.# p.checks.#.body_contains
  p.checks.#.expect p.checks.#.link p.checks.#.name p.checks.#.slow_ms p.checks.#.url p.class p.codeberg_token
  p.columns.# p.columns.#.decimals p.columns.#.format p.columns.#.link p.columns.#.name p.columns.#.title
  p.columns.#.unit p.data_source.auth.header p.data_source.auth.kind p.data_source.auth.login.body
  p.data_source.auth.login.method p.data_source.auth.login.url p.data_source.auth.name p.data_source.auth.password
  p.data_source.auth.prefix p.data_source.auth.token p.data_source.auth.token_at p.data_source.auth.username
  p.data_source.auth.value p.data_source.days p.data_source.format p.data_source.headers.#
  p.data_source.headers.#.name p.data_source.headers.#.value p.data_source.kind p.data_source.limit
  p.data_source.max_samples p.data_source.method p.data_source.pick.at p.data_source.pick.columns.#
  p.data_source.pick.columns.#.format p.data_source.pick.columns.#.name p.data_source.pick.columns.#.path
  p.data_source.pick.columns.#.title p.data_source.pick.factor p.data_source.pick.label p.data_source.pick.label_from
  p.data_source.pick.offset p.data_source.pick.rows p.data_source.pick.series.# p.data_source.pick.series.#.factor
  p.data_source.pick.series.#.label p.data_source.pick.series.#.label_from p.data_source.pick.series.#.offset
  p.data_source.pick.series.#.points p.data_source.pick.series.#.times p.data_source.pick.series.#.unit
  p.data_source.pick.series.#.unit_from p.data_source.pick.series.#.values p.data_source.pick.trend
  p.data_source.pick.unit p.data_source.pick.unit_from p.data_source.pick.value p.data_source.range
  p.data_source.select.class p.data_source.select.device p.data_source.select.ecosystem p.data_source.select.kind
  p.data_source.select.name p.data_source.select.room p.data_source.select.unit p.data_source.series.#
  p.data_source.series.#.device p.data_source.series.#.label p.data_source.series.#.sensor p.data_source.timeout
  p.data_source.timezone p.data_source.tls.pin p.data_source.tls.verify p.data_source.url p.data_source.urls
  p.data_source.use p.days p.decimals p.ecosystem p.engine p.first_day p.format p.full_percent p.fullscreen
  p.github_token p.gitlab_token p.html p.icon_field p.items.# p.items.#.done p.items.#.text p.label p.latitude
  p.least_points p.legend p.limit p.links.# p.links.#.group p.links.#.icon p.links.#.series p.links.#.title
  p.links.#.url p.longitude p.max p.min p.mounts p.new_tab p.off p.on p.only p.open p.pictures p.place p.prereleases
  p.projects.# p.projects.#.host p.projects.#.repository p.repository p.room p.rules.# p.rules.#.column
  p.rules.#.label p.rules.#.op p.rules.#.status p.rules.#.value p.scripts p.seconds p.series p.server p.show
  p.status_field p.storage p.subtitle_field p.text p.timeout p.timezone p.title_field p.token p.unit p.units p.url
  p.url_field p.urls.# p.urls.#.name p.urls.#.title p.urls.#.url p.warm_c p.word p.zones.# p.zones.#.label
  p.zones.#.timezone refresh title to unit w
"""

# What the program reads of a request by name, wherever it stands: glance/web is read for these.
QUERY = """
all by category cursor dashboard device done edit forgotten format group limit next part per points q range raw
replace saved sensor show shown since to topic ttl was
"""
HEADERS = """
Accept Accept-Encoding Authorization Glance-Have Glance-Lines HX-Current-URL HX-Request If-Match Origin Referer
Sec-Fetch-Mode Sec-Fetch-Site Sec-WebSocket-Protocol Upgrade User-Agent X-Forwarded-For
"""
# What is read by a name that is not written out there, or by the server before the program sees it.
MORE_HEADERS = """
Content-Type Cookie Forwarded Host Remote-User Via X-CSRF-Token X-Forwarded-Host X-Forwarded-Port X-Forwarded-Prefix X-Forwarded-Proto
X-Real-IP If-None-Match Range X-HTTP-Method-Override
"""
COOKIES = """
glance_session glance_csrf glance_theme
"""
# What a form sends only where something else was done before.
LATER = """
POST /gallery forget
POST /settings/credentials/hosts also
POST /widgets/<widget_id>/edit trial
POST /widgets/new/<slug> trial
"""
# Buttons that send nothing by name; their paths are tried.
BUTTONS = """
POST /fragments/widgets/<widget_id>/refresh
POST /widgets/<widget_id>/forget
POST /widgets/<widget_id>/refresh
POST /widgets/<widget_id>/remove
"""

# What a body of the API may hold, under its operation.
API = """
POST /api/credentials hosts name value
PATCH /api/credentials/{name} hosts value
POST /api/custom-widgets *
PATCH /api/custom-widgets/{slug} *
POST /api/custom-widgets/{slug}/execute force_refresh params widget_instance_id
PUT /api/custom-widgets/{slug}/hosts hosts
POST /api/dashboards icon is_default is_public is_template position public_address settings slug title
POST /api/dashboards/import agreed_hosts custom_widgets custom_widgets.#.slug dashboard dashboard.icon
  dashboard.is_template dashboard.settings dashboard.slug dashboard.title format version widgets
  widgets.#.custom_widget widgets.#.params widgets.#.position widgets.#.position.h widgets.#.position.w
  widgets.#.position.x widgets.#.position.y widgets.#.refresh_interval widgets.#.schedule widgets.#.settings
  widgets.#.title
PATCH /api/dashboards/{slug} icon is_default is_public is_template position public_address settings slug title
POST /api/dashboards/{slug}/duplicate title
PUT /api/dashboards/{slug}/layout layout layout.#.h layout.#.id layout.#.w layout.#.x layout.#.y
POST /api/derived decimals expression inputs inputs.#.device inputs.#.name inputs.#.sensor is_counter slug title unit
PATCH /api/derived/{slug} decimals expression inputs inputs.#.device inputs.#.name inputs.#.sensor is_counter title
  unit
PATCH /api/devices/{device_id} hidden ignored name room
POST /api/devices/{device_id}/create-widget dashboard sensor_variable title widget_type
POST /api/devices/{device_id}/merge into
PATCH /api/devices/{device_id}/sensors/{sensor} correction decimals expire_after hidden name raw_days rollup_days
  state_class unit
POST /api/devices/{device_id}/sensors/{sensor}/merge device sensor
PATCH /api/preferences code_enabled theme
POST /api/readings device_id name readings room sensor_type timestamp unit value
POST /api/tokens expires_at expires_in_s name scopes
POST /api/widgets custom_widget dashboard params position position.h position.w position.x position.y refresh_interval
  schedule settings title
POST /api/widgets/batch force_refresh widget_ids
PATCH /api/widgets/{widget_id} dashboard params position position.h position.w position.x position.y refresh_interval
  schedule settings title
"""

# What may stand in a manifest.
MANIFEST = """
name description category icon look refresh_interval schedule size params source data_schema assets frames card_form
hosts example_params template style server_code example
"""


def table(text: str) -> dict[str, set[str]]:
    """The rows of a table: what stands behind each route; a line that begins with a blank goes on with the one before."""
    found: dict[str, set[str]] = {}
    names = set[str]()
    for line in text.strip().splitlines():
        if not line.startswith(" "):
            names = found[" ".join(line.split()[:2])] = set()
            names.update(line.split()[2:])
        else:
            names.update(line.split())
    return found


def words(text: str) -> set[str]:
    """The names of a table without routes."""
    return set(text.split())


# ---- what there really is
def asked_of_requests(kind: str) -> set[str]:
    """Every name that glance/web reads from `request.<kind>` (or `request.values`, which holds both), found in its source."""
    return {name for node in _nodes() for name in _named(node, kind)}


@lru_cache(maxsize=1)
def _nodes() -> list[ast.AST]:
    """Every call, subscript and comparison in glance/web."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(WEB.rglob("*.py")))
    return [
        node
        for text in texts
        if "request." in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call | ast.Subscript | ast.Compare)
    ]


def _named(node: ast.AST, kind: str) -> Iterator[str]:
    """The literal in request.args.get("q"), request.args["q"] or "q" in request.args, where `node` is such a thing."""
    of, name = None, None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        of, name = node.func.value, node.args[0]
    elif isinstance(node, ast.Subscript):
        of, name = node.value, node.slice
    elif isinstance(node, ast.Compare):
        of, name = node.comparators[0], node.left
    kinds = {kind, "values"} if kind in ("args", "form") else {kind}
    ours = isinstance(of, ast.Attribute) and of.attr in kinds and getattr(of.value, "id", "") == "request"
    if ours and isinstance(name, ast.Constant) and isinstance(name.value, str):
        yield name.value


def api_fields() -> dict[str, set[str]]:
    """The fields of every body of the API, by "METHOD path"."""
    whole = describe()
    found: dict[str, set[str]] = {}
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                place = f"{method.upper()} {path}"
                found[place] = set(_fields(content["schema"], whole, "")) or {"*"}
    return found


def _fields(schema: Mapping[str, Any], whole: Any, before: str) -> Iterator[str]:
    while "$ref" in schema:
        target = whole
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    for name, one in schema.get("properties", {}).items():
        yield before + name
        yield from _fields(one, whole, f"{before}{name}.")
    if isinstance(schema.get("items"), dict):
        yield from _fields(schema["items"], whole, f"{before}#.")


def api_queries() -> dict[str, list[str]]:
    """The words in the address of every operation of the API."""
    return {
        f"{method.upper()} {path}": [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
        for path, methods in describe()["paths"].items()
        for method, operation in methods.items()
    }


def paths(app: Flask) -> list[tuple[str, str]]:
    """(method, rule) of every route with a part that is a text."""
    return sorted(
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.arguments and not rule.websocket
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    )


# ---- what was tried
class Tried:
    """Which string was tried in which place."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self._numbers = {text: number for number, text in enumerate(texts)}
        self._pairs = set[tuple[str, int]]()

    def __len__(self) -> int:
        return len(self._pairs)

    def number(self, text: str) -> int | None:
        """Which string a text is, or the beginning of."""
        if text not in self._numbers and len(text) > 12:
            self._numbers[text] = next((n for n, one in enumerate(self.texts) if one.startswith(text)), -1)
        found = self._numbers.get(text, -1)
        return None if found < 0 else found

    def at(self, place: str, text: str) -> None:
        """It was tried there."""
        number = self.number(text)
        if number is not None:
            self._pairs.add((place, number))

    def body(self, place: str, value: Any) -> None:
        """A string in JSON: each place in it counts, keys too."""
        if isinstance(value, Mapping):
            for key, item in value.items():
                if self.number(str(key)) is not None:
                    self.at(f"{place}.(key)", str(key))
                    key = "(key)"
                self.body(f"{place}.{key}", item)
        elif isinstance(value, list):
            for item in value:
                self.body(f"{place}.#", item)
        elif isinstance(value, str):
            self.at(place, value)

    def fields(self) -> set[str]:
        """Every place."""
        return {place for place, _ in self._pairs}

    def keep(self, name: str) -> None:
        """Leave the pairs where the round counts them."""
        if ROUND:
            (Path(ROUND) / f"{name}.json").write_text(json.dumps(sorted(self._pairs)), encoding="utf-8")


def some(texts: list[str], turn: int, share: int) -> list[str]:
    """In the round all strings; else every `share`-th, beginning with another one each turn."""
    return texts if ROUND else texts[turn % share :: share]
