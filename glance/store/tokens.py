"""API tokens: named keys for programs, each for a few purposes, stored as hashes."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from sqlite3 import Row

from glance.errors import Conflict, FieldError, Invalid, NotFound, Unavailable
from glance.store.db import Database

log = logging.getLogger(__name__)

PREFIX = "glt_"
VALUE_CHARACTERS = len(PREFIX) + 43
MOST_TOKENS = 200
MOST_SCOPES = 50
NAME_CHARACTERS = 80
TOUCH_EVERY_S = 300.0
REREAD_S = 30.0

PLAIN_SCOPES = ("read", "refresh", "write", "admin")
# Scopes that name one thing: what may be pushed to, whose readings may be sent.
NAMED_SCOPES = ("push", "ingest")
_VALUE = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)
_NAMED = re.compile(r"(?:push|ingest):[^\s\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True, slots=True)
class Token:
    """One token without its value. Times are Unix seconds; `expires_at` None = never, `last_used_at` None = never used."""

    id: int
    name: str
    scopes: frozenset[str]
    created_at: float
    expires_at: float | None
    last_used_at: float | None


class Tokens:
    """Reads and writes tokens; safe for any number of threads.

    All of them are kept in memory for REREAD_S, so that a request with a token costs no query; what is made or revoked through
    this object holds at once.
    """

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock
        self._lock = threading.Lock()
        self._generation = 0
        self._known: tuple[float, dict[bytes, Token]] | None = None

    def now(self) -> float:
        """The time by which tokens expire (Unix seconds)."""
        return self._clock()

    def all(self) -> list[Token]:
        """Every token in the order of making, expired ones too."""
        with self._db.read() as con:
            rows = con.execute(
                "SELECT id, name, token_hash, scopes, created_at, expires_at, last_used_at FROM tokens ORDER BY id"
            ).fetchall()
        return [_token(row) for row in rows]

    def make(self, name: str, scopes: Sequence[str], expires_at: float | None = None) -> tuple[Token, str]:
        """Make a token; returns it with its value (256 random bits), which nothing can show again. Invalid names each fault."""
        name, wanted = name.strip(), list(dict.fromkeys(scopes))
        _check(name, wanted, expires_at, self._clock())
        value = PREFIX + secrets.token_urlsafe(32)
        with self._db.write() as con:
            if con.execute("SELECT count(*) FROM tokens").fetchone()[0] >= MOST_TOKENS:
                raise Conflict(f"There are {MOST_TOKENS} tokens already; revoke those that nobody uses.")
            made = con.execute(
                "INSERT INTO tokens (name, token_hash, scopes, created_at, expires_at) VALUES (?, ?, ?, ?, ?)"
                " RETURNING id, name, token_hash, scopes, created_at, expires_at, last_used_at",
                (name, _hash(value), " ".join(wanted), self._clock(), expires_at),
            ).fetchone()
        self._forget_memory()
        return _token(made), value

    def revoke(self, token_id: int) -> None:
        """End a token at once; NotFound where there is none."""
        with self._db.write() as con:
            gone = con.execute("DELETE FROM tokens WHERE id = ?", (token_id,)).rowcount
        self._forget_memory()
        if not gone:
            raise NotFound("There is no such token; it may have been revoked already.")

    def find(self, value: str) -> Token | None:
        """The token of a value; None where it is unknown, revoked or expired."""
        if not _VALUE.fullmatch(value):
            return None
        found = self._all_by_hash().get(_hash(value))
        return found if found is not None and not self.is_expired(found) else None

    def holds(self, token_id: int) -> bool:
        """Whether a token that was found before is still good: an open socket asks this now and then."""
        return any(found.id == token_id and not self.is_expired(found) for found in self._all_by_hash().values())

    def is_expired(self, token: Token) -> bool:
        """True from the second on at which it ends."""
        return token.expires_at is not None and token.expires_at <= self._clock()

    def touch(self, value: str, token: Token) -> None:
        """Note that a token is in use, at most every five minutes. A database that cannot be written keeps no program out."""
        now = self._clock()
        if token.last_used_at is not None and now - token.last_used_at < TOUCH_EVERY_S:
            return
        with self._lock:
            if self._known is not None and _hash(value) in self._known[1]:
                self._known[1][_hash(value)] = replace(token, last_used_at=now)
        try:
            with self._db.write() as con:
                con.execute("UPDATE tokens SET last_used_at = ? WHERE id = ?", (now, token.id))
        except Unavailable as error:
            log.debug("The use of a token was not noted: %s", error)

    def _all_by_hash(self) -> dict[bytes, Token]:
        now, known = self._clock(), self._known
        if known is not None and 0 <= now - known[0] < REREAD_S:
            return known[1]
        generation = self._generation
        with self._db.read() as con:
            rows = con.execute(
                "SELECT id, name, token_hash, scopes, created_at, expires_at, last_used_at FROM tokens"
            ).fetchall()
        found = {bytes(row["token_hash"]): _token(row) for row in rows}
        with self._lock:
            if generation == self._generation:
                self._known = (now, found)
        return found

    def _forget_memory(self) -> None:
        with self._lock:
            self._generation += 1
            self._known = None


def scope_fault(scope: str) -> str | None:
    """What is wrong with a scope, as a sentence; None where it is one."""
    if scope in PLAIN_SCOPES or _NAMED.fullmatch(scope):
        return None
    return f"must be one of {', '.join(PLAIN_SCOPES)}, push:<widget>, ingest:<device>"


def _check(name: str, scopes: Sequence[str], expires_at: float | None, now: float) -> None:
    errors = []
    if not name:
        errors.append(FieldError("name", "must not be empty"))
    elif len(name) > NAME_CHARACTERS or any(letter < " " or letter == "\x7f" for letter in name):
        errors.append(FieldError("name", f"must be one line of at most {NAME_CHARACTERS} characters"))
    if not scopes:
        errors.append(FieldError("scopes", "must name at least one"))
    elif len(scopes) > MOST_SCOPES:
        errors.append(FieldError("scopes", f"must be at most {MOST_SCOPES}"))
    for number, scope in enumerate(scopes):
        if fault := scope_fault(scope):
            errors.append(FieldError(f"scopes.{number}", fault))
    if expires_at is not None and expires_at <= now:
        errors.append(FieldError("expires_at", "must lie in the future"))
    if errors:
        raise Invalid(f"{errors[0].field} {errors[0].message}.", errors)


def _hash(value: str) -> bytes:
    return hashlib.sha256(value.encode("ascii")).digest()


def _token(row: Row) -> Token:
    return Token(
        row["id"],
        row["name"],
        frozenset(row["scopes"].split()),
        row["created_at"],
        row["expires_at"],
        row["last_used_at"],
    )
