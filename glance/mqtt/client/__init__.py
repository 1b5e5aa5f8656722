"""The connection to the broker: one thread that connects, waits and connects again for ever, and hands every message on.

paho runs on this thread only. Its own loop waits with select(), which fails for descriptors above 1023, of which a server with
many open sockets has plenty; so the waiting is done here with poll().
"""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal

from glance.mqtt import faults
from glance.mqtt.address import Address
from glance.mqtt.client import peer
from glance.mqtt.client.peer import STATUS, V5, V311, Reader
from glance.mqtt.client.state import BrokerState, Rate, Receiver
from glance.mqtt.client.wake import Wake

__all__ = ["BrokerState", "MqttClient", "Receiver"]

log = logging.getLogger(__name__)

KEEPALIVE_S = 15
ANSWER_S = 5.0
BACKOFF_S = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0)
STOP_S = 1.0
BURST = 256
REFRESH = "glance/refresh/"
OWN = (STATUS, REFRESH)
QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


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
        self._wake = Wake()
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
        self._wake.up()

    def stop(self) -> None:
        """Send what is to be sent, say goodbye and end; idempotent."""
        self._stop.set()
        self._wake.up()
        if self._thread is not None:
            self._thread.join(STOP_S)
        if not self.is_alive():
            self._wake.close()

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
            self._wake.up()

    def redeliver(self) -> None:
        """Connect anew, so that the broker delivers again what was not acknowledged."""
        self._again = True
        self._wake.up()

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
        """Connect once. `other` = the protocol version seems not to be understood: the broker says so, hangs up, or says nothing."""
        self._refusal, self._end_code, self._ended = None, None, False
        self._client, self._reader = peer.make(self._address, self._client_id, self._protocol)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect(self._address.host, self._address.port, KEEPALIVE_S, **peer.session(self._protocol))
        self._await_answer()
        if self._status == "connected":
            return "yes"
        if self._refusal is not None:
            return "other" if self._refusal[0] == faults.PROTOCOL else "no"
        return "other"

    def _why_not(self) -> str:
        if self._refusal is not None:
            return faults.of_refusal(*self._refusal, self._address)
        return faults.of_error(ConnectionResetError() if self._ended else TimeoutError(), self._address)

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
        poll.register(self._wake.fd, select.POLLIN)
        for fd, what in poll.poll(timeout_s * 1000):
            if fd == self._wake.fd:
                self._wake.drain()
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
        client.subscribe(peer.subscriptions(self._topics, self._protocol))
        client.publish(STATUS, "online", qos=0, retain=True)
        self.ever_connected = True
        self._set("connected", None)

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
