"""Small pieces of sentences that the plain pages share. Pure."""

from __future__ import annotations

import time

from glance.errors import Invalid

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def spelled(number: int) -> str:
    """A small number as a word."""
    return NUMBERS[number] if 0 <= number < len(NUMBERS) else str(number)


def counted(number: int, noun: str) -> str:
    """`two widgets`, `one field`."""
    return f"{spelled(number)} {noun}{'' if number == 1 else 's'}"


def sentence_of(message: str) -> str:
    """A message without a subject ("must be a number") as a sentence of its own."""
    text = message.strip()
    text = {"is missing": "this is needed", "must not be empty": "this is needed"}.get(text, text)
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."


def by_path(error: Invalid, prefix: str = "params.") -> dict[str, str]:
    """The sentences of an Invalid by the path within the params; the first for each path stays."""
    found: dict[str, str] = {}
    for fault in error.errors:
        found.setdefault(fault.field.removeprefix(prefix), sentence_of(fault.message))
    return found


def interval_in_words(seconds: float | None) -> str:
    """`every 5 minutes`, `when the page is opened`."""
    if not seconds:
        return "when the page is opened"
    for size, noun in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            many = int(seconds // size)
            return f"every {noun}" if many == 1 else f"every {many} {noun}s"
    return "every second" if seconds == 1 else f"every {int(seconds)} seconds"


def hour(at: float, now: float) -> str:
    """A moment in words: 21:45, with its day where that is not today's."""
    local = time.localtime(at)
    return time.strftime("%H:%M" if local[:3] == time.localtime(now)[:3] else "%-d %b %H:%M", local)


def span(seconds: float) -> str:
    """A stretch of time in words: five minutes, 40 seconds."""
    whole = max(0, round(seconds))
    for size, noun in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if whole >= size:
            return counted(round(whole / size), noun)
    return counted(whole, "second")
