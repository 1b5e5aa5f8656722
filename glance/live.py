"""The hub: who watches which widgets, and which of them changed. It holds ids, no data."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable

PAGE = "page:"
SERIES = "series:"
NEWCOMERS = "newcomers"
WatchListener = Callable[[set[str]], None]


class Mailbox:
    """What one open page has not been told yet: a set of ids, so a burst is one repaint and a slow tab costs nothing."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._condition = threading.Condition()
        self._marked: set[str] = set()
        self._watched: frozenset[str] = frozenset()
        self._heard: frozenset[int] = frozenset()
        self._closed = False
        self._stirred = False
        # how often it was stirred
        self.stirs = 0
        self.is_page = False

    @property
    def watched(self) -> frozenset[str]:
        """The widgets of this page."""
        return self._watched

    def watch(self, widget_ids: Iterable[str]) -> None:
        """From now on hear of these widgets, and of no others; it is a page from then on."""
        self.is_page = True
        self._hub.watch(self, frozenset(widget_ids))

    def listen(self, series: Iterable[int]) -> None:
        """From now on hear of these series as `series:<id>`, and of no others."""
        self._hub.listen(self, frozenset(series))

    def await_newcomers(self) -> None:
        """From now on hear, as `newcomers`, that a device or sensor appeared or changed."""
        self._hub.await_newcomers(self)

    @property
    def heard(self) -> frozenset[int]:
        """The series it listens to."""
        return self._heard

    def mark(self, ids: Iterable[str]) -> None:
        """Note changed ids and wake the one who waits."""
        with self._condition:
            self._marked.update(ids)
            self._condition.notify()

    def stir(self) -> None:
        """Wake the one who waits, or who waits next."""
        with self._condition:
            self._stirred = True
            self.stirs += 1
            self._condition.notify()

    def take(self, timeout_s: float) -> set[str] | None:
        """The changed ids since the last call, as soon as there are any; empty after `timeout_s`, or where it was stirred; None
        once closed. A look without waiting (0) leaves a stir for the next call."""
        with self._condition:
            if not self._marked and not self._closed and not self._stirred:
                self._condition.wait(timeout_s)
            if self._closed:
                return None
            self._stirred = self._stirred and timeout_s <= 0
            taken, self._marked = self._marked, set()
            return taken

    def close(self) -> None:
        """End it and leave the hub; idempotent."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self._hub.leave(self)


class Hub:
    """Tells open pages which widgets changed. Safe for any thread; marking never blocks on a reader.

    `changes` grows with every mark: while it stays the same, no widget has changed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._boxes: set[Mailbox] = set()
        self._watchers: Counter[str] = Counter()
        self._listeners: dict[int, set[Mailbox]] = {}
        self._followers: dict[int, set[str]] = {}
        self._follows: dict[str, frozenset[int]] = {}
        self._awaiting: set[Mailbox] = set()
        self._closed = False
        self.changes = 0
        self.on_watch: list[WatchListener] = []

    def subscribe(self) -> Mailbox:
        """A mailbox for one open page; close it when the page goes."""
        box = Mailbox(self)
        with self._lock:
            self._boxes.add(box)
            closed = self._closed
        if closed:
            box.close()
        return box

    def mark(self, widget_ids: Iterable[str]) -> None:
        """These widgets changed: tell the pages that show them."""
        ids = set(widget_ids)
        with self._lock:
            self.changes += 1
            boxes = list(self._boxes)
        for box in boxes:
            shown = ids & box.watched
            if shown:
                box.mark(shown)

    def mark_page(self, dashboard_slug: str) -> None:
        """The layout or the members of a dashboard changed: every page hears `page:<slug>`."""
        with self._lock:
            self.changes += 1
            boxes = list(self._boxes)
        for box in boxes:
            box.mark([PAGE + dashboard_slug])

    def follow(self, widget_id: str, series: Iterable[int]) -> None:
        """From now on a mark on one of these series is a mark on the widget; no series = it follows none any more."""
        with self._lock:
            for each in self._follows.pop(widget_id, frozenset()):
                self._followers[each].discard(widget_id)
                if not self._followers[each]:
                    del self._followers[each]
            follows = frozenset(series)
            if follows:
                self._follows[widget_id] = follows
            for each in follows:
                self._followers.setdefault(each, set()).add(widget_id)

    def mark_series(self, series: Iterable[int], *, widgets: bool = True, listeners: bool = True) -> None:
        """These series have new samples: tell the widgets that follow them, and those who listen to them."""
        with self._lock:
            if not self._followers and not self._listeners:
                return
            followers: set[str] = set()
            boxes: dict[Mailbox, list[str]] = {}
            for each in series:
                followers |= self._followers.get(each, frozenset()) if widgets else frozenset()
                for box in self._listeners.get(each, ()) if listeners else ():
                    boxes.setdefault(box, []).append(f"{SERIES}{each}")
        for box, names in boxes.items():
            box.mark(names)
        if followers:
            self.mark(followers)

    def mark_newcomers(self) -> None:
        """Devices or sensors appeared or changed: tell those whose selection they may fit."""
        with self._lock:
            boxes = list(self._awaiting)
        for box in boxes:
            box.mark([NEWCOMERS])

    def stir(self) -> None:
        """Wake every mailbox without a mark, so that each socket looks at once whether it may still be open."""
        with self._lock:
            boxes = list(self._boxes)
        for box in boxes:
            box.stir()

    def watched(self) -> set[str]:
        """Every widget that is open on some page."""
        with self._lock:
            return set(self._watchers)

    def open_pages(self) -> int:
        """How many open mailboxes belong to pages."""
        with self._lock:
            return sum(1 for box in self._boxes if box.is_page)

    def watch(self, box: Mailbox, widgets: frozenset[str]) -> None:
        """A mailbox watches these widgets from now on; one that has closed meanwhile watches nothing."""
        with self._lock:
            if box not in self._boxes:
                return
            before, box._watched = box._watched, widgets
            self._watchers.update(widgets - before)
            self._forget(before - widgets)
            new = {widget_id for widget_id in widgets - before if self._watchers[widget_id] == 1}
        for listener in self.on_watch if new else ():
            listener(new)

    def listen(self, box: Mailbox, series: frozenset[int]) -> None:
        """A mailbox listens to these series from now on; one that has closed meanwhile listens to nothing."""
        with self._lock:
            if box not in self._boxes:
                return
            before, box._heard = box._heard, series
            for each in series - before:
                self._listeners.setdefault(each, set()).add(box)
            self._deafen(box, before - series)

    def await_newcomers(self, box: Mailbox) -> None:
        """A mailbox wants to hear of devices and sensors that appear."""
        with self._lock:
            if box in self._boxes:
                self._awaiting.add(box)

    def leave(self, box: Mailbox) -> None:
        """A mailbox closed."""
        with self._lock:
            self._awaiting.discard(box)
            self._deafen(box, box.heard)
            if box in self._boxes:
                self._boxes.discard(box)
                self._forget(box.watched)

    def close(self) -> None:
        """Close every mailbox, so that each socket ends; idempotent."""
        with self._lock:
            self._closed = True
            boxes = list(self._boxes)
        for box in boxes:
            box.close()

    def _deafen(self, box: Mailbox, series: Iterable[int]) -> None:
        for each in series:
            boxes = self._listeners.get(each)
            if boxes is not None:
                boxes.discard(box)
                if not boxes:
                    del self._listeners[each]

    def _forget(self, ids: Iterable[str]) -> None:
        for widget_id in ids:
            self._watchers[widget_id] -= 1
            if self._watchers[widget_id] <= 0:
                del self._watchers[widget_id]
