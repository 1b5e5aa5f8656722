"""Glance's own form: `{device_id, sensor_type, value, unit?, timestamp?}`, single and bulk; over MQTT, HTTP and websocket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Any

from glance.errors import FieldError, Invalid
from glance.mqtt.decode import times, units, values
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.known import described
from glance.mqtt.decode.parts import text
from glance.mqtt.decode.topics import label_of
from glance.mqtt.readings import OWN_DEVICE, OWN_SENTENCE, DeviceInfo, Reading, SensorInfo, SensorKind

ECOSYSTEM = "glance"
LONGEST_NAME = 128
MOST_ROWS = 1000
DAY_S = 86_400.0


def is_native(value: Any) -> bool:
    """Whether an object is meant in Glance's own form."""
    return type(value) is dict and "device_id" in value and ("sensor_type" in value or "readings" in value)


def read(draft: Draft, value: Mapping[str, Any]) -> None:
    """A message in the native form; rows that do not fit are left out and named."""
    draft.ecosystem = ECOSYSTEM
    rows, faults = _rows(value), []
    device = value.get("device_id")
    for place, row in enumerate(rows[:MOST_ROWS]):
        own = row.get("device_id", device) if type(row) is dict else device
        errors = _faults(row, own, f"readings.{place}." if "readings" in value else "")
        if errors:
            faults.extend(errors)
            continue
        draft.at = draft.refused_at = None
        stamp = row.get("timestamp", value.get("timestamp"))
        if stamp is not None:
            draft.time(stamp)
        known = draft.device(clean(str(own)), name=_name(value) or label_of(str(own)), room=_room(value))
        unit = row.get("unit")
        draft.reading(
            known,
            clean(row["sensor_type"]),
            row["value"],
            unit if unit else units.guess(row["sensor_type"], row["value"]),
        )
    if faults and not draft.readings:
        draft.says("invalid", f"{faults[0].field}: {faults[0].message}")
    elif faults:
        draft.says("reading", f"{len(draft.readings)} values; left out: {faults[0].field}: {faults[0].message}")


def _name(value: Mapping[str, Any]) -> str | None:
    name = value.get("name")
    return text(name)


def _room(value: Mapping[str, Any]) -> str | None:
    return next((value[key] for key in ("room", "location", "area") if type(value.get(key)) is str), None)


def _rows(value: Mapping[str, Any]) -> list[Any]:
    rows = value.get("readings")
    return rows if type(rows) is list else [value]


def _faults(row: Any, device: Any, where: str) -> list[FieldError]:
    """What keeps a row from being a reading, per field; never repeats the input."""
    if type(row) is not dict:
        return [FieldError(where.rstrip("."), "must be an object with sensor_type and value.")]
    out = []
    if (fault := _device_fault(device)) is not None:
        out.append(FieldError("device_id" if "device_id" not in row else f"{where}device_id", fault))
    if not _named(row.get("sensor_type")) or type(row.get("sensor_type")) is not str:
        out.append(FieldError(f"{where}sensor_type", _name_fault(row.get("sensor_type"))))
    out.extend(FieldError(f"{where}value", fault) for fault in _value_fault(row))
    unit = row.get("unit")
    if unit is not None and (type(unit) is not str or len(unit) > 24):
        out.append(FieldError(f"{where}unit", "must be a text of at most 24 characters."))
    return out


NAME_FAULT = f"must be a text of 1 to {LONGEST_NAME} characters."


def _named(name: Any) -> bool:
    if type(name) is int:
        return True
    return type(name) is str and bool(name.strip()) and len(name) <= LONGEST_NAME and name.isprintable()


def _device_fault(device: Any) -> str | None:
    if not _named(device):
        return _name_fault(device)
    if clean(str(device)) == OWN_DEVICE:
        return OWN_SENTENCE
    steps = {".", ".."}.intersection(str(device).strip().split("/"))
    return "must not have . or .. for a level: a browser takes them for steps." if steps else None


def _name_fault(name: Any) -> str:
    """What is wrong with a name; one of the right length holds something that nobody could see in a list."""
    if type(name) is str and name.strip() and len(name) <= LONGEST_NAME:
        return _unseen(name) or NAME_FAULT
    return NAME_FAULT


def _unseen(text: str) -> str | None:
    """A sentence about the first character of a text that cannot be seen; None where there is none."""
    unseen = next((c for c in text if not c.isprintable()), None)
    if unseen is None:
        return None
    return f"holds a character that cannot be seen (U+{ord(unseen):04X}); leave it out."


def _value_fault(row: Mapping[str, Any]) -> list[str]:
    if "value" not in row:
        return ["is missing."]
    raw = row["value"]
    if type(raw) in (int, float):
        return [] if values.number(raw) is not None else ["must be a finite number."]
    if type(raw) is bool:
        return []
    if type(raw) is not str:
        return ["must be a number, true, false or a text."]
    if values.nothing(raw):
        return ["holds no value."]
    if len(raw) > values.LONGEST_TEXT:
        return [f"must be a text of at most {values.LONGEST_TEXT} characters."]
    unseen = _unseen(raw)
    return [unseen] if unseen else []


def parse_body(obj: Any, *, now: float, oldest_s: float, zone: tzinfo | None = None) -> list[Reading]:
    """The readings of a body sent over HTTP or a websocket; Invalid names each field that does not fit.

    `now` Unix seconds; `oldest_s` how far back a time may lie (raw retention). A time of a clock that was never set, or ahead
    by more than 5 minutes, is noted in `refused_at` and the reading counts as taken now.
    """
    if type(obj) is not dict:
        raise Invalid(
            "The body must be an object with device_id and a reading.", [FieldError("", "must be an object.")]
        )
    rows, bulk = _rows(obj), "readings" in obj
    errors: list[FieldError] = []
    if bulk and type(obj["readings"]) is not list:
        errors.append(FieldError("readings", "must be a list of objects with sensor_type and value."))
    elif bulk and not 0 < len(rows) <= MOST_ROWS:
        errors.append(FieldError("readings", f"must hold 1 to {MOST_ROWS} rows."))
    if errors:
        raise Invalid("The readings cannot be taken.", errors)
    out: list[Reading] = []
    for place, row in enumerate(rows):
        where = f"readings.{place}." if bulk else ""
        device = row.get("device_id", obj.get("device_id")) if type(row) is dict else obj.get("device_id")
        faults = _faults(row, device, where)
        at, refused, late = (
            (None, None, None) if faults else _stamp(row.get("timestamp", obj.get("timestamp")), now, oldest_s, zone)
        )
        if late:
            faults.append(FieldError(f"{where}timestamp", late))
        errors.extend(fault for fault in faults if fault not in errors)
        if not faults:
            out.append(_reading(clean(str(device)), row, at, refused))
    if errors:
        raise Invalid("The readings cannot be taken.", errors[:50])
    return out


def parse_about(obj: Mapping[str, Any], readings: Iterable[Reading]) -> tuple[DeviceInfo, ...]:
    """What a body that parse_body() took says about the devices of its readings: their name and room, where it does."""
    name, room = (clean(told) if told else "" for told in (_name(obj), _room(obj)))
    if not name and not room:
        return ()
    return tuple(DeviceInfo(each, name=name or None, room=room or None) for each in {one.device: 0 for one in readings})


def parse_meanings(readings: Iterable[Reading]) -> tuple[SensorInfo, ...]:
    """What the names of the sensors say by themselves, each once: a class, that it counts up, what true stands for."""
    each = {(one.device, one.sensor): one for one in readings}
    found = (described(*key, one.unit, one.kind) for key, one in each.items())
    return tuple(info for info in found if info is not None)


def _stamp(raw: Any, now: float, oldest_s: float, zone: tzinfo | None) -> tuple[float | None, float | None, str | None]:
    """(time, refused time, fault) of a row's timestamp."""
    if raw is None:
        return None, None, None
    at = times.parse(raw, zone)
    if at is None:
        if values.number(raw) is not None:
            # Seconds since the device started: no time, and no fault of the sender.
            return None, None, None
        return None, None, "must be ISO 8601 or Unix seconds."
    if at > now + times.FUTURE_S or at < times.FIRST_BELIEVED:
        return None, at, None
    if at < now - oldest_s:
        return None, None, f"is older than the {oldest_s / DAY_S:g} days for which single samples are kept."
    return at, None, None


def _reading(device: str, row: Mapping[str, Any], at: float | None, refused: float | None) -> Reading:
    sensor, raw = clean(row["sensor_type"]), row["value"]
    unit = units.normal(row["unit"] if row.get("unit") else units.guess(sensor, raw))
    guessed = not row.get("unit")
    kind: SensorKind = "number"
    value: float | bool | str
    label: str | None = None
    number = values.number(raw)
    if type(raw) is bool:
        value, kind, unit, label = raw, "boolean", None, "true" if raw else "false"
    elif number is not None:
        value = number
    elif raw.strip().lower() in values.BOOLEANS:
        value, kind, unit, label = values.BOOLEANS[raw.strip().lower()], "boolean", None, raw.strip()
    else:
        measured = values.with_unit(raw, units.WRITTEN)
        if measured is not None:
            value, unit, guessed = measured[0], unit or units.normal(measured[1]), guessed and unit is not None
        else:
            value, kind, unit = raw.strip(), "enum" if len(raw) <= 32 else "text", None
    return Reading(device, sensor, value, kind, unit, at, False, label, refused, guessed=guessed and unit is not None)
