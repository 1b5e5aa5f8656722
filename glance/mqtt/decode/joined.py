"""Plain values that turn out to be of one device: `lamp/state` and `lamp/brightness`.

Alone, `kitchen/temperature/state` is the temperature of the kitchen. Where the same thing tells more (another value, its liveness),
it is a device, and `state` one of its sensors; what was recorded goes with it.
"""

from __future__ import annotations

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.topics import device_of
from glance.mqtt.readings import Removed, Renamed

# Last levels by which a device tells its main value.
OF_A_DEVICE = frozenset(("state", "stat"))


def place_of(draft: Draft, levels: list[str], device: str, sensor: str) -> tuple[str, str]:
    """(device, sensor) of a plain value; `lamp/state` is a sensor of the lamp once `lamp/brightness` shows that it is a device."""
    memory = draft.memory
    if levels[-1].lower() not in OF_A_DEVICE:
        if (device, sensor) not in memory.series:
            join_state(draft, device)
        return device, sensor
    whole = device_of(levels[:-1]) if len(levels) > 1 else device
    known = memory.devices.get(whole)
    if whole != device and (f"state of:{whole}" in memory.same or (known is not None and known.info is not None)):
        if draft.dry is None and (whole, levels[-1]) not in memory.series:
            _move_state(draft, (device, sensor), whole, levels[-1])
        return whole, clean(levels[-1])
    return device, sensor


def join_state(draft: Draft, device: str) -> None:
    """A further sensor of what was taken for one value (`lamp/state`): that becomes a sensor of the device too."""
    above, _, name = device.rpartition("/")
    if not above or draft.dry is not None:
        return
    series = draft.memory.series.get((above, name))
    if series is None or series.info is not None:
        return
    last = series.topic.rpartition("/")[2]
    if last.lower() in OF_A_DEVICE and device_of(series.topic.split("/")[:-1]) == device:
        _move_state(draft, (above, name), device, last)


def _move_state(draft: Draft, old: tuple[str, str], device: str, sensor: str) -> None:
    memory = draft.memory
    memory.name(f"state of:{device}", device)
    # Also where it was seen before the last start only.
    draft.renamed.append(Renamed(old[0], device, old[1], sensor))
    series = memory.series.pop(old, None)
    if series is None:
        return
    above = memory.known(old[0])
    above.sensors -= 1
    memory.series[(device, sensor)] = series
    memory.known(device).sensors += 1
    if above.sensors <= 0:
        del memory.devices[old[0]]
        draft.removed.append(Removed(old[0], None))
