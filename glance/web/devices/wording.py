"""Times, values and stretches in the words of the device pages."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from glance.cards.marks import json_script
from glance.formats import duration, figure
from glance.ingest.history import Stretch
from glance.ingest.messages import Message
from glance.ingest.tracks import Latest
from glance.moments import day_and_time, iso
from glance.mqtt.client import BrokerState
from glance.mqtt.readings import Reading
from glance.store.devices import Sensor
from glance.web import runtime
from glance.web.devices import states
from glance.web.devices.looks import words
from glance.web.speech import span

# Where a sentence says these, the values alone would not tell the whole story.
NOT_ALL = ("left out", "refused", "as it was sent")


def seen(at: float) -> Markup:
    """How long ago, as a time that the page's script keeps right: "2 s ago"."""
    past_s = max(0.0, runtime().clock() - at)
    text = f"{duration(past_s)} ago" if past_s >= 1 else "now"
    return Markup('<time datetime="{}" data-ago>{}</time>').format(iso(at), text)


def iso_time(at: float) -> str:
    """A moment for a machine."""
    return iso(at)


def moment(at: float) -> str:
    """A moment for people, with its day where that is not today's."""
    return day_and_time(at)


def amount(value: float, sensor: Sensor) -> str:
    """A number with the unit of its sensor."""
    return str(figure(value, None, sensor.shown_unit or "", sensor.shown_decimals))


def lasted(stretch: Stretch) -> str:
    """How long a stretch lasted."""
    return span(stretch.end - stretch.begin)


def word_of(stretch: Stretch, sensor: Sensor) -> str:
    """The value of a stretch."""
    latest = Latest(0, stretch.begin, None, stretch.value, stretch.text)
    return words(sensor, latest)[0]


def told(message: Message) -> Markup:
    """Why a message was or was not understood; of readings what they say: "Understood as temperature 21.4 °C"."""
    if message.verdict != "reading" or not message.readings:
        return Markup("{}").format(message.sentence or message.verdict.capitalize())
    values = [_reading(one) for one in message.readings]
    more = f" and {message.more} more" if message.more else ""
    first = Markup("<b>{}</b>").format(values[0])
    rest = "".join(f", {value}" for value in values[1:])
    late = " It is retained: the last known value, and no new sample." if message.retained else ""
    extra = f" {message.sentence}" if any(words in message.sentence for words in NOT_ALL) else ""
    return Markup("Understood as {}{}{}.{}{}").format(first, rest, more, late, extra)


def _reading(one: Reading) -> str:
    """A reading in words: temperature 21.4 °C."""
    if isinstance(one.value, bool):
        value = one.label or ("on" if one.value else "off")
    else:
        value = str(figure(one.value, None, one.unit or "")) if not isinstance(one.value, str) else one.value
    return f"{one.sensor.replace('_', ' ')} {value}"


def plot_data(data: Any) -> Markup:
    """The points of a chart, as the chart's script reads them."""
    return json_script(data, "plot-data")


def uses_broker() -> bool:
    """Whether devices are heard by a broker at all."""
    return states.broker(runtime()) is not None


def broker_now() -> BrokerState | None:
    """The broker, where one is used: one that nobody named and that was never there is not missed."""
    rt = runtime()
    now = states.broker(rt)
    if now is None or rt.mqtt is None or not (now.given or rt.mqtt.ever_connected):
        return None
    return now
