"""Who gets which message, and what is retained."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from glance.broker.packets import SHUTTING_DOWN, TAKEN_OVER, Publish, Subscription, matches

MOST_RETAINED = 20_000
MOST_ROUTES = 4096


class Member(Protocol):
    """A connected client."""

    client_id: str
    subscriptions: dict[tuple[str, ...], Subscription]

    def deliver(self, message: Publish, qos: int) -> None:
        """Send it a message."""

    def end(self, code: int) -> None:
        """Close its connection."""


class Exchange:
    """Used by the broker's thread only."""

    def __init__(self) -> None:
        self._peers: dict[str, Member] = {}
        self._retained: OrderedDict[str, Publish] = OrderedDict()
        self._routes: dict[str, list[tuple[Member, int, bool]]] = {}

    def joined(self, peer: Member) -> None:
        """A client introduced itself; an older one of the same name has to go."""
        before = self._peers.get(peer.client_id)
        self._peers[peer.client_id] = peer
        if before is not None:
            before.end(TAKEN_OVER)

    def left(self, peer: Member) -> None:
        """A client went."""
        if self._peers.get(peer.client_id) is peer:
            del self._peers[peer.client_id]
        self.subscriptions_changed()

    def subscriptions_changed(self) -> None:
        """Who gets what has to be worked out anew."""
        self._routes.clear()

    def publish(self, message: Publish, sender: Member | None) -> None:
        """Hand a message to all who subscribed, and keep it where it is to be retained."""
        if message.retain:
            if message.payload:
                self._retained[message.topic] = message
                if len(self._retained) > MOST_RETAINED:
                    self._retained.popitem(last=False)
            else:
                self._retained.pop(message.topic, None)
        for peer, qos, no_local in self._route(message.topic):
            if not (no_local and peer is sender):
                peer.deliver(message, qos)

    def retained_for(self, levels: tuple[str, ...]) -> list[Publish]:
        """The retained messages that fit a filter."""
        return [message for topic, message in self._retained.items() if matches(levels, topic.split("/"))]

    def close(self) -> None:
        """End every connection."""
        for peer in list(self._peers.values()):
            peer.end(SHUTTING_DOWN)

    def _route(self, topic: str) -> list[tuple[Member, int, bool]]:
        """(client, QoS, not what it sent itself) of all who get this topic, each once with its best QoS."""
        found = self._routes.get(topic)
        if found is None:
            levels, found = topic.split("/"), []
            for peer in self._peers.values():
                fitting = [each for each in peer.subscriptions.values() if matches(each.levels, levels)]
                if fitting:
                    best = max(each.qos for each in fitting)
                    found.append((peer, best, all(each.no_local for each in fitting)))
            if len(self._routes) >= MOST_ROUTES:
                self._routes.clear()
            self._routes[topic] = found
        return found
