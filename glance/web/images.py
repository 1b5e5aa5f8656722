"""The route of pictures that cards show: /image/<key>, only for addresses that Glance itself made."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request

from glance.errors import NotFound, Unavailable
from glance.images import FAILURE_S, FRESH_S, Images

bp = Blueprint("images", __name__)


@bp.get("/image/<key>")
def image(key: str) -> Response:
    """The picture, for the browser to keep; 404 where there is none, 503 where too many are being fetched."""
    images: Images = current_app.extensions["glance"].images
    try:
        picture = images.get(key)
    except NotFound:
        return _guarded(Response(status=404), f"private, max-age={int(FAILURE_S)}")
    except Unavailable:
        response = Response(status=503)
        response.headers["Retry-After"] = "5"
        return _guarded(response, "no-store")
    response = Response(picture.body, mimetype=picture.media_type)
    response.set_etag(picture.etag)
    guarded = _guarded(response, f"private, max-age={int(FRESH_S)}, immutable")
    guarded.make_conditional(request)
    return guarded


def _guarded(response: Response, cache_control: str) -> Response:
    """Headers that let a browser do nothing with it but show it as the picture it is."""
    response.headers["Cache-Control"] = cache_control
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
