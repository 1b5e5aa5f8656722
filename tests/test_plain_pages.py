"""Making dashboards and widgets with plain forms: everything here works without script."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.page_site import Site
from tests.upstream import Upstream

MANY = {
    "widget.yaml": """\
name: Many
description: One param of each kind
category: test
refresh_interval: 300
size: {default: {w: 3, h: 4}, min: {w: 2, h: 3}}
params:
  type: object
  required: [address]
  properties:
    address: {type: string, format: url, title: Address}
    key: {type: string, format: secret, title: API key}
    warn: {type: number, title: Warn above, minimum: 0, maximum: 100}
    bars: {type: boolean, title: Bars, default: true}
    clients:
      type: array
      title: Clients
      items: {type: object, required: [name], properties: {name: {type: string, title: Name}, port: {type: integer, title: Port}}}
source: {kind: http, url: "{{ params.address }}", auth: {kind: bearer, token: "{{ params.key }}"}}
data_schema: {type: object, required: [value]}
""",
    "card.html": '<p class="stat-val">{{ data.value }} of {{ params.warn }}</p>\n',
    "example.json": '{"value": 7}',
}
JOTTED = {
    "widget.yaml": """\
name: Jotted
category: test
card_form: true
size: {default: {w: 3, h: 4}}
params:
  type: object
  properties:
    text: {type: string, format: text, default: ""}
    items: {type: array, default: [], items: {type: object, required: [text], properties: {text: {type: string}, done: {type: boolean}}}}
source: {kind: static}
""",
    "card.html": "<p>{{ data.text }}</p>{% for item in data['items'] %}<i>{{ item.text }}{{ '!' if item.done }}</i>{% endfor %}\n",
}
BROKEN = {
    "widget.yaml": "name: Printer\ncategory: home\nrefresh_intervall: 60\nsource: {kind: push}\n",
    "card.html": "x",
}
OURS = {"Origin": "http://localhost"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which every definition was read once: reading them again for each test is most of its time."""
    folder = tmp_path_factory.mktemp("prepared")
    for slug, files in {"many": MANY, "jotted": JOTTED, "printer": BROKEN}.items():
        (folder / "widgets" / slug).mkdir(parents=True)
        for name, text in files.items():
            (folder / "widgets" / slug / name).write_text(text, encoding="utf-8")
    made = Site(folder)
    made.runtime.dashboards.create("Home", slug="home")
    made.runtime.start()
    made.runtime.stop()
    return folder


@pytest.fixture
def site(tmp_path: Path, prepared: Path) -> Iterator[Site]:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    made = Site(tmp_path)
    made.runtime.start()
    yield made
    made.runtime.stop()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    made.start()
    made.json("/value", {"value": 41.5, "unit": "W", "rows": [{"t": 1790000000, "v": 3}, {"t": 1790000300, "v": 5}]})
    yield made
    made.stop()


def get(site: Site, path: str, status: int = 200) -> str:
    """A page; its text."""
    answer = site.app.test_client().get(path)
    assert answer.status_code == status, answer.text
    assert " style=" not in answer.text
    assert not re.search(r"\son[a-z]+=", answer.text)
    return answer.text


def post(site: Site, path: str, data: dict[str, Any], status: int, **more: Any) -> TestResponse:
    """A posted form from our own page."""
    answer = site.app.test_client().post(path, data=data, headers={**OURS, **more})
    assert answer.status_code == status, answer.text
    return answer


def shown(text: str, name: str) -> str:
    """The value of a text field in a page."""
    match = re.search(rf'<input[^>]*\sname="{re.escape(name)}"[^>]*\svalue="([^"]*)"', text)
    assert match, f"no field {name}"
    return html.unescape(match[1])


FILLED = {
    "title": "Filter",
    "p.address": "http://dns.lan/x",
    "p.warn": "50",
    "p.bars": "true",
    "refresh": "definition",
    "w": "3",
    "h": "4",
}


# Gallery


def test_the_gallery_shows_every_definition_with_a_preview_of_its_example(site: Site) -> None:
    page = get(site, "/gallery?to=home")
    assert "Choose one to add it to Home." in page
    assert '<p class="stat-val">7 of' in page
    assert 'href="/widgets/new/many?to=home"' in page


def test_previews_bring_the_stylesheets_of_their_folders_along(site: Site) -> None:
    (site.widgets_folder / "many" / "style.css").write_text(".k-many b { font-weight: 400; }", encoding="utf-8")
    site.runtime.definitions.rescan()
    address = re.search(r'href="(/gallery/styles\.\w+\.css)"', get(site, "/gallery"))
    assert address
    answer = site.app.test_client().get(address[1])
    assert ".k-many b" in answer.text
    assert "immutable" in answer.headers["Cache-Control"]


def test_the_gallery_searches_by_name_source_and_category(site: Site) -> None:
    assert "Jotted" not in get(site, "/gallery?q=many")
    assert "Many" in get(site, "/gallery?q=http+MANY")
    found = get(site, "/gallery?category=test")
    assert "Many" in found
    assert "Server stats" not in found
    assert "Nothing matches" in get(site, "/gallery?q=nothing-like-this")


def test_a_broken_definition_is_listed_with_its_line_marked_and_can_be_read_again(site: Site) -> None:
    page = get(site, "/gallery")
    assert "Need a look" in page
    assert re.search(r"<mark>\s*3\s+refresh_intervall: 60</mark>", page)
    manifest = site.widgets_folder / "printer" / "widget.yaml"
    manifest.write_text(BROKEN["widget.yaml"].replace("intervall", "interval"), encoding="utf-8")
    post(site, "/gallery", {}, 303)
    page = get(site, "/gallery")
    assert "Need a look" not in page
    assert ">Printer</a>" in page


# The form


def test_the_form_is_made_from_the_params_of_the_definition(site: Site) -> None:
    page = get(site, "/widgets/new/many?to=home")
    assert shown(page, "title") == "Many"
    for name in ("p.address", "p.key", "p.warn", "p.bars", "every", "cron", "w", "h"):
        assert f'name="{name}"' in page
    assert 'type="password"' in page
    assert 'value="add:clients"' in page
    assert "As its definition says, every 5 minutes" in page


def test_a_filled_form_makes_the_widget_and_goes_to_it(site: Site) -> None:
    answer = post(
        site, "/widgets/new/many?to=home", {**FILLED, "to": "home", "p.key": "hunter2", "p.clients.0.name": "TV"}, 303
    )
    (widget,) = site.runtime.widgets.on_dashboard("home")
    assert answer.location == f"/d/home#w-{widget.id}"
    assert widget.params == {"address": "http://dns.lan/x", "warn": 50, "bars": True, "clients": [{"name": "TV"}]}
    assert list(widget.secrets_set) == ["key"]
    assert (widget.place.w, widget.place.h, widget.refresh_interval) == (3, 4, None)


def test_the_refresh_of_a_widget_can_be_an_interval_a_schedule_or_each_look(site: Site) -> None:
    for fields, expected in (
        ({"refresh": "every", "every": "2", "unit": "minutes"}, (120, None)),
        ({"refresh": "every", "every": "1,5", "unit": "hours"}, (5400, None)),
        ({"refresh": "schedule", "cron": "*/15  7-23 * * *"}, (None, "*/15 7-23 * * *")),
        ({"refresh": "opened"}, (0, None)),
    ):
        post(site, "/widgets/new/many?to=home", {**FILLED, **fields}, 303)
        newest = max(site.runtime.widgets.on_dashboard("home"), key=lambda widget: widget.created_at)
        assert (newest.refresh_interval, newest.schedule) == expected


def test_every_fault_is_named_at_its_field_and_nothing_typed_is_lost(site: Site) -> None:
    wrong = {
        **FILLED,
        "title": "x" * 130,
        "p.address": "dns.lan/admin",
        "p.warn": "many",
        "w": "1",
        "refresh": "schedule",
        "cron": "often",
    }
    page = post(site, "/widgets/new/many?to=home", wrong, 422).text
    assert "Five fields need a fix. Nothing is lost." in page
    assert "Must be an address that starts with http:// or https://." in page
    assert "A number from 0 to 100." in page
    assert '<a href="#p-address">Address</a>' in page
    assert shown(page, "p.address") == "dns.lan/admin"
    assert shown(page, "p.warn") == "many"
    assert shown(page, "cron") == "often"
    assert page.count('aria-invalid="true"') == 5
    assert site.runtime.widgets.all() == []


def test_a_missing_field_is_asked_for(site: Site) -> None:
    page = post(site, "/widgets/new/many?to=home", {"title": "Filter", "w": "3", "h": "4"}, 422).text
    assert "One field needs a fix." in page
    assert "This is needed." in page


def test_a_typed_secret_is_never_echoed_and_not_lost_either(site: Site) -> None:
    page = post(site, "/widgets/new/many?to=home", {**FILLED, "p.key": "hunter2", "p.warn": "many"}, 422).text
    assert "hunter2" not in page
    sealed = shown(page, "p.key.sealed")
    post(site, "/widgets/new/many?to=home", {**FILLED, "p.key.sealed": sealed, "p.key.state": "new"}, 303)
    (widget,) = site.runtime.widgets.all()
    assert site.runtime.secretbox.decrypt(site.runtime.widgets.secrets(widget.id)["key"]) == "hunter2"


def test_a_forged_sealed_secret_is_ignored(site: Site) -> None:
    post(site, "/widgets/new/many?to=home", {**FILLED, "p.key.sealed": "AAAA", "p.key.state": "new"}, 303)
    assert site.runtime.widgets.all()[0].secrets_set == {}


def test_rows_are_added_moved_and_removed_without_saving(site: Site) -> None:
    data = {**FILLED, "p.clients.0": "row", "p.clients.0.name": "TV", "do": "add:clients"}
    page = post(site, "/widgets/new/many?to=home", data, 200).text
    assert shown(page, "p.clients.0.name") == "TV"
    assert re.search(r'name="p\.clients\.1\.name"[^>]*\sautofocus', page)
    data |= {"p.clients.1": "row", "p.clients.1.name": "Bell", "do": "up:clients:1"}
    page = post(site, "/widgets/new/many?to=home", data, 200).text
    assert shown(page, "p.clients.0.name") == "Bell"
    page = post(site, "/widgets/new/many?to=home", {**data, "do": "drop:clients:0"}, 200).text
    assert shown(page, "p.clients.0.name") == "Bell"
    assert "p.clients.1.name" not in page
    assert site.runtime.widgets.all() == []


def placed(site: Site, **params: Any) -> Any:
    """A widget with one of each param, and a stored secret."""
    return site.add("many", "Filter", address="http://dns.lan/x", key="hunter2", **params)


def test_a_stored_secret_shows_as_set_and_stays_when_left_alone(site: Site) -> None:
    widget = placed(site)
    page = get(site, f"/widgets/{widget.id}/edit")
    assert "hunter2" not in page
    assert 'value="replace:key"' in page
    post(site, f"/widgets/{widget.id}/edit", {**FILLED, "version": str(widget.version)}, 303)
    after = site.runtime.widgets.get(widget.id)
    assert after.params["warn"] == 50
    assert site.runtime.secretbox.decrypt(site.runtime.widgets.secrets(widget.id)["key"]) == "hunter2"


def test_a_stored_secret_can_be_replaced_and_removed(site: Site) -> None:
    widget = placed(site)
    path = f"/widgets/{widget.id}/edit"
    page = post(site, path, {**FILLED, "do": "replace:key"}, 200).text
    assert 'name="p.key" type="password"' in page
    post(site, path, {**FILLED, "p.key.state": "new", "p.key": "other"}, 303)
    assert site.runtime.secretbox.decrypt(site.runtime.widgets.secrets(widget.id)["key"]) == "other"
    page = post(site, path, {**FILLED, "do": "clear:key"}, 200).text
    assert "Removed when you save" in page
    assert site.runtime.widgets.get(widget.id).secrets_set
    post(site, path, {**FILLED, "p.key.state": "clear"}, 303)
    assert site.runtime.widgets.get(widget.id).secrets_set == {}


def test_a_stale_edit_keeps_both_and_asks(site: Site) -> None:
    widget = placed(site)
    site.runtime.placing.change(widget.id, {"title": "Theirs"})
    path = f"/widgets/{widget.id}/edit"
    page = post(site, path, {**FILLED, "title": "Mine", "version": str(widget.version)}, 412).text
    assert "changed elsewhere while you were typing" in page
    assert "Title there: “Theirs”." in page
    assert shown(page, "title") == "Mine"
    assert site.runtime.widgets.get(widget.id).title == "Theirs"
    post(site, path, {**FILLED, "title": "Mine", "version": shown(page, "version")}, 303)
    assert site.runtime.widgets.get(widget.id).title == "Mine"


def test_a_grown_widget_pushes_others_down_and_none_overlap(site: Site) -> None:
    first, second = site.add("fixed", "A", text="a"), site.add("fixed", "B", text="b")
    third = site.add("tally", "C")
    post(
        site,
        f"/widgets/{first.id}/edit",
        {"title": "A", "p.text": "a", "w": "6", "h": "5", "refresh": "definition"},
        303,
    )
    places = {one.id: one.place for one in site.runtime.widgets.on_dashboard("home")}
    assert (places[first.id].w, places[first.id].h) == (6, 5)
    assert places[second.id].y >= 6
    cells = [(x, y) for p in places.values() for x in range(p.x, p.x + p.w) for y in range(p.y, p.y + p.h)]
    assert len(cells) == len(set(cells))
    assert third.id in places


def test_testing_a_fixed_source_says_what_came_and_stores_nothing(site: Site, upstream: Upstream) -> None:
    data = {**FILLED, "p.address": upstream.url("/value"), "p.key": "hunter2", "do": "test"}
    page = post(site, "/widgets/new/many?to=home", data, 200).text
    assert "200 OK" in page
    assert "Fits what the definition expects." in page
    assert '<p class="stat-val">41.5 of 50</p>' in page
    assert "with the tested answer" in page
    assert "hunter2" not in page
    assert site.runtime.widgets.all() == []


def test_testing_a_source_that_fails_says_why(site: Site) -> None:
    page = post(
        site, "/widgets/new/many?to=home", {**FILLED, "p.address": "http://127.0.0.1:9/", "do": "test"}, 200
    ).text
    assert "refused the connection" in page


def test_a_test_with_params_that_do_not_fit_asks_nobody(site: Site, upstream: Upstream) -> None:
    data = {**FILLED, "p.address": upstream.url("/value"), "p.warn": "101", "do": "test"}
    page = post(site, "/widgets/new/many?to=home", data, 422).text
    assert "Must be at most 100." in page
    assert upstream.count("/value") == 0


# A general widget, mapped without code


def stat(site: Site, fields: dict[str, Any], status: int = 200) -> str:
    """The form of a stat card over an address."""
    base = {"title": "Power", "p.data_source.kind": "http", "w": "2", "h": "3", "refresh": "definition"}
    return post(site, "/widgets/new/stat?to=home", {**base, **fields}, status).text


def test_a_general_widget_is_tested_clicked_and_saved_without_code(site: Site, upstream: Upstream) -> None:
    address = {"p.data_source.url": upstream.url("/value")}
    page = stat(site, {**address, "do": "test"})
    assert 'value="pick:value"' in page
    token = shown(page, "trial")
    page = stat(site, {**address, "trial": token, "do": "pick:value"})
    assert shown(page, "p.data_source.pick.value") == "value"
    assert "41.5" in page
    assert upstream.count("/value") == 1
    stat(
        site,
        {
            **address,
            "p.data_source.pick.value": "value",
            "p.unit": "W",
            "p.rules.0.op": ">",
            "p.rules.0.value": "40",
            "p.rules.0.status": "bad",
        },
        303,
    )
    (widget,) = site.runtime.widgets.all()
    assert widget.params["data_source"]["pick"] == {"value": "value"}
    assert widget.params["unit"] == "W"
    assert widget.params["rules"][0]["status"] == "bad"
    assert site.runtime.refresher.get(widget).data["value"] == 41.5


def test_only_the_fields_of_the_chosen_kind_are_shown_and_switching_loses_nothing(site: Site) -> None:
    page = stat(site, {"p.data_source.kind": "push", "p.data_source.url": "http://a.lan/", "do": "kind"})
    assert 'id="p-data_source-url"' not in page
    assert '<input type="hidden" name="p.data_source.url" value="http://a.lan/">' in page
    page = stat(site, {"p.data_source.url": "http://a.lan/", "do": "kind"})
    assert shown(page, "p.data_source.url") == "http://a.lan/"


def test_a_secret_of_another_kind_is_not_carried_along(site: Site) -> None:
    page = stat(site, {"p.data_source.kind": "push", "p.data_source.auth.token": "hunter2", "do": "kind"})
    assert "hunter2" not in page


def test_a_pick_that_is_no_expression_is_named(site: Site) -> None:
    page = stat(site, {"p.data_source.url": "http://a.lan/", "p.data_source.pick.value": "a..b"}, 422)
    assert '<a href="#p-data_source-pick-value">Value</a>' in page


def test_a_stored_general_widget_shows_its_source_again(site: Site) -> None:
    source = {
        "kind": "http",
        "url": "http://a.lan/",
        "headers": {"Accept": "text/plain"},
        "pick": [{"points": "rows[*].[t, v]"}, "b"],
    }
    widget = site.add("line-chart", "Lines", data_source=source)
    page = get(site, f"/widgets/{widget.id}/edit")
    assert shown(page, "p.data_source.headers.0.name") == "Accept"
    assert shown(page, "p.data_source.pick.series.0.points") == "rows[*].[t, v]"
    assert shown(page, "p.data_source.pick.series.1.points") == "b"


@pytest.mark.parametrize(
    "path", ["/widgets/none/edit", "/widgets/new/none", "/widgets/none/explain", "/dashboards/none/edit"]
)
def test_what_is_not_there_is_a_page_that_says_so(site: Site, path: str) -> None:
    get(site, path, 404)


# Cards with a form of their own


def test_a_note_is_saved_from_its_card(site: Site) -> None:
    widget = site.add("jotted", "Note", text="Old")
    answer = post(site, f"/widgets/{widget.id}/save", {"text": "New"}, 303)
    assert answer.location == f"/d/home#w-{widget.id}"
    assert site.runtime.widgets.get(widget.id).params["text"] == "New"
    post(site, f"/widgets/{widget.id}/save", {"text": ""}, 303)
    assert not site.runtime.widgets.get(widget.id).params.get("text")


def test_a_list_on_a_card_is_added_to_ticked_and_cleared(site: Site) -> None:
    widget = site.add("jotted", "List", text="kept")
    path = f"/widgets/{widget.id}/save"
    for text in ("milk", "bread", " "):
        post(site, path, {"do": "add:items", "new": text}, 303)
    post(site, path, {"do": "toggle:items:1"}, 303)
    post(site, path, {"do": "drop:0"}, 303)
    params = site.runtime.widgets.get(widget.id).params
    assert params["items"] == [{"text": "bread", "done": True}]
    assert params["text"] == "kept"


def test_a_row_that_moved_meanwhile_is_not_ticked_by_mistake(site: Site) -> None:
    widget = site.add("jotted", "List", items=[{"text": "milk"}])
    post(site, f"/widgets/{widget.id}/save", {"do": "add", "new": "bread"}, 303)
    post(site, f"/widgets/{widget.id}/save", {"do": "drop:items:0", "version": str(widget.version)}, 303)
    assert len(site.runtime.widgets.get(widget.id).params["items"]) == 2


def test_htmx_gets_the_new_card_instead_of_a_page(site: Site) -> None:
    widget = site.add("jotted", "Note", text="Old")
    answer = post(site, f"/widgets/{widget.id}/save", {"text": "New"}, 200, **{"HX-Request": "true"})
    assert f'id="w-{widget.id}"' in answer.text
    assert "<p>New</p>" in answer.text


def test_a_card_without_a_form_cannot_be_saved_that_way(site: Site) -> None:
    widget = site.add("fixed", "Fixed", text="a")
    post(site, f"/widgets/{widget.id}/save", {"text": "b"}, 409)
    assert site.runtime.widgets.get(widget.id).params["text"] == "a"


def test_a_widget_is_removed_from_its_menu(site: Site) -> None:
    widget = site.add("fixed", "Fixed", text="a")
    assert post(site, f"/widgets/{widget.id}/remove", {}, 303).location == "/d/home"
    assert site.runtime.widgets.all() == []


def test_a_form_from_another_page_changes_nothing(site: Site) -> None:
    widget = site.add("fixed", "Fixed", text="a")
    post(site, f"/widgets/{widget.id}/remove", {}, 403, Origin="http://evil.example")
    assert len(site.runtime.widgets.all()) == 1


# Dashboards


def test_a_dashboard_is_made_named_and_made_the_first(site: Site) -> None:
    answer = post(site, "/dashboards/new", {"title": "Energy use", "icon": "bolt", "is_default": "true"}, 303)
    assert answer.location == "/d/energy-use"
    made = site.runtime.dashboards.get("energy-use")
    assert (made.title, made.icon, made.is_default) == ("Energy use", "bolt", True)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"title": " "}, "Give it a title."),
        ({"title": "x" * 121}, "At most 120 characters."),
        ({"title": "A", "slug": "Not good"}, "Lower-case letters, digits and hyphens only."),
        ({"title": "A", "slug": "home"}, "Another dashboard has this address already."),
    ],
)
def test_a_dashboard_that_cannot_be_made_says_why(site: Site, fields: dict[str, str], sentence: str) -> None:
    page = post(site, "/dashboards/new", fields, 422).text
    assert sentence in page
    assert shown(page, "title") == fields["title"].strip()
    assert len(site.runtime.dashboards.all()) == 1


def test_a_dashboard_is_renamed_and_gets_another_address(site: Site) -> None:
    version = shown(get(site, "/dashboards/home/edit"), "version")
    answer = post(site, "/dashboards/home/edit", {"title": "House", "slug": "house", "version": version}, 303)
    assert answer.location == "/d/house"
    assert site.runtime.dashboards.get("house").is_default


def test_a_stale_change_of_a_dashboard_keeps_both(site: Site) -> None:
    version = shown(get(site, "/dashboards/home/edit"), "version")
    site.runtime.dashboards.update("home", {"title": "Theirs"})
    page = post(site, "/dashboards/home/edit", {"title": "Mine", "slug": "home", "version": version}, 412).text
    assert "title “Theirs”" in page
    assert shown(page, "title") == "Mine"
    post(site, "/dashboards/home/edit", {"title": "Mine", "slug": "home", "version": shown(page, "version")}, 303)
    assert site.runtime.dashboards.get("home").title == "Mine"


def test_tabs_are_put_into_another_order(site: Site) -> None:
    site.runtime.dashboards.create("Second")
    post(site, "/dashboards", {"do": "up:second"}, 303)
    assert [one.slug for one in site.runtime.dashboards.all()] == ["second", "home"]
    post(site, "/dashboards", {"do": "up:second"}, 303)
    assert [one.slug for one in site.runtime.dashboards.all()] == ["second", "home"]


def test_a_dashboard_is_copied_with_its_widgets(site: Site) -> None:
    site.add("fixed", "Fixed", text="a")
    post(site, "/dashboards", {"do": "duplicate:home"}, 303)
    copy = next(one for one in site.runtime.dashboards.all() if one.slug != "home")
    assert [widget.title for widget in site.runtime.widgets.on_dashboard(copy.slug)] == ["Fixed"]


def test_deleting_a_dashboard_says_what_goes_with_it(site: Site) -> None:
    site.add("fixed", "Fixed", text="a")
    assert "One widget goes with it" in get(site, "/dashboards/home/edit")
    post(site, "/dashboards/home/delete", {}, 303)
    assert site.runtime.dashboards.all() == []
    assert site.runtime.widgets.all() == []
    assert "There is no dashboard yet." in get(site, "/dashboards")


def test_widgets_are_ordered_and_sized_in_a_list_and_packed(site: Site) -> None:
    ids = [site.add("fixed", title, text="x").id for title in ("A", "B", "C")]
    page = get(site, "/dashboards/home/edit")
    fields = {"title": "Home", "slug": "home", "version": shown(page, "version"), "order": ids}
    page = post(site, "/dashboards/home/edit", {**fields, "do": "down:0"}, 200).text
    assert re.findall(r'name="order" value="(\w+)"', page) == [ids[1], ids[0], ids[2]]
    assert [one.id for one in site.runtime.widgets.on_dashboard("home")] == ids
    post(site, "/dashboards/home/edit", {**fields, "order": [ids[2], ids[0], ids[1]], f"w.{ids[2]}": "12"}, 303)
    after = site.runtime.widgets.on_dashboard("home")
    assert [one.id for one in after] == [ids[2], ids[0], ids[1]]
    assert [(one.place.x, one.place.y, one.place.w) for one in after] == [(1, 1, 12), (1, 3, 2), (3, 3, 2)]


def test_a_size_that_does_not_fit_is_named_and_nothing_moves(site: Site) -> None:
    widget = site.add("many", "M", address="http://a.lan/")
    fields = {"title": "Home", "slug": "home", "order": [widget.id], f"w.{widget.id}": "13", f"h.{widget.id}": "2"}
    page = post(site, "/dashboards/home/edit", fields, 422).text
    assert "A whole number from 2 to 12." in page
    assert "A whole number from 3 to 40." in page
    assert site.runtime.widgets.get(widget.id).place == widget.place


# Welcome


def test_an_empty_dashboard_says_how_to_begin(site: Site) -> None:
    page = get(site, "/d/home")
    assert "This is Home." in page
    assert 'action="/dashboards/home/demo"' in page
    assert 'href="/gallery?to=home"' in page
    assert "This computer" in page


def test_the_demo_fills_the_dashboard_and_goes_again_leaving_what_was_added(site: Site) -> None:
    own = site.add("fixed", "Mine", text="a")
    post(site, "/dashboards/home/demo", {}, 303)
    placed_now = site.runtime.widgets.on_dashboard("home")
    assert len(placed_now) >= 8
    assert "Take the demo away" in get(site, "/dashboards/home/edit")
    cells = [
        (x, y)
        for w in placed_now
        for x in range(w.place.x, w.place.x + w.place.w)
        for y in range(w.place.y, w.place.y + w.place.h)
    ]
    assert len(cells) == len(set(cells))
    post(site, "/dashboards/home/demo/remove", {}, 303)
    assert [one.id for one in site.runtime.widgets.on_dashboard("home")] == [own.id]


def test_this_computer_is_added_with_one_click(site: Site) -> None:
    post(site, "/dashboards/home/found", {}, 303)
    assert [one.custom_widget for one in site.runtime.widgets.all()] == ["host"]


# Import


def test_an_exported_dashboard_is_shown_first_and_then_imported(site: Site) -> None:
    site.add("fixed", "Fixed", text="a")
    exported = json.dumps(site.app.test_client().get("/api/dashboards/home/export").json)
    page = post(site, "/dashboards/import", {"document": exported, "do": "preview"}, 200).text
    assert "because /d/home is taken" in page
    assert len(site.runtime.dashboards.all()) == 1
    post(site, "/dashboards/import", {"document": exported, "do": "import"}, 303)
    assert len(site.runtime.dashboards.all()) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "other"}'])
def test_a_file_that_is_no_export_is_refused_with_a_sentence(site: Site, text: str) -> None:
    page = post(site, "/dashboards/import", {"document": text, "do": "import"}, 422).text
    assert "This cannot be imported. Nothing was changed." in page


# Explain


def test_explain_begins_with_what_is_wrong_and_what_happens_next(site: Site) -> None:
    widget = site.add("many", "Filter", address="http://127.0.0.1:9/")
    post(site, f"/widgets/{widget.id}/explain", {}, 303)
    page = get(site, f"/widgets/{widget.id}/explain")
    assert "refused the connection" in page
    assert "Glance has no earlier answer to show and tries again by itself at" in page
    assert re.search("After the (first|second) failure Glance waits", page)
    assert "Change its settings" in page


def test_explain_shows_the_last_requests_and_the_answer_without_secrets(site: Site, upstream: Upstream) -> None:
    upstream.json("/leaky", {"value": 1, "session": "hunter2"})
    widget = placed(site)
    site.runtime.placing.change(widget.id, {"params": {"address": upstream.url("/leaky")}})
    post(site, f"/widgets/{widget.id}/explain", {}, 303)
    page = get(site, f"/widgets/{widget.id}/explain")
    assert "All is well" in page
    assert f"GET {upstream.url('/leaky')}" in page
    assert "hunter2" not in page
    assert "glance; hit; ttl=" in page


def test_explain_comes_as_a_dialog_too(site: Site) -> None:
    widget = site.add("fixed", "Fixed", text="a")
    text = get(site, f"/widgets/{widget.id}/explain?part=dialog")
    assert text.startswith('<dialog class="dlg dlg-x" id="dlg-explain"')
    assert "It shows what its settings say." in text


def test_a_stored_answer_can_be_forgotten(site: Site) -> None:
    widget = site.add("tally", "Number")
    site.push(widget, 5)
    post(site, f"/widgets/{widget.id}/forget", {}, 303)
    assert not site.runtime.refresher.peek([widget])[widget.id].has_data


def test_a_widget_whose_definition_is_broken_still_explains_itself(site: Site) -> None:
    widget = site.add("fixed", "Fixed", text="a")
    (site.widgets_folder / "fixed" / "widget.yaml").write_text("name: [", encoding="utf-8")
    site.runtime.definitions.rescan()
    assert "Its custom widget cannot be used." in get(site, f"/widgets/{widget.id}/explain")
