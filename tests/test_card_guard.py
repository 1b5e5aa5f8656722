"""Cards that came through the API or an import: they stay within their card, ask for nothing by themselves, and use little."""

from __future__ import annotations

import re
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from glance.cards import CardError, CardRenderer
from glance.cards.budget import MAX_MADE_BYTES, MAX_WORK, Budget
from glance.cards.guard import fault
from glance.config import ROOT
from glance.icons import Icons
from glance.model import Place

NESTED = "{% set ns = namespace(l=['x']) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}"


# Every tag is ended here, and yet a browser would not keep this within its card.
MENDED = [
    "<svg><table/></svg>",
    "<svg><s/></svg>",
    "<svg></br><a href=/x /></svg>",
    "<svg><p></p></svg>",
    "<svg><title><b></b></title></svg>",
    "<table><tr><a href=/x><td></a></table>",
    "<table><s></s></table>",
    "<div><tr></tr></div>",
    "<s>" + "<li><dd>" * 10 + "</s>",
    "<b>" + "<span><li></span><span><dd></span>" * 10 + "</b>",
    "<b><p></b>",
    "<li><div><li></li></div></li>",
    "<dd><div><dt></dt></div></dd>",
    "<li><div><div><div><li></li></div></div></div></li>",
    "<h4><div><h1><h2></h2></h1></div></h4>",
    "<button><div><button></button></div></button>",
]


@pytest.mark.parametrize(
    "markup",
    [
        "",
        "<p>One<p>Two",
        "<ul><li>One<li>Two</ul>",
        "<table><thead><tr><th>A<tbody><tr><td>B</table>",
        '<div data-plot role="img" aria-label="A" tabindex="0"><script type="application/json">{"a":"\\u003cp"}</script></div>',
        '<svg viewBox="0 0 1 1" preserveAspectRatio="none"><path d="M0 0" stroke-width="2"/><g><rect x="1"></rect></g></svg>',
        "1 < 2 &amp; &lt;b&gt;",
        '<img src="/images/x" alt=""><br><br/>',
        '<a href="https://example.org" target="_blank" rel="noreferrer">x</a>',
        '<a href="/d/home?x=a:b#c">x</a><a href="mailto:a@example.org">x</a><a href="tel:1">x</a><a href>x</a>',
        '<img src="data:image/png;base64,AA==" alt="">',
        '<svg class="i" aria-hidden="true"><use href="/static/icons.svg#ok"/></svg>',
        '<svg><use href="/glance/static/icons.0a1b.svg#ok"/></svg>',
        '<svg><rect width="1"><title>On &amp; off</title></rect><a href="/x"/></svg><svg/>',
        "<dl><dt>A<dd>B<dt>C<dd><ul><li>D</ul></dl>",
        "<ul><li><p>One<li>Two<ul><li>Three</ul></ul>",
        "<table><caption>A</caption><colgroup><col><col></colgroup><tr><th>B<td><b>C</b></tr></table>",
        "<ruby>a<rt>b</ruby><a  href = '/x'\nclass=y >z</a >",
        "<p><b>a</b><p><i>b</i></p><h3>c</h3>",
    ],
)
def test_plain_markup_may_be_shown(markup: str) -> None:
    assert fault(markup) is None


@pytest.mark.parametrize(
    "markup",
    [
        '<p hx-post="/logout" hx-trigger="load">',
        "<p/hx-get=x>",
        "<P HX-DELETE=/api/cache>",
        "<p data-hx-post=x>",
        "<p hx-on::load=x>",
        "<p onclick=x>",
        "<a href=javascript:x>x</a>",
        "<a href=' java&#9;script&colon;x'>x</a>",
        "<a href=vbscript:x>x</a>",
        "<a href='data:text/html,x'>x</a>",
        "<img src=//example.org/x>",
        "<img src='https://example.org/x'>",
        "<p style=x>",
        "<button form=act formaction=/widgets/1/remove>Press</button>",
        "<iframe src=/settings></iframe>",
        "<form action=/logout></form>",
        "<svg><style>x</style></svg>",
        "<svg><script type='application/json'><p hx-get=x></p></script></svg>",
        "<title><b title='</title><p hx-get=x>'></b></title>",
        "<template><p hx-get=x></p></template>",
        "<script>alert(1)</script>",
        "<plaintext>",
        "<!--",
        "<!--><p hx-get=x>-->",
        "</article></main>",
        "<div>",
        "<div/>",
        '<p title="',
        "<di",
        '<article id="w-5f0c2a9b11de"></article>',
        '<p id="grid"></p>',
        '<dialog id="dlg-explain"></dialog>',
        '<img name="cookie" alt="">',
        "<button commandfor=dlg-explain command=show-modal>x</button>",
        "<p>\0</p>",
        # read alike by no two readers
        '<p title=="x hx-post=/logout hx-trigger=load y">x</p>',
        '<p title=\x0b"x hx-post=/logout y">x</p>',
        '<p></p x="><i title="><b hx-get=/x></b>"></i>',
        "<p title='a'hx-get=x>b</p>",
        "<p a=b/hx-get=x>b</p>",
        "<s></ s>",
        "<p\xa0x>a</p>",
        # leads elsewhere without a link or picture
        '<svg><rect fill="url(//example.org/x)"/></svg>',
        '<svg><g clip-path="u\\72l(//example.org/x)"></g></svg>',
        '<svg><use href="//example.org/icons.svg#x"/></svg>',
        '<svg><use href="data:image/svg+xml,x#x"/></svg>',
        "<table background=//example.org/x></table>",
        '<script type="application/json">"<!--"</script>',
        '<script type="application/json">"<b>"</script>',
        # what browsers mend
        *MENDED,
    ],
)
def test_markup_that_acts_or_leaves_its_card_is_refused(markup: str) -> None:
    sentence = fault(markup)
    assert sentence
    assert sentence.endswith(".")


@pytest.fixture(scope="module")
def renderer() -> CardRenderer:
    icons = Icons()
    return CardRenderer(icons.draw, lambda _url: "/images/x", has_icon=icons.has)


def drawn(renderer: CardRenderer, template: str, *, trusted: bool = False, data: Any = None) -> str:
    definition: Any = SimpleNamespace(slug="own", version=template, template=template, trusted=trusted, params={})
    widget: Any = SimpleNamespace(
        id="1", title="T", custom_widget="own", params={}, place=Place(1, 1, 3, 4), version=1, agreed=None
    )
    return str(renderer.body(definition, widget, data or {"name": "hx-get", "big": "x" * 600_000, "list": [1, 2]}))


def test_an_attribute_that_an_expression_writes_is_refused_too(renderer: CardRenderer) -> None:
    with pytest.raises(CardError, match="hx-get is offered to cards from a folder only"):
        drawn(renderer, '<p {{ data.name }}="/logout">x</p>')


def test_cards_from_a_folder_may_hold_what_they_like(renderer: CardRenderer) -> None:
    assert "hx-get" in drawn(renderer, '<p hx-get="/widgets/1/explain">x</p>', trusted=True)


def test_a_long_text_of_the_data_may_still_be_cut_short(renderer: CardRenderer) -> None:
    assert drawn(renderer, "{{ data.big|truncate(8) }}{{ data.list|tojson }}") == "xxxxx...[1, 2]"


@pytest.mark.parametrize(
    "template",
    [
        "{{ (['a' * 100000] * 100000)|join }}",
        "{{ ['a' * 100000] * 100000 }}",
        NESTED + "{{ ns.l }}",
        NESTED + "{{ ns.l|tojson }}",
        NESTED + "{{ ns.l|upper }}",
        NESTED + "{{ 'a' ~ ns.l }}",
        NESTED + "{{ [ns.l]|join(',') }}",
        NESTED + "{{ ns.l|replace('x', 'y') }}",
        NESTED + "{{ [ns.l]|map('string')|list|length }}",
        "{% set ns = namespace(n=9) %}{% for i in range(60) %}{% set ns.n = ns.n * ns.n %}{% endfor %}{{ ns.n > 1 }}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
    ],
)
def test_a_card_that_would_fill_the_memory_or_never_end_is_stopped_at_once(
    renderer: CardRenderer, template: str
) -> None:
    began = time.process_time()
    with pytest.raises(CardError):
        drawn(renderer, template)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "call",
    [
        "icon('ok')",
        "pill('Fine', 'ok')",
        "blank('Nothing')",
        "verdict({'status': 'bad'})",
        "state_band([[0, 1], [9, none], [99, 0]])",
        "state_band([[0, 'on'], [50, 'washing'], [99, 'off']])",
        "sparkline([[0, 1], [1, 2]])",
        "gauge_arc(5, bands=[{'from': 3, 'status': 'bad'}])",
        "histbars([{'at': 1, 'ms': 3, 'state': 'down'}])",
        "plot_lines([{'points': [[0, 1], [1, 2]]}])",
        "span_bar(1, 2, 0, 4) ~ rain_bar(3) ~ swatch(2) ~ meter(3)",
        "json_script({'a': '<!--<script>'}, 'x')",
        "markdown('- a\n\n  b\n\n1. [x](http://x)\n\n|a|b|\n|-|-|\n|1|2|\n')",
        "clean_html('<li>a<li><div>b<li>c</div><table>x<td>y<s><h1><h2>z<dd><p><dd><a href=/x><a href=/y>')",
    ],
)
def test_what_the_helpers_draw_may_stand_in_any_card(renderer: CardRenderer, call: str) -> None:
    assert drawn(renderer, "{{ " + call + " }}").startswith("<")


def test_the_ids_of_every_page_with_cards_are_out_of_reach(renderer: CardRenderer) -> None:
    templates = ROOT / "glance" / "templates"
    names = "base dashboard public _card _public_card _conn _menu _head _preview _explain_dialog".split()
    text = "".join((templates / f"{name}.html").read_text() for name in names)
    ids = set(re.findall(r"""\sid="([a-z][\w-]*)""", text))
    assert {"grid", "main", "live", "w-menu", "conn-pop"} <= ids
    assert [one for one in sorted(ids) if fault(f'<p id="{one}"></p>') is None] == []


@pytest.mark.parametrize("trusted", [True, False])
def test_half_a_character_does_not_take_the_whole_page_down(renderer: CardRenderer, trusted: bool) -> None:
    """No page can hold one; the dashboard with such a card was a 500."""
    assert drawn(renderer, "<p>{{ 'a\\ud800b' }}</p>", trusted=trusted) == "<p>a?b</p>"
    with pytest.raises(CardError) as caught:
        drawn(renderer, "{{ '\\ud800'|urlencode }}", trusted=trusted)
    assert caught.value.sentence.encode()


LONG = "('f' * 400000)|int(0, 16)"


@pytest.mark.parametrize(
    "template",
    [
        "{% set x = " + LONG + " %}",
        "{% set ns = namespace(n=1) %}{% for i in range(1000) %}"
        + "{% set ns.n = ns.n - (0 - ns.n) %}" * 20
        + "{% endfor %}",
        "{% set ns = namespace(n=1) %}{% for i in range(1000) %}"
        + "{% set ns.n = ns.n + ns.n %}" * 20
        + "{% endfor %}",
        "{{ state_band(data.points, data.rules) }}",
    ],
    ids=["read", "subtracted", "added", "rules"],
)
def test_one_operation_of_a_card_cannot_take_long(renderer: CardRenderer, template: str) -> None:
    """To divide such numbers, or to hold each point against each rule, took seconds to hours within one step."""
    data = {
        "points": [[at, at % 5] for at in range(50_000)],
        "rules": [{"op": "=", "value": 9, "status": "ok"}] * 20_000,
    }
    with pytest.raises(CardError, match=r"4000 digits|too much data"):
        drawn(renderer, template, data=data)


@pytest.mark.parametrize(
    "made", [[], {}, "", "a", ["ab "] * 9, "\U0001f600" * 99, {"a": 1}, (1, 2)], ids=lambda made: f"{made!r:.9}"
)
def test_memory_is_counted_as_it_is_taken(made: Any) -> None:
    """Empty lists, and texts of one character, were nothing, and a card took seven times of what it may have."""
    budget = Budget()
    budget.make(made)
    items = [] if isinstance(made, str) else [*made, *(made.values() if isinstance(made, dict) else ())]
    assert MAX_MADE_BYTES - budget.made >= sys.getsizeof(made) + sum(map(sys.getsizeof, items)) * 0.6
    assert budget.work_left < MAX_WORK


DEEP = {
    "brackets": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "not": "{{ " + "not " * 3000 + "1 }}",
    "loops": "{% for a in [1] %}" * 40 + "{% endfor %}" * 40,
    "branches": "{% if 1 %}" * 300 + "{% endif %}" * 300,
    "dicts": "{{ " + "{1:" * 300 + "1" + "}" * 300 + " }}",
    "filters": "{{ 1" + "|string" * 2000 + " }}",
    "fields": "{{ data" + ".a" * 2000 + " }}",
    "sums": "{{ " + "+".join(["1"] * 2000) + " }}",
    "a number": "{{ 0x" + "f" * 60_000 + " }}",
}


@pytest.mark.parametrize("what", DEEP)
def test_a_template_that_python_cannot_take_is_refused_with_a_sentence(renderer: CardRenderer, what: str) -> None:
    definition: Any = SimpleNamespace(slug="own", version=what, template=DEEP[what], trusted=False, params={})
    if what != "a number":
        assert renderer.check(definition) == (1, "The template is nested too deeply.")
    with pytest.raises(CardError):
        drawn(renderer, DEEP[what])


def test_blocks_in_blocks_are_taken_as_long_as_they_can_be_drawn(renderer: CardRenderer) -> None:
    for block, end in (
        ("{% for a in [1] %}", "{% endfor %}"),
        ("{% if 1 %}", "{% endif %}"),
        ("{% with %}", "{% endwith %}"),
    ):
        text = block * 15 + "x" + end * 15
        definition: Any = SimpleNamespace(slug="own", version=text, template=text, trusted=False, params={})
        assert renderer.check(definition) is None
        assert drawn(renderer, text) == "x"
