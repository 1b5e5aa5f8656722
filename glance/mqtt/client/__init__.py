"""The broker's side of Glance: one thread that connects, waits and connects again for ever, and hands every message on."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

from glance.mqtt import faults
from glance.mqtt.address import Address
from glance.mqtt.client.connection import Connection, Party
from glance.mqtt.client.peer import V5, V311, without_covered
from glance.mqtt.client.state import BrokerState, Receiver, Traffic
from glance.mqtt.client.wake import Wake

__all__ = ["BrokerState", "MqttClient", "Receiver"]

log = logging.getLogger(__name__)

ANSWER_S = 5.0
BACKOFF_S = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0)
# A connection that lasted so long was a good one: after it the next is tried at once.
GOOD_S = 10.0
# Where another wants the same session, both wait longer and longer: one that lasted only as long as the other one waited is not.
PEACE_S = 4 * BACKOFF_S[-1]
# For so long after a connection that worked the next is tried every two seconds at least: a broker restarts, a cable is out.
SOON_FOR_S, SOON_S = 120.0, 2.0
STOP_S = 1.0


class MqttClient:
    """`start` and `stop` it once; `state` may be asked by any thread, `acknowledge` and `redeliver` called by any.

    `former` are the topics of earlier starts: the broker's session still holds them.
    """

    def __init__(
        self,
        address: Address,
        topics: Sequence[str],
        client_id: str,
        receiver: Receiver,
        on_refresh: Callable[[str], object],
        clock: Callable[[], float] = time.time,
        former: Sequence[str] = (),
    ) -> None:
        self._address = address
        self._clock = clock
        self._traffic = Traffic()
        wanted = without_covered(topics)
        unwanted = tuple(topic for topic in former if topic not in wanted)
        self._party = Party(address, client_id, wanted, receiver, on_refresh, self._traffic, clock, unwanted)
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._wake = Wake()
        self._refusing = False
        self._again = False
        self._asking = False
        self._short = 0
        self._worked_at = float("-inf")
        self._unwelcome = False
        self._acks: deque[tuple[int, int]] = deque()
        self._protocol = V5
        self._connections = 0
        self._status, self._since = "connecting", clock()
        self._sentence: str | None = None
        self._said = ""
        self.ever_connected = False

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
            last_message_at=self._traffic.last_at,
            per_minute=self._traffic.per_minute(self._clock()),
            sentence=self._sentence,
            protocol=self._protocol if self.ever_connected else None,
            messages=self._traffic.messages,
            faults=self._traffic.faults,
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

    def ask_retained(self) -> None:
        """Subscribe once more, so that the broker sends again what it keeps; where there is no connection the next one does."""
        self._asking = True
        self._wake.up()

    # The thread

    def _run(self) -> None:
        tries = 0
        while not self._stop.is_set():
            worked_at = self._worked_at
            try:
                self._visit()
            except Exception:
                self._traffic.faults += 1
                log.exception("The MQTT thread met an error; it connects anew.")
                self._set("waiting", "The connection to the broker failed because of an error in Glance; see the log.")
            if self._stop.is_set():
                break
            # what worked but did not last is tried again at once, unless that happens time after time
            tries = self._short if self._worked_at != worked_at else tries + 1
            self._stop.wait(self._pause_s(tries))

    def _pause_s(self, tries: int) -> float:
        """How long to wait for the next try."""
        pause_s = BACKOFF_S[min(max(tries, 1), len(BACKOFF_S)) - 1]
        soon = time.monotonic() - self._worked_at < SOON_FOR_S and not self._unwelcome
        return min(pause_s, SOON_S) if soon else pause_s

    def _visit(self) -> None:
        """Connect and stay as long as it lasts."""
        connection = self._connect()
        if connection is None:
            return
        began = time.monotonic()
        try:
            self.ever_connected = True
            self._set("connected", None)
            self._serve(connection)
        finally:
            connection.drop()
            self._acks.clear()
            if connection.worked:
                self._worked_at = time.monotonic()
        if self._stop.is_set():
            self._set("stopped", None)
        else:
            lasted_s, code = time.monotonic() - began, connection.end_code
            self._judge(connection.ended, code, lasted_s)
            self._set("waiting", faults.of_end(code, self._address, self._short))

    def _judge(self, ended: bool, code: int | None, lasted_s: float) -> None:
        """What the end of a connection means for the next try; `ended` = not by Glance itself."""
        was = self._unwelcome
        self._short = self._short + 1 if ended and lasted_s < (PEACE_S if was else GOOD_S) else 0
        # somebody else wants the same session: who comes back at once throws the other one out for ever
        self._unwelcome = code == faults.TAKEN_OVER or (self._short >= faults.MANY_SHORT and (was or lasted_s < SOON_S))

    def _connect(self) -> Connection | None:
        """Try to connect, with the other protocol version where the first is not understood; None where the broker did not say yes."""
        for _ in range(2):
            self._connections += 1
            connection = Connection(self._party, self._protocol, self._connections)
            try:
                answer = self._try(connection)
            except (OSError, ValueError) as error:
                connection.drop()
                self._set("waiting", faults.of_error(error, self._address))
                return None
            if answer == "yes":
                return connection
            connection.drop()
            if answer == "no":
                break
            self._protocol = V311 if self._protocol == V5 else V5
        self._set("waiting", self._why_not(connection))
        return None

    def _try(self, connection: Connection) -> Literal["yes", "no", "other"]:
        """`other` = the protocol version seems not to be understood: the broker says so, hangs up, or says nothing."""
        connection.open()
        deadline = time.monotonic() + ANSWER_S
        while not connection.is_answered and not self._stop.is_set() and (left := deadline - time.monotonic()) > 0:
            connection.turn(self._wake, left, self._acks, reading=True)
        if connection.accepted:
            return "yes"
        refused_for_good = connection.refusal is not None and connection.refusal[0] != faults.PROTOCOL
        return "no" if refused_for_good or self._stop.is_set() else "other"

    def _why_not(self, connection: Connection) -> str:
        if connection.refusal is not None:
            return faults.of_refusal(*connection.refusal, self._address)
        return faults.of_error(ConnectionResetError() if connection.ended else TimeoutError(), self._address)

    def _serve(self, connection: Connection) -> None:
        """Read and write until the connection ends or is to end."""
        denied: tuple[str, ...] = ()
        self._asking = False
        while not connection.ended and not self._stop.is_set() and not self._again:
            if self._asking:
                self._asking = False
                connection.subscribe()
            connection.turn(self._wake, 1.0, self._acks, reading=not self._refusing)
            if connection.denied != denied:
                denied = connection.denied
                self._set("connected", faults.of_denial(denied, self._address))
        self._again = False
        if self._stop.is_set() and not connection.ended:
            connection.goodbye(self._acks)

    def _set(self, status: str, sentence: str | None) -> None:
        """Change the state; the first failure and the recovery are logged, repeats only for debugging."""
        was, self._status = self._status, status
        if status != was:
            self._since = self._clock()
        self._sentence = sentence
        if status == "connected" and was != "connected":
            log.info("Connected to the broker at %s with MQTT %s.", self._address.shown, self._protocol)
            self._said = ""
        if sentence and sentence != self._said:
            self._said = sentence
            # nobody asked for a broker: its absence is no warning
            log.log(logging.WARNING if self._address.given or self.ever_connected else logging.INFO, "%s", sentence)
        elif sentence:
            log.debug("%s", sentence)
