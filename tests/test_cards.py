"""The card renderer: what templates get, what they may not do, and what is said when they fail."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from glance import sources
from glance.cards import CardError, CardRenderer
from glance.cards.marks import clean_html, href, link, markdown
from glance.definition import MANIFEST
from glance.model import Place, Widget

NOW = 1795207620.0
HOSTILE_ADDRESSES = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "java\tscript:alert(1)",
    "\x01javascript:alert(1)",
    "\u200bjavascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "//elsewhere.example/",
    "/\\elsewhere.example",
    "\\\\elsewhere.example",
    "http://",
    "https:alert",
    "http://[::1",
    "name",
    "",
    None,
    7,
    ["https://example.org"],
)


@dataclass(frozen=True)
class Made:
    """A definition as far as the renderer looks at one."""

    template: str
    slug: str = "made"
    trusted: bool = True
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        return f"{self.template}{self.params}"


def icon(name: str, cls: str = "i") -> Markup:
    return Markup('<svg class="{}"><use href="/static/icons.svg#{}"/></svg>').format(cls, name)


@pytest.fixture
def renderer() -> CardRenderer:
    return CardRenderer(
        icon, lambda url: f"/image/{len(url)}", clock=lambda: NOW, base="/glance", has_icon=lambda name: name == "sun"
    )


def widget(params: dict[str, Any] | None = None, h: int = 6) -> Widget:
    return Widget(
        "w7", 1, "home", "made", "A title", params or {}, Place(1, 1, 3, h), None, None, {}, {}, {}, 1, 0.0, 0.0
    )


def draw(renderer: CardRenderer, template: str, data: Any = None, trusted: bool = True, **params: Any) -> str:
    return renderer.body(Made(template, trusted=trusted), widget(params), data)


def test_text_of_the_data_is_escaped(renderer: CardRenderer) -> None:
    assert draw(renderer, "<p>{{ data.x }}</p>", {"x": "<b onclick='x'>"}) == "<p>&lt;b onclick=&#39;x&#39;&gt;</p>"


def test_null_is_a_dash_and_what_is_missing_is_nothing(renderer: CardRenderer) -> None:
    assert (
        draw(renderer, "[{{ data.a }}][{{ data.b.c.d }}][{{ number(data.b) }}][{{ data.t }}]", {"a": None, "t": True})
        == "[–][][–][yes]"
    )
    assert draw(renderer, "{% for x in data.rows %}{{ x }}{% else %}none{% endfor %}", {"rows": None}) == "none"


def test_a_field_comes_before_a_method_of_the_same_name(renderer: CardRenderer) -> None:
    data = {"items": [1, 2], "values": 3}
    assert draw(renderer, "{{ data.items|join('-') }} {{ data.values }} {{ data.keys is defined }}", data) == "1-2 3 no"
    assert (
        draw(renderer, "{% for k, v in data.items() %}{{ k }};{% endfor %}{{ data.get('values') }}", data)
        == "items;values;3"
    )


def test_the_widget_and_its_params_are_there_with_their_defaults(renderer: CardRenderer) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer", "default": 3}, "b": {"type": "string", "default": "x"}},
    }
    made = Made(
        "{{ params.a }}{{ params.b }}{{ widget.id }}{{ widget.title }}{{ widget.w }}{{ widget.h }}", params=schema
    )
    assert renderer.body(made, widget({"a": 5, "b": None}), {}) == "5xw7A title36"


def test_the_words_beside_the_title_come_from_the_template(renderer: CardRenderer) -> None:
    card = renderer.card(Made("{% set aside = data.n ~ ' new' %}\nbody"), widget(), {"n": 3})
    assert (card.body, card.aside) == ("body", "3 new")
    assert renderer.card(Made("body"), widget(), {}).aside == ""


def test_what_fits_depends_on_the_height(renderer: CardRenderer) -> None:
    made = Made("{{ fit(28, 28) }} {{ fit(1000) }} {{ fit(23, 500, 0) }}")
    assert renderer.body(made, widget(h=6), {}) == "7 1 0"
    assert renderer.body(made, widget(h=9), {}) == "12 1 0"


def test_a_form_of_a_card_posts_to_its_widget(renderer: CardRenderer) -> None:
    assert draw(renderer, "{{ action() }} {{ action('save') }}") == "/glance/widgets/w7/save /glance/widgets/w7/save"


def test_an_error_names_the_line_and_the_reason(renderer: CardRenderer) -> None:
    with pytest.raises(CardError) as caught:
        draw(renderer, "one\ntwo {{ data.x + 1 }}\n", {"x": "a"})
    assert caught.value.line == 2
    assert caught.value.sentence.startswith("The card could not be drawn: ")
    assert "Traceback" not in caught.value.sentence
    with pytest.raises(CardError) as unreadable:
        draw(renderer, "a\nb\n{% if %}")
    assert unreadable.value.line == 3


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(1000) %}{% for b in range(1000) %}x{% endfor %}{% endfor %}",
        "{{ range(5000)|list }}",
        "{{ 'x' * 10000000 }}",
        "{{ [0] * 10000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%0900000000d' % 1 }}",
        "{{ '{:>900000000}'.format(1) }}",
        "{% set ns = namespace(x='xxxxxxxxxxxxxxxx') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x='xxxxxxxxxxxxxxxx') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x='xxxxxxxxxxxxxxxx') %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x]|join %}{% endfor %}",
        "{% set ns = namespace(x='xxxxxxxx') %}{% for i in range(60) %}{% set ns.x = ns.x|replace('x', 'xxxx') %}{% endfor %}",
        "{% set ns = namespace(x='xxxxxxxx') %}{% for i in range(60) %}{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}{% endfor %}",
        "{% for i in range(1000) %}" + "x" * 3000 + "{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ ''|center(900000000) }}",
    ],
)
def test_a_card_that_asks_for_too_much_is_stopped(renderer: CardRenderer, template: str) -> None:
    with pytest.raises(CardError) as caught:
        draw(renderer, template)
    assert caught.value.sentence.endswith(".")


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ number.__globals__ }}",
        "{{ number.__wrapped__ }}",
        "{{ data.__class__.__init__ }}",
        "{{ self.__init__ }}",
        "{{ widget.__class__ }}",
        "{{ (data|attr('__class__')) if false }}",
        "{{ data.update }}",
    ],
)
def test_a_template_reaches_nothing_around_it(renderer: CardRenderer, template: str) -> None:
    try:
        drawn = draw(renderer, template, {"a": 1})
    except CardError:
        drawn = ""
    assert not re.search(r"class|function|method|object at", drawn)


def test_what_counts_is_out_of_reach_of_a_template(renderer: CardRenderer) -> None:
    assert draw(renderer, "{{ _budget }}{{ budget }}") == ""
    with pytest.raises(CardError):
        draw(renderer, "{{ data|<counted>(1) }}", {})
    with pytest.raises(CardError):
        draw(renderer, "{% set ns = data.append(3) %}", [1])


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
def test_a_hostile_address_is_no_link(address: Any) -> None:
    assert link(address) == ""
    assert href(address) == ""


@pytest.mark.parametrize(
    "address", ["https://example.org/a?b=c&d", "http://nas:8080/", "mailto:me@example.org", "/d/home", "#w-1", "?q=1"]
)
def test_a_good_address_is_a_link(address: str) -> None:
    assert link(address) == address
    assert href(address).startswith('href="')
    assert "&d" not in href(address) or "&amp;d" in href(address)


def test_a_quote_in_an_address_cannot_leave_the_attribute() -> None:
    assert 'x="' not in href('https://example.org/" x="y')


def test_a_picture_comes_through_glance_only(renderer: CardRenderer) -> None:
    assert draw(renderer, "{{ image(data) }}", "https://example.org/a.png") == "/image/25"
    assert draw(renderer, "{{ image(data) }}", "javascript:alert(1)") == ""
    assert draw(renderer, "{{ image(data) }}", None) == ""
    assert draw(CardRenderer(icon), "{{ image(data) }}", "https://example.org/a.png") == ""


def test_foreign_html_is_cleaned() -> None:
    dirty = (
        '<h1 onclick="x">T</h1><script>alert(1)</script><a href="javascript:alert(1)" style="x">l</a><style>p{}</style>'
        '<form action="/x"><input name=a></form><iframe src="https://e.example"></iframe><img src="https://e.example/x.png" onerror="x">'
        '<svg onload="x"><use href="#a"/></svg><p class="w">ok</p><base href="https://e.example">'
    )
    clean = clean_html(dirty)
    for bad in (
        "script",
        "onclick",
        "onerror",
        "onload",
        "style",
        "form",
        "iframe",
        "javascript",
        "e.example",
        "class=",
        "<base",
        "<svg",
    ):
        assert bad not in clean, bad
    assert "<h3>T</h3>" in clean
    assert "<p>ok</p>" in clean
    assert 'src="/image/1"' in clean_html('<img src="https://e.example/x.png">', lambda url: "/image/1")


def test_headings_of_a_text_go_below_the_title_without_a_gap() -> None:
    assert markdown("## A\n\n#### B\n\n## C") == "<h3>A</h3>\n<h4>B</h4>\n<h3>C</h3>\n"
    assert clean_html("<h1>A</h1><h2>B</h2>") == "<h3>A</h3><h4>B</h4>"


def test_markdown_becomes_clean_html() -> None:
    made = markdown(
        "# A\n\n**b** [c](https://example.org) [d](javascript:alert(1))\n\n<script>alert(1)</script>\n\n| x | y |\n|---|---|\n| 1 | 2 |"
    )
    assert "<h3>A</h3>" in made
    assert "<strong>b</strong>" in made
    assert 'href="https://example.org"' in made
    assert "<table>" in made
    assert "javascript" not in made
    assert "script>" not in made
    assert markdown(None) == ""


def test_data_for_a_script_cannot_end_its_block(renderer: CardRenderer) -> None:
    drawn = draw(
        renderer, "{{ json_script(data, 'plot-data') }}", {"a": "</script><script>alert(1)</script>&<!--", "b": None}
    )
    assert drawn.count("<script") == drawn.count("</script>") == 1
    assert "\\u003c/script" in drawn


def test_a_time_is_right_without_script(renderer: CardRenderer) -> None:
    drawn = draw(renderer, "{{ ago(data) }}", NOW - 60)
    assert re.fullmatch(r'<time datetime="2026-11-20T20:46:00Z" data-ago>\d+ \w{3} \d\d:46</time>', drawn)
    assert "2011</time>" in draw(renderer, "{{ ago(data) }}", "2011-01-26T19:06:43Z")
    assert draw(renderer, "{{ ago(data) }}", "never") == "–"


def test_a_pill_says_its_status_in_form_and_word(renderer: CardRenderer) -> None:
    assert draw(renderer, "{{ pill('Up <b>', 'ok') }}") == f'<span class="pill is-ok">{icon("ok")}Up &lt;b&gt;</span>'
    assert "is-off" in draw(renderer, "{{ pill('x', '\"><script>') }}")
    assert draw(renderer, "{{ verdict(none) }}") == ""
    assert "Too hot" in draw(renderer, "{{ verdict({'status': 'bad', 'label': 'Too hot'}) }}")


def test_an_icon_of_a_strange_name_draws_nothing(renderer: CardRenderer) -> None:
    assert draw(renderer, "{{ icon('x\"><script>') }}{{ icon(none) }}{{ icon(data) }}", {}) == ""
    assert draw(renderer, "{{ has_icon('sun') }} {{ has_icon('moon') }}") == "yes no"


def test_a_sparkline_draws_runs_and_gaps(renderer: CardRenderer) -> None:
    drawn = draw(renderer, "{{ sparkline(data, 'Room <1>', '°C', 2) }}", [[0, 1], [1, 3], [2, None], [3, 2], [4, 2]])
    assert drawn.count('class="line"') == 2
    assert "as-2" in drawn
    assert 'aria-label="Room &lt;1&gt;, 1 to 3\u00a0°C"' in drawn
    assert draw(renderer, "{{ sparkline(data) }}", [[0, 1]]) == '<div class="spark"></div>'
    assert "nan" not in draw(renderer, "{{ sparkline(data) }}", [[0, 5], [1, 5]])


def test_a_gauge_draws_its_share_and_zones(renderer: CardRenderer) -> None:
    template = (
        "{{ gauge_arc(data.v, 0, 100, [{'from': 72, 'status': 'warn'}, {'from': 88, 'status': 'bad'}], 'UPS', '%') }}"
    )
    drawn = draw(renderer, template, {"v": 38})
    assert 'd="M12.29 61.00A38 38 0 0 1 31.10 13.96"' in drawn
    assert drawn.count("zone") == 2
    assert 'aria-label="UPS 38\u00a0%, of 0 to 100"' in drawn
    assert "fgarc" not in draw(renderer, template, {"v": None})
    assert "fgarc" in draw(renderer, template, {"v": 5000})
    assert "nan" not in draw(renderer, "{{ gauge_arc(1, 5, 5) }}")


def test_a_long_number_is_written_smaller_on_a_dial(renderer: CardRenderer) -> None:
    sizes = []
    for value, unit in ((38, "%"), (100, "%"), (21.4, "°C"), (2352, "W"), (102352, "W")):
        drawn = draw(renderer, "{{ gauge_arc(data.v, 0, 100, none, 'P', data.u) }}", {"v": value, "u": unit})
        sizes.append(re.findall(r'<b class="(..)">', drawn))
    assert sizes == [[], [], ["md"], ["md"], ["sm"]]


def test_history_bars_split_what_was_down(renderer: CardRenderer) -> None:
    history = [
        {"at": 1, "ms": 20, "state": "up"},
        {"at": 2, "ms": 900, "state": "slow"},
        {"at": 3, "ms": None, "state": "down"},
    ]
    drawn = draw(renderer, "{{ histbars(data, 'Web') }}", history)
    assert (drawn.count('class="slow"'), drawn.count('class="down"'), drawn.count('class="none"')) == (1, 1, 20)
    assert "last 3 checks: 2 up, 1 down" in drawn
    assert draw(renderer, "{{ histbars(none) }}").count('class="none"') == 23


@pytest.mark.parametrize(("percent", "width"), [(23, "23%"), (-5, "0%"), (400, "100%"), (None, "0%"), ("7.5", "7.5%")])
def test_a_meter_stays_within_its_box(renderer: CardRenderer, percent: Any, width: str) -> None:
    assert f'width="{width}"' in draw(renderer, "{{ meter(data) }}", percent)


def test_a_card_that_asks_for_the_time_says_so(renderer: CardRenderer) -> None:
    assert renderer.step_s(Made("{{ clock(now()) }}")) == 60
    assert renderer.step_s(Made("{{ data.now }}")) is None


@pytest.mark.parametrize(
    ("template", "line", "words"),
    [
        ("a\n{% if x %}", 2, "end of template"),
        ("{{ data.x|nofilter }}", 1, "nofilter"),
        ("{% if data is strange %}{% endif %}", 1, "strange"),
        ("a\nb {{ unknown_helper(1) }}", 2, "unknown_helper"),
        ("\n\n<p style='color:red'>", 3, "style"),
        ("<p class='a'\n onclick='x'>", 2, "on…"),
        ("<script>alert(1)</script>", 1, "script"),
        ("<style>p{}</style>", 1, "style.css"),
        ("<img src='https://e.example/x.png'>", 1, "image("),
        ("{% include 'x' %}", 1, "include"),
        ("{% import 'x' as y %}", 1, "include"),
        ("x" * 70_000, 1, "64 KB"),
    ],
)
def test_a_fault_of_a_template_is_named_with_its_line(
    renderer: CardRenderer, template: str, line: int, words: str
) -> None:
    fault = renderer.check(Made(template))
    assert fault is not None
    assert fault[0] == line
    assert words in fault[1]


@pytest.mark.parametrize(
    "template",
    [
        "{% for x in data.rows %}{% set y = x.a %}{{ loop.index }}{{ y }}{% endfor %}",
        "{% macro m(a, b=1) %}{{ a }}{{ caller() if caller }}{% endmacro %}{{ m(1) }}",
        "<a {{ href(data.url) }}>{{ data.x }}</a><p title='{{ data.style }} on = x'>style = x</p>",
        '<script type="application/json">{}</script>',
    ],
)
def test_a_sound_template_has_no_fault(renderer: CardRenderer, template: str) -> None:
    assert renderer.check(Made(template)) is None


@pytest.mark.parametrize(
    "template",
    [
        "{{ data.x|safe }}",
        "{% autoescape false %}{{ data.x }}{% endautoescape %}",
        "<iframe src='/x'></iframe>",
        "<form action='/x'>",
        "<meta>",
    ],
)
def test_what_came_through_the_api_may_less(renderer: CardRenderer, template: str) -> None:
    assert renderer.check(Made(template, trusted=False)) is not None
    assert renderer.check(Made(template, trusted=True)) is None


def test_several_threads_draw_the_same_card(renderer: CardRenderer) -> None:
    made, found = Made("{% for x in data.rows %}<i>{{ x }}</i>{% endfor %}"), []

    def work(number: int) -> None:
        for _ in range(30):
            found.append(renderer.body(made, widget(), {"rows": [number] * 3}) == f"<i>{number}</i>" * 3)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 180


def test_the_guide_names_every_helper(renderer: CardRenderer) -> None:
    guide = (Path(__file__).resolve().parent.parent / "docs" / "writing-a-widget.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+)\(", guide))
    own = renderer.helpers - {"range", "namespace", "joiner"}
    assert own - named == set()
    assert named - own - {"fetch"} == set()


def test_the_guide_names_every_key_of_the_manifest_and_every_kind_of_source() -> None:
    guide = (Path(__file__).resolve().parent.parent / "docs" / "writing-a-widget.md").read_text(encoding="utf-8")
    table = guide.split("## The manifest, key by key")[1].split("### Params")[0]
    assert {key for key in MANIFEST["properties"] if f"`{key}`" not in table} == set()
    kinds = guide.split("### Source kinds")[1].split("All times")[0]
    assert {kind for kind in sources.kinds() if f"| `{kind}` |" not in kinds} == set()


def test_a_state_band_joins_what_is_the_same_and_leaves_gaps(renderer: CardRenderer) -> None:
    points = [[0, 0], [10, 1], [20, 1], [30, 2], [40, None], [50, 1], [100, 0]]
    drawn = draw(renderer, "{{ state_band(data, [{'op': '=', 'value': 2, 'status': 'bad'}], 'Door') }}", points)
    assert re.findall(r'<rect class="([^"]*)" x="([^"]*)" width="([^"]*)"', drawn) == [
        ("no-data", "40%", "10%"),
        ("is-on", "10%", "20%"),
        ("is-bad", "30%", "10%"),
        ("is-on", "50%", "50%"),
    ]
    assert 'aria-label="Door, on 89\u00a0% of the time"' in drawn
    assert "rect" not in draw(renderer, "{{ state_band(none) }}")


def test_a_state_band_draws_the_time_before_the_first_value_as_no_data_and_not_as_off(renderer: CardRenderer) -> None:
    for points in ([[50, 0], [75, 1], [100, 1]], [[50, "closed"], [75, "open"], [100, "open"]]):
        drawn = draw(renderer, "{{ state_band(data, none, 'Door', 0, 100) }}", points)
        holes = re.findall(r'<rect class="no-data" x="([^"]*)" width="([^"]*)" height="[0-9]+"><title>no data', drawn)
        assert holes == [("0%", "50%")]
    assert "no-data" not in draw(renderer, "{{ state_band(data) }}", [[0, 0], [1, 1]])
