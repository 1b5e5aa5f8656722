"""One simulated device of the demo: what it publishes, and how its values move."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DAY_S = 86_400.0
Body = Mapping[str, Any] | str | float | int


@dataclass(frozen=True, slots=True)
class Message:
    """One message; a body that is no text is sent as JSON."""

    topic: str
    body: Body
    retain: bool = False

    @property
    def payload(self) -> str:
        """What goes over the wire."""
        return self.body if isinstance(self.body, str) else json.dumps(self.body, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Device:
    """One simulated device: what it says once, and what it says every `every_s` at (Unix seconds, seconds since the start)."""

    name: str
    every_s: float
    hello: Callable[[], Iterable[Message]] = tuple
    says: Callable[[float, float], Iterable[Message]] = lambda _at, _age_s: ()


def wave(at: float, low: float, high: float, period_s: float, phase: float = 0.0) -> float:
    """A value that swings between low and high, with a little unrest on top."""
    turn = math.sin(2 * math.pi * (at / period_s + phase))
    unrest = 0.3 * math.sin(at / 7.3 + 9 * phase) + 0.2 * math.sin(at / 2.9 + 5 * phase)
    return round((low + high) / 2 + (high - low) / 2 * max(-1.0, min(1.0, 0.8 * turn + 0.4 * unrest)), 2)


def is_on(at: float, period_s: float, share: float, phase: float = 0.0) -> bool:
    """On for a share of each period."""
    return (at / period_s + phase) % 1 < share


def counted(at: float, start: float, per_hour: float) -> float:
    """A meter: it begins at `start` and grows by `per_hour`, since the beginning of the year of the demo."""
    return round(start + per_hour * (at % (400 * DAY_S)) / 3600, 3)
