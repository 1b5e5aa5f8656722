"""The page of one device: its four links, a chart of one sensor, every sensor, and its last messages with what was made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import render_template, request, url_for

from glance.formats import figure
from glance.ingest.history import Stretch
from glance.runtime import Runtime
from glance.store.devices import Device, Sensor
from glance.web import runtime
from glance.web.devices import parts, sensor_form, states
from glance.web.devices.chain import chain, heard_of
from glance.web.devices.finding import find_device
from glance.web.devices.looks import DAY_S, SensorLook, device_look, sensor_look

RANGES = {"1h": 3600.0, "24h": DAY_S, "7d": 7 * DAY_S, "30d": 30 * DAY_S}
CHART_POINTS = 300
MESSAGES_SHOWN = 20
STRETCHES_SHOWN = 14
ALL_SENSORS = 200


@dataclass(frozen=True, slots=True)
class Chart:
    """What the selected sensor did: `series` for the plot, `spread` in words, or stretches of words; `uses` of a counter."""

    span: str
    series: Sequence[dict[str, Any]] = ()
    spread: str = ""
    stretches: Sequence[Stretch] = ()
    band: Sequence[tuple[float, float | None]] = ()
    uses: Sequence[tuple[float, float | None]] = ()
    per: str = ""


def page(device_id: str) -> Any:
    """GET /devices/<id>; with `part=rows` only what changed since the browser looked."""
    rt = runtime()
    now = rt.clock()
    device = find_device(rt, device_id)
    if request.args.get("part") == "rows":
        shown = gather(rt, device, now)
        return parts.answer(_parts(shown), parts.had())
    return show(rt, device, now)


def show(rt: Runtime, device: Device, now: float, errors: dict[str, str] | None = None) -> str:
    """The whole page, with what was wrong with a posted form."""
    shown = gather(rt, device, now)
    return render_template(
        "device.html",
        current=None,
        now=now,
        errors=errors or {},
        posted=request.form if request.method == "POST" else None,
        editing=request.values.get("edit", ""),
        ranges=list(RANGES),
        others=[one for one in rt.devices.all(with_ignored=True) if one.id != device.id],
        merged=rt.devices.merged(device.id),
        forgotten=rt.devices.forgotten_sensors(device.id),
        just_forgotten=_just_forgotten(rt, device),
        form=sensor_form.make(rt, device, shown["selected"].sensor) if shown["selected"] else None,
        export=_exports(device, shown["selected"], shown["range"]),
        part_versions={name: version for name, version, _ in _parts(shown)},
        **shown,
    )


def _just_forgotten(rt: Runtime, device: Device) -> Sensor | None:
    """The sensor that was forgotten a moment ago, for the way back."""
    wanted = request.args.get("forgotten", "")
    return next((one for one in rt.devices.forgotten_sensors(device.id) if one.sensor == wanted), None)


def gather(rt: Runtime, device: Device, now: float) -> dict[str, Any]:
    """What the page shows."""
    state = states.of_device(rt, device, now)
    look = device_look(rt, state, now, ALL_SENSORS)
    hidden = [sensor for sensor in rt.devices.sensors(device.id) if sensor.hidden]
    rows = [*look.sensors, *(sensor_look(rt, sensor, now) for sensor in hidden)]
    selected = _selected(rows)
    range_name = request.values.get("range", "24h")
    range_name = range_name if range_name in RANGES else "24h"
    told = rt.ingest.messages.of_device({device.id, *(one.id for one in rt.devices.merged(device.id))}, MESSAGES_SHOWN)
    heard = [heard_of(message) for message in told]
    return {
        "device": device,
        "look": look,
        "rows": rows,
        "hidden_count": len(hidden),
        "selected": selected,
        "range": range_name,
        "chart": make_chart(rt, selected.sensor, range_name, now) if selected else None,
        "links": chain(rt, state, selected, heard, now),
        "heard": heard,
        "about": about(device),
    }


def _exports(device: Device, selected: SensorLook | None, range_name: str) -> dict[str, str]:
    """Where the shown history can be had as a file."""
    if selected is None:
        return {}
    named: dict[str, Any] = {"device_id": device.id, "sensor": selected.sensor.sensor, "from": f"-{range_name}"}
    return {
        "csv": url_for("api.sensor_history_csv", points=5000, **named),
        "raw": url_for("api.sensor_history_csv", raw=1, **named),
        "json": url_for("api.sensor_history", points=5000, **named),
    }


def _parts(shown: dict[str, Any]) -> list[parts.Part]:
    """The parts that change by themselves."""
    device, selected, rows, look = shown["device"], shown["selected"], shown["rows"], shown["look"]
    chosen = selected.sensor.sensor if selected else ""
    values = {
        "dv-state": ("head", (look,), (look.state.state, look.battery, look.signal, device)),
        "dv-chain": ("chain", (shown["links"],), shown["links"]),
        "dv-rows": (
            "sensors",
            (device, rows, chosen, shown["range"], shown["hidden_count"]),
            [row.facts for row in rows],
        ),
        "dv-msgs": ("messages", (shown["heard"],), shown["heard"]),
    }
    if selected:
        chart: Chart = shown["chart"]
        facts = chart, selected.at, selected.standing.state
        values["dv-chart"] = ("chart", (device, selected, chart, list(RANGES)), facts)
    found: list[parts.Part] = []
    for name, (drawn_by, given, told) in values.items():
        version = parts.version(told)
        found.append((name, version, partial(parts.macro, "_sensor.html", drawn_by, *given, version)))
    return found


def _selected(rows: Sequence[SensorLook]) -> SensorLook | None:
    """The sensor that the query names, else the first that has a line to show: not the battery, where there is another."""
    wanted = request.values.get("sensor", "")
    named = next((row for row in rows if row.sensor.sensor == wanted), None) if wanted else None
    return (
        named
        or next((row for row in rows if row.sensor.kind == "number" and row.at is not None), None)
        or next(iter(rows), None)
    )


def make_chart(rt: Runtime, sensor: Sensor, range_name: str, now: float) -> Chart:
    """The chart of a sensor over one of the ranges."""
    samples, begin = rt.samples, now - RANGES[range_name]
    if sensor.kind != "number":
        stretches = samples.timeline(sensor.id, begin, now, 200)
        band: list[tuple[float, float | None]] = []
        if sensor.kind == "boolean" and stretches:
            # before the first of them nothing is known
            band = [(begin, None), *((at, one.value) for one in stretches for at in (one.begin, one.end))]
        return Chart(range_name, stretches=tuple(reversed(stretches[-STRETCHES_SHOWN:])), band=tuple(band))
    points = samples.history(sensor.id, begin, now, CHART_POINTS).points
    shown: list[list[float | None]] = [
        [round(point.t, 3), None if point.avg is None else round(point.avg, 6)] for point in points
    ]
    latest = samples.latest(sensor.id)
    if (
        latest
        and latest.at
        and latest.value is not None
        and not latest.retained
        and (not shown or (shown[-1][0] or 0) < latest.at)
    ):
        shown.append([round(latest.at, 3), latest.value])
    lows = [point.low for point in points if point.low is not None]
    highs = [point.high for point in points if point.high is not None]
    spread = ""
    if lows and highs:
        least = figure(min(lows), None, "", sensor.shown_decimals)
        most = figure(max(highs), None, sensor.shown_unit or "", sensor.shown_decimals)
        spread = f"{least} to {most}" if min(lows) < max(highs) else str(most)
    uses: list[tuple[float, float | None]] = []
    per = ""
    if sensor.is_counter:
        per = "hour" if RANGES[range_name] <= DAY_S else "day"
        begin = now - DAY_S if per == "hour" else begin
        uses = [(use.begin, use.value) for use in samples.use(sensor.id, begin, now, per)]  # type: ignore[arg-type]
    series = [{"label": sensor.title, "unit": sensor.shown_unit or "", "points": shown}] if shown else []
    return Chart(range_name, series=tuple(series), spread=spread, uses=tuple(uses), per=per)


def about(device: Device) -> str:
    """What a device is, in a line: "Temperature sensor TH-02 by Zigbee"."""
    what = device.model or ""
    if device.maker:
        what = f"{what} by {device.maker}".strip()
    room = f"in {device.place}" if device.place else ""
    firmware = f"firmware {device.firmware}" if device.firmware else ""
    return ", ".join(part for part in (what, room, firmware) if part)
