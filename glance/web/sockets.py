"""The page's one socket: the cards that changed, as out-of-band fragments; bursts merged, equal content never sent."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable

from flask import Blueprint, Flask, current_app
from flask_sock import Sock
from simple_websocket import ConnectionClosed
from simple_websocket.ws import Server

from glance.errors import NotFound
from glance.live import PAGE, Mailbox
from glance.model import Tail, Widget
from glance.runtime import Runtime
from glance.web import door
from glance.web.fragments import Fragments, Rendered, fragments, page_version

log = logging.getLogger(__name__)

blueprint = Blueprint("sockets", __name__)
sock = Sock()

PING_S = 25
# A sign of life, so that a page notices within seconds that its server is gone.
BEAT, BEAT_S = '{"beat": true}', 5.0
HELLO_S = 2.0
# A burst of changes becomes one message: what comes within this time goes together.
GATHER_S = 0.006
# One card is sent at most twenty times a second, and less often where drawing and sending take long.
PER_CARD_S = 0.048
LOAD_FACTOR = 4
# A page says when it has shown a message. At most so many are under way to it: a busy browser gets fewer and newer ones.
UNDER_WAY = 2
# One that says nothing for so long is told anyway: it may have lost its way of saying so.
SHOWN_WITHIN_S = 3.0
MAX_MESSAGE = 32 * 1024
RESTARTING, REVOKED, GONE = 1012, 4403, 4404


class Wake(threading.Event):
    """The event of a socket's reading thread; also tells `on_set`, so that a closed socket frees its sending thread at once."""

    on_set: Callable[[], None] | None = None

    def set(self) -> None:
        super().set()
        if self.on_set is not None:
            self.on_set()


def init_app(app: Flask, runtime: Runtime) -> None:
    """Add the socket's route."""
    app.config["SOCK_SERVER_OPTIONS"] = {
        "ping_interval": PING_S,
        "max_message_size": 64 * 1024,
        "event_class": Wake,
        "subprotocols": door.BearerSubprotocols(),
    }
    app.register_blueprint(blueprint)


@sock.route("/ws/dashboards/<slug>", bp=blueprint)
def dashboard_socket(ws: Server, slug: str) -> None:
    """Send what changes on a dashboard until either side leaves."""
    rt: Runtime = current_app.extensions["glance"]
    passed = door.check_socket()
    mailbox = rt.hub.subscribe()
    ws.event.on_set = lambda: mailbox.mark(()) if ws.connected else mailbox.close()
    try:
        Talk(rt, fragments(), ws, mailbox, slug).run(lambda: door.still_holds(passed))
    except (ConnectionClosed, OSError):
        log.debug("A page of %s left.", slug)
    except NotFound:
        ws.close(GONE, "This dashboard is gone.")
    finally:
        ws.event.on_set = None
        mailbox.close()


class Talk:
    """One open page: what it was sent, and what it has to hear."""

    def __init__(self, runtime: Runtime, store: Fragments, ws: Server, mailbox: Mailbox, slug: str) -> None:
        self._runtime = runtime
        self._store = store
        self._ws = ws
        self._mailbox = mailbox
        self._slug = slug
        self._page = ""
        self._sent: dict[str, str] = {}
        self._tails: dict[str, Tail] = {}
        self._told_at: dict[str, float] = {}
        self._every_s = PER_CARD_S
        self._says_shown = False
        self._under_way = 0
        self._sent_at = 0.0
        self._beat_at = 0.0

    def run(self, still_holds: Callable[[], bool]) -> None:
        """Hear what the page has, then send whatever differs, until the hub closes or the page leaves."""
        self._hear()
        self._look()
        self._ws.send(BEAT)
        later: set[str] = set()
        while True:
            taken = self._mailbox.take(self._wait_s(later) if later else BEAT_S)
            self._read_shown()
            if taken is None:
                if self._ws.connected:
                    self._ws.close(RESTARTING, "Glance is stopping.")
                return
            if not still_holds():
                self._ws.close(REVOKED, "Signed out.")
                return
            if not taken and not later:
                self._beat()
                continue
            if taken:
                time.sleep(GATHER_S)
                taken |= self._mailbox.take(0.0) or set()
            later = taken | later if self._is_busy() else self._tell(taken | later)

    def _beat(self) -> None:
        """A sign of life, unless something was sent a moment ago."""
        if time.monotonic() - self._beat_at >= BEAT_S - 0.5:
            self._beat_at = time.monotonic()
            self._ws.send(BEAT)

    def _read_shown(self) -> None:
        """What the page has shown since."""
        while self._says_shown and self._ws.connected and self._ws.receive(timeout=0) is not None:
            self._under_way = max(0, self._under_way - 1)

    def _is_busy(self) -> bool:
        """Whether the page has yet to show what it was sent."""
        return self._under_way >= UNDER_WAY and time.monotonic() - self._sent_at < SHOWN_WITHIN_S

    def _push(self, text: str) -> None:
        """Send a message that the page will say it has shown."""
        self._under_way = self._under_way + 1 if self._says_shown else 0
        self._sent_at = time.monotonic()
        self._ws.send(text)

    def _wait_s(self, later: Iterable[str]) -> float:
        """How long until the first of these cards may be sent again, or the page must have shown what it has."""
        if self._is_busy():
            return max(0.0, self._sent_at + SHOWN_WITHIN_S - time.monotonic())
        return max(
            0.0, min(self._told_at.get(widget_id, 0.0) for widget_id in later) + self._every_s - time.monotonic()
        )

    def _tell(self, changed: set[str]) -> set[str]:
        """Send what changed; returns the cards that were sent so shortly before that they have to wait."""
        if f"{PAGE}{self._slug}" in changed:
            self._look()
            return set()
        began = time.monotonic()
        later = {widget_id for widget_id in changed if began - self._told_at.get(widget_id, 0.0) < self._every_s}
        due = changed - later
        if due:
            self._send(self._runtime.widgets.many(sorted(due)).values())
            ended = time.monotonic()
            self._told_at.update(dict.fromkeys(due, ended))
            self._every_s = max(PER_CARD_S, LOAD_FACTOR * (ended - began))
        return later

    def _hear(self) -> None:
        """The page's first message: the version of its layout and of each card it holds."""
        text = self._ws.receive(timeout=HELLO_S)
        try:
            hello = json.loads(text) if text else {}
            self._page = str(hello.get("page", ""))
            self._says_shown = hello.get("says_shown") is True
            self._sent = {str(key): str(value) for key, value in dict(hello.get("have", {})).items()}
        except (ValueError, TypeError, AttributeError):
            log.debug("A page of %s said something unreadable.", self._slug)

    def _look(self) -> None:
        """Which widgets are on the dashboard now; where they or their places changed, the page is told to load its grid."""
        widgets = self._runtime.widgets.on_dashboard(self._slug)
        if not widgets:
            self._runtime.dashboards.get(self._slug)
        self._mailbox.watch(widget.id for widget in widgets)
        page = page_version(widgets)
        if page != self._page:
            if self._page:
                self._ws.send(json.dumps({"page": page}))
            self._page = page
        self._send(widgets)
        # The look was counted with the page: widgets with interval 0 are not asked twice for it.
        self._runtime.refresher.want(widgets, on_view=False)

    def _send(self, widgets: Iterable[Widget]) -> None:
        """The cards that the page does not have yet, in messages of at most 32 KB (one card may be longer)."""
        found = self._store.now_of(list(widgets))
        cards = [card for card in found if self._sent.get(card.widget_id) != card.version]
        self._send_tails([card for card in found if self._sent.get(card.widget_id) == card.version])
        now = self._runtime.clock()
        batch: list[bytes] = []
        size = 0
        for card in cards:
            text = card.join(now, out_of_band=True)
            if batch and size + len(text) > MAX_MESSAGE:
                self._push(b"\n".join(batch).decode())
                batch, size = [], 0
            batch.append(text)
            size += len(text)
        if batch:
            self._push(b"\n".join(batch).decode())
        self._sent.update((card.widget_id, card.version) for card in cards)

    def _send_tails(self, cards: Iterable[Rendered]) -> None:
        """The newest points of charts that are drawn already: `{"tails": {id: {"at": …, "points": [[t, v] | null, …]}}}`."""
        new = {
            card.widget_id: card.tail
            for card in cards
            if card.tail is not None and self._tails.get(card.widget_id) != card.tail
        }
        if new:
            self._push(
                json.dumps({"tails": {key: {"at": tail.at, "points": tail.points} for key, tail in new.items()}})
            )
            self._tails.update(new)
