"""Templates that came through the API or an import: whatever they try, they end soon, stay small and reach nothing."""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from glance import cards, expressions
from glance.cards import CardError, CardRenderer
from glance.errors import Invalid
from glance.model import Place, Widget
from tests.api_site import Site
from tests.waiting import at_most

LOOP = "{% for i in range(1000) %}{% for j in range(90) %}BODY{% endfor %}{% endfor %}"
NEST = "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}"
BIG = {
    "text": "x" * 1_000_000,
    "list": list(range(150_000)),
    "rows": [{"a": i % 7, "b": f"v{i}"} for i in range(20_000)],
}


@dataclass(frozen=True)
class Made:
    """A definition as far as the renderer looks at one."""

    template: str
    trusted: bool = False
    slug: str = "made"
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        return self.template


@pytest.fixture(scope="module")
def renderer() -> CardRenderer:
    return CardRenderer(lambda name, cls="i": Markup(""), lambda url: "/image/x", has_icon=lambda name: True)


def widget() -> Widget:
    return Widget("w7", 1, "home", "made", "A title", {}, Place(1, 1, 3, 6), None, None, {}, {}, {}, 1, 0.0, 0.0)


def draw(renderer: CardRenderer, template: str, data: Any = BIG) -> str:
    return str(renderer.body(Made(template), widget(), data))


MANY = "{% set ns = namespace(l=[data.part]) %}{% for i in range(14) %}{% set ns.l = ns.l + ns.l %}{% endfor %}"


@pytest.mark.parametrize("part", [10**4000, "y" * 200_000], ids=["long numbers", "long texts"])
@pytest.mark.parametrize("end", ["{{ ns.l|join|length }}", "{{ ns.l|join(',')|length }}", "{{ ns.l|string|length }}"])
def test_one_part_that_stands_in_a_list_a_thousand_times_is_not_written_out(
    renderer: CardRenderer, end: str, part: Any
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(CardError, match="text longer than"):
            draw(renderer, MANY + end, {"part": part})
        assert tracemalloc.get_traced_memory()[1] < 64_000_000
    finally:
        tracemalloc.stop()


def test_a_long_separator_does_not_multiply(renderer: CardRenderer) -> None:
    with pytest.raises(CardError, match="text longer than"):
        draw(renderer, "{{ range(1000)|join(data.part)|length }}", {"part": "y" * 200_000})
    assert draw(renderer, "{{ data.rows|join(', ', 'b') }}", {"rows": [{"b": 1}, {"b": "<"}]}) == "1, &lt;"


HEAVY = {
    "macros that call each other": "{% macro a(n) %}{% if n %}{{ a(n-1) }}{{ a(n-1) }}{% endif %}{% endmacro %}{{ a(40) }}",
    "calls without output": "{% macro a(n) %}{% if n %}{% set x=a(n-1) %}{% set x=a(n-1) %}{% endif %}{% endmacro %}{{ a(40) }}",
    "blocks that call themselves": "{% block a %}{{ self.a() }}{{ self.a() }}{% endblock %}",
    "a number of a hundred million digits": '{{ 1|round(99999999, "floor") }}',
    "a text method that multiplies": '{{ ("x"*500000).join("a"*5000) }}',
    "a translation that multiplies": '{{ ("a"*100000).translate({97: "b"*500000}) }}',
    "a number as a gigabyte": '{{ (1).to_bytes(1000000000, "big") }}',
    "a format with a width": '{{ "{:1000000000}".format(1) }}',
    "a format by its name": '{{ "{:1000000000}"["format"](1) }}',
    "a format by map": '{% for f in ["{:1000000000}"]|map(attribute="format") %}{{ f(1) }}{% endfor %}',
    "a width by %": '{{ "%1000000000d" % 1 }}',
    "a list of long texts": "{% set ns = namespace(l=[]) %}" + LOOP.replace("BODY", "{% set ns.l = ns.l + [data.text[i:]] %}"),
    "a list of copies": "{% set ns = namespace(l=[]) %}" + LOOP.replace("BODY", "{% set ns.l = ns.l + [data.list|list] %}"),
    "literals that pile up": "{% set ns = namespace() %}" + LOOP.replace("BODY", f"{{% set ns.l = [ns.l{', 1' * 5000}] %}}"),
    "a split that piles up": '{% set ns = namespace(l=[]) %}{% for i in range(1000) %}{% set ns.l = [ns.l, data.text.split("x")] %}{% endfor %}',
    "macros that pile up": f"{{% macro m() %}}{'y' * 20000}{{% endmacro %}}{{% set ns = namespace(l=[]) %}}" + LOOP.replace("BODY", "{% set ns.l = [ns.l, m()] %}"),
    "text doubled": "{% set ns = namespace(a='x') %}{% for i in range(1000) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}",
    "lists doubled": "{% set ns = namespace(a=[1]) %}{% for i in range(1000) %}{% set ns.a = ns.a + ns.a %}{% endfor %}",
    "numbers squared": "{% set ns = namespace(a=9) %}{% for i in range(1000) %}{% set ns.a = ns.a * ns.a %}{% endfor %}",
    "lists summed": f"{{{{ [{', '.join(['data.list'] * 300)}]|sum(start=[])|length }}}}",
    "nested lists compared": NEST + "{{ ns.a == ns.b }}",
    "nested lists ordered": NEST + "{{ ns.a < ns.b }}",
    "nested lists sought": NEST + "{{ ns.a in [ns.b] }}{{ [ns.a].count(ns.b) }}",
    "nested lists selected": NEST + '{{ [ns.a]|select("eq", ns.b)|list }}',
    "nested lists changed": NEST + "{% for x in [ns.a, ns.b] %}{{ loop.changed(x) }}{% endfor %}",
    "nested lists written": NEST + "{{ plain(ns.a) }}",
    "nested lists aside": NEST + "{% set aside = ns.a %}x",
    "nested tuples hashed": "{% set ns = namespace(a=(1,)) %}{% for i in range(60) %}{% set ns.a = (ns.a, ns.a) %}{% endfor %}{{ {ns.a: 1} }}",
    "nested tuples looked up": "{% set ns = namespace(a=(1,)) %}{% for i in range(60) %}{% set ns.a = (ns.a, ns.a) %}{% endfor %}{{ data[ns.a] }}{{ data.get(ns.a) }}",
    "sorting over and over": "{% for i in range(1000) %}{% set x = data.rows|sort(attribute='b') %}{% endfor %}",
    "grouping over and over": "{% for i in range(1000) %}{% set x = data.rows|groupby('a') %}{% endfor %}",
    "seeking in a list": LOOP.replace("BODY", "{% if 900000 in data.list %}x{% endif %}"),
    "seeking in a text": LOOP.replace("BODY", "{% if 'y' in data.text %}x{% endif %}"),
    "comparing lists": LOOP.replace("BODY", "{% if data.list == data.list[:] %}x{% endif %}"),
    "filters over and over": "{% for i in range(1000) %}{% set x = data.text|title|wordcount %}{% endfor %}",
    "tests over and over": LOOP.replace("BODY", "{% if data.text is lower %}{% endif %}"),
    "lazy filters in a chain": "{% set ns = namespace(g=data.list) %}{% for i in range(900) %}{% set ns.g = ns.g|map('string')|select %}{% endfor %}{{ ns.g|list|length }}",
    "a loop that calls itself": "{% for x in data.list recursive %}{{ loop(data.list) }}{% endfor %}",
    "foreign markup over and over": "{% for i in range(1000) %}{% set x = clean_html('<div>' * 12000) %}{% endfor %}",
}  # fmt: skip


PILING = {
    name: template for name, template in HEAVY.items() if "pile" in name or name.startswith(("a list of", "text d"))
}


@pytest.mark.parametrize("name", sorted(HEAVY))
def test_a_template_that_wants_too_much_is_stopped(
    renderer: CardRenderer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "MAX_CPU_S", 0.2)
    began = time.thread_time()
    with pytest.raises(CardError) as caught:
        draw(renderer, HEAVY[name])
    assert time.thread_time() - began < at_most(1.2), "one operation may run on after the limit"
    assert caught.value.sentence[-1] in ".!"
    assert "Traceback" not in caught.value.sentence


@pytest.mark.parametrize("name", sorted(PILING))
def test_a_template_that_piles_up_memory_is_stopped_by_its_amount(renderer: CardRenderer, name: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(CardError, match="64 MB|512 KB|2 MB"):
            draw(renderer, PILING[name])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 150_000_000


@pytest.mark.parametrize("kind", ["cards", "values"])
def test_no_argument_of_a_filter_test_method_or_function_makes_much(kind: str) -> None:
    root = Path(__file__).parent.parent
    walk = subprocess.run(
        [sys.executable, "-m", "tests.template_walk", kind], cwd=root, capture_output=True, text=True, timeout=900
    )
    assert walk.returncode == 0, walk.stderr[-2000:]
    *beyond, last = walk.stdout.splitlines()
    assert beyond == []
    assert int(last.split()[1].strip(",")) > 1500


@pytest.mark.parametrize(
    "template",
    [
        "{{ [[1]]|tojson(indent=100000000) }}", "{{ [[1]]|tojson('a' * 500000) }}", "{{ 'x'|truncate(2, end='y' * 500000) }}",
        "{{ (data.text[:400000])|trim('b' * 400000 ~ 'x') }}", "{{ (data.text[:400000]).rfind('b' ~ data.text[:200000]) }}",
        "{{ (data.text[:400000])|groupby('a', default='y' * 100000) }}", "{{ data.list|map(attribute='a.' * 200000)|list }}",
    ],
)  # fmt: skip
def test_an_argument_that_makes_much_is_refused(renderer: CardRenderer, template: str) -> None:
    tracemalloc.start()
    began = time.thread_time()
    try:
        with pytest.raises(CardError):
            draw(renderer, template)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
    assert time.thread_time() - began < at_most(4)


@pytest.mark.parametrize(
    ("template", "drawn"),
    [
        ("{{ {'b': [1], 'a': '<'}|tojson }}", '{"a": "\\u003c", "b": [1]}'),
        ("{{ [1]|tojson(indent=2) }}", "[\n  1\n]"),
        ("{{ 'a long sentence'|truncate(9) }}|{{ 'abcdef'|truncate(4, True, '', 0) }}|{{ 5|truncate(3) }}", "a...|abcd|5"),
        ("{{ ' x '|trim }}|{{ 'xxaxx'|trim('x') }}|{{ 12321|trim('1') }}|{{ data.no|trim }}", "x|a|232|"),
        ("{% for g in data.rows[:3]|groupby('c', default='none') %}{{ g.grouper }}{{ g.list|length }}{% endfor %}", "none3"),
    ],
)  # fmt: skip
def test_the_bounded_filters_do_what_those_of_jinja_do(renderer: CardRenderer, template: str, drawn: str) -> None:
    assert draw(renderer, template) == drawn


REACHING = (
    "{{ ''.__class__.__mro__ }}", "{{ data.__class__ }}{{ data['__class__'] }}", "{{ icon.__globals__ }}{{ icon.__closure__ }}",
    "{{ data|map(attribute='__class__')|list }}", "{{ self._TemplateReference__context }}{{ self.__init__ }}",
    "{{ namespace.__init__.__globals__ }}{{ joiner.__init__ }}", "{% for x in [1] %}{{ loop._iterator }}{{ loop.__init__.__globals__ }}{% endfor %}",
    "{{ (data.list|map('int')).gi_frame }}{{ (data.list|select).gi_code }}", "{% macro m() %}{% endmacro %}{{ m._func }}{{ m._environment }}",
    "{{ widget.__class__ }}{{ month([]).__class__ }}{{ month([]).__init__.__globals__ }}", "{{ (5)['__class__'] }}{{ [5]['__class__'] }}{{ (5).__class__ }}",
    "{% block b %}{{ self.b._context }}{{ self.b._stack }}{% endblock %}", "{{ range.__self__ }}{{ now.__code__ }}{{ fit.__wrapped__ }}",
)  # fmt: skip


@pytest.mark.parametrize("template", REACHING)
def test_nothing_of_the_program_is_within_reach(renderer: CardRenderer, template: str) -> None:
    try:
        drawn = draw(renderer, template)
    except CardError as error:
        drawn = error.sentence
    for word in ("<class", "<function", "<module", "0x", "builtins", "Context", "<code", "<frame", "Environment"):
        assert word not in drawn


@pytest.mark.parametrize(
    "template",
    [
        "{{ data.list.append(1) }}",
        "{{ data.rows[0].update({'a': 5}) }}",
        "{{ data.rows.clear() }}",
        "{{ data.pop('list') }}",
    ],
)
def test_a_card_changes_nothing_it_was_given(renderer: CardRenderer, template: str) -> None:
    data = {"list": [1], "rows": [{"a": 1}]}
    with pytest.raises(CardError):
        draw(renderer, template, data)
    assert data == {"list": [1], "rows": [{"a": 1}]}


@pytest.mark.parametrize(
    ("template", "drawn"),
    [
        ("{{ data.rows|sort(attribute='b')|first|string|length }}", "19"),
        ("{{ data.rows|sum(attribute='a') }} {{ [1, 2.5]|sum }}", "59997 3.5"),
        ("{% for g in data.rows|groupby('a') %}{{ g.grouper }}:{{ g.list|length }} {% endfor %}", "0:2858 1:2857 2:2857 3:2857 4:2857 5:2857 6:2857"),
        ("{{ data.text[:2].upper() }} {{ 'a,b'.split(',')|join('-') }} {{ 2.345|round(1) }}", "XX a-b 2.3"),
        ("{% if 5 in data.list and 'x' in data.text %}both{% endif %}", "both"),
        ("{% set ns = namespace(n=0) %}{% for r in data.rows[:500] %}{% set ns.n = ns.n + r.a %}{% endfor %}{{ ns.n }}", "1494"),
        ("{% macro m(x) %}<b>{{ x }}</b>{% endmacro %}{% for i in range(3) %}{{ m(i) }}{% endfor %}", "<b>0</b><b>1</b><b>2</b>"),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}{{ data.rows|map(attribute='a')|unique|list|length }}", "a=17"),
    ],
)  # fmt: skip
def test_what_cards_usually_do_still_works(renderer: CardRenderer, template: str, drawn: str) -> None:
    assert draw(renderer, template) == drawn


def test_a_card_of_a_folder_is_trusted_with_more_time(renderer: CardRenderer) -> None:
    template = "{% for i in range(10) %}{% set x = data.rows|sort(attribute='b') %}{% endfor %}done"
    assert str(renderer.body(Made(template, trusted=True), widget(), BIG)) == "done"


@pytest.mark.parametrize(
    "expression",
    [
        "{{ 1|round(99999999, 'floor') }}", "{{ ((params.x ~ params.x) ~ (params.x ~ params.x)) }}" * 30, "{{ params.x.format(1) }}", "{{ 'x' * 100000000 }}",
        "{{ 9 ** 9 ** 9 }}", "{% for a in range(100000000) %}x{% endfor %}", "{{ (params.x|list)|list }}", "{{ params.__class__ }}",
        "{{ ''.__class__ }}", "{% set x = 1 %}", "{% macro a() %}{% endmacro %}", "{{ cycler }}", "{{ params.x|replace('x', params.x) }}",
    ],
)  # fmt: skip
def test_expressions_of_manifests_are_bounded_too(expression: str) -> None:
    began = time.thread_time()
    with pytest.raises(Invalid):
        expressions.render(expression, {"params": {"x": "x" * 60_000}})
    assert time.thread_time() - began < at_most(1)


def test_a_picture_is_shown_from_the_hosts_that_were_agreed_to(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        template = "{{ image(data.a) }}|{{ image(data.b) }}|{{ '<img src=' ~ data.b ~ '>'|clean_html }}"
        body = {
            "slug": "seen",
            "name": "Seen",
            "source": {"kind": "http", "url": "https://pictures.example/x"},
            "template": template,
        }
        assert site.post("/api/custom-widgets", body).status_code == 201
        definition = site.runtime.definitions.get("seen")
        data = {"a": "https://pictures.example/a.png", "b": "http://192.168.1.1/apply?reboot=1"}
        first, second, third = str(site.runtime.cards.body(definition, widget(), data)).split("|")
        assert first.startswith("/image/")
        assert second == ""
        assert "/image/" not in third
