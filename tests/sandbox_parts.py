"""What tests of the sandbox share: a host that plays along, and the beginning of code that speaks to the kernel directly."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from glance.errors import FetchError
from glance.sandbox.conversation import Outcome
from glance.sandbox.host import CodeFailure, Sandbox

# Code that begins with this has `call(number, …)` -> (result, errno) without Python in between, and `read`, `write` on pipes.
NATIVE = """
import ctypes, os, json, struct
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    ctypes.set_errno(0)
    given = [ctypes.c_char_p(one) if isinstance(one, bytes) else ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result = libc.syscall(ctypes.c_long(number), *given)
    return result, ctypes.get_errno()
def say(message):
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    os.write(1, struct.pack('>I', len(body)) + body)
def hear():
    length = struct.unpack('>I', os.read(0, 4))[0]
    body = b''
    while len(body) < length:
        body += os.read(0, length - len(body))
    return json.loads(body)
"""


class Host:
    """Answers every request with 200 and keeps what was asked."""

    def __init__(self) -> None:
        self.wishes: list[dict[str, Any]] = []
        self.names: list[str] = []
        self.text = '{"n": 7}'

    def fetch(self, wish: Mapping[str, Any], left_s: float) -> dict[str, Any]:
        self.wishes.append({**wish, "left_s": left_s})
        if "refused" in wish["url"]:
            raise FetchError("refused.example is not allowed.", kind="blocked")
        return {"status": 200, "url": wish["url"], "headers": {"content-type": "text/plain"}, "text": self.text}

    def credential(self, name: str) -> str:
        self.names.append(name)
        if name == "missing":
            raise FetchError("There is no credential “missing”.")
        return f"mark-of-{name}"


def run(sandbox: Sandbox, code: str, params: Mapping[str, Any] | None = None, host: Host | None = None) -> Outcome:
    """Run code."""
    return sandbox.run(code, params or {}, host or Host())


def ended(sandbox: Sandbox, code: str, params: Mapping[str, Any] | None = None, host: Host | None = None) -> str:
    """Run code whose process does not come to its end; the sentence that says so."""
    try:
        outcome = run(sandbox, code, params, host)
    except CodeFailure as error:
        return error.sentence
    raise AssertionError(f"it came to an end: {outcome}")


def children(pid: int | None) -> list[int]:
    """The processes that a process has started and that still run (those that are dead and not yet buried do not count)."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                    state, parent = file.read().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(parent) == pid and state != "Z":
                found.append(int(entry))
    return found
