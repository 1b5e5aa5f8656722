"""A note on a small gauge takes its room from the dial and covers nothing of it, and a page never calls a lost broker live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Look
from tests.e2e.test_live_widgets import TEMPERATURE, Home, stands
from tests.waiting import until

# What of a gauge reaches below its note or above its body, as words.
COVERED = """ids => ids.flatMap(id => {
  const card = document.getElementById('w-' + id), note = card.querySelector('.w-note').getBoundingClientRect();
  const top = card.querySelector('.w-body').getBoundingClientRect().top;
  return [...card.querySelectorAll('.gauge-dial svg, .gauge-dial b, .facts dt, .facts dd')]
    .filter(part => part.checkVisibility())
    .map(part => [part, part.getBoundingClientRect()])
    .filter(([, box]) => box.bottom > note.top + 0.5 || box.top < top - 0.5)
    .map(([part, box]) => `${part.localName} ${part.textContent}: ${box.top} to ${box.bottom}, note at ${note.top}`);
})"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.stop()


@pytest.mark.parametrize("width", [1440, 800, 390])
def test_a_note_covers_nothing_of_a_small_gauge(home: Home, look: Callable[..., Look], width: int) -> None:
    bands = [{"from": 10, "status": "warn", "label": "High"}]
    source = {"kind": "series", "series": [TEMPERATURE], "range": "1h"}
    plain, high = (
        home.add("gauge", "Plain", data_source=source),
        home.add("gauge", "High", data_source=source, bands=bands),
    )
    for value in (20.5, 21.5):
        home.send(temperature=value)
    page = look(viewport={"width": width, "height": 900}).open(f"{home.site.address}/d/home").connected()
    stands(page, plain, "live", 15)
    tall = page.run("id => document.getElementById('w-' + id).getBoundingClientRect().height", plain)
    home.mosquitto.stop(kill=True)
    for widget in (plain, high):
        stands(page, widget, "offline", 15)
    assert page.run(COVERED, [plain, high]) == []
    assert page.run("id => document.getElementById('w-' + id).getBoundingClientRect().height", plain) == tall


def test_a_page_opened_while_the_broker_is_away_says_so_at_once(home: Home, look: Callable[..., Look]) -> None:
    home.follow("stat", "Now", TEMPERATURE)
    home.send(temperature=21.5)
    home.mosquitto.stop(kill=True)
    until(lambda: not home.connected())
    page = look()
    page.page.add_init_script(
        "window.said = []; addEventListener('DOMContentLoaded', () => { const pill = document.querySelector('.conn');"
        " new MutationObserver(() => said.push([pill.dataset.conn, pill.textContent])).observe(pill, { attributes: true, subtree: true, childList: true }); });"
    )
    page.open(f"{home.site.address}/d/home").connected()
    page.until("document.querySelector('.conn').textContent.includes('Broker away')")
    assert not [told for told in page.run("said") if told == ["live", "Live"]]
