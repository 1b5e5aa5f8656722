"""A cable between a browser and a server on loopback that can go dead without a word, as in a laptop's sleep."""

from __future__ import annotations

import contextlib
import socket
import threading


class Cable:
    """Forwards every connection to `port`; after `go_dead()` those that are open stay open and carry nothing."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._dead: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, name="cable", daemon=True).start()

    def go_dead(self) -> None:
        """What is open now carries nothing any more; new connections work."""
        with self._lock:
            self._dead |= self._open

    def close(self) -> None:
        """End everything."""
        for end in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            with self._lock:
                self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), name="cable", daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if source not in self._dead:
                    sink.sendall(data)
        if source not in self._dead:
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)
