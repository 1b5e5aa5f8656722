"""The history of a sensor as JSON or CSV, and how much a counter grew."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from flask import Response, request, stream_with_context

from glance.errors import FieldError, Invalid
from glance.runtime import Runtime
from glance.store.devices import Sensor
from glance.web import runtime
from glance.web.api import schemas
from glance.web.api.routing import route
from glance.web.api.samples import shown as shown_sample
from glance.web.api.samples import value_of
from glance.web.api.times import iso
from glance.web.devices.finding import find_both, find_sensor, meant_device

TAG = "Devices and samples"
DAY_S = 86_400.0
POINTS, MOST_POINTS = 300, 5000
MOST_RAW = 100_000
STEP_S = {"m": 60.0, "h": 3600.0, "d": DAY_S, "w": 7 * DAY_S}
_SPAN = re.compile(r"^-([0-9]{1,6})([mhdw])$")
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
SPAN: dict[str, Any] = {
    "from": {"type": "string", "description": "ISO 8601, Unix seconds, or -24h, -7d; a day ago where it is left out."},
    "to": {"type": "string", "description": "ISO 8601, Unix seconds, or -1h; now where it is left out."},
    "raw": {"type": "string", "enum": ["1"], "description": "Single samples instead of averages."},
}
QUERY = {**SPAN, "points": {"type": "integer", "minimum": 2, "maximum": MOST_POINTS, "default": POINTS}}
POINT: dict[str, Any] = {
    "type": "object",
    "required": ["t"],
    "properties": {
        "t": {"type": "string", "format": "date-time"},
        **{name: {"type": ["number", "null"]} for name in ("avg", "min", "max")},
        "n": {"type": "integer", "description": "0 in a gap."},
        "id": {"type": "integer"},
        "value": {"type": ["number", "string", "null"]},
        "label": {"type": "string"},
    },
}
HISTORY: dict[str, Any] = {
    "type": "object",
    "required": ["unit", "points"],
    "properties": {"unit": {"type": ["string", "null"]}, "points": {"type": "array", "items": POINT}},
}


@route(
    "GET",
    "/api/devices/<path:device_id>/sensors/<path:sensor>/history",
    or_else=meant_device("api.get_device", "/history"),
    scope="read",
    tag=TAG,
    summary="The history of a sensor",
    query=QUERY,
    answers={200: ("Oldest first; averages of raw samples or rollups, whichever fits, gaps as empty points.", HISTORY)},
)
def sensor_history(device_id: str, sensor: str) -> Any:
    """`{"unit", "points": [{"t", "avg", "min", "max", "n"}]}`, never more points than asked for. With `raw=1`, and for words,
    single samples: `{"t", "id", "value", "label"?}`, at most 100 000 of them."""
    rt = runtime()
    found = find_sensor(rt, *find_both(rt, device_id, sensor))
    begin, end = _stretch(rt)
    if _is_raw(found):
        samples = rt.samples.between(found.id, begin, end, MOST_RAW)
        return {"unit": found.shown_unit, "points": [_single(shown_sample(one, found)) for one in samples]}
    points = rt.samples.history(found.id, begin, end, _points()).points
    told = [{"t": iso(one.t), "avg": one.avg, "min": one.low, "max": one.high, "n": one.n} for one in points]
    return {"unit": found.shown_unit, "points": told}


@route(
    "GET",
    "/api/devices/<path:device_id>/sensors/<path:sensor>/history.csv",
    or_else=meant_device("api.get_device", "/history.csv"),
    scope="read",
    tag=TAG,
    summary="The history of a sensor as CSV",
    query=QUERY,
    answers={200: ("`time,avg,min,max,n`, or with raw=1 `time,value,unit`.", {"type": "string"})},
    answers_as="text/csv",
)
def sensor_history_csv(device_id: str, sensor: str) -> Response:
    """The same as a file for a spreadsheet; with `raw=1` every single sample, however many."""
    rt = runtime()
    device, name = find_both(rt, device_id, sensor)
    found = find_sensor(rt, device, name)
    begin, end = _stretch(rt)
    if _is_raw(found):
        rows = _raw_rows(rt, found, begin, end)
    else:
        rows = _mean_rows(rt, found, begin, end, _points())
    name = re.sub(r"[^\w.-]+", "-", f"{device.title}-{found.title}").strip("-") or "history"
    plain = name.encode("ascii", "ignore").decode() or "history"
    return Response(
        stream_with_context(_lines(rows)),
        mimetype="text/csv",
        headers={"Content-Disposition": f"attachment; filename=\"{plain}.csv\"; filename*=UTF-8''{quote(name)}.csv"},
    )


@route(
    "GET",
    "/api/devices/<path:device_id>/sensors/<path:sensor>/use",
    or_else=meant_device("api.get_device", "/use"),
    scope="read",
    tag=TAG,
    summary="How much a counter grew",
    failures=(409,),
    query={
        "from": SPAN["from"],
        "to": SPAN["to"],
        "per": {"type": "string", "enum": ["hour", "day"], "default": "hour"},
    },
    answers={
        200: (
            "Oldest first; null where nothing is known.",
            {
                "type": "object",
                "properties": {
                    "unit": {"type": ["string", "null"]},
                    "use": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "from": schemas.TIME,
                                "to": schemas.TIME,
                                "value": {"type": ["number", "null"]},
                            },
                        },
                    },
                },
            },
        )
    },
)
def sensor_use(device_id: str, sensor: str) -> Any:
    """The growth of a counter (state class total or total_increasing) per hour or day here; resets are tolerated."""
    rt = runtime()
    found = find_sensor(rt, *find_both(rt, device_id, sensor))
    per = request.args.get("per", "hour")
    if per not in ("hour", "day"):
        raise _wrong("per", "must be hour or day")
    begin, end = _stretch(rt)
    if end - begin > (366 if per == "hour" else 3660) * DAY_S:
        raise _wrong("from", "is too long ago for so short steps")
    uses = rt.samples.use(found.id, begin, end, per)  # type: ignore[arg-type]
    return {
        "unit": found.shown_unit,
        "use": [{"from": iso(use.begin), "to": iso(use.end), "value": use.value} for use in uses],
    }


def _single(sample: dict[str, Any]) -> dict[str, Any]:
    """A sample as a point."""
    kept = {name: value for name, value in sample.items() if name in ("id", "value", "label")}
    return {"t": sample["timestamp"], **kept}


def _is_raw(sensor: Sensor) -> bool:
    return request.args.get("raw") in ("1", "true") or sensor.kind not in ("number", "boolean")


def _raw_rows(rt: Runtime, sensor: Sensor, begin: float, end: float) -> Iterator[list[Any]]:
    yield ["time", "value", "unit"]
    for sample in rt.samples.export(sensor.id, begin, end):
        told = value_of(sample.value, sample.text, sensor)
        yield [iso(sample.at), _cell(told["value"]), _cell(sensor.shown_unit or "")]


def _mean_rows(rt: Runtime, sensor: Sensor, begin: float, end: float, points: int) -> Iterator[list[Any]]:
    yield ["time", "avg", "min", "max", "n"]
    for point in rt.samples.history(sensor.id, begin, end, points).points:
        if point.n:
            yield [iso(point.t), point.avg, point.low, point.high, point.n]


def _lines(rows: Iterator[list[Any]]) -> Iterator[str]:
    """The rows as CSV, some thousand at a time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in rows:
        writer.writerow(row)
        if buffer.tell() > 60_000:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> Any:
    """A value for a spreadsheet: words that look like a formula are kept from being one."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _stretch(rt: Runtime) -> tuple[float, float]:
    """`from` and `to` of this request in Unix seconds; Invalid names the one that is wrong."""
    now = rt.clock()
    end = _moment("to", now)
    end = now + 1 if end is None else end
    begin = _moment("from", now)
    begin = end - DAY_S if begin is None else begin
    if begin >= end:
        raise _wrong("from", "must be before to")
    return begin, end


def _moment(name: str, now: float) -> float | None:
    # an unescaped + of an offset arrives as a space
    raw = request.args.get(name, "").strip().replace(" ", "+")
    if not raw:
        return None
    if span := _SPAN.match(raw):
        return now - int(span[1]) * STEP_S[span[2]]
    try:
        at = float(raw) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", raw) else datetime.fromisoformat(raw).timestamp()
    except (ValueError, OverflowError, OSError):
        at = -1.0
    if not 0 <= at <= 4_102_444_800:
        raise _wrong(name, "must be a time: ISO 8601, Unix seconds, or a stretch such as -24h or -7d")
    return at


def _points() -> int:
    raw = request.args.get("points")
    if raw is None:
        return POINTS
    if not (raw.isascii() and raw.isdigit() and len(raw) < 6 and 2 <= int(raw) <= MOST_POINTS):
        raise _wrong("points", f"must be a whole number from 2 to {MOST_POINTS}")
    return int(raw)


def _wrong(name: str, message: str) -> Invalid:
    return Invalid(f"{name} {message}.", [FieldError(name, message)])
