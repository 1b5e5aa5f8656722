"""What an attacker sends to the door: keys in the wrong lock, headers that are too long, and frames around the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import request
from flask.testing import FlaskClient

from glance import passwords
from glance.config import Settings, read_settings
from glance.errors import SettingError
from glance.runtime import Runtime
from glance.web.application import create_app
from tests.conftest import Served
from tests.serving import Client as RawClient

PASSWORD = "three-quiet-fans"
WIDE = "w" * 40


class House:
    """A Glance with a password and a wide token."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        wanted = {"password": PASSWORD, "api_token": WIDE, "mqtt_url": "off"} | settings
        self.runtime = Runtime(Settings(data=folder, **wanted))
        self.app = create_app(self.runtime)

    def client(self, peer: str = "192.168.1.20") -> FlaskClient:
        client = self.app.test_client()
        client.environ_base.update({"REMOTE_ADDR": peer})
        return client

    def status(self, cookie: str = "", bearer: str = "") -> int:
        client = self.client()
        if cookie:
            client.set_cookie("glance_session", cookie)
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return int(client.get("/api/dashboards", headers=headers).status_code)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., House]]:
    monkeypatch.setattr(passwords, "SCRYPT_N", 2**8)
    made: list[House] = []

    def build(**settings: Any) -> House:
        made.append(House(tmp_path / "data", **settings))
        return made[-1]

    yield build
    for one in made:
        one.runtime.stop()


def test_a_key_opens_only_its_own_lock(house: Callable[..., House]) -> None:
    made = house()
    session = made.runtime.owner.open_session("a browser", "192.168.1.20")
    _, token = made.runtime.tokens.make("Script", ["read"])
    assert made.status(cookie=session) == 200
    assert made.status(bearer=token) == 200
    assert made.status(bearer=session) == 401
    assert made.status(cookie=token) == 401
    assert made.status(cookie=WIDE) == 401
    assert made.status(bearer=PASSWORD) == 401
    assert made.status(cookie=PASSWORD) == 401
    assert made.status(bearer=f"{token}{session}") == 401


def test_the_token_of_a_form_opens_nothing_and_belongs_to_one_session(house: Callable[..., House]) -> None:
    made = house()
    here, there = (made.runtime.owner.open_session("a browser", "192.168.1.20") for _ in range(2))
    client = made.client()
    client.set_cookie("glance_session", there)
    client.get("/settings/look")
    of_there = client.get_cookie("glance_csrf")
    assert of_there is not None
    assert made.status(cookie=of_there.value) == 401
    other = made.client()
    other.set_cookie("glance_session", here)
    refused = other.delete("/api/cache", headers={"X-CSRF-Token": of_there.value, "Origin": "http://localhost"})
    assert refused.status_code == 403


def test_a_session_that_was_ended_or_of_another_glance_opens_nothing(
    house: Callable[..., House], tmp_path: Path
) -> None:
    made = house()
    session = made.runtime.owner.open_session("a browser", "192.168.1.20")
    assert made.status(cookie=session) == 200
    made.runtime.owner.end_session(made.runtime.owner.sessions()[0].id)
    assert made.status(cookie=session) == 401
    other = House(tmp_path / "other")
    try:
        foreign = other.runtime.owner.open_session("a browser", "192.168.1.20")
        _, token = other.runtime.tokens.make("Script", ["read"])
    finally:
        other.runtime.stop()
    assert made.status(cookie=foreign) == 401
    assert made.status(bearer=token) == 401


def test_two_session_cookies_at_once_open_at_most_what_one_of_them_opens(house: Callable[..., House]) -> None:
    made = house()
    session = made.runtime.owner.open_session("a browser", "192.168.1.20")
    client = made.client()
    for cookies in (
        f"glance_session=planted; glance_session={session}",
        f"glance_session={session}; glance_session=planted",
    ):
        answer = client.get("/api/dashboards", headers={"Cookie": cookies})
        assert answer.status_code in (200, 401)
        assert "Set-Cookie" not in answer.headers or "planted" not in answer.headers["Set-Cookie"]


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        "bearer\t",
        "Basic b3duZXI6eA==",
        "Bearer a b",
        "Bearer " + "é" * 47,
        "Bearer " + "\\x00" * 4,
        "Digest x=y",
    ],
)
def test_an_authorization_that_is_none_is_401(house: Callable[..., House], value: str) -> None:
    answer = house().client().get("/api/dashboards", headers={"Authorization": value})
    assert answer.status_code == 401
    assert answer.json["detail"].endswith(".")


@pytest.mark.parametrize("name", ["Cookie", "Authorization", "X-Forwarded-For", "Host", "Origin", "X-Anything"])
def test_headers_of_100_kb_are_refused_and_the_next_request_is_served(server: Served, name: str) -> None:
    with RawClient(server.port) as client:
        client.send(f"GET / HTTP/1.1\r\nHost: localhost\r\n{name}: {'x' * 100_000}\r\n\r\n")
        status, _, body = client.response()
    assert status in (400, 421, 431)
    assert b"Traceback" not in body
    with RawClient(server.port) as client:
        assert client.get("/healthz")[0] == 200


def test_a_thousand_headers_are_refused(server: Served) -> None:
    with RawClient(server.port) as client:
        client.send("GET / HTTP/1.1\r\nHost: localhost\r\n" + "".join(f"X-{n}: y\r\n" for n in range(1000)) + "\r\n")
        assert client.response()[0] in (400, 431)


NO_ADDRESSES = [
    "http://[",
    "//[",
    "/[",
    "http://a]b",
    "http://x:99999999/",
    "http://x:abc",
    "http://ex%E2%84%80ample/",
    "%",
    "\u2100",
]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_an_address_that_is_none_is_no_failure(house: Callable[..., House], address: str) -> None:
    made = house()
    asked = made.client().get("/", headers={"HX-Request": "true", "HX-Current-URL": _sent(address)})
    assert (asked.status_code, asked.headers["HX-Redirect"][:6]) == (401, "/login")
    form = {"password": PASSWORD, "next": address}
    assert made.client().post("/login", data=form, headers={"Origin": "http://localhost"}).status_code == 303
    assert made.client().post("/login", data=form, headers={"Origin": _sent(address)}).status_code == 403
    inside = made.client()
    inside.set_cookie("glance_session", made.runtime.owner.open_session("a browser", "192.168.1.20"))
    for name in ("Referer", "Origin"):
        assert inside.post("/theme", headers={name: _sent(address)}).status_code == 403
    assert inside.get("/login", query_string={"next": address}).status_code == 303
    assert inside.get("/setup", query_string={"next": address}).status_code == 303


def _sent(text: str) -> str:
    """A header's text as the server hands it over: its bytes, each as a letter."""
    return text.encode().decode("latin-1")


# Login limits behind proxies


@pytest.mark.parametrize("mode", ["password", "proxy", "none"])
def test_the_address_of_a_client_is_the_right_hop_in_every_mode(house: Callable[..., House], mode: str) -> None:
    made = house(auth=mode, auth_none_ok=True, trusted_proxies=("172.18.0.0/16",))
    seen: list[str] = []
    made.app.add_url_rule("/api/peer", "api.peer", lambda: seen.append(_peer()) or "ok")  # type: ignore[func-returns-value]
    client = made.client("172.18.0.2")
    headers = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9, 172.18.0.7", "Authorization": f"Bearer {WIDE}"}
    assert client.get("/api/peer", headers=headers).status_code == 200
    made.client("10.0.0.9").get("/api/peer", headers=headers)
    assert seen == ["203.0.113.9", "10.0.0.9"]


def _peer() -> str:
    return str(request.remote_addr)


def test_wrong_tries_of_one_client_behind_the_proxy_keep_no_other_out(house: Callable[..., House]) -> None:
    client = house(trusted_proxies=("172.18.0.2",)).client("172.18.0.2")

    def sign_in(address: str, password: str) -> int:
        headers = {"X-Forwarded-For": f"9.9.9.9, {address}", "Origin": "http://localhost"}
        return int(client.post("/login", data={"password": password}, headers=headers).status_code)

    assert [sign_in("203.0.113.9", "wrong") for _ in range(6)] == [401] * 5 + [429]
    assert sign_in("203.0.113.9", PASSWORD) == 429
    assert sign_in("203.0.113.10", PASSWORD) == 303


def test_a_pause_names_the_setting_where_a_proxy_makes_everybody_one(house: Callable[..., House]) -> None:
    client = house().client("172.18.0.2")
    headers = {"X-Forwarded-For": "203.0.113.9", "Origin": "http://localhost"}
    for _ in range(5):
        client.post("/login", data={"password": "wrong"}, headers=headers)
    page = client.post("/login", data={"password": PASSWORD}, headers=headers)
    assert page.status_code == 429
    assert "GLANCE_TRUSTED_PROXIES" in page.text
    assert "172.18.0.2" in page.text


# Frames


def ancestors(policy: str) -> str:
    found = re.search(r"frame-ancestors ([^;]*)", policy)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("", "'self'"),
        ("self", "'self'"),
        ("none", "'none'"),
        ("https://home.example.org:8123", "https://home.example.org:8123"),
        ("self, http://ha.lan:8123", "'self' http://ha.lan:8123"),
        ("https://*.example.org", "https://*.example.org"),
        ("http://[fd00::5]:8123", "http://[fd00::5]:8123"),
    ],
)
def test_who_may_frame_is_a_setting(house: Callable[..., House], given: str, sent: str) -> None:
    settings = read_settings({"GLANCE_FRAME_ANCESTORS": given})
    made = house(frame_ancestors=settings.frame_ancestors)
    for path in ("/login", "/api/dashboards", "/healthz", "/p/none"):
        policy = made.client().get(path).headers["Content-Security-Policy"]
        assert ancestors(policy) == sent
        assert policy.count("frame-ancestors") == 1


@pytest.mark.parametrize(
    "given",
    [
        "*",
        "none, self",
        "https://a.example; script-src *",
        "https://a.example 'unsafe-inline'",
        "javascript:alert(1)",
        "home.example.org",
        "https://",
        "'self'",
        "https://a.example/path",
        "https://*",
    ],
)
def test_what_is_no_origin_stops_the_start_with_the_settings_name(given: str) -> None:
    with pytest.raises(SettingError, match="GLANCE_FRAME_ANCESTORS"):
        read_settings({"GLANCE_FRAME_ANCESTORS": given})
