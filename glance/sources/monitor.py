"""Monitors: is a service up, how fast does it answer, and how was it lately.

Answer: `{checks: [{name, link, kind, state, ms, error, since, history: [{at, ms, state}], uptime, days}],
up, total, uptime, days}`. `state` is up, slow or down, or unknown where this computer cannot or may not make the check (`error` says
why; it counts for nothing, not even in `total`). `ms` is a number or null, `since` the Unix time of the last change
between down and not down, `uptime` a percentage over `days` days (at most 30) or null. A service that is down is data:
the fetch itself does not fail for it. The last 90 checks and the counts of 30 days are kept in `io.state`.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from glance.addresses import shown, split_address, typed_address, web_address
from glance.errors import FetchError
from glance.fields import headers, listed, mapping, number
from glance.outbound.reach import CannotPing, ping_ms, tcp_ms
from glance.parallel import run_all
from glance.sources import SourceIO
from glance.uptime import remember, uptime

KIND = "monitor"
FETCHES = True
PICKABLE = False
FORM: dict[str, Any] = {"type": "object", "properties": {}}

MAX_CHECKS = 60
WORKERS = 32
DEFAULT_TIMEOUT_S = 5.0
MAX_TIMEOUT_S = 25.0
DEFAULT_SLOW_MS = 500.0

_TEXT_OR_NUMBER = {"type": ["number", "string", "null"]}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["checks"],
    "properties": {
        "checks": {
            "type": ["array", "string"],
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "kind": {"type": ["string", "null"]},
                    "url": {"type": ["string", "null"]},
                    "host": {"type": ["string", "null"]},
                    "port": _TEXT_OR_NUMBER,
                    "ping": {"type": ["string", "null"]},
                    "link": {"type": ["string", "null"]},
                    "expect": {"type": ["array", "integer", "string", "null"]},
                    "timeout": _TEXT_OR_NUMBER,
                    "slow_ms": _TEXT_OR_NUMBER,
                    "method": {"type": ["string", "null"]},
                    "headers": {"type": ["object", "array", "string"]},
                    "auth": {"type": ["object", "string", "null"]},
                    "tls": {"type": ["object", "string", "null"]},
                    "body_contains": {"type": ["string", "null"]},
                },
            },
        },
        "timeout": _TEXT_OR_NUMBER,
        "slow_ms": _TEXT_OR_NUMBER,
    },
}

_STATUS = re.compile(r"^\s*([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?\s*$")
_CLASS = re.compile(r"^\s*([1-5])xx\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Check:
    """One check as the owner asked for it; `target` is an address, host:port, or a host to ping."""

    name: str
    kind: str
    target: str
    port: int
    link: str | None
    timeout_s: float
    slow_ms: float
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What its history is kept under; no address is readable in it, because addresses may hold secrets."""
        text = f"{self.kind} {self.target} {self.port} {self.options.get('method') or 'GET'}"
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Result:
    """How one check went: `state` up, slow, down or unknown, and the sentence where it is one of the latter two."""

    state: str
    ms: float | None = None
    error: str | None = None


def deadline_s(source: Mapping[str, Any]) -> float:
    """As long as the slowest check may take, twice where there are more checks than threads."""
    entries = [entry for entry in listed(source.get("checks")) if isinstance(entry, Mapping)]
    default = source.get("timeout")
    longest = max((_timeout_s(entry.get("timeout"), default) for entry in entries), default=DEFAULT_TIMEOUT_S)
    return longest * (1 if len(entries) <= WORKERS else 2) + 2.0


def fetch(source: Mapping[str, Any], io: SourceIO) -> Any:
    """Make all checks side by side and add them to their histories."""
    checks = [_read(entry, source, io.secrets) for entry in _entries(source.get("checks"))]
    # a second less than the whole, so that a check that hangs is a check that is down
    deadline = io.deadline - 0.5
    outcomes = run_all([partial(_run, check, io) for check in checks], deadline, name="monitor", workers=WORKERS)
    now = round(io.now())
    former = io.state.get("checks")
    memory: dict[str, Any] = {}
    lines = []
    for check, outcome in zip(checks, outcomes, strict=True):
        result = outcome.value or _Result("down", error=outcome.error.sentence if outcome.error else None)
        key = check.key
        while key in memory:
            key += "+"
        memory[key] = remember(former.get(key) if isinstance(former, dict) else None, result.state, result.ms, now)
        lines.append(_line(check, result, memory[key]))
    io.state["checks"] = memory
    up = sum(1 for line in lines if line["state"] in ("up", "slow"))
    checked = sum(1 for line in lines if line["state"] != "unknown")
    percent, days = uptime(memory.values())
    return {"checks": lines, "up": up, "total": checked, "uptime": percent, "days": days}


# ---- one check


def _run(check: _Check, io: SourceIO) -> _Result:
    """Make one check."""
    try:
        if check.kind == "http":
            return _http(check, io)
        see = io.permit(check.target, check.port or None)
        if check.kind == "tcp":
            return _judged(check, tcp_ms(check.target, check.port, check.timeout_s, see))
        return _judged(check, ping_ms(check.target, check.timeout_s, see))
    except CannotPing as error:
        return _Result("unknown", error=error.sentence)
    except FetchError as error:
        return _Result("unknown" if error.kind == "blocked" else "down", error=error.sentence)


def _http(check: _Check, io: SourceIO) -> _Result:
    """Ask for the address, follow redirects, and judge the status and the text."""
    options = check.options
    wanted_text = str(options.get("body_contains") or "")
    began = time.perf_counter()
    try:
        response = io.http.request(
            str(options.get("method") or "GET").upper(),
            check.target,
            headers=headers(options.get("headers")),
            auth=mapping(options.get("auth")),
            tls=mapping(options.get("tls")),
            timeout_s=check.timeout_s,
            expect_ok=False,
        )
    except FetchError as error:
        if error.kind == "too_big" and not wanted_text:
            # it answered, and with more than anyone would read
            return _judged(check, (time.perf_counter() - began) * 1000)
        raise
    if not _expected(options.get("expect"), response.status):
        return _Result("down", round(response.took_s * 1000), f"It answered with status {response.status}.")
    if wanted_text and wanted_text not in response.text():
        return _Result("down", round(response.took_s * 1000), "The answer does not contain the expected text.")
    return _judged(check, response.took_s * 1000)


def _judged(check: _Check, ms: float) -> _Result:
    """Up, or slow where it took longer than the owner wants."""
    return _Result("slow" if ms > check.slow_ms else "up", round(ms, 1) if ms < 10 else round(ms))


def _expected(expect: Any, status: int) -> bool:
    """True where the status is one of those asked for: 200, "200-299", "2xx", or a list of such; default below 400."""
    if isinstance(expect, str):
        expect = [part for part in expect.replace(",", " ").split() if part]
    wanted = expect if isinstance(expect, list) else [expect] if expect else []
    if not wanted:
        return status < 400
    for one in wanted:
        span = _STATUS.match(str(one))
        if span and int(span.group(1)) <= status <= int(span.group(2) or span.group(1)):
            return True
        same_class = _CLASS.match(str(one))
        if same_class and status // 100 == int(same_class.group(1)):
            return True
    return False


# ---- what the owner wrote


def _entries(given: Any) -> list[Mapping[str, Any]]:
    """The checks asked for: mappings, or addresses alone."""
    entries = listed(given)
    if not entries:
        raise FetchError("No service is set to be checked. Add at least one.", kind="source")
    if len(entries) > MAX_CHECKS:
        sentence = f"{len(entries)} checks are too many for one widget; the limit is {MAX_CHECKS}."
        raise FetchError(sentence, kind="source")
    return [entry if isinstance(entry, Mapping) else {"url": str(entry)} for entry in entries]


def _read(entry: Mapping[str, Any], source: Mapping[str, Any], secrets: tuple[str, ...]) -> _Check:
    """One check asked for; FetchError with a sentence that names it where it makes no sense."""
    url, host, ping = (str(entry.get(name) or "").strip() for name in ("url", "host", "ping"))
    scheme = url.partition("://")[0].lower()
    if scheme == "ping":
        ping, url = url[7:].strip("/"), ""
    guess = "ping" if ping or scheme == "ping" else "tcp" if scheme == "tcp" or not url else "http"
    kind = str(entry.get("kind") or "").strip().lower() or guess
    name = str(entry.get("name") or "").strip()[:100]
    target, port = _target(kind, name, url, host, ping, entry.get("port"))
    link = web_address(str(entry.get("link") or "")) or (web_address(shown(target)) if kind == "http" else None)
    if link and any(secret and secret in link for secret in secrets):
        link = None
    return _Check(
        name=name
        or (
            split_address(target).hostname or "socket"
            if kind == "http"
            else target
            if port == 0
            else f"{target}:{port}"
        ),
        kind=kind,
        target=target,
        port=port,
        link=link,
        timeout_s=_timeout_s(entry.get("timeout"), source.get("timeout")),
        slow_ms=number(entry.get("slow_ms") or source.get("slow_ms"), DEFAULT_SLOW_MS, 1, 60_000),
        options=entry,
    )


def _target(kind: str, name: str, url: str, host: str, ping: str, port: Any) -> tuple[str, int]:
    """What to check: (address, 0), (host, port) or (host to ping, 0)."""
    called = f"The check “{name}”" if name else "A check"
    if kind == "http":
        target = url if url.startswith("unix:") else typed_address(url)
        if not url or target is None:
            raise FetchError(f"{called} needs an address that begins with https:// or http://.", kind="source")
        return target, 0
    if kind == "ping":
        if not (ping or host):
            raise FetchError(f"{called} needs a host to ping.", kind="source")
        return ping or host, 0
    if kind != "tcp":
        raise FetchError(f"{called} has an unknown kind; use http, tcp or ping.", kind="source")
    if url and not host:
        host, port = _host_and_port(url, port)
    wanted = int(number(port, 0, 0, 70_000))
    if not host or not 0 < wanted < 65_536:
        raise FetchError(f"{called} needs a host and a port from 1 to 65535.", kind="source")
    return host, wanted


def _host_and_port(url: str, port: Any) -> tuple[str, Any]:
    """Both from tcp://host:port or host:port; ("", None) where they cannot be read."""
    try:
        parts = urlsplit(url if "://" in url else f"tcp://{url}")
        return parts.hostname or "", port or parts.port
    except ValueError:
        return "", None


def _timeout_s(value: Any, default: Any) -> float:
    """How long a check may take, in seconds."""
    return number(value, number(default, DEFAULT_TIMEOUT_S, 0.2, MAX_TIMEOUT_S), 0.2, MAX_TIMEOUT_S)


# ---- the answer


def _line(check: _Check, result: _Result, record: Mapping[str, Any]) -> dict[str, Any]:
    """One check as the answer shows it."""
    percent, days = uptime([record])
    return {
        "name": check.name,
        "link": check.link,
        "kind": check.kind,
        "state": result.state,
        "ms": result.ms,
        "error": result.error,
        "since": record["since"],
        "history": [{"at": at, "ms": ms, "state": state} for at, ms, state in record["history"]],
        "uptime": percent,
        "days": days,
    }
