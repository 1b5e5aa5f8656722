"""What was found by itself on the broker: the devices heard last, each with its most telling value, to be placed with one click."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import nlargest
from itertools import islice
from typing import Literal

from flask import Response, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from glance.cards.drawing import spark_in
from glance.errors import GlanceError, Invalid, NotFound
from glance.ingest.tracks import Latest
from glance.mqtt.client import BrokerState
from glance.runtime import Runtime
from glance.series.words import BATTERY, SIGNAL, class_of
from glance.store.devices import Device, Sensor
from glance.web import runtime, tracking
from glance.web.broker import way
from glance.web.devices import parts, states
from glance.web.devices.looks import NO_SIGN, is_battery, is_signal, sign, words
from glance.web.devices.visualize import kinds
from glance.web.speech import spelled

SHOWN = 3
# So many devices are looked at for those three: the ones heard last.
LOOKED_AT = 200
HOUR_S = 3600.0
SPARK_POINTS = 48
# What a device is about, by what its sensors measure, the most telling first. What opens and closes often has a thermometer, too,
# but one of its own chip.
TELLING = (
    "contact", "door", "garage_door", "opening", "lock", "temperature", "power", "carbon_dioxide", "co2", "pm25", "moisture",
    "soil_moisture", "humidity", "illuminance", "smoke", "water_leak", "leak", "occupancy", "motion", "presence", "level",
    "pressure", "atmospheric_pressure", "flow", "energy", "state", "switch",
)  # fmt: skip
Link = Literal["none", "there", "connecting", "away"]
KINDS = ("number", "boolean", "enum", "text", "event")


@dataclass(frozen=True, slots=True)
class Met:
    """A device as a row: its most telling sensor with the newest value as text, and the line of the last hour (may be empty).

    `far` = what it says is not of now, because it is offline, silent, or the broker is away.
    """

    device: Device
    sensor: Sensor
    icon: str
    spark: Markup
    value: str
    unit: str
    far: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The card: `count` devices heard `where`, the newest message of theirs (Unix seconds), and up to three of them.

    `trouble` says what is wrong with the broker (None = nothing); `by_broker` False = some of them speak by HTTP; `put_aside` =
    there are others, which the owner hid or ignores.
    """

    count: int
    by_broker: bool
    where: str
    heard_at: float | None
    live: bool
    met: tuple[Met, ...]
    link: Link
    trouble: str | None
    put_aside: bool

    @property
    def title(self) -> str:
        """How many, as the heading of the card."""
        if not self.count:
            return "Devices"
        many = f"{self.count} device{'' if self.count == 1 else 's'}"
        return f"{many} on the broker" if self.by_broker else many

    @property
    def add_all(self) -> str:
        """What the button for all of them says; empty where it would be one."""
        if len(self.met) < 2:
            return ""
        return "Add both" if len(self.met) == 2 else f"Add all {spelled(len(self.met))}"


def found_devices(rt: Runtime, now: float) -> Found | None:
    """The card; None where Glance runs without a broker and nothing came by HTTP either."""
    broker = states.broker(rt)
    everyone = rt.devices.all(with_ignored=True)
    counted = [
        one for one in everyone if not (one.hidden or one.ignored or one.removed_at or one.ecosystem == "derived")
    ]
    if broker is None and not counted:
        return None
    heard = [(rt.devices.last_seen(one.id) or 0.0, one) for one in counted]
    latest = nlargest(LOOKED_AT, heard, key=lambda pair: pair[0])
    met = _met(rt, [device for _, device in latest], now)
    direct = sum(1 for one in counted if one.direct)
    return Found(
        count=len(counted),
        by_broker=broker is not None and bool(counted) and not direct,
        where=_where(broker, len(counted), direct),
        heard_at=(latest[0][0] or None) if latest else None,
        live=any(not one.far for one in met),
        met=met,
        link=_link(broker),
        trouble=_trouble(rt, broker, bool(counted)),
        put_aside=any(one.hidden or one.ignored for one in everyone),
    )


def card(slug: str) -> Response:
    """GET /dashboards/<slug>/found/devices: the card anew, and the way to the broker, to take their places on the page; nothing where there is none."""
    rt = runtime()
    dashboard = rt.dashboards.get(slug)
    found = found_devices(rt, rt.clock())
    if found is None:
        return parts.answer([], {})
    told = way(states.broker(rt), found.trouble is not None)
    drawn = [
        ("w-devices", "", partial(parts.macro, "_found.html", "card", found, dashboard)),
        ("way-broker", "", partial(parts.macro, "_found.html", "way", told)),
    ]
    return parts.answer(drawn, {})


def add_devices(slug: str) -> AnyResponse:
    """POST /dashboards/<slug>/found/devices: place a widget of each `series`, as Visualize suggests it; all of them or none."""
    rt = runtime()
    chosen = [_sensor(rt, each) for each in dict.fromkeys(request.form.getlist("series"))]
    if not 1 <= len(chosen) <= SHOWN:
        raise Invalid(f"Choose one to {spelled(SHOWN)} devices.")
    made: list[str] = []
    try:
        for sensor in chosen:
            able = kinds(rt, sensor)
            if not able:
                raise NotFound("There is no custom widget that could show a sensor.")
            made.append(tracking.make_widget(rt, rt.devices.get(sensor.device), sensor, able[0].slug, slug).id)
    except GlanceError:
        for widget_id in made:
            rt.placing.remove(widget_id)
        raise
    return redirect(f"{url_for('pages.dashboard', slug=slug)}#w-{made[0]}", 303)


def telling(sensors: Sequence[Sensor]) -> Sensor | None:
    """The sensor that says most about its device; None where there is none."""
    return min(sensors, key=_rank, default=None)


def _rank(sensor: Sensor) -> tuple[bool, int, int, bool]:
    """Lower tells more: what is in TELLING, then numbers with a unit, states, words, and bare numbers such as counts of errors."""
    what, kind = class_of(sensor).casefold(), KINDS.index(sensor.kind)
    around = is_battery(sensor) or is_signal(sensor) or what in (BATTERY, SIGNAL)
    known = TELLING.index(what) if what in TELLING else len(TELLING)
    bare = sensor.kind == "number" and not sensor.shown_unit
    return around, known, len(KINDS) if bare else kind, sensor.is_counter


def _met(rt: Runtime, devices: Sequence[Device], now: float) -> tuple[Met, ...]:
    """The first three that have a value."""
    return tuple(islice(_each_met(rt, devices, now), SHOWN))


def _each_met(rt: Runtime, devices: Sequence[Device], now: float) -> Iterator[Met]:
    for device in devices:
        sensors = rt.devices.sensors(device.id, with_hidden=False)
        sensor = telling([one for one in sensors if _says(rt.samples.latest(one.id))])
        if sensor is None:
            continue
        value, unit = words(sensor, rt.samples.latest(sensor.id))
        own = sign([sensor])
        yield Met(
            device=device,
            sensor=sensor,
            icon=own if own != NO_SIGN else sign(sensors),
            spark=_spark(rt, device, sensor, now),
            value=value,
            unit=unit,
            far=states.of_device(rt, device, now).state != "online",
        )


def _says(latest: Latest | None) -> bool:
    return latest is not None and (latest.value is not None or bool((latest.text or "").strip()))


def _spark(rt: Runtime, device: Device, sensor: Sensor, now: float) -> Markup:
    """The last hour as a line, as steps where it is on or off; empty for words and for too few values."""
    label = f"{tracking.suggested_title(device, sensor)}, last hour"
    if sensor.kind == "boolean":
        stretches = rt.samples.timeline(sensor.id, now - HOUR_S, now, SPARK_POINTS // 2)
        return spark_in([(at, one.value) for one in stretches for at in (one.begin, one.end)], label)
    if sensor.kind != "number":
        return Markup("")
    points = rt.samples.history(sensor.id, now - HOUR_S, now, SPARK_POINTS).points
    return spark_in([(point.t, point.avg) for point in points], label, sensor.shown_unit)


def _where(broker: BrokerState | None, count: int, direct: int) -> str:
    """Where they are heard: the address of the broker, HTTP, or both; empty for those of a broker that is used no more."""
    if count and direct == count:
        return "by HTTP"
    if broker is None:
        return ""
    return f"{broker.address} and HTTP" if direct else broker.address


def _link(broker: BrokerState | None) -> Link:
    if broker is None:
        return "none"
    if broker.connected:
        return "there"
    return "connecting" if broker.status == "connecting" and broker.sentence is None else "away"


def _trouble(rt: Runtime, broker: BrokerState | None, is_any: bool) -> str | None:
    """What is wrong with the broker; one that nobody named and that was never there is not missed where devices come by HTTP."""
    if broker is None or broker.connected:
        return broker.sentence if broker else None
    missed = broker.given or (rt.mqtt is not None and rt.mqtt.ever_connected)
    if is_any and not missed:
        return None
    return broker.sentence or f"The connection to the broker at {broker.address} is being made."


def _sensor(rt: Runtime, series: str) -> Sensor:
    """The sensor of a posted series; NotFound where it went since the page was made."""
    track = rt.ingest.catalog.tracks.get(int(series[:18])) if series.isascii() and series.isdigit() else None
    if track is None:
        raise NotFound("There is no such sensor any more. Go back and load the page again.")
    return rt.devices.sensor(track.sensor.device, track.sensor.sensor)
