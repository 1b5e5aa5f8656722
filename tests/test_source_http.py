"""The http source: one request or several, their formats, and the form it offers."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from glance import params, schemas, sources
from glance.errors import FetchError
from glance.outbound import Outbound
from glance.sources import SourceIO, http
from tests.upstream import Upstream, self_signed
from tests.waiting import PATIENCE_S, until


def io(outbound: Outbound, timeout_s: float = PATIENCE_S) -> SourceIO:
    deadline = time.monotonic() + timeout_s
    return SourceIO(outbound.client(deadline), {}, deadline, time.time)


def fetch(outbound: Outbound, source: Mapping[str, Any], timeout_s: float = PATIENCE_S) -> Any:
    return http.fetch(source, io(outbound, timeout_s))


def refusal(outbound: Outbound, source: Mapping[str, Any], timeout_s: float = PATIENCE_S) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetch(outbound, source, timeout_s)
    return caught.value


def test_it_is_found_by_its_kind_and_can_be_picked() -> None:
    module = sources.kinds()["http"]
    assert (module.FETCHES, module.PICKABLE) == (True, True)


def test_json_text_and_xml_are_read_by_format(up: Upstream, outbound: Outbound) -> None:
    up.json("/json", {"a": 1})
    up.answer("/text", "hello")
    up.answer("/xml", "<r><a>1</a></r>", content_type="text/xml")
    assert fetch(outbound, {"url": up.url("/json")}) == {"a": 1}
    assert fetch(outbound, {"url": up.url("/text"), "format": "text"}) == "hello"
    assert fetch(outbound, {"url": up.url("/xml"), "format": "xml"}) == {"r": {"a": "1"}}
    assert up.last("/json").headers["accept"].startswith("application/json")
    assert "must be one of: json, text, xml" in refusal(outbound, {"url": up.url("/"), "format": "yaml"}).sentence


@pytest.mark.parametrize("headers", [{"X-A": 1, "X-B": None, "X-C": ""}, [{"name": "X-A", "value": "1"}, {"name": ""}]])
def test_headers_come_as_object_or_as_rows_and_unset_ones_are_left_out(
    up: Upstream, outbound: Outbound, headers: Any
) -> None:
    up.json("/", 1)
    fetch(outbound, {"url": up.url("/"), "headers": headers})
    seen = up.last().headers
    assert (seen["x-a"], "x-b" in seen, "x-c" in seen) == ("1", False, False)


def test_query_pairs_are_added_to_the_address(up: Upstream, outbound: Outbound) -> None:
    up.json("/", 1)
    query = {"q": "a b&c", "list": [1, 2], "on": True, "unset": None}
    fetch(outbound, {"url": up.url("/?first=1#part"), "query": query})
    assert up.last().query == {"first": ["1"], "q": ["a b&c"], "list": ["1", "2"], "on": ["true"]}
    fetch(outbound, {"url": up.url("/"), "query": "?a=1"})
    assert up.last().query == {"a": ["1"]}


@pytest.mark.parametrize(
    ("source", "body", "content_type"),
    [
        ({"json": {"a": [1]}}, b'{"a": [1]}', "application/json"),
        ({"body": '{"a": 1}'}, b'{"a": 1}', "application/json"),
        ({"body": "a=1&b=2"}, b"a=1&b=2", "application/x-www-form-urlencoded"),
        ({"body": "<a/>"}, b"<a/>", "application/xml"),
        ({"body": "query { me }"}, b"query { me }", "text/plain; charset=utf-8"),
        ({"body": "x", "headers": {"content-type": "text/x"}}, b"x", "text/x"),
        ({"body": ""}, b"", None),
    ],
)
def test_a_body_is_sent_with_a_fitting_type(
    up: Upstream, outbound: Outbound, source: dict[str, Any], body: bytes, content_type: str | None
) -> None:
    up.json("/", 1)
    fetch(outbound, {"url": up.url("/"), "method": "post", **source})
    assert (up.last().method, up.last().body, up.last().headers.get("content-type")) == ("POST", body, content_type)


def test_auth_and_tls_reach_the_request(outbound: Outbound) -> None:
    certificate = self_signed()
    with Upstream(tls=certificate) as up:
        up.json("/", 1)
        auth = {"kind": "bearer", "token": "abc"}
        assert fetch(outbound, {"url": up.url("/"), "auth": auth, "tls": {"verify": certificate.sha256}}) == 1
        assert up.last().headers["authorization"] == "Bearer abc"


def test_the_form_s_session_login_reaches_the_request(up: Upstream, outbound: Outbound) -> None:
    up.json("/login", {"sid": "s1"})
    up.json("/", 1)
    login = {"url": up.url("/login"), "method": "POST", "body": '{"password": "x"}'}
    fetch(
        outbound,
        {"url": up.url("/"), "auth": {"kind": "session", "login": login, "token_at": "sid", "header": "X-Sid"}},
    )
    assert up.last("/login").json() == {"password": "x"}
    assert up.last("/login").headers["content-type"] == "application/json"
    assert up.last("/").headers["x-sid"] == "s1"


def test_several_requests_run_side_by_side_and_share_what_is_around_them(up: Upstream, outbound: Outbound) -> None:
    release = threading.Event()
    up.hold("/a", release, {"n": 1})
    up.hold("/b", release, "<r/>")
    up.json("/c", [])
    source = {
        "auth": {"kind": "bearer", "token": "abc"},
        "requests": {
            "a": {"url": up.url("/a")},
            "b": {"url": up.url("/b")},
            "c": {"url": up.url("/c"), "auth": {"kind": "none"}},
        },
    }
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(fetch(outbound, source)))
    thread.start()
    until(lambda: up.inflight == 2)
    release.set()
    thread.join(PATIENCE_S)
    assert results == [{"a": {"n": 1}, "b": "<r/>", "c": []}]
    assert up.last("/a").headers["authorization"] == "Bearer abc"
    assert "authorization" not in up.last("/c").headers


def test_a_request_that_is_optional_may_be_missing(up: Upstream, outbound: Outbound) -> None:
    up.json("/repo", {"stars": 1})
    up.json("/secret", {}, status=403)
    requests: dict[str, Any] = {
        "repo": {"url": up.url("/repo")},
        "release": {"url": up.url("/none"), "optional": True},
        "alerts": {"url": up.url("/secret"), "optional": [403]},
    }
    assert fetch(outbound, {"requests": requests}) == {"repo": {"stars": 1}, "release": None, "alerts": None}
    requests["alerts"]["optional"] = True
    assert refusal(outbound, {"requests": requests}).http_status == 403


def test_one_failing_request_fails_the_fetch_with_its_own_sentence(up: Upstream, outbound: Outbound) -> None:
    up.json("/a", 1)
    up.html("/b")
    error = refusal(outbound, {"requests": {"a": {"url": up.url("/a")}, "b": {"url": up.url("/b")}}})
    assert error.sentence == "127.0.0.1 sent a web page instead of JSON; check the address, or the login."


@pytest.mark.parametrize(
    ("how", "kind"),
    [("nan", "format"), ("html", "format"), ("stream", "too_big"), ("gzip_bomb", "too_big"), ("drip", "timeout"),
     ("slow_head", "timeout"), ("hang", "timeout"), ("endless_redirect", "redirects"), ("close_early", "source")],
)  # fmt: skip
def test_every_bad_answer_is_one_failed_fetch(up: Upstream, outbound: Outbound, how: str, kind: str) -> None:
    getattr(up, how)("/")
    assert refusal(outbound, {"url": up.url("/")}, 0.4).kind == kind


def test_a_header_with_a_line_break_from_a_param_is_refused(up: Upstream, outbound: Outbound) -> None:
    error = refusal(outbound, {"url": up.url("/"), "headers": {"X-A": "1\r\nX-B: 2"}})
    assert "line break" in error.sentence
    assert up.count() == 0


def test_the_time_limit_is_that_of_the_slowest_request() -> None:
    assert http.deadline_s({"url": "http://x/"}) == 10
    assert http.deadline_s({"url": "http://x/", "timeout": "4"}) == 4
    assert http.deadline_s({"timeout": 2, "requests": {"a": {"url": "x", "timeout": 25}}}) == 25
    assert sources.deadline_s(http, {"timeout": 900}) == 30


def test_its_lane_is_host_and_port() -> None:
    assert http.lane({"url": "https://api.example.org/x"}) == "api.example.org:443"
    assert http.lane({"requests": {"a": {"url": "http://nas.lan:81/"}}}) == "nas.lan:81"
    assert http.lane({"url": "unix:/run/docker.sock:/x"}) == "/run/docker.sock"
    assert http.lane({"url": None}) is None


# ---- what a manifest and a form may hold
@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ({"url": "https://x/{{ params.y }}", "auth": {"kind": "bearer", "token": "{{ params.t }}"}, "tls": {"verify": True}}, []),
        ({"requests": {"a": {"url": "x"}}, "auth": "{{ params.auth }}", "timeout": "{{ params.t }}"}, []),
        ({}, [("url", "is missing")]),
        ({"url": "x", "header": {}}, [("header", "is not known; did you mean headers?")]),
        ({"url": "x", "auth": {"tokn": "y"}}, [("auth.tokn", "is not known; did you mean token?")]),
        ({"requests": {"a": {}}}, [("requests.a.url", "is missing")]),
        ({"url": 5}, [("url", "must be text")]),
    ],
)  # fmt: skip
def test_a_manifest_s_source_is_checked_with_places(source: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    assert schemas.faults(http.SCHEMA, source) == faults


def test_the_form_gives_what_the_source_takes(up: Upstream, outbound: Outbound) -> None:
    up.json("/", {"main": {"temp": 1}})
    schema = {"type": "object", "properties": {"data_source": {"type": "object", "format": "data_source"}}}
    given = {
        "data_source": {
            "kind": "http",
            "url": up.url("/"),
            "headers": [{"name": "X-A", "value": "1"}],
            "auth": {"kind": "header", "name": "X-Key", "value": "k"},
            "tls": {"verify": False},
            "pick": {"value": "main.temp"},
        }
    }
    parsed = params.parse(schema, given, forms={"http": http.FORM})
    assert parsed["data_source"]["method"] == "GET"
    assert fetch(outbound, parsed["data_source"]) == {"main": {"temp": 1}}
    assert (up.last().headers["x-a"], up.last().headers["x-key"]) == ("1", "k")


def test_the_form_keeps_its_secrets_apart() -> None:
    assert set(params.secret_paths(http.FORM)) == {"auth.password", "auth.token", "auth.value", "auth.login.body"}
