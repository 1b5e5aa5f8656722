"""Publishers without a convention of their own: JSON of many shapes, and plain values on a topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glance.mqtt.decode import lorawan, rtl433, senml, shelly, units, zigbee_units
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.flatten import VALUE_KEYS, guessed, leaves, pair, unit_in
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.scalars import NAME_KEYS, ROOM_KEYS, introduce, liveness, read_scalar
from glance.mqtt.decode.topics import device_of, split

DEVICE_KEYS = (
    "device_id", "deviceId", "deviceID", "DeviceId", "deviceid", "node_id", "nodeId", "nodeid", "sensor_id", "sensorId",
    "dev_id", "devId", "client_id", "clientId", "station_id", "node-id", "device-id", "sensor-id", "device_uuid", "esp8266id", "id", "ID", "Id", "gateway_id", "gatewayId", "from", "device", "node", "dev",
)  # fmt: skip
TYPE_KEYS = (
    "sensor_type", "sensorType", "value_type", "type", "sensor", "measurement", "metric", "quantity", "sensorName", "sensor_name",
    "parameter", "variable", "field", "property", "kind", "name", "key",
)  # fmt: skip
ROW_KEYS = (
    "sensordatavalues",
    "metrics",
    "payload",
    "readings",
    "samples",
    "measurements",
    "data",
    "sensors",
    "values",
    "records",
)
ROW_DEVICE_KEYS = ("sensor", "sensor_code", "sensor_id", "sensorId", "code", "device_id", "node_id", "id", "name")
WRAPPING, NAMING, VALUED = frozenset(ROW_KEYS), frozenset(DEVICE_KEYS), frozenset(VALUE_KEYS)
MOST_ROWS = 200
NAMED_ELSE = frozenset(("host", "hostname"))
DECLARED_KEYS = frozenset(("state_topic", "stat_t", "cmps"))
DECLARING_KEYS = frozenset(("dev", "device", "unique_id", "uniq_id"))
# Last levels on which a device answers what it was told.
ANSWERS = frozenset(("ack", "acks", "response", "reply"))
# Topics on which a publisher tells how it is set up, or answers somebody.
ABOUT_ITSELF = frozenset(
    "config configuration settings announce announcement discovery schema manifest log logs ack response reply".split()
)
LOG_KEYS = frozenset(("message", "msg", "log"))


def read_json(draft: Draft, levels: list[str], value: Any) -> None:
    """A JSON value on a topic of an unknown publisher."""
    if levels[-1].lower() in ANSWERS and len(levels) > 1:
        draft.says("meta", "An answer to a command, not a reading.")
        return
    if type(value) is dict and levels[-1].lower() in ABOUT_ITSELF:
        draft.ecosystem = "json"
        draft.says("meta", f"“{levels[-1]}”: how the sender is set up, or an answer of it; no reading.")
    elif type(value) is dict:
        draft.ecosystem = "json"
        _object(draft, levels, value)
    elif type(value) is list:
        draft.ecosystem = "json"
        _list(draft, levels, value)
    else:
        read_scalar(draft, levels, value)


def _object(draft: Draft, levels: list[str], fields: dict[str, Any]) -> None:
    if not fields:
        return
    # A state, or all that is said: {"server": "online"}; or what stands beside figures: {"status": "online", "rssi": -60}.
    told = "state" if "state" in fields or len(fields) > 1 else next(iter(fields))
    if told not in fields and "status" in fields:
        told = "status"
    if not liveness(draft, levels, fields.get(told)):
        _values(draft, levels, fields)
        return
    beside = {key: raw for key, raw in fields.items() if key != told}
    verdict, sentence = draft.verdict, draft.sentence
    if any(type(raw) is int or type(raw) is float for raw in beside.values()):
        draft.verdict = None
        _values(draft, levels[:-1], beside)
    if verdict is not None and not draft.readings:
        draft.says(verdict, sentence)


def _values(draft: Draft, levels: list[str], fields: dict[str, Any]) -> None:
    """What an object holds that says something else than whether somebody is there."""
    why = _not_a_reading(fields)
    if why:
        if "RF" in why and type(fields["value"]) in (int, str):
            draft.reading(_device(draft, levels, {}), "code", fields["value"], None, "event")
        draft.says("event" if "RF" in why else "meta", why)
        return
    if rtl433.looks_like(fields):
        rtl433.read(draft, fields)
        return
    if lorawan.looks_like(fields):
        lorawan.read(draft, lorawan.device_in(fields), "up")
        return
    if "BTHome_version" in fields and "address" in fields:
        shelly.heard(draft, "", fields)
        return
    draft.time_in(fields)
    wrapped = not WRAPPING.isdisjoint(fields)
    rows = _rows_in(fields) if wrapped else None
    if rows is not None:
        _rows(draft, levels, fields, rows)
        return
    sensor = _typed(fields)
    if sensor is not None:
        device = _device(draft, levels[:-1] if len(levels) > 1 else levels, fields, apart=sensor)
        _typed_value(draft, device, sensor, fields)
        return
    measured = pair(fields)
    if measured is not None and len(levels) > 1:
        device, name = split(levels)
        own = _id(fields, levels)
        draft.reading(
            introduce(draft, own or device, fields), name, measured[0], measured[1] or units.guess(name, measured[0])
        )
        return
    if _by_device(draft, fields):
        return
    device = _device(draft, levels, fields)
    # What stands beside an event belongs to it: {"event": "up", "val": 1}.
    skip = OWN_KEYS | frozenset(VALUE_KEYS) if type(fields.get("event")) is str else OWN_KEYS
    if type(fields.get("_event")) is str:
        # OctoPrint: the whole message is the event.
        fields = {"_event": fields["_event"]}
    if not SENSOR_NAMES.isdisjoint(fields) and any(type(fields.get(key)) is str for key in SENSOR_NAMES):
        skip |= SENSOR_NAMES
    unit_of = zigbee_units.unit_of if "linkquality" in fields else guessed
    for key in ROW_KEYS if wrapped else ():
        # An envelope around the values says nothing: {"device": …, "time": …, "values": {…}}.
        inner = fields.get(key)
        if type(inner) is dict:
            leaves(draft, device, inner, unit_of, skip=OWN_KEYS)
            fields = {name: raw for name, raw in fields.items() if name != key}
    leaves(draft, device, fields, unit_of, skip=skip)


def _rows_in(fields: Mapping[str, Any]) -> list[Any] | None:
    """The list of rows in an envelope."""
    for key in ROW_KEYS:
        rows = fields.get(key)
        if type(rows) is list and rows and type(rows[0]) is dict:
            return rows
    return None


def _by_device(draft: Draft, fields: Mapping[str, Any]) -> bool:
    """Read what a gateway tells of several devices: {"cellar": [{"ts": …, "values": {…}}], …}; False for any other object."""
    for rows in fields.values():
        if type(rows) is not list or not rows or type(rows[0]) is not dict or type(rows[0].get("values")) is not dict:
            return False
    for name, rows in list(fields.items())[:MOST_ROWS]:
        device = introduce(draft, clean(name), {})
        for row in rows[:MOST_ROWS]:
            if type(row) is dict and type(row.get("values")) is dict:
                draft.at = draft.refused_at = None
                draft.time_in(row)
                leaves(draft, device, row["values"])
    return bool(fields)


# A text below these is the name of what measures; a number is a value.
SENSOR_NAMES = frozenset(("sensor", "sensor_name", "sensorName", "sensor_type", "sensorType"))
OWN_KEYS = frozenset((*NAME_KEYS, *ROOM_KEYS, "from", "device", "node", "dev"))


def _not_a_reading(fields: Mapping[str, Any]) -> str | None:
    """Why an object of a known shape holds no reading: remote procedure calls, logs, radio codes."""
    if "method" in fields and ("params" in fields or "id" in fields):
        return "A remote procedure call, not a reading."
    if "result" in fields and "id" in fields and ("src" in fields or "jsonrpc" in fields):
        return "A reply to a remote procedure call, not a reading."
    if "fw_id" in fields and "gen" in fields and "mac" in fields:
        return "A Shelly about itself, not a reading."
    if "protocol" in fields and "value" in fields and ("length" in fields or "bits" in fields or "delay" in fields):
        return "An RF or infrared code: something that happened, not a reading."
    if not DECLARED_KEYS.isdisjoint(fields) and not DECLARING_KEYS.isdisjoint(fields):
        return "A declaration in Home Assistant's language, on a topic where nobody looks for one."
    if not LOG_KEYS.isdisjoint(fields) and ("level" in fields or "severity" in fields or "type" in fields):
        return "A log line, not a reading."
    return None


def _list(draft: Draft, levels: list[str], rows: list[Any]) -> None:
    if senml.looks_like(rows):
        senml.read(draft, levels, rows)
        return
    if rows and all(type(row) is dict for row in rows):
        _rows(draft, levels, {}, rows)
        return
    device, sensor = split(levels)
    if 0 < len(rows) <= 8 and all(type(x) is int or type(x) is float for x in rows):
        introduce(draft, device, {})
        for place, value in enumerate(rows):
            draft.reading(device, f"{sensor}.{place}" if len(rows) > 1 else sensor, value, units.guess(sensor, value))
        return
    draft.says("ignored", "A list of values without names cannot be told apart.")


def _rows(draft: Draft, levels: list[str], envelope: dict[str, Any], rows: list[Any]) -> None:
    """The bulk form: rows inherit device and time from the envelope."""
    whole_at, whole_refused = draft.at, draft.refused_at
    for row in rows[:MOST_ROWS]:
        if type(row) is not dict:
            continue
        draft.at, draft.refused_at = whole_at, whole_refused
        draft.time_in(row)
        sensor = _typed(row)
        if sensor is not None:
            own = (
                _id({k: v for k, v in row.items() if row[k] != sensor}, levels)
                if "id" in row or "device_id" in row
                else None
            )
            device = introduce(draft, own, envelope) if own else _device(draft, levels, envelope)
            _typed_value(draft, device, sensor, row)
            continue
        own = next((clean(row[k]) for k in ROW_DEVICE_KEYS if type(row.get(k)) is str and row[k]), None)
        device = introduce(draft, own, {**envelope, **row}) if own else _device(draft, levels, envelope)
        leaves(draft, device, row, skip=OWN_KEYS | frozenset(ROW_DEVICE_KEYS))
    if len(rows) > MOST_ROWS:
        draft.dropped += len(rows) - MOST_ROWS


def _typed(fields: Mapping[str, Any]) -> str | None:
    """The sensor's name in an object that names sensor and value: {"sensor_type": "temperature", "value": 21.5}."""
    if VALUED.isdisjoint(fields):
        return None
    for key in TYPE_KEYS:
        name = fields.get(key)
        if type(name) is str and name.strip():
            return clean(name)
    return None


# What a message about one sensor may say about its device's health beside it.
BESIDE = ("battery", "batt", "battery_level", "battery_voltage", "voltage", "rssi", "snr", "linkquality")


def _typed_value(draft: Draft, device: str, sensor: str, fields: Mapping[str, Any]) -> None:
    raw = next(fields[key] for key in VALUE_KEYS if key in fields)
    if type(raw) is dict:
        leaves(draft, device, raw, prefix=f"{sensor}.", depth=2)
    else:
        draft.reading(device, sensor, raw, unit_in(fields) or units.guess(sensor, raw))
    for key in BESIDE:
        beside = fields.get(key)
        if key != sensor and (type(beside) is int or type(beside) is float):
            draft.reading(device, key, beside, units.guess(key, beside))


def _id(fields: Mapping[str, Any], levels: list[str], apart: str | None = None) -> str | None:
    """The device id in an object: a text as it is; a bare number only together with the topic."""
    if NAMING.isdisjoint(fields):
        return None
    for key in DEVICE_KEYS:
        own = fields.get(key)
        if own is None or own == apart or own == "" or (key == "from" and str(own).startswith("system.")):
            # "system.adapter.hm-rpc.0" is the part of ioBroker that set a state, no device.
            continue
        if type(own) is str and len(own) <= 64:
            own = clean(own)
            if not own.isdigit() or len(own) > 4:
                return own
        elif type(own) is not int or (key in ("id", "ID") and not NAMED_ELSE.isdisjoint(fields)):
            # Beside the name of its host a number counts the messages (ESPurna).
            continue
        device = device_of(levels)
        return device if device.endswith(str(own)) else f"{device}/{own}"
    return None


def _device(draft: Draft, levels: list[str], fields: Mapping[str, Any], apart: str | None = None) -> str:
    return introduce(draft, _id(fields, levels, apart) or device_of(levels), fields)
