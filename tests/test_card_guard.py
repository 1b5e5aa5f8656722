"""Cards that came through the API or an import: they stay within their card, ask for nothing by themselves, and use little."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from glance.cards import CardError, CardRenderer
from glance.cards.guard import fault
from glance.icons import Icons
from glance.model import Place

NESTED = "{% set ns = namespace(l=['x']) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}"


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


def drawn(renderer: CardRenderer, template: str, *, trusted: bool = False) -> str:
    definition: Any = SimpleNamespace(slug="own", version=template, template=template, trusted=trusted, params={})
    widget: Any = SimpleNamespace(id="1", title="T", custom_widget="own", params={}, place=Place(1, 1, 3, 4), version=1)
    return str(renderer.body(definition, widget, {"name": "hx-get", "big": "x" * 600_000, "list": [1, 2]}))


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
