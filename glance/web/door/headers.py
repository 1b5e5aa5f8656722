"""The headers that every answer carries: what a browser may load, show and remember."""

from __future__ import annotations

from flask import Flask, Response, g, request

from glance.config import Settings, is_loopback_host
from glance.hostnames import bare_name

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
OPENER = "Cross-Origin-Opener-Policy"
_FIXED = "default-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; object-src 'none'"


def content_security_policy(
    form_action: tuple[str, ...] = (), frame_src: tuple[str, ...] = (), ancestors: str = "'self'"
) -> str:
    """The policy of a page; search widgets add where their forms go, frame widgets what they show (origins)."""
    policy = f"{_FIXED}; frame-ancestors {ancestors}; form-action {_sources(form_action)}"
    return f"{policy}; frame-src {_sources(frame_src)}" if frame_src else policy


def _sources(origins: tuple[str, ...]) -> str:
    return " ".join(("'self'", *origins))


def ancestors_of(settings: Settings) -> str:
    """Who may show Glance in a frame, by GLANCE_FRAME_ANCESTORS, as the directive has it; only itself where nothing is set."""
    words = {"self": "'self'", "none": "'none'"}
    return " ".join(words.get(item, item) for item in settings.frame_ancestors) or "'self'"


def init_app(app: Flask, settings: Settings) -> None:
    """Put the headers on every answer; a view that has set one keeps its own."""
    ancestors = ancestors_of(settings)
    plain = content_security_policy(ancestors=ancestors)

    def finish(response: Response) -> Response:
        return _finish(response, plain, ancestors)

    app.after_request(finish)


def _finish(response: Response, plain: str, ancestors: str) -> Response:
    headers = response.headers
    if "Content-Security-Policy" not in headers:
        form_action, frame_src = _origins("csp_form_action"), _origins("csp_frame_src")
        headers["Content-Security-Policy"] = (
            content_security_policy(form_action, frame_src, ancestors) if form_action or frame_src else plain
        )
    for name, value in ALWAYS.items():
        if name not in headers:
            headers[name] = value
    if OPENER not in headers and _is_trustworthy():
        headers[OPENER] = "same-origin"
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "private, no-store"
    return response


def _is_trustworthy() -> bool:
    """True where browsers heed the opener policy: https, or this computer. Elsewhere they ignore it, with an error in the console."""
    if request.is_secure or "HTTP_X_FORWARDED_PROTO" in request.environ:
        return True
    name = bare_name(request.environ.get("HTTP_HOST", ""))
    return name is not None and is_loopback_host(name)


def _origins(name: str) -> tuple[str, ...]:
    """What a view left in `g`: origins only, so that a widget's text cannot add a directive."""
    found = g.get(name) or ()
    return tuple(dict.fromkeys(item for item in found if not any(letter in item for letter in " ;,'\"\r\n\t")))
