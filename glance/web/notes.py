"""What a card says beside its data: the badge in its head, the note below, and the words where there is no data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from glance.definition import Definition
from glance.freshness import PASSING_KINDS
from glance.model import Away, Failure, View, Widget

# how a device is away -> the word and sign of its cards
AWAY: Mapping[Away, tuple[str, str]] = {
    "offline": ("Offline", "plug-off"),
    "broker": ("Offline", "plug-off"),
    "asleep": ("Asleep", "moon"),
    "removed": ("Withdrawn", "off"),
}
LONGEST_OVER_BUTTON = 48
_FIRST_SENTENCE = re.compile(r"^(.+?[.!?])\s+(?=\S)(.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tag:
    """The badge that takes the place of the age: `ages` = it shows the age itself ("3 h old")."""

    status: str
    icon: str
    text: str = ""
    ages: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """One line below the data: why it is old, since when or when the next try comes (Unix seconds), and whether to offer one."""

    status: str
    icon: str
    text: str
    since: float | None = None
    next_at: float | None = None
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """A link below the words of a card without data."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Blank:
    """What stands in a card without data: what is missing, why, and what to do."""

    title: str
    text: str = ""
    status: str = ""
    icon: str = ""
    retry: bool = False
    acts: Sequence[Act] = ()


def iso(at: float) -> str:
    """Unix seconds as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hour(at: float) -> str:
    """Unix seconds as hour and minute here; the script on the page shows the reader's own zone."""
    return datetime.fromtimestamp(at).strftime("%H:%M")


def tag(view: View) -> Tag | None:
    """The badge of a state that the age alone does not tell."""
    if view.state == "error":
        return Tag("bad", "bad", "Failed")
    if view.state == "offline":
        word, sign = AWAY[view.away or "offline"]
        return Tag("off", sign, word)
    if view.state == "stale" and view.at is not None:
        return Tag("warn", "clock", ages=True)
    return None


def note(view: View, has_body: bool) -> Note | None:
    """The line below the data; while a new try runs it stays, so that nothing moves."""
    if not has_body:
        return None
    failure = view.failure
    if view.away == "asleep":
        known = view.at is not None
        text = "The device sleeps; this value came at" if known else "The device sleeps between two readings."
        return Note("off", "moon", text, since=view.at)
    if view.away == "broker":
        # the page's head says more, once for all cards
        return Note("off", "plug-off", "Broker away.")
    if view.sentence and view.state in ("stale", "offline"):
        return Note(
            "off" if view.state == "offline" else "warn",
            AWAY[view.away or "offline"][1] if view.state == "offline" else "clock",
            view.sentence,
        )
    if view.state == "offline":
        return Note("off", "plug-off", failure.message if failure else "The device is away.")
    if failure is not None and view.state in ("stale", "error", "refreshing"):
        status = "warn" if failure.kind in PASSING_KINDS else "bad"
        return Note(
            status, "clock" if status == "warn" else "bad", failure.message, next_at=failure.next_try_at, retry=True
        )
    if view.state == "stale" and view.at is not None:
        return Note("warn", "clock", "Nothing new since", since=view.at)
    return None


def blank(view: View, widget: Widget, definition: Definition | None) -> Blank | None:
    """The words of a card without data; None while its first answer is on the way (a skeleton stands there)."""
    settings = Act("Settings", f"/widgets/{widget.id}/edit")
    if definition is None:
        acts = (Act("Look in the gallery", "/gallery"),)
        return Blank(*_split(view.failure), status="bad", icon="bad", acts=acts)
    if view.failure is not None and view.state not in ("loading", "refreshing"):
        return Blank(*_split(view.failure), status="bad", retry=True, acts=(settings,))
    if view.state in ("loading", "refreshing"):
        return None
    roomy = widget.place.h > 3
    if definition.kind == "push" or (widget.params.get("data_source") or {}).get("kind") == "push":
        text = f"Send it as JSON to /api/widgets/{widget.id}/data."
        return Blank("Nothing was sent yet", text if roomy else "", icon="inbox" if roomy else "", acts=(settings,))
    if view.sentence:
        title, rest = _parted(view.sentence)
        devices = Act("Open devices", "/devices")
        if not roomy:
            # a small card holds three lines and a button; its menu leads to the rest
            return Blank(title, acts=(devices,) if len(title) <= LONGEST_OVER_BUTTON else ())
        return Blank(title, rest, icon="inbox", acts=(devices, settings))
    text = "It is fetched when this page is open." if roomy else ""
    return Blank("No data yet", text, icon="inbox" if roomy else "", retry=True, acts=(settings,))


def unusable(view: View, sentence: str) -> View:
    """The view of a card that cannot be drawn, whatever its data."""
    return replace(view, state="error", has_data=False, failure=Failure(sentence, view.at or 0.0, None, 500))


def _split(failure: Failure | None) -> tuple[str, str]:
    """A failure's first sentence as the title, the rest as the text."""
    return _parted(failure.message if failure else "Something is wrong with this widget.")


def _parted(message: str) -> tuple[str, str]:
    """The first sentence, without its full stop, and the rest."""
    match = _FIRST_SENTENCE.match(message)
    title, text = (match.group(1), match.group(2)) if match else (message, "")
    return title.rstrip("."), text
