"""Cards as bytes: every state, what is kept, what never gets in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from glance.model import Failure, View, Widget
from glance.web import notes
from glance.web.fragments import Fragments, Rendered, age_text, arc
from tests.page_site import Site
from tests.waiting import until

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all: each test places widgets of its own."""
    made = Site(tmp_path_factory.mktemp("site"))
    made.runtime.start()
    yield made
    made.stop()


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site.app.test_client()


@pytest.fixture
def widget(site: Site) -> Widget:
    return site.add("tally", "Boiler")


def view_of(widget: Widget, state: Any = "fresh", **changes: Any) -> View:
    """A view with data fetched 12 s ago that lives 60 s."""
    view = View(widget.id, state, {"value": 42, "unit": "W"}, True, NOW - 12, NOW + 48, 60.0, None, f"v.{state}")
    return replace(view, **changes)


def failed(kind: str = "timeout", next_try_at: float | None = NOW + 240) -> Failure:
    return Failure("solar.lan did not answer within 8 s.", NOW - 1, next_try_at, 504, kind)


def drawn(site: Site, widget: Widget, view: View) -> str:
    with site.app.test_request_context("/"):
        return store(site).one(widget, view, NOW).join(NOW).decode()


def store(site: Site) -> Fragments:
    found: Fragments = site.app.extensions["glance.fragments"]
    return found


def head(html: str) -> str:
    return html.split("</header>")[0]


def test_a_fresh_card_shows_its_value_its_age_and_a_draining_arrow(site: Site, widget: Widget) -> None:
    html = drawn(site, widget, view_of(widget))
    assert 'data-state="fresh"' in html
    assert "<b data-live>42</b>" in html
    assert "12 s</time>" in html
    assert 'stroke-dasharray="80 200"' in html
    assert "w-note" not in html


def test_a_live_card_has_a_dot(site: Site, widget: Widget) -> None:
    assert '<i class="live-mark">' in drawn(site, widget, view_of(widget, "live"))


def test_a_refreshing_card_keeps_its_data_and_is_busy(site: Site, widget: Widget) -> None:
    html = drawn(site, widget, view_of(widget, "refreshing"))
    assert 'data-state="refreshing"' in html
    assert 'aria-busy="true"' in html
    assert "<b data-live>42</b>" in html


def test_a_stale_card_says_how_old_why_and_when_the_next_try_comes(site: Site, widget: Widget) -> None:
    view = view_of(widget, "stale", at=NOW - 3 * 3600, expires_at=NOW - 2 * 3600, failure=failed())
    html = drawn(site, widget, view)
    assert "tagged is-warn" in head(html)
    assert "3 h</time>" in head(html)
    assert '<p class="w-note is-warn">' in html
    assert "solar.lan did not answer within 8 s. Next try at <time" in html
    assert "Try now</button>" in html


def test_a_failed_card_with_data_keeps_it_and_offers_to_retry(site: Site, widget: Widget) -> None:
    html = drawn(site, widget, view_of(widget, "error", failure=failed("status")))
    assert "tagged is-bad" in head(html)
    assert "Failed" in head(html)
    assert "<b data-live>42</b>" in html
    assert '<p class="w-note is-bad">' in html
    assert "Retry</button>" in html


def test_a_failed_card_without_data_says_the_cause_first_and_offers_one_fix(site: Site, widget: Widget) -> None:
    reason = Failure("The API key was rejected. dns.lan answered 401.", NOW, None, 502, "status")
    html = drawn(site, widget, view_of(widget, "error", has_data=False, data=None, at=None, failure=reason))
    assert "<strong>The API key was rejected</strong><p>dns.lan answered 401.</p>" in html
    assert "Retry</button>" in html
    assert f'href="/widgets/{widget.id}/edit">Settings</a>' in html


def test_a_new_try_after_a_failure_without_data_keeps_the_reason_on_the_card(site: Site, widget: Widget) -> None:
    html = drawn(site, widget, view_of(widget, "loading", has_data=False, data=None, at=None, failure=failed()))
    assert "solar.lan did not answer within 8 s" in html
    assert 'aria-busy="true"' in html
    assert "sk-" not in html


def test_an_offline_card_says_so(site: Site, widget: Widget) -> None:
    html = drawn(site, widget, view_of(widget, "offline"))
    assert "tagged is-off" in head(html)
    assert "Offline" in head(html)
    assert "The device is away." in html


def test_a_loading_card_is_a_skeleton_and_nothing_to_press(site: Site, widget: Widget) -> None:
    html = drawn(site, widget, view_of(widget, "loading", has_data=False, data=None, at=None))
    assert 'role="status"><span>Loading</span>' in html
    assert "sk-stat" in html
    assert "<button" not in html


def test_an_empty_push_card_says_what_is_missing(site: Site, widget: Widget) -> None:
    html = drawn(site, widget, view_of(widget, "empty", has_data=False, data=None, at=None))
    assert "Nothing was sent yet" in html
    assert "w-age" not in html


def test_a_static_card_has_no_age(site: Site) -> None:
    fixed = site.add("fixed", "Words", text="hello")
    html = drawn(site, fixed, site.runtime.refresher.peek([fixed])[fixed.id])
    assert "hello" in html
    assert "w-age" not in html
    assert "data-at" not in html


def test_an_answer_fetched_on_view_only_has_an_age_but_nothing_that_drains(site: Site, widget: Widget) -> None:
    html = drawn(site, widget, view_of(widget, ttl_s=0.0, expires_at=NOW - 12))
    assert "12 s</time>" in html
    assert "stroke-dasharray=" not in html


def test_a_definition_that_vanished_leaves_a_sentence_on_the_card(site: Site, widget: Widget) -> None:
    html = drawn(site, replace(widget, custom_widget="gone"), view_of(widget))
    assert "The custom widget gone is not there any more" in html
    assert 'href="/gallery"' in html


def test_a_card_that_cannot_be_drawn_says_why(site: Site) -> None:
    (site.widgets_folder / "fixed" / "card.html").write_text("{{ 1 / params.text|length }}", encoding="utf-8")
    site.runtime.definitions.rescan()
    widget = site.add("fixed", "Broken", text="")
    html = drawn(site, widget, site.runtime.refresher.peek([widget])[widget.id])
    assert 'data-state="error"' in html
    assert "could not be drawn" in html


def test_hostile_text_comes_out_as_text(site: Site) -> None:
    bad = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    widget = site.add("tally", bad[:80])
    html = drawn(
        site, widget, view_of(widget, "error", data={"value": bad, "unit": bad}, failure=replace(failed(), message=bad))
    )
    assert "<script" not in html
    assert "<img" not in html
    assert html.count("&lt;script&gt;") >= 4


def test_a_card_is_drawn_once_and_only_its_age_changes(site: Site, widget: Widget) -> None:
    with site.app.test_request_context("/"):
        first = store(site).one(widget, view_of(widget), NOW)
        again = store(site).one(widget, view_of(widget), NOW + 30)
    assert first is again
    assert b"12 s</time>" in first.join(NOW)
    assert b"42 s</time>" in first.join(NOW + 30)
    assert b'dasharray="30 200"' in first.join(NOW + 30)


@pytest.mark.parametrize("change", [{"version": "other"}, {"state": "refreshing"}, {"at": NOW - 1}])
def test_a_card_is_drawn_anew_when_what_it_shows_changes(site: Site, widget: Widget, change: dict[str, Any]) -> None:
    with site.app.test_request_context("/"):
        first = store(site).one(widget, view_of(widget), NOW)
        other = store(site).one(widget, replace(view_of(widget), **change), NOW)
    assert first.version != other.version


def test_only_a_fragment_for_the_socket_is_marked_out_of_band(site: Site, widget: Widget) -> None:
    with site.app.test_request_context("/"):
        card = store(site).one(widget, view_of(widget), NOW)
    assert b"hx-swap-oob" not in card.join(NOW)
    assert b'hx-swap-oob="outerMorph"' in card.join(NOW, out_of_band=True)


def test_a_card_holds_no_token(site: Site, client: FlaskClient) -> None:
    site.tallies(1, dashboard="tokens")
    text = client.get("/d/tokens").text
    assert "csrf" not in text[text.index("<article") : text.rindex("</article>")]


def test_a_title_cannot_pretend_to_be_an_age() -> None:
    card = Rendered("1", "v", (b"<b>[age]</b>", b""), ("age",), NOW, 60.0, ())
    assert card.join(NOW + 5) == b"<b>[age]</b>5 s"


@pytest.mark.parametrize(
    ("age_s", "text"),
    [
        (-3, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (47.9 * 3600, "47 h"),
        (48 * 3600, "2 d"),
    ],
)
def test_ages_are_told_in_the_largest_fitting_unit(age_s: float, text: str) -> None:
    assert age_text(age_s) == text


def test_the_arc_drains_from_full_to_nothing() -> None:
    assert [arc(age, 100) for age in (0, 25, 100, 500)] == [
        b' stroke-dasharray="100 200"',
        b' stroke-dasharray="75 200"',
        b' stroke-dasharray="0 200"',
        b' stroke-dasharray="0 200"',
    ]
    assert arc(5, 0) == b""


def test_polling_answers_only_what_changed_since(site: Site, client: FlaskClient) -> None:
    one, two = site.tallies(2, dashboard="polling")
    told = {card.widget_id: card.version for card in _now(site, [one, two])}
    since = ",".join(f"{key}:{value}" for key, value in told.items())
    same = client.get("/d/polling/fragments", query_string={"since": since})
    assert same.status_code == 204
    site.push(two, 7)
    answer = client.get("/d/polling/fragments", query_string={"since": since})
    assert re.findall(r'id="w-(\w+)" hx-swap-oob', answer.text) == [two.id]
    assert answer.headers["Glance-Page"] == same.headers["Glance-Page"]


def test_the_refresh_button_works_without_script(site: Site, client: FlaskClient) -> None:
    widget = site.add("tally", "By hand")
    answer = client.post(f"/widgets/{widget.id}/refresh", headers={"Origin": "http://localhost"})
    assert answer.status_code == 303
    assert answer.location == f"/d/home#w-{widget.id}"


def test_a_forced_refresh_answers_with_the_new_card_also_when_it_fails(site: Site, client: FlaskClient) -> None:
    widget = site.add("polled", "Polled", url="http://127.0.0.1:9/nothing")
    answer = client.post(f"/fragments/widgets/{widget.id}/refresh", headers={"Origin": "http://localhost"})
    assert answer.status_code == 200
    assert f'id="w-{widget.id}" hx-swap-oob="outerMorph"' in answer.text
    assert "refused the connection" in answer.text


def test_refreshing_an_unknown_widget_is_a_404(client: FlaskClient) -> None:
    assert client.post("/fragments/widgets/nope/refresh", headers={"Origin": "http://localhost"}).status_code == 404


def test_a_foreign_page_cannot_refresh(site: Site, client: FlaskClient) -> None:
    widget = site.add("tally", "Not theirs")
    answer = client.post(f"/widgets/{widget.id}/refresh", headers={"Origin": "https://evil.test"})
    assert answer.status_code == 403


def test_drawn_cards_of_deleted_widgets_do_not_pile_up(site: Site, widget: Widget) -> None:
    kept = store(site)
    with site.app.test_request_context("/"):
        for number in range(700):
            kept.one(replace(widget, id=f"w{number}"), view_of(widget), NOW)
    assert until(lambda: len(kept._kept) <= 600)


def _now(site: Site, widgets: list[Widget]) -> list[Rendered]:
    with site.app.test_request_context("/"):
        return store(site).now_of(widgets)


def test_a_small_card_without_data_keeps_to_what_fits(site: Site, widget: Widget) -> None:
    polled = site.runtime.definitions.find("polled")
    small, roomy = (replace(widget, place=replace(widget.place, h=height)) for height in (3, 6))
    told = {"sentence": "There is no broker. It does not answer.", "has_data": False, "data": None, "at": None}
    view = view_of(widget, "empty", **told)
    found = notes.blank(view, small, polled)
    assert found is not None
    assert (found.title, found.text, [act.text for act in found.acts]) == ("There is no broker", "", ["Open devices"])
    found = notes.blank(view, roomy, polled)
    assert found is not None
    assert (found.text, [act.text for act in found.acts]) == ("It does not answer.", ["Open devices", "Settings"])
    found = notes.blank(
        view_of(widget, "empty", **told | {"sentence": "A sentence " * 9 + "that is long."}), small, polled
    )
    assert found is not None
    assert not found.acts
