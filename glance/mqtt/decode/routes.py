"""Which ecosystem reads a topic: by its first level, by a base that was learned, by its shape; else the generic reader."""

from __future__ import annotations

from collections.abc import Callable

from glance.mqtt.decode import (
    brokers,
    dsmr,
    ecowitt,
    emsesp,
    esphome,
    evcc,
    frigate,
    generic,
    ha_statestream,
    homeassistant,
    homie,
    influx,
    lorawan,
    meshtastic,
    native,
    opendtu,
    openmqttgateway,
    openwb,
    owntracks,
    rtl433,
    scalars,
    shelly,
    tasmota,
    teslamate,
    victron,
    wirenboard,
    zigbee2mqtt,
    zwavejs,
)  # fmt: skip
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.memory import Memory

Reader = Callable[[Draft], None]


def anybody(levels: list[str]) -> Reader:
    """The reader for publishers without a grammar of their own."""

    if levels[0] == "glance" and len(levels) > 1:
        levels = levels[1:]
        return _own(levels)
    streamed = ha_statestream.is_stream(levels)

    def read(draft: Draft) -> None:
        body = draft.message.body
        if streamed and type(body.value) is not dict:
            ha_statestream.read(draft, levels)
        elif body.form != "json":
            report = ecowitt.form_in(body.value) if "dateutc=" in body.value else None
            if report is not None:
                ecowitt.read(draft, levels, report)
            elif lines := influx.lines_in(body.value):
                influx.read_lines(draft, levels, lines)
            else:
                scalars.read_scalar(draft, levels, body.value)
        elif type(body.value) is dict and ecowitt.looks_like(body.value):
            ecowitt.read(draft, levels, body.value)
        elif type(body.value) is dict and influx.is_metric(body.value):
            influx.read_json(draft, levels, body.value)
        else:
            generic.read_json(draft, levels, body.value)

    return read


def _own(levels: list[str]) -> Reader:
    """The reader of topics below glance/: the native form, else whatever it looks like."""
    otherwise = anybody(levels) if levels[0] != "glance" else None

    def read(draft: Draft) -> None:
        if native.is_native(draft.message.body.value):
            native.read(draft, draft.message.body.value)
        elif otherwise is not None:
            otherwise(draft)

    return read


def ecosystem(levels: list[str], memory: Memory) -> Reader | None:
    """The reader of a topic whose grammar is known; None = nobody's, read it generically."""
    first = levels[0]
    if first == "glance":
        return None
    for reader in (_by_first_level(first, levels), _by_learned_base(levels, memory), _by_shape(levels, memory)):
        if reader is not None:
            return reader
    return None


def _by_first_level(first: str, levels: list[str]) -> Reader | None:
    """Ecosystems that a topic's first level gives away."""
    if first == "$SYS":
        return lambda draft: brokers.read_sys(draft, levels)
    if first == "spBv1.0":
        return lambda draft: brokers.read_sparkplug(draft, levels)
    if frigate.is_frigate(levels):
        return lambda draft: frigate.read(draft, levels)
    if owntracks.is_owntracks(levels):
        return lambda draft: owntracks.read(draft, levels)
    if meshtastic.is_meshtastic(levels):
        return lambda draft: meshtastic.read(draft, levels)
    if evcc.is_evcc(levels):
        return lambda draft: evcc.read(draft, levels)
    if openwb.is_openwb(levels):
        return lambda draft: openwb.read(draft, levels)
    if dsmr.is_dsmr(levels):
        return lambda draft: dsmr.read(draft, levels)
    if brokers.is_wled(levels):
        return lambda draft: brokers.read_wled(draft, levels)
    if first == "domoticz" and len(levels) >= 2:
        return lambda draft: brokers.read_domoticz(draft, levels)
    if first == "esphome" and len(levels) == 3 and levels[1] in ("discover", "ping"):
        return lambda draft: draft.says("meta", "An ESPHome node about itself: no reading.")
    if (car := teslamate.parts_of(levels)) is not None:
        return lambda draft: teslamate.read(draft, *car)
    if (lora := lorawan.parts_of(levels)) is not None:
        return lambda draft: lorawan.read(draft, *lora)
    if (portal := victron.parts_of(levels)) is not None:
        return lambda draft: victron.read(draft, *portal)
    if (control := wirenboard.parts_of(levels)) is not None:
        return lambda draft: wirenboard.read(draft, *control)
    return None


def _by_learned_base(levels: list[str], memory: Memory) -> Reader | None:
    """Ecosystems below a base topic that was learned, or is the usual one."""
    base = zigbee2mqtt.base_of(levels, memory)
    if base is not None:
        rest = levels[base.count("/") + 1 :]
        return lambda draft: zigbee2mqtt.read(draft, base, rest)
    if (homie_parts := homie.parts_of(levels, memory)) is not None:
        return lambda draft: homie.read(draft, *homie_parts)
    if (node := zwavejs.parts_of(levels, memory)) is not None:
        return lambda draft: zwavejs.read(draft, *node)
    if (inverter := opendtu.parts_of(levels, memory)) is not None:
        return lambda draft: opendtu.read(draft, *inverter)
    return None


def _by_shape(levels: list[str], memory: Memory) -> Reader | None:
    """Ecosystems that the shape of a topic gives away, wherever it lies."""
    if (gateway := openmqttgateway.parts_of(levels)) is not None:
        return lambda draft: openmqttgateway.read(draft, *gateway)
    if (parts := tasmota.parts_of(levels)) is not None:
        return lambda draft: tasmota.read(draft, *parts)
    if (shelly2 := shelly.gen2_of(levels)) is not None and (levels[0] != "shellies" or shelly2[1] != "online"):
        return lambda draft: shelly.read_gen2(draft, *shelly2)
    if (shelly1 := shelly.gen1_of(levels)) is not None:
        return lambda draft: shelly.read_gen1(draft, *shelly1)
    if (state := esphome.parts_of(levels)) is not None and levels[0] != homeassistant.PREFIX:
        otherwise = anybody(levels)
        return lambda draft: (
            otherwise(draft)
            if draft.message.body.form == "json" and not esphome.is_object(state[1], draft.message.body.value)
            else esphome.read(draft, *state)
        )
    if (path := rtl433.path_in(levels)) is not None:
        return lambda draft: rtl433.read_scalar(draft, path, draft.message.body.value)
    if "rtl_433" in levels and levels[-1] in ("events", "states"):
        return _rtl433_packet
    if (ems := emsesp.parts_of(levels)) is not None:
        return lambda draft: emsesp.read(draft, *ems)
    return None


def _rtl433_packet(draft: Draft) -> None:
    value = draft.message.body.value
    if type(value) is dict and "model" in value:
        rtl433.read(draft, value)
    else:
        draft.ecosystem = rtl433.ECOSYSTEM
        draft.says("meta", "rtl_433 about its receiver, not a packet.")
