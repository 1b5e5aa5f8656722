"""Picking and the three shapes, with answers as real services send them."""

from __future__ import annotations

from typing import Any

import pytest

from glance import shapes
from glance.errors import FetchError, Invalid

WEATHER = {
    "main": {"temp": "21.5", "humidity": 64, "at": "2026-02-03T12:00:00Z"},
    "name": "Berlin",
    "hourly": {"time": ["2026-02-03T12:00", "2026-02-03T11:00"], "temp": [1.5, None]},
    "rows": [{"t": 1770120000000, "v": "2"}, {"t": 1770116400000, "v": 1}],
    "odd-name": {"0": 7},
    "list": [1, 2],
    "off": False,
    "nothing": None,
}


def refusal(spec: Any, shape: str | None, answer: Any = WEATHER) -> str:
    with pytest.raises(FetchError) as caught:
        shapes.pick(spec, answer, shape)
    assert caught.value.kind == "schema"
    return caught.value.sentence


# ---- fixed sources
@pytest.mark.parametrize(
    ("spec", "data"),
    [
        (None, WEATHER),
        ("", WEATHER),
        ("main.humidity", 64),
        ("nothing.at.all", None),
        ({"temp": "main.temp", "deep": {"n": "list[0]"}}, {"temp": "21.5", "deep": {"n": 1}}),
        ('"odd-name"."0"', 7),
        ("length(rows)", 2),
    ],
)
def test_a_fixed_source_picks_by_expression_or_by_names(spec: Any, data: Any) -> None:
    assert shapes.pick(spec, WEATHER) == data


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("main..temp", "main..temp has a mistake at position 6"),
        ("main.", "has a mistake at position"),
        ("a b", "has a mistake at position 3"),
        ("rows[", "has a mistake"),
        ("#", "has a mistake at position 1"),
        ("nope(@)", "cannot be used on this answer"),
        ("length(`1`)", "cannot be used on this answer"),
        ("max(rows)", "cannot be used on this answer"),
        ("a" * 3000, "more than 2000 characters"),
        (["a"], "must be an expression, or an object"),
        (5, "must be an expression, or an object"),
    ],
)
def test_an_expression_with_a_mistake_is_named_with_its_position(expression: Any, words: str) -> None:
    spec = {"x": expression} if not isinstance(expression, int) else expression
    assert words in refusal(spec, None)


# ---- value
@pytest.mark.parametrize(
    ("spec", "data"),
    [
        ("main.temp", {"value": 21.5}),
        ({"value": "main.temp", "unit": "°C"}, {"value": 21.5, "unit": "°C"}),
        ({"value": "name", "label_from": "name"}, {"value": "Berlin", "label": "Berlin"}),
        ({"value": "off"}, {"value": False}),
        ({"value": "main.humidity", "factor": 0.01, "offset": "1"}, {"value": 1.64}),
        ({"value": "main.humidity", "at": "main.at"}, {"value": 64, "at": 1770120000.0}),
        ({"value": "list[0]", "trend": "list"}, {"value": 1, "trend": [[0, 1], [1, 2]]}),
        (
            {"value": "list[0]", "trend": "rows[*].[t, v]", "factor": 10},
            {"value": 10, "trend": [[1770116400.0, 10], [1770120000.0, 20]]},
        ),
        ({"value": "main.temp", "unit": "", "label": None}, {"value": 21.5}),
    ],
)
def test_a_value_is_picked_with_unit_label_time_and_trend(spec: Any, data: Any) -> None:
    assert shapes.pick(spec, WEATHER, "value") == data


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("list", "list is a list, not a number."),
        ({"value": "main"}, "main is an object, not a number."),
        ({"value": "main.tmp"}, "main.tmp finds nothing in the answer."),
        ({"value": "nothing"}, "nothing finds nothing in the answer."),
        ({"unit": "°C"}, "The pick names no value"),
        ({"value": "main.humidity", "at": "name"}, "The time of main.humidity cannot be read."),
        ({"value": "main.humidity", "trend": "name"}, "trend is text, not a list of points."),
        (7, "A pick is a number, not an expression or an object."),
    ],
)
def test_a_value_that_cannot_be_picked_is_said(spec: Any, words: str) -> None:
    assert words in refusal(spec, "value")


# ---- points
PAIRS = [[1770116400.0, 1], [1770120000.0, 2]]


@pytest.mark.parametrize(
    ("spec", "series"),
    [
        ({"points": "rows[*].[t, v]", "label": "A", "unit": "W"}, [{"label": "A", "unit": "W", "points": PAIRS}]),
        ({"points": "rows"}, [{"label": "", "points": PAIRS}]),
        ("rows", [{"label": "", "points": PAIRS}]),
        (["rows", {"points": "rows", "factor": 2}], [{"label": "", "points": PAIRS}, {"label": "", "points": [[1770116400.0, 2], [1770120000.0, 4]]}]),
        ({"series": [{"points": "rows", "label_from": "name"}]}, [{"label": "Berlin", "points": PAIRS}]),
        ({"times": "hourly.time", "values": "hourly.temp"}, [{"label": "", "points": [[1770116400.0, None], [1770120000.0, 1.5]]}]),
        ({"points": "[hourly.time, hourly.temp]"}, [{"label": "", "points": [[1770116400.0, None], [1770120000.0, 1.5]]}]),
        ({"points": "`[]`"}, [{"label": "", "points": []}]),
    ],
)  # fmt: skip
def test_points_are_picked_ordered_and_in_unix_seconds(spec: Any, series: Any) -> None:
    assert shapes.pick(spec, WEATHER, "points") == {"series": series}


def test_two_pairs_are_not_mistaken_for_two_lists() -> None:
    pairs = [[1770116400, 5], [1770120000, 6]]
    assert shapes.pick("@", pairs, "points")["series"][0]["points"] == [[1770116400.0, 5], [1770120000.0, 6]]
    lists = [[1770116400, 1770120000], [5, 6]]
    assert shapes.pick("@", lists, "points")["series"][0]["points"] == [[1770116400.0, 5], [1770120000.0, 6]]


def test_text_among_numbers_is_a_gap_but_only_text_is_a_mistake() -> None:
    history = [[1, "21.5"], [2, "unavailable"], [3, True]]
    assert shapes.pick("@", history, "points")["series"][0]["points"] == [[1.0, 21.5], [2.0, None], [3.0, 1]]
    assert refusal("@", "points", [[1, "on"], [2, "off"]]) == "The values of @ are text, not numbers."
    assert shapes.pick("@", [[1, None]], "points")["series"][0]["points"] == [[1.0, None]]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("name", "name is text, not a list of points."),
        ("list", "Point 1 of list is a number, not a pair of time and value."),
        ("nope", "nope finds nothing in the answer."),
        ({"points": "rows[*].[v]"}, "Point 1 of rows[*].[v] is a list"),
        ({"points": '`[["soon", 1]]`'}, "The time of point 1 of"),
        ({"times": "list", "values": "hourly.time[0:1]"}, "list has 2 items, hourly.time[0:1] has 1."),
        ({"times": "name", "values": "list"}, "name is text, not a list."),
        ({"label": "A"}, "The pick names no points"),
        ([{"points": "rows"}, 5], "A pick is a number"),
    ],
)
def test_points_that_cannot_be_picked_are_said(spec: Any, words: str) -> None:
    assert words in refusal(spec, "points")


def test_only_the_newest_points_are_kept() -> None:
    points = shapes.pick("@", [[at, at] for at in range(6000)], "points")["series"][0]["points"]
    assert (len(points), points[0], points[-1]) == (5000, [1000.0, 1000], [5999.0, 5999])


# ---- rows
ITEMS = {
    "items": [
        {"title": "A", "user": {"login": "me"}, "labels": ["x", 1, None], "n": 1, "deep": {"a": [1]}},
        {"title": "B", "extra": True, "user": None},
    ],
    "by_name": {"nas": {"up": True}, "pi": {"up": False}},
    "table": [["a", 1], ["b", 2]],
    "names": ["x", "y"],
}


def test_rows_take_the_columns_that_were_named_by_key_or_path() -> None:
    columns = [{"name": "title", "title": "Title"}, {"name": "user.login", "format": "text"}, {"name": "labels"}, {"name": "who", "path": "user.login"}, {"name": "deep"}]  # fmt: skip
    data = shapes.pick({"rows": "items", "columns": columns}, ITEMS, "rows")
    assert data["columns"] == columns
    first = {"title": "A", "n": 1, "user.login": "me", "labels": "x, 1, ", "who": "me", "deep": '{"a": [1]}'}
    assert data["rows"][0] == first
    assert data["rows"][1]["user.login"] is None


@pytest.mark.parametrize(
    ("spec", "columns", "rows"),
    [
        ("items", ["title", "n", "extra", "user"], None),
        ("by_name", ["key", "up"], [{"key": "nas", "up": True}, {"key": "pi", "up": False}]),
        ("table", ["column 1", "column 2"], [{"column 1": "a", "column 2": 1}, {"column 1": "b", "column 2": 2}]),
        ({"rows": "table", "columns": ["k", "Free space"]}, ["k", "Free space"], [{"k": "a", "Free space": 1}, {"k": "b", "Free space": 2}]),
        ("names", ["value"], [{"value": "x"}, {"value": "y"}]),
        ("items[0].deep", [], [{}]),
        ({"rows": "items[9:]"}, [], []),
    ],
)  # fmt: skip
def test_missing_columns_are_those_of_the_first_rows(spec: Any, columns: list[str], rows: Any) -> None:
    data = shapes.pick(spec, ITEMS, "rows")
    assert [column["name"] for column in data["columns"]] == columns
    assert rows is None or data["rows"] == rows


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("items[0].title", "items[0].title is text, not a list of rows."),
        ("nope", "nope finds nothing in the answer."),
        ({"columns": []}, "The pick names no rows"),
        ({"rows": "items", "columns": [{"title": "x"}]}, "Column 1 has no name."),
        ({"rows": "items", "columns": {"a": 1}}, "columns is an object, not a list."),
    ],
)
def test_rows_that_cannot_be_picked_are_said(spec: Any, words: str) -> None:
    assert words in refusal(spec, "rows", ITEMS)


def test_many_rows_are_cut_and_counted() -> None:
    data = shapes.pick("@", [{"n": n} for n in range(1500)], "rows")
    assert (len(data["rows"]), data["total"]) == (1000, 1500)


# ---- data that has its shape already (push, static)
@pytest.mark.parametrize(
    ("shape", "given", "data"),
    [
        ("value", 42, {"value": 42}),
        ("value", {"value": "21.50", "unit": "°C", "note": "ok"}, {"value": 21.5, "unit": "°C", "note": "ok"}),
        ("value", {"value": None}, {"value": None}),
        ("value", {"value": "on", "at": "2026-02-03"}, {"value": "on", "at": 1770076800.0}),
        ("points", [[1, 2]], {"series": [{"label": "", "points": [[1.0, 2]]}]}),
        ("points", {"points": [[1, 2]], "label": "A"}, {"series": [{"label": "A", "points": [[1.0, 2]]}]}),
        ("points", {"series": []}, {"series": []}),
        ("rows", [{"a": 1}], {"columns": [{"name": "a"}], "rows": [{"a": 1}]}),
        ("rows", {"columns": ["a"], "rows": [{"a": 1}]}, {"columns": [{"name": "a"}], "rows": [{"a": 1}]}),
    ],
)
def test_shaped_data_is_put_into_its_plain_form(shape: str, given: Any, data: Any) -> None:
    assert shapes.fit(given, shape) == data
    assert shapes.pick(None, given, shape) == data


@pytest.mark.parametrize(
    ("shape", "given", "words"),
    [
        ("value", {"val": 1}, "The answer has no value"),
        ("value", [1], "value is a list, not a number."),
        ("value", {"value": 1, "at": "soon"}, "The time of value cannot be read."),
        ("points", {"a": 1}, "The answer has no points"),
        ("points", {"series": 5}, "series is a number, not a list."),
        ("points", {"series": [{}]}, "Series 1 has no points."),
        ("points", {"series": [{"points": 1}]}, "series 1 is a number, not a list of points."),
        ("rows", "x", "The answer has no rows"),
        ("circle", 1, "must be one of"),
    ],
)
def test_data_of_another_shape_is_refused_with_a_sentence(shape: str, given: Any, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        shapes.fit(given, shape)
    assert words in caught.value.sentence


# ---- checking before saving
@pytest.mark.parametrize(
    ("shape", "spec", "fields"),
    [
        ("value", {"value": "main.temp"}, []),
        ("value", "main.temp", []),
        ("value", None, []),
        ("value", {"value": "a..b", "at": "c d", "factor": "x"}, ["pick.value", "pick.at", "pick.factor"]),
        ("value", {"unit": "x"}, ["pick.value"]),
        ("points", [{"points": "a"}, {"label": "x"}, 5], ["pick.1.points", "pick.2"]),
        ("points", {"series": [{"points": "a."}]}, ["pick.series.0.points"]),
        ("points", {"times": "a", "values": "b"}, []),
        ("rows", {"rows": "a", "columns": [{}]}, ["pick.columns"]),
        (None, {"a": "b..c", "d": {"e": 5}}, ["pick.a", "pick.d.e"]),
    ],
)
def test_a_pick_is_checked_field_by_field(shape: str | None, spec: Any, fields: list[str]) -> None:
    assert [error.field for error in shapes.check_pick(spec, shape)] == fields


# ---- numbers and moments
@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("21.5", 21.5), (" 7 ", 7), ("-1e3", -1000.0), (".5", 0.5), ("5.", 5.0), (True, 1), (3, 3), ("", None), ("1,5", None), ("nan", None),
        ("inf", None), ("1e999", None), (float("nan"), None), (None, None), ([], None), ("0x10", None), ("1_000", None), ("١", 1),
    ],
)  # fmt: skip
def test_numbers_are_read_from_numeric_text_only(given: Any, number: Any) -> None:
    assert shapes.number(given) == number


@pytest.mark.parametrize(
    ("given", "at"),
    [
        (1770120000, 1770120000.0),
        (1770120000000, 1770120000.0),
        (1770120000000000, 1770120000.0),
        (1770120000000000000, 1770120000.0),
        ("1770120000", 1770120000.0),
        ("2026-02-03T12:00:00Z", 1770120000.0),
        ("2026-02-03T13:00:00+01:00", 1770120000.0),
        ("2026-02-03 12:00", 1770120000.0),
        ("2026-02-03", 1770076800.0),
        ("Tue, 03 Feb 2026 12:00:00 GMT", 1770120000.0),
        ("soon", None),
        ("", None),
        (None, None),
        (True, None),
        ([], None),
    ],
)
def test_moments_are_read_in_every_usual_form(given: Any, at: float | None) -> None:
    assert shapes.moment(given) == at


# ---- the tree of an answer
def test_the_tree_shows_each_place_with_the_expression_that_picks_it() -> None:
    answer = {"queries": {"blocked": 4102, "odd-key": "x" * 100}, "clients": [{"ip": "10.0.0.1", "up": True}] * 14, "none": None, "n": [1, 2, 3, 4]}  # fmt: skip
    leaves = shapes.tree(answer)
    assert [(leaf.path, leaf.jmespath, leaf.type, leaf.depth) for leaf in leaves] == [
        ("queries", "queries", "object, 2", 0),
        ("queries.blocked", "queries.blocked", "number", 1),
        ("queries.odd-key", 'queries."odd-key"', "text", 1),
        ("clients", "clients", "list of 14", 0),
        ("clients.0", "clients[0]", "object, 2", 1),
        ("clients.0.ip", "clients[0].ip", "text", 2),
        ("clients.0.up", "clients[0].up", "yes or no", 2),
        ("none", "none", "nothing", 0),
        ("n", "n", "list of 4", 0),
        ("n.0", "n[0]", "number", 1),
        ("n.1", "n[1]", "number", 1),
        ("n.2", "n[2]", "number", 1),
    ]
    assert (leaves[1].preview, leaves[1].name) == ("4102", "blocked")
    assert len(leaves[2].preview) == 62
    for leaf in leaves:
        assert shapes.search(leaf.jmespath, answer) is not None or leaf.path == "none"


@pytest.mark.parametrize(("answer", "expression"), [(5, "@"), ([{"a": 1}], "@"), ("text", "@")])
def test_a_tree_of_a_plain_answer_can_be_clicked_too(answer: Any, expression: str) -> None:
    leaves = shapes.tree(answer)
    assert leaves[0].jmespath == expression
    assert all(shapes.search(leaf.jmespath, answer) is not None for leaf in leaves)


def test_a_tree_is_bounded() -> None:
    deep: Any = 1
    for _ in range(90):
        deep = {"a": deep}
    assert len(shapes.tree({f"k{n}": n for n in range(2000)})) == 300
    assert len(shapes.tree(deep)) < 20


DOUBLED = "|".join(["[@, @]"] * 40)


@pytest.mark.parametrize(
    ("expression", "data"),
    [
        ("|".join(["[@, @][]"] * 40), [1]),
        (DOUBLED, [1]),
        (f"{{a: {DOUBLED}, b: {DOUBLED}}} | a == b", [1]),
        (f"{DOUBLED} | to_string(@)", [1]),
        ("|".join(["join('', [@, @])"] * 40), "aaaaaaaa"),
        ("join(glue, parts)", {"glue": "x" * 100_000, "parts": ["y"] * 1000}),
        ("[*].[a, a, a, a, a, a, a, a]", [{"a": "x" * 10_000}] * 200),
    ],
    ids=[
        "a list doubled",
        "lists in lists",
        "such lists compared",
        "such lists written",
        "a text doubled",
        "a long glue",
        "texts repeated",
    ],
)
def test_an_expression_that_makes_much_out_of_little_is_given_up(
    expression: str, data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glance.shapes.bounds.MOST_UNITS", 200_000)
    with pytest.raises(FetchError, match="makes too much of this answer") as caught:
        shapes.pick(expression, data)
    assert len(caught.value.sentence) < 200


def test_many_expressions_share_one_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.shapes.bounds.MOST_UNITS", 20_000)
    data = list(range(1000))
    assert shapes.pick({"a": "@", "b": "@"}, data) == {"a": data, "b": data}
    with pytest.raises(FetchError, match="makes too much"):
        shapes.pick({str(number): "@" for number in range(100)}, data)


def test_a_large_answer_is_picked_from_whole() -> None:
    rows = [{"t": number, "v": number * 1.5} for number in range(20_000)]
    assert shapes.pick("rows[*].[t, v]", {"rows": rows})[-1] == [19_999, 29_998.5]
    assert shapes.pick("join(', ', rows[*].n)", {"rows": [{"n": "x"}, {"n": "y"}]}) == "x, y"
