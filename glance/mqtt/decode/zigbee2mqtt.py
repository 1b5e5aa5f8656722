"""Zigbee2MQTT: flat JSON per device, its attribute topics, availability, and the declaration of all devices.

Source: Koenkk/zigbee2mqtt lib/extension/{receive,bridge,availability,homeassistant}.ts and its tests. A base is any topic
with `/bridge/state`, `/bridge/devices` or `/bridge/info` below it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from glance.mqtt.decode import units
from glance.mqtt.decode.body import compact
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.flatten import leaves
from glance.mqtt.decode.keys import clean, role
from glance.mqtt.decode.known import meaning
from glance.mqtt.decode.memory import Memory
from glance.mqtt.decode.parts import items, text
from glance.mqtt.decode.topics import presence
from glance.mqtt.decode.zigbee_units import unit_of
from glance.mqtt.readings import Removed, SensorInfo, SensorKind

ECOSYSTEM = "zigbee2mqtt"
BRIDGE_TOPICS = frozenset(
    "state devices groups info log logging config event health extensions definitions converters".split()
)
# Metadata inside a state message, and the firmware's state.
HIDDEN_KEYS = frozenset(("device", "options", "update", "last_seen", "elapsed_since", "definition"))
EVENT_KEYS = frozenset(("action", "click"))
KINDS: dict[str, SensorKind] = {"numeric": "number", "binary": "boolean", "enum": "enum", "text": "text"}
# What a shown category means: settings and diagnostics stay out of overviews, but a battery is for everybody.
SHOWN_ANYWAY = frozenset(("battery", "battery_low", "linkquality"))


def base_of(levels: list[str], memory: Memory) -> str | None:
    """The base topic that `levels` lie under, learned or told by its name; None elsewhere."""
    if len(levels) < 2 or levels[0] == "homeassistant":
        return None
    bases = memory.of(ECOSYSTEM, 64)
    for length in range(1, min(len(levels), 5)):
        base = "/".join(levels[:length])
        if base in bases or (length < 3 and levels[length - 1].lower().startswith("zigbee2mqtt")):
            return base
        if (
            levels[length] == "bridge"
            and length + 1 < len(levels)
            and levels[length + 1] in ("state", "devices", "info")
        ):
            bases[base] = True
            memory.epoch += 1
            return base
    return None


def learn(memory: Memory, base: str) -> None:
    """`base` is a base topic of Zigbee2MQTT from now on."""
    bases = memory.of(ECOSYSTEM, 64)
    if base and base not in bases:
        bases[base] = True
        memory.epoch += 1


def device_id(memory: Memory, base: str, name: str) -> str:
    """The id of the device of this friendly name: pinned at first sight, so that a rename keeps its series."""
    key = f"z2m:{base}/{name}"
    device = memory.same.get(key)
    if device is None:
        device = clean(name if base == "zigbee2mqtt" else f"{base}/{name}")
        memory.name(key, device)
    return device


def read(draft: Draft, base: str, rest: list[str]) -> None:
    """A message below a base topic."""
    draft.ecosystem = ECOSYSTEM
    if rest[0] == "bridge":
        _bridge(draft, base, rest[1:])
        return
    body = draft.message.body
    if rest[-1] == "availability":
        _availability(draft, base, "/".join(rest[:-1]), body.value)
    elif body.form == "json" and type(body.value) is dict:
        _state(draft, _device(draft, base, "/".join(rest)), body.value)
    elif len(rest) > 1:
        _attribute(draft, base, rest, body.value)
    else:
        draft.says("meta", "No JSON on a device's topic: nothing that Zigbee2MQTT would send.")


def _device(draft: Draft, base: str, name: str) -> str:
    device = device_id(draft.memory, base, name)
    return draft.device(device, name=name, bridge=f"{base}/bridge")


def _state(draft: Draft, device: str, fields: dict[str, Any]) -> None:
    draft.time_in(fields)
    about = fields.get("device")
    if type(about) is dict:
        maker, model = about.get("manufacturerName"), about.get("model") or about.get("modelId")
        draft.device(device, maker=text(maker), model=text(model))
    leaves(draft, device, fields, unit_of, skip=HIDDEN_KEYS)
    update = fields.get("update")
    if type(update) is dict and type(update.get("state")) is str:
        draft.reading(device, "update.state", update["state"], None, "enum")


def _attribute(draft: Draft, base: str, rest: list[str], value: Any) -> None:
    """`output: attribute`: one topic per key, nested keys joined by "-"; the same series as in the JSON."""
    name, key = "/".join(rest[:-1]), rest[-1]
    if f"z2m:{base}/{'/'.join(rest)}" in draft.memory.same:
        draft.says("meta", "No JSON on a device's topic: nothing that Zigbee2MQTT would send.")
        return
    what = role(key)
    if key.partition("-")[0] in HIDDEN_KEYS and key != "update-state":
        what = "about"
    if what not in ("sensor", "event"):
        draft.says("meta", f"“{key}” is a time, an identity or a label, no reading.")
        return
    sensor = clean(key.replace("-", "."))
    kind: SensorKind | None = "event" if what == "event" else None
    if type(value) is list:
        draft.says("meta", "A list is no reading.")
        return
    draft.reading(_device(draft, base, name), sensor, value, unit_of(sensor, value, {}), kind)


def _availability(draft: Draft, base: str, name: str, value: Any) -> None:
    state = presence(str(value.get("state") if type(value) is dict else value))
    if state is None:
        draft.says("unreadable", "Availability that is neither online nor offline.")
        return
    draft.alive(_device(draft, base, name), state)


def _bridge(draft: Draft, base: str, rest: list[str]) -> None:
    learn(draft.memory, base)
    value, what = draft.message.body.value, rest[0] if rest else ""
    if what == "state":
        state = presence(str(value.get("state") if type(value) is dict else value))
        if state is not None:
            draft.alive(f"{base}/bridge", state, bridge=True)
            return
    if len(rest) == 1 and what in ("devices", "groups") and type(value) is list:
        draft.memory.declare(draft.message.topic, _reduced(what, value))
        declare(draft, base, what, value)
        return
    draft.says("meta", "The bridge about itself: no reading.")


def _reduced(what: str, value: list[Any]) -> str:
    """A declaration without what nobody reads (bindings, clusters, presets): kept for the next start."""
    keep = (
        "ieee_address",
        "friendly_name",
        "definition",
        "power_source",
        "software_build_id",
        "type",
        "description",
        "disabled",
    )
    rows = [{k: row[k] for k in keep if k in row} for row in value if type(row) is dict] if what == "devices" else value
    return compact(rows)


def declare(draft: Draft, base: str, what: str, value: list[Any]) -> None:
    """Names, models, units and enums of all devices of a bridge."""
    rows = [row for row in value if type(row) is dict and type(row.get("friendly_name")) is str]
    members: set[str] = set()
    for row in rows:
        if what == "groups":
            group = device_id(draft.memory, base, row["friendly_name"])
            members.add(draft.device(group, name=row["friendly_name"], model="Group"))
        elif row.get("type") != "Coordinator" and type(row.get("ieee_address")) is str:
            members.add(_declare_device(draft, base, row))
    _leave(draft, f"{base} {what}", members)
    draft.says("declaration", f"The bridge names its {len(rows)} {what}, their sensors and units.")


def bind(memory: Memory, base: str, name: str, ieee: str) -> str:
    """The device of an address under its present friendly name: known by the address, or by the name it was seen with first."""
    topic_key, ieee_key = f"z2m:{base}/{name}", f"ieee:{ieee}"
    device = memory.same.get(ieee_key)
    if device is None:
        device = memory.same.get(topic_key)
        if device is None or memory.same.get(f"owner:{device}", ieee) != ieee:
            device = clean(ieee)
        memory.name(ieee_key, device)
        memory.name(f"owner:{device}", ieee)
    memory.name(topic_key, device)
    memory.name(f"ha:zigbee2mqtt_{ieee}", device)
    return device


def _leave(draft: Draft, which: str, members: set[str]) -> None:
    """Devices and groups that a list named and its successor does not were removed from the network."""
    lists = draft.memory.of("z2m members", 64)
    for device in sorted(lists.get(which, set()) - members):
        draft.removed.append(Removed(device, None))
        # Told again should it come back.
        draft.memory.devices.pop(device, None)
    lists[which] = members


def _declare_device(draft: Draft, base: str, row: dict[str, Any]) -> str:
    """Declare one device of a bridge; returns its id."""
    name, ieee = row["friendly_name"], row["ieee_address"]
    device = bind(draft.memory, base, name, ieee)
    definition = row.get("definition")
    if type(definition) is not dict:
        definition = {}
    draft.device(
        device,
        bridge=f"{base}/bridge",
        name=name,
        maker=text(definition.get("vendor")),
        model=text(definition.get("model")),
        firmware=text(row.get("software_build_id")),
    )
    for expose, prefix in _exposes(definition.get("exposes")):
        _declare_sensor(draft, device, expose, prefix)
    return device


def _exposes(exposes: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[dict[str, Any], str]]:
    """Every exposed property with the path it lies under; light, climate, cover nest theirs in `features`."""
    for expose in exposes if type(exposes) is list else ():
        if type(expose) is not dict:
            continue
        features = expose.get("features")
        if type(features) is list and depth < 3:
            inner = (
                f"{prefix}{expose['property']}."
                if expose.get("type") == "composite" and expose.get("property")
                else prefix
            )
            yield from _exposes(features, inner, depth + 1)
        elif type(expose.get("property")) is str:
            yield expose, prefix


def _label(prefix: str, label: str) -> str:
    """The name of a property; the parts of a composite one are called by it too: "Color X", not "X"."""
    return clean(f"{prefix.replace('_', ' ').replace('.', ' ').capitalize()}{label}")


def _declare_sensor(draft: Draft, device: str, expose: dict[str, Any], prefix: str) -> None:
    name, access = expose["property"], expose.get("access")
    kind = KINDS.get(str(expose.get("type")))
    # Access without bit 1 (published in state) can only be set: effect, identify.
    if kind is None or (type(access) is int and not access & 1) or role(name) not in ("sensor", "event"):
        return
    truth: dict[str, bool] | None = None
    labels: tuple[tuple[str, str], ...] = ()
    if kind == "boolean":
        on, off = expose.get("value_on", True), expose.get("value_off", False)
        truth = {str(on): True, str(off): False}
        labels = meaning(name, None).labels
    options = tuple(clean(str(option), 64) for option in items(expose.get("values")) if type(option) is str)[:64]
    if name in EVENT_KEYS:
        kind = "event"
    hidden = expose.get("category") in ("config", "diagnostic") and name not in SHOWN_ANYWAY
    label, unit = expose.get("label"), units.normal(text(expose.get("unit")))
    draft.declare(
        SensorInfo(
            device,
            clean(f"{prefix}{name}"),
            name=_label(prefix, label) if type(label) is str else None,
            unit=unit,
            kind=kind,
            device_class=meaning(name, unit).device_class,
            state_class=meaning(name, unit).state_class,
            options=options if kind in ("enum", "event") else (),
            hidden=hidden,
            value_labels=labels,
        ),
        truth,
    )
