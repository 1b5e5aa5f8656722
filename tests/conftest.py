"""What many tests need: settings on a temporary folder, a free port, and the whole of Glance on one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from glance.config import Settings
from glance.outbound import Outbound
from glance.runtime import Runtime
from glance.serve import Gate, listen
from glance.web.application import create_app
from tests.upstream import Upstream


@dataclass(frozen=True)
class Served:
    """A running Glance: its address without a final slash, and its parts."""

    url: str
    port: int
    runtime: Runtime
    gate: Gate


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings on a temporary data folder, any free port, no password."""
    return Settings(data=tmp_path / "data", port=0, auth="none", mqtt_url="off")


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(settings: Settings) -> Iterator[Served]:
    """The real application behind the real server, in this process."""
    with ExitStack() as stack:
        listener = listen(settings)
        stack.callback(listener.close)
        runtime = Runtime(settings)
        stack.callback(runtime.stop)
        gate = Gate(create_app(runtime), listener)
        stack.callback(gate.stop, 1.0)
        runtime.start()
        gate.start()
        yield Served(listener.address, listener.port, runtime, gate)
        gate.close_door(0.5)
        runtime.stop()


@pytest.fixture
def up() -> Iterator[Upstream]:
    """A server on loopback that answers as the test says."""
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def outbound() -> Iterator[Outbound]:
    """The real way out."""
    made = Outbound()
    yield made
    made.close()
