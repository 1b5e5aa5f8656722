"""The socket of one widget: a text frame of JSON for every sample it follows, stored ones only, without gap or repeat."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from flask import Blueprint, current_app, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed
from simple_websocket.ws import Server

from glance.errors import Conflict, NotFound
from glance.live import Mailbox
from glance.model import Widget
from glance.runtime import Runtime
from glance.store.devices import Sensor
from glance.web import door
from glance.web.api.routing import encode, need
from glance.web.api.samples import shown, tracked

log = logging.getLogger(__name__)

blueprint = Blueprint("widget_socket", __name__)
sock = Sock()

REPLAYED = 1000
# A reader that is this far behind comes back with `since` instead of holding so much in memory.
MOST_BEHIND = 20_000
LOOK_S = 5.0
# A sensor that was never seen cannot wake anybody: it is looked for.
LOOK_FOR_NEW_S = 0.5
REFUSED, RESTARTING, FULL, REVOKED, GONE = 1008, 1012, 1013, 4403, 4404


@sock.route("/ws/widgets/<widget_id>", bp=blueprint)
def widget_socket(ws: Server, widget_id: str) -> None:
    """Send what is stored for a widget until either side leaves; `since=<id>` replays what came after that sample."""
    rt: Runtime = current_app.extensions["glance"]
    passed = door.check_socket()
    need("read")
    raw = request.args.get("since")
    if raw is not None and not (raw.isascii() and raw.isdigit() and len(raw) < 19):
        ws.close(REFUSED, "since must be the id of a sample.")
        return
    mailbox = rt.hub.subscribe()
    ws.event.on_set = lambda: None if ws.connected else mailbox.close()
    rt.ingest.be_eager(1)
    try:
        Following(rt, ws, mailbox, widget_id).run(
            int(raw) if raw is not None else None, lambda: door.still_holds(passed)
        )
    except (ConnectionClosed, OSError):
        log.debug("A follower of %s left.", widget_id)
    except NotFound as error:
        ws.close(GONE, error.sentence)
    except Conflict as error:
        ws.close(REFUSED, error.sentence)
    finally:
        rt.ingest.be_eager(-1)
        ws.event.on_set = None
        mailbox.close()


class Following:
    """One follower of one widget: the series it follows, and the id of the last sample that it was sent or need not get."""

    def __init__(self, runtime: Runtime, ws: Server, mailbox: Mailbox, widget_id: str) -> None:
        self._runtime = runtime
        self._ws = ws
        self._mailbox = mailbox
        self._widget_id = widget_id
        self._stamp: tuple[int, int] | None = None
        self._series: list[tuple[str | None, Sensor]] = []
        self._waits_for_new = False
        self._last = 0

    def run(self, since: int | None, still_holds: Callable[[], bool]) -> None:
        """Replay, then send whatever is stored, until the hub closes or the follower leaves."""
        ingest = self._runtime.ingest
        # listening begins before the first look, so that nothing falls between
        self._resolve()
        if since is None:
            self._last = ingest.committed_id
        else:
            self._last = since
            self._send(REPLAYED)
        while True:
            taken = self._mailbox.take(LOOK_FOR_NEW_S if self._waits_for_new else LOOK_S)
            if taken is None:
                if self._ws.connected:
                    self._ws.close(RESTARTING, "Glance is stopping.")
                return
            if not still_holds():
                self._ws.close(REVOKED, "Signed out.")
                return
            self._resolve()
            if not self._send(MOST_BEHIND):
                self._ws.close(FULL, "Too far behind; come back with since.")
                return
            # nothing is expected from here, and nothing is kept
            while self._ws.receive(timeout=0) is not None:
                log.debug("A follower of %s said something.", self._widget_id)

    def _resolve(self) -> None:
        """Which series the widget follows now; looked up again only after widgets or devices changed."""
        rt = self._runtime
        stamp = rt.db.structure, rt.devices.changes
        if stamp == self._stamp:
            return
        widget: Widget = rt.widgets.get(self._widget_id)
        listed = tracked(rt, widget)
        named = len(listed) > 1
        self._series = [(name if named else None, sensor) for name, sensor in listed if sensor is not None]
        self._waits_for_new = len(self._series) < len(listed)
        self._mailbox.listen(self._ids())
        self._stamp = stamp

    def _ids(self) -> Iterable[int]:
        """The series with all that was merged into them."""
        for _, sensor in self._series:
            track = self._runtime.ingest.catalog.tracks.get(sensor.id)
            yield from track.ids if track else (sensor.id,)

    def _send(self, most: int) -> bool:
        """Send what is committed and was not sent yet, in the order of storing; False where that is more than `most`.

        A replay is cut to the newest `most` instead.
        """
        rt = self._runtime
        # what is committed by now is in memory for sure, of every series
        upto = rt.ingest.committed_id
        if upto <= self._last:
            return True
        found = [
            (sample.id, sample, name, sensor)
            for name, sensor in self._series
            for sample in rt.samples.since(sensor.id, self._last, most + 1)
            if sample.id <= upto
        ]
        if len(found) > most:
            if most != REPLAYED:
                return False
            found = sorted(found, key=lambda each: each[0])[-most:]
        found.sort(key=lambda each: each[0])
        self._last = upto
        for _, sample, name, sensor in found:
            self._ws.send(encode(shown(sample, sensor, name)).decode())
        return True
