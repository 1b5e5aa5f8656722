"""The settings pages, the documents about settings, and the door before every route of the real application."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from glance import passwords
from glance.config import ROOT, Settings
from glance.runtime import Runtime
from glance.store.owner import Owner
from glance.web.application import create_app
from glance.web.door import OPEN, OPEN_TO_LOCAL, PUBLIC
from glance.web.settings import ago
from glance.web.user_agents import device

PASSWORD = "three-quiet-fans"
OURS = {"Origin": "http://localhost"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    found = Runtime(Settings(data=tmp_path_factory.mktemp("data"), mqtt_url="off"))
    yield found
    found.stop()


@pytest.fixture
def runtime(house: Runtime, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """The one runtime of this module, its door as on the first day."""
    monkeypatch.setattr(passwords, "SCRYPT_N", 2**8)
    with house.db.write() as con:
        con.execute("DELETE FROM sessions")
        con.execute("UPDATE owner SET password_hash = NULL, password_changed_at = NULL, local_only = 0")
    house.owner = Owner(house.db, house.clock)
    return house


@pytest.fixture
def client(runtime: Runtime) -> FlaskClient:
    runtime.owner.set_password(PASSWORD)
    return signed_in(create_app(runtime))


def signed_in(app: Flask) -> FlaskClient:
    client = app.test_client()
    assert client.post("/login", data={"password": PASSWORD}, headers=OURS).status_code == 303
    return client


# The documents


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Settings)])
def test_the_documents_name_every_setting(field: str) -> None:
    assert f"| `GLANCE_{field.upper()}` |" in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def test_the_documents_name_no_setting_that_does_not_exist() -> None:
    known = {f"GLANCE_{field.name.upper()}" for field in dataclasses.fields(Settings)}
    for name in ("settings.md", "security.md"):
        named = set(re.findall(r"GLANCE_[A-Z_]+[A-Z]", (ROOT / "docs" / name).read_text(encoding="utf-8")))
        assert named - known - {"GLANCE_X", "GLANCE_X_FILE"} == set()


# Every route


def _methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"OPTIONS"})


def test_every_route_of_the_application_is_closed_unless_it_is_listed(runtime: Runtime) -> None:
    runtime.owner.set_password(PASSWORD)
    app = create_app(runtime)
    client = app.test_client()
    walked = 0
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "1", rule.rule)
        for method in _methods(rule):
            headers = {"Upgrade": "websocket", "Connection": "Upgrade"} if rule.websocket else {}
            answer = client.open(path, method=method, headers=headers, environ_overrides={"REMOTE_ADDR": "192.168.1.9"})
            if rule.endpoint in PUBLIC:
                assert answer.status_code in (403, 404), f"{method} {path}"
                continue
            if rule.endpoint in OPEN:
                assert answer.status_code in (200, 303, 400, 401, 404, 503), f"{method} {path}"
                continue
            shut = answer.status_code == 401 or (answer.status_code == 303 and answer.location.startswith("/login"))
            assert shut, f"{method} {path} gave {answer.status_code} to a stranger"
            walked += 1
    assert walked > 50


def test_every_open_route_exists(runtime: Runtime) -> None:
    endpoints = {rule.endpoint for rule in create_app(runtime).url_map.iter_rules()}
    assert endpoints >= OPEN | OPEN_TO_LOCAL | PUBLIC


def test_every_changing_route_refuses_another_page(client: FlaskClient) -> None:
    app = client.application
    walked = 0
    for rule in app.url_map.iter_rules():
        for method in set(_methods(rule)) - {"GET", "HEAD"}:
            path = re.sub(r"<[^>]+>", "1", rule.rule)
            answer = client.open(path, method=method, headers={"Origin": "http://evil.example"})
            assert answer.status_code == 403, f"{method} {path} gave {answer.status_code} to another page"
            walked += 1
    assert walked > 30


# The pages


@pytest.mark.parametrize("section", ["look", "security", "about"])
def test_each_section_is_a_page_that_marks_itself(client: FlaskClient, section: str) -> None:
    page = client.get(f"/settings/{section}")
    assert page.status_code == 200
    assert f'href="/settings/{section}" aria-current="true"' in page.text
    assert "style=" not in page.text
    assert "<script>" not in page.text


def test_settings_begin_with_the_first_section(client: FlaskClient) -> None:
    assert client.get("/settings").location == "/settings/look"


def test_the_theme_is_kept_in_a_cookie_and_shown_before_the_first_paint(client: FlaskClient) -> None:
    assert client.post("/settings/look", data={"theme": "light"}, headers=OURS).status_code == 303
    page = client.get("/settings/look").text
    assert '<html lang="en" data-theme="light"' in page
    assert 'value="light" aria-pressed="true"' in page
    assert client.post("/settings/look", data={"theme": "purple"}, headers=OURS).status_code == 303
    assert 'data-theme="light"' in client.get("/settings/look").text


def test_the_password_is_changed_with_the_current_one_and_other_sessions_end(
    runtime: Runtime, client: FlaskClient
) -> None:
    other = signed_in(client.application)
    data = {"current": PASSWORD, "password": "five-loud-lamps", "repeat": "five-loud-lamps"}
    answer = client.post("/settings/security/password", data=data, headers=OURS)
    assert answer.status_code == 303
    assert "The password is set." in client.get(answer.location).text
    assert runtime.owner.password_is("five-loud-lamps")
    assert other.get("/settings/look").status_code == 303
    assert len(runtime.owner.sessions()) == 1


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            {"current": "wrong", "password": "five-loud-lamps", "repeat": "five-loud-lamps"},
            "That is not the current password.",
        ),
        ({"current": PASSWORD, "password": "short", "repeat": "short"}, "Use at least 10 characters"),
        ({"current": PASSWORD, "password": "five-loud-lamps", "repeat": "six-loud-lamps"}, "The two are not the same."),
        ({}, "That is not the current password."),
    ],
)
def test_a_password_that_does_not_fit_changes_nothing(
    runtime: Runtime, client: FlaskClient, data: dict[str, str], sentence: str
) -> None:
    answer = client.post("/settings/security/password", data=data, headers=OURS)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "five-loud-lamps" not in answer.text
    assert runtime.owner.password_is(PASSWORD)


@pytest.mark.parametrize("with_password", [True, False])
def test_a_password_that_is_set_meanwhile_is_not_overwritten(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, with_password: bool
) -> None:
    if with_password:
        runtime.owner.set_password(PASSWORD)
        client = signed_in(create_app(runtime))
    else:
        runtime.owner.choose_local_only()
        client = create_app(runtime).test_client()
    hash_password = passwords.hash_password

    def slowly(password: str) -> str:
        monkeypatch.setattr(passwords, "hash_password", hash_password)
        Owner(runtime.db, runtime.clock).set_password("set-at-the-machine")
        return hash_password(password)

    monkeypatch.setattr(passwords, "hash_password", slowly)
    data = {"current": PASSWORD, "password": "five-loud-lamps", "repeat": "five-loud-lamps"}
    answer = client.post("/settings/security/password", data=data, headers=OURS)
    assert answer.status_code == 409
    assert "Another password was set in the meantime" in answer.text
    assert runtime.owner.password_is("set-at-the-machine")
    assert client.get("/settings/security").status_code == 303


def test_guessing_the_current_password_is_paused_too(client: FlaskClient) -> None:
    data = {"current": "wrong", "password": "five-loud-lamps", "repeat": "five-loud-lamps"}
    statuses = [client.post("/settings/security/password", data=data, headers=OURS).status_code for _ in range(6)]
    assert statuses == [422] * 5 + [429]


def test_sessions_are_listed_with_device_and_ended_one_by_one(runtime: Runtime, client: FlaskClient) -> None:
    other = client.application.test_client()
    agent = {"User-Agent": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36"}
    other.post("/login", data={"password": PASSWORD}, headers={**OURS, **agent})
    page = client.get("/settings/security").text
    assert "Chrome on Android" in page
    assert "this one" in page
    found = re.search(r'name="session" value="(\d+)"', page)
    assert found
    ended = client.post("/settings/security/sessions/end", data={"session": found[1]}, headers=OURS)
    assert ended.status_code == 303
    assert other.get("/settings/look").status_code == 303
    again = client.post("/settings/security/sessions/end", data={"session": found[1]}, headers=OURS)
    assert again.status_code == 404


def test_all_other_sessions_are_ended_at_once(runtime: Runtime, client: FlaskClient) -> None:
    others = [signed_in(client.application) for _ in range(3)]
    assert client.post("/settings/security/sessions/end", data={"session": "others"}, headers=OURS).status_code == 303
    assert [other.get("/settings/look").status_code for other in others] == [303] * 3
    assert client.get("/settings/look").status_code == 200


@pytest.mark.parametrize("session", ["", "x", "-1", "1e3", "9" * 30, "٣"])
def test_a_session_that_does_not_exist_is_not_ended(client: FlaskClient, session: str) -> None:
    answer = client.post("/settings/security/sessions/end", data={"session": session}, headers=OURS)
    assert answer.status_code == 404


def test_without_a_password_one_can_be_set_later(runtime: Runtime) -> None:
    runtime.owner.choose_local_only()
    client = create_app(runtime).test_client()
    page = client.get("/settings/security").text
    assert "Without a password Glance answers this computer only." in page
    assert "Current password" not in page
    data = {"password": PASSWORD, "repeat": PASSWORD}
    assert client.post("/settings/security/password", data=data, headers=OURS).status_code == 303
    assert client.get("/settings/security").status_code == 200
    assert create_app(runtime).test_client().get("/settings/security").status_code == 303


def test_a_password_from_the_environment_is_not_changed_in_the_browser(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = dataclasses.replace(runtime.settings, password=PASSWORD, api_token="t" * 40)
    monkeypatch.setattr(runtime, "settings", given)
    monkeypatch.setattr(runtime, "owner", Owner(runtime.db, runtime.clock, PASSWORD))
    client = signed_in(create_app(runtime))
    page = client.get("/settings/security").text
    assert "<code>GLANCE_PASSWORD</code> sets it" in page
    assert "t" * 40 not in page
    data = {"current": PASSWORD, "password": "five-loud-lamps", "repeat": "five-loud-lamps"}
    assert client.post("/settings/security/password", data=data, headers=OURS).status_code == 404


def test_about_says_what_runs_and_where_the_data_lies(runtime: Runtime, client: FlaskClient) -> None:
    page = client.get("/settings/about").text
    assert str(runtime.settings.data.resolve()) in page
    assert "Every widget got its last answer." in page


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.0 Safari/605.1.15",
            "Safari on macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 CriOS/120.0 Mobile/15E148 Safari/604.1",
            "Chrome on iPhone",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36 Edg/120.0",
            "Edge on Windows",
        ),
        ("curl/8.5.0", "curl"),
        ("", "Unknown"),
        ("<script>", "Unknown"),
    ],
)
def test_a_browser_is_named_in_words(agent: str, words: str) -> None:
    assert device(agent) == words


@pytest.mark.parametrize(
    ("past_s", "words"),
    [
        (0, "now"),
        (59, "now"),
        (60, "1 min ago"),
        (7200, "2 h ago"),
        (86400, "1 day ago"),
        (200000, "2 days ago"),
        (-5, "now"),
    ],
)
def test_times_are_told_in_words(past_s: float, words: str) -> None:
    assert ago(1000.0, 1000.0 + past_s) == words
