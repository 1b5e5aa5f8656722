"""Markup that the guard of cards lets through stays within its card in a real browser, however its tags are put together."""

from __future__ import annotations

import random

import pytest
from playwright.sync_api import Browser

from glance.cards.guard import fault
from tests.test_card_guard import MENDED

TAGS = (
    "p li dd dt ul ol dl div section article h1 h2 details summary pre blockquote button "
    "a b s code em i span small ruby rt label table tr td th tbody thead caption colgroup tfoot svg g path text title use"
).split()
ATTRIBUTES = (
    "",
    "",
    "",
    "",
    ' title=">"',
    " title='<b>'",
    ' title=="x hx-get=1 y"',
    " x\x0bhx-get=1",
    ' data-x="a"hx-get=1',
)
ENDS = ("</{}>",) * 40 + ("", "</{} >", "</ {}>", '</{} x=">">', "</{}/>")
# Puts each markup into a page as it would stand there, and says what of the page is not where it was, or has been given an attribute.
LOOK = """list => list.map(markup => {
  const page = new DOMParser().parseFromString('<!doctype html><body><main><div id="grid"><article id="card"><div id="body">' + markup
    + '</div><p id="note">n</p></article><article id="next"><p id="text">N</p></article></div></main><p id="after">z</p>', 'text/html');
  const at = id => page.getElementById(id), body = at('body');
  const within = { body: 'card', note: 'card', card: 'grid', next: 'grid', text: 'next' };
  const moved = Object.entries(within).filter(([inner, outer]) => at(inner)?.parentElement !== at(outer)).map(([inner]) => inner);
  if (at('after').parentElement !== page.body || at('grid').parentElement.localName !== 'main') moved.push('the page');
  if (at('text').innerHTML !== 'N' || at('after').innerHTML !== 'z' || at('note').innerHTML !== 'n') moved.push('a text');
  for (const one of page.body.querySelectorAll('*')) {
    if (!body.contains(one) && one.localName !== 'main' && !(one.id in within || ['grid', 'after'].includes(one.id))) moved.push(one.localName);
    if ([...one.attributes].some(each => /^hx|["'<=]/.test(each.name))) moved.push('an attribute');
  }
  return moved;
})"""


def made(chance: random.Random, depth: int) -> str:
    """Some elements, most of them ended, some oddly."""
    text = ""
    for _ in range(chance.randint(1, 3)):
        tag = chance.choice(TAGS)
        inner = made(chance, depth - 1) if depth and chance.random() < 0.8 else chance.choice(("", "t"))
        closed = "/" if chance.random() < 0.06 else ""
        attribute = chance.choice(ATTRIBUTES) if chance.random() < 0.1 else ""
        text += f"<{tag}{attribute}{closed}>{inner}{chance.choice(ENDS).format(tag)}"
    return text


def test_what_is_let_through_stays_where_it_is(browser: Browser) -> None:
    chance = random.Random(4711)
    passed: list[str] = []
    while len(passed) < 1500:
        markup = made(chance, chance.randint(1, 4))
        if fault(markup) is None:
            passed.append(markup)
    page = browser.new_page()
    found = page.evaluate(LOOK, passed)
    page.close()
    assert [(markup, moved) for markup, moved in zip(passed, found, strict=True) if moved] == []


@pytest.mark.parametrize("markup", ['<p title=="x hx-post=/logout hx-trigger=load y">x</p>', "<s></ s>", *MENDED])
def test_what_a_browser_reads_in_its_own_way_is_refused(browser: Browser, markup: str) -> None:
    page = browser.new_page()
    moved = page.evaluate(LOOK, [markup])[0]
    page.close()
    harmless = (
        "<svg><p></p></svg>",
        "<svg><title><b></b></title></svg>",
        "<div><tr></tr></div>",
        "<b><p></b>",
        "<table><s></s></table>",
    )
    assert (moved != []) == (markup not in harmless)
    assert fault(markup)
