"""How often a page is told of a card."""

from __future__ import annotations

from collections.abc import Collection, Iterable

# Twenty times a second at most. Of two changes that follow a rest the second need not wait: a small one must not hold up a value.
PER_CARD_S = 0.048


class Pace:
    """When each card of one page may be sent again; times are of the monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._free_at: dict[str, float] = {}

    def held_up(self, widget_ids: Iterable[str], now: float) -> set[str]:
        """Those of these cards that have to wait."""
        return {widget_id for widget_id in widget_ids if now < self.free_at(widget_id)}

    def told(self, widget_ids: Iterable[str], now: float) -> None:
        """These were sent."""
        for widget_id in widget_ids:
            self._free_at[widget_id] = max(now - PER_CARD_S, self.free_at(widget_id)) + PER_CARD_S

    def free_at(self, widget_id: str) -> float:
        """From when on a card may be sent; the lower, the longer it has rested."""
        return self._free_at.get(widget_id, 0.0)

    def first_free_at(self, widget_ids: Collection[str]) -> float:
        """When the first of these may be sent."""
        return min(self.free_at(widget_id) for widget_id in widget_ids)
