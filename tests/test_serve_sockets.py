"""Websockets at the gate: their own threads, a limit, sends that end, and a close that clients understand."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from glance.serve import Gate
from glance.serve.websocket import ClientGone, WebSocketSocket
from tests.serving import GUARDED, HANDSHAKE, Client, Tiny, make_tiny, serving
from tests.socket_client import Client as SocketClient
from tests.socket_client import closed_with
from tests.waiting import PATIENCE_S, at_most, until


@pytest.fixture
def tiny() -> Tiny:
    return make_tiny()


@pytest.fixture
def gate(tiny: Tiny) -> Iterator[Gate]:
    with serving(tiny) as gate:
        yield gate


def test_a_websocket_echoes(gate: Gate) -> None:
    with Client(gate) as client:
        client.open_websocket()
        client.send_text("hello")
        assert client.frame() == (1, b"hello")


def test_compression_is_not_agreed_on(gate: Gate) -> None:
    with Client(gate) as client:
        assert "sec-websocket-extensions" not in client.open_websocket()


def test_a_ping_is_answered(gate: Gate) -> None:
    with Client(gate) as client:
        client.open_websocket()
        client.send(bytes([0x89, 0x82, 0, 0, 0, 0]) + b"hi")
        assert client.frame() == (10, b"hi")


def test_a_client_that_closes_frees_its_place(gate: Gate) -> None:
    with Client(gate) as client:
        client.open_websocket()
        client.send(bytes([0x88, 0x82, 0, 0, 0, 0, 3, 232]))
        assert client.close_code() == 1000
    until(lambda: gate.counts()["sockets"] == 0)
    assert gate.counts()["connections"] == 0


def test_a_client_that_vanishes_frees_its_place(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    with Client(gate) as client:
        client.open_websocket()
        until(lambda: gate.counts()["sockets"] == 1)
    until(lambda: gate.counts()["sockets"] == 0)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_open_websockets_take_no_thread_from_pages(gate: Gate) -> None:
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(Client(gate)).open_websocket()
        with Client(gate) as client:
            began = time.perf_counter()
            assert client.get()[0] == 200
            assert time.perf_counter() - began < at_most(5)
        assert gate.counts()["sockets"] == 100
        assert gate.counts()["threads"] <= 4


def test_one_websocket_too_many_is_closed_with_1013_and_pages_go_on(tiny: Tiny) -> None:
    with serving(tiny, sockets=2) as gate, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(Client(gate)).open_websocket()
        with Client(gate) as client:
            headers = client.open_websocket(more="Sec-WebSocket-Protocol: glance.bearer.abc, other\r\n")
            assert headers["sec-websocket-protocol"] == "glance.bearer.abc"
            assert client.close_code() == 1013
        with Client(gate) as client:
            assert client.get()[0] == 200


def test_a_close_in_one_piece_with_the_answer_to_the_handshake_is_heard(tiny: Tiny) -> None:
    with serving(tiny, sockets=0) as gate:
        assert closed_with(SocketClient(f"ws://127.0.0.1:{gate.port}/ws")) == 1013


def test_a_surplus_websocket_without_a_key_gets_503(tiny: Tiny) -> None:
    with serving(tiny, sockets=0) as gate, Client(gate) as client:
        client.send("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        status, headers, body = client.response()
        assert (status, headers["retry-after"]) == (503, "5")
        assert {name: headers[name] for name in GUARDED} == GUARDED
        assert body == b"All websockets are in use right now.\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Version: 13", "Version: 8"),
        ("Key: AAAA", "Key: short"),
        ("keep-alive, Upgrade", "keep-alive"),
        ("GET", "POST"),
    ],
)
def test_a_handshake_that_is_not_sound_gets_400(gate: Gate, old: str, new: str) -> None:
    handshake = HANDSHAKE.format(path="/ws", key="AAAAAAAAAAAAAAAAAAAAAA==", more="")
    with Client(gate) as client:
        status, headers, _ = client.send(handshake.replace(old, new)).response()
        assert (status, headers["connection"]) == (400, "close")
    until(lambda: gate.counts()["sockets"] == 0)


def test_a_page_asked_for_as_a_websocket_is_no_websocket(gate: Gate) -> None:
    with Client(gate) as client:
        status, headers, _ = client.send(HANDSHAKE.format(path="/", key="AAAAAAAAAAAAAAAAAAAAAA==", more="")).response()
        assert (status, headers["connection"]) == (400, "close")
    until(lambda: gate.counts()["sockets"] == 0)


def test_a_websocket_route_asked_for_as_a_page_is_refused(gate: Gate) -> None:
    with Client(gate) as client:
        assert client.get("/ws")[0] == 400
        assert client.get("/")[0] == 200


def test_a_handler_that_fails_closes_with_1011(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL), Client(gate) as client:
        client.open_websocket("/ws/broken")
        assert client.close_code() == 1011
    until(lambda: gate.counts()["sockets"] == 0)


def test_stopping_tells_clients_that_it_restarts(gate: Gate, tiny: Tiny) -> None:
    with Client(gate) as client:
        client.open_websocket()
        tiny.stopping.set()
        assert client.close_code() == 1012
        assert client.is_closed()


def test_a_handler_that_hears_nothing_is_cut_off_at_the_end(tiny: Tiny) -> None:
    with serving(tiny) as gate, Client(gate) as client:
        client.open_websocket("/ws/deaf")
        assert tiny.held.acquire(timeout=PATIENCE_S)
        began = time.monotonic()
        gate.stop(0.5)
        assert time.monotonic() - began < at_most(5)
        assert client.is_closed()


def test_a_send_to_a_client_that_does_not_read_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.serve.websocket.SEND_TIMEOUT_S", 0.1)
    here, there = socket.socketpair()
    with here, there:
        opened: list[bool] = []
        websocket = WebSocketSocket(here, lambda: opened.append(True))
        with pytest.raises(ClientGone):
            websocket.send(b"x" * (16 << 20))
        with pytest.raises(ClientGone):
            websocket.send(b"more")
        assert opened == [True]
