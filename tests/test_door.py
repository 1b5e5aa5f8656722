"""The door: first run, password, sessions, tokens, Host, Origin, CSRF, limits and headers."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, g, jsonify
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from glance import passwords
from glance.config import Settings
from glance.errors import Conflict
from glance.icons import Icons
from glance.live import Hub
from glance.outbound.ask import VIA
from glance.store.db import Database
from glance.store.owner import KEEP_S, REREAD_PASSWORD_S, TOUCH_EVERY_S, Owner
from glance.store.tokens import Tokens
from glance.web import assets, door, problems
from glance.web.door.guard import Door, safe_next
from glance.web.door.hosts import Hosts
from glance.web.door.limits import Attempts
from glance.web.door.peer import client_key
from tests.page_site import Site
from tests.waiting import PATIENCE_S

PASSWORD = "three-quiet-fans"
LAN = {"REMOTE_ADDR": "192.168.1.20"}
LAN_URL = "http://192.168.1.5:8080"
HERE = {"REMOTE_ADDR": "127.0.0.1"}
OURS = {"Origin": "http://localhost"}


class Clock:
    """A time that moves only when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class House:
    """A small application behind the real door, on a real database."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.clock = Clock()
        self.settings = Settings(data=folder, **settings)
        self.db = Database(folder)
        self.owner = Owner(self.db, self.clock, self.settings.password)
        self.tokens = Tokens(self.db, self.clock)
        self.app = _app(self.settings, self.owner, self.tokens)
        self.door: Door = self.app.extensions["glance.door"]
        self.door.clock = self.clock

    def client(self, **environ: str) -> FlaskClient:
        client = self.app.test_client()
        client.environ_base.update(environ or HERE)
        return client

    def signed_in(self, **environ: str) -> FlaskClient:
        client = self.client(**environ)
        answer = client.post("/login", data={"password": PASSWORD}, headers=OURS)
        assert answer.status_code == 303, answer.text
        return client


def _app(settings: Settings, owner: Owner, tokens: Tokens) -> Flask:
    runtime: Any = SimpleNamespace(settings=settings, owner=owner, tokens=tokens, hub=Hub())
    app = Flask("glance.web", template_folder=str(assets.FOLDER.parent / "templates"), static_folder=None)
    assets.install(app, Icons())
    door.init_app(app, runtime)
    problems.init_app(app, runtime)
    app.add_url_rule("/", "pages.home", lambda: "<p>Home</p>")
    app.add_url_rule("/d/<slug>", "pages.dashboard", lambda slug: f"<form>{door.csrf_token()}</form>")
    app.add_url_rule("/change", "pages.change", lambda: "changed", methods=["POST"])
    app.add_url_rule("/healthz", "healthz", lambda: "ok")
    app.add_url_rule("/metrics", "metrics", lambda: ",".join(sorted(g.scopes)))
    app.add_url_rule("/api/things", "api.things", lambda: jsonify(sorted(g.scopes)), methods=["GET", "POST"])
    app.add_url_rule("/ws/page", "sockets.page", lambda: door.check_socket().way, websocket=True)
    return app


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., House]]:
    monkeypatch.setattr(passwords, "SCRYPT_N", 2**8)
    made: list[House] = []

    def build(**settings: Any) -> House:
        folder = tmp_path / "data"
        made.append(House(folder, **settings))
        return made[-1]

    yield build
    for one in made:
        one.db.close()


def token_in(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page.text)
    assert found, page.text
    return found[1]


def cookie(client: FlaskClient, name: str) -> str:
    found = client.get_cookie(name)
    assert found is not None, name
    return found.value


# Passwords


def test_a_password_is_hashed_with_a_salt_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "SCRYPT_N", 2**8)
    one, two = passwords.hash_password(PASSWORD), passwords.hash_password(PASSWORD)
    assert one != two
    assert PASSWORD not in one
    assert passwords.matches(PASSWORD, one)
    assert not passwords.matches(PASSWORD + "x", one)


def test_an_accent_counts_the_same_however_the_keyboard_composed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "SCRYPT_N", 2**8)
    assert passwords.matches("cafe\u0301-und-kuchen", passwords.hash_password("caf\u00e9-und-kuchen"))


@pytest.mark.parametrize(
    "stored",
    ["", "scrypt", "scrypt$1$2$3$4", "scrypt$x$8$5$AA==$AA==", "scrypt$3$8$5$AA==$AA==", "md5$256$8$5$AA==$AA=="],
)
def test_a_damaged_hash_matches_nothing(stored: str) -> None:
    assert not passwords.matches(PASSWORD, stored)


@pytest.mark.parametrize(
    ("password", "weak"), [("short", True), ("aaaaaaaaaaaa", True), ("x" * 1001, True), (PASSWORD, False)]
)
def test_a_weak_password_is_refused_with_a_sentence(password: str, weak: bool) -> None:
    assert bool(passwords.weakness(password)) is weak


# First run


def test_until_a_password_exists_a_local_page_leads_to_the_first_run(house: Callable[..., House]) -> None:
    client = house().client()
    answer = client.get("/d/home?range=1d")
    assert answer.status_code == 303
    assert answer.location == "/setup?next=/d/home%3Frange%3D1d"
    page = client.get("/setup")
    assert page.status_code == 200
    assert "Continue without one" in page.text
    assert "Setup code" not in page.text


def test_setting_the_first_password_signs_in_and_goes_on(house: Callable[..., House]) -> None:
    home = house()
    client = home.client()
    token = token_in(client.get("/setup"))
    answer = client.post(
        "/setup", data={"password": PASSWORD, "repeat": PASSWORD, "csrf_token": token, "next": "/d/home", "do": "set"}
    )
    assert (answer.status_code, answer.location) == (303, "/d/home")
    assert client.get("/d/home").status_code == 200
    assert home.client().get("/d/home").status_code == 303
    assert home.owner.password_is(PASSWORD)


def test_the_first_run_page_names_what_is_wrong_with_each_field(house: Callable[..., House]) -> None:
    client = house().client()
    short = client.post("/setup", data={"password": "short", "repeat": "short"}, headers=OURS)
    unequal = client.post("/setup", data={"password": PASSWORD, "repeat": "another-one"}, headers=OURS)
    assert short.status_code == unequal.status_code == 422
    assert "Use at least 10 characters" in short.text
    assert "The two are not the same." in unequal.text
    assert PASSWORD not in unequal.text


def test_another_page_cannot_set_the_first_password(house: Callable[..., House]) -> None:
    home = house()
    data = {"password": PASSWORD, "repeat": PASSWORD}
    for headers in (
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert home.client().post("/setup", data=data, headers=headers).status_code == 403
    assert not home.owner.has_password()


def test_from_elsewhere_the_first_password_needs_the_setup_code(house: Callable[..., House]) -> None:
    home = house()
    client = home.client(**LAN)
    assert client.get("/", base_url=LAN_URL).location == "/setup"
    page = client.get("/setup", base_url=LAN_URL)
    assert "Setup code" in page.text
    assert "Continue without one" not in page.text
    data = {"password": PASSWORD, "repeat": PASSWORD, "csrf_token": token_in(page)}
    wrong = client.post("/setup", data={**data, "code": "AAAA-BBBB-CCCC"}, base_url=LAN_URL)
    assert wrong.status_code == 422
    assert "That is not the setup code" in wrong.text
    typed = home.door.setup_code.lower().replace("-", " ")
    right = client.post("/setup", data={**data, "code": typed}, base_url=LAN_URL)
    assert right.status_code == 303
    assert client.get("/", base_url=LAN_URL).status_code == 200


def test_the_setup_code_cannot_be_tried_for_ever(house: Callable[..., House]) -> None:
    home = house()
    client = home.client(**LAN)
    data = {
        "password": PASSWORD,
        "repeat": PASSWORD,
        "csrf_token": token_in(client.get("/setup", base_url=LAN_URL)),
        "code": "x",
    }
    statuses = [client.post("/setup", data=data, base_url=LAN_URL).status_code for _ in range(7)]
    assert statuses == [422] * 5 + [429] * 2
    right = client.post("/setup", data={**data, "code": home.door.setup_code}, base_url=LAN_URL)
    assert right.status_code == 429
    assert int(right.headers["Retry-After"]) > 200


def test_the_log_names_the_setup_code_only_while_it_is_needed(
    house: Callable[..., House], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        home = house()
    assert home.door.setup_code in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        other = house(password=PASSWORD)
    assert other.door.setup_code not in caplog.text


def test_before_a_password_exists_others_get_nothing_not_even_with_a_token(house: Callable[..., House]) -> None:
    client = house(api_token="t" * 40).client(**LAN)
    bearer = {"Authorization": "Bearer " + "t" * 40}
    assert client.get("/api/things", base_url=LAN_URL).status_code == 401
    assert client.get("/api/things", base_url=LAN_URL, headers=bearer).status_code == 403
    assert client.get("/d/home", base_url=LAN_URL).status_code == 303
    assert client.get("/healthz", base_url=LAN_URL).status_code == 200


def test_the_first_password_is_set_once_only(house: Callable[..., House]) -> None:
    home = house()
    first = home.client()
    page = first.get("/setup")
    assert home.owner.set_password("another-password", first=True)
    again = first.post("/setup", data={"password": PASSWORD, "repeat": PASSWORD, "csrf_token": token_in(page)})
    assert (again.status_code, again.location) == (303, "/login")
    assert not home.owner.set_password(PASSWORD, first=True)
    assert home.owner.password_is("another-password")


def test_what_is_chosen_while_a_first_password_is_hashed_is_not_overwritten(
    house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = house()
    client = home.client()
    page = client.get("/setup")
    hash_password = passwords.hash_password

    def slowly(password: str) -> str:
        assert Owner(home.db, home.clock).choose_local_only()
        return hash_password(password)

    monkeypatch.setattr(passwords, "hash_password", slowly)
    data = {"password": PASSWORD, "repeat": PASSWORD, "csrf_token": token_in(page)}
    assert client.post("/setup", data=data).status_code == 403
    home.clock.now += REREAD_PASSWORD_S
    assert home.owner.local_only()


# Only this computer


def test_doing_without_a_password_serves_this_computer_only(house: Callable[..., House]) -> None:
    home = house()
    client = home.client()
    page = client.get("/setup")
    assert client.post("/setup", data={"do": "local", "csrf_token": token_in(page)}).status_code == 303
    assert client.get("/").status_code == 200
    refused = home.client(**LAN).get("/", base_url=LAN_URL)
    assert refused.status_code == 403
    assert "GLANCE_PASSWORD" in refused.text
    assert home.client(**LAN).get("/login", base_url=LAN_URL).status_code == 403
    assert home.client(**LAN).get("/setup", base_url=LAN_URL).status_code == 403


def test_nobody_from_elsewhere_can_choose_to_do_without_a_password(house: Callable[..., House]) -> None:
    home = house()
    client = home.client(**LAN)
    token = token_in(client.get("/setup", base_url=LAN_URL))
    data = {"do": "local", "csrf_token": token, "code": home.door.setup_code}
    assert client.post("/setup", data=data, base_url=LAN_URL).status_code == 403
    assert not home.owner.local_only()


@pytest.mark.parametrize(
    ("environ", "headers"),
    [
        ({"REMOTE_ADDR": "192.168.1.20"}, {}),
        ({"REMOTE_ADDR": ""}, {}),
        (HERE, {"X-Forwarded-For": "127.0.0.1"}),
        (HERE, {"X-Forwarded-Proto": "http"}),
        (HERE, {"Forwarded": "for=127.0.0.1"}),
        (HERE, {"Via": "1.1 proxy"}),
        (HERE, {"Via": VIA}),
        (HERE, {"X-Real-IP": "127.0.0.1"}),
        (HERE, {"CF-Connecting-IP": "127.0.0.1"}),
        (HERE, {"X-Client-IP": "127.0.0.1"}),
        (HERE, {"X-Forwarded": "for=127.0.0.1"}),
        (HERE, {"CDN-Loop": "somebody"}),
        (HERE, {"Host": "glance.lan"}),
        (HERE, {"Host": "192.168.1.5"}),
        (HERE, {"Host": "localhost.lan"}),
        ({"REMOTE_ADDR": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.0"}, {}),
    ],
)
def test_what_came_through_somebody_or_by_another_name_is_not_local(
    house: Callable[..., House], environ: dict[str, str], headers: dict[str, str]
) -> None:
    home = house(auth="none")
    assert home.client().get("/", headers=headers, environ_overrides=environ).status_code == 403


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("127.0.0.1", "localhost:8080"),
        ("127.0.0.1", "127.0.0.1:8080"),
        ("::1", "[::1]:8080"),
        ("::ffff:127.0.0.1", "localhost"),
    ],
)
def test_this_computer_is_local_by_each_of_its_names(house: Callable[..., House], peer: str, host: str) -> None:
    assert house(auth="none").client(REMOTE_ADDR=peer).get("/", headers={"Host": host}).status_code == 200


def test_without_login_everybody_is_served_only_where_the_owner_says_so_twice(house: Callable[..., House]) -> None:
    assert house(auth="none").client(**LAN).get("/", base_url=LAN_URL).status_code == 403
    assert house(auth="none", auth_none_ok=True).client(**LAN).get("/", base_url=LAN_URL).status_code == 200


# Sign in and out


def test_signing_in_goes_back_to_the_page_that_was_wanted(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    client = home.client()
    wanted = client.get("/d/home?x=1")
    assert wanted.location == "/login?next=/d/home%3Fx%3D1"
    page = client.get(wanted.location)
    assert page.status_code == 200
    assert 'value="/d/home?x=1"' in page.text
    answer = client.post("/login", data={"password": PASSWORD, "next": "/d/home?x=1"}, headers=OURS)
    assert (answer.status_code, answer.location) == (303, "/d/home?x=1")
    assert client.get("/d/home").status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "",
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "evil",
        "/login",
        "/setup?x",
        "///x",
    ],
)
def test_after_signing_in_nobody_is_sent_to_another_site(house: Callable[..., House], target: str) -> None:
    home = house(password=PASSWORD)
    with home.app.test_request_context("/"):
        assert safe_next(target) == "/"


def test_the_session_cookie_is_out_of_reach_for_scripts_and_its_token_is_not_stored(
    house: Callable[..., House],
) -> None:
    home = house(password=PASSWORD)
    answer = home.client().post("/login", data={"password": PASSWORD}, headers=OURS)
    cookies = {line.split("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}
    assert "HttpOnly" in cookies["glance_session"]
    assert "SameSite=Lax" in cookies["glance_session"]
    assert "Secure" not in cookies["glance_session"]
    assert f"Max-Age={int(KEEP_S)}" in cookies["glance_session"]
    assert "HttpOnly" not in cookies["glance_csrf"]
    token = cookies["glance_session"].split("=")[1].split(";")[0]
    assert len(token) == 43
    with home.db.read() as con:
        rows = [tuple(row) for row in con.execute("SELECT * FROM sessions")]
    assert len(rows) == 1
    assert token not in repr(rows)
    assert token.encode() not in (home.settings.data / "glance.db").read_bytes()


def test_who_does_not_want_to_stay_gets_a_cookie_without_an_end_and_a_day(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    client = home.client()
    answer = client.post("/login", data={"password": PASSWORD, "keep": "0"}, headers=OURS)
    assert "Max-Age" not in answer.headers["Set-Cookie"]
    home.clock.now += 25 * 3600
    assert client.get("/").status_code == 303


def test_signing_in_never_takes_over_a_token_that_was_planted(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    client = home.client()
    planted = "A" * 43
    client.set_cookie("glance_session", planted)
    assert client.post("/login", data={"password": PASSWORD}, headers=OURS).status_code == 303
    assert cookie(client, "glance_session") != planted
    other = home.client()
    other.set_cookie("glance_session", planted)
    assert other.get("/").status_code == 303


def test_signing_out_ends_the_session_on_the_server_too(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    client = home.signed_in()
    token = cookie(client, "glance_session")
    assert client.post("/logout", headers=OURS).location == "/login"
    assert client.get_cookie("glance_session") is None
    client.set_cookie("glance_session", token)
    assert client.get("/").status_code == 303


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[:-1],
        lambda t: t + "A",
        lambda t: "A" + t[1:],
        lambda t: t.swapcase(),
        lambda t: "é" * 43,
        lambda t: "x" * 100_000,
    ],
)
def test_a_cookie_that_is_almost_right_opens_nothing(house: Callable[..., House], change: Callable[[str], str]) -> None:
    home = house(password=PASSWORD)
    token = cookie(home.signed_in(), "glance_session")
    headers = {"Cookie": f"glance_session={change(token)}"}
    assert home.client().get("/api/things", headers=headers).status_code == 401


def test_a_session_slides_and_ends_after_ninety_days_without_use(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    client = home.signed_in()
    home.clock.now += 80 * 86400
    used = client.get("/")
    assert used.status_code == 200
    assert "glance_session" in used.headers["Set-Cookie"]
    home.clock.now += 80 * 86400
    assert client.get("/").status_code == 200
    home.clock.now += 91 * 86400
    assert client.get("/").status_code == 303
    assert home.owner.sessions() == []


def test_use_is_written_down_at_most_every_five_minutes(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    client = home.signed_in()
    home.clock.now += TOUCH_EVERY_S - 1
    assert "Set-Cookie" not in client.get("/").headers
    before = home.owner.sessions()[0].last_used_at
    home.clock.now += 2
    client.get("/")
    client.get("/")
    assert home.owner.sessions()[0].last_used_at == before + TOUCH_EVERY_S + 1


def test_a_page_of_a_known_session_asks_the_database_nothing(
    house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = house(password=PASSWORD)
    client = home.signed_in()
    assert client.get("/").status_code == 200
    monkeypatch.setattr(home.db, "read", lambda: pytest.fail("a query"))
    monkeypatch.setattr(home.db, "write", lambda: pytest.fail("a write"))
    assert client.get("/").status_code == 200


def test_a_database_that_cannot_be_written_keeps_nobody_out(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    client = home.signed_in()
    with home.db.write() as con:
        con.execute("PRAGMA query_only = ON")
    home.clock.now += TOUCH_EVERY_S + 1
    answer = client.get("/")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


def test_a_session_survives_a_restart(house: Callable[..., House]) -> None:
    token = cookie(house(password=PASSWORD).signed_in(), "glance_session")
    again = house(password=PASSWORD).client()
    again.set_cookie("glance_session", token)
    assert again.get("/").status_code == 200


def test_another_password_ends_every_session(house: Callable[..., House]) -> None:
    home = house()
    home.owner.set_password(PASSWORD)
    client = home.signed_in()
    home.owner.set_password("another-password")
    assert client.get("/").status_code == 303
    home.owner.set_password(PASSWORD)
    token = cookie(home.signed_in(), "glance_session")
    from_environment = house(password="given-from-outside").client()
    from_environment.set_cookie("glance_session", token)
    assert from_environment.get("/").status_code == 303


def test_a_login_that_is_being_checked_while_the_password_changes_opens_nothing(
    house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = house()
    home.owner.set_password(PASSWORD)
    matches = passwords.matches

    def slowly(candidate: str, stored: str) -> bool:
        home.owner.set_password("another-password")
        return matches(candidate, stored)

    monkeypatch.setattr(passwords, "matches", slowly)
    client = home.client()
    answer = client.post("/login", data={"password": PASSWORD}, headers=OURS)
    assert answer.status_code == 401
    assert "The password was changed a moment ago." in answer.text
    assert client.get("/").status_code == 303
    assert home.owner.sessions() == []


@pytest.mark.parametrize("given", ["", "given-from-outside"])
def test_a_session_opens_only_by_what_proves_the_password_of_now(house: Callable[..., House], given: str) -> None:
    owner = house(password=given).owner
    former = owner.set_password(PASSWORD)
    assert former
    owner.set_password("another-password")
    with pytest.raises(Conflict):
        owner.open_session("a browser", "192.168.1.20", proof=former)
    assert owner.sessions() == []
    proof = owner.proven(given or "another-password")
    assert proof
    assert owner.session(owner.open_session("a browser", "192.168.1.20", proof=proof)) is not None


def test_a_password_that_another_process_set_counts_at_once_and_ends_sessions_within_a_second(
    house: Callable[..., House],
) -> None:
    home = house()
    home.owner.set_password(PASSWORD)
    client = home.signed_in()
    assert client.get("/").status_code == 200
    elsewhere = Owner(home.db, home.clock)
    elsewhere.set_password("another-password")
    assert home.client().post("/login", data={"password": PASSWORD}, headers=OURS).status_code == 401
    assert client.get("/").status_code == 303
    new = home.client()
    assert new.post("/login", data={"password": "another-password"}, headers=OURS).status_code == 303
    assert new.get("/").status_code == 200
    elsewhere.set_password(PASSWORD)
    home.clock.now += REREAD_PASSWORD_S
    assert new.get("/").status_code == 303


def test_a_session_that_another_process_ended_ends_here_within_half_a_minute(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    client = home.signed_in()
    assert client.get("/").status_code == 200
    with home.db.write() as con:
        con.execute("DELETE FROM sessions")
    home.clock.now += 31
    assert client.get("/").status_code == 303


def test_ended_sessions_end_at_once_one_or_all_others(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    one, two, three = home.signed_in(), home.signed_in(), home.signed_in()
    found = home.owner.session(cookie(one, "glance_session"))
    other = home.owner.session(cookie(two, "glance_session"))
    assert found is not None
    assert other is not None
    assert home.owner.end_session(other.id)
    assert not home.owner.end_session(other.id)
    assert two.get("/").status_code == 303
    assert home.owner.end_other_sessions(found.id) == 1
    assert three.get("/").status_code == 303
    assert one.get("/").status_code == 200


def test_the_environments_password_wins_over_the_stored_one(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    home.owner.set_password("stored-in-browser")
    assert home.owner.password_is(PASSWORD)
    assert not home.owner.password_is("stored-in-browser")


# Wrong tries


def test_wrong_passwords_are_counted_by_address_and_then_paused(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    client = home.client(**LAN)
    answers = [client.post("/login", data={"password": f"wrong{at}"}, base_url=LAN_URL) for at in range(5)]
    assert [answer.status_code for answer in answers] == [401] * 5
    assert "4 tries left" in answers[0].text
    assert "1 try left" in answers[3].text
    paused = client.post("/login", data={"password": PASSWORD}, base_url=LAN_URL)
    assert paused.status_code == 429
    assert int(paused.headers["Retry-After"]) == 300
    assert "wrong4" not in answers[4].text
    other = home.client(REMOTE_ADDR="192.168.1.21")
    assert other.post("/login", data={"password": PASSWORD}, base_url=LAN_URL).status_code == 303
    home.clock.now += 301
    assert client.post("/login", data={"password": PASSWORD}, base_url=LAN_URL).status_code == 303


def test_a_right_password_forgets_the_wrong_ones(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    for _ in range(3):
        client = home.client(**LAN)
        for _ in range(4):
            assert client.post("/login", data={"password": "wrong"}, base_url=LAN_URL).status_code == 401
        assert client.post("/login", data={"password": PASSWORD}, base_url=LAN_URL).status_code == 303


def test_many_addresses_together_are_slowed_down_but_not_this_computer(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    statuses = [
        home.client(REMOTE_ADDR=f"10.0.{at}.1").post("/login", data={"password": "wrong"}, base_url=LAN_URL).status_code
        for at in range(40)
    ]
    assert statuses == [401] * 30 + [429] * 10
    assert home.client().post("/login", data={"password": PASSWORD}, headers=OURS).status_code == 303


def test_one_address_alone_keeps_no_other_out_however_often_it_knocks(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    knocking = home.client(**LAN)
    statuses = [knocking.post("/login", data={"password": "wrong"}, base_url=LAN_URL).status_code for _ in range(100)]
    assert statuses == [401] * 5 + [429] * 95
    other = home.client(REMOTE_ADDR="192.168.1.21")
    assert other.post("/login", data={"password": PASSWORD}, base_url=LAN_URL).status_code == 303


def test_this_computer_is_one_address_whichever_of_its_own_it_comes_from(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    addresses = ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1", "127.255.3.4", "127.9.9.9", "::ffff:7f09:9"]
    statuses = [
        home.client(REMOTE_ADDR=address).post("/login", data={"password": "wrong"}, headers=OURS).status_code
        for address in addresses
    ]
    assert statuses == [401] * 5 + [429] * 2


def test_right_logins_count_for_nobody(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)

    def status(address: str, password: str) -> int:
        client = home.client(REMOTE_ADDR=address)
        return client.post("/login", data={"password": password}, base_url=LAN_URL).status_code

    assert [status(f"10.1.{at}.1", PASSWORD) for at in range(40)] == [303] * 40
    assert [status("10.2.0.1", PASSWORD) for _ in range(40)] == [303] * 40
    assert [status(f"10.0.{at}.1", "wrong") for at in range(29)] == [401] * 29
    assert [status("10.2.0.1", PASSWORD) for _ in range(5)] == [303] * 5
    assert [status(f"10.3.{at}.1", "wrong") for at in range(2)] == [401, 429]
    assert status("10.2.0.1", PASSWORD) == 429


def test_a_pause_for_everybody_costs_no_address_its_own_tries(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)

    def status(address: str) -> int:
        client = home.client(REMOTE_ADDR=address)
        return client.post("/login", data={"password": "wrong"}, base_url=LAN_URL).status_code

    assert [status(f"10.0.{at}.1") for at in range(30)] == [401] * 30
    assert [status("10.1.0.1") for _ in range(10)] == [429] * 10
    assert "10.1.0.1" not in home.door.by_address._counts
    home.clock.now += 61
    assert [status("10.1.0.1") for _ in range(6)] == [401] * 5 + [429]


def test_one_ipv6_customer_is_one_address() -> None:
    assert client_key("2001:db8:1:2::1") == client_key("2001:db8:1:2:ffff::9")
    assert client_key("2001:db8:1:2::1") != client_key("2001:db8:1:3::1")
    assert client_key("::ffff:10.0.0.1") == "10.0.0.1"
    assert client_key("nonsense") == "unknown"


def test_a_thousand_wrong_tries_hash_only_the_first_few(
    house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = house(password=PASSWORD)
    asked: list[str] = []
    monkeypatch.setattr(home.owner, "proven", asked.append)
    client = home.client(**LAN)
    for at in range(300):
        client.post("/login", data={"password": f"wrong{at}"}, base_url=LAN_URL)
    assert len(asked) == 5


# Tokens


def test_the_api_token_opens_everything_and_needs_no_csrf_token(house: Callable[..., House]) -> None:
    client = house(password=PASSWORD, api_token="t" * 40).client(**LAN)
    bearer = {"Authorization": "Bearer " + "t" * 40}
    assert client.get("/api/things", headers=bearer, base_url=LAN_URL).json == ["*"]
    assert client.post("/api/things", headers=bearer, base_url=LAN_URL).status_code == 200
    assert "Set-Cookie" not in client.get("/d/home", headers=bearer, base_url=LAN_URL).headers


@pytest.mark.parametrize("given", ["", "x", "t" * 39, "t" * 41, "T" * 40, "tttt\u00e9"])
def test_a_wrong_token_is_401_even_beside_a_good_session(house: Callable[..., House], given: str) -> None:
    client = house(password=PASSWORD, api_token="t" * 40).signed_in()
    answer = client.get("/api/things", headers={"Authorization": f"Bearer {given}"})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"


def test_a_token_in_the_address_opens_nothing(house: Callable[..., House]) -> None:
    client = house(password=PASSWORD, api_token="t" * 40).client()
    for query in ("token", "access_token", "api_token", "authorization"):
        assert client.get(f"/api/things?{query}={'t' * 40}").status_code == 401


def test_without_a_token_set_no_token_is_right(house: Callable[..., House]) -> None:
    answer = house(password=PASSWORD).client().get("/api/things", headers={"Authorization": "Bearer "})
    assert answer.status_code == 401
    assert "GLANCE_API_TOKEN" in answer.json["detail"]


# Default deny


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/api/things", "/api/nothing", "/api"])
def test_every_api_address_is_closed_with_a_problem(house: Callable[..., House], method: str, path: str) -> None:
    answer = house(password=PASSWORD).client().open(path, method=method)
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/", "/d/home", "/nothing", "/favicon.ico"])
def test_every_page_is_closed_and_tells_not_even_whether_it_exists(house: Callable[..., House], path: str) -> None:
    answer = house(password=PASSWORD).client().get(path)
    assert answer.status_code == 303
    assert answer.location.startswith("/login")


def test_htmx_is_sent_to_the_login_page_and_images_are_not(house: Callable[..., House]) -> None:
    client = house(password=PASSWORD).client()
    fragment = client.get("/d/home", headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/d/home?x=1"})
    assert fragment.status_code == 401
    assert fragment.headers["HX-Redirect"] == "/login?next=/d/home%3Fx%3D1"
    assert client.get("/d/home", headers={"Sec-Fetch-Mode": "no-cors"}).status_code == 401


def test_static_files_and_health_are_open_and_metrics_to_this_computer_only(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    assert home.client(**LAN).get("/static/favicon.svg", base_url=LAN_URL).status_code == 200
    assert home.client(**LAN).get("/healthz", base_url=LAN_URL).status_code == 200
    assert home.client(**LAN).get("/metrics", base_url=LAN_URL).status_code == 303
    assert home.client().get("/metrics").text == "read"


# Proxies


def test_forwarded_headers_count_only_from_trusted_proxies(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD, trusted_proxies=("10.0.0.0/24",))
    forwarded = {
        "X-Forwarded-For": "203.0.113.9, 10.0.0.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "dash.lan",
    }
    through = home.client(REMOTE_ADDR="10.0.0.2")
    answer = through.post(
        "/login",
        data={"password": PASSWORD},
        headers={**forwarded, "Origin": "https://dash.lan"},
        base_url="http://glance:8080",
    )
    assert answer.status_code == 303
    assert "Secure" in answer.headers["Set-Cookie"]
    assert home.owner.sessions()[0].address == "203.0.113.9"
    stranger = home.client(REMOTE_ADDR="10.0.1.2")
    answer = stranger.post("/login", data={"password": PASSWORD}, headers=forwarded, base_url="http://glance:8080")
    assert "Secure" not in answer.headers["Set-Cookie"]
    assert home.owner.sessions()[0].address == "10.0.1.2"


def test_an_ipv4_address_looks_like_one_whatever_socket_it_came_by(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD, trusted_proxies=("10.0.0.2",))
    home.signed_in(REMOTE_ADDR="::ffff:192.0.2.2")
    home.signed_in(REMOTE_ADDR="2001:db8::1")
    headers = {"X-Forwarded-For": "::ffff:203.0.113.9"}
    home.client(REMOTE_ADDR="::ffff:10.0.0.2").post("/login", data={"password": PASSWORD}, headers=headers)
    assert {session.address for session in home.owner.sessions()} == {"192.0.2.2", "2001:db8::1", "203.0.113.9"}


def test_what_a_client_writes_into_x_forwarded_for_itself_is_not_believed(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD, trusted_proxies=("10.0.0.2",))
    client = home.client(REMOTE_ADDR="10.0.0.2")
    for at in range(5):
        headers = {"X-Forwarded-For": f"198.51.100.{at}, 203.0.113.9"}
        assert client.post("/login", data={"password": "wrong"}, headers=headers).status_code == 401
    headers = {"X-Forwarded-For": "198.51.100.77, 203.0.113.9"}
    assert client.post("/login", data={"password": PASSWORD}, headers=headers).status_code == 429


def test_a_proxys_user_name_counts_only_from_a_trusted_proxy(house: Callable[..., House]) -> None:
    home = house(auth="proxy", trusted_proxies=("10.0.0.2",))
    trusted, stranger = home.client(REMOTE_ADDR="10.0.0.2"), home.client(REMOTE_ADDR="10.0.0.3")
    name = {"Remote-User": "ada"}
    assert trusted.get("/", headers=name).status_code == 200
    unnamed = trusted.get("/")
    assert unnamed.status_code == 403
    assert "GLANCE_PROXY_HEADER" in unnamed.text
    refused = stranger.get("/", headers=name)
    assert refused.status_code == 403
    assert "GLANCE_TRUSTED_PROXIES" in refused.text
    assert trusted.post("/change", headers=name).status_code == 403
    assert trusted.post("/change", headers={**name, **OURS}).status_code == 200


@pytest.mark.parametrize("sent", ["/glance/d/home", "/d/home"])
def test_the_path_of_the_public_address_is_honoured_whether_the_proxy_keeps_it_or_not(
    house: Callable[..., House], sent: str
) -> None:
    home = house(password=PASSWORD, public_url="https://example.org/glance")
    client = home.client(**LAN)
    refused = client.get(sent, base_url="http://example.org")
    assert refused.location == "/glance/login?next=/d/home"
    answer = client.post(
        "/glance/login",
        data={"password": PASSWORD, "next": "/d/home"},
        headers={"Origin": "https://example.org"},
        base_url="http://example.org",
    )
    assert answer.location == "/glance/d/home"
    assert "Path=/glance" in answer.headers["Set-Cookie"]
    assert "Secure" in answer.headers["Set-Cookie"]


# Host


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8080",
        "LOCALHOST",
        "127.0.0.1",
        "192.168.1.5:8080",
        "[::1]:8080",
        "[2001:db8::1]",
        "pi",
        "glance_1:8080",
        "pi.local",
        "dash.lan",
        "a.b.home.arpa",
        "x.internal",
        "dash.example.org",
        "dash.example.org.",
        "a.wild.example",
        "PUBLIC.example:8443",
    ],
)
def test_names_of_home_and_those_that_are_allowed_are_answered(host: str) -> None:
    settings = Settings(allowed_hosts=("dash.example.org", "*.wild.example"), public_url="https://public.example")
    assert Hosts(settings).allows(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8080",
        "dash.example.org.evil",
        "xdash.example.org",
        "local",
        "wild.example",
        "pi.local@evil.example",
        "evil.example/pi.local",
        "pi local",
        "pi.lan,evil.example",
        "[::1",
        "::1",
        "é.local",
        "a" * 300,
        ".local",
        "pi..lan",
        ".",
        "a" * 64 + ".local",
        "a." * 126 + "local",
    ],
)
def test_every_other_name_is_refused(host: str) -> None:
    if host == "local":
        assert Hosts(Settings()).allows(host), "a single label means a machine at home"
        return
    settings = Settings(allowed_hosts=("dash.example.org", "*.wild.example"))
    assert not Hosts(settings).allows(host)


def test_a_name_that_is_not_ours_gets_421_naming_the_setting(house: Callable[..., House]) -> None:
    client = house(password=PASSWORD).client()
    page = client.get("/login", headers={"Host": "evil.example"})
    assert page.status_code == 421
    assert "GLANCE_ALLOWED_HOSTS" in page.text
    api = client.get("/api/things", headers={"Host": "evil.example"})
    assert api.status_code == 421
    assert "GLANCE_ALLOWED_HOSTS" in api.json["detail"]


def test_a_forwarded_host_is_checked_as_well_as_the_one_that_came(house: Callable[..., House]) -> None:
    client = house(password=PASSWORD, trusted_proxies=("10.0.0.2",)).client(REMOTE_ADDR="10.0.0.2")
    assert (
        client.get("/healthz", headers={"Host": "glance:8080", "X-Forwarded-Host": "evil.example"}).status_code == 421
    )
    assert client.get("/healthz", headers={"Host": "evil.example", "X-Forwarded-Host": "localhost"}).status_code == 421


# CSRF


def test_under_api_a_session_needs_its_csrf_token(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    client = home.signed_in()
    token = cookie(client, "glance_csrf")
    assert client.get("/api/things").status_code == 200
    refused = client.post("/api/things", headers=OURS)
    assert refused.status_code == 403
    assert "X-CSRF-Token" in refused.json["detail"]
    assert client.post("/api/things", headers={"X-CSRF-Token": token}).status_code == 200
    assert client.post("/api/things", headers={"X-CSRF-Token": token, **OURS}).status_code == 200
    assert client.post("/api/things", data={"csrf_token": token}).status_code == 200
    for wrong in ("", token[:-1], "0" * 64, token.upper(), cookie(home.signed_in(), "glance_csrf")):
        assert client.post("/api/things", headers={"X-CSRF-Token": wrong}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "http://LOCALHOST"}, 200),
        ({"Origin": "http://localhost:8080"}, 403),
        ({"Origin": "https://localhost"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Referer": "http://localhost/d/home"}, 200),
        ({"Referer": "http://evil.example/http://localhost/"}, 403),
        ({"Referer": "http://localhost/", "Origin": "null"}, 403),
    ],
)
def test_a_plain_form_counts_where_the_browser_says_it_is_ours(
    house: Callable[..., House], headers: dict[str, str], status: int
) -> None:
    assert house(password=PASSWORD).signed_in().post("/change", headers=headers).status_code == status


def test_a_right_token_does_not_mend_a_foreign_origin(house: Callable[..., House]) -> None:
    client = house(password=PASSWORD).signed_in()
    token = cookie(client, "glance_csrf")
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}):
        assert client.post("/change", data={"csrf_token": token}, headers=headers).status_code == 403


def test_behind_a_proxy_the_public_address_is_an_origin_of_ours(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD, public_url="https://dash.example.org")
    client = home.client(**LAN)
    signed_in = client.post(
        "/login", data={"password": PASSWORD}, headers={"Origin": "https://dash.example.org"}, base_url=LAN_URL
    )
    assert signed_in.status_code == 303
    assert client.post("/change", headers={"Origin": "https://dash.example.org"}, base_url=LAN_URL).status_code == 200
    refused = client.post("/change", headers={"Origin": "https://dash.example.com"}, base_url=LAN_URL)
    assert refused.status_code == 403
    assert "GLANCE_PUBLIC_URL" in refused.text


@pytest.mark.parametrize("host", ["dash.example.org", "dash.example.org:443", "Dash.Example.org"])
@pytest.mark.parametrize(
    "public", ["https://dash.example.org", "https://dash.example.org:443", "https://DASH.example.org"]
)
def test_a_default_port_is_the_same_written_or_not(house: Callable[..., House], public: str, host: str) -> None:
    home = house(password=PASSWORD, public_url=public)
    client = home.client(**LAN)
    for origin in ("https://dash.example.org", "https://dash.example.org:443"):
        headers = {"Host": host, "Origin": origin}
        answer = client.post("/login", data={"password": PASSWORD}, headers=headers)
        assert answer.status_code == 303
        assert all("Secure" in value for value in answer.headers.getlist("Set-Cookie"))
    foreign = (
        "http://dash.example.org",
        "https://dash.example.org:80",
        "https://dash.example.org:444",
        "https://dash.example.org/",
    )
    for origin in foreign:
        refused = client.post("/login", data={"password": PASSWORD}, headers={"Host": host, "Origin": origin})
        assert refused.status_code == 403


def test_another_port_is_another_address(house: Callable[..., House]) -> None:
    client = house(password=PASSWORD, public_url="https://dash.example.org:8443").client(**LAN)
    for host, is_public in (
        ("dash.example.org:8443", True),
        ("dash.example.org", False),
        ("dash.example.org:443", False),
    ):
        answer = client.post("/login", data={"password": PASSWORD}, headers={"Host": host})
        assert all(("Secure" in value) is is_public for value in answer.headers.getlist("Set-Cookie"))


def test_without_login_another_page_can_still_change_nothing(house: Callable[..., House]) -> None:
    home = house(auth="none")
    browser = home.client()
    assert browser.get("/d/home").text == "<form></form>"
    token = cookie(browser, "glance_csrf")
    assert token in browser.get("/d/home").text
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert browser.post("/change", headers=headers).status_code == 403
        assert home.client().post("/api/things", headers=headers).status_code == 403
    assert browser.post("/api/things").status_code == 403
    assert browser.post("/api/things", headers={"X-CSRF-Token": token}).status_code == 200
    assert browser.post("/change", headers=OURS).status_code == 200


def test_without_login_a_program_that_is_no_browser_may_post(house: Callable[..., House]) -> None:
    home = house(auth="none")
    assert home.client().post("/api/things").status_code == 200
    assert home.client(**LAN).post("/api/things", base_url=LAN_URL).status_code == 403


def test_a_page_mends_a_lost_csrf_cookie(house: Callable[..., House]) -> None:
    client = house(password=PASSWORD).signed_in()
    token = cookie(client, "glance_csrf")
    client.delete_cookie("glance_csrf")
    assert client.get("/").status_code == 200
    assert cookie(client, "glance_csrf") == token
    assert "Set-Cookie" not in client.get("/").headers


# Sockets


def handshake(**headers: str) -> dict[str, str]:
    return {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }


def test_a_socket_takes_the_session_only_from_our_own_page(house: Callable[..., House]) -> None:
    client = house(password=PASSWORD).signed_in()
    assert client.get("/ws/page", headers=handshake(Origin="http://localhost")).text == "session"
    assert client.get("/ws/page", headers=handshake()).status_code == 403
    for origin in ("http://localhost:3000", "https://localhost", "http://evil.example", "null"):
        assert client.get("/ws/page", headers=handshake(Origin=origin)).status_code == 403


def test_a_socket_takes_a_token_by_header_or_subprotocol_without_an_origin(house: Callable[..., House]) -> None:
    client = house(password=PASSWORD, api_token="t" * 40).client(**LAN)
    by_header = handshake(Authorization="Bearer " + "t" * 40)
    by_subprotocol = handshake(Sec_WebSocket_Protocol="chat, glance.bearer." + "t" * 40)
    wrong = handshake(Sec_WebSocket_Protocol="glance.bearer." + "x" * 40)
    assert client.get("/ws/page", headers=by_header, base_url=LAN_URL).text == "token"
    assert client.get("/ws/page", headers=by_subprotocol, base_url=LAN_URL).text == "token"
    assert client.get("/ws/page", headers=wrong, base_url=LAN_URL).status_code == 401
    assert client.get("/ws/page", headers=handshake(Origin=LAN_URL), base_url=LAN_URL).status_code == 401
    no_socket = {"Sec-WebSocket-Protocol": "glance.bearer." + "t" * 40}
    assert client.get("/api/things", headers=no_socket, base_url=LAN_URL).status_code == 401
    names = door.BearerSubprotocols()
    assert "glance.bearer.x" in names
    assert "chat" not in names


def test_an_open_socket_can_tell_when_its_session_has_ended(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD)
    client = home.signed_in()
    token = cookie(client, "glance_session")
    session = home.owner.session(token)
    assert session is not None
    with home.app.app_context():
        passed = door.Pass("session", session=session, token=token)
        assert door.still_holds(passed)
        home.owner.end_session(session.id)
        assert not door.still_holds(passed)


def test_what_was_open_without_a_login_can_tell_that_a_password_was_set(house: Callable[..., House]) -> None:
    home = house()
    home.owner.choose_local_only()
    with home.app.app_context():
        assert door.still_holds(door.Pass("local"))
        home.owner.set_password(PASSWORD)
        assert not door.still_holds(door.Pass("local"))
        assert "password" in door.why_over(door.Pass("local"))
    with house(auth="none").app.app_context():
        assert door.still_holds(door.Pass("local"))


# Headers


@pytest.mark.parametrize("path", ["/", "/login", "/nothing", "/api/things", "/api/nothing", "/static/favicon.svg"])
def test_every_answer_carries_the_policy(house: Callable[..., House], path: str) -> None:
    for client in (house(password=PASSWORD).signed_in(), house(password=PASSWORD).client()):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "form-action 'self'" in policy
        assert "base-uri 'none'" in policy
        assert "object-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert path.startswith("/static/") or headers["Cache-Control"] == "private, no-store"


def test_a_page_adds_origins_but_nothing_that_would_end_the_directive(house: Callable[..., House]) -> None:
    home = house(auth="none")

    def page() -> str:
        g.csp_form_action = ["https://search.example", "https://a.example; script-src *"]
        g.csp_frame_src = {"https://frame.example"}
        return "<p>page</p>"

    home.app.add_url_rule("/framed", "framed", page)
    policy = home.client().get("/framed").headers["Content-Security-Policy"]
    assert "form-action 'self' https://search.example;" in policy
    assert policy.endswith("frame-src 'self' https://frame.example")
    assert "script-src" not in policy


def test_the_opener_policy_is_sent_where_browsers_heed_it(house: Callable[..., House]) -> None:
    home = house(password=PASSWORD, trusted_proxies=("10.0.0.2",))
    assert "Cross-Origin-Opener-Policy" not in home.client(**LAN).get("/login", base_url=LAN_URL).headers
    secure = home.client(REMOTE_ADDR="10.0.0.2").get("/login", base_url=LAN_URL, headers={"X-Forwarded-Proto": "https"})
    assert secure.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_health_answers_even_where_the_database_cannot_be_read(house: Callable[..., House]) -> None:
    home = house()
    home.db.close()
    home.clock.now += 60
    assert home.client().get("/healthz").status_code == 200
    assert home.client().get("/login").status_code == 503
    assert home.client().get("/api/things").status_code == 503


def test_tries_at_the_same_moment_do_not_slip_through_together() -> None:
    attempts = Attempts(free=5, window_s=300, pause_s=300)
    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(lambda _: attempts.wait_s("10.0.0.1", 1000.0), range(200)))
    assert waits.count(0.0) == 5
    for _ in range(2):
        attempts.give_back("10.0.0.1")
    assert [attempts.wait_s("10.0.0.1", 1000.0) for _ in range(3)] == [0.0, 0.0, 300.0]


def test_the_memory_of_wrong_tries_is_bounded() -> None:
    attempts = Attempts(free=5, window_s=300, pause_s=300, most_keys=100)
    for at in range(1000):
        attempts.wait_s(f"10.0.{at // 250}.{at % 250}", 1000.0 + at)
    assert attempts.left("10.0.0.0") == 5
    assert len(attempts._counts) <= 101


def test_the_real_server_names_the_subprotocol_that_carried_the_token(tmp_path: Path) -> None:
    token = "t" * 40
    site = Site(tmp_path, auth="password", password=PASSWORD, api_token=token)
    site.add("tally", "Number")
    site.start()
    try:
        with socket.create_connection(("127.0.0.1", site.port), timeout=PATIENCE_S) as line:
            line.sendall(
                b"GET /ws/dashboards/home HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                b"Sec-WebSocket-Protocol: glance.bearer." + token.encode() + b"\r\n\r\n"
            )
            head = line.recv(2000)
        assert head.startswith(b"HTTP/1.1 101")
        assert b"Sec-WebSocket-Protocol: glance.bearer." in head
    finally:
        site.stop()
