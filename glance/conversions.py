"""What turns a number of one unit into another; pure.

Factors are exact by definition, or to twelve digits (international pound, inch, gallon and mile, conventional mmHg and inHg).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple


class Scale(NamedTuple):
    """`of(x)` = factor · x + offset."""

    factor: float
    offset: float

    @property
    def is_same(self) -> bool:
        """True where nothing changes."""
        return self.factor == 1.0 and self.offset == 0.0

    def of(self, value: float) -> float:
        """The number in the other unit, without the noise of the arithmetic."""
        return value if self.is_same else _rounded(self.factor * value + self.offset)

    def grown(self, difference: float) -> float:
        """A difference of two numbers in the other unit."""
        return _rounded(self.factor * difference)

    def back(self, difference: float) -> float:
        """A difference in the other unit, in the first."""
        return _rounded(difference / self.factor)


def _rounded(number: float) -> float:
    return float(f"{number:.12g}")


SAME = Scale(1.0, 0.0)

# Units that convert into each other, each with what turns it into the first: a factor, or (factor, offset).
GROUPS: tuple[dict[str, float | tuple[float, float]], ...] = (
    {"°C": 1, "°F": (5 / 9, -160 / 9), "K": (1, -273.15)},
    {"W": 1, "mW": 1e-3, "kW": 1e3, "MW": 1e6},
    {"VA": 1, "kVA": 1e3},
    {"var": 1, "kvar": 1e3},
    {"kWh": 1, "mWh": 1e-6, "Wh": 1e-3, "MWh": 1e3, "J": 1 / 3.6e6, "kJ": 1 / 3600, "MJ": 1 / 3.6, "GJ": 1e3 / 3.6},
    {"kVAh": 1, "VAh": 1e-3},
    {"kvarh": 1, "varh": 1e-3},
    {"V": 1, "µV": 1e-6, "mV": 1e-3, "kV": 1e3},
    {"A": 1, "µA": 1e-6, "mA": 1e-3},
    {"Ah": 1, "mAh": 1e-3},
    {"Hz": 1, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9, "rpm": 1 / 60},
    {"Ω": 1, "kΩ": 1e3, "MΩ": 1e6},
    {
        "hPa": 1, "Pa": 0.01, "kPa": 10, "mbar": 1, "bar": 1000, "psi": 68.9475729317, "inHg": 33.8638864034,
        "mmHg": 1.33322387415,
    },
    {"m": 1, "mm": 1e-3, "cm": 1e-2, "km": 1e3, "in": 0.0254, "ft": 0.3048, "mi": 1609.344},
    {"m²": 1, "cm²": 1e-4},
    {
        "m/s": 1, "km/h": 1 / 3.6, "mph": 0.44704, "kn": 1852 / 3600, "kt": 1852 / 3600, "knots": 1852 / 3600,
        "m/h": 1 / 3600,
    },
    {"mm/h": 1, "cm/h": 10, "in/h": 25.4},
    {"L": 1, "l": 1, "mL": 1e-3, "ml": 1e-3, "m³": 1e3, "gal": 3.785411784},
    {"L/min": 1, "l/min": 1, "mL/min": 1e-3, "L/h": 1 / 60, "l/h": 1 / 60, "L/s": 60, "m³/h": 1e3 / 60, "m³/s": 6e4},
    {"kg": 1, "g": 1e-3, "mg": 1e-6, "lb": 0.45359237, "oz": 0.028349523125},
    {"s": 1, "µs": 1e-6, "ms": 1e-3, "min": 60, "h": 3600, "d": 86400},
    {"µg/m³": 1, "mg/m³": 1e3, "g/m³": 1e6},
    {"ppm": 1, "ppb": 1e-3, "ppt": 1e-6},
    {"mg/L": 1, "g/L": 1e3},
    {"lx": 1, "klx": 1e3},
    {"W/m²": 1, "kW/m²": 1e3},
    {"µS/cm": 1, "mS/cm": 1e3},
    {"Bq/m³": 1, "pCi/L": 37},
    {
        "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3,
        "TiB": 1024**4,
    },
    {
        "bit/s": 1, "bps": 1, "kbit/s": 1e3, "kbps": 1e3, "Mbit/s": 1e6, "Mbps": 1e6, "B/s": 8, "kB/s": 8e3, "KB/s": 8e3,
        "MB/s": 8e6,
    },
)  # fmt: skip
# unit -> (its group, factor and offset to the first of the group)
_PLACES = {
    unit: (place, Scale(*to_first) if isinstance(to_first, tuple) else Scale(float(to_first), 0.0))
    for place, group in enumerate(GROUPS)
    for unit, to_first in group.items()
}


@lru_cache(maxsize=1024)
def conversion(unit: str | None, into: str | None) -> Scale | None:
    """What turns a number of one unit into another; None where that is impossible.

    A unit that is not known (None) is taken for the other.
    """
    if unit == into or unit is None or into is None:
        return SAME
    first, second = _PLACES.get(unit), _PLACES.get(into)
    if first is None or second is None:
        return SAME if first is second and _plain(unit) == _plain(into) else None
    if first[0] != second[0]:
        return None
    (factor, offset), (other_factor, other_offset) = first[1], second[1]
    if factor == other_factor and offset == other_offset:
        return SAME
    return Scale(factor / other_factor, (offset - other_offset) / other_factor)


def _plain(unit: str) -> str:
    """A unit without what its spelling may differ in."""
    return "".join(unit.split()).casefold()
