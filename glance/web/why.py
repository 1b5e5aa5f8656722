"""Why a widget shows what it shows: the sentence first, then the steps, then the proof. Pure; the clock is an argument."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from glance import formats
from glance.definition import Definition
from glance.freshness import PASSING_KINDS
from glance.model import Failure, Fetch, View, Widget
from glance.web.speech import counted, interval_in_words, spelled

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
ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
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
OUTCOMES = {
    "stored": "Stored",
    "not modified": "Same as before",
    "old answer kept": "Old answer kept",
    "failed": "Nothing stored",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One reason: a status with its sign, a sentence, and the fact behind it."""

    status: str
    sign: str
    sentence: str
    fact: str


@dataclass(frozen=True, slots=True)
class Row:
    """One request as the table shows it; `share` is its part of the longest, in percent."""

    at: float
    status: str
    sign: str
    result: str
    took: str
    share: int
    size: str
    then: str
    error: str


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
    why.steps = _steps(view, kind, now)
    why.rows = _rows(history)
    why.facts = _facts(widget, definition, view, history, kind, now)
    why.can_try = fault is None and kind not in ("static", "push")
    why.can_clear = view.has_data and kind != "static"
    why.try_label = "Try now" if view.failure else "Fetch now"
    why.line = (
        ", ".join(
            text for text in (_named(definition, kind), _rhythm(widget, definition, kind), _next_words(view)) if text
        )
        + "."
    )
    _add_raw(why, history)
    return why


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
        else "There is no earlier answer to show"
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


def _steps(view: View, kind: str, now: float) -> list[Step]:
    if kind == "static":
        return [Step("ok", "ok", "Its data are its settings; there is no source to ask.", "static")]
    steps = [
        Step("ok", "ok", "An answer is stored, for these very settings.", "hit")
        if view.has_data
        else Step("info", "info", "No answer is stored for these settings.", "fwd=miss")
    ]
    if view.has_data and view.expires_at is not None and view.at is not None:
        steps.append(_lifetime(view.at, view.expires_at, view.ttl_s, now))
    elif view.has_data:
        steps.append(Step("ok", "ok", "It never runs out.", "no ttl"))
    if view.failure:
        steps.append(
            Step(
                "bad",
                "bad",
                f"Getting a new one failed at {hour(view.failure.at, now)}.",
                "stale-error" if view.has_data else "error",
            )
        )
        if view.failure.next_try_at is not None and view.failure.next_try_at > now:
            steps.append(_pause(view.failure, now))
    if view.state in ("refreshing", "loading"):
        steps.append(Step("info", "info", "A new one is being fetched right now.", "fetching"))
    return steps


def _lifetime(at: float, expires_at: float, ttl_s: float | None, now: float) -> Step:
    if ttl_s == 0:
        return Step("ok", "ok", "It is fetched anew at each look, and kept for when that fails.", "ttl=0")
    fact = f"ttl={round(expires_at - now)}"
    if expires_at > now:
        return Step(
            "ok", "ok", f"It is good until {hour(expires_at, now)}, {span(expires_at - at)} after it came.", fact
        )
    return Step("warn", "clock", f"It ran out at {hour(expires_at, now)}, {span(expires_at - at)} after it came.", fact)


def _pause(failure: Failure, now: float) -> Step:
    which = ORDINALS[failure.count] if 0 < failure.count < len(ORDINALS) else f"{failure.count}th"
    wait = span((failure.next_try_at or now) - failure.at)
    return Step(
        "info",
        "info",
        f"After the {which} failure Glance waits {wait} before the next try.",
        hour(failure.next_try_at or now, now),
    )


def _rows(history: Sequence[Fetch]) -> list[Row]:
    longest = max((fetch.took_s for fetch in history), default=0.0) or 1.0
    rows: list[Row] = []
    for index, fetch in enumerate(history):
        before = history[index - 1].error if index else None
        rows.append(
            Row(
                at=fetch.at,
                status="bad" if fetch.error else "ok",
                sign="bad" if fetch.error else "ok",
                result=_result(fetch),
                took=formats.milliseconds(fetch.took_s * 1000),
                share=max(1, round(100 * fetch.took_s / longest)),
                size=formats.size(fetch.size_bytes) if fetch.size_bytes else "–",
                then=OUTCOMES.get(fetch.outcome, fetch.outcome.capitalize()),
                error=fetch.error if fetch.error and fetch.error != before else "",
            )
        )
    return rows


def _result(fetch: Fetch) -> str:
    if fetch.status is not None:
        return str(fetch.status)
    return "Failed" if fetch.error else "Answered"


def _facts(
    widget: Widget, definition: Definition | None, view: View, history: Sequence[Fetch], kind: str, now: float
) -> list[tuple[str, str]]:
    facts = [("Definition", _named(definition, kind) or widget.custom_widget)]
    if kind not in ("static", "push"):
        facts.append(("Refresh", _rhythm(widget, definition, kind)))
        due = _next_at(view)
        if due is not None:
            facts.append(
                ("Next run", f"{hour(due, now)}, in {span(due - now)}" if due > now else "as soon as somebody looks")
            )
    if history:
        failed = sum(fetch.error is not None for fetch in history)
        facts.append(
            ("Last requests", f"{spelled(len(history)).capitalize()}, {spelled(failed) if failed else 'none'} failed")
        )
    good = [fetch for fetch in history if fetch.error is None]
    if good:
        usual = formats.milliseconds(median(fetch.took_s for fetch in good) * 1000)
        sizes = [fetch.size_bytes for fetch in good if fetch.size_bytes]
        facts.append(("Usual time", f"{usual}, {formats.size(median(sizes))}" if sizes else usual))
    return facts


def _named(definition: Definition | None, kind: str) -> str:
    return f"{definition.name}, {kind}" if definition and kind else definition.name if definition else ""


def _rhythm(widget: Widget, definition: Definition | None, kind: str) -> str:
    if kind in ("static", "push") or definition is None:
        return ""
    if widget.schedule:
        return f"on the schedule {widget.schedule}"
    if widget.refresh_interval is not None:
        return interval_in_words(widget.refresh_interval)
    return (
        f"on the schedule {definition.schedule}"
        if definition.schedule
        else interval_in_words(definition.refresh_interval)
    )


def _next_at(view: View) -> float | None:
    if view.failure:
        return view.failure.next_try_at
    return view.expires_at if view.ttl_s else None


def _next_words(view: View) -> str:
    due = _next_at(view)
    return f"next at {time.strftime('%H:%M', time.localtime(due))}" if due is not None else ""


def _add_raw(why: Why, history: Sequence[Fetch]) -> None:
    """The newest answer that is kept, with the requests that brought it; secrets were masked when it was kept."""
    last = next((fetch for fetch in history if fetch.raw is not None), None)
    if last is None:
        return
    why.raw = last.raw
    why.requests = [f"{one.method} {one.url}" for one in last.exchanges]
    size = f", {formats.size(last.size_bytes)}" if last.size_bytes else ""
    why.raw_note = f"{time.strftime('%H:%M:%S', time.localtime(last.at))}{size}"
