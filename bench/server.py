"""The real server as a child process, and the calls a run makes to it."""

from __future__ import annotations

import http.client
import json
import re
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.child import Child, pss_mb
from bench.wire import Wire, request

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
CALL_S = 60.0
EVERY_S = 0.005


class Refused(RuntimeError):
    """Glance answered a call with this status."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


class Glance:
    """`python app.py` on a folder of its own; keeps its port over restarts.

    With `stored` the password is not given by the environment: `sign_in` chooses it on the first run, and it is kept hashed.
    `proxy` is the address of a proxy that it trusts.
    """

    def __init__(
        self, data: Path, mqtt_url: str = "off", auth: str = "password", stored: bool = False, proxy: str = ""
    ) -> None:
        self.data = data
        self._mqtt_url = mqtt_url
        self._auth = auth
        self._stored = stored
        self._proxy = proxy
        self._child: Child | None = None
        self._password = secrets.token_urlsafe(12)
        self.token = secrets.token_urlsafe(24)
        self.port = 0
        self.cookies: dict[str, str] = {}

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._child is not None
        return self._child.pid

    def start(self) -> Child:
        """Start it and wait for its greeting."""
        env = {
            "GLANCE_PORT": str(self.port),
            "GLANCE_DATA": str(self.data),
            "GLANCE_PASSWORD": "" if self._stored else self._password,
            "GLANCE_API_TOKEN": self.token,
            "GLANCE_MQTT_URL": self._mqtt_url,
            "GLANCE_AUTH": self._auth,
            "GLANCE_TRUSTED_PROXIES": self._proxy,
            "GLANCE_LOG_LEVEL": "warning",
            # As on the second start of everybody: compiled once, and then read; whatever the shell that started the bench says.
            "PYTHONDONTWRITEBYTECODE": "",
        }
        self._child = Child([sys.executable, "app.py"], env)
        found = ADDRESS.search(self._child.first_line)
        if found is None:
            raise RuntimeError(f"no address in its greeting: {self._child.first_line}")
        self.port = int(found[1])
        return self._child

    def stop(self) -> None:
        """Stop it; idempotent."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def restart(self) -> Child:
        """Stop and start on the same port and data."""
        self.stop()
        return self.start()

    def words(self) -> str:
        """What it logged."""
        return self._child.words() if self._child else ""

    def pss_mb(self) -> float:
        """Its memory."""
        return pss_mb(self.pid)

    def sign_in(self) -> None:
        """Open a session with the password, as the form of the login or of the first run does; the cookies go into `cookies`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CALL_S)
        try:
            connection.request(
                "POST",
                "/setup" if self._stored else "/login",
                urlencode({"password": self._password, "repeat": self._password, "next": "/"}),
                {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.base},
            )
            answer = connection.getresponse()
            answer.read()
            found = [line.partition(";")[0] for line in answer.headers.get_all("Set-Cookie") or []]
        finally:
            connection.close()
        if answer.status != 303 or not found:
            raise RuntimeError(f"signing in was answered with {answer.status}")
        self.cookies = dict(line.split("=", 1) for line in found)

    def page(self, path: str, fresh: bool = False, bearer: str = "") -> bytes:
        """The request of a signed-in browser for a page; with `bearer`, of a program with that token instead."""
        headers = self.browser_headers()
        if bearer:
            headers = {**headers, "Authorization": f"Bearer {bearer}"}
            del headers["Cookie"]
        return request("GET", path, {**headers, **({"Connection": "close"} if fresh else {})})

    def browser_headers(self) -> dict[str, str]:
        """What a signed-in browser sends."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {
            "Host": f"127.0.0.1:{self.port}",
            "Accept": "text/html",
            "Accept-Encoding": "gzip",
            "Cookie": cookies,
        }

    def call(self, method: str, path: str, body: Any = None) -> bytes:
        """The request of a program with the token."""
        headers = {"Host": f"127.0.0.1:{self.port}", "Authorization": f"Bearer {self.token}"}
        if body is None:
            return request(method, path, headers)
        return request(method, path, {**headers, "Content-Type": "application/json"}, json.dumps(body).encode())

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API; Refused with the problem where it does not do it."""
        with Wire(self.port) as wire:
            status, _, answer = wire.ask(self.call(method, path, body))
        if status >= 400:
            raise Refused(f"{method} {path} was answered with {status}: {answer[:600].decode()}", status)
        return json.loads(answer) if answer else None


class Stub:
    """The upstream as a child process; keeps its port when it goes down and comes back."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self.port = 0

    def up(self) -> None:
        """Start it where it does not run."""
        if self._child is None:
            self._child = Child([sys.executable, "-m", "bench.stub", str(self.port)])
            self.port = int(self._child.first_line)

    def down(self) -> None:
        """End it at once: every connection is cut, new ones are refused; idempotent."""
        if self._child is not None:
            self._child.stop(kill=True)
            self._child = None

    def answers(self, delay_ms: int = 200, status: int = 200, hang: str = "") -> None:
        """How it answers from now on; what hung before is let go."""
        self._get(f"/_set?delay_ms={delay_ms}&status={status}&hang={hang}")

    def reset(self) -> None:
        """Counters to zero."""
        self._get("/_reset")

    def counts(self) -> dict[str, Any]:
        """What was asked since the reset: total, per, inflight, peak."""
        found: dict[str, Any] = self._get("/_counts")
        return found

    def quiet(self) -> None:
        """Wait until nothing is under way."""
        until(lambda: self.counts()["inflight"] == 0, "requests to the upstream to end")

    def _get(self, path: str) -> Any:
        with Wire(self.port) as wire:
            status, _, body = wire.ask(request("GET", path, {"Host": "stub"}))
        if status != 200:
            raise RuntimeError(f"the stub answered {path} with {status}")
        return json.loads(body)


def until(happened: Callable[[], object], what: str, timeout_s: float = 30.0) -> None:
    """Wait for a condition; RuntimeError after `timeout_s`."""
    end = time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(EVERY_S)
