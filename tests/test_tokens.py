"""API tokens: made and shown once, scoped, expiring, revoked with their open sockets; and the page that makes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from glance import passwords
from glance.errors import Conflict, Invalid, NotFound
from glance.store import tokens as stored
from glance.store.db import Database
from glance.store.tokens import REREAD_S, TOUCH_EVERY_S, Tokens
from glance.web import following, sockets, widget_socket
from tests.api_site import Clock, Site, fields, problem
from tests.socket_client import Client, closed_with
from tests.test_devices_sockets import House
from tests.waiting import PATIENCE_S, until

DAY_S = 86_400


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(db: Database, clock: Clock) -> Tokens:
    return Tokens(db, clock)


# The store


def test_a_token_is_found_by_its_value_which_is_not_stored(tokens: Tokens, tmp_path: Path) -> None:
    made, value = tokens.make("Backup", ["read"])
    assert tokens.find(value) == made
    for path in (tmp_path / "data").glob("glance.db*"):
        assert value.encode() not in path.read_bytes()
        assert value[4:].encode() not in path.read_bytes()


def test_two_tokens_never_have_the_same_value(tokens: Tokens) -> None:
    values = {tokens.make("Same name", ["read"])[1] for _ in range(5)}
    assert len(values) == 5
    assert all(re.fullmatch(r"glt_[\w-]{43}", value) for value in values)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value[:-1],
        lambda value: value + "A",
        lambda value: value[:-1] + ("A" if value[-1] != "A" else "B"),
        lambda value: value.swapcase(),
        lambda value: value.removeprefix("glt_"),
        lambda value: value + "\n",
        lambda value: " " + value,
        lambda value: value[:20] + "\x00" + value[21:],
        lambda value: value[:20] + "é" + value[21:],
        lambda value: "glt_" + "A" * 43,
        lambda value: "",
        lambda value: "glt_" * 30_000,
    ],
)
def test_a_value_that_is_almost_right_is_none(tokens: Tokens, spoil: Callable[[str], str]) -> None:
    _, value = tokens.make("Backup", ["read"])
    assert tokens.find(spoil(value)) is None
    assert tokens.find(value) is not None


def test_a_token_ends_when_its_time_has_come(tokens: Tokens, clock: Clock) -> None:
    made, value = tokens.make("Guest", ["read"], expires_at=clock.now + 60)
    clock.now += 59.9
    assert tokens.find(value) == made
    clock.now += 0.1
    assert tokens.find(value) is None
    assert not tokens.holds(made.id)
    assert [token.name for token in tokens.all()] == ["Guest"], "it is still listed, as ended"


def test_a_revoked_token_is_gone_at_once(tokens: Tokens) -> None:
    made, value = tokens.make("Backup", ["read"])
    assert tokens.holds(made.id)
    tokens.revoke(made.id)
    assert tokens.find(value) is None
    assert not tokens.holds(made.id)
    with pytest.raises(NotFound):
        tokens.revoke(made.id)


def test_what_another_process_revoked_is_gone_within_half_a_minute(tokens: Tokens, db: Database, clock: Clock) -> None:
    made, value = tokens.make("Backup", ["read"])
    assert tokens.find(value) == made
    with db.write() as con:
        con.execute("DELETE FROM tokens")
    clock.now += REREAD_S
    assert tokens.find(value) is None


def test_use_is_noted_at_most_every_five_minutes(tokens: Tokens, db: Database, clock: Clock) -> None:
    _, value = tokens.make("Backup", ["read"])

    def use() -> float | None:
        found = tokens.find(value)
        assert found is not None
        tokens.touch(value, found)
        return tokens.all()[0].last_used_at

    first = clock.now
    assert use() == first
    clock.now += TOUCH_EVERY_S - 1
    assert use() == first
    clock.now += 1
    assert use() == first + TOUCH_EVERY_S


def test_a_known_token_costs_no_query(tokens: Tokens, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _, value = tokens.make("Backup", ["read"])
    assert tokens.find(value) is not None
    monkeypatch.setattr(db, "read", lambda: pytest.fail("the database was read"))
    assert tokens.find(value) is not None
    assert tokens.find("not even close") is None


@pytest.mark.parametrize(
    ("name", "scopes", "field"),
    [
        ("", ["read"], "name"),
        ("   ", ["read"], "name"),
        ("two\nlines", ["read"], "name"),
        ("x" * 81, ["read"], "name"),
        ("None", [], "scopes"),
        ("Odd", ["everything"], "scopes.0"),
        ("Star", ["*"], "scopes.0"),
        ("Open", ["open"], "scopes.0"),
        ("Nothing named", ["read", "push:"], "scopes.1"),
        ("Spaces", ["ingest:a b"], "scopes.0"),
        ("Newline", ["read\n"], "scopes.0"),
        ("Upper", ["READ"], "scopes.0"),
        ("Long", ["push:" + "x" * 201], "scopes.0"),
        ("Many", [f"push:{n}" for n in range(51)], "scopes"),
    ],
)
def test_what_is_wrong_with_a_new_token_is_named(tokens: Tokens, name: str, scopes: list[str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        tokens.make(name, scopes)
    assert [error.field for error in refused.value.errors] == [field]
    assert tokens.all() == []


def test_there_is_an_end_to_how_many_there_may_be(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MOST_TOKENS", 2)
    tokens.make("One", ["read"])
    tokens.make("Two", ["read"])
    with pytest.raises(Conflict):
        tokens.make("Three", ["read"])


# The API


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


def make(site: Site, *scopes: str, **more: Any) -> dict[str, Any]:
    answer = site.post("/api/tokens", {"name": "A token", "scopes": list(scopes), **more})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json
    return body


def test_the_value_is_in_the_answer_that_makes_it_and_nowhere_else(site: Site) -> None:
    made = make(site, "read", "refresh")
    assert made["scopes"] == ["read", "refresh"]
    assert made["expires_at"] is None
    listed = site.get("/api/tokens")
    assert made["token"] not in listed.text
    assert listed.json["items"] == [{key: value for key, value in made.items() if key != "token"}]


def test_a_token_may_do_what_its_scopes_say_and_nothing_else(site: Site) -> None:
    widget = site.widget()
    button = make(site, "refresh")["token"]
    assert site.post(f"/api/widgets/{widget}/refresh", token=button).status_code == 200
    refused = problem(site.get(f"/api/widgets/{widget}/data", token=button), 403)
    assert "read" in refused["detail"]
    assert site.get("/api/tokens", token=button).status_code == 403
    assert site.post("/api/tokens", {"name": "More", "scopes": ["admin"]}, token=button).status_code == 403


def test_push_is_for_one_widget(site: Site) -> None:
    one, two = site.widget("pushed"), site.widget("pushed")
    token = make(site, f"push:{one}")["token"]
    assert site.post(f"/api/widgets/{one}/data", {"value": 1}, token=token).status_code == 200
    assert problem(site.post(f"/api/widgets/{two}/data", {"value": 1}, token=token), 403)["detail"].endswith(".")


def test_a_device_token_sends_readings_of_its_device_only(site: Site) -> None:
    token = make(site, "ingest:greenhouse")["token"]
    body = {"device_id": "greenhouse", "sensor_type": "humidity", "value": 50.2}
    assert site.post("/api/readings", body, token=token).json["stored"] == 1
    assert site.post("/api/readings", body | {"device_id": "cellar"}, token=token).status_code == 403
    assert site.get("/api/devices", token=token).status_code == 403


def test_a_device_whose_id_has_a_slash_has_a_token_too(site: Site) -> None:
    token = make(site, "ingest:house/attic")["token"]
    body = {"device_id": "house/attic", "sensor_type": "humidity", "value": 50.2}
    assert site.post("/api/readings", body, token=token).status_code == 200


def test_execute_takes_the_scope_that_the_body_asks_for(site: Site) -> None:
    widget, path = site.widget(), "/api/custom-widgets/probe/execute"
    by = {scope: make(site, scope)["token"] for scope in ("read", "refresh", "write")}
    plain: dict[str, Any] = {"widget_instance_id": widget}
    forced = plain | {"force_refresh": True}
    changed = plain | {"params": {"url": site.upstream.url("/value")}}
    for body, right in ((plain, "read"), (forced, "refresh"), (changed, "write")):
        for scope, token in by.items():
            assert site.post(path, body, token=token).status_code == (200 if scope == right else 403), (scope, body)


@pytest.mark.parametrize("url", ["unix:/run/docker.sock:/info", " unix:run/docker.sock:/info", "x unix:/run/a.sock"])
def test_naming_a_unix_socket_takes_admin(site: Site, url: str) -> None:
    # who asks the socket of Docker is root on this computer
    write, admin = make(site, "write")["token"], make(site, "write", "admin")["token"]
    picked = {"data_source": {"kind": "http", "url": url}}
    plain = {"data_source": {"kind": "http", "url": site.upstream.url("/value")}}
    dashboard = {"format": "glance-dashboard", "version": 1, "dashboard": {"title": "New"}}
    item = {"custom_widget": "number", "title": "One", "params": picked, "position": {"x": 1, "y": 1, "w": 2, "h": 2}}
    own, asked = site.widget("number", params=plain), site.widget("number", params={**picked, "unit": "W"})
    run = "/api/custom-widgets/number/execute"
    tries: list[tuple[str, str, Any]] = [
        ("POST", "/api/widgets", {"dashboard": "home", "custom_widget": "number", "title": "A", "params": picked}),
        ("PATCH", f"/api/widgets/{own}", {"params": picked}),
        ("PATCH", f"/api/widgets/{asked}", {"params": {"unit": "kW"}}),
        ("POST", run, {"params": picked}),
        ("POST", run, {"widget_instance_id": asked, "params": {**picked, "unit": "kW"}}),
        ("POST", "/api/dashboards/import", {**dashboard, "widgets": [item]}),
    ]
    for method, path, body in tries:
        refused = site.ask(method, path, body, token=write)
        assert "unix socket" in problem(refused, 403)["detail"], (path, body)
        assert site.ask(method, path, body, token=admin).status_code != 403, (path, body)
    assert site.ask("PATCH", f"/api/widgets/{asked}", {"title": "Other"}, token=write).status_code == 200


@pytest.mark.parametrize(("agreed", "status"), [("unix:/run/a.sock", 403), ("*", 403), ("nas.lan", 200)])
def test_changing_a_custom_widget_that_may_ask_a_unix_socket_takes_admin(site: Site, agreed: str, status: int) -> None:
    source = {"kind": "http", "url": "{{ params.url }}"}
    body = {"slug": "mine", "name": "Mine", "template": "<p>x</p>", "source": source, "hosts": [agreed]}
    assert site.post("/api/custom-widgets", body).status_code == 201
    token = make(site, "write")["token"]
    changes = {"source": {**source, "method": "POST"}}
    assert site.patch("/api/custom-widgets/mine", changes, token=token).status_code == status


def test_making_a_dashboard_public_takes_admin(site: Site) -> None:
    write, admin = make(site, "write")["token"], make(site, "write", "admin")["token"]
    path = f"/api/dashboards/{site.dashboard()}"
    for token, status in ((write, 403), (admin, 200)):
        assert site.patch(path, {"is_public": True}, token=token).status_code == status
        assert site.patch(path, {"public_address": "guests"}, token=token).status_code == status
        made = site.post("/api/dashboards", {"title": "Open", "is_public": True}, token=token)
        assert made.status_code == (403 if status == 403 else 201)
    assert site.patch(path, {"is_public": False, "title": "Closed"}, token=write).status_code == 200


def test_an_expired_token_is_401(site: Site) -> None:
    token = make(site, "read", expires_in_s=60)["token"]
    assert site.get("/api/dashboards", token=token).status_code == 200
    site.clock.now += 60
    refused = site.get("/api/dashboards", token=token)
    assert problem(refused, 401)["detail"]
    assert "invalid_token" in refused.headers["WWW-Authenticate"]
    assert site.get("/api/tokens").json["items"][0]["expired"] is True


@pytest.mark.parametrize(
    "given",
    ["2026-02-04T12:00:00Z", "2026-02-04T13:00:00+01:00", "2026-02-04T12:00:00", "2026-02-04 12:00"],
)
def test_the_end_can_be_given_as_a_time(site: Site, given: str) -> None:
    assert make(site, "read", expires_at=given)["expires_at"] == "2026-02-04T12:00:00.000Z"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": ["read"]}, "name"),
        ({"name": "No scopes"}, "scopes"),
        ({"name": "None", "scopes": []}, "scopes"),
        ({"name": "Text", "scopes": "read"}, "scopes"),
        ({"name": "Odd", "scopes": ["root"]}, "scopes.0"),
        ({"name": "Past", "scopes": ["read"], "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "No time", "scopes": ["read"], "expires_at": "soon"}, "expires_at"),
        ({"name": "Far", "scopes": ["read"], "expires_at": "9999-12-31T23:59:59Z"}, "expires_at"),
        ({"name": "Both", "scopes": ["read"], "expires_at": "2027-01-01", "expires_in_s": 5}, "expires_at"),
        ({"name": "Zero", "scopes": ["read"], "expires_in_s": 0}, "expires_in_s"),
        ({"name": "More", "scopes": ["read"], "token": "glt_mine"}, "token"),
    ],
)
def test_a_token_that_does_not_fit_is_422_by_field(site: Site, body: dict[str, Any], field: str) -> None:
    assert fields(site.post("/api/tokens", body)) == {field}
    assert site.get("/api/tokens").json["items"] == []


def test_revoking_is_by_id_and_holds_at_once(site: Site) -> None:
    made = make(site, "read")
    assert site.get("/api/dashboards", token=made["token"]).status_code == 200
    assert site.delete(f"/api/tokens/{made['id']}").status_code == 204
    assert site.get("/api/dashboards", token=made["token"]).status_code == 401
    for gone in (made["id"], "0", "-1", "x", "9" * 40):
        assert site.delete(f"/api/tokens/{gone}").status_code == 404


def test_last_use_is_shown_and_the_token_knows_itself(site: Site) -> None:
    admin = make(site, "admin")
    (shown,) = site.get("/api/tokens", token=admin["token"]).json["items"]
    assert shown["last_used_at"] == "2026-02-03T12:00:00.000Z"
    assert shown["current"] is True


def test_a_token_opens_dashboards_but_no_page_that_changes_or_tells_more(site: Site) -> None:
    slug = site.dashboard()
    token = make(site, "read", "write", "admin", "refresh")["token"]
    assert site.get(f"/d/{slug}", token=token).status_code == 200
    for path in ("/settings/security", "/gallery", "/dashboards/new", "/devices", "/nowhere"):
        answer = site.get(path, token=token)
        assert answer.status_code == (404 if path == "/nowhere" else 403), path
        assert "Location" not in answer.headers


def test_a_token_beside_a_session_counts_alone(site: Site) -> None:
    session = site.runtime.owner.open_session("a browser", "127.0.0.1")
    site.client.set_cookie("glance_session", session)
    token = make(site, "read")["token"]
    assert site.get("/settings/security", token=None).status_code == 200
    assert site.get("/settings/security", token=token).status_code == 403
    assert site.delete("/api/cache", token=token).status_code == 403


# Open sockets


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path).served() as made:
        yield made


def bearer(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}


def test_revoking_a_token_closes_its_sockets_with_4403_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK_S", 600.0)
    monkeypatch.setattr(widget_socket, "LOOK_S", 600.0)
    monkeypatch.setattr(widget_socket, "ASK_S", 600.0)
    monkeypatch.setattr(sockets, "BEAT_S", 600.0)
    widget = house.widget()
    token, value = house.runtime.tokens.make("Reader", ["read", "ingest:house"])
    opened = [
        house.open(f"/ws/widgets/{widget}", bearer(value)),
        house.open("/ws/dashboards/home", bearer(value)),
        house.open("/ws/ingest", bearer(value)),
    ]
    other = house.open("/ws/ingest")
    opened[1].send("{}")
    until(lambda: house.followers() == 1)
    house.runtime.tokens.revoke(token.id)
    house.runtime.hub.stir()
    assert [closed_with(client) for client in opened] == [4403, 4403, 4403]
    other.send('{"device_id": "house", "sensor_type": "t", "value": 1}')
    assert '"stored":1' in (other.receive(timeout=PATIENCE_S) or "")
    other.close()


def test_a_follower_of_samples_is_closed_at_once_also_where_samples_come_at_that_moment(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((following, "LOOK_S"), (widget_socket, "LOOK_S"), (widget_socket, "ASK_S")):
        monkeypatch.setattr(module, name, 600.0)
    widget = house.widget()
    token, value = house.runtime.tokens.make("Reader", ["read"])
    client = house.open(f"/ws/widgets/{widget}", bearer(value))
    hub = house.runtime.hub

    def told() -> None:
        for box in list(hub._boxes):
            with box._condition:
                box.mark(["again"])
                box.stir()

    until(lambda: house.followers() == 1)
    told()
    house.runtime.tokens.revoke(token.id)
    told()
    assert closed_with(client) == 4403


def test_a_socket_ends_with_its_tokens_time(house: House) -> None:
    token, value = house.runtime.tokens.make("Short", ["ingest:house"], expires_at=house.runtime.clock() + 1.5)
    assert closed_with(house.open("/ws/ingest", bearer(value))) == 4403
    assert house.runtime.tokens.all()[0].id == token.id


def test_a_socket_takes_a_stored_token_as_subprotocol(house: House) -> None:
    _, value = house.runtime.tokens.make("Reader", ["ingest:house"])
    client = Client(f"ws://127.0.0.1:{house.port}/ws/ingest", subprotocols=[f"glance.bearer.{value}"])
    client.send('{"device_id": "house", "sensor_type": "t", "value": 1}')
    assert '"stored":1' in (client.receive(timeout=PATIENCE_S) or "")
    client.send('{"device_id": "shed", "sensor_type": "t", "value": 1}')
    assert '"status":403' in (client.receive(timeout=PATIENCE_S) or "")
    client.close()


# The page


@pytest.fixture
def browser(site: Site, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setattr(passwords, "SCRYPT_N", 2**8)
    client = site.app.test_client()
    client.set_cookie("glance_session", site.runtime.owner.open_session("Firefox", "127.0.0.1"))
    client.environ_base["HTTP_ORIGIN"] = "http://localhost"
    return client


def test_a_token_is_made_on_the_page_and_its_value_shown_once(site: Site, browser: FlaskClient) -> None:
    widget = site.widget("pushed", title="Doorbell")
    form = {
        "name": "Sidecar",
        "scope": ["refresh", "read"],
        "push": widget,
        "ingest": "greenhouse, cellar",
        "days": "90",
    }
    page = browser.post("/settings/security/tokens", data=form)
    assert page.status_code == 200
    value = re.search(r"glt_[\w-]{43}", page.text)
    assert value is not None
    assert page.headers["Cache-Control"] == "private, no-store"
    (token,) = site.runtime.tokens.all()
    assert token.scopes == {"read", "refresh", f"push:{widget}", "ingest:greenhouse", "ingest:cellar"}
    assert token.expires_at == site.clock.now + 90 * DAY_S
    again = browser.get("/settings/security")
    assert value[0] not in again.text
    assert "Sidecar" in again.text
    assert f"push:{widget}" in again.text


def test_the_page_names_what_is_missing_and_keeps_what_was_typed(browser: FlaskClient) -> None:
    page = browser.post("/settings/security/tokens", data={"name": "", "scope": "read", "ingest": "attic"})
    assert page.status_code == 422
    assert 'id="t-name-e"' in page.text
    assert 'value="attic"' in page.text
    assert 'value="read" checked' in page.text
    page = browser.post("/settings/security/tokens", data={"name": "Nothing", "scope": ["root", "*"]})
    assert page.status_code == 422
    assert 'id="t-scopes-e"' in page.text
    assert 'value="Nothing"' in page.text


def test_the_page_revokes(site: Site, browser: FlaskClient) -> None:
    made, value = site.runtime.tokens.make("Old", ["read"])
    answer = browser.post("/settings/security/tokens/revoke", data={"token": str(made.id)})
    assert answer.status_code == 303
    assert site.get("/api/dashboards", token=value).status_code == 401
    for wrong in ("", "x", "9" * 30, str(made.id)):
        assert browser.post("/settings/security/tokens/revoke", data={"token": wrong}).status_code == 404


def test_names_are_shown_as_text(site: Site, browser: FlaskClient) -> None:
    site.runtime.tokens.make('<img src=x onerror="alert(1)">', ["read"])
    page = browser.get("/settings/security").text
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
