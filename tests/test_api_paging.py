"""Lists by pages: nothing is missed or repeated, also when the list changes between two pages."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from glance.errors import Invalid
from glance.web.api.paging import page

app = Flask(__name__)


def ask(items: list[str], **query: Any) -> dict[str, Any]:
    with app.test_request_context("/", query_string=query):
        return page(items, lambda item: [item], lambda item: item)


def test_a_short_list_is_one_page() -> None:
    assert ask(["b", "a"]) == {"items": ["a", "b"], "next_cursor": None}


def test_the_cursor_goes_on_after_the_last_item() -> None:
    items = [f"{n:02}" for n in range(7)]
    found: list[str] = []
    cursor = ""
    while cursor is not None:
        answer = ask(items, limit=3, cursor=cursor)
        found += answer["items"]
        cursor = answer["next_cursor"]
    assert found == items


def test_items_that_come_and_go_between_pages_shift_nothing() -> None:
    first = ask(["a", "b", "c", "d"], limit=2)
    assert ask(["0", "b", "c", "d"], limit=2, cursor=first["next_cursor"])["items"] == ["c", "d"]


@pytest.mark.parametrize("limit", ["0", "-1", "501", "x", "", "1.5", "٣", "999999999999"])
def test_a_wrong_limit_is_named(limit: str) -> None:
    with pytest.raises(Invalid) as caught:
        ask(["a"], limit=limit)
    assert caught.value.errors[0].field == "limit"


@pytest.mark.parametrize("cursor", ["x", "W10", "e30=", "WzFd", "ä", "[" * 50])
def test_a_foreign_cursor_is_named(cursor: str) -> None:
    with pytest.raises(Invalid) as caught:
        ask(["a"], cursor=cursor)
    assert caught.value.errors[0].field == "cursor"
