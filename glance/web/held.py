"""What one open page holds, and which of its cards have to be told to it anew: whole, by what changed, or a little later."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from glance.model import Tail
from glance.web.fragments import Rendered
from glance.web.patches import Change, changes

# A live chart has its newest points from tails; drawn from new ones altogether it costs the browser much, so one at a time and seldom.
WHOLE_CHART_S, NEXT_CHART_S = 30.0, 0.5


@dataclass
class News:
    """Cards to send whole; changes of cards as [from, to, places, changes] (see glance/web/patches.py); newest points of charts."""

    whole: list[Rendered] = field(default_factory=list)
    changes: dict[str, tuple[str, str, int, list[Change]]] = field(default_factory=dict)
    tails: dict[str, Tail] = field(default_factory=dict)

    def small(self) -> dict[str, object]:
        """`{"tails": {id: {"at": …, "points": [[t, v] | null, …]}}, "cards": {id: [from, to, places, changes]}}`."""
        tails = {widget_id: {"at": tail.at, "points": tail.points} for widget_id, tail in self.tails.items()}
        return {"tails": tails, "cards": self.changes} if self.changes else {"tails": tails}


class Held:
    """The versions of the cards that a page has; `takes_changes` says that it can change a card by its places."""

    def __init__(self, have: Mapping[str, str] | None = None, *, takes_changes: bool = False) -> None:
        self._versions = dict(have or {})
        self._takes_changes = takes_changes
        self._cards: dict[str, Rendered] = {}
        self._only_whole: set[str] = set()
        self._tails: dict[str, Tail] = {}
        self._charted_at: dict[str, float] = {}
        self._next_chart_at = 0.0
        self._waiting: set[str] = set()

    def refused(self, widget_id: str) -> None:
        """The page could not change this card: it gets it whole, now and from now on."""
        self._versions.pop(widget_id, None)
        self._only_whole.add(widget_id)

    def news(self, cards: Iterable[Rendered]) -> News:
        """What of these cards the page has to be told; it is taken for told. Charts that are to wait have their turn later."""
        found = News()
        for card in cards:
            self._waiting.discard(card.widget_id)
            if self._versions.get(card.widget_id) != card.version:
                self._sort(card, found)
            else:
                self._cards.setdefault(card.widget_id, card)
            if card.tail is not None and self._tails.get(card.widget_id) != card.tail:
                found.tails[card.widget_id] = self._tails[card.widget_id] = card.tail
        return found

    def next_turn_in_s(self) -> float | None:
        """How long until a waiting chart may be drawn anew; None where none waits."""
        first = self._first_waiting()
        return None if first is None else max(0.0, self._turn_of(first) - time.monotonic())

    def take_turn(self) -> str | None:
        """The waiting chart whose turn it is, the one drawn longest ago; it is told with the next `news` of it."""
        first = self._first_waiting()
        if first is None or self._turn_of(first) > time.monotonic():
            return None
        self._waiting.discard(first)
        return first

    def _first_waiting(self) -> str | None:
        return min(self._waiting, key=self._charted_at.__getitem__, default=None)

    def _turn_of(self, widget_id: str) -> float:
        return max(self._next_chart_at, self._charted_at[widget_id] + WHOLE_CHART_S)

    def _sort(self, card: Rendered, found: News) -> None:
        held = self._cards.get(card.widget_id)
        if held is not None and self._versions.get(card.widget_id) == held.version and held.is_live and card.is_live:
            if self._chart_waits(card, held):
                return
            changed = self._change(card, held)
            if changed is not None:
                found.changes[card.widget_id] = (held.version, card.version, *changed)
                self._hold(card)
                return
        found.whole.append(card)
        # drawn anew, a chart lacks what came since: its tail has to follow in any case
        self._tails.pop(card.widget_id, None)
        self._hold(card)

    def _hold(self, card: Rendered) -> None:
        self._versions[card.widget_id] = card.version
        self._cards[card.widget_id] = card

    def _change(self, card: Rendered, held: Rendered) -> tuple[int, list[Change]] | None:
        """What changed on a live card; None where it is to be sent whole."""
        if not self._takes_changes or card.tail is not None or card.widget_id in self._only_whole:
            return None
        return changes(held.bare(), card.bare())

    def _chart_waits(self, card: Rendered, held: Rendered) -> bool:
        """Whether a live chart whose widget is the same may be drawn anew a little later."""
        if not self._takes_changes or card.tail is None or card.made_by != held.made_by:
            return False
        now = time.monotonic()
        self._charted_at.setdefault(card.widget_id, now)
        if now < self._turn_of(card.widget_id):
            self._waiting.add(card.widget_id)
            return True
        self._charted_at[card.widget_id] = now
        self._next_chart_at = now + NEXT_CHART_S
        return False
