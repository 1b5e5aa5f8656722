"""Decoders: what a message from a device says. Pure: no I/O, no clock; `Decoder.message` never raises."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING

from glance.mqtt.readings import Outcome

if TYPE_CHECKING:
    from glance.mqtt.decode.decoder import Decoder as Readers

__all__ = ["Decoder"]


class Decoder:
    """Turns messages into readings, declarations and liveness; one object, used by one thread; its memory is bounded.

    `zone` is that of times without an offset (None = this computer's), `decimal_comma` whether 21,5 is a number. The modules for
    the ecosystems, and what `remember` was given, are read when the first message comes: Glance's first page does not wait for
    them.
    """

    def __init__(self, zone: tzinfo | None = None, *, decimal_comma: bool = False) -> None:
        self._zone = zone
        self._decimal_comma = decimal_comma
        self._kept = ""
        self._readers: Readers | None = None
        self._known = 0
        self._on: Mapping[tuple[str, str], float] = {}

    @property
    def changes(self) -> int:
        """Grows with everything that snapshot() would keep."""
        return 0 if self._readers is None else self._readers.changes - self._known

    def message(self, topic: str, payload: bytes, *, retained: bool, arrived_at: float) -> Outcome:
        """What one message says; never raises. `arrived_at` in Unix seconds."""
        return self._loaded().message(topic, payload, retained=retained, arrived_at=arrived_at)

    def due(self, now: float) -> Outcome | None:
        """What became of itself by `now` (Unix seconds): sensors that go off after a declared time; None = nothing."""
        if self._readers is None and not self._on:
            return None
        return self._loaded().due(now)

    def snapshot(self) -> str:
        """What was learned, as JSON, for the next start: who is who, declarations, which series hold words."""
        return self._loaded().snapshot()

    def remember(self, snapshot: str) -> None:
        """Take up what an earlier snapshot() held; one that cannot be read is left alone, the broker tells most of it again."""
        if self._readers is None:
            self._kept = snapshot
        else:
            self._readers.remember(snapshot)

    def carry_on(self, on: Mapping[tuple[str, str], float]) -> None:
        """After remember(): sensors whose newest value is on, and since when; they go off where and when that was declared."""
        if self._readers is not None:
            self._readers.carry_on(on)
        elif "off_delay" in self._kept or "off_dly" in self._kept:
            self._on = on

    def _loaded(self) -> Readers:
        if self._readers is None:
            from glance.mqtt.decode.decoder import (
                Decoder as Readers,  # late: fifty modules, of use once a broker is there
            )

            readers = Readers(self._zone, decimal_comma=self._decimal_comma)
            if self._kept:
                readers.remember(self._kept)
            readers.carry_on(self._on)
            self._on = {}
            self._kept, self._known, self._readers = "", readers.changes, readers
            # from here on a message takes no detour
            self.message = readers.message  # type: ignore[method-assign]
        return self._readers
