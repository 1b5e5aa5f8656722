"""Every way of saying who asks, against a real server."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from glance.errors import FetchError
from glance.outbound import Answer, Outbound
from tests.upstream import Reply, Seen, Upstream
from tests.waiting import until


def get(outbound: Outbound, url: str, auth: Mapping[str, Any] | None, timeout_s: float = 5.0) -> Answer:
    return outbound.client(time.monotonic() + timeout_s, ("pa55word",)).request("GET", url, auth=auth)


def failure(outbound: Outbound, url: str, auth: Mapping[str, Any]) -> FetchError:
    with pytest.raises(FetchError) as caught:
        get(outbound, url, auth)
    return caught.value


@pytest.mark.parametrize(
    ("auth", "name", "value"),
    [
        ({"kind": "basic", "username": "ä", "password": "x:y"}, "authorization", "Basic " + base64.b64encode("ä:x:y".encode()).decode()),
        ({"kind": "bearer", "token": "abc"}, "authorization", "Bearer abc"),
        ({"kind": "header", "name": "X-Api-Key", "value": 123}, "x-api-key", "123"),
        ({"kind": "none"}, "authorization", None),
        ({"kind": "bearer", "token": None}, "authorization", None),
        ({"kind": "bearer", "token": ""}, "authorization", None),
        ({"kind": "basic", "username": "", "password": None}, "authorization", None),
        ({"kind": "header", "name": "X-Api-Key", "value": ""}, "x-api-key", None),
        ({}, "authorization", None),
    ],
)  # fmt: skip
def test_credentials_become_a_header_and_unset_ones_none(
    up: Upstream, outbound: Outbound, auth: dict[str, Any], name: str, value: str | None
) -> None:
    up.json("/", 1)
    get(outbound, up.url("/"), auth)
    assert up.last().headers.get(name) == value


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ({"kind": "magic"}, "must be one of"),
        ({"kind": "header", "value": "x"}, "needs the header's name"),
        ({"kind": "header", "name": "X-A", "value": "x\r\nX-B: 1"}, "line break"),
        ({"kind": "bearer", "token": "a\nb"}, "line break"),
        ({"kind": "session"}, "needs `login`"),
    ],
)
def test_a_login_that_cannot_be_used_is_said(
    up: Upstream, outbound: Outbound, auth: dict[str, Any], words: str
) -> None:
    assert words in failure(outbound, up.url("/"), auth).sentence
    assert up.count() == 0


class Guarded:
    """A service that wants a session: a cookie or a token, which it can forget."""

    def __init__(self, up: Upstream, *, cookie: bool) -> None:
        self.up = up
        self.cookie = cookie
        self.valid = 0
        up.handle("/login", self.login)
        up.handle("/state", self.state)

    def login(self, request: Seen) -> Reply:
        if request.json() != {"password": "pa55word"}:
            return Reply(401)
        self.valid += 1
        if self.cookie:
            return Reply(302, headers={"Set-Cookie": f"sid=s{self.valid}; Path=/; HttpOnly", "Location": "/"})
        return Reply(200, b'{"session": {"sid": "s%d"}}' % self.valid)

    def state(self, request: Seen) -> Reply:
        given = request.headers.get("cookie") if self.cookie else request.headers.get("x-sid")
        wanted = f"sid=s{self.valid}" if self.cookie else f"s{self.valid}"
        return Reply(200, b'"ok"') if given == wanted else Reply(401)

    def auth(self, password: str = "pa55word") -> dict[str, Any]:
        login = {"url": "/login", "json": {"password": password}}
        return {"kind": "session", "login": login} | (
            {} if self.cookie else {"token": "session.sid", "header": "X-Sid"}
        )


@pytest.mark.parametrize("cookie", [True, False])
def test_a_session_is_opened_once_kept_and_opened_again_when_it_ran_out(
    up: Upstream, outbound: Outbound, cookie: bool
) -> None:
    guarded = Guarded(up, cookie=cookie)
    for _ in range(3):
        assert get(outbound, up.url("/state"), guarded.auth()).json() == "ok"
    assert up.count("/login") == 1
    guarded.valid += 10
    assert get(outbound, up.url("/state"), guarded.auth()).json() == "ok"
    assert up.count("/login") == 2


def test_a_session_that_is_refused_right_away_is_tried_only_once_more(up: Upstream, outbound: Outbound) -> None:
    guarded = Guarded(up, cookie=True)
    up.json("/state", {}, status=401)
    error = failure(outbound, up.url("/state"), guarded.auth())
    assert error.http_status == 401
    assert (up.count("/login"), up.count("/state")) == (2, 2)


def test_a_wrong_password_is_said_as_a_failed_login(up: Upstream, outbound: Outbound) -> None:
    guarded = Guarded(up, cookie=True)
    error = failure(outbound, up.url("/state"), guarded.auth("wrong"))
    assert error.sentence.startswith("The login failed.")
    assert "did not accept the credentials (401)" in error.sentence
    assert up.count("/state") == 0


@pytest.mark.parametrize(
    "auth",
    [
        {"kind": "header", "name": "X-Gate", "value": "open"},
        {"kind": "session", "login": {"url": "/login"}, "token": "sid", "header": "X-Gate"},
    ],
)
def test_a_login_by_any_header_stays_behind_when_a_redirect_leaves_the_server(
    up: Upstream, outbound: Outbound, auth: dict[str, Any]
) -> None:
    with Upstream() as other:
        up.json("/login", {"sid": "open"})
        up.redirect("/", other.url("/"))
        other.json("/", 1)
        get(outbound, up.url("/"), auth)
        assert up.last("/").headers["x-gate"] == "open"
        assert "x-gate" not in other.last("/").headers


def test_many_callers_share_one_login(up: Upstream, outbound: Outbound) -> None:
    guarded = Guarded(up, cookie=False)
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(get(outbound, up.url("/state"), guarded.auth()).json()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    until(lambda: len(results) == 8)
    assert (set(results), up.count("/login")) == ({"ok"}, 1)


def test_a_login_form_and_a_token_in_a_header_work(up: Upstream, outbound: Outbound) -> None:
    up.json("/rpc", {}, status=409, headers={"X-Transmission-Session-Id": "abc"})
    up.json("/state", 1)
    auth = {
        "kind": "session",
        "login": {"url": up.url("/rpc"), "form": {"a": "ä b", "c": None}, "accept": [409]},
        "token": "header:X-Transmission-Session-Id",
        "header": "X-Transmission-Session-Id",
    }
    get(outbound, up.url("/state"), auth)
    assert up.last("/rpc").body == b"a=%C3%A4+b&c="
    assert up.last("/state").headers["x-transmission-session-id"] == "abc"


def test_a_token_goes_out_as_bearer_unless_told_otherwise(up: Upstream, outbound: Outbound) -> None:
    up.json("/login", {"token": "t1"})
    up.json("/", 1)
    get(outbound, up.url("/"), {"kind": "session", "login": {"url": "/login"}, "token": "token"})
    assert up.last("/").headers["authorization"] == "Bearer t1"


@pytest.mark.parametrize(
    ("answer", "token", "words"),
    [
        ({}, None, "neither a cookie nor a token"),
        ({"other": 1}, "token", "holds no token at token"),
        ({}, "a..b", "mistake at position"),
    ],
)
def test_a_login_that_brings_nothing_is_said(
    up: Upstream, outbound: Outbound, answer: Any, token: str | None, words: str
) -> None:
    up.json("/login", answer)
    error = failure(outbound, up.url("/"), {"kind": "session", "login": {"url": "/login"}, "token": token})
    assert words in error.sentence


def test_login_requests_are_traced_too(up: Upstream, outbound: Outbound) -> None:
    guarded = Guarded(up, cookie=True)
    client = outbound.client(time.monotonic() + 5, ("pa55word",))
    client.request("GET", up.url("/state"), auth=guarded.auth())
    assert [(exchange.method, exchange.url.rpartition("/")[2]) for exchange in client.exchanges] == [
        ("POST", "login"),
        ("GET", "state"),
    ]
