"""One run of a source: expressions evaluated, the kind's module called, the answer picked and checked."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Protocol

from glance import expressions, schemas, shapes, sources
from glance.definition import Definition
from glance.errors import FetchError, GlanceError, Invalid
from glance.model import Exchange
from glance.outbound import Mask

log = logging.getLogger(__name__)

RAW_LIMIT = 20_000


class TracingClient(sources.HttpClient, Protocol):
    """The outbound client of one fetch: beside requests it keeps what was exchanged, for explain."""

    exchanges: list[Exchange]


class Outbound(Protocol):
    """What makes clients for fetches; glance.outbound.Outbound is one."""

    def client(self, deadline: float, secrets: tuple[str, ...], now: Callable[[], float]) -> TracingClient:
        """A client that ends at `deadline` (time.monotonic())."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A fetch that is ready to run: the kind's module, the source with expressions evaluated, lane and deadline (seconds)."""

    definition: Definition
    kind: ModuleType
    source: Mapping[str, Any]
    params: Mapping[str, Any]
    lane: str | None
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run brought: data or an error, what was asked of whom, the raw answer with secrets masked, and the new state."""

    data: Any = None
    error: FetchError | None = None
    not_modified: bool = False
    took_s: float = 0.0
    exchanges: tuple[Exchange, ...] = ()
    raw: str | None = None
    answer: Any = None
    state: dict[str, Any] = field(default_factory=dict)


def plan(definition: Definition, params: Mapping[str, Any], kinds: Mapping[str, ModuleType]) -> Plan:
    """Evaluate the source for these params; FetchError with a sentence where that fails."""
    try:
        if definition.kind == "any":
            source = dict(params["data_source"])
        else:
            source = expressions.render(
                dict(definition.source), {"params": expressions.complete(params, definition.params)}
            )
    except (Invalid, KeyError) as error:
        raise FetchError(f"The source cannot be made from these params: {error}", kind="source") from error
    kind = kinds[source["kind"]]
    return Plan(definition, kind, source, params, sources.lane(kind, source), sources.deadline_s(kind, source))


def run(
    ready: Plan,
    outbound: Outbound,
    *,
    secrets: tuple[str, ...] = (),
    state: dict[str, Any] | None = None,
    previous: Any = None,
    now: Callable[[], float] = time.time,
) -> Answer:
    """Run it; never raises for a source's failure: that is in the answer's `error`."""
    began = time.monotonic()
    client = outbound.client(began + ready.deadline_s, secrets, now)
    io = sources.SourceIO(
        http=client,
        params=ready.params,
        deadline=began + ready.deadline_s,
        now=now,
        state=state if state is not None else {},
        previous=previous,
        folder=ready.definition.folder,
        secrets=secrets,
    )
    raw: str | None = None
    answer: Any = None
    data: Any = None
    error: FetchError | None = None
    try:
        answer = ready.kind.fetch(ready.source, io)
        if answer is not sources.NOT_MODIFIED:
            raw = masked(_text(answer), secrets)
            data = _checked(ready, answer)
    except FetchError as failure:
        error = failure
    except GlanceError as failure:
        error = FetchError(failure.sentence, kind="source")
    except Exception as failure:  # the source boundary: whatever a kind's library raises becomes a sentence
        log.exception("The source of %s failed in an unexpected way.", ready.definition.slug)
        error = FetchError(
            f"The source failed in an unexpected way ({type(failure).__name__}); the log has the details."
        )
    return Answer(
        data=data,
        error=error,
        not_modified=answer is sources.NOT_MODIFIED,
        took_s=time.monotonic() - began,
        exchanges=tuple(client.exchanges),
        raw=raw,
        answer=None if answer is sources.NOT_MODIFIED else answer,
        state=io.state,
    )


def check(definition: Definition, data: Any) -> None:
    """FetchError(kind="schema") where data does not fit the definition's schema or shape."""
    if definition.data_schema is not None:
        schema = (
            definition.data_schema
            if isinstance(definition.data_schema, Mapping)
            else {"not": {}}
            if definition.data_schema is False
            else {}
        )
        found = schemas.faults(schema, data)
        if found:
            place, sentence = found[0]
            raise FetchError(f"The answer does not fit: {place or 'it'} {sentence}.", kind="schema")


def masked(text: str, secrets: tuple[str, ...]) -> str:
    """The text with every secret replaced by dots, also where it is escaped as JSON does."""
    escaped = tuple(json.dumps(secret)[1:-1] for secret in secrets)
    return Mask((*secrets, *escaped)).text(text)


def _checked(ready: Plan, answer: Any) -> Any:
    shape = ready.definition.shape
    spec = ready.source.get("pick")
    if shape is not None or spec is not None:
        answer = shapes.pick(spec, answer, shape)
    try:
        text = json.dumps(answer, allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.loads(json.dumps(answer).encode("utf-8", "replace"))
    except (TypeError, ValueError) as error:
        raise FetchError(
            "The answer is not plain JSON data (no NaN, Infinity, sets or dates).", kind="schema"
        ) from error
    check(ready.definition, answer)
    return answer


def _text(answer: Any) -> str:
    try:
        return json.dumps(answer, indent=1, ensure_ascii=False)[:RAW_LIMIT]
    except (TypeError, ValueError, RecursionError):
        return str(type(answer).__name__)
