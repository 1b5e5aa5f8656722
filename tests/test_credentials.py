"""Credentials: written and never read, each for its own hosts, hidden wherever they come back; and `${NAME}`."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from glance.runtime import Runtime
from glance.secretbox import SecretBox
from glance.store.credentials import CredentialRows
from tests.api_site import TOKEN, Site, fields, problem
from tests.upstream import Reply, Seen
from tests.waiting import until

VALUE = "s3cr3t-Value/with+signs&more"
MANIFEST = {
    "name": "Media",
    "refresh_interval": 300,
    "source": {"kind": "http", "url": "", "headers": {"X-Key": '{{ credential("media") }}'}},
    "template": "<p>{{ data }}</p>",
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


def store(site: Site, name: str = "media", value: str = VALUE, hosts: list[str] | None = None) -> None:
    answer = site.post("/api/credentials", {"name": name, "value": value, "hosts": hosts or ["127.0.0.1"]})
    assert answer.status_code == 201, answer.text


def define(site: Site, source: dict[str, Any], slug: str = "media", hosts: list[str] | None = None) -> str:
    answer = site.post("/api/custom-widgets", {**MANIFEST, "slug": slug, "source": {"kind": "http", **source}})
    assert answer.status_code == 201, answer.text
    if hosts is not None:
        assert site.ask("PUT", f"/api/custom-widgets/{slug}/hosts", {"hosts": hosts}).status_code == 200
    return slug


def run(site: Site, slug: str = "media", status: int = 200) -> Any:
    answer = site.post(f"/api/custom-widgets/{slug}/execute", {})
    assert answer.status_code == status, answer.text
    return answer.json["data"] if status == 200 else answer.json["detail"]


def echo(site: Site, path: str = "/echo") -> None:
    """An upstream that sends back whatever it was sent, in every form it can think of."""

    def handler(request: Seen) -> Reply:
        given = request.headers.get("x-key") or request.headers.get("authorization") or ""
        forms = {
            "plain": given,
            "headers": dict(request.headers),
            "query": request.query,
            "body": request.body.decode("utf-8", "replace"),
            "quoted": quote(given, safe=""),
            "base64": base64.b64encode(f"x{given}y".encode()).decode(),
            "hex": given.encode().hex(),
            "html": given.replace("&", "&amp;"),
            given or "none": "as a name",
        }
        return Reply(body=json.dumps(forms).encode(), headers={"Content-Type": "application/json"})

    site.upstream.handle(path, handler)


# ---- stored


def test_a_value_is_written_and_never_read(site: Site) -> None:
    store(site)
    one = site.get("/api/credentials/media")
    assert one.json == {
        "name": "media",
        "hosts": ["127.0.0.1"],
        "set_at": "2026-02-03T12:00:00.000Z",
        "state": "ok",
        "used_by": [],
    }
    for path in ("/api/credentials", "/api/credentials/media", "/settings/credentials"):
        assert VALUE not in site.get(path).text
    raw = b"".join(path.read_bytes() for path in (site.settings.data).glob("glance.db*"))
    assert VALUE.encode() not in raw
    assert b"media" in raw


def test_the_list_says_who_uses_it(site: Site) -> None:
    store(site)
    define(site, {"url": site.upstream.url("/value"), "headers": {"X-Key": '{{ credential("media") }}'}})
    site.widget("media")
    assert site.get("/api/credentials").json["items"][0]["used_by"] == [
        {"slug": "media", "name": "Media", "widgets": 1}
    ]
    assert "Media" in problem(site.delete("/api/credentials/media"), 409)["detail"]
    assert site.delete("/api/credentials/media?even_if_used=1").status_code == 204
    assert "There is no credential named “media”" in run(site, status=502)


@pytest.mark.parametrize(
    ("body", "faulty"),
    [
        ({"name": "x", "value": "x" * 1_000_000, "hosts": ["a.lan"]}, {"value"}),
        ({"name": "x", "value": "", "hosts": ["a.lan"]}, {"value"}),
        ({"name": "x", "value": "\r\n\n", "hosts": ["a.lan"]}, {"value"}),
        ({"name": "x", "value": "a\x00b", "hosts": ["a.lan"]}, {"value"}),
        ({"name": "x", "value": "a\x1bb", "hosts": ["a.lan"]}, {"value"}),
        ({"name": "x", "value": "ok", "hosts": []}, {"hosts"}),
        ({"name": "x", "value": "ok", "hosts": ["*"]}, {"hosts"}),
        ({"name": "x", "value": "ok", "hosts": ["not a host"]}, {"hosts"}),
        ({"name": "a/b", "value": "ok", "hosts": ["a.lan"]}, {"name"}),
        ({"name": 'a"b', "value": "ok", "hosts": ["a.lan"]}, {"name"}),
        ({"name": "a\nb", "value": "ok", "hosts": ["a.lan"]}, {"name"}),
        ({"name": "  ", "value": "ok", "hosts": ["a.lan"]}, {"name"}),
        ({"name": "n" * 61, "value": "ok", "hosts": ["a.lan"]}, {"name"}),
        ({"name": "x", "value": 5, "hosts": ["a.lan"]}, {"value"}),
        ({"value": "ok", "hosts": ["a.lan"]}, {"name"}),
    ],
)  # fmt: skip
def test_what_cannot_be_a_credential_is_refused_without_repeating_it(site: Site, body: Any, faulty: set[str]) -> None:
    answer = site.post("/api/credentials", body)
    assert fields(answer) == faulty
    assert len(answer.text) < 600
    assert site.get("/api/credentials").json["items"] == []


@pytest.mark.parametrize(
    "value",
    [
        "пароль-🔑-密码",
        "line one\nline two\nline three",
        "tab\tbed",
        "  spaces around  ",
        "x" * 65_536,
        "{{ params.x }}",
        "${HOME}",
        "%00%0a",
    ],
)
def test_odd_values_arrive_as_they_are(site: Site, value: str) -> None:
    store(site, value=value + "\n")
    site.upstream.handle("/take", lambda request: Reply(body=json.dumps({"n": len(request.body)}).encode()))
    define(site, {"method": "POST", "url": site.upstream.url("/take"), "json": {"key": '{{ credential("media") }}'}})
    run(site)
    assert site.upstream.last("/take").json() == {"key": value}


def test_a_value_with_a_line_break_cannot_become_a_header(site: Site) -> None:
    store(site, value="one\r\nX-Evil: 1")
    define(site, {"url": site.upstream.url("/value"), "headers": {"X-Key": '{{ credential("media") }}'}})
    assert run(site, status=502) == "The request header X-Key holds a line break, which is not allowed."
    assert site.upstream.count("/value") == 0


def test_a_name_may_be_any_words(site: Site) -> None:
    store(site, "Küche – Zähler (alt)")
    name = quote("Küche – Zähler (alt)")
    assert site.get(f"/api/credentials/{name}").json["name"] == "Küche – Zähler (alt)"
    problem(site.post("/api/credentials", {"name": "Küche – Zähler (alt)", "value": "x", "hosts": ["a.lan"]}), 409)
    problem(site.get("/api/credentials/other"), 404)
    problem(site.patch("/api/credentials/other", {"value": "x"}), 404)
    problem(site.delete("/api/credentials/other"), 404)


# ---- used


@pytest.mark.parametrize(
    ("source", "where"),
    [
        ({"headers": {"X-Key": 'Key {{ credential("media") }}!'}}, lambda seen: seen.headers["x-key"] == f"Key {VALUE}!"),
        ({"auth": {"kind": "bearer", "token": '{{ credential("media") }}'}}, lambda seen: seen.headers["authorization"] == f"Bearer {VALUE}"),
        (
            {"auth": {"kind": "basic", "username": "me", "password": '{{ credential("media") }}'}},
            lambda seen: base64.b64decode(seen.headers["authorization"][6:]).decode() == f"me:{VALUE}",
        ),
        ({"query": {"key": '{{ credential("media") }}'}}, lambda seen: seen.query["key"] == [VALUE]),
        ({"query": {"key": '{{ credential("media") | urlencode }}'}}, lambda seen: seen.query["key"] == [VALUE]),
        ({"method": "POST", "json": {"a": ['{{ credential("media") }}']}}, lambda seen: seen.json() == {"a": [VALUE]}),
        ({"method": "POST", "body": '{"a": "{{ credential("media") }}"}'}, lambda seen: seen.json() == {"a": VALUE}),
        (
            {"method": "POST", "body": "key={{ credential('media') }}", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
            lambda seen: seen.body.decode() == f"key={quote(VALUE, safe='')}",
        ),
    ],
)  # fmt: skip
def test_it_stands_wherever_a_request_needs_it_and_nowhere_else(site: Site, source: dict[str, Any], where: Any) -> None:
    store(site)
    echo(site)
    define(site, {"url": site.upstream.url("/echo"), **source})
    text = json.dumps(run(site), ensure_ascii=False)
    assert where(site.upstream.last("/echo"))
    assert "••••••••" in text
    for form in (VALUE, quote(VALUE, safe=""), VALUE.encode().hex(), base64.b64encode(VALUE.encode()).decode()[:-4]):
        assert form not in text


def test_in_the_path_of_an_address_it_is_one_part(site: Site) -> None:
    store(site, value="a/b?c#d e")
    define(site, {"url": site.upstream.url("/key/") + "{{ credential('media') }}/state"})
    site.upstream.handle("/key/a%2Fb%3Fc%23d%20e/state", lambda _: Reply(body=b'{"ok": 1}'))
    run(site)
    assert "a/b?c#d e" not in site.get("/api/custom-widgets/media").text


def test_a_session_login_may_use_it(site: Site) -> None:
    store(site)
    site.upstream.json("/login", {"sid": "abc"})
    auth = {
        "kind": "session",
        "login": {"url": site.upstream.url("/login"), "form": {"password": '{{ credential("media") }}'}},
        "token": "sid",
    }
    define(site, {"url": site.upstream.url("/value"), "auth": auth})
    assert run(site) == {"value": 1}
    assert site.upstream.last("/login").body.decode() == f"password={quote(VALUE, safe='')}"
    assert site.upstream.last("/value").headers["authorization"] == "Bearer abc"


def test_the_session_that_it_opens_goes_to_no_other_host(site: Site) -> None:
    store(site)
    site.upstream.json("/login", {"sid": "abc"})
    auth = {
        "kind": "session",
        "login": {"url": site.upstream.url("/login"), "json": {"password": '{{ credential("media") }}'}},
        "token": "sid",
    }
    define(
        site,
        {"url": site.upstream.url("/value", "127.0.0.2"), "auth": auth},
        hosts=["127.0.0.1", "127.0.0.2"],
    )
    assert "not for 127.0.0.2" in run(site, status=502)
    assert (site.upstream.count("/login"), site.upstream.count("/value")) == (0, 0)


def test_another_host_is_refused_before_it_is_asked(site: Site) -> None:
    store(site, hosts=["media.lan", "127.0.0.9:1"])
    define(site, {"url": site.upstream.url("/value"), "headers": {"X-Key": '{{ credential("media") }}'}})
    sentence = run(site, status=502)
    assert sentence.startswith("The credential “media” is for media.lan, 127.0.0.9:1 only, and not for 127.0.0.1;")
    assert site.upstream.count("/value") == 0
    assert site.patch("/api/credentials/media", {"hosts": ["127.0.0.1"]}).status_code == 200
    assert run(site) == {"value": 1}
    assert site.upstream.last("/value").headers["x-key"] == VALUE


@pytest.mark.parametrize(
    "how",
    [
        {"headers": {"X-Key": '{{ credential("media") }}'}},
        {"query": {"key": '{{ credential("media") }}'}},
        {"method": "POST", "json": {"key": '{{ credential("media") }}'}},
        {"auth": {"kind": "bearer", "token": '{{ credential("media") }}'}},
    ],
)  # fmt: skip
def test_a_redirect_to_another_host_is_refused(site: Site, how: dict[str, Any]) -> None:
    store(site)
    site.upstream.redirect("/first", "/go", status=307)
    site.upstream.redirect("/go", site.upstream.url("/value", "127.0.0.2"), status=307)
    define(site, {"url": site.upstream.url("/first"), **how}, hosts=["127.0.0.1", "127.0.0.2"])
    assert "not for 127.0.0.2" in run(site, status=502)
    assert site.upstream.count("/value") == 0


@pytest.mark.parametrize(
    "expression",
    [
        '{{ credential("media") | reverse }}', '{{ credential("media")[:5] }}', '{{ credential("media") | b64 }}',
        '{{ credential("media") | upper }}', '{{ credential("media") | list | join("_") }}',
        '{% for c in credential("media") %}{{ c }}.{% endfor %}', '{{ credential("media") | replace("cred", "x") }}',
        '{% if credential("media").startswith("s3cr3t") %}yes{% endif %}', '{{ credential("media") | length }}',
    ],
)  # fmt: skip
def test_no_expression_can_change_or_measure_a_value(site: Site, expression: str) -> None:
    store(site)
    define(site, {"url": site.upstream.url("/value"), "headers": {"X-Out": expression, "X-N": "1"}})
    run(site)
    seen = json.dumps(site.upstream.last("/value").headers)
    for part in (
        VALUE,
        VALUE[::-1],
        VALUE[:5],
        VALUE.upper(),
        ".".join(VALUE),
        "yes",
        base64.b64encode(VALUE.encode()).decode(),
    ):
        assert part not in seen
    assert site.upstream.last("/value").headers.get("x-out") != str(len(VALUE))


def test_a_host_header_cannot_lead_it_to_another_site_of_the_same_server(site: Site) -> None:
    store(site)
    headers = {"X-Key": '{{ credential("media") }}', "Host": "internal.lan"}
    define(site, {"url": site.upstream.url("/value"), "headers": headers}, hosts=["127.0.0.1", "internal.lan"])
    assert "not for internal.lan" in run(site, status=502)
    define(
        site,
        {"url": site.upstream.url("/value"), "headers": {"Host": "internal.lan"}},
        slug="other",
        hosts=["127.0.0.1"],
    )
    assert "may not ask internal.lan" in run(site, "other", 502)
    assert site.upstream.count("/value") == 0


def test_it_cannot_be_part_of_a_name(site: Site) -> None:
    store(site)
    define(site, {"url": "http://{{ credential('media') }}.evil.example/"}, hosts=["*"])
    assert "cannot be part of a host's name" in run(site, status=502)


@pytest.mark.parametrize(
    "expression",
    [
        "{{ credential(5) }}",
        "{{ credential() }}",
        "{{ credential('a', 'b') }}",
        "{{ credential.__init__ }}",
        "{{ credential._call }}",
    ],
)
def test_credential_takes_one_name_and_opens_nothing(site: Site, expression: str) -> None:
    store(site)
    define(site, {"url": site.upstream.url("/value"), "headers": {"X-Key": expression}})
    sentence = run(site, status=502)
    assert "Traceback" not in sentence
    assert site.upstream.count("/value") == 0


def test_a_changed_value_is_used_at_once_and_failing_widgets_try_again(site: Site) -> None:
    store(site, value="wrong")
    site.upstream.handle(
        "/keyed", lambda seen: Reply(200 if seen.headers.get("x-key") == "right" else 401, b'{"ok": 1}')
    )
    define(site, {"url": site.upstream.url("/keyed"), "headers": {"X-Key": '{{ credential("media") }}'}})
    widget = site.widget("media")
    problem(site.post(f"/api/widgets/{widget}/refresh"), 502)
    assert site.patch("/api/credentials/media", {"value": "right"}).status_code == 200
    until(lambda: site.get(f"/api/widgets/{widget}/data").json.get("data") == {"ok": 1})
    assert site.get("/api/credentials/media").json["hosts"] == ["127.0.0.1"]


@pytest.mark.parametrize("by_cookie", [True, False])
def test_what_a_login_gave_is_hidden_where_the_upstream_shows_it(site: Site, by_cookie: bool) -> None:
    session = "0f9e8d7c-given-by-the-login"
    head = {"Set-Cookie": f"sid={session}; Path=/; HttpOnly"} if by_cookie else {}
    site.upstream.handle("/login", lambda _: Reply(body=json.dumps({"sid": session}).encode(), headers=head))
    echo(site)
    auth = {"kind": "session", "login": {"url": site.upstream.url("/login"), "json": {"password": "x"}}}
    define(site, {"url": site.upstream.url("/echo"), "auth": auth if by_cookie else {**auth, "token": "sid"}})
    widget = site.widget("media")
    for _ in range(2):  # by its own login, then with the session that is kept
        site.post(f"/api/widgets/{widget}/refresh")
        paths = (f"/api/widgets/{widget}/explain", f"/api/widgets/{widget}/data", f"/widgets/{widget}/explain")
        text = "".join(site.get(path).text for path in paths)
        assert "••••••••" in text
        assert session not in text
    sent = site.upstream.last("/echo").headers
    assert session in sent["cookie" if by_cookie else "authorization"]


def test_it_shows_nowhere_even_where_the_upstream_sends_it_back(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store(site)
    echo(site)
    how = {"headers": {"X-Key": '{{ credential("media") }}'}, "query": {"k": '{{ credential("media") }}'}}
    define(site, {"url": site.upstream.url("/echo"), **how})
    widget = site.widget("media")
    site.post(f"/api/widgets/{widget}/refresh")
    site.upstream.answer("/echo", f"no {VALUE} here".encode(), status=200)
    site.post(f"/api/widgets/{widget}/refresh")
    slug = site.runtime.dashboards.all()[0].slug
    pages = [
        f"/api/widgets/{widget}/explain", f"/api/widgets/{widget}/data", f"/widgets/{widget}/explain", f"/d/{slug}",
        f"/api/dashboards/{slug}/export", "/api/snapshot?format=json", "/api/snapshot?format=markdown", "/settings/about",
    ]  # fmt: skip
    text = "".join(site.get(path).text for path in pages) + caplog.text
    for form in (VALUE, quote(VALUE, safe=""), VALUE.replace("&", "&amp;"), VALUE.encode().hex()):
        assert form not in text
    assert "••••••••" in text


def test_a_secret_param_is_hidden_in_the_answer_too(site: Site) -> None:
    echo(site)
    widget = site.widget("anything", "/echo", params={"token": "the-token-of-a-widget"})
    found = site.post(f"/api/widgets/{widget}/refresh")
    assert site.upstream.last("/echo").headers["authorization"] == "Bearer the-token-of-a-widget"
    assert found.status_code == 200
    assert "the-token-of-a-widget" not in found.text


# ---- the environment, for manifests on disk only


def test_a_manifest_on_disk_may_use_the_environment(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pw").write_text("from-a-file\n")
    monkeypatch.setenv("PROBE_TOKEN", "token-{{ params.x }}")
    monkeypatch.setenv("PROBE_HOST", "127.0.0.1")
    monkeypatch.setenv("PROBE_PW_FILE", str(tmp_path / "pw"))
    echo(site)
    site.add_folder(
        "env",
        f"""
name: Env
params: {{type: object, properties: {{x: {{type: string, default: "${{PROBE_TOKEN}}"}}}}}}
source:
  kind: http
  url: "http://${{PROBE_HOST}}:{site.upstream.port}/echo"
  headers: {{X-Key: "${{PROBE_TOKEN}}", X-Pw: "${{PROBE_PW}}", X-Param: "{{{{ params.x }}}}", X-Self: "$${{PROBE_TOKEN}}"}}
""",
    )
    site.runtime.definitions.rescan()
    text = json.dumps(run(site, "env"), ensure_ascii=False)
    seen = site.upstream.last("/echo").headers
    assert (seen["x-key"], seen["x-pw"]) == ("token-{{ params.x }}", "from-a-file")
    assert seen["x-param"] == seen["x-self"] == "${PROBE_TOKEN}", "a param is never taken for a variable"
    assert "from-a-file" not in text
    assert "token-{{" not in text
    assert "127.0.0.1" in text


def test_a_variable_that_is_not_set_is_named(site: Site) -> None:
    site.add_folder("env", 'name: Env\nsource: {kind: http, url: "http://a.lan/${NOT_SET_ANYWHERE}"}\n')
    site.add_folder("own", 'name: Own\nsource: {kind: http, url: "http://a.lan/${GLANCE_PASSWORD}"}\n')
    site.runtime.definitions.rescan()
    assert "asks for NOT_SET_ANYWHERE, which is not in the environment" in run(site, "env", 502)
    assert "a setting of Glance itself" in run(site, "own", 502)


def test_a_definition_of_the_api_gets_nothing_from_the_environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBE_TOKEN", "never-to-be-seen")
    define(site, {"url": site.upstream.url("/value"), "headers": {"X-Key": "${PROBE_TOKEN}"}})
    run(site)
    assert site.upstream.last("/value").headers["x-key"] == "${PROBE_TOKEN}"


# ---- the hosts of definitions that came through the API or an import


def token(site: Site, *scopes: str) -> str:
    made = site.post("/api/tokens", {"name": "one", "scopes": list(scopes)})
    assert made.status_code == 201, made.text
    return str(made.json["token"])


def test_who_has_not_the_scope_admin_does_not_agree_by_sending(site: Site) -> None:
    writer = token(site, "read", "write")
    body = {**MANIFEST, "slug": "theirs", "source": {"kind": "http", "url": site.upstream.url("/value")}}
    made = site.post("/api/custom-widgets", body, token=writer)
    host = f"127.0.0.1:{site.upstream.port}"
    assert made.json["hosts"] == {"agreed": [], "waiting": [host]}
    widget = site.widget("theirs", params={})
    assert "nobody has agreed" in problem(site.post(f"/api/widgets/{widget}/refresh"), 502)["detail"]
    assert site.upstream.count("/value") == 0
    problem(site.put("/api/custom-widgets/theirs/hosts", {"hosts": [host]}, token=writer), 403)
    assert site.put("/api/custom-widgets/theirs/hosts", {"hosts": [host]}).json == {"agreed": [host], "waiting": []}
    until(lambda: site.get(f"/api/widgets/{widget}/data").json.get("data") == {"value": 1})
    assert site.upstream.count("/value") == 1


def test_a_change_that_names_another_host_waits_for_an_agreement(site: Site) -> None:
    writer = token(site, "read", "write")
    define(site, {"url": site.upstream.url("/value")})
    changed = {"source": {"kind": "http", "url": site.upstream.url("/value", "127.0.0.2")}}
    answer = site.patch("/api/custom-widgets/media", changed, token=writer)
    assert answer.json["hosts"]["waiting"] == [f"127.0.0.2:{site.upstream.port}"]
    assert "may not ask 127.0.0.2" in run(site, status=502)


def test_a_host_that_the_owner_writes_into_a_widget_needs_no_other_agreement(site: Site) -> None:
    define(site, {"url": "{{ params.url }}"})
    manifest = {"params": {"type": "object", "properties": {"url": {"type": "string", "format": "url"}}}}
    assert site.patch("/api/custom-widgets/media", manifest).status_code == 200
    widget = site.widget("media", params={"url": site.upstream.url("/value", "localhost")})
    assert site.post(f"/api/widgets/{widget}/refresh").json["data"] == {"value": 1}


def test_what_is_imported_asks_nothing_that_was_not_agreed_to(site: Site) -> None:
    define(site, {"url": site.upstream.url("/value")})
    site.widget("media")
    slug = site.runtime.dashboards.all()[0].slug
    exported = site.get(f"/api/dashboards/{slug}/export").json
    for entry in exported["custom_widgets"]:
        if entry["slug"] == "media":
            entry["name"] = "Imported"
    host = f"127.0.0.1:{site.upstream.port}"
    plan = site.post("/api/dashboards/import?preview=1", exported).json
    assert plan["hosts"]["custom_widgets"] == {"media-2": [host]}
    made = site.post("/api/dashboards/import", exported)
    assert made.status_code == 201
    assert "nobody has agreed" in run(site, "media-2", 502)
    again = site.post("/api/dashboards/import", {**exported, "agreed_hosts": [host, "not-named.example"]})
    assert again.status_code == 201
    assert run(site, "media-3") == {"value": 1}
    assert site.get("/api/custom-widgets/media-3/hosts").json["agreed"] == [host]
    writer = token(site, "read", "write")
    problem(site.post("/api/dashboards/import", {**exported, "agreed_hosts": [host]}, token=writer), 403)


def test_a_folder_is_trusted_with_every_host(site: Site) -> None:
    assert site.get("/api/custom-widgets/probe/hosts").json == {"agreed": ["*"], "waiting": []}
    problem(site.put("/api/custom-widgets/probe/hosts", {"hosts": ["a.lan"]}), 409)
    assert fields(site.put("/api/custom-widgets/probe/hosts", {"hosts": ["no host"]})) == {"hosts"}


def test_a_definition_from_before_agreements_keeps_asking_what_it_names(site: Site) -> None:
    define(site, {"url": site.upstream.url("/value")}, hosts=[])
    assert "may not ask" in run(site, status=502)
    with site.runtime.db.write() as con:
        con.execute("UPDATE custom_widgets SET hosts = NULL WHERE slug = 'media'")
    site.runtime.definitions.rescan()
    assert run(site) == {"value": 1}
    assert site.get("/api/custom-widgets/media/hosts").json["waiting"] == []


# ---- the key


def lose_key(site: Site, to: bytes) -> None:
    (site.settings.data / "secret.key").write_bytes(to)


@pytest.mark.parametrize("damage", [b"", b"short", b"\x00" * 64, b"f" * 64, b"\xff" * 5000])
def test_a_lost_key_loses_the_secrets_and_nothing_else_and_says_so(
    site: Site, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    store(site)
    define(site, {"url": site.upstream.url("/value"), "headers": {"X-Key": '{{ credential("media") }}'}})
    widget = site.widget("probe", params={"token": "of-the-widget"})
    site.post(f"/api/widgets/{widget}/refresh")
    site.runtime.stop()
    lose_key(site, damage)
    caplog.clear()
    with Restarted(site):
        assert "2 secrets cannot be read" in caplog.text
        assert "the credential “media”" in caplog.text
        assert f"token of the widget {widget}" in caplog.text
        assert site.get("/api/credentials/media").json["state"] == "lost"
        page = site.get("/settings/credentials").text
        assert page.count("Enter again") == 2
        assert "enter it again under Settings, Credentials" in run(site, status=502)
        assert site.get(f"/api/widgets/{widget}/data").json["data"] == {"value": 1}
        assert "Enter it again" in site.post(f"/api/widgets/{widget}/refresh").text
        store_again = site.patch("/api/credentials/media", {"value": "new"})
        assert store_again.json["state"] == "ok"
        run(site)
        assert site.upstream.last("/value").headers["x-key"] == "new"


@pytest.mark.parametrize(
    "damage", [b"half a k", b"\0" * 64, bytes(range(56, 256)), b"0f" * 16 + b"\0" * 32, b"0f" * 40]
)
def test_a_damaged_key_file_is_kept_beside_the_new_one(site: Site, damage: bytes) -> None:
    store(site)
    site.runtime.stop()
    lose_key(site, damage)
    with Restarted(site):
        assert site.get("/api/credentials/media").json["state"] == "lost"
        kept = list(site.settings.data.glob("secret.key.damaged-*"))
        assert [path.read_bytes() for path in kept] == [damage]
        assert (site.settings.data / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_the_owner_wrote_is_known_by_what_it_opens(site: Site) -> None:
    own = b"a sentence of my own, of which nobody knows\n"
    (site.settings.data / "secret.key").write_bytes(own)
    text = SecretBox(site.settings.data, own.decode().strip()).encrypt(VALUE)
    CredentialRows(site.runtime.db).create("media", text, ["127.0.0.1"])
    CredentialRows(site.runtime.db).create("older", text[9:], ["127.0.0.1"])
    site.runtime.stop()
    with Restarted(site):
        assert site.get("/api/credentials/media").json["state"] == "ok"
        assert (site.settings.data / "secret.key").read_bytes() == own


@pytest.mark.parametrize(
    "own",
    [b"a sentence of my own, of which nobody knows\n", b"0123456789ABCDEF" * 4, b"\xef\xbb\xbf" + b"0f" * 32, "grüne Möhren im März, jeden Tag".encode()],
)  # fmt: skip
def test_a_key_that_the_owner_wrote_is_taken_while_nothing_is_stored(tmp_path: Path, own: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(own)
    sealed = SecretBox(tmp_path).encrypt(VALUE)
    assert (tmp_path / "secret.key").read_bytes() == own
    assert SecretBox(tmp_path, sealed=lambda: [sealed]).decrypt(sealed) == VALUE
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 64, b"0f" * 16 + b"\0" * 32, bytes(range(56, 256))])
def test_what_is_no_text_is_no_key_even_while_nothing_is_stored(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(damage)
    SecretBox(tmp_path).encrypt(VALUE)
    assert [path.read_bytes() for path in tmp_path.glob("secret.key.damaged-*")] == [damage]


def test_a_key_that_is_a_link_to_nowhere_is_a_lost_one(site: Site) -> None:
    store(site)
    site.runtime.stop()
    (site.settings.data / "secret.key").unlink()
    (site.settings.data / "secret.key").symlink_to("/nowhere/secret.key")
    with Restarted(site):
        assert site.get("/api/credentials/media").json["state"] == "lost"
        assert (site.settings.data / "secret.key").is_file()


def test_a_key_that_others_can_read_is_taken_from_them(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    store(site)
    site.runtime.stop()
    (site.settings.data / "secret.key").chmod(0o644)
    caplog.clear()
    with Restarted(site):
        assert site.get("/api/credentials/media").json["state"] == "ok"
        assert "could be read by others" in caplog.text
        assert (site.settings.data / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_came_back_reads_everything_again(site: Site) -> None:
    store(site)
    key = (site.settings.data / "secret.key").read_bytes()
    site.runtime.stop()
    lose_key(site, b"0" * 64)
    with Restarted(site):
        assert site.get("/api/credentials/media").json["state"] == "lost"
    lose_key(site, key)
    with Restarted(site):
        assert site.get("/api/credentials/media").json["state"] == "ok"


class Restarted:
    """The site again, on the same data."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __enter__(self) -> None:
        from glance.web.application import create_app

        self._site.runtime = Runtime(self._site.settings, clock=self._site.clock)
        self._site.app = create_app(self._site.runtime)
        self._site.runtime.start()
        self._site.client = self._site.app.test_client()

    def __exit__(self, *_: object) -> None:
        self._site.runtime.stop()


# ---- Settings, Credentials


def send(site: Site, path: str, **values: str) -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return site.client.post(path, data=values, headers=headers)


def test_a_credential_is_stored_replaced_and_removed_in_the_browser(site: Site) -> None:
    made = send(
        site, "/settings/credentials", name="Media server", hosts="http://media.lan:8096/x, 127.0.0.1", value=VALUE
    )
    assert made.status_code == 303
    one = site.get("/api/credentials/Media%20server").json
    assert one["hosts"] == ["media.lan:8096", "127.0.0.1"]
    page = site.get("/settings/credentials")
    assert "Media server" in page.text
    assert "media.lan:8096, 127.0.0.1" in page.text
    assert "Unused" in page.text
    assert VALUE not in page.text
    assert "style=" not in page.text
    site.clock.now += 60
    assert send(site, "/settings/credentials", replace="Media server", hosts="127.0.0.1", value="").status_code == 303
    kept = site.get("/api/credentials/Media%20server").json
    assert (kept["hosts"], kept["set_at"]) == (["127.0.0.1"], one["set_at"])
    define(site, {"url": site.upstream.url("/value"), "headers": {"X-Key": '{{ credential("Media server") }}'}})
    site.post(f"/api/widgets/{site.widget('media')}/refresh")
    assert site.upstream.last("/value").headers["x-key"] == VALUE
    page = site.get("/settings/credentials?replace=Media+server").text
    assert "Works" in page
    assert "Replace Media server" in page
    assert send(site, "/settings/credentials/remove", name="Media server").status_code == 303
    assert site.get("/api/credentials").json["items"] == []
    assert site.get("/settings/credentials?replace=Media+server").status_code == 404


def test_what_does_not_fit_is_said_at_its_field_and_the_value_never_comes_back(site: Site) -> None:
    answer = send(site, "/settings/credentials", name='a"b', hosts="*", value=VALUE)
    assert answer.status_code == 422
    assert answer.text.count('role="alert"') == 2
    assert VALUE not in answer.text
    store(site, "taken")
    again = send(site, "/settings/credentials", name="taken", hosts="a.lan", value=VALUE)
    assert again.status_code == 422
    assert "is taken already" in again.text


def test_hosts_are_agreed_to_in_the_browser(site: Site) -> None:
    site.runtime.definitions.save(
        {**MANIFEST, "source": {"kind": "http", "url": site.upstream.url("/value")}}, slug="theirs"
    )
    host = f"127.0.0.1:{site.upstream.port}"
    page = site.get("/settings/credentials").text
    assert "It wants to ask" in page
    assert f"Allow {host}" in page
    assert "may not ask 127.0.0.1" in run(site, "theirs", 502)
    assert send(site, "/settings/credentials/hosts", slug="theirs", hosts="no host!").status_code == 422
    assert send(site, "/settings/credentials/hosts", slug="theirs", hosts="a.lan", also=host).status_code == 303
    assert site.get("/api/custom-widgets/theirs/hosts").json["agreed"] == ["a.lan", host]
    assert "It wants to ask" not in site.get("/settings/credentials").text
    assert run(site, "theirs") == {"value": 1}


def test_an_import_in_the_browser_asks_for_its_hosts_first(site: Site) -> None:
    define(site, {"url": "https://api.example.org/x"})
    site.widget("media")
    site.widget("probe", params={"url": "http://192.168.1.77/reboot"})
    slug = site.runtime.dashboards.all()[0].slug
    exported = site.get(f"/api/dashboards/{slug}/export").json
    for entry in exported["custom_widgets"]:
        if entry["slug"] == "media":
            entry["name"] = "Imported"
    text = json.dumps(exported)
    shown = send(site, "/dashboards/import", document=text, do="preview").text
    assert 'value="api.example.org 192.168.1.77"' in shown
    refused = send(site, "/dashboards/import", document=text, do="import")
    assert refused.status_code == 422
    assert "Say first that it may ask these hosts" in refused.text
    assert len(site.runtime.dashboards.all()) == 1
    done = send(site, "/dashboards/import", document=text, do="import", agree="api.example.org 192.168.1.77")
    assert done.status_code == 303
    assert site.runtime.definitions.get("media-2").agreed == ("api.example.org",)


def test_monitors_of_the_api_ask_agreed_hosts_only(site: Site) -> None:
    checks = [
        {"name": "Door", "host": "127.0.0.1", "port": site.upstream.port},
        {"name": "Meta", "url": "tcp://169.254.169.254:80"},
    ]
    body = {"slug": "watch", "name": "Watch", "source": {"kind": "monitor", "checks": checks}, "template": "x"}
    assert site.post("/api/custom-widgets", body).status_code == 201
    door, meta = run(site, "watch")["checks"]
    assert door["state"] == "up"
    assert "Glance never connects there" in meta["error"]
    assert site.ask("PUT", "/api/custom-widgets/watch/hosts", {"hosts": []}).status_code == 200
    assert "may not ask 127.0.0.1" in run(site, "watch")["checks"][0]["error"]


def test_a_value_of_blanks_only_is_refused(site: Site) -> None:
    answer = site.post("/api/credentials", {"name": "blank", "value": " \t\u00a0 ", "hosts": ["127.0.0.1"]})
    assert "holds nothing but blanks" in problem(answer, 422)["errors"][0]["message"]


def test_a_name_in_a_sentence_holds_no_control_characters(site: Site) -> None:
    define(site, {"url": site.upstream.url("/value"), "headers": {"X-Key": '{{ credential("a\x1b[31mb\n\u202ec") }}'}})
    assert "There is no credential named “a[31mb c”" in run(site, status=502)
