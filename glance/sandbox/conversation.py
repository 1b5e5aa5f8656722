"""The host's side of one run: what the caged process may say, in which form and how often, and what it is answered.

Whatever runs in the cage may write anything into its pipe. A frame that does not have exactly the form below ends the run.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from glance.errors import FetchError, GlanceError
from glance.sandbox import frames, inside
from glance.sandbox.frames import Forged

MAX_FETCHES = 20
MAX_CREDENTIALS = 50
# Code that is refused so often does not ask in earnest, and each refusal is work for Glance.
MAX_REFUSED = 100
MAX_LINE = 1_000_000

_NUMBER = (int, float)
_TEXT_OR_NONE = (str, type(None))
_INT_OR_NONE = (int, type(None))
# What each message may hold: the type of every key; those of OPTIONAL may be missing.
_FORMS: dict[str, dict[str, Any]] = {
    "log": {"text": str},
    "credential": {"name": str},
    "fetch": {
        "url": str, "method": str, "headers": dict, "json": object, "body": str, "query": dict, "auth": dict,
        "timeout": _NUMBER, "binary": bool,
    },
    "done": {"data": object},
    "failed": {
        "kind": str, "type": _TEXT_OR_NONE, "text": str, "line": _INT_OR_NONE, "trace": list,
    },
    "unlocked": {"text": str},
}  # fmt: skip
_OPTIONAL = {"fetch": {"headers", "json", "body", "query", "auth", "timeout"}}


class Ended(Exception):
    """The caged process is gone without having answered."""


class Late(Exception):
    """The time limit is over."""


class Unlocked(Exception):
    """The process could not be locked, so nothing was run; the text says why."""


class Calls(Protocol):
    """What the host does for code. Both raise FetchError with a sentence, which the code gets to see."""

    def fetch(self, wish: Mapping[str, Any], left_s: float) -> Mapping[str, Any]:
        """Send a request and give `{status, url, headers, text, base64?}`."""

    def credential(self, name: str) -> str:
        """What stands in for a credential."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What was wrong with code: kind (syntax raised fetch memory answer), a text, its line and the lines on the way there."""

    kind: str
    text: str
    type: str | None = None
    line: int | None = None
    trace: tuple[int, ...] = ()


@dataclass(slots=True)
class Outcome:
    """What a run brought: data or a fault, the lines of its log, how long it took, and the last failure of a fetch."""

    data: Any = None
    fault: Fault | None = None
    log: list[str] = field(default_factory=list)
    took_s: float = 0.0
    fetch_error: FetchError | None = None


class Pipes:
    """The host's ends of the two pipes, which never block longer than `deadline` (time.monotonic()), which is to be set."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.deadline = time.monotonic()
        self._read_fd, self._write_fd = read_fd, write_fd
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)

    def send(self, message: dict[str, Any]) -> None:
        """Write a message; the other side may be slow, or not read at all. One that is gone is met by `receive`.

        What it said before it went, such as that it could not be locked, is still in its pipe.
        """
        left = memoryview(frames.encode(message))
        while left:
            self._wait(self._write_fd, select.POLLOUT)
            try:
                left = left[os.write(self._write_fd, left) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                return

    def receive(self) -> dict[str, Any]:
        """Read a message; Forged where it is longer than any that is allowed, or no JSON object."""
        (length,) = frames.HEAD.unpack(self._exactly(frames.HEAD.size))
        if length > frames.CHILD_FRAME_LIMIT:
            raise Forged("It is too long.")
        return frames.decode(self._exactly(length))

    def _exactly(self, count: int) -> bytes:
        parts: list[bytes] = []
        while count:
            self._wait(self._read_fd, select.POLLIN)
            part = os.read(self._read_fd, min(count, 1 << 16))
            if not part:
                raise Ended
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _wait(self, fd: int, event: int) -> None:
        left_s = self.deadline - time.monotonic()
        poller = select.poll()
        poller.register(fd, event)
        if left_s <= 0 or not poller.poll(left_s * 1000):
            raise Late


class Conversation:
    """One run: give the task, answer what is asked for, and take the result."""

    def __init__(self, pipes: Pipes, calls: Calls) -> None:
        self._pipes = pipes
        self._calls = calls
        self._fetches = self._credentials = self._chars = self._refused = 0
        self.outcome = Outcome()

    def hold(self, task: dict[str, Any]) -> Outcome:
        """Speak until the code is done; Ended, Late, Forged or Unlocked where that does not come to an end."""
        self._pipes.send(task)
        while True:
            message = self._pipes.receive()
            say = _checked(message)
            if say == "done":
                self.outcome.data = message["data"]
                return self.outcome
            if say == "failed":
                self.outcome.fault = _fault(message)
                return self.outcome
            if say == "unlocked":
                raise Unlocked(message["text"][:200])
            if say == "log":
                self._note(message["text"])
            else:
                self._pipes.send(self._answer(say, message))

    def _note(self, text: str) -> None:
        self._chars += len(text)
        if len(self.outcome.log) >= inside.LOG_LINES or self._chars > inside.LOG_CHARS + inside.TEXT_LIMIT:
            raise Forged("It logs more than is allowed.")
        self.outcome.log.append(text)

    def _refuse(self) -> None:
        self._refused += 1
        if self._refused > MAX_REFUSED:
            raise Forged("It asks more often than is allowed.")

    def _answer(self, say: str, message: Mapping[str, Any]) -> dict[str, Any]:
        """Do what is asked for; a refusal is an answer too."""
        try:
            if say == "credential":
                self._credentials += 1
                if self._credentials > MAX_CREDENTIALS:
                    self._refuse()
                    raise FetchError(f"Code may ask for {MAX_CREDENTIALS} credentials in a run.", kind="blocked")
                return {"ok": True, "value": self._calls.credential(message["name"])}
            self._fetches += 1
            if self._fetches > MAX_FETCHES:
                self._refuse()
                raise FetchError(f"Code may send {MAX_FETCHES} requests in a run.", kind="blocked")
            left_s = self._pipes.deadline - time.monotonic()
            return {"ok": True, **self._calls.fetch(message, left_s)}
        except GlanceError as error:
            if isinstance(error, FetchError) and say == "fetch":
                self.outcome.fetch_error = error
            return {"ok": False, "sentence": error.sentence}


def _checked(message: Mapping[str, Any]) -> str:
    """The kind of a message; Forged where its keys or their types are not those of its form."""
    say = message.get("say")
    form = _FORMS.get(say) if isinstance(say, str) else None
    if form is None or not isinstance(say, str):
        raise Forged("It says something that is not in the list.")
    keys = set(message) - {"say"}
    if not keys <= set(form) or set(form) - keys - _OPTIONAL.get(say, set()):
        raise Forged("It has other keys.")
    for key in keys:
        value = message[key]
        if not isinstance(value, form[key]) or (form[key] in (_NUMBER, _INT_OR_NONE) and isinstance(value, bool)):
            raise Forged("A value has another type.")
    return say


def _fault(message: Mapping[str, Any]) -> Fault:
    kind = message["kind"]
    if kind not in ("syntax", "raised", "fetch", "memory", "answer"):
        raise Forged("It names a fault that does not exist.")
    trace, line = message["trace"], message["line"]
    if len(trace) > 20 or not all(isinstance(one, int) and not isinstance(one, bool) for one in trace):
        raise Forged("Its trace is not one.")
    if not all(0 <= one <= MAX_LINE for one in (*trace, *(() if line is None else (line,)))):
        raise Forged("It names a line that cannot be.")
    limit = inside.TEXT_LIMIT
    name = message["type"]
    return Fault(kind, message["text"][:limit], name[:100] if name else None, line, tuple(trace))
