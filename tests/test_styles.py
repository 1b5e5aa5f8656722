"""Styles of definitions that came through the API: what they may not hold, and that they reach their own cards only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from glance import styles
from tests.api_site import Site, fields

MINE = {"name": "Mine", "source": {"kind": "static", "data": {}}, "template": "<p>x</p>"}


@pytest.mark.parametrize(
    ("style", "says"),
    [
        ("@import '/x.css';", "@import"),
        ("@\\69mport '/x.css';", "@"),
        ("@layer a { p { color: red } }", "@layer"),
        ("@font-face { font-family: x }", "@font-face"),
        ("p { background: url(http://evil.test/x) }", "address"),
        ("p { background: url( //evil.test/x ) }", "address"),
        ("p { background: url('https://evil.test/x') }", "address"),
        ("p { background: URL( /* x */ 'https://evil.test/x') }", "no place"),
        ("p { background: u\\72l(https://evil.test/x) }", "no place"),
        ("p { background: image-set('https://evil.test/x' 1x) }", "address"),
        ("p { background: url(/a b) }", "no place"),
        ("p { position: fixed }", "fixed"),
        ("p { position /* x */ : /* y */ FIXED !important }", "fixed"),
        ("} body { display: none } p {", "ends what was not begun"),
        ("p { color: red } }", "ends what was not begun"),
        ("p { content: '} body { display: none }", "does not end"),
        ("p { content: '\n} body { display: none }' }", "no place"),
        ("p { color: red", "nothing ends"),
        ("p { color: (red } )", "ends what was not begun"),
        ("/* p {", "does not end"),
        ("p { body:not(&) { color: red } }", "rule within a rule"),
        ("p { --x: { body { color: red } } }", "rule within a rule"),
        ("--> p { color: red }", "no place"),
        ("@keyframes spin { to { opacity: 0 } }", "own-"),
    ],
)
def test_what_would_leave_its_card_is_refused(style: str, says: str) -> None:
    assert says in (styles.fault(style) or "")


@pytest.mark.parametrize(
    "style",
    [
        "",
        ".k-mine .big { font-size: 30px; content: '\\2014 }'; background: url(data:image/png;base64,aGk=) }",
        "@media (min-width: 700px) { @container (max-width: 400px) { p:not(.x) { display: none } } }",
        "@keyframes own-turn { to { rotate: 1turn } } p { animation: own-turn 1s; position: absolute }",
        "p { background: url('/static/icons/x.svg') } /* it's } fine */",
        "p > a { color: var(--ink) } p:hover::before { color: color-mix(in srgb, red 20%, blue) }",
    ],
)
def test_what_cards_need_is_taken(style: str) -> None:
    assert styles.fault(style) is None


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        made.post("/api/dashboards", {"title": "Home"})
        yield made


def test_a_save_names_the_line_of_what_is_refused(site: Site) -> None:
    answer = site.post("/api/custom-widgets", {**MINE, "style": "p { color: red }\n@import 'x';"})
    assert "style" in fields(answer)
    assert "line 2" in answer.text


def test_a_style_is_sent_for_the_cards_of_its_own_widgets_only(site: Site) -> None:
    site.post("/api/custom-widgets", {**MINE, "slug": "mine", "style": "body, .w { display: none }"})
    own, other = site.widget("mine", title="Own"), site.widget("note", title="Other")
    found = re.search(r"layout\.[0-9a-f]+\.css", site.get("/d/home").text)
    assert found is not None
    sent = site.get(f"/d/home/{found.group(0)}").text
    held = f":where(#w-{own}>.w-body *)"
    assert f":is(body){held},:is(.w){held}{{ display: none }}" in sent
    assert f"#w-{other}>.w-body" not in sent


def test_a_card_without_a_style_is_held_in_its_place_too(site: Site) -> None:
    """The page's own classes can lift it: `class="toast"` lay over the whole page of a phone."""
    site.post("/api/custom-widgets", {**MINE, "slug": "mine"})
    own, other = site.widget("mine", title="Own"), site.widget("note", title="Other")
    found = re.search(r"layout\.[0-9a-f]+\.css", site.get("/d/home").text)
    assert found is not None
    sent = site.get(f"/d/home/{found.group(0)}").text
    assert f"#w-{own}>.w-body{{position:relative;contain:layout paint}}" in sent
    assert f"#w-{other}>.w-body" not in sent


@pytest.mark.parametrize(
    ("style", "made"),
    [
        ("a:is(b, c), [x='},{'] d::before:hover {x:y}", ":is(a:is(b, c))@,:is([x='},{'] d)@::before:hover{x:y}"),
        ("a ::after, :before {x:y}", ":is(a *)@::after,:is(*)@:before{x:y}"),
        ("@media (a:b) { @container (c) { p, /* , */ html {x:y} } q {x:y} }", "@media (a:b) { @container (c) {:is(p)@,:is(html)@{x:y} }:is(q)@{x:y} }"),
        ("@keyframes own-a { from, 50% {x:y} } r {x:y}", "@keyframes own-a { from, 50% {x:y} }:is(r)@{x:y}"),
        ("junk; body {x:y}", "junk;:is(body)@{x:y}"),
    ],
)  # fmt: skip
def test_each_selector_is_held_within_the_cards(style: str, made: str) -> None:
    assert styles.fault(style) is None
    assert styles.confined(style, ["a", "b"]).partition("\n")[2] == made.replace(
        "@,", ":where(#w-a>.w-body *,#w-b>.w-body *),"
    ).replace("@{", ":where(#w-a>.w-body *,#w-b>.w-body *){").replace("@:", ":where(#w-a>.w-body *,#w-b>.w-body *):")
