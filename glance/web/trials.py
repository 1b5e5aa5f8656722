"""Tests of a source from the widget form: run, kept for a while, and told as the page shows them."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from glance import formats, shapes
from glance.definition import Definition
from glance.errors import GlanceError
from glance.fetching import check
from glance.model import Exchange
from glance.refresh import Refresher

KEPT = 16
KEPT_S = 15 * 60


@dataclass(frozen=True, slots=True)
class Kept:
    """A test that was run: when, for which definition, the answer before and the data after picking, or the sentence why not.

    `asked` is the source it was run for without its pick, so that a later form can tell whether the answer is still its own.
    """

    at: float
    slug: str
    asked: Any
    answer: Any
    data: Any
    error: str | None
    exchanges: Sequence[Exchange]
    took_s: float
    has_answer: bool


class Trials:
    """The last tests by an unguessable token: a click on a value needs the answer again, not a request upstream."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, trial: Kept) -> str:
        """Keep it and return its token; the oldest goes."""
        token = secrets.token_urlsafe(12)
        with self._lock:
            self._kept[token] = trial
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return token

    def find(self, token: str, slug: str, now: float) -> Kept | None:
        """The test with this token if it is this definition's and not too old."""
        with self._lock:
            found = self._kept.get(token)
        return found if found and found.slug == slug and now - found.at < KEPT_S else None


@dataclass(frozen=True, slots=True)
class Branch:
    """One line of the answer's tree: a label, what it holds, and the JMESPath that leads there."""

    label: str
    path: str
    preview: str
    type: str
    depth: int


@dataclass(frozen=True, slots=True)
class Told:
    """A test as the page tells it; `target` is True where a click can fill the pick in."""

    at: float
    error: str | None
    headline: str
    figures: str
    tree: Sequence[Branch]
    target: bool
    picked: str
    picked_text: str
    verdict: str


def reshaped(definition: Definition, trial: Kept, pick: Any) -> tuple[Any, str | None]:
    """The data of a kept answer under the pick as it stands in the form now; or the sentence why there is none."""
    if not trial.has_answer:
        return None, trial.error
    if definition.shape is None:
        return trial.data, trial.error
    try:
        data = shapes.pick(pick, trial.answer, definition.shape)
        check(definition, data)
    except GlanceError as error:
        return None, error.sentence
    return data, None


def tell(definition: Definition, trial: Kept, data: Any, error: str | None, pick: Any, *, can_pick: bool) -> Told:
    """What the page says about a test."""
    failed = error if trial.has_answer else trial.error
    return Told(
        at=trial.at,
        error=failed,
        headline=_headline(trial),
        figures=_figures(trial),
        tree=_tree(trial.answer) if trial.has_answer else (),
        target=can_pick and trial.has_answer,
        picked=_picked(definition, pick),
        picked_text=_picked_text(definition, data) if failed is None else "",
        verdict="Fits what the definition expects.",
    )


def _headline(trial: Kept) -> str:
    if not trial.exchanges:
        return "Answered" if trial.has_answer else "No answer"
    last = trial.exchanges[-1]
    many = f"{len(trial.exchanges)} requests, " if len(trial.exchanges) > 1 else ""
    if last.status is None:
        return f"{many}no answer"
    try:
        phrase = HTTPStatus(last.status).phrase
    except ValueError:
        phrase = ""
    return f"{many}{last.status} {phrase}".strip()


def _figures(trial: Kept) -> str:
    size = sum(one.size_bytes or 0 for one in trial.exchanges)
    took = formats.milliseconds(trial.took_s * 1000)
    return f"{took}, {formats.size(size)}" if size else took


def _tree(answer: Any) -> list[Branch]:
    rows = []
    for row in shapes.tree(answer):
        label = row.path.rpartition(".")[2] if not row.path.rpartition(".")[2].isdigit() else row.path
        rows.append(Branch(label or "the answer", row.jmespath, row.preview, row.type, min(row.depth, 8)))
    return rows


def _picked(definition: Definition, pick: Any) -> str:
    if not isinstance(pick, Mapping):
        return ""
    return str(pick.get(definition.shape if definition.shape in ("rows", "points") else "value") or "")


def _picked_text(definition: Definition, data: Any) -> str:
    """The picked value in words, to be sure it is the right one."""
    if definition.shape == "value" and isinstance(data, Mapping):
        return (
            formats.number(data.get("value"), data.get("unit"))
            if not isinstance(data.get("value"), str)
            else str(data["value"])
        )
    if definition.shape == "rows" and isinstance(data, Mapping):
        return f"{len(data.get('rows') or ())} rows"
    if definition.shape == "points" and isinstance(data, Mapping):
        series = data.get("series") or ()
        return f"{sum(len(one.get('points') or ()) for one in series)} points in {len(series)} line{'' if len(series) == 1 else 's'}"
    return ""


def run(refresher: Refresher, definition: Definition, whole: Mapping[str, Any], asked: Any) -> Kept:
    """Run the source once with whole params (secrets in them) and keep what it said."""
    trial = refresher.test(definition, whole)
    return Kept(
        at=time.time(),
        slug=definition.slug,
        asked=asked,
        answer=trial.answer,
        data=trial.data,
        error=trial.error.sentence if trial.error else None,
        exchanges=tuple(trial.exchanges),
        took_s=trial.took_s,
        has_answer=trial.answer is not None or trial.error is None,
    )
