"""`python app.py`: what an owner sees of its start and its end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Served
from tests.serving import Client
from tests.waiting import PATIENCE_S, at_most

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "a-token-for-this-test-only"
# Python runs this by itself before app.py: the interrupt comes at the moment when a certain module is looked for.
PRESSES_CTRL_C = """
import os, signal, sys

class Finger:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finger)
"""


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start app.py with an environment of its own (names without GLANCE_); it is ended with the test."""
    running: list[subprocess.Popen[str]] = []

    def go(**more: str) -> subprocess.Popen[str]:
        given = {"PORT": "0", "DATA": str(tmp_path / "data"), "AUTH": "none", **more}
        environ = {name: value for name, value in os.environ.items() if not name.startswith("GLANCE_")}
        environ |= {f"GLANCE_{name}": value for name, value in ({"MQTT_URL": "off"} | given).items()}
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py")],
            cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(process)
        return process

    yield go
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def port_of(process: subprocess.Popen[str]) -> int:
    """The port that a started process prints."""
    assert process.stdout
    found = re.fullmatch(r"Glance is at http://127\.0\.0\.1:(\d+)\n", process.stdout.readline())
    assert found, process.communicate()
    return int(found[1])


def post(client: Client, path: str, body: dict[str, object]) -> dict[str, Any]:
    """POST JSON with the token; the answer's JSON."""
    text = json.dumps(body)
    client.send(
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}"
    )
    status, _, answer = client.response()
    assert status == 201, answer
    return dict(json.loads(answer))


def test_it_starts_anywhere_and_ends_within_3_s_with_sockets_silent_connections_and_fetches(start: Start) -> None:
    process = start(API_TOKEN=TOKEN)
    port = port_of(process)
    with ExitStack() as stack:
        never = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        clients = [stack.enter_context(Client(port)) for _ in range(4)]
        post(clients[0], "/api/dashboards", {"title": "Home"})
        source = {"kind": "http", "url": f"http://127.0.0.1:{never.getsockname()[1]}/", "pick": {"value": "x"}}
        widget = {"dashboard": "home", "custom_widget": "stat", "title": "Slow", "params": {"data_source": source}}
        made = post(clients[0], "/api/widgets", widget)
        clients[1].open_websocket("/ws/dashboards/home", more=f"Authorization: Bearer {TOKEN}\r\n")
        clients[1].send_text("{}")
        clients[2].send("GET / HTTP/1.1\r\nHo")
        clients[3].send(
            f"POST /api/widgets/{made['id']}/refresh HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
            "Content-Length: 0\r\n\r\n"
        )
        stack.enter_context(never.accept()[0])
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=2 * PATIENCE_S)
        assert time.monotonic() - began < at_most(6)
        assert clients[1].close_code() in (1001, 1012), errors
    assert process.returncode == 0
    assert "Traceback" not in errors, errors
    assert "not everything ended in time" not in errors, errors


@pytest.mark.parametrize(
    ("setting", "value"),
    [("PORT", "eighty"), ("AUTH", "maybe"), ("HOST", "no.such.host.invalid"), ("WIDGETS", "/no/such/folder")],
)
def test_a_wrong_setting_ends_it_with_2_and_one_sentence_that_names_it(
    start: Start, tmp_path: Path, setting: str, value: str
) -> None:
    process = start(**{setting: value})
    out, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (2, "")
    assert re.fullmatch(rf"[^\n]*GLANCE_{setting}[^\n]*\.\n", errors)
    assert not (tmp_path / "data").exists()


def test_a_port_in_use_ends_it_with_2_before_it_touches_the_data(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        process = start(PORT=str(other.getsockname()[1]))
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert "GLANCE_PORT" in errors
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("fate", "word"), [("damaged", "damaged"), ("newer", "newer Glance")])
def test_a_database_that_cannot_be_used_ends_it_with_1_and_one_sentence(
    start: Start, tmp_path: Path, fate: str, word: str
) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    if fate == "damaged":
        (data / "glance.db").write_bytes(b"this is not a database at all" * 100)
    else:
        with contextlib.closing(sqlite3.connect(data / "glance.db")) as con:
            con.execute("PRAGMA user_version = 999")
    process = start()
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    assert re.fullmatch(rf"[^\n]*glance\.db[^\n]*{word}[^\n]*\.\n", errors)


@pytest.mark.parametrize("module", ["glance.start", "flask", "glance.runtime", "glance.web.application"])
def test_ctrl_c_while_it_still_loads_ends_it_without_a_trace(start: Start, tmp_path: Path, module: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(PRESSES_CTRL_C.format(module=module))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        process = start()
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, out, errors) == (0, "", "")


@pytest.fixture
def bystanders() -> set[threading.Thread]:
    """The threads that were there before what the test starts."""
    return set(threading.enumerate())


def test_every_thread_of_a_running_glance_has_a_name(bystanders: set[threading.Thread], server: Served) -> None:
    with Client(server.port) as client:
        assert client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").response()[0] == 200
    names = [thread.name for thread in threading.enumerate() if thread not in bystanders]
    assert names
    nameless = [name for name in names if re.match(r"Thread-\d|ThreadPool", name)]
    assert nameless == []
