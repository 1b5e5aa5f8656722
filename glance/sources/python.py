"""Python: the `fetch.py` of a definition's folder, which is trusted code.

    def fetch(params, http):
        return http.get("https://example.org/state", headers={"X-Key": params["key"]}).json()

`http` is bounded, traced and masked like every other request. With a third parameter, `fetch(params, http, state)` also gets
the widget's own memory, an object that is stored together with the answer. A changed file is read again by itself.
"""

from __future__ import annotations

import inspect
import json
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from glance.errors import FetchError, GlanceError
from glance.fields import number
from glance.outbound import Mask
from glance.sources import DEFAULT_DEADLINE_S, MAX_DEADLINE_S, HttpClient, Response, SourceIO

KIND = "python"
FETCHES = True
PICKABLE = False

FILE = "fetch.py"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"timeout": {"type": ["number", "string"]}},
}


class Http:
    """What `fetch` gets to reach the outside: HttpClient.request, and short forms of it."""

    def __init__(self, client: HttpClient, io: SourceIO) -> None:
        self.request = client.request
        self.now = io.now
        self.remaining_s = io.remaining_s

    def get(self, url: str, **options: Any) -> Response:
        """GET, with the options of HttpClient.request."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> Response:
        """POST, with the options of HttpClient.request."""
        return self.request("POST", url, **options)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A file as it was read: its time and size, and its function."""

    stamp: tuple[int, int]
    fetch: Callable[..., Any]
    takes: int


_loaded: dict[Path, _Loaded] = {}
_loading = threading.Lock()


def deadline_s(source: Mapping[str, Any]) -> float:
    """The manifest's `timeout`, in seconds."""
    return number(source.get("timeout"), DEFAULT_DEADLINE_S, 0.5, MAX_DEADLINE_S)


def fetch(source: Mapping[str, Any], io: SourceIO) -> Any:
    """Call the folder's function; FetchError names the file's line where it fails."""
    if io.folder is None:
        raise FetchError("A python source needs a folder with a fetch.py.", kind="source")
    path = io.folder / FILE
    mask = Mask(io.secrets)
    try:
        loaded = _load(path)
        arguments = (dict(io.params), Http(io.http, io), io.state)[: loaded.takes]
        answer = loaded.fetch(*arguments)
    except GlanceError:
        raise
    except Exception as error:  # trusted code may raise anything; the owner gets its line and the error
        raise FetchError(_sentence(error, path, mask), kind="source") from error
    return _plain(answer)


def _load(path: Path) -> _Loaded:
    """The function of the file, read again where the file has changed."""
    try:
        status = path.stat()
    except OSError as error:
        raise FetchError(f"{path.name} is missing in the folder {path.parent.name}.", kind="source") from error
    stamp = (status.st_mtime_ns, status.st_size)
    with _loading:
        known = _loaded.get(path)
        if known is None or known.stamp != stamp:
            known = _loaded[path] = _read(path, stamp)
    return known


def _read(path: Path, stamp: tuple[int, int]) -> _Loaded:
    """Run the file and take its function."""
    code: CodeType = compile(path.read_bytes(), str(path), "exec")
    module = ModuleType(f"glance_widget_{path.parent.name}")
    module.__file__ = str(path)
    exec(code, module.__dict__)  # a folder of the owner is trusted, as the documentation says
    function = getattr(module, "fetch", None)
    if not callable(function):
        raise FetchError(f"{path.name} has no function fetch(params, http).", kind="source")
    takes = len(inspect.signature(function).parameters)
    if takes not in (1, 2, 3):
        raise FetchError(f"{path.name}: fetch must take (params, http) or (params, http, state).", kind="source")
    return _Loaded(stamp, function, takes)


def _sentence(error: Exception, path: Path, mask: Mask) -> str:
    """Which line failed, and how; secrets are looked for before their white space is lost."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path.name}, line {error.lineno}: {mask.text(error.msg)}."
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    where = f"{path.name}, line {frames[-1].lineno}" if frames else path.name
    text = " ".join(mask.text(str(error)).split())[:200].rstrip(".")
    return f"{where}: {type(error).__name__}{f': {text}' if text else ''}."


def _plain(answer: Any) -> Any:
    """The answer as plain JSON data."""
    try:
        return json.loads(json.dumps(answer, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120].rstrip(".")
        raise FetchError(f"{FILE} returned something that is not JSON: {reason}.", kind="format") from error
