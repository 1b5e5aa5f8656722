"""What to call a sensor that nobody named: words for people out of the id its publisher uses ("switch:1.apower" -> "Power").

A name has a short form and a long one with the channel or chip ("Switch 2 power"), for devices where the short one is not
enough. Ids of publishers with a grammar of their own are read by that; others are somebody's own words and stay close to them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from glance.sensor_words import ECOWITT, EMS, OMG, OPENDTU, PARTS, SHELLY, TASMOTA, VALETUDO, WORDS, ZWAVE

# Publishers whose ids are what somebody typed: their spelling stays.
OWN_WORDS = frozenset((None, "json", "plain", "glance", "senml", "home-assistant", "homie", "esphome", "wirenboard"))
LEVELS = re.compile(r"/|(?<![0-9])\.|\.(?![0-9])")
HUMP = re.compile(r"(?<=[A-Za-z0-9][a-z0-9])(?=[A-Z][a-z])")
PHASE = re.compile(r"([abcn])_(.+)\Z")
UNIT_BEHIND = re.compile(r"(?<=[a-z])_(?:hPa|kPa|PSI|mm|km_h|m_s|mi_h|kmh|kph|deg|pct|dbm|mV|kWh)\Z")
# rtl_433 writes the unit of everything into its key.
RTL_UNIT = re.compile(r"_(?:C|F|hPa|kPa|PSI|mm|in|km_h|m_s|mi_h|deg|V|mV|A|W|kWh|lux|km|dB)\Z")


@lru_cache(maxsize=8192)
def names_of(sensor: str, ecosystem: str | None) -> tuple[str, str]:
    """(short name, name with its channel) of a sensor's id."""
    own = ecosystem in OWN_WORDS
    parts = [part for part in LEVELS.split(sensor) if part]
    if not parts or (own and " " in sensor):
        return _capital(sensor), _capital(sensor)
    short, long = GRAMMARS.get(ecosystem or "", _whole)(parts)
    return _sentence(short, own), _sentence(long, own)


def _capital(text: str) -> str:
    first = text.partition(" ")[0]
    return text[0].upper() + text[1:] if first.islower() else text


def _sentence(text: str, own: bool) -> str:
    """A text with a capital first letter and the usual spelling of its words; `own` = somebody's own, who has capitals of his own."""
    return _capital(" ".join(_word(word, own) for word in text.replace("_", " ").split())) or text


def _word(word: str, own: bool) -> str:
    known = WORDS.get(word.lower())
    if known is not None:
        return known
    if not word.isalpha() or len(word) == 1:
        return word
    humps = HUMP.split(word)
    if len(humps) > 1 and (not own or word[0].islower()):
        return " ".join(WORDS.get(hump.lower(), hump.lower()) for hump in humps)
    return word.lower() if (word.isupper() and len(word) > 4) or (not own and word.istitle()) else word


def _beside(place: str, what: str) -> tuple[str, str]:
    """What is measured, and the same with where: "Switch 2 power"; a channel's own state is called like the channel."""
    return what or place, place if not what or place.rstrip(" 0123456789") == what else f"{place} {what}"


def _whole(parts: list[str]) -> tuple[str, str]:
    """Every level says something; a unit at the end of a key does not, unless nothing else tells two keys apart."""
    plain = [UNIT_BEHIND.sub("", part) for part in parts]
    return " ".join(PARTS.get(part.lower(), part) for part in plain), " ".join(parts)


def _shelly2(parts: list[str]) -> tuple[str, str]:
    component, _, index = parts[0].partition(":")
    word = SHELLY.get(component, component)
    place, rest = f"{word} {_number(index)}".strip(), ".".join(parts[1:])
    if not rest or (component, rest) in (("cover", "state"), ("input", "state")) or rest in ("output", "alarm"):
        return word, place
    known = SHELLY.get(f"{component}:{rest}")
    if known is not None:
        return known, known
    phase = PHASE.match(rest)
    if phase:
        return _beside(place, f"{SHELLY.get(phase[2], phase[2])} phase {phase[1].upper()}")
    return _beside(place, SHELLY.get(rest, rest.replace(".", " ")))


def _shelly1(parts: list[str]) -> tuple[str, str]:
    if parts[0] in ("sensor", "status") and len(parts) > 1:
        parts = parts[1:]
    word = SHELLY.get(parts[0], parts[0])
    if len(parts) == 1 or not parts[1].isdecimal():
        whole = SHELLY.get(".".join(parts), " ".join(parts))
        return whole, whole
    rest = ".".join(part for part in parts[2:] if part not in ("status", "ison"))
    if parts[0] == "emeter" and rest == "energy":
        # Beside "total", which counts watt-hours.
        rest = "energy in watt-minutes"
    place = f"{word} {_number(parts[1])}"
    return _beside(place, SHELLY.get(rest, rest.replace(".", " "))) if rest else (word, place)


def _number(index: str) -> str:
    """Channels are counted from 0 in topics and from 1 on the case; numbers from 100 on are addresses of what was added."""
    if not index.isdecimal():
        return ""
    return str(int(index) + 1) if len(index) < 3 else index


def _tasmota(parts: list[str]) -> tuple[str, str]:
    chip, rest = parts[0], parts[1:]
    stem, number = chip.rstrip("0123456789"), chip[len(chip.rstrip("0123456789")) :]
    if not rest:
        name = TASMOTA.get(chip) or (f"{TASMOTA[stem]} {number}" if stem in TASMOTA else chip)
        return name, name
    index = f" {int(rest[-1]) + 1}" if len(rest) > 1 and rest[-1].isdecimal() else ""
    path = ".".join(rest[:-1] if index else rest)
    what = TASMOTA.get(f"{chip}.{path}") or TASMOTA.get(path) or " ".join(rest[:-1] if index else rest)
    if stem in ("Shutter", "Button", "Switch"):
        return _beside(f"{TASMOTA.get(stem, stem)} {number}", "" if what == "Action" else what)
    return what + index, what + index if chip in ("ENERGY", "Wifi") else f"{chip} {what}{index}"


def _opendtu(parts: list[str]) -> tuple[str, str]:
    channel = parts[0].lower().removeprefix("ch")
    of_channel = len(parts) > 1 and channel.isdigit()
    rest = parts[1:] if of_channel or (len(parts) > 1 and parts[0] == "status") else parts
    what = " ".join(OPENDTU.get(part.lower(), part) for part in rest)
    if not of_channel:
        return what, what
    return what, what if what.startswith(
        ("AC ", "DC ")
    ) and channel == "0" else f"{'AC' if channel == '0' else f'string {channel}'} {what}"


def _valetudo(parts: list[str]) -> tuple[str, str]:
    name = VALETUDO.get("/".join(parts))
    if name is None:
        node = parts[0].removesuffix("StateAttribute").removesuffix("Capability")
        rest = " ".join(parts[1:]).replace("-", " ")
        name = f"{rest} left" if node == "ConsumableMonitoring" else f"{node} {rest}"
    return name, name


def _zwave(parts: list[str]) -> tuple[str, str]:
    cc, rest = parts[0], parts[1:]
    endpoint = rest[0].removeprefix("endpoint_") if rest else ""
    if not endpoint.isdigit() or len(rest) < 2:
        return _whole(parts)
    what = ZWAVE.get(f"{cc}/{rest[-1]}") or " ".join(rest[1:])
    return what, f"{what} (endpoint {endpoint})" if endpoint != "0" else f"{what} (class {cc})"


def _victron(parts: list[str]) -> tuple[str, str]:
    service = PARTS.get(parts[0], parts[0])
    what = " ".join(part for part in parts[1:] if not part.isdigit())
    if what.lower().startswith(service.lower()):
        return what, f"{what} ({'/'.join(parts[1:-1])})"
    return f"{service} {what}", f"{service} {' '.join(parts[1:])}"


def _rtl433(parts: list[str]) -> tuple[str, str]:
    whole = " ".join(parts)
    what = RTL_UNIT.sub("", whole) or whole
    return "temperature (°F)" if whole == "temperature_F" else PARTS.get(what, what), whole


def _by(words: dict[str, str]) -> Callable[[list[str]], tuple[str, str]]:
    """The grammar of a publisher whose keys are in a table, with a number at their end."""

    def one(part: str) -> str:
        lower = part.lower()
        stem = lower.rstrip("0123456789")
        known = words.get(lower) or PARTS.get(lower)
        if known is None and lower != stem and (words.get(stem) or PARTS.get(stem)):
            known = f"{words.get(stem) or PARTS[stem]} {lower[len(stem) :]}"
        return known or part

    def read(parts: list[str]) -> tuple[str, str]:
        return " ".join(one(part) for part in parts), " ".join(parts)

    return read


GRAMMARS: dict[str, Callable[[list[str]], tuple[str, str]]] = {
    "shelly-gen1": _shelly1,
    "shelly-gen2": _shelly2,
    "tasmota": _tasmota,
    "opendtu": _opendtu,
    "valetudo": _valetudo,
    "zwave-js-ui": _zwave,
    "victron": _victron,
    "rtl_433": _rtl433,
    "openmqttgateway": _by(OMG),
    "ecowitt": _by(ECOWITT),
    "ems-esp": _by(EMS),
}
