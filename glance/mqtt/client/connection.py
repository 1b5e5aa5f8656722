"""One connection to the broker, from CONNECT to its end; used by one thread.

paho's own loop waits with select(), which fails for descriptors above 1023, of which a server with many open sockets has plenty; so
the waiting is done here with poll().
"""

from __future__ import annotations

import logging
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from glance.mqtt.address import Address
from glance.mqtt.client import peer
from glance.mqtt.client.peer import REFRESH, STATUS, V5
from glance.mqtt.client.state import Receiver, Traffic
from glance.mqtt.client.wake import Wake

log = logging.getLogger(__name__)

KEEPALIVE_S = 15
GOODBYE_S = 0.5
BURST, BURSTS = 256, 16
OWN = (STATUS, REFRESH.rstrip("/"))
QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


@dataclass(frozen=True, slots=True)
class Party:
    """What stays the same from connection to connection: where to, as whom, what for, and who hears it.

    `unwanted` are topics that the broker's session may still hold from an earlier start.
    """

    address: Address
    client_id: str
    topics: tuple[str, ...]
    receiver: Receiver
    on_refresh: Callable[[str], object]
    traffic: Traffic
    clock: Callable[[], float]
    unwanted: tuple[str, ...] = ()


class Connection:
    """`accepted`, `refusal` (code, name) and `ended` say how it stands; `denied` are topics that may not be subscribed to. `worked`
    = the broker granted a subscription: it was no half of a connection.

    `number` tells connections apart: acknowledgements of an earlier one mean nothing here.
    """

    def __init__(self, party: Party, protocol: str, number: int) -> None:
        self._party = party
        self._protocol = protocol
        self._more = False
        self.number = number
        self.accepted = False
        self.refusal: tuple[int, str] | None = None
        self.ended = False
        self.worked = False
        self.end_code: int | None = None
        self.denied: tuple[str, ...] = ()
        self._client, self._reader = peer.make(party.address, party.client_id, protocol)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def open(self) -> None:
        """Connect the socket and send CONNECT; OSError or ValueError where that fails."""
        address = self._party.address
        self._client.connect(address.host, address.port, KEEPALIVE_S, **peer.session(self._protocol))

    @property
    def is_answered(self) -> bool:
        """The broker said yes or no, or hung up."""
        return self.accepted or self.refusal is not None or self.ended

    def turn(self, wake: Wake, timeout_s: float, acks: deque[tuple[int, int]], *, reading: bool) -> None:
        """Wait for the socket or the wake, then read, acknowledge and write what there is."""
        client = self._client
        sock = client.socket()
        if sock is None:
            self.ended = True
            return
        poll = select.poll()
        poll.register(sock, (select.POLLIN if reading else 0) | (select.POLLOUT if client.want_write() else 0))
        poll.register(wake.fd, select.POLLIN)
        readable = self._more
        for fd, what in poll.poll(0 if self._more else timeout_s * 1000):
            if fd == wake.fd:
                wake.drain()
            else:
                readable = readable or bool(what & (select.POLLIN | select.POLLHUP | select.POLLERR))
        if readable and reading:
            self._read(acks)
        elif reading:
            self._party.receiver.settle()
        self._write(acks)
        client.loop_misc()
        self.ended = self.ended or client.socket() is None

    def subscribe(self) -> None:
        """Ask for the topics; the broker sends what it keeps of them, also where they are subscribed to already."""
        self._client.subscribe(peer.subscriptions(self._party.topics, self._protocol))

    def goodbye(self, acks: deque[tuple[int, int]]) -> None:
        """Send the last acknowledgements, say offline, and disconnect; the session is kept."""
        client = self._client
        self._queue_acks(acks)
        client.publish(STATUS, "offline", qos=0, retain=True)
        client.disconnect()
        deadline = time.monotonic() + GOODBYE_S
        while client.socket() is not None and client.want_write() and time.monotonic() < deadline:
            client.loop_write()

    def drop(self) -> None:
        """Close what is left of it, without a goodbye: the broker publishes the last will and keeps the session."""
        sock = self._client.socket()
        if sock is not None:
            self._client.on_disconnect = None
            sock.close()

    def _read(self, acks: deque[tuple[int, int]]) -> None:
        """Take messages in bursts; `_more` says that some are left for the next turn, so that a flood cannot starve the rest."""
        client, reader = self._client, self._reader
        if QUICKACK is not None:
            # without it the broker's next small packet may wait 40 ms for our acknowledgement of the last one
            client.socket().setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)
        self._more = True
        for _ in range(BURSTS):
            for _ in range(BURST):
                if client.loop_read() != 0 or reader.is_dry or client.socket() is None:
                    self._more = False
                    break
            self._party.receiver.settle()
            if not self._more:
                break
            self._write(acks)
        reader.is_dry = False

    def _write(self, acks: deque[tuple[int, int]]) -> None:
        self._queue_acks(acks)
        if self._client.want_write():
            self._client.loop_write()

    def _queue_acks(self, acks: deque[tuple[int, int]]) -> None:
        while acks:
            number, mid = acks.popleft()
            if number == self.number:
                self._client.ack(mid, 1)

    # What paho calls; none of these may raise

    def _on_connect(self, client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self.refusal = (reason.value, str(reason))
            return
        self.accepted = True
        self._party.receiver.connected(self.number, bool(flags.session_present), self._protocol != V5)
        if flags.session_present and self._party.unwanted:
            client.unsubscribe(list(self._party.unwanted))
        self.subscribe()
        client.publish(STATUS, "online", qos=0, retain=True)

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        each = zip(self._party.topics, reasons, strict=False)
        self.denied = tuple(topic for topic, reason in each if reason.is_failure)
        self.worked = self.worked or len(self.denied) < len(self._party.topics)

    def _on_disconnect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        self.ended = True
        if flags.is_disconnect_packet_from_server:
            self.end_code = reason.value

    def _on_message(self, client: Any, _data: Any, message: Any) -> None:
        try:
            self._party.traffic.hit(self._party.clock())
            topic = message.topic
            if topic in OWN or topic.startswith(REFRESH):
                self._take_own(client, topic, message)
                return
            self._party.receiver.message(
                topic,
                bytes(message.payload),
                bool(message.retain),
                message.qos,
                message.mid,
                message.dup,
                self.number,
            )
        except Exception:
            self._party.traffic.faults += 1
            if message.qos:
                # unacknowledged it would come again for ever
                client.ack(message.mid, 1)
            if self._party.traffic.faults == 1:
                log.exception("A message could not be handled.")

    def _take_own(self, client: Any, topic: str, message: Any) -> None:
        """Glance's own topics: its status, which the broker may hand back, and refreshes that are asked for."""
        if message.qos:
            client.ack(message.mid, 1)
        if topic.startswith(REFRESH) and not message.retain:
            self._party.on_refresh(topic.removeprefix(REFRESH))
