"""The server's HTTP: what is answered, what is refused, and what never hangs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from glance.serve import Gate
from tests.serving import GUARDED, Client, Tiny, make_tiny, serving


@pytest.fixture
def tiny() -> Tiny:
    return make_tiny()


@pytest.fixture
def gate(tiny: Tiny) -> Iterator[Gate]:
    with serving(tiny) as gate:
        yield gate


def test_a_request_is_answered_and_the_connection_kept(gate: Gate) -> None:
    with Client(gate) as client:
        for _ in range(3):
            status, headers, body = client.get()
            assert (status, body, headers["connection"]) == (200, b"hello", "keep-alive")


def test_the_server_does_not_name_its_software_and_version(gate: Gate) -> None:
    with Client(gate) as client:
        assert client.get()[1]["server"] == "Glance"


def test_pipelined_requests_are_answered_in_order(gate: Gate) -> None:
    with Client(gate) as client:
        client.send(
            "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        assert [client.response()[0] for _ in range(3)] == [200, 404, 200]


def test_a_pipelined_request_in_two_pieces_is_answered_once_it_is_whole(gate: Gate) -> None:
    with Client(gate) as client:
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP")
        assert client.response()[0] == 200
        assert client.send("/1.1\r\nHost: x\r\n\r\n").response()[2] == b"hello"


def test_head_has_the_headers_and_no_body(gate: Gate) -> None:
    with Client(gate) as client:
        status, headers, _ = client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n").response(head_only=True)
        assert (status, headers["content-length"]) == (200, "5")
        assert client.get()[2] == b"hello"


def test_an_http_1_0_connection_closes_after_the_answer(gate: Gate) -> None:
    with Client(gate) as client:
        assert client.send("GET / HTTP/1.0\r\n\r\n").response()[2] == b"hello"
        assert client.is_closed()


def test_connection_close_is_honoured(gate: Gate) -> None:
    with Client(gate) as client:
        _, headers, _ = client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").response()
        assert headers["connection"] == "close"
        assert client.is_closed()


def test_empty_lines_before_a_request_are_ignored(gate: Gate) -> None:
    with Client(gate) as client:
        assert client.send("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n").response()[0] == 200


def test_a_small_body_arrives_whole_also_in_pieces(gate: Gate) -> None:
    with Client(gate) as client:
        client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc").send("def")
        assert client.response()[2] == b"abcdef"
        assert client.get()[0] == 200


def test_a_body_nobody_read_does_not_end_the_connection(gate: Gate) -> None:
    with Client(gate) as client:
        client.send("POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabcdef")
        assert client.response()[2] == b"ignored"
        assert client.get()[2] == b"hello"


def test_a_chunked_body_is_joined_and_the_connection_kept(gate: Gate) -> None:
    with Client(gate) as client:
        client.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").send(
            "3\r\ndef\r\n0\r\n\r\n"
        )
        assert client.response()[2] == b"abcdef"
        assert client.get()[2] == b"hello"


@pytest.mark.parametrize(
    "body",
    [
        "zz\r\nabc\r\n",
        # what never ends: a line of a size, the extension of one, what follows the last piece
        "1" * 60_000,
        "3;a=" + "b" * 60_000,
        "0\r\n" + "X-A: a\r\n" * 200_000,
        "3;a\nb\r\nabc\r\n0\r\n\r\n",
        "0\r\nX-A: a\n\n\r\n\r\n",
    ],
)
def test_a_chunked_body_that_is_nonsense_is_refused_without_a_trace(gate: Gate, body: str) -> None:
    with Client(gate) as client:
        client.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").send(body)
        status, headers, text = client.response()
        assert (status, headers["connection"]) == (400, "close")
        assert b"Traceback" not in text


def test_a_body_cut_short_is_refused(gate: Gate) -> None:
    with Client(gate) as client:
        client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc")
        client.sock.shutdown(1)
        assert client.response()[0] == 400


@pytest.mark.parametrize("announced", [True, False])
def test_six_megabytes_are_answered_with_413_without_hanging(gate: Gate, announced: bool) -> None:
    piece = b"x" * 65536
    with Client(gate) as client:
        if announced:
            client.send(f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {len(piece) * 96}\r\n\r\n")
        else:
            client.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            piece = b"10000\r\n" + piece + b"\r\n"
        for _ in range(96):
            client.send(piece)
        status, headers, _ = client.response()
        assert (status, headers["connection"]) == (413, "close")
    with Client(gate) as client:
        assert client.get()[0] == 200


def test_five_megabytes_are_read(gate: Gate) -> None:
    body = bytes(range(256)) * 20000
    with Client(gate) as client:
        client.send(f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n").send(body)
        assert client.response()[2] == body


def test_expect_100_continue_is_answered_before_the_body(gate: Gate) -> None:
    with Client(gate) as client:
        client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert client.response(head_only=True)[0] == 100
        assert client.send("abc").response()[2] == b"abc"


def test_other_expectations_are_refused(gate: Gate) -> None:
    with Client(gate) as client:
        client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nExpect: tea\r\n\r\n")
        assert client.response()[0] == 417


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: x\r\nX-A: " + "a" * 100_000 + "\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: x\r\n" + "X-A: a\r\n" * 120 + "\r\n", 431),
        ("GET /" + "a" * 9000 + " HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/3.7\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 400),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: tea\r\n\r\n", 501),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nX-Forwarded-Host: x\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET /\u00e9 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ],
)  # fmt: skip
def test_a_hostile_head_is_refused_in_plain_words_and_the_connection_closed(
    gate: Gate, request_text: str, status: int
) -> None:
    with Client(gate) as client:
        found, headers, body = client.send(request_text).response()
        assert (found, headers["connection"]) == (status, "close")
        assert {name: headers[name] for name in GUARDED} == GUARDED
        assert body.endswith(b".\n")
        assert b"aaaa" not in body
    with Client(gate) as client:
        assert client.get()[0] == 200


def test_a_tls_handshake_is_closed_at_once(gate: Gate) -> None:
    with Client(gate) as client:
        assert client.send(b"\x16\x03\x01\x02\x00\x01").is_closed()


def test_no_header_changes_the_scheme_the_path_or_the_peer(gate: Gate) -> None:
    with Client(gate) as client:
        client.send(
            "GET /seen HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 1.2.3.4\r\n"
            "Script_Name: /evil\r\nPath_Info: /evil\r\nX_A: evil\r\nX-A: good\r\n\r\n"
        )
        seen = json.loads(client.response()[2])
    assert seen == {
        "REMOTE_ADDR": "127.0.0.1", "SCRIPT_NAME": "", "PATH_INFO": "/seen", "wsgi.url_scheme": "http", "HTTP_X_A": "good"
    }  # fmt: skip


def test_an_answer_of_unknown_length_is_chunked(gate: Gate) -> None:
    with Client(gate) as client:
        client.send("GET /long?pieces=2 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in client.until(b"\r\n\r\n")
        assert len(client.until(b"0\r\n\r\n")) > 2 * 65536


def test_an_answer_that_fails_before_it_is_sent_becomes_a_500(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL), Client(gate) as client:
        status, _, body = client.get("/broken")
    assert status == 500
    assert b"Traceback" not in body
    assert b"on purpose" not in body
