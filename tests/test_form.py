"""Forms from a JSON Schema: what is shown, what is read back, rows, secrets, and what a click on a value means."""

from __future__ import annotations

from typing import Any

import pytest

from glance import form
from glance.form.fields import Look, every_field, is_touched
from glance.form.picking import pick_from_form, pick_to_form
from glance.http_form import FORM

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "mode"],
    "properties": {
        "name": {"type": "string", "title": "Name", "description": "As you call it", "maxLength": 80},
        "address": {"type": "string", "format": "url", "title": "Address"},
        "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
        "warn": {"type": "number", "title": "Warn above", "suffix": "%"},
        "mode": {"type": "string", "enum": ["slow", "fast"], "titles": {"fast": "Very fast"}},
        "level": {"type": "integer", "enum": [1, 2, 3], "default": 2},
        "bars": {"type": "boolean", "default": True},
        "key": {"type": "string", "format": "secret"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "days": {"type": "array", "items": {"type": "string", "enum": ["mon", "tue"]}},
        "note": {"type": "string", "format": "markdown", "default": "Hello"},
        "login": {
            "type": "object",
            "properties": {
                "kind": {"type": "string", "enum": ["none", "basic"], "default": "none"},
                "user": {"type": "string", "when": {"kind": ["basic"]}},
                "password": {"type": "string", "format": "secret", "when": {"kind": "basic"}},
            },
        },
        "clients": {
            "type": "array",
            "maxItems": 3,
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "port": {"type": "integer"}},
            },
        },
        "free": {"type": "object"},
    },
}


def fields(values: dict[str, Any], **look: Any) -> dict[str, form.Field]:
    """Every field by its path."""
    return {one.path: one for one in every_field(form.build(SCHEMA, values, Look(**look)))}


def read(posted: dict[str, str | list[str]], **how: Any) -> form.Draft:
    """A posted form, each name given with or without its list."""
    return form.read(SCHEMA, {name: [v] if isinstance(v, str) else v for name, v in posted.items()}, **how)


def test_each_kind_of_param_gets_the_control_that_suits_it() -> None:
    kinds = {path: one.kind for path, one in fields({}).items() if "." not in path}
    assert kinds == {
        "name": "text",
        "address": "url",
        "count": "number",
        "warn": "number",
        "mode": "select",
        "level": "select",
        "bars": "boolean",
        "key": "secret",
        "tags": "lines",
        "days": "checks",
        "note": "textarea",
        "login": "group",
        "clients": "rows",
        "free": "json",
    }


def test_defaults_labels_help_and_suffixes_come_from_the_schema() -> None:
    found = fields({})
    assert (found["name"].label, found["name"].help) == ("Name", "As you call it")
    assert found["count"].value == "3"
    assert found["count"].label == "Count"
    assert found["warn"].suffix == "%"
    assert found["warn"].attrs["inputmode"] == "decimal"
    assert [(o.value, o.label, o.selected) for o in found["mode"].options] == [
        ("slow", "Slow", False),
        ("fast", "Very fast", False),
    ]
    assert [o.selected for o in found["level"].options] == [False, True, False]


def test_stored_values_and_errors_are_shown_at_their_fields() -> None:
    values = {"tags": ["a", "b"], "clients": [{"name": "TV", "port": 80}], "count": "many"}
    found = fields(values, errors={"count": "A whole number from 1 to 9.", "clients.0.port": "No."})
    assert found["tags"].value == "a\nb"
    assert found["count"].value == "many"
    assert found["count"].error == "A whole number from 1 to 9."
    assert found["clients.0.name"].value == "TV"
    assert found["clients.0.name"].name == "p.clients.0.name"
    assert found["clients.0.port"].error == "No."
    assert found["clients"].is_inline
    assert not found["clients"].is_full


def test_a_field_with_a_condition_shows_only_when_its_neighbour_has_that_value() -> None:
    assert "login.user" not in fields({})
    shown = fields({"login": {"kind": "basic"}})
    assert "login.user" in shown
    assert "login.password" in shown
    assert shown["login.kind"].turns
    assert not shown["mode"].turns


def test_short_fields_after_each_other_share_a_line() -> None:
    lines = [tuple(one.path for one in line) for line in form.laid_out(form.build(SCHEMA, {}, Look()))]
    assert ("count", "warn") in lines
    assert ("mode", "level") in lines
    assert ("name",) in lines


def test_only_what_was_filled_in_counts_as_touched() -> None:
    assert not is_touched(form.build(SCHEMA, {}, Look()))
    assert not is_touched(form.build(SCHEMA, {"count": 3, "bars": True, "login": {"kind": "none"}}, Look()))
    assert is_touched(form.build(SCHEMA, {"bars": False}, Look()))
    assert is_touched(form.build(SCHEMA, {"login": {"kind": "basic"}}, Look()))


def test_posted_texts_become_typed_values_and_empty_ones_are_left_out() -> None:
    draft = read(
        {
            "p.name": " Filter ",
            "p.address": "",
            "p.count": "7",
            "p.warn": "12,5",
            "p.mode": "fast",
            "p.level": "3",
            "p.tags": "a\r\n\r\n b ",
            "p.days": ["tue"],
            "p.note": "One\r\ntwo",
            "p.free": '{"x": 1}',
        }
    )
    assert draft.errors == {}
    assert draft.values == {
        "name": "Filter",
        "count": 7,
        "warn": 12.5,
        "mode": "fast",
        "level": 3,
        "bars": False,
        "tags": ["a", "b"],
        "days": ["tue"],
        "note": "One\ntwo",
        "free": {"x": 1},
    }


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("count", "many", "A whole number from 1 to 9."),
        ("count", "1.5", "A whole number from 1 to 9."),
        ("warn", "NaN", "A number."),
        ("warn", "1e", "A number."),
        ("warn", "٣٤x", "A number."),
        ("free", "{x", "This is not JSON (line 1)."),
        ("free", "NaN", "This is not JSON."),
    ],
)
def test_what_cannot_be_read_is_kept_as_typed_with_a_sentence(field: str, text: str, sentence: str) -> None:
    draft = read({f"p.{field}": text})
    assert draft.errors == {field: sentence}
    assert draft.values[field] == text
    assert fields(draft.values)[field].value == text


def test_numbers_are_read_as_people_write_them() -> None:
    assert read({"p.warn": "1 000,25"}).values["warn"] == 1000.25
    assert read({"p.warn": "\u22123"}).values["warn"] == -3
    assert read({"p.count": "4.0"}).values["count"] == 4


def test_a_cleared_text_with_a_default_stays_cleared() -> None:
    assert read({"p.note": ""}).values["note"] == ""
    assert "note" not in read({}).values


def test_a_form_within_a_card_changes_only_what_it_carries() -> None:
    draft = form.read(SCHEMA, {"note": ["New"]}, prefix="", only_present=True)
    assert draft.values == {"note": "New"}


def test_rows_are_read_in_order_and_blank_ones_dropped_when_saving() -> None:
    posted: dict[str, str | list[str]] = {
        "p.clients.0": "row",
        "p.clients.0.name": "TV",
        "p.clients.2": "row",
        "p.clients.2.name": "",
        "p.clients.2.port": "",
        "p.clients.5": "row",
        "p.clients.5.name": "Bell",
        "p.clients.5.port": "x",
    }
    saved = read(posted)
    assert saved.values["clients"] == [{"name": "TV"}, {"name": "Bell", "port": "x"}]
    assert saved.errors == {"clients.1.port": "A whole number."}
    assert read(posted, keep_blank_rows=True).values["clients"][1] == {}


def test_rows_can_be_added_moved_and_removed() -> None:
    values: dict[str, Any] = {"clients": [{"name": "a"}, {"name": "b"}]}
    assert form.edit_rows(values, "add:clients") == "clients.2"
    assert form.edit_rows(values, "up:clients:1") == "clients.0"
    assert [row.get("name") for row in values["clients"]] == ["b", "a", None]
    assert form.edit_rows(values, "drop:clients:0") == "clients.0"
    assert [row.get("name") for row in values["clients"]] == ["a", None]
    assert form.edit_rows(values, "toggle:clients:0") == "clients.0"
    assert values["clients"][0]["done"] is True


def test_rows_within_rows_can_be_added() -> None:
    values: dict[str, Any] = {"groups": [{"title": "Home"}]}
    assert form.edit_rows(values, "add:groups.0.links") == "groups.0.links.0"
    assert values == {"groups": [{"title": "Home", "links": [{}]}]}


@pytest.mark.parametrize(
    "order", ["", "add:", "drop:clients", "drop:clients:9", "up:clients:x", "drop:name:0", "fly:x"]
)
def test_an_order_that_cannot_be_carried_out_changes_nothing(order: str) -> None:
    values: dict[str, Any] = {"name": "x", "clients": [{"name": "a"}]}
    assert form.edit_rows(values, order) is None
    assert values == {"name": "x", "clients": [{"name": "a"}]}


def test_a_stored_secret_is_never_a_value_only_a_state() -> None:
    stored = fields({}, secrets_set={"key": 5.0})["key"]
    assert stored.secret is not None
    assert (stored.secret.state, stored.secret.set_at) == ("set", 5.0)
    assert stored.value == ""
    assert fields({})["key"].secret == form.fields.Secret("empty")


def test_a_typed_secret_goes_through_the_page_sealed_and_comes_back() -> None:
    draft = read({"p.key": "hunter2"})
    shown = fields(draft.values, seal=lambda text: text[::-1])["key"]
    assert shown.secret is not None
    assert (shown.secret.state, shown.secret.sealed) == ("held", "2retnuh")
    assert shown.value == ""
    again = read({"p.key.sealed": "2retnuh", "p.key.state": "new"}, unseal=lambda text: text[::-1])
    assert again.values["key"] == "hunter2"


def test_a_secret_left_alone_is_kept_and_a_removed_one_is_null() -> None:
    assert "key" not in read({"p.key": ""}).values
    cleared = read({"p.key.state": "clear"})
    assert cleared.values["key"] is None
    assert cleared.secret_states == {"key": "clear"}
    found = fields(cleared.values, secrets_set={"key": 5.0}, secret_states=cleared.secret_states)["key"]
    assert found.secret is not None
    assert found.secret.state == "cleared"


def source(shape: str, kind: str | None = "http") -> dict[str, Any]:
    """The form of a data_source param."""
    forms = {"http": FORM, "push": {"type": "object", "properties": {}}}
    return form.data_source_schema({"shape": shape, "format": "data_source"}, kind, forms, frozenset({"http"}))


def test_a_source_shows_only_the_fields_of_its_kind() -> None:
    http = list(source("value")["properties"])
    assert http[:3] == ["kind", "url", "pick"]
    assert "auth" in http
    assert list(source("value", "push")["properties"]) == ["kind"]
    assert source("value", "nothing")["properties"]["kind"]["default"] == "http"


def test_rarely_needed_fields_of_a_source_are_tucked_away() -> None:
    made = form.build({"type": "object", "properties": {"s": source("value")}}, {}, Look())
    tucked = {one.path for one in made[0].children if one.tucked}
    assert "s.url" not in tucked
    assert {"s.method", "s.auth", "s.timeout"} <= tucked


ANSWER: dict[str, Any] = {
    "queries": {"percent": 18.4},
    "clients": [{"ip": "10.0.0.1", "count": 3, "more": {"x": 1}}, {"ip": "10.0.0.2", "count": 4}],
    "rows": [{"t": 1, "v": 2}],
    "pairs": [[1, 2], [3, 4]],
    "hourly": {"time": ["2026-01-01T00:00"], "temp-2m": [3.1]},
}


@pytest.mark.parametrize(
    ("shape", "path", "pick"),
    [
        ("value", "queries.percent", {"value": "queries.percent"}),
        ("rows", "clients", {"rows": "clients"}),
        ("rows", "clients[0].count", {"rows": "clients", "columns": [{"name": "count"}]}),
        ("points", "rows[0].v", {"series": [{"points": "rows[*].[t, v]", "label": "v"}]}),
        ("points", "rows", {"series": [{"points": "rows[*].[t, v]", "label": "v"}]}),
        ("points", "pairs", {"series": [{"points": "pairs"}]}),
        ("points", "pairs[0][1]", {"series": [{"points": "pairs"}]}),
        ("points", 'hourly."temp-2m"', {"series": [{"points": '[hourly.time, hourly."temp-2m"]', "label": "temp-2m"}]}),
        (
            "points",
            'hourly."temp-2m"[0]',
            {"series": [{"points": '[hourly.time, hourly."temp-2m"]', "label": "temp-2m"}]},
        ),
    ],
)
def test_a_click_on_a_value_becomes_a_pick_of_the_shape(shape: str, path: str, pick: dict[str, Any]) -> None:
    assert form.pick_from_click(shape, path, ANSWER, {}) == pick


def test_a_second_click_in_the_same_list_adds_a_column_and_in_a_chart_a_line() -> None:
    one = form.pick_from_click("rows", "clients[0].ip", ANSWER, {})
    two = form.pick_from_click("rows", "clients[0].count", ANSWER, one)
    assert two["columns"] == [{"name": "ip"}, {"name": "count"}]
    assert form.pick_from_click("rows", "clients[0].count", ANSWER, two) == two
    line = form.pick_from_click("points", "rows[0].v", ANSWER, {"series": [{"points": "pairs"}, {}]})
    assert [one["points"] for one in line["series"]] == ["pairs", "rows[*].[t, v]"]


@pytest.mark.parametrize(
    ("shape", "stored", "shown"),
    [
        ("value", "main.temp", {"value": "main.temp"}),
        ("value", {"value": "a", "unit": "W"}, {"value": "a", "unit": "W"}),
        ("rows", "items", {"rows": "items"}),
        ("points", {"points": "rows"}, {"series": [{"points": "rows"}]}),
        ("points", ["a", {"points": "b"}], {"series": [{"points": "a"}, {"points": "b"}]}),
        ("points", None, {}),
    ],
)
def test_a_stored_pick_is_shown_in_whatever_form_it_was_written(shape: str, stored: Any, shown: Any) -> None:
    assert pick_to_form(shape, stored) == shown


def test_lines_of_a_chart_are_stored_alone_or_as_a_list() -> None:
    assert pick_from_form("points", {"series": [{"points": "a"}, {}]}) == {"points": "a"}
    assert pick_from_form("points", {"series": [{"points": "a"}, {"points": "b"}]}) == [
        {"points": "a"},
        {"points": "b"},
    ]
    assert pick_from_form("value", {"value": "a"}) == {"value": "a"}


def test_a_mapping_of_headers_is_shown_as_rows() -> None:
    schema = {"type": "object", "properties": {"headers": FORM["properties"]["headers"]}}
    (headers,) = form.build(schema, {"headers": {"Accept": "text/plain"}}, Look())
    assert [[one.value for one in row] for row in headers.rows] == [["Accept", "text/plain"]]
