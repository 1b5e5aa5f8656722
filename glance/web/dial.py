"""What a dial has to span for a sensor: by what its unit means, else by what it has been."""

from __future__ import annotations

import math

from glance.store.devices import Sensor

# Where a home's values lie, by unit; stretched where a sensor was beyond.
USUAL = {
    "°C": (0.0, 40.0), "°F": (30.0, 110.0), "hPa": (960.0, 1060.0), "mbar": (960.0, 1060.0), "dBm": (-100.0, -30.0), "ppm": (400.0, 2000.0),
    "µg/m³": (0.0, 100.0), "pH": (0.0, 14.0),
}  # fmt: skip
MAINS_V, MAINS_HZ = (200.0, 260.0), (49.0, 51.0)
NICE = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
HEADROOM = 1.1


def span(sensor: Sensor, low: float | None, high: float | None) -> tuple[float, float] | None:
    """(lowest, highest) of the dial of a sensor that was between `low` and `high`; None where nothing is known (0 to 100 then).

    Percentages are 0 to 100; a temperature, an air pressure or the like gets what is usual in a home, stretched to what was
    there; anything else 0 to its highest value, rounded up to a number that can be read.
    """
    unit = sensor.shown_unit or ""
    usual = (0.0, 100.0) if unit == "%" else USUAL.get(unit)
    if low is not None and high is not None:
        if unit == "V" and MAINS_V[0] < low and high < MAINS_V[1]:
            usual = MAINS_V
        if unit == "Hz" and MAINS_HZ[0] < low and high < MAINS_HZ[1]:
            usual = MAINS_HZ
    if usual is None:
        if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)) or low == high == 0:
            return None
        return (-_nice(-low * HEADROOM) if low < 0 else 0.0, _nice(high * HEADROOM) if high > 0 else 0.0)
    least, most = usual
    step = 10 ** math.floor(math.log10(most - least)) / 2
    if low is not None and low < least:
        least = math.floor(low / step) * step
    if high is not None and high > most:
        most = math.ceil(high / step) * step
    return least, most


def _nice(value: float) -> float:
    """The next of 1, 1.5, 2, … times a power of ten."""
    scale = 10.0 ** math.floor(math.log10(value))
    found = next((each for each in NICE if each * scale >= value * (1 - 1e-9)), NICE[-1]) * scale
    return float(f"{found:.6g}")
