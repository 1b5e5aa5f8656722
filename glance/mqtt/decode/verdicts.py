"""What a message was and the sentence that says so, where no ecosystem gave one."""

from __future__ import annotations

from collections.abc import Sequence

from glance.mqtt.readings import Reading, Verdict

CLOCK_OFF = " The sender's clock is off: the time of arrival counts."


def summary(readings: Sequence[Reading], dropped: int, empty: int, clock_off: bool) -> tuple[Verdict, str]:
    """By what was read; `dropped` values found no room, `empty` fields held none, `clock_off` = its time was not believed."""
    count = len(readings)
    if count:
        verdict: Verdict = "event" if all(r.kind == "event" for r in readings) else "reading"
        sentence = f"{count} value{'s' if count > 1 else ''} of {readings[0].device}."
        if dropped:
            sentence += f" {dropped} more were left out: the device has too many sensors."
        if clock_off:
            sentence += CLOCK_OFF
        return verdict, sentence
    if dropped:
        return "ignored", "The device has too many sensors; this one was left out."
    if empty:
        return "meta", "It holds no value now (empty, null, nan, a code or a long text)."
    return "meta", "Nothing in it is a reading."
