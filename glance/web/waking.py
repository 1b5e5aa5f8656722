"""What comes over a socket before anybody listens: it wakes the thread that sends to a page; too much of it is not kept."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from simple_websocket import ConnectionClosed
from simple_websocket.ws import Server
from wsproto.utilities import LocalProtocolError

from glance.live import Mailbox

log = logging.getLogger(__name__)

# What nobody has listened to yet is kept in memory: a page says one short word for each message it was sent.
MOST_UNHEARD = 500
LONGEST_WORD = 256
# So many messages of a sender of readings wait here at most; the rest waits on its side.
MOST_WAITING = 200
ROOM_S = 1.0
# How a socket's sending thread learns that the other side is gone, or was told to go (1009) a moment ago by the reading thread.
LEFT = (ConnectionClosed, LocalProtocolError, OSError)


class Wake(threading.Event):
    """The event of a socket's reading thread; also tells `on_set`, so that a closed socket frees its sending thread at once."""

    on_set: Callable[[], None] | None = None

    def set(self) -> None:
        super().set()
        if self.on_set is not None:
            self.on_set()


def wake_by(ws: Server, mailbox: Mailbox) -> None:
    """Have each message of a page wake who waits at the mailbox, and its leaving close the mailbox."""

    def heard() -> None:
        if not ws.connected:
            mailbox.close()
        elif len(ws.input_buffer) > MOST_UNHEARD:
            log.debug("A page was cut off: it said more than %d things before they were listened to.", MOST_UNHEARD)
            # the reading thread takes it for a lost connection, and reads nothing more
            raise ConnectionAbortedError
        else:
            # not a mark without ids: that would be lost on who is about to wait
            mailbox.stir()

    ws.event.on_set = heard


def hold_back(ws: Server) -> Callable[[], None]:
    """Have a sender wait that is faster than its messages are worked off; call what is given after each of them."""
    room = threading.Event()

    def heard() -> None:
        # who has so much to say is there: the answer to a ping may be behind it all
        ws.pong_received = True
        while ws.connected and len(ws.input_buffer) > MOST_WAITING:
            room.clear()
            if len(ws.input_buffer) > MOST_WAITING:
                room.wait(ROOM_S)

    ws.event.on_set = heard
    return room.set
