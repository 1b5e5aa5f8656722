"""Behind Authelia, Authentik and oauth2-proxy: who the proxy names is the owner, and nobody else can name himself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from glance.config import Settings
from glance.runtime import Runtime
from glance.serve import Gate, listen
from glance.web.application import create_app
from tests.serving import Client as RawClient

PROXY = "172.18.0.2"
HOST = "dash.example.org"
HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}


class House:
    """A Glance that a proxy signs people in to."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        wanted = {
            "auth": "proxy",
            "trusted_proxies": (f"{PROXY}/32",),
            "public_url": f"https://{HOST}",
            "mqtt_url": "off",
        }
        self.runtime = Runtime(Settings(data=folder, **(wanted | settings)))
        self.app = create_app(self.runtime)

    def client(self, peer: str = PROXY) -> FlaskClient:
        client = self.app.test_client()
        client.environ_base.update({"REMOTE_ADDR": peer})
        return client


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    made: list[House] = []

    def build(**settings: Any) -> House:
        made.append(House(tmp_path / "data", **settings))
        return made[-1]

    yield build
    for one in made:
        one.runtime.stop()


# What each of them sends with a request that it let through.
AUTHELIA = {
    "Remote-User": "ada",
    "Remote-Groups": "admins,dev",
    "Remote-Email": "ada@example.org",
    "Remote-Name": "Ada L",
}
AUTHENTIK = {"X-authentik-username": "ada", "X-authentik-groups": "admins|dev", "X-authentik-uid": "f1a2"}
OAUTH2_PROXY = {
    "X-Forwarded-User": "ada@example.org",
    "X-Forwarded-Email": "ada@example.org",
    "X-Forwarded-Groups": "a,b",
}
AUTH_REQUEST = {"X-Auth-Request-User": "ada", "X-Auth-Request-Email": "ada@example.org"}


@pytest.mark.parametrize(
    ("header", "sent"),
    [
        ("Remote-User", AUTHELIA),
        ("remote-user", AUTHELIA),
        ("X-authentik-username", AUTHENTIK),
        ("X-Forwarded-User", OAUTH2_PROXY),
        ("X-Auth-Request-User", AUTH_REQUEST),
    ],
)
def test_each_proxys_header_signs_the_owner_in(house: Callable[..., House], header: str, sent: dict[str, str]) -> None:
    client = house(proxy_header=header).client()
    page = client.get("/settings/security", headers=HTTPS | sent)
    assert page.status_code == 200
    assert "ada" in page.text
    cookies = [value for name, value in page.headers if name == "Set-Cookie"]
    assert cookies
    assert all("Secure" in cookie for cookie in cookies)


@pytest.mark.parametrize("peer", ["172.18.0.3", "127.0.0.1", "203.0.113.9", "::1", "::ffff:172.18.0.3", ""])
def test_who_is_not_the_proxy_cannot_name_himself(house: Callable[..., House], peer: str) -> None:
    made = house()
    for headers in (AUTHELIA, AUTHELIA | HTTPS, AUTHELIA | {"X-Forwarded-For": PROXY}, AUTHELIA | {"X-Real-IP": PROXY}):
        answer = made.client(peer).get("/", headers=headers)
        assert answer.status_code == 403
        assert "GLANCE_TRUSTED_PROXIES" in answer.text
        assert "ada" not in answer.text


def test_the_proxy_written_as_ipv6_is_the_same_proxy(house: Callable[..., House]) -> None:
    assert house().client(f"::ffff:{PROXY}").get("/settings/look", headers=AUTHELIA).status_code == 200


@pytest.mark.parametrize("sent", [{}, {"Remote-User": ""}, {"Remote-User": "  "}, {"Remote-Email": "a@b.c"}])
def test_without_a_name_nobody_is_let_in_and_the_setting_is_named(
    house: Callable[..., House], sent: dict[str, str]
) -> None:
    answer = house().client().get("/api/dashboards", headers=HTTPS | sent)
    assert answer.status_code == 403
    assert "GLANCE_PROXY_HEADER" in answer.json["detail"]


def test_a_name_that_came_twice_is_nobodys(house: Callable[..., House]) -> None:
    client = house().client()
    answer = client.get("/", headers=[("Remote-User", "mallory"), ("Remote-User", "ada")])
    assert answer.status_code == 403
    assert "twice" in answer.text
    assert "mallory" not in answer.text


def test_changing_requests_need_our_own_page_here_too(house: Callable[..., House]) -> None:
    client = house().client()
    sent = HTTPS | AUTHELIA
    client.get("/settings/look", headers=sent)
    form = {"theme": "dark"}
    assert client.post("/settings/look", data=form, headers=sent | {"Origin": f"https://{HOST}"}).status_code == 303
    for origin in ("https://evil.example", f"http://{HOST}.evil.example", f"https://{HOST}:444", "null"):
        assert client.post("/settings/look", data=form, headers=sent | {"Origin": origin}).status_code == 403
    assert client.post("/settings/look", data=form, headers=sent).status_code == 403
    assert client.delete("/api/cache", headers=sent | {"Origin": f"https://{HOST}"}).status_code == 403


def test_tokens_work_beside_the_proxy_and_from_elsewhere(house: Callable[..., House]) -> None:
    made = house()
    _, value = made.runtime.tokens.make("Script", ["read"])
    for peer in (PROXY, "192.168.1.20"):
        answer = made.client(peer).get("/api/dashboards", headers={"Authorization": f"Bearer {value}"})
        assert answer.status_code == 200
        assert made.client(peer).get("/api/tokens", headers={"Authorization": f"Bearer {value}"}).status_code == 403


def test_health_and_public_dashboards_need_no_name(house: Callable[..., House]) -> None:
    made = house()
    made.runtime.dashboards.create("Home", slug="home")
    made.runtime.dashboards.update("home", {"is_public": True, "public_address": "guests"})
    for peer in (PROXY, "192.168.1.20"):
        assert made.client(peer).get("/p/guests", headers=HTTPS).status_code == 200
        assert made.client(peer).get("/healthz").status_code == 200


def test_metrics_are_open_to_this_computer_but_not_through_a_proxy_on_it(house: Callable[..., House]) -> None:
    client = house(trusted_proxies=("127.0.0.1",)).client("127.0.0.1")
    assert client.get("/metrics").status_code == 200
    through: tuple[dict[str, str], ...] = (
        {"X-Forwarded-For": "203.0.113.9"},
        {"Via": "1.1 proxy"},
        {"Remote-User": ""},
        {"Host": HOST},
    )
    for headers in through:
        assert client.get("/metrics", headers=headers).status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/metrics", headers={"Remote-User": "mallory, ada"}).status_code == 403
    assert house(trusted_proxies=(PROXY,)).client("192.168.1.20").get("/metrics").status_code == 403
    assert client.get("/settings/look").status_code == 403


def test_the_password_page_leads_on_and_offers_no_password(house: Callable[..., House]) -> None:
    client = house().client()
    assert client.get("/login", headers=HTTPS | AUTHELIA).status_code == 303
    assert client.get("/setup", headers=HTTPS | AUTHELIA).status_code == 303
    page = client.get("/settings/security", headers=HTTPS | AUTHELIA).text
    assert 'name="password"' not in page
    assert "GLANCE_AUTH=proxy" in page
    ours = HTTPS | AUTHELIA | {"Origin": f"https://{HOST}"}
    form = {"password": "four-quiet-fans", "repeat": "four-quiet-fans"}
    assert client.post("/settings/security/password", data=form, headers=ours).status_code == 404


def test_a_session_of_former_days_does_not_count(house: Callable[..., House]) -> None:
    made = house()
    client = made.client("192.168.1.20")
    client.set_cookie("glance_session", made.runtime.owner.open_session("a browser", "192.168.1.20"))
    assert client.get("/settings/look").status_code == 403


def test_rates_are_counted_by_the_name(house: Callable[..., House]) -> None:
    made = house()
    with made.app.test_request_context(
        "/", headers=AUTHELIA, environ_base={"REMOTE_ADDR": PROXY, "glance.trusted": True}
    ) as context:
        passed = made.app.extensions["glance.door"].access.identify(context.request)
    assert passed.key == "proxy:ada"
    assert passed.is_owner


@pytest.mark.parametrize("header", ["Remote_User", "REMOTE_USER", "Remote-User\t", "Remote-User "])
def test_a_header_that_only_looks_like_the_proxys_is_not_taken_for_it(tmp_path: Path, header: str) -> None:
    settings = Settings(data=tmp_path, port=0, auth="proxy", trusted_proxies=("127.0.0.1",), mqtt_url="off")
    listener = listen(settings)
    runtime = Runtime(settings)
    gate = Gate(create_app(runtime), listener)
    runtime.start()
    gate.start()
    try:
        with RawClient(listener.port) as client:
            client.send(f"GET /api/dashboards HTTP/1.1\r\nHost: localhost\r\n{header}: mallory\r\n\r\n")
            assert client.response()[0] in (400, 403)
        with RawClient(listener.port) as client:
            client.send("GET /api/dashboards HTTP/1.1\r\nHost: localhost\r\nremote-user: ada\r\n\r\n")
            assert client.response()[0] == 200
    finally:
        gate.close_door(0.5)
        runtime.stop()
        gate.stop(1.0)
