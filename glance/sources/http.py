"""HTTP: one request, or several side by side, whose answer is JSON, text or XML.

Answer: what the upstream sent, read by `format`; with `requests` an object with one answer per name. Fields beside
`requests` (auth, tls, headers, format, timeout) hold for each of them unless it says otherwise; `optional: true` (or a list
of statuses) makes a request's 404 or 410 null instead of a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from glance import outbound
from glance.errors import FetchError
from glance.fields import number
from glance.http_form import FORM, FORMATS, SCHEMA
from glance.parallel import run_all
from glance.sources import DEFAULT_DEADLINE_S, MAX_DEADLINE_S, SourceIO

__all__ = ["FETCHES", "FORM", "KIND", "PICKABLE", "SCHEMA", "deadline_s", "fetch", "lane"]

KIND = "http"
FETCHES = True
PICKABLE = True

MAX_SIDE_BY_SIDE = 6
_ACCEPT = {
    "json": "application/json, */*;q=0.5",
    "xml": "application/xml, text/xml, */*;q=0.5",
    "text": "text/plain, */*;q=0.5",
}
_GONE = (404, 410)


def deadline_s(source: Mapping[str, Any]) -> float:
    """The longest time limit of its requests."""
    default = _timeout_s(source)
    return max([default, *(_timeout_s(one) for one in _several(source).values())])


def lane(source: Mapping[str, Any]) -> str | None:
    """Host and port of the first request."""
    first = next(iter(_several(source).values()), source)
    return outbound.lane(first.get("url") or source.get("url"))


def fetch(source: Mapping[str, Any], io: SourceIO) -> Any:
    """Send the request or requests; FetchError where one fails that is not optional."""
    several = _several(source)
    if not several:
        return _ask(source, io)
    shared = {key: value for key, value in source.items() if key not in ("requests", "url", "pick", "kind")}
    whole = {name: {**shared, **one} for name, one in several.items()}
    jobs: list[Callable[[], Any]] = [partial(_ask, one, io) for one in whole.values()]
    outcomes = run_all(jobs, io.deadline, name="http", workers=MAX_SIDE_BY_SIDE)
    failed = next((outcome.error for outcome in outcomes if outcome.error), None)
    if failed is not None:
        raise failed
    return dict(zip(whole, (outcome.value for outcome in outcomes), strict=True))


def _several(source: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The named requests, or none."""
    requests = source.get("requests")
    if not isinstance(requests, Mapping):
        return {}
    return {str(name): one for name, one in requests.items() if isinstance(one, Mapping)}


def _timeout_s(request: Mapping[str, Any]) -> float:
    return number(request.get("timeout"), DEFAULT_DEADLINE_S, 0.5, MAX_DEADLINE_S)


def _ask(request: Mapping[str, Any], io: SourceIO) -> Any:
    """One request and its answer as data."""
    form = str(request.get("format") or "json").lower()
    if form not in FORMATS:
        raise FetchError(f"The format of the answer must be one of: {', '.join(FORMATS)}.", kind="source")
    headers = _headers(request.get("headers"))
    if not any(name.lower() == "accept" for name in headers):
        headers["Accept"] = _ACCEPT[form]
    body = request.get("body")
    if body and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = outbound.content_type_of(str(body))
    optional = _statuses(request.get("optional"))
    try:
        answer = io.http.request(
            str(request.get("method") or "GET").upper(),
            _address(request.get("url"), request.get("query")),
            headers=headers,
            body=None if body in (None, "") else str(body),
            json=request.get("json"),
            auth=_auth(request.get("auth")),
            tls=request["tls"] if isinstance(request.get("tls"), Mapping) else None,
            timeout_s=_timeout_s(request),
        )
    except FetchError as error:
        if error.kind == "status" and error.http_status in optional:
            return None
        raise
    if form == "text":
        return answer.text()
    return answer.xml() if form == "xml" else answer.json()


def _headers(value: Any) -> dict[str, str]:
    """Headers from a mapping or a list of `{name, value}`; those without a value are left out, so that they can be optional."""
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        pairs = value.items()
    elif isinstance(value, (list, tuple)):
        pairs = ((part.get("name"), part.get("value")) for part in value if isinstance(part, Mapping))
    return {str(name): _written(text) for name, text in pairs if name and text not in (None, "")}


def _written(value: Any) -> str:
    """A value as it stands in a header or query."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _address(url: Any, query: Any) -> str:
    """The address with the query's pairs added; None leaves a pair out, a list repeats it."""
    address = str(url or "")
    if isinstance(query, str):
        encoded = query.lstrip("?&")
    elif isinstance(query, Mapping):
        pairs = [
            (str(name), _written(item))
            for name, value in query.items()
            for item in (value if isinstance(value, (list, tuple)) else [value])
            if item is not None
        ]
        encoded = urlencode(pairs)
    else:
        encoded = ""
    if not encoded:
        return address
    bare, hash_mark, fragment = address.partition("#")
    return f"{bare}{'&' if '?' in bare else '?'}{encoded}{hash_mark}{fragment}"


def _auth(auth: Any) -> Mapping[str, Any] | None:
    """The login as the client takes it; the form's `token_at` is the session's `token`."""
    if not isinstance(auth, Mapping):
        return None
    return {**auth, "token": auth["token_at"]} if auth.get("token_at") else auth


def _statuses(optional: Any) -> tuple[int, ...]:
    """The statuses that make an optional request null."""
    if isinstance(optional, (list, tuple)):
        return tuple(int(status) for status in optional if str(status).isdecimal())
    return _GONE if optional is True or str(optional).lower() == "true" else ()
