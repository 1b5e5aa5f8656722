"""Followers of widgets: one thread a widget makes each frame once and hands it to every follower that can take it at once.

A follower whose connection would make that thread wait, or that has missed something, catches up on its own thread.
"""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from simple_websocket import ConnectionClosed
from simple_websocket.ws import Server

from glance.errors import Conflict, NotFound
from glance.model import Widget
from glance.runtime import Runtime
from glance.store.devices import Sensor
from glance.web.api.routing import encode
from glance.web.api.samples import shown, tracked
from glance.web.tracking import has_several

log = logging.getLogger(__name__)

REPLAYED = 1000
# A reader that is this far behind comes back with `since` instead of holding so much in memory.
MOST_BEHIND = 20_000
LOOK_S = 5.0
LOOK_AGAIN = "again"
REFUSED, RESTARTING, GONE = 1008, 1012, 4404


class Follower:
    """One socket and the id of the last sample that it was sent, or need not get. `wake` it to make it look for itself.

    `must_ask` says that its right to stay may have ended.
    """

    def __init__(self, ws: Server, last: int) -> None:
        self._ws = ws
        self._lock = threading.Lock()
        self.last = last
        self.wake = threading.Event()
        self.must_ask = False

    def offer(self, last: int, upto: int, data: bytes) -> None:
        """Take what follows `last`, up to and with `upto`, if that needs no waiting; else wake the own thread. Never waits."""
        if not self._lock.acquire(blocking=False):
            self.wake.set()
            return
        try:
            if self.last >= upto:
                return
            if self.last == last and self._try_send(data):
                self.last = upto
                return
        finally:
            self._lock.release()
        self.wake.set()

    def catch_up(self, group: Group, most: int, *, cut: bool = False) -> bool:
        """Send what is stored and was not sent yet, waiting for the reader; False where it is more than `most`.

        With `cut` the newest `most` of it are sent instead.
        """
        with self._lock:
            upto = group.complete_id()
            if upto <= self.last:
                return True
            frames = group.frames(self.last, upto, most)
            if len(frames) > most and not cut:
                return False
            for frame in frames[-most:]:
                self._send(frame)
            self.last = upto
            return True

    def _try_send(self, data: bytes) -> bool:
        """Only the server's own sockets can say whether a send would wait."""
        attempt = getattr(self._ws.sock, "try_send", None)
        try:
            return bool(self._ws.connected and attempt is not None and attempt(data))
        except OSError:
            return False

    def _send(self, frame: bytes) -> None:
        if not self._ws.connected:
            raise ConnectionClosed(self._ws.close_reason, self._ws.close_message)
        self._ws.sock.send(frame)


class Group:
    """The followers of one widget, and the series it shows. `end` says why it ended, as (close code, sentence)."""

    def __init__(self, runtime: Runtime, widget_id: str) -> None:
        self._runtime = runtime
        self._widget_id = widget_id
        self._mailbox = runtime.hub.subscribe()
        self._lock = threading.Lock()
        self._resolving = threading.Lock()
        self._followers: set[Follower] = set()
        self._stamp: tuple[int, int] | None = None
        self._series: list[tuple[str | None, Sensor]] = []
        self.end: tuple[int, str] | None = None
        try:
            # listening begins before the first look, so that nothing falls between
            self._mailbox.await_newcomers()
            self._resolve()
        except BaseException:
            self._mailbox.close()
            raise

    def complete_id(self) -> int:
        """Every sample up to this id is stored, and those of this widget are found: a sensor is known before its first sample."""
        upto = self._runtime.ingest.committed_id
        if self._resolve():
            # what was stored before the group listened to a new sensor woke nobody
            self._mailbox.mark([LOOK_AGAIN])
        return upto

    def start(self) -> None:
        """Start the thread."""
        self._runtime.ingest.be_eager(1)
        threading.Thread(target=self._run, name=f"widget-{self._widget_id}", daemon=True).start()

    def stop(self) -> None:
        """Nobody follows any more."""
        self._mailbox.close()
        self._runtime.ingest.be_eager(-1)

    def add(self, follower: Follower) -> None:
        """From now on it is offered what comes."""
        with self._lock:
            self._followers.add(follower)

    def remove(self, follower: Follower) -> bool:
        """It left; True where it was the last."""
        with self._lock:
            self._followers.discard(follower)
            return not self._followers

    def frames(self, last: int, upto: int, most: int) -> list[bytes]:
        """A frame for each sample stored after `last`, up to and with `upto`, in the order of storing: the newest `most` + 1."""
        found = [
            (sample.id, sample, name, sensor)
            for name, sensor in self._series
            for sample in self._runtime.samples.since(sensor.id, last, most + 1)
            if sample.id <= upto
        ]
        found.sort(key=lambda each: each[0])
        return [text_frame(encode(shown(sample, sensor, name))) for _, sample, name, sensor in found[-most - 1 :]]

    def _run(self) -> None:
        try:
            self._hand_out()
        except (NotFound, Conflict) as error:
            self.end = GONE if isinstance(error, NotFound) else REFUSED, error.sentence
        except Exception:
            log.exception("The followers of widget %s could not be served.", self._widget_id)
            self.end = RESTARTING, "Something in Glance went wrong."
        with self._lock:
            followers = list(self._followers)
        for follower in followers:
            follower.wake.set()

    def _hand_out(self) -> None:
        last, stirs = self.complete_id(), -1
        while True:
            taken = self._mailbox.take(LOOK_S)
            if taken is None:
                self.end = RESTARTING, "Glance is stopping."
                return
            # a stir may come together with samples, and comes but once
            before, stirs = stirs, self._mailbox.stirs
            if not taken or stirs != before:
                self._have_them_ask()
            upto = self.complete_id()
            if upto <= last:
                continue
            data = b"".join(self.frames(last, upto, MOST_BEHIND))
            with self._lock:
                followers = list(self._followers)
            for follower in followers:
                follower.offer(last, upto, data)
            last = upto

    def _have_them_ask(self) -> None:
        """It was stirred: each follower asks whether it may stay."""
        with self._lock:
            followers = list(self._followers)
        for follower in followers:
            follower.must_ask = True
            follower.wake.set()

    def _resolve(self) -> bool:
        """Look up which series the widget follows, if widgets or devices changed since; True where it was looked up."""
        rt = self._runtime
        with self._resolving:
            stamp = rt.db.structure, rt.devices.changes
            if stamp == self._stamp:
                return False
            widget: Widget = rt.widgets.get(self._widget_id)
            listed = tracked(rt, widget)
            named = has_several(widget, listed)
            self._series = [(name if named else None, sensor) for name, sensor in listed if sensor is not None]
            self._mailbox.listen(self._ids())
            self._stamp = stamp
            return True

    def _ids(self) -> Iterator[int]:
        """The series with all that was merged into them."""
        for _, sensor in self._series:
            track = self._runtime.ingest.catalog.tracks.get(sensor.id)
            yield from track.ids if track else (sensor.id,)


class Groups:
    """The groups that have followers, by widget; safe for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: dict[str, Group] = {}

    @contextmanager
    def joined(self, runtime: Runtime, widget_id: str, follower: Follower) -> Iterator[Group]:
        """Be a follower of a widget meanwhile; NotFound, or Conflict where the widget follows no sensor."""
        with self._lock:
            group = self._groups.get(widget_id)
            if group is None or group.end is not None:
                group = Group(runtime, widget_id)
                group.start()
                self._groups[widget_id] = group
            group.add(follower)
        try:
            yield group
        finally:
            with self._lock:
                if group.remove(follower):
                    group.stop()
                    if self._groups.get(widget_id) is group:
                        del self._groups[widget_id]


def text_frame(text: bytes) -> bytes:
    """A whole text message as a server sends it (RFC 6455, section 5.2): final, not masked, without extensions."""
    size = len(text)
    if size < 126:
        return bytes((0x81, size)) + text
    return b"\x81" + (struct.pack("!BH", 126, size) if size < 65536 else struct.pack("!BQ", 127, size)) + text
