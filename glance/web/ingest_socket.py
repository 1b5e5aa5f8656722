"""Readings over a websocket: each message is a body as in POST /api/readings, and is answered once it is stored."""

from __future__ import annotations

import logging
from typing import Any

from flask import Blueprint, current_app
from flask_sock import Sock
from simple_websocket.ws import Server
from werkzeug.exceptions import Forbidden

from glance.errors import GlanceError, Invalid
from glance.runtime import Runtime
from glance.web import door
from glance.web.api.body import parse
from glance.web.api.readings import store
from glance.web.api.routing import encode
from glance.web.waking import LEFT, hold_back

log = logging.getLogger(__name__)

blueprint = Blueprint("ingest_socket", __name__)
sock = Sock()

LOOK_S = 1.0
RESTARTING, REVOKED = 1012, 4403


@sock.route("/ws/ingest", bp=blueprint)
def ingest_socket(ws: Server) -> None:
    """Take readings until either side leaves. The answer to each message is `{"stored", "ignored"}` or a problem."""
    rt: Runtime = current_app.extensions["glance"]
    passed = door.check_socket()
    # only to hear that Glance is stopping
    mailbox = rt.hub.subscribe()
    make_room = hold_back(ws)
    try:
        while True:
            text = ws.receive(timeout=LOOK_S)
            make_room()
            # first, as nothing can be looked up once Glance has stopped; what is not answered was not stored
            if mailbox.take(0) is None:
                ws.close(RESTARTING, "Glance is stopping.")
                return
            if not door.still_holds(passed):
                ws.close(REVOKED, door.why_over(passed))
                return
            if text is not None:
                ws.send(encode(answer(rt, text)).decode())
    except LEFT:
        log.debug("A sender of readings left.")
    finally:
        ws.event.on_set = None
        make_room()
        mailbox.close()


def answer(rt: Runtime, text: str | bytes) -> dict[str, Any]:
    """Store one message and say what became of it; what is wrong with it is told as a problem (RFC 9457) with `status`."""
    try:
        return dict(store(rt, parse(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text))))
    except GlanceError as error:
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": error.title,
            "status": error.status,
            "detail": error.sentence,
        }
        if isinstance(error, Invalid):
            problem["errors"] = [{"field": fault.field, "message": fault.message} for fault in error.errors]
        return problem
    except Forbidden as error:
        return {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": error.description}
