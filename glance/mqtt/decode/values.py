"""Raw values into numbers, booleans and words: the rules that hold for every ecosystem."""

from __future__ import annotations

import re
from typing import Any

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
# "00012345" is an identifier; "05.3" comes from fixed-width printing and is a number.
PADDED = re.compile(r"[+-]?0[0-9]+\Z")
NUMBER_THEN_UNIT = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*([^\s0-9.+-].{0,15})\Z")

# A number written with a comma, which may be a decimal or a thousands mark; with a unit behind it or none.
COMMA = re.compile(
    r"[+-]?(?:[0-9]+,[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+)(?:\s*[^\s0-9,.:;/-].{0,7})?\Z"
)

# The same where a comma is known to be the decimal mark: 21,5 and 1.234,5.
DECIMAL_COMMA = re.compile(r"([+-]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)),([0-9]+)((?:\s*[^\s0-9,.:;/-].{0,15})?)\Z")

# Words that say "there is no value now".
NOTHING = frozenset(
    "nan +nan -nan null none nil unavailable unknown undefined undef - -- --- ? n/a n.a. #n/a inf -inf +inf infinity "
    "-infinity +infinity".split()
) | {""}
BOOLEANS = {"on": True, "off": False, "true": True, "false": False}

LONGEST_TEXT = 64
LONGEST_DIGITS = 15
# Sums of larger numbers could not be stored.
LARGEST = 1e300


def number(raw: Any) -> float | None:
    """A number below LARGEST out of a JSON number or a string that holds nothing else; None for anything else."""
    kind = type(raw)
    if kind is float or kind is int:
        return float(raw) if -LARGEST < raw < LARGEST else None
    return number_in(raw) if kind is str else None


def number_in(text: str) -> float | None:
    """The number that a string is, by the grammar of NUMBER; ids (leading zeros, more than 15 digits) are none."""
    text = text.strip()
    if not NUMBER.match(text) or PADDED.match(text):
        return None
    if len(text) > LONGEST_DIGITS and text.lstrip("+-").isdigit():
        return None
    value = float(text)
    return value if -LARGEST < value < LARGEST else None


def with_point(text: str) -> str:
    """A number that is written with a decimal comma, with a point; any other text as it is."""
    found = DECIMAL_COMMA.match(text.strip())
    return f"{found[1].replace('.', '')}.{found[2]}{found[3]}" if found else text


def nothing(text: str) -> bool:
    """True for the words by which publishers say that a value is missing."""
    return text.strip().lower() in NOTHING


def with_unit(text: str, units: frozenset[str] | dict[str, str]) -> tuple[float, str] | None:
    """("21.5 °C") -> (21.5, "°C"), only for units that are known; the unit as it was written."""
    found = NUMBER_THEN_UNIT.match(text.strip())
    if not found or found[2] not in units:
        return None
    value = number_in(found[1])
    return None if value is None else (value, found[2])


def printable(text: str) -> bool:
    """True where a text can be shown: no control characters (a log line with colours, a telegram)."""
    return text.isprintable()
