"""Expressions in manifests: what they give, what they refuse, and that they stay small."""

from __future__ import annotations

import time
from typing import Any

import pytest

from glance import expressions
from glance.errors import Invalid
from tests.waiting import at_most

PARAMS = {
    "repository": "a/b c",
    "count": 3,
    "on": True,
    "token": None,
    "tags": ["x", "y"],
    "place": {"lat": 52.5, "name": "Berlin"},
    "items": "a field called like a method",
    "big": "x" * 60_000,
}
NAMES = {"params": PARAMS}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("{ not } an {expression}", "{ not } an {expression}"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ("{{ params.count }}", 3),
        (" {{ params.on }}\n", True),
        ("{{ params.tags }}", ["x", "y"]),
        ("{{ params.place }}", {"lat": 52.5, "name": "Berlin"}),
        ("{{ params.token }}", None),
        ("{{-params.count-}}", 3),
        ("{{ params['place'].lat + 1 }}", 53.5),
        ("{{ params.count == 3 and not params.token }}", True),
        ("n={{ params.count }}", "n=3"),
        ("{{ params.count }}{{ params.count }}", "33"),
        ("t={{ params.token }}!", "t=!"),
        ("{{ params.repository | urlencode }}", "a%2Fb%20c"),
        ("{{ params.repository.split('/')[0] }}", "a"),
        ("{{ params.tags | join(',') }}", "x,y"),
        ("{{ params.tags | tojson }}", '["x", "y"]'),
        ("{{ 'me:pw' | b64 }}", "bWU6cHc="),
        ("{{ params.nothing | default('z') }}", "z"),
        ("{{ params.token or 'none' }}", "none"),
        ("{% if params.on %}yes{% else %}no{% endif %}", "yes"),
        ("{% for tag in params.tags %}[{{ tag }}]{% endfor %}", "[x][y]"),
        ("{{ params.items }}", "a field called like a method"),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ params.place.items() }}", [("lat", 52.5), ("name", "Berlin")]),
        ("{{ params.repository ~ '?' ~ params.count }}", "a/b c?3"),
        ("{{ params.count * 2 - 1 }}", 5),
        ("<b>{{ params.repository }}</b>", "<b>a/b c</b>"),
    ],
)
def test_an_expression_gives_its_value(text: str, value: Any) -> None:
    assert expressions.render(text, NAMES) == value
    assert expressions.check(text, ["params"]) is None


def test_mappings_and_lists_are_walked_and_other_values_kept() -> None:
    source = {"url": "https://x/{{ params.count }}", "list": ["{{ params.on }}", 5], "deep": {"a": None, "b": 1.5}}
    assert expressions.render(source, NAMES) == {"url": "https://x/3", "list": [True, 5], "deep": {"a": None, "b": 1.5}}
    assert source["list"] == ["{{ params.on }}", 5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ params.repo }}", "names repo, which is not there"),
        ("x{{ params.repo }}", "names repo, which is not there"),
        ("{{ parms.count }}", "names parms, which is not there"),
        ("{{ params.repo.owner }}", "names repo, which is not there"),
        ("{{ params['repo'] }}", "names repo, which is not there"),
        ("{{ params.repo + 'x' }}", "names repo, which is not there"),
        ("{{ params.repo() }}", "names repo, which is not there"),
        ("{{ 1 / 0 }}", "cannot be evaluated"),
        ("{{ params.count + 'x' }}", "not allowed"),
        ("{{ params.count.x.y }}", "names x, which is not there"),
    ],
)
def test_what_cannot_be_evaluated_is_named(text: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        expressions.render(text, NAMES)
    assert words in caught.value.sentence
    assert text.strip()[:20] in caught.value.sentence


@pytest.mark.parametrize(
    "text",
    [
        "{{ params.__class__ }}",
        "{{ params.repository.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ params.tags.append(1) }}",
        "{{ params.place.update({}) }}",
        "{{ params.repository.format() }}",
        "{{ 'x'.join(['a']) }}",
        "{{ 'x'.center(1000000000) }}",
        "{{ 'x'.encode() }}",
        "{{ 'x' * 1000000000 }}",
        "{{ [0] * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ range(100000) }}",
        "{{ params.big + params.big }}",
        "{{ params.big ~ params.big }}",
        "{{ params.big.split('x') | join(params.big) }}",
        "{{ params.big | replace('x', params.big) }}",
        "{% for c in params.big %}{{ params.big }}{% endfor %}",
        "{% for c in params.big %}x{{ c }}y{% endfor %}",
        "{% set x = 1 %}",
        "{% macro m() %}{% endmacro %}",
        "{% include 'x' %}",
        "{% import 'x' as x %}",
        "{% for a in range(9) %}{% for b in range(9) %}{% endfor %}{% endfor %}",
        "{% for a in params.tags recursive %}{% endfor %}",
        "{{ params.tags | map('upper') }}",
        "{{ 'x' | center(1000000000) }}",
        "{{ params | attr('__class__') }}",
        "{{ lipsum() }}",
        "{{ cycler.__init__ }}",
        "{{ self }}",
        "{{ self.__init__.__globals__ }}",
        "{{ caller }}",
        "{{ " + "~".join(["params.big"] * 30) + " }}",
        "{{ " + "(" * 200 + "1" + ")" * 200 + " }}",
        "{{ 1 }}" + " " * 30_000,
    ],
)
def test_nothing_that_reaches_out_or_grows_is_possible(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(Invalid) as caught:
        expressions.render(text, NAMES)
    assert "0x" not in caught.value.sentence
    assert time.monotonic() - began < at_most(5)


def test_params_are_not_changed_by_an_expression() -> None:
    params: dict[str, Any] = {"a": {"b": []}}
    with pytest.raises(Invalid):
        expressions.render("{{ params.a.pop('b') }}", {"params": params})
    assert params == {"a": {"b": []}}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("{{ params.x", 1, "end of template"),
        ("a\nb\n{{ params.x | nope }}", 3, "There is no filter nope"),
        ("a\n{% set x = 1 %}", 2, "Only if and for are offered"),
        ("{% if params.on %}", 1, "Unexpected end of template"),
        ("{{ 1 1 }}", 1, "got 'integer'"),
    ],
)
def test_a_mistake_is_found_before_anything_runs_with_its_line(text: str, line: int, words: str) -> None:
    found = expressions.check(text)
    assert found is not None
    assert found[0] == line
    assert words in found[1]
    assert found[1].endswith(".")


def test_unknown_first_names_are_found_when_the_known_ones_are_given() -> None:
    assert expressions.check("a\n{{ parms.x }}", ["params"]) == (2, "parms is not known here; there is params.")
    assert expressions.check("{% for t in params.tags %}{{ t }}{{ loop.index }}{% endfor %}", ["params"]) is None


def test_the_faults_of_a_whole_source_are_told_with_their_places() -> None:
    source = {
        "url": "https://x/{{ params.y }}",
        "headers": [{"value": "{{ nope }}"}],
        "auth": {"token": "{{ a | b }}"},
        "n": 5,
    }
    found = dict(expressions.faults(source, ["params"], "source"))
    assert sorted(found) == ["source.auth.token", "source.headers.0.value"]
    assert found["source.headers.0.value"] == "nope is not known here; there is params."


def test_optional_params_can_be_named_once_they_are_completed() -> None:
    schema = {
        "properties": {
            "token": {"type": "string"},
            "count": {"type": "integer"},
            "login": {"type": "object", "properties": {"name": {"type": "string"}}},
        }
    }
    whole = expressions.complete({"count": 3}, schema)
    assert whole == {"count": 3, "token": None, "login": {"name": None}}
    assert expressions.render({"a": "{{ params.token }}", "b": "{{ params.login.name }}"}, {"params": whole}) == {
        "a": None,
        "b": None,
    }


def test_an_expression_is_compiled_once() -> None:
    expressions.render("{{ params.count }} of all", NAMES)
    before = expressions._compiled.cache_info()
    expressions.render("{{ params.count }} of all", NAMES)
    after = expressions._compiled.cache_info()
    assert (after.hits - before.hits, after.misses - before.misses) == (1, 0)


@pytest.mark.parametrize(
    "text",
    [
        "{% if 1 %}" * 100 + "{% endif %}" * 100,
        "{{ 0x" + "f" * 19_000 + " }}",
        "{{ " + "-" * 2000 + "1 }}",
        "{{ 1" + "|string" * 1500 + " }}",
        "{{ params" + ".a" * 3000 + " }}",
        "{{ " + "+".join(["1"] * 3000) + " }}",
        "{{ " + "[" * 150 + "1" + "]" * 150 + " }}",
    ],
    ids=["branches", "a number", "signs", "filters", "fields", "sums", "lists"],
)
def test_what_python_cannot_take_is_refused_with_a_sentence(text: str) -> None:
    found = expressions.check(text, ["params"])
    assert found is not None
    assert "too deeply" in found[1]
    with pytest.raises(Invalid):
        expressions.render({"url": text}, {"params": {}})


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in params.list %}{{ params.list|unique|list|length }}{% endfor %}",
        "{% for i in params.list if params.list|sort == 3 %}x{% endfor %}",
        "{{ params.list|sort|length }}" * 600,
        ["{{ params.list|sort|length }}"] * 2000,
    ],
    ids=["loop", "condition", "one text", "many texts"],
)
def test_what_takes_long_is_ended_after_a_second_of_work(text: Any) -> None:
    """They took from seven seconds to minutes, in the name of whoever may run a custom widget."""
    with pytest.raises(Invalid, match="it takes longer than a second"):
        expressions.render(text, {"params": {"list": list(range(20_000))}})


def test_a_number_of_any_length_is_not_read() -> None:
    names = {"params": {"long": "f" * 400_000}}
    with pytest.raises(Invalid, match="int takes at most 400 digits"):
        expressions.render("{{ params.long|int(0, 16) // 3 }}", names)
    assert expressions.render("{{ 'ab'|int(7, 16) }}", names) == 171
    assert expressions.render("{{ 'x'|int(7) }}", names) == 7
