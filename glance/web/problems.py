"""Errors as answers: problem+json for programs (RFC 9457), a page for people, a note for htmx. Never a trace, never a secret."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, g, request, url_for
from markupsafe import Markup, escape
from werkzeug.exceptions import ClientDisconnected, HTTPException, TooManyRequests
from werkzeug.routing import BuildError

from glance.errors import FetchError, FieldError, GlanceError, Invalid, PreconditionFailed, Unavailable
from glance.limits import TooOften
from glance.runtime import Runtime

log = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"
UNEXPECTED = "Something in Glance went wrong, and the log of the server says what. Nothing of yours was shown or lost."
BUSY_RETRY_S = 5
SLOW_RETRY_S = 10
# Sentences of the router and the server that are not written for people.
PLAINLY = {
    400: "The request cannot be read.",
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The body is larger than Glance takes (5 MB).",
    414: "The address is too long.",
    431: "The headers are too long.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as it leaves: status, short title, a sentence, what is wrong per field, further members and headers."""

    status: int
    title: str
    sentence: str
    errors: Sequence[FieldError] = ()
    extra: tuple[tuple[str, Any], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


def init_app(app: Flask, runtime: Runtime) -> None:
    """Answer every error of `app` in the asker's form."""
    app.register_error_handler(GlanceError, lambda error: answer(_of_glance(error)))
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _unexpected)


def problem(
    status: int,
    title: str,
    detail: str,
    errors: Sequence[FieldError] | None = None,
    headers: Sequence[tuple[str, str]] = (),
    **extra: Any,
) -> Response:
    """A problem+json answer; `extra` members stand beside the usual ones."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if errors:
        body["errors"] = [{"field": error.field, "message": error.message} for error in errors]
    body.update(extra)
    text = json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")
    return Response(text, status, [*headers], content_type=PROBLEM_TYPE)


def fault_of(error: Exception) -> Fault:
    """What an expected error says; anything else becomes a 500 without details."""
    if isinstance(error, GlanceError):
        return _of_glance(error)
    return Fault(500, "Something went wrong", UNEXPECTED)


def answer(fault: Fault) -> Response:
    """The fault in the form that the asker understands."""
    if _is_program():
        return problem(fault.status, fault.title, fault.sentence, fault.errors, fault.headers, **dict(fault.extra))
    if "HX-Request" in request.headers:
        return _html(_note(fault), fault)
    return _html(_page(fault), fault)


def _html(text: str, fault: Fault) -> Response:
    # A foreign answer may have put half a character into a sentence.
    body = text.encode("utf-8", "replace")
    return Response(body, fault.status, [*fault.headers], content_type="text/html; charset=utf-8")


def _of_glance(error: GlanceError) -> Fault:
    errors = tuple(error.errors) if isinstance(error, Invalid) else ()
    extra: tuple[tuple[str, Any], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    if isinstance(error, PreconditionFailed):
        extra = (("current", error.current),)
    if isinstance(error, Unavailable):
        headers = (("Retry-After", str(BUSY_RETRY_S)),)
    if isinstance(error, (FetchError, TooOften)) and error.retry_after_s:
        headers = (("Retry-After", str(max(1, math.ceil(error.retry_after_s)))),)
    return Fault(error.status, error.title, error.sentence, errors, extra, headers)


def _of_http(error: HTTPException) -> Response:
    ask = request.environ.get("glance.given_up") if isinstance(error, ClientDisconnected) else None
    given_up = ask() if ask is not None else None
    if given_up:
        status, sentence = given_up
        return answer(
            Fault(
                status, _title(status), sentence, headers=(("Retry-After", str(SLOW_RETRY_S)),) if status == 503 else ()
            )
        )
    status = error.code or 500
    # The router says its own sentences by default; only those that Glance wrote are passed on.
    own = (
        error.description
        if error.description != type(error).description or type(error).__module__.startswith("glance")
        else None
    )
    sentence = own or PLAINLY.get(status) or UNEXPECTED
    kept = ("allow", "retry-after", "www-authenticate", "content-range")
    headers = tuple((name, value) for name, value in error.get_headers() if name.lower() in kept)
    if isinstance(error, TooManyRequests) and not any(name.lower() == "retry-after" for name, _ in headers):
        headers = (*headers, ("Retry-After", "60"))
    return answer(Fault(status, _title(status), sentence, headers=headers))


def _unexpected(error: Exception) -> Response:
    log.exception("%s %s failed", request.method, request.path, exc_info=error)
    return answer(Fault(500, "Something went wrong", UNEXPECTED))


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _is_program() -> bool:
    path = request.path
    if path == "/api" or path.startswith("/api/"):
        return True
    accepts = request.headers.get("Accept", "")
    return "json" in accepts and "text/html" not in accepts


def _note(fault: Fault) -> Markup:
    lines = Markup("").join(Markup("<li>{}</li>").format(error.message) for error in fault.errors)
    more = Markup("<ul>{}</ul>").format(lines) if lines else Markup("")
    return Markup('<div class="note is-bad" role="alert"><div>{}{}</div></div>').format(fault.sentence, more)


def _page(fault: Fault) -> str:
    """The error page; where even that cannot be made, a sentence."""
    try:
        # Not render_template: what the pages add for every template reads the database, which may be what failed.
        page = current_app.jinja_env.get_template("error.html")
        return page.render(request=request, fault=fault, look=_look(fault.status), **_ways_on(fault))
    except Exception:
        log.exception("The error page itself failed")
        return f'<!doctype html><html lang="en"><title>Glance</title><h1>{escape(fault.title)}</h1><p>{escape(fault.sentence)}</p>'


def _look(status: int) -> dict[str, str]:
    """The eye and the headline of a status."""
    if status in (404, 410):
        return {"eye": "aside", "title": "There is nothing at this address", "short": "Not here"}
    if status in (401, 403, 421):
        titles = {401: "Sign in to see this", 403: "This is not allowed", 421: "Glance does not know this name"}
        return {"eye": "locked", "title": titles[status], "short": "Not allowed"}
    if status == 503:
        return {"eye": "sleepy", "title": "Glance cannot do this right now", "short": "Not now"}
    if status in (429, 502, 504):
        titles = {429: "A little slower, please", 502: "The source failed", 504: "The source is too slow"}
        return {"eye": "sleepy", "title": titles[status], "short": "Not now"}
    if status >= 500:
        return {"eye": "closed", "title": "Something went wrong", "short": "Failed"}
    return {"eye": "aside", "title": "That did not work", "short": "Not done"}


def _ways_on(fault: Fault) -> dict[str, Any]:
    """The likely next step as a button, and the dashboards for those who may see them."""
    passed = g.get("passed")
    ways: dict[str, Any] = {"home": "", "sign_in": "", "dashboards": [], "path": request.path}
    if passed is None:
        # 421 and a refusal that signing in would not mend offer no button that leads nowhere.
        ways["sign_in"] = _url("door.login") if fault.status in (401, 404) else ""
        return ways
    ways["home"] = request.script_root + "/"
    if fault.status in (404, 410):
        ways["dashboards"] = _dashboards()
    return ways


def _dashboards() -> list[Any]:
    runtime: Runtime | None = current_app.extensions.get("glance")
    try:
        return list(runtime.dashboards.all())[:12] if runtime is not None else []
    except GlanceError:
        return []


def _url(endpoint: str) -> str:
    try:
        return url_for(endpoint)
    except BuildError:
        return ""
