"""paho, made to measure: large reads, sockets of our own, everything sent from the loop of one thread."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from glance.mqtt.address import Address

V5, V311 = "5", "3.1.1"
STATUS, REFRESH = "glance/status", "glance/refresh/"
CONNECT_S = 5.0
SESSION_S = 7 * 86400
MAX_PACKET = 4 * 1024 * 1024
READ_BYTES = 65536


class Reader:
    """Reads the socket in large pieces for paho, which asks for a byte or two at a time. `is_dry` = there is no more for now."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self.clear()

    def clear(self) -> None:
        """Another connection: nothing is left of the last one."""
        self._data, self._at, self.is_dry = b"", 0, False

    def __call__(self, size: int) -> bytes:
        if self._at >= len(self._data):
            self.is_dry = True
            self._data, self._at = self._receive(READ_BYTES), 0
            self.is_dry = False
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece


def make(address: Address, client_id: str, protocol: str) -> tuple[Any, Reader]:
    """A paho client for a protocol version, and what it reads through; callbacks are the caller's."""
    # 9 MB and 25 ms that a Glance without a broker does not need
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    client: Any = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if protocol == V5 else False,
        protocol=paho.MQTTv5 if protocol == V5 else paho.MQTTv311,
        manual_ack=True,
        reconnect_on_failure=False,
    )
    if address.user is not None:
        client.username_pw_set(address.user, address.password)
    client.will_set(STATUS, "offline", qos=1, retain=True)
    # paho leaves a socket open whose handshake failed
    client._create_socket = lambda: open_socket(address)
    # makes paho queue what is sent, so that it leaves from this thread's loop
    client.on_socket_register_write = _nothing
    reader = Reader(client._sock_recv)
    client._sock_recv = reader
    return client, reader


def session(protocol: str) -> dict[str, Any]:
    """What CONNECT asks for besides: MQTT 5 keeps the session for some days and sends without waiting for each answer."""
    if protocol != V5:
        return {}
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = SESSION_S
    properties.ReceiveMaximum = 65535
    properties.MaximumPacketSize = MAX_PACKET
    return {"clean_start": False, "properties": properties}


def without_covered(topics: Sequence[str]) -> tuple[str, ...]:
    """The filters but for those that another one with # holds already: a broker may send what fits two filters twice."""
    return tuple(
        topic
        for at, topic in enumerate(topics)
        if topic not in topics[:at] and not any(_covers(other, topic) for other in topics if other != topic)
    )


def _covers(wide: str, narrow: str) -> bool:
    """Does all that fits `narrow` fit `wide`, which ends in #? Topics with $ are not among those of a leading wildcard."""
    *head, last = wide.split("/")
    levels = narrow.split("/")
    if last != "#" or len(levels) < len(head) or (narrow.startswith("$") and not wide.startswith("$")):
        return False
    return all(own == other or (own == "+" and other != "#") for own, other in zip(head, levels, strict=False))


def subscriptions(topics: Sequence[str], protocol: str) -> list[tuple[str, Any]]:
    """What SUBSCRIBE asks for: QoS 1, and with MQTT 5 not what this client itself publishes; requests for a refresh always."""
    from paho.mqtt.client import topic_matches_sub
    from paho.mqtt.subscribeoptions import SubscribeOptions

    covered = any(topic_matches_sub(topic, f"{REFRESH}id") for topic in topics)
    wanted = topics if covered else [*topics, f"{REFRESH}+"]
    return [(topic, 1 if protocol != V5 else SubscribeOptions(qos=1, noLocal=True)) for topic in wanted]


def open_socket(address: Address) -> socket.socket:
    """A connected socket, with TLS where the address wants it."""
    sock = socket.create_connection((address.host, address.port), timeout=CONNECT_S)
    try:
        # small packets leave at once; waiting to fill them costs up to 40 ms each way
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _tls(address).wrap_socket(sock, server_hostname=address.host) if address.tls else sock
    except BaseException:
        sock.close()
        raise


def _tls(address: Address) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(address.ca) if address.ca else None)
    if not address.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _nothing(*_: Any) -> None:
    """Sending is done by the loop."""
