"""What a stranger's code meets: `params`, `fetch`, `get_credential`, `log`, and a set of modules. Runs in the caged process.

Two forms are taken. With a function `run`, that is called with those of `params, fetch, get_credential, log` that it names;
otherwise the whole text is the body of a function and ends with `return`.
"""

from __future__ import annotations

import ast
import base64
import codecs
import importlib
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import CodeType
from typing import Any

from glance.sandbox import frames, rules

FILE = "server_code"
GIVEN = ("params", "fetch", "get_credential", "log")
# What code may import: pure work with data. Everything is loaded before the lock; afterwards no file can be opened.
MODULES = (
    "base64 binascii bisect calendar cmath collections collections.abc csv dataclasses datetime decimal enum fractions"
    " functools hashlib heapq hmac html html.parser io itertools json math operator random re statistics string struct textwrap"
    " time typing unicodedata urllib.parse uuid xml.etree.ElementTree zlib"
).split()
# Loaded too, because those import them when first used.
QUIET_MODULES = "_strptime locale".split()
ENCODINGS = "utf-8 ascii latin-1 cp1252 iso8859-15 utf-16 utf-8-sig unicode-escape raw-unicode-escape".split()
TEXT_LIMIT = 2_000
TOO_LARGE = "The code returned more than 1 MB, the limit."
UNREADABLE = (
    f"The code returned JSON that is nested more than {frames.MAX_DEPTH - 2} levels deep,"
    f" or holds a whole number of more than {frames.MAX_DIGITS} digits."
)
LOG_LINES, LOG_CHARS = 200, 32_000


class FetchError(Exception):
    """The host did not or could not do what was asked; the text is its sentence."""


class _NoMore:
    """Stands where modules are looked up: nothing more can be loaded."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Say which modules there are."""
        raise ImportError(f"{name} is not available to widget code; there are {', '.join(MODULES)}")


def warm_up() -> None:
    """Load everything that code may use, before the lock; called once, in the zygote."""
    sys.modules["_hashlib"] = None  # type: ignore[assignment]  # OpenSSL would weigh more than all the rest together
    for name in (*MODULES, *QUIET_MODULES):
        with suppress(ImportError):  # this Python may not have it
            importlib.import_module(name)
    for name in ENCODINGS:
        codecs.lookup(name)
    for error in ("strict", "replace", "ignore", "surrogateescape", "backslashreplace", "xmlcharrefreplace"):
        codecs.lookup_error(error)
    compile("def f():\n    return 1", FILE, "exec")
    sys.meta_path[:] = [_NoMore()]


def work() -> None:
    """Take the code from the pipe, run it and send what it returned, or what was wrong with it and on which line."""
    task = frames.receive(rules.IN_FD, frames.HOST_FRAME_LIMIT)
    sys.stdout = sys.stderr = _Out()
    try:
        code, is_body, returns = compiled(task["code"])
        data = None if task["only_check"] else _run(code, is_body, task["params"])
        sys.stdout.flush()
        if is_body and not returns and not task["only_check"]:
            whole = frames.encode(_failed("answer", "The code returns nothing: end it with “return” and the data."))
        else:
            whole = _encoded({"say": "done", "data": data})
    except SyntaxError as error:
        whole = frames.encode(_failed("syntax", str(error.msg), error.lineno, "SyntaxError"))
    except BaseException as error:  # its own errors, exits and interrupts are all the author's to see
        whole = frames.encode(_raised(error))
    frames.send_whole(rules.OUT_FD, whole)


def compiled(text: str) -> tuple[CodeType, bool, bool]:
    """(the code, whether it is a function's body, whether that returns something)."""
    try:
        return _compiled(text)
    except ValueError as error:  # a NUL character
        raise SyntaxError(str(error)) from None
    except (MemoryError, RecursionError):  # what Python's own parser says of a thousand signs in a row
        raise SyntaxError("it is nested too deeply") from None


def _compiled(text: str) -> tuple[CodeType, bool, bool]:
    tree = ast.parse(text, FILE)
    if any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "run" for node in tree.body):
        return compile(tree, FILE, "exec", dont_inherit=True), False, True
    ahead = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    wrapper = ast.parse("def _body(): pass").body[0]
    assert isinstance(wrapper, ast.FunctionDef)
    wrapper.body = [node for node in tree.body if node not in ahead] or wrapper.body
    returns = any(isinstance(node, ast.Return) for node in ast.walk(tree))
    tree.body = [*ahead, wrapper]
    return compile(tree, FILE, "exec", dont_inherit=True), True, returns


def _run(code: CodeType, is_body: bool, params: Mapping[str, Any]) -> Any:
    """Call the code's function."""
    given = dict(zip(GIVEN, (params, fetch, get_credential, log), strict=True))
    space: dict[str, Any] = {"__name__": FILE, "json": json, "FetchError": FetchError, **given}
    exec(code, space)
    if is_body:
        return space["_body"]()
    function = space["run"]
    names = function.__code__.co_varnames[: function.__code__.co_argcount + function.__code__.co_kwonlyargcount]
    return function(**{name: given[name] for name in names if name in given})


# What the code calls


def fetch(
    url: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    body: str | None = None,
    query: Mapping[str, Any] | None = None,
    auth: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    binary: bool = False,
) -> Response:
    """Ask the host for a request; FetchError where it is not allowed or brings no answer."""
    wanted = {"url": url, "method": method, "headers": headers, "json": json, "body": body}
    wanted |= {"query": query, "auth": auth, "timeout": timeout, "binary": binary}
    return Response(_ask({"say": "fetch", **{name: value for name, value in wanted.items() if value is not None}}))


def get_credential(name: str) -> str:
    """A stand-in for a credential of the owner: the host puts the value in its place when it sends a request."""
    return str(_ask({"say": "credential", "name": name})["value"])


class _Log:
    """log(…): a line for the author; what goes beyond the limits is left out."""

    def __init__(self) -> None:
        self.lines = self.chars = 0

    def __call__(self, *values: Any) -> None:
        text = " ".join(value if isinstance(value, str) else repr(value) for value in values)[:TEXT_LIMIT]
        self.lines += 1
        self.chars += len(text)
        if self.lines < LOG_LINES and self.chars <= LOG_CHARS:
            frames.send(rules.OUT_FD, {"say": "log", "text": text})
        elif self.lines < 2 * LOG_LINES:
            self.lines = 2 * LOG_LINES
            frames.send(rules.OUT_FD, {"say": "log", "text": "(further lines are left out)"})


log = _Log()


class Response:
    """An upstream's answer: `status`, `ok`, `url`, `headers` (names in lower case), `text`, `json()`; `body` with binary=True."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.status: int = answer["status"]
        self.status_code = self.status
        self.ok = 200 <= self.status < 300
        self.url: str = answer["url"]
        self.headers: dict[str, str] = answer["headers"]
        self.text: str = answer["text"]
        self.body = base64.b64decode(answer["base64"]) if "base64" in answer else self.text.encode()

    def json(self) -> Any:
        """The answer as JSON; FetchError where it is something else."""
        try:
            return json.loads(self.text)
        except ValueError:
            start = " ".join(self.text[:60].split())
            raise FetchError(f"The answer (status {self.status}) is not JSON; it begins with “{start}”.") from None

    def raise_for_status(self) -> None:
        """FetchError unless the status is a success."""
        if not self.ok:
            raise FetchError(f"The answer has the status {self.status}.")


class _Out:
    """Where print goes: to the log, line by line."""

    def __init__(self) -> None:
        self.rest = ""

    def write(self, text: str) -> int:
        """Log each whole line."""
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            log(line)
        return len(text)

    def flush(self) -> None:
        """Log what has no line end yet."""
        if self.rest:
            log(self.rest)
            self.rest = ""


def _ask(message: dict[str, Any]) -> dict[str, Any]:
    """Send a wish to the host and wait for its answer."""
    try:
        whole = frames.encode(message)
    except (TypeError, ValueError, RecursionError) as error:
        raise FetchError(f"What was given to {message['say']} is not JSON: {error}.") from None
    if len(whole) > frames.CHILD_FRAME_LIMIT:
        raise FetchError("The request is larger than 1 MB.")
    frames.send_whole(rules.OUT_FD, whole)
    answer = frames.receive(rules.IN_FD, frames.HOST_FRAME_LIMIT)
    if not answer["ok"]:
        raise FetchError(answer["sentence"])
    return answer


# What is said when it ends


def _encoded(message: dict[str, Any]) -> bytes:
    """The answer as a frame; where it is not JSON or too large, a frame that says so."""
    try:
        whole = frames.encode(message)
    except MemoryError:
        return frames.encode(_failed("answer", TOO_LARGE))
    except (TypeError, ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else _text(error)
        return frames.encode(_failed("answer", f"The code returned something that is not JSON: {reason}."))
    if len(whole) > frames.ANSWER_LIMIT:
        return frames.encode(_failed("answer", TOO_LARGE))
    try:
        frames.decode(whole[frames.HEAD.size :])
    except frames.Forged:  # as the host would say, but for the author
        return frames.encode(_failed("answer", UNREADABLE))
    except MemoryError:  # code that left no room for this may still be right; the host looks at it anyway
        return whole
    return whole


def _raised(error: BaseException) -> dict[str, Any]:
    """An exception as a message: its type, text and the lines of the code it went through."""
    lines: list[int] = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    error.__traceback__ = None  # lets go of what the code held, in case memory ran out
    kind = "memory" if isinstance(error, MemoryError) else "fetch" if isinstance(error, FetchError) else "raised"
    return _failed(kind, _text(error), lines[-1] if lines else None, type(error).__name__, lines[-20:])


def _text(error: BaseException) -> str:
    """An exception's text, whatever its own method does."""
    texts: list[Callable[[], str]] = [lambda: str(error), lambda: "(its text cannot be made)"]
    for make in texts:
        try:
            return make()[:TEXT_LIMIT]
        except BaseException:  # a hostile __str__ may raise anything; the next way is tried
            continue
    return ""


def _failed(
    kind: str, text: str, line: int | None = None, type_name: str | None = None, trace: list[int] | None = None
) -> dict[str, Any]:
    return {
        "say": "failed",
        "kind": kind,
        "type": type_name,
        "text": text[:TEXT_LIMIT],
        "line": line,
        "trace": trace or [],
    }
