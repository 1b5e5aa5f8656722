"""The socket of one widget: a text frame of JSON for every sample it follows, stored ones only, without gap or repeat."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from flask import Blueprint, Flask, current_app, request
from flask_sock import Sock
from simple_websocket.ws import Server

from glance.errors import Conflict, NotFound
from glance.runtime import Runtime
from glance.web import door
from glance.web.api.routing import need
from glance.web.following import GONE, LOOK_S, MOST_BEHIND, REFUSED, REPLAYED, Follower, Group, Groups
from glance.web.waking import LEFT

log = logging.getLogger(__name__)

blueprint = Blueprint("widget_socket", __name__)
sock = Sock()

# So often it is asked whether the session still holds.
ASK_S = 1.0
FULL, REVOKED = 1013, 4403


def init_app(app: Flask, rt: Runtime) -> None:
    """Add the socket's route."""
    app.extensions["glance.following"] = Groups()
    app.register_blueprint(blueprint)


@sock.route("/ws/widgets/<widget_id>", bp=blueprint)
def widget_socket(ws: Server, widget_id: str) -> None:
    """Send what is stored for a widget until either side leaves; `since=<id>` replays what came after that sample."""
    rt: Runtime = current_app.extensions["glance"]
    groups: Groups = current_app.extensions["glance.following"]
    passed = door.check_socket()
    need("read")
    raw = request.args.get("since")
    if raw is not None and not (raw.isascii() and raw.isdigit() and len(raw) < 19):
        ws.close(REFUSED, "since must be the id of a sample.")
        return
    # an id that was never given, as after going back to an older copy of the data, means: from now on
    upto = rt.ingest.committed_id
    follower = Follower(ws, upto if raw is None else min(int(raw), upto))
    # nothing is expected from here, and nothing is kept
    ws.event.on_set = lambda: ws.input_buffer.clear() if ws.connected else follower.wake.set()
    try:
        with groups.joined(rt, widget_id, follower) as group:
            follower.catch_up(group, REPLAYED, cut=True)
            stay(ws, follower, group, lambda: door.still_holds(passed), door.why_over(passed))
    except LEFT:
        log.debug("A follower of %s left.", widget_id)
    except NotFound as error:
        ws.close(GONE, error.sentence)
    except Conflict as error:
        ws.close(REFUSED, error.sentence)
    finally:
        ws.event.on_set = None


def stay(ws: Server, follower: Follower, group: Group, still_holds: Callable[[], bool], why: str) -> None:
    """Wait until the follower leaves or the group ends, and send what the group could not hand over; `why` it holds no more."""
    asked_at = time.monotonic()
    # it may have ended before the group could say so
    follower.must_ask = True
    follower.wake.set()
    while ws.connected:
        follower.wake.wait(LOOK_S)
        follower.wake.clear()
        if not ws.connected:
            return
        if group.end is not None:
            ws.close(*group.end)
            return
        now = time.monotonic()
        if follower.must_ask or now - asked_at >= ASK_S:
            follower.must_ask, asked_at = False, now
            if not still_holds():
                ws.close(REVOKED, why)
                return
        if not follower.catch_up(group, MOST_BEHIND):
            ws.close(FULL, "Too far behind; come back with since.")
            return
