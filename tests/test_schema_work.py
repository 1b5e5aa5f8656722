"""A schema that came from somewhere else cannot hold a thread: patterns are judged before they run, and all checking is counted."""

from __future__ import annotations

from typing import Any

import pytest

from glance import patterns, schemas


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$", "(a|a)*$", "(a|aa)+$", "(a*)*", "(.*a){12}", "^(?:a?){40}a{40}$", "(a{0,100}){0,100}$", "a*a*a*a*a*a*b",
        "^(.*,){20}x", "(?=(a|a)*$)b", "(?>(a|aa)+)$", "(x)?(?(1)(a|aa)+|b)$", "(|a)+$",
        "(/[a/]+)*$", "(/a*a*)*b", r"(\W\w*\W)*$", "(?i:(aA+)*)$", "(?i)(ab*B*)*$", "(?i)(ab|AB)*c$", r"(.+/)*$", "([^a]+,)*$", "(a?a)*$",
    ],
)  # fmt: skip
def test_a_pattern_with_too_many_ways_is_known_before_it_runs(pattern: str) -> None:
    for schema in ({"pattern": pattern}, {"items": [{"patternProperties": {pattern: {}}}]}):
        found = schemas.endless_pattern(schema)
        assert found is not None
        assert "for ever" in found[1]


@pytest.mark.parametrize(
    "pattern",
    [
        "^[^/]+/[^/]+$", r"^https?://\S+$", r"^\d{1,3}(\.\d{1,3}){3}$", "^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$", r"^v?\d+\.\d+\.\d+$",
        r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$", "^(foo|bar)+$", r"^https?://[^\s/]+(:\d+)?(/.*)?$", r"^\d{1,3}(,\d{3})*$", "^(on|off)$",
        r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$", r"\s+$",
        "^a+(/a+)*$", "^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", r"^[a-z0-9]+([._-][a-z0-9]+)*$", r"^(\w+/)*\w+$", r"^(?:[^,]*,)*$", r"^\d+(?:\.\d+)*$",
    ],
)  # fmt: skip
def test_patterns_that_people_write_are_taken(pattern: str) -> None:
    assert not patterns.is_endless(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?:(?:\b){65535}){65535}x",
        r"(?:\b){4000000}x",
        "(?:(?:){65535}){65535}x",
        "(?:(?:(?=a)){65535}){65535}",
        r"^()\1{4000000}",
    ],
)
def test_a_pattern_that_repeats_nothing_for_ever_is_known_before_it_runs(pattern: str) -> None:
    assert patterns.is_endless(pattern)


@pytest.mark.parametrize(
    "pattern", ["^a*a{30000}b", "a{30000}b", "^a*(?:aa){20000}b", r"^(a*)\1b", "(?=a{30000})b", "()" * 190]
)
def test_what_one_way_takes_counts_too(pattern: str) -> None:
    assert patterns.ways(pattern, 60_000) > 1_000_000


def test_a_pattern_that_is_nested_too_deeply_to_be_judged_is_refused() -> None:
    assert patterns.is_endless("(" * 600 + "a" + ")" * 600)


def test_a_part_of_a_schema_cannot_choose_a_checker_that_counts_nothing() -> None:
    part = {"$schema": "https://json-schema.org/draft/2020-12/schema", "uniqueItems": True}
    assert schemas.schema_fault(part) is None
    assert schemas.schema_fault({"properties": {"$schema": {"type": "string"}}}) is None
    assert schemas.schema_fault({"properties": {"x": part}}) == (
        "properties.x.$schema",
        "stands at the top of a schema only",
    )


def test_a_pattern_is_not_tried_on_a_text_that_is_too_long_for_it() -> None:
    schema = {"type": "string", "pattern": r"\s+$"}
    assert schemas.faults(schema, " " * 1000) == []
    assert schemas.faults(schema, " " * 1_000_000 + "x") == [("", "is too much to check in the time there is")]
    assert schemas.faults({"type": "string", "pattern": "^<svg"}, "<svg" + " " * 4_000_000) == []


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        ({"items": {"allOf": [{"type": "string"}] * 2000}}, ["x"] * 2000),
        ({"uniqueItems": True}, [{"x": number} for number in range(20_000)]),
        ({"items": {"enum": [*range(10_000)]}}, [0] * 2000),
        ({"patternProperties": {"a+$": {}}}, {"a" * 2000 + str(number): 1 for number in range(200)}),
        ({"additionalProperties": False, "patternProperties": {"a+$": {}}}, {"a" * 20_000: 1}),
    ],
    ids=["many rules", "items that must differ", "many choices", "names by a pattern", "no other names"],
)
def test_a_small_schema_over_much_data_is_given_up(
    schema: dict[str, Any], data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glance.schema_work.MOST_STEPS", 200_000)
    assert schemas.faults(schema, data)[-1] == ("", "is too much to check in the time there is")


def test_much_plain_data_is_checked_whole() -> None:
    schema = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
    assert schemas.faults(schema, [[1, 2.5]] * 20_000) == []
    assert schemas.faults(schema, [[1, 2.5]] * 20_000 + [[1, "x"]]) == [("20000.1", "must be a number")]
    assert schemas.faults({"uniqueItems": True}, [str(number) for number in range(50_000)]) == []
