"""One run of a source: expressions evaluated, the kind's module called, the answer picked and checked."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any, Protocol

from glance import environment, expressions, guard, imported_hosts, schemas, shapes, sources
from glance.definition import Definition
from glance.errors import FetchError, GlanceError, Invalid
from glance.model import Exchange, Widget
from glance.outbound import FREE, Bound, Mask, Rules

log = logging.getLogger(__name__)

RAW_LIMIT = 20_000
# Kinds whose hosts stand in code, not in the manifest.
WRITTEN_IN_CODE = ("python", "code")


class TracingClient(sources.HttpClient, Protocol):
    """The outbound client of one fetch: beside requests it keeps what was exchanged, for explain, and what logins gave."""

    exchanges: list[Exchange]
    learned: tuple[str, ...]

    def lend(self, credential: Bound) -> None:
        """Let requests from now on use one more credential."""


class Outbound(Protocol):
    """What makes clients for fetches; glance.outbound.Outbound is one."""

    def client(
        self, deadline: float, secrets: tuple[str, ...], now: Callable[[], float], rules: Rules
    ) -> TracingClient:
        """A client that ends at `deadline` (time.monotonic()) and keeps to `rules`."""


class Vault(Protocol):
    """Where credentials come from; glance.credentials.Credentials is one."""

    def hand_out(self, name: str) -> Bound:
        """The credential with this name; FetchError with a sentence where it cannot be used."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A fetch that is ready to run: the kind's module, the source with expressions evaluated, lane and deadline (seconds).

    `rules` say whom it may ask and what with; `given` are values of the environment to be hidden like secrets.
    """

    definition: Definition
    kind: ModuleType
    source: Mapping[str, Any]
    params: Mapping[str, Any]
    lane: str | None
    deadline_s: float
    rules: Rules = FREE
    given: tuple[str, ...] = ()
    vault: Vault | None = None


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
    notes: tuple[str, ...] = ()


def plan(
    definition: Definition,
    params: Mapping[str, Any],
    kinds: Mapping[str, ModuleType],
    vault: Vault | None = None,
    agreed: Sequence[str] | None = None,
) -> Plan:
    """Evaluate the source for these params; FetchError with a sentence where that fails. `agreed` as in `rules`."""
    used: dict[str, Bound] = {}

    def credential(name: str) -> str:
        if vault is None:
            raise FetchError("Credentials cannot be used here.", kind="source")
        used[name] = vault.hand_out(name)
        return used[name].mark

    given: tuple[str, ...] = ()
    try:
        if definition.kind == "any":
            source = dict(params["data_source"])
        else:
            source, given = _evaluated(definition, params, credential)
    except (Invalid, KeyError) as error:
        raise FetchError(f"The source cannot be made from these params: {error}", kind="source") from error
    if definition.server_code is not None:  # as it stands: what looks like an expression in it is the code's own
        source["server_code"] = definition.server_code
    kind = kinds[source["kind"]]
    return Plan(
        definition,
        kind,
        source,
        params,
        sources.lane(kind, source),
        sources.deadline_s(kind, source),
        rules(definition, params, tuple(used.values()), agreed),
        given,
        vault,
    )


def rules(
    definition: Definition,
    params: Mapping[str, Any],
    bound: tuple[Bound, ...] = (),
    agreed: Sequence[str] | None = None,
) -> Rules:
    """What a fetch of this definition for these params may do: folders may ask any host, the others those agreed to.

    `agreed` None = the owner wrote the params. Else they came with an import, and nothing in them counts as wanted by the owner:
    what is asked must be among these hosts, those agreed to for the definition, and those that a folder's manifest names itself.
    """
    if agreed is not None:
        if definition.trusted and definition.kind in WRITTEN_IN_CODE:
            return _barring(definition, params, bound, agreed)
        own = _own_hosts(definition) if definition.trusted else frozenset()
        # Of one that is not trusted the hosts are agreed to where those of all its widgets are.
        return Rules(definition.name, (*agreed, *definition.agreed), own, bound, imported=definition.trusted)
    if definition.trusted:
        return Rules(definition.name, None, frozenset(), bound)
    return Rules(definition.name, definition.agreed, guard.typed(params, definition.manifest), bound)


def picture_rules(definition: Definition, widget: Widget) -> Rules:
    """Of which hosts a card may show pictures. A folder's shows those that its source names, whoever wrote the params."""
    if widget.agreed is not None and definition.trusted:
        return _barring(definition, widget.params, (), widget.agreed)
    return rules(definition, widget.params, agreed=widget.agreed)


def _barring(
    definition: Definition, params: Mapping[str, Any], bound: tuple[Bound, ...], agreed: Sequence[str]
) -> Rules:
    """Any host, because a folder's code names its hosts where nobody can read them, but none that the params name by themselves."""
    may = _own_hosts(definition).union(agreed, definition.agreed)
    return Rules(definition.name, None, may, bound, imported=True, barred=imported_hosts.standing_in(params))


def _own_hosts(definition: Definition) -> frozenset[str]:
    """The hosts that a folder's manifest names itself, also by `${NAME}`."""
    from_outside = environment.Variables()
    source = from_outside.fill(from_outside.mark(dict(definition.source)))
    return imported_hosts.own({**definition.manifest, "source": source})


def _evaluated(
    definition: Definition, params: Mapping[str, Any], credential: Callable[[str], str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The source with its expressions and, for folders only, its `${NAME}`s; and the values of these that must be hidden."""
    names = {
        "params": expressions.complete(params, definition.params),
        "credential": expressions.Offered(credential),
    }
    if not definition.trusted:
        return expressions.render(dict(definition.source), names), ()
    from_outside = environment.Variables()
    marked = from_outside.mark(dict(definition.source))
    return from_outside.fill(expressions.render(marked, names)), from_outside.hidden()


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
    secrets = (*secrets, *ready.given, *ready.rules.values())
    client = outbound.client(began + ready.deadline_s, secrets, now, ready.rules)
    lent: list[Bound] = []
    io = sources.SourceIO(
        http=client,
        params=ready.params,
        deadline=began + ready.deadline_s,
        now=now,
        state=state if state is not None else {},
        previous=previous,
        folder=ready.definition.folder,
        secrets=secrets,
        permit=ready.rules.permit,
        credential=partial(_lend, ready.vault, client, lent),
        lent=lambda: (*(one.value for one in lent), *client.learned),
    )

    def hidden(text: str) -> str:
        return Mask((*secrets, *io.lent())).text(text)

    raw: str | None = None
    answer: Any = None
    data: Any = None
    error: FetchError | None = None
    try:
        answer = ready.kind.fetch(ready.source, io)
        if answer is not sources.NOT_MODIFIED:
            mask = Mask((*secrets, *io.lent()))
            answer = _hidden(mask, answer)
            raw = mask.text(_text(answer))
            data = _checked(ready, answer)
    except FetchError as failure:
        error = failure
        error.sentence = hidden(failure.sentence)
        error.args = (error.sentence,)
    except GlanceError as failure:
        error = FetchError(hidden(failure.sentence), kind="source")
    except Exception as failure:  # the source boundary: whatever a kind's library raises becomes a sentence
        trace = hidden(traceback.format_exc())
        log.error("The source of %s failed in an unexpected way.\n%s", ready.definition.slug, trace)
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
        notes=tuple(io.notes),
    )


def _lend(vault: Vault | None, client: TracingClient, lent: list[Bound], name: str) -> str:
    """Hand a credential out to a fetch that asks for it while it runs; what it gets is the word that stands for it."""
    if vault is None:
        raise FetchError("Credentials cannot be used here.", kind="source")
    credential = vault.hand_out(name)
    client.lend(credential)
    lent.append(credential)
    return credential.mark


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


def _hidden(mask: Mask, answer: Any) -> Any:
    """The answer without the secrets that the upstream sent back; what is no plain JSON is refused later, with a sentence."""
    try:
        return mask.data(answer)
    except (TypeError, ValueError, RecursionError):
        return answer


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
    """The beginning of an answer as it is shown; the rest is not even written, because it may be 5 MB."""
    found: list[str] = []
    left = RAW_LIMIT
    try:
        for part in json.JSONEncoder(indent=1, ensure_ascii=False).iterencode(answer):
            found.append(part)
            left -= len(part)
            if left <= 0:
                break
        return "".join(found)[:RAW_LIMIT]
    except (TypeError, ValueError, RecursionError):
        return str(type(answer).__name__)
