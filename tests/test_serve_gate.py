"""The gate: silent, half-sent, slow and hung connections cost no thread, and pages are answered beside them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from glance.config import Settings
from glance.runtime import Runtime
from glance.serve import Gate, Limits, listen
from glance.serve.listener import raise_file_limit
from glance.web.application import create_app
from tests.serving import GUARDED, Client, Tiny, make_tiny, serving
from tests.waiting import PATIENCE_S, at_most, until


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """The application; the gate's clock ticks ten times as often as usual."""
    monkeypatch.setattr("glance.serve.crew.REST_S", 0.1)
    return make_tiny()


@pytest.fixture
def gate(tiny: Tiny) -> Iterator[Gate]:
    with serving(tiny) as gate:
        yield gate


def answer_times_ms(gate: Gate, count: int) -> list[float]:
    """How long each of `count` pages takes on a new connection, sorted."""
    took = []
    for _ in range(count):
        began = time.perf_counter()
        with Client(gate) as client:
            assert client.get()[0] == 200
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took)


def test_pages_load_beside_2000_silent_and_500_half_sent_connections(gate: Gate) -> None:
    assert raise_file_limit() >= 6000
    with ExitStack() as stack:
        for number in range(2500):
            client = stack.enter_context(Client(gate))
            if number % 5 == 0:
                client.send("GET / HTTP/1.1\r\nHost: x\r\nX-Half: ")
        took = answer_times_ms(gate, 100)
        assert gate.counts()["threads"] <= 4
    assert took[98] <= at_most(100)


def test_a_half_sent_request_ends_with_408_in_time(tiny: Tiny) -> None:
    with serving(tiny, head_s=0.1) as gate, Client(gate) as client:
        status, headers, body = client.send("GET / HTTP/1.1\r\nHo").response()
        assert (status, headers["connection"]) == (408, "close")
        assert {name: headers[name] for name in GUARDED} == GUARDED
        assert body == b"The request did not arrive whole in time.\n"


def test_a_drip_of_bytes_does_not_prolong_the_time_for_a_head(tiny: Tiny) -> None:
    with serving(tiny, head_s=0.3) as gate, Client(gate) as client:
        began = time.monotonic()
        client.sock.settimeout(0.1)
        client.send("GET / HTTP/1.1\r\n")
        answer = b""
        while not answer and time.monotonic() - began < PATIENCE_S:
            client.send("X-A: a\r\n")
            try:
                answer = client.sock.recv(100)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_an_idle_kept_connection_is_closed_in_time(tiny: Tiny) -> None:
    with serving(tiny, idle_s=0.1) as gate, Client(gate) as client:
        assert client.get()[0] == 200
        assert client.is_closed()


def test_a_small_body_that_never_comes_holds_no_thread(tiny: Tiny) -> None:
    with serving(tiny, threads_max=2, body_s=0.2) as gate, ExitStack() as stack:
        slow = [stack.enter_context(Client(gate)) for _ in range(20)]
        for client in slow:
            client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        assert answer_times_ms(gate, 5)[-1] < at_most(1000)
        assert slow[0].response()[0] == 408


@pytest.mark.parametrize(
    "head",
    [
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n",
        "POST /ignore HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["a length", "an expectation", "chunks"],
)
def test_bodies_that_hardly_come_leave_threads_for_others(tiny: Tiny, head: str) -> None:
    with serving(tiny, threads_max=8) as gate, ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(Client(gate)).send(head)
        assert len(answer_times_ms(gate, 5)) == 5
        with Client(gate) as client:  # what has come whole needs no wait, however many wait
            length = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
            assert client.send(length).response()[2] == b"abc"


def test_clients_that_hardly_take_long_answers_leave_threads_for_others(tiny: Tiny) -> None:
    with serving(tiny, threads_max=8) as gate, ExitStack() as stack:
        for _ in range(40):
            client = stack.enter_context(Client(gate))
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.send("GET /long?pieces=400 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert len(answer_times_ms(gate, 5)) == 5


def test_a_body_may_be_slow_again_once_the_slow_ones_are_gone(tiny: Tiny) -> None:
    with serving(tiny, threads_max=8) as gate:
        long = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n"
        with Client(gate) as first:
            first.send(long)
            until(lambda: gate._exchange._patience._held)
            with Client(gate) as second:
                assert second.send(long).response()[0] == 400
        until(lambda: gate.counts()["working"] == 0)
        with Client(gate) as third:
            third.send(long)
            until(lambda: gate.counts()["working"] == 1)
            assert third.send(b"a" * 70000).response()[0] == 200


def test_a_client_that_does_not_read_holds_no_thread(tiny: Tiny) -> None:
    with serving(tiny, threads_max=2) as gate, ExitStack() as stack:
        for _ in range(10):
            client = stack.enter_context(Client(gate))
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.send("GET /long?pieces=12 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer_times_ms(gate, 5)[-1] < at_most(1000)


def test_a_slow_reader_gets_the_whole_answer(gate: Gate) -> None:
    with Client(gate) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        client.send("GET /long?pieces=60 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        size = 0
        while data := client.sock.recv(65536):
            size += len(data)
        assert size > 60 * 65536


def test_a_client_that_does_not_close_delays_nobody(gate: Gate) -> None:
    with ExitStack() as stack:
        for _ in range(50):
            client = stack.enter_context(Client(gate))
            assert client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").response()[0] == 200
        assert answer_times_ms(gate, 20)[-1] < at_most(500)


def test_requests_that_wait_let_others_through(gate: Gate, tiny: Tiny) -> None:
    with ExitStack() as stack:
        waiting = [stack.enter_context(Client(gate)) for _ in range(30)]
        for client in waiting:
            client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in waiting:
            assert tiny.held.acquire(timeout=PATIENCE_S)
        assert answer_times_ms(gate, 20)[-1] < at_most(500)
        tiny.release.set()
        assert {client.response()[2] for client in waiting} == {b"held"}


def test_a_request_beyond_all_threads_waits_and_is_answered(tiny: Tiny) -> None:
    with serving(tiny, threads_max=3) as gate, ExitStack() as stack:
        waiting = [stack.enter_context(Client(gate)) for _ in range(3)]
        for client in waiting:
            client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in waiting:
            assert tiny.held.acquire(timeout=PATIENCE_S)
        late = stack.enter_context(Client(gate)).send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        tiny.release.set()
        assert late.response()[2] == b"hello"
        assert gate.counts()["threads"] == 3


def test_threads_that_are_not_needed_end(tiny: Tiny) -> None:
    with serving(tiny, thread_idle_s=0.1) as gate, ExitStack() as stack:
        waiting = [stack.enter_context(Client(gate)) for _ in range(8)]
        for client in waiting:
            client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in waiting:
            assert tiny.held.acquire(timeout=PATIENCE_S)
        assert gate.counts()["threads"] >= 8
        tiny.release.set()
        until(lambda: gate.counts()["threads"] == 2)
        assert answer_times_ms(gate, 3)


def test_beyond_the_limit_of_an_address_its_oldest_unfinished_request_goes(tiny: Tiny) -> None:
    with serving(tiny, heads_per_address=3) as gate, ExitStack() as stack:
        half = []
        for count in range(1, 5):
            half.append(stack.enter_context(Client(gate)).send("GET / HT"))
            until(lambda count=count: gate.counts()["connections"] == min(count, 3))
        assert half[0].is_closed()
        assert half[3].send("TP/1.1\r\nHost: x\r\n\r\n").response()[0] == 200


def test_a_new_client_gets_in_although_all_connections_are_in_use(tiny: Tiny) -> None:
    with serving(tiny, connections=5) as gate, ExitStack() as stack:
        kept = [stack.enter_context(Client(gate)) for _ in range(5)]
        for client in kept:
            assert client.get()[0] == 200
        until(lambda: gate.counts()["connections"] == 5)
        assert stack.enter_context(Client(gate)).get()[0] == 200
        assert kept[0].is_closed()
        assert kept[4].get()[0] == 200


def test_many_clients_at_once_all_get_their_own_answers(gate: Gate) -> None:
    faults: list[object] = []

    def ask(name: str) -> None:
        try:
            with Client(gate) as client:
                for number in range(50):
                    text = f"{name}-{number}"
                    client.send(f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {len(text)}\r\n\r\n{text}")
                    assert client.response()[2].decode() == text
        except (AssertionError, OSError) as error:
            faults.append(error)

    threads = [threading.Thread(target=ask, args=(f"client {number}",)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE_S)
    assert faults == []
    until(lambda: gate.counts()["connections"] == 0)


def test_stopping_twice_is_allowed_and_ends_every_connection(tiny: Tiny) -> None:
    with serving(tiny) as gate, Client(gate) as client:
        assert client.get()[0] == 200
        gate.stop(1.0)
        gate.stop(1.0)
        assert client.is_closed()
        with pytest.raises(ConnectionRefusedError):
            Client(gate)


def test_a_running_request_is_finished_before_the_end(tiny: Tiny) -> None:
    with serving(tiny) as gate, Client(gate) as client:
        client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
        assert tiny.held.acquire(timeout=PATIENCE_S)
        threading.Timer(0.1, tiny.release.set).start()
        gate.close_door(2.0)
        status, headers, body = client.response()
        assert (status, body, headers["connection"]) == (200, b"held", "close")


def test_an_upload_that_finds_no_place_is_told_so_with_a_time_to_try_again(settings: Settings) -> None:
    long = "POST /api/custom-widgets HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n"
    chunks = long.replace("Content-Length: 90000", "Transfer-Encoding: chunked")
    with ExitStack() as stack:
        runtime = Runtime(settings)
        stack.callback(runtime.stop)
        gate = Gate(create_app(runtime), listen(settings), Limits(threads_max=8))
        stack.callback(gate.stop, 1.0)
        gate.start()
        stack.enter_context(Client(gate)).send(long)
        until(lambda: gate._exchange._patience._held)
        status, headers, body = stack.enter_context(Client(gate)).send(long).response()
        assert (status, headers["retry-after"], headers["content-type"]) == (503, "10", "application/problem+json")
        assert b"Too many slow uploads" in body
        status, headers, body = stack.enter_context(Client(gate)).send(chunks).response()
        assert (status, headers["retry-after"]) == (503, "10")
        assert b"Too many slow uploads" in body


@pytest.mark.parametrize("came", [1, 89_999], ids=["its first byte", "all but its last byte"])
def test_an_upload_that_stalls_is_told_so_and_is_the_last_of_its_connection(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, came: int
) -> None:
    monkeypatch.setattr("glance.serve.connection.STALL_S", 0.2)
    with ExitStack() as stack:
        runtime = Runtime(settings)
        stack.callback(runtime.stop)
        gate = Gate(create_app(runtime), listen(settings))
        stack.callback(gate.stop, 1.0)
        gate.start()
        client = stack.enter_context(Client(gate))
        client.send(
            "POST /api/custom-widgets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n" + "{" * came
        )
        status, headers, body = client.response()
        assert (status, headers["connection"]) == (408, "close")
        assert b"did not arrive in time" in body


def test_a_login_whose_body_breaks_off_is_no_wrong_try(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.serve.connection.STALL_S", 0.1)
    head = (
        "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "
    )
    with ExitStack() as stack:
        runtime = Runtime(replace(settings, auth="password", password="three-quiet-fans"))
        stack.callback(runtime.stop)
        gate = Gate(create_app(runtime), listen(settings))
        stack.callback(gate.stop, 1.0)
        gate.start()
        for _ in range(8):
            with Client(gate) as client:
                assert client.send(f"{head}90000\r\n\r\npassword=x").response()[0] == 408
        client = stack.enter_context(Client(gate))
        assert client.send(f"{head}10\r\n\r\npassword=x").response()[0] == 401
