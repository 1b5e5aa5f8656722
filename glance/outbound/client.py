"""One fetch's HTTP client: logins, redirects followed by hand, the limit per host, the trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from glance import guard
from glance.errors import FetchError
from glance.model import Exchange
from glance.outbound.answer import Answer
from glance.outbound.ask import Ask, checked_method, default_headers, encoded_body
from glance.outbound.auth import Session, Sessions, basic_logins, expired_statuses, fixed_headers, kind_of
from glance.outbound.faults import from_status
from glance.outbound.masking import Mask
from glance.outbound.memory import Lanes
from glance.outbound.rules import Bound, Rules, filled, in_body, in_url
from glance.outbound.send import Sender
from glance.outbound.target import Target, parse, parse_tls

MAX_BYTES = 5_000_000
MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Client:
    """The HttpClient of one fetch. `exchanges` lists what was asked and what came, secrets hidden, in the order of ending."""

    def __init__(
        self,
        sender: Sender,
        lanes: Lanes,
        sessions: Sessions,
        *,
        deadline: float,
        secrets: tuple[str, ...],
        now: Callable[[], float],
        rules: Rules,
    ) -> None:
        self.exchanges: list[Exchange] = []
        self.deadline = deadline
        self.mask = Mask((*secrets, *rules.values()))
        # what logins gave and carried, to be hidden as the rest is
        self.learned: tuple[str, ...] = ()
        self._secrets = secrets
        self._rules = rules
        self._sender = sender
        self._lanes = lanes
        self._sessions = sessions
        self._now = now

    def lend(self, credential: Bound) -> None:
        """One more credential that requests from now on may use, and that is hidden in all that is shown."""
        if credential in self._rules.bound:
            return
        self._rules = replace(self._rules, bound=_joined(self._rules.bound, (credential,)))
        self._hide()

    def _learn(self, secrets: tuple[str, ...]) -> None:
        """Hide these too from now on."""
        if not set(secrets) <= set(self.learned):
            self.learned = tuple({*self.learned, *secrets})
            self._hide()

    def _hide(self) -> None:
        self.mask = Mask((*self._secrets, *self.learned, *self._rules.values()))

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        json: Any = None,
        auth: Mapping[str, Any] | None = None,
        tls: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        max_bytes: int | None = None,
        follow_redirects: bool = True,
        expect_ok: bool = True,
    ) -> Answer:
        """Send one request and read its answer whole; every failure is a FetchError with a sentence.

        `expect_ok=False` returns answers of any status. `max_bytes` (default 5 MB) counts what decoding unpacked.
        """
        try:
            url, bound = self._address(url)
            target = parse(url)
            (heads, auth), bound = self._put_in((dict(headers or {}), auth), target, bound)
            data, heads, bound = self._body(method, body, json, default_headers(heads), target, bound)
            left_s = self.deadline - time.monotonic()
            budget_s = left_s if timeout_s is None else min(left_s, timeout_s)
            if budget_s <= 0:
                raise FetchError(f"The time limit was over before {target.host} could be asked.", kind="timeout")
            ask = Ask(
                method=checked_method(method),
                target=target,
                headers=heads,
                body=data,
                tls=parse_tls(tls),
                deadline=time.monotonic() + budget_s,
                budget_s=budget_s,
                max_bytes=MAX_BYTES if max_bytes is None else max_bytes,
                bound=bound,
                guard=self._rules.watch(target.port),
            )
            answer = self._authorised(ask, auth, follow_redirects)
            if expect_ok and not 200 <= answer.status < 300:
                credentials = kind_of(auth) != "none" or ask.target.userinfo is not None or bool(ask.bound)
                raise self._refusal(answer, credentials)
        except FetchError as error:
            raise self._masked(error) from error.__cause__
        return answer

    def _address(self, url: Any) -> tuple[Any, tuple[Bound, ...]]:
        """The address with the credentials that stand in its path, query or login, each checked against its host."""
        used = self._rules.used_in(url)
        if not used:
            return url, ()
        target = parse(url)
        for one in used:
            if one.mark in target.host:
                raise FetchError(f"The credential “{one.name}” cannot be part of a host's name.", kind="source")
            one.check(target)
        return filled(url, used, in_url), used

    def _put_in(
        self, parts: tuple[Any, ...], target: Target, bound: tuple[Bound, ...]
    ) -> tuple[Any, tuple[Bound, ...]]:
        """Headers and login with their credentials; what only the login request carries is put in when that is sent.

        The session that a credential opens is worth as much as the credential: it goes to no other host than that.
        """
        headers, auth = parts
        if kind_of(auth) == "session":
            later = (auth or {}).get("login")
            self._checked(later, target)
            now = {name: value for name, value in (auth or {}).items() if name != "login"}
            used = self._checked((headers, now), target)
            return (filled(headers, used), {**filled(now, used), "login": later}), _joined(bound, used)
        used = self._checked(parts, target)
        return (filled(headers, used), filled(auth, used)), _joined(bound, used)

    def _body(
        self,
        method: str,
        body: bytes | str | None,
        json: Any,
        headers: dict[str, str],
        target: Target,
        bound: tuple[Bound, ...],
    ) -> tuple[bytes | None, dict[str, str], tuple[Bound, ...]]:
        """The body's bytes with its credentials, the headers that belong to it, and all credentials of the request."""
        used = self._checked((body, json), target)
        kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
        data, heads = encoded_body(method, filled(body, used, in_body(kind)), filled(json, used), headers)
        return data, heads, _joined(bound, used)

    def _check_named(self, ask: Ask) -> None:
        """A Host header names another site of the same server, which needs the same agreement as one by its address."""
        for name, value in ask.headers.items():
            if name.lower() == "host" and value.lower() != ask.target.host_header:
                host, _ = guard.url_host(value)
                self._rules.check_host(host, ask.target.port)
                for one in ask.bound:
                    one.check_host(host, ask.target.port)

    def _checked(self, value: Any, target: Target) -> tuple[Bound, ...]:
        """The credentials in `value`; FetchError where one is not meant for the target."""
        used = self._rules.used_in(value)
        for one in used:
            one.check(target)
        return used

    def _authorised(self, ask: Ask, auth: Mapping[str, Any] | None, follow: bool) -> Answer:
        """Send with credentials; a session that has run out is opened again, once."""
        if auth is None or kind_of(auth) != "session":
            return self._follow(ask.with_headers(fixed_headers(auth, ask.target.userinfo)), follow)
        session = self._session(ask, auth, None)
        answer = self._follow(ask.with_headers(session.headers), follow)
        if answer.status in expired_statuses(auth):
            session = self._session(ask, auth, session)
            answer = self._follow(ask.with_headers(session.headers), follow)
        return answer

    def _session(self, ask: Ask, auth: Mapping[str, Any], stale: Session | None) -> Session:
        """The session of `auth`, from memory or by its login request, under the same deadline and TLS rule."""

        def send(
            method: str, url: str, headers: Mapping[str, str], body: bytes | None, accept: tuple[int, ...]
        ) -> Answer:
            url, in_address = self._address(url)
            target = parse(url)
            used = self._checked((headers, body), target)
            heads = default_headers(filled(headers, used))
            kind = next((value for name, value in heads.items() if name.lower() == "content-type"), "")
            # Redirects are not followed here: the cookie comes with the answer to the login itself.
            answer = self._exchange(
                replace(
                    ask,
                    method=checked_method(method),
                    target=target,
                    headers=heads,
                    body=filled(body, used, in_body(kind)),
                    bound=_joined(in_address, used),
                    guard=self._rules.watch(target.port),
                )
            )
            if not 200 <= answer.status < 400 and answer.status not in accept:
                raise self._refusal(answer, True)
            return answer

        session = self._sessions.get(auth, ask.target.url, send, ask.deadline - time.monotonic(), stale)
        self._learn(session.secrets)
        return session

    def _follow(self, ask: Ask, follow: bool) -> Answer:
        """Send, and follow redirects: at most 5, credentials only within the same server."""
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._exchange(ask)
            location = answer.headers.get("location")
            if not follow or answer.status not in _REDIRECTS or not location:
                return answer
            ask = ask.redirected(answer.status, location, self.mask)
            ask = replace(ask, guard=self._rules.watch(ask.target.port))
        raise FetchError(
            f"{ask.target.host} redirects more than {MAX_REDIRECTS} times; check the address.", kind="redirects"
        )

    def _exchange(self, ask: Ask) -> Answer:
        """One request, one answer, one line in the trace."""
        at, began = self._now(), time.monotonic()
        lane, host = ask.target.lane, ask.target.host
        self._learn(basic_logins(ask.headers))
        try:
            self._rules.check(ask.target)
            self._check_named(ask)
            with self._lanes.enter(lane, host, ask.deadline, ask.budget_s):
                try:
                    answer = self._sender.send(ask)
                except FetchError as error:
                    if error.kind == "timeout":
                        self._lanes.timed_out(lane)
                    raise
                self._lanes.answered(lane)
        except FetchError as error:
            self._trace(ask, at, began, error=self.mask.text(error.sentence))
            raise
        answer.took_s = time.monotonic() - began
        answer.mask, answer.mask_octets = self.mask.text, self.mask.octets
        self._trace(ask, at, began, answer=answer)
        return answer

    def _trace(
        self, ask: Ask, at: float, began: float, *, answer: Answer | None = None, error: str | None = None
    ) -> None:
        """Add a line for explain."""
        kept = answer is not None and answer.not_modified
        exchange = Exchange(
            at=at,
            method=ask.method,
            url=self.mask.url(ask.target.url),
            status=None if answer is None else 304 if kept else answer.status,
            size_bytes=None if answer is None else len(answer.body),
            took_s=time.monotonic() - began,
            error=error,
            not_modified=kept,
        )
        self.exchanges.append(exchange)

    def _refusal(self, answer: Answer, with_credentials: bool) -> FetchError:
        """The FetchError for an answer whose status is not a success."""
        target = parse(answer.url)
        return from_status(answer.status, answer.headers, target, self._now(), with_credentials=with_credentials)

    def _masked(self, error: FetchError) -> FetchError:
        """The same error without secrets in its sentence."""
        return FetchError(
            self.mask.text(error.sentence),
            kind=error.kind,
            http_status=error.http_status,
            retry_after_s=error.retry_after_s,
        )


def _joined(*several: tuple[Bound, ...]) -> tuple[Bound, ...]:
    """Credentials without repeats."""
    return tuple({one.name: one for some in several for one in some}.values())
