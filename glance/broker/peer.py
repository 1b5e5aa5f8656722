"""One client of the embedded broker."""

from __future__ import annotations

import asyncio
import logging
import secrets

from glance.broker import packets
from glance.broker.exchange import Exchange
from glance.broker.packets import V5, Malformed, Publish, Subscription, TooLarge

log = logging.getLogger(__name__)

# A client that does not read what it subscribed to is let go before it fills memory.
MOST_UNSENT = 8 << 20
FIRST_PACKET_S = 10.0
LONGEST_NAME = 64
# CONNACK to a version that is not spoken: MQTT 5 and what may follow, and 3.1
UNSUPPORTED, UNACCEPTABLE = 0x84, 1


class Peer(asyncio.Protocol):
    """Lives as long as its connection."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._will: Publish | None = None
        self._next_mid = 0
        self._received: set[int] = set()
        self._alive_for_s = FIRST_PACKET_S
        self._timer: asyncio.TimerHandle | None = None
        self.client_id = ""
        self.version = 0
        self.subscriptions: dict[tuple[str, ...], Subscription] = {}

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection; nothing is known of it yet."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=MOST_UNSENT)
        self._wind()

    def data_received(self, data: bytes) -> None:
        """Take whole packets off what came."""
        self._buffer += data
        try:
            if not self.version and self._buffer[0] >> 4 != packets.CONNECT:
                raise Malformed
            while self._transport is not None and (found := packets.split(self._buffer)) is not None:
                self._take(*found)
        except TooLarge as error:
            log.warning(
                "The client %s sent the embedded broker a message of %d kB and is disconnected: it takes at most %d kB.",
                repr(self.client_id[:LONGEST_NAME]),
                error.size // 1024,
                packets.LARGEST // 1024,
            )
            self.end(packets.TOO_LARGE)
        except Malformed:
            log.debug("A client sent what is not MQTT.")
            self.close()
        self._wind()

    def connection_lost(self, exc: Exception | None) -> None:
        """Without a goodbye its last will is published."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._exchange.left(self)
        will, self._will = self._will, None
        if will is not None:
            self._exchange.publish(will, None)

    # What clients send

    def _take(self, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == packets.CONNECT and not self.version:
            self._connect(body)
        elif not self.version:
            raise Malformed
        elif kind == packets.PUBLISH:
            self._publish(first, body)
        elif kind == packets.PUBREL:
            mid = packets.Cursor(body).short()
            self._received.discard(mid)
            self.send(packets.answer(packets.PUBCOMP, mid))
        elif kind == packets.SUBSCRIBE:
            self._subscribe(body)
        elif kind == packets.UNSUBSCRIBE:
            mid, gone = packets.read_unsubscribe(body, self.version)
            for levels in gone:
                self.subscriptions.pop(levels, None)
            self._exchange.subscriptions_changed()
            self.send(
                packets.suback(mid, self.version, [0] * len(gone) if self.version == V5 else [], packets.UNSUBACK)
            )
        elif kind == packets.PINGREQ:
            self.send(packets.packet(packets.PINGRESP))
        elif kind == packets.DISCONNECT:
            if body[:1] in (b"", b"\0"):
                self._will = None
            self.close()
        elif kind != packets.PUBACK:
            raise Malformed

    def _connect(self, body: bytes) -> None:
        asked = packets.read_connect(body)
        if asked.version not in (packets.V311, V5):
            self.send(packets.connack(asked.version, UNSUPPORTED if asked.version > V5 else UNACCEPTABLE))
            self.close()
            return
        self.version, self._will = asked.version, asked.will
        assigned = "" if asked.client_id else f"auto-{secrets.token_hex(6)}"
        self.client_id = asked.client_id or assigned
        self._alive_for_s = asked.keepalive_s * 1.5
        self._exchange.joined(self)
        self.send(packets.connack(self.version, 0, assigned))

    def _publish(self, first: int, body: bytes) -> None:
        message, mid = packets.read_publish(first, body, self.version)
        if message.qos == 2:
            self.send(packets.answer(packets.PUBREC, mid))
            if mid in self._received:
                return
            self._received.add(mid)
        self._exchange.publish(message, self)
        if message.qos == 1:
            self.send(packets.answer(packets.PUBACK, mid))

    def _subscribe(self, body: bytes) -> None:
        mid, wanted = packets.read_subscribe(body, self.version)
        for each in wanted:
            if each is not None:
                self.subscriptions[each.levels] = each
        self._exchange.subscriptions_changed()
        self.send(packets.suback(mid, self.version, [0x80 if each is None else each.qos for each in wanted]))
        for each in wanted:
            if each is not None and each.wants_retained:
                for message in self._exchange.retained_for(each.levels):
                    self.deliver(message, each.qos, retain=True)

    # What they get

    def deliver(self, message: Publish, qos: int, retain: bool = False) -> None:
        """Send a message; QoS 1 is sent once, this broker keeps no sessions."""
        qos = min(qos, message.qos)
        if qos:
            self._next_mid = self._next_mid % 65535 + 1
        self.send(packets.publish(message, self._next_mid, self.version, qos, retain))

    def send(self, data: bytes) -> None:
        """Write, or let go of a client that does not read."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() > MOST_UNSENT:
            log.warning("A client of the embedded broker does not read; it is let go.")
            self._transport.abort()
            self._transport = None
            return
        self._transport.write(data)

    def end(self, code: int) -> None:
        """Say why (MQTT 5) and close."""
        if self.version == V5:
            self.send(packets.packet(packets.DISCONNECT, bytes([code])))
        self.close()

    def close(self) -> None:
        """Close once everything is written."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _wind(self) -> None:
        """Silence of one and a half keepalives ends the connection."""
        if self._timer is not None:
            self._timer.cancel()
        if self._alive_for_s and self._transport is not None:
            self._timer = asyncio.get_running_loop().call_later(self._alive_for_s, self.close)
