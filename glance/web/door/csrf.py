"""Did our own page send this? Checked on every changing request that a browser's cookies or whereabouts authorise."""

from __future__ import annotations

import hmac

from flask import Request
from werkzeug.exceptions import Forbidden

from glance.addresses import split_address
from glance.web.door.access import SESSION_COOKIE, Pass, csrf_for
from glance.web.door.hosts import Hosts

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEADER = "X-CSRF-Token"
FIELD = "csrf_token"
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


def is_ours(hosts: Hosts, request: Request, origin: str) -> bool:
    """True where an origin is exactly this page's, or that of GLANCE_PUBLIC_URL."""
    return hosts.owns(origin, request.scheme, request.environ.get("HTTP_HOST", ""))


def refuse_foreign(hosts: Hosts, request: Request) -> None:
    """Forbidden where the browser itself says that another page sent this."""
    origin = request.headers.get("Origin")
    if origin is not None and not is_ours(hosts, request, origin):
        raise Forbidden(
            "This came from another page than Glance's own, so nothing was changed. "
            "If a proxy stands in front, set GLANCE_PUBLIC_URL to the address in the browser's bar."
        )
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise Forbidden("This came from another page than Glance's own, so nothing was changed.")


def proven_by_browser(hosts: Hosts, request: Request) -> bool:
    """True where the browser says that our own page sent this: Origin, else Sec-Fetch-Site, else Referer."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return is_ours(hosts, request, origin)
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    referer = split_address(request.headers.get("Referer", ""))
    return bool(referer.netloc) and is_ours(hosts, request, f"{referer.scheme}://{referer.netloc}")


def proven_by_token(request: Request) -> bool:
    """True where X-CSRF-Token or the field csrf_token belongs to the session cookie."""
    seed = request.cookies.get(SESSION_COOKIE, "")
    given = request.headers.get(HEADER, "")
    if not given and request.mimetype in FORM_TYPES:
        given = request.form.get(FIELD, "")
    return bool(seed) and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), csrf_for(seed).encode("ascii"))


def is_no_browser(request: Request) -> bool:
    """True for a program such as curl: every browser marks a changing request with at least one of these."""
    marks = ("Origin", "Referer", "Cookie")
    return not any(name in request.headers for name in marks) and not any(
        name.startswith("HTTP_SEC_FETCH_") for name in request.environ
    )


def check(hosts: Hosts, request: Request, passed: Pass) -> None:
    """Forbidden unless this changing request is proven to be the owner's own.

    Under /api the token is needed; elsewhere the browser's own word is enough too, so that plain forms in cached parts of a page
    work. Without login a program that is no browser needs nothing: there is no cookie that a page could misuse.
    """
    refuse_foreign(hosts, request)
    if proven_by_token(request):
        return
    if not is_api(request) and proven_by_browser(hosts, request):
        return
    if passed.without_login and is_no_browser(request):
        return
    raise Forbidden(
        f"A changing request needs the token of this session in {HEADER} (its value is the cookie glance_csrf) or in the "
        f"field {FIELD}. Load the page again; programs use a bearer token instead."
    )


def is_api(request: Request) -> bool:
    """True under /api, where answers are JSON."""
    return request.path == "/api" or request.path.startswith("/api/")
