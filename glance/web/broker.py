"""Settings, Broker: how the connection stands, how to tell Glance where the broker lives, and in which forms devices speak there.

It is only to look at: the broker is set in the environment, when Glance starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Blueprint, current_app

from glance.mqtt.client import BrokerState
from glance.store.devices import Device
from glance.web import runtime
from glance.web.devices import states
from glance.web.devices.listing import ECOSYSTEMS, Counting
from glance.web.settings import page
from glance.web.speech import span

blueprint = Blueprint("broker", __name__)


@dataclass(frozen=True, slots=True)
class Form:
    """A form in which devices speak: how many do, and when the last of them did (Unix seconds, None = not since the start)."""

    title: str
    count: int
    seen_at: float | None


@dataclass(frozen=True, slots=True)
class Way:
    """The card of an empty dashboard that leads here: its heading, a sentence, and the line to set where nothing beside it names one."""

    title: str
    text: str
    line: bool = False


@blueprint.get("/settings/broker")
def broker() -> str:
    """The broker as it stands now."""
    rt = runtime()
    now, state = rt.clock(), states.broker(rt)
    counting: Counting = current_app.extensions["glance.devices"]
    everyone = [one for one in counting.census(rt, now).everyone if _by_broker(one.device)]
    return page(
        "broker",
        broker=state,
        word=word_of(state),
        stands=span(now - state.since) if state is not None else "",
        topics=rt.settings.mqtt_topics,
        is_embedded=rt.broker is not None,
        count=len(everyone),
        offline=sum(1 for one in everyone if one.state == "offline"),
        forms=_forms((one.device, one.seen_at) for one in everyone),
    )


def word_of(state: BrokerState | None) -> tuple[str, str]:
    """How the connection stands in a word or two, and its status."""
    if state is None:
        return "Not used", "off"
    if state.connected:
        return "Connected", "warn" if state.sentence else "ok"
    return ("Connecting", "off") if state.status == "connecting" and state.sentence is None else ("Away", "warn")


def way(state: BrokerState | None, told_beside: bool) -> Way:
    """The card of an empty dashboard; `told_beside` = what is wrong, and the line, stand on the page already."""
    if state is None:
        return Way(
            "Connect your broker",
            "Glance runs without one, as GLANCE_MQTT_URL says. To hear devices, start it with",
            True,
        )
    if state.connected:
        return Way(
            "Your broker is connected",
            f"Glance listens on {state.address} already. If yours lives elsewhere, tell it where.",
        )
    tried = f"Glance tries {state.address}."
    if told_beside:
        return Way("Connect your broker", f"{tried} If yours lives elsewhere, tell it where.")
    why = f"{state.sentence} " if state.sentence else f"{tried} "
    return Way("Connect your broker", f"{why}If yours lives elsewhere, start it with", True)


def _by_broker(device: Device) -> bool:
    return not device.direct and device.ecosystem != "derived" and not device.ignored


def _forms(found: Iterable[tuple[Device, float | None]]) -> list[Form]:
    """The forms that were heard, the one of most devices first."""
    counts: dict[str, list[float]] = {}
    for device, seen_at in found:
        counts.setdefault(device.ecosystem or "", []).append(seen_at or 0.0)
    forms = [
        Form(ECOSYSTEMS.get(name, name) or "Others", len(times), max(times) or None) for name, times in counts.items()
    ]
    return sorted(forms, key=lambda form: (-form.count, form.title))
