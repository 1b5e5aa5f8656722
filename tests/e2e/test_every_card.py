"""Every built-in card in a real browser: it fits, it says what it means to assistive technology, and hostile data never run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from glance.model import Place, Widget
from glance.web.arrange import pack
from tests.e2e.conftest import Look
from tests.e2e.copies import PREFIX, pushed_copies
from tests.e2e.test_page_static import HOSTILE, violations
from tests.page_site import Site

# What a body may not do at its usual size: stand out of its card, or scroll where it is not made to.
STICKS_OUT = """
[...document.querySelectorAll('.grid > .w')].flatMap(card => {
  const body = card.querySelector('.w-body'), box = card.getBoundingClientRect();
  const scrolls = '.vh, .cut, svg, textarea, iframe, .prose, .todo, .spark, .plot, .k-bookmarks *';
  const out = [...body.querySelectorAll('*')].filter(part => {
    const at = part.getBoundingClientRect();
    return at.width && at.height && !part.closest(scrolls) && (at.bottom > box.bottom + 1 || at.right > box.right + 1);
  });
  return out.length ? [card.className + ': ' + out[0].outerHTML.slice(0, 100)] : [];
})
"""


@pytest.fixture
def every(site: Site) -> list[tuple[Widget, Any]]:
    """A dashboard with every card, and the example of each."""
    copies = pushed_copies(site.widgets_folder)
    site.runtime.definitions.rescan()
    boxes = pack((slug, one["size"]["default"]["w"], one["size"]["default"]["h"]) for slug, one in copies.items())
    placed = []
    for box, (slug, one) in zip(boxes, copies.items(), strict=True):
        place = Place(box.x, box.y, box.w, box.h)
        widget = site.add(slug, slug.removeprefix(PREFIX), place=place, **one["params"])
        site.runtime.refresher.push(widget, one["example"])
        placed.append((widget, one["example"]))
    return placed


def without_frames(page: Look) -> Look:
    """Let frames find nobody, and forgive them for it: the outside web is not part of a test."""
    page.page.route(
        "https://example.org/**", lambda route: route.fulfill(body="<p>A page</p>", content_type="text/html")
    )
    return page


@pytest.mark.parametrize("width", [1440, 1220, 800, 390])
def test_every_card_stays_within_its_frame(
    site: Site, every: list[tuple[Widget, Any]], look: Callable[..., Look], width: int
) -> None:
    page = without_frames(look(viewport={"width": width, "height": 900})).open(f"{site.address}/d/home").connected()
    assert page.run("document.querySelectorAll('.grid > .w').length") == len(every)
    assert page.run("[...document.querySelectorAll('.grid > .w')].filter(w => w.dataset.state !== 'fresh').length") == 0
    assert page.run(STICKS_OUT) == []
    assert page.run("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_card_speaks_to_assistive_technology(
    site: Site, every: list[tuple[Widget, Any]], look: Callable[..., Look], theme: str
) -> None:
    page = without_frames(look(color_scheme=theme)).open(f"{site.address}/d/home").connected()
    assert len(every) > 20
    assert violations(page) == []


def hostile(value: Any, text: str) -> Any:
    """The data with every string replaced."""
    if isinstance(value, dict):
        return {key: hostile(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item, text) for item in value]
    return text if isinstance(value, str) else value


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_data_never_run_in_any_card(
    site: Site, every: list[tuple[Widget, Any]], look: Callable[..., Look], text: str
) -> None:
    for widget, example in every:
        site.runtime.refresher.push(widget, hostile(example, text))
    page = without_frames(look()).open(f"{site.address}/d/home").connected()
    assert page.run("window.pwned") is None
    assert page.run("[...document.querySelectorAll('.w-body')].length") == len(every)
    odd = "[...document.querySelectorAll('.w-body a[href], .w-body img, .w-body iframe')].map(e => e.href ?? e.src)"
    assert [address for address in page.run(odd) if not address.startswith(("http", "mailto:"))] == []
    assert page.run("document.querySelectorAll('.w-body script:not([type=\"application/json\"])').length") == 0
