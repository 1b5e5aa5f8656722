"""What went wrong between Glance and an upstream, as one sentence that the owner can act on."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import BadStatusLine, HTTPException, LineTooLong

from urllib3.exceptions import DecodeError, HTTPError, IncompleteRead, ReadTimeoutError

from glance.errors import FetchError
from glance.outbound.target import Target
from glance.outbound.wire import PinMismatch

MAX_RETRY_AFTER_S = 6 * 3600.0

_TLS_REASONS = {
    9: "it is not valid yet; check the clocks",
    10: "it has expired",
    18: "it is self-signed",
    19: "it comes from an authority that this computer does not know",
    20: "it comes from an authority that this computer does not know",
    21: "it comes from an authority that this computer does not know",
    62: "it is for another name",
    64: "it is for another address",
}
_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL})


def seconds(span_s: float) -> str:
    """A span as it is read: `8 s`, `0.3 s`."""
    return f"{round(span_s, 1):g} s"


def from_exception(error: BaseException, target: Target, budget_s: float, *, head_came: bool) -> FetchError:
    """The FetchError for what a connection raised; `budget_s` is the time that the request was given."""
    if isinstance(error, FetchError):
        return error
    cause = _innermost(error)
    for candidate in (error, cause):
        if isinstance(candidate, (TimeoutError, ReadTimeoutError)):
            return _timeout(target, budget_s, head_came)
    if isinstance(cause, ssl.SSLError):
        return FetchError(_tls(cause, target), kind="tls")
    if isinstance(error, DecodeError):
        return FetchError(f"{target.host} sent a compressed answer that is damaged.", kind="format")
    if isinstance(error, IncompleteRead) or head_came:
        return FetchError(f"{target.host} broke off in the middle of its answer.", kind="source")
    if isinstance(cause, (ConnectionResetError, BrokenPipeError)):  # also http.client.RemoteDisconnected
        return FetchError(f"{target.host} closed the connection without an answer.", kind="source")
    if isinstance(cause, OSError):
        return _connecting(cause, target)
    if isinstance(cause, LineTooLong):
        return FetchError(f"{target.host} sent a header that is too long.", kind="format")
    if isinstance(cause, (BadStatusLine, HTTPException, HTTPError)):
        hint = f" If it speaks TLS on port {target.port}, write https://." if target.scheme == "http" else ""
        return FetchError(f"{target.host} answered something that is not HTTP.{hint}", kind="format")
    return FetchError(f"The request to {target.host} failed ({type(error).__name__}).", kind="source")


def _innermost(error: BaseException) -> BaseException:
    """The error that a library wrapped, else the error itself."""
    seen = 0
    while seen < 5:
        inner = next((part for part in error.args if isinstance(part, BaseException)), None) or error.__cause__
        if inner is None:
            return error
        error, seen = inner, seen + 1
    return error


def _timeout(target: Target, budget_s: float, head_came: bool) -> FetchError:
    """Too slow, to begin or to end."""
    what = "did not finish its answer" if head_came else "did not answer"
    return FetchError(f"{target.host} {what} within {seconds(budget_s)}.", kind="timeout")


def _connecting(error: OSError, target: Target) -> FetchError:
    """Why no connection came about."""
    host = target.host
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return FetchError(f"The name {host} could not be looked up: the name server does not answer.", kind="dns")
        return FetchError(f"The name {host} is not known; check the address or the name server.", kind="dns")
    if target.scheme == "unix":
        return FetchError(_unix(error, host), kind="refused")
    if isinstance(error, ConnectionRefusedError):
        return FetchError(f"{host} refused the connection on port {target.port}.", kind="refused")
    if error.errno in _UNREACHABLE:
        return FetchError(f"{host} cannot be reached from this computer: there is no route to it.", kind="refused")
    reason = (error.strerror or type(error).__name__).lower()
    return FetchError(f"The connection to {host} on port {target.port} failed: {reason}.", kind="refused")


def _unix(error: OSError, path: str) -> str:
    """Why a unix socket could not be opened."""
    if isinstance(error, FileNotFoundError):
        return f"There is no socket at {path}."
    if isinstance(error, PermissionError):
        return f"Glance may not open {path}: add its user to the group that owns the socket."
    if isinstance(error, ConnectionRefusedError):
        return f"Nothing listens on {path}."
    return f"{path} cannot be opened: {(error.strerror or 'unknown reason').lower()}."


def _tls(error: ssl.SSLError, target: Target) -> str:
    """Why the encrypted connection was not accepted."""
    if isinstance(error, PinMismatch):
        return f"The certificate of {target.host} is not the pinned one; its SHA-256 is {error.found}."
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = _TLS_REASONS.get(error.verify_code, error.verify_message or "it was not accepted")
        hint = "" if error.verify_code in (9, 10) else " Pin it, or switch the check off, if you trust this server."
        return f"The certificate of {target.host} was refused: {reason}.{hint}"
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"):
        return f"{target.host} does not speak TLS on port {target.port}; try http://."
    reason = (error.reason or "the connection was cut").replace("_", " ").lower()
    return f"No encrypted connection to {target.host} came about: {reason}."


def from_status(
    status: int, headers: Mapping[str, str], target: Target, now: float, *, with_credentials: bool
) -> FetchError:
    """The FetchError for an answer whose status is not a success; `now` (Unix seconds) dates a Retry-After."""
    wait_s = retry_after_s(headers.get("retry-after"), now) if status in (429, 503) else None
    return FetchError(
        _status_sentence(status, target, wait_s, with_credentials),
        kind="status",
        http_status=status,
        retry_after_s=wait_s,
    )


def _status_sentence(status: int, target: Target, wait_s: float | None, with_credentials: bool) -> str:
    """One sentence for one status."""
    host, path = target.host, target.path.partition("?")[0]
    later = f"; it asks to wait {_span(wait_s)}" if wait_s else ""
    if status == 401:
        if with_credentials:
            return f"{host} did not accept the credentials (401); check the token or password."
        return f"{host} wants a login (401), and none is set."
    if status == 403:
        return f"{host} forbids this request (403); check what the token or user may do."
    if status == 407:
        return f"A proxy in front of {host} wants a login (407)."
    if status in (404, 410):
        return f"{host} has nothing at {path} ({status}); check the address."
    if status == 429:
        return f"{host} was asked too often (429){later}."
    if status >= 500:
        return f"{host} has a problem of its own ({status} {_phrase(status)}){later}."
    if 300 <= status < 400:
        return f"{host} redirects ({status}) without saying where to."
    return f"{host} did not accept the request ({status} {_phrase(status)})."


def _phrase(status: int) -> str:
    """The status's name, or nothing for one that has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "without a name"


def _span(span_s: float) -> str:
    """A wait in the largest fitting unit."""
    if span_s < 120:
        return f"{span_s:.0f} s"
    return f"{span_s / 60:.0f} min" if span_s < 7200 else f"{span_s / 3600:.0f} h"


def retry_after_s(value: str | None, now: float) -> float | None:
    """A Retry-After header, seconds or an HTTP date, as seconds from `now`; between 0 and 6 h, None where unreadable."""
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.replace(".", "", 1).isdigit():
        wait_s = float(value)
    else:
        try:
            wait_s = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)
