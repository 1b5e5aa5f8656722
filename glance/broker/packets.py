"""MQTT packets, 3.1.1 and 5, as far as a small broker needs them: reading what clients send, making what they get.

Sections are those of OASIS MQTT 5.0; 3.1.1 is the same without properties.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14
V311, V5 = 4, 5
LARGEST = 1 << 20
ASSIGNED_CLIENT_ID, MAXIMUM_PACKET_SIZE = 0x12, 0x27
TAKEN_OVER, SHUTTING_DOWN, TOO_LARGE = 0x8E, 0x8B, 0x95
SHARED = "$share"


class Malformed(Exception):
    """A packet that no client should send; the connection ends."""


class TooLarge(Malformed):
    """A packet of more than LARGEST bytes; `size` is how many."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


@dataclass(frozen=True, slots=True)
class Publish:
    """A message on its way."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True, slots=True)
class Connect:
    """What a client says first."""

    version: int
    client_id: str
    keepalive_s: int
    will: Publish | None


@dataclass(frozen=True, slots=True)
class Subscription:
    """One filter, split into levels, and how to deliver."""

    levels: tuple[str, ...]
    qos: int
    no_local: bool
    wants_retained: bool


class Cursor:
    """Reads the fields of a packet one after the other; Malformed where it ends too soon."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    @property
    def is_over(self) -> bool:
        """Nothing is left."""
        return self.at >= len(self._data)

    def take(self, count: int) -> bytes:
        """The next bytes."""
        end = self.at + count
        if end > len(self._data):
            raise Malformed
        found, self.at = self._data[self.at : end], end
        return found

    def byte(self) -> int:
        """One byte."""
        return self.take(1)[0]

    def short(self) -> int:
        """Two bytes, the higher first."""
        return int.from_bytes(self.take(2), "big")

    def binary(self) -> bytes:
        """Bytes with their length before them."""
        return self.take(self.short())

    def text(self) -> str:
        """UTF-8 with its length before it."""
        try:
            return self.binary().decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed from None

    def skip_properties(self, version: int) -> None:
        """MQTT 5 puts properties into nearly everything; none of them matters here."""
        if version == V5:
            size, shift = 0, 0
            while True:
                byte = self.byte()
                size |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
                if shift > 21:
                    raise Malformed
            self.take(size)

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data) - self.at)


def split(buffer: bytearray) -> tuple[int, bytes] | None:
    """Take the first whole packet off the buffer as (first byte, body); None where it is not complete yet."""
    size, at = 0, 1
    while True:
        if at >= len(buffer):
            return None
        byte = buffer[at]
        size |= (byte & 127) << (7 * (at - 1))
        at += 1
        if byte < 128:
            break
        if at > 4:
            raise Malformed
    if size > LARGEST:
        raise TooLarge(size)
    if len(buffer) < at + size:
        return None
    first, body = buffer[0], bytes(buffer[at : at + size])
    del buffer[: at + size]
    return first, body


def read_connect(body: bytes) -> Connect:
    """Section 3.1. A version that is not spoken here is told by `version`, the rest is empty then."""
    cursor = Cursor(body)
    if cursor.text() != "MQTT":
        return Connect(3, "", 0, None)
    version, flags, keepalive_s = cursor.byte(), cursor.byte(), cursor.short()
    if version not in (V311, V5):
        return Connect(version, "", 0, None)
    cursor.skip_properties(version)
    client_id, will = cursor.text(), None
    if flags & 4:
        cursor.skip_properties(version)
        topic = cursor.text()
        will = Publish(topic, cursor.binary(), min(flags >> 3 & 3, 1), bool(flags & 32))
    return Connect(version, client_id, keepalive_s, will)


def read_publish(first: int, body: bytes, version: int) -> tuple[Publish, int]:
    """Section 3.3: the message and its id (0 with QoS 0)."""
    cursor, qos = Cursor(body), first >> 1 & 3
    topic = cursor.text()
    if qos == 3 or not topic or "#" in topic or "+" in topic:
        raise Malformed
    mid = cursor.short() if qos else 0
    cursor.skip_properties(version)
    return Publish(topic, cursor.rest(), qos, bool(first & 1)), mid


def read_subscribe(body: bytes, version: int) -> tuple[int, list[Subscription | None]]:
    """Section 3.8: the message id and the filters; None for one that is no filter."""
    cursor = Cursor(body)
    mid = cursor.short()
    cursor.skip_properties(version)
    found: list[Subscription | None] = []
    while not cursor.is_over:
        levels, options = tuple(cursor.text().split("/")), cursor.byte()
        modern = options if version == V5 else 0
        good = all("#" not in level or (level == "#" and at == len(levels) - 1) for at, level in enumerate(levels))
        good = good and all("+" not in level or level == "+" for level in levels)
        # section 4.8.2: what is shared between clients would have to be taken in turns, which this broker does not do
        good = good and not (version == V5 and levels[0] == SHARED)
        found.append(
            Subscription(levels, min(options & 3, 1), bool(modern & 4), modern >> 4 & 3 != 2) if good else None
        )
    return mid, found


def read_unsubscribe(body: bytes, version: int) -> tuple[int, list[tuple[str, ...]]]:
    """Section 3.10."""
    cursor = Cursor(body)
    mid = cursor.short()
    cursor.skip_properties(version)
    found = []
    while not cursor.is_over:
        found.append(tuple(cursor.text().split("/")))
    return mid, found


def matches(levels: tuple[str, ...], topic: list[str]) -> bool:
    """Does a filter, split into levels, fit a topic? Section 4.7."""
    if topic[0].startswith("$") and levels[0] in ("#", "+"):
        return False
    for at, level in enumerate(levels):
        if level == "#":
            return True
        if at >= len(topic) or level not in ("+", topic[at]):
            return False
    return len(levels) == len(topic)


def packet(kind: int, body: bytes = b"", flags: int = 0) -> bytes:
    """Any packet: kind, flags, length, body."""
    size, head = len(body), bytearray([kind << 4 | flags])
    while True:
        size, low = divmod(size, 128)
        head.append(low | (128 if size else 0))
        if not size:
            return bytes(head) + body


def connack(version: int, code: int, assigned: str = "") -> bytes:
    """Section 3.2; `assigned` is the client id that the broker chose. MQTT 5 clients are told how large a packet may be."""
    properties = b""
    if version == V5:
        name = assigned.encode()
        inside = bytes([MAXIMUM_PACKET_SIZE]) + struct.pack("!I", LARGEST) if not code else b""
        inside += bytes([ASSIGNED_CLIENT_ID]) + struct.pack("!H", len(name)) + name if name else b""
        properties = bytes([len(inside)]) + inside
    return packet(CONNACK, bytes([0, code]) + properties)


def publish(message: Publish, mid: int, version: int, qos: int, retain: bool) -> bytes:
    """Section 3.3, as a subscriber gets it."""
    topic = message.topic.encode()
    head = struct.pack("!H", len(topic)) + topic + (struct.pack("!H", mid) if qos else b"")
    return packet(PUBLISH, head + (b"\0" if version == V5 else b"") + message.payload, qos << 1 | int(retain))


def answer(kind: int, mid: int, flags: int = 0) -> bytes:
    """PUBACK, PUBREC, PUBREL, PUBCOMP: a message id and, left out, success."""
    return packet(kind, struct.pack("!H", mid), flags)


def suback(mid: int, version: int, codes: list[int], kind: int = SUBACK) -> bytes:
    """Sections 3.9 and 3.11; UNSUBACK of 3.1.1 has no codes."""
    return packet(kind, struct.pack("!H", mid) + (b"\0" if version == V5 else b"") + bytes(codes))
