"""OpenMQTTGateway and Theengs Gateway: Bluetooth sensors, radio codes, the gateway itself.

Source: 1technophile/OpenMQTTGateway docs/use/{ble,rf}.md, theengs/decoder docs (property names and units).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glance.mqtt.decode import rtl433, units
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.flatten import leaves
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.parts import text
from glance.mqtt.decode.topics import device_of, label_of

ECOSYSTEM = "openmqttgateway"
MODULE = "toMQTT"
EVENTS = ("433toMQTT", "IRtoMQTT", "PilighttoMQTT", "SRFBtoMQTT", "RFtoMQTT", "2GtoMQTT", "GSMtoMQTT", "WebUItoMQTT")
UNITS = {
    "tempc": "°C", "tempf": "°F", "hum": "%", "batt": "%", "volt": "V", "lux": "lx", "moi": "%", "fer": "µS/cm", "pres": "hPa",
    "co2": "ppm", "pm25": "µg/m³", "pm10": "µg/m³", "pm1": "µg/m³", "for": "mg/m³", "tvoc": "ppb", "voc": "ppb", "rssi": "dBm",
    "distance": "m", "uptime": "s", "weight": "kg", "current": "A", "power": "W", "energy": "kWh", "lvl_cm": "cm", "lvl_in": "in",
    "accx": None, "accy": None, "accz": None, "tempc2_dp": "°C", "tempf2_dp": "°F", "tempc1": "°C", "ws": "m/s",
    "wind_speed": "m/s", "temperature": "°C", "humidity": "%", "freeMem": "B", "freemem": "B", "minfreemem": "B", "freestack": "B", "snr": "dB", "mq_temp": None,
    "interval": None, "light": "lx", "pressure": "hPa", "windspeed": "m/s", "duration": "s", "seconds": "s", "litres": "L", "level": "%", "ph": None, "ec": "µS/cm", "altitude": "m",
}  # fmt: skip
NAMES = {
    "tempc": "Temperature", "tempf": "Temperature", "hum": "Humidity", "batt": "Battery", "volt": "Voltage", "lux": "Illuminance",
    "moi": "Moisture", "fer": "Fertility", "pres": "Pressure", "co2": "CO₂", "rssi": "Signal", "distance": "Distance",
}  # fmt: skip
SKIP = frozenset(
    "id name mac brand model model_id type rssi_raw servicedata servicedatauuid manufacturerdata mfid cidc acts track encr cipher "
    "ctr mic prmac rval mac_type adv_type uuid mjr mnr txpower_raw version modules SSID ip env onboarding interface "
    "tempUnit presence_uuid hostname unit sumu avgu volu device modeltype cont_type discovery gatewayMAC".split()
)
SYSTEM_SKIP = frozenset(
    "version modules SSID ip env mac hostname BLEinterval intervalcnct scanrate eth origin disc Bdisc gatewayMAC interval".split()
)
# Of keys that are put together: volt_in, current_batt_1, batt_case.
FIRST_PARTS = {"volt": "V", "current": "A", "batt": "%"}
# What a kind of device measures in another unit than the others, by its "type": tyres, tooth brushes, kitchen scales.
BY_TYPE: dict[str, dict[str, str | None]] = {
    "TIRE": {"pres": "bar"},
    "BODY": {"pressure": None},
    "SCALE": {"weight": None},
}
UNIT_KEYS = {"weight": "unit", "avg": "avgu", "sum": "sumu", "vol": "volu"}


def parts_of(levels: list[str]) -> tuple[str, str, list[str]] | None:
    """(gateway, module, rest) of a topic of a gateway; None for other topics."""
    for place in range(1, len(levels)):
        if levels[place].endswith(MODULE) and len(levels[place]) > len(MODULE):
            return device_of(levels[:place]), levels[place], levels[place + 1 :]
    if len(levels) > 2 and levels[-2] == "home_presence":
        return device_of(levels[:-2] + levels[-1:]), "BT presence", []
    return None


def read(draft: Draft, gateway: str, module: str, rest: list[str]) -> None:
    """A message of a gateway's module; `undecoded` and such carry nothing to draw."""
    draft.ecosystem = ECOSYSTEM
    fields = draft.message.body.value
    if module in EVENTS or module.startswith(("433", "IR", "Pilight", "SRFB")):
        if type(fields) is dict:
            _code(draft, gateway, module.removesuffix(MODULE), fields)
        draft.says("event", "A radio or infrared code: something that happened, not a reading.")
        return
    if type(fields) is not dict:
        draft.says("meta", "No JSON object: nothing that a gateway sends for a sensor.")
        return
    if module.startswith("RTL_433"):
        rtl433.read(draft, fields)
        draft.ecosystem = ECOSYSTEM
    elif module.startswith("LOG"):
        draft.says("meta", "The gateway about its last start: no reading.")
    elif module.startswith("SYS"):
        _gateway(draft, gateway, fields)
    elif module.startswith("BT"):
        _bluetooth(draft, gateway, rest, fields)
    elif module.startswith("LORA") and rest:
        draft.device(clean(rest[0]), name=text(fields.get("name")) or rest[0])
        leaves(draft, clean(rest[0]), fields, _unit, skip=SKIP)
    else:
        # Several sensors of a kind on one gateway have a level of their own below the module: DHTtoMQTT/dht1.
        device = draft.device(gateway, name=label_of(gateway))
        leaves(draft, device, fields, _unit, prefix="".join(f"{clean(level)}." for level in rest), skip=SKIP)


def _code(draft: Draft, gateway: str, sensor: str, fields: Mapping[str, Any]) -> None:
    """A code that was received, with the protocol's name where it has one: the buttons of one remote control stay apart."""
    message = fields.get("message")
    if type(message) is dict:
        told = [fields.get("protocol"), *list(message.values())[:4]]
    else:
        told = [fields.get("protocol_name"), fields.get("hex") or fields.get("value") or fields.get("raw")]
    said = " ".join(str(part) for part in told if type(part) in (str, int) and part != "")
    if said and said not in ("0", "0x0"):
        device = draft.device(gateway, name=label_of(gateway))
        draft.reading(device, sensor, said, None, "event")


def _gateway(draft: Draft, gateway: str, fields: Mapping[str, Any]) -> None:
    version = fields.get("version")
    device = draft.device(gateway, name=label_of(gateway), model="OpenMQTTGateway", firmware=text(version))
    leaves(draft, device, fields, _unit, skip=SYSTEM_SKIP)


def _bluetooth(draft: Draft, gateway: str, rest: list[str], fields: Mapping[str, Any]) -> None:
    address = fields.get("id") or fields.get("mac")
    own = rest[0] if rest else (address.replace(":", "") if type(address) is str else None)
    if not own or own == "undecoded":
        draft.says("meta", "A Bluetooth device that the gateway could not decode.")
        return
    if "cipher" in fields:
        draft.says("meta", "Encrypted: the gateway needs the device's key to read it.")
        return
    draft.time_in(fields)
    model, maker, name = fields.get("model"), fields.get("brand"), fields.get("name")
    device = draft.device(
        clean(own),
        name=name if type(name) is str and name else f"{model} {own[-4:]}" if type(model) is str else own,
        model=text(model),
        maker=text(maker),
    )
    # Several gateways may hear the same sensor: it is gone only when none does, so it hangs on none of them.
    leaves(draft, device, fields, _unit, skip=SKIP)


def _unit(key: str, raw: Any, fields: Mapping[str, Any]) -> str | None:
    beside = fields.get(UNIT_KEYS.get(key, ""))
    if type(beside) is str:
        return beside
    kind = BY_TYPE.get(str(fields.get("type")))
    if kind is not None and key in kind:
        return kind[key]
    base = key.rstrip("0123456789")
    if key in UNITS or base in UNITS:
        return UNITS[key] if key in UNITS else UNITS[base]
    first, _, rest = key.partition("_")
    return (FIRST_PARTS.get(first) if rest else None) or units.by_suffix(key)
