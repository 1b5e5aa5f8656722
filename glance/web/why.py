"""Why a widget shows what it shows: the sentence first, then the steps, then the proof. Pure; the clock is an argument."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from glance import formats
from glance.definition import Definition
from glance.freshness import PASSING_KINDS
from glance.model import Failure, Fetch, View, Widget
from glance.web.notes import AWAY
from glance.web.proof import Row, Step, facts_of, named, next_words, rhythm, rows_of, steps_of
from glance.web.speech import hour, span

TIMES = (
    "",
    "",
    "twice",
    "three times",
    "four times",
    "five times",
    "six times",
    "seven times",
    "eight times",
    "nine times",
)
HINTS = {
    "refused": "Is the service running, and is the port the right one?",
    "dns": "Check the name in the address, and that this computer can look it up.",
    "tls": "Renew the certificate there, or say in the settings which one to trust.",
    "timeout": "Is it asleep or overloaded? A schedule for the hours when it is awake would spare these tries.",
    "overloaded": "It asks to be left alone for a while; a longer interval helps.",
    "format": "Test the source in the settings to see what came instead.",
    "schema": "Test the source in the settings and pick the value again.",
    "too_big": "Ask for less, with a filter or a page size in the address.",
    "redirects": "Put the address that it ends at into the settings.",
}
STATUS_HINTS = {
    401: "The credentials were not accepted; enter them again in the settings.",
    403: "The credentials were not accepted, or they may not read this.",
    404: "Check the address in the settings; the service answers, but has nothing there.",
}


@dataclass(slots=True)
class Why:
    """Everything the page and the dialog say."""

    status: str
    sign: str
    headline: str
    advice: str = ""
    steps: list[Step] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    raw: str | None = None
    raw_note: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    badge: str = ""
    line: str = ""
    can_try: bool = False
    can_clear: bool = False
    try_label: str = "Fetch now"
    edit_label: str = "Change its settings"


def explain(
    widget: Widget, definition: Definition | None, view: View, history: Sequence[Fetch], now: float, fault: str | None
) -> Why:
    """The whole answer; `fault` is why the definition cannot be used where it cannot."""
    kind = _kind(widget, definition)
    why = _headline(view, kind, history, now, fault)
    why.steps = steps_of(view, kind, now)
    why.rows = rows_of(history)
    why.facts = facts_of(widget, definition, view, history, kind, now)
    why.can_try = fault is None and kind not in ("static", "push", "series")
    why.can_clear = view.has_data and kind not in ("static", "series")
    why.try_label = "Try now" if view.failure else "Fetch now"
    why.line = (
        ", ".join(
            text for text in (named(definition, kind), rhythm(widget, definition, kind), next_words(view)) if text
        )
        + "."
    )
    _add_raw(why, history)
    return why


def _kind(widget: Widget, definition: Definition | None) -> str:
    """The source kind that fills the widget."""
    if definition is None or definition.kind != "any":
        return definition.kind if definition else ""
    source = widget.params.get("data_source")
    return str(source.get("kind") or "") if isinstance(source, dict) else ""


def _headline(view: View, kind: str, history: Sequence[Fetch], now: float, fault: str | None) -> Why:
    if fault:
        return Why("bad", "bad", "Its custom widget cannot be used.", fault)
    if kind == "static":
        return Why(
            "ok",
            "ok",
            "It shows what its settings say.",
            "Nothing is fetched for it, so it has no age and cannot fail.",
        )
    if view.failure:
        return _failed(view, view.failure, history, now)
    if kind == "push":
        return _pushed(view, now)
    if kind == "series":
        return _followed(view, now)
    if view.state in ("refreshing", "loading") and not view.has_data:
        return Why("info", "info", "The first answer is on its way.", "It appears by itself as soon as it is here.")
    if not view.has_data:
        return Why(
            "info", "info", "Nothing has been fetched yet.", "It is fetched when somebody looks at its dashboard."
        )
    if view.ttl_s == 0:
        return Why(
            "ok",
            "ok",
            f"All is well: this is the answer of {hour(view.at or now, now)}.",
            "It is fetched anew each time its page is opened.",
        )
    if view.expires_at is not None and view.expires_at < now:
        advice = (
            "A new one is being fetched right now."
            if view.state == "refreshing"
            else "It is fetched again as soon as somebody looks at its dashboard."
        )
        return Why("info", "clock", f"The answer of {hour(view.at or now, now)} has run out.", advice)
    return Why(
        "ok",
        "ok",
        f"All is well: this is the answer of {hour(view.at or now, now)}.",
        "It is still good, so nothing has to be fetched.",
    )


def _failed(view: View, failure: Failure, history: Sequence[Fetch], now: float) -> Why:
    """A failure in words: what went wrong and how often, what is shown meanwhile, when the next try comes, and a hint."""
    passing = failure.kind in PASSING_KINDS and view.has_data
    many = (
        ""
        if failure.count < 2
        else f", {TIMES[failure.count] if failure.count < len(TIMES) else f'{failure.count} times'} in a row"
    )
    shown = (
        f"Glance shows the answer of {hour(view.at or now, now)}"
        if view.has_data
        else "Glance has no earlier answer to show"
    )
    again = ""
    if failure.next_try_at is not None:
        again = (
            f" and tries again by itself at {hour(failure.next_try_at, now)}"
            if failure.next_try_at > now
            else " and tries again when somebody looks"
        )
    hint = _hint(failure, history)
    why = Why(
        "warn" if passing else "bad",
        "clock" if passing else "bad",
        f"{failure.message.rstrip('.')}{many}.",
        f"{shown}{again}. {hint}".strip(),
        badge=f"{span(now - view.at)} old" if passing and view.at else "Failed",
    )
    if failure.kind == "timeout":
        why.edit_label = "Change the schedule"
    return why


def _hint(failure: Failure, history: Sequence[Fetch]) -> str:
    status = history[0].status if history else None
    if status in STATUS_HINTS:
        return STATUS_HINTS[status]
    if status is not None and status >= 500:
        return "The fault lies with the service itself."
    return HINTS.get(failure.kind, "")


def _pushed(view: View, now: float) -> Why:
    if not view.has_data:
        return Why(
            "info",
            "info",
            "Nothing has been sent yet.",
            "A script sends its data with POST /api/widgets/<id>/data and an API token.",
        )
    sent = f"sent at {hour(view.at or now, now)}"
    if view.expires_at is not None and view.expires_at < now:
        return Why(
            "warn",
            "clock",
            f"What was {sent} has run out.",
            "Whoever sends it has not done so in time; look there first.",
            badge="Old",
        )
    return Why("ok", "ok", f"All is well: this was {sent}.", "Glance fetches nothing for it; a script sends it.")


def _followed(view: View, now: float) -> Why:
    """A widget on sensors: nothing is fetched, each sample shows by itself."""
    if not view.has_data:
        advice = "It shows the first value by itself; the devices page tells what was heard, and why something was not understood."
        return Why("info", "info", view.sentence or "There is no value yet.", advice)
    came = f"the newest value came at {hour(view.at or now, now)}"
    if view.state == "live":
        return Why("ok", "ok", f"All is well: {came}.", "Nothing is fetched for it; every new value shows by itself.")
    told = view.sentence or "Nothing new has come for a while."
    word, sign = AWAY[view.away or "offline"] if view.state == "offline" else ("Old", "clock")
    status, shown = ("info", "This is as it should be") if view.away == "asleep" else ("warn", "What is shown is old")
    return Why(status, sign, told, f"{shown}: {came}.", badge=word)


def _add_raw(why: Why, history: Sequence[Fetch]) -> None:
    """The newest answer that is kept, with the requests that brought it; secrets were masked when it was kept."""
    last = next((fetch for fetch in history if fetch.raw is not None), None)
    if last is None:
        return
    why.raw = last.raw
    why.requests = [f"{one.method} {one.url}" for one in last.exchanges]
    size = f", {formats.size(last.size_bytes)}" if last.size_bytes else ""
    why.raw_note = f"{time.strftime('%H:%M:%S', time.localtime(last.at))}{size}"
