"""What a topic says by itself: a command, somebody's liveness, a device and the rest of the path."""

from __future__ import annotations

from glance.mqtt.decode.keys import clean
from glance.mqtt.readings import Presence

# Levels that name nothing: they are left out of a device's id.
WRAPPERS = frozenset(
    "home sensor sensors state states data tele raw out telemetry value values reading readings measurement "
    "measurements json status stat mqtt devices device".split()
)
# A browser takes these levels for steps in an address: what is named by them could not be opened.
NOWHERE = frozenset(("", ".", ".."))
LIVENESS_LEVELS = frozenset(
    "status availability available online lwt connected connection $state alive will state_online reachable mqtt".split()
)
ONLINE = frozenset("online connected available alive up ready true 1 2 on yes birth".split())
OFFLINE = frozenset(
    "offline disconnected unavailable dead down lost stopped false 0 off no connectionlost death".split()
)
ASLEEP = frozenset("sleeping asleep sleep".split())
# Words that can only mean liveness, whatever the topic is called.
CLEARLY = frozenset("online offline connected disconnected connectionlost available unavailable".split())
COMMAND_LEVELS = frozenset(("cmnd", "cmd", "commands"))
COMMAND_ENDS = frozenset(("set", "get", "command", "cmnd", "cmd"))


def is_command(levels: list[str]) -> bool:
    """True for topics by which somebody asks for something: .../set, .../set/<key>, cmnd/..., .../command, .../rpc."""
    last = levels[-1]
    if levels[0] == "openWB":
        # Its values lie below "get", its own decisions below "set".
        return False
    if len(levels) > 2 and levels[1] in ("set", "get", "Set"):
        return True
    if last in COMMAND_ENDS or (len(levels) > 2 and levels[-2] in ("set", "get", "command", "Set")):
        return True
    if not COMMAND_LEVELS.isdisjoint(levels[:-1]):
        return True
    return last == "rpc" and (len(levels) < 2 or levels[-2] != "events")


def fits(levels: list[str], wanted: list[str]) -> bool:
    """Whether a topic is one that a subscription with wildcards gets."""
    if wanted[-1] == "#":
        wanted = wanted[:-1]
        levels = levels[: len(wanted)]
    return len(levels) == len(wanted) and all(two in ("+", one) for one, two in zip(levels, wanted, strict=True))


def presence(text: str) -> Presence | None:
    """A liveness word as what it means."""
    word = text.strip().lower().replace(" ", "")
    if word in ONLINE:
        return "online"
    if word in OFFLINE:
        return "offline"
    return "asleep" if word in ASLEEP else None


def device_of(levels: list[str]) -> str:
    """The device that a topic's levels name, without empty levels, dots, and wrappers ("home", "sensors", "state")."""
    named = [level for level in levels if level not in NOWHERE]
    told = [level for level in named if level.lower() not in WRAPPERS] or named[:1] or ["mqtt"]
    return clean("/".join(told))


def split(levels: list[str]) -> tuple[str, str]:
    """(device, sensor) of a topic that carries one plain value."""
    told = [level for level in levels if level not in NOWHERE]
    while len(told) > 2 and told[-1].lower() in WRAPPERS:
        told.pop()
    if not told:
        return "mqtt", "value"
    if len(told) == 1:
        return clean(told[0]), "value"
    take = 2 if len(told) > 2 and told[-1].isdigit() and len(told[-1]) <= 2 else 1
    if ")" in told[-1] and "(" not in told[-1] and "(" in told[-2]:
        # A unit like (µg/m³) in a name is no further level.
        take = 2
    return device_of(told[:-take]), clean("/".join(told[-take:]))


def label_of(device: str) -> str:
    """The name of a device that has only a path: the last level of it."""
    last = device.rpartition("/")[2]
    return device if not last or last.isdigit() else last
