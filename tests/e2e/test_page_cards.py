"""Forms within cards, and what the page says when something is refused."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.conftest import Look
from tests.page_site import Site
from tests.waiting import until


def test_a_note_is_saved_without_leaving_the_page_and_the_focus_stays(site: Site, look: Callable[..., Look]) -> None:
    widget = site.add("notes", "Notes", text="first")
    page = look().open(f"{site.address}/d/home").connected()
    page.run("window.here = true")
    field = f"#w-{widget.id} textarea"
    page.page.fill(field, "second\nline")
    page.page.click(f"#w-{widget.id} button[value=save]")
    until(lambda: site.runtime.widgets.get(widget.id).params.get("text") == "second\nline")
    page.page.focus(field)
    page.page.keyboard.type("!")
    assert page.run("window.here") is True
    assert page.run(f"document.querySelector('{field}').value").replace("!", "") == "second\nline"


def test_a_list_grows_ticks_and_its_field_is_empty_again(site: Site, look: Callable[..., Look]) -> None:
    widget = site.add("todo", "To-do", items=[])
    page = look().open(f"{site.address}/d/home").connected()
    card = f"#w-{widget.id}"
    for text in ("Milk", "Bread"):
        page.page.fill(f"{card} input[name=new]", text)
        page.page.keyboard.press("Enter")
        page.until(f"document.querySelector('{card} ul')?.innerText.includes('{text}')")
        page.until(f"document.querySelector('{card} input[name=new]').value === ''")
    page.page.click(f"{card} .tickbox")
    page.until(f"document.querySelectorAll('{card} li.done').length === 1")
    assert [item["text"] for item in site.runtime.widgets.get(widget.id).params["items"]] == ["Milk", "Bread"]


def test_a_refusal_is_said_once_in_the_servers_words_and_the_page_stays(site: Site, look: Callable[..., Look]) -> None:
    widget = site.add("todo", "To-do", items=[{"text": "Milk", "done": False}])
    page = look()
    page.forgive = ["404", "htmx:response:error"]
    page.open(f"{site.address}/d/home").connected()
    site.runtime.widgets.delete(widget.id)
    page.page.click(f"#w-{widget.id} .tickbox")
    page.until("!document.querySelector('[data-toast]').hidden")
    assert len(page.run("document.querySelector('[data-toast]').textContent")) > 10
    assert page.run("document.querySelectorAll('.grid > .w').length") == 1


def test_a_bang_goes_elsewhere_and_the_rest_to_the_engine(site: Site, look: Callable[..., Look]) -> None:
    widget = site.add("search", "Search", bangs=[{"bang": "w", "url": f"{site.address}/d/home?w={{}}"}])
    page = look().open(f"{site.address}/d/home").connected()
    page.page.fill(f"#w-{widget.id} input[type=search]", "!w grey heron")
    page.page.keyboard.press("Enter")
    page.page.wait_for_url("**/d/home?w=grey%20heron")
    assert page.page.url.endswith("?w=grey%20heron")
