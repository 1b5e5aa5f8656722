"""Code: Python that came through the API or an import, run in a cage of its own (glance.sandbox).

    def run(params, fetch, get_credential, log):
        answer = fetch("https://api.example.org/state", headers={"Authorization": "Bearer " + get_credential("example")})
        return answer.json()

The manifest's `server_code` holds the text; docs/widget-code.md describes what it meets. A request of the code is sent by this
process under the same rules as any other: only to hosts that were agreed to, traced and masked. A credential is a stand-in
word until the request leaves.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Protocol
from urllib.parse import urlencode

from glance.errors import FetchError
from glance.outbound import Mask
from glance.sandbox import inside
from glance.sandbox.conversation import Calls, Fault, Outcome
from glance.sandbox.host import WALL_S, CodeFailure
from glance.sources import SourceIO

log = logging.getLogger(__name__)

KIND = "code"
FETCHES = True
PICKABLE = False
SCHEMA: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {}}

MAX_BYTES = 2_000_000
# The cage's own limit comes first, so that its sentence is the one that is shown.
SLACK_S = 1.5


class Runner(Protocol):
    """What runs code; glance.widget_code.WidgetCode is one."""

    def run(self, code: str, params: Mapping[str, Any], calls: Calls, *, limit_s: float | None = None) -> Outcome:
        """Run it once; FetchError where it may not run or had to be stopped."""


class CodeError(FetchError):
    """Code that gave no answer; `line` is where in its text, 1 the first, `trace` the lines on the way there."""

    def __init__(self, sentence: str, kind: str, fault: Fault | None, cause: FetchError | None = None) -> None:
        super().__init__(
            sentence,
            kind=cause.kind if cause else kind,
            http_status=cause.http_status if cause else None,
            retry_after_s=cause.retry_after_s if cause else None,
        )
        self.line = fault.line if fault else None
        self.trace = fault.trace if fault else ()


class CodeKind(ModuleType):
    """This module as the kind of one Runtime, with that Runtime's runner."""

    def __init__(self, runner: Runner) -> None:
        super().__init__(__name__, __doc__)
        self.KIND, self.FETCHES, self.PICKABLE, self.SCHEMA = KIND, FETCHES, PICKABLE, SCHEMA
        self.deadline_s, self.lane = deadline_s, lane
        self._runner = runner

    def fetch(self, source: Mapping[str, Any], io: SourceIO) -> Any:
        """Run the code; CodeError names its line where it fails."""
        try:
            outcome = self._runner.run(str(source["server_code"]), io.params, Host(io), limit_s=io.remaining_s())
        except CodeFailure as error:
            mask = Mask((*io.secrets, *io.lent()))
            io.notes += _lines(error.outcome.log, mask)
            raise CodeError(mask.text(error.sentence), error.kind, None) from error
        mask = Mask((*io.secrets, *io.lent()))
        io.notes += _lines(outcome.log, mask)
        if outcome.fault is not None:
            raise _error(outcome.fault, outcome.fetch_error, mask)
        return outcome.data


def deadline_s(source: Mapping[str, Any]) -> float:
    """The cage's limit and a little more."""
    return WALL_S + SLACK_S


def lane(source: Mapping[str, Any]) -> str:
    """All code burdens one lane, so that endless loops take no threads from other sources."""
    return "widget code"


def fetch(source: Mapping[str, Any], io: SourceIO) -> Any:
    """Without a Runtime there is nothing to run it in."""
    raise FetchError("Widget code cannot be run here.", kind="source")


class Host:
    """What the host does for a run: requests through the fetch's own client, credentials through its vault."""

    def __init__(self, io: SourceIO) -> None:
        self._io = io

    def fetch(self, wish: Mapping[str, Any], left_s: float) -> dict[str, Any]:
        """Send a request; every status is an answer, and its text holds no credential even where the upstream echoes one."""
        try:
            return self._fetched(wish, left_s)
        except (TypeError, ValueError, AttributeError, LookupError, RecursionError) as error:
            # Code may put anything into headers and logins; what the client cannot read is the code's fault.
            log.debug("A request of widget code cannot be made: %s", type(error).__name__)
            raise FetchError("The request cannot be made from what was given to fetch.", kind="source") from error

    def _fetched(self, wish: Mapping[str, Any], left_s: float) -> dict[str, Any]:
        answer = self._io.http.request(
            wish["method"].upper(),
            _address(wish["url"], wish.get("query")),
            headers=_headers(wish.get("headers")),
            body=wish.get("body"),
            json=wish.get("json"),
            auth=wish.get("auth"),
            timeout_s=max(0.0, min(left_s, wish.get("timeout", left_s))),
            max_bytes=MAX_BYTES,
            expect_ok=False,
        )
        mask = Mask(self._io.lent())
        found = {
            "status": answer.status,
            "url": mask.url(answer.url),
            "headers": {mask.text(name.lower()): mask.text(value) for name, value in answer.headers.items()},
            "text": mask.text(answer.text()),
        }
        if wish["binary"]:
            found["base64"] = base64.b64encode(mask.octets(answer.body)).decode("ascii")
        return found

    def credential(self, name: str) -> str:
        """The word that stands for a credential until a request leaves."""
        return self._io.credential(name)


def _address(url: str, query: Mapping[str, Any] | None) -> str:
    """The address with the query's pairs added; None leaves a pair out, a list repeats it."""
    pairs = [
        (name, str(item))
        for name, value in (query or {}).items()
        for item in (value if isinstance(value, list) else [value])
        if item is not None
    ]
    if not pairs:
        return url
    bare, hash_mark, fragment = url.partition("#")
    return f"{bare}{'&' if '?' in bare else '?'}{urlencode(pairs)}{hash_mark}{fragment}"


def _headers(headers: Mapping[str, Any] | None) -> dict[str, str]:
    """Headers as text; those without a value are left out."""
    return {name: str(value) for name, value in (headers or {}).items() if value is not None}


def _lines(log_lines: list[str], mask: Mask) -> list[str]:
    """The lines of a log without secrets, also one that was printed over several lines or cut at the end of one."""
    whole = [_masked(line, mask) if _was_cut(line) else line for line in log_lines]
    together = "\n".join(whole)
    masked = mask.text(together)
    return whole if masked == together else masked.split("\n")


def _masked(text: str, mask: Mask) -> str:
    """A text of the code without secrets."""
    return mask.text(text, was_cut=_was_cut(text))


def _was_cut(text: str) -> bool:
    """True where the cage may have left out the end."""
    return len(text) >= inside.TEXT_LIMIT


def _error(fault: Fault, cause: FetchError | None, mask: Mask) -> CodeError:
    """The fault as a sentence with its line."""
    where = f"Line {fault.line} of the code" if fault.line else "The code"
    text = " ".join(_masked(fault.text, mask).split())[:300].rstrip(".")
    if fault.kind == "syntax":
        return CodeError(f"{where} cannot be read: {text}.", "source", fault)
    if fault.kind == "memory":
        return CodeError(f"{where} used more than 192 MB of memory, the limit.", "source", fault)
    if fault.kind == "answer":
        return CodeError(f"{text}.", "format", fault)
    if fault.kind == "fetch":
        same = cause is not None and cause.sentence == fault.text
        return CodeError(f"{where}: {text}.", "source", fault, cause if same else None)
    return CodeError(f"{where}: {fault.type or 'Error'}{f': {text}' if text else ''}.", "source", fault)
