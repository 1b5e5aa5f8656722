"""What the device pages show of a device and its sensors: values as words, ages, and a small line of the last day."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from flask import current_app
from markupsafe import Markup

from glance.cards.drawing import spark_in
from glance.formats import figure
from glance.ingest.liveness import Standing
from glance.ingest.tracks import Latest
from glance.runtime import Runtime
from glance.series import shown_value
from glance.store.devices import Device, Sensor
from glance.web.devices.states import DeviceState

DAY_S = 86_400.0
SPARK_POINTS = 32
SPARK_SPAN = "Last 24 h"
SPARK_KEPT_S = 120.0
SPARKS_KEPT = 2000
LOW_BATTERY = 15
# What a sensor's class or name says about the sign of its device; the first that fits.
SIGNS = (
    ("therm", ("temperature", "humidity", "dew_point")),
    ("bolt", ("power", "energy", "voltage", "current", "apparent_power")),
    ("drop", ("water", "moisture", "level", "rain", "precipitation", "flow", "leak")),
    ("door", ("contact", "door", "window", "opening", "garage_door", "lock", "cover")),
    ("bulb", ("light", "brightness", "illuminance", "switch", "relay", "power1", "state")),
    ("fan", ("fan", "co2", "carbon_dioxide", "pm25", "voc", "aqi")),
    ("sunny", ("irradiance", "uv", "solar", "yieldday")),
    ("server", ("cpu", "uptime", "memory", "disk")),
)
NO_SIGN = "chip"
SIGNAL_UNITS = ("dBm", "lqi")


@dataclass(frozen=True, slots=True)
class SensorLook:
    """A sensor as a row: `value` and `unit` as text, `at` of the value (None = unknown), how it stands, its line of a day."""

    sensor: Sensor
    value: str
    unit: str
    at: float | None
    standing: Standing
    spark: Markup = field(default=Markup(""), compare=False)

    @property
    def facts(self) -> tuple[object, ...]:
        """What a row shows, but for the line: where it is the same, the row is."""
        return self.sensor, self.value, self.unit, self.at, self.standing.state


@dataclass(frozen=True, slots=True)
class DeviceLook:
    """A device as a panel: `key` is short and fit for an id of an element, `battery` and `signal` as text for its head."""

    state: DeviceState
    key: str
    icon: str
    battery: str
    battery_low: bool
    signal: str
    sensors: tuple[SensorLook, ...]
    more: int

    @property
    def device(self) -> Device:
        """The device itself."""
        return self.state.device

    @property
    def version(self) -> str:
        """Changes with whatever the panel shows, but not with its age."""
        told = (
            self.device,
            self.state.state,
            self.battery,
            self.signal,
            self.more,
            [one.facts for one in self.sensors],
        )
        # short, since a browser names hundreds of them in one header
        return hashlib.blake2b(repr(told).encode("utf-8", "replace"), digest_size=3).hexdigest()


def key_of(device_id: str) -> str:
    """A short name for an element's id: device ids may hold anything."""
    return hashlib.blake2b(device_id.encode("utf-8", "replace"), digest_size=5).hexdigest()


class Sparks:
    """The small lines, drawn anew every two minutes at most; safe for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[float, Markup]] = OrderedDict()

    def get(self, runtime: Runtime, sensor: Sensor, now: float) -> Markup:
        """The line of the last 24 h of a sensor, of its own life where that is shorter; empty for words and for too few values."""
        with self._lock:
            kept = self._kept.get(sensor.id)
        if kept is not None and 0 <= now - kept[0] < SPARK_KEPT_S:
            return kept[1]
        drawn = _spark(runtime, sensor, now)
        with self._lock:
            self._kept[sensor.id] = (now, drawn)
            self._kept.move_to_end(sensor.id)
            while len(self._kept) > SPARKS_KEPT:
                self._kept.popitem(last=False)
        return drawn


def _spark(runtime: Runtime, sensor: Sensor, now: float) -> Markup:
    samples = runtime.samples
    if sensor.kind == "boolean":
        stretches = samples.timeline(sensor.id, now - DAY_S, now, SPARK_POINTS // 2)
        return spark_in([(at, one.value) for one in stretches for at in (one.begin, one.end)], SPARK_SPAN)
    if sensor.kind != "number":
        return Markup("")
    chart = samples.history(sensor.id, now - DAY_S, now, SPARK_POINTS)
    return spark_in([(point.t, point.avg) for point in chart.points], SPARK_SPAN, sensor.shown_unit)


def sparks() -> Sparks:
    """The lines of the current application."""
    found: Sparks = current_app.extensions["glance.sparks"]
    return found


def sensor_look(runtime: Runtime, sensor: Sensor, now: float) -> SensorLook:
    """A sensor with its newest value."""
    latest = runtime.samples.latest(sensor.id)
    value, unit = words(sensor, latest)
    at = latest.at if latest else None
    standing = runtime.standings.of_sensor(sensor, now)
    return SensorLook(sensor, value, unit, at, standing, sparks().get(runtime, sensor, now))


def words(sensor: Sensor, latest: Latest | None) -> tuple[str, str]:
    """The newest value and its unit as text; a dash where there is none."""
    if latest is None or (latest.value is None and latest.text is None):
        return "–", ""
    value = shown_value(sensor, latest)
    if isinstance(value, str):
        return (value[:1].upper() + value[1:].lower() if sensor.kind == "boolean" else value), ""
    shown_figure = figure(value, None, sensor.shown_unit or "", sensor.shown_decimals)
    return shown_figure.text, shown_figure.unit


def device_look(runtime: Runtime, state: DeviceState, now: float, most: int) -> DeviceLook:
    """A device with at most `most` of its sensors that are not hidden."""
    device = state.device
    listed = runtime.devices.sensors(device.id)
    visible = [sensor for sensor in listed if not sensor.hidden]
    # the battery and the signal stand in the head already
    visible.sort(key=lambda sensor: is_battery(sensor) or is_signal(sensor))
    latest = runtime.samples.latest
    battery = next(
        (one for one in listed if is_battery(one) and (found := latest(one.id)) and found.value is not None), None
    )
    signal = next((one for one in listed if is_signal(one) and latest(one.id)), None)
    charge = latest(battery.id) if battery else None
    return DeviceLook(
        state=state,
        key=key_of(device.id),
        icon=sign(visible or listed),
        battery=" ".join(words(battery, charge)).strip() if battery else "",
        battery_low=charge is not None and charge.value is not None and charge.value <= LOW_BATTERY,
        signal=" ".join(words(signal, latest(signal.id))).strip() if signal else "",
        sensors=tuple(sensor_look(runtime, sensor, now) for sensor in visible[:most]),
        more=max(0, len(visible) - most),
    )


def is_battery(sensor: Sensor) -> bool:
    """True for the charge of a device's battery in percent."""
    named = sensor.device_class == "battery" or sensor.sensor.rpartition(".")[2].casefold() in ("battery", "batt")
    return named and sensor.kind == "number" and sensor.shown_unit in ("%", None)


def is_signal(sensor: Sensor) -> bool:
    """True for how well a device is received."""
    last = sensor.sensor.rpartition(".")[2].casefold()
    return sensor.kind == "number" and (
        sensor.device_class == "signal_strength" or sensor.shown_unit in SIGNAL_UNITS or last in ("rssi", "linkquality")
    )


def sign(sensors: Iterable[Sensor]) -> str:
    """The icon that fits what a device measures."""
    told = [
        {
            sensor.device_class or "",
            *sensor.sensor.casefold().replace(".", "_").replace("/", "_").split("_"),
            sensor.sensor.casefold(),
        }
        for sensor in sensors
    ]
    for icon, names in SIGNS:
        if any(not each.isdisjoint(names) for each in told):
            return icon
    return NO_SIGN
