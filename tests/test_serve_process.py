"""The server as a process: its address, its end, and its exit codes."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from glance.config import Settings
from glance.errors import SettingError
from glance.serve import _limits, listen
from tests.serving import Client
from tests.waiting import PATIENCE_S, at_most

ROOT = Path(__file__).resolve().parent.parent
Start = Callable[..., tuple["subprocess.Popen[str]", int]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the tiny application as a process: (process, port)."""
    running: list[subprocess.Popen[str]] = []

    def go(*more: str) -> tuple[subprocess.Popen[str], int]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.serving", "0", *more],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(process)
        assert process.stdout
        found = re.fullmatch(r"Glance is at http://127\.0\.0\.1:(\d+)\n", process.stdout.readline())
        assert found
        return process, int(found[1])

    yield go
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_it_prints_the_real_address_and_answers_there(start: Start) -> None:
    _, port = start()
    with Client(port) as client:
        assert client.get()[2] == b"hello"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_within_3_s_with_websockets_silent_and_running_connections(start: Start, number: int) -> None:
    process, port = start()
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(port)) for _ in range(6)]
        clients[0].open_websocket()
        clients[1].open_websocket("/ws/deaf")
        clients[2].send("GET / HTTP/1.1\r\nHo")
        clients[3].send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
        assert clients[4].get()[0] == 200
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(2 * PATIENCE_S) == 0
        assert time.monotonic() - began < at_most(6)
        assert clients[0].close_code() == 1012


def test_it_ends_at_once_where_nothing_runs(start: Start) -> None:
    process, _ = start()
    began = time.monotonic()
    process.terminate()
    assert process.wait(2 * PATIENCE_S) == 0
    assert time.monotonic() - began < at_most(2.5)


def test_it_ends_within_3_s_although_a_thread_does_not(start: Start) -> None:
    process, _ = start("stubborn")
    began = time.monotonic()
    process.terminate()
    _, errors = process.communicate(timeout=2 * PATIENCE_S)
    assert process.returncode == 0
    assert time.monotonic() - began < at_most(6)
    assert "stubborn" in errors


def settings(**changes: object) -> Settings:
    return Settings(**{"port": 0, **changes})  # type: ignore[arg-type]


def test_a_port_in_use_is_said_with_the_setting_to_change() -> None:
    first = listen(settings())
    try:
        with pytest.raises(SettingError, match=rf"Port {first.port} is in use on 127.0.0.1: .*GLANCE_PORT"):
            listen(settings(port=first.port))
    finally:
        first.close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a b"])
def test_a_host_that_is_not_here_is_said(host: str) -> None:
    with pytest.raises(SettingError, match=r"GLANCE_HOST is .* not a"):
        listen(settings(host=host))


def test_a_port_this_user_may_not_open_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(SettingError, match="GLANCE_PORT is 80, which this user may not open"):
        listen(settings(port=80))


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "http://127.0.0.1:{}"), ("0.0.0.0", "http://127.0.0.1:{}"), ("localhost", "http://localhost:{}")],
)
def test_the_printed_address_can_be_opened_on_this_computer(host: str, address: str) -> None:
    listener = listen(settings(host=host))
    try:
        assert listener.address == address.format(listener.port)
    finally:
        listener.close()


@pytest.mark.parametrize(("files", "connections", "sockets"), [(16384, 4096, 640), (1024, 384, 64), (256, 96, 16)])
def test_connections_leave_room_for_the_files_of_the_rest(files: int, connections: int, sockets: int) -> None:
    limits = _limits(files)
    assert (limits.connections, limits.sockets) == (connections, sockets)


def test_it_listens_on_both_families_where_there_is_ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        with pytest.raises(SettingError, match="GLANCE_HOST"):
            listen(settings(host="::"))
        return
    listener = listen(settings(host="::"))
    try:
        assert listener.address == f"http://[::1]:{listener.port}"
        socket.create_connection(("127.0.0.1", listener.port), PATIENCE_S).close()
    finally:
        listener.close()
