"""The websocket client of the tests: it hears every frame, and tells with which code it was closed."""

from __future__ import annotations

import time

import pytest
import simple_websocket
from simple_websocket import ConnectionClosed

from tests.waiting import PATIENCE_S


class Client(simple_websocket.Client):
    """A client that also hears what came in one piece with the answer to its handshake: its base leaves that until more comes."""

    def _thread(self) -> None:
        self.connected = self._handle_events()
        super()._thread()


def closed_with(client: simple_websocket.Client) -> int:
    """The code that the server closes with; what it sends before is passed over."""
    deadline = time.monotonic() + PATIENCE_S
    with pytest.raises(ConnectionClosed) as ended:
        while (left_s := deadline - time.monotonic()) > 0:
            client.receive(timeout=left_s)
        raise AssertionError("the socket stayed open")
    return int(ended.value.reason)
