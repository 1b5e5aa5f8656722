"""Outbound requests against a real server on loopback that misbehaves in every way."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from glance.errors import FetchError
from glance.outbound import Answer, Bound, Outbound, lane
from glance.outbound import wire as wire_module
from glance.outbound.client import Client
from glance.outbound.faults import retry_after_s
from tests.upstream import Reply, Upstream, refused_port, self_signed
from tests.waiting import HELD_S, PATIENCE_S, at_most, until

NOW = 1_800_000_000.0


def client(outbound: Outbound, timeout_s: float = PATIENCE_S, secrets: tuple[str, ...] = ()) -> Client:
    return outbound.client(time.monotonic() + timeout_s, secrets, lambda: NOW)


def get(outbound: Outbound, url: str, timeout_s: float = PATIENCE_S, **options: Any) -> Answer:
    return client(outbound, timeout_s).request("GET", url, **options)


def failure(
    outbound: Outbound, url: str, timeout_s: float = PATIENCE_S, method: str = "GET", **options: Any
) -> FetchError:
    with pytest.raises(FetchError) as caught:
        client(outbound, timeout_s).request(method, url, **options)
    return caught.value


# ---- plain requests
def test_an_answer_brings_status_headers_and_json(up: Upstream, outbound: Outbound) -> None:
    up.json("/state", {"value": 18.5}, headers={"X-Kind": "sensor"})
    answer = get(outbound, up.url("/state?a=1"))
    assert (answer.status, answer.json(), answer.headers["x-kind"]) == (200, {"value": 18.5}, "sensor")
    assert up.last().query == {"a": ["1"]}
    assert up.last().headers["user-agent"].startswith("Glance/")
    assert answer.took_s > 0


def test_a_body_and_its_type_are_sent(up: Upstream, outbound: Outbound) -> None:
    up.json("/", {})
    client(outbound).request("POST", up.url("/"), json={"a": "ä"}, headers={"X-Note": "für"})
    assert up.last().json() == {"a": "ä"}
    assert up.last().headers["content-type"] == "application/json"
    client(outbound).request("PUT", up.url("/"), body="plain")
    assert (up.last().method, up.last().body) == ("PUT", b"plain")
    client(outbound).request("POST", up.url("/"))
    assert up.last().headers["content-length"] == "0"


def test_connections_are_kept_and_reused(up: Upstream, outbound: Outbound) -> None:
    up.json("/", 1)
    for _ in range(5):
        get(outbound, up.url("/"))
    assert up.count() == 5
    assert up.connections == 1


def test_answers_without_a_body_leave_the_connection_usable(up: Upstream, outbound: Outbound) -> None:
    up.json("/", {"a": 1})
    up.answer("/empty", status=204)
    for method, path in (("HEAD", "/"), ("HEAD", "/"), ("GET", "/empty"), ("GET", "/")):
        answer = client(outbound).request(method, up.url(path))
        assert (answer.body == b"") is (method == "HEAD" or path == "/empty")
    assert up.connections == 1


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(up: Upstream, outbound: Outbound) -> None:
    up.json("/", 1)
    get(outbound, up.url("/"))
    up.cut_connections()
    assert get(outbound, up.url("/")).json() == 1
    assert up.count() == 2


def test_a_server_that_closes_kept_connections_on_the_next_request_is_asked_once_more(outbound: Outbound) -> None:
    with Upstream() as up:
        up.sequence("/", [Reply(200, b"1"), Reply(raw=iter([b""])), Reply(200, b"2")])
        assert get(outbound, up.url("/")).body == b"1"
        assert get(outbound, up.url("/")).body == b"2"
        assert up.count() == 3


def test_a_post_is_never_repeated(up: Upstream, outbound: Outbound) -> None:
    up.json("/", 1)
    get(outbound, up.url("/"))
    up.close_early("/")
    error = failure(outbound, up.url("/"), method="POST", json={})
    assert "closed the connection without an answer" in error.sentence
    assert up.count() == 2


def test_gzip_is_undone(up: Upstream, outbound: Outbound) -> None:
    up.gzipped("/", {"value": 1})
    assert get(outbound, up.url("/")).json() == {"value": 1}


def test_a_unix_socket_is_spoken_to(tmp_path: Path, outbound: Outbound) -> None:
    with Upstream(unix=str(tmp_path / "docker.sock")) as up:
        up.json("/containers/json", [{"Id": "a"}])
        answer = get(outbound, up.url("/containers/json?all=1"))
        assert answer.json() == [{"Id": "a"}]
        assert up.last().headers["host"] == "localhost"
    assert failure(outbound, f"unix:{tmp_path}/none.sock:/x").sentence == f"There is no socket at {tmp_path}/none.sock."


def test_proxies_of_the_environment_are_not_used(
    up: Upstream, outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{refused_port()}")
    up.json("/", "direct")
    assert get(outbound, up.url("/")).json() == "direct"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is empty"),
        ("ftp://example.org/", "must begin with http://"),
        ("http:///path", "names no host"),
        ("http://a b/", "cannot exist"),
        ("http://host:99999/", "check its host and port"),
        ("http://host/\r\nX: y", "line break"),
        ("file:///etc/passwd", "must begin with http://"),
        ("unix:/run/x.sock:state", "looks like unix:"),
    ],
)
def test_an_address_that_cannot_be_used_is_named(outbound: Outbound, url: str, words: str) -> None:
    assert words in failure(outbound, url).sentence


@pytest.mark.parametrize("headers", [{"X-A": "1\r\nX-B: 2"}, {"X-A\n": "1"}, {"X A": "1"}, {"Content-Length": "5"}])
def test_header_injection_is_refused(up: Upstream, outbound: Outbound, headers: dict[str, str]) -> None:
    error = failure(outbound, up.url("/"), headers=headers)
    assert "header" in error.sentence
    assert up.count() == 0


def test_odd_characters_in_an_address_are_encoded(up: Upstream, outbound: Outbound) -> None:
    up.json("*", 1)
    get(outbound, up.url("/a b/ü?q=x y|z"))
    assert up.last().path == "/a%20b/%C3%BC"
    assert up.last().query == {"q": ["x y|z"]}


# ---- failures and their sentences
def test_refused_says_which_port(outbound: Outbound) -> None:
    port = refused_port()
    error = failure(outbound, f"http://127.0.0.1:{port}/")
    assert (error.kind, error.sentence) == ("refused", f"127.0.0.1 refused the connection on port {port}.")


def test_an_unknown_name_is_said(outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def lookup(host: str, *args: Any, **kwargs: Any) -> Any:
        if host == "nas.lan":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(wire_module.socket, "getaddrinfo", lookup)
    error = failure(outbound, "http://nas.lan/")
    assert error.kind == "dns"
    assert error.sentence == "The name nas.lan is not known; check the address or the name server."


def test_a_name_server_that_hangs_costs_no_more_than_the_deadline(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, asked = threading.Event(), []

    def lookup(host: str, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("flags"):
            raise socket.gaierror(socket.EAI_NONAME, "not an address")
        asked.append(host)
        release.wait(HELD_S)
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(wire_module.socket, "getaddrinfo", lookup)
    began = time.monotonic()
    error = failure(outbound, "http://slow.lan/", 0.1)
    assert time.monotonic() - began < at_most(4)
    assert error.kind == "timeout"
    assert failure(outbound, "http://slow.lan/", 0.05).kind == "timeout"
    assert asked == ["slow.lan"]
    release.set()


@pytest.mark.parametrize("how", ["hang", "slow_head", "drip"])
def test_the_deadline_holds_however_the_server_dawdles(up: Upstream, outbound: Outbound, how: str) -> None:
    getattr(up, how)("/")
    began = time.monotonic()
    error = failure(outbound, up.url("/"), 0.3)
    assert 0.25 < time.monotonic() - began < at_most(5)
    assert error.kind == "timeout"
    assert error.sentence.endswith("within 0.3 s.")


def test_the_deadline_holds_inside_tls_too(outbound: Outbound) -> None:
    with Upstream(tls=self_signed()) as up:
        up.drip("/")
        assert failure(outbound, up.url("/"), 0.3, tls={"verify": False}).kind == "timeout"


def test_a_request_may_have_less_time_than_the_fetch(up: Upstream, outbound: Outbound) -> None:
    up.hang("/")
    with pytest.raises(FetchError) as caught:
        client(outbound, 30).request("GET", up.url("/"), timeout_s=0.2)
    assert caught.value.sentence == "127.0.0.1 did not answer within 0.2 s."


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "did not accept the request (400 Bad Request)"),
        (401, "wants a login (401)"),
        (403, "forbids this request (403)"),
        (404, "has nothing at /api/x (404)"),
        (429, "was asked too often (429)"),
        (500, "has a problem of its own (500 Internal Server Error)"),
        (503, "has a problem of its own (503 Service Unavailable)"),
        (599, "has a problem of its own (599"),
    ],
)
def test_each_status_has_its_sentence(up: Upstream, outbound: Outbound, status: int, words: str) -> None:
    up.json("/api/x", {}, status=status)
    error = failure(outbound, up.url("/api/x?q=1"))
    assert words in error.sentence
    assert (error.kind, error.http_status) == ("status", status)


def test_wrong_credentials_are_told_from_missing_ones(up: Upstream, outbound: Outbound) -> None:
    up.json("/", {}, status=401)
    error = failure(outbound, up.url("/"), auth={"kind": "bearer", "token": "t0ken"})
    assert "did not accept the credentials (401)" in error.sentence


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("999999", 21600.0),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        (None, None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_up_to_six_hours(value: str | None, wait_s: float | None) -> None:
    assert retry_after_s(value, 1_800_000_000.0) == wait_s


def test_retry_after_of_a_429_travels_with_the_error(up: Upstream, outbound: Outbound) -> None:
    up.json("/", {}, status=429, headers={"Retry-After": "300"})
    error = failure(outbound, up.url("/"))
    assert error.retry_after_s == 300
    assert "it asks to wait 5 min" in error.sentence


def test_any_status_comes_back_where_it_is_wanted(up: Upstream, outbound: Outbound) -> None:
    up.json("/", {"why": "no"}, status=503)
    answer = get(outbound, up.url("/"), expect_ok=False)
    assert (answer.status, answer.json()) == (503, {"why": "no"})


@pytest.mark.parametrize(("how", "kind"), [("stream", "too_big"), ("gzip_bomb", "too_big")])
def test_what_is_too_big_is_cut_off_without_being_held(up: Upstream, outbound: Outbound, how: str, kind: str) -> None:
    getattr(up, how)("/")
    get_error = failure(outbound, up.url("/"))  # also warms up, so that only this request is measured below
    tracemalloc.start()
    try:
        began = time.monotonic()
        assert failure(outbound, up.url("/")).kind == kind
        assert tracemalloc.get_traced_memory()[1] < 25_000_000
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < at_most(20)
    assert get_error.sentence == "127.0.0.1 sent more than 5 MB."


def test_a_smaller_limit_can_be_set(up: Upstream, outbound: Outbound) -> None:
    up.answer("/", b"x" * 2000)
    assert failure(outbound, up.url("/"), max_bytes=1000).sentence == "127.0.0.1 sent more than 1 KB."


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP"),
        (b"", "closed the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", "broke off in the middle"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", "header that is too long"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", "compressed answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc", "not asked for"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "broke off in the middle"),
    ],
)
def test_an_answer_that_is_damaged_is_said(up: Upstream, outbound: Outbound, data: bytes, words: str) -> None:
    up.raw("/", data)
    assert words in failure(outbound, up.url("/")).sentence


# ---- redirects
def test_redirects_are_followed_and_each_is_traced(up: Upstream, outbound: Outbound) -> None:
    up.redirect("/old", "/new?x=1")
    up.json("/new", "here")
    one = client(outbound)
    answer = one.request("GET", up.url("/old"))
    assert (answer.json(), answer.url) == ("here", up.url("/new?x=1"))
    assert [exchange.status for exchange in one.exchanges] == [302, 200]


def test_an_endless_redirect_ends_after_five(up: Upstream, outbound: Outbound) -> None:
    up.endless_redirect("/")
    error = failure(outbound, up.url("/"))
    assert (error.kind, up.count()) == ("redirects", 6)


def test_redirects_can_be_left_alone(up: Upstream, outbound: Outbound) -> None:
    up.redirect("/", "/new")
    answer = get(outbound, up.url("/"), follow_redirects=False, expect_ok=False)
    assert (answer.status, answer.headers["location"]) == (302, "/new")


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(301, "GET", b""), (302, "GET", b""), (303, "GET", b""), (307, "POST", b"data"), (308, "POST", b"data")],
)
def test_a_redirected_post_keeps_its_method_only_where_the_status_says_so(
    up: Upstream, outbound: Outbound, status: int, method: str, body: bytes
) -> None:
    up.redirect("/", "/new", status=status)
    up.json("/new", 1)
    client(outbound).request("POST", up.url("/"), body="data")
    assert (up.last("/new").method, up.last("/new").body) == (method, body)


def test_credentials_stay_behind_when_a_redirect_leaves_the_server(up: Upstream, outbound: Outbound) -> None:
    with Upstream() as other:
        other.json("/", 1)
        up.redirect("/", other.url("/"))
        one = client(outbound, secrets=("s3cret-value",))
        one.request(
            "GET",
            up.url("/"),
            auth={"kind": "basic", "username": "me", "password": "s3cret-value"},
            headers={"X-Api-Key": "abc", "X-Own": "has s3cret-value inside", "X-Plain": "stays"},
        )
        assert up.last().headers["authorization"].startswith("Basic ")
        seen = other.last().headers
        assert not {"authorization", "x-api-key", "x-own"} & set(seen)
        assert seen["x-plain"] == "stays"


def test_what_another_server_redirects_to_does_not_look_like_the_owner_on_this_computer(
    up: Upstream, outbound: Outbound
) -> None:
    # a request with Via is not local (see tests/test_door.py): else a server could have Glance ask Glance, as its owner
    with Upstream() as other:
        up.redirect("/", other.url("/a"), status=307)
        other.redirect("/a", other.url("/b"), status=307)
        other.json("/b", 1)
        client(outbound).request("POST", up.url("/"), json={"title": "x"})
        assert "via" not in up.last().headers
        assert [other.last(path).headers["via"] for path in ("/a", "/b")] == ["1.1 glance", "1.1 glance"]


def test_a_body_with_a_secret_does_not_follow_to_another_server(up: Upstream, outbound: Outbound) -> None:
    with Upstream() as other:
        up.redirect("/", other.url("/"), status=307)
        with pytest.raises(FetchError) as caught:
            client(outbound, secrets=("s3cret-value",)).request("POST", up.url("/"), json={"k": "s3cret-value"})
        assert caught.value.kind == "redirects"
        assert other.count() == 0


def test_credentials_stay_within_the_same_server(up: Upstream, outbound: Outbound) -> None:
    up.redirect("/", "/new")
    up.json("/new", 1)
    get(outbound, up.url("/"), auth={"kind": "bearer", "token": "abc"})
    assert up.last("/new").headers["authorization"] == "Bearer abc"


@pytest.mark.parametrize("to", ["file:///etc/passwd", "http://[", "gopher://x/", "unix:/run/docker.sock:/"])
def test_a_redirect_to_something_else_is_not_followed(up: Upstream, outbound: Outbound, to: str) -> None:
    up.redirect("/", to)
    error = failure(outbound, up.url("/"))
    assert (error.kind, up.count()) == ("redirects", 1)


# ---- TLS
def test_a_self_signed_certificate_is_refused_and_can_be_pinned_or_accepted(outbound: Outbound) -> None:
    certificate = self_signed()
    with Upstream(tls=certificate) as up:
        up.json("/", 1)
        error = failure(outbound, up.url("/"))
        assert (error.kind, up.count()) == ("tls", 0)
        assert "it is self-signed" in error.sentence
        assert get(outbound, up.url("/"), tls={"verify": False}).json() == 1
        assert get(outbound, up.url("/"), tls={"verify": certificate.sha256.upper()}).json() == 1
        colons = ":".join(certificate.sha256[i : i + 2] for i in range(0, 64, 2))
        assert get(outbound, up.url("/"), tls={"pin": f"sha256:{colons}"}).json() == 1
        wrong = failure(outbound, up.url("/"), tls={"pin": "0" * 64})
        assert certificate.sha256 in wrong.sentence
        assert up.count() == 3
    assert "64 hex digits" in failure(outbound, up.url("/"), tls={"pin": "abc"}).sentence


def test_certificates_of_the_system_are_trusted_for_their_name_and_time_only(
    monkeypatch: pytest.MonkeyPatch, outbound: Outbound
) -> None:
    cases = [
        (self_signed(), "127.0.0.1", None),
        (self_signed("other.lan"), "127.0.0.1", "it is for another address"),
        (self_signed(expired=True), "127.0.0.1", "it has expired"),
    ]
    for certificate, host, words in cases:
        monkeypatch.setenv("SSL_CERT_FILE", certificate.cert_file)
        wire_module._context.cache_clear()
        with Upstream(tls=certificate) as up:
            up.json("/", 1)
            if words is None:
                assert get(outbound, up.url("/", host)).json() == 1
            else:
                assert words in failure(outbound, up.url("/", host)).sentence
    wire_module._context.cache_clear()


def test_https_to_a_plain_server_suggests_http(up: Upstream, outbound: Outbound) -> None:
    error = failure(outbound, up.url("/").replace("http:", "https:"))
    assert error.sentence == f"127.0.0.1 does not speak TLS on port {up.port}; try http://."


# ---- conditional requests
def test_an_unchanged_answer_is_confirmed_instead_of_sent_again(up: Upstream, outbound: Outbound) -> None:
    up.etag("/", {"value": 1})
    first, one = get(outbound, up.url("/")), client(outbound)
    second = one.request("GET", up.url("/"))
    assert (first.not_modified, second.not_modified) == (False, True)
    assert (second.status, second.json()) == (200, {"value": 1})
    assert (one.exchanges[0].status, one.exchanges[0].not_modified) == (304, True)
    up.etag("/", {"value": 2}, tag='"v2"')
    assert get(outbound, up.url("/")).json() == {"value": 2}


def test_a_kept_body_is_never_given_to_other_credentials(up: Upstream, outbound: Outbound) -> None:
    up.etag("/", {"value": 1})
    get(outbound, up.url("/"), auth={"kind": "bearer", "token": "a"})
    other = get(outbound, up.url("/"), auth={"kind": "bearer", "token": "b"})
    assert not other.not_modified
    assert "if-none-match" not in up.last().headers


def test_last_modified_confirms_too_and_no_store_is_obeyed(up: Upstream, outbound: Outbound) -> None:
    since = "Thu, 01 Jan 2026 00:00:00 GMT"

    def handler(request: Any) -> Reply:
        known = request.headers.get("if-modified-since") == since
        return Reply(304) if known else Reply(200, b"1", {"Last-Modified": since})

    up.handle("/", handler)
    up.json("/private", 1, headers={"ETag": '"a"', "Cache-Control": "no-store"})
    assert [get(outbound, up.url("/")).not_modified for _ in range(2)] == [False, True]
    get(outbound, up.url("/private"))
    get(outbound, up.url("/private"))
    assert "if-none-match" not in up.last("/private").headers


def test_kept_bodies_are_bounded(up: Upstream, outbound: Outbound) -> None:
    up.answer("/big", b"x" * 1_100_000, headers={"ETag": '"a"'})
    for number in range(10):
        up.answer(f"/{number}", b"x" * 900_000, headers={"ETag": '"a"'})
        get(outbound, up.url(f"/{number}"))
    for path in ("/big", "/big", "/0", "/9"):
        get(outbound, up.url(path))
    assert "if-none-match" not in up.last("/big").headers
    assert "if-none-match" not in up.last("/0").headers
    assert up.last("/9").headers["if-none-match"] == '"a"'


# ---- limits per host
def test_at_most_32_requests_run_at_once_per_host(up: Upstream, outbound: Outbound) -> None:
    release = threading.Event()
    up.hold("/", release, 1)
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(get(outbound, up.url("/"), 10).json())) for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    until(lambda: up.inflight == 32)
    assert up.count() == 32
    release.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert (results, up.max_inflight) == ([1] * 40, 32)


def test_after_a_timeout_only_two_wait_for_a_host_until_it_answers(up: Upstream, outbound: Outbound) -> None:
    dead, release = threading.Event(), threading.Event()
    up.hold("/dead", dead, 1)
    up.hold("/", release, 1)
    failure(outbound, up.url("/dead"), 0.1)
    dead.set()
    until(lambda: up.inflight == 0)
    up.forget()
    threads = [threading.Thread(target=lambda: get(outbound, up.url("/"), 10)) for _ in range(6)]
    for thread in threads:
        thread.start()
    until(lambda: up.inflight == 2)
    crowded = failure(outbound, up.url("/"), 0.1)
    assert (crowded.kind, up.max_inflight) == ("timeout", 2)
    assert "2 earlier requests still wait" in crowded.sentence
    release.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    release.clear()
    threads = [threading.Thread(target=lambda: get(outbound, up.url("/"), 10)) for _ in range(6)]
    for thread in threads:
        thread.start()
    until(lambda: up.inflight == 6)
    release.set()
    for thread in threads:
        thread.join(PATIENCE_S)


def test_a_dead_host_does_not_hold_up_another(up: Upstream, outbound: Outbound) -> None:
    with Upstream() as dead:
        dead.hang("/")
        up.json("/", 1)
        thread = threading.Thread(target=lambda: failure(outbound, dead.url("/"), 3))
        thread.start()
        until(lambda: dead.inflight == 1)
        assert get(outbound, up.url("/")).json() == 1
        assert thread.is_alive()
        thread.join(PATIENCE_S)


# ---- trace, masking, guard, stop
def test_the_trace_tells_what_was_asked_without_secrets(up: Upstream, outbound: Outbound) -> None:
    up.json("/v1/t0ken%2Fvalue", {"a": 1})
    one = client(outbound, secrets=("t0ken/value",))
    one.request("GET", up.url("/v1/t0ken%2Fvalue?api_key=abc&q=t0ken/value&page=2").replace("://", "://me:pw@"))
    exchange = one.exchanges[0]
    assert exchange.url == f"http://127.0.0.1:{up.port}/v1/••••••••?api_key=••••••••&q=••••••••&page=2"
    assert (exchange.method, exchange.status, exchange.size_bytes, exchange.at) == ("GET", 200, 8, NOW)
    assert up.last().headers["authorization"].startswith("Basic ")


def test_a_basic_login_is_hidden_as_it_was_sent_however_short_its_password(up: Upstream, outbound: Outbound) -> None:
    up.handle("/echo", lambda seen: Reply(200, seen.headers["authorization"].encode()))
    ways: tuple[dict[str, Any], ...] = (
        {"auth": {"kind": "basic", "username": "user", "password": "pw12345"}},
        {"headers": {"authorization": "basic dXNlcjpwdzEyMzQ1"}},
    )
    for way in ways:
        one = client(outbound, secrets=("pw12345",))
        answer = one.request("GET", up.url("/echo"), **way)
        assert answer.text().endswith("dXNlcjpwdzEyMzQ1")
        assert "dXNlcjpwdzEyMzQ1" not in one.mask.text(answer.text())
        assert one.learned == ("dXNlcjpwdzEyMzQ1",)


def test_a_credential_that_is_lent_again_changes_nothing(outbound: Outbound) -> None:
    one = client(outbound)
    one.lend(Bound("mark", "nas", "its-value", ("nas.lan",)))
    mask = one.mask
    assert mask.text("its-value") == "••••••••"
    one.lend(Bound("mark", "nas", "its-value", ("nas.lan",)))
    assert one.mask is mask


def test_a_failed_request_is_traced_with_its_sentence(up: Upstream, outbound: Outbound) -> None:
    up.html("/s3cret-path", status=404)
    one = client(outbound, secrets=("s3cret-path",))
    with pytest.raises(FetchError) as caught:
        one.request("GET", up.url("/s3cret-path"))
    assert "s3cret" not in str(caught.value)
    with pytest.raises(FetchError):
        one.request("GET", f"http://127.0.0.1:{refused_port()}/s3cret-path")
    assert [exchange.status for exchange in one.exchanges] == [404, None]
    assert "refused" in str(one.exchanges[1].error)
    assert "s3cret" not in repr(one.exchanges)


def test_the_guard_sees_each_address_and_can_refuse_it(up: Upstream, tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    def guard(host: str, address: str) -> None:
        seen.append((host, address))
        if address == "127.0.0.1" or host == "unix":
            raise FetchError("Glance may not connect to this address.", kind="blocked")

    guarded = Outbound(guard)
    with Upstream(unix=str(tmp_path / "s.sock")) as sock:
        assert failure(guarded, up.url("/", "localhost")).kind == "blocked"
        assert failure(guarded, sock.url("/")).kind == "blocked"
        assert sock.count() == 0
    assert ("localhost", "127.0.0.1") in seen
    assert seen[-1] == ("unix", str(tmp_path / "s.sock"))
    assert up.count() == 0
    guarded.close()


def test_a_redirect_cannot_slip_past_the_guard(up: Upstream) -> None:
    guarded = Outbound(_only_loopback_one)
    up.redirect("/", up.url("/", "127.0.0.2"))
    assert failure(guarded, up.url("/")).kind == "blocked"
    assert up.count() == 1
    guarded.close()


def _only_loopback_one(host: str, address: str) -> None:
    if address != "127.0.0.1":
        raise FetchError(f"Glance may not connect to {address}.", kind="blocked")


def test_close_ends_running_requests_at_once(up: Upstream) -> None:
    made = Outbound()
    up.hang("/")
    errors: list[FetchError] = []
    thread = threading.Thread(target=lambda: errors.append(failure(made, up.url("/"), 30)))
    thread.start()
    until(lambda: up.inflight == 1)
    began = time.monotonic()
    made.close()
    made.close()
    thread.join(PATIENCE_S)
    assert time.monotonic() - began < at_most(4)
    assert errors[0].sentence == "Glance is stopping."
    assert failure(made, up.url("/")).sentence == "Glance is stopping."


def test_close_ends_a_connection_that_is_still_being_made() -> None:
    made = Outbound()
    errors: list[FetchError] = []
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        queued = [_knock(full.getsockname()) for _ in range(4)]
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"
        thread = threading.Thread(target=lambda: errors.append(failure(made, url, 30)))
        thread.start()
        until(lambda: made.clients().sender._running)
        until(lambda: any(conn.wire is not None for conn in made.clients().sender._running))
        made.close()
        thread.join(PATIENCE_S)
        for knocking in queued:
            knocking.close()
    assert errors[0].sentence == "Glance is stopping."


def _knock(address: Any) -> socket.socket:
    """A connection attempt that is left waiting."""
    knocking = socket.socket()
    knocking.setblocking(False)
    knocking.connect_ex(address)
    return knocking


def test_a_silent_tls_server_is_left_at_the_deadline(outbound: Outbound) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = failure(outbound, f"https://127.0.0.1:{silent.getsockname()[1]}/", 0.2)
    assert error.sentence == "127.0.0.1 did not answer within 0.2 s."


def test_a_name_with_several_addresses_is_tried_at_each(
    up: Upstream, outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = [(socket.AF_INET, ("127.0.0.9", up.port)), (socket.AF_INET, ("127.0.0.1", up.port))]
    monkeypatch.setattr(wire_module, "resolve", lambda *args: addresses)
    up.json("/", 1)
    assert get(outbound, up.url("/", "nas.lan")).json() == 1
    addresses[1] = (socket.AF_INET, ("127.0.0.8", up.port))
    assert (
        failure(outbound, up.url("/x", "other.lan")).sentence == f"other.lan refused the connection on port {up.port}."
    )


def test_an_ipv6_address_is_read_as_one(outbound: Outbound) -> None:
    error = failure(outbound, f"http://[::1]:{refused_port()}/")
    assert error.kind == "refused"
    assert error.sentence.startswith("::1 ")
    assert lane("http://[::1]:81/") == "::1:81"


def test_a_fetch_whose_time_is_over_sends_nothing(up: Upstream, outbound: Outbound) -> None:
    error = failure(outbound, up.url("/"), -1)
    assert (error.kind, up.count()) == ("timeout", 0)
    assert error.sentence == "The time limit was over before 127.0.0.1 could be asked."


def test_a_lane_names_host_and_port() -> None:
    assert lane("https://Example.org/x") == "example.org:443"
    assert lane("unix:/run/docker.sock:/x") == "/run/docker.sock"
    assert lane("{{ broken") is None
    assert lane(None) is None
