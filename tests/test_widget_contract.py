"""What every folder of a custom widget promises, checked on each one there is: `make test` covers a new folder by itself."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from glance import expressions, manifest_file, params, schemas, sources
from glance.cards import Card, CardRenderer
from glance.definition import Definition, build
from glance.icons import Icons
from glance.model import Place, Widget

WIDGETS = Path(__file__).resolve().parent.parent / "widgets"
FOLDERS = sorted(path.parent for path in WIDGETS.glob("*/widget.yaml"))
NOW = 1795207620.0
HOSTILE = (
    '"><script>alert(1)</script><img src=x onerror=alert(2)>',
    "javascript:alert(3)",
    "' onmouseover='alert(4)",
    "</script><script>alert(5)</script>",
    "\u202e\u0000{{ 7 * 7 }}",
    "java\nscript:alert(6)",
    "data:text/html,<script>alert(7)</script>",
    "//elsewhere.example/x.png",
)
EMPTY = {"type": "object"}
BOOLEAN_ATTRIBUTES = {"required", "data-ago", "data-plot", "data-clock"}


class Elements(HTMLParser):
    """Every element of a card with its attributes, whether tags are closed, and which ids there are."""

    VOID = frozenset("br hr img input link meta".split())

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.text: list[str] = []
        self.feed(markup)
        self.close()
        self.faults += [f"<{tag}> is not closed" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def renderer() -> CardRenderer:
    icons = Icons()
    return CardRenderer(icons.draw, lambda url: "/image/signed", clock=lambda: NOW, has_icon=icons.has)


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def definition(request: pytest.FixtureRequest) -> Definition:
    return load(request.param)


def load(folder: Path) -> Definition:
    file = manifest_file.read(folder)
    return build(folder.name, file.manifest, sources.kinds(), lines=file.lines, origin="folder", folder=folder)


def widget_of(
    definition: Definition, given: dict[str, Any] | None = None, size: tuple[int, int] | None = None
) -> Widget:
    w, h = size or definition.size_default
    chosen = dict(definition.preview_params) if given is None else given
    filled = params.with_defaults(definition.params, chosen)
    place = Place(1, 1, w, h)
    return Widget("w1", 1, "home", definition.slug, "A title", filled, place, None, None, {}, {}, {}, 1, NOW, NOW)


def sizes(definition: Definition) -> list[tuple[int, int]]:
    w, h = definition.size_default
    return [definition.size_default, definition.size_min, (w, h + 3), (12, 12)]


def look_over(card: Card, definition: Definition) -> Elements:
    """What must hold for any card, whatever the data."""
    elements = Elements(card.body)
    assert not elements.faults, f"{elements.faults} in {card.body}"
    for tag, attributes in elements.found:
        assert tag != "style"
        assert tag != "script" or attributes.get("type") == "application/json"
        assert tag != "iframe" or definition.frames, "a frame needs the manifest key frames"
        for name, value in attributes.items():
            assert name != "style", f"<{tag}> has a style attribute"
            assert not name.startswith("on"), f"<{tag}> has {name}"
            if name in ("src", "srcset") and tag != "iframe":
                assert (value or "").startswith("/"), f"<{tag}> loads {value} from another host"
            if name in ("href", "src", "action", "formaction"):
                assert re.match(r"(https?://|mailto:|/(?!/)|#|$)", value or ""), f"<{tag} {name}={value!r}>"
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all((name or "").startswith("w-w1") for name in ids), "ids in a card begin with w-<widget id>"
    return elements


def replaced(value: Any, hostile: str) -> Any:
    """The data with every string in it hostile; keys stay."""
    if isinstance(value, dict):
        return {key: replaced(item, hostile) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, hostile) for item in value]
    return hostile if isinstance(value, str) else value


def emptied(value: Any, key: str = "") -> Any:
    """The data with every list empty, text and numbers null."""
    if isinstance(value, dict):
        return {name: emptied(item, name) for name, item in value.items()}
    return [] if isinstance(value, list) else None


def sparse(value: Any) -> Iterator[Any]:
    """The data with one field at a time null, or missing."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield {**value, key: None}
            yield {name: other for name, other in value.items() if name != key}
            if isinstance(item, (dict, list)):
                yield from ({**value, key: part} for part in sparse(item))
    elif isinstance(value, list) and value:
        yield from ([part, *value[1:]] for part in sparse(value[0]))
        yield value[:1]
        yield [*value] * 3


def test_there_are_the_widgets_to_begin_with() -> None:
    wanted = (
        "stat gauge line-chart timeline table list services host feed weather calendar releases hacker-news bookmarks clock notes todo search "
        "markdown html iframe repository"
    )
    assert set(wanted.split()) <= {folder.name for folder in FOLDERS}


def test_the_manifest_loads_and_says_what_the_gallery_shows(definition: Definition) -> None:
    assert definition.name
    assert definition.description
    assert not definition.description.endswith(".")
    assert definition.category
    assert definition.icon in Icons().names
    assert definition.example is not None, "example.json is missing"


def test_sizes_are_sane(definition: Definition) -> None:
    (w, h), (least_w, least_h) = definition.size_default, definition.size_min
    assert 2 <= least_w <= w <= 12
    assert 2 <= least_h <= h <= 12


def test_every_param_has_a_title_and_the_example_params_fit(definition: Definition) -> None:
    forms = {kind: module.FORM for kind, module in sources.kinds().items() if module.PICKABLE}
    parsed = params.parse(definition.params, definition.preview_params, forms=forms)
    assert set(definition.preview_params) <= set(parsed)
    for name, prop in definition.params["properties"].items():
        assert prop.get("title"), f"the param {name} has no title"


def test_the_example_fits_the_data_schema(definition: Definition) -> None:
    schema = definition.data_schema
    assert schemas.faults(schema if isinstance(schema, dict) else EMPTY, definition.example) == []
    assert definition.data_schema is not None or definition.kind in ("static", "any"), (
        "a data_schema says what the card needs"
    )


def test_the_source_can_be_asked_with_the_example_params(definition: Definition) -> None:
    given = params.with_defaults(definition.params, definition.preview_params)
    names = {"params": expressions.complete(given, definition.params)}
    source = expressions.render(dict(definition.source), names)
    assert source["kind"] == definition.kind
    if definition.kind in sources.kinds():
        rest = {key: value for key, value in source.items() if key not in ("kind", "pick") and value is not None}
        assert schemas.faults(sources.kinds()[definition.kind].SCHEMA, rest) == []


def test_the_template_has_no_fault(definition: Definition, renderer: CardRenderer) -> None:
    assert renderer.check(definition) is None


def test_the_card_shows_the_example_at_every_size(definition: Definition, renderer: CardRenderer) -> None:
    for size in sizes(definition):
        card = renderer.card(definition, widget_of(definition, size=size), definition.example)
        elements = look_over(card, definition)
        assert "".join(elements.text).strip() or any(tag == "iframe" for tag, _ in elements.found)
        assert "None" not in "".join(elements.text)


def test_the_card_stands_empty_answers(definition: Definition, renderer: CardRenderer) -> None:
    for data in (emptied(definition.example), {}, None, []):
        card = renderer.card(definition, widget_of(definition), data)
        elements = look_over(card, definition)
        assert "None" not in "".join(elements.text)
        assert "nan" not in card.body


def test_the_card_stands_without_params(definition: Definition, renderer: CardRenderer) -> None:
    card = renderer.card(definition, widget_of(definition, given={}), definition.example)
    assert look_over(card, definition).found


def test_the_card_stands_nulls_and_missing_fields(definition: Definition, renderer: CardRenderer) -> None:
    widget = widget_of(definition)
    count = 0
    for data in sparse(definition.example):
        look_over(renderer.card(definition, widget, data), definition)
        count += 1
        if count == 150:
            break
    assert count or definition.example in ({}, [])


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_stays_text(definition: Definition, renderer: CardRenderer, hostile: str) -> None:
    data = replaced(copy.deepcopy(definition.example), hostile)
    given = replaced(copy.deepcopy(dict(definition.preview_params)), hostile)
    for chosen in (given, dict(definition.preview_params)):
        card = renderer.card(definition, widget_of(definition, given=chosen), data)
        elements = look_over(card, definition)
        assert not any(tag == "img" and attributes.get("src") == "x" for tag, attributes in elements.found)
        assert "<script>" not in card.body
        assert "49" not in card.aside


def test_long_names_and_many_entries_stay_within_bounds(definition: Definition, renderer: CardRenderer) -> None:
    long = replaced(copy.deepcopy(definition.example), "Überlanger Name ohne Ende " * 40)
    card = renderer.card(definition, widget_of(definition), long)
    look_over(card, definition)
    assert len(card.body) < 200_000


def test_the_stylesheet_names_no_colour_and_no_other_host(definition: Definition) -> None:
    style = definition.style or ""
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|https?:|@import|url\(", style)
    assert style == "" or len(style) < 4000


def test_icons_are_those_that_are_drawn(definition: Definition) -> None:
    named = set(re.findall(r"\bicon\(\s*[\"']([a-z0-9-]+)[\"']", definition.template))
    assert named <= Icons().names


def test_a_static_widget_asks_nobody_and_others_do(definition: Definition) -> None:
    module = sources.kinds().get(definition.kind, SimpleNamespace(FETCHES=True))
    assert module.FETCHES is (definition.kind not in ("static", "push", "series"))
    assert not module.FETCHES or definition.refresh_interval >= 15
