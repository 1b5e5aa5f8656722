"""The page's one socket: the cards that changed, as out-of-band fragments; bursts merged, equal content never sent."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

from flask import Blueprint, Flask, current_app
from flask_sock import Sock
from simple_websocket.ws import Server

from glance.errors import NotFound
from glance.live import PAGE, Mailbox
from glance.model import Widget
from glance.mqtt.client import BrokerState
from glance.runtime import Runtime
from glance.web import door
from glance.web.devices.wording import broker_now
from glance.web.fragments import Fragments, Rendered, fragments, page_version
from glance.web.held import Held
from glance.web.pace import Pace
from glance.web.waking import LEFT, LONGEST_WORD, Wake, wake_by

log = logging.getLogger(__name__)

blueprint = Blueprint("sockets", __name__)
sock = Sock()

PING_S = 25
# A sign of life, so that a page notices within seconds that its server is gone.
BEAT, BEAT_S = '{"beat": true}', 5.0
# Whether the broker is there is looked at so often at most.
BROKER_S = 0.25
HELLO_S = 2.0
# A burst of changes becomes one message: what comes within this time goes together; where all was quiet, hardly any of it.
GATHER_S, AFTER_QUIET_S, QUIET_S = 0.005, 0.001, 0.1
# Between two messages lies the time that drawing and sending one took, for each open page: all pages together cost half a core at most,
# however much comes.
REST = 1
# Drawing many cards takes a while: the first of them are on their way meanwhile.
AT_ONCE = 24
# A page says when it has shown a message. At most so many are under way to it: a busy browser gets fewer and newer ones.
UNDER_WAY = 2
# One that says nothing for so long is told anyway: it may have lost its way of saying so.
SHOWN_WITHIN_S = 3.0
MAX_MESSAGE = 32 * 1024
RESTARTING, REVOKED, GONE = 1012, 4403, 4404


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
    wake_by(ws, mailbox)
    try:
        talk = Talk(rt, fragments(), ws, mailbox, slug, broker_now)
        talk.run(lambda: door.still_holds(passed), door.why_over(passed))
    except LEFT:
        log.debug("A page of %s left.", slug)
    except NotFound:
        ws.close(GONE, "This dashboard is gone.")
    finally:
        ws.event.on_set = None
        mailbox.close()


class Talk:
    """One open page: what it was sent, and what it has to hear. `broker` gives how the broker is; without it the page is not told."""

    def __init__(
        self,
        runtime: Runtime,
        store: Fragments,
        ws: Server,
        mailbox: Mailbox,
        slug: str,
        broker: Callable[[], BrokerState | None] = lambda: None,
    ) -> None:
        self._runtime = runtime
        self._store = store
        self._ws = ws
        self._mailbox = mailbox
        self._slug = slug
        self._broker = broker
        self._broker_away, self._asked_broker_at = False, 0.0
        self._page = ""
        self._held = Held()
        self._widgets: dict[str, Widget] = {}
        self._structure = -1
        self._pace = Pace()
        self._told_last = 0.0
        self._rests_until = 0.0
        self._says_shown = False
        self._under_way = 0
        self._sent_at = 0.0
        self._beat_at = 0.0

    def run(self, still_holds: Callable[[], bool], why_over: str) -> None:
        """Hear what the page has, then send whatever differs, until the hub closes, the page leaves, or may stay no more (`why_over`)."""
        self._hear(still_holds)
        if not still_holds():  # whoever says nothing for a while gets nothing that was taken back meanwhile
            self._ws.close(REVOKED, why_over)
            return
        self._look()
        # first of all, so that a page never says "Live" for a moment where its broker is away
        self._tell_of_broker()
        self._ws.send(BEAT)
        later: set[str] = set()
        while True:
            taken = self._mailbox.take(self._wait_s(later) if later else self._idle_s())
            if taken:
                taken = self._gather(taken)
            self._read_shown()
            self._tell_of_broker()
            if taken is None:
                if self._ws.connected:
                    self._ws.close(RESTARTING, "Glance is stopping.")
                return
            # asked once all is gathered: the mark that something was taken back is not given again
            if not still_holds():
                self._ws.close(REVOKED, why_over)
                return
            if not taken and not later:
                self._beat()
                # nothing else comes: the chart whose turn it is gets it
                if (chart := self._held.take_turn()) in self._mailbox.watched:
                    self._mailbox.mark({chart})
                continue
            later = taken | later if self._is_busy() else self._tell(taken | later)

    def _gather(self, taken: set[str]) -> set[str]:
        """What was taken, with what comes right after it."""
        time.sleep(GATHER_S if time.monotonic() - self._told_last < QUIET_S else AFTER_QUIET_S)
        return taken | (self._mailbox.take(0.0) or set())

    def _beat(self) -> None:
        """A sign of life, unless something was sent a moment ago."""
        if time.monotonic() - self._beat_at >= BEAT_S - 0.5:
            self._beat_at = time.monotonic()
            self._ws.send(BEAT)

    def _tell_of_broker(self) -> None:
        """Say when the broker has gone, and when it is back."""
        if time.monotonic() - self._asked_broker_at < BROKER_S or not self._ws.connected:
            return
        self._asked_broker_at = time.monotonic()
        broker = self._broker()
        away = broker is not None and not broker.connected
        if away != self._broker_away:
            self._broker_away = away
            self._ws.send(json.dumps({"beat": True, "broker": "away" if away else "here"}))

    def _read_shown(self) -> None:
        """What the page has shown since: `+`, or `?<id>` for a card that it wants whole, as it is another one than was thought."""
        while self._ws.connected and (said := self._ws.receive(timeout=0)) is not None:
            if isinstance(said, str) and said.startswith("?"):
                self._held.refused(said[1:])
                self._mailbox.mark({said[1:]} & self._mailbox.watched)
            else:
                self._under_way = max(0, self._under_way - 1)

    def _is_busy(self) -> bool:
        """Whether the page has yet to show what it was sent, or has had its share of the time."""
        return self._must_show() or time.monotonic() < self._rests_until

    def _must_show(self) -> bool:
        """Whether as much is under way to the page as may be."""
        return self._under_way >= UNDER_WAY and time.monotonic() - self._sent_at < SHOWN_WITHIN_S

    def _push(self, text: str) -> None:
        """Send a message that the page will say it has shown."""
        self._under_way = self._under_way + 1 if self._says_shown else 0
        self._sent_at = time.monotonic()
        self._ws.send(text)

    def _idle_s(self) -> float:
        """How long until there is something to do by itself: a sign of life, or a chart that has waited for its turn."""
        chart_s = self._held.next_turn_in_s()
        return BEAT_S if chart_s is None else min(BEAT_S, chart_s)

    def _wait_s(self, later: Collection[str]) -> float:
        """How long until the first of these cards may be sent again, or the page must have shown what it has."""
        if self._must_show():
            return max(0.0, self._sent_at + SHOWN_WITHIN_S - time.monotonic())
        return max(0.0, max(self._pace.first_free_at(later), self._rests_until) - time.monotonic())

    def _tell(self, changed: set[str]) -> set[str]:
        """Send what changed; returns the cards that were sent so shortly before that they have to wait."""
        if f"{PAGE}{self._slug}" in changed:
            self._look()
            return set()
        began = time.monotonic()
        later = self._pace.held_up(changed, began)
        due = changed - later
        if len(due) > AT_ONCE:
            due = set(sorted(due, key=self._pace.free_at)[:AT_ONCE])
            later |= changed - due
        if due:
            used_s = time.thread_time()
            told = self._send(self._known(due))
            ended = time.monotonic()
            self._pace.told(told, ended)
            self._told_last = ended
            # what else runs on the machine is no work of this page
            self._rests_until = ended + REST * self._runtime.hub.open_pages() * (time.thread_time() - used_s)
        return later

    def _first_words(self, still_holds: Callable[[], bool]) -> Any:
        """The page's first message; None where it says nothing for a while, or may stay no more."""
        latest = time.monotonic() + HELLO_S
        while (text := self._ws.receive(timeout=0)) is None and (left_s := latest - time.monotonic()) > 0:
            if self._mailbox.take(left_s) is None or not still_holds():
                return None
        return text

    def _hear(self, still_holds: Callable[[], bool]) -> None:
        """The page's first message: the version of its layout and of each card it holds."""
        text = self._first_words(still_holds)
        self._ws.max_message_size = LONGEST_WORD
        try:
            hello = json.loads(text) if text else {}
            self._page = str(hello.get("page", ""))
            self._says_shown = hello.get("says_shown") is True
            have = {str(key): str(value) for key, value in dict(hello.get("have", {})).items()}
            self._held = Held(have, takes_changes=hello.get("takes_changes") is True)
        except (ValueError, TypeError, AttributeError, RecursionError):
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
        self._runtime.series.freshen(widgets, self._runtime.clock())
        self._send(widgets)
        # The look was counted with the page: widgets with interval 0 are not asked twice for it.
        self._runtime.refresher.want(widgets, on_view=False)

    def _known(self, ids: Iterable[str]) -> list[Widget]:
        """These widgets; read anew only where any widget has changed since."""
        structure = self._runtime.db.structure
        if structure != self._structure:
            self._widgets, self._structure = {}, structure
        missing = [widget_id for widget_id in ids if widget_id not in self._widgets]
        if missing:
            self._widgets.update(self._runtime.widgets.many(missing))
        return [self._widgets[widget_id] for widget_id in ids if widget_id in self._widgets]

    def _send(self, widgets: Iterable[Widget]) -> set[str]:
        """What the page does not have yet: whole cards, then changes of live cards and newest points in one message; of which widgets."""
        news = self._held.news(self._store.now_of(list(widgets)))
        self._send_whole(news.whole)
        if news.tails or news.changes:
            self._push(json.dumps(news.small(), separators=(",", ":")))
        return {card.widget_id for card in news.whole} | news.changes.keys() | news.tails.keys()

    def _send_whole(self, cards: Iterable[Rendered]) -> None:
        """Cards as fragments for htmx, in messages of at most 32 KB (one card may be longer)."""
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
