"""Monitors against real servers and ports: up, slow, down, their history, and what cannot be checked."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glance.errors import FetchError
from glance.outbound import Outbound, reach
from glance.sources import SourceIO, deadline_s, monitor
from tests.source_io import NOW, source_io
from tests.upstream import Reply, Upstream, refused_port
from tests.waiting import PATIENCE_S

DAY_S = 86_400.0


@pytest.fixture
def up() -> Iterator[Upstream]:
    with Upstream() as server:
        server.answer("/ok", b"all is well")
        server.answer("/broken", b"", status=500)
        server.answer("/login", b"", status=401)
        server.redirect("/moved", "/ok")
        server.hang("/hang")
        yield server


@pytest.fixture
def io(outbound: Outbound) -> SourceIO:
    return source_io(outbound)


def one(io: SourceIO, **check: Any) -> dict[str, Any]:
    line: dict[str, Any] = monitor.fetch({"kind": "monitor", "checks": [check]}, io)["checks"][0]
    return line


def test_a_service_that_answers_is_up(up: Upstream, io: SourceIO) -> None:
    line = one(io, name="Files", url=up.url("/ok"))
    assert (line["name"], line["state"], line["link"], line["error"]) == ("Files", "up", up.url("/ok"), None)
    assert line["ms"] > 0
    assert line["since"] == NOW
    assert (line["uptime"], line["days"]) == (100.0, 1)
    assert line["history"] == [{"at": NOW, "ms": line["ms"], "state": "up"}]


def test_redirects_are_followed(up: Upstream, io: SourceIO) -> None:
    assert one(io, url=up.url("/moved"))["state"] == "up"
    assert up.count("/ok") == 1


@pytest.mark.parametrize(
    ("expect", "path", "state"),
    [
        (None, "/broken", "down"),
        (None, "/login", "down"),
        ([401], "/login", "up"),
        (401, "/login", "up"),
        ("200-299, 401", "/login", "up"),
        (["2xx", "5xx"], "/broken", "up"),
        ("2xx", "/login", "down"),
        ([204], "/ok", "down"),
    ],
)
def test_the_expected_status_decides(up: Upstream, io: SourceIO, expect: Any, path: str, state: str) -> None:
    line = one(io, url=up.url(path), expect=expect)
    assert line["state"] == state
    assert (line["error"] is None) == (state == "up")


def test_a_down_service_says_its_status(up: Upstream, io: SourceIO) -> None:
    assert one(io, url=up.url("/broken"))["error"] == "It answered with status 500."


def test_the_text_of_the_answer_can_be_required(up: Upstream, io: SourceIO) -> None:
    assert one(io, url=up.url("/ok"), body_contains="all is")["state"] == "up"
    line = one(io, url=up.url("/ok"), body_contains="nothing is")
    assert (line["state"], line["error"]) == ("down", "The answer does not contain the expected text.")


def test_a_slow_service_is_up_and_slow(up: Upstream, io: SourceIO) -> None:
    up.answer("/slow", b"", delay_s=0.05)
    answer = monitor.fetch({"checks": [{"url": up.url("/slow"), "slow_ms": 20}]}, io)
    assert answer["checks"][0]["state"] == "slow"
    assert answer["checks"][0]["ms"] >= 50
    assert (answer["up"], answer["total"], answer["uptime"]) == (1, 1, 100.0)


def test_a_service_that_hangs_is_down_and_does_not_hold_the_others(up: Upstream, io: SourceIO) -> None:
    checks = [{"url": up.url("/hang"), "timeout": 0.3}, {"url": up.url("/ok")}]
    lines = monitor.fetch({"checks": checks}, io)["checks"]
    assert [line["state"] for line in lines] == ["down", "up"]
    assert "0.3 s" in lines[0]["error"]
    assert lines[0]["ms"] is None


def test_a_refused_service_is_data_and_no_failed_fetch(io: SourceIO) -> None:
    answer = monitor.fetch({"checks": [{"url": f"http://127.0.0.1:{refused_port()}/"}]}, io)
    assert answer["checks"][0]["state"] == "down"
    assert "refused" in answer["checks"][0]["error"]
    assert (answer["up"], answer["uptime"]) == (0, 0.0)


def test_an_answer_too_big_to_read_is_still_an_answer(up: Upstream, io: SourceIO) -> None:
    up.stream("/big", size_bytes=20_000_000)
    assert one(io, url=up.url("/big"), slow_ms=60_000, timeout=5)["state"] == "up"


def test_headers_and_method_are_sent(up: Upstream, io: SourceIO) -> None:
    up.handle("/head", lambda request: Reply(status=200 if request.method == "POST" else 405))
    assert one(io, url=up.url("/head"), method="post", headers={"X-Probe": "1"})["state"] == "up"
    assert up.last("/head").headers["x-probe"] == "1"


def test_a_port_is_checked_by_connecting(up: Upstream, io: SourceIO) -> None:
    line = one(io, host="127.0.0.1", port=up.port)
    assert (line["kind"], line["state"], line["name"], line["link"]) == ("tcp", "up", f"127.0.0.1:{up.port}", None)
    for url in (f"127.0.0.1:{up.port}", f"tcp://127.0.0.1:{up.port}"):
        assert one(io, kind="tcp", url=url)["state"] == "up"
    assert one(io, url=f"tcp://127.0.0.1:{up.port}")["kind"] == "tcp"


def test_a_closed_port_and_an_unknown_name_are_down_with_the_reason(io: SourceIO) -> None:
    port = refused_port()
    assert one(io, host="127.0.0.1", port=str(port))["error"] == f"127.0.0.1 port {port} refused the connection."
    line = one(io, host="no-such-name.invalid", port=80, timeout=1)
    assert (line["state"], line["error"]) == ("down", "The name no-such-name.invalid cannot be found.")


def test_history_grows_and_is_bounded(up: Upstream, outbound: Outbound) -> None:
    state: dict[str, Any] = {}
    check = {"checks": [{"host": "127.0.0.1", "port": up.port}]}
    for number in range(93):
        answer = monitor.fetch(check, source_io(outbound, state=state, now=NOW + number))
        state = json.loads(json.dumps(state))
    history = answer["checks"][0]["history"]
    assert [entry["at"] for entry in history] == [NOW + number for number in range(3, 93)]


def test_since_tells_when_it_went_down_and_came_back(up: Upstream, outbound: Outbound) -> None:
    state: dict[str, Any] = {}
    statuses = iter([200, 200, 500, 500, 200])
    up.handle("/flaky", lambda request: Reply(status=next(statuses)))
    seen = []
    for number in range(5):
        io = source_io(outbound, state=state, now=NOW + number * 60)
        line = one(io, url=up.url("/flaky"))
        seen.append((line["state"], line["since"] - NOW))
    assert seen == [("up", 0), ("up", 0), ("down", 120), ("down", 120), ("up", 240)]
    assert line["uptime"] == 60.0


def test_uptime_covers_at_most_thirty_days(up: Upstream, outbound: Outbound) -> None:
    state: dict[str, Any] = {}
    down = {"checks": [{"name": "x", "host": "127.0.0.1", "port": refused_port()}]}
    monitor.fetch(down, source_io(outbound, state=state))
    key = next(iter(state["checks"]))
    state["checks"][key]["days"] = {f"2026-10-{day:02}": [10, 10] for day in range(1, 32)}
    answer = monitor.fetch(down, source_io(outbound, state=state))
    assert min(state["checks"][key]["days"]) == "2026-10-21"
    assert answer["days"] == 12
    assert answer["uptime"] == pytest.approx(100 * 110 / 111, abs=0.001)


def test_memory_follows_the_target_and_forgets_removed_checks(up: Upstream, outbound: Outbound) -> None:
    state: dict[str, Any] = {}
    monitor.fetch({"checks": [{"name": "a", "url": up.url("/ok")}]}, source_io(outbound, state=state))
    renamed = {"checks": [{"name": "b", "url": up.url("/ok")}, {"name": "c", "url": up.url("/broken")}]}
    lines = monitor.fetch(renamed, source_io(outbound, state=state, now=NOW + 60))["checks"]
    assert [len(line["history"]) for line in lines] == [2, 1]
    monitor.fetch({"checks": [{"url": up.url("/broken")}]}, source_io(outbound, state=state, now=NOW + 120))
    assert len(state["checks"]) == 1


def test_the_same_target_twice_has_two_histories(up: Upstream, outbound: Outbound) -> None:
    state: dict[str, Any] = {}
    checks = {"checks": [{"url": up.url("/ok")}, {"url": up.url("/ok"), "expect": [404]}]}
    for number in range(2):
        lines = monitor.fetch(checks, source_io(outbound, state=state, now=NOW + number))["checks"]
    assert [[entry["state"] for entry in line["history"]] for line in lines] == [["up", "up"], ["down", "down"]]


def test_links_are_web_addresses_without_credentials_and_secrets(up: Upstream, outbound: Outbound) -> None:
    io = source_io(outbound, secrets=("s3cret",))
    assert one(io, url=up.url("/ok"), link="javascript:alert(1)")["link"] == up.url("/ok")
    assert one(io, url=up.url("/ok"), link="https://files.example/")["link"] == "https://files.example/"
    assert one(io, url=up.url("/ok?key=s3cret"))["link"] is None
    assert "s3cret" not in json.dumps(io.state)


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        ({"name": "Web", "kind": "http"}, "“Web” needs an address"),
        ({"url": "ftp://host/"}, "needs an address that begins"),
        ({"host": "h"}, "needs a host and a port"),
        ({"host": "h", "port": 99999}, "needs a host and a port"),
        ({"kind": "ping"}, "needs a host to ping"),
        ({"url": "ping://"}, "needs a host to ping"),
        ({"url": "tcp://h:http"}, "needs a host and a port"),
        ({"url": "tcp://h"}, "needs a host and a port"),
        ({"kind": "smtp", "url": "x"}, "unknown kind"),
    ],
)
def test_a_check_that_makes_no_sense_is_named(io: SourceIO, check: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FetchError, match=sentence):
        monitor.fetch({"checks": [check]}, io)


def test_no_check_and_too_many_are_sentences(io: SourceIO) -> None:
    with pytest.raises(FetchError, match="No service"):
        monitor.fetch({"checks": []}, io)
    with pytest.raises(FetchError, match="too many"):
        monitor.fetch({"checks": ["http://h/"] * 61}, io)


def test_the_deadline_covers_the_slowest_check() -> None:
    assert deadline_s(monitor, {"checks": [{"url": "a", "timeout": 9}, {"url": "b"}]}) == 11.0
    assert deadline_s(monitor, {"checks": [{"url": "a"}] * 40, "timeout": "3"}) == 8.0


# ---- ping


def ping_command(folder: Path, script: str) -> None:
    """A `ping` command of our own: the real one cannot be relied on where tests run."""
    file = folder / "ping"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """This computer refuses ICMP sockets, and the only commands are those in the folder."""

    class Refusing(socket.socket):
        def __init__(self, family: int = -1, kind: int = -1, proto: int = -1, fileno: int | None = None) -> None:
            if proto in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6):
                raise PermissionError(13, "Permission denied")
            super().__init__(family, kind, proto, fileno)

    monkeypatch.setattr(socket, "socket", Refusing)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_a_ping_goes_through_the_command_where_sockets_are_not_allowed(no_sockets: Path, io: SourceIO) -> None:
    ping_command(no_sockets, 'echo "64 bytes from $6: icmp_seq=1 ttl=64 time=12.5 ms"')
    for check in ({"name": "Router", "ping": "127.0.0.1"}, {"url": "ping://127.0.0.1"}):
        line = one(io, **check)
        assert (line["state"], line["ms"], line["kind"]) == ("up", 12, "ping")


def test_a_ping_without_a_reply_is_down(no_sockets: Path, io: SourceIO) -> None:
    ping_command(no_sockets, "echo '1 packets transmitted, 0 received'; exit 1")
    line = one(io, ping="127.0.0.1", timeout=1)
    assert (line["state"], line["error"]) == ("down", "127.0.0.1 did not answer within 1 s.")


def test_where_nothing_can_ping_the_check_is_unknown_and_counts_for_nothing(no_sockets: Path, io: SourceIO) -> None:
    line = one(io, ping="127.0.0.1")
    assert (line["state"], line["history"], line["uptime"], line["since"]) == ("unknown", [], None, None)
    assert "install the ping command" in line["error"]
    answer = monitor.fetch({"checks": [{"ping": "127.0.0.1"}, {"host": "127.0.0.1", "port": refused_port()}]}, io)
    assert (answer["up"], answer["total"]) == (0, 1)
    ping_command(no_sockets, "echo 'ping: socket: Operation not permitted' >&2; exit 2")
    assert one(io, ping="127.0.0.1")["error"] == "The ping command of this computer is not allowed to send pings."


def test_an_echo_is_known_by_its_number_and_payload() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
    ):
        host.bind(("127.0.0.1", 0))

        def answer() -> None:
            request, sender = host.recvfrom(1024)
            kind, code, _, identifier, number = struct.unpack("!BBHHH", request[:8])
            assert (kind, code) == (8, 0)
            host.sendto(b"\x03" + request[1:], sender)
            host.sendto(struct.pack("!BBHHH", 0, 0, 0, identifier, (number + 1) & 0xFFFF) + request[8:], sender)
            host.sendto(struct.pack("!BBHHH", 0, 0, 0, identifier, number) + os.urandom(16), sender)
            host.sendto(struct.pack("!BBHHH", 0, 0, 0, identifier, number) + request[8:], sender)

        thread = threading.Thread(target=answer)
        thread.start()
        assert 0 < reach.echo_ms(probe, "h", host.getsockname(), PATIENCE_S) < 1000 * PATIENCE_S
        thread.join(PATIENCE_S)


def test_an_echo_without_a_reply_ends_in_time() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
    ):
        host.bind(("127.0.0.1", 0))
        with pytest.raises(FetchError, match=r"h did not answer within 0\.05 s"):
            reach.echo_ms(probe, "h", host.getsockname(), 0.05)


def test_an_address_that_is_none_is_a_check_that_is_down(io: SourceIO) -> None:
    assert one(io, url="unix://[")["state"] == "down"
