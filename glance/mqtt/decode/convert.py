"""A raw JSON value as what a series holds: a number, a boolean with its word, a member of an enum, a text, an event."""

from __future__ import annotations

import re
from typing import Any

from glance.mqtt.decode import units, values
from glance.mqtt.decode.memory import WORDS_OF_AN_ENUM, Series
from glance.mqtt.readings import SensorKind

# Words of these sensors are members of an enum even where the first one seen is "off".
ENUM_NAMES = (
    "mode", "preset", "behavior", "behaviour", "memory", "moving", "direction", "effect", "gesture_type", "power_source",
    "sensitivity", "schedule_type", "hvac_action", "fan_speed",
)  # fmt: skip

# Which of several channels of a device: power_on_behavior_left.
ENDPOINT = re.compile(r"_(?:left|right|center|top|bottom|l?[0-9])\Z")

# A moment or an address is no state.
NO_WORD = re.compile(
    r"(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}),?[T ][0-9]{1,2}:[0-9]{2}|[0-9]{1,3}(?:\.[0-9]{1,3}){3}\Z"
)


def value_of(
    sensor: str, raw: Any, unit: str | None, kind: SensorKind | None, series: Series | None
) -> tuple[Any, str | None, SensorKind, str | None]:
    """(value or None, label, kind, unit) of a raw JSON value."""
    form = type(raw)
    if form is str:
        return _text(sensor, raw.strip(), unit, kind, series)
    if form is bool:
        if kind == "enum" or kind == "text":
            return ("true" if raw else "false"), None, kind, unit
        return raw, ("true" if raw else "false"), "boolean", None
    value = values.number(raw)
    if value is not None and kind == "boolean" and value in (0.0, 1.0):
        return value == 1.0, ("1" if value else "0"), "boolean", None
    if value is not None and kind in ("enum", "event", "text"):
        return (f"{value:.0f}" if value.is_integer() else repr(value)), None, kind, None
    return value, None, "number", unit


def _text(
    sensor: str, text: str, unit: str | None, kind: SensorKind | None, series: Series | None
) -> tuple[Any, str | None, SensorKind, str | None]:
    """The same for a text: a declared word, a number, a number with its unit, a boolean word, another word."""
    if series is not None and series.truth is not None and text in series.truth:
        return series.truth[text], text, "boolean", None
    if kind == "event":
        said = text.lower() not in values.NOTHING and values.printable(text)
        return (text[: values.LONGEST_TEXT] if said else None), None, "event", None
    if kind is None or kind == "number" or kind == "boolean":
        value = values.number_in(text)
        if value is not None:
            return value_of(sensor, value, unit, kind, series)
        measured = values.with_unit(text, units.WRITTEN)
        if measured is not None and kind != "boolean":
            # What is written behind the number is meant, whatever its name or a declaration lets expect: "1.2 kW".
            return measured[0], None, "number", measured[1]
    lower = text.lower()
    if lower in values.NOTHING and not _is_word(text, kind, series):
        return None, None, "text", None
    if kind != "enum" and kind != "text" and lower in values.BOOLEANS and not _holds_words(sensor, series):
        return values.BOOLEANS[lower], text, "boolean", None
    if kind == "number" or kind == "boolean" or not _shown(text, declared=kind is not None):
        return None, None, "text", None
    return text, None, ("text" if kind == "text" else "enum"), None


def _is_word(text: str, kind: SensorKind | None, series: Series | None) -> bool:
    """Whether a word for "no value" is a state of this series: declared as one, or "none" among other words (none, small, large)."""
    if series is None or kind not in (None, "enum"):
        return False
    if series.info is not None and text in series.info.options:
        return True
    return text == "none" and bool(series.words)


def word_kind(series: Series, value: str, kind: SensorKind) -> SensorKind:
    """Note a word of a series; a series of very many or of long texts is no enum but text."""
    words = series.words
    if words is None or kind == "text":
        return "text"
    if value not in words:
        words.add(value)
        if len(words) > WORDS_OF_AN_ENUM:
            series.words = None
            return "text"
    return "enum" if len(value) <= 32 else "text"


def _holds_words(sensor: str, series: Series | None) -> bool:
    """Whether on/off is a word among others in this series: decided by the series, not by one message."""
    if series is not None and series.words != set():
        return True
    return ENDPOINT.sub("", sensor.lower()).endswith(ENUM_NAMES)


def _shown(text: str, *, declared: bool) -> bool:
    """Whether a text is a state to show: short and printable, no code, no number that cannot be (1e400, 00012345).

    Where words are `declared`, one may look like a number: the members "1", "2", "auto" of a selection.
    """
    if len(text) > values.LONGEST_TEXT or not values.printable(text):
        return False
    if not declared and (values.NUMBER.match(text) or values.COMMA.match(text)):
        return False
    if text[0].isdigit() and NO_WORD.match(text):
        return False
    return not (
        len(text) >= 8
        and " " not in text
        and text.lower().removeprefix("0x").strip("0123456789abcdef:-") == ""
        and any(c.isdigit() for c in text)
    )
