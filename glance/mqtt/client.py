"""The connection to the broker: one thread that connects, waits and connects again for ever, and hands every message on.

paho runs on this thread only. Its own loop waits with select(), which fails for descriptors above 1023, of which a server with
many open sockets has plenty; so the waiting is done here with poll().
"""

from __future__ import annotations

import logging
import os
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from glance.mqtt import faults
from glance.mqtt.address import Address

log = logging.getLogger(__name__)

KEEPALIVE_S = 15
CONNECT_S = 5.0
ANSWER_S = 5.0
SESSION_S = 7 * 86400
BACKOFF_S = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0)
STOP_S = 1.0
MAX_PACKET = 4 * 1024 * 1024
READ_BYTES = 65536
BURST = 256
STATUS, REFRESH = "glance/status", "glance/refresh/"
OWN = (STATUS, REFRESH)
QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
V5, V311 = "5", "3.1.1"


@dataclass(frozen=True, slots=True)
class BrokerState:
    """How the connection stands, for every page. `sentence` says what is wrong (None = nothing); times are Unix seconds.

    `status` is connecting, connected, waiting (for the next try) or stopped; `since` is when it began. `given` False = nobody
    asked for a broker by GLANCE_MQTT_URL, it is only looked for.
    """

    status: str
    connected: bool
    address: str
    since: float
    last_message_at: float | None
    per_minute: int
    sentence: str | None
    protocol: str | None
    messages: int
    faults: int
    given: bool


class Receiver(Protocol):
    """Who takes the messages. Called on the MQTT thread; must not wait."""

    def connected(self, connection: int, session_present: bool, few: bool) -> None:
        """A connection began."""

    def message(
        self, topic: str, payload: bytes, retained: bool, qos: int, mid: int, again: bool, connection: int
    ) -> None:
        """A message came."""

    def settle(self) -> None:
        """A burst of messages is through."""


class Rate:
    """How many in the last minute, by seconds."""

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque(maxlen=61)

    def hit(self, now: float) -> None:
        """One more."""
        second = int(now)
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1][1] += 1
        else:
            self._seconds.append([second, 1])

    def per_minute(self, now: float) -> int:
        """The count of the last 60 s."""
        return sum(count for second, count in list(self._seconds) if now - second < 60)


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


class MqttClient:
    """`start` and `stop` it once; `state` may be asked by any thread, `acknowledge` and `redeliver` called by any."""

    def __init__(
        self,
        address: Address,
        topics: Sequence[str],
        client_id: str,
        receiver: Receiver,
        on_refresh: Callable[[str], object],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._address = address
        self._topics = tuple(topics)
        self._client_id = client_id
        self._receiver = receiver
        self._on_refresh = on_refresh
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._refusing = False
        self._again = False
        self._acks: deque[tuple[int, int]] = deque()
        self._wake_lock = threading.Lock()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._protocol = V5
        self._connection = 0
        self._status, self._since = "connecting", clock()
        self._sentence: str | None = None
        self._said = ""
        self._rate = Rate()
        self._last_message_at: float | None = None
        self._messages = 0
        self._faults = 0
        self.ever_connected = False
        # of the connection that is being made or used
        self._client: Any = None
        self._reader: Reader | None = None
        self._refusal: tuple[int, str] | None = None
        self._end_code: int | None = None
        self._ended = False

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def refuse(self) -> None:
        """Take no more messages; what was taken can still be acknowledged."""
        self._refusing = True
        self._wake()

    def stop(self) -> None:
        """Send what is to be sent, say goodbye and end; idempotent."""
        self._stop.set()
        self._wake()
        if self._thread is not None:
            self._thread.join(STOP_S)
        with self._wake_lock:
            if self._wake_write >= 0 and not self.is_alive():
                os.close(self._wake_write)
                os.close(self._wake_read)
                self._wake_write = self._wake_read = -1

    def is_alive(self) -> bool:
        """True while its thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def state(self) -> BrokerState:
        """How the connection stands now."""
        return BrokerState(
            status=self._status,
            connected=self._status == "connected",
            address=self._address.shown,
            since=self._since,
            last_message_at=self._last_message_at,
            per_minute=self._rate.per_minute(self._clock()),
            sentence=self._sentence,
            protocol=self._protocol if self.ever_connected else None,
            messages=self._messages,
            faults=self._faults,
            given=self._address.given,
        )

    def acknowledge(self, stored: Sequence[tuple[int, int]]) -> None:
        """These deliveries, as (connection, message id), are stored; those of an earlier connection are left out."""
        self._acks.extend(stored)
        if threading.current_thread() is not self._thread:
            self._wake()

    def redeliver(self) -> None:
        """Connect anew, so that the broker delivers again what was not acknowledged."""
        self._again = True
        self._wake()

    # The thread

    def _run(self) -> None:
        tries = 0
        while not self._stop.is_set():
            try:
                if self._connect():
                    tries = 0
                    self._serve()
            except Exception:
                self._faults += 1
                log.exception("The MQTT thread met an error; it connects anew.")
                self._set("waiting", "The connection to the broker failed because of an error in Glance; see the log.")
            finally:
                self._drop()
            if not self._stop.is_set():
                self._stop.wait(BACKOFF_S[min(tries, len(BACKOFF_S) - 1)])
                tries += 1

    def _connect(self) -> bool:
        """Try to connect, with the other protocol version where the first is not understood; True once the broker said yes."""
        for _ in range(2):
            try:
                answer = self._try()
            except (OSError, ValueError) as error:
                self._set("waiting", faults.of_error(error, self._address))
                return False
            if answer == "yes":
                return True
            if answer == "no":
                break
            self._drop()
            self._protocol = V311 if self._protocol == V5 else V5
        self._set("waiting", self._why_not())
        return False

    def _try(self) -> Literal["yes", "no", "other"]:
        """Connect once. `other` = the protocol version seems not to be understood: the broker says so, or hangs up."""
        self._refusal, self._end_code, self._ended = None, None, False
        self._client = self._make()
        self._client.connect(self._address.host, self._address.port, KEEPALIVE_S, **self._session())
        self._await_answer()
        if self._status == "connected":
            return "yes"
        if self._refusal is not None:
            return "other" if self._refusal[0] == faults.PROTOCOL else "no"
        return "other" if self._ended else "no"

    def _why_not(self) -> str:
        if self._refusal is not None:
            return faults.of_refusal(*self._refusal, self._address)
        return faults.of_error(ConnectionResetError() if self._ended else TimeoutError(), self._address)

    def _make(self) -> Any:
        """A paho client for the protocol version to try."""
        # 9 MB and 25 ms that a Glance without a broker does not need
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        is_5 = self._protocol == V5
        client: Any = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if is_5 else False,
            protocol=paho.MQTTv5 if is_5 else paho.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        if self._address.user is not None:
            client.username_pw_set(self._address.user, self._address.password)
        client.will_set(STATUS, "offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        # paho leaves a socket open whose handshake failed
        client._create_socket = lambda: _open(self._address)
        # makes paho queue what is sent, so that it leaves from this thread's loop
        client.on_socket_register_write = _nothing
        self._reader = Reader(client._sock_recv)
        client._sock_recv = self._reader
        return client

    def _session(self) -> dict[str, Any]:
        """What CONNECT asks for besides: MQTT 5 keeps the session for some days and sends without waiting for each answer."""
        if self._protocol != V5:
            return {}
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = SESSION_S
        properties.ReceiveMaximum = 65535
        properties.MaximumPacketSize = MAX_PACKET
        return {"clean_start": False, "properties": properties}

    def _await_answer(self) -> None:
        """Read until the broker accepts, refuses or hangs up, or the time is over."""
        deadline = time.monotonic() + ANSWER_S
        while self._status != "connected" and not self._ended and self._refusal is None and not self._stop.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._turn(left)

    def _serve(self) -> None:
        """Read and write until the connection ends or is to end."""
        while not self._ended and not self._stop.is_set():
            if self._again:
                self._again = False
                return
            self._turn(1.0)
        if self._stop.is_set() and not self._ended:
            self._say_goodbye()
        elif self._ended and not self._stop.is_set():
            self._set("waiting", faults.of_end(self._end_code, self._address))

    def _turn(self, timeout_s: float) -> None:
        """Wait for the socket or a wake, then do what there is to do."""
        client = self._client
        sock = client.socket()
        if sock is None:
            self._ended = True
            return
        poll = select.poll()
        reading = 0 if self._refusing else select.POLLIN
        poll.register(sock, reading | (select.POLLOUT if client.want_write() else 0))
        poll.register(self._wake_read, select.POLLIN)
        for fd, what in poll.poll(timeout_s * 1000):
            if fd == self._wake_read:
                _drain(fd)
            elif what & (select.POLLIN | select.POLLHUP | select.POLLERR) and not self._refusing:
                self._read()
        self._send_acks()
        if client.want_write():
            client.loop_write()
        client.loop_misc()
        if client.socket() is None:
            self._ended = True

    def _read(self) -> None:
        client, reader = self._client, self._reader
        assert reader is not None
        if QUICKACK is not None:
            # without it the broker's next small packet may wait 40 ms for our acknowledgement of the last one
            client.socket().setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)
        while client.socket() is not None and not self._ended:
            for _ in range(BURST):
                if client.loop_read() != 0 or reader.is_dry or client.socket() is None:
                    break
            self._receiver.settle()
            self._send_acks()
            if client.want_write():
                client.loop_write()
            if reader.is_dry or self._refusing or self._stop.is_set():
                reader.is_dry = False
                break

    def _send_acks(self) -> None:
        client, current = self._client, self._connection
        while self._acks:
            connection, mid = self._acks.popleft()
            if connection == current:
                client.ack(mid, 1)

    def _say_goodbye(self) -> None:
        client = self._client
        self._send_acks()
        client.publish(STATUS, "offline", qos=0, retain=True)
        client.disconnect()
        deadline = time.monotonic() + STOP_S / 2
        while client.socket() is not None and client.want_write() and time.monotonic() < deadline:
            client.loop_write()
        self._set("stopped", None)

    def _drop(self) -> None:
        """Close what is left of a connection, without a goodbye: the broker keeps the session."""
        client, self._client = self._client, None
        self._acks.clear()
        if client is not None and (sock := client.socket()) is not None:
            client.on_disconnect = None
            sock.close()
        if self._status == "connected":
            self._set("waiting", faults.of_end(None, self._address))

    # What paho calls, on this thread; none of these may raise

    def _on_connect(self, client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refusal = (reason.value, str(reason))
            return
        self._connection += 1
        self._receiver.connected(self._connection, bool(flags.session_present), self._protocol != V5)
        client.subscribe(self._subscriptions())
        client.publish(STATUS, "online", qos=0, retain=True)
        self.ever_connected = True
        self._set("connected", None)

    def _subscriptions(self) -> list[tuple[str, Any]]:
        if self._protocol != V5:
            return [(topic, 1) for topic in self._topics]
        from paho.mqtt.subscribeoptions import SubscribeOptions

        return [(topic, SubscribeOptions(qos=1, noLocal=True)) for topic in self._topics]

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        refused = [topic for topic, reason in zip(self._topics, reasons, strict=False) if reason.is_failure]
        if refused:
            self._sentence = (
                f"The broker at {self._address.shown} does not allow subscribing to {', '.join(refused)}: "
                "change its access list, or GLANCE_MQTT_TOPICS."
            )
            log.warning("%s", self._sentence)

    def _on_disconnect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        self._ended = True
        if flags.is_disconnect_packet_from_server:
            self._end_code = reason.value

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        try:
            now = self._clock()
            self._rate.hit(now)
            self._last_message_at = now
            self._messages += 1
            topic = message.topic
            if topic.startswith(OWN):
                self._take_own(topic, message)
                return
            self._receiver.message(
                topic,
                bytes(message.payload),
                bool(message.retain),
                message.qos,
                message.mid,
                message.dup,
                self._connection,
            )
        except Exception:
            # a message that cannot be handled would else come again for ever
            self._faults += 1
            self._acks.append((self._connection, message.mid))
            if self._faults == 1:
                log.exception("A message could not be handled.")

    def _take_own(self, topic: str, message: Any) -> None:
        """Glance's own topics: its status, which the broker may hand back, and refreshes that are asked for."""
        if message.qos:
            self._acks.append((self._connection, message.mid))
        if topic.startswith(REFRESH) and not message.retain:
            self._on_refresh(topic.removeprefix(REFRESH))

    # Small things

    def _set(self, status: str, sentence: str | None) -> None:
        """Change the state; the first failure and the recovery are logged, repeats only for debugging."""
        if status != self._status:
            self._status, self._since = status, self._clock()
        self._sentence = sentence
        if status == "connected":
            log.info("Connected to the broker at %s with MQTT %s.", self._address.shown, self._protocol)
            self._said = ""
        elif sentence and sentence != self._said:
            self._said = sentence
            # nobody asked for a broker: its absence is no warning
            log.log(logging.WARNING if self._address.given or self.ever_connected else logging.INFO, "%s", sentence)
        elif sentence:
            log.debug("%s", sentence)

    def _wake(self) -> None:
        with self._wake_lock:
            if self._wake_write >= 0:
                try:
                    os.write(self._wake_write, b"\0")
                except BlockingIOError:
                    log.debug("The MQTT thread is woken already.")


def _open(address: Address) -> socket.socket:
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


def _drain(fd: int) -> None:
    try:
        while os.read(fd, 4096):
            pass
    except BlockingIOError:
        return
