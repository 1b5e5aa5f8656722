"""The proof behind an explanation: the steps of the decision, the last requests, and the facts. Pure; the clock is an argument."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from glance import formats
from glance.definition import Definition
from glance.model import Failure, Fetch, View, Widget
from glance.web.speech import hour, interval_in_words, span, spelled

ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
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


def steps_of(view: View, kind: str, now: float) -> list[Step]:
    if kind == "static":
        return [Step("ok", "ok", "Its data are its settings; there is no source to ask.", "static")]
    if kind == "series":
        word = "Samples of its sensors are stored." if view.has_data else "No sample of its sensors is stored."
        return [Step("ok" if view.has_data else "info", "ok" if view.has_data else "info", word, "series")]
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


def rows_of(history: Sequence[Fetch]) -> list[Row]:
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


def facts_of(
    widget: Widget, definition: Definition | None, view: View, history: Sequence[Fetch], kind: str, now: float
) -> list[tuple[str, str]]:
    facts = [("Definition", named(definition, kind) or widget.custom_widget)]
    if kind not in ("static", "push"):
        facts.append(("Refresh", rhythm(widget, definition, kind)))
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


def named(definition: Definition | None, kind: str) -> str:
    return f"{definition.name}, {kind}" if definition and kind else definition.name if definition else ""


def rhythm(widget: Widget, definition: Definition | None, kind: str) -> str:
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


def next_words(view: View) -> str:
    due = _next_at(view)
    return f"next at {time.strftime('%H:%M', time.localtime(due))}" if due is not None else ""
