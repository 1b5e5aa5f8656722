"""Topics that belong to the broker or to programs rather than devices: `$SYS`, Sparkplug, WLED's own, Domoticz."""

from __future__ import annotations

from glance.mqtt.decode import units
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean, role
from glance.mqtt.decode.parts import text
from glance.mqtt.decode.topics import presence


def read_sys(draft: Draft, levels: list[str]) -> None:
    """Mosquitto about itself: numbers, "22 seconds"."""
    draft.ecosystem = "mosquitto-sys"
    if role(levels[-1]) != "sensor" or levels[-1] == "version":
        draft.says("meta", "The broker about itself: no reading.")
        return
    if not draft.knows("$SYS"):
        draft.device("$SYS", name="Broker", maker="Mosquitto")
    draft.reading("$SYS", clean("/".join(levels[1:])), draft.message.body.value, None, "number")


def read_sparkplug(draft: Draft, _levels: list[str]) -> None:
    """Sparkplug B: protobuf whose names stand only in the birth message."""
    draft.ecosystem = "sparkplug"
    draft.says("binary", "A Sparkplug payload; Glance does not read it.")


def is_wled(levels: list[str]) -> bool:
    """Whether a topic is one of WLED's."""
    return levels[0] == "wled" and len(levels) in (2, 3)


def read_wled(draft: Draft, levels: list[str]) -> None:
    """WLED: brightness (`g`), colour (`c`), liveness; the rest is XML or a command. Source: kno.wled.ge/interfaces/mqtt."""
    draft.ecosystem = "wled"
    if len(levels) == 2:
        draft.says("command", "A command to WLED, not its state.")
        return
    device, key, value = clean("/".join(levels[:2])), levels[2], draft.message.body.value
    if key == "status":
        state = presence(str(value))
        if state:
            draft.alive(draft.device(device, name=levels[1]), state)
    elif key == "g":
        draft.reading(draft.device(device, name=levels[1], maker="WLED"), "brightness", value)
    elif key == "c":
        draft.reading(draft.device(device, name=levels[1], maker="WLED"), "color", value, None, "text")
    elif key in ("api", "col"):
        draft.says("command", "A command to WLED, not its state.")
    else:
        draft.says("meta", "WLED's state as XML; its parts come on other topics.")


def read_domoticz(draft: Draft, levels: list[str]) -> None:
    """Domoticz' out topic: one device with up to ten values. Source: domoticz wiki (MQTT)."""
    draft.ecosystem = "domoticz"
    fields = draft.message.body.value
    if levels[1] == "in":
        draft.says("command", "A message to Domoticz, not a reading of it.")
        return
    if type(fields) is not dict or type(fields.get("idx")) is not int:
        draft.says("meta", "No device of Domoticz.")
        return
    name, kind = fields.get("name"), str(fields.get("dtype", ""))
    device = draft.device(f"domoticz/{fields['idx']}", name=text(name), model=kind or None)
    if kind in ("Light/Switch", "Lighting 2", "Lighting 1"):
        draft.reading(device, "state", fields.get("nvalue"), None, "boolean")
    parts = {
        "Temp": ("temperature",),
        "Temp + Humidity": ("temperature", "humidity"),
        "Humidity": (),
        "Temp + Humidity + Baro": ("temperature", "humidity", "", "pressure"),
    }
    names = parts.get(kind, tuple(f"svalue{n}" for n in range(1, 6)))
    for place, sensor in enumerate(names, 1):
        raw = fields.get(f"svalue{place}")
        if sensor and type(raw) is str:
            unit = {"temperature": "°C", "pressure": "hPa"}.get(sensor) or units.by_name(sensor)
            draft.reading(device, sensor, raw, unit)
    battery = fields.get("Battery")
    if type(battery) is int and 0 <= battery <= 100:
        draft.reading(device, "battery", battery, "%")
