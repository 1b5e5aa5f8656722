"""Widget code as a source: from the API through the cage into the cache, with the hosts, credentials and limits it is given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glance.errors import Conflict, FetchError
from glance.sandbox import selftest
from glance.sandbox.host import Sandbox
from glance.sources import code as code_kind
from glance.widget_code import ENABLED, TESTED, WidgetCode
from tests.api_site import Site, fields, problem
from tests.upstream import Reply, Seen


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def site(whole: Site) -> Site:
    """One site for all, with code turned on and nothing asked of the upstream yet."""
    if not whole.runtime.code.enabled:
        whole.runtime.code.turn_on()
    whole.upstream.forget()
    return whole


def make(site: Site, code: str, *, hosts: list[str] | None = None, **more: Any) -> str:
    """Make a custom widget with code; its slug."""
    manifest = {
        "name": "Coded",
        "source": {"kind": "code"},
        "server_code": code,
        "template": "<p>{{ data }}</p>",
        "hosts": ["127.0.0.1"] if hosts is None else hosts,
        **more,
    }
    answer = site.post("/api/custom-widgets", manifest)
    assert answer.status_code == 201, answer.text
    return str(answer.json["slug"])


def execute(site: Site, slug: str, **body: Any) -> Any:
    return site.post(f"/api/custom-widgets/{slug}/execute", body)


def data_of(site: Site, code: str, **how: Any) -> Any:
    params = how.pop("params", None)
    answer = execute(site, make(site, code, **how), **({} if params is None else {"params": params}))
    assert answer.status_code == 200, answer.text
    return answer.json["data"]


def refused(site: Site, code: str, status: int = 502, **how: Any) -> str:
    return str(problem(execute(site, make(site, code, **how)), status)["detail"])


# The road through the cache


def test_code_fills_the_cache_as_any_other_source_does(site: Site) -> None:
    slug = make(site, f"return {{'v': fetch('{site.upstream.url('/value')}').json()['value']}}")
    widget = site.widget(slug)
    site.upstream.forget()
    site.runtime.refresher.forget(widget)
    first = execute(site, slug, widget_instance_id=widget)
    assert (first.json["data"], first.json["cached"]) == ({"v": 1}, False)
    asked = site.upstream.count("/value")
    second = execute(site, slug, widget_instance_id=widget)
    assert (second.json["data"], second.json["cached"]) == ({"v": 1}, True)
    assert site.upstream.count("/value") == asked
    assert site.get(f"/api/widgets/{widget}/data").json["data"] == {"v": 1}


def test_changed_code_misses_the_cache(site: Site) -> None:
    slug = make(site, "return 1")
    widget = site.widget(slug)
    assert execute(site, slug, widget_instance_id=widget).json["data"] == 1
    assert site.patch(f"/api/custom-widgets/{slug}", {"server_code": "return 2"}).status_code == 200
    assert execute(site, slug, widget_instance_id=widget).json["data"] == 2


def test_code_gets_the_params_of_the_widget(site: Site) -> None:
    params = {"type": "object", "properties": {"city": {"type": "string", "default": "Bonn"}}}
    assert data_of(site, "return params", params=None) == {}
    slug = make(site, "return params['city']", params=params)
    assert execute(site, slug).json["data"] == "Bonn"
    assert execute(site, slug, params={"city": "Köln"}).json["data"] == "Köln"


def test_what_looks_like_an_expression_in_code_is_the_codes_own(site: Site) -> None:
    assert (
        data_of(site, "x = 1\nreturn f'{{{x}}} {{{{ params.city }}}} {{% if %}}'") == "{1} {{ params.city }} {% if %}"
    )


def test_an_answer_that_does_not_fit_the_schema_is_a_failure(site: Site) -> None:
    detail = refused(site, "return {'a': 1}", data_schema={"type": "object", "required": ["b"]})
    assert detail.startswith("The answer does not fit")


def test_what_code_returns_can_be_picked_from(site: Site) -> None:
    source = {"kind": "code", "pick": "main.temp"}
    assert data_of(site, "return {'main': {'temp': 21.5}}", source=source) == 21.5


def test_log_and_requests_of_a_run_are_kept_for_the_author(site: Site) -> None:
    definition = site.runtime.definitions.get(make(site, f"log('a')\nfetch('{site.upstream.url('/value')}')\nreturn 1"))
    trial = site.runtime.refresher.test(definition, {})
    assert trial.notes == ("a",)
    assert [(one.method, one.status) for one in trial.exchanges] == [("GET", 200)]


# Requests


def test_a_request_says_what_the_code_says(site: Site) -> None:
    site.upstream.json("/post", {"ok": True})
    code = (
        f"a = fetch('{site.upstream.url('/post')}', method='post', headers={{'X-A': 'b', 'X-None': None}}, json={{'n': 1}},"
        " query={'q': 'ä b', 'no': None, 'l': [1, 2]})\nreturn [a.status, a.ok, a.json(), a.headers['content-type']]"
    )
    data = data_of(site, code)
    assert data[:3] == [200, True, {"ok": True}]
    assert data[3].startswith("application/json")
    seen = site.upstream.last()
    assert (seen.method, seen.query) == ("POST", {"q": ["ä b"], "l": ["1", "2"]})
    assert json.loads(seen.body) == {"n": 1}
    assert seen.headers["x-a"] == "b"
    assert "x-none" not in {name.lower() for name in seen.headers}


def test_every_status_is_an_answer_to_code(site: Site) -> None:
    site.upstream.json("/gone", {"why": "moved"}, status=404)
    assert data_of(site, f"a = fetch('{site.upstream.url('/gone')}')\nreturn [a.status, a.ok, a.json()]") == [
        404,
        False,
        {"why": "moved"},
    ]
    detail = refused(site, f"x = 1\nfetch('{site.upstream.url('/gone')}').raise_for_status()\nreturn 1")
    assert detail == "Line 2 of the code: The answer has the status 404."


def test_a_fetch_to_a_host_nobody_agreed_to_is_refused_with_its_line(site: Site) -> None:
    for host in ("example.org", "localhost", "127.0.0.2", "[::1]"):
        detail = refused(site, f"log('x')\nreturn fetch('http://{host}:{site.upstream.port}/value').json()")
        assert detail.startswith("Line 2 of the code: “Coded” may not ask"), detail
    assert "may not ask 127.0.0.1" in refused(site, f"return fetch('{site.upstream.url('/value')}').text", hosts=[])
    assert site.upstream.count() == 0


def test_a_redirect_to_a_host_nobody_agreed_to_is_not_followed(site: Site) -> None:
    site.upstream.redirect("/away", f"http://localhost:{site.upstream.port}/value")
    assert "may not ask localhost" in refused(site, f"return fetch('{site.upstream.url('/away')}').json()")
    assert site.upstream.count("/value") == 0


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/latest", "http://[fe80::1]/", "http://2852039166/", "http://0.0.0.0/", "http://[::]/"],
)
def test_an_agreed_host_may_still_be_one_that_nothing_connects_to(site: Site, url: str) -> None:
    detail = refused(site, f"return fetch('{url}').text", hosts=["*"])
    assert "never connects there" in detail, detail


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/", "gopher://x/", "unix:/var/run/docker.sock:/info", "", "x"]
)
def test_other_addresses_are_refused(site: Site, url: str) -> None:
    detail = refused(site, f"return fetch({url!r}).text")
    assert detail.startswith("Line 1 of the code: ")
    assert site.upstream.count() == 0


@pytest.mark.parametrize(
    "more", ["headers={'A': 'b\\r\\nX: y'}", "method='GET / HTTP/1.1\\r\\nX: y\\r\\n'", "headers={'A b': 'c'}"]
)
def test_a_request_cannot_be_split(site: Site, more: str) -> None:
    assert refused(site, f"return fetch('{site.upstream.url('/value')}', {more}).text").startswith(
        "Line 1 of the code: "
    )
    assert site.upstream.count() == 0


@pytest.mark.parametrize(
    "more",
    [
        "auth={'kind': 'session', 'login': {'url': ['x']}}",
        "auth={'kind': 'session', 'login': 'x'}",
        "auth={'kind': 'session', 'login': {'url': '/l', 'headers': 'x', 'method': {}}}",
        "auth={'kind': 'session', 'login': {'url': 'http://169.254.169.254/'}}",
        "auth={'kind': 'session', 'login': {'url': '/x', 'json': {}}, 'token': '[[['}",
        "auth={'kind': ['basic']}",
        "auth={'kind': 'made up'}",
        "auth={'kind': 'header', 'name': 'A\\r\\nB', 'value': 'x'}",
        "headers={'': 'x'}",
        "headers={'A': 'x' * 900_000}",
        "headers={'Host': 'example.org\\n'}",
        "headers={'A': '\\x00'}",
        "method=''",
        "method='x' * 100_000",
        "body='x', json={}, method='TRACE'",
    ],
)  # fmt: skip
def test_whatever_code_puts_into_a_request_ends_in_a_sentence(site: Site, more: str) -> None:
    detail = refused(site, f"a = fetch('{site.upstream.url('/value')}', {more})\na.raise_for_status()\nreturn 1 / 0")
    assert "unexpected way" not in detail
    assert detail.startswith("Line ")


def test_a_request_without_any_time_is_a_timeout(site: Site) -> None:
    for timeout in (0, -1):
        detail = refused(site, f"return fetch('{site.upstream.url('/value')}', timeout={timeout}).text", status=504)
        assert detail.startswith("Line 1 of the code: The time limit was over")


def test_an_answer_that_is_too_large_is_refused(site: Site) -> None:
    site.upstream.stream("/endless")
    assert refused(site, f"return fetch('{site.upstream.url('/endless')}').text").startswith("Line 1 of the code: ")


def test_bytes_can_be_had(site: Site) -> None:
    site.upstream.raw("/bytes", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Type: image/png\r\n\r\n\x89PNG")
    assert data_of(site, f"return list(fetch('{site.upstream.url('/bytes')}', binary=True).body)") == [0x89, 80, 78, 71]


# Credentials

SECRET = "hush-hush-0815-very-secret"


@pytest.fixture
def credential(site: Site) -> Iterator[str]:
    site.runtime.credentials.create("nas", SECRET, ["127.0.0.1"])
    yield "nas"
    site.runtime.credentials.delete("nas")


def test_a_credential_goes_out_with_the_request_and_never_into_the_code(site: Site, credential: str) -> None:
    code = (
        f"key = get_credential('{credential}')\n"
        f"fetch('{site.upstream.url('/value')}', headers={{'Authorization': 'Bearer ' + key}})\nreturn key"
    )
    assert SECRET not in data_of(site, code)
    assert site.upstream.last().headers["authorization"] == f"Bearer {SECRET}"


def test_a_credential_that_an_upstream_echoes_is_hidden_from_the_code(site: Site, credential: str) -> None:
    site.upstream.json("/echo", {"got": SECRET, "list": [f"Bearer {SECRET}"]})
    url = site.upstream.url("/echo")
    for read in (".text[::-1]", ".json()['got'][::-1]", ".body.decode()[::-1]"):
        binary = ", binary=True" if "body" in read else ""
        code = f"key = get_credential('{credential}')\nreturn fetch('{url}'{binary}){read}"
        assert SECRET[::-1] not in json.dumps(data_of(site, code))


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "utf-16"])
@pytest.mark.parametrize("value", ["pässwörd-geheim-ü", "plain-secret-08157"])
def test_a_credential_that_comes_back_in_another_charset_is_hidden_from_the_code(
    site: Site, value: str, charset: str
) -> None:
    def echo(seen: Seen) -> Reply:
        octets = seen.headers["x-key"].encode("latin-1")
        heads = {"Content-Type": f"text/plain; charset={charset}", "X-Echo": seen.headers["x-key"]}
        return Reply(200, octets, {**heads, f"X-{value.split('-')[-1]}": "1"} if value.isascii() else heads)

    site.runtime.credentials.create("odd", value, ["127.0.0.1"])
    try:
        site.upstream.handle("/echo", echo)
        code = (
            f"answer = fetch('{site.upstream.url('/echo')}', headers={{'X-Key': get_credential('odd')}}, binary=True)\n"
            "return [list(answer.body), [ord(one) for one in answer.headers['x-echo']], [ord(one) for one in answer.text],"
            f" list(answer.text.encode('{charset}', 'replace'))]"
        )
        for found in data_of(site, code):
            assert value.encode() not in bytes(min(one, 255) for one in found)
            assert value not in "".join(map(chr, found))
        assert site.upstream.last().headers["x-key"].encode("latin-1").decode() == value
    finally:
        site.runtime.credentials.delete("odd")


def test_the_session_that_a_login_opens_is_hidden_from_the_code(site: Site, credential: str) -> None:
    site.upstream.json("/login", {"token": "SESSION-TOKEN-77"}, headers={"Set-Cookie": "sid=COOKIE-OF-THE-SESSION"})
    site.upstream.handle("/echo", lambda seen: Reply(200, f"{seen.headers}".encode()))
    login = f"{{'url': '{site.upstream.url('/login')}', 'json': {{'p': get_credential('{credential}')}}}}"
    code = (
        f"answer = fetch('{site.upstream.url('/echo')}', auth={{'kind': 'session', 'login': {login}, 'token': 'token'}},"
        " binary=True)\nreturn [answer.text[::-1], answer.body.decode()[::-1]]"
    )
    shown = json.dumps(data_of(site, code))
    assert "SESSION-TOKEN-77" in site.upstream.last().headers["authorization"]
    assert "SESSION-TOKEN-77"[::-1] not in shown
    assert "COOKIE-OF-THE-SESSION"[::-1] not in shown


def test_a_credential_for_another_host_stays_here(site: Site) -> None:
    site.runtime.credentials.create("elsewhere", SECRET, ["media.lan"])
    try:
        detail = refused(
            site, f"return fetch('{site.upstream.url('/value')}', headers={{'X': get_credential('elsewhere')}}).text"
        )
        assert "is for media.lan only" in detail
        assert SECRET not in detail
        assert site.upstream.count() == 0
    finally:
        site.runtime.credentials.delete("elsewhere")


def test_a_credential_that_does_not_exist_is_named(site: Site) -> None:
    assert "no credential named “nobody”" in refused(site, "return get_credential('nobody')")


def test_a_secret_param_is_hidden_in_log_and_errors(site: Site) -> None:
    params = {"type": "object", "properties": {"key": {"type": "string", "format": "secret"}}}
    slug = make(site, "log('with', params['key'])\nraise ValueError(params['key'])", params=params)
    definition = site.runtime.definitions.get(slug)
    trial = site.runtime.refresher.test(definition, {"key": SECRET})
    assert SECRET not in str(trial)
    assert trial.notes[0].startswith("with ")
    assert trial.error is not None
    assert trial.error.sentence.startswith("Line 2 of the code: ValueError")


@pytest.mark.parametrize(
    "secret", ["two  spaces  inside", "-----BEGIN KEY-----\nLINEONEOFKEY1234\nshort\n-----END KEY-----"]
)
def test_a_secret_is_looked_for_before_it_is_collapsed_split_or_cut(site: Site, secret: str) -> None:
    params = {"type": "object", "properties": {"key": {"type": "string", "format": "secret"}}}
    code = "key = params['key']\nprint(key)\nlog('x' * 1990 + key)\nraise ValueError(key)"
    definition = site.runtime.definitions.get(make(site, code, params=params))
    trial = site.runtime.refresher.test(definition, {"key": secret})
    assert trial.notes == ("••••••••", "x" * 1990 + "••••••••")
    assert trial.error is not None
    assert trial.error.sentence == "Line 4 of the code: ValueError: ••••••••."


# Bad input


def test_a_syntax_error_is_refused_with_its_line_when_it_is_saved(site: Site) -> None:
    manifest = {"name": "X", "source": {"kind": "code"}, "server_code": "x = 1\nreturn (", "template": "x"}
    answer = site.post("/api/custom-widgets", manifest)
    assert fields(answer) == {"server_code"}
    assert "line 2" in answer.json["detail"]


def test_a_syntax_error_that_was_saved_while_code_was_off_comes_out_when_it_runs(site: Site) -> None:
    site.runtime.code.turn_off()
    slug = make(site, "x = 1\nreturn (")
    site.runtime.code.turn_on()
    assert problem(execute(site, slug), 502)["detail"] == "Line 2 of the code cannot be read: '(' was never closed."


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("return {1, 2}", "The code returned something that is not JSON: Object of type set is not JSON serializable."),
        ("return float('nan')", "The code returned something that is not JSON: Out of range float values are not JSON compliant."),
        ("a = []\na.append(a)\nreturn a", "The code returned something that is not JSON: Circular reference detected."),
        ("return 'x' * 100_000_000", "The code returned more than 1 MB, the limit."),
        ("return 'x' * 1_000_001", "The code returned more than 1 MB, the limit."),
        ("1 / 0\nreturn 1", "Line 1 of the code: ZeroDivisionError: division by zero."),
        ("x = []\nwhile True: x.append('y' * 10**6)\nreturn 1", "Line 2 of the code used more than 192 MB of memory, the limit."),
        ("x = 1", "The code returns nothing: end it with “return” and the data."),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_a_failed_fetch_with_a_sentence(site: Site, code: str, sentence: str) -> None:
    # Python 3.13 also names the value that is out of range.
    assert refused(site, code).replace("compliant: nan.", "compliant.") == sentence


def test_code_that_never_returns_is_a_timeout(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site.runtime.code.sandbox, "wall_s", 0.4)
    assert refused(site, "while True: pass\nreturn 1", status=504) == "The code ran longer than 0.4 s and was stopped."


def test_a_slow_upstream_counts_as_time_of_the_code(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site.runtime.code.sandbox, "wall_s", 0.5)
    site.upstream.hang("/slow")
    answer = execute(site, make(site, f"return fetch('{site.upstream.url('/slow')}').text"))
    assert answer.status_code == 504, answer.text


def test_an_answer_of_nearly_a_megabyte_and_half_characters_arrive(site: Site) -> None:
    assert len(data_of(site, "return 'x' * 990_000")) == 990_000
    assert data_of(site, "return ['\\ud800', 'ä']") == ["?", "ä"]


def test_code_and_its_kind_come_together(site: Site) -> None:
    base = {"name": "X", "template": "x"}
    assert fields(site.post("/api/custom-widgets", {**base, "source": {"kind": "code"}})) == {"server_code"}
    assert "server_code" in fields(
        site.post("/api/custom-widgets", {**base, "source": {"kind": "static"}, "server_code": "return 1"})
    )
    assert "server_code" in fields(
        site.post("/api/custom-widgets", {**base, "source": {"kind": "code"}, "server_code": "x" * 100_001})
    )


def test_code_is_for_the_scope_admin(site: Site) -> None:
    writer = {"token": site.runtime.tokens.make("writer", ["write", "read"])[1]}
    manifest = {"name": "X", "source": {"kind": "code"}, "server_code": "return 1", "template": "x"}
    problem(site.post("/api/custom-widgets", manifest, **writer), 403)
    slug = make(site, "return 1")
    problem(site.patch(f"/api/custom-widgets/{slug}", {"server_code": "return 2"}, **writer), 403)
    problem(site.patch(f"/api/custom-widgets/{slug}", {"template": "y"}, **writer), 403)
    problem(site.patch("/api/preferences", {"code_enabled": False}, **writer), 403)
    assert site.runtime.code.enabled
    assert site.post(f"/api/custom-widgets/{slug}/execute", {}, **writer).status_code == 200


def test_an_import_that_brings_code_is_for_the_scope_admin(site: Site) -> None:
    writer = {"token": site.runtime.tokens.make("importer", ["write", "read"])[1]}
    document = {
        "format": "glance-dashboard",
        "version": 1,
        "dashboard": {"title": "Brought"},
        "widgets": [],
        "custom_widgets": [
            {
                "slug": "brought",
                "name": "Brought",
                "source": {"kind": "code"},
                "server_code": "return 1",
                "template": "x",
            }
        ],
    }
    exported = site.get(f"/api/dashboards/{site.dashboard('Sent')}/export").json
    document = {**exported, "custom_widgets": document["custom_widgets"]}
    problem(site.post("/api/dashboards/import", document, **writer), 403)
    assert site.post("/api/dashboards/import", document).status_code == 201
    assert site.runtime.definitions.get("brought").server_code == "return 1"


def test_an_export_carries_the_code(site: Site) -> None:
    dashboard = site.dashboard("With code")
    slug = make(site, "return 'exported'")
    site.widget(slug, dashboard=dashboard)
    exported = site.get(f"/api/dashboards/{dashboard}/export").json
    assert [one["server_code"] for one in exported["custom_widgets"]] == ["return 'exported'"]


def test_a_folder_may_hold_code_too(site: Site) -> None:
    manifest = "name: Folder\nsource: {kind: code}\nserver_code: |\n  log('from a folder')\n  return {'n': 1}\n"
    site.add_folder("coded-folder", manifest)
    site.runtime.definitions.rescan()
    assert execute(site, "coded-folder").json["data"] == {"n": 1}


# On and off


def test_code_is_off_until_it_is_turned_on(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        slug = make(site, "return 1")
        assert site.get("/api/preferences").json["code_enabled"] is False
        assert refused_now(site, slug) == "Widget code is turned off: turn it on under Settings, Widget code."
        assert site.runtime.code.sandbox.pid is None
        answer = site.patch("/api/preferences", {"code_enabled": True})
        assert answer.json["code_enabled"] is True
        assert site.runtime.preferences.get(ENABLED) is True
        assert execute(site, slug).json["data"] == 1
        zygote = site.runtime.code.sandbox.pid
        assert zygote is not None
        assert site.patch("/api/preferences", {"code_enabled": False}).json["code_enabled"] is False
        assert site.runtime.code.sandbox.pid is None
        assert not Path(f"/proc/{zygote}").exists()
        assert "turned off" in refused_now(site, slug)


def refused_now(site: Site, slug: str) -> str:
    return str(problem(execute(site, slug), 502)["detail"])


def test_it_stays_off_where_the_self_test_fails(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.runtime.code.turn_off()
    monkeypatch.setattr(selftest, "ATTEMPTS", "return [True] + [False] * 10")
    detail = problem(site.patch("/api/preferences", {"code_enabled": True}), 409)["detail"]
    assert detail == ("Widget code stays off. On this computer code can break out of its cage: it could open a file.")
    assert site.runtime.code.sandbox.pid is None
    assert not site.runtime.code.enabled


def test_another_processor_is_refused_with_the_reason(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.runtime.code.turn_off()
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    detail = problem(site.patch("/api/preferences", {"code_enabled": True}), 409)["detail"]
    assert "on x86-64 and 64-bit ARM only; this computer's processor is riscv64" in detail
    assert "riscv64" in str(site.runtime.code.obstacle())


def test_a_changed_computer_has_to_pass_the_self_test_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.runtime.code.turn_on()
    site.runtime.preferences.set(TESTED, "6.1.0 x86_64 3.11.2 0.0.1")
    tests = []
    monkeypatch.setattr(selftest, "fault", lambda sandbox: tests.append(1) or "It fell.")
    after = WidgetCode(site.runtime.preferences, Sandbox())
    calls = code_kind.Host(None)  # type: ignore[arg-type]
    with pytest.raises(FetchError, match="does not run since this computer changed. It fell."):
        after.run("return 1", {}, calls)
    monkeypatch.setattr(selftest, "fault", lambda sandbox: tests.append(2))
    assert after.run("return 1", {}, calls).data == 1
    assert after.run("return 2", {}, calls).data == 2
    assert tests == [1, 2]
    after.close()


def test_turning_on_twice_and_off_twice_is_no_fault(site: Site) -> None:
    site.runtime.code.turn_on()
    site.runtime.code.turn_on()
    site.runtime.code.turn_off()
    site.runtime.code.turn_off()
    with pytest.raises(FetchError, match="turned off"):
        site.runtime.code.run("return 1", {}, selftest.NoCalls())


def test_a_module_without_a_runtime_runs_nothing() -> None:
    with pytest.raises(FetchError, match="cannot be run here"):
        code_kind.fetch({}, None)  # type: ignore[arg-type]
    assert issubclass(Conflict, Exception)
