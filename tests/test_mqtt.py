"""The connection to a real Mosquitto: getting in, staying in, losing nothing, and saying what is wrong."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from glance.config import Settings
from glance.errors import SettingError
from glance.mqtt.address import Address, parse
from glance.mqtt.asking import RefreshRequests
from glance.mqtt.client import BACKOFF_S, PEACE_S, SOON_S, MqttClient
from glance.mqtt.client.peer import without_covered
from glance.mqtt.client.state import Traffic
from glance.mqtt.faults import TAKEN_OVER, of_error
from glance.runtime import Runtime
from tests.ingest_parts import Site
from tests.mosquitto import Mosquitto, Publisher, end, free_port
from tests.waiting import PATIENCE_S, at_most, until

PERSISTENT = ("allow_anonymous true", "persistence true", "max_queued_messages 0")


@dataclass
class Heard:
    """Takes messages and acknowledges nothing by itself."""

    messages: list[tuple[Any, ...]] = field(default_factory=list)
    sessions: list[tuple[int, bool, bool]] = field(default_factory=list)
    fails: bool = False

    def connected(self, connection: int, session_present: bool, few: bool) -> None:
        self.sessions.append((connection, session_present, few))

    def message(
        self, topic: str, payload: bytes, retained: bool, qos: int, mid: int, again: bool, connection: int
    ) -> None:
        if self.fails:
            raise RuntimeError("this receiver fails")
        self.messages.append((topic, payload, retained, qos, mid, again, connection))

    def settle(self) -> None:
        return None


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker", *PERSISTENT, f"persistence_location {tmp_path}/broker/") as found:
        yield found


class Connected:
    """A client of a broker, with who hears it."""

    def __init__(
        self, url: str, topics: tuple[str, ...] = ("#",), *, former: tuple[str, ...] = (), start: bool = True
    ) -> None:
        self.heard = Heard()
        self.asked: list[str] = []
        self.client = MqttClient(parse(url), topics, "glance-test", self.heard, self.asked.append, former=former)
        if start:
            self.client.start()
            until(lambda: self.client.state.connected)

    def __enter__(self) -> Connected:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.stop()


def test_it_connects_with_mqtt_5_and_hears_what_is_published(broker: Mosquitto) -> None:
    with Connected(broker.url) as it, Publisher(broker.port) as publisher:
        publisher.send("a/b", "21.5")
        publisher.wait()
        until(lambda: it.heard.messages)
        topic, payload, retained, qos, _, again, connection = it.heard.messages[0]
        assert (topic, payload, retained, qos, again, connection) == ("a/b", b"21.5", False, 1, False, 1)
        state = it.client.state
        assert (state.protocol, state.per_minute, state.sentence) == ("5", 1, None)
        assert state.address == f"127.0.0.1:{broker.port}"
        assert it.heard.sessions == [(1, False, False)]


def test_it_falls_back_to_mqtt_311_where_5_is_refused() -> None:
    with OldBroker() as old, Connected(f"mqtt://127.0.0.1:{old.port}") as it:
        assert it.client.state.protocol == "3.1.1"
        assert [session[1:] for session in it.heard.sessions] == [(False, True)]
        assert old.versions == [5, 4]


def test_unacknowledged_messages_come_again_after_a_reconnect_and_acknowledged_ones_do_not(broker: Mosquitto) -> None:
    with Connected(broker.url) as it, Publisher(broker.port) as publisher:
        for number in range(4):
            publisher.send("a", str(number))
        publisher.wait()
        until(lambda: len(it.heard.messages) == 4)
        it.client.acknowledge([(1, it.heard.messages[0][4]), (1, it.heard.messages[2][4])])
        it.client.acknowledge([(0, it.heard.messages[1][4])])
        until(lambda: not it.client._acks)
        it.client.redeliver()
        until(lambda: len(it.heard.messages) == 6)
        assert it.heard.sessions[-1] == (2, True, False), "the session was kept"
        assert [(message[1], message[5]) for message in it.heard.messages[4:]] == [(b"1", True), (b"3", True)]


def test_it_hears_more_than_twenty_unacknowledged_messages_with_mqtt_5_and_a_stock_broker(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "stock") as stock, Connected(stock.url) as it, Publisher(stock.port) as publisher:
        for number in range(500):
            publisher.send("a", str(number))
        publisher.wait()
        assert until(lambda: len(it.heard.messages) == 500)


def test_it_works_with_more_than_a_thousand_open_files(broker: Mosquitto) -> None:
    """Where select() fails: a server with many open pages."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2000 if hard == resource.RLIM_INFINITY else min(2000, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    files: list[int] = []
    try:
        with Publisher(broker.port) as publisher:
            files += [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
            it = Connected(broker.url)
            assert it.client._wake.fd > 1023
            publisher.send("a", "1")
            publisher.wait()
            assert until(lambda: it.heard.messages)
            it.client.stop()
    finally:
        for fd in files:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_retained_messages_are_told_as_such(broker: Mosquitto) -> None:
    with Publisher(broker.port) as publisher:
        publisher.send("a", "1", retain=True)
        publisher.wait()
        with Connected(broker.url) as it:
            until(lambda: it.heard.messages)
            assert it.heard.messages[0][2] is True


def test_only_the_wanted_topics_are_heard(broker: Mosquitto) -> None:
    with Connected(broker.url, ("home/#", "x")) as it, Publisher(broker.port) as publisher:
        for topic in ("other", "home/a", "x", "home/b"):
            publisher.send(topic, "1")
        publisher.wait()
        until(lambda: len(it.heard.messages) == 3)
        assert [message[0] for message in it.heard.messages] == ["home/a", "x", "home/b"]


def test_it_says_online_and_offline_on_its_status_topic(broker: Mosquitto) -> None:
    said: list[tuple[bytes, bool]] = []
    listener = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="listener")
    listener.on_message = lambda _c, _d, message: said.append((bytes(message.payload), message.retain))
    listener.connect("127.0.0.1", broker.port)
    listener.subscribe("glance/status")
    listener.loop_start()
    it = Connected(broker.url)
    until(lambda: said == [(b"online", False)])
    it.client.stop()
    until(lambda: said == [(b"online", False), (b"offline", False)])
    end(listener)
    assert it.client.state.status == "stopped"


def test_the_broker_says_offline_for_it_when_it_dies(broker: Mosquitto) -> None:
    said: list[bytes] = []
    listener = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="listener")
    listener.on_message = lambda _c, _d, message: said.append(bytes(message.payload))
    listener.connect("127.0.0.1", broker.port)
    listener.subscribe("glance/status")
    listener.loop_start()
    with Connected(broker.url) as it:
        until(lambda: said == [b"online"])
        it.client.redeliver()
        assert until(lambda: said == [b"online", b"offline", b"online"]), "a connection that broke off, and the next"
    end(listener)


def test_it_waits_for_a_broker_and_connects_once_there_is_one(tmp_path: Path) -> None:
    port = free_port()
    with Connected(f"mqtt://127.0.0.1:{port}", start=False) as it:
        it.client.start()
        until(lambda: it.client.state.sentence)
        state = it.client.state
        assert state.status == "waiting"
        assert (
            state.sentence == f"Nothing listens at 127.0.0.1:{port}: check GLANCE_MQTT_URL, and that the broker runs."
        )
        with Mosquitto(tmp_path / "late", port=port):
            assert until(lambda: it.client.state.connected)
            assert it.client.state.sentence is None


def test_it_connects_again_by_itself_after_the_broker_was_killed(broker: Mosquitto) -> None:
    with Connected(broker.url) as it:
        broker.stop(kill=True)
        until(lambda: not it.client.state.connected)
        until(lambda: it.client.state.sentence)
        broker.start()
        assert until(lambda: it.client.state.connected)
        with Publisher(broker.port) as publisher:
            publisher.send("a", "1")
            publisher.wait()
            assert until(lambda: it.heard.messages)


def test_after_a_connection_that_worked_the_next_tries_come_soon_however_short_it_was(broker: Mosquitto) -> None:
    with Connected(broker.url) as it:
        waits: list[float] = []
        sleep = it.client._stop.wait
        it.client._stop.wait = lambda pause_s=None: waits.append(pause_s) or sleep(pause_s)  # type: ignore[assignment,func-returns-value]
        for turn in range(3):
            until(lambda turn=turn: len(it.heard.sessions) > turn and it.client.state.connected)  # type: ignore[misc]
            # the subscription is granted: what is published comes
            with Publisher(broker.port) as publisher:
                publisher.send("a", str(turn))
                publisher.wait()
            until(lambda turn=turn: str(turn).encode() in [each[1] for each in it.heard.messages])  # type: ignore[misc]
            broker.stop(kill=True)
            until(lambda: not it.client.state.connected)
            broker.start()
        until(lambda: it.client.state.connected)
        assert max(waits) <= SOON_S
        assert waits[0] == BACKOFF_S[0]


def test_a_session_that_another_takes_is_fought_for_less_and_less(broker: Mosquitto) -> None:
    with Connected(broker.url) as it:
        it.client._worked_at = time.monotonic()
        assert it.client._pause_s(7) == SOON_S
        it.client._unwelcome = True
        assert it.client._pause_s(7) == BACKOFF_S[-1]


@pytest.mark.parametrize("code", [TAKEN_OVER, None])
def test_two_that_want_one_session_wait_longer_and_longer_and_stay_with_that(code: int | None) -> None:
    pair = [MqttClient(parse("mqtt://127.0.0.1"), ("#",), "twin", Heard(), str) for _ in range(2)]
    pauses = [BACKOFF_S[0]]
    for turn in range(60):
        client = pair[turn % 2]
        client._worked_at = time.monotonic()
        # who came lasted as long as the other one waited
        client._judge(True, code, pauses[-1])
        pauses.append(client._pause_s(client._short))
    assert pauses == sorted(pauses)
    assert pauses[-1] == BACKOFF_S[-1]
    for client in pair:
        client._judge(True, None, PEACE_S)
        client._worked_at = time.monotonic()
        assert client._pause_s(client._short) == BACKOFF_S[0]
        client.stop()


def test_a_broker_that_never_answers_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.mqtt.client.ANSWER_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with Connected(f"mqtt://127.0.0.1:{port}", start=False) as it:
            it.client.start()
            assert until(lambda: it.client.state.sentence == f"The broker at 127.0.0.1:{port} did not answer in time.")


def test_a_wrong_password_is_told(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "anna", "right"], check=True, capture_output=True)
    with Mosquitto(tmp_path / "b", "allow_anonymous false", f"password_file {passwords}") as broker:
        at = f"127.0.0.1:{broker.port}"
        for url, sentence in (
            (f"mqtt://anna:wrong@{at}", f"The broker at {at} refused the user or the password in GLANCE_MQTT_URL."),
            (
                f"mqtt://{at}",
                f"The broker at {at} wants a user and password: set them in GLANCE_MQTT_URL (mqtt://user:password@host).",
            ),
        ):
            with Connected(url, start=False) as it:
                it.client.start()
                until(lambda it=it: it.client.state.sentence)
                assert it.client.state.sentence == sentence
        with Connected(f"mqtt://anna:right@{at}") as it:
            assert it.client.state.connected


def test_a_subscription_that_is_not_allowed_is_told() -> None:
    with StrictBroker() as strict, Connected(f"mqtt://127.0.0.1:{strict.port}", ("a/#", "b"), start=False) as it:
        it.client.start()
        until(lambda: it.client.state.sentence)
        assert it.client.state.connected
        assert it.client.state.sentence == (
            f"The broker at 127.0.0.1:{strict.port} does not allow subscribing to b: "
            "change its access list, or GLANCE_MQTT_TOPICS."
        )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, cert


def test_tls_works_with_the_issuer_named_and_mismatches_are_told(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    key, cert = certificate
    tls = (f"certfile {cert}", f"keyfile {key}")
    with Mosquitto(tmp_path / "b", listener=tls) as broker:
        at = f"127.0.0.1:{broker.port}"
        trusted = ssl.create_default_context(cafile=str(cert))
        with Connected(f"mqtts://{at}?ca={cert}") as it, Publisher(broker.port, tls=trusted) as publisher:
            publisher.send("a", "x" * 200_000)
            publisher.send("a", "1")
            publisher.wait()
            assert until(lambda: len(it.heard.messages) == 2)
        with Connected(f"mqtts://{at}?verify=false") as it:
            assert it.client.state.connected
        for url, begins in (
            (f"mqtts://{at}", f"The certificate of the broker at {at} was refused"),
            (
                f"mqtt://{at}",
                f"The broker at {at} closed the connection at once; does this port expect TLS (mqtts://)?",
            ),
        ):
            with Connected(url, start=False) as it:
                it.client.start()
                until(lambda it=it: it.client.state.sentence)
                assert str(it.client.state.sentence).startswith(begins)


def test_a_certificate_for_another_name_is_told_with_what_helps() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 64, "IP address mismatch, certificate is not valid for '10.0.0.1'."
    told = of_error(error, parse("mqtts://10.0.0.1?verify=false"))
    assert told.endswith("for '10.0.0.1'). Use the name that it is made out for in GLANCE_MQTT_URL.")


def test_tls_to_a_plain_port_is_told(broker: Mosquitto) -> None:
    with Connected(f"mqtts://127.0.0.1:{broker.port}", start=False) as it:
        it.client.start()
        until(lambda: it.client.state.sentence)
        assert it.client.state.status == "waiting"
        assert f"The broker at 127.0.0.1:{broker.port}" in str(it.client.state.sentence)


def test_a_receiver_that_fails_ends_nothing_and_its_message_does_not_come_for_ever(broker: Mosquitto) -> None:
    with Connected(broker.url) as it, Publisher(broker.port) as publisher:
        it.heard.fails = True
        publisher.send("a", "1")
        publisher.wait()
        until(lambda: it.client.state.faults == 1)
        it.heard.fails = False
        it.client.redeliver()
        until(lambda: it.heard.sessions[-1][0] == 2)
        publisher.send("a", "2")
        publisher.wait()
        until(lambda: it.heard.messages)
        assert [message[1] for message in it.heard.messages] == [b"2"]


def test_a_second_client_with_the_same_id_is_told(broker: Mosquitto) -> None:
    with Connected(broker.url) as first:
        other = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="glance-test", protocol=paho.MQTTv5)
        other.connect("127.0.0.1", broker.port)
        other.loop_start()
        assert until(lambda: "took over the session" in (first.client.state.sentence or "") or first.heard.sessions[1:])
        end(other)


def test_a_broker_that_takes_the_session_away_without_a_word_is_told_after_some_times(broker: Mosquitto) -> None:
    with Connected(broker.url) as first:
        other = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="glance-test", protocol=paho.MQTTv311)
        for _ in range(3):
            until(lambda: first.client.state.connected)
            other.connect("127.0.0.1", broker.port)
            assert until(lambda: other.loop(0.05) != paho.MQTT_ERR_SUCCESS or not first.client.state.connected, 15)
            assert until(lambda: not first.client.state.connected)
            end(other)
        assert until(lambda: "second Glance" in (first.client.state.sentence or ""), 15)


def test_a_certificate_out_of_date_is_told_with_what_helps() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 10, "certificate has expired"
    told = of_error(error, parse("mqtts://10.0.0.1"))
    assert "Renew it there" in told
    assert "?ca=" not in told


def test_refresh_requests_are_heard_also_where_the_topics_are_narrowed(broker: Mosquitto) -> None:
    with Connected(broker.url, ("home/#",)) as it, Publisher(broker.port) as publisher:
        publisher.send("glance/refresh/abc", "")
        publisher.send("home/last", "1")
        publisher.wait()
        until(lambda: it.heard.messages)
        assert it.asked == ["abc"]


def test_topics_that_are_not_wanted_any_more_are_given_back_to_the_broker(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "talkative", "allow_anonymous true", "log_type all") as broker:
        with Connected(broker.url, ("#",)) as it, Publisher(broker.port) as publisher:
            publisher.send("away/first", "1")
            publisher.wait()
            until(lambda: it.heard.messages)
        former = ("#", "home/#")
        with Connected(broker.url, ("home/#",), former=former) as it, Publisher(broker.port) as publisher:
            until(lambda: "Received UNSUBSCRIBE" in broker.words())
            it.heard.messages.clear()
            publisher.send("away/second", "1")
            publisher.send("home/last", "1")
            publisher.wait()
            until(lambda: it.heard.messages)
            assert [message[0] for message in it.heard.messages] == ["home/last"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("#,home/#", "#"),
        ("home/#,#,$SYS/#", "#,$SYS/#"),
        ("home/#,home/+/a,home,homes/#", "home/#,homes/#"),
        ("home/+,home/#", "home/#"),
        ("+/a/#,b/a/c,b/c", "+/a/#,b/c"),
        ("a/+,+/b,a/+", "a/+,+/b"),
        ("+/#,#", "#"),
    ],
)
def test_a_filter_inside_another_is_left_out(given: str, kept: str) -> None:
    assert ",".join(without_covered(given.split(","))) == kept


def test_what_fits_two_filters_comes_once(broker: Mosquitto) -> None:
    with Connected(broker.url, ("#", "home/#")) as it, Publisher(broker.port) as publisher:
        publisher.send("home/a", "1")
        publisher.send("home/b", "2")
        publisher.wait()
        until(lambda: it.heard.messages and it.heard.messages[-1][0] == "home/b")
        assert [message[0] for message in it.heard.messages] == ["home/a", "home/b"]


def test_a_narrower_setting_is_known_beside_the_one_before(tmp_path: Path) -> None:
    before = Settings(data=tmp_path, auth="none", mqtt_url="mqtt://127.0.0.1:1", mqtt_topics=("#",))
    after = Settings(data=tmp_path, auth="none", mqtt_url="mqtt://127.0.0.1:1", mqtt_topics=("home/#",))
    for settings, known in ((before, ["#"]), (after, ["#", "home/#"])):
        runtime = Runtime(settings)
        assert runtime.ingest.topics_ever(settings.mqtt_topics) == known
        runtime.stop()


def test_refresh_requests_are_handed_on_unless_they_are_retained(broker: Mosquitto) -> None:
    with Publisher(broker.port) as publisher:
        publisher.send("glance/refresh/old", "x", retain=True)
        publisher.wait()
        with Connected(broker.url) as it:
            publisher.send("glance/refresh/abc", "")
            publisher.send("last", "1")
            publisher.wait()
            until(lambda: it.heard.messages)
            assert it.asked == ["abc"]
            assert [message[0] for message in it.heard.messages] == ["last"]


def test_only_its_two_topics_are_its_own_and_what_merely_begins_like_them_is_heard(broker: Mosquitto) -> None:
    with Connected(broker.url) as it, Publisher(broker.port) as publisher:
        for topic in (
            "glance/status",
            "glance/refresh",
            "glance/refresh/a/b",
            "glance/status/x",
            "glance/statues",
            "last",
        ):
            publisher.send(topic, "1")
        publisher.wait()
        until(lambda: len(it.heard.messages) == 3)
        assert [message[0] for message in it.heard.messages] == ["glance/status/x", "glance/statues", "last"]
        assert it.asked == ["a/b"]


def test_a_widget_is_refreshed_once_in_five_seconds_at_most() -> None:
    fetched: list[str] = []
    now = [100.0]
    requests = RefreshRequests(fetched.append, monotonic=lambda: now[0])
    assert requests.ask("a")
    assert not requests.ask("a")
    assert requests.ask("b")
    now[0] += 5.1
    assert requests.ask("a")
    until(lambda: len(fetched) == 3)
    requests.stop()
    assert fetched == ["a", "b", "a"]


def test_a_failing_refresh_does_not_end_the_next(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()

    def fetch(widget_id: str) -> None:
        if widget_id == "bad":
            raise RuntimeError("no such widget")
        done.set()

    requests = RefreshRequests(fetch)
    requests.ask("bad")
    requests.ask("good")
    assert done.wait(PATIENCE_S)
    requests.stop()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", Address("127.0.0.1", 1883, given=False)),
        ("mqtt://host", Address("host", 1883)),
        ("host:1884", Address("host", 1884)),
        ("mqtt://a%40b:p%3Aw@host:1", Address("host", 1, "a@b", "p:w")),
        ("mqtts://host?verify=false", Address("host", 8883, tls=True, verify=False)),
        ("mqtt://[::1]:1883", Address("::1", 1883)),
    ],
)
def test_addresses_are_read(url: str, expected: Address) -> None:
    assert parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://host",
        "mqtt://",
        "mqtt://host:99999",
        "mqtt://host/path",
        "mqtts://h?ca=/none",
        "mqtt://u:p[w@host",
        "mqtt://[::1",
    ],
)
def test_a_wrong_address_names_the_setting(url: str) -> None:
    with pytest.raises(SettingError, match="GLANCE_MQTT_URL"):
        parse(url)


def test_the_password_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    address = parse("mqtt://anna:hunter2@127.0.0.1:1")
    assert "hunter2" not in address.shown


def test_messages_per_minute_are_counted_by_the_second() -> None:
    rate = Traffic()
    for second in range(90):
        rate.hit(1000.0 + second)
        rate.hit(1000.5 + second)
    assert rate.per_minute(1089.9) == 120
    assert rate.per_minute(1200.0) == 0


# The whole of it: runtime, real broker, kill -9


def test_readings_reach_memory_and_disk_through_the_runtime(tmp_path: Path, broker: Mosquitto) -> None:
    runtime = Runtime(Settings(data=tmp_path / "data", mqtt_url=broker.url))
    runtime.start()
    assert runtime.mqtt is not None
    until(lambda: runtime.mqtt and runtime.mqtt.state.connected)
    with Publisher(broker.port) as publisher:
        publisher.send("glance/x", '{"device_id": "greenhouse", "sensor_type": "humidity", "value": 50.2, "unit": "%"}')
        publisher.wait()
        until(lambda: runtime.devices.find("greenhouse", "humidity"))
        sensor = runtime.devices.sensor("greenhouse", "humidity")
        assert sensor.unit == "%"
        # A sensor is known a moment before its first value is.
        latest = until(lambda: runtime.samples.latest(sensor.id))
        assert latest.value == 50.2
    assert runtime.ill() == {}
    assert runtime.broker_fault() is None
    began = time.monotonic()
    runtime.stop()
    assert time.monotonic() - began < at_most(6)
    again = Runtime(Settings(data=tmp_path / "data", mqtt_url="off"))
    assert [sample.value for sample in again.samples.recent(sensor.id)] == [50.2]
    again.stop()


def test_a_message_forces_the_fetch_of_a_widget(tmp_path: Path, broker: Mosquitto) -> None:
    runtime = Runtime(Settings(data=tmp_path / "data", mqtt_url=broker.url))
    asked: list[tuple[str, Any]] = []
    runtime.refresher.get = lambda widget, **more: asked.append((widget.id, more))  # type: ignore[method-assign, assignment]
    runtime.start()
    runtime.dashboards.create("Home")
    widget = runtime.placing.add("home", "clock", "Clock", {})
    until(lambda: runtime.mqtt and runtime.mqtt.state.connected)
    with Publisher(broker.port) as publisher:
        publisher.send("glance/refresh/none", "")
        publisher.send(f"glance/refresh/{widget.id}", "")
        publisher.send(f"glance/refresh/{widget.id}", "")
        publisher.wait()
        until(lambda: asked)
    runtime.stop()
    assert asked == [(widget.id, {"force": True, "wait_s": 0.0})]


def test_the_embedded_broker_takes_devices_and_ends_with_glance(tmp_path: Path) -> None:
    runtime = Runtime(Settings(data=tmp_path / "data", mqtt_url="embedded"))
    runtime.start()
    until(lambda: runtime.mqtt and runtime.mqtt.state.connected)
    assert runtime.broker is not None
    with Publisher(runtime.broker.port) as publisher:
        publisher.send("kitchen/temperature", "21.5 °C")
        publisher.wait()
        assert until(lambda: [device.id for device in runtime.devices.all()])
    runtime.stop()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", runtime.broker.port)) != 0


def test_without_a_broker_paho_is_not_even_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from glance.config import Settings; from glance.runtime import Runtime; "
        f"r = Runtime(Settings(data=Path({str(tmp_path)!r}), mqtt_url='off')); r.start(); r.stop(); "
        "print('paho' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def test_readiness_names_a_broker_that_was_asked_for_and_is_not_there(tmp_path: Path) -> None:
    wanted = Runtime(Settings(data=tmp_path / "a", mqtt_url=f"mqtt://127.0.0.1:{free_port()}"))
    wanted.start()
    assert until(lambda: "Nothing listens" in (wanted.broker_fault() or ""))
    wanted.stop()
    off = Runtime(Settings(data=tmp_path / "b", mqtt_url="off"))
    assert off.broker_fault() is None
    off.stop()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_nothing_is_lost_or_doubled_over_kill_9_and_a_restart_of_the_broker(
    tmp_path: Path, broker: Mosquitto, protocol: str
) -> None:
    """20 sensors' readings go on while Glance is killed three times and the broker is restarted once."""
    data, total = tmp_path / "data", 3000
    child = start_glance(data, broker.url, protocol)
    with Publisher(broker.port) as publisher:
        for number in range(total):
            publisher.send("glance/t", f'{{"device_id":"d{number % 20}","sensor_type":"n","value":{number}}}')
            if number in (500, 1200, 2200):
                publisher.wait()
                os.kill(child.pid, signal.SIGKILL)
                child.wait()
                child = start_glance(data, broker.url, protocol)
        publisher.wait()
    broker.stop()
    broker.start()
    until(lambda: stored_numbers(data) >= total, 60)
    child.terminate()
    assert child.wait(PATIENCE_S) == 0
    assert sorted(every_number(data)) == list(range(total))


CHILD = """
import sys
from pathlib import Path
import signal, threading
from glance.config import Settings
from glance.runtime import Runtime
runtime = Runtime(Settings(data=Path(sys.argv[1]), mqtt_url=sys.argv[2]))
runtime.mqtt._protocol = sys.argv[3]
runtime.start()
end = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: end.set())
while not runtime.mqtt.state.connected:
    end.wait(0.01)
print("ready", flush=True)
while not end.wait(0.1):
    pass
runtime.stop()
"""


def start_glance(data: Path, url: str, protocol: str) -> subprocess.Popen[str]:
    """Glance without its web, in a process of its own."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(data), url, protocol],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.stdout.close()
    return child


def stored_numbers(data: Path) -> int:
    with open_stored(data) as con:
        return int(con.execute("SELECT (SELECT COUNT(*) FROM inbox) + (SELECT COUNT(*) FROM samples)").fetchone()[0])


def every_number(data: Path) -> list[int]:
    with open_stored(data) as con:
        return [int(row[0]) for row in con.execute("SELECT value FROM inbox UNION ALL SELECT value FROM samples")]


def open_stored(data: Path) -> Any:
    return contextlib.closing(sqlite3.connect(data / "glance.db"))


class OldBroker:
    """Speaks MQTT 3.1.1 only: answers CONNECT of version 5 with `unacceptable protocol version`."""

    def __init__(self) -> None:
        self.versions: list[int] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._open: list[socket.socket] = []

    def answer(self, sock: socket.socket) -> None:
        version = sock.recv(1024)[8]
        self.versions.append(version)
        sock.sendall(b"\x20\x02\x00\x00" if version == 4 else b"\x20\x02\x00\x01")
        if version != 4:
            sock.close()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            self._open.append(sock)
            self.answer(sock)

    def __enter__(self) -> OldBroker:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in [self._server, *self._open]:
            sock.close()


class StrictBroker(OldBroker):
    """Speaks MQTT 5 and grants the first subscription only."""

    def answer(self, sock: socket.socket) -> None:
        sock.recv(1024)
        sock.sendall(b"\x20\x03\x00\x00\x00")
        asked = sock.recv(1024)
        while asked[0] != 0x82:
            asked = sock.recv(1024)
        sock.sendall(b"\x90\x05" + asked[2:4] + b"\x00\x01\x87")


def test_the_site_of_ingest_takes_what_a_311_client_hears(tmp_path: Path, broker: Mosquitto) -> None:
    """With MQTT 3.1.1 and stock limits (20 in flight) commits follow quickly, so that nothing stalls."""
    with Site(tmp_path / "data", clock=time.time) as site:
        client = MqttClient(parse(broker.url), ("#",), "glance-311", site.ingest, lambda _: None)
        client._protocol = "3.1.1"
        site.ingest.acknowledge = client.acknowledge
        site.ingest.start()
        client.start()
        until(lambda: client.state.connected)
        began = time.monotonic()
        with Publisher(broker.port) as publisher:
            for number in range(1000):
                publisher.send("glance/x", f'{{"device_id":"d","sensor_type":"n","value":{number}}}')
            publisher.wait()
            until(lambda: site.ingest.health().stored == 1000, 60)
        assert time.monotonic() - began < at_most(60)
        client.stop()
        assert client.state.protocol == "3.1.1"
