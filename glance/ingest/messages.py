"""The last messages of each topic as they came, and why they were or were not understood; in memory, bounded."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from itertools import islice

from glance.mqtt.readings import Outcome, Reading, Verdict

MAX_TOPICS = 2000
KEPT_A_TOPIC = 3
SHOWN_BYTES = 2048
KEPT_READINGS = 5
MAX_UNCLEAR = 100
# what an owner would not want to find on a screen: keys of passwords and positions
PRIVATE = re.compile(
    r'("[^"]*(?:pass(?:key|word|wd)?|psk|token|secret|api_?key|ssid|bssid|latitude|longitude|lat|lon)"\s*:\s*)("[^"]*"|[-\d.]+)',
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `payload` is its beginning, `size_bytes` all of it; `devices` are those it spoke of.

    `readings` are the first few it brought, `more` how many there were besides.
    """

    at: float
    topic: str
    payload: bytes
    size_bytes: int
    retained: bool
    qos: int
    verdict: Verdict
    sentence: str
    ecosystem: str | None
    devices: tuple[str, ...]
    readings: tuple[Reading, ...] = ()
    more: int = 0

    @property
    def text(self) -> str:
        """The payload to show, with what is private masked; binary ones by their size."""
        if self.verdict == "binary":
            return f"({self.size_bytes} bytes)"
        shown = PRIVATE.sub(r"\1…", self.payload.decode("utf-8", "replace"))
        return shown + (" …" if self.size_bytes > len(self.payload) else "")


class Messages:
    """Safe for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._topics: OrderedDict[str, deque[Message]] = OrderedDict()
        self._unclear: deque[Message] = deque(maxlen=MAX_UNCLEAR)
        self.count = 0
        self.unclear_count = 0

    def note(self, topic: str, payload: bytes, retained: bool, qos: int, at: float, outcome: Outcome) -> None:
        """Keep one message."""
        devices = tuple(
            dict.fromkeys(
                [
                    *(reading.device for reading in outcome.readings),
                    *(info.device for info in islice(outcome.devices, 20)),
                    *(each.subject for each in islice(outcome.liveness, 20) if not each.bridge),
                ]
            )
        )
        message = Message(
            at, topic, payload[:SHOWN_BYTES], len(payload), retained, qos, outcome.verdict, outcome.sentence,
            outcome.ecosystem, devices, outcome.readings[:KEPT_READINGS], max(0, len(outcome.readings) - KEPT_READINGS),
        )  # fmt: skip
        with self._lock:
            self.count += 1
            kept = self._topics.get(topic)
            if kept is None:
                kept = self._topics[topic] = deque(maxlen=KEPT_A_TOPIC)
                if len(self._topics) > MAX_TOPICS:
                    self._topics.popitem(last=False)
            else:
                self._topics.move_to_end(topic)
            kept.append(message)
            if outcome.verdict in ("invalid", "unreadable"):
                self.unclear_count += 1
                self._unclear.append(message)

    def of_device(self, device_ids: set[str], limit: int = 20) -> list[Message]:
        """The last messages that spoke of these devices, newest first."""
        with self._lock:
            kept = [message for each in self._topics.values() for message in each]
        found = [message for message in kept if device_ids.intersection(message.devices)]
        return sorted(found, key=lambda message: -message.at)[:limit]

    def of_topic(self, topic: str) -> list[Message]:
        """The last messages on one topic, newest first."""
        with self._lock:
            return list(reversed(self._topics.get(topic, ())))

    def latest(self, limit: int = 50) -> list[Message]:
        """The last message of the topics that spoke last, newest first."""
        with self._lock:
            return [kept[-1] for kept in islice(reversed(self._topics.values()), limit)]

    def unclear(self, limit: int = 50) -> list[Message]:
        """The last messages that could not be read, newest first."""
        with self._lock:
            return list(reversed(self._unclear))[:limit]
