"""Every route and socket × everybody who could ask: the table says who is let in, and the application does as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from glance import passwords
from glance.config import Settings
from glance.runtime import Runtime
from glance.web.application import create_app
from glance.web.door import PUBLIC, SCOPES
from glance.web.door.access import csrf_for
from tests.routes_table import EVERYBODY, NOBODY, OWNER, TOKENS, VISITOR, Row, rows

HOST = "http://glance.lan"
PARTS = {"widget_id": "w1", "device_id": "greenhouse", "address": "guests", "token_id": "999"}


class House:
    """A Glance with a password, a public dashboard, and a token for each scope; asked from another computer."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(data=folder, password="a password of ten", mqtt_url="off")
        self.runtime = Runtime(settings)
        self.app: Flask = create_app(self.runtime)
        self.runtime.dashboards.create("Guests", slug="private-name")
        self.runtime.dashboards.update("private-name", {"is_public": True, "public_address": "guests"})
        self.session = self.runtime.owner.open_session("a browser", "192.168.1.9")
        self.values = {scope: self.runtime.tokens.make(scope, [scope])[1] for scope in TOKENS}
        self._leave_out_what_is_behind()

    def _leave_out_what_is_behind(self) -> None:
        """Pages and sockets answer `in` instead of doing what they do: only who gets so far is looked at."""
        for endpoint in self.app.view_functions:
            if not endpoint.startswith("api.") and endpoint not in ("metrics", "healthz", "readyz", "static", *PUBLIC):
                self.app.view_functions[endpoint] = lambda **_: "in"
        self.app.view_functions["public.socket"] = lambda **_: "in"

    @cached_property
    def of_a_look(self) -> dict[str, str]:
        """What a browser that has just looked at the public dashboard sends along: its cookies, and where it comes from."""
        looked = self.app.test_client().get(
            "/p/guests", base_url=HOST, environ_overrides={"REMOTE_ADDR": "192.168.1.9"}
        )
        assert looked.status_code == 200
        cookies = "; ".join(cookie.partition(";")[0] for cookie in looked.headers.getlist("Set-Cookie"))
        marks = {"Referer": f"{HOST}/p/guests", "Sec-Fetch-Site": "same-origin"}
        return marks | ({"Cookie": cookies} if cookies else {})

    def ask(self, row: Row, who: str) -> TestResponse:
        client = self.app.test_client()
        headers: dict[str, str] = {}
        if row.method == "WS":
            headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
        if who in self.values:
            headers["Authorization"] = f"Bearer {self.values[who]}"
        if who == VISITOR:
            headers |= self.of_a_look
        if who == OWNER:
            client.set_cookie("glance_session", self.session, domain="glance.lan")
            headers["X-CSRF-Token"] = csrf_for(self.session)
        if who not in self.values:
            headers["Origin"] = HOST
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda part: PARTS.get(part[1], "nothing"), row.path)
        how: dict[str, Any] = {"json": row.body} if row.body is not None else {}
        method = "GET" if row.method == "WS" else row.method
        return client.open(
            path, method=method, base_url=HOST, headers=headers, environ_overrides={"REMOTE_ADDR": "192.168.1.9"}, **how
        )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "SCRYPT_N", 2**8)
        made = House(tmp_path_factory.mktemp("house"))
        made.runtime.start()
        yield made
        made.runtime.stop()


def let_in(answer: TestResponse) -> bool:
    """Whether an answer is more than a refusal."""
    to_the_door = answer.status_code == 303 and answer.headers["Location"].startswith(("/login", "/setup"))
    return answer.status_code not in (401, 403, 421) and not to_the_door


def rules_of(app: Flask) -> set[tuple[str, str]]:
    found = set()
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            found.add(("WS" if rule.websocket else method, rule.rule))
    return found


def test_every_route_has_a_row_and_every_row_a_route(house: House) -> None:
    table = {(row.method, row.path) for row in rows()}
    there = rules_of(house.app)
    assert not there - table, f"no row in tests/routes_table.py: {sorted(there - table)}"
    assert not table - there, f"no such route any more: {sorted(table - there)}"


@pytest.mark.parametrize("row", rows(), ids=str)
def test_who_is_let_in_is_what_the_table_says(house: House, row: Row) -> None:
    if (row.method, row.path) not in rules_of(house.app):
        pytest.fail("no such route")
    wrong = []
    for who in EVERYBODY:
        if row.path in ("/login", "/setup") and who == OWNER:
            continue
        answer = house.ask(row, who)
        if let_in(answer) != (who in row.allowed):
            wrong.append(f"{who}: {answer.status_code} {answer.text[:120]}")
    assert not wrong, "\n".join(wrong)


def test_whoever_looks_at_a_public_dashboard_may_no_more_than_before_but_below_its_address() -> None:
    for row in rows():
        if not row.path.startswith(("/p/<address>", "/ws/public/<address>")):
            assert (VISITOR in row.allowed) == (NOBODY in row.allowed), str(row)


def test_no_answer_of_the_walk_is_a_failure_of_glance_itself(house: House) -> None:
    for row in rows():
        answer = house.ask(row, OWNER)
        assert answer.status_code < 500, f"{row}: {answer.status_code} {answer.text[:200]}"


def test_a_head_request_is_let_in_like_a_get(house: House) -> None:
    for row in rows():
        if row.method == "GET":
            head = Row("HEAD", row.path, row.allowed)
            assert let_in(house.ask(head, NOBODY)) == (NOBODY in row.allowed), str(row)


def test_options_tells_strangers_nothing(house: House) -> None:
    for row in rows():
        if NOBODY not in row.allowed:
            assert not let_in(house.ask(Row("OPTIONS", row.path, row.allowed), NOBODY)), str(row)


def test_the_lists_of_the_door_name_only_what_there_is(house: House) -> None:
    endpoints = {rule.endpoint for rule in house.app.url_map.iter_rules()}
    assert endpoints >= set(SCOPES) | PUBLIC


def test_a_new_page_is_closed_to_everybody_but_the_owner(tmp_path: Path) -> None:
    runtime = Runtime(Settings(data=tmp_path, password="a password of ten", mqtt_url="off"))
    app = create_app(runtime)
    app.add_url_rule("/new-page", "somebody.new_page", lambda: "in")
    try:
        for scope in TOKENS:
            value = runtime.tokens.make(scope, [scope])[1]
            answer = app.test_client().get("/new-page", headers={"Authorization": f"Bearer {value}"})
            assert answer.status_code == 403, scope
        assert app.test_client().get("/new-page").status_code == 303
    finally:
        runtime.stop()
