"""ETags of editable things: given on GET, asked back by If-Match."""

from __future__ import annotations

import re
from typing import Any

from flask import request

from glance.errors import PreconditionFailed

_VERSION = re.compile(r"v([0-9]{1,18})")


def etag(version: int) -> str:
    """The ETag of one version."""
    return f'"v{version}"'


def expected_version() -> int | None:
    """The version that If-Match asks for, -1 where it can be none; None without the header (the last write wins) or with `*`."""
    if "If-Match" not in request.headers or request.if_match.star_tag:
        return None
    # An empty tag is read as None.
    tags = [found for found in map(_VERSION.fullmatch, filter(None, request.if_match.as_set())) if found]
    return int(tags[0][1]) if len(tags) == 1 else -1


def refuse_stale(version: int, current: dict[str, Any]) -> None:
    """PreconditionFailed with `current`, as the API shows it, where If-Match does not hold."""
    wanted = expected_version()
    if wanted is not None and wanted != version:
        raise PreconditionFailed("It was changed in the meantime; nothing was done.", current)
