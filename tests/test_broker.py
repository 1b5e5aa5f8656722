"""The embedded broker, by the eyes of real clients and of such that send nonsense."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.subscribeoptions import SubscribeOptions

from glance.broker import EmbeddedBroker
from glance.broker.packets import LARGEST, Malformed, matches, split
from tests.mosquitto import Publisher, end
from tests.waiting import PATIENCE_S, until

VERSIONS = [paho.MQTTv311, paho.MQTTv5]


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    found = EmbeddedBroker()
    found.start()
    yield found
    found.stop()


class Listener:
    """A client that remembers what it got."""

    def __init__(
        self, port: int, *filters: Any, name: str = "listener", version: int = paho.MQTTv5, will: str = ""
    ) -> None:
        self.heard: list[tuple[str, bytes, int, bool]] = []
        self.granted: list[Any] = []
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name, protocol=version)
        self.client.on_message = lambda _c, _d, m: self.heard.append((m.topic, bytes(m.payload), m.qos, m.retain))
        self.client.on_subscribe = lambda _c, _d, _m, reasons, _p: self.granted.extend(reasons)
        if will:
            self.client.will_set(will, "gone", qos=1, retain=True)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        if filters:
            until(self.client.is_connected)
            self.client.subscribe([each if isinstance(each, tuple) else (each, 1) for each in filters])
            until(lambda: self.granted)

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        end(self.client)


def five(name: str, qos: int = 1, **more: Any) -> tuple[str, SubscribeOptions]:
    return name, SubscribeOptions(qos=qos, **more)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_messages_reach_those_who_subscribed(broker: EmbeddedBroker, version: int, qos: int) -> None:
    topic = "home/+/t"
    with (
        Listener(broker.port, five(topic) if version == paho.MQTTv5 else topic, version=version) as listener,
        Publisher(broker.port, protocol=version) as publisher,
    ):
        publisher.send("home/kitchen/t", "21", qos=qos)
        publisher.send("home/kitchen/other", "x", qos=qos)
        publisher.send("home/attic/t", "x" * 70_000, qos=qos)
        publisher.wait()
        until(lambda: len(listener.heard) == 2)
        assert listener.heard[0] == ("home/kitchen/t", b"21", min(qos, 1), False)
        assert len(listener.heard[1][1]) == 70_000


def test_retained_messages_are_kept_replaced_and_taken_away(broker: EmbeddedBroker) -> None:
    with Publisher(broker.port) as publisher:
        for topic, payload in (("a", "1"), ("a", "2"), ("b", "1"), ("b", "")):
            publisher.send(topic, payload, retain=True)
        publisher.wait()
        with Listener(broker.port, five("#")) as listener:
            until(lambda: listener.heard)
            publisher.send("a", "3", retain=True)
            publisher.wait()
            until(lambda: len(listener.heard) == 2)
            assert listener.heard == [("a", b"2", 1, True), ("a", b"3", 1, False)]


def test_the_last_will_is_published_for_a_client_that_vanishes_and_not_after_a_goodbye(broker: EmbeddedBroker) -> None:
    with Listener(broker.port, five("will/#")) as listener:
        with Listener(broker.port, name="polite", will="will/polite") as polite:
            until(polite.client.is_connected)
        rude = Listener(broker.port, name="rude", will="will/rude")
        until(rude.client.is_connected)
        rude.client.loop_stop()
        rude.client.socket().shutdown(socket.SHUT_RDWR)
        until(lambda: listener.heard)
        rude.client.disconnect()
        assert listener.heard == [("will/rude", b"gone", 1, False)]


def test_a_second_client_of_the_same_name_takes_over(broker: EmbeddedBroker) -> None:
    ended: list[Any] = []
    first = Listener(broker.port, name="same")
    first.client.on_disconnect = lambda _c, _d, _f, reason, _p: ended.append(reason.value)
    until(first.client.is_connected)
    with Listener(broker.port, five("x"), name="same"):
        until(lambda: 0x8E in ended)
        end(first.client)


def test_what_a_client_sends_itself_is_not_sent_back_where_it_asks_so(broker: EmbeddedBroker) -> None:
    with Listener(broker.port, five("a", noLocal=True), five("b")) as listener:
        for topic in ("a", "b"):
            listener.client.publish(topic, "1", qos=1)
        until(lambda: listener.heard)
        assert [message[0] for message in listener.heard] == ["b"]


def test_a_shared_subscription_is_refused_rather_than_granted_and_left_empty(broker: EmbeddedBroker) -> None:
    with Listener(broker.port, five("$share/group/#"), five("a")) as listener:
        assert [reason.is_failure for reason in listener.granted] == [True, False]


def test_unsubscribing_ends_delivery(broker: EmbeddedBroker) -> None:
    with Listener(broker.port, five("a"), five("b")) as listener, Publisher(broker.port) as publisher:
        gone: list[int] = []
        listener.client.on_unsubscribe = lambda *_: gone.append(1)
        listener.client.unsubscribe("a")
        until(lambda: gone)
        publisher.send("a", "1")
        publisher.send("b", "1")
        publisher.wait()
        until(lambda: listener.heard)
        assert [message[0] for message in listener.heard] == ["b"]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\xff\xff\xff\xff\x01",
        b"\x10\x02\x00\x04",
        b"\x30\x05\x00\x01ahi",
        b"\x00" * 100,
        b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x40",
    ],
)
def test_nonsense_ends_only_its_own_connection(broker: EmbeddedBroker, nonsense: bytes) -> None:
    with socket.create_connection(("127.0.0.1", broker.port), timeout=PATIENCE_S) as sock:
        sock.sendall(nonsense)
        assert sock.recv(100) == b""
    with Publisher(broker.port) as publisher:
        publisher.send("a", "1")
        publisher.wait()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_message_that_is_too_large_ends_the_connection_and_the_limit_is_told(
    broker: EmbeddedBroker, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    limits: list[int | None] = []
    ends: list[int] = []
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="camera", protocol=version)
    client.on_connect = lambda _c, _d, _f, _r, told: limits.append(getattr(told, "MaximumPacketSize", None))
    client.on_disconnect = lambda _c, _d, _f, reason, _p: ends.append(reason.value)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    until(lambda: limits)
    assert limits[0] == (LARGEST if version == paho.MQTTv5 else None)
    client.publish("camera/jpeg", b"x" * (2 << 20))
    assert until(lambda: ends)
    client.loop_stop()
    assert until(lambda: "'camera' sent the embedded broker a message of 2048 kB" in caplog.text)
    assert "at most 1024 kB" in caplog.text
    with Listener(broker.port, five("#")) as listener, Publisher(broker.port) as publisher:
        publisher.send("a", "1")
        publisher.wait()
        assert until(lambda: listener.heard)


@pytest.mark.parametrize(("version", "code"), [(3, 1), (6, 0x84)])
def test_other_versions_are_refused_by_their_own_code(broker: EmbeddedBroker, version: int, code: int) -> None:
    with socket.create_connection(("127.0.0.1", broker.port), timeout=PATIENCE_S) as sock:
        sock.sendall(b"\x10\x0d\x00\x04MQTT" + bytes([version]) + b"\x02\x00\x3c\x00\x01a")
        assert sock.recv(100)[3] == code


@pytest.mark.parametrize(
    ("pattern", "topic", "fits"),
    [
        ("#", "a/b", True), ("#", "$SYS/x", False), ("+/b", "$SYS/b", False), ("$SYS/#", "$SYS/x", True),
        ("a/#", "a", True), ("a/#", "a/b/c", True), ("a/+", "a", False), ("a/+", "a/b/c", False),
        ("+/+", "a/b", True), ("/+", "/a", True), ("+", "/a", False), ("a", "A", False),
    ],
)  # fmt: skip
def test_filters_fit_as_the_standard_says(pattern: str, topic: str, fits: bool) -> None:
    assert matches(tuple(pattern.split("/")), topic.split("/")) is fits


def test_packets_are_taken_off_a_stream_whole() -> None:
    buffer = bytearray(b"\xc0\x00\x30\x80")
    assert split(buffer) == (0xC0, b"")
    assert split(buffer) is None
    buffer += b"\x01" + b"x" * 128 + b"\xe0"
    assert split(buffer) == (0x30, b"x" * 128)
    assert split(buffer) is None
    with pytest.raises(Malformed):
        split(bytearray(b"\x30\xff\xff\xff\x7f"))


def test_it_ends_with_open_connections_and_twice() -> None:
    broker = EmbeddedBroker()
    broker.start()
    listener = Listener(broker.port, five("#"))
    broker.stop()
    broker.stop()
    until(lambda: not listener.client.is_connected())
    listener.client.loop_stop()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", broker.port)) != 0
