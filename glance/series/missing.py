"""Why a widget on series has nothing to show: the first link that is missing, from the broker to the sensor, as a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from glance.ingest import Ingest
from glance.mqtt.readings import OWN_DEVICE
from glance.series.choosing import FILTERS, hidden_ones
from glance.series.lines import Line
from glance.store.devices import Device

# what is wrong with the connection to the broker, for the values of a device; None = nothing, or it is not needed
BrokerFault = Callable[[str], str | None]
NO_BROKER = "There is no connection to the broker."


def missing(ingest: Ingest, lines: Sequence[Line], source: Mapping[str, Any], broker_fault: BrokerFault) -> str:
    """The sentence, and what to do about it; what a selection asks for is named."""
    if lines:
        return _of_named(ingest, lines[0], broker_fault)
    asked = asked_for(source)
    if asked is None:
        return "No sensor is chosen yet."
    hidden = hidden_ones(ingest.catalog, source)
    if hidden:
        many = "One sensor that fits" if hidden == 1 else f"{hidden} sensors that fit"
        return f"{many} {asked} {'is' if hidden == 1 else 'are'} hidden. Show {'it' if hidden == 1 else 'them'} on the devices page."
    fault = broker_fault("")
    if fault is not None:
        return f"{NO_BROKER} {fault} No sensor fits {asked} until it is there."
    return f"No sensor fits {asked} yet. It joins by itself once one does."


def asked_for(source: Mapping[str, Any]) -> str | None:
    """What a selection asks for, in words; None where there is none."""
    select = source.get("select")
    if not isinstance(select, Mapping):
        return None
    told = [f"{name} {_listed(select[name])}" for name in FILTERS if select.get(name)]
    return " and ".join(told) if told else "the selection"


def _of_named(ingest: Ingest, line: Line, broker_fault: BrokerFault) -> str:
    device = ingest.catalog.devices.get(ingest.catalog.home(line.device))
    if device is not None and device.forgotten_at is not None:
        return f"The device {device.title} was forgotten. Bring it back on the devices page."
    if device is not None and device.ignored:
        return f"The device {device.title} is ignored, so nothing it sends is read. Change that on its page."
    what = _what_is_missing(ingest, line, device)
    fault = broker_fault(line.device)
    return f"{NO_BROKER} {fault} {what}" if fault is not None else what


def _what_is_missing(ingest: Ingest, line: Line, device: Device | None) -> str:
    if device is None:
        return f"Nothing was ever heard of the device {line.device}."
    if line.sensor is None:
        if any(each.sensor == line.name for each in ingest.devices.forgotten_sensors(device.id)):
            return f"The sensor {line.name} of {device.title} was forgotten. Bring it back on the page of the device."
        return f"The device {device.title} has never sent a sensor named {line.name}."
    if line.sensor.device == OWN_DEVICE and line.standing is not None:
        return line.standing.sentence
    hidden = " It is hidden, too." if line.sensor.hidden or device.hidden else ""
    return f"{line.label} was announced, but it has not sent a value yet.{hidden}"


def _listed(value: Any) -> str:
    return " or ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
