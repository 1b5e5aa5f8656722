"""The page of all devices: searched, filtered, grouped, and the parts of it that changed since a browser looked."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from flask import Response, current_app, render_template, request

from glance.runtime import Runtime
from glance.web import runtime, tracking
from glance.web.devices import parts, states
from glance.web.devices.looks import DeviceLook, device_look
from glance.web.devices.states import WORDS, DeviceState, State
from glance.web.speech import span

TEMPLATE = "_device.html"
SENSORS_SHOWN = 6
DEVICES_SHOWN = 40
# a browser tells of each which version it has, in a header of at most 8 kB
MOST_SHOWN = 300
CENSUS_KEPT_S = 1.0
UNPLACED = "unplaced"
CHIPS: tuple[State, ...] = ("online", "stale", "asleep", "offline", "unknown", "removed")
GROUPS = (("room", "Room"), ("ecosystem", "Ecosystem"), ("none", "Name"))
ECOSYSTEMS = {
    "glance": "Glance's own form",
    "json": "JSON of other publishers",
    "plain": "Plain values",
    "home-assistant": "Home Assistant discovery",
    "zigbee2mqtt": "Zigbee2MQTT",
    "tasmota": "Tasmota",
    "esphome": "ESPHome",
    "shelly-gen1": "Shelly, first generation",
    "shelly-gen2": "Shelly",
    "openmqttgateway": "OpenMQTTGateway",
    "homie": "Homie",
    "frigate": "Frigate",
    "valetudo": "Valetudo",
    "zwave-js-ui": "Z-Wave JS UI",
    "opendtu": "OpenDTU",
    "teslamate": "TeslaMate",
    "owntracks": "OwnTracks",
    "wirenboard": "Wiren Board",
    "ecowitt": "Ecowitt",
    "meshtastic": "Meshtastic",
    "victron": "Victron",
    "ems-esp": "EMS-ESP",
    "dsmr": "DSMR",
    "domoticz": "Domoticz",
    "wled": "WLED",
    "mosquitto-sys": "Mosquitto",
    "sparkplug": "Sparkplug",
    "openwb": "openWB",
    "lorawan": "LoRaWAN",
    "senml": "SenML",
    "influx": "InfluxDB line protocol",
    "derived": "Derived values",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader wants to see, from the page's query."""

    words: tuple[str, ...]
    show: str
    group: str
    all: bool

    @classmethod
    def of_request(cls) -> Asked:
        """The query of this request; what is not known counts as not given."""
        # a button's word goes before what the page showed so far (`was`, `by`)
        show = request.args.get("show", request.args.get("was", ""))
        group = request.args.get("group", request.args.get("by", ""))
        return cls(
            words=tuple(request.args.get("q", "").casefold().split()[:8]),
            show=show if show in (*CHIPS, UNPLACED) else "",
            group=group if group in dict(GROUPS) else GROUPS[0][0],
            all="all" in request.args,
        )


@dataclass(frozen=True, slots=True)
class Census:
    """Every device that is not hidden and how it stands, and those that no widget shows; as of `made_at` (Unix seconds)."""

    made_at: float
    changes: tuple[int, int]
    everyone: tuple[DeviceState, ...]
    unplaced: frozenset[str]


class Counting:
    """Keeps the census for a second, so that many open pages count once; safe for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: Census | None = None

    def census(self, rt: Runtime, now: float) -> Census:
        """The census as of a second ago at most."""
        changes = rt.devices.changes, rt.db.structure
        with self._lock:
            kept = self._kept
            if kept is not None and 0 <= now - kept.made_at < CENSUS_KEPT_S and kept.changes == changes:
                return kept
            shown = {device for device, _ in tracking.placed(rt)}
            listed = [device for device in rt.devices.all() if not device.hidden]
            self._kept = Census(
                made_at=now,
                changes=changes,
                everyone=tuple(states.of_device(rt, device, now) for device in listed),
                unplaced=frozenset(device.id for device in listed if device.id not in shown),
            )
            return self._kept


@dataclass(frozen=True, slots=True)
class Listing:
    """The page: what was asked, the counts of the chips, the groups as (title, looks), and how many match but are not shown."""

    asked: Asked
    counts: dict[str, int]
    groups: Sequence[tuple[str, Sequence[DeviceLook]]]
    matching: int
    rest: int

    @property
    def order(self) -> str:
        """Changes with which devices are shown and in what order."""
        told = [(title, [look.key for look in looks]) for title, looks in self.groups]
        return hashlib.blake2b(repr((told, self.rest)).encode("utf-8", "replace"), digest_size=5).hexdigest()


def make_listing(rt: Runtime, asked: Asked, now: float) -> Listing:
    """The devices that were asked for, with their newest values."""
    counting: Counting = current_app.extensions["glance.devices"]
    census = counting.census(rt, now)
    found = [one for one in census.everyone if _matches(rt, one, asked.words)]
    counts = Counter[str](one.state for one in found)
    counts[""] = len(found)
    counts[UNPLACED] = sum(1 for one in found if one.device.id in census.unplaced)
    if asked.show == UNPLACED:
        found = [one for one in found if one.device.id in census.unplaced]
    elif asked.show:
        found = [one for one in found if one.state == asked.show]
    title_of = _titles(asked.group)
    found.sort(
        key=lambda one: (_last(title_of(one)), title_of(one).casefold(), one.device.title.casefold(), one.device.id)
    )
    most = MOST_SHOWN if asked.all else DEVICES_SHOWN
    groups: dict[str, list[DeviceLook]] = {}
    for one in found[:most]:
        groups.setdefault(title_of(one), []).append(device_look(rt, one, now, SENSORS_SHOWN))
    return Listing(asked, dict(counts), list(groups.items()), len(found), max(0, len(found) - most))


def page() -> str | Response:
    """GET /devices; with `part=rows` only what changed since the browser looked."""
    rt = runtime()
    now = rt.clock()
    listing = make_listing(rt, Asked.of_request(), now)
    if request.args.get("part") == "rows":
        return _changes(rt, listing, now)
    return render_template(
        "devices.html",
        current=None,
        now=now,
        q=request.args.get("q", ""),
        listing=listing,
        forgotten=rt.devices.forgotten()[:20],
        put_aside=[one for one in rt.devices.all(with_ignored=True) if one.ignored or one.hidden],
        just_forgotten=_just_forgotten(rt),
        **_around(rt, listing, now),
    )


def _changes(rt: Runtime, listing: Listing, now: float) -> Response:
    around = _around(rt, listing, now)
    found: list[parts.Part] = [
        (f"dev-{name}", parts.version(around[given]), partial(parts.macro, TEMPLATE, made, around[given]))
        for name, given, made in (
            ("sum", "summary", "summary"),
            ("notes", "notes", "notes"),
            ("chips", "chips", "chips"),
        )
    ]
    have = parts.had()
    if have.get("devs") != listing.order:
        found.append(("devs", listing.order, partial(parts.macro, TEMPLATE, "list", listing, listing.order)))
        return parts.answer(found, have)
    found += [
        (f"dev-{look.key}", look.version, partial(parts.macro, TEMPLATE, "device", look))
        for _, looks in listing.groups
        for look in looks
    ]
    return parts.answer(found, have)


def _around(rt: Runtime, listing: Listing, now: float) -> dict[str, object]:
    """What stands above the list: a sentence, notes, the chips."""
    counts, asked = listing.counts, listing.asked
    chips = [("", "All", counts.get("", 0))]
    chips += [(one, WORDS[one][0], counts[one]) for one in CHIPS if counts.get(one)]
    if counts.get(UNPLACED):
        chips.append((UNPLACED, "Not on a dashboard", counts[UNPLACED]))
    if asked.show and asked.show not in [name for name, _, _ in chips]:
        word = "Not on a dashboard" if asked.show == UNPLACED else WORDS[asked.show][0]  # type: ignore[index]
        chips.append((asked.show, word, 0))
    return {
        "summary": summary(rt, counts.get("", 0) if not asked.words else len(rt.devices.all())),
        "notes": notes(rt, now),
        "chips": [(name, word, count, name == asked.show) for name, word, count in chips],
    }


def summary(rt: Runtime, count: int) -> str:
    """How many devices there are and how the broker stands, as a sentence or two."""
    broker = states.broker(rt)
    many = f"{count} device{'' if count == 1 else 's'}"
    if broker is None:
        return f"{many}. Glance runs without a broker (GLANCE_MQTT_URL is off); readings come by HTTP only."
    if not broker.connected:
        return f"{many}."
    rate = (
        "no message in the last minute" if not broker.per_minute else f"{_grouped(broker.per_minute)} messages a minute"
    )
    if broker.per_minute == 1:
        rate = "one message a minute"
    return f"{many} on {broker.address}, {rate}. Found by themselves; nothing to set up."


def notes(rt: Runtime, now: float) -> list[tuple[str, str, str]]:
    """What the owner has to know, as (status, icon, sentence)."""
    found: list[tuple[str, str, str]] = []
    broker = states.broker(rt)
    if broker is not None and not broker.connected:
        told = broker.sentence or f"The connection to the broker at {broker.address} is being made."
        # the minutes stand still for a while, so that the note is the same
        since = f" It has been away for {span(60 * ((now - broker.since) // 60))}." if now - broker.since >= 60 else ""
        found.append(("warn", "plug-off", f"{told} Glance keeps trying.{since}"))
    elif broker is not None and broker.sentence:
        found.append(("warn", "warn", broker.sentence))
    health = rt.ingest.health()
    if health.sentence:
        found.append(("bad", "bad", health.sentence))
    if rt.devices.flood:
        found.append(("warn", "warn", rt.devices.flood))
    if health.shortened:
        found.append(("info", "info", health.shortened))
    return found


def _matches(rt: Runtime, one: DeviceState, words: Sequence[str]) -> bool:
    """Each word somewhere in the names of the device or of its sensors."""
    if not words:
        return True
    device = one.device
    told = [device.id, device.title, device.name, device.place, device.model, device.maker, device.ecosystem]
    text = "\n".join(each for each in told if each).casefold()
    if all(word in text for word in words):
        return True
    for sensor in rt.devices.sensors(device.id, with_hidden=False):
        text += f"\n{sensor.sensor}\n{sensor.title}\n{sensor.device_class or ''}\n{sensor.shown_unit or ''}".casefold()
    return all(word in text for word in words)


def ecosystem_of(name: str | None) -> str:
    """An ecosystem as people call it."""
    return ECOSYSTEMS.get(name or "", name or "Sent by HTTP")


def _titles(group: str) -> Callable[[DeviceState], str]:
    if group == "room":
        return lambda one: one.device.place or ""
    return (lambda one: ecosystem_of(one.device.ecosystem)) if group == "ecosystem" else lambda _one: ""


def _last(title: str) -> bool:
    """Those without a room come after those with one."""
    return title == ""


def _just_forgotten(rt: Runtime) -> object:
    """The device that was forgotten a moment ago, for the way back."""
    wanted = request.args.get("forgotten", "")
    return next((one for one in rt.devices.forgotten() if one.id == wanted), None) if wanted else None


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")
